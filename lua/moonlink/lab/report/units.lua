--- Numbers for people: three digits, units that fit, round places on an axis.
-- SPDX-License-Identifier: MIT

local units = {}

local THOUSANDS = {
   {"ns", "us", "ms", "s"},
   {"B", "kB", "MB", "GB", "TB"},
}
local KIBI = {"KiB", "MiB", "GiB", "TiB"}
local ALIASES = {["µs"] = "us", bytes = "B", byte = "B"}
local SHOWN = {us = "µs"}
local COUNTS = {{1e9, "billion"}, {1e6, "million"}, {1e3, "thousand"}}
local PLAIN = 1e5 -- counts below this are written out

--- Moves along a chain of units until the number has at most three digits before the point.
local function walk(chain, step, unit, most)
   local place
   for i, name in ipairs(chain) do
      place = name == unit and i or place
   end
   if not place then
      return nil
   end
   local factor = 1
   while most * factor >= step and chain[place + 1] do
      factor, place = factor / step, place + 1
   end
   while most > 0 and most * factor < 1 and chain[place - 1] do
      factor, place = factor * step, place - 1
   end
   return factor, chain[place]
end

--- The unit in which numbers up to `most` read best, and what to multiply them with.
---@param unit string as the metric has it
---@param most number the greatest of the numbers
---@return number factor
---@return string unit as it is printed
function units.fit(unit, most)
   unit, most = ALIASES[unit] or unit, math.abs(most)
   for _, chain in ipairs(THOUSANDS) do
      local factor, name = walk(chain, 1000, unit, most)
      if factor then
         return factor, SHOWN[name] or name
      end
   end
   local factor, name = walk(KIBI, 1024, unit, most)
   if factor then
      return factor, name
   end
   for _, row in ipairs(COUNTS) do
      if most >= PLAIN and most >= row[1] then
         return 1 / row[1], unit == "" and row[2] or ("%s %s"):format(row[2], unit)
      end
   end
   return 1, unit
end

--- Three digits that count, without an exponent between a millionth and a thousand million; of an
--- integer all digits.
---@param x number
---@return string
function units.text(x)
   local size = math.abs(x)
   if x == 0 then
      return "0"
   elseif size >= 1e9 or size < 1e-6 then
      return ("%.3g"):format(x)
   elseif math.type(x) == "integer" then
      return ("%d"):format(x)
   end
   local digits = math.max(0, math.min(8, 2 - math.floor(math.log(size, 10))))
   return (("%%.%df"):format(digits):format(x))
end

--- A round place on an axis: no more digits than it has.
---@param x number
---@return string
function units.place(x)
   return (("%.6g"):format(x):gsub("e%+?(-?)0*", "e%1"))
end

--- One unit for numbers between `least` and `most`, for tables and bars: it suits what lies in
--- their middle, by ratio.
---@param unit string
---@param least number
---@param most number
---@return number factor
---@return string unit as it is printed
function units.common(unit, least, most)
   if least > 0 and most > 0 then
      return units.fit(unit, math.sqrt(least) * math.sqrt(most))
   end
   return units.fit(unit, most)
end

--- Round steps from 0 to at least `most`.
---@param most number
---@param count integer about how many steps
---@return number[] places in order, from 0
function units.ticks(most, count)
   if not (most > 0 and most < math.huge) then
      most = 1
   end
   local raw = most / count
   local power = 10.0 ^ math.floor(math.log(raw, 10))
   local step = 10 * power
   for _, k in ipairs {5, 2, 1} do
      step = k * power >= raw * 0.999 and k * power or step
   end
   local places, i = {}, 0
   repeat
      places[i + 1] = i * step
      i = i + 1
   until places[i] >= most * 0.9999
   return places
end

--- Places on a logarithmic axis: powers of ten, with 2 and 5 between them when those are few. The
--- first is not above `least`, the last not below `most`.
---@param least number above 0
---@param most number
---@return number[]
function units.decades(least, most)
   local first, last = math.floor(math.log(least, 10) + 1e-9), math.ceil(math.log(most, 10) - 1e-9)
   local between = last - first <= 2 and {1, 2, 5} or {1}
   local places = {}
   for power = first, last do
      for _, k in ipairs(between) do
         local place = k * 10.0 ^ power
         places[#places + 1] = power == last and k > 1 and nil or place
      end
   end
   while places[3] and places[2] <= least * 1.0001 do
      table.remove(places, 1)
   end
   while places[3] and places[#places - 1] >= most * 0.9999 do
      table.remove(places)
   end
   if not places[2] then -- all points at one power of ten
      places[2] = places[1] * 10
   end
   return places
end

return units
