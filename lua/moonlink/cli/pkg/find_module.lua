--- moonlink pkg find-module: the packages that expose a module.
-- SPDX-License-Identifier: MIT

local listing = require "moonlink.cli.pkg.listing"
local select = require "moonlink.pkg.select"

local find_module = {
   name = "find-module",
   summary = "List the packages that expose a module.",
   usage = "find-module MODULE",
   least = 1, most = 1,
}

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer status
function find_module.run(ctx, args)
   listing.print(ctx, select.module(args[1], ctx:has "--ignore-case"))
   return 0
end

return find_module
