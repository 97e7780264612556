--- Texts as Haskell prints them, for messages that quote them so.
-- SPDX-License-Identifier: MIT

local hs = {}

local named = {
   [0] = "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a", "b", "t", "n", "v", "f", "r", "SO",
   "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS",
   "GS", "RS", "US", [34] = '"', [92] = "\\", [127] = "DEL",
}

--- Characters of a text; bytes when it is no UTF-8.
local function characters(text)
   if utf8.len(text) then
      return text:gmatch(utf8.charpattern)
   end
   return text:gmatch "[\0-\255]"
end

--- As `show` prints a string.
---@param text string
---@return string
function hs.show(text)
   if not text:find '[%c"\\\127-\255]' then
      return '"' .. text .. '"'
   end
   local out, last = {}, nil
   for char in characters(text) do
      local code = utf8.len(char) and utf8.codepoint(char) or char:byte()
      local name = named[code] or code > 127 and tostring(code)
      if (last == "SO" and char == "H") or (tonumber(last) and char:find "^%d") then
         out[#out + 1] = "\\&" -- else the escape before would go on
      end
      out[#out + 1] = name and "\\" .. name or char
      last = name
   end
   return '"' .. table.concat(out) .. '"'
end

--- A list of texts as `show` prints it.
---@param list string[]
---@return string
function hs.show_list(list)
   local out = {}
   for i, text in ipairs(list) do
      out[i] = hs.show(text)
   end
   return "[" .. table.concat(out, ",") .. "]"
end

local PLAIN = '^[^%c"\\\127-\255]*$'

--- The file names that a stem has with each of some endings, as `show` prints the list.
---@param stem string
---@param endings string[][] before and behind it; `list` is kept there between calls
---@return string
function hs.file_names(stem, endings)
   if not stem:find(PLAIN) then
      local names = {}
      for i, each in ipairs(endings) do
         names[i] = each[1] .. stem .. each[2]
      end
      return hs.show_list(names)
   end
   if not endings.list then
      local names = {}
      for i, each in ipairs(endings) do
         names[i] = hs.show(each[1] .. "\0" .. each[2]):gsub("%%", "%%%%"):gsub("\\NUL", "%%s")
      end
      endings.list, endings.stems = "[" .. table.concat(names, ",") .. "]", {}
   end
   for i = 1, #endings do
      endings.stems[i] = stem
   end
   return endings.list:format(table.unpack(endings.stems))
end

return hs
