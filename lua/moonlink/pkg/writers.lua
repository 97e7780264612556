--- Carries plans out: takes the locks of the databases that are to change, plans on what they hold
-- then, and writes each database in one transaction.
-- SPDX-License-Identifier: MIT

local database = require "moonlink.pkg.database"
local lists = require "moonlink.lists"

local writers = {}

---@class moonlink.pkg.Writers
---@field by_path table<string, table> writer of each database that is locked
---@field stack moonlink.pkg.Stack
---@field shape? string
local methods = {}
local metatable = {__index = methods}

local function close(self)
   for _, w in pairs(self.by_path) do
      w:abort()
   end
   self.by_path = {}
end

metatable.__close = close
metatable.__gc = close

--- Opens a database to change it; the user's is made when it is not there yet.
local function open(self, path)
   local made, err = self.stack:make(path)
   if not made then
      return nil, err
   end
   return database.change(path, {shape = self.shape})
end

--- Locks some databases and reads them anew, in the order of their paths: two that change the same
--- databases wait for each other, and not for ever.
local function lock(self, paths)
   table.sort(paths)
   for _, path in ipairs(paths) do
      local w, err = open(self, path)
      if not w then
         return nil, err
      end
      self.by_path[path] = w
      self.stack.opened[path] = w.db
   end
   return true
end

local function unlock(self)
   for path in pairs(self.by_path) do
      self.stack.opened[path] = nil
   end
   close(self)
end

local function targets(plans)
   local paths = {}
   for i, plan in ipairs(plans) do
      paths[i] = plan.target.path
   end
   return paths
end

local function is_locked(self, paths)
   for _, path in ipairs(paths) do
      if not self.by_path[path] then
         return false
      end
   end
   return true
end

--- Makes plans on databases that stay as they are until the writers are closed. Which databases
--- change may follow from what they hold: then they are read, locked, and read again.
---@param stack moonlink.pkg.Stack
---@param paths string[] of databases that will change for certain
---@param make fun(): (moonlink.pkg.Plan[]?, any) reads databases through the stack only
---@param options? {dry?: boolean, shape?: string} dry: nothing is to be written, nothing is locked;
---   shape: of the records in a file that has none yet
---@return moonlink.pkg.Writers? to be closed
---@return moonlink.pkg.Plan[]|any plans or err
function writers.plan(stack, paths, make, options)
   options = options or {}
   local self = setmetatable({by_path = {}, stack = stack, shape = options.shape}, metatable)
   if options.dry then
      local plans, err = make()
      return plans and self, plans or err
   end
   while true do
      local locked, why = lock(self, paths)
      local plans, err = nil, why
      if locked then
         plans, err = make()
      end
      if not plans then
         unlock(self)
         return nil, err
      end
      local wanted = targets(plans)
      if is_locked(self, wanted) then
         return self, plans
      end
      for path in pairs(self.by_path) do
         wanted[#wanted + 1] = path
      end
      unlock(self)
      paths = lists.unique(wanted)
   end
end

--- A package that is there twice goes with its first removal.
local function fill(w, plan)
   for _, p in ipairs(plan.remove) do
      w:remove(p)
   end
   for _, p in ipairs(plan.put) do
      local done, err = w:put(p)
      if not done then
         return nil, err
      end
   end
   return true
end

local function commit(self, path, notes)
   local under, why = self.stack:open_below(path)
   if not under then
      return nil, why
   end
   local w = self.by_path[path]
   self.by_path[path] = nil
   local done, more = w:commit {below = under}
   if not done then
      return nil, more
   end
   table.move(more.abi or {}, 1, #(more.abi or {}), #notes.abi + 1, notes.abi)
   notes.late[#notes.late + 1] = more.late
   return true
end

--- Writes what plans say: nothing before all of it is known to be well-formed. A database is
--- written whole or not at all; with several, those before the one that failed stay written.
---@param plans moonlink.pkg.Plan[]
---@return {abi: string[], late: any[]}? notes abi: names of packages whose abi-depends do not fit;
---   late: what the next change will have to tidy
---@return any err
function methods:write(plans)
   for _, plan in ipairs(plans) do
      local filled, err = fill(self.by_path[plan.target.path], plan)
      if not filled then
         return nil, err
      end
   end
   local notes = {abi = {}, late = {}}
   for _, plan in ipairs(plans) do
      local done, err = commit(self, plan.target.path, notes)
      if not done then
         return nil, err
      end
   end
   return notes
end

return writers
