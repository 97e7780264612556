--- First calls of lazily bound names at bad moments: in the middle of malloc, or of an unload.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local dir = objects.dir

local function cc(source)
   return objects.cc(source, "-O1 -fPIC")
end

describe("a first call", function()
   it("may come from a handler that interrupted malloc, while others load and unload", function()
      local calls, names = {}, {}
      for i = 1, 300 do
         calls[i] = ("extern int p%d(void); static int c%d(void) { return p%d(); }"):format(i, i, i)
         names[i] = "c" .. i
      end
      local user = cc([[#include <pthread.h>
         #include <signal.h>
         #include <stdlib.h>
         #include <malloc.h>
         #include <time.h>
         #include <unistd.h>
         ]] .. table.concat(calls, "\n") .. "static int (*const all[])(void) = {" ..
         table.concat(names, ",") .. [[};
         static volatile int done, end;
         static pthread_t worker, kicker;
         static void handler(int s) { if (done < 300) all[done++](); }
         static void *work(void *ud)
         {
            void *p[32];
            while (!end) {
               for (int i = 0; i < 32; i++) p[i] = malloc(1000 + i * 97);
               for (int i = 0; i < 32; i++) free(p[i]);
            }
            return 0;
         }
         static void *kick(void *ud)
         {
            struct timespec t = {0, 100000};
            while (done < 300) { pthread_kill(worker, SIGUSR1); nanosleep(&t, 0); }
            return 0;
         }
         int start(void)
         {
            mallopt(M_ARENA_MAX, 1);
            alarm(300); /* ends it when threads wait for each other */
            signal(SIGUSR1, handler);
            return pthread_create(&worker, 0, work, 0) || pthread_create(&kicker, 0, kick, 0);
         }
         int called(void) { return done; }
         void finish(void)
         {
            pthread_join(kicker, 0);
            end = 1;
            pthread_join(worker, 0);
            alarm(0);
         }]])
      for i = 1, 300 do
         names[i] = ("int p%d(void) { return %d; }"):format(i, i)
      end
      local status, _, err = support.lua(([[
         local ln <close> = require("moonlink").new {bind = "lazy"}
         assert(ln:load(%q))
         assert(ln:load(%q))
         local called, other = assert(ln:func "int called(void)"), %q
         assert(ln:func "int start(void)"() == 0)
         repeat
            local unit = assert(ln:load(other))
            assert(unit:reload())
            unit:unload()
         until called() == 300
         ln:func "void finish(void)"()
      ]]):format(user, cc(table.concat(names, "\n")), cc "int other(void) { return 1; }"))
      assert.same({0, ""}, {status, err})
   end)

   it("keeps a library open that a destructor of its unit was the first to call", function()
      local library = dir .. "/liblast.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", library,
         cc "int low(int x) { return x + 100; }")
      local ln <close> = moonlink.new()
      assert(ln:load {cc "int low(int); int high(int x) { return low(x) + 1; }", bind = "lazy"})
      local last = assert(ln:load {cc [[static int (*last)(int);
         void set(int (*f)(int)) { last = f; }
         int during(int (*f)(void)) { return f(); }
         __attribute__((destructor)) static void end(void) { last(1); }]], library})
      assert(ln:func "void set(void *)")((ln:address_of "high"))
      -- The destructor waits for the end of the call, and the library goes right after it.
      assert(ln:func "int during(int (*)(void))")(function()
         assert(last:unload "force")
         return 0
      end)
      local other = assert(ln:load(cc "int other;"))
      assert(other:unload())
      assert.matches("liblast", support.read "/proc/self/maps")
      assert.equal(102, assert(ln:func "int high(int)")(1))
   end)

   it("during which another thread forks keeps no library open in the child #layout", function()
      local slow, other = dir .. "/libslow.so", dir .. "/libother.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", slow, cc [[#include <time.h>
         volatile int asked, answer;
         static int seven(void) { return 7; }
         static void *choose(void)
         {
            struct timespec t = {0, 100000};
            asked = 1;
            while (!answer)
               nanosleep(&t, 0);
            return seven;
         }
         int slow(void) __attribute__((ifunc("choose")));]])
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", other, cc "int other(void) { return 3; }")
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load {slow, cc [[#include <pthread.h>
         #include <time.h>
         int slow(void);
         extern volatile int asked, answer;
         static pthread_t thread;
         static int result;
         static void *run(void *ud) { result = slow(); return 0; }
         int start(void)
         {
            struct timespec t = {0, 100000};
            if (pthread_create(&thread, 0, run, 0))
               return 0;
            while (!asked)
               nanosleep(&t, 0);
            return 1;
         }
         int finish(void) { answer = 1; pthread_join(thread, 0); return result; }]]})
      assert.equal(1, ln:func "int start(void)"())
      local run, err = moonlink.isolate(function()
         local unit = assert(ln:load {other, cc "int other(void); int f(void) { return other(); }"})
         local called = ln:func "int f(void)"()
         collectgarbage()
         assert(unit:unload())
         return called, (support.read "/proc/self/maps":find("libother", 1, true))
      end, {timeout = 250}) -- ends what waits for ever
      assert.equal(7, ln:func "int finish(void)"())
      assert(run, err)
      assert.same({3, nil}, {run[1], run[2]})
   end)
end)
