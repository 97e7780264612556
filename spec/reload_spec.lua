-- Reloading: a new version takes the place of the old one, with its variables, or nothing has
-- changed.
-- SPDX-License-Identifier: MIT

local maps = require "spec.support.maps"
local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"
local threads = require "spec.support.threads"

local dir, object = objects.dir, objects.cc
local versions = objects.versions

local function names(list)
   local out = {}
   for i, each in ipairs(list) do
      out[i] = type(each) == "table" and each.name or each
   end
   table.sort(out)
   return out
end

describe("reloading", function()
   it("loads the changed file; functions and namespace call the new code", function()
      local path, switch = versions {"int f(void) { return 1; }", "int f(void) { return 2; }"}
      local ln <close> = moonlink.new()
      ln:cdef "int f(void);"
      local unit = assert(ln:load(path))
      local f = ln:func "int f(void)"
      assert.same({1, 1}, {f(), ln.c.f()})
      switch(2)
      local again, report = assert(unit:reload())
      assert.equal(unit, again)
      assert.same({2, 2, 2}, {f(), ln.c.f(), ln:func "int f(void)" ()})
      assert.equal(2, report.version)
      assert.equal(2, unit.version)
      assert.same({unit}, ln:units())
      assert.equal(unit:address "f", (ln:address_of "f"))
      assert.is_true(unit:alive())
   end)

   it("numbers and warnings are those of the new version, also when that has gone", function()
      local path, switch = versions {"int f(void) { return 1; }",
         'asm(".type g,@function; .globl g; g: ret; .size g,1000"); int f(void) { return 2; }'}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      switch(2)
      assert(unit:reload())
      local bytes = #support.read(path)
      assert.same({1, bytes, bytes}, {#unit.warnings, unit.stats.bytes, unit.core:stats().bytes})
      assert(unit:unload "force")
      assert.same({bytes, bytes}, {unit.stats.bytes, unit.core:stats().bytes})
   end)

   it("the namespace finds functions that one version lacked and the next has", function()
      local path, switch = versions {"int f(void) { return 1; }", "int g(void) { return 2; }",
         "int f(void) { return 3; }"}
      local ln <close> = moonlink.new()
      ln:cdef "int f(void);"
      local unit = assert(ln:load(path))
      local f = ln.c.f
      switch(2)
      assert(unit:reload())
      assert.matches("f: the new version of .* does not define it$", support.refused(f))
      assert.matches("undefined 'f'", support.refused(function() return ln.c.f end), 1, true)
      switch(3)
      assert(unit:reload())
      assert.equal(3, ln.c.f())
   end)

   it("unloading by force, or of names alone: the namespace keeps no functions of it", function()
      local path = versions {"int f(void) { return 1; }"}
      for _, how in ipairs {"force", "orphan", {how = "force"}, {how = "orphan"}} do
         local ln <close> = moonlink.new()
         ln:cdef "int f(void);"
         local unit = assert(ln:load(path))
         local old = ln.c.f
         assert.is_true(unit:unload(how))
         assert.matches("undefined 'f'", support.refused(function() return ln.c.f end), 1, true)
         assert(ln:load(path))
         assert.equal(1, ln.c.f())
         assert.are_not.equal(old, ln.c.f)
      end
   end)

   it("and unloading by force: the namespace keeps functions of units that stay", function()
      local path, switch = versions {"int f(void) { return 1; }", "int f(void) { return 2; }"}
      local ln <close> = moonlink.new()
      ln:cdef "int f(void), user(void), other(void), abs(int);"
      local unit = assert(ln:load(path))
      assert(ln:load(object "int f(void); int user(void) { return f() * 10; }"))
      assert(ln:load(object "int other(void) { return 7; }"))
      local f, user, other, abs = ln.c.f, ln.c.user, ln.c.other, ln.c.abs
      switch(2)
      assert(unit:reload())
      assert.same({2, 20}, {ln.c.f(), ln.c.user()})
      assert.same({user, other, abs}, {ln.c.user, ln.c.other, ln.c.abs})
      assert.is_nil((unit:unload()))
      assert.same({user, other, abs}, {ln.c.user, ln.c.other, ln.c.abs})
      assert(unit:unload "force")
      assert.same({other, abs}, {ln.c.other, ln.c.abs})
      for _, name in ipairs {"f", "user"} do
         assert.matches("undefined '" .. name, support.refused(function() return ln.c[name] end))
      end
      assert.matches("was unloaded", support.refused(user))
      assert.matches("was unloaded", support.refused(f))
   end)

   it("that fails leaves the namespace no functions of the version that has gone", function()
      local path, switch = versions {"int f(void) { return 1; }",
         "int f(void) { return 2; } int g(void) { return 3; }"}
      local ln <close> = moonlink.new()
      ln:cdef "int f(void), g(void);"
      local unit = assert(ln:load(path))
      local f = ln.c.f
      switch(2)
      local seen
      local again, err = unit:reload {on_upgrade = function()
         seen = ln.c.g()
         error("no", 0)
      end}
      assert.is_nil(again)
      assert.matches("on_upgrade: no", err.message, 1, true)
      assert.equal(3, seen)
      assert.matches("undefined 'g'", support.refused(function() return ln.c.g end))
      assert.equal(f, ln.c.f)
      assert(unit:reload())
      assert.equal(3, ln.c.g())
   end)

   it("takes bytes, or other inputs, which it then keeps to", function()
      local path, _, list = versions {"int f(void) { return 1; }", "int f(void) { return 2; }",
         "int f(void) { return 3; }"}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local f = ln:func "int f(void)"
      assert(unit:reload {bytes = support.read(list[2])})
      assert.equal(2, f())
      assert(unit:reload {inputs = list[3]})
      assert.equal(3, f())
      assert(unit:reload())
      assert.equal(3, f())
      assert(unit:reload {inputs = {path}})
      assert.equal(1, f())
      local bytes = assert(moonlink.new():load {bytes = support.read(list[2]), name = "b"})
      assert(bytes:reload())
   end)

   it("knows its options", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(object "int f(void) { return 1; }"))
      for _, options in ipairs {{speed = 1}, {carry = 1}, {on_upgrade = 7}, {bytes = 7}} do
         assert.matches("reload:", support.refused(unit.reload, unit, options), 1, true)
      end
      assert.matches("reload:", support.refused(unit.reload, unit, "now"), 1, true)
      assert.is_true(unit:alive())
   end)

   it("of an orphan or of what has gone is a mistake", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(object "int f(void) { return 1; }"))
      assert(unit:unload "orphan")
      assert.is_false((pcall(unit.reload, unit)))
      assert(unit:unload "force")
      assert.is_false((pcall(unit.reload, unit)))
   end)

   it("of several objects and archives", function()
      local one, switch = versions {
         "int g(void); int n = 1; int f(void) { return g() + n; }",
         "int g(void); int n = 9; int f(void) { return g() + n + 100; }",
      }
      local two = object "static int n = 20; int g(void) { return ++n; }"
      local archive = dir .. "/libtwo.a"
      support.sh("ar rcs %s %s", archive, two)
      for _, inputs in ipairs {{one, two}, {one, archive}} do
         switch(1)
         local ln <close> = moonlink.new()
         local unit = assert(ln:load(inputs))
         local f = ln:func "int f(void)"
         assert.equal(22, f())
         switch(2)
         local _, report = assert(unit:reload())
         assert.same({"n", "n"}, names(report.carried))
         assert.equal(123, f())
         assert.equal(2, #unit:inputs())
      end
   end)

   it("of an archive that has changed", function()
      local archive = dir .. "/libchanged.a"
      local member = dir .. "/member.o"
      local function make(n)
         support.cc(member, ("int inner(void) { return %d; }"):format(n), "-O1 -fPIE")
         support.sh("rm -f %s && ar rcs %s %s", archive, archive, member)
      end
      make(1)
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {object "int inner(void); int f(void) { return inner(); }",
         archive})
      local f = ln:func "int f(void)"
      assert.equal(1, f())
      for n = 2, 4 do
         make(n)
         assert(unit:reload())
         assert.equal(n, f())
      end
   end)
end)

