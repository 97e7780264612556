--- The runs of an experiment: cases take turns, each run in a process of its own. Takes cases,
-- fills their results.
-- SPDX-License-Identifier: MIT

local callgraph = require "moonlink.lab.callgraph"
local core = require "moonlink.core"
local isolate = require "moonlink.isolate"
local shell = require "moonlink.lab.shell"
local worker = require "moonlink.lab.worker"

local turns = {}

---@class moonlink.lab.Turns how to run
---@field runs integer
---@field warmup integer
---@field timeout number seconds of one run
---@field memory? integer bytes
---@field prepare? "each"|"once"
---@field system_calls? boolean one more run of each case counts them
---@field deadline number by core.now: no run begins later
---@field trace? boolean one more run of each case counts calls between packages
---@field after_round? fun() called when all cases have run once more, but not after the last time
---@field folder string that lives as long as the experiment
---@field made? table<function, table> what setups gave

local SHORTEST = 5 -- seconds that a run may have, also when the limit of all is near
local MAX_FAILURES = 2 -- one after the other; then the case is given up
local KINDS = {timeout = "timeout", signal = "crash", memory = "crash", exit = "crash"}

local function text_of(err)
   local text = tostring(err)
   if err.output and err.output ~= "" then
      text = ("%s\noutput:\n%s"):format(text, err.output)
   end
   return text
end

--- Is it a refusal? Files it, if so.
local function enter_refusal(case, err)
   local refused = err and type(err.value) == "table" and err.value.refused
   if refused then
      local why = tostring(err.value.why or "no reason is given")
      local output = err.output ~= "" and "\n" .. err.output or "" -- a library's own words
      case.out.refused = {why = why, report = tostring(err.value.report or why) .. output}
   end
   return refused
end

local function enter_failure(case, number, err)
   case.failed = (case.failed or 0) + 1
   table.insert(case.out.failures, {
      run = math.max(number, 0), kind = KINDS[err.code] or "error", text = text_of(err),
   })
end

--- Files what a process gave back.
local function enter(case, number, results, err)
   if enter_refusal(case, err) then
      return
   elseif err then
      enter_failure(case, number, err)
   else
      case.failed = 0
   end
   if number > 0 then
      local sample = results and results[1] or {}
      for key, value in pairs(sample) do -- as it comes back from JSON
         sample[key] = type(value) == "number" and math.tointeger(value) or value
      end
      sample.run = number
      case.out.calls, sample.calls = sample.calls or case.out.calls, nil
      case.out.samples[number] = sample
   end
end

local function is_given_up(case)
   return case.out.refused ~= nil or (case.failed or 0) >= MAX_FAILURES
end

local function limits_of(state)
   return {timeout = state.timeout, memory = math.tointeger(state.memory)}
end

--- A failure before any run: there will be none.
local function give_up(case, err)
   if not enter_refusal(case, err) then
      enter_failure(case, 0, err)
      case.failed = MAX_FAILURES
   end
end

--- What is done once for all cases of a strategy, in a process of its own, too.
local function set_up(case, state)
   local setup = case.strategy.setup
   if not setup or case.is_set_up then
      return
   end
   local done = state.made[setup]
   if not done then
      state.count = state.count + 1
      local folder = ("%s/setup%d"):format(state.folder, state.count)
      shell.run {"mkdir", "-p", folder}
      local results, err = isolate(worker.setup, limits_of(state), case, folder)
      done = {value = results and results[1], err = err}
      state.made[setup] = done
   end
   case.setup, case.is_set_up = done.value, true
   if done.err then
      give_up(case, done.err)
   end
end

--- The preparation of a case that is prepared once.
local function prepare_once(case, state)
   local folder = ("%s/once%d"):format(state.folder, case.number)
   shell.run {"mkdir", "-p", folder}
   local results, err = isolate(worker.prepare, limits_of(state), case, folder)
   if results then
      case.built, case.out.prepare_ms = results[1], results[2]
   else
      give_up(case, err)
   end
end

--- What comes before a case's first run; false when there will be none.
local function make_ready(case, state)
   set_up(case, state)
   if state.prepare == "once" and case.built == nil and not is_given_up(case) then
      prepare_once(case, state)
   end
   return not is_given_up(case)
end

local function in_folder(state, f)
   local folder = state.folder .. "/run"
   shell.run {"mkdir", "-p", folder}
   f(folder)
   shell.run {"rm", "-rf", folder}
end

local function run_once(case, number, state)
   if make_ready(case, state) then
      in_folder(state, function(folder)
         enter(case, number, isolate(worker.run, limits_of(state), case, folder, case.built))
      end)
   end
end

local SLOWER = 20 -- times, under strace: every system call stops the process

--- One more run, which is not timed, and counts system calls.
local function count_system_calls(case, state)
   if not make_ready(case, state) then
      return
   end
   local limits = limits_of(state)
   limits.timeout = limits.timeout * SLOWER
   in_folder(state, function(folder)
      local results, err = isolate(worker.count_system_calls, limits, case, folder, case.built)
      if results and results[1] then
         results[1].sample.run = #case.out.samples + 1
         table.insert(case.out.samples, results[1].sample)
         case.out.system_calls = results[1].stages
      else
         case.out.not_counted = results and results[2] or tostring(err):match "[^\n]*"
      end
   end)
end

--- One more run, which counts calls between packages.
local function count_calls(case, state)
   if make_ready(case, state) then
      in_folder(state, function(folder)
         callgraph.count(case, limits_of(state), folder)
      end)
   end
end

--- The runs behind the timed ones, of each case.
local function untimed_of(state)
   local out = {}
   out[#out + 1] = state.system_calls and count_system_calls or nil
   out[#out + 1] = state.trace and count_calls or nil
   return out
end

--- Is this error Ctrl-C? The interpreter raises that one wherever the program is.
---@param err any
---@return boolean
function turns.is_interruption(err)
   return type(err) == "string" and err:find "interrupted!$" ~= nil
end

--- Has an earlier result this run, or for one that is for warming up, all that come after it?
local function is_done(case, number, state)
   return case.out.samples[number > 0 and number or state.runs] ~= nil
end

--- Runs all cases in turn; false when time ran out before the last one.
---@param cases table[] as moonlink.lab.experiment makes them
---@param state moonlink.lab.Turns
---@param report fun(state: table) see moonlink.lab.RunOptions
---@return boolean
function turns.run(cases, state, report)
   local untimed = untimed_of(state)
   local each = state.runs + state.warmup + #untimed
   local total, done, start = #cases * each, 0, core.now()
   state.made, state.count = {}, 0
   local function turn(case, ahead, f, ...)
      local left = state.deadline - core.now()
      if is_given_up(case) or left <= 0 then
         return is_given_up(case)
      end
      state.timeout = math.min(state.timeout, math.max(left, SHORTEST))
      report {done = done, total = total, id = case.name,
         left = done > 0 and (core.now() - start) / done * (total - done) or nil}
      f(case, ...)
      done = done + 1
      if is_given_up(case) then
         total = total - ahead
      end
      return true
   end
   for number = 1 - state.warmup, state.runs do
      for _, case in ipairs(cases) do
         if is_done(case, number, state) then
            total = total - 1
         elseif not turn(case, state.runs - number + #untimed, run_once, number, state) then
            return false
         end
      end
      if state.after_round and number > 0 and number < state.runs then
         state.after_round()
      end
   end
   for _, run in ipairs(untimed) do
      for _, case in ipairs(cases) do
         if not turn(case, 0, run, state) then
            return false
         end
      end
   end
   return true
end

return turns
