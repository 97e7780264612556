--- The option `bind`: how code reaches what is outside of its load; "lazy": names that are only
-- called are looked up when they are called first; and a function that says it name by name.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local dir = objects.dir

local function cc(source, flags, compiler)
   return objects.cc(source, flags or "-O1 -fPIC", compiler)
end

local function how(unit, name)
   local e = unit.core:entry(name)
   return e and e.how
end

describe("code reaches what is outside of its load", function()
   local TEXT = "int value = 3; int low(int x) { return x + %d; }"
   local USER = [[extern int low(int); extern int value; int own(int x) { return x * 2; }
      int (*pointer)(int) = low;
      int high(int x) { return low(own(x)) + value; }
      int tail(int x) { return low(x + 1); }
      int by_pointer(int x) { return pointer(x) == low(x) && pointer == low; }]]

   --- The load of USER, bound as `bind` says, over TEXT, which can be replaced.
   local function load(bind, flags, f)
      local ln <close> = moonlink.new()
      local low = assert(ln:load(support.cc(dir .. "/low.o", TEXT:format(100), "-O1 -fPIC")))
      local high = assert(ln:load {support.cc(dir .. "/high.o", USER, flags), bind = bind})
      assert.equal(113, assert(ln:func "int high(int)")(5))
      assert.equal(106, assert(ln:func "int tail(int)")(5))
      assert.equal(1, assert(ln:func "int by_pointer(int)")(5))
      f(high, ln)
      assert(low:reload {inputs = {support.cc(dir .. "/new.o", TEXT:format(200), "-O1 -fPIC")}})
      assert.equal(213, assert(ln:func "int high(int)")(5))
      assert.equal(206, assert(ln:func "int tail(int)")(5))
      assert.equal(1, assert(ln:func "int by_pointer(int)")(5))
   end

   for _, flags in ipairs {"-O2 -fPIC", "-O2 -fno-pic -mcmodel=small", "-O2 -fPIC -fno-plt"} do
      it("directly, compiled with " .. flags, function()
         load("direct", flags, function(high)
            assert.is_nil(high:symbol "low")
            for name in pairs {low = 1, value = 1} do
               local e = high.core:entry(name)
               assert.is_nil(e.stub)
               assert.is_nil(e.got)
            end
         end)
      end)

      it("by stubs, compiled with " .. flags, function()
         load("stubs", flags, function(high, ln)
            local e = high.core:entry "low"
            if not flags:find "no%-plt" then
               local code = assert(moonlink.read(e.stub, "c10"))
               assert.matches("\xff\x25", code, 1, true) -- jmp *slot(%rip)
            end
            assert.equal(ln:address_of "low", assert(moonlink.read(e.got, "<I8")))
            assert.is_nil(high.core:entry "own".stub)
         end)
      end)
   end

   it("by the GOT", function()
      load("got", "-O2 -fPIC", function(high)
         assert.is_nil(high.core:entry "low".stub)
         assert.is_not_nil(high.core:entry "value".got)
      end)
      assert.has_error(function() moonlink.new {bind = "lazily"} end)
   end)
end)

local LOW = "int low(int x) { return x + 100; }"
local HIGH = [[extern int low(int); int high(int x) { return low(x) + 1; }
   int tail(int x) { return low(x + 1); }]]

