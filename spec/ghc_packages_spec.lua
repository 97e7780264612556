--- Every package of GHC's global database, static and shared: it loads, each in a fresh process,
-- and the runtime starts and ends with it.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

describe("every package of GHC's global database #ghc #slow", function()
   local names = {}

   --- Loads one in a process of its own: the figures that it prints, by name.
   local function load_package(name, form)
      local status, out, err = support.lua([[
         arg[0] = "bench/haskell_load.lua"
         dofile(arg[0])]], name, form, "start")
      assert(status == 0, ("%s, %s: status %d\n%s%s"):format(name, form, status, out, err))
      local figures = {}
      for key, value in out:gmatch "(%w+)=([%d.]+)" do
         figures[key] = tonumber(value)
      end
      return figures
   end

   setup(function()
      for name in support.sh "ghc-pkg list --global --simple-output --names-only":gmatch "%S+" do
         names[#names + 1] = name
      end
   end)

   it("has packages to load", function()
      assert.is_true(#names > 20)
   end)

   it("loads from its archive, with every member of it", function()
      for _, name in ipairs(names) do
         local members = 0
         local folder = support.sh("ghc-pkg field --global %s library-dirs,hs-libraries "
            .. "--simple-output", name)
         for library in folder:gmatch "HS%S+" do
            local path = ("%s/lib%s.a"):format(folder:match "%S+", library)
            members = members + tonumber(support.sh("ar t %s | wc -l", path))
         end
         local figures = load_package(name, "whole")
         assert.equal(1, figures.started, name)
         assert.is_true(figures.objects >= members, name)
      end
   end)

   it("loads prelinked", function()
      for _, name in ipairs(names) do
         assert.equal(1, load_package(name, "prelinked").started, name)
      end
   end)

   it("loads from its shared library", function()
      for _, name in ipairs(names) do
         assert.equal(1, load_package(name, "shared").started, name)
      end
   end)
end)
