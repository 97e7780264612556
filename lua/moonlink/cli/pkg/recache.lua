--- moonlink pkg recache: writes the cache of a database, which is all of it that GHC reads.
-- SPDX-License-Identifier: MIT

local changing = require "moonlink.cli.pkg.changing"
local context = require "moonlink.cli.pkg.context"
local database = require "moonlink.pkg.database"
local opened = require "moonlink.cli.pkg.opened"

local recache = {
   name = "recache",
   summary = "Write the cache of a database anew.",
   usage = "recache",
   least = 0, most = 0,
}

--- Takes the lock; packages are read from their own files, whatever the cache says. The user's
--- database is made when it is not there yet.
local function open(stack)
   local made, err = stack:make(stack.target)
   if not made then
      return nil, err
   end
   return database.change(stack.target, {cache = false})
end

---@param ctx moonlink.cli.pkg.Context
---@return integer? status
---@return any err
function recache.run(ctx)
   local stack = ctx:stack {changes = true}
   if not stack.target then
      context.fail "no database selected for modification"
   elseif ctx:has "--dry-run" then
      ctx.out(stack.target, "\n")
      return 0
   end
   local others, problem = stack:open_below(stack.target)
   if not others then
      return nil, problem
   end
   local change <close>, err = open(stack)
   if not change then
      return nil, err
   end
   opened.tell_files(ctx, change.db)
   opened.tell_stack(ctx, stack, {stack.target})
   local done, notes = change:commit {below = others}
   if not done then
      return nil, notes
   elseif ctx.verbosity > 0 then
      changing.warn(ctx, {abi = notes.abi or {}, late = {notes.late}})
   end
   if ctx.verbosity > 1 then
      ctx:info("writing cache ", (stack.target:gsub("/?$", "/package.cache")))
   end
   if ctx:has "--json" then
      ctx:json {path = stack.target}
   end
   return 0
end

return recache
