--- Charts with a bar for each case: medians with their spread, and where the time goes by stages.
-- SPDX-License-Identifier: MIT

local plain = require "moonlink.lab.report.plain"
local svg = require "moonlink.lab.report.svg"
local units = require "moonlink.lab.report.units"
local view = require "moonlink.lab.report.view"

local bars = {}

local VALUE_ROOM = 66 -- pixels at the right for the number of the longest bar
local LABEL_MOST = 34 -- characters of a label beside its bar
local COLORS = 8
local UNSEEN = 12 -- how many times shorter a line of stages must be to get a scale of its own
local REACH = 2 -- so many times the longest bar is the most that spread makes the axis

--- Where rows and bars lie. In a narrow chart a label stands above its bar.
local function frame(group, width)
   local narrow = width < svg.WIDE
   local longest = 0
   for _, c in ipairs(group.cases) do
      longest = math.max(longest, plain.width(plain.line(c.label)))
   end
   local beside = math.min(LABEL_MOST, longest) * svg.CHAR + 10
   return {
      width = width, narrow = narrow, left = narrow and 4 or beside, right = width - VALUE_ROOM,
      row = narrow and 38 or 24, bar = 14, over = narrow and 19 or 5,
      label_room = narrow and width - 8 or beside - 8,
   }
end

local function add_label(parts, f, c, top)
   if f.narrow then
      parts[#parts + 1] = svg.text(f.left, top + 14, c.label,
         {class = "label", room = f.label_room})
   else
      parts[#parts + 1] = svg.text(f.left - 8, top + 16, c.label,
         {class = "label", anchor = "end", room = f.label_room})
   end
end

local function add_note(parts, f, note, top)
   parts[#parts + 1] = svg.text(f.left + 4, top + f.over + 11, note,
      {class = "note", room = f.width - f.left - 8})
end

--- Range of all samples as a thin line, the interval of the median as a thick one.
local function add_spread(parts, s, at, middle, limit)
   parts[#parts + 1] = svg.line(at(math.min(s.min, limit)), middle, at(math.min(s.max, limit)),
      middle, "range")
   if s.max > limit then -- an outlier beyond the axis
      local x = at(limit)
      parts[#parts + 1] = svg.element("path", {
         "d", ("M%.1f %.1fl6 3l-6 3z"):format(x, middle - 3), "class", "beyond",
      })
   end
   local low, high = at(math.min(s.low, limit)), at(math.min(s.high, limit))
   parts[#parts + 1] = svg.element("rect", {
      "x", low, "y", middle - 3, "width", math.max(0, high - low), "height", 6, "class", "interval",
   })
end

local function describe(c, metric, s, factor, unit)
   local function text(name)
      return units.text(s[name] * factor)
   end
   return ("%s: %s, median %s %s, 95 %% interval %s to %s, range %s to %s, %d run%s"):format(
      c.label, metric.title, text "median", unit, text "low", text "high", text "min", text "max",
      s.n, s.n == 1 and "" or "s")
end

