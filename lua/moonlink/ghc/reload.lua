--- A new version of a Haskell module takes the place of the old one.
-- Static closures are no variables whose values could be carried over, and the heap may refer to
-- the old code at any time: the old version stays mapped until the runtime ends, only its names go.
-- Modules that use it are loaded again from their files, in the order in which they were loaded.
-- SPDX-License-Identifier: MIT

local below = require "moonlink.ghc.below"
local errors = require "moonlink.error"
local functions = require "moonlink.ghc.functions"
local inputs = require "moonlink.link.inputs"
local lists = require "moonlink.lists"

local reload = {}

local function unit_users(unit)
   local list = {}
   for _, user in ipairs(unit:users()) do
      if user.kind == "unit" and user.unit then
         list[#list + 1] = user
      end
   end
   return list
end

--- Inputs of a unit as a load takes them.
local function again(list)
   local out = {}
   for i, input in ipairs(list) do
      out[i] = lists.copy(input)
      out[i].edits = nil
      for key, value in pairs(input.edits or {}) do
         out[i][key] = value
      end
   end
   return out
end

--- The unit's users, others that are to be replaced, the users of both, and so on, in the order of
--- loading.
local function dependants(hs, unit, others)
   local found, queue = {}, {unit}
   for other in pairs(others) do
      found[other] = true
      queue[#queue + 1] = other
   end
   for _, u in ipairs(queue) do
      for _, user in ipairs(unit_users(u)) do
         if not found[user.unit] and user.unit ~= unit then
            found[user.unit] = true
            queue[#queue + 1] = user.unit
         end
      end
   end
   local list = {}
   for _, u in ipairs(hs.linker:units()) do
      list[#list + 1] = found[u] and u or nil
   end
   return list
end

--- Not names that the linker itself gives, such as _GLOBAL_OFFSET_TABLE_: those have no input.
local function defined_by_old(steps, name)
   for _, step in ipairs(steps) do
      local symbol = step.old:symbol(name)
      if symbol and symbol.input then
         return true
      end
   end
   return false
end

--- Names that a step wants, that only old versions have.
local function missing_in(step, steps, defined)
   local missing = {}
   for name in pairs(step.names.wanted) do
      if not defined[name] and defined_by_old(steps, name) then
         missing[#missing + 1] = name
      end
   end
   table.sort(missing)
   return missing
end

--- Names that users take from an old version and no new one has: an error, or nil.
local function lacking(steps)
   local defined = {}
   for _, step in ipairs(steps) do
      step.names = below.names(step.list)
      if not step.names then
         return nil -- loading says what is wrong with them
      end
      for name in pairs(step.names.defined) do
         defined[name] = true
      end
   end
   for _, step in ipairs(steps) do
      local missing = missing_in(step, steps, defined)
      if missing[1] then
         return errors.new {
            code = "state", file = steps[1].old.name, symbol = missing[1], names = missing,
            message = ("reload of %s refused: %s uses %s, which the new version lacks"):format(
               steps[1].old.name, step.old.name, table.concat(missing, ", ")),
            hint = ("compile %s again, too: it is loaded again from its file"):format(
               step.old.name),
         }
      end
   end
end

local function withdraw(units)
   for i = #units, 1, -1 do
      units[i]:unload "orphan"
   end
end

--- Loads new versions, each in a step of its own; all of them or none stay.
local function load_all(hs, steps)
   local new = {}
   for i, step in ipairs(steps) do
      local unit, err = hs:load {
         inputs = again(step.list), duplicate = "last", name = step.old.name,
      }
      if not unit then
         withdraw(new)
         return nil, err
      end
      new[i] = unit
   end
   return new
end

local function check(hs, what, more)
   if what ~= nil and type(what) ~= "string" and type(what) ~= "table" then
      errors.mistake("a path or a table of inputs expected, got %s", type(what))
   elseif more ~= nil and type(more) ~= "table" then
      errors.mistake("a table of inputs by unit expected, got %s", type(more))
   end
   local units = hs.linker:units()
   for unit, list in pairs(more or {}) do
      if not lists.contains(units, unit) then
         errors.mistake("%s is no unit of this runtime", tostring(unit))
      elseif type(list) ~= "table" then
         errors.mistake("%s: a table of inputs expected, got %s", tostring(unit), type(list))
      end
   end
end

--- See Runtime:reload.
---@param hs moonlink.ghc.Runtime
---@param unit moonlink.LoadedUnit
---@param what? string|table
---@param more? table<moonlink.LoadedUnit, table>
---@return moonlink.LoadedUnit?
---@return moonlink.Error|moonlink.LoadedUnit[]
function reload.run(hs, unit, what, more)
   check(hs, what, more)
   local list = what and inputs.parse(type(what) == "string" and {what} or what) or unit.list
   local steps = {{old = unit, list = list}}
   for _, user in ipairs(dependants(hs, unit, more or {})) do
      local fresh = more and more[user]
      steps[#steps + 1] = {old = user, list = fresh and inputs.parse(fresh) or user.list}
   end
   local err = lacking(steps)
   if err then
      return nil, err
   end
   local new
   new, err = load_all(hs, steps)
   if not new then
      return nil, err
   end
   local stale = functions.of(hs, steps)
   new.of = {}
   for i, step in ipairs(steps) do
      new.of[step.old] = new[i]
      step.old:unload "orphan"
      new[i].version = step.old.version + 1
      for _, package in pairs(hs.linker.loaded or {}) do
         package.unit = package.unit == step.old and new[i] or package.unit
      end
   end
   functions.rebind(hs, stale)
   return new[1], new
end

return reload
