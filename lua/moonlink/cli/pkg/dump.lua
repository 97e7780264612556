--- moonlink pkg dump: the descriptions of all packages.
-- SPDX-License-Identifier: MIT

local describing = require "moonlink.cli.pkg.describing"

local dump = {
   name = "dump",
   summary = "Print the descriptions of all packages.",
   usage = "dump",
   least = 0, most = 0,
}

---@param ctx moonlink.cli.pkg.Context
---@return integer status
function dump.run(ctx)
   local databases, lists = ctx:databases(), {}
   for i, db in ipairs(databases.asked) do
      lists[i] = {db = db, packages = db.packages}
   end
   describing.print(ctx, databases, lists)
   return 0
end

return dump
