--- `moonlink pkg`: finds the command, checks how many words it got, runs it. What goes wrong is
-- one line on standard error and status 1, wrong usage too, as with ghc-pkg.
-- SPDX-License-Identifier: MIT

local context = require "moonlink.cli.pkg.context"
local flags = require "moonlink.cli.pkg.flags"

local pkg = {
   name = "pkg",
   summary = "Query and change package databases, as ghc-pkg does.",
}

---@class moonlink.cli.pkg.Command
---@field name string
---@field summary string a line for the help
---@field usage string its words
---@field least integer how many words it needs
---@field most? integer how many it takes; nil: any number
---@field run fun(ctx: moonlink.cli.pkg.Context, args: string[]): integer?, any status; nil, err

--- In the order of the help; each is a module of the folder pkg.
local names = {
   "init", "list", "find-module", "latest", "describe", "field", "dump", "dot", "recache",
   "register", "update", "unregister", "expose", "hide", "trust", "distrust", "check",
   "order", "why", "graph", "plan", "diff", "convert", "refresh",
}

-- Not init: a folder's init.lua is the folder's module.
local module_of = {init = "moonlink.cli.pkg.create"}
for _, name in ipairs(names) do
   module_of[name] = module_of[name] or "moonlink.cli.pkg." .. name:gsub("-", "_")
end

local function help()
   local lines = {
      "Usage: moonlink pkg COMMAND [FLAG...] [WORD...]", "",
      "Queries and changes package databases: all that ghc-pkg does, and more.", "", "Commands:",
   }
   for _, name in ipairs(names) do
      local command = require(module_of[name])
      lines[#lines + 1] = ("   %-28s %s"):format(command.usage, command.summary)
   end
   lines[#lines + 1] = ""
   lines[#lines + 1] = "Flags, anywhere on the command line:"
   lines[#lines + 1] = flags.describe(flags.rows)
   lines[#lines + 1] = ""
   lines[#lines + 1] = "Example:"
   lines[#lines + 1] = "   moonlink pkg --package-db=packages.conf.d list"
   return table.concat(lines, "\n") .. "\n"
end

local function wrong_usage(text)
   return context.fail("%s\nFor usage information see 'moonlink pkg --help'.", text)
end

local function find_command(operands)
   local word = operands[1]
   if not word then
      wrong_usage "missing command"
   end
   local module = module_of[word]
   if not module then
      wrong_usage(("command-line syntax error: there is no command '%s'"):format(word))
   end
   local command, words = require(module), #operands - 1
   if words < command.least or (command.most and words > command.most) then
      wrong_usage "command-line syntax error" -- ghc-pkg's words
   end
   return command
end

local function run(words, ctx)
   local given, operands = flags.read(words)
   if not given then
      wrong_usage(operands)
   end
   ctx:use(given)
   if ctx:has "--help" then
      ctx.out(help())
      return 0
   elseif ctx:has "--version" then
      ctx.out(ctx.version(), "\n")
      return 0
   end
   ctx:read_verbosity()
   if ctx.verbosity > 1 then
      ctx:info(ctx.version())
   end
   return find_command(operands).run(ctx, table.move(operands, 2, #operands, 1, {}))
end

--- What is told of an error. Ctrl-C is one that the interpreter raises wherever the program is.
local function message(err)
   local text = tostring(err)
   return text:match ":%d+: (interrupted)!$" or text
end

--- Runs one command.
---@param words string[] what follows `moonlink pkg`
---@return integer status
function pkg.main(words)
   collectgarbage("incremental", 400)
   local ctx = context.new()
   local good, status, err = pcall(run, words, ctx)
   if not good or not status then
      ctx.err("moonlink pkg: ", message(good and err or status), "\n")
      status = 1
   end
   local written, problem = ctx.flush()
   if not written then
      ctx.err("moonlink pkg: ", problem, "\n")
      status = 1
   end
   return status
end

return pkg
