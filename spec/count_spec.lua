-- The option `count`: how often units, objects and libraries call each other.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local cc, versions = objects.cc, objects.versions

local function name_of(path)
   return path:match "[^/]*$"
end

--- { "FROM TO SYMBOL" = COUNT } of a list of calls, without folders.
local function table_of(list)
   local out = {}
   for _, c in ipairs(list) do
      local key = ("%s %s %s"):format(name_of(c.from), name_of(c.to), c.symbol)
      assert(out[key] == nil, key)
      out[key] = c.count
   end
   return out
end

--- The count of a symbol, over all who call it; 0: nobody.
local function count_of(list, symbol)
   local sum = 0
   for _, c in ipairs(list) do
      sum = sum + (c.symbol == symbol and c.count or 0)
   end
   return sum
end

local BASE = "int add(int a, int b) { return a + b; }"
local USER = [[
   int add(int, int);
   int sum(int n) { int s = 0; for (int i = 0; i < n; i++) s = add(s, i); return s; }
   int tail(int n) { return add(n, 1); }
   int (*pointer(void))(int, int) { return add; }
   int by_pointer(int n) { int (*volatile f)(int, int) = add; return f(n, 2); }
]]

describe("count = true counts calls that leave a unit,", function()
   local function check(flags, options)
      options.count = true
      local ln <close> = moonlink.new(options)
      assert(ln:load {cc(BASE, flags), name = "base"})
      local user = assert(ln:load {cc(USER, flags), name = "user"})
      assert.same({}, ln:calls())
      assert.equal(499500, ln:func "int sum(int)" (1000))
      assert.equal(8, ln:func "int tail(int)" (7))
      assert.same({{from = "user", to = "base", symbol = "add", count = 1001, kind = "unit"}},
         user:calls())
      assert.equal(9, ln:func "int by_pointer(int)" (7))
      assert.equal(ln:address_of "add", ln:func "unsigned long pointer(void)" ())
      assert.equal(1001, count_of(ln:calls(), "add"))
   end

   for _, flags in ipairs {
      "-O2 -fPIC", "-O0 -fPIC", "-O2 -fPIE", "-O2 -fPIC -fno-plt",
      "-O2 -fno-pic -fno-pie -mcmodel=small",
   } do
      for _, option in ipairs {
         "relax = true", "relax = false", "bind = got", "bind = stubs", "bind = lazy", "zone = low",
      } do
         local key, value = option:match "(%a+) = (%a+)"
         local options = {[key] = key == "relax" and value == "true" or key ~= "relax" and value}
         it(("compiled with %s, %s"):format(flags, option), function()
            check(flags, options)
         end)
      end
   end

   for _, bind in ipairs {"direct", "lazy"} do
      it("of the process and of libraries, under the name of the library: " .. bind, function()
         local ln <close> = moonlink.new {count = true, bind = bind}
         local unit = assert(ln:load(cc [[
            #include <stdlib.h>
            #include <math.h>
            void *volatile kept;
            int f(int n) { for (int i = 0; i < n; i++) { kept = malloc(i); free(kept); } return n; }
            double g(double x) { return cbrt(x) + cbrt(x + 1); }
         ]]))
         ln:func "int f(int)" (50)
         ln:func "double g(double)" (1.0)
         local by = {}
         for _, c in ipairs(unit:calls()) do
            assert.equal("process", c.kind)
            by[c.symbol] = {c.count, name_of(c.to)}
         end
         assert.equal(50, by.malloc[1])
         assert.equal(50, by.free[1])
         assert.same({2, "libm.so.6"}, by.cbrt)
      end)
   end

   it("the most frequent first, and what was not called not at all", function()
      local ln <close> = moonlink.new {count = true}
      assert(ln:load(cc "void a(void) {} void b(void) {} void c(void) {} void d(void) {}"))
      local unit = assert(ln:load(cc [[
         void a(void); void b(void); void c(void); void d(void);
         int run(int n) { if (n < 0) d(); for (int i = 0; i < n; i++) { b(); b(); b(); }
            a(); c(); return n; }
      ]]))
      ln:func "int run(int)" (4)
      local order = {}
      for i, each in ipairs(unit:calls()) do
         order[i] = each.symbol .. each.count
      end
      assert.same({"b12", "a1", "c1"}, order)
      assert.equal(4, unit.stats.counted)
   end)

   it("not those within it", function()
      local ln <close> = moonlink.new {count = true}
      local unit = assert(ln:load {cc(BASE), cc(USER)})
      assert.equal(499500, ln:func "int sum(int)" (1000))
      assert.same({}, unit:calls())
      assert.equal(0, unit.stats.counted)
   end)

   it("in either direction", function()
      local ln <close> = moonlink.new {count = true, undefined = "stub"}
      assert(ln:load {cc(BASE), name = "base"})
      assert(ln:load {cc(USER), name = "middle"})
      assert(ln:load {cc [[
         int sum(int); int tail(int); int add(int, int);
         int top(int n) { int s = add(n, n); for (int i = 0; i < n; i++) s += sum(10) + tail(i);
            return s; }
      ]], name = "top"})
      ln:func "int top(int)" (3)
      assert.same({
         ["middle base add"] = 33, ["top base add"] = 1, ["top middle sum"] = 3,
         ["top middle tail"] = 3,
      }, table_of(ln:calls()))
   end)

   it("a name of another that a rule gave, under who gave it", function()
      local ln <close> = moonlink.new {count = true}
      local base = assert(ln:load(cc(BASE)))
      ln:on("undefined", "^other$", function() return base:address "add" end)
      local unit = assert(ln:load(cc "int other(int, int); int f(void) { return other(1, 2); }"))
      assert.equal(3, ln:func "int f(void)" ())
      assert.equal(1, count_of(unit:calls(), "other"))
      assert.equal("given", unit:calls()[1].kind)
   end)

   it("and a weak name that nobody defines stays 0", function()
      local ln <close> = moonlink.new {count = true}
      assert(ln:load(cc [[
         __attribute__((weak)) int nobody(void);
         int f(void) { return nobody ? nobody() : 17; }
      ]]))
      assert.equal(17, ln:func "int f(void)" ())
      assert.same({}, ln:calls())
   end)

   it("an indirect function of another unit too", function()
      local ln <close> = moonlink.new {count = true}
      assert(ln:load(cc [[
         static int two(void) { return 2; }
         static void *choose(void) { return two; }
         int chosen(void) __attribute__((ifunc("choose")));
      ]]))
      assert(ln:load(cc "int chosen(void); int f(void) { return chosen() + chosen(); }"))
      assert.equal(4, ln:func "int f(void)" ())
      assert.equal(2, count_of(ln:calls(), "chosen"))
   end)
end)

