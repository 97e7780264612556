--- What a linker tells about addresses: methods of `moonlink.new()`.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local symbols = require "moonlink.show.symbols"

local seen = {}

--- Adds the methods.
---@param methods table
---@param check_open fun(self: moonlink.Linker) raises when it is closed
function seen.methods(methods, check_open)
   --- What lies at an address, as moonlink.addr2sym, but only units of this linker count.
   ---@param address integer
   ---@return moonlink.Place?
   function methods:addr2sym(address)
      check_open(self)
      return core.addr2sym(address, self.session)
   end

   --- Writes the symbols of all units to a file, for `moonlink symbolize`.
   ---@param path string
   ---@return boolean?
   ---@return moonlink.Error? err
   function methods:write_symbols(path)
      check_open(self)
      return symbols.write(path, self.list)
   end
end

return seen
