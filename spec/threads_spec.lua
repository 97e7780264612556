--- Lua states in threads of one process: each has its linkers, and none sees another's.
-- `make tsan` runs these with a module that ThreadSanitizer watches.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local dir = support.tmpdir()

local ADD = [[
int number, common; int set(int n) { return number += n; }
int twice(int (*f)(int), int n) { return f(n) + f(n); }
]]

local SHARED = [[
int shared_counter;
int shared_next(void) { return __sync_add_and_fetch(&shared_counter, 1); }
]]

local add = support.cc(dir .. "/add.o", ADD, "-O1 -fPIC")
local low = support.cc(dir .. "/low.o", ADD, "-O1 -fno-pic -mcmodel=small")
local wrong = support.cc(dir .. "/wrong.o", "int nobody(void); int f(void) { return nobody(); }")
local archive, library = dir .. "/libadd.a", dir .. "/libshared.so"
support.sh("ar rcs %s %s", archive, add)
support.sh("LD_PRELOAD= gcc -shared -o %s %s", library,
   support.cc(dir .. "/shared.o", SHARED, "-fPIC"))

local THROWS = [[
#include <stdexcept>
#include <string>
struct guard { int &n; ~guard() { n++; } };
int unwound;
extern "C" int throws(int n)
{
   guard g{unwound};
   if (n % 2)
      throw std::runtime_error("odd " + std::to_string(n));
   return n;
}
extern "C" int catches(int n)
{
   try { return throws(n); } catch (const std::exception &e) { return -1; }
}
]]

local NATIVE = [[
#include <pthread.h>
static void *call(void *f) { return (void *)(long)((int (*)(int))f)(20); }
int in_thread(int (*f)(int))
{
   pthread_t t;
   void *result;
   pthread_create(&t, 0, call, (void *)f);
   pthread_join(t, &result);
   return (int)(long)result;
}
static int (*called)(int);
static int calls;
static void *go_on(void *times)
{
   for (long i = 0; i < (long)times; i++) {
      called(1);
      __atomic_store_n(&calls, (int)i + 1, __ATOMIC_RELEASE);
   }
   return 0;
}
void keep_calling(int (*f)(int), long times)
{
   pthread_t t;
   called = f;
   pthread_create(&t, 0, go_on, (void *)times);
   pthread_detach(t);
   while (!__atomic_load_n(&calls, __ATOMIC_ACQUIRE))
      ;
}
]]

local CHOSEN = [[
static int one(void) { return 1; }
static int (*choose(void))(void) { return one; }
int chosen(void) __attribute__((ifunc("choose")));
int asks(void) { return chosen(); }
]]

local LOCAL = [[
static __thread int n = 7;
int next(void) { return n++; }
]]

local throws = support.cc(dir .. "/throws.o", THROWS, "-O1 -fPIC", {compiler = "g++"})
local native = support.cc(dir .. "/native.o", NATIVE, "-O1 -fPIC")
local chosen = support.cc(dir .. "/chosen.o", CHOSEN, "-O1 -fPIC")

local static = support.cc(dir .. "/static.o", LOCAL, "-O1 -fPIE")
local dynamic = support.cc(dir .. "/dynamic.o", LOCAL, "-O1 -fPIC")

-- `make tsan` gives the folder in which the module was built with ThreadSanitizer; the program is
-- then built with it, too, and a report of a race is a failure.
local sanitized = os.getenv "MOONLINK_TSAN"
local program = dir .. "/threads"
local function build(path, source)
   support.sh("LD_PRELOAD= gcc -std=c11 -O1 -g %s -o %s spec/c/%s %s -lpthread",
      sanitized and "-fsanitize=thread" or "", path, source,
      support.stdout "pkg-config --cflags --libs lua5.4")
end

build(program, "threads.c")

-- ThreadSanitizer wants the address space as it is laid out without randomisation.
local SANITIZED = "TSAN_OPTIONS=suppressions=.ci/tsan.supp:exitcode=66 setarch -R "
local cpath = sanitized and ("%s/?.so;%s"):format(sanitized, package.cpath) or package.cpath

