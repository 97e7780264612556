-- Patterns that are none are told from others before anybody looks for something with them.
-- SPDX-License-Identifier: MIT

local pattern = require "moonlink.pattern"

--- All texts of up to so many of the letters.
local function texts(letters, most)
   local list, from = {""}, 1
   for _ = 1, most do
      local till = #list
      for i = from, till do
         for letter in letters:gmatch "." do
            list[#list + 1] = list[i] .. letter
         end
      end
      from = till + 1
   end
   return list
end

describe("what is wrong with a pattern", function()
   it("is what string.find says where a text matches it so far", function()
      local subjects = texts("a%]()[1", 3)
      for _, each in ipairs(texts("a%[]()1", 4)) do
         local why = pattern.mistake(each)
         local is_plain = not each:find "[%%%[%(]" -- such a text is looked for as it is
         local seen = is_plain and why
         for _, subject in ipairs(subjects) do
            local good, raised = pcall(string.find, subject, each)
            if not good then
               assert.is_string(why, each .. ": " .. raised)
               seen = true
               break
            end
         end
         assert.equal(why ~= nil, seen and true or false, each)
      end
   end)

   it("is said in Lua's words", function()
      local cases = {
         ["f%"] = "malformed pattern (ends with '%')",
         ["f[^]"] = "malformed pattern (missing ']')",
         ["%f[a"] = "malformed pattern (missing ']')",
         ["%fa"] = "missing '[' after '%f' in pattern",
         ["f%b("] = "malformed pattern (missing arguments to '%b')",
         ["f%0"] = "invalid capture index %0",
         ["(f%1)"] = "invalid capture index %1",
         ["f)"] = "invalid pattern capture",
         ["(f()"] = "unfinished capture",
         [("()"):rep(33)] = "too many captures",
      }
      for text, why in pairs(cases) do
         assert.equal(why, pattern.mistake(text), text)
      end
      local fine = {
         "", "^f.*$", "[]]", "[^]]", "[%]]", "%%", "(f)%1", "()f", "%b()", "%f[%w]f", "f-",
         ("()"):rep(32), "\0[\0]",
      }
      for _, text in ipairs(fine) do
         assert.is_nil(pattern.mistake(text), text)
      end
   end)
end)
