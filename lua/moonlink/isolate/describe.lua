--- What ended a child, as an error: the facts of the core in words.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local question = require "moonlink.link.question"
local number = require "moonlink.show.number"

local describe = {}

--- Linux on every processor that matters here; others by number.
local SIGNALS = {
   "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL",
   "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD",
   "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ",
   "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
}

local ENOMEM = 12

---@class moonlink.Frame
---@field address integer of the fault; in outer frames: the return address
---@field name? string symbol or section
---@field offset? integer into it, else into the file
---@field unit? string the object that was loaded, archive members as lib.a(x.o)
---@field file? string the executable or shared library
---@field source? string
---@field line? integer
---@field text string

--- `f+0x4 (a.o)`
local function frame_text(f)
   local where = f.unit or f.file
   where = where and (where:match "[^/]+$" or where)
   if f.name then
      local line = f.line and (", %s:%d"):format(f.source:match "[^/]+$", f.line) or ""
      return ("%s+%s (%s%s)"):format(f.demangled or f.name, number.hex(f.offset), where, line)
   elseif where then
      return ("%s+%s"):format(where, number.hex(f.offset))
   end
   return number.hex(f.address)
end

--- Where it happened, for one line: the innermost frame, and the innermost one of a unit.
local function place(frames)
   local first = frames[1]
   if not first or first.unit then
      return first and first.text or "an unknown place"
   end
   for _, f in ipairs(frames) do
      if f.unit then
         return ("%s, called from %s"):format(first.text, f.text)
      end
   end
   return first.text
end

local FEW = 12 -- frames that are printed of a crash outside of units

--- The frames worth printing: those up to the outermost one of a unit. What called that is the
--- interpreter, down to the start of the program.
local function telling(frames)
   for i = #frames, 1, -1 do
      if frames[i].unit then
         return i
      end
   end
   return math.min(#frames, FEW)
end

local function details(crash)
   local lines, frames = {}, crash.backtrace
   if #frames > 0 then
      lines[1] = "  native backtrace:"
   end
   local last = telling(frames)
   for i = 1, last do
      lines[i + 1] = ("    #%d  %s  %s"):format(i - 1, number.hex(frames[i].address),
         frames[i].text)
   end
   if #frames > last then
      lines[#lines + 1] = ("    ... and %d more"):format(#frames - last)
   end
   if #crash.lines > 0 then
      lines[#lines + 1] = "  called from Lua:"
   end
   for _, line in ipairs(crash.lines) do
      lines[#lines + 1] = "    " .. line
   end
   return #lines > 0 and table.concat(lines, "\n") or nil
end

local OURS = debug.getinfo(1, "S").short_src:gsub("/describe%.lua$", ".lua:")

--- Where Lua was, without the part that lies below `isolate`.
local function inside(lines)
   local out = {}
   for _, line in ipairs(lines) do
      if line:sub(1, #OURS) == OURS then
         break
      end
      out[#out + 1] = line
   end
   return out
end

--- What this process knows of a frame beyond what the child could say while it was dying: the names
--- of local functions, and lines. Units that the child itself has loaded are not known here.
local function refine(f, is_return)
   local at = is_return and f.address - 1 or f.address
   local p = f.unit and core.addr2sym(at)
   if not p or p.unloaded or not p.file then
      return
   end
   if question.place(p) == f.unit and p.name and p.offset then
      f.name, f.offset = p.name, p.offset + f.address - at
      f.line, f.source = p.source and p.line, p.source
   end
end

local function add_crash(e, crash)
   crash.lines = inside(crash.lines)
   for i, f in ipairs(crash.backtrace) do
      refine(f, i > 1)
      f.demangled = f.name and f.name:find "^_Z" and core.demangle(f.name) or nil
      f.text = frame_text(f)
   end
   e.address, e.registers, e.backtrace = crash.address, crash.registers, crash.backtrace
   e.cause, e.traceback = crash.cause, crash.lines
   e.detail = details(crash)
end

local function name_of(signal)
   return SIGNALS[signal] or ("signal %d"):format(signal)
end

local function signalled(e, facts, limits)
   local crash = facts.crash
   -- the report's own timer may have ended a child too damaged to be described
   e.number = crash and crash.number or facts.value
   e.code, e.signal = "signal", name_of(e.number)
   if not crash then
      e.message = ("ended by %s"):format(e.signal)
      return
   end
   add_crash(e, crash)
   local at = e.address and (" at address %s"):format(number.hex(e.address)) or ""
   e.message = ("crash in %s: %s%s"):format(place(e.backtrace), e.signal, at)
   if limits.memory and crash.errno == ENOMEM then
      e.code = "memory"
      e.message = ("the memory limit of %d bytes was reached; then: %s"):format(limits.memory,
         e.message)
   end
end

local by_how = {
   signaled = signalled,

   stopped = function(e, facts)
      e.code, e.number, e.signal = "signal", facts.value, name_of(facts.value)
      e.message = ("stopped by %s, and ended"):format(e.signal)
   end,

   exited = function(e, facts)
      e.code, e.status = "exit", facts.value
      e.message = ("the function ended its process with status %d"):format(facts.value)
   end,

   timeout = function(e, facts, limits)
      e.code = "timeout"
      e.message = ("did not end within %s second%s"):format(number.double(limits.timeout),
         limits.timeout == 1 and "" or "s")
      if facts.crash then
         add_crash(e, facts.crash)
         e.message = ("%s; it crashed in %s, and its report took too long"):format(e.message,
            place(e.backtrace))
      end
   end,

   cancelled = function(e, facts)
      e.code = "io"
      e.message = facts.value ~= 0
         and ("cannot isolate: no process: %s"):format(core.strerror(facts.value))
         or "somebody sent the watching process a SIGTERM; the function was ended"
   end,

   lost = function(e)
      e.code, e.message = "io", "the watching process was killed, and the function with it"
   end,
}

--- The error of a child that has not returned anything that can be used.
---@param facts table of core.isolate
---@param limits { timeout: number?, memory: integer? }
---@return moonlink.Error
function describe.failure(facts, limits)
   local e = errors.new {output = facts.output, dropped = facts.dropped, seconds = facts.seconds}
   if facts.word == "memory" then
      e.code = "memory"
      e.message = limits.memory and ("the memory limit of %d bytes was reached: not enough memory")
         :format(limits.memory) or "not enough memory"
   elseif facts.word == "unsent" and facts.how == "exited" then
      e.code = "exit"
      e.status = facts.value
      e.message = "the function ended, but its results were lost"
      e.hint = "it closed file descriptors that it had not opened, took away functions of Lua's " ..
         "library, or memory was short"
   else
      by_how[facts.how](e, facts, limits)
   end
   return e
end

--- The error of a function that raised one.
---@param facts table
---@param raised table { value, traceback } as it came from the child
---@param limits { memory: integer? }
---@return moonlink.Error
function describe.raised(facts, raised, limits)
   local value = raised.value
   local short = value == "not enough memory" or (errors.is(value) and value.code == "nomem")
   return errors.new {
      code = short and limits.memory and "memory" or "error", message = raised.text, value = value,
      traceback = raised.traceback, detail = raised.traceback and "  " ..
         raised.traceback:gsub("\n", "\n  "), output = facts.output, dropped = facts.dropped,
      seconds = facts.seconds,
   }
end

return describe
