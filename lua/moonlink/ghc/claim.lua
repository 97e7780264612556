--- One Haskell runtime in a process: two would take each other's signals, timers and terminal.
-- Lua states know nothing of each other, and may start one at the same moment in two threads: who
-- gets a page at a certain address of the process is the one.
-- Specification: mmap(2) of Linux, MAP_FIXED_NOREPLACE.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local moonlink = require "moonlink"

local claim = {}

--- Where GHC's storage manager reserves its heap, when it can: the first runtime of a process, but
--- not a later one, since it leaves the last megabyte behind. What it reserves is 1 TiB, of which
--- most stays unused; neighbours without access may look like a part of it.
local HEAP, RESERVED = 0x4200000000, 1 << 40

--- The page that stands for the right to have a runtime. Nobody else wants it: the kernel gives
--- addresses of its own choice far above.
local PAGE, SIZE = HEAP - (1 << 24), 4096
local PROT_NONE, FLAGS = 0, 0x2 | 0x20 | 0x100000 -- private, anonymous, fixed and nothing replaced

--- Is there a heap of GHC in the process?
local function has_heap()
   local maps <close> = io.open "/proc/self/maps"
   for line in maps and maps:lines() or function() end do
      local first, last, access = line:match "^(%x+)%-(%x+) (%S+)"
      first, last = tonumber(first, 16), tonumber(last, 16)
      local size = last - first
      if first <= HEAP and HEAP < last
         or access == "---p" and size > RESERVED // 2 and size < RESERVED * 3 // 2 then
         return true
      end
   end
   return false
end

---@class moonlink.ghc.Claim
---@field private process? moonlink.Linker
---@field private page? integer
local methods = {}
methods.__index = methods

--- Gives the right back.
function methods:close()
   local process = self.process
   self.process = nil
   if process then
      if self.page then
         assert(process:func "int munmap(void *, size_t)")(self.page, SIZE)
      end
      process:close()
   end
end

local function refusal()
   return errors.new {
      code = "state", message = "there is a Haskell runtime in this process already",
      hint = "end it first: hs:exit(); or use a process of its own: moonlink.isolate, also when "
         .. "one has ended itself, which leaves its heap behind",
   }
end

--- Takes the right to have a runtime; nil and an error when the process has one.
---@return moonlink.ghc.Claim?
---@return moonlink.Error? err
function claim.take()
   local self = setmetatable({process = moonlink.new {scope = {"process"}}}, methods)
   local map = assert(self.process:func "intptr_t mmap(void *, size_t, int, int, int, long)")
   local at = map(PAGE, SIZE, PROT_NONE, FLAGS, -1, 0)
   if at ~= -1 then -- an old kernel takes the address as a wish, and gives another one
      self.page = at
   end
   if at ~= PAGE or has_heap() or self.process:address_of "hs_init" then
      self:close()
      return nil, refusal()
   end
   return self
end

return claim
