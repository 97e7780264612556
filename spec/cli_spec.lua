--- The command line, as a shell sees it: standard output, standard error, status.
-- SPDX-License-Identifier: MIT

local dkjson = require "dkjson"
local runner = require "spec.support.runner"
local support = require "spec.support"

local dir = support.tmpdir()
local here = support.stdout "pwd"
local build = support.build:sub(1, 1) == "/" and support.build or here .. "/" .. support.build
local program = support.moonlink()
local run, output, fails = runner.new(dir, program)

local FUNCTIONS = [[
   #include <stdint.h>
   #include <string.h>
   #include <stdio.h>
   int add(int a, int b) { return a + b; }
   unsigned long all(void) { return ~0ul; }
   int64_t least(void) { return INT64_MIN; }
   uint8_t byte(uint8_t x) { return x; }
   double twice(double x) { return 2 * x; }
   float third(float x) { return x / 3; }
   double tenth(void) { return 0.1; }
   _Bool flip(_Bool x) { return !x; }
   const char *echo(const char *s) { return s; }
   int length(const char *s) { return s ? (int)strlen(s) : -1; }
   char *upper(char *s) { for (char *p = s; *p; p++) *p &= ~32; return s; }
   void *pointer(void *p) { return p; }
   void nothing(void) {}
   void speak(void) { fputs("spoken\n", stdout); }
   int count(const char *fmt, ...);
   static char buffer[BUFSIZ];
   void buffered(void) { setvbuf(stdout, buffer, _IOFBF, sizeof buffer); puts("kept"); }
]]

local PROGRAM = [[
   #include <stdio.h>
   #include <stdlib.h>
   #include <string.h>
   static char buffer[BUFSIZ];
   static void at_exit(void) { printf("handler\n"); }
   __attribute__((constructor)) static void start(void) { printf("constructor\n"); }
   __attribute__((destructor)) static void end(void) { printf("destructor\n"); }
   int main(int argc, char **argv, char **envp)
   {
      setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
      atexit(at_exit);
      for (int i = 0; i < argc; i++)
         printf("[%s]", argv[i]);
      printf(" %d\n", argv[argc] == NULL);
      for (; *envp; envp++)
         if (strncmp(*envp, "MOONLINK_TEST=", 14) == 0)
            printf("%s\n", *envp);
      return argc > 1 ? atoi(argv[argc - 1]) : 0;
   }
   int other(int argc, char **argv) { printf("other %s\n", argv[0]); return argc; }
]]

setup(function()
   support.cc(dir .. "/f.o", FUNCTIONS)
   support.cc(dir .. "/miss.o", "extern int missing(void); int miss(void) { return missing(); }")
   support.cc(dir .. "/program.o", PROGRAM)
   support.cc(dir .. "/nomain.o", "int x;")
   support.cc(dir .. "/one.o", "int one(void) { return 1; } extern int two(void);"
      .. "int both(void) { return one() + two(); }")
   support.cc(dir .. "/two.o", "int two(void) { return 2; }")
   support.cc(dir .. "/three.o", "int three(void) { return 3; }")
   support.sh("cd %s && ar rc libtwo.a two.o three.o && mkdir sub && cp libtwo.a sub/libsub.a", dir)
end)

local commands = {"run", "call", "check", "inspect", "why", "map", "link", "symbolize", "repl"}

