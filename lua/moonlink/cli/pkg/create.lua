--- moonlink pkg init: an empty database.
-- SPDX-License-Identifier: MIT

local database = require "moonlink.pkg.database"

local create = {
   name = "init",
   summary = "Make an empty database.",
   usage = "init FOLDER",
   least = 1, most = 1,
}

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer? status
---@return any err
function create.run(ctx, args)
   local made, err = database.init(args[1])
   if not made then
      return nil, err
   end
   if ctx:has "--json" then
      ctx:json {path = args[1]}
   end
   return 0
end

return create
