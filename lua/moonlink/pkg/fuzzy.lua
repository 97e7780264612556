--- Names that could have been meant: the nearest of many, as GHC has it.
-- SPDX-License-Identifier: MIT

local distance = require "moonlink.distance"

local fuzzy = {}

--- How many edits GHC lets pass: a quarter of the length.
---@param text string
---@return integer
function fuzzy.threshold(text)
   return ((utf8.len(text) or #text) + 2) // 4
end

--- The nearest of some names, nearest first, then in the order of the alphabet.
---@param text string
---@param names string[]
---@param most? integer how many; 3
---@return string[]
function fuzzy.nearest(text, names, most)
   local edits, limit, found, edits_of = distance.from(text), fuzzy.threshold(text), {}, {}
   for _, name in ipairs(names) do
      local n = edits(name, limit)
      if n then
         found[#found + 1], edits_of[name] = name, n
      end
   end
   table.sort(found, function(a, b)
      if edits_of[a] ~= edits_of[b] then
         return edits_of[a] < edits_of[b]
      end
      return a < b
   end)
   return table.move(found, 1, math.min(#found, most or 3), 1, {})
end

return fuzzy
