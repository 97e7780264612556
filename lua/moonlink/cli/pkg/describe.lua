--- moonlink pkg describe: the descriptions of some packages.
-- SPDX-License-Identifier: MIT

local describing = require "moonlink.cli.pkg.describing"
local opened = require "moonlink.cli.pkg.opened"

local describe = {
   name = "describe",
   summary = "Print the description of a package, as register takes it.",
   usage = "describe PACKAGE",
   least = 1, most = 1,
}

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer status
function describe.run(ctx, args)
   local wanted = ctx:selection(args[1])
   local databases = ctx:databases()
   describing.print(ctx, databases, opened.find(databases.asked, wanted))
   return 0
end

return describe
