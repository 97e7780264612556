--- Values of Haskell as values of Lua. Reading evaluates as far as the type says. There are no
-- types at run time: what is found is checked by the constructor that it has.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local frame = require "moonlink.ghc.frame"
local moonlink = require "moonlink"
local types = require "moonlink.ghc.types"

local values = {}

--- What a closure is, in words, for a message.
local function describe(fr, info, kind)
   if not frame.is_constructor(kind) then
      return "a function, or something else that is no constructor"
   end
   local place = moonlink.addr2sym(info) or {}
   local symbol = place.name and require "moonlink.pkg".parse_symbol(place.name)
   return symbol and ("made by %s.%s"):format(symbol.module, symbol.name)
      or place.name or ("constructor %d of its type"):format(fr.hs:constructor_tag(info) + 1)
end

local function wrong(fr, wanted, info, kind)
   errors.mistake("a value of type %s expected; this one is %s", wanted, describe(fr, info, kind))
end

--- Forces the live value at i; gives its address and the position, from 1, of its constructor among
--- some names.
local function expect(fr, i, wanted, ...)
   local at, info, kind = fr:force(i)
   for k = 1, select("#", ...) do
      if info == fr.hs:info((select(k, ...))) then
         return at, k
      end
   end
   wrong(fr, wanted, info, kind)
end

local readers = {}

local function read_any(fr, i, t)
   local reader = readers[t.name]
   if reader then
      return reader(fr, i, t)
   end
   local box = types.boxes[t.name]
   local value = fr:field(expect(fr, i, t.text or t.name, box[1]), 0)
   if box[2] ~= "j" then
      value = box[2]:unpack(("j"):pack(value))
   end
   if t.name == "Char" then
      return utf8.char(value)
   elseif (t.name == "Ptr" or t.name == "FunPtr") and value == 0 then
      return nil
   end
   return value
end

--- Reads a part of the constructor at the live place i, k from 0.
local function read_part(fr, i, k, t)
   local n = fr:push(fr:field(fr:look(fr.live[i]), k))
   local value = read_any(fr, n, t)
   fr:drop(n)
   return value
end

function readers.any(fr, i)
   return fr.hs:hold(fr, fr.live[i])
end

function readers.Bool(fr, i)
   local _, k = expect(fr, i, "Bool", "False", "True")
   return k == 2
end

function readers.Ordering(fr, i)
   local _, k = expect(fr, i, "Ordering", "LT", "EQ", "GT")
   return k - 2
end

--- Calls step(n) for each element; n is its live place. More than `limit` (the runtime's) raise.
local function each_element(fr, i, t, step, limit)
   local cell, count = fr:push(fr.live[i]), 0
   limit = limit or fr.hs.limit
   while true do
      local at, k = expect(fr, cell, t.text or "a list", "[]", ":")
      if k == 1 then
         break
      end
      count = count + 1
      if count > limit then
         error(errors.new {
            code = "range", message = ("a list of more than %d elements"):format(limit),
            hint = "take part of it in Haskell, or give start a higher limit",
         }, 0)
      end
      local n = fr:push(fr:field(at, 0))
      fr.live[cell] = fr:field(at, 1)
      step(n, count)
      fr:drop(n)
   end
   fr:drop(cell)
end

--- Tells how many there are when some are nil.
local function counted(list, n)
   for k = 1, n do
      if list[k] == nil then
         list.n = n
         break
      end
   end
   return list
end

function readers.list(fr, i, t)
   local list, size = {}, 0
   each_element(fr, i, t, function(n, count)
      list[count], size = read_any(fr, n, t[1]), count
   end)
   return counted(list, size)
end

function readers.String(fr, i, t)
   local parts, codes = {}, {}
   each_element(fr, i, t, function(n)
      codes[#codes + 1] = fr:field(expect(fr, n, "Char", "C#"), 0) & 0xffffffff
      if #codes == 100 then
         parts[#parts + 1], codes = utf8.char(table.unpack(codes)), {}
      end
   end)
   return table.concat(parts) .. utf8.char(table.unpack(codes))
end

--- Collects the characters of a String as far as they can be read, for those to whom a part is
--- better than nothing.
---@param fr moonlink.ghc.Frame
---@param i integer
---@param limit integer characters
---@return string
---@return boolean whole
function values.beginning(fr, i, limit)
   local chars, n = {}, #fr.live
   local whole = pcall(each_element, fr, i, {text = "String"}, function(k)
      chars[#chars + 1] = utf8.char(fr:field(expect(fr, k, "Char", "C#"), 0) & 0xffffffff)
   end, limit)
   fr:drop(n + 1)
   return table.concat(chars), whole
end

function readers.tuple(fr, i, t)
   if #t == 0 then
      expect(fr, i, "()", "()")
      return nil
   end
   expect(fr, i, t.text or "a tuple", ("(%s)"):format((","):rep(#t - 1)))
   local parts = {}
   for k = 1, #t do
      parts[k] = read_part(fr, i, k - 1, t[k])
   end
   return counted(parts, #t)
end

function readers.Maybe(fr, i, t)
   local _, k = expect(fr, i, t.text, "Nothing", "Just")
   if k == 2 then
      return read_part(fr, i, 0, t[1])
   end
   return nil
end

function readers.Either(fr, i, t)
   local _, k = expect(fr, i, t.text, "Left", "Right")
   if k == 1 then
      return {left = read_part(fr, i, 0, t[1])}
   end
   return {right = read_part(fr, i, 0, t[2])}
end

--- Numbers of any size: those that fit are integers of Lua, the others texts of digits.
local function big(fr, i, name, small, ...)
   local at, k = expect(fr, i, name, small, ...)
   local word = fr:field(at, 0)
   if k == 1 and (name == "Integer" or word >= 0) then
      return word
   end
   local show = fr.hs:closure_address(name == "Integer" and "show_integer" or "show_natural")
   local n = fr:push(fr:apply(show, fr.live[i]))
   local text = readers.String(fr, n, {text = "String"})
   fr:drop(n)
   return text
end

function readers.Integer(fr, i)
   return big(fr, i, "Integer", "IS", "IP", "IN")
end

function readers.Natural(fr, i)
   return big(fr, i, "Natural", "NS", "NB")
end

function readers.IO(fr, i, t)
   local value, exception = fr:run(fr.live[i])
   if not value then
      error(require "moonlink.ghc.exception".of(fr, exception), 0)
   end
   local n = fr:push(value)
   local result = read_any(fr, n, t[1])
   fr:drop(n)
   return result
end

--- The live value at a place as a value of Lua.
---@param fr moonlink.ghc.Frame
---@param i integer
---@param t string|moonlink.ghc.Type
---@return any
function values.read(fr, i, t)
   return read_any(fr, i, type(t) == "string" and types.parse(t) or t)
end

return values
