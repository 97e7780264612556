--- Values as a session prints them: C's as their type says, Lua's as one would type them.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local number = require "moonlink.show.number"
local values = require "moonlink.cli.values"

local show = {}

local DEEP, MOST = 3, 100 -- tables in tables, and fields in all, that are printed

local escapes = {["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\"}

local function quoted(text)
   return '"' .. text:gsub('[%c"\\]', function(c)
      return escapes[c] or ("\\x%02x"):format(c:byte())
   end) .. '"'
end

local ranks = {number = "1", string = "2"}

--- An order of keys: numbers, strings, the others by type.
local function before(a, b)
   if type(a) ~= type(b) then
      return (ranks[type(a)] or type(a)) < (ranks[type(b)] or type(b))
   elseif type(a) == "number" or type(a) == "string" then
      return a < b
   end
   return tostring(a) < tostring(b)
end

local any

local function key_text(key, room)
   if type(key) == "string" and key:find "^[%a_][%w_]*$" then
      return key
   end
   return "[" .. any(key, DEEP, room) .. "]"
end

local function keys_behind(value, length)
   local keys = {}
   for key in next, value do
      local listed = math.type(key) == "integer" and key >= 1 and key <= length
      keys[#keys + 1] = not listed and key or nil
   end
   table.sort(keys, before)
   return keys
end

--- The fields of a table, as long as there is room.
local function fields(value, depth, room)
   local length, out = rawlen(value), {}
   local keys = keys_behind(value, length)
   for i = 1, length + #keys do
      room.left = room.left - 1
      if room.left < 0 then
         out[i] = "..."
         break
      end
      local key = keys[i - length]
      local text = any(rawget(value, i <= length and i or key), depth, room)
      out[i] = i <= length and text or ("%s = %s"):format(key_text(key, room), text)
   end
   return table.concat(out, ", ")
end

function any(value, depth, room)
   local kind = type(value)
   local meta = getmetatable(value)
   local own = type(meta) == "table" and (rawget(meta, "__tostring") or rawget(meta, "__name"))
   if kind == "string" then
      return quoted(value)
   elseif kind == "number" and math.type(value) == "float" then
      local text = number.double(value)
      return text:find "^-?%d+$" and text .. ".0" or text
   elseif kind == "table" and not own then
      return depth < DEEP and "{" .. fields(value, depth + 1, room) .. "}" or "{...}"
   elseif kind == "function" then
      local info = call.info(value)
      return info and info.prototype or tostring(value)
   end
   return tostring(value)
end

--- A value of Lua.
---@param value any
---@return string
function show.value(value)
   local good, text = pcall(any, value, 0, {left = MOST})
   return good and text or "a value that cannot be printed: " .. tostring(text)
end

--- A value of a C type; nil for void.
---@param value any
---@param t moonlink.CType
---@return string?
function show.typed(value, t)
   if type(value) == "string" then
      return quoted(value)
   elseif t.kind == "array" or t.kind == "record" then
      return type(value) == "number" and number.hex(value) or tostring(value)
   end
   return values.show(value, t)
end

return show
