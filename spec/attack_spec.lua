--- What a hostile or careless user tries: each case once crashed, or was silently wrong.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()
local made = 0

local function cc(source, flags)
   made = made + 1
   return support.cc(("%s/c%d.o"):format(dir, made), source, flags or "-O1 -fPIC")
end

local function as(source)
   made = made + 1
   return support.as(("%s/a%d.o"):format(dir, made), source)
end

--- The error of a load that must fail.
local function refused(ln, what)
   local unit, err = ln:load(what)
   assert.is_nil(unit)
   return err
end

describe("A common symbol", function()
   local user = cc("int pool[1000]; int *last(void) { return &pool[999]; }", "-O1 -fPIC -fcommon")

   it("larger than an earlier unit's variable is refused: its code would write past it", function()
      for _, flags in ipairs {"-fcommon", "-fno-common"} do
         local ln <close> = moonlink.new {}
         assert(ln:load(cc("int pool[2];", "-O1 -fPIC " .. flags)))
         local err = refused(ln, user)
         assert.equal("duplicate", err.code)
         assert.equal("pool", err.symbol)
         assert.truthy(err.message:find("4000 bytes", 1, true))
      end
   end)

   it("is refused where an earlier unit has a function of that name", function()
      local ln <close> = moonlink.new {}
      assert(ln:load(cc "int pool(void) { return 1; }"))
      assert.equal("duplicate", refused(ln, user).code)
   end)

   it("shares an earlier unit's variable that has room for it", function()
      local ln <close> = moonlink.new {}
      assert(ln:load(cc "int pool[1000] = {1};"))
      assert(ln:load(user))
      assert.equal(ln:address_of "pool" + 999 * 4, ln:func "int *last(void)"())
   end)
end)

describe("A symbol in a section without memory", function()
   it("cannot be reached from code or data", function()
      for _, flags in ipairs {'"axe",@progbits', '""'} do
         local ln <close> = moonlink.new {}
         local err = refused(ln, as(([[
            .section away,%s
            .globl sym
            sym: ret
            .text
            .globl f
            f: call sym
            lea sym(%%rip), %%rax
            ret
            .data
            .quad sym
         ]]):format(flags)))
         assert.equal("discarded", err.code)
         assert.equal(3, err.count)
      end
   end)

   it("cannot be pointed to from constants, when its COMDAT group was dropped", function()
      local source = [[
         .section .text.f,"axG",@progbits,f,comdat
         .weak f
         f: mov $1, %%eax
         inside: ret
         .section .rodata
         .globl table%d
         table%d: .quad inside
      ]]
      local ln <close> = moonlink.new {}
      local err = refused(ln, {as(source:format(1, 1)), as(source:format(2, 2))})
      assert.equal("discarded", err.code)
      assert.equal(".rodata", err.section)
   end)
end)

it("a writable section whose name only begins like .data.rel.ro stays writable", function()
   local ln <close> = moonlink.new {}
   assert(ln:load(cc [[
      __attribute__((section(".data.rel.rostrum"))) int count = 4;
      int more(void) { return ++count; }
   ]]))
   assert.equal(5, ln:func "int more(void)"())
end)

it("constructors in .ctors and .dtors run, backwards, as ld arranges them", function()
   local source = [[
      #include <stdio.h>
      #define SAY(name) static void name(void) { puts(#name); }
      SAY(a) SAY(b) SAY(c) SAY(d) SAY(e)
      __attribute__((section(".ctors"), used))
      static void (*one)(void) = a, (*two)(void) = b;
      __attribute__((section(".ctors.65435"), used))
      static void (*early)(void) = c;
      __attribute__((section(".dtors"), used))
      static void (*three)(void) = d, (*four)(void) = e;
      __attribute__((constructor)) static void later(void) { puts("later"); }
      int main(void) { puts("main"); return 0; }
   ]]
   local path = cc(source)
   support.sh("cc -o %s/native %s", dir, path)
   local want = support.sh("%s/native", dir)
   assert.equal(want, support.sh("MOONLINK_BUILD=%s bin/moonlink run %s", support.build, path))
   assert.truthy(want:find "^c\n.*main")
end)

