--- The graph of packages as a picture, in the language of graphviz: a box per database, what cannot
-- be used in red, what is hidden in dashes, what is missing as a box of its own.
-- SPDX-License-Identifier: MIT

local graph = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"

local draw = {}

local function quoted(text)
   return '"' .. text:gsub('["\\]', "\\%0"):gsub("\n", "\\n") .. '"'
end

local function node(p, broken)
   local unit, name = ids.unit(p), ids.package(p)
   local attributes = {}
   attributes[#attributes + 1] = unit ~= name and "label=" .. quoted(name) or nil
   attributes[#attributes + 1] = broken and "color=red" or nil
   attributes[#attributes + 1] = not p.exposed and "style=dashed" or nil
   local tail = attributes[1] and " [" .. table.concat(attributes, ", ") .. "]" or ""
   return quoted(unit) .. tail
end

local function add_database(lines, i, db, wanted, state)
   local nodes = {}
   for _, p in ipairs(index.sorted(db.packages)) do
      local unit = ids.unit(p)
      if not state.drawn[unit] and (not wanted or wanted[unit]) then
         state.drawn[unit] = true
         state.order[#state.order + 1] = p
         nodes[#nodes + 1] = "      " .. node(p, state.broken[p])
      end
   end
   if nodes[1] then
      lines[#lines + 1] = ("   subgraph cluster_%d {"):format(i)
      lines[#lines + 1] = "      label=" .. quoted(db.path or "")
      table.move(nodes, 1, #nodes, #lines + 1, lines)
      lines[#lines + 1] = "   }"
   end
end

--- A graph in the DOT language.
---@param databases moonlink.pkg.Database[] topmost first; what a lower one has too is drawn once
---@param wanted? table<string, any> only these units
---@return string
function draw.dot(databases, wanted)
   local state = {drawn = {}, order = {}, broken = graph.broken(index.packages(databases))}
   local lines = {"digraph packages {", "   node [shape=box]"}
   for i, db in ipairs(databases) do
      add_database(lines, i, db, wanted, state)
   end
   local edges, missing = {}, {}
   for _, p in ipairs(state.order) do
      for _, id in ipairs(p.depends or {}) do
         if not state.drawn[id] and not missing[id] then
            missing[id] = true
            lines[#lines + 1] = ("   %s [color=red, fontcolor=red]"):format(quoted(id))
         end
         edges[#edges + 1] = ("   %s -> %s"):format(quoted(ids.unit(p)), quoted(id))
      end
   end
   table.move(edges, 1, #edges, #lines + 1, lines)
   lines[#lines + 1] = "}"
   return table.concat(lines, "\n") .. "\n"
end

return draw
