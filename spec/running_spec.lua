-- Unloading while native threads run: they are interrupted, asked where they are, and go on.
-- Nothing here waits for a time: what a thread has done stands in counters of a unit.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local dir, object, refusal = objects.dir, objects.cc, loads.unload_refusal

-- What threads tell, in a unit that they all use. `started` counts threads that are where they will
-- stay until `stop`; beat is written by them all the time.
local BOARD = [[
   #define _GNU_SOURCE 1
   #include <pthread.h>
   #include <signal.h>
   #include <stdatomic.h>
   #include <stdint.h>
   #include <sys/mman.h>
   #include <unistd.h>
   atomic_int stop, started, called; atomic_long beat; int64_t id;
   static pthread_t threads[16]; static int n; static void *stacks[16]; enum { STACK = 256 << 10 };
   typedef struct job { void (*run)(void *); void *ud; int deaf; } job;
   static job jobs[16];
   /* A stack on which nothing lies, between pages that keep it apart from other memory: a stack is
   ** searched as far as its mapping goes, and a neighbour may hold addresses of units. */
   char *room(size_t n)
   {
      char *p = mmap(0, n + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      mprotect(p + 4096, n, PROT_READ | PROT_WRITE);
      return p + 4096;
   }
   static void *body(void *ud)
   {
      job *j = ud;
      sigset_t all;
      sigfillset(&all);
      if (j->deaf)
         pthread_sigmask(SIG_SETMASK, &all, 0);
      id = gettid();
      j->run(j->ud);
      return 0;
   }
   /* Runs f(ud) in a thread, and comes back when it has got to where it stays. */
   int begin(void *f, void *ud, int deaf)
   {
      int before = started;
      jobs[n] = (job){(void (*)(void *))f, ud, deaf};
      stacks[n] = room(STACK);
      pthread_attr_t a;
      pthread_attr_init(&a);
      if (pthread_attr_setstack(&a, stacks[n], STACK) != 0 ||
          pthread_create(&threads[n], &a, body, &jobs[n]) != 0)
         return -1;
      n++;
      while (started == before) ;
      return 0;
   }
   int finish(void)
   {
      stop = 1;
      while (n > 0) {
         pthread_join(threads[--n], 0);
         munmap((char *)stacks[n] - 4096, STACK + 2 * 4096);
      }
      stop = started = 0;
      return called;
   }
   void halt(void) { stop = 1; }
   /* Are they running? */
   void see_beat(void) { long now = beat; while (beat == now) ; }
   void note(void) { called++; }
]]

local SPIN = [[
   #include <stdatomic.h>
   extern atomic_int stop, started; extern atomic_long beat;
   void spin(void *ud) { started++; while (!stop) beat++; }
]]

-- Runs another unit's code, by address: there is no edge between the units.
local CALLS = [[
   extern void note(void);
   void calls(void *f) { ((void (*)(void *))f)(0); note(); }
]]

-- The processor is in the C library nearly all the time.
local FILLS = [[
   #include <stdatomic.h>
   #include <string.h>
   extern atomic_int stop, started; extern atomic_long beat; extern void note(void);
   void fills(void *ud)
   {
      static char room[1 << 20];
      for (started++; !stop; beat++) {
         memset(room, (int)beat, sizeof room);
         __asm__ volatile("" : : "r"(room) : "memory");
      }
      note();
   }
]]

-- Leaves at once, and comes by no other way than its address: nothing of it is in use afterwards.
local VISITED = "void visited(void *ud) { } void other(void) { }"

-- Spins, after it has been in the unit whose address it is given.
local VISITS = [[
   extern void spin(void *);
   void visits(void *f) { ((void (*)(void *))f)(0); f = 0; spin(0); }
]]

-- The same with a stack of its own, by a signal or by a change of context.
local ASIDE = [[
   #define _GNU_SOURCE 1
   #include <signal.h>
   #include <stddef.h>
   #include <ucontext.h>
   extern void spin(void *);
   extern char *room(size_t n);
   static void on_signal(int n) { spin(0); }
   void prepare(void *ud)
   {
      stack_t s = {.ss_sp = room(65536), .ss_size = 65536};
      struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
      sigaltstack(&s, 0);
      sigaction(SIGUSR2, &a, 0);
   }
   static ucontext_t back, aside;
   static void start(void) { spin(0); swapcontext(&aside, &back); }
   void aside_prepare(void *unused)
   {
      getcontext(&aside);
      aside.uc_stack.ss_sp = room(65536);
      aside.uc_stack.ss_size = 65536;
      aside.uc_link = &back;
      makecontext(&aside, start, 0);
   }
   int change(void) { return swapcontext(&back, &aside); }
]]

local board, spin, calls, fills, visited, visits, aside

setup(function()
   board, spin, calls = object(BOARD), object(SPIN), object(CALLS)
   fills, visited, visits, aside = object(FILLS), object(VISITED), object(VISITS), object(ASIDE)
end)

local PROTOTYPES = [[
   int begin(long, long, int); int finish(void); void see_beat(void); void halt(void);
   long id; int called;
]]

--- A linker with the board, and a function that loads more of its units.
local function bench()
   local ln = moonlink.new()
   ln:cdef(PROTOTYPES)
   assert(ln:load(board))
   return ln
end

local function assert_inside(ln, unit)
   local text, err = refusal(unit)
   assert.equal(("code of it is on the stack of thread %d"):format(ln.c.id), err.reason, text)
   assert.same({kind = "thread", count = 1, threads = {ln.c.id}}, err.users[1])
end

describe("a native thread that never waits #layout", function()
   it("is found in the unit in which it spins, until it ends", function()
      local ln <close> = bench()
      local unit = assert(ln:load(spin))
      assert.equal(0, ln.c.begin(unit:address "spin", 0, 0))
      for _ = 1, 20 do
         assert_inside(ln, unit)
         ln.c.see_beat()
      end
      ln.c.finish()
      assert.is_true(unit:unload())
   end)

   it("is waited for", function()
      local ln <close> = bench()
      local unit = assert(ln:load(spin))
      assert.equal(0, ln.c.begin(unit:address "spin", 0, 0))
      assert.matches("thread", refusal(unit, {timeout = 0.01}), 1, true)
      local halt, looks = ln:func "void halt(void)", 0
      debug.sethook(function()
         looks = looks + 1
         if looks == 100 then
            halt()
         end
      end, "", 10)
      local ok, err = unit:unload "wait"
      debug.sethook()
      assert(ok, err)
      assert.is_true(looks >= 100)
      assert.is_false(unit:alive())
      ln.c.finish()
   end)

   it("is found below the C library, where its processor is all the time", function()
      local ln <close> = bench()
      local unit = assert(ln:load(fills))
      assert.equal(0, ln.c.begin(unit:address "fills", 0, 0))
      for _ = 1, 50 do
         assert_inside(ln, unit)
      end
      assert.equal(1, ln.c.finish())
      assert.is_true(unit:unload())
   end)

   it("is found below another unit that does not know it", function()
      local ln <close> = bench()
      local unit, callee = assert(ln:load(calls)), assert(ln:load(spin))
      assert.equal(0, ln.c.begin(unit:address "calls", callee:address "spin", 0))
      assert_inside(ln, unit)
      assert_inside(ln, callee)
      assert.equal(1, ln.c.finish())
      assert.is_true(unit:unload())
      assert.is_true(callee:unload())
   end)

   it("does not hinder where it is not", function()
      local ln <close> = bench()
      local unit = assert(ln:load(visited))
      assert(ln:load(spin))
      local visitor = assert(ln:load(visits))
      assert.equal(0, ln.c.begin(visitor:address "visits", unit:address "visited", 0))
      ln.c.see_beat()
      assert.is_true(unit:unload())
      ln.c.see_beat()
      assert_inside(ln, visitor)
      ln.c.finish()
   end)

   it("does not hinder in a shared library", function()
      local library = dir .. "/libspin.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", library, object([[
         #include <pthread.h>
         #include <string.h>
         static volatile int stop; static volatile long beat; static char room[1 << 16];
         static pthread_t t;
         static void *body(void *ud)
         {
            for (; !stop; beat++) memset(room, (int)beat, sizeof room);
            return ud;
         }
         int library_begin(void)
         {
            static _Alignas(4096) char stack[1 << 18];
            pthread_attr_t a;
            pthread_attr_init(&a);
            pthread_attr_setstack(&a, stack, sizeof stack);
            return pthread_create(&t, &a, body, 0);
         }
         void library_beat(void) { long n = beat; while (beat == n) ; }
         int library_end(void) { stop = 1; return pthread_join(t, 0); }
      ]], "-O1 -fPIC"))
      local ln <close> = moonlink.new()
      assert(ln:load(library))
      ln:cdef "int library_begin(void); void library_beat(void); int library_end(void);"
      assert.equal(0, ln.c.library_begin())
      for _ = 1, 20 do
         ln.c.library_beat()
         assert.is_true(assert(ln:load(visited)):unload())
      end
      ln.c.library_beat()
      assert.equal(0, ln.c.library_end())
   end)

   it("keeps the memory of a unit that is forced out", function()
      local ln <close> = bench()
      local unit = assert(ln:load(spin))
      assert.equal(0, ln.c.begin(unit:address "spin", 0, 0))
      assert.is_true(unit:unload "force")
      for _ = 1, 5 do
         ln.c.see_beat()
         assert.is_true(assert(ln:load(visited)):unload())
      end
      ln.c.finish()
   end)

   it("is seen by a reload that would change the code that it runs", function()
      local ln <close> = bench()
      local source = "int number(void) { return %d; }"
      local changing = support.cc(dir .. "/changing.o", source:format(1), "-O1 -fPIE")
      local unit = assert(ln:load(changing))
      local user = assert(ln:load(object [[
         #include <stdatomic.h>
         extern atomic_int stop, started; extern atomic_long beat; int number(void);
         void uses(void *ud) { started++; while (!stop) beat++; }
         int ask(void) { return number(); }
      ]]))
      assert.equal(0, ln.c.begin(user:address "uses", 0, 0))
      support.cc(changing, source:format(2), "-O1 -fPIE")
      local ok, err = unit:reload()
      assert.is_nil(ok)
      assert.matches(("on the stack of thread %d"):format(ln.c.id), err.message, 1, true)
      assert.equal(1, ln:func "int ask(void)" ())
      ln.c.see_beat()
      ln.c.finish()
      assert(unit:reload())
      assert.equal(2, ln:func "int ask(void)" ())
   end)
end)

