--- One run: everything that happens in the process that was made for it. Takes a case, gives a
-- sample: plain numbers.
-- SPDX-License-Identifier: MIT

local given = require "moonlink.given"
local lists = require "moonlink.lists"
local measure = require "moonlink.lab.measure"
local plans = require "moonlink.lab.plan"
local runs = require "moonlink.lab.run"
local samples = require "moonlink.lab.samples"
local shell = require "moonlink.lab.shell"
local syscalls = require "moonlink.lab.syscalls"

local worker = {}

local now = measure.now

local function ms_since(start)
   return (now() - start) * 1e3
end

--- What `work` gets for a program that was loaded.
---@class moonlink.lab.Loaded
---@field raw any what the strategy's `load` gave
local loaded_methods = {}
local loaded_metatable = {__index = loaded_methods, __name = "moonlink.lab.Loaded"}

--- A C function of it as a Lua function.
---@param prototype string
---@return function
function loaded_methods:func(prototype)
   local f = self.strategy.bind(self.raw, prototype, self.run)
   if f == nil or type(f) == "number" or type(f) == "string" or type(f) == "boolean" then
      error(("'bind' of the strategy gave %s, not a function"):format(type(f)), 0)
   end
   return f
end

given.methods(loaded_methods, loaded_metatable, "loaded")

