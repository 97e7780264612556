--- Values of a prototype's types: from words of the command line, and as text for standard output.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local ctype = require "moonlink.call.ctype"
local number = require "moonlink.show.number"
local usage = require "moonlink.cli.usage"

local values = {}

local nothing = {["nil"] = true, NULL = true}
local special = {inf = math.huge, ["-inf"] = -math.huge, nan = 0 / 0, ["-nan"] = 0 / 0}

--- Bits of decimal digits, or of hexadecimal ones behind 0x; nil above 2^64 - 1.
local function magnitude(digits)
   local hex = digits:match "^0[xX]0*(%x*)$"
   if hex then
      return #hex <= 16 and #digits > 2 and tonumber("0x0" .. hex) or nil
   end
   local decimal = digits:match "^0*(%d*)$"
   if not decimal or #digits == 0 then
      return nil
   elseif #decimal < 19 then
      return math.tointeger(tonumber("0" .. decimal))
   elseif #decimal > 20 or (#decimal == 20 and decimal > "18446744073709551615") then
      return nil
   end
   local tens, ones = decimal:sub(1, -2), decimal:sub(-1)
   return math.tointeger(tonumber(tens)) * 10 + math.tointeger(tonumber(ones))
end

local sizes = {a = 1, h = 2, i = 4, l = 8, c = 1}

--- Does a value lie in the range of an integer type? A magnitude above 2^63 is negative here.
local function in_range(value, negative, hex, code)
   local bits = sizes[code:lower()] * 8
   local unsigned = code ~= "c" and code == code:upper()
   if bits == 64 then
      return unsigned and not negative or negative == (value < 0) or hex and not negative
         or value == 0
   end
   local low = unsigned and 0 or -(1 << (bits - 1))
   return value >= low and value < low + (1 << bits) and (negative or value >= 0)
end

--- An integer of the type that a code of the core stands for; nil when the text is none.
local function to_integer(text, code)
   local sign, digits = text:match "^([+-]?)(%w+)$"
   local value = digits and magnitude(digits)
   if not value then
      return nil
   end
   local negative = sign == "-" and value ~= 0
   if negative and value < 0 and value ~= math.mininteger then
      return nil
   end
   value = negative and -value or value
   return in_range(value, negative, digits:find "^0[xX]" ~= nil, code) and value or nil
end

local booleans = {["true"] = true, ["false"] = false, ["1"] = true, ["0"] = false}

local function to_char(text)
   return to_integer(text, "c") or (#text == 1 and text or nil)
end

local function to_float(text)
   return special[text:lower()] or tonumber(text)
end

--- A text that the callee may write to.
local function buffer(text, anchors)
   local memory = core.alloc(#text + 1):set(text)
   anchors[#anchors + 1] = memory
   return memory
end

local function is_text(t)
   return t.to and (t.to.size == 1 or (t.to.kind == "base" and t.to.name == "char"))
end

--- Pointers: texts where chars (bytes) are meant, else addresses.
local function to_pointer(text, t, anchors)
   if not is_text(t) then
      local address = to_integer(text, "L")
      if address then
         return address
      elseif t.to and t.to.kind == "function" then
         return nil
      end
   end
   if t.to_const then
      return text
   end
   return buffer(text, anchors)
end

local function convert(text, t, anchors)
   local code = ctype.code(t):sub(1, 1)
   if t.kind == "pointer" then
      return to_pointer(text, t, anchors)
   elseif code == "b" then
      return booleans[text]
   elseif code == "c" then
      return to_char(text)
   elseif code == "f" or code == "d" or code == "D" then
      return to_float(text)
   end
   return to_integer(text, code)
end

--- A variable argument: what its word looks like.
local function natural(text)
   if nothing[text] then
      return nil
   elseif text == "true" or text == "false" then
      return text == "true"
   end
   local integer = to_integer(text, "l")
   if integer then
      return integer
   end
   return to_float(text) or text
end

--- Converts words to the arguments of a function.
---@param words string[]
---@param declared moonlink.Declaration of the function
---@return table arguments as of table.pack
---@return any[] anchors to be kept until the call has returned
function values.parse(words, declared)
   local params, variadic = declared.type.params, declared.type.variadic
   if #words < #params or (#words > #params and not variadic) then
      usage.fail("%s takes %s%d value%s, not %d", declared.name, variadic and "at least " or "",
         #params, #params == 1 and "" or "s", #words)
   end
   local out, anchors = {n = #words}, {}
   for i, word in ipairs(words) do
      local t = params[i] and ctype.as_parameter(params[i].type)
      if not t then
         out[i] = natural(word)
      elseif not (t.kind == "pointer" and nothing[word]) then
         out[i] = convert(word, t, anchors)
         if out[i] == nil then
            usage.fail("value %d: '%s' is no %s", i, word, ctype.show(t))
         end
      end
   end
   return out, anchors
end

local function show_pointer(value)
   if value == nil then
      return "NULL"
   end
   return type(value) == "string" and value or number.hex(value)
end

--- The text of a result; nil for void.
---@param value any
---@param t moonlink.CType
---@return string?
function values.show(value, t)
   local code = ctype.code(t):sub(1, 1)
   if code == "v" then
      return nil
   elseif t.kind == "pointer" then
      return show_pointer(value)
   elseif code == "f" then
      return number.float(value)
   elseif code == "d" or code == "D" then
      return number.double(value)
   elseif code == "L" then
      return number.unsigned(value)
   end
   return tostring(value)
end

return values