describe("variables keep their values", function()
   it("globals, statics of files and functions, commons, arrays, structures", function()
      local source = [[
         struct point { int x; double y; }; struct point p = {1, 2};
         int global = 1; static int local_one = 2; int common; char text[8] = "abc"; int zero;
         static int counter(void) { static int n = 10; return ++n; }
         int step(void) { local_one++; global += 2; common += 3; zero -= 1; p.y += 1; text[0]++;
                          return counter(); }
         int sum(void) { return %s local_one + global + common + zero + (int)p.y + text[0]; }
      ]]
      local path, switch = versions({source:format "", source:format "1000 +"},
         "-O1 -fPIE -fcommon")
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local step, sum = ln:func "int step(void)", ln:func "int sum(void)"
      for _ = 1, 3 do
         step()
      end
      local expected = sum()
      switch(2)
      local _, report = assert(unit:reload {strict = true})
      assert.same({"common", "global", "local_one", "n.0", "p", "text", "zero"},
         names(report.carried))
      assert.same({}, report.fresh)
      assert.equal(expected + 1000, sum())
      assert.equal(14, step())
   end)

   it("pointers between them, into them and to functions lead to the new version", function()
      local source = [[
         int numbers[4] = {1, 2, 3, 4}; int *at = &numbers[0]; int **at_at = &at;
         static int hidden = 7; static int *to_hidden;
         int one(void) { return %d1; } int two(void) { return %d2; } int (*chosen)(void) = one;
         struct node { struct node *next; int n; }; struct node a, b;
         void change(void) { at = &numbers[2]; chosen = two; to_hidden = &hidden; hidden = 8;
                             a.next = &b; b.next = &a; b.n = 5; }
         int get(void) { return **at_at + 10 * *to_hidden + 100 * a.next->n + 1000 * chosen(); }
         int whole(void) { return at_at == &at && at == numbers + 2 && a.next == &b && b.next == &a
                                  && to_hidden == &hidden && chosen == two; }
      ]]
      local path, switch = versions {source:format(1, 1), "int padding[77] = {1};" ..
         source:format(2, 2)}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      ln:cdef "void change(void); int get(void); int whole(void);"
      ln.c.change()
      assert.equal(3 + 80 + 500 + 12000, ln.c.get())
      switch(2)
      assert(unit:reload {strict = true})
      assert.equal(3 + 80 + 500 + 22000, ln.c.get())
      assert.equal(1, ln.c.whole())
   end)

   it("also pointers to static functions", function()
      local source = [[
         static int first(void) { return %d1; } static int second(void) { return %d2; }
         static int (*chosen)(void) = first; int padding%d;
         void change(void) { chosen = second; } int get(void) { return chosen(); }
      ]]
      local path, switch = versions {source:format(1, 1, 1), source:format(2, 2, 2)}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      ln:cdef "void change(void); int get(void);"
      ln.c.change()
      switch(2)
      local _, report = assert(unit:reload())
      assert.same({"chosen"}, names(report.carried))
      assert.equal(22, ln.c.get())
   end)

   it("pointers to other units, which stay as long as one of them does", function()
      local ln <close> = moonlink.new()
      local far = assert(ln:load(object "int far(void) { return 41; }"))
      local near = assert(ln:load(object(
         "int far(void); int (*p)(void) = far; int call(void) { return p(); }")))
      local _, report = assert(near:reload {inputs = object [[
         static int own(void) { return 1; }
         int (*p)(void) = own; int call(void) { return p(); }]]})
      assert.same({"p"}, names(report.carried))
      local ok, err = far:unload()
      assert.is_nil(ok)
      assert.equal("unit", err.users[1].kind)
      assert.matches("by a pointer", err.message)
      assert.equal(41, ln:func "int call(void)"())
      assert(far:reload {inputs = object "int far(void) { return 42; }"})
      assert.equal(42, ln:func "int call(void)"())
      assert(near:reload {carry = false})
      assert.is_true(far:unload())
      assert.equal(1, ln:func "int call(void)"())
   end)

   it("when others come, go, or move, and alignments of sections with them", function()
      local path, switch = versions {
         "_Alignas(64) char big[64]; int count = 1; int next(void) { return count += big[0] + 1; }",
         "static char other; int more; int count = 1; int next(void) { return count += 1 + more; }",
      }
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local f = ln:func "int next(void)"
      assert.same({2, 3}, {f(), f()})
      switch(2)
      local _, report = assert(unit:reload())
      assert.same({"count"}, names(report.carried))
      assert.same({"big"}, names(report.fresh))
      assert.equal(4, f())
   end)

   it("but not when the size or the alignment has changed, or a constructor has set them",
   function()
      local path, switch = versions {[[
         short grown = 1; double turned = 1; int set_by = 1; int kept = 1; int gone = 1;
         void change(void) { grown = turned = set_by = kept = gone = 5; }
      ]], [[
         int grown = 2; int set_by = 2; int kept = 2;
         asm(".section mine,\"aw\"\n.balign 4\n.globl turned\n.type turned,@object\n"
             ".size turned,8\nturned: .quad 0\n.text\n");
         __attribute__((constructor)) static void c(void) { set_by = 77; }
      ]]}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      ln:func "void change(void)" ()
      switch(2)
      local _, report = assert(unit:reload())
      assert.same({"kept"}, names(report.carried))
      local why = {}
      for _, each in ipairs(report.fresh) do
         why[each.name] = each
      end
      assert.matches("size", why.grown.why, 1, true)
      assert.same({2, 4}, {why.grown.old_size, why.grown.new_size})
      assert.matches("alignment", why.turned.why, 1, true)
      assert.matches("constructor", why.set_by.why, 1, true)
      assert.equal(0, why.gone.new_size)
      ln:cdef "int grown, set_by, kept;"
      assert.same({2, 77, 5}, {ln.c.grown, ln.c.set_by, ln.c.kept})
   end)

   it("strictly: what would be lost is an error, and nothing has changed", function()
      local path, switch = versions {
         "int n = 1; int f(void) { return n++; }", "long n = 1; int f(void) { return 100; }",
      }
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local f = ln:func "int f(void)"
      f()
      switch(2)
      local ok, err = unit:reload {strict = true}
      assert.is_nil(ok)
      for _, part in ipairs {"'n'", "size", "4", "8"} do
         assert.is_truthy(err.message:find(part, 1, true), err.message)
      end
      assert.same({2, 3}, {f(), f()})
      assert.equal(1, unit.version)
   end)

   it("unless carry is false", function()
      local path = versions {"static int n; int f(void) { return ++n; }"}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local f = ln:func "int f(void)"
      assert.same({1, 2}, {f(), f()})
      local _, report = assert(unit:reload {carry = false})
      assert.same({}, report.carried)
      assert.equal(1, f())
   end)

   it("function statics of one name are not mixed up when their numbers change", function()
      local path, switch = versions {
         [[ int a(void) { static int n = 100; return ++n; }
            int b(void) { static int n = 200; return ++n; } ]],
         [[ int b(void) { static int n = 200; return ++n; }
            int c(void) { static int n = 300; return ++n; }
            int a(void) { static int n = 100; return ++n; } ]],
      }
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local a, b = ln:func "int a(void)", ln:func "int b(void)"
      assert.same({101, 201}, {a(), b()})
      switch(2)
      assert(unit:reload())
      -- their own values, or the initial ones: never each other's
      local x, y = a(), b()
      assert.is_true(x == 102 or x == 101, x)
      assert.is_true(y == 202 or y == 201, y)
      assert.equal(301, ln:func "int c(void)" ())
   end)

   it("C++: inline variables, static members, function statics with guards", function()
      local source = [[
         inline int shared = 1; struct S { static inline int member = 2; static int other; };
         int S::other = 3;
         extern "C" int next() { static int n = shared * 40; shared++; S::member++; S::other++;
                                 return ++n; }
         extern "C" int sum() { return %d + shared + S::member + S::other; }
      ]]
      local path, switch = versions({source:format(0), source:format(1000)},
         "-O1 -fPIC -std=c++17", "g++")
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {path, "-lstdc++"})
      local next_n, sum = ln:func "int next(void)", ln:func "int sum(void)"
      assert.same({41, 42}, {next_n(), next_n()})
      assert.equal(12, sum())
      switch(2)
      assert(unit:reload())
      assert.equal(1012, sum())
      assert.equal(43, next_n())
   end)

   it("symbols that reach past their section are no variables", function()
      local source = [[
         asm(".data\n.globl huge\n.type huge,@object\n.size huge,0x7fffffffff\nhuge: .quad 1\n"
             ".globl past\n.type past,@object\n.size past,8\n.set past, huge + 0x100000\n.text\n");
         int f(void) { return 1; }
      ]]
      local path = versions {source}
      local ln <close> = moonlink.new()
      local unit, err = ln:load(path)
      if unit then
         unit, err = unit:reload()
      end
      assert.is_truthy(unit or err.code)
   end)
