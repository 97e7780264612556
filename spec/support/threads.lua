--- Threads for specs: an object that runs C functions in a thread that has been there since before
-- the code under test was loaded, and in fresh ones.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local threads = {}

local SOURCE = [[
   #include <pthread.h>
   #include <semaphore.h>
   typedef long job(void);
   static pthread_t old;
   static sem_t go, done;
   static job *next;
   static long result;
   /* Whoever looks for return addresses on a stack may find old ones in frames that were not
   ** filled; under valgrind, whose threads wait on other stacks, also where no frame is. */
   static __attribute__((noinline)) void forget(void)
   {
      volatile char old[1 << 15];
      for (unsigned i = 0; i < sizeof old; i++)
         old[i] = 0;
   }
   static void *work(void *unused)
   {
      for (;;) {
         sem_wait(&go);
         if (!next)
            return unused;
         result = next();
         forget();
         sem_post(&done);
      }
   }
   int threads_start(void)
   {
      sem_init(&go, 0, 0);
      sem_init(&done, 0, 0);
      return pthread_create(&old, 0, work, 0);
   }
   long threads_old(job *f)
   {
      next = f;
      sem_post(&go);
      sem_wait(&done);
      return result;
   }
   void threads_stop(void)
   {
      next = 0;
      sem_post(&go);
      pthread_join(old, 0);
   }
   static void *run(void *f)
   {
      return (void *)((job *)f)();
   }
   long threads_new(job *f)
   {
      pthread_t t;
      void *r = 0;
      if (pthread_create(&t, 0, run, (void *)f) != 0)
         return -1;
      pthread_join(t, &r);
      return (long)r;
   }
]]

local methods = {}

--- Runs `long name(void)` in the thread that was there before.
---@param name string
---@return integer
function methods:old(name)
   return self.ask_old((assert(self.linker:address_of(name))))
end

--- Runs it in a thread of its own.
---@param name string
---@return integer
function methods:new(name)
   return self.ask_new((assert(self.linker:address_of(name))))
end

local metatable = {
   __index = methods,
   __close = function(self)
      self.stop()
   end,
}

--- Loads the helper into a linker and starts the old thread. To be closed before the linker.
---@param linker moonlink.Linker
---@param folder string where the helper is compiled, once
function threads.start(linker, folder)
   local path = folder .. "/threads.o"
   local file = io.open(path)
   if file then
      file:close()
   else
      support.cc(path, SOURCE, "-O1 -fPIC")
   end
   assert(linker:load(path))
   assert(linker:func "int threads_start(void)"() == 0)
   return setmetatable({
      linker = linker, ask_old = assert(linker:func "long threads_old(void *)"),
      ask_new = assert(linker:func "long threads_new(void *)"),
      stop = assert(linker:func "void threads_stop(void)"),
   }, metatable)
end

return threads
