--- What can be wrong with a plan that is to be loaded, and whose an error of its load is.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local shape = require "moonlink.plan"

local plan_errors = {}

--- The error for all that is missing; of one group, when that is given.
---@param what moonlink.pkg.Plan
---@param group? moonlink.PlanGroup
---@return moonlink.Error? nil when nothing is
function plan_errors.incomplete(what, group)
   local list, is_ours = {}, {}
   for _, id in ipairs(group and group.ids or {}) do
      is_ours[id] = true
   end
   for _, each in ipairs(what.missing) do
      if not group or is_ours[each.unit] then
         list[#list + 1] = shape.missing_error(what, each)
      end
   end
   return list[1] and errors.joined(list, #list) or nil
end

--- What only one of two lists has, in words.
local function others(list, without)
   local has, found = {}, {}
   for _, item in ipairs(without) do
      has[item] = true
   end
   for _, item in ipairs(list) do
      found[#found + 1] = not has[item] and item or nil
   end
   return found[1] and table.concat(found, ", ") or "no other file"
end

--- What is loaded under this id is something else.
---@param entry moonlink.LoadedPackage
---@param unit moonlink.pkg.PlanUnit
---@param what moonlink.pkg.Plan
---@return moonlink.Error? nil when it is the same
function plan_errors.clash(entry, unit, what)
   local wanted = shape.paths(unit)
   if table.concat(entry.files, "\0") == table.concat(wanted, "\0") then
      return nil
   end
   local how = entry.way ~= what.way and ("in the way %s, the plan wants %s"):format(entry.way,
      what.way) or ("from other files (%s; the plan wants %s)"):format(
      others(entry.files, wanted), others(wanted, entry.files))
   return errors.new {
      code = "state", package = unit.id,
      message = ("package %s is loaded %s"):format(unit.id, how),
      hint = "unload it first, or use a linker of its own",
   }
end

--- Says of which package an error is.
---@param err moonlink.Error of a load; changed
---@param units moonlink.pkg.PlanUnit[] that it was to load
---@return moonlink.Error
function plan_errors.blame(err, units)
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

return plan_errors
