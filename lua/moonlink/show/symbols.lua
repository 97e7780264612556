--- Symbol files: what lies where in a process, as text that outlives it.
-- A line per symbol, by address, six fields with a tab between:
--    ADDRESS  SIZE  TYPE  NAME  UNIT  FILE
-- ADDRESS and SIZE are hexadecimal behind 0x; TYPE is function, object, label, stub, slot, or
-- section. FILE is the object, "archive(member)" for one out of an archive, or empty. Control
-- characters and backslashes in names are written \xHH. Lines that begin with # are comments.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local file = require "moonlink.file"
local question = require "moonlink.link.question"

local symbols = {}

local HEADER = "# moonlink symbols 1: address, size, type, name, unit, file\n"

---@class moonlink.SymbolLine
---@field address integer
---@field size integer
---@field type string
---@field name string
---@field unit string
---@field file string

local function escape(text)
   return (text:gsub("[%c\\]", function(c)
      return ("\\x%02x"):format(c:byte())
   end))
end

local function unescape(text)
   return (text:gsub("\\x(%x%x)", function(hex)
      return string.char(tonumber(hex, 16))
   end))
end

--- The index of the last element at or before an address, in a list by address; 0: none is.
local function last_at(list, address)
   local low, high = 1, #list
   while low <= high do
      local mid = (low + high) // 2
      if math.ult(address, list[mid].address) then
         high = mid - 1
      else
         low = mid + 1
      end
   end
   return high
end

local function before(a, b)
   if a.address ~= b.address then
      return math.ult(a.address, b.address)
   elseif a.size ~= b.size then
      return a.size > b.size -- what holds others comes first
   end
   return a.name < b.name
end

--- All lines of one unit.
local function add_unit(unit, out)
   local inputs, sections = unit.core:inputs(), unit:sections()
   table.sort(sections, before)
   for _, s in ipairs(sections) do
      if s.size > 0 then
         out[#out + 1] = {address = s.address, size = s.size, type = "section", name = s.name,
            unit = unit.name, file = s.file}
      end
   end
   for _, s in ipairs(unit.core:named()) do
      local section = sections[last_at(sections, s.address)]
      local input = inputs[s.input or 0]
      out[#out + 1] = {
         address = s.address, size = s.size, type = s.kind, name = s.name, unit = unit.name,
         file = input and question.place(input) or section and section.file or "",
      }
   end
end

--- The text of a symbol file.
---@param units moonlink.LoadedUnit[]
---@return string
function symbols.text(units)
   local list, lines = {}, {HEADER}
   for _, unit in ipairs(units) do
      if unit:alive() then
         add_unit(unit, list)
      end
   end
   table.sort(list, before)
   for _, s in ipairs(list) do
      lines[#lines + 1] = ("0x%x\t0x%x\t%s\t%s\t%s\t%s\n"):format(s.address, s.size, s.type,
         escape(s.name), escape(s.unit), escape(s.file))
   end
   return table.concat(lines)
end

---@param path string
---@param units moonlink.LoadedUnit[]
---@return boolean?
---@return moonlink.Error? err
function symbols.write(path, units)
   return file.write(path, symbols.text(units))
end

--- Reads a symbol file.
---@param text string
---@param path string for messages
---@return moonlink.SymbolLine[]? lines by address
---@return moonlink.Error? err
function symbols.read(text, path)
   local list, number = {}, 0
   for line in text:gmatch "([^\n]*)\n?" do
      number = number + 1
      local address, size, type, name, unit, source =
         line:match "^0x(%x+)\t0x(%x+)\t(%l+)\t([^\t]*)\t([^\t]*)\t([^\t]*)$"
      if address and #address <= 16 and #size <= 16 then
         list[#list + 1] = {
            address = tonumber("0x" .. address), size = tonumber("0x" .. size), type = type,
            name = unescape(name), unit = unescape(unit), file = unescape(source),
         }
      elseif line ~= "" and line:sub(1, 1) ~= "#" then
         return nil, errors.new {code = "format", file = path,
            message = ("%s: line %d is no line of a symbol file"):format(path, number),
            hint = "write one with unit:write_symbols or linker:write_symbols"}
      end
   end
   table.sort(list, before)
   return list
end

--- Things that lie in each other, at most: a slot in nothing, a label in a function in a section.
local DEPTH = 64

local function covers(s, address)
   return math.ult(address - s.address, s.size)
end

--- What a symbol file says of an address: the innermost symbol, or the section; nil when neither
--- holds it.
---@param list moonlink.SymbolLine[]
---@param address integer
---@return moonlink.SymbolLine?
function symbols.find(list, address)
   local last = last_at(list, address)
   local section, label
   for i = last, math.max(last - DEPTH, 1), -1 do
      local s = list[i]
      if s.type == "section" then
         section = covers(s, address) and s or nil
         break
      elseif covers(s, address) then
         return s
      elseif s.size == 0 then
         label = label or s
      end
   end
   if not section then -- behind many symbols
      for i = last, 1, -1 do
         if list[i].type == "section" then
            section = covers(list[i], address) and list[i] or nil
            break
         end
      end
   end
   return section and label or section
end

return symbols
