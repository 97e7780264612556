--- What all reports show of a result: its cases by input, with the summaries of their samples.
-- Pure; nothing here knows how it will look.
-- SPDX-License-Identifier: MIT

local lists = require "moonlink.lists"
local stats = require "moonlink.lab.stats"
local units = require "moonlink.lab.report.units"

local view = {}

local MOST = 1e100 -- beyond any measurement; sums and products of such numbers are still finite

---@class moonlink.lab.CaseView
---@field case moonlink.lab.Case
---@field label string the case's id
---@field series integer place of its strategy with its axes among all of the result, from 1
---@field summaries table<string, moonlink.lab.Summary> by the key of a metric
---@field stages { name: string, median: number }[] in the order of the stages; may be empty
---@field note? string what keeps it, or some of its runs, from having numbers

---@class moonlink.lab.Group
---@field input string
---@field size? number
---@field title string
---@field cases moonlink.lab.CaseView[]

---@class moonlink.lab.View
---@field result moonlink.lab.Result
---@field metrics moonlink.lab.Metric[] those that some sample has
---@field groups moonlink.lab.Group[] in the order in which the inputs come
---@field stages string[] all stages of all cases, in their order

--- The order in which stages are passed, of all strategies: those of the linker as it has them.
local ORDER = {
   "prepare", "compile", "archive", "link", "plan", "read", "open", "parse", "select", "resolve",
   "scan", "place", "relocate", "protect", "choose", "commit", "init", "dlopen", "bind", "call",
}

--- Runs that there were: a run that failed has a sample without numbers, unless it was for warming
--- up (run 0); one that counted system calls is none of them.
local function runs_of(case)
   local seen, count = {}, 0
   local function add(run)
      if not seen[run] or run == 0 then
         seen[run] = true
         count = count + 1
      end
   end
   for i, sample in ipairs(case.samples) do
      if sample.load_ms or type(sample.system_calls) ~= "number" then
         add(math.type(sample.run) == "integer" and sample.run or i)
      end
   end
   for _, f in ipairs(case.failures) do
      add(f.run)
   end
   return count
end