describe("a thread with two stacks #layout", function()
   local function on_two(name, source)
      it(name, function()
         local ln <close> = bench()
         assert(ln:load(spin))
         assert(ln:load(aside))
         local unit = assert(ln:load(object(source)))
         assert.equal(0, ln.c.begin(unit:address "lead", 0, 0))
         assert_inside(ln, unit)
         ln.c.see_beat()
         assert.is_true(assert(ln:load(visited)):unload())
         assert.equal(1, ln.c.finish())
         assert.is_true(unit:unload())
      end)
   end

   on_two("is found below a signal handler on a stack of its own", [[
      #include <signal.h>
      extern void prepare(void *), note(void);
      void lead(void *ud) { prepare(ud); raise(SIGUSR2); note(); }
   ]])

   on_two("is found where it went into a coroutine", [[
      extern void aside_prepare(void *), note(void); extern int change(void);
      void lead(void *ud) { aside_prepare(ud); change(); note(); }
   ]])
end)

describe("a thread that runs and blocks signals #layout", function()
   it("counts as a user of all units, and is named", function()
      local ln <close> = bench()
      local unit = assert(ln:load(visited))
      local spins = assert(ln:load(spin))
      assert.equal(0, ln.c.begin(spins:address "spin", 0, 1))
      for _, each in ipairs {unit, spins} do
         local text, err = refusal(each)
         assert.equal(("thread %d runs and blocks signals: it cannot be asked"):format(ln.c.id),
            err.reason, text)
         assert.matches('"wait"', err.hint, 1, true)
         assert.same({kind = "silent thread", count = 1, threads = {ln.c.id},
            why = "runs and blocks signals"}, err.users[1])
      end
      ln.c.see_beat()
      ln.c.finish()
      assert.is_true(unit:unload())
      assert.is_true(spins:unload())
   end)

   it("leaves \"force\" possible: memory stays until it waits or ends", function()
      local ln <close> = bench()
      local unit = assert(ln:load(spin))
      assert.equal(0, ln.c.begin(unit:address "spin", 0, 1))
      assert.is_true(unit:unload "force")
      assert.is_false(unit:alive())
      ln.c.see_beat()
      assert.is_true(assert(ln:load(visited)):unload "force")
      ln.c.see_beat()
      ln.c.finish()
   end)

   it("is not asked by force: nothing is pending for it afterwards", function()
      local ln <close> = bench()
      local unit = assert(ln:load(spin))
      assert.equal(0, ln.c.begin(unit:address "spin", 0, 1))
      refusal(unit)
      local status = support.read(("/proc/self/task/%d/status"):format(ln.c.id))
      assert.equal("0000000000000000", status:match "\nSigPnd:%s*(%x+)")
      ln.c.finish()
   end)
end)

