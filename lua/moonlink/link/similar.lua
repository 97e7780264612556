--- Names that are near another one, and names as a C++ programmer wrote them; for messages only.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"

local similar = {}

--- Adds the names that the units of a session export to a list, and sorts it.
---@param session moonlink.core.Session
---@param names string[]
---@return string[] names
function similar.exported(session, names)
   for _, unit in ipairs(session:units()) do
      for _, e in ipairs(unit:entries()) do
         if e.exported then
            names[#names + 1] = e.name
         end
      end
   end
   table.sort(names)
   return names
end

--- The mangled name of the C++ function whose plain name this is ("area", "geo::area").
---@param name string
---@param known string[]
---@return string?
function similar.mangled(name, known)
   local parts = {}
   for part in name:match("^[^(]*"):gmatch "[%a_][%w_]*" do
      parts[#parts + 1] = ("%d%s"):format(#part, part)
   end
   local wanted = table.concat(parts)
   for _, each in ipairs(known) do
      if #parts > 0 and each:find "^_Z" and each:find("%f[%d]" .. wanted) then
         return each
      end
   end
end

--- Names that could have been meant: what the load and the session define.
---@param load moonlink.Load
---@return string[]
function similar.collect(load)
   local names = {}
   for _, e in ipairs(load.txn:entries()) do
      if e.in_load then
         names[#names + 1] = e.name
      end
   end
   return similar.exported(load.session, names)
end

--- Edits (insert, delete, replace, swap of neighbours) between two words, or nil above max.
local function distance(a, b, max)
   if math.abs(#a - #b) > max then
      return nil
   end
   local before, row = nil, {}
   for j = 0, #b do
      row[j] = j
   end
   for i = 1, #a do
      local next_row, best = {[0] = i}, i
      for j = 1, #b do
         local same = a:byte(i) == b:byte(j)
         local n = math.min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + (same and 0 or 1))
         if before and i > 1 and j > 1 and a:byte(i) == b:byte(j - 1)
            and a:byte(i - 1) == b:byte(j) then
            n = math.min(n, before[j - 2] + 1)
         end
         next_row[j] = n
         best = math.min(best, n)
      end
      if best > max then
         return nil
      end
      before, row = row, next_row
   end
   return row[#b] <= max and row[#b] or nil
end

--- The nearest of the known names, when it is near enough to be a slip.
---@param name string
---@param known string[]
---@return string?
function similar.find(name, known)
   local best, best_distance = nil, #name > 7 and 3 or #name > 3 and 2 or #name > 1 and 1 or 0
   for _, candidate in ipairs(known) do
      if candidate ~= name then
         local d = distance(name, candidate, best_distance)
         if d and (not best or d < best_distance) then
            best, best_distance = candidate, d
         end
      end
   end
   return best
end

--- The C++ name behind a mangled one, when the C++ runtime is there to tell; else nil.
---@param name string
---@return string?
function similar.demangle(name)
   if not name:find "^_Z" then
      return nil
   end
   return core.demangle(name)
end

return similar
