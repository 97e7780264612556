--- Texts as main has its arguments: a vector of C strings with NULL behind it.
-- Specification: C11 5.1.2.2.1.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"

local argv = {}

--- Lays out vector and texts in one piece of memory, which must live as long as they are used.
---@param words string[] without NUL
---@param behind? string what stands right behind the vector
---@return any memory its address is the vector's
function argv.new(words, behind)
   behind = behind or ""
   local size = 8 * (#words + 1) + #behind
   local text = table.concat(words, "\0") .. "\0"
   local memory = core.alloc(size + #text)
   local addresses, at = {}, memory:address() + size
   for i, word in ipairs(words) do
      addresses[i] = ("j"):pack(at)
      at = at + #word + 1
   end
   addresses[#addresses + 1] = ("j"):pack(0)
   addresses[#addresses + 1] = behind
   return memory:set(table.concat(addresses) .. text)
end

return argv
