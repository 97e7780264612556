--- A session: a linker, what it has loaded, the variables of whoever types, and what to do with one
-- line. Knows no terminal: it is given functions to print with.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local declare = require "moonlink.repl.declare"
local evaluate = require "moonlink.repl.evaluate"
local haskell = require "moonlink.repl.haskell"
local loaded = require "moonlink.repl.loaded"
local source = require "moonlink.repl.source"

local session = {}

---@class moonlink.repl.Session
---@field ln moonlink.Linker
---@field finish fun() ends a line of progress
---@field out fun(text: string)
---@field err fun(text: string)
---@field system moonlink.repl.System
---@field env table variables of the session
---@field loaded moonlink.repl.Loaded[]
---@field folder moonlink.repl.Folder for objects that it compiles
---@field cflags string
---@field ghcflags string
---@field haskell moonlink.repl.HaskellOptions of a runtime that is started
---@field hs? moonlink.ghc.Runtime once it is started
---@field functions table<string, function> that raise Haskell's exceptions, by name
---@field wanted? string[] what `:load` could not load while nothing else was there
---@field watching boolean
---@field databases string[] paths
---@field held {plan: moonlink.LoadedPlan, names: string[]}[] packages that were loaded
---@field timeout number seconds of `:try`
---@field notes? moonlink.repl.Notes
---@field timing boolean
---@field prompt string
---@field quit? boolean
---@field failed boolean a line has failed
---@field pending? string lines of an input that goes on
local methods = {}
methods.__index = methods

local STT = {[1] = "variable", [2] = "function", [6] = "thread-local variable",
   [10] = "indirect function"}

local CFLAGS, GHCFLAGS = "-g -O1 -fPIC", "-O"
local TRY = 10 -- seconds

--- The folder of a path as inotify wants it, and the key under which changes are told.
local function place_of(path)
   local folder, name = path:match "^(.*)/([^/]*)$"
   folder = folder == nil and "." or folder == "" and "/" or folder
   return folder, folder .. "/" .. (name or path)
end

