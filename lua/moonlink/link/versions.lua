--- The versions in which a shared library has a symbol, read from the file; for messages only.
-- Spec: gABI chapter 5; "Symbol Versioning" of the LSB core specification, 10.7.
-- SPDX-License-Identifier: MIT

local versions = {}

local SHT_DYNSYM, SHT_VERDEF, SHT_VERSYM = 11, 0x6ffffffd, 0x6fffffff
local DEEPEST = 4096 -- versions in one library

--- The bytes of each section by type, and of the string tables that they link to.
local function sections_of(file)
   local header = file:read(64)
   if not header or #header < 64 or header:sub(1, 6) ~= "\127ELF\2\1" then
      return {}
   end
   local offset = string.unpack("<I8", header, 41)
   local size, count = 64, string.unpack("<I2", header, 61)
   file:seek("set", offset)
   local table_bytes = file:read(size * count) or ""
   local found = {}
   local function bytes(index)
      local at = index * size + 1
      local start, length = string.unpack("<I8I8", table_bytes, at + 24)
      file:seek("set", start)
      return file:read(length) or ""
   end
   for i = 0, count - 1 do
      local kind = string.unpack("<I4", table_bytes, i * size + 5)
      local link = string.unpack("<I4", table_bytes, i * size + 41)
      if kind == SHT_DYNSYM or kind == SHT_VERDEF or kind == SHT_VERSYM then
         found[kind] = {bytes = bytes(i), strings = bytes(link)}
      end
   end
   return found
end

--- Version number -> name.
local function names_of(definitions)
   local names, at = {}, 1
   for _ = 1, DEEPEST do
      local number = string.unpack("<I2", definitions.bytes, at + 4)
      local auxiliary, following = string.unpack("<I4I4", definitions.bytes, at + 12)
      local name = string.unpack("<I4", definitions.bytes, at + auxiliary)
      names[number] = string.unpack("z", definitions.strings, name + 1)
      if following == 0 then
         break
      end
      at = at + following
   end
   return names
end

local function read(path, symbol)
   local file <close> = assert(io.open(path, "rb"))
   local sections = sections_of(file)
   local symbols, numbers = sections[SHT_DYNSYM], sections[SHT_VERSYM]
   local names, found = names_of(sections[SHT_VERDEF]), {}
   for i = 0, #symbols.bytes // 24 - 1 do
      local name, _, _, section = string.unpack("<I4I1I1I2", symbols.bytes, i * 24 + 1)
      if section ~= 0 and string.unpack("z", symbols.strings, name + 1) == symbol then
         local number = string.unpack("<I2", numbers.bytes, i * 2 + 1) & 0x7fff
         found[#found + 1] = names[number]
      end
   end
   table.sort(found)
   return found
end

--- The names of the versions, sorted; empty when the library has none or cannot be read.
---@param path string
---@param symbol string
---@return string[]
function versions.of(path, symbol)
   local ok, found = pcall(read, path, symbol)
   return ok and found or {}
end

return versions
