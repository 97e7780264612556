--- Which units of a plan have to be linked as one. A database says who depends on whom in one
-- direction; a package that wants names (-u) which a later one defines depends on it, too.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local graph = require "moonlink.pkg.graph"
local lists = require "moonlink.lists"
local symbol = require "moonlink.pkg.symbol"

local plan_groups = {}

--- Takes out of a set the names that the unit's archives define; says whether there were any.
local function take_defined(unit, open)
   local any = false
   for _, file in ipairs(unit.files) do
      if file.kind == "archive" and file.role == "package" and next(open) then
         for _, entry in ipairs(core.index(file.path) or {}) do
            if open[entry.name] then
               open[entry.name], any = nil, true
            end
         end
      end
   end
   return any
end

local function has_index(unit)
   for _, file in ipairs(unit.files) do
      if file.role == "package" and file.kind ~= "archive" then
         return false
      end
   end
   return true
end

--- The units behind this one, in the plan's order, that define a root of it: what the names
--- themselves say, else the indexes of archives. Those of units that count anyhow are read first,
--- and no more than names are left for.
local function definers(units, i)
   local open, found, by_symbols = {}, {}, {}
   for j = i + 1, #units do
      by_symbols[units[j].symbols or units[j].id] = units[j].id
   end
   for _, name in ipairs(units[i].roots) do
      local parsed = symbol.parse(name, {units = by_symbols})
      local id = parsed and by_symbols[parsed.unit]
      if id then
         found[id] = true
      else
         open[name] = true
      end
   end
   found[units[i].id] = true
   for _, anyhow in ipairs {true, false} do
      for j = i, #units do
         local id = units[j].id
         if next(open) and (found[id] or false) == anyhow then
            found[id] = take_defined(units[j], open) or anyhow or nil
            local may_all = anyhow and j > i and not has_index(units[j]) -- it may define them all
            open = may_all and {} or open
         end
      end
   end
   found[units[i].id] = nil
   return lists.keys(found) -- sorted: the same plan each time
end

--- Units that need each other's symbols though the database names one direction only: roots of one
--- that a later one defines.
---@param units moonlink.pkg.PlanUnit[] dependencies first
---@return string[][] ids, groups in an order in which they can be loaded
function plan_groups.of(units)
   local nodes = {}
   for i, unit in ipairs(units) do
      local depends = lists.copy(unit.depends)
      nodes[i] = {
         id = unit.id,
         depends = lists.append(depends, unit.roots[1] and definers(units, i) or {}),
      }
   end
   local groups = graph.groups(nodes)
   for i, group in ipairs(groups) do
      groups[i] = lists.field(group, "id")
   end
   return groups
end

return plan_groups
