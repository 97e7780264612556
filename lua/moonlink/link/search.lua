--- Which file a name means: `-lNAME` as ld looks for it, a soname as the process's loader does, and
-- what a linker script names. Functions of their arguments and of what is on disk: nothing is
-- remembered between two calls. A caller with many names reads the folders and the cache once
-- (search.once).
-- Spec: ld(1) -l and -L; GNU ld manual, "Commands Dealing with Files"; ld.so(8).
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local files = require "moonlink.file"
local lists = require "moonlink.lists"
local loader = require "moonlink.link.loader"

local search = {}

---@class moonlink.SearchOptions
---@field search? string[] folders to look into before the system's
---@field folders? string[] all folders, in place of `search` and the system's
---@field static? boolean only archives
---@field cache? moonlink.CacheEntry[] in place of the system's
---@field conf? string in place of /etc/ld.so.conf

--- A file that a linker script stands for.
---@class moonlink.ScriptInput
---@field path string
---@field kind string as of core.kind
---@field as_needed boolean
---@field from string "SCRIPT:LINE"

local COMPILER_ROOTS = {"/usr/lib/gcc", "/usr/lib64/gcc", "/usr/local/lib/gcc"}
local DEEPEST = 16 -- scripts in scripts

--- The loader's cache, in its own order. Absent or corrupt, it is an empty list.
---@type fun(path?: string): moonlink.CacheEntry[]
search.cache = loader.cache

--- The folders to search: the given ones, those of ld.so.conf, the standard ones; each once.
---@param opts? moonlink.SearchOptions
---@return string[]
function search.folders(opts)
   return opts and opts.folders or loader.folders(opts and opts.search, opts and opts.conf)
end

local once = {
   __index = function(self, key)
      local opts = rawget(self, "of")
      local value = opts and opts[key]
      if value == nil and key == "folders" then
         value = search.folders(opts)
      elseif value == nil and key == "cache" then
         value = search.cache()
      end
      rawset(self, key, value)
      return value
   end,
}

--- The same options, but the folders and the cache are read when they are first wanted, and then no
--- more: for the names of one load.
---@param opts? moonlink.SearchOptions
---@return moonlink.SearchOptions
function search.once(opts)
   return setmetatable({of = opts}, once)
end

--- Is the file of a kind and for a processor that this process can use? ld skips the others, too.
local function usable(path)
   local kind, machine = core.kind(path)
   if kind == "object" or kind == "shared" then
      local _, native = core.kind "/proc/self/exe"
      return native == nil or machine == native
   end
   return kind == "archive" or kind == "thin" or kind == "text"
end

--- Orders version numbers: negative when a ("1.9.3") comes before b ("1.10").
local function compare_versions(a, b)
   local next_a, next_b = a:gmatch "%d+", b:gmatch "%d+"
   while true do
      local x, y = next_a(), next_b()
      if not x and not y then
         return 0
      end
      local difference = (tonumber(x) or -1) - (tonumber(y) or -1)
      if difference ~= 0 then
         return difference
      end
   end
end

