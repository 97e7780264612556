--- Packages of one age told in the words of another. GHC before 6.12 knew a package by name and
-- version alone; today's units have ids and keys.
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"
local record = require "moonlink.pkg.record"
local refresh = require "moonlink.pkg.refresh"

local convert = {}

---@alias moonlink.pkg.Shape "today"|"6.6"|"6.10"|"6.12"

--- `name-version` of each unit, and the first unit of each name and `name-version`.
local function names_of(packages)
   local by_unit, by_name = {}, {}
   for _, p in ipairs(packages) do
      local unit, id = ids.unit(p), ids.package(p)
      by_unit[unit] = by_unit[unit] or id
      by_name[id] = by_name[id] or unit
      by_name[p.name] = by_name[p.name] or unit
   end
   return by_unit, by_name
end

--- A unit that is not there is named after the package that its id was made of.
local function to_package_id(unit, by_unit)
   if by_unit[unit] then
      return by_unit[unit]
   end
   local name, version = refresh.origin(unit)
   return version == "" and name or name .. "-" .. version
end

local function changed(p, depends)
   local copy = record.copy(p)
   copy.depends = {}
   for i, id in ipairs(p.depends or {}) do
      copy.depends[i] = depends(id)
   end
   return copy
end

local shapes = {}

shapes["6.6"] = function(p, by_unit)
   local copy = changed(p, function(unit)
      return to_package_id(unit, by_unit)
   end)
   copy.id, copy.key = "", ""
   return copy
end
shapes["6.10"] = shapes["6.6"]

shapes["6.12"] = function(p, _, by_name)
   local copy = changed(p, function(id)
      return by_name[id] or id
   end)
   copy.id, copy.key = ids.unit(p), ""
   return copy
end

function shapes.today(p, by_unit, by_name)
   return record.modern(shapes["6.12"](p, by_unit, by_name))
end

--- Is there such a shape?
---@param name string
---@return boolean
function convert.knows(name)
   return shapes[name] ~= nil
end

--- Packages as a database of that shape has them: plain tables.
---@param packages moonlink.pkg.Package[]
---@param shape moonlink.pkg.Shape
---@return moonlink.pkg.Package[]
---@return string[] warnings what today's text format cannot hold; of old shapes record.old says it
function convert.packages(packages, shape)
   local by_unit, by_name = names_of(packages)
   local out, warnings = {}, {}
   for i, p in ipairs(packages) do
      local more
      out[i], more = shapes[shape](p, by_unit, by_name)
      table.move(more or {}, 1, #(more or {}), #warnings + 1, warnings)
   end
   return out, warnings
end

return convert
