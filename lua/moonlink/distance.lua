--- How far apart two words are, for names that could have been meant: in edits (a character put in,
-- taken out, changed, or two neighbours swapped), no part edited twice. That is the restricted
-- Damerau-Levenshtein distance; characters are code points. What is above a limit is not counted to
-- the end.
-- SPDX-License-Identifier: MIT

local lists = require "moonlink.lists"

local distance = {}

local WORD = 63 -- characters that fit into the bits of an integer, less one

local PART = 1000 -- bytes; not many results of one call fit on Lua's stack

local function characters(text)
   local list = {}
   if not text:find "[\128-\255]" or not utf8.len(text) then
      for at = 1, #text, PART do
         lists.append(list, {text:byte(at, at + PART - 1)})
      end
      return list
   end
   for _, point in utf8.codes(text) do
      list[#list + 1] = point
   end
   return list
end

--- Where what two words share at their ends ends: the first place where they differ, and how many
--- follow the last one.
local function differing(a, b)
   local first, behind, shorter = 1, 0, math.min(#a, #b)
   while first <= shorter and a[first] == b[first] do
      first = first + 1
   end
   while behind <= shorter - first and a[#a - behind] == b[#b - behind] do
      behind = behind + 1
   end
   return first, behind
end

--- The distance by a table of rows, for words longer than an integer has bits. Mangled names are
--- such words, and thousands of them begin alike: only cells between the ends that both share, and
--- no farther from the diagonal than the limit, are filled.
local function by_rows(a, b, limit)
   local first, behind = differing(a, b)
   local skip, over, before, row = first - 1, limit + 1, {}, {}
   local rows, columns = #a - skip - behind, #b - skip - behind
   for j = 0, math.min(columns, limit) do
      row[j] = j
   end
   for i = 1, rows do
      local now, least, x = {[0] = i <= limit and i or nil}, i, a[skip + i]
      for j = math.max(1, i - limit), math.min(columns, i + limit) do
         local y = b[skip + j]
         local n = math.min((row[j] or over) + 1, (now[j - 1] or over) + 1,
            (row[j - 1] or over) + (x == y and 0 or 1))
         if i > 1 and j > 1 and x == b[skip + j - 1] and a[skip + i - 1] == y then
            n = math.min(n, (before[j - 2] or over) + 1)
         end
         now[j], least = n, math.min(n, least)
      end
      if least > limit then
         return least -- no row has less than the one before
      end
      before, row = row, now
   end
   return row[columns] or over
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
--- upper neighbour.
local function by_bits(length, bits, other, limit)
   local top, all = 1 << (length - 1), (1 << length) - 1
   local up, down, diagonal, previous, edits = all, 0, 0, 0, length
   for k = 1, #other do
      local here = bits[other[k]] or 0
      local swapped = (((~diagonal) & here) << 1) & previous
      diagonal = ((((here & up) + up) & all) ~ up) | here | down | swapped
      local right, left = down | (all & ~(diagonal | up)), diagonal & up
      if right & top ~= 0 then
         edits = edits + 1
      elseif left & top ~= 0 then
         edits = edits - 1
      end
      if edits - (#other - k) > limit then
         return edits -- it cannot come down far enough
      end
      right, left = ((right << 1) | 1) & all, (left << 1) & all
      up, down, previous = left | (all & ~(diagonal | right)), diagonal & right, here
   end
   return edits
end

--- Measures words against one.
---@param word string
---@return fun(other: string, limit: number): integer? edits; nil when they are more than the limit
function distance.from(word)
   local wanted = characters(word)
   local bits = #wanted > 0 and #wanted <= WORD and places(wanted)
   return function(other, limit)
      if math.abs((utf8.len(other) or #other) - #wanted) > limit then
         return nil
      end
      local list = characters(other)
      local edits = bits and by_bits(#wanted, bits, list, limit) or by_rows(wanted, list, limit)
      return edits <= limit and edits or nil
   end
end

--- Edits between two words.
---@param a string
---@param b string
---@return integer
function distance.of(a, b)
   return distance.from(a)(b, math.huge)
end

--- The nearest of the known words, when it is near enough to be a slip.
---@param word string
---@param known string[]
---@return string?
function distance.nearest(word, known)
   local best, limit = nil, #word > 7 and 3 or #word > 3 and 2 or #word > 1 and 1 or 0
   local edits = distance.from(word)
   for _, candidate in ipairs(known) do
      if candidate ~= word then
         local n = edits(candidate, limit)
         if n and (not best or n < limit) then
            best, limit = candidate, n
         end
      end
   end
   return best
end

return distance