describe("a name that is only called", function()
   it("is looked up when it is called first, in units and in the process", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      local low = assert(ln:load(cc(LOW)))
      local high = assert(ln:load(cc(HIGH .. [[
         extern int getpagesize(void);
         int number(void) { return getpagesize() + 1; }]])))
      assert.equal(2, high.stats.lazy)
      assert.equal(0, high.stats.looked_up)
      assert.same({"lazy", "lazy"}, {how(high, "low"), how(high, "getpagesize")})
      assert.same({}, low:users())
      local e = high.core:entry "low"
      assert.equal("slot of low", moonlink.addr2sym(e.got).name)
      assert.equal("stub of low", moonlink.addr2sym(e.stub).name)
      assert.equal("stub of low", moonlink.addr2sym(moonlink.read(e.got, "<I8")).name)
      assert.matches("looked up when it is called first", tostring(ln:explain "low"))
      assert.equal(105, assert(ln:func "int tail(int)")(4))
      assert.equal(105, assert(ln:func "int high(int)")(4))
      assert.equal(require "moonlink.core".page_size() + 1, assert(ln:func "int number(void)")())
      e = high.core:entry "low"
      assert.same({"unit", low.name}, {e.how, e.provider})
      assert.equal(ln:address_of "low", assert(moonlink.read(e.got, "<I8")))
      assert.equal("process", how(high, "getpagesize"))
      assert.matches("libc", high.core:entry "getpagesize".provider)
   end)

   it("may come with a later load, and is missing until then", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      local file = cc(HIGH)
      assert(ln:load(file))
      local high = assert(ln:func "int high(int)")
      for _ = 1, 2 do
         assert.matches(("undefined symbol 'low' was called by %s"):format(file),
            support.refused(high, 1), 1, true)
      end
      assert(ln:load(cc(LOW)))
      assert.equal(102, high(1))
   end)

   it("two units can need of each other", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      local even = [[extern int odd(int); int even(int n) { return n == 0 ? 1 : odd(n - 1); }]]
      local a = assert(ln:load(cc(even)))
      local b = assert(ln:load(cc((even:gsub("%w+", {odd = "even", even = "odd", [1] = "0"})
         :gsub("n == 0 %? 1", "n == 0 ? 0"):gsub("n %- 0", "n - 1")))))
      assert.equal(1, assert(ln:func "int even(int)")(10))
      assert.equal(0, assert(ln:func "int even(int)")(7))
      assert.is_nil((a:unload()))
      assert.is_nil((b:unload()))
      assert(a:unload "force")
      assert.is_false(b:alive())
   end)

   it("is found where the scope of the load says, also after a reload", function()
      local ln <close> = moonlink.new {duplicate = "last"}
      local first = assert(ln:load(cc "int low(int x) { return 1; }"))
      assert(ln:load(cc "int low(int x) { return 2; }"))
      local high = assert(ln:load {cc(HIGH), bind = "lazy", scope = {first, "process"}})
      assert(first:reload {inputs = {cc "int low(int x) { return 3; }"}})
      assert.equal("lazy", how(high, "low"))
      assert.equal(4, high.core:alive() and assert(ln:func "int high(int)")(0))
   end)

   it("keeps what a first call sees of errno", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(cc [[#include <errno.h>
         extern int labs_(void); extern int getpagesize(void);
         int kept(void) { errno = 77; getpagesize(); return errno; }]]))
      assert.equal(77, assert(ln:func "int kept(void)")())
   end)
end)

