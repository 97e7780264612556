--- moonlink pkg recache: writes the cache of a database, which is all of it that GHC reads.
-- SPDX-License-Identifier: MIT

local context = require "moonlink.cli.pkg.context"
local database = require "moonlink.pkg.database"

local recache = {
   name = "recache",
   summary = "Write the cache of a database anew.",
   usage = "recache",
   least = 0, most = 0,
}

---@param ctx moonlink.cli.pkg.Context
---@return integer? status
---@return any err
function recache.run(ctx)
   local stack = ctx:stack {changes = true}
   if not stack.target then
      context.fail "no database selected for modification"
   end
   local change <close>, err = database.change(stack.target)
   if not change then
      return nil, err
   end
   local done, problem = change:commit()
   if not done then
      return nil, problem
   end
   if ctx:has "--json" then
      ctx:json {path = stack.target}
   end
   return 0
end

return recache
