--- After a package was installed anew: finds who still depends on the unit that is gone, and plans
-- to have them depend on the one that took its place. Plans only, as register.lua.
-- A dependant whose code was built against another interface must still be built again: this mends
-- what databases say, which is all there is to do when the interface has not changed.
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local lists = require "moonlink.lists"
local register = require "moonlink.pkg.register"
local version = require "moonlink.pkg.version"

local refresh = {}

--- Name and version that a unit id was made of: "foo-bar-1.2" of "foo-bar-1.2-Hash-lib".
---@param unit string
---@return string name the unit id itself when it holds no version
---@return string version "" when there is none
function refresh.origin(unit)
   local from = 1
   while true do
      local first, last, numbers = unit:find("%-(%d[%d.]*)", from)
      if not first then
         return unit, ""
      end
      local behind = unit:sub(last + 1, last + 1)
      if (behind == "" or behind == "-") and version.parse(numbers) then
         return unit:sub(1, first - 1), numbers
      end
      from = first + 1
   end
end

---@class moonlink.pkg.Mended
---@field package moonlink.pkg.Package
---@field old string unit id that is not there
---@field new? string its successor; nil when that is not certain
---@field candidates string[] units of that name

--- Units by package name, of databases, each once.
local function names_of(databases)
   local by_name, seen = {}, {}
   for _, db in ipairs(databases) do
      for _, p in ipairs(db.packages) do
         local unit = ids.unit(p)
         if not seen[unit] then
            seen[unit] = true
            by_name[p.name] = by_name[p.name] or {}
            table.insert(by_name[p.name], p)
         end
      end
   end
   return by_name, seen
end

local function units_of(packages)
   local units = {}
   for i, p in ipairs(packages) do
      units[i] = ids.unit(p)
   end
   table.sort(units)
   return units
end

--- The one unit of the same version, else the one unit of the same name.
local function successor(old, p, by_name)
   local name, numbers = refresh.origin(old)
   local same_name, same_version = {}, {}
   for _, each in ipairs(by_name[name] or {}) do
      if ids.unit(each) ~= ids.unit(p) then
         same_name[#same_name + 1] = each
         same_version[#same_version + 1] = (each.version or "") == numbers and each or nil
      end
   end
   local choice = same_version[1] and same_version or same_name
   return not choice[2] and choice[1] or nil, units_of(choice)
end

--- Replaces unit ids in the fields that hold them.
local function rewritten(p, news, abis)
   local copy = lists.copy(p)
   copy.depends, copy.abi_depends, copy.exposed_modules = {}, {}, {}
   local seen = {}
   for _, id in ipairs(p.depends or {}) do
      local new = news[id] or id
      if not seen[new] or not news[id] then
         copy.depends[#copy.depends + 1] = new
      end
      seen[new] = true
   end
   for _, item in ipairs(p.abi_depends or {}) do
      local new = news[item:match "^(.*)="]
      table.insert(copy.abi_depends, new and abis[new] and new .. "=" .. abis[new] or item)
   end
   for i, item in ipairs(p.exposed_modules or {}) do
      local name, unit, module = item:match "^(%S+) from (.+):([^:]+)$"
      copy.exposed_modules[i] = news[unit] and ("%s from %s:%s"):format(name, news[unit], module)
         or item
   end
   return copy
end

--- What one package depends on that is not there.
local function mend(p, by_name, units)
   local news, abis, mended = {}, {}, {}
   for _, old in ipairs(p.depends or {}) do
      if not units[old] and not news[old] then
         local new, candidates = successor(old, p, by_name)
         mended[#mended + 1] = {
            package = p, old = old, new = new and ids.unit(new), candidates = candidates,
         }
         if new then
            news[old] = ids.unit(new)
            abis[news[old]] = new.abi
         end
      end
   end
   return mended, next(news) and rewritten(p, news, abis)
end

--- Plans to mend the packages of some databases.
---@param whole moonlink.pkg.Database[] the stack, topmost first
---@param databases moonlink.pkg.Database[] those that may be changed
---@return moonlink.pkg.Plan[]
---@return moonlink.pkg.Mended[] what is mended, and what cannot be
function refresh.plan(whole, databases)
   local plans, all = {}, {}
   for _, db in ipairs(databases) do
      local by_name, units = names_of(register.up_to(whole, db))
      local plan = {target = db, good = true, findings = {}, put = {}, remove = {}, breaks = {}}
      for _, p in ipairs(index.sorted(db.packages)) do
         local mended, new = mend(p, by_name, units)
         table.move(mended, 1, #mended, #all + 1, all)
         if new then
            plan.remove[#plan.remove + 1] = p
            plan.put[#plan.put + 1] = new
         end
      end
      plans[#plans + 1] = plan.put[1] and plan or nil
   end
   return plans, all
end

return refresh