describe("a name is looked up at load", function()
   local function lazy_of(source, options, flags, opts)
      local ln <close> = moonlink.new()
      assert(ln:load(cc "int low(int x) { return x; } __thread int local_; int data = 1;"))
      local list = {cc(source, flags, opts), bind = "lazy"}
      for key, value in pairs(options or {}) do
         list[key] = value
      end
      local unit = assert(ln:load(list))
      local kinds = {}
      for _, name in ipairs {"low", "member", "atexit", "abs"} do
         kinds[name] = how(unit, name)
      end
      return unit.stats.lazy, unit, kinds
   end

   for what, source in pairs {
      ["when its address is taken"] = [[extern int low(int); int (*pointer)(int) = low;
         int f(int x) { return low(x); }]],
      ["when code compares its address"] = [[extern int low(int);
         int f(int (*g)(int)) { return g == low ? low(1) : 0; }]],
      ["when it is weak"] = [[extern int low(int) __attribute__((weak));
         int f(void) { return low(1); }]],
      ["when it is data"] = "extern int data; int f(void) { return data; }",
      ["when it is thread-local"] = "extern __thread int local_; int f(void) { return local_; }",
      ["when the C standard reserves it"] = [[extern unsigned long __fdelt_chk(unsigned long);
         int f(void) { return __fdelt_chk(1); }]],
   } do
      it(what, function()
         assert.equal(0, (lazy_of(source)))
      end)
   end

   it("when code loads it from the GOT", function()
      assert.equal(0, (lazy_of("extern int low(int); int f(int x) { return low(x) + 1; }", nil,
         "-O2 -fPIC -fno-plt")))
   end)

   it("when an archive has it, given or fall-back", function()
      local archive = dir .. "/libmember.a"
      support.sh("ar rcs %s %s", archive, cc "int member(void) { return 7; }")
      local lazy, _, kinds = lazy_of([[#include <stdlib.h>
         extern int member(void); static void nothing(void) {}
         int f(void) { return member(); } int g(void) { return atexit(nothing); }]])
      assert.equal(1, lazy) -- of a linker that has no archive
      assert.same({member = "lazy", atexit = "section"}, kinds)
      local ln <close> = moonlink.new {bind = "lazy"}
      local unit = assert(ln:load {cc "extern int member(void); int f(void) { return member(); }",
         archive})
      assert.equal(0, unit.stats.lazy)
      assert.equal(7, assert(ln:func "int f(void)")())
   end)

   it("unless a unit comes before the archive", function()
      local archive = dir .. "/libbefore.a"
      support.sh("ar rcs %s %s", archive, cc(LOW))
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load {{path = archive, whole = true}})
      local high = assert(ln:load(cc(HIGH)))
      assert.equal(1, high.stats.lazy)
      assert.equal(105, assert(ln:func "int high(int)")(4))
   end)

   it("when Lua has a say in names", function()
      local source = "extern int low(int); int f(int x) { return low(x) + 1; }"
      assert.equal(1, (lazy_of(source)))
      for _, options in ipairs {
         {scope = {"self", function() end}}, {scope = {"self", {low = 1}}},
         {undefined = function() end}, {undefined = "null"},
      } do
         local lazy, unit = lazy_of(source, options)
         assert.equal(0, lazy)
         assert.equal(1, unit.stats.stubs)
      end
      local ln <close> = moonlink.new {bind = "lazy"}
      ln:on("resolve", "^low$", function() return "abs" end)
      local unit = assert(ln:load(cc(source)))
      assert.equal("lazy", how(unit, "abs"))
      assert.equal(6, assert(ln:func "int f(int)")(-5))
   end)

   it("and called through a stub then, as with \"stubs\"", function()
      local _, unit = lazy_of [[extern int low(int); int (*pointer)(int) = low;
         int f(int x) { return low(x) + 1; }]]
      assert.equal(1, unit.stats.stubs)
   end)
end)

