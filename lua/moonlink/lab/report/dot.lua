--- Who calls whom, in the language of graphviz: packages as boxes, an arrow for the calls from one
-- to another, with their number, the thicker the more.
-- SPDX-License-Identifier: MIT

local lists = require "moonlink.lists"
local plain = require "moonlink.lab.report.plain"

local dot = {}

local function quoted(text)
   return '"' .. plain.line(text):gsub('["\\]', "\\%0") .. '"'
end

--- Equal pairs added up, in the order of their names.
local function summed(calls)
   local edges, known = {}, {}
   for _, call in ipairs(calls) do
      local key = call.from .. "\0" .. call.to
      local edge = known[key]
      if not edge then
         edge = {from = call.from, to = call.to, calls = 0}
         known[key] = edge
         edges[#edges + 1] = edge
      end
      edge.calls = edge.calls + call.calls
   end
   table.sort(edges, function(a, b)
      if a.from ~= b.from then
         return a.from < b.from
      end
      return a.to < b.to
   end)
   return edges
end

--- 1 for the rarest to 5 for the most frequent, by their logarithms.
local function pen(calls, most)
   if calls < 1 or most <= 1 then
      return 1
   end
   return 1 + 4 * math.log(calls) / math.log(most)
end

---@class moonlink.lab.Call
---@field from string the package that calls
---@field to string the package that is called
---@field calls integer how often

--- A call graph. Calls within one package are an arrow to itself.
---@param calls moonlink.lab.Call[]
---@param name? string of the graph
---@return string
function dot.graph(calls, name)
   local edges, nodes, most = summed(calls), {}, 0
   for _, edge in ipairs(edges) do
      nodes[edge.from], nodes[edge.to] = true, true
      most = math.max(most, edge.calls)
   end
   local lines = {
      ("digraph %s {"):format(quoted(name or "calls")), "   rankdir=LR", "   node [shape=box]",
   }
   for _, node in ipairs(lists.keys(nodes)) do
      lines[#lines + 1] = "   " .. quoted(node)
   end
   for _, edge in ipairs(edges) do
      lines[#lines + 1] = ('   %s -> %s [label="%.0f", penwidth=%.2f]'):format(quoted(edge.from),
         quoted(edge.to), edge.calls, pen(edge.calls, most))
   end
   lines[#lines + 1] = "}"
   return table.concat(lines, "\n") .. "\n"
end

return dot
