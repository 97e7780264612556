--- Does what a plan says: loads its packages, each group as one unit, dependencies first. Either
-- all of it or nothing: a first run over all that is to be loaded, up to the point where memory
-- would be taken, finds what is missing before anything has changed; what fails later is undone.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local group_of = require "moonlink.link.group"
local held = require "moonlink.link.held"
local inputs = require "moonlink.link.inputs"
local lists = require "moonlink.lists"
local load = require "moonlink.link.load"
local options = require "moonlink.link.options"
local packages = require "moonlink.link.packages"
local plan_errors = require "moonlink.link.plan_errors"
local shape = require "moonlink.plan"

local plan = {}

plan.is = shape.is

---@class moonlink.PlanLoadOptions: moonlink.Options
---@field atomic? boolean false: what came before a failure stays; true
---@field members? "all"|"wanted" of archives; "all"
---@field packages? "linker"|"own" where names of packages are seen

local OWN = {atomic = true, members = true, packages = true}
local VALUES = {members = {all = true, wanted = true}, packages = {linker = true, own = true}}
--- Options of a load that a plan has in its place, and those that packages of their own have.
local SAID = {inputs = true, want = true, roots = true, name = true}
local SCOPED = {"scope", "duplicate", "weak"}

--- Sorts our options from those of a load.
local function split(given)
   for name in next, type(given) == "table" and given or {} do
      if SAID[name] or math.type(name) == "integer" then
         errors.mistake("option '%s': a plan says itself what is loaded", tostring(name))
      end
   end
   local own, rest = {}, {}
   for name, value in next, options.check(given, "plan") do
      if VALUES[name] and not VALUES[name][value] then
         errors.mistake("option '%s': '%s' is none of its values", name, value)
      end
      (OWN[name] and own or rest)[name] = value
   end
   return own, rest
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
         local err = entry and plan_errors.clash(entry, by_id[id], what)
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

--- The inputs of some units, then what they need of the system; roots; folders, with those of the
--- load behind them.
local function inputs_of(units, own, rest)
   local line, list = shape.line(units), {}
   for i, file in ipairs(line.libraries) do
      list[i] = {path = file.path, whole = own.members ~= "wanted" and file.kind == "archive"}
   end
   for _, file in ipairs(line.extra) do
      list[#list + 1] = {path = file.path, whole = false}
   end
   return list, line.roots, lists.append(line.search, rest.search or {})
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

--- Would it all load, as far as names and files are concerned? Nothing stays.
local function rehearse(linker, groups, own, rest)
   local units = {}
   for _, group in ipairs(groups) do
      table.move(group.units, 1, #group.units, #units + 1, units)
   end
   local list, roots, search = inputs_of(units, own, rest)
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
      return nil, plan_errors.blame(err, units)
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

local function has_libraries(group)
   for _, unit in ipairs(group.units) do
      if shape.has_libraries(unit) then
         return true
      end
   end
   return false
end

--- Loads one group.
local function load_group(linker, group, by_id, what, own, rest)
   local list, roots, search = inputs_of(group.units, own, rest)
   local together
   if has_libraries(group) then
      roots = {}
      list, together = open_together(linker, group, by_id, list)
      if not list then
         return nil, together
      end
   end
   lists.assign(list, rest)
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
      return nil, plan_errors.blame(err, group.units)
   end
   for _, each in ipairs(group.units) do
      packages.enter(linker, what, each, {
         unit = unit, group = group.ids, scoped = own.packages == "own",
      })
   end
   return unit
end

--- Takes back the units of a load that failed, the latest first. Where somebody keeps the memory of
--- units (a Haskell runtime), only their names go.
local function take_back(linker, done)
   for i = #done, 1, -1 do
      local unit, group = done[i].unit, done[i].group
      local _ = not unit:alive() or unit:unload() or unit:unload "force" or unit:unload "orphan"
      for _, each in ipairs(group.units) do
         packages.forget(linker, each.id)
      end
   end
end

--- Raises when options stand behind what is no plan.
---@param how any
function plan.refuse_options(how)
   if how ~= nil then
      errors.mistake 'options stand among the inputs: ln:load {"foo.o", bind = "lazy"}'
   end
end

--- Decides where names of packages are seen, unless the caller has.
local function set_scope(linker, what, own, rest)
   own.packages = own.packages or has_versions(linker, what) and "own" or "linker"
   for _, name in ipairs(own.packages == "own" and SCOPED or {}) do
      if rest[name] ~= nil then
         errors.mistake("option '%s': packages that see their dependencies alone have their own",
            name)
      end
   end
end

--- Loads groups up to the first that fails; gives what was loaded, and the error.
local function load_groups(linker, groups, by_id, what, own, rest)
   local done = {}
   for _, group in ipairs(groups) do
      local err, unit = plan_errors.incomplete(what, group), nil
      if not err then
         unit, err = load_group(linker, group, by_id, what, own, rest)
      end
      if not unit then
         return done, err
      end
      done[#done + 1] = {unit = unit, group = group}
   end
   return done
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
   local atomic = own.atomic ~= false
   if what.missing[1] and atomic then
      return nil, plan_errors.incomplete(what)
   end
   set_scope(linker, what, own, rest)
   local groups, by_id = to_do(linker, what)
   if not groups then
      return nil, by_id
   end
   if atomic and #groups > 1 and what.kind ~= "shared" then
      local ok, err = rehearse(linker, groups, own, rest)
      if not ok then
         return nil, err
      end
   end
   local done, err = load_groups(linker, groups, by_id, what, own, rest)
   if not err then
      return held.new(linker, what, done)
   elseif atomic then
      take_back(linker, done)
   else
      err.kept = held.new(linker, what, done)
   end
   return nil, err
end

return plan
