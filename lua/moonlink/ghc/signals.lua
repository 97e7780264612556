--- Handlers of signals: those of the runtime go with it, and what the host had comes back. hs_exit
-- takes back a part of them, to the default action; the others would point at code that has
-- been unloaded. What the host itself installs meanwhile stays.
-- Specification: sigaction(2); struct sigaction of glibc, x86-64.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"

local signals = {}

local LAST = 31 -- of POSIX; behind it are those of real time, which the runtime leaves alone
local SIZE = 152 -- of struct sigaction, whose first word is the handler

---@class moonlink.ghc.Signals
---@field private process moonlink.Linker that sees the process's functions
---@field private before any memory: struct sigaction by signal
---@field private during table<integer, integer> the runtime's handlers
local methods = {}
methods.__index = methods

--- How signals are handled now, as an array of struct sigaction.
local function actions(sigaction)
   local memory = moonlink.alloc(LAST * SIZE)
   for signal = 1, LAST do
      sigaction(signal, nil, memory:address() + (signal - 1) * SIZE)
   end
   return memory
end

local function handler(memory, signal)
   return (("j"):unpack(memory:get(), (signal - 1) * SIZE + 1))
end

--- Notes how signals are handled, before the runtime starts.
---@return moonlink.ghc.Signals
function signals.keep()
   local process = moonlink.new {scope = {"process"}}
   local sigaction = assert(process:func "int sigaction(int, void *, void *)")
   return setmetatable({
      process = process, sigaction = sigaction, before = actions(sigaction), during = {},
   }, methods)
end

--- Notes what the runtime has installed since.
function methods:note()
   local now = actions(self.sigaction)
   for signal = 1, LAST do
      local ours = handler(now, signal)
      self.during[signal] = ours ~= handler(self.before, signal) and ours or nil
   end
end

--- Takes back what the runtime has installed, once; what the host has in its place by now stays.
---@param exit? function that ends the runtime, which changes some of them itself
---@return boolean good
---@return any err what `exit` raised
function methods:restore(exit)
   local now = next(self.during) and actions(self.sigaction)
   local good, err = true, nil
   if exit then
      good, err = pcall(exit)
   end
   for signal, ours in pairs(self.during) do
      local memory = handler(now, signal) == ours and self.before or now
      self.sigaction(signal, memory:address() + (signal - 1) * SIZE, nil)
   end
   self.during = {}
   self.process:close()
   return good, err
end

return signals
