--- What a plan is: the table in which packages and linker meet. `moonlink.pkg` makes plans,
-- `ln:load` does what they say, and neither knows the other.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local lists = require "moonlink.lists"

local plan = {}

--- The field `format` of every plan.
plan.FORMAT = "moonlink plan 1"

--- What the file of a library can be.
plan.KINDS = {"archive", "prelinked", "shared"}

--- Is this value meant as a plan?
---@param value any
---@return boolean
function plan.is(value)
   return type(value) == "table" and rawget(value, "format") == plan.FORMAT
end

local FILE = {
   library = "string", role = "string", kind = "string", path = "string", why = "string",
   tried = "strings",
}
local MISSING = {unit = "string", library = "string", role = "string", tried = "strings"}
local UNIT = {
   id = "string", name = "string", version = "string", database = "string", depends = "strings",
   roots = "strings", search = "strings", options = "strings",
}
local PLAN = {
   kind = "string", way = "string", policy = "string", ghc = "string", asked = "strings",
}

local function is_list(value, of)
   if type(value) ~= "table" then
      return false
   end
   for i = 1, #value do
      if type(value[i]) ~= of then
         return false
      end
   end
   return true
end

local function wrong(value, fields, where)
   if type(value) ~= "table" then
      return where .. " is no table"
   end
   for name, kind in pairs(fields) do
      local fits = kind == "strings" and is_list(value[name], "string")
         or type(value[name]) == kind
      if not fits then
         return ("%s: field '%s': %s expected"):format(where, name,
            kind == "strings" and "a list of strings" or "a " .. kind)
      end
   end
end

local function wrong_file(file, id)
   local why = wrong(file, FILE, "a file of unit " .. id)
   if not why and not lists.contains(plan.KINDS, file.kind) then
      why = ("unit %s: a file is archive, prelinked or shared, not '%s'"):format(id, file.kind)
   end
   return why
end

local function wrong_missing(each, seen)
   local why = wrong(each, MISSING, "what is missing")
   if not why and not seen[each.unit] then
      why = ("library %s is missing of %s, which is no unit of the plan"):format(each.library,
         each.unit)
   end
   return why
end

local function wrong_unit(unit, i, seen)
   local why = wrong(unit, UNIT, ("unit %d"):format(i))
   if why then
      return why
   elseif seen[unit.id] then
      return ("unit %s is there twice"):format(unit.id)
   elseif not is_list(unit.files, "table") then
      return ("unit %s: field 'files': a list of tables expected"):format(unit.id)
   end
   for _, file in ipairs(unit.files) do
      why = why or wrong_file(file, unit.id)
   end
   seen[unit.id] = true
   return why
end

local function wrong_groups(groups, seen)
   local grouped = {}
   for _, group in ipairs(groups) do
      if not is_list(group, "string") then
         return "a group is no list of strings"
      end
      for _, id in ipairs(group) do
         if not seen[id] or grouped[id] then
            return ("group with %s, which is %s"):format(id,
               grouped[id] and "in another one" or "no unit of the plan")
         end
         grouped[id] = true
      end
   end
   for id in pairs(seen) do
      if not grouped[id] then
         return ("unit %s is in no group"):format(id)
      end
   end
end

--- Why a value is no plan that could be loaded; nil when it is one.
---@param value any
---@return string?
function plan.problem(value)
   if not plan.is(value) then
      return ("field 'format': \"%s\" expected"):format(plan.FORMAT)
   end
   local why, seen = wrong(value, PLAN, "the plan"), {}
   if why then
      return why
   end
   for _, name in ipairs {"units", "groups", "missing"} do
      if not is_list(value[name], "table") then
         return ("the plan: field '%s': a list of tables expected"):format(name)
      end
   end
   for i, unit in ipairs(value.units) do
      why = wrong_unit(unit, i, seen)
      if why then
         return why
      end
   end
   for _, unit in ipairs(value.units) do
      for _, id in ipairs(unit.depends) do
         if not seen[id] then
            return ("unit %s depends on %s, which is no unit of the plan"):format(unit.id, id)
         end
      end
   end
   for _, each in ipairs(value.missing) do
      why = why or wrong_missing(each, seen)
   end
   return why or wrong_groups(value.groups, seen)
end

--- The paths of a unit's files.
---@param unit moonlink.pkg.PlanUnit
---@return string[]
function plan.paths(unit)
   return lists.field(unit.files, "path")
end

--- Is the package, or a part of it, a shared library?
---@param unit moonlink.pkg.PlanUnit
---@return boolean
function plan.has_libraries(unit)
   for _, file in ipairs(unit.files) do
      if file.role == "package" and file.kind == "shared" then
         return true
      end
   end
   return false
end

---@class moonlink.PlanLine
---@field libraries moonlink.pkg.PlanFile[] of the packages
---@field extra moonlink.pkg.PlanFile[] others that they need
---@field roots string[] names that are wanted though nobody refers to them
---@field search string[] folders

--- What some units bring to a load, in the order of a link line: dependants first.
---@param units moonlink.pkg.PlanUnit[] dependencies first
---@return moonlink.PlanLine
function plan.line(units)
   local line = {libraries = {}, extra = {}, roots = {}, search = {}}
   for i = #units, 1, -1 do
      local unit = units[i]
      for _, file in ipairs(unit.files) do
         table.insert(file.role == "package" and line.libraries or line.extra, file)
      end
      lists.append(line.roots, unit.roots)
      lists.append(line.search, unit.search)
   end
   return line
end

--- Paths that a message shows of those where a library was looked for.
local SHOWN = 6

local function looked_at(tried)
   if not tried[1] then
      return "no path"
   end
   local more = #tried > SHOWN and (" and %d more"):format(#tried - SHOWN) or ""
   return table.concat(tried, ", ", 1, math.min(#tried, SHOWN)) .. more
end

--- The error for a library that was not found.
---@param what moonlink.pkg.Plan
---@param each table one of its `missing`
---@return moonlink.Error with `package`, `symbol` (the library) and `tried`
function plan.missing_error(what, each)
   local profiling = what.way:find "profiling" and each.role == "package"
   return errors.new {
      code = "noent", package = each.unit, symbol = each.library, tried = each.tried,
      message = ("package %s: library %s is missing (%s, %s; looked at %s)"):format(each.unit,
         each.library, what.kind, what.way, looked_at(each.tried)),
      hint = profiling and 'install the profiling libraries, or leave out way = "profiling"'
         or "install it, or name its folder with search = {...} of the plan",
   }
end

return plan