--- Runs a program with the words of a command line.
local function host(path, words)
   return support.exit("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s%s %s", support.quote(package.path),
      support.quote(cpath), sanitized and SANITIZED or "", path, words)
end

--- Runs a script in so many threads at once; `each` gives the script's paths and number.
local function run(threads, body)
   local script = support.write(dir .. "/script.lua", ([[
      local number = ...
      local moonlink, core = require "moonlink", require "moonlink.core"
      local add, low, wrong, archive, library = %q, %q, %q, %q, %q
      local throws, native, chosen, static, dynamic = %q, %q, %q, %q, %q
   ]]):format(add, low, wrong, archive, library, throws, native, chosen, static, dynamic) .. body)
   local status, out, err = host(program, ("%s %d"):format(script, threads))
   assert(status == 0 and out == "ok\n", ("status %d\n%s%s"):format(status, out, err))
end

describe("Lua states in threads", function()
   it("load, call and close at the same time", function()
      run(4, [[
         for round = 1, 40 do
            local ln <close> = moonlink.new {}
            assert(ln:load(round % 2 == 0 and add or low))
            local set = assert(ln:func "int set(int)")
            for i = 1, 50 do
               assert(set(number) == i * number)
            end
         end
      ]])
   end)

   it("have callbacks of their own", function()
      run(4, [[
         local ln <close> = moonlink.new {}
         assert(ln:load {archive, roots = {"twice"}})
         local twice = assert(ln:func "int twice(int (*)(int), int)")
         for i = 1, 500 do
            assert(twice(function(n) return n + number end, i) == 2 * (i + number))
         end
         assert(not pcall(twice, function() error "own" end, 1))
      ]])
   end)

   it("fail at the same time", function()
      run(4, [[
         for _ = 1, 30 do
            local ln <close> = moonlink.new {}
            local unit, err = ln:load(wrong)
            assert(not unit and err.code == "undefined" and err.symbol == "nobody")
            assert(not ln:load "/nonexistent.so")
            assert(ln:load {wrong, undefined = "stub"})
            assert(not pcall(assert(ln:func "int f(void)")))
         end
      ]])
   end)

   it("have thread-local storage", function()
      -- at most 4 * 20 static blocks of 16 bytes, should none come back before the end
      run(4, [[
         for round = 1, 40 do
            local ln <close> = moonlink.new {}
            assert(ln:load(round % 2 == 0 and static or dynamic))
            local next = assert(ln:func "int next(void)")
            for i = 7, 20 do
               assert(next() == i)
            end
         end
      ]])
   end)

   it("share what the process shares: a library", function()
      run(4, [[
         for _ = 1, 30 do
            local ln <close> = moonlink.new {}
            assert(ln:load(library))
            local count = assert(ln:func "int shared_next(void)")
            local before = count()
            assert(count() > before)
         end
      ]])
   end)

   it("do not see each other's names", function()
      run(8, [[
         local ln <close> = moonlink.new {}
         assert(not ln.session:find "set")
         assert(ln:load {add, low, duplicate = "first"})
         local other <close> = moonlink.new {}
         assert(not other.session:find "set")
      ]])
   end)

   it("may end with linkers open", function()
      run(8, [[
         keep = {}
         for i = 1, 5 do
            keep[i] = moonlink.new {}
            assert(keep[i]:load(add))
            keep[-i] = keep[i]:callback("int(int)", function(n) return n end)
            keep[i + 100] = keep[i]:func "int set(int)"
         end
      ]])
   end)

   it("throw and catch at the same time", function()
      run(4, [[
         for _ = 1, 20 do
            local ln <close> = moonlink.new {}
            assert(ln:load {throws, "-lstdc++"})
            local throw = assert(ln:func "int throws(int)")
            local catch = assert(ln:func "int catches(int)")
            for i = 1, 20 do
               assert(catch(i) == (i % 2 == 1 and -1 or i))
               local ok, err = pcall(throw, 2 * i + 1)
               assert(not ok and tostring(err):find("odd " .. 2 * i + 1, 1, true), err)
            end
         end
      ]])
   end)

   it("unload at the same time", function()
      run(4, [[
         local ln <close> = moonlink.new {}
         for _ = 1, 40 do
            local first = assert(ln:load(add))
            local second = assert(ln:load {throws, chosen, "-lstdc++"})
            assert(assert(ln:func "int catches(int)")(1) == -1)
            assert(assert(ln:func "int asks(void)")() == 1)
            local set = assert(ln:func "int set(int)")
            assert(set(number) == number)
            assert(second:unload "force")
            assert(first:unload "force")
            assert(not pcall(set, 1))
         end
      ]])
   end)

   it("show debuggers what they load at the same time", function()
      run(4, [[
         for _ = 1, 20 do
            local ln <close> = moonlink.new {debug = "gdb,lines"}
            local unit = assert(ln:load {add})
            assert(assert(ln:load(native)):symbol "in_thread")
            local set = unit:address "set"
            assert(moonlink.addr2sym(set).name == "set")
            assert(unit:unload "force")
            assert(moonlink.addr2sym(set).unloaded)
         end
      ]])
   end)

   it("reload at the same time", function()
      run(4, [[
         local ln <close> = moonlink.new {}
         local unit = assert(ln:load(add))
         local set = assert(ln:func "int set(int)")
         for _ = 1, 20 do
            assert(set(1) > 0)
            assert(unit:reload())
         end
      ]])
   end)

   it("call lazily bound functions first, while others load, reload and unload", function()
      local define, declare, call = {}, {}, {}
      for i = 1, 60 do
         define[i] = ("int f%d(int x) { return x + %d; }"):format(i, i)
         declare[i] = ("extern int f%d(int);"):format(i)
         call[i] = ("n += f%d(k);"):format(i)
      end
      local provider = support.cc(dir .. "/provider.o", table.concat(define, "\n"), "-O1 -fPIC")
      local late = support.cc(dir .. "/late.o", "int late(void) { return 1; }", "-O1 -fPIC")
      local caller = support.cc(dir .. "/caller.o", table.concat(declare, "\n") .. [[

         #include <pthread.h>
         #include <sched.h>
         #include <stdlib.h>
         extern int late(void);
         static pthread_t threads[4];
         static volatile int go;
         static long all(int k) { long n = 0; ]] .. table.concat(call, " ") .. [[ return n; }
         static void *run(void *ud)
         {
            long n = 0;
            while (!go) sched_yield();
            for (int k = 0; k < 20; k++) n += all(k) - 60 * k - 1830;
            while (!late()) sched_yield();
            return (void *)(n + strtol("1", 0, 10));
         }
         void start(void)
         { go = 0; for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, run, 0); }
         void set_off(void) { go = 1; }
         int once(void) { return f1(1); }
         long finish(void)
         {
            long n = 0;
            for (int i = 0; i < 4; i++)
            { void *r; pthread_join(threads[i], &r); n += (long)r; }
            return n;
         }]], "-O1 -fPIC")
      run(2, ([[
         local provider, late, caller = %q, %q, %q
         for round = 1, 8 do
            local ln <close> = moonlink.new {bind = "lazy"}
            local from = assert(ln:load(provider))
            local unit = assert(ln:load(caller))
            assert(unit.stats.lazy >= 62)
            local start, finish = assert(ln:func "void start(void)"),
               assert(ln:func "long finish(void)")
            assert(assert(ln:func "int once(void)")() == 2)
            start()
            assert(ln:func "void set_off(void)")()
            for _ = 1, 3 do
               local other = assert(ln:load(add))
               assert(ln:func "int set(int)")(1)
               assert(other:unload "force")
               local ok, err = from:reload()
               assert(ok or err.code == "state", tostring(err))
               ok, err = from:unload "refuse"
               assert(not ok and err.code == "state", tostring(err))
            end
            assert(ln:load(late))
            assert(finish() == 4)
            assert(from:users()[1].name == unit.name)
            moonlink.warnings()
         end
      ]]):format(provider, late, caller))
   end)

   it("refuse callbacks from threads that are not theirs, and count them", function()
      run(4, [[
         local ln <close> = moonlink.new {}
         assert(ln:load(native))
         local in_thread = assert(ln:func "int in_thread(int (*)(int))")
         for _ = 1, 50 do
            assert(in_thread(function() error "never" end) == 0)
         end
         assert(moonlink.warnings()[1]:find "^50 callback")
      ]])
   end)

   it("end while another thread calls a callback", function()
      run(4, [[
         local ln = moonlink.new {}
         assert(ln:load(native))
         local back = ln:callback("int(int)", function() error "never" end)
         assert(ln:func "void keep_calling(int (*)(int), long)")(back, 20000)
      ]])
   end)
