--- The command line: finds the command, runs it, says on standard error what went wrong.
-- SPDX-License-Identifier: MIT

local usage = require "moonlink.cli.usage"

local cli = {}

local FAILED, WRONG_USAGE = 1, 2

local names = {"run", "call", "check", "inspect", "why", "map", "link", "symbolize", "repl", "pkg",
   "lab"}

--- Names out of files can do nothing to a terminal; a pipe gets their bytes.
local function complain(text)
   local loaded, core = pcall(require, "moonlink.core")
   io.stdout:flush()
   if loaded and core.is_terminal(2) then
      text = require("moonlink.lab.report.plain").lines(text)
   end
   io.stderr:write("moonlink: ", text, "\n")
end

local function all_commands()
   local commands = {}
   for i, name in ipairs(names) do
      commands[i] = require("moonlink.cli." .. name)
   end
   return commands
end

local function is_command(word)
   for _, name in ipairs(names) do
      if name == word then
         return true
      end
   end
   return false
end

local function find_command(word)
   if is_command(word) then
      return require("moonlink.cli." .. word)
   end
   usage.fail(word:sub(1, 1) == "-" and "unknown option '%s'" or "unknown command '%s'", word)
end

local function rest_of(args)
   return table.move(args, 2, #args, 1, {})
end

--- What lies between words and a linker is not loaded for commands that need no linker.
local function run_linker_command(args)
   local parser = require "moonlink.cli.parser"
   local word = args[1]
   if word == "-h" or word == "--help" then
      io.stdout:write(parser.help(all_commands()), "\n")
      return 0
   elseif word == "--version" then
      io.stdout:write("moonlink ", parser.version, "\n")
      return 0
   end
   local command = find_command(word)
   local parsed, sorted = parser.command(command, rest_of(args))
   if not parsed then
      io.stdout:write(sorted, "\n")
      return 0
   end
   return command.run(parsed, sorted)
end

local function run_command(args)
   if not args[1] then
      usage.fail "a command is wanted"
   elseif args[1] == "pkg" then
      return require("moonlink.cli.pkg").main(rest_of(args))
   elseif args[1] == "lab" then
      return require("moonlink.cli.lab").main(rest_of(args))
   end
   return run_linker_command(args)
end

--- Runs one command.
---@param args string[] what follows the program's name
---@return integer status 1 for what failed, 2 for wrong usage
function cli.main(args)
   local good, status, err = pcall(run_command, args)
   if good and status then
      return status
   elseif not good and usage.is(status) then
      complain(tostring(status))
      local about = is_command(args[1]) and args[1] .. " " or ""
      io.stderr:write(("Try 'moonlink %s--help'.\n"):format(about))
      return WRONG_USAGE
   end
   complain(tostring(good and err or status))
   return FAILED
end

return cli
