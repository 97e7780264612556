--- The interactive session: through a pipe, and through a pseudo-terminal that script(1) makes.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local pkg = require "moonlink.pkg"
local support = require "spec.support"
local words = require "moonlink.repl.words"

local dir = support.tmpdir()
local program = support.moonlink()

--- Runs a session over lines of a script, in the specs' folder: status, output, errors.
local function session(lines, options, environment)
   support.write(dir .. "/input", table.concat(lines, "\n") .. "\n")
   return support.exit("cd %s && HOME=%s %s %s repl %s <input", dir, dir, environment or "",
      program, options or "")
end

--- The output of one in which nothing fails.
local function output(lines, options, environment)
   local status, out, err = session(lines, options, environment)
   assert.same({0, ""}, {status, err})
   return out
end

--- What a session says of the last line, which fails.
local function complaint(lines, options)
   local status, out, err = session(lines, options, support.crashes)
   assert.equal(1, status)
   return err, out
end

--- A terminal with a program in it: keys go in, and one waits for what comes out.
---@class spec.Terminal
local terminal = {}
terminal.__index = terminal

local PATIENCE = 300 -- seconds for a machine that has much to do; nothing waits so long otherwise

local function open_terminal(options, environment)
   local log = support.tmpdir() .. "/log"
   support.write(log, "")
   -- Without `exec` a shell stands between, and dash ends by a Ctrl-C that its child survived.
   local command = ("cd %s && exec env HOME=%s %s %s repl %s"):format(dir, dir,
      environment or "TERM=xterm", program, options or "")
   local pipe = assert(io.popen(("script -qefc %s %s >/dev/null 2>&1"):format(
      support.quote(command), log), "w"))
   pipe:setvbuf "no"
   return setmetatable({log = log, pipe = pipe, seen = 1}, terminal)
end

function terminal:keys(text)
   self.pipe:write(text)
end

--- Waits until a text comes, behind what was waited for before.
function terminal:wait(text)
   local till = core.now() + PATIENCE
   repeat
      local all = support.read(self.log)
      local from, to = all:find(text, self.seen, true)
      if from then
         self.seen = to + 1
         return all
      end
      core.sleep(0.01)
   until core.now() > till
   error(("'%s' did not come; there was:\n%s"):format(text,
      support.read(self.log):sub(self.seen)), 2)
end

--- Waits for the prompt, types a line, waits for what it says.
function terminal:line(text, said)
   self:wait "moonlink> "
   self:keys(text .. "\n")
   if said then
      self:wait(said)
   end
end

--- The status of the program, which was told to end.
function terminal:close()
   local _, _, status = self.pipe:close()
   return status
end

local SOURCE = [[
   int counter = 3;
   static int calls;
   int add(int a, int b) { calls++; return a + b; }
   int count(void) { return calls; }
   unsigned long all(void) { return ~0ul; }
   void *none(void) { return 0; }
   void *self(void *p) { return p; }
   const char *echo(const char *s) { return s; }
   double half(double x) { return x / 2; }
   void nothing(void) {}
   void crash(void) { *(volatile int *)16 = 1; }
]]

setup(function()
   support.cc(dir .. "/f.o", SOURCE)
   support.cc(dir .. "/two.o", "extern int add(int, int); int two(void) { return add(1, 1); }")
   support.cc(dir .. "/alone.o", "int alone(void) { return 7; }")
end)

