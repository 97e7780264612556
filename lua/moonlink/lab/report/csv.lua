--- A result as comma-separated values, one number in a row, for spreadsheets and statistics.
-- Spec: RFC 4180, lines ended by a line feed alone.
-- SPDX-License-Identifier: MIT

local lists = require "moonlink.lists"
local stats = require "moonlink.lab.stats"
local number = require "moonlink.show.number"
local view = require "moonlink.lab.report.view"

local csv = {}

local function quoted(value)
   if math.type(value) == "float" then
      return number.double(value)
   end
   local text = tostring(value)
   if text:find '[",\r\n]' or text:find "^%s" or text:find "%s$" then
      return '"' .. text:gsub('"', '""') .. '"'
   end
   return text
end

local function line(cells)
   local out = {}
   for i, cell in ipairs(cells) do
      out[i] = quoted(cell)
   end
   return table.concat(out, ",")
end

--- The names of all axes of all cases.
local function axes_of(result)
   local names = {}
   for _, case in ipairs(result.cases) do
      for name in pairs(case.axes) do
         names[name] = true
      end
   end
   return lists.keys(names)
end

--- What a row says of its case: the columns before the numbers.
local function case_cells(result, case, axes, more)
   local cells = {result.name, case.input, case.size or "", case.id, case.strategy}
   for _, name in ipairs(axes) do
      local value = case.axes[name]
      cells[#cells + 1] = value == nil and "" or value
   end
   table.move(more, 1, #more, #cells + 1, cells)
   return cells
end

local function head(axes, more)
   local cells = {"experiment", "input", "size", "case", "strategy"}
   for _, name in ipairs(axes) do
      cells[#cells + 1] = "axis:" .. name
   end
   table.move(more, 1, #more, #cells + 1, cells)
   return line(cells)
end

local function add_sample(add, result, case, i)
   local sample = case.samples[i]
   local run = math.type(sample.run) == "integer" and sample.run or i
   for _, metric in ipairs(result.metrics) do
      local value = sample[metric.key]
      if type(value) == "number" then
         add(case, {run, "ok", metric.key, metric.unit, value, ""})
      end
   end
   for _, name in ipairs(lists.keys(sample.stages or {})) do
      add(case, {run, "ok", "stage:" .. name, "ms", sample.stages[name], ""})
   end
end

--- All raw samples: a row for each number, one for each run that failed, one for each refusal.
---@param result moonlink.lab.Result
---@return string
function csv.samples(result)
   local axes = axes_of(result)
   local lines = {head(axes, {"run", "status", "metric", "unit", "value", "text"})}
   local function add(case, cells)
      lines[#lines + 1] = line(case_cells(result, case, axes, cells))
   end
   for _, case in ipairs(result.cases) do
      if case.refused then
         add(case, {"", "refused", "", "", "", case.refused.why})
      end
      for i in ipairs(case.samples) do
         add_sample(add, result, case, i)
      end
      for _, f in ipairs(case.failures) do
         add(case, {f.run, f.kind, "", "", "", f.text})
      end
   end
   return table.concat(lines, "\n") .. "\n"
end

--- Summaries: a row for each metric of each case.
---@param result moonlink.lab.Result
---@return string
function csv.summaries(result)
   local axes = axes_of(result)
   local lines = {head(axes, {"metric", "unit", "n", "median", "low", "high", "min", "max"})}
   for _, case in ipairs(result.cases) do
      for _, metric in ipairs(result.metrics) do
         local s = stats.summary(view.values(case, metric.key))
         if s then
            lines[#lines + 1] = line(case_cells(result, case, axes, {
               metric.key, metric.unit, s.n, s.median, s.low, s.high, s.min, s.max,
            }))
         end
      end
   end
   return table.concat(lines, "\n") .. "\n"
end

return csv
