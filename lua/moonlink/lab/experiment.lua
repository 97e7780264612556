--- Experiments: strategies and inputs side by side. Every run has a process of its own; the cases
-- take turns, A B C A B C, so that a machine that drifts hurts all alike; a timeout or a crash is a
-- result.
-- SPDX-License-Identifier: MIT

local axes = require "moonlink.lab.axes"
local checks = require "moonlink.lab.checks"
local core = require "moonlink.core"
local errors = require "moonlink.error"
local file = require "moonlink.file"
local given = require "moonlink.given"
local machine = require "moonlink.lab.machine"
local metrics = require "moonlink.lab.metrics"
local plan = require "moonlink.lab.plan"
local resume = require "moonlink.lab.resume"
local shell = require "moonlink.lab.shell"
local strategy = require "moonlink.lab.strategy"
local turns = require "moonlink.lab.turns"

local experiment = {}

---@class moonlink.lab.Spec
---@field name string
---@field inputs any[] paths, tables (moonlink.lab.Input) or plans of packages
---@field strategies (string|table)[]
---@field axes? table<string, any[]> values to try of axes; a case takes part in those that it knows
---@field call? table prototype, arguments, `expect`: the first call of each run
---@field call_edited? table the same, when the edit of the input has taken effect
---@field work? fun(loaded: moonlink.lab.Loaded, run: moonlink.lab.Run): table<string, number>?
---@field metrics? moonlink.lab.Metric[] what the numbers of `work` are
---@field runs? integer 7
---@field warmup? integer runs that are thrown away, 1
---@field rounds? integer loads and unloads at the end of each run
---@field timeout? number seconds of one run, 60
---@field memory? integer bytes that a run may have
---@field prepare? "each"|"once"
---@field system_calls? boolean one more run of each case counts them, by strace
---@field trace? boolean one more run of each case counts calls between packages

---@class moonlink.lab.CaseToRun
---@field id string
---@field strategy moonlink.lab.Strategy
---@field input moonlink.lab.Input
---@field values table<string, any>
---@field plan moonlink.lab.Plan

---@class moonlink.lab.Case
---@field id string what tells it from other cases of its input
---@field strategy string
---@field input string
---@field size integer objects
---@field bytes integer
---@field axes table<string, any>
---@field refused? {why: string, report: string}
---@field system_calls? moonlink.lab.StageCalls[] of the last sample, which is of a run of its own
---@field not_counted? string why there are no system calls
---@field samples table<string, any>[] one per run; one without metrics for a run that failed
---@field calls? moonlink.lab.Edge[] between packages: of `trace`, or as `work` has counted them
---@field calls_not_counted? string why `trace` has none
---@field failures {run: integer, kind: string, text: string}[] run 0: while warming up

---@class moonlink.lab.Result
---@field format string
---@field name string
---@field machine moonlink.lab.Machine
---@field runs integer
---@field warmup integer
---@field limit? number seconds, when the runs ended there and not all were made
---@field metrics moonlink.lab.Metric[]
---@field stages string[] of samples, in their order
---@field cases moonlink.lab.Case[]
---@field interrupted? boolean it was ended before all runs were done

experiment.FORMAT = "moonlink lab 1"

--- What of the wanted values a strategy or input knows; notes in each that it is known to somebody.
local function known_of(wanted, s, input)
   local out = {}
   for key, choices in pairs(wanted) do
      local known = s.known[key] or input.known[key]
      for _, choice in ipairs(choices) do
         if known and axes.has(known, choice.value) then
            out[key] = out[key] or {}
            table.insert(out[key], choice)
            choice.is_known = true
         end
      end
   end
   return out
end

local function check_known(wanted, who)
   for _, key in ipairs(axes.sorted(wanted)) do
      for _, choice in ipairs(wanted[key]) do
         if not choice.is_known then
            errors.mistake("%s: nothing in it has an axis '%s' with value '%s'", who, key,
               tostring(choice.word))
         end
      end
   end
end

local function add_cases(list, wanted, s, input)
   for _, one in ipairs(axes.combine(known_of(wanted, s, input), s.fixed)) do
      local words = axes.words(one.words)
      table.insert(words, 1, s.name)
      list[#list + 1] = {
         id = table.concat(words, "/"), strategy = s, input = input, values = one.values,
         shown = one.words,
      }
   end
end

local function full_name(case)
   return case.input.name .. "/" .. case.id
end

local methods = {}
local metatable = {__index = methods, __name = "moonlink.lab.Experiment"}

--- Makes an experiment of its description, checked; nothing runs yet.
---@param spec moonlink.lab.Spec
---@return moonlink.lab.Experiment
function experiment.new(spec)
   checks.experiment(spec)
   local self, wanted, seen = {spec = spec, name = spec.name, inputs = {}, list = {}}, {}, {}
   local who = ("experiment '%s'"):format(spec.name)
   for key, values in pairs(spec.axes or {}) do
      wanted[key] = axes.choices(values, key, who)
   end
   for i, what in ipairs(spec.inputs) do
      self.inputs[i] = plan.input(what)
   end
   for _, input in ipairs(self.inputs) do
      for _, what in ipairs(spec.strategies) do
         add_cases(self.list, wanted, strategy.new(what), input)
      end
   end
   check_known(wanted, who)
   for _, case in ipairs(self.list) do
      local name = full_name(case)
      if seen[name] then
         errors.mistake("%s: two cases are called '%s'", who, name)
      end
      seen[name] = true
   end
   return setmetatable(self, metatable)
