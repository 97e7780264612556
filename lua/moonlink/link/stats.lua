--- What `stats` holds: counts and bytes of a load, and milliseconds by stage.
-- SPDX-License-Identifier: MIT

local stats = {}

--- Those of the core, and what the steps took beside them.
---@param of moonlink.core.Linked
---@param steps table<string, number> milliseconds by step: see load.lua
---@return moonlink.core.Stats
function stats.of(of, steps)
   local out = of:stats()
   local ms = out.ms
   ms.resolve = steps.resolve
   ms.add = steps.add
   ms.link = steps.link
   ms.total = steps.add + steps.resolve + (steps.link or 0)
   return out
end

return stats
