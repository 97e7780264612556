-- Reloading a unit that others use: units, functions, and calls that are running go over to the new
-- version.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local object = objects.cc
local versions = objects.versions

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
      ln:cdef [[ int calls(void); int reads(void); void writes(int); int through(void);
         int tail(void);
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

   it("ten thousand places", function()
      local path, switch = versions {"int f(void) { return 1; }",
         "char padding[5000] = {1}; int f(void) { return 2; }"}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      assert(ln:load(object [[
         int f(void); int (*const f_of[10000])(void) = {[0 ... 9999] = f};
         int sum(void) { int n = 0; for (int i = 0; i < 10000; i++) n += f_of[i](); return n; }
      ]]))
      switch(2)
      assert(unit:reload())
      assert.equal(20000, ln:func "int sum(void)" ())
   end)

   local refused = "at a place that cannot be changed"

   it("but not what each thread has a copy of", function()
      local path, switch = versions {"int v = 1;", "char padding[5000] = {1}; int v = 2;"}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      assert(ln:load(object "extern int v; __thread int *p = &v; int get(void) { return *p; }"))
      switch(2)
      local ok, err = unit:reload()
      assert.is_nil(ok)
      assert.truthy(tostring(err):find(refused, 1, true))
      assert.equal(1, ln:func "int get(void)" ())
   end)

   it("nor what has become smaller than its users were compiled for", function()
      local path, switch = versions {"int v[2] = {1, 2};", "int v[1] = {3};"}
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      assert(ln:load(object "extern int v[]; int get(void) { return v[1]; }"))
      switch(2)
      local ok, err = unit:reload()
      assert.is_nil(ok)
      assert.truthy(tostring(err):find("'v', which has become smaller", 1, true))
      assert.equal(2, ln:func "int get(void)" ())
   end)

   it("nor by distance what lies in large data now; the hint says what does", function()
      local source = "int v[100] = {%d}; int own(void) { return v[0]; }"
      local old, large = object(source:format(1)),
         object(source:format(2), "-O1 -fPIC -mcmodel=medium -mlarge-data-threshold=8")
      local user = object("extern int v[]; int get(void) { return v[0]; }", "-O1 -fPIC")
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(old))
      assert(ln:load(user))
      local ok, err = unit:reload {inputs = {large}}
      assert.is_nil(ok)
      assert.truthy(err.message:find("out of reach", 1, true))
      assert.equal("compile that unit with -fPIC, and load it with bind = \"got\"", err.hint)
      assert.equal(1, ln:func "int get(void)" ())
      local as_told <close> = moonlink.new {bind = "got"}
      unit = assert(as_told:load(old))
      assert(as_told:load(user))
      assert(unit:reload {inputs = {large}, carry = false})
      assert.equal(2, as_told:func "int get(void)" ())
   end)

   it("nor an address in an instruction that was moved for another one #layout", function()
      local path, switch = versions({"int f(void) { return 1; }",
         "char padding[5000] = {1}; int f(void) { return 2; }"}, "-O2 -fno-pic -fno-pie")
      local ln <close> = moonlink.new {zone = "low"}
      local unit = assert(ln:load(path))
      local user = assert(ln:load(object([[
         int f(void); int v;
         int is(void *p) { extern void *optarg; void *was = optarg; optarg = p; int n;
            asm volatile("cmpq $f, optarg(%%rip)\n sete %b0\n movzbl %b0, %0"
               : "=r"(n) : : "cc", "memory");
            optarg = was; return n; }
      ]], "-O2 -fno-pic -fno-pie")))
      assert.truthy(user.stats.moved > 0)
      local is = ln:func "int is(void *)"
      assert.same({1, 0}, {is((ln:address_of "f")), is((ln:address_of "v"))})
      switch(2)
      local ok, err = unit:reload()
      assert.is_nil(ok)
      assert.truthy(tostring(err):find(refused, 1, true))
      assert.same({1, 0}, {is((ln:address_of "f")), is((ln:address_of "v"))})
   end)

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
         int (*hook)(int); int %s;
         void set(int (*f)(int)) { hook = f; } int run(int n) { return hook(n) + %d; }
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
      assert.matches("g: the new version of .* does not define it$", support.refused(g))
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
      local user = object [[
         int run(int (*)(int), int);
         int outer(int (*f)(int), int n) { return run(f, n) + 1000; }
      ]]
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

   it("a destructor that is a function of the reloaded unit is the new one", function()
      local trace = object "char trace[16]; int length; void note(char c) { trace[length++] = c; }"
      local source = "void note(char); void last(void) { note('%s'); } int pad%d[%d];"
      local path, switch = versions {source:format("1", 1, 9), source:format("2", 2, 9999)}
      local ln <close> = moonlink.new()
      assert(ln:load(trace))
      local unit = assert(ln:load(path))
      local user = assert(ln:load(object [[
         void last(void);
         static void (*at_end)(void) __attribute__((section(".fini_array"), used)) = last;
      ]]))
      switch(2)
      assert(unit:reload())
      assert.is_true(user:unload())
      assert.equal("2", moonlink.string((ln:address_of "trace")))
   end)

   it("users are users of the new version", function()
      local path, switch = versions {"int f(void) { return 1; }",
         "int p[9]; int f(void) { return 2; }"}
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
