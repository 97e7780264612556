--- Does what a plan says: loads its packages, each group as one unit, dependencies first. Either
-- all of it or nothing: a first run over all that is to be loaded, up to the point where memory
-- would be taken, finds what is missing before anything has changed; what fails later is undone.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local group_of = require "moonlink.link.group"
local held = require "moonlink.link.held"
local inputs = require "moonlink.link.inputs"
local load = require "moonlink.link.load"
local options = require "moonlink.link.options"
local packages = require "moonlink.link.packages"
local shape = require "moonlink.plan"

local plan = {}

plan.is = shape.is

---@class moonlink.PlanLoadOptions: moonlink.Options
---@field atomic? boolean false: what came before a failure stays; true
---@field members? "all"|"wanted" of archives; "all"
---@field packages? "linker"|"own" where names of packages are seen

local OWN = {atomic = "boolean", members = "string", packages = "string"}
local VALUES = {members = {all = true, wanted = true}, packages = {linker = true, own = true}}

--- Sorts our options from those of a load.
local function split(given)
   local own, rest = {}, {}
   for name, value in pairs(given or {}) do
      if OWN[name] then
         if type(value) ~= OWN[name] or VALUES[name] and not VALUES[name][value] then
            errors.mistake("option '%s': %s is none of its values", name, tostring(value))
         end
         own[name] = value
      elseif name == "inputs" or name == "want" or math.type(name) == "integer" then
         errors.mistake "a plan says itself what is loaded"
      else
         rest[name] = value
      end
   end
   return own, rest
end

