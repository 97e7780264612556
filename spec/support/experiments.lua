--- Experiments of the laboratory, for specs: run, and looked at by case.
-- SPDX-License-Identifier: MIT

local assert = require "luassert"
local lab = require "moonlink.lab"

local experiments = {}

--- Seconds after which a run counts as one that never ends: compilers and linkers take their time
--- on a machine that has much to do.
experiments.PATIENCE = 600

--- Runs an experiment, once and without warming up unless told else; its cases by id.
---@param spec table of lab.experiment; a name is not needed
---@param options? moonlink.lab.RunOptions
---@return table<string, moonlink.lab.Case>
---@return moonlink.lab.Result
function experiments.cases(spec, options)
   spec.name = spec.name or "test"
   spec.timeout = spec.timeout or experiments.PATIENCE
   local result = lab.experiment(spec):run(options or {runs = 1, warmup = 0})
   local by_id = {}
   for _, case in ipairs(result.cases) do
      by_id[case.id] = case
   end
   return by_id, result
end

--- The first sample of a case that has succeeded in all its runs.
---@param case moonlink.lab.Case
---@param runs? integer 1
---@return table<string, any>
function experiments.sample(case, runs)
   assert.is_nil(case.refused)
   assert.same({}, case.failures)
   assert.equal(runs or 1, #case.samples)
   return case.samples[1]
end

return experiments
