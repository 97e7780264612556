--- A result as one page of HTML: overview tables, a chart for each metric, stages, growth, and what
-- could not be measured. It needs no network and no script, and holds the result itself as JSON.
-- SPDX-License-Identifier: MIT

local bars = require "moonlink.lab.report.bars"
local graph = require "moonlink.lab.report.graph"
local growth = require "moonlink.lab.report.growth"
local numbers = require "moonlink.lab.report.numbers"
local plain = require "moonlink.lab.report.plain"
local read = require "moonlink.lab.report.read"
local style = require "moonlink.lab.report.style"
local svg = require "moonlink.lab.report.svg"
local syscalls = require "moonlink.lab.report.syscalls"
local view = require "moonlink.lab.report.view"

local html = {}

local escape = svg.escape

html.HOW_TO_READ = [[
A bar ends at the median of all runs. The thick mark around its end is the 95&nbsp;% interval of
the median (bootstrap), the thin line the range of all runs; a small triangle says that it goes on
beyond the axis. In tables the best case is green, and with it every case whose interval overlaps
with the best one’s.]]

local function figure(pictures, caption)
   return ("<figure>\n%s\n%s</figure>"):format(pictures, caption or "")
end

local function legend(items)
   local out = {}
   for i, item in ipairs(items) do
      out[i] = ("<li>%s%s</li>"):format(item.swatch, escape(item.text))
   end
   return '<ul class="legend">' .. table.concat(out) .. "</ul>\n"
end

local function color_swatch(number)
   return svg.element("svg", {"width", 12, "height", 12, "aria-hidden", "true"},
      svg.element("rect", {"width", 12, "height", 12, "class", "c" .. number}))
end

local function add_header(out, v)
   local r = v.result
   out[#out + 1] = ("<header>\n<h1>%s</h1>\n<p class=soft>%s. %s</p>\n</header>"):format(
      escape(r.name), escape(view.runs(r)), escape(view.machine(r.machine)))
end

