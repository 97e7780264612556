--- Which units' modules a program may import: trust, what is exposed, and flags.
-- Each function is a step of moonlink.pkg.state, or helps one.
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"
local messages = require "moonlink.pkg.messages"
local validate = require "moonlink.pkg.validate"
local version = require "moonlink.pkg.version"
local wired = require "moonlink.pkg.wired"

local visible = {}

local NONE = {}

---@class moonlink.pkg.Visibility
---@field all boolean all exposed modules
---@field renamings {from: string, to: string}[] further names
---@field name? string of the package
---@field explicit boolean a flag asked for it

--- Is one unit to be preferred to another of the same package? The higher version is, then that of
--- the later database. 1, 0 or -1.
---@param a moonlink.pkg.Unit
---@param b moonlink.pkg.Unit
---@return integer
function visible.prefer(a, b)
   if a.key ~= b.key then
      return a.key > b.key and 1 or -1
   elseif a.database ~= b.database then
      return a.database > b.database and 1 or -1
   end
   return 0
end

--- Puts preferred units first; equal ones keep their order.
local function by_preference(s, units)
   local place = {}
   for i, unit in ipairs(units) do
      place[unit] = i
   end
   table.sort(units, function(a, b)
      local c = s.steps.prefer(a, b)
      if c ~= 0 then
         return c > 0
      end
      return place[a] < place[b]
   end)
   return units
end