end

--- The names of the cases, in the order in which they run.
---@return string[]
function methods:cases()
   local out = {}
   for i, case in ipairs(self.list) do
      out[i] = full_name(case)
   end
   return out
end

--- The plan of a case; one for all cases with the same input and values of its axes.
local function plan_of(case, made, folder)
   local values, words = {}, {}
   for _, key in ipairs(axes.sorted(case.input.known)) do
      values[key] = case.values[key] == nil and case.input.known[key][1] or case.values[key]
      words[#words + 1] = key .. "=" .. tostring(values[key])
   end
   local key = case.input.name .. "\n" .. table.concat(words, "\n")
   if not made[key] then
      made.count = made.count + 1
      local below = ("%s/input%d"):format(folder, made.count)
      shell.run {"mkdir", "-p", below}
      made[key] = plan.make(case.input, values, below)
   end
   if case.strategy.order then
      plan.order(made[key])
   end
   return made[key]
end

--- The cases whose names match.
---@param only? string a Lua pattern
---@return table[]
function methods:chosen(only)
   local out = {}
   for _, case in ipairs(self.list) do
      if not only or full_name(case):find(only) then
         out[#out + 1] = case
      end
   end
   return out
end

local function chosen(self, only)
   local out = self:chosen(only)
   if #out == 0 then
      errors.mistake("experiment '%s': no case matches '%s'", self.name, tostring(only))
   end
   return out
end

--- The case as `worker` wants it, with an empty result.
local function begin_case(self, case, number, made, folder)
   local made_plan = plan_of(case, made, folder)
   return {
      id = case.id, name = full_name(case), strategy = case.strategy, input = case.input,
      values = case.values, number = number, plan = made_plan, call = self.spec.call,
      call_edited = self.spec.call_edited, work = self.spec.work, rounds = self.spec.rounds,
      out = {
         id = case.id, strategy = case.strategy.name, input = case.input.name,
         size = #made_plan.objects, bytes = made_plan.bytes, axes = case.shown, samples = {},
         failures = {},
      },
   }
end

---@class moonlink.lab.RunOptions each lies over the experiment's own
---@field runs? integer
---@field warmup? integer
---@field timeout? number
---@field limit? number seconds for all of it, the making of inputs included: no run begins later
---@field only? string a Lua pattern: cases whose names (INPUT/STRATEGY/VALUE...) match
---@field system_calls? boolean
---@field trace? boolean
---@field resume? moonlink.lab.Result an earlier one: its runs are not run again
---@field checkpoint? fun(result: moonlink.lab.Result) after each run of all cases but the last
---@field progress? fun(state: {done: integer, total: integer, id: string, left: number?}) before
---  each run; `left` is in seconds

local function finish(self, result)
   result.metrics, result.stages = metrics.of(result.cases, self.spec.metrics), metrics.stages
end

--- Whether time was enough for all runs.
local function run_cases(self, o, result, folder, start)
   local made, cases, spec = {count = 0}, {}, self.spec
   for i, case in ipairs(chosen(self, o.only)) do
      cases[i] = begin_case(self, case, i, made, folder)
      result.cases[i] = cases[i].out
   end
   if o.resume then
      resume.take(o.resume, result, cases)
   end
   local function wanted(key)
      return o[key] or o[key] == nil and spec[key]
   end
   return turns.run(cases, {
      runs = result.runs, warmup = result.warmup, timeout = o.timeout or spec.timeout or 60,
      memory = spec.memory, prepare = spec.prepare, folder = folder,
      system_calls = wanted "system_calls", trace = wanted "trace",
      deadline = start + (o.limit or math.huge),
      after_round = o.checkpoint and function()
         result.interrupted = true
         finish(self, result)
         o.checkpoint(result)
      end,
   }, o.progress or function() end)
end

--- Runs the experiment. When Ctrl-C ends it, the result has what is finished, and `interrupted`.
---@param options? moonlink.lab.RunOptions
---@return moonlink.lab.Result
function methods:run(options)
   local o, spec, start = options or {}, self.spec, core.now()
   checks.options(o)
   local folder <close> = assert(file.folder())
   local keeper <close> = file.keeper(folder.path) -- luacheck: ignore 211
   local result = {
      format = experiment.FORMAT, name = self.name, machine = machine.describe(),
      runs = o.runs or spec.runs or 7, warmup = o.warmup or spec.warmup or 1, cases = {},
   }
   local good, whole = pcall(run_cases, self, o, result, folder.path, start)
   if not good and not turns.is_interruption(whole) then
      error(whole, 0)
   end
   result.interrupted = not good or nil
   result.limit = good and not whole and o.limit or nil
   finish(self, result)
   return result
end

given.methods(methods, metatable, "e")

return experiment
