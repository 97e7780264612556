--- Tables of the HTML report: medians of all metrics, and all numbers of one.
-- SPDX-License-Identifier: MIT

local plain = require "moonlink.lab.report.plain"
local stats = require "moonlink.lab.stats"
local svg = require "moonlink.lab.report.svg"
local units = require "moonlink.lab.report.units"
local view = require "moonlink.lab.report.view"

local numbers = {}

local COLUMNS = 5 -- metrics side by side, so that a table fits on paper

local SHORT = 24 -- characters of a name that is not broken
local LONGEST_WORD = 12 -- characters of a heading that five columns have room for

local escape = svg.escape

local function titled(title, unit)
   return escape(title .. (unit ~= "" and ", " .. unit or ""))
end

local function cell(s, column, best)
   if not s then
      return "<td></td>"
   end
   local interval = s.low ~= s.high and ("<small>%s – %s</small>"):format(
      units.text(s.low * column.factor), units.text(s.high * column.factor)) or ""
   return ('<td data-of="%s"><span%s>%s%s</span></td>'):format(column.title,
      best and " class=best" or "", units.text(s.median * column.factor), interval)
end

--- A name stays on one line, unless it would take the table's room.
local function case_cell(c)
   local nowrap = plain.width(plain.line(c.label)) <= SHORT and " nowrap" or ""
   return ('<td class="case%s">%s</td>'):format(nowrap, escape(c.label))
end

local function overview_row(c, columns)
   local out = {"<tr>", case_cell(c)}
   if next(c.summaries) then
      for _, column in ipairs(columns) do
         out[#out + 1] = cell(c.summaries[column.key], column, column.best[c])
      end
   else
      out[#out + 1] = ('<td class=note colspan="%d">%s</td>'):format(#columns, escape(c.note))
   end
   return table.concat(out) .. "</tr>"
end

--- A heading of ordinary words is never broken within one of them.
local function heading(title)
   for word in title:gmatch "%S+" do
      if plain.width(word) > LONGEST_WORD then
         return "<th>"
      end
   end
   return "<th class=words>"
end

--- The first table of a group has all cases, further ones those with numbers.
local function overview_table(group, metrics, is_first)
   local columns, head = {}, {"<th>case</th>"}
   for i, metric in ipairs(metrics) do
      local factor, unit = view.unit(group, metric)
      columns[i] = {
         key = metric.key, factor = factor, title = titled(metric.title, unit),
         best = view.best(group, metric),
      }
      head[i + 1] = heading(columns[i].title) .. columns[i].title .. "</th>"
   end
   local rows = {}
   for _, c in ipairs(group.cases) do
      rows[#rows + 1] = (is_first or next(c.summaries)) and overview_row(c, columns) or nil
   end
   return ([[<table class=cards>
<thead><tr>%s</tr></thead>
<tbody>
%s
</tbody>
</table>]]):format(table.concat(head), table.concat(rows, "\n"))
end

--- Medians with intervals of all cases of a group, a column for each metric.
---@param group moonlink.lab.Group
---@param metrics moonlink.lab.Metric[]
---@return string
function numbers.overview(group, metrics)
   local out = {("<h3>%s</h3>"):format(escape(group.title))}
   for first = 1, math.max(1, #metrics), COLUMNS do
      local last = math.min(#metrics, first + COLUMNS - 1)
      out[#out + 1] = overview_table(group, table.move(metrics, first, last, 1, {}), first == 1)
   end
   for _, c in ipairs(group.cases) do
      if c.note and next(c.summaries) then
         out[#out + 1] = ("<p class=note><span class=case>%s</span>: %s</p>"):format(
            escape(c.label), escape(c.note))
      end
   end
   return table.concat(out, "\n")
end

local function ratio_text(c, reference, key)
   if c == reference then
      return "1"
   end
   local r = stats.ratio(view.values(c.case, key), view.values(reference.case, key))
   if not r then
      return ""
   end
   return ("%s<small>%s – %s</small>"):format(units.text(r.median), units.text(r.low),
      units.text(r.high))
end

local DETAILS = {"median", "95 % interval", "range", "runs"}

--- All numbers of one metric, closed until somebody wants them: also the ratio to the first case,
--- run by run.
---@param group moonlink.lab.Group
---@param metric moonlink.lab.Metric
---@return string
function numbers.details(group, metric)
   local factor, unit = view.unit(group, metric)
   local reference, rows = nil, {}
   for _, c in ipairs(group.cases) do
      local s = c.summaries[metric.key]
      if s then
         reference = reference or c
         local function text(name)
            return units.text(s[name] * factor)
         end
         local cells = {
            text "median", ("%s – %s"):format(text "low", text "high"),
            ("%s – %s"):format(text "min", text "max"), tostring(s.n),
            ratio_text(c, reference, metric.key),
         }
         for i, value in ipairs(cells) do
            local of = escape(DETAILS[i] or "times " .. reference.label)
            cells[i] = value ~= "" and ('<td data-of="%s"><span>%s</span></td>'):format(of, value)
               or "<td></td>"
         end
         rows[#rows + 1] = ("<tr>%s%s</tr>"):format(case_cell(c), table.concat(cells))
      end
   end
   local head = table.concat(DETAILS, "</th><th>")
   return ([[<details><summary>Numbers: %s</summary>
<table class=cards>
<thead><tr><th>case</th><th>%s</th><th>times %s, run by run</th></tr></thead>
<tbody>
%s
</tbody>
</table></details>]]):format(titled(metric.title, unit), head, escape(reference.label),
      table.concat(rows, "\n"))
end

return numbers
