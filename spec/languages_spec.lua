--- What objects of gcc's front ends want beside relocations: runtimes that are told of them, stacks
-- that code may run on.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

local folder = support.tmpdir()

local function object(name, source, flags, compiler)
   return support.cc(("%s/%s.o"):format(folder, name), source, flags or "-O1",
      {compiler = compiler})
end

describe("an object with transactions", function()
   local source = [[
      static int sum;
      __attribute__((transaction_safe)) int add(int n) { return sum += n; }
      int (*volatile chosen)(int) __attribute__((transaction_safe)) = add;
      int f(int n)
      {
         int got = 0;
         sum = 0;
         __transaction_atomic { got = chosen(n); got += chosen(1); }
         return got * 10 + sum;
      }
   ]]

   it("has its functions called by pointer, and its runtime told when it goes", function()
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new()
         for round = 1, 3 do
            local unit = assert(ln:load {(...), "-litm"})
            local other = assert(ln:load {{path = (...), rename = {f = "other_f"},
               keep_global = {"other_f"}}, "-litm"})
            print(ln:func "int f(int)"(5), ln:func "int other_f(int)"(6))
            collectgarbage()
            assert(unit:unload())
            print(ln:func "int other_f(int)"(7))
            collectgarbage()
            assert(other:unload())
         end
      ]], object("transaction", source, "-O1 -fgnu-tm"))
      assert.equal(0, status, err)
      assert.equal(("116\t137\n158\n"):rep(3), out)
   end)

   it("needs no runtime when it has only functions for them", function()
      local made = object("callee",
         "__attribute__((transaction_safe)) int add(int m) { return m + 2; }",
         "-O1 -fgnu-tm")
      assert.matches(".tm_clone_table", support.sh("readelf -SW %s", made), 1, true)
      local status, out, err = support.lua([[
         local ln <close> = require "moonlink".new()
         assert(ln:load(...))
         io.write(ln:func "int add(int)"(5), " ", ln:func "int add(int)"(7))
      ]], made)
      assert.equal(0, status, err)
      assert.equal("7 9", out)
   end)

   it("keeps what a transaction may call by pointer when unused sections are dropped", function()
      local ln <close> = moonlink.new {gc_sections = true, roots = {"f"}}
      assert(ln:load {object("dropped", source, "-O1 -fgnu-tm -ffunction-sections"), "-litm"})
      assert.equal(116, ln:func "int f(int)"(5))
   end)

   it("may bring its runtime out of an archive, time after time, also for threads", function()
      local archive = support.sh("gcc -print-file-name=libitm.a"):match "^%s*(.-)%s*$"
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local transaction, archive, thread = ...
         local ln <close> = moonlink.new()
         assert(ln:load(thread))
         local start, finish = ln:func "int start(int (*)(int))", ln:func "int finish(void)"
         for _ = 1, 3 do
            local unit = assert(ln:load {transaction, archive, "-lstdc++"})
            print(ln:func "int f(int)"(5), start(unit:address "f"))
            collectgarbage()
            assert(unit:unload())
            print(finish())
            unit = assert(ln:load {transaction, "-litm"})
            print(ln:func "int f(int)"(6))
            collectgarbage()
            assert(unit:unload())
         end
      ]], object("transaction", source, "-O1 -fgnu-tm"), archive, object("ends_later", [[
         #include <pthread.h>
         #include <stddef.h>
         static pthread_t t;
         static pthread_barrier_t done, end;
         static int (*volatile function)(int);
         static int result;
         static __attribute__((noinline)) void wipe(void) /* no address of it is left */
         {
            volatile char stack[8192];
            for (int i = 0; i < 8192; i++) stack[i] = 0;
         }
         static void *run(void *ud)
         {
            result = function(7);
            wipe();
            pthread_barrier_wait(&done);
            pthread_barrier_wait(&end);
            return NULL;
         }
         int start(int (*f)(int))
         {
            pthread_barrier_init(&done, NULL, 2);
            pthread_barrier_init(&end, NULL, 2);
            function = f;
            pthread_create(&t, NULL, run, NULL);
            pthread_barrier_wait(&done);
            function = NULL;
            return result;
         }
         int finish(void)
         {
            pthread_barrier_wait(&end);
            return pthread_join(t, NULL);
         }
      ]]))
      assert.same({0, ""}, {status, err})
      assert.equal(("116\t158\n0\n137\n"):rep(3), out)
   end)

   it("is told which library it wants", function()
      local err = loads.refusal(object("without", source, "-O1 -fgnu-tm"))
      assert.matches("add -litm to the inputs", err.hint, 1, true)
   end)
