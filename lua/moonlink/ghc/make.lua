--- Values of Lua as values of Haskell: closures, built while a capability is held. Nothing is
-- evaluated, so that no collection comes between.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local types = require "moonlink.ghc.types"

local make = {}

local makers = {}
local make_any

local function mistake(t, value)
   local shown = math.type(value) or type(value)
   if shown == "string" then
      shown = ("'%s'"):format(#value > 40 and value:sub(1, 40) .. "..." or value)
   end
   errors.mistake("%s expected, got %s", t.text or t.name, shown)
end

--- Inclusive ranges by type.
local RANGES = {
   Int8 = {-0x80, 0x7f}, Int16 = {-0x8000, 0x7fff}, Int32 = {-0x80000000, 0x7fffffff},
   Word8 = {0, 0xff}, Word16 = {0, 0xffff}, Word32 = {0, 0xffffffff},
}

for name, box in pairs(types.boxes) do
   local maker = "rts_mk" .. name
   if name == "Double" or name == "Float" then
      makers[name] = function(fr, value, t)
         if type(value) ~= "number" then
            mistake(t, value)
         end
         return fr.hs.rts[maker](fr.cap, value)
      end
   elseif box[1]:find "#" and name ~= "Char" then
      makers[name] = function(fr, value, t)
         local n = type(value) == "number" and math.tointeger(value)
         local range = RANGES[name]
         if not n or range and (n < range[1] or n > range[2]) then
            mistake(t, value)
         end
         return fr.hs.rts[maker](fr.cap, n)
      end
   else -- addresses, as calls of C take them; Char has its own maker below
      makers[name] = function(fr, value, t)
         local good, closure = pcall(fr.hs.rts[maker], fr.cap, value)
         if not good then
            mistake(t, value)
         end
         return closure
      end
   end
end

local function char(fr, code)
   return fr.hs.rts.rts_mkChar(fr.cap, code)
end

function makers.Char(fr, value, t)
   local length = type(value) == "string" and utf8.len(value)
   if length ~= 1 then
      mistake(t, value)
   end
   return char(fr, utf8.codepoint(value))
end

function makers.Bool(fr, value, t)
   if type(value) ~= "boolean" then
      mistake(t, value)
   end
   return fr.hs:constructor_address(value and "True" or "False")
end

function makers.Ordering(fr, value, t)
   local name = ({[-1] = "LT", [0] = "EQ", [1] = "GT"})[value]
   if not name then
      mistake(t, value)
   end
   return fr.hs:constructor_address(name)
end

local function cons(fr, head, tail)
   return fr:construct(fr.hs:info ":", 2, head, tail)
end

function makers.String(fr, value, t)
   if type(value) ~= "string" then
      mistake(t, value)
   elseif not utf8.len(value) then
      errors.mistake "a text in UTF-8 expected; for other bytes there is [Word8]"
   end
   local codes, n = {}, 0
   for _, code in utf8.codes(value) do
      n = n + 1
      codes[n] = code
   end
   local list = fr.hs:constructor_address "[]"
   for i = n, 1, -1 do
      list = cons(fr, char(fr, codes[i]), list)
   end
   return list
end

function makers.list(fr, value, t)
   if type(value) ~= "table" or getmetatable(value) then
      mistake(t, value)
   end
   local n = math.tointeger(value.n or #value)
   if not n then
      errors.mistake("%s: a number of elements expected as n, got %s", t.text, tostring(value.n))
   end
   local list = fr.hs:constructor_address "[]"
   for i = n, 1, -1 do
      list = cons(fr, make_any(fr, value[i], t[1]), list)
   end
   return list
end

function makers.tuple(fr, value, t)
   if #t == 0 then
      return fr.hs:constructor_address "()"
   elseif type(value) ~= "table" or getmetatable(value) then
      mistake(t, value)
   end
   local parts = {}
   for i = 1, #t do
      parts[i] = make_any(fr, value[i], t[i])
   end
   return fr:construct(fr.hs:info(("(%s)"):format((","):rep(#t - 1))), 1, table.unpack(parts))
end

function makers.Maybe(fr, value, t)
   if value == nil then
      return fr.hs:constructor_address "Nothing"
   end
   return fr:construct(fr.hs:info "Just", 2, make_any(fr, value, t[1]))
end

function makers.Either(fr, value, t)
   if type(value) ~= "table" or (value.left == nil) == (value.right == nil) then
      errors.mistake("%s: a table with left or right expected", t.text)
   elseif value.left ~= nil then
      return fr:construct(fr.hs:info "Left", 1, make_any(fr, value.left, t[1]))
   end
   return fr:construct(fr.hs:info "Right", 2, make_any(fr, value.right, t[2]))
end

local function small_integer(fr, n)
   return fr:construct(fr.hs:info "IS", 1, n)
end

--- A number of any size out of its digits, eighteen at a time.
local function from_digits(fr, sign, digits)
   local first = #digits % 18
   local value = small_integer(fr, tonumber(digits:sub(1, first)) or 0)
   local add = fr.hs:closure_address "integer_add"
   local times = fr.hs:closure_address "integer_times"
   local base = small_integer(fr, 10 ^ 18 // 1 | 0)
   for i = first + 1, #digits, 18 do
      local group = small_integer(fr, math.tointeger(tonumber(digits:sub(i, i + 17))))
      value = fr:apply(add, fr:apply(times, value, base), group)
   end
   return sign == "-" and fr:apply(times, value, small_integer(fr, -1)) or value
end

function makers.Integer(fr, value, t)
   local n = type(value) == "number" and math.tointeger(value)
   if n then
      return small_integer(fr, n)
   end
   local sign, digits = (type(value) == "string" and value or ""):match "^(%-?)(%d+)$"
   if not digits then
      mistake(t, value)
   end
   return from_digits(fr, sign, digits)
end

function makers.Natural(fr, value, t)
   local n = type(value) == "number" and math.tointeger(value)
   if n and n >= 0 then
      return fr:construct(fr.hs:info "NS", 1, n)
   elseif type(value) ~= "string" or not value:find "^%d+$" then
      mistake(t, value)
   end
   return fr:apply(fr.hs:closure_address "to_natural", from_digits(fr, "", value))
end

function makers.any(fr, value, t)
   local kind = math.type(value) or type(value)
   if kind == "integer" then
      return makers.Int(fr, value, t)
   elseif kind == "float" then
      return makers.Double(fr, value, t)
   elseif kind == "boolean" then
      return makers.Bool(fr, value, t)
   elseif kind == "string" then
      return makers.String(fr, value, t)
   end
   errors.mistake("a %s is no value of Haskell by itself: say which with hs:make(value, type)",
      kind)
end

function make_any(fr, value, t)
   local closure = fr.hs:closure_of(value)
   if closure then
      return closure
   end
   local maker = makers[t.name]
   if not maker then
      errors.mistake("values of type %s cannot be made from Lua", t.text or t.name)
   end
   return maker(fr, value, t)
end

--- A closure for a value of Lua. Evaluates nothing.
---@param fr moonlink.ghc.Frame
---@param value any also a value of Haskell, which stays what it is
---@param t string|moonlink.ghc.Type
---@return integer
function make.closure(fr, value, t)
   return make_any(fr, value, type(t) == "string" and types.parse(t) or t)
end

return make
