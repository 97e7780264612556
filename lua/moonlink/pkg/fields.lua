--- The fields of a package's description, and how one of them is printed by itself: as
-- `ghc-pkg field` prints it, which is not as descriptions have it.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local hs = require "moonlink.pkg.hs_string"

local fields = {}

---@class moonlink.pkg.Field
---@field name string of the text format: "exposed-modules"
---@field key string of records: "exposed_modules"
---@field kind "word"|"text"|"bool"|"list"

--- All fields, in the order in which descriptions have them.
---@return moonlink.pkg.Field[]
---@return table<string, moonlink.pkg.Field> by_name
function fields.all()
   local list, by_name = {}, {}
   for i, field in ipairs(core.pkg.fields) do
      list[i] = {name = field.text, key = field.name, kind = field.kind}
      by_name[field.text] = list[i]
   end
   return list, by_name
end

-- A line of text takes so many characters behind its indentation, and so many with it.
local RIBBON, LINE = 67, 100

local blanks = {}
for _, code in ipairs {0xa0, 0x1680, 0x202f, 0x205f, 0x3000} do
   blanks[utf8.char(code)] = true
end
for code = 0x2000, 0x200a do
   blanks[utf8.char(code)] = true
end

local function has_blank(text)
   if text:find "[%s,]" then
      return true
   end
   for char in text:gmatch "[\194-\227][\128-\191]+" do
      if blanks[char] then
         return true
      end
   end
   return false
end

--- A token or path, in quotes where its reader would not take it as it is.
local function token(text)
   if text == "" or text:sub(1, 2) == "--" or text:sub(-1) == ":" or has_blank(text) then
      return hs.show(text)
   end
   return text
end

--- The items of a list as they are printed. Modules have commas between them when one of them is a
--- re-export.
local function items_of(key, list)
   if key == "instantiated_with" then
      return {list[1] and table.concat(list, ",")}
   end
   local items, mark = {}, ""
   for i, item in ipairs(list) do
      local is_reexport = key == "exposed_modules" and item:find(" from ", 1, true)
      items[i] = is_reexport and item or token(item)
      mark = is_reexport and "," or mark
   end
   for i = 1, #items - 1 do
      items[i] = items[i] .. mark
   end
   return items
end

local function width(text)
   return utf8.len(text) or #text
end

--- Fills lines, the first one behind a label, the others below its first item.
local function fill(label, items)
   local indent = width(label) + 1
   local at, room = indent - 1, math.min(RIBBON, LINE)
   local out = {label}
   for i, item in ipairs(items) do
      local size = width(item)
      if i > 1 and at + 1 + size > room then
         out[#out + 1] = "\n" .. (" "):rep(indent)
         at, room = 0, math.min(RIBBON, LINE - indent)
      else
         out[#out + 1] = " "
         at = at + 1
      end
      out[#out + 1] = item
      at = at + size
   end
   return table.concat(out)
end

--- Lines of free text; a blank one is a dot.
local function lines_of(text)
   local lines = {}
   for line in (text .. "\n"):gmatch "(.-)\n" do
      lines[#lines + 1] = line:find "%S" and line or "."
   end
   return lines
end

local function text_of(name, text, simple)
   if text == "" then
      return ""
   end
   local lines = lines_of(text)
   if simple then
      return table.concat(lines, "\n")
   end
   return ("%s: %s"):format(name, table.concat(lines, "\n" .. (" "):rep(width(name) + 2)))
end

-- Words that are printed though nothing is there, and how.
local absent = {id = "", key = "", abi = "", data_dir = '""', license = "NONE"}

local function word_of(key, value)
   if key == "pkgroot" then
      return nil
   elseif value == "" then
      return absent[key]
   end
   return key == "data_dir" and token(value) or value
end

--- One field as `ghc-pkg field` prints it, without a line end: "name: value", or the value alone.
--- Fields without a value are "".
---@param field moonlink.pkg.Field
---@param value string|boolean|string[]|nil
---@param simple? boolean only the value, in one line where it is a list
---@return string
function fields.show(field, value, simple)
   if field.kind == "text" then
      return text_of(field.name, value or "", simple)
   elseif field.kind == "list" then
      local items = items_of(field.key, field.key ~= "hugs_options" and value or {})
      if simple or not items[1] then
         return table.concat(items, " ")
      end
      return fill(field.name .. ":", items)
   end
   local word = value and "True" or "False"
   if field.kind ~= "bool" then
      word = word_of(field.key, value or "")
   end
   if not word then
      return ""
   end
   return simple and word or ("%s: %s"):format(field.name, word)
end

return fields
