--- The commands of a session, `:load` and so on: one row each, in the order in which an
-- abbreviation finds them. A command takes the session and what follows its name, and gives true,
-- or nil and an error.
-- SPDX-License-Identifier: MIT

local ask = require "moonlink.repl.ask"
local loaded = require "moonlink.repl.loaded"
local packages = require "moonlink.repl.packages"
local settings = require "moonlink.repl.settings"
local words = require "moonlink.repl.words"

local commands = {}

---@class moonlink.repl.Command
---@field [1] string name
---@field [2] string what follows it, for the help
---@field text string
---@field completes? string what its words are: "file", "loaded", "symbol", "setting" ...
---@field raw? boolean takes the rest of the line as it is, not as words
---@field bang? boolean `:name!` means something
---@field run fun(session: moonlink.repl.Session, given: any, bang: boolean): boolean?, any

local list

--- `:load` or `:add`.
local function loader(name, how)
   return function(session, given)
      if #given == 0 then
         return nil, ("`:%s` takes files"):format(name)
      end
      local new, err = how(session, given)
      return new and session:say_loaded(new), err
   end
end

local function unload(session, given, bang)
   local how = bang and "force" or nil
   if #given == 0 then
      local ok, err = loaded.clear(session, how)
      if ok then
         session.wanted = nil
         ok, err = packages.clear(session, how)
      end
      return ok, err
   end
   for _, name in ipairs(given) do
      local ok, err = packages.unload(session, name, how)
      if not ok and not err then
         local each
         each, err = loaded.find(session, name)
         if each then
            ok, err = loaded.unload(session, each, how)
         end
      end
      if not ok then
         return nil, err
      end
   end
   return true
end

local function reload(session, given)
   local all = loaded.list(session)
   if #given > 0 then
      all = {}
      for i, name in ipairs(given) do
         local each, err = loaded.find(session, name)
         if not each then
            return nil, err
         end
         all[i] = each
      end
   elseif #all == 0 and session.wanted then
      return session:load_wanted()
   elseif #all == 0 then
      return nil, "nothing is loaded"
   end
   local good = true
   for _, each in ipairs(all) do -- one that fails keeps its old version, and hinders no other
      good = session:report(session:reload(each)) and good
   end
   return true
end

local function watch(session, given)
   local ok, err = settings.set(session, "watch", given[1] or "on")
   if ok then
      session.out(session.watching and "what is loaded is reloaded when it changes\n"
         or "changes are not watched\n")
   end
   return ok, err
end

local function shell(_, given)
   local _, how, status = os.execute(given)
   if status == 0 then
      return true
   end
   return nil, ("%s %d"):format(how == "exit" and "the command's status is" or "ended by signal",
      status)
end

local function set(session, given)
   local name, text = given:match "^(%S+)%s*(.-)%s*$"
   if not name or text == "" and settings.known[name] then
      return ask.settings(session, {name})
   end
   return settings.set(session, name, (text:gsub('^"(.*)"$', "%1")))
end

local function help_line(session, command)
   session.out(("  %-28s %s\n"):format((":%s %s"):format(command[1], command[2]), command.text))
end

local function help(session, given)
   local name = given[1] and given[1]:gsub("^:", "")
   if name == "set" then
      for _, each in ipairs(settings.names()) do
         local known = settings.known[each]
         session.out(("  %-12s %s%s\n"):format(each, known.text,
            known.values and ": " .. table.concat(known.values, ", ") or ""))
      end
      return true
   elseif name then
      local command = commands.find(name)
      if not command then
         return nil, ("there is no command ':%s'"):format(name)
      end
      help_line(session, command)
      return true
   end
   session.out [[
  int add(int, int)            declares a C function (or variable, type, #define)
  add(2, 3)                    calls it; everything else is Lua
]]
   for _, command in ipairs(list) do
      help_line(session, command)
   end
   session.out "Commands may be shortened. `ln` is the linker, `_` the last value.\n"
   return true
end

local function quit(session)
   session.quit = true
   return true
end

---@type moonlink.repl.Command[]
list = {
   {"load", "FILE...", run = loader("load", loaded.replace), completes = "file",
      text = "load files in the place of what is loaded; sources are compiled"},
   {"reload", "[FILE...]", run = reload, completes = "loaded",
      text = "load again; variables keep their values"},
   {"unload", "[FILE...]", run = unload, completes = "loaded", bang = true,
      text = "take out; `:unload!` though it is used"},
   {"add", "FILE...", run = loader("add", loaded.add), completes = "file",
      text = "load files beside what is loaded"},
   {"type", "NAME", run = ask.type, raw = true, completes = "symbol",
      text = "the type of a name or call"},
   {"why", "NAME [FILE...]", run = ask.why, completes = "symbol",
      text = "what a name means (in a load of files) and why"},
   {"watch", "[on|off]", run = watch, completes = "switch", text = "reload when files change"},
   {"map", "[FILE]", run = ask.map, completes = "loaded", text = "where everything lies"},
   {"show", "[NAMES|declared|users]", run = ask.show, completes = "topic",
      text = "what is loaded; names (a Lua pattern), declarations, users"},
   {"set", "[NAME [VALUE]]", run = set, raw = true, completes = "setting",
      text = "settings; `:help set` explains them"},
   {"package", "NAME...", run = packages.load, text = "load packages with all below them"},
   {"packages", "", run = packages.list, text = "packages that are loaded or known"},
   {"try", "INPUT", run = ask.try, raw = true, completes = "symbol",
      text = "run it in a child process: a crash there is an answer"},
   {"cdef", "TEXT", run = ask.cdef, raw = true, text = "declare, whatever it looks like"},
   {"!", "COMMAND", run = shell, raw = true, text = "run a shell command"},
   {"help", "[COMMAND]", run = help, completes = "command", text = "this list"},
   {"quit", "", run = quit, text = "end the session (so does Ctrl-D)"},
}

--- All names of commands.
---@return string[]
function commands.names()
   local names = {}
   for i, command in ipairs(list) do
      names[i] = command[1]
   end
   return names
end

--- The command of a name or of its beginning: the first one that fits.
---@param name string
---@return moonlink.repl.Command?
function commands.find(name)
   name = name == "?" and "help" or name
   local first
   for _, command in ipairs(list) do
      if command[1] == name then
         return command
      elseif name ~= "" and command[1]:sub(1, #name) == name then
         first = first or command
      end
   end
   return first
end

--- Takes a line apart: the command, what follows its name, and whether there is a `!`.
---@param line string
---@return moonlink.repl.Command?
---@return string rest or the name that is no command
---@return boolean bang
function commands.parse(line)
   local rest = line:match "^%s*:%s*(.-)%s*$"
   if rest:sub(1, 1) == "!" then
      return commands.find "!", rest:sub(2), false
   end
   local name, bang, behind = rest:match "^([%w?]*)(!?)%s*(.*)$"
   local command = commands.find(name)
   if not command or (bang == "!" and not command.bang) then
      return nil, name .. bang, false
   end
   return command, behind, bang == "!"
end

--- Runs a line that begins with a colon.
---@param session moonlink.repl.Session
---@param line string
---@return boolean?
---@return any err
function commands.run(session, line)
   local command, rest, bang = commands.parse(line)
   if not command then
      return nil, ("there is no command ':%s'; `:help` lists them"):format(rest)
   elseif command.raw then
      return command.run(session, rest, bang)
   end
   local given, why = words.split(rest)
   if not given then
      return nil, why
   end
   return command.run(session, given, bang)
end

return commands
