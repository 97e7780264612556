--- moonlink pkg why: how one package comes to depend on another.
-- SPDX-License-Identifier: MIT

local graph = require "moonlink.pkg.graph"
local index = require "moonlink.pkg.index"
local json = require "moonlink.show.json"
local listing = require "moonlink.cli.pkg.listing"
local opened = require "moonlink.cli.pkg.opened"

local why = {
   name = "why",
   summary = "Show how A comes to depend on B: a shortest chain.",
   usage = "why A B",
   least = 2, most = 2,
}

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer status
function why.run(ctx, args)
   local databases = ctx:databases()
   local from = opened.units(ctx, databases.asked, {args[1]})
   local to = opened.units(ctx, databases.all, {args[2]})
   local way = graph.why(index.packages(databases.all), from, to)
   local names = json.list {}
   for i, p in ipairs(way or {}) do
      names[i] = listing.shown(ctx, p)
   end
   if ctx:has "--json" then
      ctx:json(names)
   elseif way then
      ctx.out(table.concat(names, ctx:has "--simple-output" and " " or "\n   depends on "), "\n")
   else
      ctx:warn(("%s does not depend on %s"):format(args[1], args[2]))
   end
   return way and 0 or 1
end

return why
