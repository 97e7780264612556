--- Elements of HTML and SVG as text, and what all charts share: axes, labels that fit.
-- Every chart is drawn for one width in CSS pixels, so that its text has the size of the page's; a
-- page holds each one twice, for wide and for narrow windows, and shows one of both.
-- SPDX-License-Identifier: MIT

local plain = require "moonlink.lab.report.plain"
local units = require "moonlink.lab.report.units"

local svg = {}

svg.WIDE, svg.NARROW = 760, 340
svg.CHAR = 7.3 -- widest character of the fonts at the size of charts, 12 pixels; most are narrower

local ENTITIES = {
   ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

--- A name from outside as text of an element or of an attribute in quotes.
---@param s string
---@return string
function svg.escape(s)
   return (plain.line(s):gsub("[&<>\"']", ENTITIES))
end

--- The same of many lines.
---@param s string
---@return string
function svg.escape_lines(s)
   return (plain.lines(s):gsub("[&<>\"']", ENTITIES))
end

local function value_of(value)
   if type(value) == "number" then
      return (("%.2f"):format(value):gsub("%.?0+$", ""))
   end
   return svg.escape(value)
end

--- An element; an attribute's value is escaped, the body is taken as it is.
---@param name string
---@param attributes any[] names and values in turn; numbers are rounded to hundredths
---@param body? string
---@return string
function svg.element(name, attributes, body)
   local out = {"<", name}
   for i = 1, #attributes, 2 do
      out[#out + 1] = (' %s="%s"'):format(attributes[i], value_of(attributes[i + 1]))
   end
   out[#out + 1] = body and ">" .. body .. "</" .. name .. ">" or "/>"
   return table.concat(out)
end

--- Text of at most so many pixels; what is cut can be read by pointing at it.
---@param x number
---@param y number of the base line
---@param s string
---@param options? { class: string?, anchor: string?, room: number? }
---@return string
function svg.text(x, y, s, options)
   options = options or {}
   local line = plain.line(s)
   local cut = options.room and plain.cut(line, math.max(3, options.room // svg.CHAR)) or line
   local attributes = {"x", x, "y", y}
   for _, name in ipairs {"class", "anchor"} do
      if options[name] then
         table.move({name == "anchor" and "text-anchor" or name, options[name]}, 1, 2,
            #attributes + 1, attributes)
      end
   end
   local title = cut ~= line and svg.element("title", {}, svg.escape(line)) or ""
   return svg.element("text", attributes, svg.escape(cut) .. title)
end

---@param x1 number
---@param y1 number
---@param x2 number
---@param y2 number
---@param class string
---@return string
function svg.line(x1, y1, x2, y2, class)
   return svg.element("line", {"x1", x1, "y1", y1, "x2", x2, "y2", y2, "class", class})
end

--- A picture that says what it is to those who cannot see it.
---@param width number
---@param height number
---@param label string
---@param class string
---@param parts string[]
---@return string
function svg.picture(width, height, label, class, parts)
   return svg.element("svg", {
      "xmlns", "http://www.w3.org/2000/svg", "role", "img", "aria-label", label, "class", class,
      "width", width, "height", height, "viewBox", ("0 0 %d %d"):format(width, height),
   }, "\n" .. table.concat(parts, "\n") .. "\n")
end

--- Both forms of a chart.
---@param draw fun(width: integer): string a picture
---@return string
function svg.both(draw)
   return draw(svg.WIDE) .. "\n" .. draw(svg.NARROW)
end

--- A linear axis below a plot, from 0: grid, numbers, title.
---@param parts string[] gets the elements
---@param axis { left: number, right: number, top: number, bottom: number, title: string,
--- places: number[], at: fun(place: number): number, width: number }
function svg.axis_below(parts, axis)
   local free = 0
   for _, place in ipairs(axis.places) do
      local x, label = axis.at(place), units.place(place)
      parts[#parts + 1] = svg.line(x, axis.top, x, axis.bottom, "grid")
      local half = #label * svg.CHAR / 2
      if x - half >= free and x + half <= axis.width then
         parts[#parts + 1] = svg.text(x, axis.bottom + 17, label, {anchor = "middle"})
         free = x + half + 6
      end
   end
   parts[#parts + 1] = svg.line(axis.left, axis.bottom, axis.right, axis.bottom, "axis")
   local fits = plain.width(plain.line(axis.title)) * svg.CHAR <= axis.right - 4
   parts[#parts + 1] = svg.text(fits and axis.right or 4, axis.bottom + 34, axis.title,
      {class = "title", anchor = fits and "end" or "start", room = axis.width - 8})
end

--- What an axis measures: "time to load, ms (less is better)".
---@param metric moonlink.lab.Metric
---@param unit string as it is printed
---@return string
function svg.axis_title(metric, unit)
   local title = metric.title .. (unit ~= "" and ", " .. unit or "")
   return ("%s (%s is better)"):format(title, metric.better)
end

return svg