local function add_bar(parts, c, top, d)
   local f, s = d.frame, c.summaries[d.metric.key]
   local y = top + f.over
   local x = d.at(s.median * d.factor)
   local scaled = {}
   for _, name in ipairs {"min", "low", "median", "high", "max"} do
      scaled[name] = math.max(0, s[name] * d.factor)
   end
   local bar = {svg.element("title", {}, svg.escape(describe(c, d.metric, s, d.factor, d.unit)))}
   bar[2] = svg.element("rect", {
      "x", f.left, "y", y, "width", math.max(0.5, x - f.left), "height", f.bar,
      "class", ("bar c%d"):format((c.series - 1) % COLORS + 1),
   })
   add_spread(bar, scaled, d.at, y + f.bar / 2, d.limit)
   parts[#parts + 1] = svg.element("g", {}, table.concat(bar))
   local stop = math.max(x, d.at(math.min(scaled.max, d.limit)))
   parts[#parts + 1] = svg.text(stop + 9, y + 11, units.text(s.median * d.factor),
      {class = "value"})
end

--- The end of the axis: all samples, but for outliers far beyond every bar.
local function limit_of(group, metric)
   local most, far = 0, 0
   for _, c in ipairs(group.cases) do
      local s = c.summaries[metric.key]
      if s then
         most, far = math.max(most, s.median), math.max(far, s.max)
      end
   end
   return math.min(far, most * REACH)
end

--- A bar for each case of a group: median, interval, range.
---@param group moonlink.lab.Group
---@param metric moonlink.lab.Metric
---@return string? two pictures, for wide and narrow windows; nil when no bar would have a length
function bars.chart(group, metric)
   local shown = {}
   for _, c in ipairs(group.cases) do
      shown[#shown + 1] = (c.summaries[metric.key] or c.note) and c or nil
      shown.any = shown.any or c.summaries[metric.key]
   end
   local limit = limit_of(group, metric)
   if not shown.any or limit <= 0 then
      return nil
   end
   local factor, unit = view.unit(group, metric)
   return svg.both(function(width)
      local f = frame({cases = shown}, width)
      local places = units.ticks(limit * factor, f.narrow and 4 or 7)
      local last, bottom = places[#places], #shown * f.row + 4
      local d = {frame = f, metric = metric, factor = factor, unit = unit, limit = limit * factor}
      d.at = function(value)
         return f.left + math.max(0, value) / last * (f.right - f.left)
      end
      local parts = {}
      svg.axis_below(parts, {
         left = f.left, right = f.right, top = 0, bottom = bottom, places = places, at = d.at,
         width = width, title = svg.axis_title(metric, unit),
      })
      for i, c in ipairs(shown) do
         local top = (i - 1) * f.row
         add_label(parts, f, c, top)
         if c.summaries[metric.key] then
            add_bar(parts, c, top, d)
         else
            add_note(parts, f, c.note, top)
         end
      end
      return svg.picture(width, bottom + 40, ("%s of %s"):format(metric.title, group.title),
         f.narrow and "narrow bars" or "wide bars", parts)
   end)
end

--- The stages that get a colour: those that take longest in all, in the order of their names' list;
--- the rest together are "other".
---@param v moonlink.lab.View
---@return table<string, integer> place of the colour, from 1
---@return string[] names in the order of the legend
function bars.stage_colors(v)
   local total, by_time = {}, {}
   for i, name in ipairs(v.stages) do
      total[name], by_time[i] = 0, name
   end
   for _, group in ipairs(v.groups) do
      for _, c in ipairs(group.cases) do
         for _, stage in ipairs(c.stages) do
            total[stage.name] = total[stage.name] + stage.median
         end
      end
   end
   table.sort(by_time, function(a, b)
      if total[a] ~= total[b] then
         return total[a] > total[b]
      end
      return a < b
   end)
   local kept, place, names = {}, {}, {}
   for i = 1, #by_time > COLORS and COLORS - 1 or #by_time do
      kept[by_time[i]] = true
   end
   for _, name in ipairs(v.stages) do
      if kept[name] then
         names[#names + 1] = name
         place[name] = #names
      end
   end
   if #names < #v.stages then
      names[#names + 1] = "other stages"
   end
   return place, names
end

local function stage_total(c)
   local total = 0
   for _, stage in ipairs(c.stages) do
      total = total + stage.median
   end
   return total
end

local function add_stages(parts, c, top, d)
   local f, from = d.frame, 0
   local y = top + f.over
   for _, stage in ipairs(c.stages) do
      local x, stop = d.at(from), d.at(from + stage.median * d.factor)
      local color = d.place[stage.name] or COLORS
      local what = ("%s: %s %s %s"):format(c.label, stage.name,
         units.text(stage.median * d.factor), d.unit)
      parts[#parts + 1] = svg.element("rect", {
         "x", x, "y", y, "width", math.max(0, stop - x), "height", f.bar,
         "class", ("%s c%d"):format(stop - x > 4 and "stage" or "thin", color),
      }, svg.element("title", {}, svg.escape(what)))
      if not f.narrow and plain.width(plain.line(stage.name)) * svg.CHAR + 6 < stop - x then
         parts[#parts + 1] = svg.text((x + stop) / 2, y + 11, stage.name,
            {class = ("inside t%d"):format(color), anchor = "middle"})
      end
      from = from + stage.median * d.factor
   end
   parts[#parts + 1] = svg.text(d.at(from) + 9, y + 11, units.text(from), {class = "value"})
end

local function stage_picture(shown, place, title)
   local most = 0
   for _, c in ipairs(shown) do
      most = math.max(most, stage_total(c))
   end
   local factor, unit = units.fit("ms", most)
   return svg.both(function(width)
      local f = frame({cases = shown}, width)
      local places = units.ticks(most * factor, f.narrow and 4 or 7)
      local bottom = #shown * f.row + 4
      local d = {frame = f, factor = factor, unit = unit, place = place}
      d.at = function(value)
         return f.left + value / places[#places] * (f.right - f.left)
      end
      local parts = {}
      svg.axis_below(parts, {
         left = f.left, right = f.right, top = 0, bottom = bottom, places = places, at = d.at,
         width = width, title = ("time from the start, %s"):format(unit),
      })
      for i, c in ipairs(shown) do
         add_label(parts, f, c, (i - 1) * f.row)
         add_stages(parts, c, (i - 1) * f.row, d)
      end
      return svg.picture(width, bottom + 40, "Stages of " .. title,
         f.narrow and "narrow stages" or "wide stages", parts)
   end)
end

--- One line of time for each case of a group, a piece for each stage (medians, milliseconds). Cases
--- that are so much faster than others that one would not see their stages have a chart of their
--- own, with a scale of its own.
---@param group moonlink.lab.Group
---@param place table<string, integer> of stage_colors
---@return string[] two pictures each; none when no case has stages
function bars.stages(group, place)
   local left, charts = {}, {}
   for _, c in ipairs(group.cases) do
      left[#left + 1] = stage_total(c) > 0 and c or nil
   end
   while left[1] do
      local most, shown, faster = 0, {}, {}
      for _, c in ipairs(left) do
         most = math.max(most, stage_total(c))
      end
      for _, c in ipairs(left) do
         local list = stage_total(c) * UNSEEN >= most and shown or faster
         list[#list + 1] = c
      end
      charts[#charts + 1] = stage_picture(shown, place, group.title)
      left = faster
   end
   return charts
end

return bars