end)

describe("a nested function whose address is taken", function()
   local source = [[
      static int apply(int (*g)(int), int n) { return g(n); }
      int (*volatile indirect)(int (*)(int), int) = apply;
      int f(int n)
      {
         __label__ out;
         int sum = n * 10;
         int add(int more) { if (more > 100) goto out; return sum += more; }
         indirect(add, 2);
         indirect(add, n);
         return sum;
      out:
         return -sum;
      }
   ]]

   it("changes no stack before its load is committed, and none where nobody asks for it", function()
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local nested, plain = ...
         local function stack()
            return io.open "/proc/self/maps":read "a":match "%x+ ([^\n ]+) [^\n]*%[stack%]"
         end
         local ln <close> = moonlink.new()
         assert(ln:load(plain))
         assert(ln:check(nested))
         assert(not ln:load {nested, nested})
        print(stack())
         assert(ln:load(nested))
         print(stack())
      ]], object("nested", source), object("plain", "int g(void) { return 1; }"))
      assert.equal(0, status, err)
      assert.equal("rw-p\nrwxp\n", out)
   end)
end)

--- What runtimes of D, and conservative collectors, ask of the process, in C.
local LISTED = [[
   #define _GNU_SOURCE
   #include <link.h>
   #include <string.h>
   static int constant_is, data = 1, zero, seen, stop;
   static const int constant = 3;
   __thread int own = 5;
   static char found[256];
   static unsigned flags_at(struct dl_phdr_info *info, const void *p)
   {
      for (int i = 0; i < info->dlpi_phnum; i++) {
         const ElfW(Phdr) *h = &info->dlpi_phdr[i];
         if (h->p_type == PT_LOAD && (uintptr_t)p - info->dlpi_addr - h->p_vaddr < h->p_memsz)
            return h->p_flags;
      }
      return 0;
   }
   static int ask(struct dl_phdr_info *info, size_t size, void *ud)
   {
      seen++;
      if (!flags_at(info, ud)) return 0;
      strcpy(found, info->dlpi_name);
      int tls = 0;
      for (int i = 0; i < info->dlpi_phnum; i++)
         if (info->dlpi_phdr[i].p_type == PT_TLS)
            tls = info->dlpi_tls_modid && info->dlpi_phdr[i].p_memsz >= 4 &&
               (uintptr_t)&own - (uintptr_t)info->dlpi_tls_data < info->dlpi_phdr[i].p_memsz;
      return flags_at(info, &data) * 10000 + flags_at(info, &zero) * 1000
         + flags_at(info, &constant) * 100 + flags_at(info, ask) * 10 + tls;
   }
   int own_image(void) { own = 6; return dl_iterate_phdr(ask, &data); }
   static int has(struct dl_phdr_info *info, size_t size, void *ud)
   {
      if (flags_at(info, ud)) strcpy(found, info->dlpi_name);
      return flags_at(info, ud) != 0;
   }
   int image_of(void *p) { return dl_iterate_phdr(has, p); }
   const char *name(void) { return found; }
   int count(void) { seen = 0; dl_iterate_phdr(ask, 0); return seen; }
   __attribute__((constructor)) static void start(void) { constant_is = own_image(); }
   int at_start(void) { return constant_is; }
   static int call(struct dl_phdr_info *info, size_t size, void *ud)
   {
      seen++;
      ((void (*)(const char *))ud)(info->dlpi_name);
      return 0;
   }
   int each(void (*f)(const char *)) { seen = 0; dl_iterate_phdr(call, f); return seen; }
]]

