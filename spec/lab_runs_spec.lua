--- The laboratory's runs: what is counted beside time, strategies that end, and Ctrl-C.
-- SPDX-License-Identifier: MIT

local experiments = require "spec.support.experiments"
local lab = require "moonlink.lab"
local report = require "moonlink.lab.report"
local shell = require "moonlink.lab.shell"
local support = require "spec.support"
local syscalls = require "moonlink.lab.syscalls"

local dir = support.tmpdir()

local function source(name, text)
   return support.write(("%s/%s"):format(dir, name), text)
end

local C = source("c.c", "int vc = 5; int c(int x) { return x + vc; }")
local C2 = source("c2.c", "int vc = 5; int c(int x) { return x + vc + 100; }")
local TOP = source("top.c", "int c(int); int top(int x) { return c(x) + 1; }")

local function chain()
   return {name = "chain", sources = {TOP, C}, edit = {from = C, to = C2}}
end

local CALL = {"int top(int)", 1, expect = 7}

describe("lab: peers", function()
   it("load, call, take an edit and unload, where they are installed #slow", function()
      local cases = experiments.cases {
         inputs = {chain()}, strategies = {"libtcc", "orc", "jitlink"}, call = CALL,
         call_edited = {"int top(int)", 1, expect = 107}, rounds = 2,
      }
      for id, case in pairs(cases) do
         if case.refused then
            assert.matches("not installed", case.refused.why, 1, true)
            assert.matches("install", case.refused.report, 1, true)
         else
            local sample = experiments.sample(case)
            assert.is_true(sample.reload_ms > 0 and sample.unload_ms > 0, id)
         end
      end
   end)

   it("say what JITLink cannot resolve #slow", function()
      local lost = source("lost.c", "int nowhere_at_all(void); int lost(void) "
         .. "{ return nowhere_at_all(); }")
      local cases = experiments.cases {
         inputs = {{name = "lost", sources = {lost}}}, strategies = {"jitlink"},
         call = {"int lost(void)"},
      }
      local refused = cases.jitlink.refused
      if not refused.why:find("not installed", 1, true) then
         assert.matches("nowhere_at_all", refused.report, 1, true)
      end
   end)
end)

describe("lab: setup", function()
   local function counted(setup)
      return lab.strategy {base = "direct", name = "counted", setup = setup}
   end

   it("is called once for all runs, which have what it gave", function()
      local log = dir .. "/log"
      local one = counted(function(run)
         assert(io.open(log, "a")):write "x"
         return {file = shell.write(run.folder .. "/tool", "a tool")}
      end)
      local cases = experiments.cases({
         inputs = {chain()}, strategies = {one, lab.with(one, {relax = false})},
         work = function(_, run)
            return {bytes = shell.size(run.setup.file)}
         end,
      }, {runs = 2, warmup = 1})
      for _, case in pairs(cases) do
         assert.equal(6, experiments.sample(case, 2).bytes)
      end
      assert.equal("x", support.read(log))
   end)

   it("may refuse, and when it raises there is no run", function()
      local cases = experiments.cases {inputs = {chain()}, strategies = {
         counted(function(run) run:refuse "no tool" end),
         lab.strategy {base = "direct", name = "raises", setup = function() error "no luck" end},
      }}
      assert.equal("no tool", cases.counted.refused.why)
      assert.matches("no luck", cases.raises.failures[1].text, 1, true)
      assert.same({}, cases.raises.samples)
   end)
end)

