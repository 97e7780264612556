--- Growth curves: a metric over the size of the input, a line for each strategy with its axes.
-- Both scales become logarithmic when their numbers span more than a factor of twenty: there, what
-- grows in proportion to the input is a line of slope 1.
-- SPDX-License-Identifier: MIT

local plain = require "moonlink.lab.report.plain"
local svg = require "moonlink.lab.report.svg"
local units = require "moonlink.lab.report.units"
local view = require "moonlink.lab.report.view"

local growth = {}

local COLORS = 8
local SPAN = 20 -- from which on a scale is logarithmic
local SHAPES = {
   "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", "M-3.5 -3.5h7v7h-7z", "M0 -4.5l4.5 8h-9z",
   "M0 -5l5 5l-5 5l-5 -5z", "M0 4.5l4.5 -8h-9z", "M-5 -2h10v4h-10z", "M-2 -5h4v10h-4z",
   "M-4 -4l8 8m-8 0l8 -8",
}

---@class moonlink.lab.Series
---@field label string
---@field number integer its colour and mark: the series of the view
---@field points { size: number, summary: moonlink.lab.Summary }[] by size

---@class moonlink.lab.Family
---@field title string
---@field series moonlink.lab.Series[]

--- Inputs that differ in their numbers only ("modules-10", "modules-1000") are one family, and so
-- are several sizes of one name: their curves mean something, those through zlib and gmp do not.
local function family_of(input)
   return (input:gsub("%d+", "#"))
end

