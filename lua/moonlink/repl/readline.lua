--- Lines by the editor that the system has: libreadline or libedit, called through moonlink itself.
-- Its callback interface is used, so that waiting for a key is ours: files are watched meanwhile,
-- and Ctrl-C ends a wait, not a read in the middle of C.
-- Specification: the manual of GNU Readline 8; libedit has the same names.
-- SPDX-License-Identifier: MIT

local complete = require "moonlink.repl.complete"
local moonlink = require "moonlink"

local readline = {}

---@class moonlink.repl.Readline
---@field private ln moonlink.Linker
---@field private c table
---@field private handler moonlink.Callback
---@field private typing boolean a prompt is shown
---@field private got? string|false the line that was typed; false: the end of input
local methods = {}
methods.__index = methods

local LIBRARIES = {"libreadline.so.8", "libedit.so.2", "libreadline.so.7"}

local DECLARATIONS = [[
   void rl_callback_handler_install(const char *, void *);
   void rl_callback_read_char(void);
   void rl_callback_handler_remove(void);
   void *rl_completion_matches(const char *, void *);
   void rl_on_new_line(void);
   void rl_forced_update_display(void);
   void rl_free_line_state(void);
   void add_history(const char *);
   void stifle_history(int);
   void *strdup(const char *);
   void free(void *);
   extern int rl_catch_signals, rl_point, rl_attempted_completion_over;
   extern int rl_completion_append_character;
   extern const char *rl_line_buffer;
   extern void *rl_attempted_completion_function, *rl_completion_word_break_hook;
]]

local NEEDED = {"rl_callback_handler_install", "rl_completion_matches", "add_history"}

local NAME_BREAKS = " \t\n\"'`~!@#$%^&*()-+={}[]|\\;<>,?/"
local WORD_BREAKS = " \t\n"

--- A linker that finds a line editor: the process's own (Lua's interpreter often brings one), else
--- the first library that opens.
local function find()
   local ln = moonlink.new {scope = {"process"}}
   for i = 0, #LIBRARIES do
      if i == 0 or ln:load(LIBRARIES[i]) then
         local there = true
         for _, name in ipairs(NEEDED) do
            there = there and ln.session:find_process(name) ~= nil
         end
         if there then
            return ln
         end
      end
   end
   ln:close()
end

--- The line up to the cursor.
local function typed(self)
   return (self.c.rl_line_buffer or ""):sub(1, self.c.rl_point)
end

local function callback(self, prototype, fn, otherwise)
   local made = self.ln:callback(prototype, fn, {on_error = otherwise})
   self.callbacks[#self.callbacks + 1] = made
   return made:address()
end

--- Completion, in the manner of readline: a function that is asked for one candidate after another.
local function install_completion(self, session)
   local candidates, at = {}, 0
   local generator = callback(self, "void *(const char *, int)", function(_, again)
      at = again == 0 and 1 or at + 1
      return candidates[at] and self.c.strdup(candidates[at]) or nil
   end)
   self.c.rl_attempted_completion_function = callback(self, "void *(const char *, int, int)",
      function(text)
         self.c.rl_attempted_completion_over = 1 -- files by us, or not at all
         candidates = complete.candidates(session, typed(self))
         local last = #candidates == 1 and candidates[1]:sub(-1)
         self.c.rl_completion_append_character = (last == "/" or not typed(self):find "^%s*:")
            and 0 or 32
         return self.c.rl_completion_matches(text, generator)
      end)
   local by_name, by_word = moonlink.alloc(64), moonlink.alloc(64)
   by_name:set(NAME_BREAKS)
   by_word:set(WORD_BREAKS)
   self.breaks = {by_name, by_word}
   self.c.rl_completion_word_break_hook = callback(self, "void *(void)", function()
      local line = typed(self)
      local start = complete.word(line)
      local all = #line - #line:match "%S*$" + 1
      return start == all and by_word or by_name
   end)
end

--- Reads a line; nil at the end of the input.
---@param prompt string
---@param wait fun()
---@return string?
function methods:line(prompt, wait)
   io.stdout:flush()
   self.got, self.typing = nil, true
   self.c.rl_callback_handler_install(prompt, self.handler)
   while self.got == nil do
      wait()
      self.c.rl_callback_read_char()
   end
   self.typing = false
   if not self.got then
      io.stdout:write "\n"
   end
   return self.got or nil
end

--- Prints something while a line is being typed; the line stands below it again.
---@param print fun()
function methods:aside(print)
   io.stdout:write "\r\n"
   print()
   io.stdout:flush()
   self.c.rl_on_new_line()
   self.c.rl_forced_update_display()
end

--- Gives a line up that was being typed.
function methods:abandon()
   if self.typing then
      self.typing = false
      self.c.rl_free_line_state()
      self.c.rl_callback_handler_remove()
      io.stdout:write "^C\n"
   end
end

---@param line string
function methods:remember(line)
   self.c.add_history(line)
end

--- Gives the terminal back, and the library its own functions.
function methods:close()
   self:abandon()
   self.c.rl_attempted_completion_function = nil
   self.c.rl_completion_word_break_hook = nil
   for _, each in ipairs(self.callbacks) do
      each:close()
   end
   self.ln:close()
end

--- An editor for a session, or nil when the system has none.
---@param session moonlink.repl.Session
---@param most integer lines of history
---@return moonlink.repl.Readline?
function readline.new(session, most)
   local ln = find()
   if not ln then
      return nil
   end
   ln:cdef(DECLARATIONS)
   local self = setmetatable({ln = ln, c = ln.c, callbacks = {}, typing = false}, methods)
   self.handler = callback(self, "void (void *)", function(line)
      self.got = line and moonlink.string(line) or false
      self.c.free(line)
      self.c.rl_callback_handler_remove()
   end)
   self.c.rl_catch_signals = 0
   self.c.stifle_history(most)
   install_completion(self, session)
   return self
end

return readline
