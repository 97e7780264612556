--- A plan that was loaded: it holds its packages, and lets go of them again.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local packages = require "moonlink.link.packages"

local held = {}

---@class moonlink.LoadedPlan
---@field linker moonlink.Linker
---@field packages moonlink.LoadedPackage[] all of the plan, dependencies first
---@field loaded string[] ids of those that this load brought
---@field units moonlink.LoadedUnit[] that this load brought
---@field released boolean it holds nothing any more
local methods = {}

local metatable = {
   __name = "moonlink.LoadedPlan", __index = methods,
   __tostring = function(self)
      return ("moonlink plan of %d packages%s"):format(#self.packages,
         self.released and " (unloaded)" or "")
   end,
}

--- A plan whose packages are loaded; each is held once more.
---@param linker moonlink.Linker
---@param what moonlink.pkg.Plan
---@param done {unit: moonlink.LoadedUnit, group: moonlink.PlanGroup}[] what this load brought
---@return moonlink.LoadedPlan
function held.new(linker, what, done)
   local self = setmetatable({linker = linker, packages = {}, loaded = {}, units = {},
      released = false}, metatable)
   for _, unit in ipairs(what.units) do
      local entry = packages.get(linker, unit.id)
      if entry then
         entry.count = entry.count + 1
         self.packages[#self.packages + 1] = entry
      end
   end
   for _, each in ipairs(done) do
      self.units[#self.units + 1] = each.unit
      for _, unit in ipairs(each.group.units) do
         self.loaded[#self.loaded + 1] = unit.id
      end
   end
   return self
end

--- The units that go when this plan lets go of its packages, dependants first.
local function leaving(self)
   local list, seen, stays = {}, {}, {}
   for _, entry in ipairs(packages.all(self.linker)) do
      local ours = false
      for _, each in ipairs(self.packages) do
         ours = ours or each == entry
      end
      if entry.count > (ours and 1 or 0) then
         stays[entry.unit] = true
      end
   end
   local order = table.move(self.packages, 1, #self.packages, 1, {})
   table.sort(order, function(a, b) return a.order > b.order end)
   for _, entry in ipairs(order) do
      local unit = entry.unit
      if not stays[unit] and not seen[unit] and unit:alive() then
         seen[unit] = true
         list[#list + 1] = unit
      end
   end
   return list, seen
end

--- A unit that would go and that somebody uses who would not; asked before anything goes.
local function used(list, going)
   for _, unit in ipairs(list) do
      for _, user in ipairs(unit:users()) do
         if user.kind ~= "unit" or not going[user.unit] then
            return unit, user.kind
         end
      end
   end
end

--- The same; functions that nobody has any more are collected first.
local function in_use(linker, list, going)
   local unit, kind = used(list, going)
   if kind == "function" then
      call.forget(linker, "all")
      collectgarbage()
      unit = used(list, going)
   end
   return unit
end

--- Lets go of the packages: those that no other plan holds are unloaded, dependants first. Refused,
--- with nothing changed, while somebody uses one of them; `how` as for unit:unload.
---@param how? string|table
---@return boolean?
---@return moonlink.Error? err
function methods:unload(how)
   if self.released then
      errors.mistake "the plan was unloaded"
   end
   local list, going = leaving(self)
   local first = (how == nil or how == "refuse") and in_use(self.linker, list, going)
   if first then
      return first:unload()
   end
   for i, unit in ipairs(list) do
      if unit:alive() then
         local ok, err = unit:unload(how)
         if not ok then
            err.unloaded = i - 1
            return nil, err
         end
      end
   end
   for _, entry in ipairs(self.packages) do
      entry.count = entry.count - 1
      packages.get(self.linker, entry.id) -- forgets one that has gone
   end
   self.released = true
   return true
end

--- One of the plan's packages, by unit id, name-version or name.
---@param name string
---@return moonlink.LoadedPackage?
function methods:package(name)
   for i = #self.packages, 1, -1 do
      local entry = self.packages[i]
      if entry.id == name or entry.name == name or entry.name .. "-" .. entry.version == name then
         return entry
      end
   end
end

given.methods(methods, metatable, "loaded")

return held
