--- Haskell inside of Lua under bad treatment: ends that come too early, threads that may not call
-- Lua, exceptions without a text, packages that nobody asked for.
-- SPDX-License-Identifier: MIT

local cpackages = require "spec.support.cpackages"
local haskell = require "spec.support.haskell"
local support = require "spec.support"

local raised = support.raised

local WILD = [==[
module Wild where
import Control.Concurrent
import Control.Exception
import Control.Monad
import Data.IORef
import Foreign.C.String
import Foreign.C.Types
import Foreign.Ptr
import System.IO.Unsafe
import System.Mem

foreign import ccall "dynamic" back :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt

foreign export ccall inThread :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt
inThread :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt
inThread f n = do
  box <- newEmptyMVar
  _ <- forkIO (back f n >>= putMVar box)
  takeMVar box

foreign export ccall inOSThread :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt
inOSThread :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt
inOSThread f n = do
  box <- newEmptyMVar
  _ <- forkOS (back f n >>= putMVar box)
  takeMVar box

foreign export ccall bumpWith :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt
bumpWith :: FunPtr (CInt -> IO CInt) -> CInt -> IO CInt
bumpWith f n = (+ 1) <$> back f n

askAside :: FunPtr (CInt -> IO CInt) -> IO Int
askAside f = fromIntegral <$> inThread f 1

foreign export ccall struck :: IO CInt
struck :: IO CInt
struck = do
  me <- myThreadId
  _ <- forkIO (throwTo me (ErrorCall "from another thread"))
  threadDelay 600000000
  return 1

foreign export ccall halfText :: CInt -> CInt
halfText :: CInt -> CInt
halfText n = error ("so far " ++ show (n `div` 0))

foreign export ccall noText :: IO ()
noText :: IO ()
noText = throwIO (ErrorCall (error "nothing"))

foreign export ccall longText :: IO ()
longText :: IO ()
longText = throwIO (ErrorCall (cycle "abc"))

counter :: IORef Int
counter = unsafePerformIO (newIORef 0)
{-# NOINLINE counter #-}

foreign export ccall bump :: IO CInt
bump :: IO CInt
bump = do { modifyIORef' counter (+ 1); fromIntegral <$> readIORef counter }

action :: IORef (IO ())
action = unsafePerformIO (newIORef (return ()))
{-# NOINLINE action #-}

foreign import ccall "shutdownHaskellAndExit" end :: CInt -> CInt -> IO ()

foreign export ccall quit :: IO ()
quit :: IO ()
quit = end 1 1

foreign import ccall "open" open :: CString -> CInt -> IO CInt

-- Goes on when somebody has opened the first of two named pipes, and says so by the second.
foreign export ccall linger :: CString -> CString -> IO ()
linger :: CString -> CString -> IO ()
linger from to = do
  [begin, done] <- mapM peekCString [from, to]
  void . forkIO $ do
    _ <- withCString begin (`open` 0)
    performGC
    join (readIORef action)
    void (withCString done (`open` 1))
]==]

local LATER = [=[
module Later%s where
import Data.IORef
import Wild
foreign export ccall later%s :: IO ()
later%s :: IO ()
later%s = modifyIORef' action (>> modifyIORef' counter (+ 1))
]=]

local USER = [=[
module User where
import qualified Data.Map as M
import Foreign.C.Types
import Wild
foreign export ccall use :: CInt -> IO CInt
use :: CInt -> IO CInt
use n = (+ fromIntegral (M.size (M.fromList [(i, i) | i <- [1 .. n]]))) <$> bump
]=]

describe("Haskell, misused, #ghc", function()
   local ghc = require "moonlink.ghc"
   local moonlink = require "moonlink"
   local folder = support.tmpdir()
   local wild, user, hs
   local later = {}

   setup(function()
      wild = haskell.compile(folder, "Wild", WILD)
      for i, name in ipairs {"A", "B"} do
         later[i] = haskell.compile(folder, "Later" .. name, (LATER:gsub("%%s", name)))
      end
      user = haskell.compile(folder, "User", USER)
   end)

   after_each(function()
      if hs then
         hs:exit()
         hs = nil
      end
   end)

   it("tells of callbacks in threads that may not call Lua, and goes on", function()
      hs = assert(ghc.start {objects = {wild}, way = "threaded", options = "-N2"})
      local called = 0
      local back <close> = hs:callback("int(int)", function(x)
         called = called + 1
         return x * 2
      end)
      for _, name in ipairs {"inThread", "inOSThread"} do
         local ask = assert(hs:func(("int %s(int (*)(int), int)"):format(name)))
         local err = raised(ask, back, 3)
         assert.equal("state", err.code)
         assert.matches(name .. ": a thread of Haskell's own has called a callback", err.message, 1,
            true)
      end
      local aside = assert(hs:get("main", "Wild", "askAside"))
      local err = raised(function()
         return aside(hs:make(back:address(), "FunPtr a")):run "Int"
      end)
      assert.matches("a thread of Haskell's own", err.message, 1, true)
      assert.equal(0, called)
      assert.equal(1, assert(hs:func "int bump(void)")())
      moonlink.warnings()
   end)

   it("lets threads of the other runtimes call Lua", function()
      hs = assert(ghc.start {objects = {wild}})
      local back <close> = hs:callback("int(int)", function(x) return x * 2 end)
      assert.equal(6, assert(hs:func "int inThread(int (*)(int), int)")(back, 3))
      local failing <close> = hs:callback("int(int)", function() error("of Lua", 0) end)
      assert.equal("of Lua", raised(assert(hs:func "int inThread(int (*)(int), int)"), failing, 3))
   end)

   it("raises an exception that another thread has thrown", function()
      for _, way in ipairs {"", "threaded"} do
         hs = assert(ghc.start {objects = {wild}, way = way})
         assert.equal("from another thread", raised((assert(hs:func "int struck(void)"))).what)
         assert(hs:exit())
      end
   end)

   it("shows of an exception's text what there is", function()
      hs = assert(ghc.start {objects = {wild}})
      assert.equal("so far ...", raised(assert(hs:func "int halfText(int)"), 1).what)
      local err = raised((assert(hs:func "void noText(void)")))
      assert.equal("noText: Haskell exception ErrorCall", err.message)
      assert.matches("^abcabc.*%.%.%.$", raised((assert(hs:func "void longText(void)"))).what)
   end)

   it("keeps what its heap may refer to, whoever wants it unloaded", function()
      hs = assert(ghc.start {packages = {"containers"}, objects = {wild}})
      local unit = assert(hs:load(user))
      local use = assert(hs:func "int use(int)")
      assert.equal(3, use(2))
      for _, how in ipairs {"refuse", "wait", "force"} do
         local done, err = unit:unload(how)
         assert.is_nil(done)
         assert.equal("state", err.code)
         assert.matches("the Haskell runtime may refer to it", err.message, 1, true)
         assert.matches('"orphan"', err.hint, 1, true)
      end
      local new, err = unit:reload()
      assert.is_nil(new)
      assert.matches("hs:reload", err.hint, 1, true)
      local closed
      closed, err = hs.linker:close()
      assert.is_nil(closed)
      assert.matches("hs:exit", err.hint, 1, true)
      hs:collect()
      assert.equal(4, use(2))
      assert.is_true(unit:unload "orphan")
      hs:collect()
      assert.equal(5, use(2))
      assert(hs:load(user))
      assert.equal(6, assert(hs:func "int use(int)")(2))
   end)

   it("lives in a linker that was there before, and ends with it", function()
      local ln = moonlink.new()
      local c = folder .. "/c.o"
      support.cc(c, "int twice(int x) { return 2 * x; }")
      assert(ln:load(c))
      for _, options in ipairs {
         {objects = {folder .. "/none.o"}}, {options = "-Zwrong"}, {packages = {"none"}},
      } do
         options.linker = ln
         local none, err = ghc.start(options)
         assert.is_nil(none)
         assert.is_not_nil(err)
         assert.equal(1, #ln:units())
         assert.same({}, ln:packages())
      end
      hs = assert(ghc.start {objects = {wild}, linker = ln})
      local twice = assert(ln:func "int twice(int)")
      assert.equal(4, twice(2))
      assert.equal(1, assert(hs:func "int bump(void)")())
      assert(hs:exit())
      assert.matches("was unloaded", raised(twice, 2), 1, true)
   end)

   it("takes back a plan that fails in its linker, as far as it may", function()
      hs = assert(ghc.start {})
      local ln = hs.linker
      local units, packages = #ln:units(), #ln:packages()
      local w, search = cpackages.failing()
      local loaded, err = ln:load(assert(w:open():plan {"top", search = search}))
      assert.is_nil(loaded)
      assert.equal("top-1.0", err.package)
      assert.equal(units, #ln:units())
      assert.equal(packages, #ln:packages())
   end)

   it("is refused beside another one, also when that is not the first of the process", function()
      for _ = 1, 2 do
         hs = assert(ghc.start {})
         local second, err = ghc.start {}
         assert.is_nil(second)
         assert.equal("state", err.code)
         assert(hs:exit())
      end
   end)

   it("is one of all that begin at the same moment in several threads", function()
      local driver = folder .. "/driver"
      support.write(driver .. ".c", [[
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
static pthread_barrier_t barrier;
static int wait_all(lua_State *L) { pthread_barrier_wait(&barrier); return 0; }
static void *run(void *script)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    lua_register(L, "wait", wait_all);
    if (luaL_dostring(L, script))
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_close(L);
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t threads[3];
    pthread_barrier_init(&barrier, NULL, 3);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, run, argv[argc - 1]);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
]])
      support.sh("gcc -o %s %s.c $(pkg-config --cflags --libs lua5.4) -lpthread", driver, driver)
      local status, out, err = support.exit("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s %s",
         support.quote(package.path), support.quote(package.cpath), driver, support.quote [[
            local ghc = require "moonlink.ghc"
            wait()
            local hs, err = ghc.start {}
            io.write(hs and "up " or err.code .. " ")
            wait()
            assert(not hs or hs:exit())
         ]])
      assert.same({0, ""}, {status, err})
      local states = {}
      for word in out:gmatch "%a+" do
         states[#states + 1] = word
      end
      table.sort(states)
      assert.same({"state", "state", "up"}, states)
   end)

   it("names the package or module that a name is of", function()
      hs = assert(ghc.start {objects = {wild}})
      local unit, err = hs:load(user)
      assert.is_nil(unit)
      assert.matches("User.o", err.message, 1, true)
      assert.matches('of package containers-', err.hint, 1, true)
      assert(hs:exit())
      hs = assert(ghc.start {packages = {"containers"}})
      unit, err = hs:load(user)
      assert.is_nil(unit)
      assert.equal("load the object of module Wild, too", err.hint)
      assert.equal(2, #hs.linker:units())
   end)

   it("raises exceptions of exports in packages, whatever their files are", function()
      local database = haskell.package(support.tmpdir(), "wild", "Wild", WILD)
      for _, kind in ipairs {"archive", "prelinked", "shared"} do
         hs = assert(ghc.start {kind = kind, packages = {"wild"}, database = database})
         assert.equal("so far ...", raised((assert(hs:func "int halfText(int)")), 1).what)
         assert.equal(1, (assert(hs:func "int bump(void)"))())
         hs:collect()
         assert.equal("ErrorCall", raised((assert(hs:func "void noText(void)"))).type)
         assert(hs:exit())
         hs = assert(ghc.start {kind = kind, database = database})
         assert.same({"wild-1"}, hs:package "wild")
         assert.equal("so far ...", raised((assert(hs:func "int halfText(int)")), 1).what)
         assert.same({}, hs:package "wild")
         assert.matches("package base", raised(hs.reload, hs, "base"), 1, true)
         if kind == "shared" then
            assert.matches("is a shared library", raised(hs.reload, hs, "wild-1"), 1, true)
         else
            assert(hs:reload "wild-1")
            assert.equal(1, (assert(hs:func "int bump(void)"))())
         end
         local none, err = hs:package "none"
         assert.is_nil(none)
         assert.matches("no package none", err.message, 1, true)
         assert(hs:exit())
      end
   end)

   it("lets a callback end the process", function()
      for _, way in ipairs {"", "threaded"} do
         for _, close in ipairs {"false", "true"} do
            local status, out, err = support.lua(([[
               local object, way = ...
               local hs = assert(require "moonlink.ghc".start {objects = {object}, way = way})
               local back = hs:callback("int(int)", function(x) os.exit(x, %s) end)
               local ask = way == "" and "inThread" or "bumpWith"
               assert(hs:func("int " .. ask .. "(int (*)(int), int)"))(back, 7)
            ]]):format(close), wild, way)
            assert.same({7, ""}, {status, out .. err})
         end
      end
   end)

   it("has all that its threads need when nothing can end it any more", function()
      local begin, done = folder .. "/begin", folder .. "/done"
      support.sh("mkfifo %s %s", begin, done)
      for _, ending in ipairs {
         [[local back = hs:callback("int(int)", function(x) os.exit(x, true) end)
            hs:func "int bumpWith(int (*)(int), int)"(back, 7)]],
         [[local good, err = pcall(hs:func "void quit(void)")
            print(err)
            assert(hs:exit())
            hs = nil
            os.exit(7, true)]],
      } do
         for _, count in ipairs {0, #later} do
            local status, out, err = support.lua([[
               local begin, done, wild, first, second = ...
               last = setmetatable({}, {__gc = function() -- made first: all else is closed by then
                  io.open(begin, "w"):close()
                  io.open(done, "r"):close()
                  print "closed"
               end})
               local hs = assert(require "moonlink.ghc".start {way = "threaded", objects = {wild}})
               for i, object in ipairs {first, second} do
                  assert(hs:load(object))
                  assert(hs:func(i == 1 and "void laterA(void)" or "void laterB(void)"))()
               end
               assert(hs:func "void linger(const char *, const char *)")(begin, done)
            ]] .. ending, begin, done, wild, table.unpack(later, 1, count))
            assert.same({7, ""}, {status, err})
            assert.matches("closed\n$", out)
         end
      end
   end)

   it("takes texts as arguments of the program", function()
      for _, args in ipairs {{3}, {"a", "b\0c"}, {{}}} do
         assert.matches("option 'args'", raised(ghc.start, {args = args}), 1, true)
      end
   end)

   it("drops sections of modules only, not of what others will want", function()
      hs = assert(ghc.start {
         packages = {"containers"}, objects = {wild, user}, linker = {gc_sections = true},
      })
      assert.equal(4, assert(hs:func "int use(int)")(3))
      assert.equal("abc", hs:make("abc", "String"):value "String")
   end)
end)

describe("a Haskell program #ghc", function()
   it("is told of an endless loop at top level, as by GHC", function()
      local main = haskell.compile(support.tmpdir(), "Main", [[
module Main where
loop :: Int
loop = loop + 1
{-# NOINLINE loop #-}
main :: IO ()
main = print loop
]])
      local status, out, err = support.exit("timeout 300 env %s run --ghc-package base %s",
         support.moonlink(), main)
      assert.equal("", out)
      assert.matches("<<loop>>", err, 1, true)
      assert.equal(1, status)
   end)

   it("gives back the memory of values at top level that it has done with", function()
      local main = haskell.compile(support.tmpdir(), "Main", [[
module Main where
import Data.List
numbers :: [Int]
numbers = [1 .. 3000000]
{-# NOINLINE numbers #-}
main :: IO ()
main = print (foldl' (+) 0 numbers)
]])
      for _, way in ipairs {"", "--ghc-way threaded"} do
         local status, out, err = support.exit(
            "%s run --ghc-package base --ghc-options=-M20m %s %s", support.moonlink(), way, main)
         assert.same({0, "4500001500000\n", ""}, {status, out, err})
      end
   end)
end)
