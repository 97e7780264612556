--- moonlink pkg refresh: after a package was installed anew, mends those that depend on the unit
-- that it took the place of.
-- SPDX-License-Identifier: MIT

local changing = require "moonlink.cli.pkg.changing"
local ids = require "moonlink.pkg.ids"
local plans = require "moonlink.pkg.refresh"

local refresh = {
   name = "refresh",
   summary = "Have packages whose dependency is gone depend on the unit that took its place.",
   usage = "refresh",
   least = 0, most = 0,
}

local function report(ctx, all)
   local uncertain = 0
   for _, each in ipairs(all) do
      local name = ids.package(each.package)
      if each.new then
         ctx:info(name, ": ", each.old, " -> ", each.new)
      else
         uncertain = uncertain + 1
         local choice = #each.candidates == 0 and "no package took its place"
            or "any of these may have taken its place: " .. table.concat(each.candidates, " ")
         ctx:warn(name, ': dependency "', each.old, "\" doesn't exist, and ", choice)
      end
   end
   return uncertain == 0
end

---@param ctx moonlink.cli.pkg.Context
---@return integer? status
---@return any err
function refresh.run(ctx)
   local stack = ctx:stack()
   local all
   local good = true
   local status, err = changing.run(ctx, stack, {}, function()
      local whole = changing.open(stack, stack.all)
      local made
      made, all = plans.plan(whole, changing.open(stack, stack.asked))
      return made
   end, function()
      good = report(ctx, all)
      return true
   end)
   if status then
      return good and status or 1
   end
   return nil, err
end

return refresh
