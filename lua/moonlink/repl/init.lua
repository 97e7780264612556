--- The interactive session: reads lines from a terminal or a script and runs them until the input
-- ends. Nothing but `:quit` and the end of the input ends it.
-- SPDX-License-Identifier: MIT

local commands = require "moonlink.repl.commands"
local core = require "moonlink.core"
local haskell = require "moonlink.repl.haskell"
local history = require "moonlink.repl.history"
local loaded = require "moonlink.repl.loaded"
local plain = require "moonlink.repl.plain"
local session = require "moonlink.repl.session"
local system = require "moonlink.repl.system"

local repl = {}

local STDIN = 0
local SETTLE = 100 -- milliseconds without a change, after which files count as written
local MORE = "......> "

---@class moonlink.repl.Start
---@field ln moonlink.Linker
---@field finish fun() ends a line of progress
---@field files? string[] to load first
---@field databases? string[] package databases
---@field haskell? moonlink.repl.HaskellOptions packages start a runtime at once
---@field watch? boolean
---@field plain? boolean no line editor
---@field history? string|false the file; false: none

local function prompt_of(s)
   return s.pending and MORE or s.prompt
end

--- Waits until standard input has something, and reloads what changes meanwhile.
local function waiter(s, reader)
   local changed = {}
   return function()
      while true do
         local fds = {STDIN, s.notes and s.notes.fd}
         local ready = s.system:wait(fds, next(changed) and SETTLE or -1)
         if s.notes and ready[s.notes.fd] then
            s.notes:read(changed)
         elseif next(changed) then
            if s:concerns(changed) then
               reader:aside(function() s:reload_changed(changed) end, prompt_of(s))
            end
            changed = {}
         end
         if ready[STDIN] and not next(changed) then
            return
         end
      end
   end
end

--- One line, read and run. False at the end of the input.
local function step(s, reader, wait, path)
   local line = reader:line(prompt_of(s), wait)
   if not line then
      return false
   elseif s.pending and line == "" and core.is_terminal(STDIN) then
      s:drop_pending()
      return true
   end
   if line:find "%S" then
      reader:remember(line)
      if path then
         history.add(path, line)
      end
   end
   s:line(line)
   return not s.quit
end

--- What was raised outside of a line: Ctrl-C, or a mistake of ours.
local function recover(s, reader, err)
   reader:abandon()
   s.pending = nil
   if not tostring(err):find "interrupted!$" then
      s:report(nil, err)
   end
end

local function loop(s, reader, path)
   local wait = waiter(s, reader)
   while true do
      local good, more = pcall(step, s, reader, wait, path)
      if not good then
         recover(s, reader, more)
      elseif not more then
         break
      end
      s.system:rearm()
   end
   s:drop_pending()
end

--- The reader of a terminal that can move its cursor and of a system with an editor; else a plain
--- one.
local function reader_of(s, start)
   local terminal = core.is_terminal(STDIN) and core.is_terminal(1)
   local term = os.getenv "TERM" or ""
   if terminal and not start.plain and term ~= "" and term ~= "dumb" then
      local reader = require("moonlink.repl.readline").new(s, history.MOST)
      if reader then
         return reader
      end
   end
   return plain.new(core.is_terminal(STDIN))
end

local function remember_all(reader, path)
   for _, line in ipairs(path and history.read(path) or {}) do
      reader:remember(line)
   end
end

local function begin(s, start)
   if start.watch then
      s:report(s:watch(true) or nil, "the system lets no more files be watched")
   end
   if start.haskell and start.haskell.packages then
      local ids, err = haskell.packages(s, start.haskell.packages)
      s:report(ids, err)
   end
   if #(start.files or {}) > 0 then
      local new, err = loaded.add(s, start.files)
      s:report(new, err)
   end
end

--- Runs a session over standard input and output.
---@param start moonlink.repl.Start
---@return integer status 1 when a line of a script failed; 0 at a terminal
function repl.run(start)
   local terminal = core.is_terminal(STDIN)
   local s <close> = session.new {
      ln = start.ln, finish = start.finish, databases = start.databases,
      haskell = start.haskell, system = system.new(), command = commands.run,
      out = function(text)
         io.stdout:write(text)
      end,
      err = function(text)
         io.stdout:flush()
         io.stderr:write(text)
      end,
   }
   begin(s, start)
   local reader = reader_of(s, start)
   local path = terminal and start.history ~= false and (start.history or history.path()) or nil
   if terminal then
      io.stdout:write "`:help` lists commands; `int add(int, int)` declares, `add(2, 3)` calls.\n"
      remember_all(reader, path)
   end
   loop(s, reader, path)
   reader:close()
   io.stdout:flush()
   return not terminal and s.failed and 1 or 0
end

return repl
