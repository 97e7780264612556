-- What a name means: every binding, visibility and special kind, executed; what is expected comes
-- from the meaning of the C text and from what ld makes of the same objects.
-- Spec: gABI chapter 4, "Symbol Table", "Section Groups"; x86-64 psABI 4.4; ld manual.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags, opts)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1", opts)
end

local function assembled(name, source)
   return support.as(dir .. "/" .. name .. ".o", source)
end

local function results(inputs, ...)
   return loads.results("long", inputs, ...)
end

local refusal = loads.refusal

--- What the program says that ld makes of the same objects.
local function with_ld(objects, expression)
   local main = object("ld_main", ([[
      #include <stdio.h>
      long f(void);
      int main(void) { printf("%%ld", (long)(%s)); return 0; }
   ]]):format(expression))
   support.sh("LD_PRELOAD= gcc -o %s/ld_program %s %s", dir, main, table.concat(objects, " "))
   return tonumber(support.stdout("%s/ld_program", dir))
end

describe("a definition", function()
   it("that is strong beats a weak one, in either order", function()
      local weak = object("weak", "__attribute__((weak)) long f(void) { return 1; }")
      local strong = object("strong", "long f(void) { return 2; }")
      assert.equal(2, results({weak, strong}, "f"))
      assert.equal(2, results({strong, weak}, "f"))
      assert.equal(2, with_ld({weak, strong}, "f()"))
   end)

   it("that is weak gives way also where its own file calls it", function()
      local weak = object("weak2",
         "__attribute__((weak)) long g(void) { return 1; } long f(void) { return g(); }")
      local strong = object("strong2", "long g(void) { return 2; }")
      assert.equal(2, results({weak, strong}, "f"))
   end)

   it("that is weak and comes first beats later weak ones", function()
      local a = object("weak_a", "__attribute__((weak)) long f(void) { return 10; }")
      local b = object("weak_b", "__attribute__((weak)) long f(void) { return 20; }")
      assert.equal(10, results({a, b}, "f"))
      assert.equal(20, results({b, a}, "f"))
   end)

   it("of the load comes before the one of the process", function()
      local own = object("own_strlen", [[
         unsigned long strlen(const char *s) { (void)s; return 12345; }
         long f(void) { unsigned long (*volatile p)(const char *) = strlen; return p("abc"); }
      ]], "-O1 -fno-builtin")
      assert.equal(12345, results({own}, "f"))
   end)

   it("that is absolute is used as it is", function()
      local path = assembled("absolute", [[
         .globl small, large
         .set small, 0x1234
         .set large, 0x123456789abcdef0
         .text
         .globl f, g
         f: movl $small, %eax
            ret
         g: movabsq $large, %rax
            ret
      ]])
      local user = assembled("absolute_user", [[
         .data
         word: .quad large + 1
         .text
         .globl h
         h: movq word(%rip), %rax
            ret
      ]])
      local f, g, h = results({path, user}, "f", "g", "h")
      assert.same({0x1234, 0x123456789abcdef0, 0x123456789abcdef1}, {f, g, h})
   end)

   it("that is absolute and too large for a field is refused, with its value", function()
      local path = assembled("absolute_wide", [[
         .globl wide
         .set wide, 0x1234567890
      ]])
      local user = assembled("absolute_wide_user", ".data\nd: .long wide\n")
      local err = refusal {path, user}
      assert.equal("range", err.code)
      assert.equal("wide", err.symbol)
      assert.matches("0x1234567890 does not fit 32 bits", err.message, 1, true)
   end)

   it("may have several names", function()
      local path = object("alias", [[
         long one(void) { return 1; }
         long two(void) __attribute__((alias("one")));
         long three(void) __attribute__((weak, alias("one")));
         long data[2] = {5, 6};
         extern long second __attribute__((alias("data")));
         long f(void) { return second; }
      ]])
      local ln <close> = moonlink.new()
      assert(ln:load(path))
      assert.equal(ln:address_of "one", (ln:address_of "two"))
      assert.equal(ln:address_of "one", (ln:address_of "three"))
      assert.equal(5, ln:func("long f(void)")())
   end)
end)

