--- Reloading: a new version of a unit takes the place of the old one, or nothing changes.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local inputs = require "moonlink.link.inputs"
local load = require "moonlink.link.load"
local opts = require "moonlink.link.options"
local result = require "moonlink.link.result"
local unload = require "moonlink.link.unload"

local reload = {}

---@class moonlink.ReloadOptions
---@field inputs? string|table what to load instead of what was loaded before: as ln:load
---@field bytes? string contents, in place of a file
---@field on_upgrade? fun(old: moonlink.LoadedUnit, new: moonlink.LoadedUnit) called when both
---  versions are there, after variables were carried over and before anybody uses the new one
---@field strict? boolean a variable whose value cannot be carried over is an error
---@field carry? boolean false: all variables start afresh

---@class moonlink.ReloadReport
---@field version integer
---@field carried string[] variables that kept their values
---@field fresh moonlink.core.Carried[] those that did not, each with `why`

local KNOWN = {inputs = "string or table", bytes = "string", on_upgrade = "function",
               strict = "boolean", carry = "boolean"}

local function new_list(unit, options)
   if options.bytes then
      return inputs.parse({{bytes = options.bytes, name = unit.name}})
   elseif options.inputs then
      local list = options.inputs
      return inputs.parse(type(list) == "table" and (list.path or list.bytes) and {list} or list,
         unit.options.whole_archive)
   end
   return unit.list
end

--- Variables that kept their values, and those that did not.
local function sort_out(carried)
   local report = {carried = {}, fresh = {}}
   for _, each in ipairs(carried) do
      if each.why then
         table.insert(report.fresh, each)
      else
         table.insert(report.carried, each.name)
      end
   end
   return report
end

--- The first value that would be lost without anybody having said so.
local function lost(unit, report)
   for _, each in ipairs(report.fresh) do
      if not each.why:find "constructor" then
         local size = each.new_size ~= each.old_size and each.new_size > 0
            and (" (from %d to %d bytes)"):format(each.old_size, each.new_size) or ""
         return errors.new {
            code = "state", file = each.file, symbol = each.name,
            message = ("reload of '%s': '%s' cannot keep its value: %s%s"):format(unit.name,
               each.name, each.why, size),
            hint = "provide on_upgrade(old, new), or reload without strict",
         }
      end
   end
end

--- Values go over, then the user's own code runs. Returns the report, or nil and an error.
local function upgrade(unit, new, options)
   local carried, err = {}, nil
   if options.carry ~= false then
      carried, err = unit.core:carry(new.core)
   end
   if not carried then
      return nil, err
   end
   local report = sort_out(carried)
   if options.on_upgrade then
      local ok, raised = pcall(options.on_upgrade, unit, new)
      if not ok then
         return nil, errors.is(raised) and raised or errors.new {
            code = "policy", file = unit.name,
            message = ("reload of '%s': on_upgrade: %s"):format(unit.name, tostring(raised)),
         }
      end
   elseif options.strict then
      err = lost(unit, report)
      if err then
         return nil, err
      end
   end
   return report
end

--- Ends the new version, unless it has taken the old one's place.
local guard = {
   __close = function(self)
      if self.new then
         self.new:discard()
         call.forget(self.linker, "dead")
      end
   end,
}

--- Puts the new version in the place of the old one. Returns the report, or nil and an error.
local function exchange(unit, new, options)
   local pending <close> = setmetatable({new = new.core, linker = unit.linker}, guard)
   local report, err = upgrade(unit, new, options)
   if not report then
      return nil, err
   end
   local ok
   ok, err = unit.core:replace(new.core)
   if not ok then
      return nil, err
   end
   pending.new = nil
   return report
end

--- See methods:reload in unit.lua.
---@param unit moonlink.LoadedUnit
---@param options? moonlink.ReloadOptions
---@return moonlink.LoadedUnit?
---@return moonlink.ReloadReport|moonlink.Error
function reload.run(unit, options)
   options = given.options(options, KNOWN, "reload")
   if not unit:alive() or unit.orphaned then
      errors.mistake("%s was unloaded", unit.name)
   end
   local kept = unload.kept(unit, "reload")
   if kept then
      return nil, kept
   end
   local list = new_list(unit, options)
   local run <close> = load.begin(unit.linker, opts.merge(unit.options, {replace = unit.core}))
   local ok, err = load.run(run, list)
   local new = ok
   if ok then
      new, err = result.unit(unit.linker, run, unit.name)
   end
   local report = new
   if new then
      report, err = exchange(unit, new, options)
   end
   if not report then
      return nil, err
   end
   unit.list, unit.stats, unit.anchors = list, new.stats, new.anchors
   unit.warnings = new.warnings
   unit.version = unit.version + 1
   call.forget(unit.linker, unit.core) -- what the new version lacks may come back with another
   report.version = unit.version
   return unit, report
end

return reload
