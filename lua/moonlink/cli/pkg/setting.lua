--- expose, hide, trust, distrust: one field of packages is set.
-- SPDX-License-Identifier: MIT

local changing = require "moonlink.cli.pkg.changing"
local context = require "moonlink.cli.pkg.context"
local plans = require "moonlink.pkg.unregister"
local unregister = require "moonlink.cli.pkg.unregister"

local setting = {}

--- A command that sets a field.
---@param name string
---@param field "exposed"|"trusted"
---@param value boolean
---@param summary string
---@return moonlink.cli.pkg.Command
function setting.command(name, field, value, summary)
   return {
      name = name, summary = summary, usage = name .. " PACKAGE...", least = 1,
      run = function(ctx, args)
         local wanted = changing.selected(ctx, args)
         local stack = ctx:stack()
         return changing.run(ctx, stack, unregister.certain(stack), function()
            changing.open_all(ctx, stack)
            local made, word = plans.set(changing.open(stack, stack.asked), wanted, field, value)
            return made or context.fail("cannot find package %s", word)
         end, function(made)
            changing.tell_targets(ctx, stack, made)
            return true
         end)
      end,
   }
end

return setting