describe("asking threads #layout", function()
   it("leaves signals as they are, also those of the program", function()
      local ln <close> = bench()
      local signals = assert(ln:load(object [[
         #include <signal.h>
         #include <string.h>
         static volatile int came; static struct sigaction before[65];
         static void on_signal(int n) { came++; }
         void take(void) { signal(SIGRTMAX, on_signal); }
         int read_all(struct sigaction *to)
         {
            memset(to, 0, 65 * sizeof *to);
            for (int n = 1; n < 65; n++) {
               sigaction(n, 0, &to[n]);
               to[n].sa_flags &= ~0x04000000; /* SA_RESTORER: the C library's own */
            }
            return 0;
         }
         void remember(void) { read_all(before); }
         int same(void)
         {
            struct sigaction now[65];
            read_all(now);
            for (int n = 1; n < 65; n++)
               if (now[n].sa_handler != before[n].sa_handler ||
                   now[n].sa_flags != before[n].sa_flags)
                  return -n;
            return came == 0;
         }
         void give_back(void) { signal(SIGRTMAX, SIG_DFL); }
      ]]))
      ln:cdef "void take(void); void remember(void); int same(void); void give_back(void);"
      local unit = assert(ln:load(spin))
      assert.equal(0, ln.c.begin(unit:address "spin", 0, 0))
      ln.c.remember()
      assert_inside(ln, unit)
      assert.equal(1, ln.c.same())
      ln.c.take()
      ln.c.remember()
      assert_inside(ln, unit)
      assert.equal(1, ln.c.same())
      ln.c.give_back()
      ln.c.finish()
      assert.is_true(signals:unload())
   end)

   it("works in a process with several threads at work, fifty times", function()
      local ln <close> = bench()
      local spins, fill = assert(ln:load(spin)), assert(ln:load(fills))
      -- threads that come and go
      local churns = assert(ln:load(object [[
         #include <pthread.h>
         #include <stdatomic.h>
         extern atomic_int stop, started; extern atomic_long beat;
         static void *brief(void *ud) { beat++; return ud; }
         void churn(void *ud)
         {
            for (started++; !stop;) {
               pthread_t t;
               if (pthread_create(&t, 0, brief, 0) == 0) pthread_join(t, 0);
            }
         }
      ]]))
      for _, f in ipairs {spins:address "spin", fill:address "fills", churns:address "churn"} do
         assert.equal(0, ln.c.begin(f, 0, 0))
      end
      for _ = 1, 50 do
         local unit = assert(ln:load(visited))
         ln:func "void visited(void *)" (nil)
         assert.is_true(unit:unload())
         for _, each in ipairs {spins, fill, churns} do
            assert.matches("on the stack of thread", refusal(each), 1, true)
         end
      end
      ln.c.finish()
      for _, each in ipairs {spins, fill, churns} do
         assert.is_true(each:unload())
      end
   end)

   it("is done by several Lua states at once", function()
      local program, script = dir .. "/threads", dir .. "/script.lua"
      support.sh("LD_PRELOAD= gcc -std=c11 -O1 -o %s spec/c/threads.c %s -lpthread", program,
         support.stdout "pkg-config --cflags --libs lua5.4")
      support.write(script, ([[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new()
         ln:cdef %q
         assert(ln:load(%q))
         local unit = assert(ln:load(%q))
         assert(ln.c.begin(unit:address "spin", 0, 0) == 0)
         for _ = 1, 20 do
            local ok, err = unit:unload()
            assert(not ok and err.reason ==
               "code of it is on the stack of thread " .. math.tointeger(ln.c.id), err)
            assert(assert(ln:load(%q)):unload())
            ln.c.see_beat()
         end
         ln.c.finish()
         assert(unit:unload())
      ]]):format(PROTOTYPES, board, spin, visited))
      local status, out, err = support.exit("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s %s 4",
         support.quote(package.path), support.quote(package.cpath), program, script)
      assert.same({0, "ok\n", ""}, {status, out, err})
   end)

   it("does not concern a child, which has no such threads", function()
      local ln <close> = bench()
      local unit = assert(ln:load(spin))
      assert.equal(0, ln.c.begin(unit:address "spin", 0, 0))
      assert_inside(ln, unit)
      assert.is_true(moonlink.isolate(function() return unit:unload() end)[1])
      assert_inside(ln, unit)
      ln.c.finish()
   end)
end)
