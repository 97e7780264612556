--- `moonlink lab`: runs experiments and shows what they gave.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local file = require "moonlink.file"
local lab = require "moonlink.lab"
local meter = require "moonlink.lab.meter"
local pattern = require "moonlink.pattern"
local plain = require "moonlink.lab.report.plain"
local report = require "moonlink.lab.report"
local session = require "moonlink.cli.session"
local turns = require "moonlink.lab.turns"
local usage = require "moonlink.cli.usage"

local command = {
   name = "lab",
   summary = "Run experiments: ways of loading code, side by side.",
}

local HELP = [[
Usage: moonlink lab COMMAND [OPTION...] [WORD...]

Compares ways of getting compiled code into a running process.

Commands:
   run SCRIPT [-- WORD...]   run the experiments that a Lua script returns; WORDs are its arguments
   list [SCRIPT]             strategies and axes; with a script the cases of its experiments
   show RESULT               print a result that was saved
   compare A B               what differs between two results by more than chance
   html RESULT -o FILE       a page with charts, which needs nothing else

Options:
   -o FILE             where run saves the result (NAME.json without it), html the page
   --set NAME=NUMBER   in place of the script's: runs, warmup, timeout (seconds)
   --system-calls      run: count system calls, too, in one more run of each case, by strace
   --trace             run: count calls between packages, too, in one more run of each case
   --resume RESULT     run: go on with a result that was interrupted
   --only PATTERN      only cases whose names (INPUT/STRATEGY/VALUE...) match a Lua pattern
   --all               compare: also what differs by no more than chance
   --csv, --json       show: as CSV with a row for each number, as JSON
   --dot               show: the calls between packages of a case (--only), for graphviz
   --color WHEN        auto, always or never; auto heeds NO_COLOR
   -h, --help          print this

Ctrl-C ends a run: what is finished is saved and marked as interrupted, the status is 130. A second
Ctrl-C ends at once. Until a run is done, FILE.part has what was finished before.

Example:
   moonlink lab run examples/lab/zlib.lua --set runs=30
]]

local TAKES = {["-o"] = "output", ["--set"] = "set", ["--only"] = "only",
   ["--resume"] = "resume", ["--color"] = "color"}
local FLAGS = {["-h"] = "help", ["--help"] = "help", ["--csv"] = "csv", ["--json"] = "json",
   ["--system-calls"] = "system_calls", ["--trace"] = "trace", ["--dot"] = "dot",
   ["--all"] = "all"}
local SETTINGS = {runs = true, warmup = true, timeout = true}

local function enter_setting(options, text)
   local key, value = text:match "^(%l+)=(.+)$"
   local number = tonumber(value)
   number = number and math.tointeger(number) or number
   if not (SETTINGS[key] and number) then
      usage.fail("--set takes runs=N, warmup=N or timeout=SECONDS, not '%s'", text)
   elseif key ~= "timeout" and (math.type(number) ~= "integer" or number < 0)
      or key ~= "warmup" and number <= 0 then
      usage.fail("--set %s: a positive number expected", text)
   end
   options.settings[key] = number
end

