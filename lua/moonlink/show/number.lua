--- Numbers as text: unsigned, hexadecimal, and floats in the fewest digits that give them back.
-- SPDX-License-Identifier: MIT

local number = {}

--- An integer's bits as an unsigned decimal number.
---@param n integer
---@return string
function number.unsigned(n)
   if n >= 0 then
      return ("%d"):format(n)
   end
   local tenth = (n >> 1) // 5
   return ("%d%d"):format(tenth, n - tenth * 10)
end

---@param n integer
---@return string such as "0x401000"
function number.hex(n)
   return n == 0 and "0x0" or ("%#x"):format(n)
end

local function shortest(x, digits, most, same)
   while digits < most do
      local text = ("%%.%dg"):format(digits):format(x)
      if same(tonumber(text)) then
         return text
      end
      digits = digits + 1
   end
   return ("%%.%dg"):format(most):format(x)
end

--- The shortest text that reads back as the same double.
---@param x number
---@return string
function number.double(x)
   if x ~= x then
      return "nan"
   end
   return shortest(x, 15, 17, function(y) return y == x end)
end

--- The shortest text that reads back as the same float (C's single precision).
---@param x number a double that holds a float's value
---@return string
function number.float(x)
   if x ~= x then
      return "nan"
   end
   return shortest(x, 6, 9, function(y)
      return y and string.unpack("f", string.pack("f", y)) == x
   end)
end

return number
