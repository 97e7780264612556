--- The stack of databases that a command is about, top first: which databases there are, which of
-- them were asked for, and which one a change goes to. Names only; databases are opened through
-- `stack:open`, each once.
-- Rules as of ghc-pkg, except that empty parts of GHC_PACKAGE_PATH name nothing: there they mean
-- the current folder.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local ghc = require "moonlink.pkg.ghc"
local given = require "moonlink.given"
local lists = require "moonlink.lists"

local stack = {}

---@class moonlink.pkg.StackOptions
---@field named? string[] databases in the order of the command line: paths, "--user", "--global"
---@field global? string where the global database is; default: that of the ghc on PATH
---@field user? string where the user's database is; default: by that ghc and HOME
---@field no_user? boolean there is none
---@field path? string|false in place of the environment's GHC_PACKAGE_PATH; false: none
---@field changes? boolean for a change: the user's database counts though it is not there yet
---@field open? fun(path: string): table?, any in place of database.open

---@class moonlink.pkg.Stack
---@field all string[] paths of the whole stack, top first
---@field asked string[] paths of those that were asked for, top first; all when none was named
---@field target? string path of the one to change, when it is of the stack
---@field global? string
---@field user? string
---@field user_is_there? boolean
---@field topdir? string GHC's folder: where the global database lies
local methods = {}
local metatable = {__index = methods, __name = "moonlink.pkg.Stack"}

