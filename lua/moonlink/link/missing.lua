--- What does a function still lack? (The question of GNU dld.)
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

local missing = {}

--- The names that everything that can be reached from a symbol lacks: that were undefined, and for
--- which the policy put a stub or nothing.
---@param unit moonlink.core.Unit
---@param name string
---@return string[]? names sorted; empty when nothing is missing
---@return moonlink.Error? err the unit does not know the symbol
function missing.of(unit, name)
   local found = unit:missing(name)
   if not found then
      return nil, errors.new {
         code = "undefined", symbol = name, message = ("%s has no '%s'"):format(unit:name(), name),
      }
   end
   local out, seen = {}, {}
   for _, each in ipairs(found) do
      each = each:match "^[^\n]*" -- an answer for one input alone has a mark behind its name
      if not seen[each] then
         seen[each] = true
         out[#out + 1] = each
      end
   end
   table.sort(out)
   return out
end

return missing
