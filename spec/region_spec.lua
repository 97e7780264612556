--- Reservations, blocks and protections (csrc/place: region.c, block.c), tested by a program in C.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local program = require "spec.c.program"

local paths = program.build("region_test", "csrc/place/*.c")

local function passes(test, options)
   program.run(paths, test, options)
end

describe("a near reservation", function()
   it("is within 2 GiB of the C library where the kernel's own choice is", function()
      passes "near"
   end)

   it("is found in the list of mappings when the kernel's choice is not used", function()
      passes "gap"
   end)

   it("is found without a list of mappings", function()
      passes "no_list"
   end)

   it("is found when others are quicker to take the gap", function()
      passes "race"
   end)

   for _, gigabytes in ipairs {4, 5, 40} do
      it("is near although the program has mapped " .. gigabytes .. " GiB", function()
         passes("far_default " .. gigabytes)
      end)
   end

   it("takes the last gap in reach, and is refused when there is none", function()
      passes "last_gap"
   end)

   it("leaves the stack room to grow", function()
      passes "stack"
      passes("stack", {prefix = "ulimit -s 1000000;"})
   end)

   it("is within 2 GiB of the reservation before it", function()
      passes "second"
   end)

   it("is made among 60,000 mappings", function()
      passes("crowded", {variant = "plain"})
   end)

   it("is smaller under a limit of address space, and an error names the limit", function()
      passes("limited", {variant = "plain"})
   end)

   it("is halved until the system agrees", function()
      passes "refused"
   end)

   it("can be put where a spec wants it", function()
      passes "forced"
   end)

   it("has no code at a multiple of 4 GiB, which libgcc would not unwind", function()
      passes "unseen"
   end)

   it("is made in address spaces that are not randomised, or filled from below", function()
      if support.has "setarch" then
         for _, test in ipairs {"near", "gap", "far_default 5", "second", "stack", "low"} do
            passes(test, {prefix = "setarch -R"})
         end
      end
      for _, test in ipairs {"near", "gap", "second", "stack", "low"} do
         passes(test, {prefix = "ulimit -s unlimited;", variant = "plain"})
      end
   end)
end)

describe("a low reservation", function()
   it("is below 2 GiB", function()
      passes "low"
   end)
end)

describe("a block", function()
   for seed = 1, 4 do
      it("never overlaps another and is zero when taken, dice " .. seed, function()
         passes("model " .. seed)
      end)
   end

   it("lies where prepare said", function()
      passes "prepared"
   end)

   it("gets its final protection, never writable and executable, and comes back empty", function()
      passes "seal"
   end)

   it("comes back empty although it was locked in memory", function()
      passes "locked"
   end)

   it("begins with a huge page if it is to have some, where there is room for that", function()
      passes "huge"
   end)
end)
