-- The ends of a load's parts, as ld names those of a program; and the unwinder's names, which no
-- input brings.
-- Spec: end(3); GNU ld's default linker script.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local loads = require "spec.support.loads"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1 -fPIE")
end

describe("the ends of a load's parts", function()
   local bounds

   setup(function()
      bounds = object("bounds", [[
         extern char __executable_start[], _etext[], __data_start[], _edata[], __bss_start[],
            _end[];
         int data = 1;
         int bss[5000];
         long start(void) { return (long)__executable_start; }
         long etext(void) { return (long)_etext; }
         long datas(void) { return (long)__data_start; }
         long edata(void) { return (long)_edata; }
         long zeros(void) { return (long)__bss_start; }
         long end(void) { return (long)_end; }
         long is_data(void)
         {
            return (char *)&data >= __data_start && (char *)(&data + 1) <= _edata;
         }
         long is_bss(void)
         {
            return (char *)bss >= __bss_start && (char *)(bss + 5000) <= _end;
         }
         long is_text(void)
         {
            return (char *)is_text >= __executable_start && (char *)is_text < _etext;
         }
      ]])
   end)

   it("hold its code, its data and its zeroed data", function()
      local data, bss, text = loads.results("long", bounds, "is_data", "is_bss", "is_text")
      assert.equal(1, data)
      assert.equal(1, bss)
      assert.equal(1, text)
   end)

   it("come in ld's order", function()
      local start, etext, datas, edata, zeros, last =
         loads.results("long", bounds, "start", "etext", "datas", "edata", "zeros", "end")
      assert.is_true(start < etext and etext <= datas and datas < edata)
      assert.is_true(edata == zeros and zeros < last)
   end)

   it("have the names that C gives them, where nobody else does", function()
      local names = object("names", [[
         extern char etext[], edata[], end[], _etext[], _edata[], _end[];
         int data = 1, zero;
         long same(void) { return etext == _etext && edata == _edata && end == _end; }
      ]])
      assert.equal(1, (loads.results("long", names, "same")))
      local own = object("own_end", "long end(void) { return 7; }")
      local user = object("user", "long end(void); long ended(void) { return end(); }")
      assert.equal(7, (loads.results("long", {user, own}, "ended")))
   end)

   it("can all be read", function()
      local ln <close> = moonlink.new()
      assert(ln:load(bounds))
      local first = assert(ln:func "long datas(void)")()
      local last = assert(ln:func "long end(void)")()
      assert.equal(last - first, #moonlink.read(first, "c" .. last - first))
   end)

   it("are each load's own", function()
      local one = loads.results("long", bounds, "end")
      local ln <close> = moonlink.new()
      assert(ln:load(bounds))
      local other = object("other", "extern char _end[]; long other(void) { return (long)_end; }")
      assert(ln:load(other))
      assert.not_equal(assert(ln:func "long end(void)")(), assert(ln:func "long other(void)")())
      assert.is_true(one ~= 0)
   end)

   it("are there for a load without data", function()
      local path = object("pure", [[
         extern char __data_start[], _edata[], _end[];
         long empty(void) { return __data_start == _edata && _edata == _end; }
      ]])
      assert.equal(1, (loads.results("long", path, "empty")))
   end)

   it("give way to a definition of the load", function()
      local path = object("own", "int _end = 42; long own(void) { return _end; }")
      assert.equal(42, (loads.results("long", path, "own")))
   end)

   it("have their old names where nobody else has them", function()
      local old = object("old", [[
         extern char end[], edata[], etext[], data_start[], _end[], _edata[], _etext[],
            __data_start[];
         long same(void)
         {
            return end == _end && edata == _edata && etext == _etext && data_start == __data_start;
         }
      ]])
      assert.equal(1, (loads.results("long", old, "same")))
      local weak = object("weak", [[
         extern char end[] __attribute__((weak)), _end[];
         long weak(void) { return end == _end; }
      ]])
      assert.equal(1, (loads.results("long", weak, "weak")))
      local ask = object("ask", "extern long end(void); long ask(void) { return end(); }")
      local give = object("give", "long end(void) { return 6; } long more(void) { return 1; }")
      support.sh("ar rcs %s/libgive.a %s", dir, give)
      for _, inputs in ipairs {{ask, give}, {give, ask}, {ask, dir .. "/libgive.a"}} do
         assert.equal(6, (loads.results("long", inputs, "ask")))
      end
      local ln <close> = moonlink.new()
      assert(ln:load(give))
      assert(ln:load(ask))
      assert.equal(6, assert(ln:func "long ask(void)")())
   end)
end)

it("the arrays of constructors and destructors have bounds, as in gcc's program", function()
   local source = [[
      #include <stdio.h>
      typedef void fn(void);
      extern fn *__preinit_array_start[], *__preinit_array_end[], *__init_array_start[],
         *__init_array_end[], *__fini_array_start[], *__fini_array_end[];
      extern char __rela_iplt_start[] __attribute__((weak)),
         __rela_iplt_end[] __attribute__((weak));
      static volatile int runs;
      static void p(void) { runs++; }
      static fn *const preinit[] __attribute__((section(".preinit_array"), used)) = {p, p};
      __attribute__((constructor(200))) static void b(void) { runs++; }
      __attribute__((constructor)) static void c(void) { runs++; }
      __attribute__((constructor(101))) static void a(void) { runs++; }
      __attribute__((destructor(200))) static void y(void) { runs++; }
      __attribute__((destructor)) static void z(void) { runs++; }
      __attribute__((destructor(101))) static void x(void) { runs++; }
      static void o(void) { runs++; }
      static fn *const ctors[] __attribute__((section(".ctors"), used)) = {o, p};
      static char *put(char *to, fn **f, fn **end)
      {
         fn *const all[] = {a, b, c, x, y, z, o, p};
         for (; f < end; f++)
            for (int i = 0; i < 8; i++) /* crtbegin.o of a program has more */
               if (all[i] == *f) *to++ = "abcxyzop"[i];
         *to++ = '|';
         return to;
      }
      const char *arrays(void)
      {
         static char text[64];
         char *to = put(text, __preinit_array_start, __preinit_array_end);
         to = put(to, __init_array_start, __init_array_end);
         to = put(to, __fini_array_start, __fini_array_end);
         *to = __rela_iplt_start == __rela_iplt_end ? '=' : '!';
         return text;
      }
   ]]
   for i, flags in ipairs {"-O1 -fPIE", "-O1 -fno-pie", "-O1 -fPIC"} do
      local path = object("arrays" .. i, source, flags)
      local main = object("main" .. i, [[
         #include <stdio.h>
         const char *arrays(void);
         int main(void) { puts(arrays()); }
      ]], flags)
      support.sh("LD_PRELOAD= gcc %s -o %s/arrays %s %s", i == 2 and "-no-pie" or "-pie", dir, main,
         path)
      local expected = support.sh("LD_PRELOAD= %s/arrays", dir):match "[^\n]+"
      assert.equal(expected, (loads.results("const char *", path, "arrays")), flags)
   end
   local none = object("no_arrays", [[
      typedef void fn(void);
      extern fn *__init_array_start[], *__init_array_end[];
      long none(void) { return __init_array_end - __init_array_start; }
   ]])
   assert.equal(0, (loads.results("long", none, "none")))
end)

it("the program's dynamic section leads to the loader's list, however code refers to it", function()
   for i, flags in ipairs {"-fPIC", "-fPIE", "-fno-pic", "-fPIC -mcmodel=large"} do
      local path = object("dynamic" .. i, [[
         #include <link.h>
         long version(void)
         {
            for (ElfW(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++)
               if (d->d_tag == DT_DEBUG)
                  return ((struct r_debug *)d->d_un.d_ptr)->r_version;
            return 0;
         }
      ]], "-O1 " .. flags)
      assert.equal(1, (loads.results("long", path, "version")), flags)
   end
end)

it("the unwinder's functions are found in a process that has no C++", function()
   local path = object("depth", [[
      #include <unwind.h>
      static _Unwind_Reason_Code count(struct _Unwind_Context *c, void *n)
      {
         ++*(int *)n;
         return _URC_NO_REASON;
      }
      int depth(void)
      {
         int n = 0;
         _Unwind_Backtrace(count, &n);
         return n;
      }
   ]])
   local status, out, err = support.lua([[
      local moonlink = require "moonlink"
      local ln <close> = moonlink.new()
      assert(ln:load(...))
      print(assert(ln:func "int depth(void)")() > 0)
   ]], path)
   assert.equal("", err)
   assert.equal("true\n", out)
   assert.equal(0, status)
   local refusal = loads.refusal({path, fallback = false}, {scope = {"self", "archives"}})
   assert.equal("undefined", refusal.code)
end)