it("a program whose main is hidden runs", function()
   local path = cc("int main(void) { return 7; }", "-O1 -fPIE -fvisibility=hidden")
   local status = support.exit("MOONLINK_BUILD=%s bin/moonlink run %s", support.build, path)
   assert.equal(7, status)
   local ln <close> = moonlink.new {}
   assert(ln:load(cc("int secret(void) { return 1; }", "-fPIC -fvisibility=hidden")))
   local _, err = ln:func "int secret(void)"
   assert.truthy(err.hint:find("STV_HIDDEN", 1, true))
end)

it("a buffer that a callback closes stays while the native call uses it", function()
   local ln <close> = moonlink.new {}
   assert(ln:load(cc [[
      void fill(char *p, long n, void (*f)(void)) { f(); for (long i = 0; i < n; i++) p[i] = 7; }
   ]]))
   local size = 1 << 22 -- large enough that free unmaps it
   local memory = moonlink.alloc(size)
   ln:func "void fill(char *, long, void (*)(void))"(memory, size, function()
      memory:close()
      collectgarbage()
   end)
   assert.has_error(function() return #memory and memory:address() end)
end)

it("a path with a NUL byte is not the path in front of it", function()
   local ln <close> = moonlink.new {}
   local path = cc "int x;"
   assert.equal("noent", refused(ln, path .. "\0.o").code)
end)
it("a linker whose symbol another one uses stays until that one is gone", function()
   local giver, taker = moonlink.new {}, moonlink.new {}
   assert(giver:load(cc "int seven(void) { return 7; }"))
   taker:on("undefined", "^seven$", function() return giver:symbol "seven" end)
   assert(taker:load(cc "int seven(void); int f(void) { return seven(); }"))
   local ok, err = giver:close()
   assert.is_nil(ok)
   assert.equal("state", err.code)
   assert.equal(7, taker:func "int f(void)"())
   assert(taker:close())
   assert(giver:close())
end)

describe("A tentative definition", function()
   local tentative = cc("int answer; int get(void) { return answer; }", "-O1 -fPIC -fcommon")
   local archive = dir .. "/libanswer.a"
   support.sh("ar rcs %s %s", archive, cc "int answer = 42;")

   it("pulls the member of an archive that really defines it, as ld does", function()
      local native = dir .. "/native-answer"
      support.sh("gcc -o %s %s %s %s", native, tentative,
         cc "#include <stdio.h>\nint get(void); int main(void) { printf(\"%d\", get()); }", archive)
      local ln <close> = moonlink.new {}
      assert(ln:load {tentative, archive})
      assert.equal(tonumber(support.stdout(native)), ln:func "int get(void)"())
   end)

   it("pulls it when other members, in front of it, have a tentative one or a function", function()
      local several, native = dir .. "/libseveral.a", dir .. "/native-several"
      support.sh("ar rcs %s %s %s %s", several, cc "int answer(void) { return 1; }",
         cc("int answer; int first = 1;", "-O1 -fPIC -fcommon"), cc "int answer = 43;")
      local main = cc [[
         #include <stdio.h>
         int get(void); int main(void) { printf("%d", get()); }]]
      local wants = cc "extern int answer, first; int get(void) { return answer + first; }"
      for _, object in ipairs {tentative, wants} do
         local inputs = object == wants and several:gsub("several", "two") or several
         if object == wants then -- an undefined name would be the function
            support.sh("cp %s %s && ar d %s $(ar t %s | head -1)", several, inputs, inputs, inputs)
         end
         support.sh("gcc -w -o %s %s %s %s", native, main, object, inputs)
         local ln <close> = moonlink.new {}
         assert(ln:load {object, inputs})
         assert.equal(tonumber(support.stdout(native)), ln:func "int get(void)"())
      end
   end)

   it("leaves a member alone that has no more than another one", function()
      local other = dir .. "/libtentative.a"
      support.sh("ar rcs %s %s", other, cc("int answer; int other = 1;", "-O1 -fPIC -fcommon"))
      local ln <close> = moonlink.new {}
      assert.equal(1, #assert(ln:load {tentative, other}):inputs())
      assert.equal(0, ln:func "int get(void)"())
   end)
end)

it("a broken object whose names are changed says what is wrong with it", function()
   local path = as ".section .init, \"ax\", @nobits\n.zero 64"
   local ln <close> = moonlink.new {}
   local plain, edited = refused(ln, {path}), refused(ln, {{path = path, prefix = "p_"}})
   assert.equal(tostring(plain), tostring(edited))
end)

describe("what() of an exception that calls Lua", function()
   local object = support.cc(dir .. "/what.o", [[
      #include <exception>
      typedef int hook(int);
      struct told : std::exception {
         hook *h;
         told(hook *h) : h(h) {}
         const char *what() const noexcept { return h(1) ? "one" : "zero"; }
         ~told() { h(2); }
      };
      extern "C" int raise(hook *h) { throw told(h); }
   ]], "-O1 -fPIC", {compiler = "g++"})

   --- What the call raises when what() and the destructor do something.
   local function raised(action)
      local ln = moonlink.new {}
      local unit = assert(ln:load {object, "-lstdc++"})
      local seen = {}
      local hook <close> = ln:callback("int(int)", function(n)
         seen[#seen + 1] = n
         action(unit, ln)
         return 1
      end)
      local ok, err = pcall(ln:func "int raise(void *)", hook:address())
      assert.is_false(ok)
      assert.same({1, 2}, seen)
      assert(ln:close())
      return err
   end

   it("may unload its unit: code that runs keeps its memory", function()
      local err = raised(function(unit)
         if unit:alive() then
            assert(unit:unload "force")
         end
      end)
      assert.equal("exception", err.code)
   end)

   it("may reload its unit", function()
      assert.equal("exception", raised(function(unit) assert(unit:reload()) end).code)
   end)

   -- What the code stands on is never given back then, which valgrind reports.
   it("may close its linker #layout", function()
      assert.equal("exception", raised(function(_, ln) ln:close() end).code)
   end)

   it("may raise: the call raises that", function()
      local value = {}
      assert.equal(value, raised(function() error(value) end))
   end)
end)

it("code that a destructor of another linker calls by address stays while it runs", function()
   local caller, callee = moonlink.new {}, moonlink.new {}
   local first = assert(caller:load(cc [[
      int (*outer)(int (*)(int)), (*inner)(int), result;
      __attribute__((destructor)) static void end(void) { result = outer(inner); }
   ]]))
   local second = assert(callee:load(cc "int outer(int (*inner)(int)) { return inner(1) + 1; }"))
   local refused_with, forced
   local inner <close> = callee:callback("int(int)", function()
      local _, err = second:unload()
      refused_with = err
      forced = second:unload "force"
      return 1
   end)
   moonlink.write(first:address "outer", "j", second:address "outer")
   moonlink.write(first:address "inner", "j", inner:address())
   assert(first:unload())
   assert.truthy(refused_with.message:find("1 call in flight", 1, true))
   assert.is_true(forced)
   assert(caller:close())
   assert(callee:close())
end)

it("a line table with millions of rows for a few bytes of code takes no memory for them", function()
   local path = as [[
      .text
      .globl f
      .type f, @function
   f: ret
      .size f, . - f
      .section .debug_line, "", @progbits
      .long 5f - 1f
   1: .value 4
      .long 3f - 2f
   2: .byte 1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1
      .byte 0
      .asciz "x.c"
      .byte 0, 0, 0, 0
   3: .byte 0, 9, 2
      .quad f
      .byte 1
      .fill 0x1000000, 1, 31
      .byte 0, 1, 1
   5:
   ]]
   support.sh("objcopy --compress-debug-sections=zlib %s", path)
   local run = assert(moonlink.isolate(function()
      local function resident()
         local kilobytes = support.read("/proc/self/status"):match "VmRSS:%s*(%d+)"
         return tonumber(kilobytes) << 10
      end
      local ln <close> = moonlink.new {}
      local unit = assert(ln:load {path, debug = "lines"})
      local before = resident()
      local place = moonlink.addr2sym(unit:address "f")
      return place.source, place.line, resident() - before
   end))
   assert.same({"x.c", 1}, {run[1], run[2]})
   assert.is_true(run[3] < 1 << 26, run[3] .. " bytes") -- the rows would take 1 << 28
end)
