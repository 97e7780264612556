--- A change of a package database: packages that are put and removed, made as one transaction.
-- What is put is printed and read again first, so that the .conf file and the cache agree whatever
-- a script has written into a field.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local files = require "moonlink.pkg.files"
local given = require "moonlink.given"
local ids = require "moonlink.pkg.ids"
local record = require "moonlink.pkg.record"

---@class moonlink.pkg.Change
---@field db moonlink.pkg.Database as it is under the lock
---@field added table<string, table> what was put, by unit id
---@field order string[] those ids
---@field removed table<integer, boolean> the packages of db that go, by number
---@field touched table<string, boolean> unit ids whose files change
local Change = {}
local metatable = {__index = Change, __name = "moonlink.pkg.Change"}

local transaction = {}

--- A change that has just begun.
---@param store userdata of the core, which holds the lock
---@param db moonlink.pkg.Database
---@param options table shape: of the records, where the database has none of its own
---@return moonlink.pkg.Change
function transaction.new(store, db, options)
   return setmetatable({
      db = db, store = store, shape = db.shape ~= "today" and db.shape or options.shape or "6.12",
      added = {}, order = {}, removed = {}, touched = {},
   }, metatable)
end

--- A field that names a package.
local function text_of(p, field)
   local text = p[field]
   if text ~= nil and type(text) ~= "string" then
      errors.mistake("field '%s': string expected, got %s", field, type(text))
   end
   return text or ""
end

--- The unit id; packages of GHC 6.6 to 6.10 have none but name and version.
local function id_of(p)
   text_of(p, "id")
   text_of(p, "version")
   return text_of(p, "name") ~= "" and ids.unit(p) or p.id or ""
end

local function check_package(p)
   if type(p) ~= "table" then
      errors.mistake("a package (a table) expected, got %s", p == nil and "no value" or type(p))
   end
end

local function check_open(w)
   if not w.store then
      errors.mistake "the change was committed or aborted before"
   end
end

--- The numbers of a unit's packages in the database.
function Change:_numbers(id)
   if not self.by_id then
      self.by_id = {}
      for i, p in ipairs(self.db.packages) do
         local its = id_of(p)
         local list = self.by_id[its]
         if list then
            list[#list + 1] = i
         else
            self.by_id[its] = {i}
         end
      end
   end
   return self.by_id[id] or {}
end

local function forget(w, id)
   for _, i in ipairs(w:_numbers(id)) do
      w.removed[i] = true
   end
   if w.added[id] then
      w.added[id] = nil
      for i, other in ipairs(w.order) do
         if other == id then
            table.remove(w.order, i)
            break
         end
      end
   end
   w.touched[id] = true
end

--- The package as the core will read it, and, for today's form, its text.
local function canonical(p, kind)
   local infos, err = record.infos {p}
   if not infos or kind ~= "folder" then
      return infos, err
   end
   local text
   text, err = infos:print(1)
   if not text then
      return nil, err
   end
   infos, err = core.pkg.parse(text, {format = "text"})
   return infos, infos and text or err
end

--- Puts a package into the database, in place of all with the same unit id.
---@param p table a record, or a table with the same fields; missing ones are absent
---@return boolean? ok
---@return moonlink.Error?
function Change:put(p)
   check_open(self)
   check_package(p)
   local id = id_of(p)
   local ok, err = core.pkg.check_id(id)
   if not ok then
      return nil, err
   end
   local infos, text = canonical(p, self.db.kind)
   if not infos then
      return nil, text
   end
   forget(self, id)
   self.added[id] = {infos = infos, text = text}
   self.order[#self.order + 1] = id
   return true
end

--- Takes a package out of the database: every file that holds its unit, whatever its name.
---@param p table a record of w.db, or a table with its id
---@return boolean ok
---@return boolean found was there such a package?
function Change:remove(p)
   check_open(self)
   check_package(p)
   local id = id_of(p)
   local there = self.added[id] ~= nil
   for _, i in ipairs(self:_numbers(id)) do
      there = there or not self.removed[i]
   end
   forget(self, id)
   return true, there
end

--- The packages as the core has them of those databases.
local function below_of(list)
   local all = {}
   for i, db in ipairs(list or {}) do
      all[i] = type(db) == "table" and db.infos
         or errors.mistake "below: a list of databases that pkg.open gave expected"
   end
   return all
end

local OPTIONS = {below = "table"}

--- Makes the change and gives the lock back. On failure nothing has changed.
---@param options? {below: moonlink.pkg.Database[]?} below: the databases that packages of this one
--- may depend on, for GHC's part of the cache
---@return boolean? ok
---@return moonlink.Error|table notes ok: {abi = names of packages whose abi-depends do not fit what
--- is there, late = an error that left something to be tidied by the next change}
function Change:commit(options)
   check_open(self)
   local below = below_of(given.options(options, OPTIONS, "commit").below) -- before it is over
   local store <close> = self.store
   local added, count = {}, #self.order
   for i, id in ipairs(self.order) do -- the last one is first in the cache
      added[count + 1 - i] = self.added[id].infos
   end
   local plan, err = files.plan(self)
   self.store = nil
   if not plan then
      return nil, err
   end
   local ok, broken, late = store:commit {
      files = plan, base = self.db.infos, removed = self.removed, added = added,
      below = below,
   }
   if not ok then
      return nil, broken
   end
   return true, {abi = broken, late = late}
end

--- Gives the lock back; nothing has changed. No error after a commit.
function Change:abort()
   if self.store then
      self.store:close()
      self.store = nil
   end
end

metatable.__close = Change.abort
metatable.__gc = Change.abort
given.methods(Change, metatable, "w")

return transaction