describe("a first call", function()
   it("has all arguments", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(cc [[
         #include <stdarg.h>
         double eight(double a, double b, double c, double d, double e, double f, double g,
            double h, double i) { return a+2*b+3*c+4*d+5*e+6*f+7*g+8*h+9*i; }
         long ints(long a, long b, long c, long d, long e, long f, long g)
            { return a+2*b+3*c+4*d+5*e+6*f+7*g; }
         long double wide(long double a, int n, long double b) { return a + n * b; }
         double sum(int n, ...) { va_list l; double s = 0; va_start(l, n);
            while (n-- > 0) s += va_arg(l, double); va_end(l); return s; }
         struct big { long v[5]; }; struct big big(long x) { struct big b = {{x,x,x,x,x}};
            return b; }
         _Complex double turn(_Complex double z) { return z * 1.0i; }]]))
      assert(ln:load(cc [[
         extern double eight(double,double,double,double,double,double,double,double,double);
         extern long ints(long,long,long,long,long,long,long);
         extern long double wide(long double, int, long double);
         extern double sum(int, ...);
         struct big { long v[5]; }; extern struct big big(long);
         extern _Complex double turn(_Complex double);
         double f8(void) { return eight(1,2,3,4,5,6,7,8,9) * 1; }
         long fi(void) { return ints(1,2,3,4,5,6,7) + 1; }
         double fw(void) { return wide(1.5L, 2, 3.25L); }
         double fs(void) { return sum(4, 1.0, 2.0, 3.0, 4.5) + 0; }
         long fb(void) { struct big b = big(9); return b.v[0] + b.v[4]; }
         double ft(void) { return __real__ turn(__extension__ 3.0i); }]]))
      assert.equal(285, assert(ln:func "double f8(void)")())
      assert.equal(141, assert(ln:func "long fi(void)")())
      assert.equal(8.0, assert(ln:func "double fw(void)")())
      assert.equal(10.5, assert(ln:func "double fs(void)")())
      assert.equal(18, assert(ln:func "long fb(void)")())
      assert.equal(-3, assert(ln:func "double ft(void)")())
   end)

   -- The callee is chosen by a resolver, which runs while the name is looked up and clears what
   -- holds arguments.
   local WIDE = [[typedef float wide __attribute__((vector_size(%d)));
      extern wide add(wide, wide, wide, wide, wide, wide, wide, wide);
      #define V(n) ((wide){0} + n)
      float f(void) { wide r = add(V(1), V(2), V(3), V(4), V(5), V(6), V(7), V(8));
         float s = 0; for (int i = 0; i < sizeof r / 4; i++) s += r[i]; return s; }
      #ifdef CALLEE
      static wide sum(wide a, wide b, wide c, wide d, wide e, wide f, wide g, wide h)
         { return a + 2*b + 3*c + 4*d + 5*e + 6*f + 7*g + 8*h; }
      static void *choose(void) { asm volatile("%s" ::: "xmm0", "xmm1", "xmm2", "xmm7");
         return sum; }
      wide add(wide, wide, wide, wide, wide, wide, wide, wide) __attribute__((ifunc("choose")));
      #endif]]
   local CLEAR = {[16] = "xorps %%xmm0, %%xmm0; xorps %%xmm7, %%xmm7", [32] = "vzeroall",
      [64] = "vzeroall"}
   local cpu = support.read "/proc/cpuinfo"
   for feature, bytes in pairs {sse2 = 16, avx = 32, avx512f = 64} do
      if cpu:find("%f[%w]" .. feature .. "%f[%W]") then
         local tag = bytes == 64 and " #layout" or "" -- valgrind has no such registers
         it("has vectors of " .. bytes .. " bytes" .. tag, function()
            local ln <close> = moonlink.new {bind = "lazy"}
            local flags = "-O1 -fPIC -Wno-psabi -m" .. feature
            local source = WIDE:format(bytes, CLEAR[bytes])
            local library = ("%s/libwide%d.so"):format(dir, bytes)
            support.sh("gcc -shared -o %s %s", library,
               cc("#define CALLEE\n" .. source:gsub("float f", "float g"), flags))
            assert(ln:load(library))
            local caller = assert(ln:load(cc(source, flags)))
            assert.equal("lazy", how(caller, "add"))
            assert.equal(204 * bytes / 4, assert(ln:func "float f(void)")())
         end)
      end
   end

   it("has the static chain, and a stack of any alignment", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(support.as(dir .. "/chain.o", [[
         .globl chained
         .type chained, @function
      chained: mov %r10, %rax
         add %rsp, %rax
         ret
         .globl caller
         .type caller, @function
      caller: .cfi_startproc
         push %rbx
         mov $1000, %r10
         mov %rsp, %rbx
         sub $20, %rsp
         call other@PLT
         lea 28-20(%rax), %rax
         sub %rbx, %rax
         lea 20(%rsp), %rsp
         pop %rbx
         ret
         .cfi_endproc
         .section .note.GNU-stack,"",@progbits
      ]])))
      assert(ln:load(support.as(dir .. "/other.o", [[
         .globl other
      other: mov %r10, %rax
         add %rsp, %rax
         add $20, %rax
         ret
         .section .note.GNU-stack,"",@progbits
      ]])))
      assert.equal(1000, assert(ln:func "long caller(void)")())
   end)

   it("may end in a C++ exception, which finds its way through the caller", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load "-lstdc++")
      assert(ln:load(cc([[#include <stdexcept>
         extern "C" int thrower(int n) { if (n > 0) throw std::out_of_range("far"); return n; }]],
         nil, "g++")))
      local unit = assert(ln:load(cc([[#include <stdexcept>
         extern "C" int thrower(int); int gone;
         struct guard { ~guard() { gone++; } };
         extern "C" int catches(int n) { guard g;
            try { return thrower(n); } catch (std::out_of_range &) { return gone - 1; } }
         extern "C" int passes(int n) { guard g; return thrower(n) + 1; }]],
         nil, "g++")))
      assert.equal("lazy", how(unit, "thrower"))
      assert.equal(-1, assert(ln:func "int catches(int)")(1))
      local text = support.refused(assert(ln:func "int passes(int)"), 1)
      assert.matches("out_of_range", text)
      assert.equal(1, assert(ln:func "int catches(int)")(1))
   end)

   it("can be unwound through while the function is being looked up", function()
      local library = dir .. "/libchooser.so"
      support.sh("gcc -shared -fPIC -O1 -o %s -x c - <<'END'\n%s\nEND", library, [[
         #include <unwind.h>
         unsigned long seen[64]; int nseen;
         static _Unwind_Reason_Code note(struct _Unwind_Context *c, void *ud)
         { if (nseen < 64) seen[nseen++] = _Unwind_GetIP(c); return _URC_NO_REASON; }
         static int one(void) { return 1; }
         static int (*choose(void))(void)
         { nseen = 0; _Unwind_Backtrace(note, 0); return one; }
         int chosen(void) __attribute__((ifunc("choose")));
         int passed(unsigned long from, unsigned long to)
         { for (int i = 0; i < nseen; i++) if (seen[i] >= from && seen[i] < to) return i;
           return -1; }]])
      local ln <close> = moonlink.new()
      assert(ln:load(library))
      local unit = assert(ln:load {cc [[extern int chosen(void);
         int inner(void) { return chosen() + 1; }
         int (*volatile pointer)(void) = inner;
         int outer(void) { return pointer() + 1; }]], bind = "lazy"})
      assert.equal("lazy", how(unit, "chosen"))
      assert.equal(3, assert(ln:func "int outer(void)")())
      local passed = assert(ln:func "int passed(unsigned long, unsigned long)")
      local function at(name)
         local e = unit:symbol(name)
         return passed(e.address, e.address + e.size)
      end
      assert.is_true(at "inner" > 0)
      assert.equal(at "inner" + 1, at "outer")
   end)

   it("may come from constructors, destructors and resolvers", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(cc "int calls; int low(int x) { calls++; return x + 100; }"))
      local unit = assert(ln:load(cc [[extern int low(int), mid(int); int first, second;
         extern int toupper(int);
         __attribute__((constructor)) static void begin(void) { first = low(5); }
         __attribute__((destructor)) static void end(void) { mid(1); }
         static int one(void) { return 1; }
         static int (*choose(void))(void) { second = toupper('a'); return one; }
         int chosen(void) __attribute__((ifunc("choose")));]]))
      assert(ln:load(cc [[extern int low(int); int mid(int x) { return low(x); }]]))
      assert.equal(105, moonlink.read(unit:address "first", "i"))
      assert.equal(("A"):byte(), moonlink.read(unit:address "second", "i"))
      assert.equal("process", how(unit, "toupper"))
      local calls = unit.linker:address_of "calls"
      assert(unit:unload())
      assert.equal(2, moonlink.read(calls, "i"))
   end)

   it("may reach a function that is chosen at run time, or lies in an archive's unit", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(cc [[static int two(int x) { return 2 * x; }
         static int (*choose(void))(int) { return two; }
         int low(int) __attribute__((ifunc("choose")));]]))
      assert(ln:load(cc(HIGH)))
      assert.equal(9, assert(ln:func "int high(int)")(4))
   end)

   it("of a name that nobody has gives 0 in a thread that Lua does not run", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(cc [[#include <pthread.h>
         extern int nobody(void);
         static void *run(void *p) { *(int *)p = nobody() + 5; return 0; }
         int threaded(void) { int n = 1; pthread_t t; pthread_create(&t, 0, run, &n);
            pthread_join(t, 0); return n; }]]))
      moonlink.warnings()
      assert.equal(5, assert(ln:func "int threaded(void)")())
      assert.matches("nothing defines", table.concat(moonlink.warnings(), "\n"))
   end)

   it("may come from a signal handler, at any moment", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(cc [[#include <signal.h>
         #include <string.h>
         #include <sys/time.h>
         extern int p1(void), p2(void), p3(void), step(int);
         static volatile int hits;
         static void handle(int s) { hits += p1() + p2() + p3(); }
         int run(void)
         {
            struct sigaction a, before;
            struct itimerval on = {{0, 100}, {0, 100}}, off = {{0, 0}, {0, 0}};
            memset(&a, 0, sizeof a);
            a.sa_handler = handle;
            sigaction(SIGALRM, &a, &before);
            setitimer(ITIMER_REAL, &on, 0);
            for (int i = 0; hits < 30; i++) step(i);
            setitimer(ITIMER_REAL, &off, 0);
            signal(SIGALRM, SIG_IGN); /* one that is pending is thrown away */
            sigaction(SIGALRM, &before, 0);
            return hits % 3;
         }]]))
      assert(ln:load(cc [[int p1(void) { return 1; } int p2(void) { return 1; }
         int p3(void) { return 1; } int step(int i) { return i; }]]))
      assert.equal(0, assert(ln:func "int run(void)")())
   end)

   it("may be made through a table of distances", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(cc(LOW)))
      local unit = assert(ln:load(cc [[extern int low(int);
         __asm__(".section .rodata\n.balign 4\ntable: .long 0\n"
            ".reloc table, R_X86_64_PLT32, low\n.text");
         extern int table[] __attribute__((visibility("hidden")));
         int through(int x) { return ((int (*)(int))((char *)table + table[0]))(x); }]]))
      assert.equal("lazy", how(unit, "low"))
      assert.equal(107, assert(ln:func "int through(int)")(7))
   end)

   for name, values in pairs {
      protect = {"dual", "input"}, pages = {"huge"}, block = {"unit"}, zone = {"low"},
      merge = {true}, count = {true, "object"}, debug = {"gdb,lines"},
   } do
      for _, value in ipairs(values) do
         it(("works with %s = %s"):format(name, value), function()
            local ln <close> = moonlink.new()
            assert(ln:load(cc(LOW)))
            local unit = assert(ln:load {cc(HIGH), bind = "lazy", [name] = value})
            assert.equal("lazy", how(unit, "low"))
            assert.equal(105, assert(ln:func "int high(int)")(4))
            assert.equal(105, assert(ln:func "int tail(int)")(4))
         end)
      end
   end

   it("works in a child process", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(cc(LOW)))
      assert(ln:load(cc(HIGH)))
      local high = assert(ln:func "int high(int)")
      assert.equal(106, assert(moonlink.isolate(function() return high(5) end))[1])
      assert.equal(106, high(5))
   end)

   it("is made again when a program has put the first content back into a slot", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      assert(ln:load(cc(LOW)))
      local unit = assert(ln:load(cc(HIGH)))
      local slot, high = unit.core:entry "low".got, assert(ln:func "int high(int)")
      local first = moonlink.read(slot, "<I8")
      for _ = 1, 3 do
         assert.equal(102, high(1))
         assert.is_true(moonlink.read(slot, "<I8") ~= first)
         moonlink.write(slot, "j", first)
      end
      assert.equal(102, high(1))
      assert.equal("unit", how(unit, "low"))
   end)
