--- What the process will call in a unit after its destructors have run: its memory waits for that.
-- SPDX-License-Identifier: MIT

local maps = require "spec.support.maps"
local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source)
   return support.cc(("%s/%s.o"):format(dir, name), source, "-O1 -fPIE")
end

--- Is there memory at the address that somebody may use?
local function mapped(address)
   local mapping = maps.of(address, 1)[1]
   return mapping ~= nil and mapping.protection ~= "---p"
end

describe("the memory of a unit that was unloaded", function()
   -- a thread of the first unit gives data of its own a value, by a function of the second
   local KEYS = {
      pthread = [[
         #include <pthread.h>
         static pthread_key_t key;
         #define MAKE pthread_key_create(&key, gone)
         #define SET pthread_setspecific(key, p)
         #define DELETE pthread_key_delete(key)
      ]],
      tss = [[
         #include <threads.h>
         static tss_t key;
         #define MAKE tss_create(&key, gone)
         #define SET tss_set(key, p)
         #define DELETE tss_delete(key)
      ]],
   }
   for kind, source in pairs(KEYS) do
      it("waits for threads that will have their data freed by it: " .. kind, function()
         local status, out, err = support.lua([[
            local moonlink = require "moonlink"
            local threads, user, bind = ...
            local ln = moonlink.new()
            assert(ln:load(threads))
            local unit = assert(ln:load {user, bind = bind})
            assert(ln:func "int make(void)"() == 0)
            assert(ln:func "int begin(void *)"(unit:address "set") == 0)
            collectgarbage()
            assert(unit:unload())
            print(ln:func "int finish(void)"())
         ]], object("threads_with_data", [[
            #include <pthread.h>
            #include <semaphore.h>
            static sem_t go, done; static pthread_t thread; static int (*set)(void *);
            static int value, result;
            static __attribute__((noinline)) void wipe(void) /* no address of it is left */
            {
               volatile char stack[8192];
               for (int i = 0; i < 8192; i++) stack[i] = 0;
            }
            static void *run(void *p)
            {
               result = set(&value);
               wipe();
               sem_post(&done); sem_wait(&go);
               return 0;
            }
            int begin(int (*f)(void *))
            {
               set = f; value = 0;
               sem_init(&go, 0, 0); sem_init(&done, 0, 0);
               pthread_create(&thread, 0, run, 0);
               sem_wait(&done); set = 0;
               return result;
            }
            int finish(void) { sem_post(&go); pthread_join(thread, 0); return value; }
         ]]), object("data_of_threads", source .. [[
            static void gone(void *p) { *(int *)p += 1; }
            int make(void) { return MAKE; }
            int set(void *p) { return SET; }
         ]]), "lazy")
         assert.same({0, "1\n", ""}, {status, out, err})
      end)

      it("is given back when the key is: " .. kind, function()
         local ln <close> = moonlink.new()
         local path = object("given_back", source .. [[
            static void gone(void *p) { *(int *)p += 1; }
            __attribute__((constructor)) static void make(void) { MAKE; }
            __attribute__((destructor)) static void end(void) { DELETE; }
            int set(void *p) { return SET; }
         ]])
         local unit = assert(ln:load(path))
         local set = unit:address "set"
         assert.is_true(mapped(set))
         assert(unit:unload())
         assert.is_false(mapped(set))
      end)
   end

   it("waits for signals that it handles", function()
      for _, install in ipairs {"signal(SIGUSR1, handle)", "sigaction(SIGUSR1, &action, 0)"} do
         local path = object("handler", ([[
            #include <signal.h>
            static volatile sig_atomic_t *count;
            static void handle(int number) { ++*count; }
            static const struct sigaction action = {.sa_handler = handle};
            void catch(volatile sig_atomic_t *n) { count = n; %s; }
         ]]):format(install))
         local raiser = object("raiser", [[
            #include <signal.h>
            volatile sig_atomic_t count;
            int strike(void) { raise(SIGUSR1); return count; }
            void ignore(void) { signal(SIGUSR1, SIG_IGN); }
         ]])
         local status, out, err = support.lua([[
            local moonlink = require "moonlink"
            local path, raiser, bind = ...
            local ln = moonlink.new()
            local counting = assert(ln:load(raiser))
            local unit = assert(ln:load {path, bind = bind})
            ln:func "void catch(void *)"(counting:address "count")
            collectgarbage()
            assert(unit:unload())
            local first = ln:func "int strike(void)"()
            ln:func "void ignore(void)"()
            assert(assert(ln:load(path)):unload()) -- whoever ends a unit sweeps
            print(first, ln:func "int strike(void)"())
         ]], path, raiser, "lazy")
         assert.same({0, "1\t1\n", ""}, {status, out, err}, install)
      end
   end)

   it("waits for what a script has handed out by these functions, too", function()
      local path = object("handed_out", [[
         #include <pthread.h>
         #include <signal.h>
         static int *count;
         void set(int *n) { count = n; }
         void handle(int number) { ++*count; }
         void gone(void *p) { ++*count; }
      ]])
      local user = object("user", [[
         #include <pthread.h>
         #include <signal.h>
         int count; pthread_key_t key;
         static void *run(void *p) { pthread_setspecific(key, p); return p; }
         int strike(void) { raise(SIGUSR1); return count; }
         int end(void)
         {
            pthread_t t;
            return pthread_create(&t, 0, run, &t) || pthread_join(t, 0) ? -1 : count;
         }
      ]])
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local path, user = ...
         local ln = moonlink.new()
         local counting, unit = assert(ln:load(user)), assert(ln:load(path))
         local handle, gone = unit:address "handle", unit:address "gone"
         ln:func "void set(int *)"(counting:address "count")
         ln:func "void *signal(int, void *)"(10, handle)
         collectgarbage()
         assert(unit:unload())
         print(ln:func "int strike(void)"())
         ln:func "void *signal(int, void *)"(10, nil)
         unit = assert(ln:load(path))
         ln:func "void set(int *)"(counting:address "count")
         ln:func "int pthread_key_create(void *, void *)"(counting:address "key",
            unit:address "gone")
         collectgarbage()
         assert(unit:unload())
         print(ln:func "int end(void)"())
      ]], path, user)
      assert.same({0, "1\n2\n", ""}, {status, out, err})
   end)
end)
