--- Lua values as bytes and back, between two copies of one program.
-- Carries nil, booleans, integers, floats (every bit of them), strings, and tables of these, with
-- shared references and cycles, however deep. An error of moonlink stays one; other metatables stay
-- behind. Functions, coroutines and userdata are refused by the path that leads to them.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

local codec = {}

local pack, unpack = string.pack, string.unpack

--- `[1].x`, for the steps that lead from a root to the value.
local function step(key)
   if type(key) == "string" then
      return key:find "^[%a_][%w_]*$" and "." .. key or ("[%q]"):format(key)
   elseif type(key) == "number" or type(key) == "boolean" then
      return ("[%s]"):format(tostring(key))
   end
   return ("[%s]"):format(type(key))
end

---@class moonlink.Encoder
---@field out string[]
---@field id_by_table table<table, integer>
---@field tables table[] by id, in the order in which they were met
---@field place table[] by id: where it was met: { id of the table around it, key in it }
local encoder = {}
encoder.__index = encoder

--- The path of the value under a key of table `id` (0: the list of all values).
function encoder:path(id, key)
   local steps = {}
   while id ~= 0 do
      table.insert(steps, 1, step(key))
      id, key = table.unpack(self.place[id])
   end
   return self.root(key) .. table.concat(steps)
end

local writers = {
   ["nil"] = function() return "N" end,
   boolean = function(_, v) return v and "T" or "F" end,
   number = function(_, v)
      return math.type(v) == "integer" and pack("<c1i8", "I", v) or pack("<c1d", "D", v)
   end,
}

--- Adds a value; a table only by its number, to be written later. Returns what cannot be carried.
function encoder:value(v, id, key)
   local out, kind = self.out, type(v)
   if kind == "string" then
      out[#out + 1] = pack("<c1I8", "S", #v)
      out[#out + 1] = v
   elseif kind == "table" then
      local number = self.id_by_table[v]
      if not number then
         number = #self.tables + 1
         self.tables[number], self.id_by_table[v] = v, number
         self.place[number] = {id, key}
      end
      out[#out + 1] = pack("<c1I8", "R", number)
   elseif writers[kind] then
      out[#out + 1] = writers[kind](self, v)
   else
      return kind
   end
end

local ARTICLE = {userdata = "a userdata", ["function"] = "a function", thread = "a coroutine"}

function encoder:table(id)
   local t, out = self.tables[id], self.out
   out[#out + 1] = errors.is(t) and "E" or "t"
   for k, v in next, t do
      local bad = self:value(k, id, k)
      if bad then
         return ("%s has %s as a key"):format(self:path(table.unpack(self.place[id])), ARTICLE[bad])
      end
      bad = self:value(v, id, k)
      if bad then
         return ("%s is %s"):format(self:path(id, k), ARTICLE[bad])
      end
   end
   out[#out + 1] = "."
end

--- Encodes values.
---@param values table with the number of them in `n`
---@param root fun(i: integer): string the name of value i, for messages
---@return string? bytes
---@return string? why what cannot be carried
function codec.encode(values, root)
   local e = setmetatable({
      out = {pack("<I8", values.n)}, id_by_table = {}, tables = {}, place = {}, root = root,
   }, encoder)
   for i = 1, values.n do
      local bad = e:value(values[i], 0, i)
      if bad then
         return nil, ("%s is %s"):format(root(i), ARTICLE[bad])
      end
   end
   local id = 1
   while e.tables[id] do
      local why = e:table(id)
      if why then
         return nil, why
      end
      id = id + 1
   end
   return table.concat(e.out)
end

---@class moonlink.Decoder
---@field bytes string
---@field at integer
---@field tables table[] by id
local decoder = {}
decoder.__index = decoder

function decoder:reference(id)
   local t = self.tables[id]
   if not t then
      assert(id >= 1 and id <= #self.bytes, "a table with an impossible number")
      t = {}
      self.tables[id] = t
   end
   return t
end

local readers = {
   N = function() return nil end,
   T = function() return true end,
   F = function() return false end,
   I = function(self)
      local v
      v, self.at = unpack("<i8", self.bytes, self.at)
      return v
   end,
   D = function(self)
      local v
      v, self.at = unpack("<d", self.bytes, self.at)
      return v
   end,
   S = function(self)
      local v
      v, self.at = unpack("<s8", self.bytes, self.at)
      return v
   end,
   R = function(self)
      local id
      id, self.at = unpack("<I8", self.bytes, self.at)
      return self:reference(id)
   end,
}

function decoder:tag()
   local tag = self.bytes:sub(self.at, self.at)
   self.at = self.at + 1
   return tag
end

function decoder:value(tag)
   local reader = readers[tag]
   assert(reader, "an unknown kind of value")
   return reader(self)
end

function decoder:table(id)
   local t, kind = self:reference(id), self:tag()
   assert(kind == "t" or kind == "E", "a table expected")
   for tag in self.tag, self do
      if tag == "." then
         break
      end
      local key = self:value(tag)
      t[key] = self:value(self:tag())
   end
   if kind == "E" then
      errors.new(t)
   end
end

local function decode(bytes)
   local self = setmetatable({bytes = bytes, tables = {}}, decoder)
   local values = {}
   values.n, self.at = unpack("<I8", bytes)
   assert(values.n >= 0 and values.n <= #bytes, "an impossible number of values")
   for i = 1, values.n do
      values[i] = self:value(self:tag())
   end
   local id = 1
   while self.at <= #bytes do
      self:table(id)
      id = id + 1
   end
   assert(#self.tables < id, "a table is missing")
   return values
end

--- Decodes what encode made. The bytes may be anything.
---@param bytes string
---@return table? values with the number of them in `n`
---@return string? why
function codec.decode(bytes)
   local ok, values = pcall(decode, bytes)
   if not ok then
      return nil, tostring(values)
   end
   return values
end

return codec