describe('count = "object" counts calls between objects,', function()
   it("of one unit and of two, by their names", function()
      local base, user = cc(BASE), cc(USER)
      local expected = {[("%s %s add"):format(name_of(user), name_of(base))] = 1001}
      for _, lists in ipairs {{{base, user}}, {{base}, {user}}} do
         local ln <close> = moonlink.new {count = "object"}
         for _, list in ipairs(lists) do
            assert(ln:load(list))
         end
         ln:func "int sum(int)" (1000)
         ln:func "int tail(int)" (1)
         ln:func "int by_pointer(int)" (1)
         assert.same(expected, table_of(ln:calls()))
         assert.equal("object", ln:calls()[1].kind)
         assert.equal(base, ln:calls()[1].to)
      end
   end)

   it("each caller by itself, and members of archives by their names", function()
      local a, b = cc(BASE), cc "int add(int, int); int one(void) { return add(1, 0); }"
      local c = cc [[ int one(void); int add(int, int);
         int two(void) { return add(one(), one()); } ]]
      local archive = objects.dir .. "/counted.a"
      support.sh("ar rc %s %s %s %s", archive, a, b, c)
      local ln <close> = moonlink.new {count = "object", roots = {"two"}}
      assert(ln:load(archive))
      assert.equal(2, ln:func "int two(void)" ())
      local function member(path)
         return ("counted.a(%s)"):format(name_of(path))
      end
      assert.same({
         [("%s %s add"):format(member(b), member(a))] = 2,
         [("%s %s add"):format(member(c), member(a))] = 1,
         [("%s %s one"):format(member(c), member(b))] = 2,
      }, table_of(ln:calls()))
   end)

   it("not those of a global function within its own object", function()
      local ln <close> = moonlink.new {count = "object"}
      assert(ln:load {cc([[ __attribute__((noinline, noipa)) int f(int n) { return n; }
         int g(int n) { return f(n) + f(n); } ]], "-O2 -fno-pic"), cc(BASE)})
      assert.equal(4, ln:func "int g(int)" (2))
      assert.same({}, ln:calls())
   end)
end)