end)

describe("what other units have registered for their end", function()
   local CLASS <const> = [[
      extern "C" int ended;
      struct S { int n; S(int n) : n(n) {} ~S(); };
      inline S::~S() { ended = ended * 10 + n * FACTOR; }
   ]]

   --- A linker with a unit whose destructor the class's other users take, since it was first.
   local function started()
      local path, switch = versions({"#define FACTOR 1\n" .. CLASS .. "S a(1);",
         "#define FACTOR 2\n" .. CLASS .. "int other[999]; S a(1);"}, "-O1 -fPIE", "g++")
      local ln = moonlink.new()
      ln:cdef "extern int ended;"
      assert(ln:load(object "int ended;"))
      return ln, assert(ln:load(path)), switch
   end

   --- Something takes the place of what was given back.
   local function overwrite(ln)
      for _ = 1, 8 do
         assert(ln:load {object "static int fill[999] = {1}; void g(void) { fill[1]++; }",
            hide = {".*"}})
      end
   end

   it("is the new version's: destructors of static objects", function()
      local ln <close>, unit, switch = started()
      local user = assert(ln:load(object("#define FACTOR 1\n" .. CLASS .. "static S b(2), c(3);",
         "-O1 -fPIE", "g++")))
      switch(2)
      assert(unit:reload())
      assert.equal(1, ln.c.ended)
      overwrite(ln)
      assert(user:unload())
      assert.equal(164, ln.c.ended)
   end)

   it("is the new version's: destructors of thread-local objects", function()
      local ln <close>, unit, switch = started()
      local user = assert(ln:load(object("#define FACTOR 1\n" .. CLASS ..
         [[ static thread_local S t(2); extern "C" long touch(void) { return t.n; } ]],
         "-O1 -fPIE", "g++")))
      do
         local helper <close> = threads.start(ln, dir)
         assert.equal(2, helper.ask_old(user:address "touch"))
         switch(2)
         assert(unit:reload())
         overwrite(ln)
      end
      assert.equal(14, ln.c.ended)
      assert(user:unload())
   end)

   it("keeps the old version's memory when the new one does not have it", function()
      local path, switch = versions {
         "extern int ended; static void f(void) { ended = 7; } void *get(void) { return f; }",
         "void *get(void) { return 0; }"}
      local ln <close> = moonlink.new()
      ln:cdef "extern int ended;"
      assert(ln:load(object "int ended;"))
      local unit = assert(ln:load(path))
      local user = assert(ln:load(object [[
         #include <stdlib.h>
         void *get(void);
         __attribute__((constructor)) static void c(void) { atexit((void (*)(void))get()); }
      ]]))
      switch(2)
      assert(unit:reload())
      overwrite(ln)
      assert.equal(0, ln.c.ended)
      assert(user:unload())
      assert.equal(7, ln.c.ended)
   end)
end)

