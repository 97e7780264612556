--- Options that are lists of words: "gdb,perf" or { "gdb", "perf" }.
-- SPDX-License-Identifier: MIT

local words = {}

--- The words of a value. What is no text in a list stays as it is, for the caller to refuse.
---@param value string|any[]|nil commas and blanks stand between words
---@return any[]
function words.of(value)
   local list = {}
   for _, item in ipairs(type(value) == "table" and value or {value}) do
      if type(item) == "string" then
         for word in item:gmatch "[^,%s]+" do
            list[#list + 1] = word
         end
      else
         list[#list + 1] = item
      end
   end
   return list
end

return words
