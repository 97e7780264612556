--- `make bench`: moonlink beside its peers, in one run.
-- Usage: lua5.4 bench/run.lua [--only NAME] [--runs N] [--quick] [--json FILE] [--markdown FILE]
--                            [--build FOLDER]
-- NAME is a work (work1 ... work5, calls) or one case of it (work1-loose).
-- SPDX-License-Identifier: MIT

local root = dofile((arg[0]:match "^.*/" or "") .. "root.lua")

local figures = require "bench.figures"
local harness = require "bench.harness"
local libraries = require "bench.works.libraries"
local many = require "bench.works.figures"
local machine = require "bench.machine"
local objects = require "bench.works.objects"
local packages = require "bench.works.packages"
local peers = require "bench.peers"
local report = require "bench.report"
local sections = require "bench.works.sections"
local shell = require "bench.shell"
local tools = require "bench.tools"

local WORKS = {
   { "work1", objects.work1 },
   { "work2", libraries.work2 },
   { "work3", libraries.work3 },
   { "work4", objects.work4 },
   { "work5", sections.work5 },
}

--- Those with several figures each: see bench/figures.lua.
local MANY = {
   { "throw", many.throw }, { "access", many.access }, { "rounds", many.rounds },
   { "reload", many.reload }, { "packages", packages.packages },
}

local function usage(problem)
   io.stderr:write("bench/run.lua: ", problem, "\nusage: lua5.4 bench/run.lua [--only NAME] ",
      "[--runs N] [--quick] [--json FILE] [--markdown FILE] [--build FOLDER]\n")
   os.exit(2)
end

--- The command line as a table.
local function options_of(words)
   local takes_value = { only = true, runs = true, json = true, markdown = true, build = true }
   local options = { scale = 1, build = root .. "/build" }
   local i = 1
   while words[i] do
      local name = words[i]:match("^%-%-(%l+)$")
      if name == "quick" then
         options.scale = 0.1
      elseif name and takes_value[name] and words[i + 1] then
         options[name] = words[i + 1]
         i = i + 1
      else
         usage("what is '" .. words[i] .. "'?")
      end
      i = i + 1
   end
   local runs = math.tointeger(tonumber(options.runs or (options.scale < 1 and 3 or 7)))
   if not runs or runs < 1 then
      usage("--runs takes a number")
   end
   options.runs = runs
   return options
end

--- Where a fresh Lua finds moonlink.
local function environment_of(options)
   return {
      ("LUA_PATH=%s/lua/?.lua;%s/lua/?/init.lua;;"):format(root, root),
      ("LUA_CPATH=%s/?.so;;"):format(options.build),
      driver = root .. "/bench/load.lua",
      figures = root .. "/bench/figures_load.lua",
      program = root .. "/bin/moonlink",
   }
end

--- The objects that cost a tool next to nothing: what its process alone takes.
local function trivial_list()
   local folder = shell.cached("trivial", "1", function(folder, final)
      shell.write(folder .. "/root.c", "unsigned root(unsigned n) { return n; }\n")
      shell.run("cd " .. shell.quote(folder) .. " && gcc -O1 -fPIC -c -o root.o root.c")
      shell.write(folder .. "/root.list", final .. "/root.o\n")
   end)
   return folder .. "/root.list"
end

local function is_wanted(only, work, id)
   return not only or only == work or only == id
end

--- All cases that were asked for, measured and printed one by one.
local function measure_all(options)
   local built, environment, trivial = tools.build(), environment_of(options), trivial_list()
   local results = {}
   for _, work in ipairs(WORKS) do
      local is_asked = not options.only or options.only:sub(1, #work[1]) == work[1]
      for _, case in ipairs(is_asked and work[2](options.scale) or {}) do
         if case.missing then
            io.write(case.title, ": ", case.missing, "\n\n")
         elseif is_wanted(options.only, work[1], case.id) then
            case.trivial = trivial
            local contestants = peers.contestants(case, built, environment)
            local rows = harness.measure(case, contestants, options.runs)
            results[#results + 1] = { case = case, rows = rows }
            io.write(report.text(case, rows), "\n")
         end
      end
   end
   return results
end

--- The works with several figures each.
local function measure_many(options)
   local results, tables = {}, {}
   local built, environment = tools.build(), environment_of(options)
   for _, work in ipairs(MANY) do
      local is_asked = not options.only or options.only:sub(1, #work[1]) == work[1]
      for _, case in ipairs(is_asked and work[2](options.scale, built, environment) or {}) do
         if is_wanted(options.only, work[1], case.id) then
            local rows = figures.measure(case, options.runs)
            results[#results + 1] = { case = case, rows = rows }
            tables[#tables + 1] = figures.markdown(case, rows)
            io.write(figures.text(case, rows), "\n")
         end
      end
   end
   return results, tables
end

--- The calls are measured by a script of their own; its text is printed, its data handed on.
local function measure_calls(options)
   local script = root .. "/bench/calls.lua"
   if not is_wanted(options.only, "calls") or not shell.read(script) then
      return nil
   end
   local file = os.tmpname()
   local words = { "env", environment_of(options), "lua5.4", script, "--json", file }
   local _, text = shell.try(shell.line(words) .. " 2>&1")
   local json = shell.read(file)
   os.remove(file)
   io.write("calls:\n", text, "\n")
   return { text = text, json = json }
end

--- The results as plain data.
local function as_data(results, figured, calls, facts, options)
   local json = require "dkjson"
   local cases = {}
   for i, result in ipairs(figured) do
      figured[i] = { id = result.case.id, title = result.case.title, rows = result.rows }
   end
   for i, result in ipairs(results) do
      cases[i] = {
         id = result.case.id, title = result.case.title, rows = result.rows,
         measured_until = result.case.called and "called" or "callable",
      }
   end
   return json.encode({
      machine = facts, runs = options.runs, scale = options.scale, cases = cases,
      figures = figured,
      calls = calls and calls.json and json.decode(calls.json) or nil,
   }, {
      indent = true,
      keyorder = {
         "machine", "runs", "scale", "cases", "id", "title", "name", "ms", "median", "min", "max",
      },
   })
end

local function main()
   local options = options_of(arg)
   local facts = machine.describe()
   local line = machine.line(facts)
   io.stdout:setvbuf("line")
   io.write(line, "\n", options.runs, " runs each, interleaved, each in a fresh process; times ",
      "from open to callable\n\n")
   local results = measure_all(options)
   io.write(report.growth(results), "\n")
   local figured, tables = measure_many(options)
   local calls = measure_calls(options)
   if options.json then
      shell.write(options.json, as_data(results, figured, calls, facts, options) .. "\n")
   end
   if options.markdown then
      local text = report.markdown(results, line, options.runs) .. "\n"
         .. table.concat(tables, "\n")
      if calls then
         text = text .. "\n```\n" .. calls.text .. "```\n"
      end
      shell.write(options.markdown, text)
   end
end

main()
