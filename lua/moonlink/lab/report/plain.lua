--- Names out of files as text that cannot do anything: control characters and marks that turn the
-- direction of writing are made visible, and what is no UTF-8 is read as Latin-1.
-- SPDX-License-Identifier: MIT

local plain = {}

--- Marks that change how the text around them is ordered or hidden: U+200B to U+200F, U+202A to
-- U+202E, U+2066 to U+2069, U+FEFF, U+061C; the separators U+2028 and U+2029.
local function is_mark(code)
   return code >= 0x200B and code <= 0x200F or code >= 0x2028 and code <= 0x202E
      or code >= 0x2066 and code <= 0x2069 or code == 0xFEFF or code == 0x061C
end

local function shown(code)
   if code < 0x20 or code >= 0x7F and code < 0xA0 or is_mark(code) or code == 0xFFFE
      or code == 0xFFFF then
      return ("<U+%04X>"):format(code)
   end
   return utf8.char(code)
end

local function utf8_of(s)
   if utf8.len(s) then
      return s
   end
   return (s:gsub("[\128-\255]", function(c) return utf8.char(c:byte()) end))
end

--- One line.
---@param s string
---@return string
function plain.line(s)
   if not s:find "[^ -~]" then
      return s
   end
   local out = {}
   for _, code in utf8.codes(utf8_of(s)) do
      out[#out + 1] = shown(code)
   end
   return table.concat(out)
end

--- The same, line by line, without line ends at the end.
---@param s string
---@return string
function plain.lines(s)
   local lines = {}
   for line in (s:gsub("\r\n", "\n") .. "\n"):gmatch "([^\n]*)\n" do
      lines[#lines + 1] = plain.line(line:gsub("\t", "   "))
   end
   while lines[1] and not lines[#lines]:find "%S" do
      lines[#lines] = nil
   end
   return table.concat(lines, "\n")
end

local function is_wide(code)
   return code >= 0x1100 and (code <= 0x115F or code >= 0x2E80 and code <= 0xA4CF
      or code >= 0xAC00 and code <= 0xD7A3 or code >= 0xF900 and code <= 0xFAFF
      or code >= 0xFE30 and code <= 0xFE6F or code >= 0xFF00 and code <= 0xFF60
      or code >= 0x1F300 and code <= 0x1FAFF or code >= 0x20000 and code <= 0x3FFFD)
end

local function columns(code)
   if code >= 0x300 and code <= 0x36F or code >= 0xFE00 and code <= 0xFE0F then
      return 0
   end
   return is_wide(code) and 2 or 1
end

--- How many columns of a terminal, or widths of a digit, a text takes.
---@param s string of plain.line
---@return integer
function plain.width(s)
   if not s:find "[\128-\255]" then
      return #s
   end
   local width = 0
   for _, code in utf8.codes(s) do
      width = width + columns(code)
   end
   return width
end

--- As much of a text as fits: its beginning and its end, with an ellipsis between them.
---@param s string of plain.line
---@param most integer columns
---@return string
function plain.cut(s, most)
   if plain.width(s) <= most then
      return s
   end
   local codes, head, tail = {}, {}, {}
   for _, code in utf8.codes(s) do
      codes[#codes + 1] = code
   end
   local left, right, room = 1, #codes, most - 1
   while room > 0 and left <= right do
      local from_left = #head <= #tail
      local code = codes[from_left and left or right]
      room = room - columns(code)
      if room < 0 then
         break
      elseif from_left then
         head[#head + 1], left = utf8.char(code), left + 1
      else
         table.insert(tail, 1, utf8.char(code))
         right = right - 1
      end
   end
   return table.concat(head) .. "…" .. table.concat(tail)
end

return plain
