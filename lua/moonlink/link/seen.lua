--- What a linker tells about addresses and names: methods of `moonlink.new()`.
-- SPDX-License-Identifier: MIT

local calls = require "moonlink.link.calls"
local core = require "moonlink.core"
local errors = require "moonlink.error"
local missing = require "moonlink.link.missing"
local roster = require "moonlink.link.roster"
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

   --- The names that everything that a function can reach still lacks; see unit:missing.
   ---@param name string
   ---@return string[]? names
   ---@return moonlink.Error? err
   function methods:missing(name)
      check_open(self)
      local _, _, _, unit = self.session:find(name)
      if not unit then
         return nil, errors.new {
            code = "undefined", symbol = name, message = ("no unit defines '%s'"):format(name),
         }
      end
      return missing.of(unit, name)
   end

   --- The calls that units of this linker have counted: see unit:calls.
   ---@param how? {reset?: boolean}
   ---@return moonlink.Calls[]
   function methods:calls(how)
      check_open(self)
      return calls.of(roster.units(self), how)
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