--- Calls one function with its arguments, and checks the result when there is something to check.
---@param bind fun(prototype: string): function
---@param call table prototype, arguments, and `expect`
local function make_call(bind, call)
   local result = bind(call[1])(table.unpack(call, 2, call.n or #call))
   if call.expect ~= nil and result ~= call.expect then
      error(("%s gave %s, not %s"):format(call[1], tostring(result), tostring(call.expect)), 0)
   end
end

local function check_call(loaded, call)
   make_call(function(prototype)
      return loaded:func(prototype)
   end, call)
end

local function new_run(case, folder)
   local run = runs.new(case.plan, case.values, folder)
   run.setup = case.setup
   run.exercise = case.call and function(bind)
      make_call(bind, case.call)
   end
   return run
end

--- A run that has begun, one that counts calls or another.
local function begin(case, folder, counting)
   local run = new_run(case, folder)
   run.counting = counting
   if case.strategy.begin then
      case.strategy.begin(run)
   end
   return run
end

--- Loads, without calling.
local function load(case, run, built)
   local raw = case.strategy.load(built, run)
   return setmetatable({raw = raw, strategy = case.strategy, run = run}, loaded_metatable)
end

local function prepare(case, run)
   if not case.strategy.prepare then
      return {}, 0
   end
   local start = now()
   local built = case.strategy.prepare(case.plan, run)
   return built == nil and {} or built, ms_since(start)
end

local function file_kb(built)
   local bytes = 0
   for _, path in ipairs(type(built) == "table" and built.files or {}) do
      bytes = bytes + shell.size(path)
   end
   return bytes > 0 and bytes / 1024 or nil
end

--- From files to the first call that has returned.
local function load_and_call(case, run, built, sample)
   local before = measure.start()
   local start = now()
   local loaded = load(case, run, built)
   sample.load_ms = ms_since(start)
   if case.call then
      start = now()
      check_call(loaded, case.call)
      sample.first_call_us = ms_since(start) * 1e3
   end
   lists.assign(sample, measure.since(before))
   samples.join(sample, case.strategy.numbers and case.strategy.numbers(loaded.raw, run),
      "'numbers' of the strategy")
   return loaded, before
end

local function reload(case, run, loaded, sample)
   if not (case.plan.edit and case.strategy.reload) then
      return
   end
   local change = plans.change(case.plan)
   local start = now()
   loaded.raw = case.strategy.reload(loaded.raw, change, run)
   if case.call_edited then
      check_call(loaded, case.call_edited)
   end
   sample.reload_ms = ms_since(start)
end

local function unload(case, run, loaded, sample, before)
   if case.strategy.unload then
      local start = now()
      case.strategy.unload(loaded.raw, run)
      sample.unload_ms = ms_since(start)
      loaded.raw = nil
      collectgarbage()
      local left = measure.since(before)
      sample.left_kb, sample.left_mappings = left.memory_kb, left.mappings
   end
end

--- Loading, calling and unloading over and over: what a round takes, and what it leaves behind.
local function rounds(case, run, built, sample)
   if not (case.rounds and case.strategy.unload) then
      return
   end
   collectgarbage()
   local before, start, half = measure.read(), now(), case.rounds // 2
   local middle
   for i = 1, case.rounds do
      if i == half + 1 then
         collectgarbage()
         middle = measure.read()
      end
      local loaded = load(case, run, built)
      if case.call then
         check_call(loaded, case.call)
      end
      case.strategy.unload(loaded.raw, run)
   end
   sample.round_us = ms_since(start) * 1e3 / case.rounds
   collectgarbage()
   local left = measure.since(before)
   sample.rounds_left_kb, sample.rounds_left_mappings = left.memory_kb, left.mappings
   sample.round_left_bytes = measure.since(middle).memory_kb * 1024 / (case.rounds - half)
end

--- What is done once for all runs of a strategy.
---@param case moonlink.lab.CaseToRun
---@param folder string that lives as long as the experiment
---@return any plain data
function worker.setup(case, folder)
   return case.strategy.setup(new_run(case, folder))
end

--- The preparation alone, for experiments that prepare once.
---@param case moonlink.lab.CaseToRun
---@param folder string that lives as long as the experiment
---@return any built plain data
---@return number ms
function worker.prepare(case, folder)
   return prepare(case, new_run(case, folder))
end

--- A run that counts system calls, and measures nothing else.
---@param case moonlink.lab.CaseToRun
---@param folder string for its files
---@param built? any from an earlier preparation
---@return {sample: table, stages: moonlink.lab.StageCalls[]}?
---@return string? why they cannot be counted
function worker.count_system_calls(case, folder, built)
   local run = begin(case, folder)
   local tracer, why = syscalls.attach(folder)
   if not tracer then
      return nil, why
   end
   if built == nil then
      tracer:mark "prepare"
      built = prepare(case, run)
   end
   tracer:mark "load"
   local loaded = load(case, run, built)
   if case.call then
      tracer:mark "first_call"
      check_call(loaded, case.call)
   end
   local stages, sample = tracer:finish(), {system_calls = 0}
   for _, stage in ipairs(stages) do
      sample[stage.stage .. "_system_calls"] = stage.calls
      sample.system_calls = sample.system_calls + stage.calls
   end
   return {sample = sample, stages = stages}
end

--- A run that counts calls between packages, from loading to the end of `work`; not measured.
---@param case moonlink.lab.CaseToRun
---@param folder string for its files
---@param built? any from an earlier preparation
---@return moonlink.lab.Edge[]
function worker.count_calls(case, folder, built)
   local run = begin(case, folder, true)
   if built == nil then
      built = prepare(case, run)
   end
   local loaded = load(case, run, built)
   if case.call then
      check_call(loaded, case.call)
   end
   if case.work then
      case.work(loaded, run)
   end
   return case.strategy.calls(loaded.raw, run, built)
end

--- One whole run.
---@param case moonlink.lab.CaseToRun
---@param folder string for its files
---@param built? any from an earlier preparation
---@return table<string, any> sample
function worker.run(case, folder, built)
   local run, sample = begin(case, folder), {}
   collectgarbage()
   if built == nil then
      built, sample.prepare_ms = prepare(case, run)
   end
   sample.file_kb = file_kb(built)
   local loaded, before = load_and_call(case, run, built, sample)
   sample.ready_ms = sample.prepare_ms and sample.prepare_ms + sample.load_ms
   local stages = sample.stages or {load = sample.load_ms}
   stages.prepare, sample.stages = sample.prepare_ms, stages
   samples.join(sample, case.work and case.work(loaded, run), "'work'")
   reload(case, run, loaded, sample)
   unload(case, run, loaded, sample, before)
   rounds(case, run, built, sample)
   return sample
end

return worker
