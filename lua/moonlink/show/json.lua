--- Writes JSON. Keys are sorted, so that the same data gives the same text; integers keep all their
-- digits; one line, no blanks.
-- Spec: RFC 8259.
-- SPDX-License-Identifier: MIT

local number = require "moonlink.show.number"

local json = {}

local list_mark = {__name = "moonlink.json.list"}
local unsigned_mark = {__name = "moonlink.json.unsigned"}

--- Marks a table as an array, which an empty one does not show by itself.
---@param t any[]
---@return any[] t
function json.list(t)
   return setmetatable(t, list_mark)
end

--- An integer that is written as an unsigned one: an address.
---@param n integer
---@return table
function json.unsigned(n)
   return setmetatable({n = n}, unsigned_mark)
end

local named = {
   ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escape(char)
   return named[char] or ("\\u%04x"):format(char:byte())
end

--- A name out of a file may hold any byte; what is no UTF-8 is written as U+0080 to U+00FF.
local function encode_string(s)
   s = s:gsub('[%c"\\\127]', escape)
   if not utf8.len(s) then
      s = s:gsub("[\128-\255]", escape)
   end
   return '"' .. s .. '"'
end

local function encode_number(n)
   if math.type(n) == "integer" then
      return ("%d"):format(n)
   elseif n ~= n or n == math.huge or n == -math.huge then
      return "null"
   end
   return number.double(n)
end

local encode

local function encode_list(t, out)
   out[#out + 1] = "["
   for i, value in ipairs(t) do
      out[#out + 1] = i > 1 and "," or nil
      encode(value, out)
   end
   out[#out + 1] = "]"
end

local function encode_object(t, out)
   local keys = {}
   for key in pairs(t) do
      if type(key) ~= "string" then
         error(("a JSON object cannot have the key %s"):format(tostring(key)), 0)
      end
      keys[#keys + 1] = key
   end
   table.sort(keys)
   out[#out + 1] = "{"
   for i, key in ipairs(keys) do
      out[#out + 1] = (i > 1 and "," or "") .. encode_string(key) .. ":"
      encode(t[key], out)
   end
   out[#out + 1] = "}"
end

function encode(value, out)
   local kind = type(value)
   if kind == "table" then
      local mark = getmetatable(value)
      if mark == unsigned_mark then
         out[#out + 1] = number.unsigned(value.n)
      elseif mark == list_mark or #value > 0 then
         encode_list(value, out)
      else
         encode_object(value, out)
      end
   elseif kind == "string" then
      out[#out + 1] = encode_string(value)
   elseif kind == "number" then
      out[#out + 1] = encode_number(value)
   elseif kind == "boolean" then
      out[#out + 1] = tostring(value)
   else
      error(("a %s has no form in JSON"):format(kind), 0)
   end
end

--- Raises for what JSON cannot say: functions, mixed keys.
---@param value any
---@return string one line
function json.encode(value)
   local out = {}
   encode(value, out)
   return table.concat(out)
end

return json
