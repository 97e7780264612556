--- Taking packages out, and changing what is said of them: plans only, as register.lua.
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local lists = require "moonlink.lists"
local register = require "moonlink.pkg.register"

local unregister = {}

---@class moonlink.pkg.Selected what pkg.select gives, or
---@field word? string what the user wrote
---@field shown? string
---@field matches fun(p: moonlink.pkg.Package): boolean

--- The first database with a package that is meant, and all those of it.
local function find(databases, matches, gone)
   for _, db in ipairs(databases) do
      local found = {}
      for _, p in ipairs(db.packages) do
         found[#found + 1] = not gone[p] and matches(p) and p or nil
      end
      if found[1] then
         return db, found
      end
   end
end

local function plan_of(plans, order, db)
   if not plans[db] then
      plans[db] = {target = db, good = true, findings = {}, put = {}, remove = {}, breaks = {}}
      order[#order + 1] = plans[db]
   end
   return plans[db]
end

--- The name of a package in a message: with its unit id when its version is there several times.
---@param p moonlink.pkg.Package
---@param all moonlink.pkg.Package[]
---@return string
function unregister.qualified(p, all)
   local id, n = ids.package(p), 0
   for _, each in ipairs(all) do
      n = n + (each.name == p.name and ids.package(each) == id and 1 or 0)
   end
   return n == 1 and id or id .. "@" .. ids.unit(p)
end

--- Plans to remove packages, all at once: what is removed along with them cannot break.
---@param whole moonlink.pkg.Database[] the stack, topmost first
---@param databases moonlink.pkg.Database[] where to look, in this order
---@param wanted moonlink.pkg.Selected[]
---@return moonlink.pkg.Plan[]? nil when a package is not found
---@return moonlink.pkg.Package[]|string breaks of all plans, or the word that was not found
function unregister.plan(whole, databases, wanted)
   local gone, plans, order = {}, {}, {}
   for _, each in ipairs(wanted) do
      local db, found = find(databases, each.matches, gone)
      if not db then
         return nil, each.word or each.shown
      end
      local plan = plan_of(plans, order, db)
      for _, p in ipairs(found) do
         gone[p] = true
         plan.remove[#plan.remove + 1] = p
      end
   end
   local before, after = index.packages(whole), {}
   for _, p in ipairs(before) do
      after[#after + 1] = not gone[p] and p or nil
   end
   return order, register.newly_broken(before, after)
end

--- Plans to set a field of packages.
---@param databases moonlink.pkg.Database[] where to look, in this order
---@param wanted moonlink.pkg.Selected[]
---@param field "exposed"|"trusted"
---@param value boolean
---@return moonlink.pkg.Plan[]? nil when a package is not found
---@return string? word that was not found
function unregister.set(databases, wanted, field, value)
   local changed, plans, order = {}, {}, {}
   for _, each in ipairs(wanted) do
      local db, found = find(databases, each.matches, {})
      if not db then
         return nil, each.word
      end
      local plan = plan_of(plans, order, db)
      plan.field = field
      for _, p in ipairs(found) do
         if not changed[p] then
            local copy = lists.copy(p)
            copy[field] = value
            changed[p] = true
            plan.remove[#plan.remove + 1] = p
            plan.put[#plan.put + 1] = copy
         end
      end
   end
   return order
end

return unregister
