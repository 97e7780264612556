--- What both forms of docs/QUESTIONS show, before anybody decides how it looks: each question with
-- its results, the claims checked, the metrics chosen.
-- SPDX-License-Identifier: MIT

local claims = require "bench.answers.claims"
local figures = require "bench.answers.figures"
local matrix = require "bench.answers.matrix"
local view = require "moonlink.lab.report.view"

local book = {}

---@class moonlink.answers.Chapter
---@field entry moonlink.answers.Entry
---@field answer moonlink.answers.Answer
---@field results moonlink.lab.Result[] none: it has not been run
---@field views moonlink.lab.View[] of the results, with the metrics that the answer chooses
---@field verdicts moonlink.answers.Verdict[]
---@field texts {title: string, text: string}[]
---@field matrix? moonlink.answers.Matrix of the first result
---@field runs string how the runs were made, a sentence for each experiment

local function chosen(result, answer)
   local v, keys = view.of(result), answer.columns
   keys = keys and (keys[result.name] or keys[1] and keys)
   if keys then
      local by_key = {}
      for _, metric in ipairs(v.metrics) do
         by_key[metric.key] = metric
      end
      v.metrics = {}
      for _, key in ipairs(keys) do
         v.metrics[#v.metrics + 1] = by_key[key]
      end
   end
   return v
end

local function runs_of(result)
   local text = ("%s: %s, %s, load average %s before"):format(result.name, view.runs(result),
      result.machine.date, result.machine.load or "unknown")
   if result.limit then
      text = ("%s; stopped after %.0f s, so some have fewer runs"):format(text, result.limit)
   end
   return text .. "."
end

--- The metrics that some case of a group has.
---@param group moonlink.lab.Group
---@param metrics moonlink.lab.Metric[]
---@return moonlink.lab.Metric[]
function book.measured(group, metrics)
   local out = {}
   for _, metric in ipairs(metrics) do
      for _, c in ipairs(group.cases) do
         if c.summaries[metric.key] then
            out[#out + 1] = metric
            break
         end
      end
   end
   return out
end

--- One question.
---@param entry moonlink.answers.Entry
---@param results moonlink.lab.Result[]
---@return moonlink.answers.Chapter
function book.chapter(entry, results)
   local answer, out = entry.answer, {entry = entry, results = results, views = {}, texts = {}}
   local r, runs = figures.new(results), {}
   out.answer, out.verdicts = answer, results[1] and claims.all(answer, r) or {}
   for i, result in ipairs(results) do
      out.views[i], runs[i] = chosen(result, answer), runs_of(result)
   end
   out.runs = table.concat(runs, " ")
   if answer.texts and results[1] then
      out.texts = answer.texts(r)
   end
   if answer.matrix and results[1] then
      out.matrix = matrix.of(results[1], answer.matrix)
   end
   return out
end

--- The machine of the chapters' results, in a line; the latest where they differ.
---@param chapters moonlink.answers.Chapter[]
---@return string machine
---@return string? date of the first and of the last run
function book.machine(chapters)
   local latest, first
   for _, chapter in ipairs(chapters) do
      for _, result in ipairs(chapter.results) do
         local date = result.machine.date
         latest = (not latest or date > latest.date) and result.machine or latest
         first = (not first or date < first) and date or first
      end
   end
   if not latest then
      return "no question has been run"
   end
   local shown = {}
   for key, value in pairs(latest) do
      shown[key] = value
   end
   shown.date, shown.load = nil, nil
   return view.machine(shown), ("%s to %s"):format(first, latest.date)
end

return book