describe("a weak name that nothing defines", function()
   for _, flags in ipairs {"-O0 -fno-pic", "-O1 -fPIE", "-O2 -fPIC", "-O1 -fno-plt -fPIC"} do
      it("is 0 as data, as function and in a pointer, with " .. flags, function()
         local path = object("weakly", [[
            extern long absent_data __attribute__((weak));
            void absent_function(void) __attribute__((weak));
            static void (*volatile table[2])(void) = {absent_function, 0};
            long f(void)
            {
               if (absent_function)
                  absent_function();
               return (long)&absent_data + (long)absent_function + (long)table[0];
            }
         ]], flags)
         assert.equal(0, results({path}, "f"))
      end)
   end

   it("is found when somebody defines it", function()
      local path = object("weakly_found", [[
         long there(void) __attribute__((weak));
         long f(void) { return there ? there() : -1; }
      ]], "-O1 -fPIE")
      local there = object("there", "long there(void) { return 9; }")
      assert.equal(9, results({path, there}, "f"))
      assert.equal(9, results({there, path}, "f"))
      assert.equal(-1, results({path}, "f"))
   end)

   it("pulls nothing out of an archive", function()
      local path = object("weakly_archive", [[
         long there(void) __attribute__((weak));
         long f(void) { return there ? there() : -1; }
      ]], "-O1 -fPIE")
      object("there", "long there(void) { return 9; }")
      support.sh("cd %s && rm -f libthere.a && ar rc libthere.a there.o", dir)
      assert.equal(-1, results({path, dir .. "/libthere.a"}, "f"))
   end)

   it("that code reaches by distance alone is 0 as well, or refused by name", function()
      local path = assembled("weakly_near", [[
         .weak nodata
         .text
         .globl f
         f: leaq nodata(%rip), %rax
            ret
      ]])
      local ln <close> = moonlink.new()
      local unit, err = ln:load(path)
      if unit then
         assert.equal(0, ln:func("long f(void)")())
      else
         assert.equal("range", err.code)
         assert.equal("nodata", err.symbol)
         assert.matches("-fPIC", err.hint, 1, true)
      end
   end)
end)

describe("a common symbol", function()
   local small, large, coarse

   setup(function()
      small = object("common_small", "char buffer[8]; long f(void) { return buffer[0]; }",
         "-O1 -fcommon")
      large = object("common_large",
         "char buffer[4000]; long g(void) { return (long)&buffer[3999] - (long)buffer; }",
         "-O1 -fcommon")
      coarse = object("common_coarse", [[
         char buffer[16] __attribute__((aligned(4096)));
         long h(void) { return (long)buffer % 4096; }
      ]], "-O1 -fcommon")
   end)

   it("has the largest size and alignment of all, and is zero", function()
      for _, inputs in ipairs {{small, large, coarse}, {coarse, large, small},
                               {large, small, coarse}} do
         local ln <close> = moonlink.new()
         local unit = assert(ln:load(inputs))
         local symbol = unit:symbol "buffer"
         assert.equal(4000, symbol.size)
         assert.equal(0, symbol.address % 4096)
         assert.equal(("\0"):rep(4000), moonlink.read(symbol.address, "c4000"))
         assert.equal(0, ln:func("long h(void)")())
      end
   end)

   it("gives way to a strong definition", function()
      local strong = object("common_strong", "char buffer[8] = {42};")
      assert.equal(42, results({small, strong}, "f"))
      assert.equal(42, results({strong, small}, "f"))
      assert.equal(42, with_ld({small, strong}, "f()"))
   end)

   it("beats a weak definition, as with ld", function()
      local weak = object("common_weak", "__attribute__((weak)) char buffer[8] = {43};")
      local expected = with_ld({weak, small}, "f()")
      assert.equal(0, expected)
      assert.equal(expected, results({weak, small}, "f"))
      assert.equal(expected, results({small, weak}, "f"))
   end)
end)

