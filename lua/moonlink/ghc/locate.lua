--- Finds what a Haskell runtime is made of: GHC's database, the packages and all below them, and
-- the files of each in the form and way that is wanted.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local pkg = require "moonlink.pkg"
local ghc = require "moonlink.pkg.ghc"
local stack = require "moonlink.pkg.stack"

local locate = {}

---@class moonlink.ghc.Installation
---@field libdir? string GHC's own folder
---@field version string "9.0.2"
---@field packages moonlink.pkg.Package[] of all databases, paths expanded; the first of an id
--- counts; `own`: not of GHC's database

---@class moonlink.ghc.Files
---@field libraries string[] paths of what holds the packages' Haskell code, dependants first
---@field extra string[] "-lNAME" of other libraries that they need
---@field search string[] folders for those
---@field roots string[] names that the packages want linked though nobody refers to them

local WAYS = {threaded = "thr", thr = "thr", debug = "debug", eventlog = "l", l = "l"}
local WAY_ORDER = {"thr", "debug", "l"}

--- Where GHC is: the folder given, or what `ghc` on PATH says.
---@param topdir? string
---@return moonlink.pkg.Ghc?
---@return moonlink.Error? err
function locate.ghc(topdir)
   if not topdir then
      local found = ghc.find {whole = true}
      if found and found.version then
         return found
      end
      return nil, errors.new {
         code = "noent", message = "no GHC found: there is no ghc on PATH",
         hint = "install GHC, or name its folder: topdir = what `ghc --print-libdir` says",
      }
   end
   local global = topdir .. "/package.conf.d"
   for _, name in ipairs(core.list_folder(global) or {}) do
      local version = name:match "^ghc%-(%d+%.%d+%.%d+)[-.].*conf$"
      if version then
         return {libdir = topdir, global = global, version = version}
      end
   end
   return nil, errors.new {
      code = "noent", file = topdir,
      message = ("no GHC found in %s: it holds no package.conf.d with a package ghc")
         :format(topdir),
      hint = "name the folder that `ghc --print-libdir` says",
   }
end

--- Opens the databases: those given, the first of them on top, then GHC's global one.
---@param options {topdir?: string, database?: string|string[]}
---@return moonlink.ghc.Installation?
---@return moonlink.Error? err
function locate.installation(options)
   local found, err = locate.ghc(options.topdir)
   if not found then
      return nil, err
   end
   local paths = options.database or {}
   paths = type(paths) == "table" and {table.unpack(paths)} or {paths}
   paths[#paths + 1] = found.global
   local all = {}
   for _, path in ipairs(paths) do
      local db
      db, err = pkg.open(path)
      if not db then
         return nil, err
      end
      local roots = {pkgroot = stack.pkgroot(path), topdir = found.libdir}
      for _, p in ipairs(db.packages) do
         local package = pkg.expand(pkg.copy(p), roots)
         package.own = path ~= found.global
         all[#all + 1] = package
      end
   end
   return {libdir = found.libdir, version = found.version, packages = all}
end

--- The best package that an argument names: the highest version, the topmost database.
local function choose(installation, text)
   local wanted, why = pkg.select(text)
   if not wanted then
      return nil, errors.new {code = "argument", message = why}
   end
   local best
   for _, p in ipairs(installation.packages) do
      local fits = p.id == text or wanted.matches(p)
      if fits and (not best or pkg.compare(p.version, best.version) > 0) then
         best = p
      end
   end
   if best then
      return best
   end
   return nil, errors.new {
      code = "noent", symbol = text,
      message = ("no package %s in the databases"):format(text),
      hint = "name the database that has it (database =), or see what there is: moonlink pkg list",
   }
end

--- Some packages and all below them, dependencies first.
---@param installation moonlink.ghc.Installation
---@param names string[] as ghc-pkg takes them
---@return moonlink.pkg.Package[]?
---@return moonlink.Error? err
function locate.closure(installation, names)
   local ids = {}
   for i, name in ipairs(names) do
      local p, err = choose(installation, name)
      if not p then
         return nil, err
      end
      ids[i] = p.id
   end
   local order, missing = pkg.closure(installation.packages, ids)
   if missing[1] then
      return nil, errors.new {
         code = "noent", symbol = missing[1].id,
         message = ("package %s needs %s, which no database has"):format(
            missing[1].by or "list", missing[1].id),
         hint = "register it, or name its database: database =",
      }
   end
   return order
end

--- "_thr_debug" for "threaded debug"; nil and an error for a way that runtimes do not have.
---@param way? string words, with spaces, commas or underscores between
---@return string?
---@return moonlink.Error? err
function locate.suffix(way)
   local set = {}
   for word in (way or ""):gmatch "[^%s,_]+" do
      local tag = WAYS[word]
      if not tag then
         return nil, errors.new {
            code = "argument",
            message = ("'%s' is no way of a runtime"):format(word),
            hint = "threaded, debug and eventlog are, or several of them",
         }
      end
      set[tag] = true
   end
   local suffix = ""
   for _, tag in ipairs(WAY_ORDER) do
      suffix = suffix .. (set[tag] and "_" .. tag or "")
   end
   return suffix
end

local function first_file(folders, names)
   local tried = {}
   for _, name in ipairs(names) do
      for _, folder in ipairs(folders) do
         local path = folder .. "/" .. name
         local file <close> = io.open(path, "rb")
         if file then
            return path
         end
         tried[#tried + 1] = path
      end
   end
   return nil, tried
end

--- File names for one library of a package, the best first.
local function candidates(library, kind, version)
   if kind == "shared" then
      return {("lib%s-ghc%s.so"):format(library, version), ("lib%s.so"):format(
         (library:gsub("^C", "")))}
   elseif kind == "prelinked" then
      return {library .. ".o", ("lib%s.a"):format(library)}
   end
   return {("lib%s.a"):format(library)}
end

local function add_libraries(files, p, options)
   local folders = p.library_dirs
   if options.kind == "shared" and #(p.dynamic_library_dirs or {}) > 0 then
      folders = p.dynamic_library_dirs
   end
   for _, library in ipairs(p.hs_libraries) do
      local name = library:find "^HSrts" and library .. options.suffix or library
      local path, tried = first_file(folders, candidates(name, options.kind, options.version))
      if not path then
         return nil, errors.new {
            code = "noent", symbol = p.id, tried = tried,
            message = ("package %s: no file for its library %s in %s"):format(p.id, name,
               table.concat(folders, ", ")),
            hint = "looked for " .. table.concat(tried, ", "),
         }
      end
      files.libraries[#files.libraries + 1] = path
   end
   return true
end

local function add_roots(files, p)
   local want_name = false
   for _, option in ipairs(p.ld_options) do
      local name = want_name and option or option:match "^%-Wl,%-u,(.+)$"
         or option:match "^%-u(.+)$"
      files.roots[#files.roots + 1] = name or nil
      want_name = option == "-u"
   end
end

--- The files of packages.
---@param packages moonlink.pkg.Package[] dependencies first
---@param options {kind: string, suffix: string, version: string}
---@return moonlink.ghc.Files?
---@return moonlink.Error? err
function locate.files(packages, options)
   local files = {libraries = {}, extra = {}, search = {}, roots = {}}
   for i = #packages, 1, -1 do
      local p = packages[i]
      local good, err = add_libraries(files, p, options)
      if not good then
         return nil, err
      end
      for _, name in ipairs(p.extra_libraries) do
         files.extra[#files.extra + 1] = "-l" .. name
      end
      table.move(p.library_dirs, 1, #p.library_dirs, #files.search + 1, files.search)
      add_roots(files, p)
   end
   return files
end

return locate