--- Links to the sections, when there are several.
local function add_contents(out, sections)
   if #sections < 4 then
      return
   end
   local items = {}
   for i, section in ipairs(sections) do
      items[i] = ('<li><a href="#%s">%s</a></li>'):format(section.id, escape(section.title))
   end
   out[#out + 1] = '<nav class=soft aria-label="Sections"><ul>' .. table.concat(items) ..
      "</ul></nav>"
end

local function overview(v)
   local out = {}
   for _, group in ipairs(v.groups) do
      out[#out + 1] = numbers.overview(group, v.metrics)
   end
   return out
end

local function growth_figures(v, metric)
   local out = {}
   for _, family in ipairs(growth.families(v, metric.key)) do
      local items = {}
      for i, one in ipairs(family.series) do
         items[i] = {swatch = growth.swatch(one.number), text = one.label}
      end
      local name = family.title ~= "" and " of " .. family.title or ""
      out[#out + 1] = ("<h3>Growth with the size%s</h3>"):format(escape(name))
      out[#out + 1] = figure(growth.chart(family, metric), legend(items))
   end
   return out
end

--- The charts of one metric with their numbers, of each input.
---@param v moonlink.lab.View
---@param metric moonlink.lab.Metric
---@return string[]
function html.charts(v, metric)
   local out = growth_figures(v, metric)
   for _, group in ipairs(v.groups) do
      local chart = bars.chart(group, metric)
      if chart then
         if #v.groups > 1 or out[1] then
            out[#out + 1] = ("<h3>%s</h3>"):format(escape(group.title))
         end
         out[#out + 1] = figure(chart)
         out[#out + 1] = numbers.details(group, metric)
      end
   end
   return out
end

local function stage_section(v)
   local place, names = bars.stage_colors(v)
   local items, out = {}, {}
   for i, name in ipairs(names) do
      items[i] = {swatch = color_swatch(i), text = name}
   end
   for _, group in ipairs(v.groups) do
      local charts = bars.stages(group, place)
      if charts[1] and #v.groups > 1 then
         out[#out + 1] = ("<h3>%s</h3>"):format(escape(group.title))
      end
      for i, chart in ipairs(charts) do
         if i > 1 then
            out[#out + 1] = "<p class=soft>The faster ones, on a scale of their own:</p>"
         end
         out[#out + 1] = figure(chart, i == #charts and legend(items))
      end
   end
   return out
end

local function reason(title, body)
   local text = svg.escape_lines(body)
   local short = select(2, text:gsub("\n", "")) < 20 and " class=short" or ""
   return ("<h3><span class=case>%s</span></h3>\n%s"):format(escape(title),
      text ~= "" and ("<pre%s>%s</pre>"):format(short, text) or "")
end

local function system_calls(v)
   local out = {}
   for _, group in ipairs(v.groups) do
      local lines = syscalls.lines(group)
      if lines[1] then
         out[#out + 1] = reason(group.title, table.concat(lines, "\n"))
      end
   end
   return out
end

--- Refusals with their reports, and failures; equal ones of several runs once.
local function reasons(v)
   local out = {}
   for _, group in ipairs(v.groups) do
      for _, c in ipairs(group.cases) do
         local name, seen = ("%s: %s"):format(group.title, c.label), {}
         local refused = c.case.refused
         if refused then
            local body = refused.report ~= "" and refused.report or refused.why
            out[#out + 1] = reason(name .. " refused", body)
         end
         for _, f in ipairs(c.case.failures) do
            if not seen[f.kind .. f.text] then
               seen[f.kind .. f.text] = true
               out[#out + 1] = reason(("%s, %s in run %d"):format(name, f.kind, f.run), f.text)
            end
         end
      end
   end
   return out
end

local function add_section(sections, title, parts, lead)
   if parts[1] then
      sections[#sections + 1] = {
         title = title, id = ("s%d"):format(#sections + 1), lead = lead,
         body = table.concat(parts, "\n"),
      }
   end
end

local function sections_of(v)
   local sections = {}
   add_section(sections, "Overview", overview(v))
   for _, metric in ipairs(v.metrics) do
      add_section(sections, metric.title, html.charts(v, metric))
   end
   add_section(sections, "Where the time goes", stage_section(v),
      "Medians of each stage, one behind the other.")
   add_section(sections, "System calls by name", system_calls(v),
      "Of one more run of each case, which was not timed; the most frequent ones of each stage.")
   add_section(sections, "Calls between packages", graph.html(v),
      "Counted in one more run of each case, which was not timed.")
   add_section(sections, "Refused and failed", reasons(v))
   return sections
end

--- The result for programs: no text in it can end the element.
local function data(result)
   local json = read.encode(result):gsub("<", "\\u003c")
   return '<script type="application/json" id="result">' .. json .. "</script>"
end

--- The beginning of a page that needs nothing beside itself, up to its first element.
---@param title string
---@return string
function html.head(title)
   return table.concat({
      '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
      '<meta name="viewport" content="width=device-width, initial-scale=1">',
      '<link rel="icon" href="data:,">',
      ("<title>%s</title>"):format(escape(plain.line(title))),
      "<style>\n" .. style.sheet() .. "\n</style>\n</head>\n<body>",
   }, "\n")
end

--- A page that is whole by itself.
---@param result moonlink.lab.Result that has been checked
---@return string
function html.page(result)
   local v = view.of(result)
   local out = {html.head(result.name)}
   add_header(out, v)
   local sections = sections_of(v)
   add_contents(out, sections)
   for _, section in ipairs(sections) do
      out[#out + 1] = ('<section id="%s">\n<h2>%s</h2>%s\n%s\n</section>'):format(section.id,
         escape(section.title), section.lead and "\n<p class=soft>" .. section.lead .. "</p>" or "",
         section.body)
   end
   out[#out + 1] = "<footer>\n<p>" .. html.HOW_TO_READ .. "</p>\n</footer>"
   out[#out + 1] = data(result)
   out[#out + 1] = "</body>\n</html>\n"
   return table.concat(out, "\n")
end

return html