describe("a COMDAT group", function()
   local INLINE = [[
      struct counter {
         static long &state() { static long value = %d; return value; }
         virtual ~counter() {}
         virtual long get() { return ++state(); }
      };
      template <class T> T twice(T x) { return x + x + %d; }
      extern "C" long %s() { counter c; counter *volatile p = &c; return p->get() + twice(0L); }
   ]]

   it("is kept once: the functions and variables of C++ are those of the first", function()
      local a = object("comdat_a", INLINE:format(100, 0, "a"), "-O0", {compiler = "g++"})
      local b = object("comdat_b", INLINE:format(900, 50, "b"), "-O0", {compiler = "g++"})
      local stdcpp = "libstdc++.so.6"
      assert.same({101, 102}, {results({a, b, stdcpp}, "a", "b")})
      assert.same({951, 952}, {results({b, a, stdcpp}, "a", "b")})
   end)

   it("drops all members of the loser", function()
      local source = [[
         .section .text.f,"axG",@progbits,f,comdat
         .weak f
         f: movl lf(%%rip), %%eax
            ret
         .section .rodata.f,"aG",@progbits,f,comdat
         lf: .long %d
         .section .data.f,"awG",@progbits,f,comdat
         .zero 4096
      ]]
      local a, b = assembled("group_a", source:format(1)), assembled("group_b", source:format(2))
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {a, b})
      assert.equal(1, ln:func("int f(void)")())
      local names = {}
      for _, section in ipairs(unit:sections()) do
         if section.name:find "%.f$" then
            names[#names + 1] = section.name .. " " .. section.file:match "[^/]+$"
         end
      end
      assert.same({".text.f group_a.o", ".rodata.f group_a.o", ".data.f group_a.o"}, names)
   end)

   it("that was dropped cannot be reached through a local name, which is said", function()
      local a = assembled("dropped_a", [[
         .section .text.f,"axG",@progbits,f,comdat
         .weak f
         f: ret
      ]])
      local b = assembled("dropped_b", [[
         .section .text.f,"axG",@progbits,f,comdat
         .weak f
         f: ret
         inside: ret
         .text
         .globl g
         g: jmp inside
      ]])
      local err = refusal {a, b}
      assert.equal("discarded", err.code)
      assert.equal(b, err.file)
      assert.equal("inside", err.symbol)
      assert.matches("in discarded section .text.f (group 'f' kept from " .. a .. ")", err.message,
         1, true)
   end)

   it("that was dropped wants nothing: what only its code refers to may be missing", function()
      local a = object("lean", "inline int f() { return 1; } int a() { return f(); }", "-O0",
         {compiler = "g++"})
      local b = object("greedy", [[
         int nowhere();
         inline int f() { return nowhere(); }
         extern "C" long b() { return f(); }
      ]], "-O0", {compiler = "g++"})
      assert.equal(1, results({a, b}, "b"))
      local err = refusal {b, a}
      assert.equal("undefined", err.code)
      assert.equal("_Z7nowherev", err.symbol)
   end)

   it("without the COMDAT flag is no reason to drop anything", function()
      local source = [[
         .section .text.%s,"axG",@progbits,shared_signature
         .globl %s
         %s: movl $%d, %%eax
            ret
      ]]
      local a = assembled("plain_group_a", source:format("a", "a", "a", 1))
      local b = assembled("plain_group_b", source:format("b", "b", "b", 2))
      assert.same({1, 2}, {results({a, b}, "a", "b")})
   end)
end)

describe("a unique symbol (STB_GNU_UNIQUE)", function()
   local SOURCE = [[
      .globl %s_get
      .type %s_get, @function
      %s_get: movq the_one@GOTPCREL(%%rip), %%rax
         ret
      .section .data.the_one,"awG",@progbits,the_one,comdat
      .type the_one, @gnu_unique_object
      .globl the_one
      .size the_one, 8
      the_one: .quad 5
   ]]

   it("is one in all loads of a linker, whatever the policy for weak ones", function()
      local a = assembled("unique_a", (SOURCE:gsub("%%s", "a"):gsub("%%%%", "%%")))
      local b = assembled("unique_b", (SOURCE:gsub("%%s", "b"):gsub("%%%%", "%%")))
      for _, weak in ipairs {"first", "own", "process"} do
         local ln <close> = moonlink.new {weak = weak}
         assert(ln:load(a))
         assert(ln:load(b))
         assert.equal(ln:func("long a_get(void)")(), ln:func("long b_get(void)")(), weak)
      end
   end)
end)

