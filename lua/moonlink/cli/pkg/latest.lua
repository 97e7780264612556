--- moonlink pkg latest: the highest version of a package.
-- SPDX-License-Identifier: MIT

local context = require "moonlink.cli.pkg.context"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local listing = require "moonlink.cli.pkg.listing"
local select = require "moonlink.pkg.select"

local latest = {
   name = "latest",
   summary = "Print the highest version of a package.",
   usage = "latest PACKAGE",
   least = 1, most = 1,
}

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer status
function latest.run(ctx, args)
   local wanted, message = select.exact(args[1])
   if not wanted then
      context.fail("%s", message)
   end
   local found = select.find({packages = index.packages(ctx:databases().asked)}, wanted)
   local sorted = listing.sorted(found)
   local best = sorted[#sorted]
   if not best then
      context.fail("cannot find package %s", wanted.shown)
   elseif ctx:has "--json" then
      ctx:json {name = best.name, version = best.version or "", id = ids.unit(best)}
   else
      ctx.out(ids.package(best), "\n")
   end
   return 0
end

return latest
