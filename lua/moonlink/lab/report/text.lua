--- A result on a terminal: one table for each input, the reasons of what could not be measured
-- below them. Columns that do not fit side by side continue in another table.
-- SPDX-License-Identifier: MIT

local graph = require "moonlink.lab.report.graph"
local plain = require "moonlink.lab.report.plain"
local syscalls = require "moonlink.lab.report.syscalls"
local units = require "moonlink.lab.report.units"
local view = require "moonlink.lab.report.view"

local text = {}

local GAP = "  "
local WIDTH = 100 -- columns, where nobody says
local LONGEST = 12 -- lines of a list in the reason of a refusal

local STYLES = {head = "\27[1m", best = "\27[32m", refused = "\27[33m", failed = "\27[31m"}

---@class moonlink.lab.TextOptions
---@field color? boolean with colours
---@field width? integer columns of the terminal; 100 by default
---@field all? boolean of a comparison: what did not change, too

---@class moonlink.lab.Cell
---@field text string
---@field style? "head"|"best"|"refused"|"failed"
---@field right? boolean

local function paint(cell, gap, color)
   local shown = cell.text
   if color and cell.style and shown ~= "" then
      shown = STYLES[cell.style] .. shown .. "\27[0m"
   end
   local blank = (" "):rep(gap)
   return cell.right and blank .. shown or shown .. blank
end

--- Lines of cells below each other. A cell that is not there is empty.
---@param rows moonlink.lab.Cell[][]
---@param color? boolean
---@return string[] lines without blanks at their ends
function text.align(rows, color)
   local widths = {}
   for _, row in ipairs(rows) do
      for k, cell in ipairs(row) do
         widths[k] = math.max(widths[k] or 0, cell.loose and 0 or plain.width(cell.text))
      end
   end
   local lines = {}
   for i, row in ipairs(rows) do
      local parts = {}
      for k, cell in ipairs(row) do
         parts[k] = paint(cell, math.max(0, widths[k] - plain.width(cell.text)), color)
      end
      lines[i] = (table.concat(parts, GAP):gsub("%s+$", ""))
   end
   return lines
end

--- Median, interval: "12.3 (12.1-12.8)"; of a single run the number alone.
local function numbers(s, factor)
   if s.n == 1 or s.low == s.high then
      return units.text(s.median * factor)
   end
   return ("%s (%s–%s)"):format(units.text(s.median * factor), units.text(s.low * factor),
      units.text(s.high * factor))
end

local function column(group, metric)
   local factor, unit = view.unit(group, metric)
   local best = view.best(group, metric)
   local title = plain.line(metric.title) .. (unit ~= "" and ", " .. plain.line(unit) or "")
   local cells, width = {}, plain.width(title)
   for i, c in ipairs(group.cases) do
      local s = c.summaries[metric.key]
      cells[i] = {text = s and numbers(s, factor) or "", style = best[c] and "best", right = true}
      width = math.max(width, plain.width(cells[i].text))
   end
   return {title = {text = title, style = "head", right = true}, cells = cells, width = width}
end

