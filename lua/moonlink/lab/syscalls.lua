--- System calls of the stages of a run, counted by strace, which is attached to this process and
-- follows all that it starts. A stage begins with a system call that can be told from others: this
-- process tries to open a file of a name that nobody else would.
-- Spec: strace(1), proc(5), ptrace(2).
-- SPDX-License-Identifier: MIT

local frequent = require "moonlink.lab.frequent"
local moonlink = require "moonlink"
local shell = require "moonlink.lab.shell"

local syscalls = {}

local MARK = "/moonlink.lab.mark/" -- no such folder
local SET_PTRACER, ANY = 0x59616d61, -1 -- <linux/prctl.h>: Yama lets only parents attach
local MOST = 5 -- names that are kept of a stage

---@class moonlink.lab.StageCalls
---@field stage string
---@field calls integer of this process and of those that it started
---@field top {name: string, calls: integer}[] the most frequent ones

---@class moonlink.lab.Tracer
---@field private pipe file* strace's own words
---@field private pid string strace's process
---@field private path string of what it writes
local methods = {}

local metatable = {__index = methods, __name = "moonlink.lab.Tracer"}

local function own_pid()
   return shell.read "/proc/self/stat":match "^%d+"
end

--- Attaches strace to this process.
---@param folder string for its file
---@return moonlink.lab.Tracer?
---@return string? why it cannot be
function syscalls.attach(folder)
   if not shell.has "strace" then
      return nil, "strace is not installed"
   end
   local prctl = moonlink.new {scope = {"process"}}:func "int prctl(int, long, long, long, long)"
   if prctl then
      prctl(SET_PTRACER, ANY, 0, 0, 0)
   end
   local path = folder .. "/system-calls"
   local line = shell.line {"strace", "-f", "-s", 0, "-e", "signal=none", "-o", path, "-p",
      own_pid()}
   local pipe = assert(io.popen("echo $$; exec " .. line .. " 2>&1 >/dev/null </dev/null"))
   local pid, said = pipe:read "l", pipe:read "l" -- it says so once this process stands still
   if pid and said and said:find("attached", 1, true) then
      return setmetatable({pipe = pipe, pid = pid, path = path}, metatable)
   end
   pipe:close()
   return nil, said or "strace said nothing"
end

--- A stage begins; the one before ends.
---@param stage string letters and _
function methods.mark(_, stage)
   local file = io.open(MARK .. stage)
   if file then
      file:close()
   end
end

--- Detaches strace, and counts.
---@return moonlink.lab.StageCalls[]
function methods:finish()
   self:mark "end"
   shell.run {"kill", "-INT", self.pid}
   self.pipe:close()
   return syscalls.count(assert(shell.read(self.path)))
end

--- Counts what strace has written: a line for each system call, and one more, which has no name at
--- its beginning, for a call that was interrupted by another process's.
---@param text string
---@return moonlink.lab.StageCalls[]
function syscalls.count(text)
   local out, counts, stage = {}, {}, nil
   local function finish()
      if stage then
         stage.top = frequent.of(counts, MOST)
      end
   end
   local pattern = MARK:gsub("%p", "%%%0") .. "([%l_]+)"
   for line in text:gmatch "[^\n]+" do
      local name = line:match "^%d+%s+([%w_]+)%("
      local mark = name and line:match(pattern)
      if mark then
         finish()
         stage, counts = {stage = mark, calls = 0}, {}
         out[#out + 1] = mark ~= "end" and stage or nil
      elseif name and stage then
         stage.calls = stage.calls + 1
         counts[name] = (counts[name] or 0) + 1
      end
   end
   finish()
   return out
end

return syscalls