end)

it("a callback does not take a new thread for the one that ran its state before", function()
   local moved = dir .. "/moved"
   build(moved, "moved.c")
   local script = support.write(dir .. "/moved.lua", ([[
      local moonlink = require "moonlink"
      local ln, calls = moonlink.new {}, 0
      assert(ln:load(%q))
      local callback = ln:callback("int(int)", function(n)
         calls = calls + 1
         return n + 22
      end)
      address = callback:address()
      assert(ln:func "int twice(int (*)(int), int)"(callback, 1) == 46 and calls == 2)
      function after()
         assert(calls == 2, "Lua ran in another thread")
         assert(moonlink.warnings()[1]:find "^1 callback")
         assert(ln:func "int twice(int (*)(int), int)"(callback, 1) == 46)
         ln:close()
      end
   ]]):format(add))
   local status, out, err = host(moved, script)
   assert.equal("", err)
   assert.equal("0 same\n", out) -- the C library gave it the memory of the one that ended
   assert.equal(0, status)
end)

if sanitized then
   -- The four meet, and take turns, by relaxed counters, which order nothing: whatever locks they
   -- took before, no two of the increments that follow are ordered. In turns, since two accesses at
   -- the very same time may miss each other in the sanitizer's own notes.
   it("ThreadSanitizer sees a race where there is one", function()
      local racing = dir .. "/libracing.so"
      support.sh("LD_PRELOAD= gcc -shared -fsanitize=thread -o %s %s", racing,
         support.cc(dir .. "/racing.o", [[
            #include <sched.h>
            #include <stdatomic.h>
            static atomic_int met, turn;
            int n;
            void race(void) {
               int me = atomic_fetch_add_explicit(&met, 1, memory_order_relaxed);
               while (atomic_load_explicit(&met, memory_order_relaxed) < 4) {
                  sched_yield();
               }
               while (atomic_load_explicit(&turn, memory_order_relaxed) != me) {
                  sched_yield();
               }
               n++;
               atomic_store_explicit(&turn, me + 1, memory_order_relaxed);
            }]], "-O1 -fPIC -fsanitize=thread"))
      local ok, why = pcall(run, 4, ([[
         local ln <close> = moonlink.new {}
         assert(ln:load(%q))
         assert(ln:func "void race(void)")()
      ]]):format(racing))
      assert.is_false(ok)
      assert.matches("status 66\n.*data race", why)
   end)
end

if not sanitized then
   -- A make of its own, as the one that runs the suite may have other ideas of what to build.
   it("Lua states in threads give ThreadSanitizer nothing to report #slow", function()
      local status, out, err = support.exit(
         "env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u BUILD -u SUITE_WRAP -u SUITE_PRELOAD " ..
         "LD_PRELOAD= make tsan")
      assert(status == 0, out .. err)
      assert.matches("\n%d+ passed, 0 failed\n", out)
   end)
end