--- The words of all that is loaded or should be.
local function all_words(self)
   local out = {self.wanted}
   for _, each in ipairs(loaded.list(self)) do
      out[#out + 1] = each.words
   end
   return out
end

--- Looks at the folders of what is loaded, when it is told to.
function methods:look()
   if not self.watching then
      return
   end
   local folders = {}
   for _, each in ipairs(all_words(self)) do
      for _, path in ipairs(loaded.files(each)) do
         folders[(place_of(path))] = true
      end
   end
   local failed = self.notes:look(folders)
   if failed then
      self.err(("the folder %s cannot be watched\n"):format(failed))
   end
end

--- Switches reloading on change on or off.
---@param on boolean
---@return boolean good
function methods:watch(on)
   if on and not self.notes then
      self.notes = self.system:notes()
      if not self.notes then
         return false
      end
   elseif not on and self.notes then
      self.notes:close()
      self.notes = nil
   end
   self.watching = on
   self:look()
   return true
end

--- Is one of these files among the words?
local function holds(words, changed)
   for _, path in ipairs(loaded.files(words)) do
      if changed[select(2, place_of(path))] then
         return true
      end
   end
   return false
end

--- Reloads what is made of one of these files; loads what could not be loaded before.
---@param changed table<string, boolean>
function methods:reload_changed(changed)
   if self.wanted and holds(self.wanted, changed) then
      self:report(self:load_wanted())
      return
   end
   for _, each in ipairs(loaded.list(self)) do
      if holds(each.words, changed) then
         self:report(self:reload(each))
      end
   end
end

--- Is one of these files loaded? For those who would have to make room for a message first.
---@param changed table<string, boolean>
---@return boolean
function methods:concerns(changed)
   for _, words in ipairs(all_words(self)) do
      if holds(words, changed) then
         return true
      end
   end
   return false
end

--- Loads what could not be loaded the last time.
---@return boolean?
---@return any err
function methods:load_wanted()
   local new, err = loaded.add(self, self.wanted)
   return new and self:say_loaded(new), err
end

--- Says what was loaded.
---@param new moonlink.repl.Loaded
---@return boolean true
function methods:say_loaded(new)
   self.out(("loaded %s: %d bytes\n"):format(new.name, new.unit.stats.memory or 0))
   return true
end

--- Reloads one unit and says what became of its variables.
---@param each moonlink.repl.Loaded
---@return boolean?
---@return any err
function methods:reload(each)
   local report, err = loaded.reload(self, each)
   if not report then
      return nil, err
   end
   self.out(("reloaded %s: version %d, %d variable%s kept\n"):format(each.name, report.version,
      #report.carried, #report.carried == 1 and "" or "s"))
   for _, fresh in ipairs(report.fresh) do
      self.out(("  '%s' starts afresh: %s\n"):format(fresh.name, fresh.why))
   end
   return true
end

--- Is this name defined by what is loaded, or by the process?
---@param name string
---@return boolean
function methods:defines(name)
   return self.ln.session:find(name) ~= nil or self.ln.session:find_process(name) ~= nil
end

--- One line about a name of C: its declaration, where it lies.
---@param name string
---@return string
function methods:describe(name)
   local shown, declared = declare.show(self.ln, name)
   if shown and not declared then
      return shown
   end
   local symbol = declared and declared.symbol or name
   local address, size, kind, owner = self.ln.session:find(symbol)
   local at
   if address then
      at = ("at %#x, %d bytes, in %s"):format(address, size or 0, owner and owner:name() or "?")
   else
      address = self.ln.session:find_process(symbol)
      at = address and ("at %#x, in the process"):format(address)
         or "nothing that is loaded defines it"
   end
   local hint = not shown and STT[kind] == "variable"
      and ("\n  hint: type its declaration, as in: int %s;"):format(name) or ""
   return ("%s: %s%s"):format(shown or ("%s (%s, not declared)"):format(name,
      STT[kind] or "symbol"), at, hint)
end

--- Prints what failed; gives back whether nothing has.
---@param done any
---@param err any
---@return boolean
function methods:report(done, err)
   if done then
      return true
   end
   self.failed = true
   local text = tostring(err)
   if not text:find "^input:" then -- where in this program it was raised is nothing to know here
      text = text:gsub("^[^%s:]+:%d+: ", "")
   end
   self.err(text .. "\n")
   return false
end

local function run_text(self, text)
   local input = evaluate.classify(self, text)
   if input.kind == "open" then
      self.pending = text
      return true
   elseif input.kind == "lua" then
      return evaluate.run(self, text, input)
   elseif input.kind == "c" then
      return evaluate.declare(self, text)
   end
   return nil, input.message
end

--- Takes one line. What fails is printed and nothing else happens.
---@param line string
function methods:line(line)
   local started = core.now()
   local good, done, err
   if not self.pending and line:find "^%s*:" then
      good, done, err = pcall(self.command, self, line)
   elseif not self.pending and not line:find "%S" then
      return
   else
      local text = self.pending and self.pending .. "\n" .. line or line
      self.pending = nil
      good, done, err = pcall(run_text, self, text)
   end
   if not good then
      done, err = nil, done
   end
   self.system:flush()
   self:report(done, err)
   if self.timing and not self.pending then
      self.out(("%.3f ms\n"):format((core.now() - started) * 1e3))
   end
end

--- The input that was begun is over: at the end of a script, or by an empty line.
function methods:drop_pending()
   if self.pending then
      self.pending = nil
      self:report(nil, "the input ends in the middle of something")
   end
end

--- Ends the session: what is loaded ends, files that were compiled go.
function methods:close()
   if self.notes then
      self.notes:close()
      self.notes = nil
   end
   self.folder:close()
   self.system:flush()
   self:report(haskell.close(self))
end

methods.__close = methods.close

---@class moonlink.repl.Options
---@field ln moonlink.Linker
---@field finish fun()
---@field out fun(text: string)
---@field err fun(text: string)
---@field system moonlink.repl.System
---@field command fun(self: moonlink.repl.Session, line: string): boolean?, any
---@field databases? string[]
---@field haskell? moonlink.repl.HaskellOptions

--- Makes a session.
---@param options moonlink.repl.Options
---@return moonlink.repl.Session
function session.new(options)
   local self = setmetatable({
      ln = options.ln, finish = options.finish,
      out = options.out, err = options.err, system = options.system, command = options.command,
      loaded = {}, folder = source.folder(), cflags = CFLAGS, watching = false, timing = false,
      prompt = "moonlink> ", failed = false, databases = options.databases or {}, held = {},
      timeout = TRY, ghcflags = GHCFLAGS, haskell = options.haskell or {}, functions = {},
   }, methods)
   self.env = evaluate.environment(self)
   return self
end

return session
