--- The most frequent of names that were counted.
-- SPDX-License-Identifier: MIT

local frequent = {}

local function precedes(a, b)
   if a.calls ~= b.calls then
      return a.calls > b.calls
   end
   return a.name < b.name
end

--- The names that were called most often, those with equal counts by name.
---@param counts table<string, integer> calls by name
---@param most integer how many of them
---@return {name: string, calls: integer}[]
---@return integer all how many names there are
function frequent.of(counts, most)
   local list = {}
   for name, calls in pairs(counts) do
      list[#list + 1] = {name = name, calls = calls}
   end
   table.sort(list, precedes)
   return table.move(list, 1, math.min(#list, most), 1, {}), #list
end

return frequent
