--- The profiling runtime, where its libraries are: installed, or unpacked by `make ghc-prof`.
-- SPDX-License-Identifier: MIT

local haskell = require "spec.support.haskell"
local support = require "spec.support"

local profiling = haskell.profiling()
if not profiling then
   return -- `make ghc-prof` brings them; what can be said without is in plan_ghc_spec.lua
end

describe("Haskell compiled for profiling #ghc", function()
   local ghc = require "moonlink.ghc"
   local moonlink = require "moonlink"
   local profiled, vanilla

   setup(function()
      profiled = haskell.compile(support.tmpdir(), "Probe", haskell.PROBE, "-prof -O",
         profiling.ghc)
      vanilla = haskell.compile(support.tmpdir(), "Probe", haskell.PROBE, "-O", profiling.ghc)
   end)

   local function start(way, kind)
      return assert(ghc.start {
         topdir = profiling.topdir, way = way, kind = kind, packages = {"containers"},
         options = "-K1m",
      })
   end

   for _, case in ipairs {
      {"profiling", "archive"}, {"profiling threaded", "archive"}, {"profiling debug", "archive"},
      {"profiling", "prelinked"},
   } do
      local way, kind = table.unpack(case)
      it(("runs with values, exceptions and callbacks: %s, %s"):format(way, kind), function()
         local hs <close> = start(way, kind)
         assert(hs:load(profiled))
         assert.equal(-4, (assert(hs:func "int hsDiv(int, int)"))(-7, 2))
         local good, err = pcall(assert(hs:func "int hsDiv(int, int)"), 1, 0)
         assert.is_false(good)
         assert.equal("divide by zero", err.what)
         local function get(name)
            return (assert(hs:get("main", "Probe", name)))
         end
         assert.same({{1, "1"}, {2, "4"}, {3, "9"}}, get "squares"(3):value "[(Int, String)]")
         assert.equal("1144561273430837494885949696427",
            get "power"(hs:make(3, "Integer"), 63):value "Integer")
         assert.same({left = "7 is odd"}, get "half"(7):value "Either String Int")
         for t, value in pairs {
            ["(Int, Char, [Double])"] = {1, "b", {2.5}}, ["Maybe Bool"] = true, String = "λx. x",
            Natural = "18446744073709551616",
         } do
            assert.same(value, hs:make(value, t):value(t), t)
         end
         local times <close> = hs:callback("int(int)", function(x) return x * 10 end)
         assert.equal(71, (assert(hs:func "int hsCall(int (*)(int), int)"))(times, 7))
         hs:collect()
         good, err = pcall(assert(hs:func "void hsExitWith(int)"), 3)
         assert.is_false(good)
         assert.equal(3, err.status)
      end)
   end

   it("is refused beside vanilla code, and vanilla code beside it", function()
      for _, case in ipairs {
         {nil, profiled, "was built with -prof but the profiling run-time system of GHC is not"},
         {"profiling", vanilla, "compiled without -prof, but the runtime is the profiling one"},
      } do
         local hs <close> = start(case[1])
         local before = #hs.linker:units()
         local unit, err = hs:load(case[2])
         assert.is_nil(unit)
         assert.matches(case[3], err.message, 1, true)
         assert.equal(before, #hs.linker:units())
         assert(hs:load(case[2] == vanilla and profiled or vanilla))
      end
   end)

   it("loads as a plan", function()
      local plan = assert(assert(moonlink.pkgdb(profiling.topdir .. "/package.conf.d")):plan {
         "containers", way = "profiling",
      })
      assert.same({}, plan.missing)
   end)
end)
