--- Statistics of repeated measurements: medians with bootstrap intervals, ratios pair by pair.
-- No call draws from Lua's own generator: the same samples always give the same intervals.
-- Spec: Efron and Tibshirani, An Introduction to the Bootstrap, 13.3 (percentile intervals);
-- Hesterberg, What Teachers Should Know About the Bootstrap, 5.2 (expanded for few samples).
-- SPDX-License-Identifier: MIT

local stats = {}

local RESAMPLES = 2000
local MANY = 1000 -- samples, from which on ranks alone give the interval
local Z = 1.959964 -- 95 % of the normal distribution lie within so many standard deviations
local FEW = 5 -- samples, up to which the interval is all of them

---@class moonlink.lab.Summary
---@field median number of an even count, the mean of the two in the middle
---@field min number
---@field max number
---@field low number where the 95 % interval of the median begins
---@field high number where it ends
---@field n integer how many samples

--- The numbers of a list that may have holes (a run that failed), in order.
local function present(list)
   local keys, values = {}, {}
   for key, value in pairs(list) do
      if math.type(key) == "integer" and type(value) == "number" and value == value then
         keys[#keys + 1] = key
      end
   end
   table.sort(keys)
   for i, key in ipairs(keys) do
      values[i] = list[key]
   end
   return values
end

local function middle(sorted)
   local half = #sorted // 2
   if #sorted % 2 == 1 then
      return sorted[half + 1]
   end
   local a, b = sorted[half], sorted[half + 1]
   local rest = math.type(a) == "integer" and math.type(b) == "integer" and a % 2 + b % 2
   if rest == 0 or rest == 2 then -- numbers of things stay whole where their middle is
      return a // 2 + b // 2 + rest // 2
   end
   return a / 2 + b / 2
end

--- A generator of numbers from 1 to n: xorshift64*, from a fixed seed.
local function draws(n)
   local x = 0x9E3779B97F4A7C15
   return function()
      x = x ~ (x >> 12)
      x = x ~ (x << 25)
      x = x ~ (x >> 27)
      return ((x * 0x2545F4914F6CDD1D) >> 33) % n + 1
   end
end

--- The two middle ones of one resample, as places; of an odd count they are the same. Places are
--- drawn, not values: counted, they are sorted already.
local function resample(n, draw, counts)
   for i = 1, n do
      counts[i] = 0
   end
   for _ = 1, n do
      local i = draw()
      counts[i] = counts[i] + 1
   end
   local lower, upper = (n + 1) // 2, n // 2 + 1
   local seen, first = 0, nil
   for i = 1, n do
      seen = seen + counts[i]
      first = first or seen >= lower and i or nil
      if seen >= upper then
         return first, i
      end
   end
end

--- Medians of resamples, in the order in which they were drawn. Each is followed by its mirror
--- image, which is as likely: so neither end of an interval is longer by chance.
local function medians(sorted, draw)
   local n, out, counts = #sorted, {}, {}
   for i = 1, RESAMPLES, 2 do
      local a, b = resample(n, draw, counts)
      out[i] = sorted[a] / 2 + sorted[b] / 2
      out[i + 1] = sorted[n + 1 - b] / 2 + sorted[n + 1 - a] / 2
   end
   return out
end

--- How much of the normal distribution lies above x > 0 (Abramowitz and Stegun, 26.2.17).
local function above(x)
   local t = 1 / (1 + 0.2316419 * x)
   local sum = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978
      + t * 1.330274429))))
   return sum * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
end

--- The part of n samples' resamples to leave out on each side. With 2.5 % the interval of seven
-- samples would miss the median one time out of eight: the spread of few samples is too small,
-- and is itself uncertain (Student's distribution).
local function tail(n)
   if n <= FEW then
      return 0
   end
   local v = n - 1
   local t = Z + (Z ^ 3 + Z) / (4 * v) + (5 * Z ^ 5 + 16 * Z ^ 3 + 3 * Z) / (96 * v * v)
   return above(t * math.sqrt(n / v))
end

--- What lies between the tails of a list, which is sorted here.
local function between(list, part)
   table.sort(list)
   local cut = math.floor(#list * part)
   return list[cut + 1], list[#list - cut]
end

--- Of many samples: the order statistics whose ranks lie as many standard deviations of the
--- binomial distribution around the middle.
local function by_rank(sorted)
   local n = #sorted
   local reach = Z * math.sqrt(n) / 2
   local low = math.max(1, math.floor(n / 2 - reach))
   local high = math.min(n, math.ceil(n / 2 + reach) + 1)
   return sorted[low], sorted[high]
end

local function interval(sorted)
   local n = #sorted
   if n <= FEW then
      return sorted[1], sorted[n]
   elseif n > MANY then
      return by_rank(sorted)
   end
   return between(medians(sorted, draws(n)), tail(n))
end

---@param list number[] may have holes; what is no number is left out
---@return number? median nil without any number
function stats.median(list)
   local sorted = present(list)
   table.sort(sorted)
   return sorted[1] and middle(sorted)
end

---@param list number[] may have holes; what is no number is left out
---@return moonlink.lab.Summary? nil without any number
function stats.summary(list)
   local sorted = present(list)
   if not sorted[1] then
      return nil
   end
   table.sort(sorted)
   local low, high = interval(sorted)
   return {
      median = middle(sorted), min = sorted[1], max = sorted[#sorted], low = low, high = high,
      n = #sorted,
   }
end

--- Run i of a over run i of b, for all i that both have: what drifts during an experiment changes
--- both parts of a pair.
---@param a number[] may have holes
---@param b number[] may have holes
---@return moonlink.lab.Summary? of the ratios; nil without any pair whose divisor is above 0
function stats.ratio(a, b)
   local ratios = {}
   for i, value in pairs(a) do
      local other = b[i]
      if type(value) == "number" and type(other) == "number" and other > 0 then
         ratios[i] = value / other
      end
   end
   return stats.summary(ratios)
end

--- The ratio of two medians of samples that are no pairs: of two experiments, say.
---@param a number[] may have holes
---@param b number[] may have holes
---@return { median: number, low: number, high: number }? nil where a median of b may be 0
function stats.quotient(a, b)
   local top, bottom = present(a), present(b)
   table.sort(top)
   table.sort(bottom)
   if not top[1] or not bottom[1] or bottom[1] <= 0 then
      return nil
   end
   local low, high
   local fewest, most = math.min(#top, #bottom), math.max(#top, #bottom)
   if fewest <= FEW or most > MANY then
      local top_low, top_high = interval(top)
      local bottom_low, bottom_high = interval(bottom)
      low, high = top_low / bottom_high, top_high / bottom_low
   else
      -- One generator for both: with one each, equal counts would draw equal places.
      local draw = draws(#top * #bottom)
      local ratios = medians(top, function() return draw() % #top + 1 end)
      local divisors = medians(bottom, function() return draw() % #bottom + 1 end)
      for i, divisor in ipairs(divisors) do
         ratios[i] = ratios[i] / divisor
      end
      low, high = between(ratios, tail(fewest))
   end
   return {median = middle(top) / middle(bottom), low = low, high = high}
end

return stats
