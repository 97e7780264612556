--- The databases that a command reads, and what is said while they are opened.
-- SPDX-License-Identifier: MIT

local graph = require "moonlink.pkg.graph"
local hs = require "moonlink.pkg.hs_string"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local select = require "moonlink.pkg.select"

local opened = {}

---@class moonlink.cli.pkg.Opened
---@field stack moonlink.pkg.Stack
---@field all table[] databases of the whole stack, top first
---@field asked table[] those that the query is about, top first

--- The file of a database's cache.
local function cache_of(path)
   return (path:sub(-1) == "/" and path or path .. "/") .. "package.cache"
end

local advice = "Use 'moonlink pkg recache%s' to fix."

local warnings = {
   stale = {"WARNING: cache is out of date: %s", "ghc will see an old view of this package db. "},
   missing = {"WARNING: cache does not exist: %s", "ghc will fail to read this package db. "},
   corrupt = {"WARNING: cache cannot be read: %s", "ghc will fail to read this package db. "},
   foreign = {"WARNING: cache is of another GHC: %s", "ghc may fail to read this package db. "},
}

--- A missing cache is none when there is nothing to be in it.
local function warn_of_cache(ctx, stack, db)
   local lines = warnings[db.cache.state]
   if not lines or (db.cache.state == "missing" and #db.packages == 0) then
      return
   end
   ctx:warn(lines[1]:format(cache_of(db.path)))
   ctx:warn(lines[2], advice:format(db.path == stack.user and " --user" or ""))
end

--- Says what is odd about a database.
---@param ctx moonlink.cli.pkg.Context
---@param stack moonlink.pkg.Stack
---@param db table
---@param changes? boolean a command that changes usually mends the cache
function opened.report(ctx, stack, db, changes)
   if ctx.verbosity > 1 or (ctx.verbosity == 1 and not changes) then
      warn_of_cache(ctx, stack, db)
   end
end

--- With -v: says which files a database was read from.
---@param ctx moonlink.cli.pkg.Context
---@param db table
function opened.tell_files(ctx, db)
   if ctx.verbosity < 2 or db.kind ~= "folder" then
      return
   elseif db.cache.state == "fresh" then
      ctx:info("using cache: ", cache_of(db.path))
   else
      for _, p in ipairs(db.packages) do
         ctx:info("reading package config: ", p.file or "")
      end
   end
end

--- With -v: says what the stack is.
---@param ctx moonlink.cli.pkg.Context
---@param stack moonlink.pkg.Stack
---@param targets? string[] paths of databases that will change
function opened.tell_stack(ctx, stack, targets)
   if ctx.verbosity < 2 then
      return
   end
   ctx:info("db stack: ", hs.show_list(stack.all))
   for _, path in ipairs(targets or {}) do
      ctx:info("modifying: ", path)
   end
   ctx:info("flag db stack: ", hs.show_list(stack.asked))
end

--- Opens all databases of a stack; the first that cannot be ends the command.
---@param ctx moonlink.cli.pkg.Context
---@param stack moonlink.pkg.Stack
---@return table[] databases in the stack's order
function opened.stack(ctx, stack)
   local list = {}
   for i, path in ipairs(stack.all) do
      local db, err = stack:open(path)
      if not db then
         error(err, 0)
      end
      opened.tell_files(ctx, db)
      list[i] = db
   end
   return list
end

--- Opens a whole stack. A database that cannot be read ends the command, also when it was not asked
--- for: what is broken depends on it.
---@param ctx moonlink.cli.pkg.Context
---@param stack moonlink.pkg.Stack
---@return moonlink.cli.pkg.Opened
function opened.all(ctx, stack)
   local all = opened.stack(ctx, stack)
   opened.tell_stack(ctx, stack)
   return {stack = stack, all = all, asked = stack:databases(stack.asked)}
end

--- What an argument means in several databases, those left out that have none of it. That no
--- database has any ends the command.
---@param databases table[]
---@param wanted moonlink.pkg.Selection
---@return {db: table, packages: moonlink.pkg.Package[]}[]
function opened.find(databases, wanted)
   local lists = {}
   for _, db in ipairs(databases) do
      local packages = select.find(db, wanted)
      if packages[1] then
         lists[#lists + 1] = {db = db, packages = packages}
      end
   end
   if not lists[1] then
      error("cannot find package " .. wanted.shown, 0)
   end
   return lists
end

--- Unit ids of the packages that words mean; one that means none ends the command.
---@param ctx moonlink.cli.pkg.Context
---@param databases moonlink.pkg.Database[]
---@param words string[]
---@return string[]
function opened.units(ctx, databases, words)
   local units = {}
   for _, word in ipairs(words) do
      for _, list in ipairs(opened.find(databases, ctx:selection(word))) do
         for _, p in ipairs(list.packages) do
            units[#units + 1] = ids.unit(p)
         end
      end
   end
   return units
end

--- Ids of the units of a stack that cannot be used.
---@param databases table[] one that stands there twice counts once
---@return table<string, true>
function opened.broken(databases)
   local seen, once, set = {}, {}, {}
   for _, db in ipairs(databases) do
      once[#once + 1] = not seen[db] and db or nil
      seen[db] = true
   end
   for p in pairs(graph.broken(index.packages(once))) do
      set[ids.unit(p)] = true
   end
   return set
end

return opened
