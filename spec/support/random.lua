--- Numbers that look like chance and are the same on every run. Not math.random: its state belongs
-- to whoever runs the specs.
-- SPDX-License-Identifier: MIT

local random = {}

--- A source of numbers: below(n) is in 1 .. n.
---@param seed integer
---@return fun(n: integer): integer
function random.new(seed)
   local state = seed
   return function(n)
      state = state * 6364136223846793005 + 1442695040888963407
      return (state >> 33) % n + 1
   end
end

--- One of a list.
---@param below fun(n: integer): integer
---@param list any[]
---@return any
function random.pick(below, list)
   return list[below(#list)]
end

return random
