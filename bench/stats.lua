--- Statistics of a few repeated measurements.
-- SPDX-License-Identifier: MIT

local stats = {}

---@class bench.Summary
---@field median number
---@field min number
---@field max number
---@field count integer

--- The median: of an even count, the mean of the two in the middle.
---@param values number[] not empty
---@return number
function stats.median(values)
   assert(#values > 0, "no values")
   local sorted = table.move(values, 1, #values, 1, {})
   table.sort(sorted)
   local upper = #sorted // 2 + 1
   if #sorted % 2 == 1 then
      return sorted[upper]
   end
   return (sorted[upper - 1] + sorted[upper]) / 2
end

---@param values number[] not empty
---@return bench.Summary
function stats.summary(values)
   return {
      median = stats.median(values),
      min = math.min(table.unpack(values)),
      max = math.max(table.unpack(values)),
      count = #values,
   }
end

--- How far the runs lie apart, as a part of their median (0.1: ten percent).
---@param summary bench.Summary
---@return number
function stats.spread(summary)
   return (summary.max - summary.min) / summary.median
end

return stats
