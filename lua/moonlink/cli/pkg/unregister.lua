--- moonlink pkg unregister: takes packages out of the first database that has them.
-- SPDX-License-Identifier: MIT

local changing = require "moonlink.cli.pkg.changing"
local context = require "moonlink.cli.pkg.context"
local eras = require "moonlink.pkg.era"
local index = require "moonlink.pkg.index"
local plans = require "moonlink.pkg.unregister"

local unregister = {
   name = "unregister",
   summary = "Take packages out of the database, all at once.",
   usage = "unregister PACKAGE...",
   least = 1,
}

--- Packages that others need stay, unless the user overrules it. Databases of an age in which
--- nobody looked are guarded by nothing.
local function guard(ctx, whole, made, breaks)
   local guarded = false
   for _, plan in ipairs(made) do
      local era = eras.of(plan.target, select(2, ctx:last "--era"))
      guarded = guarded or not era or era.guards
   end
   if not guarded or not breaks[1] then
      return
   end
   local all, names = index.packages(whole), {}
   for i, p in ipairs(breaks) do
      names[i] = plans.qualified(p, all)
   end
   changing.die_or_force(ctx, "unregistering would break the following packages: "
      .. table.concat(names, " "))
end

--- Databases that change for certain: the one that was asked for, when it is only one.
---@param stack moonlink.pkg.Stack
---@return string[]
function unregister.certain(stack)
   return #stack.asked == 1 and {stack.asked[1]} or {}
end

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer? status
---@return any err
function unregister.run(ctx, args)
   local wanted = changing.selected(ctx, args)
   local stack = ctx:stack()
   local whole, breaks
   return changing.run(ctx, stack, unregister.certain(stack), function()
      whole = changing.open_all(ctx, stack)
      local made, found = plans.plan(whole, changing.open(stack, stack.asked), wanted)
      if not made then
         context.fail("cannot find package %s", found)
      end
      breaks = found
      return made
   end, function(made)
      changing.tell_targets(ctx, stack, made)
      guard(ctx, whole, made, breaks)
      return true
   end)
end

return unregister
