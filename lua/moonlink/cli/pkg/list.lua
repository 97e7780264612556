--- moonlink pkg list: the packages of each database.
-- SPDX-License-Identifier: MIT

local listing = require "moonlink.cli.pkg.listing"

local list = {
   name = "list",
   summary = "List packages; hidden ones in parentheses, broken ones in braces.",
   usage = "list [PACKAGE]",
   least = 0, most = 1,
}

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer status
function list.run(ctx, args)
   listing.print(ctx, args[1] and ctx:selection(args[1]))
   return 0
end

return list