--- Options and words, in any order; what stands behind `--` is the script's.
local function read_words(args)
   local options, words, rest, i = {settings = {}}, {}, {}, 1
   while args[i] do
      local name, value = args[i]:match "^(%-%-[%a]+)=(.*)$"
      local key = TAKES[name or args[i]]
      if args[i] == "--" then
         table.move(args, i + 1, #args, 1, rest)
         break
      elseif key then
         if not name then
            i = i + 1
            value = args[i] or usage.fail("option '%s' wants a value", args[i - 1])
         end
         options[key] = value
         if key == "set" then
            enter_setting(options, value)
         end
      elseif FLAGS[args[i]] then
         options[FLAGS[args[i]]] = true
      elseif args[i]:find "^%-." then
         usage.fail("unknown option '%s'", args[i])
      else
         words[#words + 1] = args[i]
      end
      i = i + 1
   end
   return options, words, rest
end

--- The experiments that a script returns.
local function experiments_of(path, rest)
   local chunk, why = loadfile(path)
   if not chunk then
      return nil, why
   end
   local list = table.pack(pcall(chunk, table.unpack(rest)))
   if not list[1] then -- `return lab.experiment {...}` is a tail call: nobody knows its line
      local named = type(list[2]) ~= "string" or list[2]:find(path, 1, true)
      error(named and list[2] or path .. ": " .. list[2], 0)
   end
   list = table.pack(table.unpack(list, 2, list.n))
   if list.n == 1 and type(list[1]) == "table" and not lab.is_experiment(list[1]) then
      list = list[1]
   end
   for _, each in ipairs(list) do
      if not lab.is_experiment(each) then
         list = {}
      end
   end
   if #list == 0 then
      return nil, ("%s returns no experiment\n  hint: end it with `return lab.experiment {...}`")
         :format(path)
   end
   return list
end

local function text_options(options)
   return {color = report.wants_color(options.color, core.is_terminal(1)), all = options.all}
end

local function check_pattern(options)
   local why = pattern.mistake(options.only or "")
   if why then
      usage.fail("--only %s: %s", options.only, why)
   end
end

--- A result that was saved, with the cases that are wanted of it.
local function open(path, options)
   check_pattern(options)
   local result, err = lab.open(path)
   if not result then
      return nil, err
   end
   local wanted = {}
   for _, case in ipairs(result.cases) do
      local name = ("%s/%s"):format(case.input, case.id)
      wanted[#wanted + 1] = (not options.only or name:find(options.only)) and case or nil
   end
   if not wanted[1] and result.cases[1] then
      usage.fail("--only %s: no case of %s matches", options.only, path)
   end
   result.cases = wanted
   return result
end

local PART = ".part" -- behind the name of a result while it is made
local INTERRUPTED = 130 -- 128 + SIGINT, as shells have it

local function has_samples(result)
   for _, case in ipairs(result.cases) do
      if case.samples[1] then
         return true
      end
   end
   return false
end

--- Runs one experiment; a status, or nil and an error.
local function run_one(each, options, path, earlier)
   local good, err = file.can_replace(path)
   if not good then
      return nil, err
   end
   local show, finish = meter.new {
      now = core.now, is_terminal = core.is_terminal(2), write = session.say,
   }
   local settings, checkpoint = options.settings, nil
   if not file.is_special(path) then
      checkpoint = function(result)
         lab.save(result, path .. PART) -- when that fails, so will the end, and say so
      end
   end
   local result = each:run {
      runs = settings.runs, warmup = settings.warmup, timeout = settings.timeout,
      only = options.only, progress = show, system_calls = options.system_calls,
      trace = options.trace, resume = earlier, checkpoint = checkpoint,
   }
   finish()
   if result.interrupted and not has_samples(result) then
      io.stderr:write "moonlink: interrupted before any run was finished; nothing is saved\n"
      return INTERRUPTED
   end
   io.stdout:write(report.text(result, text_options(options)))
   good, err = lab.save(result, path)
   if not good then
      return nil, err
   end
   if checkpoint then
      os.remove(path .. PART)
   end
   io.stdout:write("saved as ", path, "\n")
   if result.interrupted then
      io.stdout:flush()
      io.stderr:write("moonlink: interrupted; what was finished is in ", path, "\n",
         "  hint: `--resume ", path, "` goes on with it\n")
   end
   return result.interrupted and INTERRUPTED or 0
end

local function path_of(name)
   return (name:gsub("[^%w_.-]+", "-"):gsub("^[.-]+", "")) .. ".json"
end

local function run(options, words, rest)
   local list, err = experiments_of(words[1], rest)
   if not list then
      return nil, err
   elseif options.output and #list > 1 then
      usage.fail("-o is for one experiment; %s returns %d", words[1], #list)
   end
   check_pattern(options)
   for _, each in ipairs(list) do
      if not each:chosen(options.only)[1] then
         usage.fail("--only %s: no case of experiment '%s' matches", options.only, each.name)
      end
   end
   local earlier
   if options.resume then
      earlier, err = lab.open(options.resume)
      if not earlier then
         return nil, err
      elseif #list > 1 then
         usage.fail("--resume is for one experiment; %s returns %d", words[1], #list)
      end
   end
   for _, each in ipairs(list) do
      local status
      status, err = run_one(each, options, options.output or path_of(each.name), earlier)
      if status ~= 0 then
         return status, err
      end
   end
   return 0
end

local function list_all()
   io.stdout:write "Strategies:\n"
   for _, name in ipairs(lab.strategies()) do
      local s = lab.strategy(name)
      local keys = {}
      for key in pairs(s.known) do
         keys[#keys + 1] = key
      end
      table.sort(keys)
      io.stdout:write(("   %-20s %s\n   %20s axes: %s\n"):format(name, s.about, "",
         keys[1] and table.concat(keys, ", ") or "none"))
   end
   io.stdout:write "Axes:\n"
   for _, axis in ipairs(lab.axes) do
      local values = {}
      for i, value in ipairs(axis.values) do
         values[i] = tostring(value)
      end
      io.stdout:write(("   %-10s %s (%s)\n"):format(axis.key, axis.about,
         values[1] and table.concat(values, ", ") or "a number"))
   end
end

local function list(_, words, rest)
   if not words[1] then
      list_all()
      return 0
   end
   local experiments, err = experiments_of(words[1], rest)
   if not experiments then
      return nil, err
   end
   for _, each in ipairs(experiments) do
      io.stdout:write(plain.line(each.name), "\n")
      for _, case in ipairs(each:cases()) do
         io.stdout:write("   ", plain.line(case), "\n")
      end
   end
   return 0
end

--- The call graph of one case: those of several strategies are the same program's.
local function show_dot(result)
   for _, case in ipairs(result.cases) do
      if case.calls[1] then
         local name = ("%s/%s"):format(case.input, case.id)
         io.stdout:write(report.dot {name = name, metrics = {}, cases = {case}})
         return 0
      end
   end
   return nil, "no calls were counted\n  hint: `moonlink lab run --trace` counts them"
end

local function show(options, words)
   local result, err = open(words[1], options)
   if not result then
      return nil, err
   elseif options.csv then
      io.stdout:write(report.csv(result))
   elseif options.dot then
      return show_dot(result)
   elseif options.json then
      io.stdout:write(report.json(result), "\n")
   else
      io.stdout:write(report.text(result, text_options(options)))
   end
   return 0
end

local function compare(options, words)
   local a, b, err
   a, err = open(words[1], options)
   if a then
      b, err = open(words[2], options)
   end
   if not b then
      return nil, err
   end
   io.stdout:write(report.compare_text(report.compare(a, b), text_options(options)))
   return 0
end

local function html(options, words)
   if not options.output then
      usage.fail "html wants -o FILE"
   end
   local result, err = open(words[1], options)
   if not result then
      return nil, err
   end
   local good
   good, err = file.replace(options.output, report.html(result))
   if not good then
      return nil, err
   end
   return 0
end

--- Each with the number of words that it takes, least and most.
local COMMANDS = {
   run = {run, 1, 1}, list = {list, 0, 1}, show = {show, 1, 1}, compare = {compare, 2, 2},
   html = {html, 1, 1},
}

--- Runs one command.
---@param args string[] what follows `moonlink lab`
---@return integer? status
---@return any err
function command.main(args)
   local options, words, rest = read_words(args)
   if options.help then
      io.stdout:write(HELP)
      return 0
   end
   local name = table.remove(words, 1)
   local row = COMMANDS[name]
   if not name then
      usage.fail "a command is wanted: run, list, show, compare, html"
   elseif not row then
      usage.fail("unknown command '%s'", name)
   elseif #words < row[2] or #words > row[3] then
      usage.fail("%s takes %s", name, row[3] == 2 and "two files" or "one file")
   end
   local good, status, err = pcall(row[1], options, words, rest)
   if good then
      return status, err
   elseif turns.is_interruption(status) then
      io.stderr:write "moonlink: interrupted\n"
      return INTERRUPTED
   end
   error(status, 0)
end

return command