describe("words of a command", function()
   it("are what a shell would make of them", function()
      assert.same({"a.o", "b c.o", "d'e", ""}, words.split [[  a.o 'b c.o' d\'e ""  ]])
      assert.same({"xy z"}, words.split [[x"y z"]])
      local home = os.getenv "HOME"
      assert.same({home and home .. "/a.o" or "~/a.o", "b~/c"}, words.split "~/a.o b~/c")
      assert.same({}, words.split "  ")
      local none, why = words.split "a 'b"
      assert.same({nil, "a quote (') is never closed"}, {none, why})
   end)
end)

describe("moonlink repl with a script", function()
   it("declares, calls, and prints results as their C type says", function()
      assert.equal([[5
5
18446744073709551615
NULL
0x1000
"a \"b\"\n"
1.5
]], output({":cdef int add(int, int); unsigned long all(void); void *none(void);"
         .. " void *self(void *); const char *echo(const char *); double half(double);"
         .. " void nothing(void);", "add(2, 3)", "add(2, 3);", "all()", "none()",
         "self(4096)", [[echo 'a "b"\n']], "half(3)", "nothing()"}, "f.o")
         :gsub("[^\n]*: at [^\n]*\n", ""))
   end)

   it("says what a declaration found", function()
      local out = output({"int add(int, int)", "int later(void)"}, "f.o")
      assert.matches("^int add%(int, int%): at 0x%x+, %d+ bytes, in f%.o\n"
         .. "int later%(void%): nothing that is loaded defines it\n$", out)
   end)

   it("reads and writes variables of C by name", function()
      assert.equal("3\n41\n", output({"extern int counter;", "counter", "counter = 41", "counter"},
         "f.o"):match "\n(.*)")
   end)

   it("lets a prototype be corrected", function()
      local out = output({"long add(int)", "int add(int, int)", "add(1, 2)", ":type add",
         ":type add(1, 2)"}, "f.o")
      assert.matches("\n3\nint add%(int, int%): [^\n]*\nadd%(1, 2%): int\n$", out)
   end)

   it("takes everything else for Lua, over several lines", function()
      assert.equal('4\n{1, {2.0}, a = "x"}\ntrue  nil\n{1, {2.0}, a = "x"}\n3\n', output {
         "function f(a)", "   return a + 1", "end", "f(3)", "x = {1, {2.0}, a = 'x'}", "x",
         "x[1] == 1, nil", "x", "1 +", "2"})
   end)

   it("reads a struct over several lines, and knows it", function()
      assert.equal("12\nwhole: unsigned long\n", output {"typedef struct {", "   int a, b;",
         "} pair;", "#define SIZE (8 + 4)", "SIZE", "typedef unsigned long whole;", ":type whole"})
   end)

   it("prints tables as long as they are short", function()
      local out = output {"t = {}", "t.t = t", "t", "x = {[true] = 1, ['a b'] = {}, [1.5] = 2}",
         "x", "for i = 1, 1e5 do t[i] = i end", "t", "package"}
      local begin = '{t = {t = {t = {...}}}}\n{[1.5] = 2, ["a b"] = {}, [true] = 1}\n{1, 2, '
      assert.equal(begin, out:sub(1, #begin))
      for line in out:gmatch "[^\n]+" do
         assert.is_true(#line < 10000)
      end
   end)

   it("keeps the last value in _", function()
      assert.equal("5\n50\n", output {"2 + 3", "_ * 10"})
   end)

   it("goes on after every error, and says so in its status", function()
      local bad = {")", "nope()", "error({})", "error(nil)", "1 1", "int 3x;", "#define X 'a",
         ":nonsense",
         ":load", ":load absent.o", ":load f.c:", ":unload absent.o", ":unload!x", ":why", ":type",
         ":type +", ":type nope", ":set zone sideways", ":set nothing 1", ":set timeout -1",
         ":map x", ":package p", ":load 'x", ":reload x", ":reload", "x.y.z", ":try error 'x'",
         ":cdef", ":", ":show [", ":!exit 3", "int(", "struct {", "/*", "\0", "\27[A", "\255"}
      local lines = {}
      for i, line in ipairs(bad) do
         lines[2 * i - 1], lines[2 * i] = line, ("io.stderr:write '<%d>\\n'"):format(i)
      end
      local err = complaint(lines)
      local from = 1
      for i, line in ipairs(bad) do
         local at, to = err:find(("<%d>"):format(i), from, true)
         if not line:find "[({*]$" then -- those that go on have taken what follows, too
            assert.truthy(at, line)
            assert.not_equal(from, at, line)
         end
         from = to and to + 2 or from
      end
   end)

   it("says what to do about a function without a prototype", function()
      assert.equal("'add' is there, but not declared\n"
         .. "  hint: type its prototype, as in: int add(int);\n", (complaint({"add(1)"}, "f.o")))
      assert.matches("hint: type its prototype, as in: int add(int);",
         complaint({":try add(1)"}, "f.o"), 1, true)
      assert.equal("input:1: attempt to call a nil value (global 'nope')\n",
         (complaint {"nope()"}))
      assert.equal("the input ends in the middle of something\n", (complaint {"f("}))
   end)

   it("runs the example", function()
      local status, out, err = support.exit("cd examples/session && %s repl <input.txt", program)
      assert.same({0, ""}, {status, err})
      assert.matches('^loaded counter.c: %d+ bytes\n3\n13\n"many"\nint max_step: at [^\n]*\n'
         .. "10\n63\n1: 64\n2: 66\n3: 69\nreloaded counter.c: version 2, 2 variables kept\n69\n"
         .. "nil  cannot read 4 bytes at 0x45: [^\n]*\n'step': ", out)
      assert.matches("\n  provided by counter.c at 0x%x+\n", out)
   end)

   it("gives what stands behind a line to C code that reads", function()
      assert.equal("82\n5\n", output {"int getchar(void)", "getchar()", "R2 + 3"}:match "\n(.*)")
   end)
end)

describe("moonlink repl loads", function()
   it("in the place of what was loaded, or beside it", function()
      local out = output {":load f.o", ":add two.o", ":cdef int two(void);", "two()",
         ":load alone.o", ":show", ":unload", ":show"}
      assert.matches("\n2\nloaded alone%.o: %d+ bytes\nname[^\n]*\nalone%.o[^\n]*\n"
         .. "nothing is loaded\n$", out)
   end)

   it("and keeps what is loaded when the new files do not load", function()
      local err, out = complaint({":load two.o", ":load absent.o", ":show"}, "f.o")
      assert.matches("undefined 'add'.*absent%.o: cannot open", err)
      assert.matches("\nf%.o +1 ", out)
   end)

   it("and refuses to unload what somebody uses", function()
      local err, out = complaint({"int add(int, int)", "mine = add", ":unload f.o", "add(1, 2)",
         ":unload! f.o", ":show", "mine(1, 2)"}, "f.o")
      assert.matches("unload of 'f%.o' refused: Lua has 1 function of it %(add%)", err)
      assert.matches("add: f%.o was unloaded\n$", err)
      assert.matches("\n3\nnothing is loaded\n$", out)
   end)

   it("sources: compiles them, knows their functions, keeps variables over a reload", function()
      local temporary = support.tmpdir()
      local path = support.write(dir .. "/inc.c", [[
         static int n;
         int inc(void) { return ++n; }
         const char *name(int i) { return i ? "one" : "none"; }
      ]])
      assert.equal('1\n2\n"one"\nreloaded inc.c: version 2, 1 variable kept\n3000\n', output({
         ":load inc.c", "inc()", "inc()", "name(1)",
         ":!sed -i 's/return ++n/return ++n * 1000/' " .. path, ":reload", "inc()",
      }, nil, "TMPDIR=" .. temporary):match "\n(.*)")
      assert.equal("", support.stdout("ls %s", temporary))
   end)

   it("and keeps the old version when the new one does not compile", function()
      support.write(dir .. "/bad.c", "int val(void) { return 1; }\n")
      local err, out = complaint {":load bad.c", ":!echo 'int broken(' >> bad.c", ":reload",
         "val()", ":load bad.c", "val()"}
      assert.matches("^bad%.c does not compile\n  hint: [^\n]*\nbad%.c:2:1: error: ", err)
      assert.matches("\n1\n1\n$", out)
   end)

   it("but asks no compiler about what is not there", function()
      assert.equal("none.c: cannot read: No such file or directory\n",
         (complaint {":load none.c"}))
   end)

   it("again what failed, once it is mended", function()
      support.write(dir .. "/late.c", "int late(void) { return")
      local err, out = complaint({":reload", ":!echo ' 5; }' >> late.c", ":reload", "late()"},
         "late.c")
      assert.matches("^late%.c does not compile\n.*\nlate%.c does not compile\n", err)
      assert.matches("^loaded late%.c: %d+ bytes\n5\n$", out)
   end)

   it("libraries out of folders that are named", function()
      support.sh("mkdir -p %s/lib && ar rcs %s/lib/libalone.a %s/alone.o", dir, dir, dir)
      assert.equal("7\n", output {":load --whole-archive -Llib -lalone", "int alone(void)",
         "alone()"}:match "\n(%d+\n)$")
   end)

   it("C++ by its own compiler", function()
      support.write(dir .. "/x.cpp", 'extern "C" int x(void) { return new int[2] != nullptr; }\n')
      assert.equal("1\n", output({":load x.cpp -lstdc++", "int x(void)", "x()"}):match "(%d+\n)$")
   end)

   it("packages with what is below them", function()
      local db = support.tmpdir() .. "/db"
      assert(pkg.init(db))
      local change <close> = assert(pkg.change(db))
      for id, source in pairs {
         ["low-1.0"] = "int low(void) { return 20; }",
         ["high-1.0"] = "extern int low(void); int high(void) { return low() + 1; }",
      } do
         support.sh("mkdir -p %s/%s", dir, id)
         support.cc(("%s/%s/o.o"):format(dir, id), source, "-fPIC")
         support.sh("cd %s/%s && ar rcs libHS%s.a o.o", dir, id, id)
         assert(change:put {
            name = id:match "^%a+", version = "1.0", id = id, key = id, exposed = true,
            depends = id == "high-1.0" and {"low-1.0"} or {}, hs_libraries = {"HS" .. id},
            library_dirs = {("%s/%s"):format(dir, id)},
         })
      end
      assert(change:commit())
      local out = output({":packages", ":package high", "int high(void)", "high()", ":packages",
         ":unload high", ":show"}, "--package-db " .. db)
      assert.matches("loaded 2 packages: low%-1%.0, high%-1%.0\n", out)
      assert.matches("\n21\npackage +state +bytes +held by +database\n"
         .. "low%-1%.0 +loaded +%d+ +1 ", out)
      assert.matches("\nnothing is loaded\n$", out)
   end)
end)

describe("moonlink repl answers", function()
   it(":why, :map and :show", function()
      local out = output({":why add", ":why two two.o", ":map", ":show add", ":show names ^al",
         ":show users"}, "f.o")
      assert.matches("^'add': .-\n  provided by f%.o at 0x%x+\n", out)
      assert.matches("\n'two': .-\n  provided by two%.o ", out)
      assert.matches("\n0x%x+ +0x%x+ +add\n", out)
      assert.matches("\nadd +func +0x%x+ +%d+ +f%.o\nname[^\n]*\nall +func ", out)
   end)

   it(":try, without being hurt by a crash", function()
      local err, out = complaint({":cdef void crash(void); int add(int, int);",
         ":set timeout 300", ":try add(1, 2)", ":try crash()", "add(40, 2)"}, "f.o")
      assert.matches("^crash in crash%+0x%x+ %(f%.o%): SIGSEGV at address 0x10\n", err)
      assert.matches("\n3\n42\n$", out)
   end)

   it(":help for each command, and :set for each setting", function()
      local out = output {":help", ":help reload", ":help set", ":?"}
      for _, name in ipairs(require("moonlink.repl.commands").names()) do
         assert.truthy(out:find("\n  :" .. name .. " ", 1, true), name)
      end
      local manual = support.read "docs/cli.md"
      for _, name in ipairs(require("moonlink.repl.commands").names()) do
         assert.truthy(manual:find("`:" .. name, 1, true), name)
      end
      for _, name in ipairs(require("moonlink.repl.settings").names()) do
         assert.truthy(manual:find("`" .. name .. "`", 1, true), name)
         assert.truthy(out:find("\n  " .. name .. " ", 1, true), name)
      end
   end)

   it(":set, and loads follow", function()
      local out = output {":set zone low", ":set zone", ":load f.o", ":cdef int add(int, int);",
         ":set timing on", "1", ":quit", "2"}
      assert.matches("^zone +low\nloaded [^\n]*\nint add[^\n]* at 0x%x%x?%x?%x?%x?%x?%x?%x?,", out)
      assert.matches("\n1\n[%d.]+ ms\n[%d.]* ?m?s?\n?$", out)
   end)
end)

describe("completion", function()
   local complete = require "moonlink.repl.complete"
   local moonlink = require "moonlink"

   local function candidates(line, setup_lines)
      local ln <close> = moonlink.new()
      assert(ln:load(dir .. "/f.o"))
      for _, text in ipairs(setup_lines or {}) do
         ln:cdef(text)
      end
      local s = {ln = ln, env = {mine = {alpha = 1, alps = 2}, ln = ln}, loaded = {}}
      return complete.candidates(s, line), line:sub(complete.word(line))
   end

   it("knows commands, settings and their values", function()
      assert.same({":reload"}, (candidates ":re"))
      assert.same({":package", ":packages"}, (candidates ":pa"))
      assert.same({"zone"}, (candidates ":set zo"))
      assert.same({"low", "near"}, (candidates ":set zone "))
      assert.same({"off", "on"}, (candidates ":watch o"))
      assert.same({}, (candidates ":nonsense x"))
   end)

   it("knows files, with a slash behind folders", function()
      support.sh("mkdir -p %s/c/sub && touch %s/c/sun.o '%s/c/.hidden'", dir, dir, dir)
      assert.same({dir .. "/c/sub/", dir .. "/c/sun.o"}, (candidates(":load " .. dir .. "/c/")))
      assert.same({dir .. "/c/sub/"}, (candidates(":add x.o " .. dir .. "/c/sub")))
      assert.same({dir .. "/c/.hidden"}, (candidates(":why f " .. dir .. "/c/.h")))
   end)

   it("knows symbols, declarations, and fields of Lua's tables", function()
      local found, word = candidates "x = 2 * ad"
      assert.same({{"add"}, "ad"}, {found, word})
      assert.same({"later"}, (candidates("f(lat", {"int later(void);"})))
      assert.same({"mine.alpha", "mine.alps"}, (candidates "1 + mine.al"))
      assert.same({"string.format"}, (candidates "string.form"))
      assert.same({"add"}, (candidates ":type ad"))
      assert.same({"io.stdout:write"}, (candidates "io.stdout:wri"))
      assert.same({}, (candidates "a.b.c"))
   end)
end)

describe("moonlink repl on a terminal", function()
   it("edits, completes and remembers lines", function()
      local history = dir .. "/.moonlink_history"
      os.remove(history)
      local t = open_terminal "f.o"
      t:line(":cdef int add(int, int);", "in f.o")
      t:wait "moonlink> "
      t:keys "ad\t(2, 3\1x = \5)\n" -- to the begin and to the end of the line
      t:line("x", "5\r\n")
      t:wait "moonlink> "
      t:keys ":unl\tf.\t\n"
      t:line(":show", "nothing is loaded")
      t:line("\27[A\27[A\27[A\27[A\27[B", "5\r\n") -- back, and one forward: x
      t:wait "moonlink> "
      t:keys "\4"
      assert.equal(0, t:close() or 0)
      assert.equal(":cdef int add(int, int);\nx = add(2, 3)\nx\n:unload f.o \n:show\nx\n",
         support.read(history))
      t = open_terminal()
      t:line("\27[A\27[A", "nothing is loaded")
      t:line(":quit")
      t:close()
      os.remove(history)
   end)

   it("does so with libedit, too", function()
      local t = open_terminal("--no-history --watch f.o",
         'TERM=xterm LD_PRELOAD="$LD_PRELOAD libedit.so.2"')
      t:line(":cdef int add(int, int);", "in f.o")
      t:wait "moonlink> "
      t:keys "ad\t(2, 3)\n"
      t:wait "5\r\n"
      t:line("string.form\t == nil", "false\r\n")
      t:wait "moonlink> "
      t:keys "20 + "
      support.sh("cp %s/f.o %s/g.o && mv %s/g.o %s/f.o", dir, dir, dir, dir)
      t:wait "reloaded f.o: version 2"
      t:keys "4\n"
      t:wait "24\r\n"
      t:wait "moonlink> "
      t:keys "\3"
      t:line(":quit")
      assert.equal(0, t:close() or 0)
   end)

   it("is not ended by Ctrl-C, at the prompt or in a loop", function()
      local t = open_terminal "--no-history"
      t:wait "moonlink> "
      t:keys "1 + 1"
      t:wait "1 + 1"
      t:keys "\3"
      for _ = 1, 3 do
         t:line("io.write 'run' io.write 'ning' io.flush() while true do end", "running")
         t:keys "\3"
         t:wait "interrupted!"
      end
      t:line("6 * 7", "42\r\n")
      t:line(":quit")
      assert.equal(0, t:close() or 0)
   end)

   it("reloads a changed file while a line is being typed", function()
      support.write(dir .. "/w.c", "int val(void) { return 11; }\n")
      local t = open_terminal "--watch --no-history w.c"
      t:line("val()", "11\r\n")
      t:wait "moonlink> "
      t:keys "va"
      t:wait "va"
      support.write(dir .. "/w.c", "int val(void) { return 22; }\n")
      t:wait "reloaded w.c: version 2"
      t:wait "va"
      t:keys "l()\n"
      t:wait "22\r\n"
      support.write(dir .. "/w.new", "int val(void) { return 33; }\n")
      os.rename(dir .. "/w.new", dir .. "/w.c")
      t:wait "reloaded w.c: version 3"
      t:keys "val()\n"
      t:wait "33\r\n"
      t:keys "\4"
      t:close()
   end)

   it("reads plain lines on a dumb one", function()
      local t = open_terminal("--no-history f.o", "TERM=dumb")
      t:line("int add(int, int)", "in f.o")
      t:line("add(20, 3)", "23\r\n")
      t:line("io.write 'run' io.write 'ning' io.flush() while true do end", "running")
      t:keys "\3"
      t:wait "interrupted!"
      t:wait "moonlink> "
      t:keys "\4"
      assert.equal(0, t:close() or 0)
      assert.is_nil(support.read(t.log):find("\27", 1, true))
   end)
end)
