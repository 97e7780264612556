-- Start and end of units: what constructors and destructors there are, in which order they run, and
-- how often. The yardstick is the program that gcc links from the same objects.
-- SPDX-License-Identifier: MIT

local maps = require "spec.support.maps"
local moonlink = require "moonlink"
local loads = require "spec.support.loads"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local dir, object = objects.dir, objects.cc

-- Lines go out at once: what is buffered would come in another order.
local SAY = [[
#include <string.h>
#include <unistd.h>
void say(const char *s) { if (write(1, s, strlen(s)) < 0 || write(1, "\n", 1) < 0) _exit(9); }
]]

local say

setup(function()
   say = object(SAY)
end)

--- What the program prints that gcc links from the objects; main says "main".
local function linked(list, flags)
   local main = object 'void say(const char *); int main(void) { say("main"); return 0; }'
   local program = dir .. "/program"
   support.sh("LD_PRELOAD= g++ %s -o %s %s %s %s 2>&1", flags or "", program, main, say,
      table.concat(list, " "))
   return support.sh("%s one two", program)
end

-- Loads its arguments as one unit, as the program has them in one; the linker ends with the state.
local LOADER = [[
local moonlink = require "moonlink"
local ln = moonlink.new()
arg[#arg + 1] = "-lstdc++"
assert(ln:load(arg))
ln:func "void say(const char *)" "main"
]]

local function loaded(list, script)
   local status, out, err = support.lua(script or LOADER, say, table.unpack(list))
   assert.equal("", err)
   assert.equal(0, status)
   return out
end

--- Both say the same, and something.
local function agree(list, flags)
   local expected = linked(list, flags)
   assert.matches("main", expected, 1, true)
   assert.is_true(#expected > #"main\n", "the objects say nothing")
   assert.equal(expected, loaded(list))
   return expected
end

local function function_in(section, name, flags)
   return ('void say(const char *); static void f_%s(void) { say("%s"); }\n' ..
      '__attribute__((section("%s"), used)) static void (*p_%s)(void) = f_%s;')
      :format(name, name, section, name, name) .. (flags or "")
end

--- Old compilers' sections, whose type and flags the assembler must be told.
local function old_section(section, name)
   return ('void say(const char *); void f_%s(void) { say("%s"); }\n' ..
      'asm(".section %s,\\"aw\\",@progbits\\n.balign 8\\n.quad f_%s\\n.text\\n");')
      :format(name, name, section, name)
end

describe("constructors and destructors of one load run as in the program of the same objects",
function()
   it("with priorities, ascending, those without one last", function()
      agree {object [[
         void say(const char *);
         __attribute__((constructor)) static void plain(void) { say("plain"); }
         __attribute__((constructor(65535))) static void c65535(void) { say("65535"); }
         __attribute__((constructor(9999))) static void c9999(void) { say("9999"); }
         __attribute__((constructor(101))) static void c101(void) { say("101"); }
         __attribute__((constructor(10000))) static void c10000(void) { say("10000"); }
         __attribute__((destructor)) static void dplain(void) { say("~plain"); }
         __attribute__((destructor(101))) static void d101(void) { say("~101"); }
         __attribute__((destructor(9999))) static void d9999(void) { say("~9999"); }
      ]]}
   end)

   it("with priorities across objects", function()
      local source = [[
         void say(const char *);
         __attribute__((constructor)) static void a(void) { say("%s"); }
         __attribute__((constructor(200))) static void b(void) { say("%s 200"); }
         __attribute__((constructor(%d))) static void c(void) { say("%s own"); }
         __attribute__((destructor)) static void d(void) { say("~%s"); }
         __attribute__((destructor(200))) static void e(void) { say("~%s 200"); }
      ]]
      local list = {}
      for i, name in ipairs {"x", "y", "z"} do
         list[i] = object(source:format(name, name, 400 - 100 * i, name, name, name))
      end
      agree(list)
   end)

   it("with .preinit_array", function()
      agree {
         object(function_in(".init_array", "init")), object(function_in(".preinit_array", "first")),
         object(function_in(".preinit_array", "second")), object(function_in(".fini_array", "end")),
      }
   end)

   it("with .ctors and .dtors, and numbers on them", function()
      agree {
         object(old_section(".ctors", "plain")), object(old_section(".ctors.65435", "at100")),
         object(old_section(".ctors.00001", "late")), object(old_section(".dtors", "dplain")),
         object(old_section(".dtors.65435", "dat100")),
         object(old_section(".dtors.00001", "dlate")),
      }
   end)

   it("with several entries in .ctors and .dtors, read backwards", function()
      agree {object [[
         void say(const char *);
         void a(void) { say("a"); } void b(void) { say("b"); } void c(void) { say("c"); }
         asm(".section .ctors,\"aw\",@progbits\n.balign 8\n.quad a, b, c\n"
             ".section .dtors,\"aw\",@progbits\n.balign 8\n.quad a, b, c\n.text\n");
      ]]}
   end)

   it("with old and new sections mixed", function()
      agree {
         object(old_section(".ctors.65335", "old200")),
         object(function_in(".init_array.00200", "n")),
         object(function_in(".init_array.00100", "new100")), object(old_section(".ctors", "old")),
         object(function_in(".init_array", "new")), object(old_section(".ctors.65436", "old99")),
         object(function_in(".fini_array", "dnew")), object(old_section(".dtors", "dold")),
         object(function_in(".fini_array.00200", "dnew200")),
      }
   end)

   it("with one priority that two compilers write in two ways", function()
      agree {
         object(function_in(".init_array.200", "clang")),
         object(function_in(".init_array.00200", "gcc")),
         object(old_section(".ctors.65335", "old")), object(function_in(".init_array.200", "late")),
         object(function_in(".fini_array.200", "dclang")),
         object(function_in(".fini_array.00200", "dgcc")),
         object(old_section(".dtors.65335", "dold")),
      }
   end)

   it("with pieces of .init and .fini in several objects", function()
      local source = [[
         void say(const char *);
         void %s(void) { say("%s"); }
         asm(".section %s,\"ax\",@progbits\ncall %s\n.text\n");
      ]]
      agree {
         object(source:format("i1", "i1", ".init", "i1")),
         object(source:format("e1", "e1", ".fini", "e1")),
         object(source:format("i2", "i2", ".init", "i2")),
         object(source:format("e2", "e2", ".fini", "e2")),
         object(function_in(".init_array", "array")), object(function_in(".fini_array", "farray")),
         object(function_in(".preinit_array", "pre")),
      }
   end)

   it("with C++ objects: priorities, function statics, exit functions between", function()
      agree {object([[
         #include <cstdlib>
         extern "C" void say(const char *);
         struct S { const char *n, *d; S(const char *n, const char *d) : n(n), d(d) { say(n); }
                    ~S() { say(d); } };
         static S a("a", "~a");
         __attribute__((init_priority(300))) S b("b", "~b");
         static S &inner() { static S s("static", "~static"); return s; }
         static void at_end() { say("atexit"); }
         struct T { T() { atexit(at_end); inner(); } } t;
         static S c("c", "~c");
         __attribute__((destructor)) static void d() { say("destructor"); }
      ]], "-O1 -fPIE", "g++"), object([[
         extern "C" void say(const char *);
         struct Other { Other() { say("other"); } ~Other() { say("~other"); } } s;
      ]], "-O1 -fPIE", "g++")}
   end)

   it("with exit functions that destructors and exit functions register", function()
      agree {object [[
         #include <stdlib.h>
         void say(const char *);
         static void h1(void) { say("of a constructor"); }
         static void h3(void) { say("of an exit function"); }
         static void h2(void) { say("of a destructor"); atexit(h3); }
         static void h4(void) { say("of one with a priority"); }
         static void h5(void) { say("of .fini"); }
         __attribute__((constructor)) static void c(void) { atexit(h1); }
         __attribute__((destructor(101))) static void d101(void) { say("101"); atexit(h4); }
         __attribute__((destructor(201))) static void d201(void) { say("201"); }
         __attribute__((destructor)) static void d(void) { say("destructor"); atexit(h2); }
         void in_fini(void) { say("fini"); atexit(h5); }
         asm(".section .fini,\"ax\",@progbits\ncall in_fini\n.text\n");
      ]]}
   end)

   it("with archive members, in the order in which they were pulled in", function()
      local source = 'void say(const char *); void f_%s(void) {} %s\n' ..
         '__attribute__((constructor)) static void c(void) { say("%s"); %s }\n' ..
         '__attribute__((destructor)) static void d(void) { say("~%s"); }'
      local first = object(source:format("m1", "void f_m2(void);", "m1", "f_m2();", "m1"))
      local second = object(source:format("m2", "", "m2", "", "m2"))
      local never = object(source:format("m3", "", "m3", "", "m3"))
      local archive = dir .. "/libm123.a"
      support.sh("ar rcs %s %s %s %s", archive, never, second, first)
      local user = object(source:format("u", "void f_m1(void);", "user", "f_m1();", "user"))
      local text = agree {user, archive}
      assert.not_matches("m3", text, 1, true)
   end)

   it("without PIC, below 2 GiB", function()
      agree({object([[
         void say(const char *); static const char *text = "low"; extern char **environ;
         __attribute__((constructor)) static void c(void) { if (environ) say(text); }
         __attribute__((destructor)) static void d(void) { say("~low"); }
      ]], "-O1 -fno-pic -mcmodel=small")}, "-no-pie")
   end)

   it("with an _init and _fini of its own, from crti.o and crtn.o", function()
      local crti, crtn = support.stdout "gcc -print-file-name=crti.o",
         support.stdout "gcc -print-file-name=crtn.o"
      local piece = object [[
         void say(const char *);
         void in_init(void) { say("init"); } void in_fini(void) { say("fini"); }
         asm(".section .init,\"ax\",@progbits\ncall in_init\n"
             ".section .fini,\"ax\",@progbits\ncall in_fini\n.text\n");
      ]]
      assert.equal("init\nmain\nfini\n", linked {piece})
      assert.equal("init\nmain\nfini\n", loaded {crti, piece, crtn})
      local joined = dir .. "/joined.o"
      support.sh("ld -r -o %s %s %s %s", joined, crti, piece, crtn)
      assert.equal("init\nmain\nfini\n", loaded {joined})
   end)
end)

describe("constructors", function()
   it("get the arguments and the environment of the process", function()
      local source = [[
         #include <stdio.h>
         #include <stdlib.h>
         #include <string.h>
         #include <unistd.h>
         extern char **environ;
         void say(const char *);
         __attribute__((constructor)) static void c(int argc, char **argv, char **envp) {
            char text[4096];
            snprintf(text, sizeof text, "%d %s %d %d", argc, argv[argc - 1], argv[argc] == NULL,
                     envp == environ);
            say(text);
         }
      ]]
      local status, out = support.lua([[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new()
         assert(ln:load {arg[1], arg[2]})
      ]], say, object(source), "last word")
      assert.equal(0, status)
      -- the interpreter, the script and its three arguments
      assert.equal("5 last word 1 1\n", out)
   end)

   it("of a unit run after those of the units that it uses, its destructors before theirs",
   function()
      local base = object [[
         void say(const char *); int ready;
         __attribute__((constructor)) static void c(void) { ready = 1; say("base"); }
         __attribute__((destructor)) static void d(void) { ready = 0; say("~base"); }
      ]]
      local user = object [[
         void say(const char *); extern int ready;
         __attribute__((constructor)) static void c(void) { say(ready ? "user" : "too early"); }
         __attribute__((destructor)) static void d(void) { say(ready ? "~user" : "too late"); }
      ]]
      local status, out = support.lua([[
         local moonlink = require "moonlink"
         local ln = moonlink.new()
         for _, path in ipairs(arg) do assert(ln:load(path)) end
      ]], say, base, user)
      assert.equal(0, status)
      assert.equal("base\nuser\n~user\n~base\n", out)
   end)

   it("that are zero or -1 are skipped", function()
      local path = object [[
         int ran; void f(void) { ran++; }
         asm(".section .init_array,\"aw\"\n.balign 8\n.quad 0, -1, f, 0\n.text\n");
      ]]
      local ln <close> = moonlink.new()
      assert(ln:load(path))
      ln:cdef "int ran;"
      assert.equal(1, ln.c.ran)
   end)

   it("of sections that only the name tells count as for ld", function()
      local path = object [[
         void say(const char *);
         void f(void) { say("by name"); }
         asm(".section .init_array.00500,\"aw\",@progbits\n.balign 8\n.quad f\n.text\n");
      ]]
      agree {path}
   end)

   it("are never data, nor the middle of nowhere", function()
      for _, what in ipairs {"data", "0x1234", "text_end + 0x200", "text_end + 0x100000"} do
         local path = object([[
            int data = 1; void f(void) {} asm(".globl text_end\ntext_end:\n");
            asm(".section .init_array,\"aw\"\n.balign 8\n.quad ]] .. what .. [[\n.text\n");
         ]])
         local err = loads.refusal(path)
         assert.equal("init", err.code, what)
         assert.equal(".init_array", err.section)
         assert.equal(0, err.offset)
      end
   end)
end)

--- Ends of a process, each as a Lua text; `ln` is the linker, `leave` calls exit(0).
local ends = {
   ["end of the script"] = "",
   ["os.exit"] = "os.exit(0)",
   ["os.exit that closes the state"] = "os.exit(0, true)",
   ["exit from native code"] = "leave()",
   ["close of the linker"] = "ln:close()",
   ["close, then os.exit"] = "ln:close() os.exit(0)",
   ["unload, then exit"] = "leave = nil; assert(unit:unload()) os.exit(0, true)",
}

describe("what a unit registered for its end runs once, the latest first", function()
   local SOURCE = [[
      #include <stdlib.h>
      extern "C" void say(const char *);
      struct S { ~S() { say("~object"); } };
      static void e1() { say("atexit 1"); }
      static void e2() { say("atexit 2"); }
      static void late(void *text) { say((const char *)text); }
      extern "C" int __cxa_atexit(void (*)(void *), void *, void *);
      extern "C" void *__dso_handle;
      __attribute__((constructor)) static void c() {
         atexit(e1); static S s;
         __cxa_atexit(late, (void *)"cxa_atexit", &__dso_handle); atexit(e2);
      }
      __attribute__((destructor)) static void d() { say("destructor"); }
      extern "C" void leave() { exit(0); }
   ]]
   local EXPECTED = "atexit 2\ncxa_atexit\n~object\natexit 1\ndestructor\n"
   local both

   setup(function()
      both = {say, object(SOURCE, "-O1 -fPIE", "g++")}
   end)

   it("as in a program", function()
      local main = object 'void leave(void); int main(void) { leave(); }'
      support.sh("LD_PRELOAD= g++ -o %s %s %s", dir .. "/leaves", main, table.concat(both, " "))
      assert.equal(EXPECTED, support.sh(dir .. "/leaves"))
   end)

   for name, text in pairs(ends) do
      it("at " .. name, function()
         local status, out, err = support.lua([[
            local moonlink = require "moonlink"
            local ln = moonlink.new()
            arg[#arg + 1] = "-lstdc++"
            local unit = assert(ln:load(arg))
            local leave = ln:func "void leave(void)"
         ]] .. text, table.unpack(both))
         assert.equal("", err)
         assert.equal(0, status)
         assert.equal(EXPECTED, out)
      end)
   end

   it("also what a destructor registers, before .fini", function()
      local path = object [[
         #include <stdlib.h>
         void say(const char *);
         static void h(void) { say("handler"); }
         __attribute__((destructor)) static void d(void) { say("destructor"); atexit(h); }
         void in_fini(void) { say("fini"); }
         asm(".section .fini,\"ax\",@progbits\ncall in_fini\n.text\n");
         void leave(void) { exit(0); }
      ]]
      for name, text in pairs(ends) do
         local status, out, err = support.lua([[
            local moonlink = require "moonlink"
            local ln = moonlink.new()
            local unit = assert(ln:load(arg))
            local leave = ln:func "void leave(void)"
         ]] .. text, say, path)
         assert.equal("", err, name)
         assert.equal(0, status, name)
         assert.equal("destructor\nhandler\nfini\n", out, name)
      end
   end)

   it("also with at_quick_exit", function()
      local path = object([[
         #include <stdlib.h>
         extern "C" void say(const char *);
         static void q() { say("quick"); }
         extern "C" void arm() { at_quick_exit(q); }
         extern "C" void leave() { quick_exit(0); }
      ]], "-O1 -fPIE", "g++")
      local script = [[
         local moonlink = require "moonlink"
         local ln = moonlink.new()
         assert(ln:load(arg[1]))
         local unit = assert(ln:load(arg[2]))
         ln:func "void arm(void)" ()
      ]]
      local status, out = support.lua(script .. 'ln:func "void leave(void)" ()', say, path)
      assert.equal(0, status)
      assert.equal("quick\n", out)
      -- what is unloaded cannot be called any more
      status, out = support.lua(script .. [[
         assert(unit:unload())
         moonlink.new():func "void quick_exit(int)" (0)
      ]], say, path)
      assert.equal(0, status)
      assert.is_true(out == "" or out == "quick\n", out)
   end)

   it("also with pthread_atfork, whose handlers go with the unit", function()
      local path = object [[
         #include <pthread.h>
         #include <sys/wait.h>
         #include <unistd.h>
         void say(const char *);
         static void before(void) { say("before fork"); }
         static void parent(void) { say("parent"); }
         void arm(void) { pthread_atfork(before, parent, 0); }
      ]]
      local forks = object [[
         #include <sys/wait.h>
         #include <unistd.h>
         int forks(void) { int s = 1; pid_t p = fork(); if (p == 0) _exit(0);
                           return waitpid(p, &s, 0) == p ? s : -1; }
      ]]
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln = moonlink.new()
         assert(ln:load(arg[1]))
         assert(ln:load(arg[2]))
         local unit = assert(ln:load(arg[3]))
         ln:func "void arm(void)" ()
         local forks = ln:func "int forks(void)"
         assert(forks() == 0)
         assert(unit:unload())
         assert(forks() == 0)
      ]], say, forks, path)
      assert.equal("", err)
      assert.equal(0, status)
      assert.equal("before fork\nparent\n", out)
   end)

   it("for each load of its own, when two linkers have the same object", function()
      local status, out = support.lua([[
         local moonlink = require "moonlink"
         local a, b = moonlink.new(), moonlink.new()
         arg[#arg + 1] = "-lstdc++"
         assert(a:load(arg)); assert(b:load(arg))
         a:close()
         print "between"
         io.stdout:flush()
      ]], table.unpack(both))
      assert.equal(0, status)
      assert.equal(EXPECTED .. "between\n" .. EXPECTED, out)
   end)
end)

describe("a constructor that raises a C++ exception", function()
   local first, second

   setup(function()
      first = object([[
         extern "C" void say(const char *);
         struct S { S() { say("made"); } ~S() { say("unmade"); } } s;
         __attribute__((destructor)) static void d() { say("never"); }
      ]], "-O1 -fPIE", "g++")
      second = object([[
         #include <stdexcept>
         namespace app { void fails() { throw std::out_of_range("index 7"); } }
         __attribute__((constructor)) static void begin_here() { app::fails(); }
         extern "C" int after() { return 1; }
         extern "C" void say(const char *);
         __attribute__((constructor(60000))) static void never_reached() { say("reached"); }
      ]], "-O1 -fPIE", "g++")
   end)

   it("undoes the load, names it, and ends what had begun", function()
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln = moonlink.new()
         assert(ln:load {arg[1], "-lstdc++"})
         local unit, err = ln:load {arg[2], arg[3]}
         assert(unit == nil)
         assert(err.code == "init", err.code)
         assert(err.section == ".init_array", err.section)
         assert(err.file == arg[3], err.file)
         assert(err.offset == 0, err.offset)
         assert(err.func:find "begin_here", err.func)
         for _, part in ipairs {"#3", "std::out_of_range", "index 7"} do
            assert(err.message:find(part, 1, true), err.message)
         end
         assert(not ln:address_of "after")
         assert(#ln:units() == 1)
         print "undone"
         io.stdout:flush()
         assert(ln:load(arg[2]))
         ln:close()
      ]], say, first, second)
      assert.equal("", err)
      assert.equal(0, status)
      assert.equal("reached\nmade\nunmade\nundone\nmade\nunmade\nnever\n", out)
   end)

   it("leaves no memory behind", function()
      local ln <close> = moonlink.new()
      assert(ln:load {say, "-lstdc++"})
      local path = object([[
         #include <string>
         __attribute__((constructor)) static void c() { throw std::string("no"); }
      ]], "-O1 -fPIE", "g++")
      for _ = 1, 3 do
         assert.equal("init", select(2, ln:load(path)).code)
      end
      local _ <close> = maps.still()
      local before = #maps.list()
      for _ = 1, 50 do
         assert.equal("init", select(2, ln:load(path)).code)
      end
      assert.is_true(#maps.list() < before + 25) -- some are of the heap, where it grows
   end)
end)

describe("a destructor", function()
   it("that raises a C++ exception stops no other", function()
      local path = object([[
         extern "C" void say(const char *);
         struct S { ~S() { say("object"); } } s;
         __attribute__((destructor)) static void d1() { say("first"); }
         __attribute__((destructor(60000))) static void d2() { say("second"); }
         #include <cstdlib>
         static void raises() { throw 1; }
         __attribute__((constructor)) static void c() { atexit(raises); }
      ]], "-O1 -fPIE", "g++")
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln = moonlink.new()
         assert(ln:load {arg[1], "-lstdc++"})
         local unit = assert(ln:load(arg[2]))
         assert(unit:unload())
         assert(#ln:units() == 1)
      ]], say, path)
      assert.equal("", err)
      assert.equal(0, status)
      assert.equal("object\nfirst\nsecond\n", out)
   end)
end)