local function add_point(family, c, summary)
   local series = family.by_number[c.series]
   if not series then
      series = {label = c.label, number = c.series, points = {}, sizes = {}}
      family.by_number[c.series] = series
      family.series[#family.series + 1] = series
   elseif series.label ~= c.label then -- ids that name their input
      series.label = view.series_key(c.case)
   end
   if not series.sizes[c.case.size] then
      series.sizes[c.case.size] = true
      series.points[#series.points + 1] = {size = c.case.size, summary = summary}
   end
end

--- Inputs of several sizes, with the series that have at least two of them.
---@param v moonlink.lab.View
---@param key string of a metric
---@return moonlink.lab.Family[]
function growth.families(v, key)
   local families, by_name = {}, {}
   for _, group in ipairs(v.groups) do
      local name = family_of(group.input)
      local family = by_name[name]
      if not family then
         family = {title = name:gsub("#", "N"), series = {}, by_number = {}}
         by_name[name], families[#families + 1] = family, family
      end
      for _, c in ipairs(group.cases) do
         local s = c.summaries[key]
         if s and c.case.size and c.case.size > 0 and c.case.size < math.huge then
            add_point(family, c, s)
         end
      end
   end
   local kept = {}
   for _, family in ipairs(families) do
      local series = {}
      for _, s in ipairs(family.series) do
         table.sort(s.points, function(a, b) return a.size < b.size end)
         series[#series + 1] = #s.points > 1 and s or nil
      end
      kept[#kept + 1] = series[1] and {title = family.title, series = series} or nil
   end
   return kept
end

--- A scale: where a value lies between `from` and `to`, and the places with numbers.
local function scale_of(least, most, from, to, count)
   if least > 0 and most / least >= SPAN then
      local places = units.decades(least, most)
      local first, last = math.log(places[1]), math.log(places[#places])
      return {
         places = places, logarithmic = true,
         at = function(value)
            return from + (math.log(math.max(value, places[1])) - first) / (last - first)
               * (to - from)
         end,
      }
   end
   local places = units.ticks(most, count)
   return {
      places = places,
      at = function(value)
         return from + math.max(0, value) / places[#places] * (to - from)
      end,
   }
end

local function bounds(series)
   local b = {x_least = math.huge, x_most = 0, y_least = math.huge, y_most = 0}
   for _, one in ipairs(series) do
      for _, p in ipairs(one.points) do
         b.x_least, b.x_most = math.min(b.x_least, p.size), math.max(b.x_most, p.size)
         b.y_least = math.min(b.y_least, p.summary.low)
         b.y_most = math.max(b.y_most, p.summary.high)
      end
   end
   return b
end

local function add_left_axis(parts, y, box, title)
   local free = math.huge
   for _, place in ipairs(y.places) do
      local at = y.at(place)
      parts[#parts + 1] = svg.line(box.left, at, box.right, at, "grid")
      if at + 12 <= free then
         parts[#parts + 1] = svg.text(box.left - 6, at + 4, units.place(place), {anchor = "end"})
         free = at
      end
   end
   parts[#parts + 1] = svg.line(box.left, box.top, box.left, box.bottom, "axis")
   parts[#parts + 1] = svg.text(4, 13, title, {class = "title", room = box.width - 8})
end

local function add_series(parts, one, d)
   local color = (one.number - 1) % COLORS + 1
   local dashed = one.number > COLORS and " dashed" or ""
   local path, marks = {}, {}
   for i, p in ipairs(one.points) do
      local s = p.summary
      local x, y = d.x.at(p.size), d.y.at(s.median * d.factor)
      path[i] = ("%s%.1f %.1f"):format(i == 1 and "M" or "L", x, y)
      local what = ("%s, %s objects: %s %s (%s to %s)"):format(one.label, units.text(p.size),
         units.text(s.median * d.factor), d.unit, units.text(s.low * d.factor),
         units.text(s.high * d.factor))
      marks[#marks + 1] = svg.line(x, d.y.at(s.low * d.factor), x, d.y.at(s.high * d.factor),
         ("spread s%d"):format(color))
      marks[#marks + 1] = svg.element("path", {
         "d", SHAPES[(one.number - 1) % #SHAPES + 1],
         "class", ("mark c%d s%d"):format(color, color),
         "transform", ("translate(%.1f %.1f)"):format(x, y),
      }, svg.element("title", {}, svg.escape(what)))
   end
   parts[#parts + 1] = svg.element("path", {
      "d", table.concat(path), "class", ("curve s%d%s"):format(color, dashed),
   })
   table.move(marks, 1, #marks, #parts + 1, parts)
end

local function draw(family, metric, width)
   local narrow = width < svg.WIDE
   local height = narrow and 300 or 380
   local b = bounds(family.series)
   local factor, unit = units.fit(metric.unit, b.y_most)
   local box = {top = 28, bottom = height - 44, right = width - 24, width = width}
   local y = scale_of(b.y_least * factor, b.y_most * factor, box.bottom, box.top, 5)
   local widest = 0
   for _, place in ipairs(y.places) do
      widest = math.max(widest, plain.width(units.place(place)))
   end
   box.left = widest * svg.CHAR + 12
   local x = scale_of(b.x_least, b.x_most, box.left, box.right, narrow and 4 or 7)
   local parts = {}
   local both = y.logarithmic and "; logarithmic" or ""
   add_left_axis(parts, y, box, svg.axis_title(metric, unit) .. both)
   svg.axis_below(parts, {
      left = box.left, right = box.right, top = box.top, bottom = box.bottom, places = x.places,
      at = x.at, width = width,
      title = "objects in the input" .. (x.logarithmic and "; logarithmic" or ""),
   })
   for _, one in ipairs(family.series) do
      add_series(parts, one, {x = x, y = y, factor = factor, unit = unit})
   end
   return svg.picture(width, height, ("%s over the size of %s"):format(metric.title, family.title),
      narrow and "narrow growth" or "wide growth", parts)
end

--- A chart of a family.
---@param family moonlink.lab.Family
---@param metric moonlink.lab.Metric
---@return string two pictures
function growth.chart(family, metric)
   return svg.both(function(width) return draw(family, metric, width) end)
end

--- The mark of the n-th series, for legends.
---@param number integer
---@return string
function growth.swatch(number)
   local color = (number - 1) % COLORS + 1
   local dashed = number > COLORS and " dashed" or ""
   return svg.element("svg", {
      "width", 26, "height", 12, "viewBox", "-13 -6 26 12", "aria-hidden", "true",
   }, svg.line(-13, 0, 13, 0, ("curve s%d%s"):format(color, dashed)) .. svg.element("path", {
      "d", SHAPES[(number - 1) % #SHAPES + 1], "class", ("mark c%d s%d"):format(color, color),
   }))
end

return growth