describe("lab: what users write", function()
   local function refused(fields)
      local spec = {name = "t", inputs = {chain()}, strategies = {"direct"}}
      for key, value in pairs(fields) do
         spec[key] = value
      end
      return support.refused(lab.experiment, spec)
   end

   it("is checked before anything runs", function()
      for text, fields in pairs {
         ["there are no inputs"] = {inputs = {}},
         ["inputs: an array expected"] = {inputs = {[2] = "x"}},
         ["strategies[1]: a string or a table expected, got number"] = {strategies = {1}},
         ["objects[1]: a string expected, got number"] = {inputs = {{name = "x", objects = {3}}}},
         ["packages[1]: a table expected"] = {inputs = {{name = "x", packages = {"y"}}}},
         ["'timeout': more than 0 seconds"] = {timeout = 0 / 0},
         ["'memory': an integer from 1"] = {memory = 0.5},
         ["call: a prototype and its arguments"] = {call = {1}},
         ["call: n is a number of arguments"] = {call = {"int f(void)", n = "x"}},
         ["metrics[1]: field 'key': string expected"] = {metrics = {{}}},
         ["metrics[1]: better is"] = {metrics = {{key = "x", better = "most"}}},
         ["unknown field 'run'"] = {run = 3},
      } do
         assert.matches(text, refused(fields), 1, true)
      end
   end)

   it("about a run is checked, too", function()
      local e = lab.experiment {name = "t", inputs = {chain()}, strategies = {"direct"}}
      for text, options in pairs {
         ["'runs': an integer from 1"] = {runs = 0}, ["'runs': number expected"] = {runs = "x"},
         ["only: malformed pattern"] = {only = "["}, ["unknown field 'rums'"] = {rums = 3},
         ["'progress': function expected"] = {progress = 3},
         ["resume: a result expected"] = {resume = {}},
      } do
         assert.matches(text, support.refused(e.run, e, options), 1, true)
      end
   end)

   it("as a function that makes an input must give a table", function()
      local e = lab.experiment {name = "t", strategies = {"direct"},
         inputs = {{name = "m", make = function() return "x.o" end}}}
      assert.matches("input 'm': make gave a string, not a table", support.refused(e.run, e), 1,
         true)
   end)
end)