describe("code that walks the images of the process", function()
   it("finds its own, and what may be read, written and run there", function()
      for _, options in ipairs {"-O1", "-O1 -fPIC", "-O1 -mcmodel=large"} do
         local made = object("listed", LISTED, options)
         for _, bind in ipairs {"direct", "stubs", "lazy"} do
            local ln <close> = moonlink.new()
            assert(ln:load {made, bind = bind})
            assert.equal(66451, ln:func "int at_start(void)"())
            assert.equal(66451, ln:func "int own_image(void)"())
            assert.equal("moonlink:" .. made, ln:func "const char *name(void)"())
         end
      end
   end)

   it("finds those of other units and linkers as long as they are there", function()
      local ln <close> = moonlink.new()
      local other <close> = moonlink.new()
      assert(ln:load(object("listed", LISTED)))
      local count, image_of = ln:func "int count(void)", ln:func "int image_of(void *)"
      local before = count()
      local plain = object("plain", "int here[4] = {1}; int f(void) { return here[0]; }")
      local unit, far = assert(ln:load(plain)), assert(other:load(plain))
      local here, there = unit:address "here", far:address "here"
      assert.same({before + 2, 1, 1}, {count(), image_of(here), image_of(there)})
      assert.equal("moonlink:" .. plain, ln:func "const char *name(void)"())
      assert(unit:unload())
      assert.same({before + 1, 0, 1}, {count(), image_of(here), image_of(there)})
      other:close()
      assert.same({before, 0, 0}, {count(), image_of(here), image_of(there)})
   end)

   it("may load and unload meanwhile", function()
      local ln <close> = moonlink.new()
      local other <close> = moonlink.new()
      assert(ln:load(object("listed", LISTED)))
      local units = {}
      for i = 1, 4 do
         units[i] = assert(other:load {object("n" .. i, ("int n%d = 1;"):format(i))})
      end
      local names = {}
      ln:func "int each(void (*)(const char *))"(function(name)
         local n = math.tointeger(name:match "/n(%d)%.o$")
         names[#names + 1] = n
         if n == 1 then
            assert(units[2]:unload())
            assert(other:load(object("n5", "int n5 = 1;")))
         end
      end)
      assert.same({1, 3, 4, 5}, names)
   end)

   -- A thread stands in the callback for the image of an address, for a while or until it is told.
   local stands = object("stands", [[
      #define _GNU_SOURCE
      #include <link.h>
      #include <pthread.h>
      #include <semaphore.h>
      #include <unistd.h>
      static sem_t in, out; static pthread_t thread; static int how_long; static int left;
      static int stand(struct dl_phdr_info *info, size_t size, void *p)
      {
         for (int i = 0; i < info->dlpi_phnum; i++) {
            const ElfW(Phdr) *h = &info->dlpi_phdr[i];
            if ((char *)p - (char *)info->dlpi_addr - h->p_vaddr >= h->p_memsz)
               continue;
            sem_post(&in);
            how_long ? usleep(how_long) : sem_wait(&out);
            left = 1;
            return 1;
         }
         return 0;
      }
      static void *walk(void *p) { dl_iterate_phdr(stand, p); return 0; }
      int enter(void *p, int us)
      {
         how_long = us; left = 0;
         sem_init(&in, 0, 0); sem_init(&out, 0, 0);
         return pthread_create(&thread, 0, walk, p) || sem_wait(&in);
      }
      int has_left(void) { return left; }
      int leave(void) { sem_post(&out); return pthread_join(thread, 0); }
   ]])
   local looked_at = object("looked_at", "int here = 1;")

   it("keeps nobody from loading and unloading, here or in a child of the process", function()
      local result = assert(moonlink.isolate(function()
         local ln, other = moonlink.new(), moonlink.new()
         assert(ln:load(stands))
         local unit = assert(ln:load(looked_at))
         assert(ln:func "int enter(void *, int)"(unit:address "here", 0) == 0)
         local function round()
            assert(assert(other:load(looked_at)):unload())
            return true
         end
         local here, child = round(), moonlink.isolate(round, {timeout = 10})
         assert(ln:func "int leave(void)"() == 0)
         return here, child and child[1]
      end, {timeout = 30}))
      assert.same({true, true}, {result[1], result[2]})
   end)

   it("keeps what it looks at", function()
      local ln <close> = moonlink.new()
      local other <close> = moonlink.new()
      assert(ln:load(stands))
      local unit = assert(other:load(looked_at))
      assert.equal(0, ln:func "int enter(void *, int)"(unit:address "here", 100000))
      assert.is_nil((unit:unload()))
      assert(unit:unload "force")
      assert.equal(0, ln:func "int leave(void)"())
      assert.equal(1, ln:func "int has_left(void)"())
   end)

   local LEFT = [[
      #include <link.h>
      #include <pthread.h>
      #include <setjmp.h>
      #include <string.h>
      extern "C" int missing(void);
      static jmp_buf back;
      static int leave(struct dl_phdr_info *info, size_t, void *how)
      {
         if (strncmp(info->dlpi_name, "moonlink:", 9) != 0) return 0;
         switch ((long)how) {
         case 0: throw 5;
         case 1: longjmp(back, 1);
         case 2: pthread_exit((void *)7);
         case 3: return missing();
         }
         return 1;
      }
      static int walk(long how) { return dl_iterate_phdr(leave, (void *)how); }
      static void *start(void *how) { return (void *)(long)walk((long)how); }
      static int in_thread(long how)
      {
         pthread_t t;
         void *result = 0;
         if (pthread_create(&t, 0, start, (void *)how)) return -1;
         pthread_join(t, &result);
         return (long)result;
      }
      extern "C" int exception(void) { return walk(0); }
      extern "C" int caught(void)
      {
         try { return walk(0); } catch (int n) { return n + in_thread(4); }
      }
      extern "C" int jump(void) { if (setjmp(back)) return 6; return walk(1); }
      extern "C" int end(void) { return in_thread(2); }
      extern "C" int trap(void) { return walk(3); }
      extern "C" int inner(void) { try { return walk(0); } catch (int n) { return n; } }
      static int outer(struct dl_phdr_info *info, size_t, void *)
      {
         return strncmp(info->dlpi_name, "moonlink:", 9) == 0 ? inner() + 10 : 0;
      }
      extern "C" int nested(void) { return dl_iterate_phdr(outer, 0) + in_thread(4); }
      extern "C" int thread(void) { return in_thread(4); }
   ]]

   for name, result in pairs {exception = "C++ exception int: 5", caught = 6, jump = 6, end_ = 7,
         trap = "missing", nested = 16} do
      it("may leave in the middle: " .. name, function()
         local path = support.cc(folder .. "/left.o", LEFT, "-O1", {language = "c++"})
         local status, out, err = support.lua([[
            local moonlink = require "moonlink"
            local path, plain, name = ...
            local ln = moonlink.new {undefined = "stub"}
            assert(ln:load {path, "-lstdc++"})
            print(select(2, pcall(ln:func("int " .. name .. "(void)"))))
            for _ = 1, 3 do
               assert(assert(ln:load(plain)):unload())
            end
            print(ln:func "int thread(void)" ())
            print(ln:func "int inner(void)" ())
         ]], path, object("beside", "int beside = 1;"), (name:gsub("_", "")))
         assert.same({0, ""}, {status, err})
         local first, rest = out:match "^(.-)\n(.*)$"
         assert.truthy(tostring(first):find(result, 1, true))
         assert.equal("1\n5\n", rest)
      end)
   end

   -- The loader's lock is held then, which dlopen in the other thread waits for. glibc opens
   -- libgcc_s when it unwinds for the first time: that is done before.
   it("may throw out of the loader's part while another thread opens libraries", function()
      local path = support.cc(folder .. "/opens.o", [[
         #include <dlfcn.h>
         #include <link.h>
         #include <pthread.h>
         static pthread_t t;
         static volatile int stop;
         static int leave(struct dl_phdr_info *, size_t, void *) { throw 5; }
         static void *run(void *path)
         {
            while (!stop)
               if (void *library = dlopen((const char *)path, RTLD_NOW)) dlclose(library);
            return 0;
         }
         extern "C" void start(const char *path) { pthread_create(&t, 0, run, (void *)path); }
         extern "C" int finish(void) { stop = 1; return pthread_join(t, 0); }
         extern "C" int walk(void) { return dl_iterate_phdr(leave, 0); }
         extern "C" int caught(void) { try { return walk(); } catch (int n) { return n; } }
      ]], "-O1", {language = "c++"})
      local library = folder .. "/libopened.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", library,
         object("opened", "int opened = 1;", "-fPIC"))
      local status, out, err = support.lua([[
         local path, library = ...
         local ln = require "moonlink".new()
         assert(ln:load {path, "-lstdc++"})
         local walk, caught = ln:func "int walk(void)", ln:func "int caught(void)"
         assert(caught() == 5)
         ln:func "void start(const char *)"(library)
         for _ = 1, 3000 do
            assert(not pcall(walk) and caught() == 5)
         end
         print(ln:func "int finish(void)"())
      ]], path, library)
      assert.same({0, "0\n", ""}, {status, out, err})
   end)
end)

