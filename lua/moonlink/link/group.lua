--- Shared libraries that need each other, opened as one. Where two refer to each other and neither
-- names the other (GHC's run-time system and base do), the first is refused when opened alone. A
-- library that contains nothing and needs all of them gives them one scope, in which it comes
-- first: a name that it defines means that for all of them.
-- Spec: gABI, chapter 5, "Dynamic Section".
-- SPDX-License-Identifier: MIT

local file = require "moonlink.file"
local lists = require "moonlink.lists"

local group = {}

local MACHINE = {x86_64 = 62}
local PT_LOAD, PT_DYNAMIC, PF_R, PF_W, ET_DYN = 1, 2, 4, 2, 3
local DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_SONAME =
   0, 1, 4, 5, 6, 10, 11, 14

local EHDR_SIZE, PHDR_SIZE, SYM_SIZE = 64, 56, 24

--- The strings behind one another, and where each begins.
local function string_table(strings)
   local at, parts, size = {}, {"\0"}, 1
   for i, text in ipairs(strings) do
      at[i], parts[#parts + 1] = size, text .. "\0"
      size = size + #text + 1
   end
   return table.concat(parts), at
end

local SHN_ABS, STB_GLOBAL, STT_OBJECT = 0xfff1, 1, 1

--- The symbols of the group itself: addresses, which the loader takes as they are, and the hash
--- table that finds them: one chain through all.
---@param names string[]
---@param at table<integer, integer> where their names lie, from 1
local function symbol_table(names, at, defines)
   local parts = {("\0"):rep(SYM_SIZE)}
   local chain = {0}
   for i, name in ipairs(names) do
      parts[i + 1] = ("<I4I1I1I2I8I8"):pack(at[i], STB_GLOBAL << 4 | STT_OBJECT, 0, SHN_ABS,
         defines[name], 8)
      chain[i + 1] = i < #names and i + 1 or 0
   end
   local hash = ("<I4I4I4"):pack(1, #names + 1, #names > 0 and 1 or 0)
   for _, next_one in ipairs(chain) do
      hash = hash .. ("<I4"):pack(next_one)
   end
   return table.concat(parts), hash .. ("\0"):rep(-#hash % 8)
end

--- A shared library without contents that needs these.
---@param name string its DT_SONAME
---@param paths string[] absolute
---@param defines? table<string, integer> names that mean these addresses for all of the group
---@return string bytes
function group.image(name, paths, defines)
   local names = lists.keys(defines or {})
   local strings, at = string_table {name, table.unpack(lists.append(lists.append({}, paths),
      names))}
   local symbols, hashes = symbol_table(names, {table.unpack(at, #paths + 2)}, defines)
   local symtab = EHDR_SIZE + 2 * PHDR_SIZE
   local hash = symtab + #symbols
   local strtab = hash + #hashes
   local dynamic = (strtab + #strings + 7) & ~7
   local entries = {}
   local function entry(tag, value)
      entries[#entries + 1] = ("<i8I8"):pack(tag, value)
   end
   for i = 1, #paths do
      entry(DT_NEEDED, at[i + 1])
   end
   entry(DT_SONAME, at[1])
   entry(DT_HASH, hash)
   entry(DT_STRTAB, strtab)
   entry(DT_SYMTAB, symtab)
   entry(DT_STRSZ, #strings)
   entry(DT_SYMENT, SYM_SIZE)
   entry(DT_NULL, 0)
   local table_of_dynamic = table.concat(entries)
   local size = dynamic + #table_of_dynamic
   local head = ("<c16I2I2I4I8I8I8I4I2I2I2I2I2I2"):pack("\127ELF\2\1\1", ET_DYN, MACHINE.x86_64, 1,
      0, EHDR_SIZE, 0, 0, EHDR_SIZE, PHDR_SIZE, 2, 0, 0, 0)
   local segments = ("<I4I4I8I8I8I8I8I8"):pack(PT_LOAD, PF_R | PF_W, 0, 0, 0, size, size, 4096)
      .. ("<I4I4I8I8I8I8I8I8"):pack(PT_DYNAMIC, PF_R | PF_W, dynamic, dynamic, dynamic,
         #table_of_dynamic, #table_of_dynamic, 8)
   return head .. segments .. symbols .. hashes .. strings
      .. ("\0"):rep(dynamic - strtab - #strings) .. table_of_dynamic
end

--- A file that holds the group, as an input of a load; remove() takes it away, which may be done
--- once it is loaded.
---@param paths string[] absolute
---@param defines? table<string, integer>
---@return {path: string, remove: fun()}?
---@return moonlink.Error? err
function group.file(paths, defines)
   local path = os.tmpname()
   local written, err = file.write(path, group.image(path:match "[^/]*$", paths, defines))
   if not written then
      os.remove(path)
      err.hint = "shared libraries that need each other are opened through a file that names them"
      return nil, err
   end
   return {path = path, remove = function() os.remove(path) end}
end

return group