end)

describe("a unit that was found at a first call", function()
   local function loaded(bind)
      local ln = moonlink.new()
      local low = assert(ln:load(cc(LOW)))
      local high = assert(ln:load {cc(HIGH), bind = bind or "lazy"})
      return ln, low, high, assert(ln:func "int high(int)")
   end

   it("is used by the caller from then on", function()
      local ln, low, high, call = loaded()
      assert.same({}, low:users())
      call(1)
      local users = low:users()
      assert.same({"unit", high.name}, {users[1].kind, users[1].name})
      assert.same({"low"}, users[1].symbols)
      local ok, err = low:unload()
      assert.is_nil(ok)
      assert.equal("state", err.code)
      assert(high:unload "force")
      assert(low:unload())
      ln:close()
   end)

   it("goes with its user when that is forced", function()
      local ln, low, high, call = loaded()
      call(1)
      assert(low:unload "force")
      assert.is_false(high:alive())
      assert.matches("was unloaded", support.refused(call, 1))
      ln:close()
   end)

   it("may be unloaded before, and another found", function()
      local ln, low, _, call = loaded()
      assert(low:unload())
      assert.matches("undefined symbol 'low'", support.refused(call, 1))
      assert(ln:load(cc "int low(int x) { return -x; }"))
      assert.equal(-6, call(7))
      ln:close()
   end)

   it("is replaced in its callers' slots by a reload", function()
      local ln, low, high, call = loaded()
      call(1)
      assert(low:reload {inputs = {cc "int low(int x) { return x + 200; }"}})
      assert.equal(202, call(1))
      assert.equal(low.name, high.core:entry "low".provider)
      assert.is_nil((low:unload()))
      local ok, err = low:reload {inputs = {cc "int other(int x) { return x; }"}}
      assert.is_nil(ok)
      assert.matches("'low', which the new version does not define", tostring(err), 1, true)
      assert.equal(202, call(1))
      ln:close()
   end)

   it("is the old version while a reload is not done, which may fail", function()
      local ln, low, high, call = loaded()
      local during
      local ok = low:reload {inputs = {cc "int low(int x) { return x + 200; }"},
         on_upgrade = function() during = call(1); error "no" end}
      assert.is_nil(ok)
      assert.equal(102, during)
      assert.is_true(high:alive())
      assert.equal(102, call(1))
      assert(low:reload {inputs = {cc "int low(int x) { return x + 300; }"}})
      assert.equal(302, call(1))
      ln:close()
   end)

   it("is found anew by a new version of the caller", function()
      local ln, low, high, call = loaded()
      call(1)
      assert(high:reload {inputs = {cc((HIGH:gsub("%+ 1;", "+ 2;", 1)))}})
      assert.equal("lazy", how(high, "low"))
      assert.same({}, low:users())
      assert.equal(103, call(1))
      assert.equal(1, #low:users())
      ln:close()
   end)

   it("keeps a library open that its unit has left", function()
      local library = dir .. "/libheld.so"
      support.sh("gcc -shared -o %s %s", library, cc(LOW))
      local ln <close> = moonlink.new()
      local held = assert(ln:load(library))
      local high = assert(ln:load {cc(HIGH), bind = "lazy"})
      local call = assert(ln:func "int high(int)")
      assert.equal(102, call(1))
      assert(high.core:entry "low")
      held:unload()
      assert.equal(102, call(1))
      assert.matches("libheld", support.read "/proc/self/maps")
   end)

   it("leaves a load that fails without a trace", function()
      local ln <close> = moonlink.new {bind = "lazy"}
      local low = assert(ln:load(cc(LOW)))
      assert(ln:load "-lstdc++")
      local unit, err = ln:load(cc([[extern "C" int low(int);
         struct starts { starts() { throw low(1); } }; starts now;]], nil, "g++"))
      assert.is_nil(unit)
      assert.equal("init", err.code)
      assert.same({}, low:users())
      assert(low:unload())
   end)
end)

describe("bind by a function", function()
   local SOURCE = HIGH .. [[ extern int toupper(int), nobody(void), other(void);
      int f(void) { return toupper('a') + other(); } int g(void) { return nobody(); }]]

   it("is asked once for each name and load, and told who defines it and who wants it", function()
      local ln <close> = moonlink.new()
      local low = assert(ln:load(cc(LOW .. "int other(void) { return 1; }")))
      local seen, file = {}, cc(SOURCE)
      local unit = assert(ln:load {file, bind = function(q)
         assert.is_nil(seen[q.name])
         seen[q.name] = {q.how, q.provider, q.from, q.func}
         return ({low = "lazy", toupper = "stubs", nobody = "lazy", other = "got"})[q.name]
      end})
      assert.same({"unit", low.name, file, "high"}, seen.low)
      assert.same({"none", nil, file, "g"}, seen.nobody)
      assert.equal("process", seen.toupper[1])
      assert.is_nil(seen.high)
      assert.equal(2, unit.stats.lazy)
      assert.equal("lazy", how(unit, "low"))
      assert.is_not_nil(unit.core:entry "toupper".stub)
      assert.is_nil(unit.core:entry "other".stub)
      assert.equal(102, assert(ln:func "int high(int)")(1))
      assert.equal(66, assert(ln:func "int f(void)")())
      assert.matches("undefined symbol 'nobody'", support.refused((ln:func "int g(void)")))
   end)

   it("says nothing with nil, which is direct", function()
      local ln <close> = moonlink.new {bind = function() end}
      assert(ln:load(cc(LOW)))
      local unit = assert(ln:load(cc(HIGH)))
      assert.same({0, 0}, {unit.stats.lazy, unit.stats.stubs})
   end)

   it("leaves nothing behind when it raises, or answers nonsense", function()
      local ln <close> = moonlink.new()
      assert(ln:load(cc(LOW)))
      local file = cc(HIGH)
      assert.matches("not today", support.refused(function()
         ln:load {file, bind = function() error "not today" end}
      end))
      for _, answer in ipairs {"never", 7, {}} do
         local unit, err = ln:load {file, bind = function() return answer end}
         assert.is_nil(unit)
         assert.same({"policy", "low"}, {err.code, err.symbol})
      end
      assert.equal(1, #ln:units())
      assert.is_nil(ln:address_of "high")
      assert(ln:load {file, bind = function() return "lazy" end})
      assert.equal(102, assert(ln:func "int high(int)")(1))
   end)
end)