describe("the runtime of D", function()
   local user = [[
      int _d_dso_registry(void *data);
      __attribute__((constructor)) static void start(void) { _d_dso_registry(0); }
   ]]
   local runtime = "int n; int _d_dso_registry(void *data) { return n++; }"

   it("takes code of its own load, and an error says so where it would end the process", function()
      local ln <close> = moonlink.new()
      local own = object("d_runtime", runtime)
      assert(ln:load {object("d_user", user), own})
      local unit, err = ln:load(object("d_second", user))
      assert.is_nil(unit)
      assert.equal("unsupported", err.code)
      assert.matches("in one load", err.hint, 1, true)
      assert.matches("d_user.o", err.message, 1, true)
   end)

   it("is of no use as a shared library, which sees no loads", function()
      local library = folder .. "/libdruntime.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", library,
         object("d_shared", runtime, "-O1 -fPIC"))
      local err = loads.refusal {object("d_user", user), library}
      assert.equal("undefined", err.code)
      assert.matches("libgdruntime.a", err.hint, 1, true)
   end)
end)

describe("classes of Objective-C", function()
   local runtime = [[
      static const char *(*names[8])(void);
      static int n;
      void __objc_exec_class(const char *(*name)(void)) { names[n++] = name; }
      int known(void) { int sum = 0; for (int i = 0; i < n; i++) sum += *names[i](); return sum; }
   ]]
   local function user(name)
      return object("class_" .. name, ([[
         void __objc_exec_class(const char *(*name)(void));
         static const char *name(void) { return "%s"; }
         __attribute__((constructor)) static void start(void) { __objc_exec_class(name); }
      ]]):format(name))
   end
   local library = folder .. "/libclasses.so"

   setup(function()
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", library,
         object("classes", runtime, "-O1 -fPIC"))
   end)

   local function refused(unit)
      local done, err = unit:unload()
      assert.is_nil(done)
      assert.equal("classes", err.users[1].kind)
      assert.matches("takes none back", err.message, 1, true)
   end

   it("go with their library", function()
      local ln <close> = moonlink.new()
      for _ = 1, 3 do
         local unit = assert(ln:load {user "a", library})
         assert.equal(("a"):byte(), ln:func "int known(void)"())
         collectgarbage()
         assert(unit:unload())
      end
   end)

   it("stay where it does, until the last unit that uses it goes", function()
      local ln <close> = moonlink.new()
      local a = assert(ln:load {user "a", library})
      local b = assert(ln:load {user "b", library})
      refused(a)
      refused(b)
      assert(a:unload "force")
      assert.equal(("a"):byte() + ("b"):byte(), ln:func "int known(void)"())
      collectgarbage()
      assert(b:unload())
      assert(ln:load {user "c", library})
      assert.equal(("c"):byte(), ln:func "int known(void)"())
   end)

   it("stay with a library in a unit of its own", function()
      local ln <close> = moonlink.new()
      local whole = assert(ln:load(object("classes", runtime, "-O1 -fPIC")))
      refused(assert(ln:load(user "a")))
      assert.equal(("a"):byte(), ln:func "int known(void)"())
      collectgarbage()
      assert(whole:unload "force")
      assert(ln:load(object("classes", runtime, "-O1 -fPIC")))
      assert.equal(0, ln:func "int known(void)"())
   end)