describe("visibility", function()
   local SOURCE = [[
      __attribute__((visibility("%s"))) long f(void) { return %d; }
      long via_%s(void) { return f(); }
   ]]

   for _, visibility in ipairs {"hidden", "internal"} do
      it(visibility .. " keeps a name within its load", function()
         local path = object("vis_" .. visibility, SOURCE:format(visibility, 3, visibility))
         local other = object("vis_other", "long f(void); long g(void) { return f(); }")
         local ln <close> = moonlink.new()
         assert(ln:load {path, other})
         assert.equal(3, ln:func("long g(void)")())
         assert.equal(3, ln:func(("long via_%s(void)"):format(visibility))())
         assert.is_nil((ln:address_of "f"))
         local unit, err = ln:load(object("vis_late", "long f(void); long h(void) { return f(); }"))
         assert.is_nil(unit)
         assert.equal("undefined", err.code)
         assert.matches("hidden", err.hint, 1, true)
         assert.matches("vis_" .. visibility, err.hint, 1, true)
      end)
   end

   it("hidden lets two loads define one name", function()
      local ln <close> = moonlink.new()
      assert(ln:load(object("hidden_1", SOURCE:format("hidden", 1, "one"))))
      assert(ln:load(object("hidden_2", SOURCE:format("hidden", 2, "two"))))
      assert.equal(1, ln:func("long via_one(void)")())
      assert.equal(2, ln:func("long via_two(void)")())
   end)

   it("protected exports the name", function()
      local ln <close> = moonlink.new()
      assert(ln:load(object("protected", SOURCE:format("protected", 4, "protected"))))
      assert(ln:load(object("vis_user", "long f(void); long h(void) { return f(); }")))
      assert.equal(4, ln:func("long h(void)")())
   end)

   it("hidden in a reference asks for a definition in the same load", function()
      local user = object("hidden_user", [[
         __attribute__((visibility("hidden"))) int getpid(void);
         long f(void) { return getpid(); }
      ]], "-O1 -fPIE")
      local err = refusal(user)
      assert.equal("undefined", err.code)
      assert.equal("getpid", err.symbol)
      local own = object("hidden_own", "int getpid(void) { return -5; }")
      assert.equal(-5, results({user, own}, "f"))
   end)
end)

describe("a name with a version", function()
   it("is asked of the process with it", function()
      local path = assembled("versioned", [[
         .symver memcpy_old, memcpy@GLIBC_2.2.5
         .symver memcpy_new, memcpy@GLIBC_2.14
         .text
         .globl old, new
         old: movq memcpy_old@GOTPCREL(%rip), %rax
            ret
         new: movq memcpy_new@GOTPCREL(%rip), %rax
            ret
      ]])
      local expected = object("dlvsym", [[
         #define _GNU_SOURCE
         #include <dlfcn.h>
         long expected_old(void) { return (long)dlvsym(RTLD_DEFAULT, "memcpy", "GLIBC_2.2.5"); }
         long expected_new(void) { return (long)dlvsym(RTLD_DEFAULT, "memcpy", "GLIBC_2.14"); }
      ]], "-O1 -fPIE")
      local old, new, e_old, e_new = results({path, expected}, "old", "new", "expected_old",
         "expected_new")
      assert.not_equal(0, old)
      assert.same({e_old, e_new}, {old, new})
      assert.not_equal(old, new)
   end)

   it("that the process has not is undefined, and says which versions there are", function()
      local path = assembled("versioned_wrong", [[
         .symver wrong, nftw@GLIBC_9.9
         .text
         .globl f
         f: jmp wrong@PLT
      ]])
      local err = refusal(path)
      assert.equal("undefined", err.code)
      assert.matches("nftw@GLIBC_9.9", err.message, 1, true)
      assert.matches("nftw", err.hint, 1, true)
      assert.matches("libc.so.6", err.hint, 1, true)
      assert.matches("GLIBC_2.2.5", err.hint, 1, true)
      assert.matches("GLIBC_2.3.3", err.hint, 1, true)
   end)

   it("behind @@ is the default: plain and full spelling mean the same", function()
      local path = assembled("default_version", [[
         .symver f_two, f@@TWO
         .symver f_one, f@ONE
         .text
         .globl f_one, f_two
         f_one: movl $1, %eax
            ret
         f_two: movl $2, %eax
            ret
      ]])
      local user = assembled("default_user", [[
         .symver with_one, f@ONE
         .symver with_two, f@TWO
         .text
         .globl plain, one, two
         plain: jmp f
         one: jmp with_one
         two: jmp with_two
      ]])
      assert.same({2, 1, 2}, {results({path, user}, "plain", "one", "two")})
   end)
end)

