--- moonlink pkg order: packages in the order in which they must be built, or loaded.
-- SPDX-License-Identifier: MIT

local graph = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local json = require "moonlink.show.json"
local listing = require "moonlink.cli.pkg.listing"
local opened = require "moonlink.cli.pkg.opened"
local register = require "moonlink.pkg.register"

local order = {
   name = "order",
   summary = "List packages, each behind all that it depends on; --reverse: before. Of some "
      .. "packages, with all that they need.",
   usage = "order [PACKAGE...]",
   least = 0,
}

local function print_lines(ctx, list)
   local names = {}
   for i, p in ipairs(list) do
      names[i] = listing.shown(ctx, p)
   end
   if ctx:has "--simple-output" then
      ctx.out(names[1] and table.concat(names, " ") .. "\n" or "")
   elseif names[1] then
      ctx.out(table.concat(names, "\n"), "\n")
   end
end

local function print_json(ctx, list, cycles)
   local out = {order = json.list {}, cycles = json.list {}}
   for i, p in ipairs(list) do
      out.order[i] = {id = ids.unit(p), name = p.name, version = p.version}
   end
   for i, cycle in ipairs(cycles) do
      out.cycles[i] = json.list {}
      for j, p in ipairs(cycle) do
         out.cycles[i][j] = ids.unit(p)
      end
   end
   ctx:json(out)
end

--- Some packages with all that they need, in the order of the stack.
local function closure(ctx, databases, words)
   local roots = opened.units(ctx, databases.asked, words)
   local needed, missing = graph.closure(index.packages(databases.all), roots)
   for _, each in ipairs(missing) do
      ctx:warn(('dependency "%s" of %s doesn\'t exist'):format(each.id, each.by or "?"))
   end
   return needed, missing[1] == nil
end

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer status
function order.run(ctx, args)
   local databases = ctx:databases()
   local packages, good = index.packages(databases.asked), true
   if args[1] then
      packages, good = closure(ctx, databases, args)
   end
   local list, cycles = graph.order(index.sorted(packages))
   if ctx:has "--reverse" then
      for i = 1, #list // 2 do
         list[i], list[#list + 1 - i] = list[#list + 1 - i], list[i]
      end
   end
   if ctx:has "--json" then
      print_json(ctx, list, cycles)
   else
      print_lines(ctx, list)
   end
   for _, cycle in ipairs(cycles) do
      ctx:warn(register.cycle_text(cycle))
   end
   return good and not cycles[1] and 0 or 1
end

return order