--- libNAME.so of the cache, or else the one of libNAME.so.N with the highest N.
local function in_cache(name, entries)
   local exact = "lib" .. name .. ".so"
   local found = {}
   for order, entry in ipairs(entries) do
      local version = entry.name:sub(1, #exact) == exact and entry.name:sub(#exact + 1)
      if version and entry.hwcap == 0 and (version == "" or version:find "^%.[%d.]+$") then
         found[#found + 1] = {path = entry.path, version = version, order = order}
      end
   end
   table.sort(found, function(a, b)
      if (a.version == "") ~= (b.version == "") then
         return a.version == ""
      end
      local difference = compare_versions(a.version, b.version)
      return difference > 0 or difference == 0 and a.order < b.order
   end)
   for _, candidate in ipairs(found) do
      if usable(candidate.path) then
         return candidate.path
      end
   end
   return nil
end

local function cannot_find(what, tried, fields)
   return errors.new(lists.assign({
      code = "noent",
      message = ("cannot find %s (searched: %s)"):format(what, table.concat(tried, ", ")),
      hint = "name its folder with search = {...} (-L), or install the package that holds the file",
      tried = tried,
   }, fields))
end

--- The file names that `-lNAME` stands for, in the order in which a folder is asked for them.
local function file_names(name, static)
   if name:sub(1, 1) == ":" then
      return {name:sub(2)}
   elseif static then
      return {"lib" .. name .. ".a"}
   end
   return {"lib" .. name .. ".so", "lib" .. name .. ".a"}
end

--- What `-lNAME` means: folder by folder libNAME.so, then libNAME.a; then the loader's cache, for
--- libraries of which only the run-time part is installed. ":FILE" is an exact file name.
---@param name string
---@param opts? moonlink.SearchOptions
---@return string? path
---@return string[]|table tried folders; or an error
function search.library(name, opts)
   opts = opts or {}
   local tried = {}
   for _, folder in ipairs(search.folders(opts)) do
      tried[#tried + 1] = folder
      for _, file in ipairs(file_names(name, opts.static)) do
         local path = loader.join(folder, file)
         if usable(path) then
            return path, tried
         end
      end
   end
   if not opts.static and name:sub(1, 1) ~= ":" then
      tried[#tried + 1] = loader.CACHE
      local path = in_cache(name, opts.cache or search.cache())
      if path then
         return path, tried
      end
   end
   return nil, cannot_find("-l" .. name, tried)
end

--- The file of a soname, as the loader's cache has it.
---@param name string
---@param opts? moonlink.SearchOptions
---@return string? path
---@return table? err
function search.soname(name, opts)
   for _, entry in ipairs(opts and opts.cache or search.cache()) do
      if entry.name == name and entry.hwcap == 0 and usable(entry.path) then
         return entry.path
      end
   end
   return nil, cannot_find(name, {loader.CACHE})
end

--- The processor of an archive: that of its first object. nil when it has none.
local function archive_machine(path)
   for _, member in ipairs(core.members(path) or {}) do
      local input <close> = not member.path and io.open(path, "rb") or nil
      if input and input:seek("set", member.offset) then
         local kind, machine = core.kind_of(input:read(64) or "")
         if kind == "object" then
            return machine
         end
      end
   end
   return nil
end

--- All libgcc.a below the folders of compilers, those of the newest first.
local function libgcc_candidates(roots)
   local found = {}
   for _, root in ipairs(roots) do
      for _, triplet in ipairs(core.list_folder(root) or {}) do
         local folder = loader.join(root, triplet)
         for _, version in ipairs(core.list_folder(folder) or {}) do
            local path = loader.join(loader.join(folder, version), "libgcc.a")
            found[#found + 1] = {path = path, version = version, order = #found}
         end
      end
   end
   table.sort(found, function(a, b)
      local difference = compare_versions(a.version, b.version)
      return difference > 0 or difference == 0 and a.order < b.order
   end)
   return found
end

--- libgcc.a of the newest compiler for this processor.
local function newest_libgcc(roots)
   local _, native = core.kind "/proc/self/exe"
   for _, candidate in ipairs(libgcc_candidates(roots)) do
      local path = candidate.path
      if core.kind(path) == "archive" and archive_machine(path) == native then
         return path
      end
   end
   return nil
end

--- Archives that hold what compilers call without being told to: libgcc's helpers, and the
--- functions that are in no libc.so. Only those that exist.
---@param opts? moonlink.SearchOptions
---@param compiler_roots? string[] in place of the folders where gcc is installed
---@return string[] paths
function search.fallback(opts, compiler_roots)
   local found = {newest_libgcc(compiler_roots or COMPILER_ROOTS)}
   for _, folder in ipairs(search.folders(opts)) do
      local path = loader.join(folder, "libc_nonshared.a")
      if core.kind(path) == "archive" then
         found[#found + 1] = path
         break
      end
   end
   return found
end

--- A file that a script names: beside the script, then in the folders.
local function locate_file(name, folders, script, from)
   local beside = loader.folder_of(script)
   local candidates = {beside == "" and "." or beside}
   if name:sub(1, 1) ~= "/" then
      table.move(folders, 1, #folders, 2, candidates)
   end
   for _, folder in ipairs(candidates) do
      local path = loader.join(folder, name)
      if core.kind(path) then
         return path
      end
   end
   return nil, cannot_find(name .. ", which " .. from .. " names", candidates, {file = name})
end

--- The file that an item FILE or LIB of a script means.
local function locate(item, state, script, from)
   if item.what == "file" then
      return locate_file(item.name, state.folders, script, from)
   end
   local path, err = search.library(item.name, state)
   if path then
      return path
   end
   return nil, cannot_find("-l" .. item.name .. ", which " .. from .. " names", err.tried)
end

local function chain_error(code, what, chain, path)
   local names = table.concat(chain, " -> ") .. " -> " .. path
   return errors.new {
      code = code,
      message = what .. ": " .. names,
      hint = "name the files themselves in place of the script",
      file = path,
   }
end

local expand_items

--- Reads a script and adds what it names. chain: the scripts that are being read.
local function expand_script(path, state, chain, as_needed)
   for _, name in ipairs(chain) do
      if name == path then
         return nil, chain_error("format", "linker scripts name each other", chain, path)
      end
   end
   if #chain >= DEEPEST then
      local what = ("linker scripts in linker scripts, more than %d deep"):format(DEEPEST)
      return nil, chain_error("unsupported", what, chain, path)
   end
   local items
   local bytes, err = files.read(path)
   if bytes then
      items, err = core.ldscript(bytes, path)
   end
   if not items then
      return nil, err
   end
   chain[#chain + 1] = path
   local good
   good, err = expand_items(items, state, chain, as_needed)
   chain[#chain] = nil
   return good, err
end

local function expand_input(item, state, chain, as_needed)
   local script = chain[#chain]
   local from = script .. ":" .. item.line
   local path, err = locate(item, state, script, from)
   if not path then
      return nil, err
   end
   local kind
   kind, err = core.kind(path)
   if kind == "text" then
      return expand_script(path, state, chain, as_needed)
   elseif not kind then
      return nil, err
   end
   state.inputs[#state.inputs + 1] = {path = path, kind = kind, as_needed = as_needed, from = from}
   return true
end

function expand_items(items, state, chain, as_needed)
   for _, item in ipairs(items) do
      if item.what == "dir" then
         table.insert(state.folders, state.given + 1, item.name)
         state.given = state.given + 1
      elseif item.what ~= "format" then
         local good, err = expand_input(item, state, chain, as_needed or item.as_needed)
         if not good then
            return nil, err
         end
      end
   end
   return true
end

local function new_state(opts)
   local folders = search.folders(opts)
   return setmetatable({
      folders = table.move(folders, 1, #folders, 1, {}),
      given = math.min(opts and opts.search and #opts.search or 0, #folders),
      inputs = {},
   }, {__index = opts})
end

--- The inputs that a parsed script (core.ldscript) stands for, in order; scripts that it names are
--- read, too. A relative name is looked for beside its script, then in the folders; SEARCH_DIR adds
--- folders behind those that were given.
---@param items table[]
---@param opts moonlink.SearchOptions|{script: string} script: path of the script
---@return moonlink.ScriptInput[]?
---@return table? err
function search.expand(items, opts)
   local state = new_state(opts)
   local good, err = expand_items(items, state, {opts.script}, false)
   return good and state.inputs, err
end

--- The same for a script that has not been read yet.
---@param path string
---@param opts? moonlink.SearchOptions
---@return moonlink.ScriptInput[]?
---@return table? err
function search.script(path, opts)
   local state = new_state(opts)
   local good, err = expand_script(path, state, {}, false)
   return good and state.inputs, err
end

return search