describe("on_upgrade", function()
   local path, switch

   setup(function()
      path, switch = versions {
         "int n = 1; int f(void) { return n; }", "long n = 2; int f(void) { return (int)n + 100; }",
      }
   end)

   it("sees both versions, and may do what is not done by itself", function()
      switch(1)
      local ln <close> = moonlink.new()
      ln:cdef "int n;"
      local unit = assert(ln:load(path))
      ln.c.n = 41
      switch(2)
      local f = ln:func "int f(void)"
      local seen
      assert(unit:reload {strict = true, on_upgrade = function(old, new)
         seen = {old:alive(), new:alive(), old:address "n" ~= new:address "n", f()}
         local value = moonlink.read(old:address "n", "i4")
         assert(moonlink.write(new:address "n", "i8", value + 1))
      end})
      assert.same({true, true, true, 41}, seen)
      assert.equal(142, f())
   end)

   it("that raises leaves the old version as it was", function()
      switch(1)
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local f = ln:func "int f(void)"
      switch(2)
      local ok, err = unit:reload {on_upgrade = function() error "not this one" end}
      assert.is_nil(ok)
      assert.is_truthy(tostring(err):find("not this one", 1, true), tostring(err))
      assert.equal(1, f())
      assert.equal(1, #ln:units())
      assert.equal(unit:address "f", (ln:address_of "f"))
      assert(unit:reload())
      assert.equal(102, f())
   end)

   it("cannot take the versions away, reload once more, or close the linker", function()
      switch(1)
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local f = ln:func "int f(void)"
      switch(2)
      local results
      assert(unit:reload {on_upgrade = function(old, new)
         results = {{old:unload "force"}, {new:unload "force"}, {old:unload "orphan"}, {ln:close()},
                    {old:reload()}, {new:reload()}}
      end})
      for i, result in ipairs(results) do
         assert.is_nil(result[1], i)
         assert.equal("state", result[2].code, i)
      end
      assert.equal(101, f() - f() + 101)
      assert.is_true(unit:unload "force")
   end)

   it("may load units, which stay", function()
      switch(1)
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      switch(2)
      local extra = object "int f(void); int extra(void) { return f() + 1; }"
      assert(unit:reload {on_upgrade = function() assert(ln:load(extra)) end})
      assert.is_true(ln:func "int extra(void)" () >= 101)
      local users = unit:users()
      assert.is_true(users[1].kind == "unit")
   end)
end)

--- How many mappings hold code. How many others there are is the allocator's business, too.
local function code_mappings()
   local n = 0
   for _, each in ipairs(maps.list()) do
      n = n + (each.protection:find "x" and 1 or 0)
   end
   return n
end

--- Everything that a failed reload must leave as it was.
local function snapshot(ln, unit)
   return {
      address = unit:address "f", found = (ln:address_of "f"), version = unit.version,
      units = #ln:units(), core = #ln.session:units(), users = #unit:users(),
      maps = code_mappings(),
   }
end

describe("a reload that fails changes nothing:", function()
   local FIRST = [[
      int value = 1; int f(void) { return ++value; } int extra(void) { return 5; }
   ]]
   local user

   setup(function()
      user = object "int f(void); int extra(void); int use(void) { return f() + extra(); }"
   end)

   local function fails(second, code, compiler, prepare)
      local path, switch, list = versions({FIRST, "int f(void) { return 0; }"})
      list[2] = object(second, "-O1 -fPIC", compiler)
      local ln <close> = moonlink.new()
      assert(ln:load "-lstdc++")
      local unit = assert(ln:load(path))
      assert(ln:load(user))
      local f, use = ln:func "int f(void)", ln:func "int use(void)"
      assert.same({2, 8}, {f(), use()})
      switch(2)
      if prepare then
         prepare(path)
      end
      assert.is_nil((unit:reload()))
      local _ <close> = maps.still()
      local before = snapshot(ln, unit)
      for _ = 1, 3 do
         local ok, err = unit:reload()
         assert.is_nil(ok)
         assert.equal(code, err.code, err.message)
         assert.same(before, snapshot(ln, unit))
      end
      assert.same({4, 10}, {f(), use()})
      switch(1)
      assert(unit:reload())
      assert.same({6, 12}, {f(), use()})
      return unit
   end

   it("an undefined name", function()
      fails("int nowhere(void); int f(void) { return nowhere(); } int extra(void) { return 1; }",
         "undefined")
   end)

   it("a constructor that raises", function()
      fails([[ extern "C" { int value = 50; int f() { return 0; } int extra() { return 0; } }
               __attribute__((constructor)) static void c() { value = 60; throw 1; } ]],
         "init", "g++")
   end)

   it("a name that somebody uses is missing", function()
      fails("int value; int f(void) { return ++value; }", "state")
   end)

   it("a file that is no object", function()
      fails("int f(void) { return 1; }", "format", nil, function(path)
         support.write(path, "nothing that could be loaded")
      end)
   end)

   it("a file that is cut", function()
      fails("int f(void) { return 1; }", "truncated", nil, function(path)
         support.write(path, support.read(path):sub(1, 300))
      end)
   end)

   it("a file that has gone", function()
      fails("int f(void) { return 1; }", "noent", nil, os.remove)
   end)

   it("the missing name is named, and who uses it", function()
      local path, switch = versions {FIRST, "int f(void) { return 0; }"}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      assert(ln:load(user))
      switch(2)
      local _, err = unit:reload()
      assert.is_truthy(err.message:find("'extra'", 1, true), err.message)
      assert.is_truthy(err.message:find(user, 1, true), err.message)
      assert.equal("extra", err.symbol)
   end)

   it("while a load is running", function()
      local path, switch = versions {FIRST, FIRST}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      switch(2)
      local result
      ln:on("resolve", "^extra$", function()
         result = result or {unit:reload()}
      end)
      assert(ln:load(user))
      assert.is_nil(result[1])
      assert.equal("state", result[2].code)
      assert.equal(7, ln:func "int use(void)" ())
   end)
end)
