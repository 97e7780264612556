--- Wrong usage of the command line: raised as a value of its own, so that it gets its own status.
-- SPDX-License-Identifier: MIT

local usage = {}

local metatable = {
   __name = "moonlink.Usage",
   __tostring = function(self)
      return self.message
   end,
}

--- Raises a mistake of whoever typed the command.
---@param fmt string
---@param ... any
function usage.fail(fmt, ...)
   error(setmetatable({message = select("#", ...) > 0 and fmt:format(...) or fmt}, metatable), 0)
end

--- Is this error a mistake of whoever typed the command?
---@param value any
---@return boolean
function usage.is(value)
   return getmetatable(value) == metatable
end

return usage