describe("names that the linker makes:", function()
   it("__start_ and __stop_ enclose a section over all objects, archives included", function()
      local item = [[
         __attribute__((section("numbers"), used)) static const long number = %d;
         long touch_%d(void) { return 0; }
      ]]
      local paths = {}
      for i, n in ipairs {1, 20, 300} do
         paths[i] = object("number_" .. n, item:format(n, n))
      end
      support.sh("cd %s && rm -f libnumber.a && ar rc libnumber.a number_300.o", dir)
      local sum = object("sum", [[
         extern const long __start_numbers[], __stop_numbers[];
         long touch_300(void);
         long f(void)
         {
            long total = touch_300();
            for (const long *p = __start_numbers; p < __stop_numbers; p++)
               total = total * 1000 + *p;
            return total;
         }
         long count(void) { return __stop_numbers - __start_numbers; }
      ]])
      local f, count = results({sum, paths[1], paths[2], dir .. "/libnumber.a"}, "f", "count")
      assert.equal(3, count)
      assert.equal((1 * 1000 + 20) * 1000 + 300, f)
   end)

   it("__start_ of a section that nobody has is undefined, or 0 when weak", function()
      local strong = object("no_section", [[
         extern char __start_nobody[]; long f(void) { return (long)__start_nobody; }
      ]])
      local err = refusal(strong)
      assert.equal("undefined", err.code)
      assert.matches("no loaded section is named 'nobody'", err.hint, 1, true)
      local weak = object("no_section_weak", [[
         extern char __start_nobody[] __attribute__((weak));
         long f(void) { return (long)__start_nobody; }
      ]], "-O1 -fPIC")
      assert.equal(0, results({weak}, "f"))
   end)

   it("_GLOBAL_OFFSET_TABLE_ is the table that GOT relocations use", function()
      local path = assembled("got", [[
         .text
         .globl difference
         difference: leaq _GLOBAL_OFFSET_TABLE_(%rip), %rax
            movabsq $datum@GOTOFF, %rcx
            addq %rcx, %rax
            leaq datum(%rip), %rdx
            subq %rdx, %rax
            ret
         .globl loaded
         loaded: leaq _GLOBAL_OFFSET_TABLE_(%rip), %rax
            movabsq $datum@GOT, %rcx
            movq (%rax,%rcx), %rax
            movq (%rax), %rax
            ret
         .data
         .globl datum
         datum: .quad 4711
      ]])
      assert.same({0, 4711}, {results({path}, "difference", "loaded")})
   end)

   it("__dso_handle is one for each load", function()
      local source = [[
         extern void *__dso_handle __attribute__((visibility("hidden")));
         long %s(void) { return (long)&__dso_handle; }
      ]]
      local a, b = object("dso_a", source:format "a"), object("dso_b", source:format "b")
      local c = object("dso_c", source:format "c")
      local ln <close> = moonlink.new()
      assert(ln:load {a, b})
      assert(ln:load(c))
      local first = ln:func("long a(void)")()
      assert.not_equal(0, first)
      assert.equal(first, ln:func("long b(void)")())
      assert.not_equal(first, ln:func("long c(void)")())
   end)
end)

describe("two strong definitions", function()
   it("are an error that names files, members, sections and offsets", function()
      local a = assembled("dup_a", ".text\nnop\n.globl dup\ndup: ret\n")
      assembled("dup_b", ".data\n.quad 0\n.globl dup\ndup: .long 1\n")
      support.sh("cd %s && rm -f libdup.a && ar rc libdup.a dup_b.o", dir)
      local err = refusal {a, {path = dir .. "/libdup.a", whole = true}}
      assert.equal("duplicate", err.code)
      assert.equal("dup", err.symbol)
      assert.matches("'dup' is defined twice", err.message, 1, true)
      assert.matches(dir .. "/dup_a.o (.text+0x1)", err.message, 1, true)
      assert.matches(dir .. "/libdup.a(dup_b.o) (.data+0x8)", err.message, 1, true)
      assert.matches("duplicate", err.hint, 1, true)
   end)

   it("are all reported at once, in C++ as they were written", function()
      local source = "int area(int w, int h) { return w * h; } long second = 1;"
      local a = object("dup_c", source, "-O1", {compiler = "g++"})
      local b = object("dup_d", source, "-O1", {compiler = "g++"})
      local err = refusal {a, b}
      assert.equal(2, err.count)
      assert.matches("_Z4areaii", tostring(err), 1, true)
      assert.matches("area(int, int)", tostring(err), 1, true)
      assert.matches("second", tostring(err), 1, true)
   end)

   it("in an earlier load and a new one name the earlier unit", function()
      local ln <close> = moonlink.new()
      local a = object("earlier", "long f(void) { return 1; }")
      assert(ln:load(a))
      local unit, err = ln:load(object("later", "long f(void) { return 2; }"))
      assert.is_nil(unit)
      assert.equal("duplicate", err.code)
      assert.matches("earlier.o", err.message, 1, true)
      assert.matches("later.o", err.message, 1, true)
      assert.equal(1, ln:func("long f(void)")())
   end)
end)