describe("lab: functions of users", function()
   local function of(fields)
      fields.name = "own"
      fields.load = fields.load or function() return 1 end
      fields.bind = fields.bind or function() return function() end end
      return fields
   end

   --- What comes of a strategy that takes the input but for what it is made of here.
   local function case_of(fields, more)
      local spec = {inputs = {chain()}, strategies = {of(fields)}, call = {"int top(int)", 1}}
      for key, value in pairs(more or {}) do
         spec[key] = value
      end
      local cases, result = experiments.cases(spec)
      assert.same(result.cases[1], assert(report.parse(report.json(result))).cases[1])
      return cases.own
   end

   local function failure_of(...)
      local case = case_of(...)
      assert.is_nil(case.refused)
      assert.equal(1, #case.failures)
      return case.failures[1].text
   end

   it("may raise, each of them, and anything", function()
      for _, name in ipairs {"setup", "begin", "prepare", "load", "bind", "reload", "unload",
         "numbers"} do
         assert.matches("no luck", failure_of {[name] = function() error "no luck" end}, 1, true)
         failure_of {[name] = function() error {} end}
         failure_of {[name] = function() error() end}
      end
   end)

   it("may end their process, and close what is not theirs", function()
      local close = require "moonlink".new {scope = {"process"}}:func "int close(int)"
      assert.matches("status 3", failure_of {load = function() os.exit(3) end}, 1, true)
      assert.matches("SIGKILL", failure_of {load = function() os.execute "kill -9 $PPID" end}, 1,
         true)
      assert.matches("results were lost", failure_of {load = function()
         for i = 0, 100 do
            close(i)
         end
      end}, 1, true)
   end)

   it("must give named numbers", function()
      local function work_of(value)
         return failure_of({}, {work = function() return value end})
      end
      assert.matches("'work' gave a string, not a table", work_of "x", 1, true)
      assert.matches("names for its numbers are wanted, not 1", work_of {7}, 1, true)
      assert.matches("'x' is a string, not a number", work_of {x = "y"}, 1, true)
      assert.matches("'x' is a table, not a number", work_of {x = {}}, 1, true)
      assert.matches("'stages': 'a' is a boolean", work_of {stages = {a = true}}, 1, true)
      assert.matches("calls[1]: { from =, to =, calls = }", work_of {calls = {{from = 1}}}, 1, true)
      assert.matches("'notes' are texts by name", work_of {notes = {a = 1}}, 1, true)
      assert.matches("'numbers' of the strategy gave a number",
         failure_of {numbers = function() return 3 end}, 1, true)
      assert.matches("'bind' of the strategy gave string, not a function",
         failure_of {bind = function() return "f" end}, 1, true)
   end)

   it("may give texts beside them, which are kept", function()
      local cases, result = experiments.cases({
         inputs = {chain()}, strategies = {of {}},
         work = function() return {a = 1, notes = {seen = "two files"}} end,
      }, {runs = 1, warmup = 0})
      assert.equal("two files", experiments.sample(cases.own, 1).notes.seen)
      local again = assert(report.parse(report.json(result)))
      assert.equal("two files", again.cases[1].samples[1].notes.seen)
      assert.is_nil(report.text(result):find("two files", 1, true))
   end)

   it("may give numbers that no chart can draw", function()
      local cases, result = experiments.cases({
         inputs = {chain()}, strategies = {of {}},
         work = function() return {a = 0 / 0, b = 1 / 0, c = -1 / 0, d = 1e308} end,
      }, {runs = 3, warmup = 0})
      experiments.sample(cases.own, 3)
      report.text(result)
      local page = report.html(result)
      assert.is_nil(page:find("nan", 1, true) or page:find('"[+-]?inf'))
   end)

   it("may refuse without a reason, or with one that is no text", function()
      assert.equal("no reason is given",
         case_of {load = function(_, run) run:refuse() end}.refused.why)
      assert.same({why = "12", report = "12"},
         case_of {load = function(_, run) run:refuse(12) end}.refused)
      assert.equal("no reason is given",
         case_of {load = function() error {refused = true} end}.refused.why)
   end)
end)

describe("lab: system calls", function()
   it("are counted by stage, and by name", function()
      local stages = syscalls.count(table.concat({
         '10 openat(AT_FDCWD, "/x", O_RDONLY) = 3',
         '10 openat(AT_FDCWD, "/moonlink.lab.mark/prepare", O_RDONLY) = -1 ENOENT (No such file)',
         "10 vfork( <unfinished ...>", "11 execve(\"/bin/sh\", [\"sh\"], 0x1 /* 3 vars */) = 0",
         "10 <... vfork resumed>) = 11", "11 +++ exited with 0 +++", "10 read(3, \"\"..., 0) = 0",
         "10 read(3, \"read(\"..., 0) = 0",
         '10 openat(AT_FDCWD, "/moonlink.lab.mark/load", O_RDONLY) = -1 ENOENT (No such file)',
         '10 openat(AT_FDCWD, "/moonlink.lab.mark/end", O_RDONLY) = -1 ENOENT (No such file)',
         "10 kill(12, SIGINT) = 0",
      }, "\n"))
      assert.same({
         {stage = "prepare", calls = 4, top = {{name = "read", calls = 2},
            {name = "execve", calls = 1}, {name = "vfork", calls = 1}}},
         {stage = "load", calls = 0, top = {}},
      }, stages)
   end)

   --- The strategy opens `n` files that do not exist, as it loads.
   local function opener(n)
      return lab.strategy {
         name = "opens " .. n,
         prepare = function(_, run)
            run:command {"true"}
            collectgarbage "stop" -- no memory is asked of the system or given back meanwhile
            return ("x"):rep(100000) and nil
         end,
         load = function()
            for i = 1, n do
               io.open("/no/such/file" .. i)
            end
         end,
         bind = function() return function() end end,
      }
   end

   it("are those that the strategy makes, in a run of its own #layout", function()
      -- (valgrind would have its own counted, too)
      local cases, result = experiments.cases({
         inputs = {chain()}, strategies = {opener(0), opener(40)}, system_calls = true,
         call = {"int top(int)"},
      }, {runs = 2, warmup = 0})
      local case = cases["opens 40"]
      if case.not_counted then -- not installed, or forbidden where this runs
         assert.equal(2, #case.samples)
         assert.matches("not counted: " .. case.not_counted, report.text(result), 1, true)
         return
      end
      local sample = case.samples[3]
      assert.same({3, 2}, {#case.samples, case.samples[2].run})
      assert.is_nil(sample.load_ms)
      -- (a sanitizer's allocator asks the system for memory when it likes: calls are told by name)
      local function opened(name)
         local stage = cases[name].system_calls[2]
         assert.equal("load", stage.stage)
         assert.equal(stage.calls, cases[name].samples[3].load_system_calls)
         for _, one in ipairs(stage.top) do
            if one.name == "openat" then
               return one.calls
            end
         end
         return 0
      end
      assert.same({0, 40}, {opened "opens 0", opened "opens 40"})
      assert.is_number(sample.first_call_system_calls)
      if not support.sanitized() then -- its allocator asks between the stages, too
         assert.equal(sample.system_calls,
            sample.prepare_system_calls + sample.load_system_calls)
      end
      local by_name = {}
      for _, one in ipairs(case.system_calls[1].top) do -- prepare, with the processes it started
         by_name[one.name] = one.calls
      end
      assert.equal("prepare", case.system_calls[1].stage)
      assert.is_true(by_name.mmap > 0)
      local text = report.text(result)
      assert.matches("system calls of load", text, 1, true)
      assert.matches("load %d+ %(openat 40", text)
      assert.matches("load %d+ %(openat 40", report.html(result))
      local again = assert(report.parse(report.json(result)))
      assert.same(case.system_calls, again.cases[2].system_calls)
   end)

   it("are not counted without strace, and the result says so", function()
      local bare = support.write(dir .. "/bare.lua", ([[
         package.path, package.cpath = %q, %q
         local result = require "moonlink.lab".experiment {
            name = "bare", inputs = {...}, strategies = {"direct"}, timeout = 600,
            system_calls = true,
         }:run {runs = 1, warmup = 0}
         print(#result.cases[1].samples, result.cases[1].not_counted)
      ]]):format(package.path, package.cpath))
      local bin = dir .. "/bin"
      support.stdout("mkdir %s && cd %s && for i in mktemp mkdir rm cc sh; "
         .. "do ln -s $(command -v $i) .; done", bin, bin)
      support.stdout("cc -c -o %s/c.o %s", dir, C)
      local interpreter = support.stdout("command -v %s", support.interpreter)
      assert.equal("1\tstrace is not installed",
         support.stdout("PATH=%s %s %s %s/c.o", bin, interpreter, bare, dir))
   end)
end)

describe("lab: strategies that link at the first call", function()
   it("link what destructors call before they unload, and run all of them", function()
      local log = dir .. "/ended"
      local say = source("say.c", ([[
         #include <stdio.h>
         void say(const char *what, int x)
         {
            FILE *file = fopen("%s", "a");
            fprintf(file, "%%s %%d\n", what, x);
            fclose(file);
         }
      ]]):format(log))
      local top = source("ends.c", [[
         #include <stdlib.h>
         void say(const char *, int);
         int late(int);
         int other(int);
         static void at_exit(void) { say("exit", late(2)); }
         __attribute__((destructor)) static void end(void) { say("end", late(1)); }
         int ends(int x) { atexit(at_exit); return other(x); }
      ]])
      local late = source("late.c", [[
         void say(const char *, int);
         int later(int);
         int late(int x) { return later(x) + 1; }
         __attribute__((destructor)) static void end(void) { say("late", 0); }
      ]])
      local later = source("later.c", "int base; int later(int x) { return base + x * 10; }")
      local other = source("other.c", "extern int base; int other(int x) { base = 100; return x; }")
      local unused = source("unused.c", "int unused(void) { return 0; }")
      for _, name in ipairs {"direct-lazy", "profile-guided"} do
         os.remove(log)
         local cases = experiments.cases {
            inputs = {{name = "ends", sources = {top, late, later, other, say, unused}}},
            strategies = {name}, call = {"int ends(int)", 4, expect = 4},
            work = function(loaded) return {objects = #loaded.raw.order} end,
         }
         local sample = experiments.sample(cases[name])
         assert.equal(3, sample.objects) -- ends, other, and later for its variable
         assert.is_true(sample.unload_ms > 0)
         local lines = support.read(log)
         for _, line in ipairs {"end 111\n", "exit 121\n", "late 0\n"} do
            assert.matches(line, lines, 1, true)
         end
      end
   end)

   it("unload although a destructor wants what is nowhere", function()
      local path = source("wants.c", [[
         int nowhere_at_all(void);
         int helper(void);
         __attribute__((destructor)) static void end(void) { helper(); }
         int wants(void) { return 1; }
      ]])
      local helper = source("helper.c", "int nowhere_at_all(void); int helper(void) "
         .. "{ return nowhere_at_all(); }")
      local cases = experiments.cases {
         inputs = {{name = "wants", sources = {path, helper}}}, strategies = {"direct-lazy"},
         call = {"int wants(void)", expect = 1}, rounds = 2,
      }
      assert.is_true(experiments.sample(cases["direct-lazy"]).unload_ms > 0)
   end)

   it("give back what rounds of loading take", function()
      local cases = experiments.cases {
         inputs = {chain()}, strategies = {"direct-lazy"}, call = CALL, rounds = 100,
      }
      local sample = experiments.sample(cases["direct-lazy"])
      assert.is_true(sample.rounds_left_mappings < 50) -- a round that kept its units has three
   end)
end)
