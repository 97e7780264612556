--- The calls between packages that experiments have counted, as tables. Cases of one input that
-- have the same ones share a table.
-- SPDX-License-Identifier: MIT

local plain = require "moonlink.lab.report.plain"
local similar = require "moonlink.link.similar"
local svg = require "moonlink.lab.report.svg"

local graph = {}

local NAMED = 3 -- functions of an edge that a table names

local escape = svg.escape

--- "inflate 20, adler32 3 and 4 more"; empty when nobody has noted names.
local function named(call)
   local parts = {}
   for i = 1, math.min(NAMED, #(call.symbols or {})) do
      local s = call.symbols[i]
      parts[i] = ("%s %d"):format(plain.line(similar.demangle(s.name) or s.name), s.calls)
   end
   local more = (call.functions or #parts) - #parts
   local rest = more > 0 and parts[1] and (" and %d more"):format(more) or ""
   return table.concat(parts, ", ") .. rest
end

local function fingerprint(calls)
   local parts = {}
   for i, c in ipairs(calls) do
      parts[i] = ("%s\0%s\0%d\0%s"):format(c.from, c.to, c.calls, named(c))
   end
   return table.concat(parts, "\1")
end

---@class moonlink.lab.CallTable
---@field title string the input, and the cases
---@field calls moonlink.lab.Edge[]

--- The tables of a result, and what was not counted with the reasons.
---@param v moonlink.lab.View
---@return moonlink.lab.CallTable[]
---@return {title: string, why: string}[]
function graph.tables(v)
   local tables, missing = {}, {}
   for _, group in ipairs(v.groups) do
      local known = {}
      for _, c in ipairs(group.cases) do
         local calls, why = c.case.calls, c.case.calls_not_counted
         local list = calls[1] and tables or why and missing
         local key = calls[1] and fingerprint(calls) or why
         if list and known[key] then
            known[key].title = known[key].title .. ", " .. c.label
         elseif list then
            local one = {title = ("%s: %s"):format(group.title, c.label), calls = calls, why = why}
            known[key], list[#list + 1] = one, one
         end
      end
   end
   return tables, missing
end

local HEAD = {"from", "to", "calls", "functions", "most of all"}
local NUMBERS = {[3] = true, [4] = true} -- columns
local SHORT = 16 -- characters of a text that is not broken

--- Rows of texts, the head first.
local function rows_of(calls)
   local rows = {HEAD}
   for i, c in ipairs(calls) do
      rows[i + 1] = {plain.line(c.from), plain.line(c.to), ("%d"):format(c.calls),
         c.functions and ("%d"):format(c.functions) or "", named(c)}
   end
   return rows
end

--- Adds the tables to the lines of a report.
---@param lines string[]
---@param v moonlink.lab.View
---@param align fun(rows: moonlink.lab.Cell[][], color?: boolean): string[]
---@param color? boolean
function graph.add_text(lines, v, align, color)
   local tables, missing = graph.tables(v)
   for _, each in ipairs(tables) do
      lines[#lines + 1] = ""
      lines[#lines + 1] = "Calls between packages, " .. plain.line(each.title)
      local cells = {}
      for i, row in ipairs(rows_of(each.calls)) do
         cells[i] = {}
         for k, text in ipairs(row) do
            cells[i][k] = {text = text, right = NUMBERS[k], style = i == 1 and "head" or nil}
         end
      end
      for _, line in ipairs(align(cells, color)) do
         lines[#lines + 1] = "  " .. line
      end
   end
   for i, each in ipairs(missing) do
      lines[#lines + 1] = i == 1 and "" or nil
      lines[#lines + 1] = ("Calls not counted, %s: %s"):format(plain.line(each.title),
         plain.line(each.why))
   end
end

local function html_row(row, element)
   local out = {}
   for k, text in ipairs(row) do
      local class = NUMBERS[k] and "nowrap" or "case"
      class = class == "case" and plain.width(text) <= SHORT and "case nowrap" or class
      out[k] = ('<%s class="%s">%s</%s>'):format(element, class, escape(text), element)
   end
   return "<tr>" .. table.concat(out) .. "</tr>"
end

--- The same for a page, as its parts.
---@param v moonlink.lab.View
---@return string[]
function graph.html(v)
   local tables, missing = graph.tables(v)
   local out = {}
   for _, each in ipairs(tables) do
      local rows = rows_of(each.calls)
      local body = {}
      for i = 2, #rows do
         body[i - 1] = html_row(rows[i], "td")
      end
      out[#out + 1] = ([[<h3><span class=case>%s</span></h3>
<table class=calls>
<thead>%s</thead>
<tbody>
%s
</tbody>
</table>]]):format(escape(each.title), html_row(HEAD, "th"), table.concat(body, "\n"))
   end
   for _, each in ipairs(missing) do
      out[#out + 1] = ("<p><span class=case>%s</span> not counted: %s</p>"):format(
         escape(each.title), escape(each.why))
   end
   return out
end

return graph
