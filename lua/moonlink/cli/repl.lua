--- moonlink repl: an interactive session.
-- SPDX-License-Identifier: MIT

local arguments = require "moonlink.cli.arguments"
local core = require "moonlink.core"
local haskell = require "moonlink.cli.haskell"
local moonlink = require "moonlink"
local options = require "moonlink.cli.options"
local progress = require "moonlink.show.progress"
local session = require "moonlink.cli.session"

local repl = {
   name = "repl",
   summary = "Load, call and reload at a prompt.",
   usage = "moonlink repl [OPTION...] [FILE...]",
   description = "Loads the files and reads lines until the input ends: C declarations, calls,\n"
      .. "Lua, and commands such as :load, :reload, :why, :map; :help lists them.",
   example = "moonlink repl --watch add.c",
   leading = 0, common = true, files = "*",
   file = {"FILE", "Object, archive, shared library or linker script, or a source (C, C++, "
      .. "assembler, Haskell), which is compiled."},
   options = haskell.behind {
      {"--watch", target = "watch", text = "Reload files when they change."},
      {"--package-db", takes = "PATH", many = true, target = "databases",
         text = "A package database for :package."},
      {"--plain", target = "plain", text = "No line editor, as on a terminal that is dumb."},
      {"--history", takes = "PATH", target = "history",
         text = "Where lines are kept; in place of ~/.moonlink_history."},
      {"--no-history", target = "no_history", text = "Keep no lines."},
   },
}

--- A line of progress for each load: its clock begins anew when the last one has finished.
local function new_progress(terminal, write)
   local report, finish
   return function(...)
      if not report then
         report, finish = progress.new {now = moonlink.now, terminal = terminal, write = write}
      end
      return report(...)
   end, function()
      if finish then
         finish()
         report, finish = nil, nil
      end
   end
end

--- A linker as the options want it, whose events are shown when they are switched on.
local function new_linker(parsed, report, finish)
   local opts = options.linker(parsed)
   opts.progress = report
   local ln = moonlink.new(opts)
   ln:on("event", function(event)
      finish()
      session.say(event.text .. "\n")
   end)
   return ln
end

---@param parsed table
---@return integer? status
---@return any err
function repl.run(parsed)
   local report, finish = new_progress(function()
      return core.is_terminal(2)
   end, session.say)
   local ln <close> = new_linker(parsed, report, finish)
   local files = {}
   for i, word in ipairs(parsed.inputs or {}) do
      files[i] = arguments.word(word)
   end
   local history = parsed.history
   if parsed.no_history then
      history = false
   end
   local status = require("moonlink.repl").run {
      ln = ln, finish = finish, files = files, databases = parsed.databases, watch = parsed.watch,
      haskell = haskell.wanted(parsed) and haskell.asked(parsed) or nil,
      plain = parsed.plain, history = history,
   }
   local closed, why = session.close(ln)
   if not closed then
      return nil, why
   end
   return status
end

return repl