it("an undefined name that no relocation uses is none, as with ld", function()
   local path = assembled("unused_name", [[
      .globl never
      .text
      .globl f
      f: xorl %eax, %eax
         ret
   ]])
   assert.matches("U never", support.sh("nm %s", path), 1, true)
   assert.equal(0, with_ld({path}, "f()"))
   assert.equal(0, results({path}, "f"))
   local err = refusal {path, roots = {"never"}}
   assert.equal("never", err.symbol)
end)

it("a symbol that ends past its section does no harm", function()
   local path = assembled("past", [[
      .data
      .globl datum
      .type datum, @object
      .size datum, 64
      datum: .quad 7
      .text
      .globl f
      f: movq datum(%rip), %rax
         ret
   ]])
   assert.equal(7, results({path}, "f"))
end)

describe("an object of very many names", function()
   --- One whose symbol number i, from 1 on, is the value base + i, and whose file is so large that
   --- its names stay where they were read. more: other text.
   local function many(stem, base, more)
      local lines = {".data\n.zero 0x100000\n", more or ""}
      for i = 1, 2000 do
         local name = ("%s_with_a_long_name_%d"):format(stem, i)
         lines[#lines + 1] = (".globl %s\n%s = %d\n"):format(name, name, base + i)
      end
      return assembled("many_" .. stem, table.concat(lines))
   end

   --- The sum of the values of those names.
   local function sum(ln, stem)
      local all = 0
      for i = 1, 2000 do
         all = all + assert(ln:address_of(("%s_with_a_long_name_%d"):format(stem, i)))
      end
      return all
   end

   local function has(ln, stem)
      return ln:address_of(stem .. "_with_a_long_name_1") ~= nil
   end

   local expected = 2000 * 2001 // 2

   it("is found by all of them, and so are others beside it and behind it", function()
      local ln <close> = moonlink.new()
      assert(ln:load {many("first", 0), many("second", 10000)})
      assert(ln:load(many("third", 20000)))
      for stem, base in pairs {first = 0, second = 10000, third = 20000} do
         assert.equal(expected + 2000 * base, sum(ln, stem))
      end
   end)

   it("gives them up when it ends, others keep theirs", function()
      local ln <close> = moonlink.new()
      local first = assert(ln:load(many("first", 0)))
      local second = assert(ln:load(many("second", 10000)))
      first:unload()
      assert.is_false(has(ln, "first"))
      assert.equal(expected + 2000 * 10000, sum(ln, "second"))
      second:unload()
      assert.is_false(has(ln, "second"))
   end)

   it("leaves nothing behind when its load fails", function()
      local ln <close> = moonlink.new()
      local bad = many("bad", 0, "call nobody_has_this_name\n")
      assert.equal("nobody_has_this_name", select(2, ln:load(bad)).symbol)
      assert.is_false(has(ln, "bad"))
   end)

   it("may have names with versions among them, renamed and clashing ones", function()
      local a = many("first", 0, [[
         .globl old
         old = 77
         .symver old, name@@V2
         .globl clash
         clash = 1
      ]])
      local b = many("second", 0, ".globl clash\nclash = 2\n")
      local ln <close> = moonlink.new()
      local _, err = ln:load {a, b}
      assert.equal("clash", err.symbol)
      assert(ln:load(a))
      assert.equal(77, ln:address_of "name")
      assert.equal(expected, sum(ln, "first"))
   end)
end)
