--- Haskell from the command line, and the example of `make haskell`.
-- SPDX-License-Identifier: MIT

local haskell = require "spec.support.haskell"
local support = require "spec.support"

local MAIN = [[
module Main where
import Control.Exception
import System.Environment
import System.Exit

main :: IO ()
main = do
  args <- getArgs
  name <- getProgName
  putStrLn (name ++ " " ++ show args)
  case args of
    ["exit", n] -> exitWith (ExitFailure (read n))
    ["throw"] -> throwIO (userError "no \955")
    ["in"] -> interact (map succ)
    _ -> putStr "end"
]]

local function moonlink(format, ...)
   return support.exit("LC_ALL=C.UTF-8 LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s bin/moonlink "
      .. format, support.quote(package.path), support.quote(package.cpath), support.interpreter,
      ...)
end

describe("moonlink call --ghc-package #ghc", function()
   local probe

   setup(function()
      probe = haskell.compile(support.tmpdir(), "Probe", haskell.PROBE)
   end)

   it("calls a foreign export with all its packages loaded", function()
      local status, out, err = moonlink(
         "call --ghc-package containers 'int hsDiv(int, int)' 84 2 -- %s", probe)
      assert.equal("42\n", out .. err)
      assert.equal(0, status)
      status, out, err = moonlink("call --ghc-package containers --ghc-way threaded "
         .. "--ghc-kind prelinked --ghc-options=-N2 'int hsThreads(int)' 10 -- %s", probe)
      assert.equal("220\n", out .. err)
      assert.equal(0, status)
   end)

   it("fails with the text of an exception", function()
      local status, out, err = moonlink(
         "call --ghc-package containers 'int hsDiv(int, int)' 1 0 -- %s", probe)
      assert.equal("", out)
      assert.equal("moonlink: hsDiv: Haskell exception ArithException: divide by zero\n", err)
      assert.equal(1, status)
   end)

   it("says what is missing", function()
      local status, _, err = moonlink("call --ghc-package base 'int hsDiv(int, int)' 1 1 -- %s",
         probe)
      assert.equal(1, status)
      assert.matches("undefined 'containerszm", err, 1, true)
      status, _, err = moonlink("call --ghc-way threaded 'int hsDiv(int, int)' 1 1 -- %s", probe)
      assert.equal(2, status)
      assert.matches("--ghc-way needs --ghc-package", err, 1, true)
   end)
end)

describe("moonlink run --ghc-package #ghc", function()
   local main

   setup(function()
      main = haskell.compile(support.tmpdir(), "Main", MAIN)
   end)

   local function run(arguments, options)
      return moonlink("run --ghc-package base %s %s -- %s", options or "", main, arguments)
   end

   it("runs a whole program with its arguments", function()
      local status, out, err = run "a 'b c'"
      assert.equal("", err)
      assert.matches('Main.* %["a","b c"%]\nend$', out)
      assert.equal(0, status)
   end)

   it("passes on its status", function()
      assert.equal(7, (run "exit 7"))
      for _, way in ipairs {"", "--ghc-way threaded"} do
         local status, _, err = run("throw", way)
         assert.matches("user error (no λ)", err, 1, true)
         assert.equal(1, status)
      end
   end)

   it("gives it the input, and the runtime its options", function()
      local status, out = support.exit("echo abc | LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s "
         .. "bin/moonlink run --ghc-package base --ghc-way threaded %s -- in +RTS -N2",
         support.quote(package.path), support.quote(package.cpath), support.interpreter, main)
      assert.matches('%["in"%]\nbcd\v$', out)
      assert.equal(0, status)
   end)

   it("wants a module Main", function()
      local other = haskell.compile(support.tmpdir(), "Other", "module Other where\nx = 'c'\n")
      local status, _, err = moonlink("run --ghc-package base %s", other)
      assert.equal(1, status)
      assert.matches("no module Main", err, 1, true)
   end)
end)

describe("examples/haskell #ghc", function()
   for _, way in ipairs {"threaded", "debug"} do
      it("does what it promises, " .. way, function()
         local folder = support.tmpdir()
         local status, out, err = support.exit(
            "LC_ALL=C.UTF-8 TMPDIR=%s LUA_CPATH_5_4=%s %s examples/haskell/run.lua %s", folder,
            support.quote(package.cpath), support.interpreter, way)
         assert.equal("", err)
         assert.equal(0, status)
         for _, line in ipairs {
            "100 with tax: 119.00\n", "digits of 1000!:\t2568\n",
            "1 + ... + 100000 in 8 threads:\t5000050000\n",
            "false\tIOException\tuser error (there is no such factorial)\n",
            "word:\tthe\t3\n", "25! =\t15511210043330985984000000\n",
            "root of 25! =\t3938427356614\n", "arithmetic underflow\n", " 2. bread        2.50\n",
            "lines so far:\t2\n", "the same function, after the edit: 107.00\n",
            " 2. bread        2.25\n",
         } do
            assert.matches(line, out, 1, true)
         end
         assert.equal("", support.sh("ls %s", folder))
      end)
   end
end)

describe("the pages on Haskell #ghc", function()
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
]]

   local function last_block(path)
      local last
      for block in support.read(path):gmatch "\n```lua\n(.-)\n```\n" do
         last = block
      end
      return last
   end

   for path, expected in pairs {
      ["README.md"] = "832040\nlazy\n", ["docs/haskell.md"] = "832040\nxλ\n",
   } do
      it("have examples that run: " .. path, function()
         local fib = haskell.compile(support.tmpdir(), "Fib", FIB)
         local program = last_block(path):gsub('"Fib%.o"', ("%q"):format(fib))
         local status, out, err = support.lua(program)
         assert.equal(expected, out .. err)
         assert.equal(0, status)
      end)
   end
end)