--- The units of a package, in the order of s.list.
local function of_name(s, name)
   local by_name = s.by_name
   if not by_name then
      by_name = {}
      for _, unit in ipairs(s.list) do
         local list = by_name[unit.name]
         if list then
            list[#list + 1] = unit
         else
            by_name[unit.name] = {unit}
         end
      end
      s.by_name = by_name
   end
   return by_name[name] or NONE
end

--- The units that a flag means, the preferred one first; empty when none is usable.
---@param s moonlink.pkg.State
---@param flag moonlink.pkg.Flag
---@return moonlink.pkg.Unit[]
function visible.find(s, flag)
   local arg = flag.arg
   if flag.kind:find "%-id$" then
      return {s.units[arg]}
   end
   local found = table.move(of_name(s, arg), 1, #of_name(s, arg), 1, {})
   for dash in arg:gmatch "()%-" do
      for _, unit in ipairs(of_name(s, arg:sub(1, dash - 1))) do
         found[#found + 1] = ids.package(unit) == arg and unit or nil
      end
   end
   return by_preference(s, found)
end

--- What a flag means among the units that were left out, by id.
local function unusable(s, flag)
   local found = {}
   for id, one in pairs(s.unusable) do
      if flag.kind:find "%-id$" and flag.arg == id
         or not flag.kind:find "%-id$" and validate.matches(flag.arg, one.unit) then
         found[#found + 1] = one
      end
   end
   table.sort(found, function(a, b)
      return a.unit.id < b.unit.id
   end)
   return found
end

local function cannot_satisfy(s, flag)
   return messages.error("package", messages.cannot_satisfy(s, flag, unusable(s, flag)))
end

--- Does what -trust and -distrust say. Units that a flag names come first in s.list from then on,
--- as in GHC: of two that are alike in all else, these count.
---@param s moonlink.pkg.State
---@return moonlink.Error? err
function visible.trust(s)
   for _, flag in ipairs(s.trust_flags) do
      local found = visible.find(s, flag)
      if not found[1] then
         return cannot_satisfy(s, flag)
      end
      local list, taken = {}, {}
      for i, unit in ipairs(found) do
         unit.trusted, taken[unit], list[i] = flag.kind == "trust", true, unit
      end
      for _, unit in ipairs(s.list) do
         list[#list + 1] = not taken[unit] and unit or nil
      end
      s.list, s.by_name = list, nil
   end
end

--- What is visible without flags: exposed units of the preferred version of each package; of its
--- database only. GHC up to 6.12 looked at exposed versions only, later ones at all.
---@param s moonlink.pkg.State
function visible.exposed(s)
   local best, prefer, hidden = {}, s.steps.prefer, {}
   s.visible, s.hiding = {}, hidden
   if s.hide_all then
      return
   end
   local old = version.less(s.ghc, "6.13")
   for _, unit in ipairs(s.list) do
      local other = best[unit.name]
      if (unit.exposed or not old) and (not other or prefer(unit, other) > 0) then
         best[unit.name] = unit
      end
   end
   for _, unit in ipairs(s.list) do
      local chosen = best[unit.name]
      if unit.exposed and not unit.indefinite then
         if prefer(unit, chosen) == 0 then
            s.visible[unit.id] = {all = true, renamings = {}, name = unit.name, explicit = false}
         elseif old then
            hidden[#hidden + 1] = {unit = unit, for_unit = chosen}
         end
      end
   end
end

local function merged(before, flag, unit)
   local renamings = table.move(flag.renamings, 1, #flag.renamings, 1, {})
   if before then
      table.move(before.renamings, 1, #before.renamings, #renamings + 1, renamings)
   end
   return {
      all = flag.all or before and before.all or false, renamings = renamings,
      name = unit.name, explicit = true,
   }
end

local function expose(s, flag, unit)
   if not s.hide_all and not flag.renamings[1] then
      for _, other in ipairs(of_name(s, unit.name)) do
         if other ~= unit then
            s.visible[other.id] = nil
         end
      end
   end
   s.visible[unit.id] = merged(s.visible[unit.id], flag, unit)
end

--- Does what -package, -package-id and -hide-package say, in their order.
---@param s moonlink.pkg.State
---@return moonlink.Error? err
function visible.flags(s)
   for _, flag in ipairs(s.package_flags) do
      local found = visible.find(s, flag)
      if not found[1] then
         return cannot_satisfy(s, flag)
      elseif flag.kind == "hide-package" then
         for _, unit in ipairs(found) do
            s.visible[unit.id] = nil
         end
      else
         expose(s, flag, found[1])
      end
   end
end

--- Chooses the unit of a wired-in package: the preferred visible one, else the preferred one.
---@param s moonlink.pkg.State
---@param name string
---@return moonlink.pkg.Unit?
function visible.choose_wired(s, name)
   local shown, all = {}, {}
   for _, unit in ipairs(of_name(s, name)) do
      all[#all + 1] = unit
      shown[#shown + 1] = s.visible[unit.id] and unit or nil
   end
   return by_preference(s, shown[1] and shown or all)[1]
end

local function rewired(map, depends)
   for _, id in ipairs(depends) do
      if map[id] then
         local list = {}
         for i, each in ipairs(depends) do
            list[i] = map[each] or each
         end
         return list
      end
   end
   return depends
end

--- GHC up to 6.10 has no unit of a wired-in package but the chosen one.
local function drop_others(s, chosen)
   local list = {}
   for _, unit in ipairs(s.list) do
      if chosen[unit.name] and chosen[unit.name] ~= unit then
         s.units[unit.id], s.visible[unit.id] = nil, nil
      else
         list[#list + 1] = unit
      end
   end
   s.list = list
end

--- A unit of another package that had the bare name gives way.
local function rename(s, chosen)
   for name, unit in pairs(chosen) do
      local id = unit.id
      if id ~= name then
         s.units[name], s.units[id] = unit, nil
         s.visible[name], s.visible[id] = s.visible[id], nil
      end
      unit.wired, unit.id = id, name
   end
   local list = {}
   for _, unit in ipairs(s.list) do
      list[#list + 1] = s.units[unit.id] == unit and unit or nil
   end
   s.list = list
end

--- Gives the units of wired-in packages their bare names, here and in all dependencies. Gives
--- s.wired (id in the database to name) and s.choices, in the order of the list of names.
---@param s moonlink.pkg.State
function visible.wire(s)
   local chosen = {}
   s.wired, s.choices = {}, {}
   for _, name in ipairs(s.wired_names or wired.names(s.ghc)) do
      local unit = s.steps.choose_wired(s, name)
      s.choices[#s.choices + 1] = {name = name, id = unit and unit.id}
      if unit and not unit.indefinite then
         s.wired[unit.id], chosen[name] = name, unit
      end
   end
   if version.less(s.ghc, "6.11") then
      drop_others(s, chosen)
   end
   rename(s, chosen)
   for _, unit in ipairs(s.list) do
      unit.depends = rewired(s.wired, unit.depends)
   end
end

return visible
