--- Haskell at the prompt of `moonlink repl`.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local support = require "spec.support"

local FIB = [[
module Fib where
import qualified Data.Map as M
import Foreign.C.Types
foreign export ccall hsFib :: CInt -> CInt
hsFib :: CInt -> CInt
hsFib n = go M.empty 0 where
  go seen i | i > n = seen M.! n
            | i < 2 = go (M.insert i i seen) (i + 1)
            | otherwise = go (M.insert i (seen M.! (i - 1) + seen M.! (i - 2)) seen) (i + 1)
fibs :: [Int]
fibs = 0 : 1 : zipWith (+) fibs (tail fibs)
]]

local A = [[
module A where
import Foreign.C.Types
foreign export ccall aval :: CInt -> CInt
aval :: CInt -> CInt
aval x = x + %d
]]

local B = [[
module Sub.B where
import A
import Foreign.C.Types
foreign export ccall bval :: CInt -> CInt
bval :: CInt -> CInt
bval x = aval x * 10
]]

describe("moonlink repl with Haskell #ghc", function()
   local dir = support.tmpdir()
   local program = support.moonlink()

   setup(function()
      support.write(dir .. "/Fib.hs", FIB)
      support.write(dir .. "/B.hs", B)
      support.sh("mkdir '%s/a b' && cp %s/Fib.hs '%s/a b/Fib.hs'", dir, dir, dir)
   end)

   local function session(lines, options)
      support.write(dir .. "/input", table.concat(lines, "\n") .. "\n")
      return support.exit("cd %s && HOME=%s %s repl %s <input", dir, dir, program, options or "")
   end

   local function output(lines, options)
      local status, out, err = session(lines, options)
      assert.same({0, ""}, {status, err})
      return out
   end

   it("loads packages, compiles a module, calls its exports, reads its values", function()
      local out = output {
         ":package containers", ":load Fib.hs", "hsFib(30)", ":type hsFib",
         'GHC.List.take(10, Fib.fibs):value "[Int]"', "Fib", ":reload", "hsFib(20)",
         'hs:get("main", "Fib", "fibs")', ":set timeout 300", ":try hsFib(10)",
      }
      assert.matches("^loaded %d+ packages: rts, .*containers%-[^\n]*\nloaded Fib.hs: %d+ bytes\n"
         .. "832040\nint hsFib%(int%): at [^\n]*\n{0, 1, 1, 2, 3, 5, 8, 13, 21, 34}\n"
         .. "Haskell module Fib\nreloaded Fib.hs: version 2, 0 variables kept\n6765\n"
         .. "Haskell value\n55\n$", out)
   end)

   it("loads the packages that a module wants, also from a folder with a blank", function()
      assert.matches("^loaded Fib.hs: %d+ bytes\n832040\n$",
         output {":load 'a b/Fib.hs'", "hsFib(30)"})
   end)

   for _, options in ipairs {"", "--ghc-kind shared", "--ghc-kind prelinked --ghc-way threaded"} do
      it("takes packages and files from the command line " .. options, function()
         assert.equal("832040\nreloaded Fib.hs: version 2, 0 variables kept\n55\n", output(
            {"hsFib(30)", ":reload", "hsFib(10)"},
            "--ghc-package containers " .. options .. " Fib.hs"):gsub("^loaded[^\n]*\n", ""))
      end)
   end

   it("shows exceptions, mistakes and missing names as errors, and goes on", function()
      support.write(dir .. "/Bad.hs", "module Bad where\nx = 'c' + True\n")
      local status, out, err = session {
         ":load Fib.hs", "hsFib(-1)", "Fib.nope", ":load Bad.hs", ":package nothing", "hsFib(10)",
      }
      assert.equal(1, status)
      assert.matches("hsFib: Haskell exception ErrorCall: Map.!: given key", err, 1, true)
      assert.matches("Fib has no nope", err, 1, true)
      assert.matches("Bad.hs does not compile.*Bad.hs:2:", err)
      assert.matches("no package nothing", err, 1, true)
      assert.matches("\n55\n$", out)
   end)

   it("shows what Haskell prints where it belongs, and takes other prototypes", function()
      support.write(dir .. "/Say.hs", [[
module Say where
import Foreign.C.String
foreign export ccall say :: CString -> IO CString
say :: CString -> IO CString
say s = peekCString s >>= \t -> putStrLn ("said " ++ t) >> newCString (reverse t)
]])
      local out = output {
         ":load Say.hs", "char *say(const char *)", 'say "abc"', "print 'next'",
         "void *say(const char *)", 'math.type(say "d")',
      }
      assert.matches("^loaded [^\n]*\nchar %*say[^\n]*\nsaid abc\n\"cba\"\nnext\n"
         .. "void %*say[^\n]*\nsaid d\n\"integer\"\n$", out)
   end)

   it("compiles modules again that may have imported a new version", function()
      support.write(dir .. "/A.hs", A:format(1))
      support.write(dir .. "/A2.hs", A:format(5))
      local out = output {
         ":load A.hs", ":add B.hs", "aval(1), bval(1)", ":!cp A2.hs A.hs", ":reload A.hs",
         "aval(1), bval(1)", ":!echo 'module A where' >A.hs", ":unload B.hs", ":load A.hs",
         ":show names ^bval$",
      }
      assert.matches("2  20\nreloaded A.hs: version 2, 0 variables kept\n6  60\n"
         .. "loaded A.hs: %d+ bytes\nno name matches\n$", out)
   end)

   it("keeps C beside it", function()
      support.write(dir .. "/c.c", "int twice(int x) { return 2 * x; }\n")
      local out = output {
         ":load c.c", "twice(2)", ":package base", ":add Fib.hs", "hsFib(10)", "twice(3)",
         ":reload c.c", "twice(4)", ":unload c.c", ":load c.c", "twice(5)",
      }
      assert.matches("\n4\n.*\n55\n6\nreloaded c.c: version 2, 0 variables kept\n8\n"
         .. "loaded c.c: %d+ bytes\n10\n$", out)
   end)

   it("reloads a module when it is written", function()
      support.write(dir .. "/A.hs", A:format(1))
      local log = support.write(dir .. "/log", "")
      local pipe = assert(io.popen(("cd %s && HOME=%s %s repl --watch A.hs >log 2>&1"):format(dir,
         dir, program), "w"))
      pipe:setvbuf "no"
      local function wait(text)
         local till = core.now() + 300
         repeat
            local all = support.read(log)
            if all:find(text, 1, true) then
               return
            end
            core.sleep(0.02)
         until core.now() > till
         error("there was: " .. support.read(log))
      end
      pipe:write "io.stdout:setvbuf 'no'\naval(1)\n"
      wait "2\n"
      support.write(dir .. "/A.hs", A:format(41))
      wait "reloaded A.hs"
      pipe:write "aval(1)\n"
      wait "42\n"
      assert.is_true((pipe:close()))
   end)

   local HELLO = [[
module Say.Hello where
hello, other :: IO ()
hello = putStrLn "hi"
other = return ()
help' :: Int
help' = 3
count :: IO Int
count = return 7
]]

   it("shows (), and no value that it would have to evaluate", function()
      support.write(dir .. "/Hello.hs", HELLO)
      assert.equal("hi\n()\n()\nHaskell value\n7\n", output({
         "Say.Hello.hello:run()", "Say.Hello.other:run()", "Say.Hello.count:run()",
         'Say.Hello.count:run "Int"',
      }, "Hello.hs"):gsub("^loaded[^\n]*\n", ""))
   end)

   it("completes modules and their names", function()
      local source = support.write(dir .. "/Hello.hs", HELLO)
      support.sh("cd %s && ghc -v0 -c Hello.hs -o Hello.o", dir)
      local _, out = support.lua([[
         local complete = require "moonlink.repl.complete"
         local hs <close> = assert(require "moonlink.ghc".start {packages = {"base"}})
         local unit = assert(hs:load((...):gsub("hs$", "o")))
         local s = {ln = hs.linker, hs = hs, env = {}, loaded = {{unit = unit, words = {}}}}
         for _, line in ipairs {"Sa", "Say.", "Say.Hello.", "1 + Say.Hello.hel", "GHC.Lis",
            "GHC.List.revers", "No.Such."} do
            print(" " .. table.concat(complete.candidates(s, line), " ") .. " ")
         end
      ]], source)
      assert.matches("^ Say [^\n]*\n Say.Hello \n"
         .. " Say.Hello.count Say.Hello.hello Say.Hello.other \n"
         .. " Say.Hello.hello \n GHC.List \n GHC.List.reverse [^\n]*\n  \n$", out)
   end)

   it("leaves nothing behind", function()
      local folder = support.tmpdir()
      local status = support.exit("cd %s && echo 'hsFib(1)' | TMPDIR=%s HOME=%s %s repl Fib.hs",
         dir, folder, dir, program)
      assert.equal(0, status)
      assert.equal("", support.sh("ls -A %s", folder))
   end)
end)

describe("moonlink repl without GHC", function()
   it("says what a module of Haskell would need", function()
      local dir = support.tmpdir()
      support.write(dir .. "/Fib.hs", FIB)
      local status, _, err = support.exit(
         "cd %s && mkdir bin && echo ':load Fib.hs' | HOME=%s PATH=%s/bin:/none %s repl", dir, dir,
         dir, support.moonlink())
      assert.equal(1, status)
      assert.matches("no GHC found", err, 1, true)
   end)
end)
