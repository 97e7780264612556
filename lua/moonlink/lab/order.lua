--- In which order objects can be loaded one by one: who needs whom, by their symbols.
-- SPDX-License-Identifier: MIT

local graph = require "moonlink.pkg.graph"
local lists = require "moonlink.lists"
local objects = require "moonlink.cli.objects"

local order = {}

--- The node of each object: the places of objects that define what it wants.
local function nodes_of(list)
   local definer, nodes = {}, {}
   for i, object in ipairs(list) do
      for _, symbol in ipairs(object.core:symbols()) do
         if symbol.bind ~= "local" and symbol.place ~= "undefined" then
            definer[symbol.name] = definer[symbol.name] or tostring(i)
         end
      end
   end
   for i, object in ipairs(list) do
      local node = {id = tostring(i), place = i, depends = {}}
      for _, symbol in ipairs(object.core:symbols()) do
         local needed = symbol.bind ~= "local" and symbol.place == "undefined"
            and definer[symbol.name]
         node.depends[#node.depends + 1] = needed or nil
      end
      nodes[i] = node
   end
   return nodes
end

--- Groups of places: each group needs only earlier ones; those of a group need each other.
---@param paths string[] objects
---@return integer[][]?
---@return moonlink.Error? err
function order.groups(paths)
   local list, err = objects.open(paths, {})
   if not list then
      return nil, err
   end
   local groups = graph.groups(nodes_of(list))
   for i, group in ipairs(groups) do
      groups[i] = lists.field(group, "place")
   end
   return groups
end

return order