--- An absolute path without empty and "." parts. ".." stays: behind a symbolic link it is not the
--- parent of the name before it.
---@param path string
---@return string
function stack.absolute(path)
   if path:sub(1, 1) ~= "/" then
      path = (core.current_folder() or "") .. "/" .. path
   end
   local parts = {}
   for part in path:gmatch "[^/]+" do
      parts[#parts + 1] = part ~= "." and part or nil
   end
   return "/" .. table.concat(parts, "/")
end

--- The folder of a path that stack.absolute gave.
local function parent(path)
   local folder = path:match "^(.*)/[^/]*$"
   return folder ~= "" and folder or "/"
end

--- ${pkgroot} of a database: the folder that holds it.
---@param path string
---@return string absolute
function stack.pkgroot(path)
   return parent(stack.absolute(path))
end

--- Does the answer depend on the user's database, so that GHC must be asked for its version?
local function wants_user(options)
   if options.no_user or options.user then
      return false
   end
   return lists.contains(options.named or {}, "--user") or ghc.has_user_databases()
end

--- Where the global and the user's database are.
local function locate(options)
   local whole = wants_user(options)
   local found = (whole or not options.global) and ghc.find {whole = whole} or nil
   local global = options.global or found and found.global
   if options.no_user then
      return global
   elseif options.user then
      return global, options.user, true
   elseif whole and found then
      return global, ghc.user_database(found)
   end
   return global
end

--- What lies below all that flags name: GHC_PACKAGE_PATH, behind a colon at its end the usual two.
local function base(path, usual)
   if not path or path == "" then
      return usual
   end
   local list = {}
   for part in path:gmatch "[^:]+" do
      list[#list + 1] = part
   end
   return path:sub(-1) == ":" and lists.append(list, usual) or list
end

--- The named databases as paths, in order; without `paths_only` also those that "--user" and
--- "--global" mean.
local function named_paths(self, named, bottom, paths_only)
   local list = {}
   for _, name in ipairs(named) do
      local path = name
      if name == "--user" or name == "--global" then
         path = not paths_only and (name == "--user" and self.user or bottom) or nil
         if name == "--user" and not self.user then
            path = nil
         end
      end
      list[#list + 1] = path
   end
   return list
end

--- Those of `wanted` that the stack has; one that it has twice comes twice.
local function present(all, wanted)
   local out = {}
   for _, name in ipairs(wanted) do
      for _, path in ipairs(all) do
         out[#out + 1] = path == name and path or nil
      end
   end
   return out
end

--- Fills in what follows from the databases below.
local function arrange(self, named, below)
   local bottom = below[#below]
   local chosen = named_paths(self, named, bottom)
   self.all = {}
   for _, path in ipairs(lists.reversed(named_paths(self, named, bottom, true))) do
      self.all[#self.all + 1] = not lists.contains(below, path) and path or nil
   end
   lists.append(self.all, below)
   self.asked = present(self.all, #chosen == 0 and below or lists.reversed(lists.unique(chosen)))
   local target = #chosen > 0 and chosen[#chosen] or bottom
   self.target = target and lists.contains(self.all, target) and target or nil
end

--- The stack that options mean. Fails when no database is named and none is found.
---@param options? moonlink.pkg.StackOptions
---@return moonlink.pkg.Stack?
---@return string? message
function stack.new(options)
   options = options or {}
   local global, user, user_is_there = locate(options)
   local self = setmetatable({
      global = global, user = user, user_is_there = user_is_there,
      topdir = global and parent(stack.absolute(global)), opened = {}, opener = options.open,
   }, metatable)
   local usual = {}
   usual[#usual + 1] = (user_is_there or options.changes) and user or nil
   usual[#usual + 1] = global
   local path = options.path
   if path == nil then
      path = os.getenv "GHC_PACKAGE_PATH"
   end
   arrange(self, options.named or {}, base(path, usual))
   if #self.all == 0 then
      return nil, "missing --global-package-db option, location of global package database "
         .. "unknown\n  hint: the ghc on PATH is asked for it; without one name a database, "
         .. "with -f DB"
   end
   return self
end

--- Opens a database of the stack, once. The user's database may be missing: then it is empty.
---@param path string
---@return table? db
---@return any err
function methods:open(path)
   local db, err = self.opened[path], nil
   if not db and path == self.user and not self.user_is_there then
      db = {path = path, kind = "folder", packages = {}, cache = {state = "none"}}
   elseif not db then
      local open = self.opener or require("moonlink.pkg.database").open
      db, err = open(path)
   end
   self.opened[path] = db
   return db, err
end

--- Makes the user's database, if that is the one and it is not there yet.
---@param path string
---@return boolean?
---@return any err
function methods:make(path)
   if path == self.user and not self.user_is_there then
      local made, err = require("moonlink.pkg.database").init(path)
      if not made then
         return nil, err
      end
      self.user_is_there = true
   end
   return true
end

--- Opens several databases.
---@param paths string[] such as stack.all, stack.asked
---@return table[]? databases in that order
---@return any err
function methods:databases(paths)
   local list = {}
   for i, path in ipairs(paths) do
      local db, err = self:open(path)
      if not db then
         return nil, err
      end
      list[i] = db
   end
   return list
end

--- The database and those below it: what its packages may depend on.
---@param path string
---@return string[] paths
function methods:below(path)
   for i, each in ipairs(self.all) do
      if each == path then
         return table.move(self.all, i, #self.all, 1, {})
      end
   end
   return {}
end

--- Opens the databases that packages of one may depend on, without itself.
---@param path string
---@return table[]? databases
---@return any err
function methods:open_below(path)
   local paths = self:below(path)
   return self:databases(table.move(paths, 2, #paths, 1, {}))
end

--- The roots of the variables in a database's packages.
---@param path string
---@return moonlink.pkg.Roots
function methods:roots(path)
   return {pkgroot = stack.pkgroot(path), topdir = self.topdir}
end

--- Which files make some packages: see moonlink.pkg.plan.
---@param options moonlink.pkg.PlanOptions
---@return moonlink.pkg.Plan?
---@return moonlink.Error? err
function methods:plan(options)
   local databases, err = self:databases(self.all)
   if not databases then
      return nil, err
   end
   return require "moonlink.pkg.plan".new(lists.reversed(databases), options)
end

given.methods(methods, metatable, "stack")

return stack
