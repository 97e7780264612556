--- Names that could have been meant: edit distance, and the nearest of many names, as GHC has it.
-- SPDX-License-Identifier: MIT

local fuzzy = {}

local WORD = 63 -- characters that fit into the bits of an integer, less one

local function characters(text)
   if not text:find "[\128-\255]" or not utf8.len(text) then
      return {text:byte(1, -1)}
   end
   local list = {}
   for _, point in utf8.codes(text) do
      list[#list + 1] = point
   end
   return list
end

--- The distance by a table of rows, for words longer than an integer has bits.
local function by_rows(a, b)
   local before, row = {}, {}
   for j = 0, #b do
      row[j] = j
   end
   for i = 1, #a do
      local now = {[0] = i}
      for j = 1, #b do
         local n = math.min(row[j] + 1, now[j - 1] + 1, row[j - 1] + (a[i] == b[j] and 0 or 1))
         if i > 1 and j > 1 and a[i] == b[j - 1] and a[i - 1] == b[j] then
            n = math.min(n, before[j - 2] + 1)
         end
         now[j] = n
      end
      before, row = row, now
   end
   return row[#b]
end

--- For each character of a word the places where it stands, as bits.
local function places(word)
   local bits = {}
   for i, c in ipairs(word) do
      bits[c] = (bits[c] or 0) | 1 << (i - 1)
   end
   return bits
end

--- The distance with one column of the table in a few integers (Hyyrö 2002): bits of `up` and
--- `down` say where the column grows by one or falls by one, `diagonal` where it equals its left
--- upper neighbour. Above the limit any distance above it may come out.
local function by_bits(length, bits, other, limit)
   local top, all = 1 << (length - 1), (1 << length) - 1
   local up, down, diagonal, previous, distance = all, 0, 0, 0, length
   for k = 1, #other do
      local here = bits[other[k]] or 0
      local swapped = (((~diagonal) & here) << 1) & previous
      diagonal = ((((here & up) + up) & all) ~ up) | here | down | swapped
      local right, left = down | (all & ~(diagonal | up)), diagonal & up
      if right & top ~= 0 then
         distance = distance + 1
      elseif left & top ~= 0 then
         distance = distance - 1
      end
      if distance - (#other - k) > limit then
         return distance -- it cannot come down far enough
      end
      right, left = ((right << 1) | 1) & all, (left << 1) & all
      up, down, previous = left | (all & ~(diagonal | right)), diagonal & right, here
   end
   return distance
end

--- Edits between two words: a character put in, taken out, changed, or two neighbours swapped, and
--- no part edited twice (restricted Damerau-Levenshtein distance). Characters are code points.
---@param a string
---@param b string
---@return integer
function fuzzy.distance(a, b)
   local x, y = characters(a), characters(b)
   if #x == 0 then
      return #y
   elseif #x > WORD then
      return by_rows(x, y)
   end
   return by_bits(#x, places(x), y, math.huge)
end

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
   local wanted, limit, found, distances = characters(text), fuzzy.threshold(text), {}, {}
   local bits = #wanted > 0 and #wanted <= WORD and places(wanted)
   for _, name in ipairs(names) do
      -- Bytes, at least as many as characters, at most four times: never too strict.
      local n = #name
      if n >= #wanted - limit and n <= 4 * (#wanted + limit) then
         local other = characters(name)
         if math.abs(#other - #wanted) <= limit then
            local d = bits and by_bits(#wanted, bits, other, limit) or by_rows(wanted, other)
            if d <= limit then
               found[#found + 1], distances[name] = name, d
            end
         end
      end
   end
   table.sort(found, function(a, b)
      if distances[a] ~= distances[b] then
         return distances[a] < distances[b]
      end
      return a < b
   end)
   return table.move(found, 1, math.min(#found, most or 3), 1, {})
end

return fuzzy
