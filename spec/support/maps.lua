--- What is mapped into this process.
-- SPDX-License-Identifier: MIT

local maps = {}

---@class spec.Mapping
---@field line string as the kernel has it
---@field first integer
---@field last integer the address behind it
---@field protection string "r-xp"
---@field inode string "0" of memory that is in no file
---@field path string "" likewise

--- All mappings, by address.
---@return spec.Mapping[]
function maps.list()
   local list = {}
   for line in io.lines "/proc/self/maps" do
      local first, last, protection, inode, path =
         line:match "^(%x+)%-(%x+) (%S+) %S+ %S+ (%S+)%s*(.*)$"
      list[#list + 1] = {
         line = line, first = tonumber(first, 16), last = tonumber(last, 16),
         protection = protection, inode = inode, path = path,
      }
   end
   return list
end

--- Lets nothing be collected until it is closed: what other specs have left as garbage keeps its
--- mappings, however many of them are counted meanwhile.
---@return table to be closed
function maps.still()
   collectgarbage "stop"
   return setmetatable({}, {__close = function() collectgarbage "restart" end})
end

--- Those that hold something of a range.
---@param first integer
---@param size integer bytes
---@return spec.Mapping[]
function maps.of(first, size)
   local list = {}
   for _, each in ipairs(maps.list()) do
      list[#list + 1] = each.last > first and each.first < first + size and each or nil
   end
   return list
end

return maps
