--- Reads JSON: data, never code. Objects and arrays are tables; null is nil, so that it leaves no
-- field; numbers without fraction and exponent are integers where they fit.
-- Spec: RFC 8259.
-- SPDX-License-Identifier: MIT

local json_read = {}

local DEEPEST = 100

local unescaped = {
   b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/",
}

local read_value

local function fail(at, what)
   local _, lines = at.text:sub(1, at.place):gsub("\n", "")
   error({line = lines + 1, what = what}, 0)
end

local function skip(at)
   at.place = at.text:find("[^ \t\r\n]", at.place) or #at.text + 1
   return at.text:sub(at.place, at.place)
end

--- \uXXXX, and a second one when the first is half of a pair; the place is behind the `u`.
local function read_unicode(at)
   local code = at.text:match("^%x%x%x%x", at.place)
   if not code then
      fail(at, "four hexadecimal digits expected behind \\u")
   end
   at.place = at.place + 4
   local number = tonumber(code, 16)
   if number >= 0xD800 and number < 0xDC00 then
      local low = at.text:match("^\\u([dD][c-fC-F]%x%x)", at.place)
      if not low then
         fail(at, "half of a surrogate pair")
      end
      at.place = at.place + 6
      number = 0x10000 + (number - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
   end
   return utf8.char(number)
end

local function read_string(at)
   local parts = {}
   at.place = at.place + 1
   while true do
      local plain, stop = at.text:match('^([^"\\%c]*)()', at.place)
      parts[#parts + 1], at.place = plain, stop + 1
      local c = at.text:sub(stop, stop)
      if c == '"' then
         return table.concat(parts)
      elseif c ~= "\\" then
         fail(at, c == "" and "a string without its end" or "a control character in a string")
      end
      c = at.text:sub(at.place, at.place)
      at.place = at.place + 1
      parts[#parts + 1] = unescaped[c] or c == "u" and read_unicode(at)
         or fail(at, "an unknown escape in a string")
   end
end

local function read_number(at)
   local text = at.text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at.place)
   local number = text and not text:find "^-?0%d" and not text:find "%.$" and tonumber(text)
   if not number then
      fail(at, "a value expected")
   end
   at.place = at.place + #text
   return number
end

--- The items of an array or object, each read by `item`, up to the closing bracket.
local function read_items(at, close, item)
   at.place, at.depth = at.place + 1, at.depth + 1
   if at.depth > DEEPEST then
      fail(at, "nested too deep")
   end
   local c = skip(at)
   while c ~= close do
      item(at)
      c = skip(at)
      if c == "," then
         at.place = at.place + 1
         if skip(at) == close then
            fail(at, "a comma without a value behind it")
         end
      elseif c ~= close then
         fail(at, ("',' or '%s' expected"):format(close))
      end
   end
   at.place, at.depth = at.place + 1, at.depth - 1
end

local function read_array(at)
   local list = {}
   read_items(at, "]", function()
      list[#list + 1] = read_value(at)
   end)
   return list
end

local function read_object(at)
   local object = {}
   read_items(at, "}", function()
      if skip(at) ~= '"' then
         fail(at, "a name in quotes expected")
      end
      local name = read_string(at)
      if skip(at) ~= ":" then
         fail(at, "':' expected")
      end
      at.place = at.place + 1
      object[name] = read_value(at)
   end)
   return object
end

local words = {["true"] = true, ["false"] = false}

function read_value(at)
   local c = skip(at)
   if c == "{" then
      return read_object(at)
   elseif c == "[" then
      return read_array(at)
   elseif c == '"' then
      return read_string(at)
   end
   local word = at.text:match("^%a+", at.place)
   if word == "null" or words[word] ~= nil then
      at.place = at.place + #word
      return words[word]
   end
   return read_number(at)
end

--- Reads a text.
---@param text string
---@return any value nil for the text "null", too
---@return string? why it cannot be read, with its line
function json_read.decode(text)
   local at = {text = text, place = 1, depth = 0}
   local ok, value = pcall(function()
      local value = read_value(at)
      if skip(at) ~= "" then
         fail(at, "more text behind the value")
      end
      return value
   end)
   if ok then
      return value
   elseif type(value) == "table" and value.what then
      return nil, ("line %d: %s"):format(value.line, value.what)
   end
   error(value, 0)
end

return json_read