--- How often each kind of failure happened: "2 of 7 runs failed: crash, timeout".
local function failure_note(case)
   local counts, kinds = {}, {}
   for _, f in ipairs(case.failures) do
      if not counts[f.kind] then
         kinds[#kinds + 1] = f.kind
      end
      counts[f.kind] = (counts[f.kind] or 0) + 1
   end
   if not kinds[1] then
      return nil
   end
   table.sort(kinds)
   local list = table.concat(kinds, ", ")
   if not case.samples[1] then
      return (#case.failures == 1 and "the only run failed: " or "all runs failed: ") .. list
   end
   return ("%d of %d runs failed: %s"):format(#case.failures, runs_of(case), list)
end

local function note_of(case)
   if case.refused then
      return "refused: " .. case.refused.why
   end
   return failure_note(case)
end

--- The samples of one metric: run i at place i (a sample may say which run it is of), holes where a
-- sample lacks it. What no chart can draw (endless, not a number) is left out.
---@param case moonlink.lab.Case
---@param key string
---@return table<integer, number>
function view.values(case, key)
   local values = {}
   for i, sample in ipairs(case.samples) do
      local value = sample[key]
      if type(value) == "number" and value == value and math.abs(value) < MOST then
         values[math.type(sample.run) == "integer" and sample.run or i] = value
      end
   end
   return values
end

--- The names of all stages: as the result lists them, then in the linker's order, then by name.
local function stage_names(result)
   local rank, seen = {}, {}
   for i, name in ipairs(ORDER) do
      rank[name] = 1000 + i
   end
   for i, name in ipairs(result.stages or {}) do
      rank[name] = i
   end
   for _, case in ipairs(result.cases) do
      for _, sample in ipairs(case.samples) do
         for name in pairs(sample.stages or {}) do
            seen[name] = true
         end
      end
   end
   local names = lists.keys(seen)
   table.sort(names, function(a, b)
      local at, bt = rank[a] or math.huge, rank[b] or math.huge
      if at ~= bt then
         return at < bt
      end
      return a < b
   end)
   return names
end

local function stages_of(case, names)
   local out = {}
   for _, name in ipairs(names) do
      local times = {}
      for i, sample in ipairs(case.samples) do
         times[i] = sample.stages and sample.stages[name]
      end
      local median = stats.median(times)
      if median and median >= 0 and median < MOST then
         out[#out + 1] = {name = name, median = median}
      end
   end
   return out
end

local function used_metrics(result)
   local used = {}
   for _, metric in ipairs(result.metrics) do
      for _, case in ipairs(result.cases) do
         if next(view.values(case, metric.key)) then
            used[#used + 1] = metric
            break
         end
      end
   end
   return used
end

local function group_for(out, case)
   for _, group in ipairs(out.groups) do
      if group.input == case.input and group.size == case.size then
         return group
      end
   end
   local objects = case.size and ("%d object%s"):format(case.size,
      case.size == 1 and "" or "s")
   local title = case.input ~= "" and case.input or objects or "all cases"
   if case.input ~= "" and objects then
      title = ("%s, %s"):format(title, objects)
   end
   local group = {input = case.input, size = case.size, title = title, cases = {}}
   out.groups[#out.groups + 1] = group
   return group
end

local function case_view(out, case, series)
   local summaries = {}
   for _, metric in ipairs(out.metrics) do
      summaries[metric.key] = stats.summary(view.values(case, metric.key))
   end
   return {
      case = case, label = case.id, series = series, summaries = summaries,
      stages = stages_of(case, out.stages),
      note = note_of(case) or (not next(summaries) and "not measured" or nil),
   }
end

--- What the cases of one curve share: a strategy with its axes, whatever the input.
---@param case moonlink.lab.Case
---@return string
function view.series_key(case)
   local parts = {}
   for name, value in pairs(case.axes) do
      parts[#parts + 1] = ("%s=%s"):format(name, tostring(value))
   end
   table.sort(parts)
   table.insert(parts, 1, case.strategy)
   return table.concat(parts, " ")
end

---@param result moonlink.lab.Result that has been checked: read.check
---@return moonlink.lab.View
function view.of(result)
   local out = {
      result = result, metrics = used_metrics(result), groups = {}, stages = stage_names(result),
   }
   local place, count = {}, 0
   for _, case in ipairs(result.cases) do
      local key = view.series_key(case)
      if not place[key] then
         count = count + 1
         place[key] = count
      end
      local group = group_for(out, case)
      group.cases[#group.cases + 1] = case_view(out, case, place[key])
   end
   return out
end

--- The cases of a group that are best at a metric: the one with the best median, and all whose
-- interval reaches into that one's. Where that would be all of them, there is no best one.
---@param group moonlink.lab.Group
---@param metric moonlink.lab.Metric
---@return table<moonlink.lab.CaseView, boolean>
function view.best(group, metric)
   local sign = metric.better == "more" and -1 or 1
   local first, count, best = nil, 0, {}
   for _, c in ipairs(group.cases) do
      local s = c.summaries[metric.key]
      count = count + (s and 1 or 0)
      if s and (not first or s.median * sign < first.median * sign) then
         first = s
      end
   end
   for _, c in ipairs(group.cases) do
      local s = c.summaries[metric.key]
      best[c] = s and s.low <= first.high and first.low <= s.high or nil
      count = count - (best[c] and 1 or 0)
   end
   return count > 0 and best or {}
end

--- The factor and the unit in which the medians of a group read best.
---@param group moonlink.lab.Group
---@param metric moonlink.lab.Metric
---@return number factor
---@return string unit as it is printed
function view.unit(group, metric)
   local least, most = math.huge, 0
   for _, c in ipairs(group.cases) do
      local s = c.summaries[metric.key]
      if s then
         most = math.max(most, math.abs(s.median))
         least = s.median ~= 0 and math.min(least, math.abs(s.median)) or least
      end
   end
   return units.common(metric.unit, math.min(least, most), most)
end

local KNOWN = {cpu = true, cores = true, memory = true, kernel = true}

--- Names with values, sorted; of a table of versions what is in it.
local function named(t, skip)
   local out = {}
   for _, name in ipairs(lists.keys(t)) do
      local value = t[name]
      if type(value) == "table" then
         local inner = named(value, {})
         table.move(inner, 1, #inner, #out + 1, out)
      elseif not skip[name] then
         out[#out + 1] = ("%s %s"):format(name, tostring(value))
      end
   end
   return out
end

--- What a machine says of itself, in one line.
---@param machine table<string, any> memory is in GiB, when it is a number
---@return string
function view.machine(machine)
   local parts = {}
   local function add(format, value)
      if type(value) == "string" or type(value) == "number" then
         parts[#parts + 1] = format:format(tostring(value))
      end
   end
   add("%s", machine.cpu)
   add(machine.cores == 1 and "%s core" or "%s cores", machine.cores)
   add(type(machine.memory) == "number" and "%s GiB" or "%s", machine.memory)
   add("%s", machine.kernel)
   local more = named(machine, KNOWN)
   table.move(more, 1, #more, #parts + 1, parts)
   return table.concat(parts, ", ")
end

--- How the runs were made, in a sentence.
---@param result moonlink.lab.Result
---@return string
function view.runs(result)
   local text = ("%d run%s of each case"):format(result.runs, result.runs == 1 and "" or "s")
   if result.warmup > 0 then
      text = ("%s after %d for warming up"):format(text, result.warmup)
   end
   if result.interrupted then
      text = text .. "; interrupted before all were done"
   end
   return text
end

return view
