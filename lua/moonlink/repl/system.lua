--- What a session asks of the system, called through moonlink itself: waiting for standard input
-- and for changed files at once, and the signal of Ctrl-C.
-- Specification: poll(2), inotify(7), signal(2) of Linux.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"

local system = {}

---@class moonlink.repl.System
---@field private c table functions of the process
---@field private room moonlink.Buffer for poll
---@field private interrupt integer what SIGINT did when the session began
local methods = {}

local POLLIN = 1
local SIGINT = 2
local IN_CLOSE_WRITE, IN_MOVED_TO = 0x8, 0x80
local IN_NONBLOCK_CLOEXEC = 0x80800
local EVENT_ROOM, EVENT_HEAD = 64 * 1024, 16 -- bytes; the head is wd, mask, cookie, length

local DECLARATIONS = [[
   int poll(void *, unsigned long, int);
   long read(int, void *, size_t);
   int close(int);
   int inotify_init1(int);
   int inotify_add_watch(int, const char *, uint32_t);
   int inotify_rm_watch(int, int);
   void *signal(int, void *);
   int fflush(void *);
]]

--- Waits until one of the descriptors has something to read; negative ones are left out.
---@param fds integer[]
---@param milliseconds integer -1: for ever
---@return table<integer, boolean> ready empty when the time is over or a signal came
function methods:wait(fds, milliseconds)
   local packed, ready = {}, {}
   for i, fd in ipairs(fds) do
      packed[i] = ("i4i2i2"):pack(fd, POLLIN, 0)
   end
   self.room:set(table.concat(packed))
   if self.c.poll(self.room, #fds, milliseconds) > 0 then
      for i, fd in ipairs(fds) do
         local _, _, events = ("i4i2i2"):unpack(self.room:get(8 * (i - 1), 8))
         ready[fd] = events ~= 0 or nil
      end
   end
   return ready
end

--- Arms SIGINT again: the interpreter's own handler is good for one signal.
function methods:rearm()
   self.c.signal(SIGINT, self.interrupt)
end

--- Writes out what C code has printed.
function methods:flush()
   self.c.fflush(nil)
end

---@class moonlink.repl.Notes file changes of folders that are looked at
---@field fd integer
---@field private system moonlink.repl.System
---@field private folders table<string, integer> watch by folder
---@field private names table<integer, string> the other way round
---@field private room moonlink.Buffer
local notes = {}
notes.__index = notes

--- Begins to look at folders. Nil when the system lets no more of it.
---@return moonlink.repl.Notes?
function methods:notes()
   local fd = self.c.inotify_init1(IN_NONBLOCK_CLOEXEC)
   return fd >= 0 and setmetatable({
      fd = fd, system = self, folders = {}, names = {}, room = moonlink.alloc(EVENT_ROOM),
   }, notes) or nil
end

--- Looks at these folders and no others.
---@param folders table<string, boolean>
---@return string? folder that cannot be looked at
function notes:look(folders)
   local c, failed = self.system.c, nil
   for folder, wd in pairs(self.folders) do
      if not folders[folder] then
         c.inotify_rm_watch(self.fd, wd)
         self.folders[folder], self.names[wd] = nil, nil
      end
   end
   for folder in pairs(folders) do
      if not self.folders[folder] then
         local wd = c.inotify_add_watch(self.fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO)
         if wd < 0 then
            failed = folder
         else
            self.folders[folder], self.names[wd] = wd, folder
         end
      end
   end
   return failed
end

--- The files that were written or replaced since the last time: paths as folder and name.
---@param into table<string, boolean>
function notes:read(into)
   local n = self.system.c.read(self.fd, self.room, EVENT_ROOM)
   local at = 0
   while n > 0 and at + EVENT_HEAD <= n do
      local wd, _, _, length = ("i4I4I4I4"):unpack(self.room:get(at, EVENT_HEAD))
      local name = length > 0 and self.room:get(at + EVENT_HEAD, length):match "^[^\0]*" or ""
      if self.names[wd] then
         into[self.names[wd] .. "/" .. name] = true
      end
      at = at + EVENT_HEAD + length
   end
end

function notes:close()
   self.system.c.close(self.fd)
end

--- The calls of the process, in a linker that finds nothing else.
---@return moonlink.repl.System
function system.new()
   local ln = moonlink.new {scope = {"process"}}
   ln:cdef(DECLARATIONS)
   local self = setmetatable({ln = ln, c = ln.c, room = moonlink.alloc(8 * 8)}, {
      __index = methods,
   })
   self.interrupt = self.c.signal(SIGINT, nil) or 0
   self:rearm()
   return self
end

return system
