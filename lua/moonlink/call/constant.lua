--- Integer constant expressions: the values of enumerators, array sizes and #define.
-- Takes a token reader; gives an integer in 64 bits. Raises a mistake.
-- Specification: C11 6.6 (constant expressions), 6.5 (operators and their precedence).
-- SPDX-License-Identifier: MIT

local constant = {}

local function truth(condition)
   return condition and 1 or 0
end

---C divides towards zero, Lua towards minus infinity.
local function divide(a, b)
   local quotient = a // b
   if quotient < 0 and quotient * b ~= a then
      quotient = quotient + 1
   end
   return quotient
end

local function shift_right(a, b)
   if b >= 64 then
      return a < 0 and -1 or 0
   end
   return a // (1 << b)
end

local binary = {
   ["||"] = { 1, function(a, b) return truth(a ~= 0 or b ~= 0) end },
   ["&&"] = { 2, function(a, b) return truth(a ~= 0 and b ~= 0) end },
   ["|"] = { 3, function(a, b) return a | b end },
   ["^"] = { 4, function(a, b) return a ~ b end },
   ["&"] = { 5, function(a, b) return a & b end },
   ["=="] = { 6, function(a, b) return truth(a == b) end },
   ["!="] = { 6, function(a, b) return truth(a ~= b) end },
   ["<"] = { 7, function(a, b) return truth(a < b) end },
   [">"] = { 7, function(a, b) return truth(a > b) end },
   ["<="] = { 7, function(a, b) return truth(a <= b) end },
   [">="] = { 7, function(a, b) return truth(a >= b) end },
   ["<<"] = { 8, function(a, b) return a << b end },
   [">>"] = { 8, shift_right },
   ["+"] = { 9, function(a, b) return a + b end },
   ["-"] = { 9, function(a, b) return a - b end },
   ["*"] = { 10, function(a, b) return a * b end },
   ["/"] = { 10, divide },
   ["%"] = { 10, function(a, b) return a - divide(a, b) * b end },
}

local unary = {
   ["+"] = function(a) return a end,
   ["-"] = function(a) return -a end,
   ["~"] = function(a) return ~a end,
   ["!"] = function(a) return truth(a == 0) end,
}

local expression

---@param reader moonlink.Reader
local function size_of(reader)
   reader:expect "("
   local t = reader:type_name()
   reader:expect ")"
   if not t.size then
      reader:fail("a type whose size is known")
   end
   return t.size
end

---@param reader moonlink.Reader
local function primary(reader)
   local token = reader:peek()
   if reader:accept "(" then
      if reader:at_type() then -- a cast: the value is kept, as far as 64 bits hold it
         reader:type_name()
         reader:expect ")"
         return primary(reader)
      end
      local value = expression(reader, 0)
      reader:expect ")"
      return value
   elseif unary[token.text] and token.kind == "punctuator" then
      reader:advance()
      reader:enter()
      local value = unary[token.text](primary(reader))
      reader:leave()
      return value
   elseif token.kind == "number" and token.value then
      reader:advance()
      return token.value
   elseif token.text == "sizeof" or token.text == "_Alignof" then
      reader:advance()
      return size_of(reader)
   end
   local value = token.kind == "name" and reader:constant(token.text)
   if not value then
      reader:fail("an integer constant")
   end
   reader:advance()
   return value
end

---Reads operators that bind tighter than `level`.
---@param reader moonlink.Reader
---@param level integer
---@return integer
function expression(reader, level)
   reader:enter()
   local left = primary(reader)
   while true do
      local token = reader:peek()
      local operator = token.kind == "punctuator" and binary[token.text]
      if not operator or operator[1] <= level then
         break
      end
      reader:advance()
      local right = expression(reader, operator[1])
      if right == 0 and operator[1] == 10 and token.text ~= "*" then
         reader:fail("a divisor that is not zero")
      end
      left = operator[2](left, right)
   end
   if level == 0 and reader:accept "?" then
      local yes = expression(reader, 0)
      reader:expect ":"
      local no = expression(reader, 0)
      left = left ~= 0 and yes or no
   end
   reader:leave()
   return left
end

---@param reader moonlink.Reader
---@return integer
function constant.read(reader)
   return expression(reader, 0)
end

return constant
