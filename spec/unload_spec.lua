-- Unloading: who uses a unit, what is refused, what "wait", "orphan" and "force" do.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local maps = require "spec.support.maps"
local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local dir, object, refusal = objects.dir, objects.cc, loads.unload_refusal

local function named(name, source, flags, compiler)
   return support.cc(dir .. "/" .. name, source, flags or "-O1 -fPIE",
      compiler and {compiler = compiler})
end

--- Is there memory at the address that somebody may use?
local function mapped(address)
   local mapping = maps.of(address, 1)[1]
   return mapping ~= nil and mapping.protection ~= "---p"
end

--- Is a file mapped whose path holds the text?
local function has_file(text)
   for _, each in ipairs(maps.list()) do
      if each.path:find(text, 1, true) then
         return true
      end
   end
   return false
end

local base, user, other, apply

setup(function()
   base = named("base.o", [[
      int value = 5; int get(void) { return value; } int set(int n) { value = n; return n; }
   ]])
   user = named("user.o", [[
      int get(void); extern int value; int twice(void) { return get() + value; }
   ]])
   other = named("other.o", "int set(int); int put(int n) { return set(n); }")
   apply = named("apply.o", "int apply(int (*f)(int), int n) { return f(n) + 1; }")
end)

describe("unloading", function()
   it("takes names, memory and functions", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      local address = unit:address "get"
      assert.is_true(mapped(address))
      assert.is_true(unit:unload())
      assert.is_false(unit:alive())
      assert.is_false(mapped(address))
      assert.same({}, ln:units())
      assert.is_nil((ln:address_of "get"))
      local again = assert(ln:load(base))
      assert.equal(5, ln:func "int get(void)" ())
      assert.is_true(again:unload "force")
   end)

   it("twice is a mistake, as is any other use of a unit that has gone", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      assert.is_true(unit:unload())
      local argument = {
         symbol = "get", address = "get", missing = "get", write_symbols = "/dev/null",
      }
      for _, method in ipairs {
         "unload", "users", "reload", "symbol", "address", "symbols", "sections", "inputs",
         "stripped", "missing", "write_symbols", "map",
      } do
         local text = support.refused(function() unit[method](unit, argument[method]) end)
         assert.matches("^[^\n]*unload_spec%.lua:%d+: .*base%.o was unloaded$", text, method)
      end
      assert.equal("base.o", unit.name:match "[^/]+$")
      assert.matches("unloaded", tostring(unit), 1, true)
   end)

   it("knows its modes", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      for _, how in ipairs {"now", 7, {how = "soon"}, {timeout = "long"}} do
         assert.matches("unload:", support.refused(unit.unload, unit, how), 1, true)
      end
      assert.is_true(unit:alive())
   end)

   it("is refused while a load is running", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      local results = {}
      ln:on("resolve", function()
         for _, how in ipairs {"refuse", "orphan", "force"} do
            results[#results + 1] = {unit:unload(how)}
         end
      end)
      assert(ln:load(user))
      assert.is_true(#results >= 3)
      for _, result in ipairs(results) do
         assert.is_nil(result[1])
         assert.equal("state", result[2].code)
      end
      assert.equal(10, ln:func "int twice(void)" ())
   end)

   it("by a finaliser in the middle of a load is refused, and harms nothing", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      local outcome
      ln:on("resolve", function()
         if not outcome then
            setmetatable({}, {__gc = function() outcome = {unit:unload "force"} end})
            collectgarbage()
         end
      end)
      assert(ln:load(user))
      assert.is_nil(outcome[1])
      assert.equal(10, ln:func "int twice(void)" ())
   end)
end)

describe("a unit that is used is not unloaded", function()
   it("when other units import from it: their names and what they take", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      local u, o = assert(ln:load(user)), assert(ln:load(other))
      local text, err = refusal(unit)
      for _, part in ipairs {"2 units import", "user.o: ", "get", "value", "other.o: set"} do
         assert.is_truthy(text:find(part, 1, true), text)
      end
      assert.is_string(err.hint)
      assert.matches("unload those units", err.hint, 1, true)
      assert.is_falsy(err.hint:find("wait", 1, true))
      local of = {[err.users[1].unit] = true, [err.users[2].unit] = true}
      assert.is_true(of[u] and of[o])
      local kinds = {}
      for i, each in ipairs(err.users) do
         kinds[i] = each.kind
      end
      assert.same({"unit", "unit"}, kinds)
      assert.is_true(u:unload())
      text = refusal(unit)
      assert.is_truthy(text:find("1 unit imports", 1, true), text)
      assert.is_true(o:unload())
      assert.is_true(unit:unload())
   end)

   it("also by units that came where another one was", function()
      -- the allocator hands out the same memory for the next unit
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      for _ = 1, 20 do
         local u = assert(ln:load(user))
         assert.equal(1, #unit:users())
         assert.is_truthy(refusal(unit):find("user.o", 1, true))
         assert.is_true(u:unload())
         assert.equal(0, #unit:users())
      end
   end)

   it("when Lua has functions of it, until they are dropped", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      local get, set = ln:func "int get(void)", ln:func "int set(int)"
      local text = refusal(unit)
      assert.is_truthy(text:find("Lua has 2 functions of it (get, set)", 1, true), text)
      assert.same({5, 5}, {get(), set(5)})
      set = nil -- luacheck: ignore 311
      text = refusal(unit)
      assert.is_truthy(text:find("Lua has 1 function of it (get)", 1, true), text)
      get = nil -- luacheck: ignore 311
      assert.is_true(unit:unload())
   end)

   it("but what the linker's own table of functions keeps does not count", function()
      local ln <close> = moonlink.new()
      ln:cdef "int get(void);"
      local unit = assert(ln:load(base))
      assert.equal(5, ln.c.get())
      assert.is_true(unit:unload())
      assert.is_false((pcall(function() return ln.c.get() end)))
      assert(ln:load(base))
      assert.equal(5, ln.c.get())
   end)

   it("while a call into it is running", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(apply))
      local text
      local n = ln:func "int apply(int (*)(int), int)" (function(n)
         text = refusal(unit)
         return n
      end, 7)
      assert.equal(8, n)
      assert.is_truthy(text:find("1 call in flight", 1, true), text)
      assert.is_true(unit:unload())
   end)

   it("while a call that came another way is running", function()
      local compare = object [[
         int (*hook)(void);
         int compare(const void *a, const void *b) { hook(); return *(int *)a - *(int *)b; }
      ]]
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(compare))
      local texts = {}
      local hook <close> = ln:callback("int(void)", function()
         texts[#texts + 1] = refusal(unit)
         return 0
      end)
      assert(moonlink.write(unit:address "hook", "J", hook:address()))
      local numbers <close> = moonlink.alloc(12)
      numbers:set(("i4i4i4"):pack(3, 1, 2))
      ln:func "void qsort(void *, size_t, size_t, void *)" (numbers, 3, 4, unit:address "compare")
      assert.equal(("i4i4i4"):pack(1, 2, 3), numbers:get())
      assert.is_true(#texts > 1)
      for _, text in ipairs(texts) do
         assert.is_truthy(text:find("call in flight", 1, true), text)
      end
      assert.is_true(unit:unload())
   end)

   it("when a unit of another linker uses it", function()
      local a <close> = moonlink.new()
      local unit = assert(a:load(base))
      local b = moonlink.new {scope = {function(q)
         return q.name ~= "nothing" and a:symbol(q.name) or nil
      end, "process"}}
      assert(b:load(user))
      local text = refusal(unit)
      assert.is_truthy(text:find("of other linkers", 1, true), text)
      assert.equal(10, b:func "int twice(void)" ())
      assert.is_true(b:close())
      assert.is_true(unit:unload())
   end)

   it("while a thread has destructors of it to run", function()
      local path = object([[
         #include <pthread.h>
         extern "C" { int destroyed; }
         struct S { int n; S() : n(7) {} ~S() { destroyed++; } };
         static thread_local S s;
         static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
         extern "C" int touch() { return s.n; }
      ]], "-O1 -fPIC", "g++")
      -- the thread runs code of this one, not of the other
      local runner = object [[
         #include <pthread.h>
         static int (*volatile call)(void); static volatile int state; static pthread_t thread;
         static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
         static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
         static void await(int n) { pthread_mutex_lock(&m);
            while (state != n) pthread_cond_wait(&c, &m);
            pthread_mutex_unlock(&m); }
         static void now(int n) { pthread_mutex_lock(&m); state = n; pthread_cond_broadcast(&c);
            pthread_mutex_unlock(&m); }
         static void *body(void *ud) { (void)ud; call(); now(1); await(2); return 0; }
         int begin(void *f) { call = (int (*)(void))f; state = 0;
            if (pthread_create(&thread, 0, body, 0)) return -1;
            await(1); return 0; }
         int finish(void) { now(2); return pthread_join(thread, 0); }
      ]]
      local ln <close> = moonlink.new()
      local unit, err = ln:load {path, "-lstdc++"}
      if not unit and err.code == "unsupported" then
         pending "thread-local storage"
         return
      end
      assert(unit, err)
      assert(ln:load(runner))
      ln:cdef "int begin(long f); int finish(void); int destroyed;"
      assert.equal(0, ln.c.begin(unit:address "touch"))
      local text = refusal(unit)
      assert.is_truthy(text:find("thread-exit handlers are pending (thread ", 1, true), text)
      assert.equal(0, ln.c.destroyed)
      assert.equal(0, ln.c.finish())
      assert.equal(1, ln.c.destroyed)
      assert.is_true(unit:unload())
   end)
end)

local SLEEPER = [[
   #include <pthread.h>
   #include <semaphore.h>
   #include <time.h>
   static sem_t in, out; static pthread_t thread; static int how_long;
   __attribute__((constructor)) static void c(void) { sem_init(&in, 0, 0); sem_init(&out, 0, 0); }
   static void *body(void *ud) { (void)ud; sem_post(&in);
      if (how_long < 0) while (sem_wait(&out)) ;
      else { struct timespec t = {0, how_long * 1000000L}; nanosleep(&t, 0); }
      return 0; }
   int begin(int ms) { how_long = ms; int rc = pthread_create(&thread, 0, body, 0);
      while (sem_wait(&in)) ;
      return rc; }
   int finish(void) { sem_post(&out); return pthread_join(thread, 0); }
   int detach(void) { return pthread_detach(thread); }
]]

-- A thread that stays until another unit lets it go.
local GATE = [[
   #include <semaphore.h>
   static sem_t gate;
   __attribute__((constructor)) static void c(void) { sem_init(&gate, 0, 0); }
   void pass(void) { while (sem_wait(&gate)) ; }
   void open_gate(void) { sem_post(&gate); }
]]
local VISITOR = [[
   #include <pthread.h>
   #include <semaphore.h>
   extern void pass(void);
   static sem_t in;
   static void *body(void *ud) { sem_post(&in); pass(); return ud; }
   int begin(void)
   {
      pthread_t t;
      if (sem_init(&in, 0, 0) || pthread_create(&t, 0, body, 0) || pthread_detach(t)) return -1;
      while (sem_wait(&in)) ;
      return 0;
   }
]]

describe("a native thread that is inside a unit #layout", function()
   local sleeper

   setup(function()
      sleeper = named("sleeper.o", SLEEPER)
   end)

   it("is named, by number", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(sleeper))
      ln:cdef "int begin(int); int finish(void);"
      assert.equal(0, ln.c.begin(-1))
      local text, err = refusal(unit)
      local id = text:match "code of it is on the stack of thread (%d+)"
      assert.is_truthy(id, text)
      assert.equal(1, #err.users)
      assert.is_truthy(io.open(("/proc/self/task/%s/stat"):format(id)))
      assert.equal(0, ln.c.finish())
      assert.is_true(unit:unload())
   end)

   it("is waited for", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(sleeper))
      ln:cdef "int begin(int); int detach(void);"
      assert.equal(0, ln.c.begin(100))
      assert.equal(0, ln.c.detach())
      assert.is_true(unit:unload "wait")
      assert.is_false(unit:alive())
   end)

   it("is waited for until the time is over", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(sleeper))
      ln:cdef "int begin(int); int finish(void);"
      assert.equal(0, ln.c.begin(-1))
      local before = moonlink.now()
      local text = refusal(unit, {timeout = 0.05})
      assert.is_true(moonlink.now() - before >= 0.05)
      assert.is_truthy(text:find("thread", 1, true), text)
      assert.equal(0, ln.c.finish())
      assert.is_true(unit:unload {timeout = 300})
   end)

   it("keeps the memory of a unit that is forced out, until it has left", function()
      local ln <close> = moonlink.new()
      assert(ln:load(named("gate.o", GATE)))
      local unit = assert(ln:load(named("visitor.o", VISITOR)))
      local begin = ln:func "int begin(void)"
      local address = unit:address "begin"
      assert.equal(0, begin())
      assert.is_true(unit:unload "force")
      assert.is_false((pcall(begin)))
      for _ = 1, 3 do
         assert.is_true(mapped(address))
         assert.is_true(assert(ln:load(base)):unload())
      end
      ln:func "void open_gate(void)" ()
      local till = moonlink.now() + 300
      repeat
         assert.is_true(assert(ln:load(base)):unload())
      until not mapped(address) or moonlink.now() > till
      assert.is_false(mapped(address))
   end)
end)

describe('"wait"', function()
   it("does not wait for what this thread itself would have to do", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      assert(ln:load(user))
      assert.is_truthy(refusal(unit, "wait"):find("user.o", 1, true))
   end)
end)

describe('"orphan"', function()
   it("takes the names; functions and users go on; the names can be defined again", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      assert(ln:load(user))
      local get, set, twice = ln:func "int get(void)", ln:func "int set(int)",
         ln:func "int twice(void)"
      assert.is_true(unit:unload "orphan")
      assert.is_nil((ln:address_of "get"))
      assert.equal(1, #ln:units())
      assert.same({5, 10, 6, 12}, {get(), twice(), set(6), twice()})
      assert(ln:load(object "int value = 70; int get(void) { return value; }"))
      assert.same({6, 70}, {get(), ln:func "int get(void)" ()})
      assert.equal(12, twice())
   end)

   it("can be unloaded later, as any other", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(base))
      local u = assert(ln:load(user))
      local address = unit:address "get"
      assert.is_true(unit:unload "orphan")
      assert.is_true(unit:alive())
      assert.is_truthy(refusal(unit):find("user.o", 1, true))
      assert.is_true(u:unload())
      assert.is_true(unit:unload())
      assert.is_false(mapped(address))
   end)
end)

describe('"force"', function()
   it("takes dependants too, theirs first; functions raise afterwards", function()
      local trace = object "char trace[16]; int length; void note(char c) { trace[length++] = c; }"
      local function unit(name, needs)
         return object(([[
            void note(char); int f_%s(void) { return 1; } %s
            __attribute__((destructor)) static void d(void) { note('%s'); }
         ]]):format(name, needs and ("int f_%s(void); int g_%s(void) { return f_%s(); }")
            :format(needs, name, needs) or "", name))
      end
      local ln <close> = moonlink.new()
      assert(ln:load(trace))
      local a = assert(ln:load(unit("a")))
      local b = assert(ln:load(unit("b", "a")))
      local c = assert(ln:load(unit("c", "b")))
      local d = assert(ln:load(unit("d")))
      local e = assert(ln:load(unit("e", "a")))
      local functions = {ln:func "int f_a(void)", ln:func "int f_b(void)", ln:func "int f_c(void)"}
      local f_d = ln:func "int f_d(void)"
      assert.is_true(a:unload "force")
      assert.equal("ecba", moonlink.string((ln:address_of "trace")))
      for _, each in ipairs {a, b, c, e} do
         assert.is_false(each:alive())
      end
      for _, f in ipairs(functions) do
         assert.is_truthy(support.refused(f):find("was unloaded", 1, true))
      end
      assert.is_true(d:alive())
      assert.equal(1, f_d())
      assert.equal(2, #ln:units())
   end)

   it("from inside a call into the unit survives, and the call returns", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(apply))
      local run = ln:func "int apply(int (*)(int), int)"
      local address = unit:address "apply"
      assert.equal(8, run(function(n)
         assert.is_true(unit:unload "force")
         assert.is_false(unit:alive())
         assert.is_truthy(support.refused(run, print, 1):find("was unloaded", 1, true))
         return n
      end, 7))
      assert.is_false((pcall(run, print, 1)))
      -- with the next unit that goes, its memory goes
      assert.is_true(assert(ln:load(base)):unload())
      assert.is_false(mapped(address))
   end)

   it("of what a running unit uses survives: the caller can still call it", function()
      local low = object "int low(int n) { return n * 3; }"
      local high = object [[
         int low(int); int high(int (*f)(int), int n) { n = f(n); return low(n) + 1; }
      ]]
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(low))
      assert(ln:load(high))
      local address = unit:address "low"
      assert.equal(31, ln:func "int high(int (*)(int), int)" (function(n)
         assert.is_true(unit:unload "force")
         return n
      end, 10))
      assert.is_true(assert(ln:load(base)):unload())
      assert.is_false(mapped(address))
   end)

   it("runs destructors of a unit that was busy when nobody is inside any more", function()
      local script = [[
         local moonlink = require "moonlink"
         local ln = moonlink.new()
         assert(ln:load(arg[1]))
         local unit = assert(ln:load(arg[2]))
         local nothing = assert(ln:load(arg[3]))
         ln:func "int apply(int (*)(int), int)" (function(n)
            assert(unit:unload "force")
            print "forced"
            return n
         end, 1)
         io.stdout:flush()
      ]]
      local busy = object [[
         #include <stdio.h>
         #include <stdlib.h>
         static void e(void) { puts("atexit"); fflush(stdout); }
         __attribute__((constructor)) static void c(void) { atexit(e); }
         __attribute__((destructor)) static void d(void) { puts("destructor"); fflush(stdout); }
         int apply(int (*f)(int), int n) { return f(n) + 1; }
      ]]
      local apart = object "int apart;"
      for _, last in ipairs {"", "nothing:unload()", "ln:close()", "os.exit(0)",
                             "os.exit(0, true)", "nothing:unload() os.exit(0)"} do
         local status, out, err = support.lua(script .. last, apart, busy, base)
         assert.equal("", err, last)
         assert.equal(0, status, last)
         assert.equal("forced\natexit\ndestructor\n", out, last)
      end
   end)

   it("of units that use each other: all destructors run before any memory goes", function()
      local trace = object "char trace[16]; int length; void note(char c) { trace[length++] = c; }"
      local one = object [[
         void note(char); int b(void); int a(void) { return 1; }
         int (*keep)(void) = b;
         __attribute__((destructor)) static void d(void) { note('0' + b()); }
      ]]
      local two = object [[
         void note(char); int a(void); int b(void) { return 2; }
         __attribute__((destructor)) static void d(void) { note('0' + a()); }
      ]]
      local before = object "int b(void) { return 9; }"
      local ln <close> = moonlink.new()
      assert(ln:load(trace))
      local unit = assert(ln:load(before))
      local first = assert(ln:load(one))
      local path = dir .. "/cycle.o"
      support.sh("cp %s %s", two, path)
      -- the new version of b uses a, whose unit uses b
      assert(unit:reload {inputs = path})
      assert.is_truthy(refusal(first):find("cycle.o", 1, true) or refusal(first):find("imports", 1,
         true))
      assert.is_truthy(refusal(unit):find("imports", 1, true))
      assert.is_true(first:unload "force")
      assert.is_false(unit:alive())
      local text = moonlink.string((ln:address_of "trace"))
      assert.equal(2, #text)
      assert.is_truthy(text == "12" or text == "21", text)
      assert.equal(1, #ln:units())
   end)
end)

describe("names that a later unit covered", function()
   local function defines(n)
      return object(("int which(void) { return %d; } int only%d(void) { return 1; }"):format(n, n))
   end

   it("come back when it goes, whichever goes first", function()
      local paths = {defines(1), defines(2), defines(3)}
      local orders = {{3, 2, 1}, {1, 2, 3}, {2, 3, 1}, {2, 1, 3}, {3, 1, 2}, {1, 3, 2}}
      for _, order in ipairs(orders) do
         local ln <close> = moonlink.new {duplicate = "last"}
         local units, left = {}, {true, true, true}
         for i, path in ipairs(paths) do
            units[i] = assert(ln:load(path))
         end
         for _, i in ipairs(order) do
            assert.is_true(units[i]:unload())
            left[i] = nil
            local expected = left[3] and 3 or left[2] and 2 or left[1] and 1
            if expected then
               assert.equal(expected, ln:func "int which(void)" ())
            else
               assert.is_nil((ln:address_of "which"))
            end
            assert.is_nil((ln:address_of("only" .. i)))
         end
      end
   end)

   it("come back however many units there are, and when they are reloaded between", function()
      local ln <close> = moonlink.new {duplicate = "last"}
      local paths, live, state = {}, {}, 1
      for i = 1, 9 do
         paths[i] = defines(i)
      end
      local function any(n)
         state = (state * 1103515245 + 12345) % 2 ^ 31
         return state // 65536 % n + 1
      end
      for _ = 1, 150 do
         local i, at = any(9), nil
         for k, one in ipairs(live) do
            at = one.number == i and k or at
         end
         if not at then
            table.insert(live, {number = i, unit = assert(ln:load(paths[i]))})
         elseif any(3) == 1 then
            assert(live[at].unit:reload())
         else
            assert.is_true(table.remove(live, at).unit:unload())
         end
         local latest, present = live[#live], {}
         if latest then
            assert.equal(latest.number, ln:func "int which(void)" ())
         end
         for _, one in ipairs(live) do
            present[one.number] = true
         end
         for k = 1, 9 do
            assert.equal(present[k] or false, ln:address_of("only" .. k) ~= nil)
         end
      end
   end)

   it("do not come back from an orphan", function()
      local ln <close> = moonlink.new {duplicate = "last"}
      local first, second = assert(ln:load(defines(1))), assert(ln:load(defines(2)))
      assert.is_true(first:unload "orphan")
      assert.is_true(second:unload())
      assert.is_nil((ln:address_of "which"))
   end)
end)

describe("what a unit opened goes with it", function()
   local shared

   setup(function()
      local source = object("int in_library(void) { return 44; }", "-O1 -fPIC")
      shared = dir .. "/libgoes.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", shared, source)
   end)

   it("a shared library", function()
      local ln <close> = moonlink.new()
      local path = object "int in_library(void); int f(void) { return in_library(); }"
      local unit = assert(ln:load {path, shared})
      assert.equal(44, ln:func "int f(void)" ())
      assert.is_true(has_file "libgoes.so")
      assert.is_true(unit:unload())
      assert.is_false(has_file "libgoes.so")
   end)

   it("unless another unit uses it", function()
      local ln <close> = moonlink.new()
      local first = assert(ln:load(shared))
      local path = object "int in_library(void); int g(void) { return in_library(); }"
      local second = assert(ln:load(path))
      assert.is_true(first:unload())
      assert.is_true(has_file "libgoes.so")
      assert.equal(44, ln:func "int g(void)" ())
      assert.is_true(second:unload "force")
      assert.is_false(has_file "libgoes.so")
   end)

   it("also when units come where others were", function()
      local ln <close> = moonlink.new()
      local path = object "int in_library(void); int g(void) { return in_library(); }"
      local first = assert(ln:load(shared))
      for _ = 1, 10 do
         local u = assert(ln:load(path))
         assert.equal(44, ln:func "int g(void)" ())
         assert.is_true(u:unload())
      end
      local last = assert(ln:load(path))
      assert.is_true(first:unload())
      assert.is_true(has_file "libgoes.so")
      assert.equal(44, ln:func "int g(void)" ())
      assert.is_true(last:unload())
      assert.is_false(has_file "libgoes.so")
   end)

   it("an archive, with its file", function()
      local function open_files()
         return #assert(require "moonlink.core".list_folder "/proc/self/fd")
      end
      local archive = dir .. "/libgone.a"
      local member = object "int in_archive(void) { return 3; }"
      support.sh("ar rcs %s %s", archive, member)
      local ln <close> = moonlink.new()
      local before = open_files()
      local unit = assert(ln:load(archive))
      assert.equal(3, ln:func "int in_archive(void)" ())
      for _, u in ipairs(ln:units()) do
         if u ~= unit then
            assert.is_true(u:unload())
         end
      end
      assert.is_true(unit:unload())
      assert.is_nil((ln:address_of "in_archive"))
      assert.equal(before, open_files())
   end)
end)