describe("moonlink", function()
   it("prints its help and its version", function()
      local help = output "--help"
      assert.equal(help, output "-h")
      for _, name in ipairs(commands) do
         assert.truthy(help:find("\n   " .. name .. " ", 1, true), name)
      end
      assert.matches("^moonlink %S+\n$", output "--version")
   end)

   for _, name in ipairs(commands) do
      it("prints the help of " .. name .. " with an example", function()
         local help = output("%s --help", name)
         assert.matches("^Usage: moonlink " .. name, help)
         assert.matches("Example:\n   moonlink " .. name, help)
         assert.equal(help, output("%s -h", name))
         for line in help:gmatch "[^\n]+" do
            assert.is_true(#line <= 80, line)
         end
      end)
   end

   it("has a manual that names every command and option", function()
      local manual = support.read "docs/cli.md"
      for _, name in ipairs(commands) do
         assert.truthy(manual:find("\n## " .. name .. "\n", 1, true), name)
         for option in output("%s --help", name):gmatch "\n +(%-[%w-]+)" do
            assert.truthy(manual:find("`" .. option:gsub("%p", "%%%0") .. "[ `]"), option)
         end
      end
   end)

   it("gives wrong usage the status 2", function()
      fails(2, "a command is wanted", "")
      fails(2, "unknown command 'frobnicate'", "frobnicate")
      fails(2, "unknown option '--frobnicate'", "--frobnicate")
      fails(2, "unknown option '--frobnicate'", "check --frobnicate f.o")
      fails(2, "missing argument 'FILE'", "check")
      fails(2, "missing argument 'SYMBOLFILE'", "symbolize")
      fails(2, "a file or a library is wanted", "check --whole-archive")
      fails(2, "'--dup' must be one of 'error', 'first', 'last'", "check --dup=maybe f.o")
      fails(2, "option '-L' requires an argument", "check f.o -L")
      fails(2, "option '-l' requires an argument", "check f.o -l")
      fails(2, "'wind' is no category of events", "check --trace=load,wind f.o")
      fails(2, "moonlink: option 'debug': 'wind' is none of its values", "check --debug wind f.o")
      fails(2, "'f(' is no pattern of Lua: unfinished", "check --keep 'f(' f.o")
      fails(2, "NAME=ADDRESS expected", "check --define x f.o")
      fails(2, "'0y1' is no address", "check --define x=0y1 f.o")
      assert.matches("Try 'moonlink check %-%-help'%.\n$", (fails(2, "", "check")))
   end)

   it("gives a failed load the status 1, with place and hint", function()
      local err = fails(1, "undefined 'missing'", "check miss.o")
      assert.truthy(err:find("miss.o .text+", 1, true), err)
      assert.truthy(err:find("\n  hint: ", 1, true), err)
      fails(1, "No such file", "check absent.o")
      fails(1, "is a folder", "check .")
      fails(1, "defined twice", "check two.o two.o")
   end)

   it("runs from anywhere, through links", function()
      support.sh("ln -s %s/bin/moonlink %s/direct && ln -s direct %s/indirect", here, dir, dir)
      for _, command in ipairs {"cd / && " .. dir .. "/direct", "cd " .. dir .. " && ./indirect",
         "PATH=" .. dir .. ":$PATH indirect", "cd " .. here .. " && bin/moonlink",
         "cd " .. here .. "/bin && ./moonlink", "cd " .. here .. "/bin && lua5.4 moonlink",
         "cd " .. here .. " && lua5.4 bin/moonlink"} do
         local status, out, err = support.exit(
            "export MOONLINK_BUILD=%s; %s call 'int add(int, int)' 2 3 -- %s/f.o", build,
            command, dir)
         assert.same({0, "5\n", ""}, {status, out, err})
      end
   end)

   it("runs from where it was installed", function()
      local prefix = support.tmpdir()
      support.sh("env -u MAKEFLAGS -u MAKELEVEL make -o all install BUILD=%s PREFIX=%s",
         support.build, prefix)
      local status, out, err = support.exit("cd / && %s/bin/moonlink call 'int add(int, int)'"
         .. " 2 3 -- %s/f.o", prefix, dir)
      assert.same({0, "5\n", ""}, {status, out, err})
   end)
end)

describe("moonlink call", function()
   local function result(prototype, ...)
      local words = {}
      for i, word in ipairs {...} do
         words[i] = support.quote(word)
      end
      return output("call %s %s -- f.o", support.quote(prototype), table.concat(words, " "))
   end

   it("prints the result alone", function()
      assert.equal("5\n", result("int add(int, int)", "2", "3"))
      assert.equal("", result "void nothing(void)")
      assert.equal("spoken\n", result "void speak(void)")
   end)

   it("reads integers in decimal and hexadecimal, and negative ones", function()
      assert.equal("-5\n", result("int add(int, int)", "-2", "-3"))
      assert.equal("258\n", result("int add(int, int)", "0x100", "+2"))
      assert.equal("-16\n", result("int add(int, int)", "-0x10", "0"))
      assert.equal("8\n", result("int add(int, int)", "010", "-2"))
      assert.equal("0xffffffffffffffff\n", result("void *pointer(void *)", "18446744073709551615"))
   end)

   it("writes integers in decimal, as their type says", function()
      assert.equal("18446744073709551615\n", result "unsigned long all(void)")
      assert.equal("-1\n", result "long all(void)")
      assert.equal("-9223372036854775808\n", result "long least(void)")
      assert.equal("9223372036854775808\n", result "unsigned long least(void)")
   end)

   it("writes floats in the fewest digits that give them back", function()
      assert.equal("0.1\n", result "double tenth(void)")
      assert.equal("0.2\n", result("double twice(double)", "0.1"))
      assert.equal("0.33333334\n", result("float third(float)", "1"))
      assert.equal("0.1\n", result("float third(float)", "0.3"))
      assert.equal("inf\n", result("double twice(double)", "inf"))
      assert.equal("-3\n", result("double twice(double)", "-1.5"))
      assert.equal("nan\n", result("double twice(double)", "nan"))
      assert.equal("8\n", result("double twice(double)", "0x1p2"))
   end)

   it("keeps texts that look like numbers, for pointers to char", function()
      assert.equal("42\n", result("const char *echo(const char *)", "42"))
      assert.equal("4\n", result("int length(const char *)", "0x10"))
      assert.equal("0\n", result("int length(const char *)", ""))
      assert.equal("-1\n", result("int length(const char *)", "NULL"))
      assert.equal("--x y\n", result("const char *echo(const char *)", "--x y"))
      assert.equal("MOON\n", result("char *upper(char *)", "moon"))
   end)

   it("reads and writes truth and NULL", function()
      assert.equal("false\n", result("_Bool flip(_Bool)", "true"))
      assert.equal("true\n", result("bool flip(bool)", "0"))
      assert.equal("NULL\n", result("const char *echo(const char *)", "nil"))
      assert.equal("NULL\n", result("void *pointer(void *)", "NULL"))
      assert.equal("0x1000\n", result("void *pointer(void *)", "4096"))
   end)

   it("passes variable arguments as they look", function()
      assert.equal("12\n", output([[call 'int snprintf(char *, size_t, const char *, ...)' NULL 0 ]]
         .. [['%ld %s %.2f' 7 seven 2.5 -- f.o]]))
   end)

   it("refuses values that do not fit their type, before it loads", function()
      local cases = {
         {"int add(int, int)", "2 x", "value 2: 'x' is no int"},
         {"int add(int, int)", "2 2147483648", "is no int"},
         {"int add(int, int)", "2 2.5", "is no int"},
         {"unsigned char byte(unsigned char)", "256", "is no unsigned char"},
         {"unsigned char byte(unsigned char)", "-1", "is no unsigned char"},
         {"unsigned long all(unsigned long)", "18446744073709551616", "is no unsigned long"},
         {"long all(long)", "9223372036854775808", "is no long"},
         {"_Bool flip(_Bool)", "maybe", "is no bool"},
         {"double twice(double)", "much", "is no double"},
         {"int add(int, int)", "2", "add takes 2 values, not 1"},
         {"int add(int, int)", "1 2 3", "add takes 2 values, not 3"},
         {"int count(const char *, ...)", "", "at least 1 value, not 0"},
      }
      for _, case in ipairs(cases) do
         fails(2, case[3], "call '%s' %s -- absent.o", case[1], case[2])
      end
   end)

   it("shows where a prototype is wrong", function()
      local err = fails(2, "expected", "call 'int add(int' 1 -- f.o")
      assert.truthy(err:find("\n  int add(int\n             ^\n", 1, true), err)
      fails(2, "by value", "call 'int add(struct s)' 1 -- f.o")
      fails(2, "behind '--'", "call 'int add(int, int)' 1 2")
      fails(2, "the prototype is missing", "call -- f.o")
      fails(2, "missing argument 'PROTOTYPE'", "call")
      fails(2, "missing argument 'FILE'", "call 'int add(int, int)' 1 2 --")
   end)

   it("takes options before the prototype and behind the files", function()
      assert.equal("3\n", output "call -L sub 'int both(void)' -- one.o -lsub")
      assert.equal("3\n", output "call 'int both(void)' -- one.o -L sub -lsub")
      assert.equal("3\n", output "call 'int both(void)' -- -Lsub one.o -l sub")
   end)

   it("fails when the function is not there, or a missing one is called", function()
      fails(1, "undefined 'absent'", "call 'int absent(void)' -- f.o")
      fails(1, "undefined symbol 'missing' was called",
         "call --undefined=stub 'int miss(void)' -- miss.o")
   end)

   it("reads an object from standard input", function()
      local status, out = support.exit("cd %s && cat f.o | %s call 'int add(int, int)' 2 3 -- -",
         dir, program)
      assert.same({0, "5\n"}, {status, out})
      fails(2, "only once", "check - -")
      fails(1, "(standard input): empty", "check -")
   end)

   it("survives a stream whose buffer lies in what was loaded", function()
      assert.equal("kept\n", result "void buffered(void)")
   end)
end)

describe("moonlink run", function()
   it("calls main with arguments and environment, and exits with its status", function()
      local status, out, err = support.exit(
         "cd %s && MOONLINK_TEST=yes %s run program.o -- a 'b c' -x --help 7", dir, program)
      assert.same({7, "", "constructor\n[program.o][a][b c][-x][--help][7] 1\n"
         .. "MOONLINK_TEST=yes\nhandler\ndestructor\n"}, {status, err, out})
   end)

   it("keeps the low eight bits of the status", function()
      assert.equal(44, (run "run program.o -- 300"))
      assert.equal(255, (run "run program.o -- -1"))
      assert.equal(0, (run "run program.o"))
   end)

   it("calls another function with --entry", function()
      local status, out = run "run --entry other program.o -- x"
      assert.equal(2, status)
      assert.equal("constructor\nother program.o\ndestructor\n", out)
   end)

   it("ends with what main returned, which handlers of exit see whole", function()
      support.cc(dir .. "/large.o", [[
         #include <stdio.h>
         #include <stdlib.h>
         static void end(int status, void *p) { printf("%d %s\n", status, (char *)p); }
         int main(int argc, char **argv) { on_exit(end, "end"); return argc == 1 ? 300 : -1; }
      ]])
      assert.same({300 & 0xff, "300 end\n", ""}, {run "run large.o"})
      assert.same({255, "-1 end\n", ""}, {run "run large.o -- x"})
   end)

   it("finds main in an archive", function()
      support.sh("cd %s && ar rc libprogram.a nomain.o program.o", dir)
      local status, out = run "run -L. -lprogram -- 3"
      assert.equal(3, status)
      assert.truthy(out:find("[-lprogram][3] 1", 1, true), out)
   end)

   it("never calls the main of the interpreter", function()
      fails(1, "'main'", "run nomain.o")
      fails(1, "'x' is no function", "run --entry x nomain.o")
      fails(2, "missing argument 'FILE'", "run -- x")
   end)

   it("lets the program exit by itself", function()
      support.cc(dir .. "/exit.o", "#include <stdlib.h>\n#include <stdio.h>\n"
         .. "int main(void) { printf(\"out\"); exit(9); }")
      local status, out = run "run exit.o"
      assert.same({9, "out"}, {status, out})
   end)

   it("leaves standard input to the program", function()
      support.cc(dir .. "/cat.o", "#include <stdio.h>\n"
         .. "int main(void) { int c; while ((c = getchar()) != EOF) putchar(c); return 0; }")
      local status, out = support.exit("cd %s && echo text | %s run cat.o", dir, program)
      assert.same({0, "text\n"}, {status, out})
   end)
end)

describe("moonlink check", function()
   it("says by its status whether a load would succeed, and runs nothing", function()
      assert.equal("", output "check program.o")
      fails(1, "undefined 'two'", "check one.o")
      assert.equal("", output "check one.o libtwo.a")
   end)

   it("prints one line of JSON with counts and milliseconds by stage", function()
      local text = output "check --stats one.o libtwo.a"
      assert.equal(1, select(2, text:gsub("\n", "")))
      local stats = assert(dkjson.decode(text))
      assert.equal(2, stats.objects)
      local bytes = #support.read(dir .. "/one.o") + #support.read(dir .. "/two.o")
      assert.equal(bytes, stats.bytes)
      for _, stage in ipairs {"add", "resolve", "link", "total"} do
         assert.is_true(stats.ms[stage] >= 0, stage)
      end
   end)

   it("takes --whole-archive and -l at their places, as ld does", function()
      local function objects(arguments)
         return dkjson.decode(output("check --stats " .. arguments)).objects
      end
      assert.equal(2, objects "one.o libtwo.a")
      assert.equal(3, objects "--whole-archive one.o libtwo.a")
      assert.equal(3, objects "one.o --whole-archive libtwo.a --no-whole-archive")
      assert.equal(2, objects "--whole-archive one.o --no-whole-archive libtwo.a")
      assert.equal(3, objects "-L sub one.o --whole-archive -lsub")
      assert.equal(2, objects "-L sub one.o -lsub --whole-archive")
      assert.equal(1, objects "-u three libtwo.a")
   end)

   it("knows the rules for names", function()
      assert.equal("", output "check --dup=first one.o one.o libtwo.a")
      assert.equal("", output "check --undefined=null one.o")
      assert.equal("", output "check --undefined stub one.o")
      assert.equal("", output "check --define two=0x1000 one.o")
      fails(1, "'__wrap_two'", "check --wrap two one.o libtwo.a")
      support.cc(dir .. "/wrap.o", "int __real_two(void); int __wrap_two(void)"
         .. "{ return 10 * __real_two(); }")
      assert.equal("21\n", output "call 'int both(void)' -- --wrap two one.o wrap.o libtwo.a")
   end)

   it("places where it is told", function()
      local stats = dkjson.decode(output "check --stats --zone=low f.o")
      assert.equal("low", stats.zone)
      assert.is_true(stats.base < 1 << 31)
      assert.equal("near", dkjson.decode(output "check --stats f.o").zone)
      local dual = dkjson.decode(
         output "check --stats --pages=huge --protect=dual --block=unit f.o")
      assert.equal(0, dual.base % (2 << 20))
      assert.is_true(dual.protections < stats.protections)
   end)

   it("binds functions of libraries as it is told", function()
      support.cc(dir .. "/calls.o", "int getppid(void); int calls(void) { return getppid(); }")
      for how, counts in pairs {direct = {0, 0}, stubs = {1, 0}, lazy = {1, 1}} do
         local stats = dkjson.decode(output("check --stats --bind=" .. how .. " calls.o"))
         assert.same(counts, {stats.stubs, stats.lazy}, how)
      end
      fails(2, "--bind", "check --bind=late calls.o")
   end)

   it("finds archives alone with --static", function()
      local function libraries(arguments)
         return dkjson.decode(output("check --stats " .. arguments)).objects
      end
      assert.equal(0, libraries "-lz")
      assert.is_true(libraries "--static --whole-archive -lz" > 10)
   end)

   it("tells what happens with --trace", function()
      local status, out, err = run "check --trace=load,member one.o libtwo.a"
      assert.same({0, ""}, {status, out})
      assert.equal("load one.o\nmember libtwo.a(two.o) for 'two', wanted by one.o\n", err)
      status, out, err = run "check --trace bind,place one.o libtwo.a"
      assert.same({0, ""}, {status, out})
      assert.truthy(err:find("bind 'two' to libtwo.a(two.o)\n", 1, true), err)
      assert.truthy(err:find("\nplace 0x", 1, true), err)
   end)

   it("lists with --pic what a shared library cannot hold, and loads it all the same", function()
      support.cc(dir .. "/pic.o", "static volatile int t[4]; int f(int i) { return t[i & 3]; }",
         "-O1 -fno-pic")
      local out = output "check --pic pic.o two.o"
      local line, summary = out:match "^(pic%.o: [^\n]*)\n(.-)\n$"
      assert.matches("^pic%.o: %.text%+0x%x+ in f: R_X86_64_32S against '%.bss': ", line)
      assert.truthy(line:find("-fPIC", 1, true), line)
      assert.equal("1 relocation that a shared library cannot hold in 1 of 2 objects", summary)
      support.cc(dir .. "/good.o", "static int t[4]; int f(int i) { return t[i & 3]++; }",
         "-O1 -fPIC")
      assert.equal("nothing keeps 1 object out of a shared library\n", output "check --pic good.o")
   end)

   it("lists with --pic also what would not load, and says so by its status", function()
      local status, out, err = run "check --pic one.o"
      assert.equal(1, status)
      assert.equal("nothing keeps 1 object out of a shared library\n", out)
      assert.truthy(err:find("undefined 'two'", 1, true), err)
   end)

   it("looks with --pic into libraries that -l names", function()
      local out = output "check --pic --static -lz --stats"
      assert.truthy(out:find("libz.a(deflate.o): .text+", 1, true), out)
      local stats = dkjson.decode(out:match "\n({.*})\n$")
      assert.equal(15, stats.pic.objects)
   end)
end)

describe("moonlink inspect", function()
   it("lists what readelf lists", function()
      local data = assert(dkjson.decode(output "inspect --json f.o"))
      assert.equal("object", data.kind)
      assert.equal("x86-64", data.machine)
      assert.equal(#support.read(dir .. "/f.o"), data.size)
      local sections = 0
      for index, name, type, size in support.sh("readelf -SW %s/f.o", dir)
         :gmatch "%[ *(%d+)%] (%S+) +(%S+) +%x+ +%x+ +(%x+)" do
         local s = data.sections[tonumber(index)]
         assert.same({name, type, tonumber(size, 16)}, {s.name, s.type, s.size})
         sections = sections + 1
      end
      assert.equal(#data.sections, sections)
      for index, value, size, type, bind, name in support.sh("readelf -sW %s/f.o", dir)
         :gmatch "(%d+): (%x+) +(%d+) (%u+) +(%u+) +DEFAULT +%S+ (%S+)\n" do
         local s = data.symbols[tonumber(index)]
         assert.same({name, tonumber(value, 16), tonumber(size), type:lower(), bind:lower()},
            {s.name, s.value, s.size, s.type, s.bind})
      end
   end)

   it("counts relocations by kind, as readelf shows them", function()
      local counts, total = {}, 0
      for type in support.sh("readelf -rW %s/f.o", dir):gmatch " (R_X86_64_%w+) " do
         counts[type] = (counts[type] or 0) + 1
         total = total + 1
      end
      local data = dkjson.decode(output "inspect --json f.o")
      for _, r in ipairs(data.relocations) do
         assert.equal(counts[r.type], r.count, r.type)
         total = total - r.count
      end
      assert.equal(0, total)
   end)

   it("prints aligned tables", function()
      local out = output "inspect two.o"
      assert.matches("^two%.o: relocatable object for x86%-64, %d+ bytes\n", out)
      assert.matches("\n +# +section +type +flags +size +align\n", out)
      assert.matches("\n +# +symbol +bind +type +visibility +place +value +size\n", out)
      assert.matches("\n +%d+ +two +global +func +default +%.text +0x0 +%d+\n", out)
      assert.matches("\n +R_X86_64_PC32 +1\n", out)
      for line in out:gmatch "[^\n]+" do
         assert.falsy(line:find " $", line)
      end
   end)

   it("lists members of archives, and counts the names in their index", function()
      local data = dkjson.decode(output "inspect --json libtwo.a")
      assert.equal("archive", data.kind)
      assert.equal(2, data.index)
      assert.equal(2, #data.members)
      assert.equal("two.o", data.members[1].name)
      assert.equal(#support.read(dir .. "/two.o"), data.members[1].size)
      assert.equal("object", data.members[1].kind)
      local out = output "inspect libtwo.a"
      assert.matches("^libtwo%.a: archive, 2 members, 2 names in its index\n", out)
      assert.matches("\n  three%.o +%d+  object\n$", out)
   end)

   it("says what other files are", function()
      assert.matches("shared object for x86%-64", output "inspect /lib/x86_64-linux-gnu/libc.so.6")
      assert.matches("linker script", output "inspect /usr/lib/x86_64-linux-gnu/libc.so")
      support.write(dir .. "/garbage", "\1\2\3\4")
      fails(1, "garbage", "inspect garbage")
      support.write(dir .. "/cut.o", support.read(dir .. "/f.o"):sub(1, 200))
      fails(1, "truncated", "inspect cut.o")
      fails(1, "No such file", "inspect absent.o")
      fails(2, "too many arguments", "inspect f.o f.o")
      fails(1, "'-lz' is no file", "inspect -lz")
   end)
end)

describe("moonlink why", function()
   it("says who provides a name, who wants it and what it pulled in", function()
      local out = output "why two one.o libtwo.a"
      assert.matches("^'two': ", out)
      assert.truthy(out:find("provided by libtwo.a(two.o)", 1, true), out)
      assert.truthy(out:find("wanted by one.o", 1, true), out)
      assert.truthy(out:find("pulled in libtwo.a(two.o)", 1, true), out)
   end)

   it("knows what the process provides", function()
      support.cc(dir .. "/ppid.o", "int getppid(void); int f(void) { return getppid(); }")
      assert.truthy(output("why getppid ppid.o"):find("provided by /%S+libc%.so"))
   end)

   it("has the status 1 for a name that nobody knows", function()
      local status, out = run "why nobody_knows one.o libtwo.a"
      assert.equal(1, status)
      assert.matches("^'nobody_knows': no load has seen this name", out)
      fails(2, "missing argument 'FILE'", "why two")
      fails(2, "missing argument 'SYMBOL'", "why")
      assert.matches("^'two': ", output "why -Lsub -lsub -u two two")
   end)
end)

describe("moonlink map", function()
   it("lists sections and symbols in the order of their addresses", function()
      local out = output "map one.o libtwo.a"
      local last, seen = 0, 0
      for address in out:gmatch "\n0x(%x+) " do
         local value = tonumber(address, 16)
         assert.is_true(value >= last)
         last, seen = value, seen + 1
      end
      assert.is_true(seen > 5)
      assert.matches("\n0x%x+ +0x%x+ r%-x %.text +one%.o\n", out)
      assert.matches("\n0x%x+ +0x%x+ +both\n", out)
      assert.truthy(out:find("libtwo.a(two.o)", 1, true))
      assert.falsy(out:find("three", 1, true))
   end)

   it("is there as JSON, too", function()
      local data = assert(dkjson.decode(output "map --json one.o libtwo.a"))
      local found
      for _, symbol in ipairs(data.symbols) do
         found = symbol.name == "two" and symbol or found
      end
      assert.equal("libtwo.a(two.o)", found.file)
      assert.is_true(found.address >= data.base and found.address < data.base + data.size)
   end)

   it("runs nothing", function()
      assert.falsy(output("map program.o"):find "constructor\n")
   end)
end)

describe("moonlink link", function()
   it("writes the bytes, and the addresses beside them", function()
      assert.equal("", output("link --at 0x400000 --define far=0x7f1234567890 --define near=4194304"
         .. " -o image.bin %s", support.as(dir .. "/image.o",
         ".globl f\nf: call far\n call near\n movq near@GOTPCREL(%rip), %rax\n.data\n.quad f\n")
         :match "[^/]+$" .. " --no-relax"))
      local bytes = support.read(dir .. "/image.bin")
      local text = support.read(dir .. "/image.bin.json")
      local data = assert(dkjson.decode(text))
      assert.equal(0x400000, data.base)
      assert.equal(#bytes, data.size)
      assert.equal(0x7f1234567890, data.symbols.far)
      local call, field = ("<Bi4"):unpack(bytes, data.symbols.f - data.base + 1)
      assert.same({0xe8, data.stubs.far}, {call, data.symbols.f + 5 + field})
      local slot = ("<i8"):unpack(bytes, data.got.near - data.base + 1)
      assert.equal(4194304, slot)
      for _, section in ipairs(data.sections) do
         assert.equal(section.address, data.base + section.offset)
         if section.name == ".data" then
            assert.equal(data.symbols.f, (("<i8"):unpack(bytes, section.offset + 1)))
         end
      end
   end)

   it("writes addresses of the upper half as they are", function()
      output "link --at 0xffffffff80000000 -o upper.bin two.o"
      local text = support.read(dir .. "/upper.bin.json")
      assert.truthy(text:find('"base":18446744071562067968,', 1, true), text)
   end)

   it("gives the same bytes for the same inputs", function()
      output "link --at 0x10000 -o first.bin one.o libtwo.a"
      output "link --at 0x10000 -o second.bin one.o libtwo.a"
      for _, ending in ipairs {".bin", ".bin.json"} do
         assert.equal(support.read(dir .. "/first" .. ending),
            support.read(dir .. "/second" .. ending))
      end
   end)

   it("wants an address and a file", function()
      fails(2, "missing option '--at'", "link -o x two.o")
      fails(2, "missing option '-o'", "link --at 4096 two.o")
      fails(2, "'4k' is no address", "link --at 4k -o x two.o")
      fails(1, "undefined 'two'", "link --at 4096 -o x one.o")
      fails(1, "No such file", "link --at 4096 -o absent/x two.o")
      fails(1, "0x1001", "link --at 4097 -o x two.o")
   end)
end)

describe("what went wrong", function()
   it("can do nothing to a terminal, whatever names files bring", function()
      local path = support.cc(dir .. "/odd.o",
         "void odd_name_odd(void); void f(void) { odd_name_odd(); }")
      support.write(path, (support.read(path):gsub("odd_name_odd", "o\27]0;titles\7")))
      local command = ("cd %s && %s check odd.o"):format(dir, program)
      local _, shown = support.exit("script -qec %s /dev/null", support.quote(command))
      assert.matches("undefined 'o<U+001B>]0;titles<U+0007>'", shown, 1, true)
      fails(1, "undefined 'o\27]0;titles\7'", "check odd.o")
   end)
end)
