--- Values in raw memory: of a C type, or of a format of string.pack.
-- Takes addresses that may be anything; never faults. The world's failures are nil, err.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local ctype = require "moonlink.call.ctype"

local data = {}

---The address behind a value: an integer, or anything with an address method. Raises otherwise.
---@param value any
---@param level integer whose mistake it is, as for error
---@return integer address
function data.address(value, level)
   local address = math.type(value) == "integer" and value
      or math.type(value) == "float" and math.tointeger(value)
   if not address and type(value) == "userdata" then
      local meta = getmetatable(value)
      local methods = meta and meta.__index
      local method = type(methods) == "table" and methods.address
      address = method and method(value)
   end
   if not address then
      error(("address expected, got %s"):format(type(value)), level)
   end
   return address
end

---Raises when a buffer (something with a length) ends before `size` bytes.
local function check_room(value, size, level)
   if type(value) == "userdata" and getmetatable(value).__len and size > #value then
      error(("%d bytes do not fit in a buffer of %d"):format(size, #value), level)
   end
end

local function pack_size(format, level)
   local ok, size = pcall(string.packsize, format)
   if not ok then
      error("the format must have a fixed size: " .. tostring(size), level)
   end
   return size
end

---@param where any integer address, or a buffer, callback and so on
---@param format string of string.unpack, of a fixed size; or "z" for a string
---@param level integer
---@return any ... the values; or nil, err
function data.unpack(where, format, level)
   local address = data.address(where, level + 1)
   if format == "z" then
      return core.cstring(address)
   end
   local size = pack_size(format, level + 1)
   check_room(where, size, level + 1)
   local bytes, err = core.peek(address, size)
   if not bytes then
      return nil, err
   end
   local values = table.pack(string.unpack(format, bytes))
   return table.unpack(values, 1, values.n - 1)
end

---@param where any
---@param level integer
---@param format string
---@param ... any
---@return true|nil
---@return table|nil err
function data.pack(where, level, format, ...)
   local address = data.address(where, level + 1)
   local ok, bytes = pcall(string.pack, format, ...)
   if not ok then
      error(bytes, level)
   end
   check_room(where, #bytes, level + 1)
   return core.poke(address, bytes)
end

---The value of a C type at an address: text for pointers to char and for arrays of char, the
---address itself for other arrays and structs.
---@param t moonlink.CType
---@param address integer
---@return any
---@return table|nil err
function data.get(t, address)
   if t.kind == "array" and t.of.code == "c" then
      return core.cstring(address, t.count)
   elseif t.kind == "array" or t.kind == "record" or t.kind == "function" then
      return address
   elseif not t.format then
      error(ctype.show(t) .. " cannot be read as a value", 0)
   end
   local bytes, err = core.peek(address, t.size)
   if not bytes then
      return nil, err
   end
   local value = string.unpack(t.format, bytes)
   if t.kind ~= "pointer" then
      if t.code == "b" then
         return value ~= 0
      end
      return value
   elseif value == 0 then
      return nil
   elseif t.to.code == "c" then
      return core.cstring(value)
   end
   return value
end

---@param t moonlink.CType
---@param value any
---@return any what string.pack takes
---@return string|nil why not
local function storable(t, value)
   if t.kind == "pointer" then
      if type(value) == "string" then
         return nil, "a string is not kept alive by C memory: store an address"
      end
      return value == nil and 0 or data.address(value, 0)
   elseif t.code == "b" then
      if type(value) == "boolean" then
         return value and 1 or 0
      end
      return (value == 0 or value == 1) and value or nil, "boolean expected"
   elseif t.code == "c" and type(value) == "string" and #value == 1 then
      return (string.unpack("b", value))
   elseif type(value) ~= "number" then
      return nil, ("number expected, got %s"):format(type(value))
   elseif t.format:match "^[iIbBhH]" and not math.tointeger(value) then
      return nil, "number has no integer representation"
   end
   return value
end

---Writes a value of a C type. A wrong value is a mistake of the caller: raised without a position.
---@param t moonlink.CType
---@param address integer
---@param value any
---@return true|nil
---@return table|nil err
function data.set(t, address, value)
   if not t.format then
      error(ctype.show(t) .. " cannot be written as a value", 0)
   end
   local stored, why = storable(t, value)
   if stored == nil then
      error(why, 0)
   end
   local ok, bytes = pcall(string.pack, t.format, stored)
   if not ok then
      error("out of range for " .. ctype.show(t), 0)
   end
   return core.poke(address, bytes)
end

return data
