--- Plans of GHC's own packages, and what comes of them. Needs a GHC.
-- SPDX-License-Identifier: MIT

local ghc = require "moonlink.pkg.ghc"
local haskell = require "spec.support.haskell"
local moonlink = require "moonlink"
local pkg = require "moonlink.pkg"
local support = require "spec.support"

local SOURCE = [=[
module Probe where
import qualified Data.Map as M
foreign export ccall probe :: Int -> Int
probe :: Int -> Int
probe n = M.foldr (+) 0 (M.fromList [(i, i * i) | i <- [1 .. n]])
]=]

describe("a plan of GHC's packages #ghc", function()
   local dir = support.tmpdir()
   local installation = support.has "ghc" and ghc.find {whole = true} or {}

   local function open()
      return assert(pkg.open(installation.global))
   end

   local function compile(flags)
      support.write(dir .. "/Probe.hs", SOURCE)
      local object = ("%s/Probe%s.o"):format(dir, flags:gsub("%W", ""))
      support.sh("cd %s && ghc -v0 -c -O %s -fforce-recomp Probe.hs -o %s", dir, flags, object)
      return object
   end

   local flags = {archive = "", prelinked = "", shared = "-dynamic -fPIC"}
   for kind, flag in pairs(flags) do
      it("loads and runs: " .. kind, function()
         local object = compile(flag)
         local sum = assert(moonlink.isolate(function()
            local ln = moonlink.new()
            assert(ln:load(assert(open():plan {"containers", kind = kind})))
            assert(ln:load(object))
            assert(ln:func "void hs_init(int *, char ***)")(nil, nil)
            return assert(ln:func "int64_t probe(int64_t)")(10)
         end, {timeout = 300}))[1]
         assert.equal(385, sum)
      end)
   end

   it("says the same as ghc's own link line", function()
      local plan = assert(open():plan {"containers", way = "threaded debug"})
      support.write(dir .. "/Main.hs", "main :: IO ()\nmain = return ()\n")
      local _, _, line = support.exit(
         "cd %s && ghc -v -threaded -debug -package containers -fforce-recomp Main.hs -o main", dir)
      line = line:match "%*%*%* Linker:\n([^\n]*)"
      local expected = {}
      for name in line:gmatch "%-l(HS[%w.-]+[%w_]*)" do
         table.insert(expected, 1, name)
      end
      local found = {}
      for _, unit in ipairs(plan.units) do
         for _, file in ipairs(unit.files) do
            found[#found + 1] = file.role == "package" and file.path:match "/lib([^/]*)%.a$" or nil
         end
      end
      table.sort(expected)
      table.sort(found)
      assert.same(expected, found)
      local roots = 0
      for _ in line:gmatch "%-Wl,%-u,%S+" do
         roots = roots + 1
      end
      assert.equal(roots, #plan.units[1].roots)
   end)

   it("lacks the profiling libraries, when they are not installed", function()
      local plan = assert(open():plan {"containers", way = "profiling"})
      local there = support.exit("ls %s/base-*/libHSbase-*_p.a", installation.libdir) == 0
      assert.equal(there, #plan.missing == 0)
      local ln <close> = moonlink.new()
      local loaded, err = ln:load(plan)
      assert.equal(there, loaded ~= nil)
      assert.is_true(there or tostring(err):find("install the profiling libraries", 1, true) ~= nil)
   end)

   --- A module; without the profiling libraries a C file of the same way.
   local function profiled()
      local profiling = haskell.profiling()
      if profiling then
         return haskell.compile(support.tmpdir(), "Probe", SOURCE, "-prof -O", profiling.ghc)
      end
      local object = dir .. "/profiled.o"
      support.write(dir .. "/profiled.c",
         '#include <Rts.h>\nvoid *probe_profiled(void) { return CCS_SYSTEM; }\n')
      support.sh("cd %s && ghc -v0 -prof -optc-DPROFILING -c profiled.c -o %s", dir, object)
      return object
   end

   it("refuses an object that was compiled for profiling beside vanilla packages", function()
      local object = profiled()
      local ln <close> = moonlink.new()
      assert(ln:load(assert(open():plan {"base"}), {members = "wanted"}))
      local before = #ln:units()
      local unit, err = ln:load(object)
      assert.is_nil(unit)
      assert.matches("built with -prof but the profiling run-time system of GHC", tostring(err), 1,
         true)
      assert.equal(before, #ln:units())
   end)
end)
