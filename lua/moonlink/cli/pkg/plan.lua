--- moonlink pkg plan: which files make some packages, and why.
-- SPDX-License-Identifier: MIT

local context = require "moonlink.cli.pkg.context"
local lists = require "moonlink.lists"
local locate = require "moonlink.pkg.locate"
local plan_text = require "moonlink.pkg.plan_text"
local planner = require "moonlink.pkg.plan"

local plan = {
   name = "plan",
   summary = "Show which files packages, and all that they need, are loaded from, and why. With -o "
      .. "keep it, for ln:load. Status 1 when a library is missing.",
   usage = "plan PACKAGE...",
   least = 1,
}

--- The value of a flag, which must be one of the keys.
local function choice(ctx, flag, of)
   local _, value = ctx:last(flag)
   if value and not of[value] then
      context.fail("%s: '%s' is none of its values (%s)", flag, value,
         table.concat(lists.keys(of), ", "))
   end
   return value
end

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer? status
---@return any err
function plan.run(ctx, args)
   local options = table.move(args, 1, #args, 1, {})
   options.kind = choice(ctx, "--kind", locate.kinds)
   options.policy = choice(ctx, "--policy", locate.policies)
   local _, way = ctx:last "--way"
   options.way = way
   local made, err = planner.new(lists.reversed(ctx:databases().all), options)
   if not made then
      return nil, err
   end
   local _, output = ctx:last "--output"
   local good = true
   if output then
      good, err = made:save(output)
   elseif ctx:has "--json" then
      local text
      text, err = plan_text.encode(made)
      good = text ~= nil
      ctx.out(text or "", "\n")
   else
      ctx.out(tostring(made), "\n")
   end
   if not good then
      return nil, err
   end
   return made.missing[1] and 1 or 0
end

return plan
