--- Indirect functions (STT_GNU_IFUNC): a resolver in the object chooses what a name means.
-- Resolvers run when everything else is relocated; the function has one address, however it is
-- taken. What the chosen functions return is written in the C text.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

-- `pick` is a variable of the object itself: its resolver sees relocated, initialised data.
local CHOICE = [[
typedef int fn(int);
static int one(int x) { return x + 1; }
static int two(int x) { return x + 2; }
static fn *const table[] = {one, two};
int pick = 1, runs = 0;
int resolver_runs(void) { return runs; }
static fn *choose(void) { runs++; return table[pick]; }
int chosen(int) __attribute__((ifunc("choose")));
]]

local WAYS = [[
extern int chosen(int);
int (*in_data)(int) = chosen;
int (*const in_constant)(int) = chosen;
int call(void) { return chosen(40); }
int tail_call(int x) { return chosen(x); }
long taken(void) { return (long)chosen; }
long from_data(void) { return (long)in_data; }
long from_constant(void) { return (long)in_constant; }
int through(void) { return in_data(40) + in_constant(40); }
]]

local MODELS = {"-fPIC", "-fPIC -fno-plt", "-fPIE", "-fno-pic", "-mcmodel=large -fno-pic"}

describe("an indirect function", function()
   local folder

   setup(function()
      folder = support.tmpdir()
   end)

   local function object(name, source, flags, opts)
      return support.cc(("%s/%s.o"):format(folder, name), source, flags or "-O1", opts)
   end

   for _, compiler in ipairs {"gcc", "clang"} do
      for _, model in ipairs(MODELS) do
         it(("has one address by every way to it (%s %s)"):format(compiler, model), function()
            local opts = {compiler = compiler}
            for _, relax in ipairs {true, false} do
               local ln <close> = moonlink.new {relax = relax}
               local unit = assert(ln:load {object("choice", CHOICE, "-O1 " .. model, opts),
                  object("ways", WAYS, "-O1 " .. model, opts)})
               assert.equal(42, ln:func "int call(void)"())
               assert.equal(42, ln:func "int tail_call(int)"(40))
               assert.equal(84, ln:func "int through(void)"())
               local address = unit:address "chosen"
               assert.equal(address, ln:address_of "chosen")
               assert.equal(address, ln:func "long taken(void)"())
               assert.equal(address, ln:func "long from_data(void)"())
               assert.equal(address, ln:func "long from_constant(void)"())
               assert.equal(42, ln:func "int chosen(int)"(40))
               assert.equal(1, ln:func "int resolver_runs(void)"())
            end
         end)
      end
   end

   it("is the same for later units", function()
      local ln <close> = moonlink.new()
      local first = assert(ln:load(object("choice", CHOICE)))
      assert(ln:load(object("ways", WAYS)))
      assert.equal(42, ln:func "int call(void)"())
      assert.equal(first:address "chosen", ln:func "long taken(void)"())
      assert.equal(first:address "chosen", ln:func "long from_data(void)"())
      assert.equal(1, ln:func "int resolver_runs(void)"())
   end)

   it("may be static, hidden or weak, and have several names", function()
      local source = [[
         typedef int fn(void);
         static int yes(void) { return 1; }
         static fn *choose(void) { return yes; }
         static int local(void) __attribute__((ifunc("choose")));
         int hidden(void) __attribute__((ifunc("choose"), visibility("hidden")));
         int weak(void) __attribute__((ifunc("choose")));
         __asm__(".weak weak; .globl other_name; .set other_name, weak");
         extern int other_name(void);
         static fn *held = local;
         int same(void) {
            fn *volatile a = local, *volatile b = hidden, *volatile c = other_name;
            return local() + hidden() + weak() + other_name() + held() + (a == b) + (b == c);
         }
      ]]
      for _, flags in ipairs {"-O0", "-O2 -fPIC", "-O2 -fno-pic"} do
         local ln <close> = moonlink.new()
         assert(ln:load(object("kinds", source, flags)))
         assert.equal(7, ln:func "int same(void)"())
         assert.equal(ln:address_of "weak", ln:address_of "other_name")
      end
   end)

   it("gives way as a weak definition does, and then its resolver does not run", function()
      local ln <close> = moonlink.new()
      local weak = object("weak", CHOICE .. "int chosen(int) __attribute__((weak));"
         .. "int call(void) { return chosen(40); }")
      assert(ln:load {weak, object("strong", "int chosen(int x) { return x + 100; }")})
      assert.equal(140, ln:func "int call(void)"())
      assert.equal(0, ln:func "int resolver_runs(void)"())
   end)

   it("may be needed by another one's resolver, before or behind it", function()
      local source = [[
         typedef int fn(void);
         int first(void); int last(void); double middle(double, int);
         static int a(void) { return 1; }
         static int b(void) { return 2; }
         static double twice(double x, int n) { return 2 * x + n; }
         static fn *choose_first(void) { return middle(1.5, 4) == 7 ? b : a; }
         static double (*choose_middle(void))(double, int) { return last() == 2 ? twice : 0; }
         static fn *choose_last(void) { return b; }
         int first(void) __attribute__((ifunc("choose_first")));
         double middle(double, int) __attribute__((ifunc("choose_middle")));
         int last(void) __attribute__((ifunc("choose_last")));
      ]]
      assert.equal(2, (loads.results("int", object("chain", source), "first")))
   end)

   it("is chosen before constructors run", function()
      local source = CHOICE .. [[
         int seen;
         __attribute__((constructor)) static void start(void) { seen = chosen(5); }
         int get_seen(void) { return seen; }
      ]]
      assert.equal(7, (loads.results("int", object("early", source), "get_seen")))
   end)

   it("comes with a member of an archive", function()
      local archive = folder .. "/libchoice.a"
      support.sh("ar rcs %s %s", archive, object("choice", CHOICE))
      local ln <close> = moonlink.new()
      assert(ln:load {object("ways", WAYS), archive})
      assert.equal(42, ln:func "int call(void)"())
   end)

   it("is what target_clones makes", function()
      local source = [[
         __attribute__((target_clones("avx2", "default")))
         int sum(const int *p, int n) {
            int s = 0;
            for (int i = 0; i < n; i++) s += p[i];
            return s;
         }
         int of_ten(void) { int v[10]; for (int i = 0; i < 10; i++) v[i] = i; return sum(v, 10); }
      ]]
      for _, compiler in ipairs {"gcc", "g++", "clang", "clang++"} do
         local text = compiler:find "+" and 'extern "C" int of_ten(void);' .. source or source
         local made = object("clones", text, "-O2", {compiler = compiler})
         -- binutils' readelf names the type only with the OSABI that gcc sets
         local symbols = support.sh("readelf -sW %s", made)
         assert.is_truthy(symbols:find " IFUNC " or symbols:find "<OS specific>: 10")
         assert.equal(45, (loads.results("int", made, "of_ten")))
      end
   end)

   it("leaves its slots read-only and its stubs executable #layout", function()
      -- a library that some other spec opened may have asked for executable stacks
      local function open_code()
         return select(2, support.read "/proc/self/maps":gsub("\n[^\n]* rwx", ""))
      end
      local before = open_code()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(object("choice", CHOICE)))
      local stub = unit:address "chosen"
      local slot = stub + 10 + (moonlink.read(stub + 6, "<i4")) -- endbr64; jmp *slot(%rip)
      assert.is_nil((moonlink.write(slot, "<I8", 0)))
      assert.is_nil((moonlink.write(stub, "<I8", 0)))
      assert.equal(before, open_code())
   end)

   it("is only placed, not run, by a check", function()
      local file = folder .. "/ran"
      local source = ([[
         #include <stdio.h>
         static int yes(void) { return 1; }
         static int (*choose(void))(void) { fclose(fopen("%s", "w")); return yes; }
         int f(void) __attribute__((ifunc("choose")));
      ]]):format(file)
      local ln <close> = moonlink.new()
      assert(ln:check(object("writes", source)))
      assert.is_nil(io.open(file))
      assert(ln:load(object("writes", source)))
      assert(io.open(file)):close()
   end)

   describe("is refused by name, and the load undone, when", function()
      local function refused(source, ...)
         local ln <close> = moonlink.new()
         local unit, err = ln:load {object("bad", source, "-O1", {
            compiler = source:find "throw" and "g++" or "gcc",
         }), "-lstdc++"}
         assert.is_nil(unit)
         assert.equal("init", err.code)
         assert.equal("f", err.symbol)
         assert.matches("bad.o", err.file, 1, true)
         for _, text in ipairs {...} do
            assert.matches(text, tostring(err), 1, true)
         end
         assert.is_nil((ln:address_of "f"))
         assert(ln:load(object("good", "int f(void) { return 3; }")))
         assert.equal(3, ln:func "int f(void)"())
      end

      it("the resolver returns nothing", function()
         refused([[static void *choose(void) { return 0; }
            int f(void) __attribute__((ifunc("choose")));]], "no address")
      end)

      it("the resolver returns what is no code", function()
         refused([[static int data; static void *choose(void) { return &data; }
            int f(void) __attribute__((ifunc("choose")));]], "no code")
         refused([[static void *choose(void) { return (void *)0x123; }
            int f(void) __attribute__((ifunc("choose")));]], "0x123")
      end)

      it("the resolver needs the function itself", function()
         refused([[int f(void); static int yes(void) { return 1; }
            static void *choose(void) { return f() ? yes : 0; }
            int f(void) __attribute__((ifunc("choose")));]], "needs the function itself", "circle")
      end)

      it("the resolver raises an exception", function()
         refused([[
            #include <stdexcept>
            extern "C" {
            static void *choose() { throw std::runtime_error("no such processor"); }
            int f() __attribute__((ifunc("choose")));
            }
         ]], "std::runtime_error: no such processor")
      end)
   end)

   describe("whose resolver crashes #layout", function()
      local CRASHES = {
         SIGILL = "__builtin_trap();", SIGSEGV = "*(volatile int *)8 = 1;",
         SIGFPE = "volatile int seven = 7, zero = 0; seven /= zero;",
         SIGTRAP = '__asm__("int3");',
      }
      for signal, code in pairs(CRASHES) do
         it("is refused with the signal: " .. signal, function()
            local source = ([[
               static int yes(void) { return 1; }
               static void *choose(void) { %s return yes; }
               int f(void) __attribute__((ifunc("choose")));
            ]]):format(code)
            local ln <close> = moonlink.new()
            for _ = 1, 3 do
               local unit, err = ln:load(object("crashing", source))
               assert.is_nil(unit)
               assert.equal("f", err.symbol)
               assert.matches("raised " .. signal, tostring(err), 1, true)
            end
            assert(ln:load(object("fine", "int f(void) { return 2; }")))
            assert.equal(2, ln:func "int f(void)"())
         end)
      end

      it("changes nothing in what signals do", function()
         local made = object("crashing", [[
            static void *choose(void) { __builtin_trap(); }
            int f(void) __attribute__((ifunc("choose")));
         ]])
         local function caught()
            return support.read "/proc/self/status":match "SigCgt:%s*(%x+)"
         end
         local before, ln <close> = caught(), moonlink.new()
         assert.is_nil((ln:load(made)))
         assert.equal(before, caught())
      end)
   end)

   it("cannot be linked for an address", function()
      local ln <close> = moonlink.new()
      local image, err = ln:image {object("choice", CHOICE), at = 0x140000000}
      assert.is_nil(image)
      assert.equal("unsupported", err.code)
      assert.matches("STT_GNU_IFUNC", tostring(err), 1, true)
   end)

   it("must have a resolver in code", function()
      local bad = support.as(folder .. "/data.o", [[
         .data
         .globl f
         .type f, @gnu_indirect_function
      f: .quad 0
      ]])
      local err = loads.refusal(bad)
      assert.equal("format", err.code)
      assert.equal("f", err.symbol)
   end)

   it("chooses among libatomic's and libm's members", function()
      local source = [[
         #include <math.h>
         typedef struct { long a, b; } pair;
         pair shared = {1, 2};
         long exchange(void) {
            pair next = {3, 4}, old;
            __atomic_exchange(&shared, &next, &old, __ATOMIC_SEQ_CST);
            return old.a * 1000 + old.b * 100 + shared.a * 10 + shared.b;
         }
         double compute(double x)
         {
            return floor(x) + ceil(x) + trunc(x) + fma(x, x, x) + sin(0.0);
         }
      ]]
      local libatomic = support.stdout "gcc -print-file-name=libatomic.a"
      local ln <close> = moonlink.new {scope = {"archives", "self", "process", "fallback"}}
      local unit = assert(ln:load {object("users", source, "-O1 -fno-builtin"), libatomic,
         "-lm", static = true})
      assert.equal(1234, ln:func "long exchange(void)"())
      assert.equal(2 + 3 + 2 + 8.75, ln:func "double compute(double)"(2.5))
      local indirect = 0
      for _ in unit:symbols {type = "ifunc"} do
         indirect = indirect + 1
      end
      assert.is_true(indirect >= 5) -- a 16-byte exchange, floor, ceil, trunc, fma, sin
   end)
end)
