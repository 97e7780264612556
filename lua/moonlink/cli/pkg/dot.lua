--- moonlink pkg dot: who depends on whom, for graphviz.
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local json = require "moonlink.show.json"

local dot = {
   name = "dot",
   summary = "Print the graph of dependencies in the language of graphviz.",
   usage = "dot",
   least = 0, most = 0,
}

--- Calls visit for each package and each of its dependencies that is there; of several units with
--- one id the last one counts.
local function each_edge(packages, visit)
   local by_id = {}
   for _, p in ipairs(packages) do
      by_id[ids.unit(p)] = p
   end
   for _, p in ipairs(packages) do
      for _, id in ipairs(p.depends or {}) do
         if by_id[id] then
            visit(p, by_id[id])
         end
      end
   end
end

local function print_json(ctx, packages)
   local nodes, edges = json.list {}, json.list {}
   for i, p in ipairs(packages) do
      nodes[i] = {name = p.name, version = p.version or "", id = ids.unit(p)}
   end
   each_edge(packages, function(from, to)
      edges[#edges + 1] = {from = ids.unit(from), to = ids.unit(to)}
   end)
   ctx:json {nodes = nodes, edges = edges}
end

---@param ctx moonlink.cli.pkg.Context
---@return integer status
function dot.run(ctx)
   local packages = index.packages(ctx:databases().asked)
   if ctx:has "--json" then
      print_json(ctx, packages)
      return 0
   end
   ctx.out "digraph {\n"
   each_edge(packages, function(from, to)
      ctx.out(('"%s" -> "%s"\n'):format(ids.package(from), ids.package(to)))
   end)
   ctx.out "}\n"
   return 0
end

return dot