local function incomplete(what)
   local list = {}
   for i, each in ipairs(what.missing) do
      list[i] = errors.new {
         code = "noent", package = each.unit, symbol = each.library, tried = each.tried,
         message = ("package %s: library %s is missing (looked at %s)"):format(each.unit,
            each.library, each.tried[1] and table.concat(each.tried, ", ") or "no path"),
         hint = what.way:find "profiling" and each.role == "package"
            and "install the profiling libraries, or plan without way = \"profiling\""
            or "install it, or name its folder with search = {...} of the plan",
      }
   end
   local err = errors.new {errors = list, count = #list}
   for key, value in pairs(list[1]) do
      err[key] = value
   end
   return err
end

local function paths(unit)
   local list = {}
   for i, file in ipairs(unit.files) do
      list[i] = file.path
   end
   return list
end

--- What is loaded under this id is something else.
local function clash(entry, unit, what)
   local now, wanted = table.concat(entry.files, ", "), table.concat(paths(unit), ", ")
   if now == wanted then
      return nil
   end
   local how = entry.way ~= what.way and ("the way %s, the plan wants %s"):format(entry.way,
      what.way) or ("other files (%s), the plan wants %s"):format(now, wanted)
   return errors.new {
      code = "state", package = unit.id,
      message = ("package %s is loaded in %s"):format(unit.id, how),
      hint = "unload it first, or use a linker of its own",
   }
end

---@class moonlink.PlanGroup
---@field units moonlink.pkg.PlanUnit[] to be loaded
---@field ids string[] of all of the group

--- The groups that are not loaded yet.
local function to_do(linker, what)
   local by_id, groups = {}, {}
   for _, unit in ipairs(what.units) do
      by_id[unit.id] = unit
   end
   for _, ids in ipairs(what.groups) do
      local group = {units = {}, ids = ids}
      for _, id in ipairs(ids) do
         local entry = packages.get(linker, id)
         local err = entry and clash(entry, by_id[id], what)
         if err then
            return nil, err
         end
         group.units[#group.units + 1] = not entry and by_id[id] or nil
      end
      groups[#groups + 1] = group.units[1] and group or nil
   end
   return groups, by_id
end

--- Is some package there in two versions, in the plan or beside what is loaded?
local function has_versions(linker, what)
   local names = {}
   for _, unit in ipairs(what.units) do
      if names[unit.name] then
         return true
      end
      names[unit.name] = unit.id
   end
   for _, entry in ipairs(packages.all(linker)) do
      if names[entry.name] and names[entry.name] ~= entry.id then
         return true
      end
   end
   return false
end

--- The inputs of some units: in the order of a link line, dependants first, then what they need of
--- the system.
local function inputs_of(units, whole)
   local list, extra, roots, search = {}, {}, {}, {}
   for i = #units, 1, -1 do
      local unit = units[i]
      for _, file in ipairs(unit.files) do
         if file.role == "package" then
            list[#list + 1] = {path = file.path, whole = whole and file.kind == "archive"}
         else
            extra[#extra + 1] = {path = file.path, whole = false}
         end
      end
      table.move(unit.roots, 1, #unit.roots, #roots + 1, roots)
      table.move(unit.search, 1, #unit.search, #search + 1, search)
   end
   return table.move(extra, 1, #extra, #list + 1, list), roots, search
end

--- All units that some depend on, the nearest first, without themselves.
local function below(units, by_id)
   local seen, list = {}, {}
   for _, unit in ipairs(units) do
      seen[unit.id] = true
   end
   local at, todo = 1, table.move(units, 1, #units, 1, {})
   while todo[at] do
      for _, id in ipairs(todo[at].depends) do
         if not seen[id] then
            seen[id] = true
            list[#list + 1], todo[#todo + 1] = id, by_id[id]
         end
      end
      at = at + 1
   end
   return list
end

--- Places in a scope: see ML_SCOPE_MAX of the core.
local MAX_PLACES = 56

--- The scope of units that see what they depend on and nothing else of this linker.
local function scope_of(linker, group, by_id)
   local scope, seen = {}, {}
   for _, id in ipairs(below(group.units, by_id)) do
      local entry = packages.get(linker, id)
      local unit = entry and entry.unit
      if unit and not seen[unit] then
         seen[unit] = true
         scope[#scope + 1] = unit
      end
   end
   if #scope > MAX_PLACES then
      return nil, errors.new {
         code = "unsupported", package = group.units[1].id,
         message = ("package %s depends on %d others: too many for a scope of its own")
            :format(group.units[1].id, #scope),
         hint = 'load the plan with packages = "linker"',
      }
   end
   table.move({"archives", "process", "fallback"}, 1, 3, #scope + 1, scope)
   return scope
end

local function name_of(group)
   return #group.ids <= 3 and table.concat(group.ids, "+")
      or ("%s and %d more"):format(group.ids[#group.ids], #group.ids - 1)
end

--- Says of which package an error is.
local function blame(err, units)
   local owner
   for _, unit in ipairs(units) do
      for _, file in ipairs(unit.files) do
         owner = owner or err.file == file.path and unit or nil
      end
   end
   owner = owner or units[2] == nil and units[1] or nil
   if owner and type(err) == "table" then
      err.package = owner.id
      local text = ("package %s: %s"):format(owner.id, err.message)
      err.message = text
      if err.errors and err.errors[1] and err.errors[1] ~= err then
         err.errors[1].message = text
      end
   end
   return err
end

--- Would it all load, as far as names and files are concerned? Nothing stays.
local function rehearse(linker, groups, own, rest)
   local units = {}
   for _, group in ipairs(groups) do
      table.move(group.units, 1, #group.units, #units + 1, units)
   end
   local list, roots, search = inputs_of(units, own.members ~= "wanted")
   local merged = options.merge(linker.options, rest)
   merged.roots, merged.search = roots, search
   if type(merged.bind) == "function" then
      merged.bind = "lazy" -- it is asked when a group is loaded; here it may allow all
   end
   if own.packages == "own" then
      merged.duplicate, merged.weak = "last", "own"
   end
   local run <close> = load.begin(linker, merged)
   local ok, err = load.run(run, inputs.parse(list), "names")
   if not ok then
      return nil, blame(err, units)
   end
   return true
end

--- The shared libraries among the files of a unit, as far as they are no linker scripts.
local function libraries_of(unit, into, seen)
   for _, file in ipairs(unit.files) do
      if not seen[file.path] and core.kind(file.path) == "shared" then
         seen[file.path] = true
         into[#into + 1] = file.path
      end
   end
end

--- Shared libraries of packages see each other, those that they depend on, and the system's ones
-- that the packages name, whatever they say themselves: they are opened through a library that
-- needs all of them. Takes them out of the list; gives the file to be removed, or nil and an error.
local function open_together(linker, group, by_id, list)
   local libraries, seen, kept = {}, {}, {}
   for i = #group.units, 1, -1 do
      libraries_of(group.units[i], libraries, seen)
   end
   for _, input in ipairs(list) do
      kept[#kept + 1] = not seen[input.path] and input or nil
   end
   for _, id in ipairs(below(group.units, by_id)) do
      libraries_of(by_id[id], libraries, seen)
   end
   local file, err = group_of.file(libraries, linker.keeper and linker.keeper.defines)
   if not file then
      return nil, err
   end
   table.insert(kept, 1, {path = file.path})
   return kept, file
end

local function has_shared(group)
   for _, unit in ipairs(group.units) do
      for _, file in ipairs(unit.files) do
         if file.role == "package" and file.kind == "shared" then
            return true
         end
      end
   end
   return false
end

local function enter(linker, group, unit, what, own)
   local entries = {}
   for i, each in ipairs(group.units) do
      entries[i] = packages.enter(linker, {
         id = each.id, name = each.name, version = each.version, database = each.database,
         depends = table.move(each.depends, 1, #each.depends, 1, {}), kind = what.kind,
         way = what.way, files = paths(each), unit = unit, group = group.ids,
         has_libraries = has_shared(group),
         scoped = own.packages == "own",
      })
   end
   return entries
end

--- Loads one group.
local function load_group(linker, group, by_id, what, own, rest)
   local list, roots, search = inputs_of(group.units, own.members ~= "wanted")
   local together
   if has_shared(group) then
      roots = {}
      list, together = open_together(linker, group, by_id, list)
      if not list then
         return nil, together
      end
   end
   for name, value in pairs(rest) do
      list[name] = value
   end
   list.roots, list.search, list.name = roots, search, name_of(group)
   if own.packages == "own" then
      local scope, err = scope_of(linker, group, by_id)
      if not scope then
         return nil, err
      end
      list.scope, list.duplicate, list.weak = scope, "last", "own"
   end
   local unit, err = linker:load(list)
   if together then
      together.remove()
   end
   if not unit then
      return nil, blame(err, group.units)
   end
   enter(linker, group, unit, what, own)
   return unit
end

--- Takes back the units of a load that failed, the latest first.
local function take_back(linker, done)
   for i = #done, 1, -1 do
      local unit, group = done[i].unit, done[i].group
      if unit:alive() and not unit:unload() then
         unit:unload "force"
      end
      for _, each in ipairs(group.units) do
         packages.forget(linker, each.id)
      end
   end
end

--- Loads what of a plan is not loaded yet.
---@param linker moonlink.Linker
---@param what moonlink.pkg.Plan
---@param given? moonlink.PlanLoadOptions
---@return moonlink.LoadedPlan?
---@return moonlink.Error? err with `package`; and `kept`, a moonlink.LoadedPlan of what came
---  before, when atomic is false
function plan.load(linker, what, given)
   local why = shape.problem(what)
   if why then
      errors.mistake("no plan that can be loaded: %s", why)
   end
   local own, rest = split(given)
   options.merge(linker.options, rest)
   if what.missing[1] and own.atomic ~= false then
      return nil, incomplete(what)
   end
   own.packages = own.packages or has_versions(linker, what) and "own" or "linker"
   local groups, by_id = to_do(linker, what)
   if not groups then
      return nil, by_id
   end
   local done, ok, err = {}, true, nil
   if own.atomic ~= false and #groups > 1 and what.kind ~= "shared" then
      ok, err = rehearse(linker, groups, own, rest)
   end
   for _, group in ipairs(ok and groups or {}) do
      local unit
      unit, err = load_group(linker, group, by_id, what, own, rest)
      if not unit then
         break
      end
      done[#done + 1] = {unit = unit, group = group}
   end
   if err and own.atomic ~= false then
      take_back(linker, done)
      return nil, err
   elseif err then
      err.kept = held.new(linker, what, done)
      return nil, err
   end
   return held.new(linker, what, done)
end

return plan
