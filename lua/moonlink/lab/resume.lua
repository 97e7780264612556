--- Going on with an experiment that ended early: what an earlier result has of each case need not
-- be run again.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

local resume = {}

local function check(earlier, result)
   if earlier.name ~= result.name then
      errors.mistake("the result to go on with is of experiment '%s', not '%s'", earlier.name,
         result.name)
   end
   for _, key in ipairs {"cpu", "kernel"} do
      if earlier.machine[key] ~= result.machine[key] then
         errors.mistake("the result to go on with was measured elsewhere: %s, not %s",
            tostring(earlier.machine[key]), tostring(result.machine[key]))
      end
   end
end

local function case_of(earlier, case)
   for _, each in ipairs(earlier.cases) do
      if each.input == case.out.input and each.id == case.out.id
         and each.size == case.out.size then
         return each
      end
   end
end

--- Takes over the samples and failures of runs; not those of warming up, nor runs that counted.
---@param earlier moonlink.lab.Result
---@param result moonlink.lab.Result that begins
---@param cases table[] of moonlink.lab.turns
function resume.take(earlier, result, cases)
   check(earlier, result)
   for _, case in ipairs(cases) do
      local from = case_of(earlier, case) or {samples = {}, failures = {}}
      case.out.prepare_ms = from.prepare_ms
      for i, sample in ipairs(from.samples) do
         if i > result.runs or sample.run ~= i or not sample.load_ms and sample.system_calls then
            break
         end
         case.out.samples[i] = sample
      end
      for _, failure in ipairs(from.failures) do
         if failure.run > 0 and failure.run <= #case.out.samples then
            table.insert(case.out.failures, failure)
         end
      end
   end
end

return resume
