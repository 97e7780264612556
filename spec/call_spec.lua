-- Calling C from Lua: what goes in, what comes out, and what is refused.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local ctype = require "moonlink.call.ctype"
local moonlink = require "moonlink"
local support = require "spec.support"

describe("a function of C", function()
   local dir, ln
   local loaded = 0

   ---Compiles and loads C.
   local function load(source, flags, compiler)
      loaded = loaded + 1
      local path = ("%s/f%d.o"):format(dir, loaded)
      support.cc(path, source, flags or "-O1", { compiler = compiler })
      return assert(ln:load(path)), path
   end

   local refused = support.refused

   setup(function()
      dir = support.tmpdir()
      ln = moonlink.new()
      load [[
         #include <errno.h>
         #include <stdint.h>
         #include <stdbool.h>
         #include <stdarg.h>
         #include <stdio.h>
         #include <string.h>
         int add(int a, int b) { return a + b; }
         signed char i8(signed char x) { return x; }
         unsigned char u8(unsigned char x) { return x; }
         short i16(short x) { return x; }
         unsigned short u16(unsigned short x) { return x; }
         int i32(int x) { return x; }
         unsigned u32(unsigned x) { return x; }
         int64_t i64(int64_t x) { return x; }
         uint64_t u64(uint64_t x) { return x; }
         bool flip(bool x) { return !x; }
         char ch(char c) { return c; }
         float half(float x) { return x / 2; }
         double third(double x) { return x / 3; }
         long double tenth(long double x) { return x / 10; }
         long double big(void) { return 0x1p63L + 1; }
         int fits(long double x) { return x == 9007199254740993.0L; }
         const char *text(int which) { return which ? "some text" : 0; }
         char *chars(char *p) { return p; }
         void *same(void *p) { return p; }
         size_t length(const char *s) { return strlen(s); }
         int is_null(const char *s) { return s == 0; }
         int sum_bytes(const void *p, size_t n)
         { const uint8_t *b = p; int s = 0; while (n--) s += *b++; return s; }
         void nothing(void) { }
         int dirty(void)
         { uint64_t r = 0xffffffff00000007u; int x;
           __asm__ volatile("mov %1, %%rax\n mov %%eax, %0" : "=r"(x) : "r"(r) : "rax");
           return x; }
         int fail(int number) { errno = number; return -1; }
         int see(void) { return errno; }
         int status(int x) { return x; }
         void *find(int yes) { static int here; errno = ENOENT; return yes ? &here : 0; }
         double nine(double a, double b, double c, double d, double e, double f, double g,
                     double h, double i)
         { return a + 2*b + 3*c + 4*d + 5*e + 6*f + 7*g + 8*h + 9*i; }
         int seven(int a, int b, int c, int d, int e, int f, signed char g)
         { return a + 2*b + 3*c + 4*d + 5*e + 6*f + 7*g; }
         double mix(int a, double b, float c, char d, unsigned short e, bool f, void *g)
         { return a + b + c + d + e + f + (g != 0); }
         int vsum(int n, ...)
         { va_list ap; va_start(ap, n); int s = 0; while (n--) s += va_arg(ap, int);
           va_end(ap); return s; }
         int format(char *to, size_t n, const char *fmt, ...)
         { va_list ap; va_start(ap, fmt); int r = vsnprintf(to, n, fmt, ap); va_end(ap); return r; }
         enum color { RED, GREEN = 5, BLUE };
         enum color next_color(enum color c) { return c + 1; }
         enum sign { MINUS = -1, ZERO, PLUS };
         enum sign opposite(enum sign s) { return -s; }
         int real_name(int x) { return x + 1000; }
         int counter = 5; unsigned char small = 200; double ratio = 0.5; bool flag = true;
         const char *motto = "per aspera"; const int fixed = 9; int table[3] = { 1, 2, 3 };
         char name[8] = "abc"; void *pointer; float single = 1.5f;
         int (*operation)(int, int) = add;
      ]]
   end)

   teardown(function()
      ln:close()
   end)

   it("takes and gives integers", function()
      assert.equal(5, assert(ln:func "int add(int, int)")(2, 3))
      assert.equal(-1, ln:func "int add(int a, int b);"(-3, 2))
   end)

   it("is a plain Lua function, in a coroutine too", function()
      local add = ln:func "int add(int, int)"
      assert.equal("function", type(add))
      assert.equal(7, coroutine.wrap(add)(3, 4))
   end)

   -- Each integer type carries both ends of its range and refuses one step outside.
   for name, range in pairs {
      ["signed char i8(signed char)"] = { -128, 127, "signed char" },
      ["unsigned char u8(unsigned char)"] = { 0, 255, "unsigned char" },
      ["short i16(short)"] = { -32768, 32767, "short" },
      ["unsigned short u16(unsigned short)"] = { 0, 65535, "unsigned short" },
      ["int i32(int)"] = { -0x80000000, 0x7fffffff, "int" },
      ["unsigned u32(unsigned)"] = { 0, 0xffffffff, "unsigned int" },
   } do
      it(("keeps the range: %s"):format(name), function()
         local f = assert(ln:func(name))
         local short = name:match "(%w+)%("
         assert.equal(range[1], f(range[1]))
         assert.equal(range[2], f(range[2]))
         local text = ("bad argument #1 to '%s' (out of range for %s)"):format(short, range[3])
         assert.truthy(refused(f, range[1] - 1):find(text, 1, true))
         assert.truthy(refused(f, range[2] + 1):find(text, 1, true))
      end)
   end

   it("carries 64 bits, unsigned ones as the same bits", function()
      local i64, u64 = ln:func "int64_t i64(int64_t)", ln:func "uint64_t u64(uint64_t)"
      for _, value in ipairs { 0, -1, math.mininteger, math.maxinteger } do
         assert.equal(value, i64(value))
         assert.equal(value, u64(value))
      end
   end)

   it("takes a float for an integer when it is one", function()
      local i32 = ln:func "int i32(int)"
      assert.equal("integer", math.type(i32(3.0)))
      assert.truthy(refused(i32, 3.5):find "number has no integer representation")
      assert.truthy(refused(ln:func "int64_t i64(int64_t)", 2^63):find "no integer representation")
   end)

   it("refuses the wrong kind of value by name and number", function()
      local add = ln:func "int add(int, int)"
      assert.truthy(refused(add, 1, {}):find(
         "bad argument #2 to 'add' (integer expected, got table)", 1, true))
      assert.truthy(refused(add, nil, 1):find("integer expected, got nil", 1, true))
      assert.truthy(refused(ln:func "double third(double)", "x"):find(
         "number expected, got string", 1, true))
   end)

   it("blames the line of the caller", function()
      local add = ln:func "int add(int, int)"
      local function careless()
         return (add(1))
      end
      assert.truthy(refused(careless):find "^.-call_spec.lua:%d+: ")
   end)

   it("wants the right number of arguments", function()
      local add = ln:func "int add(int, int)"
      assert.truthy(refused(add, 1):find("add: expected 2 arguments, got 1", 1, true))
      assert.truthy(refused(add, 1, 2, 3):find("add: expected 2 arguments, got 3", 1, true))
      assert.truthy(refused(ln:func "void nothing(void)", 1):find(
         "nothing: expected 0 arguments, got 1", 1, true))
      assert.truthy(refused(ln:func "int i32(int)"):find("expected 1 argument, got 0", 1, true))
      assert.truthy(refused(ln:func "int vsum(int, ...)"):find(
         "vsum: expected at least 1 argument, got 0", 1, true))
   end)

   it("gives nothing for void", function()
      assert.equal(0, select("#", ln:func "void nothing(void)"()))
   end)

   it("takes and gives bool as a boolean, and 0 or 1 for one", function()
      local flip = ln:func "bool flip(bool)"
      assert.equal(false, flip(true))
      assert.equal(true, flip(false))
      assert.equal(true, flip(0))
      assert.equal(false, flip(1))
      assert.truthy(refused(flip, 2):find("out of range for bool", 1, true))
      assert.truthy(refused(flip, "true"):find("boolean expected, got string", 1, true))
   end)

   it("takes a char as a number or as a string of one character", function()
      local ch = ln:func "char ch(char)"
      assert.equal(65, ch "A")
      assert.equal(51, ch "3")
      assert.equal(10, ch(10))
      assert.equal(-1, ch "\xff")
      assert.truthy(refused(ch, "AB"):find("a string of one character expected", 1, true))
      assert.truthy(refused(ch, 128):find("out of range for char", 1, true))
   end)

   it("takes and gives floating-point numbers", function()
      assert.equal(0.75, ln:func "float half(float)"(1.5))
      assert.equal(1 / 3, ln:func "double third(double)"(1))
      assert.equal(0.1, ln:func "long double tenth(long double)"(1))
      assert.equal(2.0^63, ln:func "long double big(void)"())
      -- 2^53 + 1 is no double, but an integer and a long double
      assert.equal(1, ln:func "int fits(long double)"(9007199254740993))
   end)

   it("reads no more of a result than its type has", function()
      assert.equal(7, ln:func "int dirty(void)"())
   end)

   it("gives text for char pointers and nil for NULL", function()
      local text = ln:func "const char *text(int)"
      assert.equal("some text", text(1))
      assert.is_nil(text(0))
      assert.equal(1, select("#", text(0)))
   end)

   it("gives other pointers as integers and NULL as nil", function()
      local same = ln:func "void *same(void *)"
      assert.equal(4096, same(4096))
      assert.is_nil(same(nil))
      assert.is_nil(same(0))
   end)

   it("takes text where the pointer is const, also by address", function()
      local length = ln:func "size_t length(const char *)"
      assert.equal(5, length "hello")
      assert.equal(9, length(ln:func "void *text(int)"(1)))
      assert.equal(1, ln:func "int is_null(const char *)"(nil))
      assert.equal(6, ln:func "int sum_bytes(const void *, size_t)"("\1\2\3", 3))
      assert.equal(6, ln:func "int sum_bytes(const unsigned char *, size_t)"("\1\2\3", 3))
   end)

   it("refuses text where the function may write", function()
      local why = refused(ln:func "char *chars(char *)", "text")
      assert.truthy(why:find("a string cannot be passed as char *", 1, true))
      assert.truthy(why:find("moonlink.alloc", 1, true))
      assert.truthy(refused(ln:func "void *same(void *)", "text"):find("passed as void *", 1, true))
   end)

   it("refuses what has no address", function()
      local same = ln:func "void *same(void *)"
      assert.truthy(refused(same, {}):find("got table", 1, true))
      assert.truthy(refused(same, true):find("got boolean", 1, true))
      assert.truthy(refused(same, io.stdout):find("address expected, got", 1, true))
      assert.truthy(refused(same, print):find("a Lua function fits only", 1, true))
   end)

   it("takes a buffer as a pointer, and refuses a closed one", function()
      local buffer = moonlink.alloc(16)
      local same = ln:func "void *same(void *)"
      assert.equal(buffer:address(), same(buffer))
      buffer:close()
      assert.truthy(refused(same, buffer):find("closed", 1, true))
   end)

   it("passes more arguments than there are registers", function()
      assert.equal(285.0, ln:func [[double nine(double, double, double, double, double, double,
         double, double, double)]](1, 2, 3, 4, 5, 6, 7, 8, 9))
      local seven = ln:func "int seven(int, int, int, int, int, int, signed char)"
      assert.equal(-14 + 91, seven(1, 2, 3, 4, 5, 6, -2))
      assert.truthy(refused(seven, 1, 2, 3, 4, 5, 6, 128):find("#7 to 'seven'", 1, true))
   end)

   it("mixes classes of arguments", function()
      local mix = ln:func "double mix(int, double, float, char, unsigned short, bool, void *)"
      assert.equal(1 + 0.5 + 0.25 + 65 + 65535 + 1 + 1, mix(1, 0.5, 0.25, "A", 65535, true, 8))
   end)

   describe("with variable arguments", function()
      local buffer, format

      setup(function()
         buffer = moonlink.alloc(128)
         format = ln:func "int format(char *, size_t, const char *, ...)"
      end)

      local function formatted(...)
         format(buffer, #buffer, ...)
         return moonlink.string(buffer)
      end

      it("takes their types from the values", function()
         assert.equal(6, ln:func "int vsum(int, ...)"(3, 1, 2, 3))
         assert.equal(0, ln:func "int vsum(int, ...)"(0))
         assert.equal("7 0.5 x -9223372036854775808 1", formatted(
            "%d %g %s %ld %d", 7, 0.5, "x", math.mininteger, true))
         assert.equal("(nil)", formatted("%p", nil))
         assert.equal(("%#x"):format(buffer:address()), formatted("%p", buffer))
      end)

      it("takes a type in front of the value", function()
         assert.equal("-1 4294967295", formatted("%d %u", { "int", -1 }, { "unsigned", 2^32 - 1 }))
         assert.equal("2.0 65", formatted("%.1f %d", { "float", 2 }, { "char", "A" }))
         assert.equal("(nil) 0.5", formatted("%p %Lg", { "void *" }, { "long double", 0.5 }))
         assert.equal("text", formatted("%s", { "const char *", "text" }))
         assert.equal("255", formatted("%d", { "uint8_t", 255 }))
      end)

      it("passes more of them than there are registers", function()
         assert.equal("1 2 3 4 5 6 7 8 9.5 10.5 1 2 3 4 5 6 7", formatted(
            "%d %d %d %d %d %d %d %d %.1f %.1f %.0f %.0f %.0f %.0f %.0f %.0f %.0f",
            1, 2, 3, 4, 5, 6, 7, 8, 9.5, 10.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0))
      end)

      it("refuses what has no C type", function()
         assert.truthy(refused(format, buffer, 1, "", {}):find(
            "{ ctype, value } expected", 1, true))
         assert.truthy(refused(format, buffer, 1, "", { "struct x", 1 }):find(
            "'struct x' is no type that a variable argument can have", 1, true))
         assert.truthy(refused(format, buffer, 1, "", { "no such", 1 }):find("#4", 1, true))
         assert.truthy(refused(format, buffer, 1, "", { "int", 2^40 }):find(
            "bad argument #4 to 'format' (out of range for int)", 1, true))
         assert.truthy(refused(format, buffer, 1, "", print):find("callback", 1, true))
         assert.truthy(refused(format, buffer, 1, "", coroutine.create(print)):find "got thread")
      end)

      it("takes 127 arguments and no more", function()
         local vsum = ln:func "int vsum(int, ...)"
         local ones = {}
         for i = 1, 126 do
            ones[i] = 1
         end
         assert.equal(126, vsum(126, table.unpack(ones)))
         assert.truthy(refused(vsum, 127, 1, table.unpack(ones)):find("at most 127", 1, true))
      end)
   end)

   it("passes enums as their numbers", function()
      ln:cdef "enum color { RED, GREEN = 5, BLUE }; enum sign { MINUS = -1, ZERO, PLUS };"
      assert.equal(6, ln:func "enum color next_color(enum color)"(ln.c.GREEN))
      local opposite = ln:func "enum sign opposite(enum sign)"
      assert.equal(-1, opposite(ln.c.PLUS))
      assert.equal(1, opposite(ln.c.MINUS))
      assert.truthy(refused(ln:func "enum color next_color(enum color)", -1):find "out of range")
   end)

   it("keeps errno as the call left it", function()
      local fail = ln:func "int fail(int)"
      fail(2)
      collectgarbage()
      assert.is_nil((io.open "/no/such/file/anywhere"))
      assert.equal(2, moonlink.errno())
      assert.equal(2, ln:func "int see(void)"())
      moonlink.errno(0)
      assert.equal(0, ln:func "int see(void)"())
   end)

   it("turns failures into nil, message, number when asked", function()
      local fail = ln:func("int fail(int)", { fail = "negative" })
      assert.same({ nil, "No such file or directory", 2 }, { fail(2) })
      assert.equal(3, ln:func("int status(int)", { fail = "negative" })(3))
      local find = ln:func("void *find(int)", { fail = "null" })
      assert.truthy(find(1))
      assert.same({ nil, "No such file or directory", 2 }, { find(0) })
      local status = ln:func("int status(int)", { fail = "nonzero" })
      assert.equal(0, status(0))
      assert.same({ nil, "Operation not permitted", 1 }, { status(1) })
      assert.is_nil((ln:func("int status(int)", { fail = "zero" })(0)))
   end)

   it("tells what it is", function()
      local info = moonlink.info(ln:func "int add(int a, int b)")
      assert.equal("add", info.name)
      assert.equal("int add(int, int)", info.prototype)
      assert.equal(ln:address_of "add", info.address)
      assert.is_true(info.alive)
      assert.is_nil(moonlink.info(print))
      assert.is_nil(moonlink.info(7))
   end)

   it("is found under the name of its asm label", function()
      assert.equal(1001, ln:func 'int nice(int) __asm__("real_name")'(1))
   end)

   it("comes from the process too", function()
      assert.equal(4, ln:func "int abs(int)"(-4))
      assert.equal(8.0, ln:func "double pow(double, double)"(2, 3))
   end)

   it("that nobody provides is nil and an error", function()
      local f, err = ln:func "int nobody_provides_this(int)"
      assert.is_nil(f)
      assert.truthy(tostring(err):find("nobody_provides_this", 1, true))
   end)

   describe("asked for wrongly", function()
      it("raises for a prototype that is none, with a caret, at the caller's line", function()
         local why = refused(function()
            local f = ln:func "int add(int,"
            return f
         end)
         assert.truthy(why:find "^.-call_spec.lua:%d+: declaration, line 1, column 13: ")
         assert.truthy(why:find("\n  int add(int,\n              ^", 1, true))
      end)

      it("raises for a name without a prototype", function()
         assert.truthy(refused(ln.func, ln, "add"):find("no prototype of 'add'", 1, true))
      end)

      it("raises for a struct by value and says that it comes later", function()
         assert.truthy(refused(ln.func, ln, "struct s add(int)"):find(
            "add: struct s by value is not supported yet: it comes later", 1, true))
      end)

      it("raises for options that nobody knows", function()
         assert.truthy(refused(ln.func, ln, "int add(int, int)", { fial = 1 }):find(
            "unknown option 'fial'", 1, true))
         assert.truthy(refused(ln.func, ln, "int add(int, int)", { fail = "odd" }):find(
            "option 'fail': unknown value 'odd' (known: negative, nonzero, null, zero)", 1, true))
      end)
   end)

   it("is not made of a variable", function()
      local other <close> = moonlink.new()
      assert(other:load(support.cc(dir .. "/variables.o", [[
         int plain = 1; _Thread_local int each = 2; int zero; int f(void) { return plain + each; }
      ]])))
      for _, name in ipairs {"plain", "each", "zero"} do
         local fn, err = other:func(("int %s(void)"):format(name))
         assert.is_nil(fn)
         assert.equal("kind", err.code)
         assert.matches(('ln:cdef "extern int %s;"'):format(name), err.hint, 1, true)
      end
      assert.equal(3, other:func "int f(void)" ())
   end)

   it("takes the address of another as its last argument", function()
      assert.same({ln:address_of "add"}, {(ln:address_of "add")}) -- nothing comes behind it
      assert.same({ln:address_of "puts"}, {(ln:address_of "puts")})
   end)

   it("has a signature that the core checks itself", function()
      local address = ln:address_of "add"
      for _, code in ipairs { "", "i", "i(", "i(i", "x()", "i(v)", "i(x)", "i(i.", "i(ii))", "P(i)",
         "i(P)", "i(Pi)", "i(Pi()", "i(..)", "i(.i)", "!", "!!i()", "\xc3\xbf()", "i(\0)",
         "i(" .. ("i"):rep(128) .. ")", ("Pi("):rep(20), "i(" .. ("Pi("):rep(10) .. (")"):rep(11),
      } do
         assert.truthy(refused(core.func, address, code):find("signature code", 1, true), code)
      end
      assert.equal(5, core.func(address, "i(ii)")(2, 3))
      assert.equal(5, core.func(address, "!i(ii)")(2, 3))
      assert.truthy(refused(core.func, 0, "i()"):find("NULL", 1, true))
   end)

   describe("of a linker that was closed", function()
      it("raises and names the object", function()
         local other = moonlink.new()
         local path = support.cc(dir .. "/gone.o", "int seven(void) { return 7; }")
         assert(other:load(path))
         local seven = other:func "int seven(void)"
         assert.equal(7, seven())
         other:close()
         assert.truthy(refused(seven):find("^seven: .*was unloaded"), refused(seven))
         assert.is_false(moonlink.info(seven).alive)
      end)

      it("survives that nothing else holds the linker", function()
         local status, out, err = support.lua([[
            local moonlink = require "moonlink"
            local f
            do
               local ln = moonlink.new()
               assert(ln:load(...))
               f = ln:func "int seven(void)"
            end
            collectgarbage() collectgarbage()
            local ok, result = pcall(f)
            print(ok and result == 7 or not ok)
         ]], support.cc(dir .. "/alone.o", "int seven(void) { return 7; }"))
         assert.equal(0, status, err)
         assert.equal("true\n", out)
      end)
   end)

   describe("by name", function()
      setup(function()
         ln:cdef [[
            int add(int, int); int missing_function(int); int nowhere(struct pt);
            extern int counter; extern unsigned char small; extern double ratio; extern bool flag;
            extern const char *motto; extern const int fixed; extern int table[3];
            extern char name[8]; extern void *pointer; extern float single;
            extern int (*operation)(int, int); extern int missing_variable;
            extern __thread int own;
            #define LIMIT 12
         ]]
      end)

      it("is bound once and then a plain field", function()
         assert.equal(5, ln.c.add(2, 3))
         assert.equal(ln.c.add, rawget(ln.c, "add"))
         assert.equal(12, ln.c.LIMIT)
         assert.equal(3, ln:func "add"(1, 2))
      end)

      it("raises when it is not declared, not there, or not callable", function()
         assert.truthy(refused(function() return ln.c.undeclared end):find(
            "call_spec.lua:%d+: 'undeclared' is not declared"))
         assert.truthy(refused(function() return ln.c.missing_function end):find(
            "missing_function", 1, true))
         assert.truthy(refused(function() return ln.c.nowhere end):find("by value", 1, true))
      end)

      it("reads and writes variables", function()
         local c = ln.c
         assert.equal(5, c.counter)
         c.counter = -6
         assert.equal(-6, c.counter)
         assert.equal(200, c.small)
         assert.equal(0.5, c.ratio)
         c.ratio = 3
         assert.equal(3.0, c.ratio)
         assert.equal(1.5, c.single)
         assert.equal(true, c.flag)
         c.flag = false
         assert.equal(false, c.flag)
         assert.is_nil(c.pointer)
         c.pointer = 64
         assert.equal(64, c.pointer)
         c.pointer = nil
         assert.is_nil(c.pointer)
         assert.equal("per aspera", c.motto)
         assert.equal("abc", c.name)
         assert.equal(2, (moonlink.read(c.table + 4, "i4")))
         assert.equal(ln:address_of "add", c.operation)
      end)

      it("refuses to write what does not fit", function()
         local c = ln.c
         local function set(name, value)
            return refused(function() c[name] = value end)
         end
         assert.truthy(set("counter", 2^31):find("out of range for int", 1, true))
         assert.truthy(set("small", -1):find("out of range for unsigned char", 1, true))
         assert.truthy(set("counter", "x"):find("number expected, got string", 1, true))
         assert.truthy(set("counter", 1.5):find("no integer representation", 1, true))
         assert.truthy(set("flag", 2):find("boolean expected", 1, true))
         assert.truthy(set("fixed", 1):find("'fixed' is const", 1, true))
         assert.truthy(set("motto", "text"):find("not kept alive", 1, true))
         assert.truthy(set("table", 1):find("cannot be written as a value", 1, true))
         assert.truthy(set("missing_function", print):find("not declared as a variable", 1, true))
         assert.truthy(set("missing_variable", 1):find("missing_variable", 1, true))
      end)
   end)

   -- Random prototypes over all types, up to 12 arguments: C folds them into one number, and so
   -- does Lua; the result goes through every type too.
   describe("with any prototype", function()
      local function fold(h, bits)
         return (h ~ bits) * 0x9E3779B97F4A7C15
      end

      local function bits_of(x)
         return (string.unpack("i8", string.pack("d", x)))
      end

      local function integer(low, high)
         return function()
            local pick = math.random(4)
            return pick == 1 and low or pick == 2 and high or math.random(low, high)
         end
      end

      local function float()
         return math.random(-2^20, 2^20) / 16
      end

      local as_integer = { c = "bits(%s)", value = function(v) return v end }
      local as_double = { c = "dbits((double)%s)", value = bits_of }
      local function narrow(format)
         local size = string.packsize(format)
         return function(h)
            return (string.unpack(format, string.pack("i8", h):sub(1, size)))
         end
      end
      local types = {
         { "signed char", integer(-128, 127), as_integer, narrow "b" },
         { "unsigned char", integer(0, 255), as_integer, narrow "B" },
         { "short", integer(-32768, 32767), as_integer, narrow "h" },
         { "unsigned short", integer(0, 65535), as_integer, narrow "H" },
         { "int", integer(-2^31 | 0, 2^31 - 1 | 0), as_integer, narrow "i4" },
         { "unsigned", integer(0, 2^32 - 1 | 0), as_integer, narrow "I4" },
         { "long long", integer(math.mininteger, math.maxinteger), as_integer, narrow "i8" },
         { "size_t", integer(math.mininteger, math.maxinteger), as_integer, narrow "i8" },
         { "char", integer(-128, 127), as_integer, narrow "b" },
         { "void *", integer(1, 2^47 | 0), as_integer, narrow "i8" },
         { "float", float, as_double, function(h) return (h & 0xffff) / 2 end,
            "(h & 0xffff) / 2.0f" },
         { "double", float, as_double, function(h) return (h & 0xffffff) / 4 end,
            "(h & 0xffffff) / 4.0" },
         { "long double", float, as_double, function(h) return (h & 0xffffff) / 8 end,
            "(h & 0xffffff) / 8.0L" },
         { "_Bool", function() return math.random(2) == 1 end,
            { c = "bits(%s)", value = function(v) return v and 1 or 0 end },
            function(h) return h & 1 == 1 end, "h & 1" },
      }

      ---A random function: its C text, its prototype, its types.
      local function random_function(name)
         local n = math.random(0, 12)
         local result = types[math.random(#types)]
         local params, kinds, body = {}, {}, {}
         for i = 1, n do
            local t = types[math.random(#types)]
            kinds[i] = t
            params[i] = ("%s a%d"):format(t[1], i)
            body[i] = ("h = (h ^ %s) * 0x9E3779B97F4A7C15u;"):format(t[3].c:format("a" .. i))
         end
         local list = n > 0 and table.concat(params, ", ") or "void"
         local prototype = ("%s %s(%s)"):format(result[1], name, list)
         local value = result[5] or ("(%s)h"):format(result[1])
         local source = ("%s { uint64_t h = %du; %s return %s; }"):format(
            prototype, n, table.concat(body, " "), value)
         return { prototype = prototype, source = source, kinds = kinds, result = result, n = n }
      end

      local function check(f, case)
         local args, h = {}, case.n
         for i, t in ipairs(case.kinds) do
            args[i] = t[2]()
            h = fold(h, t[3].value(args[i]))
         end
         local expected = case.result[4](h)
         local got = f(table.unpack(args, 1, case.n))
         if case.result[1] == "void *" and expected == 0 then
            expected = nil
         end
         assert.equal(expected, got, case.prototype)
      end

      for _, compiler in ipairs { "gcc", "clang" } do
         for _, flags in ipairs { "-O0", "-O2" } do
            it(("as %s %s compiles it"):format(compiler, flags), function()
               if not support.has(compiler) then
                  return pending(compiler .. " is not installed")
               end
               math.randomseed(20240229)
               local cases, lines = {}, {
                  "#include <stdint.h>", "#include <stddef.h>", "#include <string.h>",
                  "#define bits(x) ((uint64_t)(x))",
                  "static uint64_t dbits(double d) { uint64_t u; memcpy(&u, &d, 8); return u; }",
               }
               for i = 1, 300 do
                  cases[i] = random_function(("%s%s_%d"):format(compiler, flags:sub(2), i))
                  lines[#lines + 1] = cases[i].source
               end
               load(table.concat(lines, "\n"), flags .. " -w", compiler)
               for _, case in ipairs(cases) do
                  local f = assert(ln:func(case.prototype))
                  local declared = ln.types:prototype(case.prototype)
                  local through_libffi = core.func(moonlink.info(f).address,
                     "!" .. ctype.code(declared.type))
                  for _ = 1, 5 do
                     check(f, case)
                     check(through_libffi, case)
                  end
               end
            end)
         end
      end
   end)
end)
