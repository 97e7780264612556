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

--- Runs a function whose errors (texts) are mistakes of whoever typed the command.
---@param fn function
---@param ... any
---@return any ... what it returns
function usage.guard(fn, ...)
   local results = table.pack(pcall(fn, ...))
   if not results[1] then
      local message = tostring(results[2]):gsub("^%S+%.lua:%d+: ", "")
      usage.fail("%s", message)
   end
   return table.unpack(results, 2, results.n)
end

return usage
