--- Who depends on whom: order, cycles, closures, broken packages, and why. Every function takes a
--- list of packages (moonlink.pkg.Package), is linear in packages and dependencies, needs no stack
--- however deep they go, and gives the same answer for the same list: where nothing else decides,
--- packages stay in the list's order. Of several packages with one id the first is meant.
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"
local lists = require "moonlink.lists"

local graph = {}

---@class moonlink.pkg.Graph
---@field packages moonlink.pkg.Package[]
---@field at table<string, integer> unit id to place in the list
---@field edges integer[][] by place: the places of what it depends on, as far as they are there

local NONE = {}

--- The list as places and edges; what a caller builds once who asks several questions.
---@param packages moonlink.pkg.Package[]
---@return moonlink.pkg.Graph
function graph.new(packages)
   local at, edges = {}, {}
   for i = 1, #packages do
      local id = ids.unit(packages[i])
      at[id] = at[id] or i
   end
   for i = 1, #packages do
      local list, n = {}, 0
      for _, id in ipairs(packages[i].depends or NONE) do
         local j = at[id]
         if j then
            n = n + 1
            list[n] = j
         end
      end
      edges[i] = list
   end
   return {packages = packages, at = at, edges = edges}
end

--- Takes the component whose first visited member is `top` from Tarjan's stack and hands it on.
local function pop_component(stack, height, top, open, found)
   if stack[height] == top then
      stack[height], open[top] = nil, false
      found(top)
      return height - 1
   end
   local component = {}
   repeat
      local v = stack[height]
      stack[height], open[v], height = nil, false, height - 1
      component[#component + 1] = v
   until v == top
   table.sort(component)
   found(top, component)
   return height
end

--- Calls found(v, component) for each strongly connected component, dependencies first: the place
--- of its only member, or one place and a list of all (Tarjan 1972, with the recursion in arrays).
local function components(g, found)
   local edges, number, low, open, position = g.edges, {}, {}, {}, {}
   local stack, height, path, depth, count = {}, 0, {}, 0, 0
   local function enter(v)
      count = count + 1
      number[v], low[v], open[v], position[v] = count, count, true, 0
      height, depth = height + 1, depth + 1
      stack[height], path[depth] = v, v
   end
   local function leave(v)
      depth = depth - 1
      local above = path[depth]
      if depth > 0 and low[v] < low[above] then
         low[above] = low[v]
      end
      if low[v] == number[v] then
         height = pop_component(stack, height, v, open, found)
      end
   end
   for root = 1, #edges do
      if not number[root] then
         enter(root)
      end
      while depth > 0 do
         local v = path[depth]
         position[v] = position[v] + 1
         local w = edges[v][position[v]]
         if not w then
            leave(v)
         elseif not number[w] then
            enter(w)
         elseif open[w] and number[w] < low[v] then
            low[v] = number[w]
         end
      end
   end
end

local function way_back(before, v, last)
   local back, way = {last}, {}
   while v do
      back[#back + 1], v = v, before[v]
   end
   for i = #back, 1, -1 do
      way[#way + 1] = back[i]
   end
   return way
end

--- The shortest way from one of `from` to a place that `wanted` holds, as places; with `inside`,
--- only through its places. A way has one step at least.
local function shortest(edges, from, wanted, inside)
   local before, queue, head = {}, {}, 0
   for _, v in ipairs(from) do
      queue[#queue + 1], before[v] = v, false
   end
   while head < #queue do
      head = head + 1
      local v = queue[head]
      for _, w in ipairs(edges[v]) do
         if wanted[w] then
            return way_back(before, v, w)
         elseif before[w] == nil and not (inside and not inside[w]) then
            before[w] = v
            queue[#queue + 1] = w
         end
      end
   end
end

--- The members of a component of several; `path` is a shortest cycle through the first of them,
--- which stands at both its ends.
local function cycle_of(g, component)
   local first, inside = component[1], {}
   for _, v in ipairs(component) do
      inside[v] = true
   end
   local cycle = lists.pick(g.packages, component)
   cycle.path = lists.pick(g.packages, shortest(g.edges, {first}, {[first] = true}, inside))
   return cycle
end

--- Packages in an order in which each stands behind all that it depends on. Members of a cycle
--- stand together.
---@param packages moonlink.pkg.Package[]
---@return moonlink.pkg.Package[] order all of them
---@return moonlink.pkg.Package[][] cycles each with its members, and `path`: a way around it
function graph.order(packages)
   local g, order, cycles = graph.new(packages), {}, {}
   components(g, function(v, component)
      if component then
         cycles[#cycles + 1] = cycle_of(g, component)
         for _, member in ipairs(component) do
            order[#order + 1] = packages[member]
         end
         return
      end
      order[#order + 1] = packages[v]
      for _, w in ipairs(g.edges[v]) do
         if w == v then
            cycles[#cycles + 1] = {packages[v], path = {packages[v], packages[v]}}
            return
         end
      end
   end)
   return order, cycles
end

--- The same in groups: each depends only on earlier ones, and the members of one on each other.
---@param packages moonlink.pkg.Package[]
---@return moonlink.pkg.Package[][]
function graph.groups(packages)
   local groups = {}
   components(graph.new(packages), function(v, component)
      groups[#groups + 1] = lists.pick(packages, component or {v})
   end)
   return groups
end

--- Who depends directly on each unit; ids that are not in the list have dependants, too.
---@param packages moonlink.pkg.Package[]
---@return table<string, moonlink.pkg.Package[]> by unit id, each dependant once
function graph.reverse(packages)
   local dependants, last = {}, {}
   for _, p in ipairs(packages) do
      for _, id in ipairs(p.depends or NONE) do
         local list = dependants[id]
         if not list then
            list = {}
            dependants[id] = list
         end
         if last[id] ~= p then
            list[#list + 1], last[id] = p, p
         end
      end
   end
   return dependants
end

--- All that depend on one of some units, directly or not, in list order; the units themselves only
--- when they are in a cycle.
---@param packages moonlink.pkg.Package[]
---@param units string[] unit ids
---@return moonlink.pkg.Package[]
function graph.dependants(packages, units)
   local reverse, reached, seen, queue, head = graph.reverse(packages), {}, {}, {}, 0
   table.move(units, 1, #units, 1, queue)
   while head < #queue do
      head = head + 1
      local id = queue[head]
      if not seen[id] then
         seen[id] = true
         for _, p in ipairs(reverse[id] or NONE) do
            reached[p] = true
            queue[#queue + 1] = ids.unit(p)
         end
      end
   end
   local list = {}
   for _, p in ipairs(packages) do
      if reached[p] then
         list[#list + 1] = p
      end
   end
   return list
end

--- The packages that cannot be used: a dependency is missing, is itself broken, or is part of a
--- cycle with them. What ghc-pkg's `list` shows in braces.
---@param packages moonlink.pkg.Package[]
---@param lookup? fun(id: string): any something true for units outside the list that are sound
---@return table<moonlink.pkg.Package, true> set of packages
function graph.broken(packages, lookup)
   local missing, waiting, broken, ready, sound = {}, {}, {}, {}, {}
   for _, p in ipairs(packages) do
      local n = 0
      for _, id in ipairs(p.depends or NONE) do
         local list = waiting[id]
         if list or not (lookup and lookup(id)) then
            n = n + 1
            if not list then
               list = {}
               waiting[id] = list
            end
            list[#list + 1] = p
         end
      end
      missing[p], broken[p] = n, true
      ready[#ready + 1] = n == 0 and p or nil
   end
   while ready[1] do
      local p = table.remove(ready)
      local id = ids.unit(p)
      broken[p] = nil
      for _, other in ipairs(not sound[id] and waiting[id] or NONE) do
         missing[other] = missing[other] - 1
         ready[#ready + 1] = missing[other] == 0 and other or nil
      end
      sound[id] = true
   end
   return broken
end

---@class moonlink.pkg.Missing
---@field id string unit that is not in the list
---@field by? string unit that depends on it; nil when the caller asked for it

--- Some units and all that they depend on, dependencies first.
---@param packages moonlink.pkg.Package[]
---@param roots string[] unit ids
---@return moonlink.pkg.Package[] order
---@return moonlink.pkg.Missing[] missing
function graph.closure(packages, roots)
   local at, order, missing, state = {}, {}, {}, {}
   for _, p in ipairs(packages) do
      local id = ids.unit(p)
      at[id] = at[id] or p
   end
   local path = {{depends = roots, next = 0}}
   while path[1] do
      local here = path[#path]
      here.next = here.next + 1
      local id = here.depends[here.next]
      if not id then
         order[#order + 1] = here.package
         path[#path] = nil
      elseif not state[id] then
         state[id] = true
         local p = at[id]
         if p then
            path[#path + 1] = {depends = p.depends or NONE, next = 0, package = p, id = id}
         else
            missing[#missing + 1] = {id = id, by = here.id}
         end
      end
   end
   return order, missing
end

--- How one package comes to depend on another: a shortest chain, from a to b, or nil.
---@param packages moonlink.pkg.Package[]
---@param a string|string[] unit id; of several, the chain begins at one of them
---@param b string|string[] unit id; of several, the chain ends at one of them
---@return moonlink.pkg.Package[]?
function graph.why(packages, a, b)
   local g, from, wanted = graph.new(packages), {}, {}
   for _, id in ipairs(type(a) == "table" and a or {a}) do
      from[#from + 1] = g.at[id]
   end
   for _, id in ipairs(type(b) == "table" and b or {b}) do
      wanted[g.at[id] or 0] = true
   end
   local way = shortest(g.edges, from, wanted)
   return way and lists.pick(packages, way)
end

return graph
