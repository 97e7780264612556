--- A whole Haskell program: module Main with its main.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local frame = require "moonlink.ghc.frame"

local program = {}

--- What GHC puts around Main.main: it flushes, reports what nobody caught, and sets the status.
local ENTRY = "ZCMain_main_closure"

--- Runs main. When it ends by an exception or by exitWith, the process ends there, as a Haskell
--- program does; else this returns true.
---@param hs moonlink.ghc.Runtime started with `program = true`
---@return boolean?
---@return moonlink.Error? err
function program.run(hs)
   local address = hs.linker:address_of(ENTRY)
   if not address then
      return nil, errors.new {
         code = "undefined", symbol = ENTRY, message = "the files have no module Main with a main",
         hint = "compile the program's main module, too: ghc -c Main.hs",
      }
   end
   frame.with(hs, function(fr)
      fr:run(address)
   end)
   return true
end

return program
