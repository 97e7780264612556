-- Reloading: a new version takes the place of the old one, with its variables, its users and its
-- functions, or nothing has changed.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()
local number = 0

local function fresh_path()
   number = number + 1
   return ("%s/r%d.o"):format(dir, number)
end

local function object(source, flags, compiler)
   return support.cc(fresh_path(), source, flags or "-O1 -fPIE",
      compiler and {compiler = compiler})
end

--- A path whose content is a version, and what makes it another one. The versions are compiled
--- once; the file is replaced as compilers do it: a new one with the old name.
local function versions(sources, flags, compiler)
   local path, list = fresh_path(), {}
   for i, source in ipairs(sources) do
      list[i] = object(source, flags, compiler)
   end
   local function switch(i)
      support.sh("cp %s %s.new && mv %s.new %s", list[i], path, path, path)
      return path
   end
   return switch(1), switch, list
end

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
      local path, switch = versions({source:format "", source:format "1000 +"}, "-O1 -fPIE -fcommon")
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

   it("when others come, go, or move, and alignments of sections with them", function()
      local path, switch = versions {
         "_Alignas(64) char big[64]; int count = 1; int next(void) { return count += big[0] + 1; }",
         "static char other; int added; int count = 1; int next(void) { return count += 1 + added; }",
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
         int grown = 2; char turned[8] = "x"; int set_by = 2; int kept = 2;
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
         [[ int a(void) { static int n = 100; return ++n; } int b(void) { static int n = 200; return ++n; } ]],
         [[ int b(void) { static int n = 200; return ++n; } int c(void) { static int n = 300; return ++n; }
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

--- Everything that a failed reload must leave as it was.
local function snapshot(ln, unit)
   local maps = 0
   for _ in io.lines "/proc/self/maps" do
      maps = maps + 1
   end
   return {
      address = unit:address "f", found = (ln:address_of "f"), version = unit.version,
      units = #ln:units(), core = #ln.session:units(), users = #unit:users(), maps = maps,
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
               __attribute__((constructor)) static void c() { value = 60; throw 1; } ]], "init", "g++")
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

describe("units that use the reloaded one call and read the new one:", function()
   local BASE = [[
      int number = %d; int get(void) { return %d; } int table[3] = {1, 2, %d};
      extern const int fixed; const int fixed = %d;
   ]]
   local padding = "char padding[5000] = {1}; int (*more(void))(void) { return 0; }"
   local USER = [[
      extern int number, table[]; extern const int fixed; int get(void);
      int *pointer = &number; int *end = &table[3]; int (*const function)(void) = get;
      static int (*late)(void);
      int calls(void) { return get(); }
      int jumps(void);
      int reads(void) { return number; }
      void writes(int n) { number = n; }
      int through(void) { return *pointer + function() + (end[-1] == table[2]) + fixed; }
      void remember(void) { late = get; } int remembered(void) { return late(); }
      __attribute__((noinline)) int tail(void) { return get(); }
   ]]

   local function check(flags, options, base_flags)
      local path, switch = versions({BASE:format(7, 1, 3, 10), padding .. BASE:format(7, 2, 4, 20)},
         base_flags or flags)
      local ln <close> = moonlink.new(options)
      local unit = assert(ln:load(path))
      assert(ln:load(object(USER:gsub("int jumps%(void%);", ""), flags)))
      ln:cdef [[ int calls(void); int reads(void); void writes(int); int through(void); int tail(void);
         void remember(void); int remembered(void); int number; ]]
      assert.same({1, 7, 7 + 1 + 1 + 10, 1},
         {ln.c.calls(), ln.c.reads(), ln.c.through(), ln.c.tail()})
      ln.c.remember()
      ln.c.writes(30)
      local old = ln:address_of "get"
      switch(2)
      assert(unit:reload {strict = true})
      assert.not_equal(old, (ln:address_of "get"))
      assert.same({2, 30, 30 + 2 + 1 + 20, 2, 2},
         {ln.c.calls(), ln.c.reads(), ln.c.through(), ln.c.tail(), ln.c.remembered()})
      ln.c.writes(31)
      assert.equal(31, ln.c.number)
      for _ = 1, 4 do
         switch(1)
         assert(unit:reload())
         switch(2)
         assert(unit:reload())
      end
      assert.same({2, 31, 2}, {ln.c.calls(), ln.c.reads(), ln.c.remembered()})
   end

   it("PIC, with GOT loads relaxed", function() check("-O2 -fPIC") end)
   it("PIC, with GOT loads kept", function() check("-O2 -fPIC", {relax = false}) end)
   it("without a PLT", function() check("-O2 -fPIC -fno-plt") end)
   it("without a PLT, kept", function() check("-O2 -fPIC -fno-plt", {relax = false}) end)
   it("PIE", function() check("-O2 -fPIE") end)
   it("not optimised", function() check("-O0 -fPIC") end)
   it("no PIC, below 2 GiB", function() check("-O2 -fno-pic -fno-pie -mcmodel=small") end)
   it("PIC, of a base below 2 GiB", function()
      check("-O2 -fPIC", nil, "-O2 -fno-pic -fno-pie -mcmodel=small")
   end)
   it("no PIC, of a PIC base", function()
      check("-O2 -fno-pic -fno-pie -mcmodel=small", {zone = "low"}, "-O2 -fPIC")
   end)
   it("large model", function() check("-O2 -fno-pic -mcmodel=large") end)
   it("large model, PIC", function() check("-O2 -fPIC -mcmodel=large") end)

   it("also what they remember of static functions stays callable", function()
      local source = [[
         void take(int (*)(void)); static int mine(void) { return %d; }
         void give(void) { take(mine); } int get(void) { return %d; }
      ]]
      local path, switch = versions {source:format(1, 1), padding .. source:format(2, 2)}
      local ln <close> = moonlink.new()
      assert(ln:load(object [[
         static int (*f)(void); void take(int (*g)(void)) { f = g; } int run(void) { return f(); }
      ]]))
      local unit = assert(ln:load(path))
      local user = object "int get(void); static int (*f)(void); int use(void) { return get(); }"
      assert(ln:load(user))
      ln:cdef "void give(void); int run(void);"
      ln.c.give()
      assert.equal(1, ln.c.run())
      switch(2)
      assert(unit:reload())
      local n = ln.c.run()
      assert.is_true(n == 1 or n == 2)
   end)

   it("callbacks of Lua that they were given stay", function()
      local source = [[
         int (*hook)(int); int %s; void set(int (*f)(int)) { hook = f; } int run(int n) { return hook(n) + %d; }
      ]]
      local path, switch = versions {source:format("a", 0), source:format("b[99]", 100)}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local callback <close> = ln:callback("int(int)", function(n) return 2 * n end)
      ln:func "void set(void *)" (callback)
      local run = ln:func "int run(int)"
      assert.equal(10, run(5))
      switch(2)
      assert(unit:reload())
      assert.equal(110, run(5))
   end)

   it("functions with another name in the object than in C", function()
      local source = [[ int f(void) __asm__("other_name"); int f(void) { return %d; } ]]
      local path, switch = versions {source:format(1), padding .. source:format(2)}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local f = assert(ln:func 'int f(void) __asm__("other_name")')
      assert.equal(1, f())
      switch(2)
      assert(unit:reload())
      assert.equal(2, f())
   end)

   it("a function that the new version lacks raises", function()
      local path, switch = versions {"int f(void) { return 1; } int g(void) { return 2; }",
         "int f(void) { return 3; }"}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local f, g = ln:func "int f(void)", ln:func "int g(void)"
      assert.equal(2, g())
      switch(2)
      assert(unit:reload())
      assert.equal(3, f())
      assert.is_truthy(support.refused(g):find("unloaded", 1, true))
   end)

   it("weak and unique definitions that others share with it", function()
      local shared = [[
         struct S { static S &one() { static S s; return s; } int n = 0; };
         template <class T> T &value() { static T v = 5; return v; }
      ]]
      local first = shared .. 'extern "C" int here() { return ++S::one().n + ++value<int>(); }'
      local path, switch = versions({first, "int pad[99];" .. first}, "-O1 -fPIC", "g++")
      local user = object(shared ..
         'extern "C" int there() { return ++S::one().n + ++value<int>(); }', "-O1 -fPIC", "g++")
      local ln <close> = moonlink.new()
      assert(ln:load "-lstdc++")
      local unit = assert(ln:load(path))
      assert(ln:load(user))
      ln:cdef "int here(void); int there(void);"
      assert.same({7, 9, 11}, {ln.c.here(), ln.c.there(), ln.c.here()})
      switch(2)
      assert(unit:reload())
      assert.same({13, 15, 17}, {ln.c.there(), ln.c.here(), ln.c.there()})
   end)
end)

describe("a reload in the middle:", function()
   local source = [[
      int (*pad)(void); int depth; %s
      int run(int (*f)(int), int n) { int r = f(n); return r + %d; }
   ]]

   it("from a call into the unit: the call returns in the old code", function()
      local path, switch = versions {source:format("", 1), source:format("int more[50];", 100)}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local run = ln:func "int run(int (*)(int), int)"
      local inner
      assert.equal(6, run(function(n)
         switch(2)
         assert(unit:reload())
         inner = run(function(m) return m end, 5)
         return n
      end, 5))
      assert.equal(105, inner)
      assert.equal(105, run(function(n) return n end, 5))
      assert.is_true(unit:unload "force")
   end)

   it("from a call that reached the unit through another one", function()
      local path, switch = versions {source:format("", 1), source:format("int more[50];", 100)}
      local user = object "int run(int (*)(int), int); int outer(int (*f)(int), int n) { return run(f, n) + 1000; }"
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      assert(ln:load(user))
      local outer = ln:func "int outer(int (*)(int), int)"
      for round = 1, 10 do
         local before, after = (round % 2 == 1) and 1 or 100, (round % 2 == 1) and 100 or 1
         assert.equal(1005 + before, outer(function(n)
            switch(round % 2 == 1 and 2 or 1)
            assert(unit:reload())
            return n
         end, 5))
         assert.equal(1005 + after, outer(function(n) return n end, 5))
      end
   end)

   it("many times within one call", function()
      local path, switch = versions {source:format("", 1), source:format("int more[50];", 100)}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local run = ln:func "int run(int (*)(int), int)"
      assert.equal(6, run(function(n)
         for i = 1, 20 do
            switch(i % 2 + 1)
            assert(unit:reload())
         end
         return n
      end, 5))
   end)

   it("by a constructor of the new version is refused", function()
      local path, switch = versions {"int f(void) { return 1; }", [[
         int again(int); int f(void) { return 2; }
         __attribute__((constructor)) static void c(void) { again(1); }
      ]]}
      local ln <close> = moonlink.new()
      local results = {}
      local unit
      local callback <close> = ln:callback("int(int)", function()
         results = {{unit:reload()}, {unit:unload "force"}}
         return 0
      end)
      ln:on("undefined", "^again$", function() return callback end)
      unit = assert(ln:load(path))
      switch(2)
      assert(unit:reload())
      assert.equal(2, #results)
      for i, result in ipairs(results) do
         assert.is_nil(result[1], i)
         assert.equal("state", result[2].code, i)
      end
      assert.equal(2, ln:func "int f(void)" ())
      assert.is_true(unit:unload())
   end)
end)

describe("after a reload", function()
   it("constructors and destructors have run once for each version", function()
      local trace = object "char trace[64]; int length; void note(char c) { trace[length++] = c; }"
      local source = [[
         #include <stdlib.h>
         void note(char); %s
         static void e(void) { note('%s'); }
         __attribute__((constructor)) static void c(void) { note('%s'); atexit(e); }
         __attribute__((destructor)) static void d(void) { note('%s'); }
      ]]
      local path, switch = versions {source:format("", "x", "(", ")"),
         source:format("int pad[9];", "y", "[", "]")}
      local ln <close> = moonlink.new()
      assert(ln:load(trace))
      local unit = assert(ln:load(path))
      switch(2)
      assert(unit:reload())
      assert.equal("([x)", moonlink.string((ln:address_of "trace")))
      assert.is_true(unit:unload())
      assert.equal("([x)y]", moonlink.string((ln:address_of "trace")))
   end)

   it("names that a later unit covers stay covered, and those below come back", function()
      local path, switch = versions {"int which(void) { return 20; } int own(void) { return 2; }",
         "int which(void) { return 21; } int own(void) { return 3; } int added(void) { return 4; }"}
      local below = object "int which(void) { return 10; }"
      local above = object "int which(void) { return 30; } int added(void) { return 31; }"
      local ln <close> = moonlink.new {duplicate = "last"}
      local low = assert(ln:load(below))
      local unit = assert(ln:load(path))
      local high = assert(ln:load(above))
      switch(2)
      assert(unit:reload())
      local function which()
         return ln:func "int which(void)" ()
      end
      assert.same({30, 31, 3}, {which(), ln:func "int added(void)" (), ln:func "int own(void)" ()})
      assert.is_true(high:unload())
      assert.same({21, 4}, {which(), ln:func "int added(void)" ()})
      assert.is_true(unit:unload())
      assert.equal(10, which())
      assert.is_true(low:unload())
   end)

   it("units end in the order in which they first came", function()
      local trace = object "char trace[16]; int length; void note(char c) { trace[length++] = c; }"
      local outer <close> = moonlink.new()
      assert(outer:load(trace))
      local ln <close> = moonlink.new {scope = {{note = outer:address_of "note"}, "process"}}
      local source = [[
         void note(char); __attribute__((destructor)) static void d(void) { note('%s'); }
      ]]
      local path, switch = versions {source:format "a", source:format "A"}
      local unit = assert(ln:load(path))
      assert(ln:load(object(source:format "b")))
      switch(2)
      assert(unit:reload())
      assert.is_true(ln:close())
      assert.equal("abA", moonlink.string((outer:address_of "trace")))
   end)

   it("users are users of the new version", function()
      local path, switch = versions {"int f(void) { return 1; }", "int p[9]; int f(void) { return 2; }"}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      local user = assert(ln:load(object "int f(void); int g(void) { return f(); }"))
      switch(2)
      assert(unit:reload())
      local ok, err = unit:unload()
      assert.is_nil(ok)
      assert.equal("unit", err.users[1].kind)
      assert.same({"f"}, err.users[1].symbols)
      assert.is_true(user:unload())
      assert.is_true(unit:unload())
   end)
end)

describe("a thousand reloads #slow #layout", function()
   it("leave the process as it was", function()
      local source = [[
         #include <stdexcept>
         static int n; int pad%d[20];
         struct S { S() { pad%d[1] = 1; } ~S() {} }; static S s;
         extern "C" int f() { try { throw 1; } catch (int k) { return n += k; } }
      ]]
      local path, switch = versions({source:format(1, 1), source:format(2, 2)}, "-O1 -fPIC", "g++")
      local ln <close> = moonlink.new()
      assert(ln:load "-lstdc++")
      local unit = assert(ln:load(path))
      assert(ln:load(object "int f(void); int g(void) { return f(); }"))
      local g = ln:func "int g(void)"
      local function measure()
         collectgarbage()
         collectgarbage()
         local mappings = 0
         for _ in io.lines "/proc/self/maps" do
            mappings = mappings + 1
         end
         local rss = tonumber(support.read "/proc/self/status":match "VmRSS:%s+(%d+)")
         return mappings, rss, collectgarbage "count"
      end
      local function rounds(n)
         for i = 1, n do
            if i % 100 == 1 then
               switch(i // 100 % 2 + 1)
            end
            assert(unit:reload())
            g()
         end
      end
      rounds(200)
      local mappings, rss, lua = measure()
      rounds(1000)
      local mappings_after, rss_after, lua_after = measure()
      assert.equal(1201, g())
      assert.is_true(mappings_after <= mappings + 4, "mappings")
      assert.is_true(rss_after <= rss + 512, "VmRSS")
      assert.is_true(lua_after <= lua + 16, "Lua")
   end)
end)
