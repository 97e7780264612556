--- What is in a stack of databases, by unit id and by name: built once per command, and kept right
--- while a change of many packages is planned.
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"
local version = require "moonlink.pkg.version"

local index = {}

---@class moonlink.pkg.Index
---@field units table<string, moonlink.pkg.Package[]> by unit id
---@field installed table<string, moonlink.pkg.Package[]> by `name-version` in lower case: those of
---   the first database
---@field gone table<moonlink.pkg.Package, true> what was taken out
---@field added moonlink.pkg.Package[]
---@field databases {packages: moonlink.pkg.Package[]}[]
local methods = {}
local metatable = {__index = methods}

local function put(map, key, p)
   local list = map[key]
   if list then
      list[#list + 1] = p
   else
      map[key] = {p}
   end
end

local function take(map, key, p)
   local list = map[key] or {}
   for i, each in ipairs(list) do
      if each == p then
         table.remove(list, i)
         break
      end
   end
   if not list[1] then
      map[key] = nil
   end
end

local function name_version_unit(p)
   return ("%s\0%s\0%s"):format(p.name, version.key(p.version or ""), ids.unit(p))
end

--- Packages by name, version and unit id, so that what is printed does not depend on how a database
--- is laid out. Equal ones stay in their order.
---@param packages moonlink.pkg.Package[]
---@param key_of? fun(p: moonlink.pkg.Package): string another text to sort by
---@return moonlink.pkg.Package[] new
function index.sorted(packages, key_of)
   key_of = key_of or name_version_unit
   local keys, by_key, out = {}, {}, {}
   for i, p in ipairs(packages) do
      local key = ("%s\0%09d"):format(key_of(p), i)
      keys[i], by_key[key] = key, p
   end
   table.sort(keys)
   for i, key in ipairs(keys) do
      out[i] = by_key[key]
   end
   return out
end

--- All packages of several databases, in their order.
---@param databases {packages: moonlink.pkg.Package[]}[]
---@return moonlink.pkg.Package[] new
function index.packages(databases)
   local all = {}
   for _, db in ipairs(databases) do
      table.move(db.packages, 1, #db.packages, #all + 1, all)
   end
   return all
end

---@param databases {packages: moonlink.pkg.Package[]}[] topmost first; the first one is changed
---@return moonlink.pkg.Index
function index.new(databases)
   local self = {units = {}, installed = {}, gone = {}, added = {}, databases = databases}
   for i, db in ipairs(databases) do
      for _, p in ipairs(db.packages) do
         put(self.units, ids.unit(p), p)
         if i == 1 then
            put(self.installed, ids.package(p):lower(), p)
         end
      end
   end
   return setmetatable(self, metatable)
end

--- Puts a package into the first database.
---@param p moonlink.pkg.Package
function methods:add(p)
   put(self.units, ids.unit(p), p)
   put(self.installed, ids.package(p):lower(), p)
   self.added[#self.added + 1] = p
end

--- Takes a package out of the database that it is in.
---@param p moonlink.pkg.Package
function methods:remove(p)
   take(self.units, ids.unit(p), p)
   take(self.installed, ids.package(p):lower(), p)
   self.gone[p] = true
end

--- All packages as they would be now, topmost database first.
---@return moonlink.pkg.Package[]
function methods:packages()
   local list = {}
   for i, db in ipairs(self.databases) do
      for _, p in ipairs(db.packages) do
         list[#list + 1] = not self.gone[p] and p or nil
      end
      for _, p in ipairs(i == 1 and self.added or {}) do
         list[#list + 1] = not self.gone[p] and p or nil
      end
   end
   return list
end

return index
