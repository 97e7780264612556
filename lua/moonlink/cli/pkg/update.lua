--- moonlink pkg update: as register, for packages that may be there already.
-- SPDX-License-Identifier: MIT

local register = require "moonlink.cli.pkg.register"

local update = {
   name = "update",
   summary = "As register, for packages that may be there already; --refresh mends dependants.",
   usage = "update FILE...",
   least = 1,
}

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer? status
---@return any err
function update.run(ctx, args)
   return register.go(ctx, args, true)
end

return update