--- The columns, shared out among tables that fit into the width.
local function tables_of(columns, first, width)
   local tables, used = {{}}, first
   for _, col in ipairs(columns) do
      local last = tables[#tables]
      if last[1] and used + #GAP + col.width > width then
         last, used = {}, first
         tables[#tables + 1] = last
      end
      last[#last + 1] = col
      used = used + #GAP + col.width
   end
   return tables
end

--- The first table of a group has its notes, too; further ones only cases with numbers.
local function add_table(lines, group, columns, options, first)
   local rows = {{{text = "case", style = "head"}}}
   for _, col in ipairs(columns) do
      table.insert(rows[1], col.title)
   end
   for i, c in ipairs(group.cases) do
      local row, measured = {{text = plain.line(c.label)}}, next(c.summaries)
      for k, col in ipairs(measured and columns or {}) do
         row[k + 1] = col.cells[i]
      end
      if c.note and first then
         local style = c.case.refused and "refused" or "failed"
         local note = plain.line(c.note):gsub("%s+$", "")
         row[#row + 1] = {text = note, style = style, loose = true}
      end
      rows[#rows + 1] = (measured or first) and row or nil
   end
   for _, line in ipairs(text.align(rows, options.color)) do
      lines[#lines + 1] = "  " .. line
   end
end

local function add_group(lines, v, group, options)
   lines[#lines + 1] = ""
   lines[#lines + 1] = options.color and STYLES.head .. plain.line(group.title) .. "\27[0m"
      or plain.line(group.title)
   local columns, first = {}, #"case"
   for _, c in ipairs(group.cases) do
      first = math.max(first, plain.width(plain.line(c.label)))
   end
   for k, metric in ipairs(v.metrics) do
      columns[k] = column(group, metric)
   end
   for i, part in ipairs(tables_of(columns, first + 2, options.width or WIDTH)) do
      lines[#lines + 1] = i > 1 and "" or nil
      add_table(lines, group, part, options, i == 1)
   end
end

--- A report on a terminal: of a long list, how it begins.
local function shortened(body)
   local lines, run, left = {}, 0, 0
   local function finish()
      if left > 0 then
         lines[#lines + 1] = ("... and %d more (`moonlink lab html` has all)"):format(left)
      end
      run, left = 0, 0
   end
   for line in (body .. "\n"):gmatch "(.-)\n" do
      run = line ~= "" and run + 1 or 0
      if run > LONGEST then
         left = left + 1
      else
         if line == "" then
            finish()
         end
         lines[#lines + 1] = line
      end
   end
   finish()
   return table.concat(lines, "\n")
end

--- What was refused and what failed: each reason once, under all cases that have it.
local function add_reasons(lines, v)
   for _, group in ipairs(v.groups) do
      local order, labels = {}, {}
      local function add(label, body)
         body = plain.lines(body)
         if body ~= "" and not labels[body] then
            order[#order + 1], labels[body] = body, {}
         end
         local last = labels[body]
         if last and last[#last] ~= label then
            last[#last + 1] = label
         end
      end
      for _, c in ipairs(group.cases) do
         if c.case.refused then
            add(c.label, shortened(c.case.refused.report or ""))
         end
         for _, f in ipairs(c.case.failures) do
            add(("%s, %s"):format(c.label, f.kind), f.text)
         end
      end
      for _, body in ipairs(order) do
         lines[#lines + 1] = ""
         lines[#lines + 1] = plain.line(("%s, %s:"):format(group.title,
            table.concat(labels[body], "; ")))
         lines[#lines + 1] = "  " .. body:gsub("\n", "\n  ")
      end
   end
end

--- System calls by name, for each input.
local function add_system_calls(lines, v)
   for _, group in ipairs(v.groups) do
      local each = syscalls.lines(group)
      if each[1] then
         lines[#lines + 1] = ""
         lines[#lines + 1] = plain.line(("System calls of %s, the most frequent ones:")
            :format(group.title))
      end
      for _, line in ipairs(each) do
         lines[#lines + 1] = "  " .. plain.line(line)
      end
   end
end

--- A result as text.
---@param result moonlink.lab.Result
---@param options? moonlink.lab.TextOptions
---@return string with a line end
function text.of(result, options)
   options = options or {}
   local v = view.of(result)
   local lines = {
      plain.line(result.name), ("%s; medians (95 %% interval)"):format(view.runs(result)),
      plain.line(view.machine(result.machine)),
   }
   for _, group in ipairs(v.groups) do
      add_group(lines, v, group, options)
   end
   add_system_calls(lines, v)
   graph.add_text(lines, v, text.align, options.color)
   add_reasons(lines, v)
   return table.concat(lines, "\n") .. "\n"
end

return text
