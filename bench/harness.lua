--- Runs the contestants of a case in turn, A B C A B C ..., each run in a fresh process, and turns
-- what they print into rows.
-- SPDX-License-Identifier: MIT

local peers = require "bench.peers"
local shell = require "bench.shell"
local stats = require "bench.stats"

local harness = {}

local TIME_LIMIT = 300 -- seconds for one run

---@class bench.Row
---@field name string
---@field error? string why there is no figure
---@field ms? bench.Summary milliseconds from open to callable (or to called)
---@field call_ms? number median of the check call
---@field ratio? number median by the floor's median
---@field peak_kb? integer median
---@field mappings? integer median
---@field stages? table<string, number> median milliseconds by stage
---@field counts? table<string, integer>
---@field note? string

--- The words of a driver's line; the last value of a key counts.
---@param text string
---@return table<string, number>
local function parse(text)
   local words = {}
   for key, value in text:gmatch("([%w_]+)=(%S+)") do
      words[key] = tonumber(value)
   end
   return words
end

--- Why a driver failed: the line of standard error that says most, without the cache's paths.
local function reason(text, status)
   if status == 124 then
      return ("no result after %d s"):format(TIME_LIMIT)
   elseif status > 128 then
      return ("killed by signal %d"):format(status - 128)
   end
   for _, word in ipairs { "error", "ERROR", "not found", "annot", "bug report", "" } do
      local line = text:match("[^\n]*" .. word .. "[^\n]*")
      if line then
         return word == "bug report" and "crashes" or (line:gsub("/%S*/", ""):sub(1, 120))
      end
   end
end

--- One run.
---@return table<string, number>? sample
---@return string? error
local function run(command, expected)
   local out, said, status = shell.limited(command, TIME_LIMIT)
   local sample = out and parse(out)
   if not (sample and sample.ms) then
      return nil, reason(said, status)
   end
   if expected and sample.result ~= expected then
      return nil, ("wrong result %s, not %d"):format(sample.result, expected)
   end
   return sample
end

--- Runs one contestant once and files the sample; the first error ends its part.
local function step(entry, case, keep)
   local sample, err = run(entry.contestant.command, case.expected)
   local baseline
   if sample and entry.contestant.baseline then
      baseline, err = run(entry.contestant.baseline)
   end
   if err then
      entry.error = err
   elseif keep then
      table.insert(entry.samples, sample)
      table.insert(entry.baselines, baseline and baseline.ms or 0)
   end
end

--- The values of one key over all samples.
local function column(samples, key)
   local values = {}
   for _, sample in ipairs(samples) do
      values[#values + 1] = sample[key]
   end
   return values
end

local function median_of(samples, key)
   local values = column(samples, key)
   return values[1] and stats.median(values) or nil
end

--- The medians of all keys with a prefix.
local function prefixed(samples, prefix)
   local found = {}
   for key in pairs(samples[1]) do
      local name = key:match("^" .. prefix .. "(.+)$")
      if name then
         found[name] = median_of(samples, key)
      end
   end
   return next(found) and found or nil
end

--- The time that counts for a case, less the tool's start.
local function times(entry, case)
   local start = stats.median(entry.baselines)
   local values = {}
   for i, sample in ipairs(entry.samples) do
      values[i] = sample.ms + (case.called and sample.call_ms or 0) - start
   end
   return stats.summary(values), start
end

---@return bench.Row
local function row_of(entry, case)
   local contestant = entry.contestant
   if entry.error then
      return { name = contestant.name, error = entry.error }
   end
   local samples = entry.samples
   local summary, start = times(entry, case)
   local note = contestant.note
   if contestant.baseline then
      note = ("%s (%.1f ms)"):format(note, start)
   end
   return {
      name = contestant.name,
      ms = summary,
      call_ms = median_of(samples, "call_ms"),
      peak_kb = median_of(samples, "peak_kb"),
      mappings = median_of(samples, "mappings"),
      stages = prefixed(samples, "stage_"),
      counts = prefixed(samples, "count_"),
      note = note,
   }
end

--- By time, those without a figure last; names break ties.
local function before(a, b)
   if (a.ms == nil) ~= (b.ms == nil) then
      return a.ms ~= nil
   end
   if a.ms and a.ms.median ~= b.ms.median then
      return a.ms.median < b.ms.median
   end
   return a.name < b.name
end

local function add_ratios(rows)
   local floor
   for _, row in ipairs(rows) do
      floor = row.name == peers.FLOOR and row.ms or floor
   end
   for _, row in ipairs(rows) do
      row.ratio = floor and row.ms and row.ms.median / floor.median or nil
   end
end

--- Measures one case.
---@param case table see bench/peers.lua
---@param contestants bench.Contestant[]
---@param runs integer
---@return bench.Row[]
function harness.measure(case, contestants, runs)
   local entries = {}
   for i, contestant in ipairs(contestants) do
      entries[i] = {
         contestant = contestant, samples = {}, baselines = {}, error = contestant.missing,
      }
   end
   -- run 0 warms the page cache and is thrown away
   for number = 0, runs do
      for _, entry in ipairs(entries) do
         if not entry.error then
            step(entry, case, number > 0)
         end
      end
   end
   local rows = {}
   for i, entry in ipairs(entries) do
      rows[i] = row_of(entry, case)
   end
   add_ratios(rows)
   table.sort(rows, before)
   return rows
end

return harness
