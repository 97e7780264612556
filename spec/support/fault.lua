--- Failing on purpose: runs an action with its n-th call failing, for n = 1, 2, … until it gets
-- through. Needs the module of `make fault`.
-- SPDX-License-Identifier: MIT

local maps = require "spec.support.maps"
local support = require "spec.support"

local fault = {}

local module = assert(package.loadlib(support.build .. "/moonlink/core.so",
   "luaopen_moonlink_fault"))()

--- More calls than any action here makes: a guard against an action that never gets through.
local LIMIT = 20000

--- Mappings of the process that belong to no heap and no file of ours to blame: address range and
--- protection of each, as text. The heaps of libc and of Lua grow and are left out, and so is what
--- the system merges with them: anonymous, readable and writable, not executable.
---@return string[]
function fault.mappings()
   local lines = {}
   for _, each in ipairs(maps.list()) do
      local path, protection = each.path, each.protection
      local is_heap = path == "[heap]" or path:find "^%[stack" ~= nil
         or (each.inode == "0" and path == "" and protection == "rw-p")
      if not is_heap then
         lines[#lines + 1] = ("%x-%x %s %s"):format(each.first, each.last, protection, path)
      end
   end
   return lines
end

--- Blocks that the module holds after everything that Lua can collect is collected.
---@return integer
function fault.blocks()
   collectgarbage()
   collectgarbage()
   return module.blocks()
end

--- Runs action with the n-th call failing.
---@param n integer
---@param action function
---@param options {kinds: string?, onwards: boolean?}
---@return string? failed name of the call that failed; nil when there were fewer than n
---@return boolean ok false when action raised
---@return any ... what action returned, or the error
function fault.run(n, action, options)
   -- A collection in the middle would add frees and finalisers at random places.
   collectgarbage "stop"
   module.arm(n, options.kinds, options.onwards)
   local results = table.pack(pcall(action))
   local failed = module.disarm()
   collectgarbage "restart"
   return failed, table.unpack(results, 1, results.n)
end

--- Runs action for n = 1, 2, … until no call fails any more.
--- after(n, failed, ok, ...) is called after each run with what fault.run returned; the last time
--- failed is nil.
---@param action function
---@param after function
---@param options? {kinds: string?, onwards: boolean?}
---@return integer count of calls that failed
function fault.each(action, after, options)
   for n = 1, LIMIT do
      local results = table.pack(fault.run(n, action, options or {}))
      after(n, table.unpack(results, 1, results.n))
      if not results[1] then
         return n - 1
      end
   end
   error("still failing at call " .. LIMIT)
end

return fault
