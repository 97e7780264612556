--- The units of a linker, oldest first. Those that are gone are taken out now and then, so that
--- loading and unloading many takes time for each but not for each pair.
-- SPDX-License-Identifier: MIT

local roster = {}

--- Units in the list before it is gone through.
local MIN_ROOM = 32

--- What a linker keeps of it.
---@class moonlink.Roster
---@field list moonlink.LoadedUnit[] with some that are gone
---@field gone integer how many were unloaded since the list was gone through
---@field room integer length of the list at which it is gone through

--- Gives a table the fields of an empty roster.
function roster.init(linker)
   linker.list, linker.gone, linker.room = {}, 0, MIN_ROOM
   return linker
end

--- Those that are there and have names.
---@return moonlink.LoadedUnit[]
function roster.units(linker)
   local out = {}
   for _, u in ipairs(linker.list) do
      if u:alive() and not u.orphaned then
         out[#out + 1] = u
      end
   end
   return out
end

--- The unit around one of the core.
---@param linker moonlink.Roster
---@param core moonlink.core.Unit
---@return moonlink.LoadedUnit?
function roster.of(linker, core)
   for _, u in ipairs(linker.list) do
      if u.core == core then
         return u
      end
   end
end

local function tidy(linker)
   local list = {}
   for _, u in ipairs(linker.list) do
      if u:alive() then
         list[#list + 1] = u
      end
   end
   linker.list, linker.gone = list, 0
   linker.room = math.max(2 * #linker.list, MIN_ROOM)
end

--- Enters a unit, unless it is nil; returns its arguments.
function roster.enter(linker, unit, err)
   if unit then
      if #linker.list >= linker.room then -- others may have gone with those that were unloaded
         tidy(linker)
      end
      linker.list[#linker.list + 1] = unit
   end
   return unit, err
end

--- A unit was unloaded.
function roster.forget(linker)
   linker.gone = linker.gone + 1
   if linker.gone * 2 > #linker.list then
      tidy(linker)
   end
end

return roster