end)

it("a program finds environment and kernel's words behind its arguments", function()
   local program = object("behind", [[
      #include <elf.h>
      #include <string.h>
      int main(int argc, char **argv, char **envp)
      {
         int found = envp == argv + argc + 1;
         for (; *envp; envp++) if (strcmp(*envp, "BEHIND=yes") == 0) found |= 2;
         for (Elf64_auxv_t *a = (void *)(envp + 1); a->a_type; a++)
            if (a->a_type == AT_PAGESZ && a->a_un.a_val == 4096) found |= 4;
         return found * 10 + argc;
      }
   ]])
   local status, out, err = support.exit("BEHIND=yes %s run %s -- x y", support.moonlink(),
      program)
   assert.same({73, "", ""}, {status, out, err})
end)

it("an exception of another language ends the call as an error that names the language", function()
   local source = [[
      #include <stdlib.h>
      #include <unwind.h>
      static int deleted;
      static void delete(_Unwind_Reason_Code code, struct _Unwind_Exception *e)
      {
         deleted++;
         free(e);
      }
      int raise(const char *class)
      {
         struct _Unwind_Exception *e = calloc(1, sizeof *e + 16);
         for (int i = 0; i < 8; i++) e->exception_class = e->exception_class << 8 | class[i];
         e->exception_cleanup = delete;
         _Unwind_RaiseException(e);
         return 0;
      }
      int gone(void) { return deleted; }
   ]]
   local ln <close> = moonlink.new()
   assert(ln:load(object("raise", source, "-O1 -fexceptions")))
   local raise = ln:func "int raise(const char *)"
   for i, case in ipairs {
      {"GNU-Ada\0", "an exception of Ada"}, {"GNUCD\0\0\0", "an exception of D"},
      {"GNUCGO\0\0", "an exception of Go"}, {"GNUCOBJC", "an exception of Objective-C"},
      {"ACMELOGO", "a foreign exception"}, {"GNUCD\0\0D", "a foreign exception"},
   } do
      local bytes <close> = moonlink.alloc(8)
      bytes:set(case[1])
      local ok, err = pcall(raise, bytes:address())
      assert.is_false(ok)
      assert.equal("exception", err.code)
      assert.equal("raise: " .. case[2], tostring(err))
      assert.equal(i, ln:func "int gone(void)"())
   end
end)

it("a library that wants names of a program is an error that says what to add", function()
   local library = folder .. "/libgoing.so"
   support.sh("LD_PRELOAD= gcc -shared -o %s %s", library,
      support.as(folder .. "/going.o", ".data\n.quad main.main\n"))
   local err = loads.refusal {object("main", "int main_(void) { return 0; }"), library}
   assert.equal("library", err.code)
   assert.matches("libgo.a", err.hint, 1, true)
end)
