--- Medians, their intervals, ratios of pairs: known answers, and coverage of drawn samples.

local random = require "spec.support.random"
local stats = require "moonlink.lab.stats"

local function uniform(seed)
   local below = random.new(seed)
   return function() return below(1 << 31) / ((1 << 31) + 1) end
end

--- Times as one measures them: a floor and a tail upwards. Their median is known.
local function sample(next_number, n, scale)
   local list = {}
   for i = 1, n do
      list[i] = scale * (1 - math.log(1 - next_number()))
   end
   return list, scale * (1 + math.log(2))
end

describe("a summary", function()
   it("knows median, least and greatest", function()
      local s = stats.summary {5, 1, 4, 2, 3}
      assert.are.same({3, 1, 5, 5}, {s.median, s.min, s.max, s.n})
      assert.are.equal(2.5, stats.summary({4, 1, 2, 3}).median)
      assert.are.equal(2.5, stats.median {4, 1, 2, 3})
      for _, list in ipairs {{3, 5}, {4, 2}, {-3, -5}, {math.maxinteger, math.maxinteger}} do
         local median = stats.median(list)
         assert.are.equal("integer", math.type(median))
         assert.are.equal(list[1] / 2 + list[2] / 2, median + 0.0)
      end
   end)

   it("takes a list with holes, and leaves it as it was", function()
      local list = {9, nil, 7, [6] = 8, [7] = 0 / 0}
      local s = stats.summary(list)
      assert.are.same({8, 3}, {s.median, s.n})
      assert.are.equal(9, list[1])
      assert.are.equal(7, list[3])
   end)

   it("of one sample is that sample, of none nothing", function()
      assert.are.same({median = 4, min = 4, max = 4, low = 4, high = 4, n = 1}, stats.summary {4})
      assert.is_nil(stats.summary {})
      assert.is_nil(stats.median {})
   end)

   it("has an interval around the median, within the samples", function()
      for _, n in ipairs {2, 3, 7, 30, 1000, 1001, 5000} do
         local s = stats.summary((sample(uniform(n), n, 1)))
         assert.is_true(s.min <= s.low and s.low <= s.median, n)
         assert.is_true(s.median <= s.high and s.high <= s.max, n)
         assert.is_true(s.low < s.high, n)
      end
   end)

   it("is the same each time, and does not touch Lua's generator", function()
      local list = sample(uniform(5), 20, 3)
      math.randomseed(42)
      local expected = math.random()
      math.randomseed(42)
      local first = stats.summary(list)
      assert.are.equal(expected, math.random())
      math.randomseed(43)
      assert.are.same(first, stats.summary(list))
   end)

   it("has the true median in its interval nineteen times out of twenty", function()
      local tries = 100
      for _, n in ipairs {6, 7, 15, 1500} do
         local next_number, inside = uniform(n), 0
         for _ = 1, tries do
            local list, truth = sample(next_number, n, 10)
            local s = stats.summary(list)
            inside = inside + (s.low <= truth and truth <= s.high and 1 or 0)
         end
         -- three standard deviations of the count below 95 %
         assert.is_true(inside / tries >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / tries), n)
      end
   end)
end)

describe("a ratio", function()
   it("is taken pair by pair", function()
      -- The machine became ten times slower in the middle; each pair is still 2 to 1.
      local s = stats.ratio({2, 4, 20, 40}, {1, 2, 10, 20})
      assert.are.same({median = 2.0, min = 2.0, max = 2.0, low = 2.0, high = 2.0, n = 4}, s)
   end)

   it("leaves out runs that one of both lacks, and divisors of 0", function()
      local s = stats.ratio({1, nil, 9, 6, 4}, {2, 5, nil, 2, 0})
      assert.are.same({2, 0.5, 3.0}, {s.n, s.min, s.max})
      assert.is_nil(stats.ratio({1}, {nil, 2}))
      assert.is_nil(stats.ratio({1}, {0}))
   end)
end)

describe("a quotient of two experiments", function()
   it("holds the true ratio, and 1 for equal ones, nineteen times out of twenty", function()
      local next_number, equal, double = uniform(99), 0, 0
      local tries = 100
      for _ = 1, tries do
         local a, b = sample(next_number, 9, 10), sample(next_number, 9, 10)
         local q = stats.quotient(a, b)
         equal = equal + (q.low <= 1 and 1 <= q.high and 1 or 0)
         local c = sample(next_number, 9, 20)
         q = stats.quotient(c, b)
         double = double + (q.low <= 2 and 2 <= q.high and 1 or 0)
      end
      local least = tries * (0.95 - 3 * math.sqrt(0.05 * 0.95 / tries))
      assert.is_true(equal >= least, equal)
      assert.is_true(double >= least, double)
   end)

   it("is nothing where a divisor may be 0", function()
      assert.is_nil(stats.quotient({1, 2}, {0, 1}))
      assert.is_nil(stats.quotient({}, {1}))
   end)

   it("is told of thousands of samples, too", function()
      local a, b = sample(uniform(1), 3000, 30), sample(uniform(2), 10, 10)
      local q = stats.quotient(a, b)
      assert.is_true(q.low < 3 and 3 < q.high)
   end)
end)
