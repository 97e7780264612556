--- The commands as parsers of argparse. Nothing here prints or exits: what argparse would print is
-- given back.
-- SPDX-License-Identifier: MIT

local argparse = require "argparse"
local arguments = require "moonlink.cli.arguments"
local options = require "moonlink.cli.options"
local usage = require "moonlink.cli.usage"

local parser = {}

parser.version = "scm-1"

---@class moonlink.cli.Command
---@field name string
---@field summary string
---@field usage string
---@field description string
---@field example string
---@field options moonlink.cli.Option[] its own
---@field common? boolean it takes those that all loads share
---@field leading integer words before the first file
---@field words? {[1]: string, target: string, text: string}[] those words
---@field files integer|string|nil how many files, as argparse says it; nil: none
---@field file? {[1]: string, [2]: string} what a file is called in the help, and what it is
---@field values? boolean
---@field tail? boolean
---@field run fun(parsed: table, sorted: moonlink.cli.Sorted): integer?, any

local function help_action(made, printed)
   return function()
      printed.text = made:get_help()
      error(printed.text, 0)
   end
end

local function add_files(made, command)
   for _, word in ipairs(command.words or {}) do
      made:argument(word[1]):target(word.target):description(word.text):convert(arguments.word)
   end
   if command.files then
      local file = command.file or command.common
         and {"FILE", "Object, archive, shared library or linker script; - is standard input."}
         or {"FILE", "The file; - is standard input."}
      made:argument(file[1]):target "inputs":args(command.files):description(file[2])
   end
end

local function add_options(made, command)
   for i, element in ipairs(options.add(made, command.options)) do
      if command.options[i].needed then
         element:count "1"
      end
   end
   if command.common then
      made:group("Options of all loads", table.unpack(options.add(made, options.common)))
   end
end

local function build(command, printed)
   local made = argparse("moonlink " .. command.name):add_help(false)
      :usage("Usage: " .. command.usage):description(command.description)
      :epilog("Example:\n   " .. command.example):help_max_width(80)
   add_files(made, command)
   made:flag "-h --help":description "Print this help.":action(help_action(made, printed))
   add_options(made, command)
   return made
end

--- Parses, or gives the text that a help option wants to be printed.
local function parse(made, words, printed)
   local good, ok, result = pcall(made.pparse, made, words)
   if printed.text then
      return nil, printed.text
   elseif not good then
      error(ok, 0)
   elseif not ok then
      usage.fail("%s", result)
   end
   return result
end

--- Parses the arguments behind a command's name.
---@param command moonlink.cli.Command
---@param args string[]
---@return table? parsed
---@return moonlink.cli.Sorted|string sorted or the help to print
function parser.command(command, args)
   local lists = {command.options, command.common and options.common or {}}
   local sorted = arguments.sort(args, {
      leading = command.leading, tail = command.tail, values = command.values,
      with_value = options.with_value(lists),
   })
   local printed = {}
   local parsed, text = parse(build(command, printed), sorted.words, printed)
   if not parsed then
      return nil, text
   end
   parsed.inputs = type(parsed.inputs) == "string" and {parsed.inputs} or parsed.inputs
   return parsed, sorted
end

--- The help of the whole program.
---@param commands moonlink.cli.Command[]
---@return string
function parser.help(commands)
   local lines = {
      "Usage: moonlink COMMAND [OPTION...] [FILE...]", "",
      "Loads relocatable objects, archives and shared libraries into a process, and calls",
      "what it loaded.", "", "Commands:",
   }
   for _, command in ipairs(commands) do
      lines[#lines + 1] = ("   %-10s %s"):format(command.name, command.summary)
   end
   for _, line in ipairs {
      "", "Options:", "   -h, --help Print this help; behind a command, that command's.",
      "   --version  Print the version.", "", "Example:",
      "   moonlink call 'int add(int, int)' 2 3 -- add.o", "",
      "The status is 0, 1 when a load or a call failed, 2 for wrong usage; that of run is main's.",
   } do
      lines[#lines + 1] = line
   end
   return table.concat(lines, "\n")
end

return parser
