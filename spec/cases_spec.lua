--- docs/CASES.md: each hard case names specs, and these are there.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

describe("the table of hard cases", function()
   local rows = {}

   setup(function()
      for line in io.lines "docs/CASES.md" do
         local number, text = line:match "^| (%d+) |(.*)|$"
         if number then
            rows[#rows + 1] = {number = math.tointeger(number), text = text}
         end
      end
   end)

   it("has all of them, in order", function()
      for i, row in ipairs(rows) do
         assert.equal(i, row.number)
      end
      assert.equal(54, #rows)
   end)

   it("names only specs that there are", function()
      for _, row in ipairs(rows) do
         local n = 0
         for file, title in row.text:gmatch "`([%w_]+_spec): ([^`]+)`" do
            local text = support.read(("spec/%s.lua"):format(file))
            local found = false
            for line in text:gmatch "[^\n]+" do
               found = found or line:find "^%s*it%(" and line:find(title, 1, true)
            end
            assert.is_truthy(found,
               ("case %d: %s has no test '%s'"):format(row.number, file, title))
            n = n + 1
         end
         assert.is_true(n > 0, ("case %d names no spec"):format(row.number))
      end
   end)
end)