describe("the stub that counts keeps", function()
   it("the arguments of variadic functions and long doubles", function()
      local ln <close> = moonlink.new {count = true}
      assert(ln:load(cc [[
         #include <stdarg.h>
         double all(int n, ...) {
            va_list a; va_start(a, n);
            double s = 0;
            for (int i = 0; i < n; i++) s += i % 2 ? va_arg(a, double) : va_arg(a, int);
            va_end(a);
            return s;
         }
         long double wide(long double a, int b, double c, long double d)
            { return a * b + c * d; }
         double many(double a, double b, double c, double d, double e, double f, double g,
            double h, double i, long j, long k, long l, long m, long n, long o, long p)
            { return a+2*b+3*c+4*d+5*e+6*f+7*g+8*h+9*i+10*j+11*k+12*l+13*m+14*n+15*o+16*p; }
      ]]))
      assert(ln:load(cc([[
         double all(int, ...); long double wide(long double, int, double, long double);
         double many(double, double, double, double, double, double, double, double, double, long,
            long, long, long, long, long, long);
         double f(void) { return all(6, 1, 2.5, 3, 4.5, 5, 6.5); }
         double g(void) { return wide(1.5L, 2, 2.0, 0.5L); }
         double h(void) { return many(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1); }
      ]], "-O1 -fPIC")))
      assert.equal(22.5, ln:func "double f(void)" ())
      assert.equal(4.0, ln:func "double g(void)" ())
      assert.equal(136.0, ln:func "double h(void)" ())
      assert.same({1, 1, 1}, {count_of(ln:calls(), "all"), count_of(ln:calls(), "wide"),
         count_of(ln:calls(), "many")})
   end)

   it("every register and every flag, at a call and at a jump", function()
      local registers = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11",
         "r12", "r13", "r14", "r15"}
      local save, set = {}, {}
      for i, r in ipairs(registers) do
         save[i] = ("mov %%%s, state+%d(%%rip)"):format(r, 8 * i)
         set[i] = ("mov $%d, %%%s"):format(1000 + i, r)
      end
      local kept = {"rbx", "rbp", "r12", "r13", "r14", "r15"}
      local push, pop = {}, {}
      for i, r in ipairs(kept) do
         push[i], pop[#kept + 1 - i] = "push %" .. r, "pop %" .. r
      end
      local ln <close> = moonlink.new {count = true}
      assert(ln:load(support.as(objects.dir .. "/state.o", ([[
         .text
         .globl note
         note: %s
         pushfq
         popq state(%%rip)
         ret
         .bss
         .balign 8
         .globl state
         state: .zero 128
      ]]):format(table.concat(save, "\n")))))
      assert(ln:load(support.as(objects.dir .. "/setter.o", ([[
         .text
         .globl by_call, by_jump
         by_call: %s
         push %%rdi
         popfq
         %s
         call note
         cld
         %s
         ret
         by_jump: %s
         call 1f
         %s
         ret
         1: push %%rdi
         popfq
         %s
         jmp note
      ]]):format(table.concat(push, "\n"), table.concat(set, "\n"), table.concat(pop, "\n"),
         table.concat(push, "\n"), table.concat(pop, "\n"), table.concat(set, "\n")))))
      local CF, PF, AF, ZF, SF, OF = 1, 4, 16, 64, 128, 2048
      local ARITHMETIC, ALWAYS = CF | PF | AF | ZF | SF | OF, 0x202
      local state = assert(ln:address_of "state")
      local n = 0
      for _, name in ipairs {"by_call", "by_jump"} do
         local run = ln:func(("void %s(long)"):format(name))
         for _, flags in ipairs {0, CF, PF, AF, ZF, SF, OF, OF | ZF, CF | SF, ARITHMETIC} do
            run(flags | ALWAYS)
            n = n + 1
            local found = {moonlink.read(state, ("j"):rep(#registers + 1))}
            assert.equal(flags, found[1] & ARITHMETIC)
            for i in ipairs(registers) do
               assert.equal(1000 + i, found[i + 1])
            end
            assert.equal(n, count_of(ln:calls(), "note"))
         end
      end
   end)

   it("the way of exceptions", function()
      local ln <close> = moonlink.new {count = true}
      assert(ln:load {cc("int thrower(int n) { if (n % 3 == 0) throw n; return n; }", "-O2 -fPIC",
         "g++"), "-lstdc++"})
      local unit = assert(ln:load(cc([[
         int thrower(int);
         struct end { int *at; ~end() { ++*at; } };
         extern "C" int catcher(int n) {
            int caught = 0, ended = 0;
            for (int i = 0; i < n; i++)
               try { end e{&ended}; thrower(i); } catch (int) { caught++; }
            return caught * 1000 + ended;
         }
      ]], "-O2 -fPIC", "g++")))
      assert.equal(10 * 1000 + 30, ln:func "int catcher(int)" (30))
      local by = table_of(unit:calls())
      local thrown
      for key, count in pairs(by) do
         thrown = key:find "thrower" and count or thrown
      end
      assert.equal(30, thrown)
      assert.equal(10, count_of(unit:calls(), "__cxa_begin_catch"))
   end)

   it("every call, when threads call at once", function()
      local ln <close> = moonlink.new {count = true}
      assert(ln:load(cc "void nothing(void) {}"))
      assert(ln:load(cc [[
         #include <pthread.h>
         void nothing(void);
         static void *work(void *p) { for (int i = 0; i < 100000; i++) nothing(); return p; }
         int run(int n) {
            pthread_t t[16];
            for (int i = 0; i < n; i++) if (pthread_create(&t[i], 0, work, 0)) return -1;
            for (int i = 0; i < n; i++) pthread_join(t[i], 0);
            return 0;
         }
      ]]))
      assert.equal(0, ln:func "int run(int)" (4))
      assert.equal(400000, count_of(ln:calls(), "nothing"))
   end)
end)

describe("counts", function()
   it("begin again at 0 when they were asked for with reset", function()
      local ln <close> = moonlink.new {count = true}
      assert(ln:load(cc(BASE)))
      local unit = assert(ln:load(cc(USER)))
      local sum = ln:func "int sum(int)"
      sum(10)
      assert.equal(10, count_of(ln:calls {reset = true}, "add"))
      assert.same({}, ln:calls())
      sum(5)
      assert.equal(5, count_of(unit:calls {reset = false}, "add"))
      assert.equal(5, count_of(unit:calls {reset = true}, "add"))
      assert.same({}, unit:calls())
   end)

   it("go on when what is called is loaded anew, and begin anew with a caller that is", function()
      for _, flags in ipairs {"-O2 -fPIC", "-O2 -fPIC -fno-plt", "-O2 -fno-pic -fno-pie"} do
         local ln <close> = moonlink.new {count = true}
         local base, switch_base = versions({BASE, "int more(void) { return 1; }\n"
            .. "int add(int a, int b) { return a + b + 1; }"}, flags)
         local user, switch_user = versions({USER, "int x[300];" .. USER}, flags)
         local first, second = assert(ln:load(base)), assert(ln:load(user))
         local sum = ln:func "int sum(int)"
         assert.equal(45, sum(10))
         switch_base(2)
         assert(first:reload())
         assert.equal(55, sum(10))
         assert.equal(20, count_of(second:calls(), "add"))
         switch_user(2)
         assert(second:reload())
         assert.same({}, second:calls())
         assert.equal(15, sum(5))
         assert.equal(5, count_of(second:calls(), "add"))
      end
   end)

   it("end with their unit", function()
      local ln <close> = moonlink.new {count = true}
      local base = assert(ln:load(cc(BASE)))
      local unit = assert(ln:load(cc(USER)))
      ln:func "int sum(int)" (3)
      assert.is_nil((base:unload()))
      assert(unit:unload "force")
      assert.same({}, ln:calls())
      assert.matches("was unloaded", support.refused(unit.calls, unit))
      assert(base:unload())
   end)

   it("are those of each unit: an option of one load", function()
      local ln <close> = moonlink.new()
      assert(ln:load(cc(BASE)))
      local silent = assert(ln:load(cc "int add(int, int); int s(void) { return add(1, 1); }"))
      local counted = assert(ln:load {cc(USER), count = true})
      assert.equal(2, ln:func "int s(void)" ())
      assert.equal(1, ln:func "int sum(int)" (2))
      assert.same({}, silent:calls())
      assert.equal(2, count_of(counted:calls(), "add"))
      assert.same(counted:calls(), ln:calls())
   end)

   it("are printed as a table, with the names of C++", function()
      local calls = require "moonlink.link.calls"
      local ln <close> = moonlink.new {count = true}
      assert(ln:load {cc("int plus(int a) { return a + 1; }", "-O1 -fPIC", "g++"), name = "base"})
      local unit = assert(ln:load {cc([[ int plus(int);
         extern "C" int f(int n) { return plus(plus(n)); } ]], "-O1 -fPIC", "g++"),
         name = "user"})
      assert.equal("no calls", calls.text(unit:calls()))
      assert.equal(3, ln:func "int f(int)" (1))
      local name = unit:calls()[1].demangled
      assert.is_true(name == "plus(int)" or name == nil) -- nil: the process has no demangler
      assert.matches("calls +from +to +symbol\n +2 +user +base +"
         .. (name or "_Z4plusi"):gsub("%p", "%%%0") .. "$", calls.text(unit:calls()))
   end)
end)

describe("the option", function()
   it("takes what it knows", function()
      assert.matches("'many' is none of its values %(unit, object%)",
         support.refused(moonlink.new, {count = "many"}))
      assert.matches("boolean or string expected, got number",
         support.refused(moonlink.new, {count = 1}))
      local ln <close> = moonlink.new {count = false}
      assert.same({}, ln:calls())
      assert.matches("unknown option 'rest'", support.refused(ln.calls, ln, {rest = true}))
      assert.matches("table of options", support.refused(ln.calls, ln, "reset"))
   end)

   it("shows its stubs under the name that they lead to", function()
      for _, debug in ipairs {"none", "lines"} do
         local ln <close> = moonlink.new {count = true, debug = debug}
         assert(ln:load(cc(BASE)))
         local unit = assert(ln:load(cc(USER, "-O2 -g -fPIC")))
         local base, found = unit.core:stats().base, nil
         for at = base, base + unit.stats.text - 1, 16 do
            local place = ln:addr2sym(at)
            found = place and place.kind == "stub" and place or found
         end
         assert.equal("stub of add", found.name)
         assert.equal(32, found.offset) -- of 48 bytes, 16 by 16
      end
   end)

   it("changes nothing in a link for an address but the calls", function()
      local ln <close> = moonlink.new {count = true}
      local image = assert(ln:image {cc(USER, "-O2 -fPIC"), at = 0x10000000,
         define = {add = 0x10100000}})
      assert.equal(1, image.stats.counted)
   end)
end)

describe("moonlink --count", function()
   local main = cc [[
      #include <stdio.h>
      int add(int, int);
      int main(int argc, char **argv) {
         for (int i = 0; i < argc; i++) printf("%s %d\n", i ? argv[i] : "none", add(i, i));
         return 3;
      }
   ]]
   local program = support.moonlink()

   it("says at the end of run what was called, on standard error", function()
      local status, out, err = support.exit("%s run --count object %s %s -- one two", program, main,
         cc(BASE))
      assert.equal(3, status)
      assert.equal("none 0\none 2\ntwo 4\n", out)
      assert.matches("^calls +from +to +symbol\n", err)
      assert.matches("\n +3 +" .. main:gsub("%p", "%%%0") .. " +%S+%.o +add\n", err)
      -- a sanitizer's library has a printf of its own
      assert.matches("\n +3 +" .. main:gsub("%p", "%%%0") .. " +%S+%.so%S* +printf\n", err)
   end)

   it("of call, only what leaves the files", function()
      local files = cc(USER) .. " " .. cc(BASE)
      local status, out, err = support.exit("%s call --count=unit 'int sum(int)' 4 -- %s", program,
         files)
      assert.same({0, "6\n", "no calls\n"}, {status, out, err})
      status, out, err = support.exit("%s call --count=all 'int sum(int)' 4 -- %s", program, files)
      assert.same({2, ""}, {status, out})
      assert.matches("must be one of 'unit', 'object'", err)
   end)
end)

describe("a Haskell program #ghc", function()
   it("counts its calls, which are jumps, and those of C", function()
      local haskell = require "spec.support.haskell"
      local dir = support.tmpdir()
      local step = haskell.compile(dir, "Step", [[
         module Step where
         step :: Int -> Int -> Int
         step a b = a * 3 + b
         {-# NOINLINE step #-}
      ]])
      local main = haskell.compile(dir, "Main", [[
         module Main where
         import Step
         import Foreign.C.Types
         foreign import ccall unsafe "counted_add" add :: CInt -> CInt -> IO CInt
         chain :: Int -> Int -> Int
         chain 0 s = s
         chain n s = chain (n - 1) (step s n)
         adds :: Int -> CInt -> IO CInt
         adds 0 s = return s
         adds n s = add s 2 >>= adds (n - 1)
         main :: IO ()
         main = do { print (chain 700 1 `mod` 2); adds 1000 0 >>= print }
      ]], "-O -i" .. dir)
      local c = support.cc(dir .. "/c.o", "int counted_add(int a, int b) { return a + b; }", "-O1")
      local status, out, err = support.exit("%s run --ghc-package base --count object %s %s %s",
         support.moonlink(), main, step, c)
      assert.same({0, 2}, {status, select(2, out:gsub("\n", ""))})
      assert.matches("\n2000\n$", out)
      assert.matches("\n +1000 +%S+Main%.o +%S+c%.o +counted_add\n", err)
      assert.matches("\n +700 +%S+Main%.o +%S+Step%.o +Step_%S*step_info\n", err)
   end)
end)
