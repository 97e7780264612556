--- From databases to the units that can be used: merging, and what is left out with its reason.
-- Each function is a step of moonlink.pkg.state: it takes a state in progress and goes on with it.
-- SPDX-License-Identifier: MIT

local graph = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local lists = require "moonlink.lists"
local version = require "moonlink.pkg.version"

local validate = {}

---@class moonlink.pkg.Unit a package as the state sees it
---@field id string unit id; of a wired-in package its bare name
---@field package moonlink.pkg.Package what the database says
---@field name string package name; of a part of a package that of the whole
---@field version string
---@field component string? name of a part of a package
---@field exposed boolean
---@field trusted boolean
---@field indefinite boolean it has holes: nothing of it is compiled
---@field depends string[] unit ids, wired-in ones by their bare names
---@field database integer place of its database, the later one wins
---@field key string of the version, for comparing
---@field wired? string the id in the database, of a wired-in package

---@class moonlink.pkg.Unusable
---@field unit moonlink.pkg.Unit
---@field reason string "missing", "cyclic", "ignored", "ignored dependency" or "shadowed"
---@field depends string[] unit ids of the dependencies to blame

local NONE = {}

local function unit_of(p, database, distrust, keys)
   local part = p.lib_name
   local whole = p.package_name
   return {
      id = ids.unit(p), package = p, name = whole and whole ~= "" and whole or p.name,
      version = p.version or "", component = part and part ~= "" and part or nil,
      exposed = p.exposed or false, trusted = p.trusted and not distrust or false,
      indefinite = p.indefinite or false, depends = p.depends or NONE, database = database,
      key = keys[p.version or ""],
   }
end

--- Databases to one: of two units with one id that of the later database counts, in one database
--- the one behind. Gives s.units by id, s.list sorted by id, s.overridden.
---@param s moonlink.pkg.State
function validate.merge(s)
   local units, overridden, distrust = {}, {}, s.distrust_all
   local keys = setmetatable({}, {__index = function(t, text)
      t[text] = version.key(text)
      return t[text]
   end})
   for i, database in ipairs(s.databases) do
      for _, p in ipairs(database.packages) do
         local unit = unit_of(p, i, distrust, keys)
         local before = units[unit.id]
         if before and before.database ~= i then
            overridden[#overridden + 1] = {id = unit.id, database = i}
         end
         units[unit.id] = unit
      end
   end
   table.sort(overridden, function(a, b)
      if a.database ~= b.database then
         return a.database < b.database
      end
      return a.id < b.id
   end)
   s.units, s.overridden, s.unusable, s.cycles = units, overridden, {}, {}
   s.list = validate.sorted(units)
end

--- Units in the order of their ids.
---@param units table<string, moonlink.pkg.Unit>
---@return moonlink.pkg.Unit[]
function validate.sorted(units)
   local list = lists.keys(units)
   for i, id in ipairs(list) do
      list[i] = units[id]
   end
   return list
end

local function unavailable(s, unit)
   local list = {}
   for _, id in ipairs(unit.depends) do
      if not s.units[id] then
         list[#list + 1] = id
      end
   end
   return list
end

--- Takes units out of the state, and with them all that depend on them. `reason(unit)` gives reason
--- and blamed dependencies of one, once all are out.
---@param s moonlink.pkg.State
---@param roots moonlink.pkg.Unit[]
---@param reason fun(unit: moonlink.pkg.Unit): string, string[]
function validate.remove(s, roots, reason)
   if not roots[1] then
      return
   end
   local gone, units = {}, {}
   for i, unit in ipairs(roots) do
      gone[i], units[i] = unit, unit.id
   end
   table.move(graph.dependants(s.list, units), 1, #s.list, #gone + 1, gone)
   for _, unit in ipairs(gone) do
      s.units[unit.id] = nil
   end
   local left = {}
   for _, unit in ipairs(s.list) do
      left[#left + 1] = s.units[unit.id] and unit or nil
   end
   s.list = left
   for _, unit in ipairs(gone) do
      if not s.unusable[unit.id] then
         local why, depends = reason(unit)
         s.unusable[unit.id] = {unit = unit, reason = why, depends = depends}
      end
   end
end

--- Leaves out what depends on a unit that is not there.
---@param s moonlink.pkg.State
function validate.missing(s)
   local units, broken = s.units, {}
   for _, unit in ipairs(s.list) do
      for _, id in ipairs(unit.depends) do
         if not units[id] then
            broken[#broken + 1] = unit
            break
         end
      end
   end
   validate.remove(s, broken, function(unit)
      return "missing", unavailable(s, unit)
   end)
end

--- Leaves out cycles, and what depends on them. Gives s.cycles, with their members.
---@param s moonlink.pkg.State
function validate.cyclic(s)
   local _, cycles = graph.order(s.list)
   local members = {}
   for _, cycle in ipairs(cycles) do
      table.move(cycle, 1, #cycle, #members + 1, members)
   end
   s.cycles = cycles
   validate.remove(s, members, function(unit)
      return "cyclic", unavailable(s, unit)
   end)
end

--- Does an argument, a name or `name-version`, mean this unit?
---@param text string
---@param unit moonlink.pkg.Unit
---@return boolean
function validate.matches(text, unit)
   return text == unit.name
      or text:sub(1, #unit.name) == unit.name and text == ids.package(unit)
end

--- Leaves out what -ignore-package names, and what depends on it. Nothing need match.
---@param s moonlink.pkg.State
function validate.ignored(s)
   local direct, chosen = {}, {}
   for _, flag in ipairs(s.ignore_flags) do
      for _, unit in ipairs(s.list) do
         if validate.matches(flag.arg, unit) and not direct[unit] then
            direct[unit], chosen[#chosen + 1] = true, unit
         end
      end
   end
   validate.remove(s, chosen, function(unit)
      if direct[unit] then
         return "ignored", {}
      end
      return "ignored dependency", unavailable(s, unit)
   end)
end

--- The dependencies that a unit was compiled against in another shape than is there now.
local function mismatched(s, unit)
   local list = {}
   for _, pair in ipairs(unit.package.abi_depends or NONE) do
      local id, hash = pair:match "^(.*)=(.-)$"
      local there = s.units[id]
      if not there or (there.package.abi or "") ~= hash then
         list[#list + 1] = id
      end
   end
   return list
end

--- Leaves out what was compiled against another build of a unit than the one that counts.
---@param s moonlink.pkg.State
function validate.shadowed(s)
   local present, direct = {}, {}
   for _, unit in ipairs(s.list) do
      present[unit.id .. "=" .. (unit.package.abi or "")] = true
   end
   for _, unit in ipairs(s.list) do
      for _, pair in ipairs(unit.package.abi_depends or NONE) do
         if not present[pair] then
            direct[#direct + 1] = unit
            break
         end
      end
   end
   validate.remove(s, direct, function(unit)
      return "shadowed", mismatched(s, unit)
   end)
end

return validate
