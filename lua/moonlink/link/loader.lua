--- What the process's loader knows: the folders of ld.so.conf and the libraries of ld.so.cache.
-- Nothing is remembered between two calls.
-- Spec: ld.so(8); ldconfig(8); glibc's sysdeps/generic/dl-cache.h for the layout of the cache.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local files = require "moonlink.file"
local lists = require "moonlink.lists"

local loader = {}

--- A shared library that the loader's cache lists.
---@class moonlink.CacheEntry
---@field name string soname
---@field path string
---@field flags integer kind of library, as ldconfig wrote it
---@field hwcap integer 0: for every processor

local CONF = "/etc/ld.so.conf"
local STANDARD = {"/lib64", "/usr/lib64", "/lib", "/usr/lib"}

--- Where the cache is; also the name under which messages speak of it.
loader.CACHE = "/etc/ld.so.cache"

--- A path in a folder; an absolute one stays.
---@param folder string
---@param name string
---@return string
function loader.join(folder, name)
   if folder == "" or name:sub(1, 1) == "/" then
      return name
   end
   return folder:sub(-1) == "/" and folder .. name or folder .. "/" .. name
end

--- The folder part of a path, "" when it has none.
---@param path string
---@return string
function loader.folder_of(path)
   return path:match "^(/+)[^/]*$" or path:match "^(.*)/[^/]*$" or ""
end

--- A list that holds each text once, in the order of arrival.
local function ordered_set()
   local list, seen = {}, {}
   return list, function(text)
      if not seen[text] then
         seen[text] = true
         list[#list + 1] = text
      end
   end
end

--- The files that a pattern names, sorted; `*` and `?` may stand in its last component.
local function glob(pattern)
   local folder, last = loader.folder_of(pattern), pattern:match "[^/]*$"
   if not last:find "[*?]" then
      return {pattern}
   end
   local lua_pattern = last:gsub("%p", "%%%0"):gsub("%%%*", ".*"):gsub("%%%?", ".")
   local found = {}
   for _, name in ipairs(core.list_folder(folder == "" and "." or folder) or {}) do
      if name:find("^" .. lua_pattern .. "$") and name:sub(1, 1) ~= "." then
         found[#found + 1] = loader.join(folder, name)
      end
   end
   return found
end

--- The files that a line `include PATTERN...` of an ld.so.conf names.
local function included(path, patterns)
   local found = {}
   for pattern in patterns:gmatch "%S+" do
      lists.append(found, glob(loader.join(loader.folder_of(path), pattern)))
   end
   return found
end

--- Adds the folders of an ld.so.conf and of what it includes. Absent files add nothing.
local function read_conf(path, add, seen)
   if seen[path] then
      return
   end
   seen[path] = true
   for line in (files.read(path) or ""):gmatch "[^\n]+" do
      line = line:gsub("#.*", ""):match "^%s*(.-)%s*$"
      local patterns = line:match "^include%s+(.*)$"
      for _, file in ipairs(patterns and included(path, patterns) or {}) do
         read_conf(file, add, seen)
      end
      if line:sub(1, 1) == "/" then -- what else there may be: nothing, or "hwcap ..."
         local folder = line:gsub("=%w+$", ""):gsub("(.)/+$", "%1")
         add(folder)
      end
   end
end

--- The folders of ld.so.conf, then the standard ones, behind those given; each once.
---@param given? string[]
---@param conf? string in place of /etc/ld.so.conf
---@return string[]
function loader.folders(given, conf)
   local folders, add = ordered_set()
   for _, folder in ipairs(given or {}) do
      add(folder)
   end
   read_conf(conf or CONF, add, {})
   for _, folder in ipairs(STANDARD) do
      add(folder)
   end
   return folders
end

-- The layout of the cache: numbers in the machine's own byte order, offsets from the magic.
local MAGIC = "glibc-ld.so.cache1.1"
local HEADER = "=c20I4I4I1" -- magic, libraries, bytes of strings, byte order and so on
local HEADER_SIZE = 48
local ENTRY = "=i4I4I4I4I8" -- flags, soname, path, version of the system, hardware capabilities
local ENTRY_SIZE = 24
local NATIVE_ORDER = string.pack("=I2", 1) == "\1\0" and 2 or 3

local function string_at(bytes, position)
   return position <= #bytes and string.unpack("z", bytes, position) or nil
end

--- Reads the entries of a cache that begins at `base`; raises when one lies outside.
local function read_entries(bytes, base)
   local _, count, _, order = string.unpack(HEADER, bytes, base)
   local entries = {}
   if order & 3 ~= 0 and order & 3 ~= NATIVE_ORDER then
      return entries
   end
   for i = 0, count - 1 do
      local at = base + HEADER_SIZE + i * ENTRY_SIZE
      local flags, key, value, _, hwcap = string.unpack(ENTRY, bytes, at)
      local name, path = string_at(bytes, base + key), string_at(bytes, base + value)
      if not name or not path then
         return {}
      end
      entries[#entries + 1] = {name = name, path = path, flags = flags, hwcap = hwcap}
   end
   return entries
end

--- The loader's cache, in its own order. Absent or corrupt, it is an empty list.
---@param path? string
---@return moonlink.CacheEntry[]
function loader.cache(path)
   local bytes = files.read(path or loader.CACHE)
   local base = bytes and bytes:find(MAGIC, 1, true) -- an older format may stand before it
   if not base then
      return {}
   end
   local good, entries = pcall(read_entries, bytes, base)
   return good and entries or {}
end

return loader
