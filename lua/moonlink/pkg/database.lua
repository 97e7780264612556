--- Package databases: reading one, making one, changing one.
-- A database is a folder of .conf files with GHC's package.cache beside them, or, as GHC 6 had it,
-- one file, or a folder of such files. Reading takes no lock and sees the whole of one state.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local file = require "moonlink.file"
local given = require "moonlink.given"
local record = require "moonlink.pkg.record"

local database = {}

---@class moonlink.pkg.Cache
---@field state string "fresh": the packages are from it; "stale", "missing", "corrupt", "foreign"
--- (of another GHC): they are from the .conf files; "none": not looked at, or there can be none
---@field newer? string stale: the first .conf file that is newer
---@field error? moonlink.Error corrupt, foreign: why it was not read

---@class moonlink.pkg.Database
---@field path string as it was given
---@field where string the folder or file that holds the packages: FILE.d for a file that only
--- points there
---@field kind string "folder", "file" or "old-folder"
---@field shape string "today", or the GHC whose record it has: "6.6", "6.10", "6.12"
---@field cache moonlink.pkg.Cache
---@field packages moonlink.pkg.Record[] in ghc-pkg's order; each knows its database: p.db
---@field warnings table[] what was odd in the .conf files
---@field infos userdata the same packages as the core has them

--- The x- fields of a package, which no cache has: from its .conf file. Opening what is no file,
--- a pipe for instance, could take forever.
local function kept_fields(db, tree, id)
   local path = ("%s/%s.conf"):format(db.where, id)
   local plain = core.pkg.check_id(id) and tree:kind(path) == "file"
   local text = plain and file.read(path)
   local infos = text and core.pkg.parse(text)
   local found = infos and #infos == 1 and infos:field(1, "id") == id
   return found and infos:field(1, "extra") or {}
end

--- Records from a cache answer for their x- fields, too.
local function add_kept_fields(db)
   local meta = getmetatable(db.packages[1])
   local index, tree = meta.__index, core.tree()
   function meta.__index(p, key)
      if key ~= "extra" then
         return index(p, key)
      end
      local extra = kept_fields(db, tree, p.id)
      rawset(p, key, extra)
      return extra
   end
end

--- What a database can be asked.
local methods = {}

--- Which files make some packages: see moonlink.pkg.plan.
---@param options moonlink.pkg.PlanOptions
---@return moonlink.pkg.Plan?
---@return moonlink.Error? err
function methods:plan(options)
   return require "moonlink.pkg.plan".new({self}, options)
end

local metatable = {__index = methods, __name = "moonlink.pkg.Database"}

local function view(path, infos, found)
   local db = {
      path = path, where = found.path, kind = found.kind, infos = infos, shape = infos:shape(),
      cache = {state = found.cache, newer = found.newer, error = found.error},
      warnings = infos:warnings(),
   }
   db.packages = record.all(infos)
   if found.cache == "fresh" and #db.packages > 0 then
      add_kept_fields(db)
   end
   for _, p in ipairs(db.packages) do
      rawset(p, "db", db)
   end
   return setmetatable(db, metatable)
end

--- Reads a database.
---@param path string
---@param options? {cache: boolean?} cache: may a fresh package.cache answer? true
---@return moonlink.pkg.Database?
---@return moonlink.Error?
function database.open(path, options)
   local infos, found = core.pkg.read(path, not options or options.cache ~= false)
   if not infos then
      return nil, found
   end
   return view(path, infos, found)
end

--- Makes an empty database of today's form, and the folders above it.
---@param path string of a folder that is not there yet
---@return boolean?
---@return moonlink.Error?
function database.init(path)
   return core.pkg.init(path)
end

--- Takes the lock of a database, to change it. `local w <close> = assert(database.change(path))`
---@param path string
---@param options? {wait: boolean?, cache: boolean?, shape: string?} wait: until another writer is
--- done, else an error; true. cache: as for open; false also changes a database whose cache is of
--- another GHC. shape: of the records, for a file without any
---@return moonlink.pkg.Change?
---@return moonlink.Error?
function database.change(path, options)
   options = options or {}
   local store, err = core.pkg.open(path, options.wait ~= false)
   if not store then
      return nil, err
   end
   local infos, found = store:read(options.cache ~= false)
   if not infos then
      store:close()
      return nil, found
   end
   if found.cache == "foreign" then -- its GHC could not read what we would write
      store:close()
      return nil, found.error
   end
   local db = view(path, infos, found)
   return require "moonlink.pkg.transaction".new(store, db, options)
end

given.methods(methods, metatable, "db")

return database
