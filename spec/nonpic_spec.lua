--- Code compiled without -fPIC that uses variables of shared libraries: it lies below 2 GiB, the
-- variables do not, so that every such instruction is moved out of line (or refused by name; none
-- of those here may be). What is expected is computed from the C text, or told by the library.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

-- The library: variables of each kind, and functions that tell what it sees itself.
local LIBRARY = [[
struct point { int x; long y; char name[16]; };
int v_int = 42; long v_long = -7; double v_double = 2.5; float v_float = 0.5f;
char v_text[32] = "moon"; unsigned char v_byte = 200; short v_short = -300; _Bool v_bool = 1;
int v_array[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
double v_doubles[4] = {1.5, 2.5, 3.5, 4.5};
struct point v_point = {3, 4, "point"}; struct point v_other = {30, 40, "other"};
int *v_pointer = &v_int; unsigned v_bits = 0xf0;
static int twice(int n) { return 2 * n; }
static int square(int n) { return n * n; }
int (*v_func)(int) = twice;
int (*v_table[2])(int) = {twice, square};
long address_of_int(void) { return (long)&v_int; }
long address_of_array(void) { return (long)v_array; }
int get_int(void) { return v_int; }
long get_long(void) { return v_long; }
double get_double(void) { return v_double; }
int get_array(int i) { return v_array[i]; }
long get_point(void) { return v_point.x + v_point.y; }
]]

-- What every case may use. `own` makes the object one that must lie low: its table is indexed by
-- an absolute address, and the table is the object's own.
local HEAD = [[
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
struct point { int x; long y; char name[16]; };
extern int v_int; extern long v_long; extern double v_double; extern float v_float;
extern char v_text[32]; extern unsigned char v_byte; extern short v_short; extern _Bool v_bool;
extern int v_array[16]; extern double v_doubles[4];
extern struct point v_point, v_other; extern int *v_pointer; extern unsigned v_bits;
extern int (*v_func)(int); extern int (*v_table[2])(int);
extern long address_of_int(void), address_of_array(void), get_long(void), get_point(void);
extern int get_int(void), get_array(int); extern double get_double(void);
extern char **environ;
static int table[4] = {10, 20, 30, 40};
static int *mine, *volatile other;
static int *const constant = &v_int;
int own(int i) { return table[i & 3]++; }
]]

-- {name, body of `long NAME(long n)`, argument, result}; in this order, for some write.
local CASES = {
   {"read_int", "return v_int;", 0, 42},
   {"read_long", "return v_long;", 0, -7},
   {"read_byte", "return v_byte;", 0, 200},
   {"read_signed_byte", "return (signed char)v_byte;", 0, -56},
   {"read_short", "return v_short;", 0, -300},
   {"read_unsigned_short", "return (unsigned short)v_short;", 0, 65236},
   {"read_bool", "return v_bool;", 0, 1},
   {"read_text", "return v_text[n];", 2, ("o"):byte()},
   {"read_double", "return (long)(v_double * 4);", 0, 10},
   {"read_float", "return (long)(v_float * 8 + n);", 3, 7},
   {"convert_double", "return (int)v_double;", 0, 2},
   {"convert_int", "return (long)(v_int / 4.0 * 100);", 0, 1050},
   {"compare_int", "return v_int == n;", 42, 1},
   {"compare_order", "return (v_long < n) * 2 + (v_int > n);", 41, 3},
   {"compare_immediate", "return v_int == 42 && v_long != 5 && v_byte == 200 && v_short < -2;",
      0, 1},
   {"compare_double", "return (v_double > n) * 2 + (v_double == 2.5);", 2, 3},
   {"test_bits", "return v_bits & 0x10 ? v_bits & 0x0f ? 1 : 2 : 3;", 0, 2},
   {"choose", "return n > 3 ? v_int : n;", 5, 42},
   {"address", "return (long)&v_int == address_of_int();", 0, 1},
   {"address_of_element", "return (long)&v_array[n] - address_of_array();", 3, 12},
   {"address_of_member", "return (long)&v_point.y - (long)&v_point;", 0, 8},
   {"address_compared", "return v_pointer == &v_int;", 0, 1},
   {"address_of_library", "return (int *)address_of_int() == &v_int;", 0, 1},
   {"address_chosen", "return *(n ? &v_int : v_array);", 1, 42},
   {"address_in_own_variable", "mine = &v_int; return *mine;", 0, 42},
   {"address_in_volatile", "other = &v_array[5]; return *other;", 0, 6},
   {"address_on_stack", "int *volatile p[40]; p[n] = &v_int; p[39] = v_array;" ..
      "return *p[n] + *p[39];", 7, 43},
   {"address_in_constant", "return *constant;", 0, 42},
   {"address_as_number", "return ((unsigned long)v_array >> 2) + n -" ..
      "((unsigned long)address_of_array() >> 2);", 9, 9},
   {"address_negative", "return v_array - (int *)(address_of_array() - 4 * n);", 6, 6},
   {"index", "return v_array[n];", 4, 5},
   {"index_sum", "return v_array[n] + v_array[n + 1] * v_array[15 - n];", 4, 77},
   {"index_double", "return (long)(v_doubles[n] * 2);", 3, 9},
   {"loop", "long s = 0; for (int i = 0; i < 16; i++) s += v_array[i]; return s;", 0, 136},
   {"loop_pointer", "long s = 0; for (int *p = v_array; p != v_array + 16; p++) s += *p;" ..
      "return s;", 0, 136},
   {"loop_double", "double s = 0; for (int i = 0; i < 4; i++) s += v_doubles[i] * n;" ..
      "return (long)s;", 2, 24},
   {"is_inside", "int *p = v_array + n; return p >= v_array && p < &v_array[16];", 15, 1},
   {"distance", "return (int *)v_pointer - &v_int;", 0, 0},
   {"struct_member", "return v_point.x * 10 + v_point.y;", 0, 34},
   {"struct_by_value", "struct point p = v_point; return p.x + p.y + p.name[0];", 0, 7 + 112},
   {"call_pointer", "return v_func(n) + 1;", 20, 41},
   {"call_last", "return v_func(n);", 20, 40},
   {"call_table", "return v_table[n](7) + 1;", 1, 50},
   {"call_table_last", "return v_table[n](7);", 0, 14},
   {"divide", "return 1000 / v_int;", 0, 23},
   {"divide_long", "return 100 % v_long + 100 / v_long;", 0, 2 - 14},
   {"multiply", "return n * v_int * 3;", 2, 252},
   {"shift", "return n << (v_int & 31);", 1, 1024},
   {"library_string", "return strlen(v_text) + strcmp(v_text, \"moon\");", 0, 4},
   {"compare_memory", "return memcmp(v_text, \"moon\", 5) == 0;", 0, 1},
   {"stderr", "return fprintf(stderr, \"%s\", \"\");", 0, 0},
   {"stdout_is_another", "return stdout != stderr && stdin != stdout;", 0, 1},
   {"environ", "return environ != 0 && environ[0] != 0;", 0, 1},
   {"address_of_environ", "char ***p = &environ; return *p == environ;", 0, 1},
   {"optarg", "optarg = v_text; long r = optarg[1] == 'o'; optarg = 0; return r && !optarg;", 0, 1},
   {"optind", "int old = optind; optind = n; n = optind + 1; optind = old; return n;", 9, 10},
   {"function_address", "void (*volatile f)(void *) = free; f(malloc(n)); return f == free;", 9, 1},
   {"write_int", "v_int = n; return get_int();", 50, 50},
   {"write_constant", "v_int = 77; return get_int();", 0, 77},
   {"write_long_constant", "v_long = -1; return get_long();", 0, -1},
   {"write_long", "v_long = n; return get_long();", 1 << 40, 1 << 40},
   {"write_double", "v_double = n; return (long)get_double();", 9, 9},
   {"write_byte", "v_byte = n; v_bool = n > 3; v_short = n; return v_byte + v_bool + v_short;",
      5, 11},
   {"write_element", "v_array[n] = 99; return get_array(n);", 8, 99},
   {"write_struct", "v_point = v_other; return get_point();", 0, 70},
   {"write_pointer", "v_pointer = v_array; return *v_pointer;", 0, 1},
   {"write_float", "v_float = n; return v_float == n;", 4, 1},
   {"increment", "v_int++; ++v_int; v_int--; return get_int();", 0, 78},
   {"add", "v_int += n; v_long -= 3; v_long += n; return get_int() + get_long();", 2,
      80 + (1 << 40) - 1},
   {"bitwise", "v_bits |= 3; v_bits &= ~1u; v_bits ^= n; return v_bits;", 4, 0xf6},
   {"shift_in_place", "v_bits <<= 2; v_bits >>= n; return v_bits;", 1, 0x1ec},
   {"negate", "v_int = -v_int; v_bits = ~v_bits; return get_int() + (int)(v_bits & 1);", 0, -79},
   {"element_in_place", "v_array[n] *= 3; v_array[n]++; return get_array(n);", 3, 13},
   {"double_in_place", "v_double *= 2; v_double -= n; return (long)get_double();", 1, 17},
   {"atomic_add", "return __atomic_fetch_add(&v_long, n, __ATOMIC_SEQ_CST) - get_long();", 6, -6},
   {"atomic_exchange", "v_long = 5; __sync_bool_compare_and_swap(&v_long, 5, n);" ..
      "return get_long();", 11, 11},
   {"set_memory", "memset(v_text, 'x', 16); return v_text[15] + v_text[16];", 0, 120},
   {"copy_memory", "memcpy(v_array, v_array + 8, 32); return get_array(1) + get_array(7);", 0, 26},
   {"fill", "for (int i = 0; i < 16; i++) v_array[i] = i * n; return get_array(15);", 2, 30},
   {"own", "return own(n);", 2, 30},
}

local function source()
   local lines = {HEAD}
   for _, case in ipairs(CASES) do
      lines[#lines + 1] = ("long t_%s(long n) { (void)n; %s }"):format(case[1], case[2])
   end
   return table.concat(lines, "\n")
end

local COMPILERS = {"gcc", "clang"}
local LEVELS = {"-O0", "-O1", "-O2", "-O3", "-Os"}

describe("code that is not position independent", function()
   local folder

   setup(function()
      folder = support.tmpdir()
   end)

   -- A library of its own for each run: the cases write its variables.
   local function library(name)
      local path = ("%s/lib%s.so"):format(folder, name)
      support.write(path .. ".c", LIBRARY)
      support.sh("LD_PRELOAD= gcc -O1 -shared -fPIC -o %s %s.c", path, path)
      return path
   end

   for _, compiler in ipairs(COMPILERS) do
      for _, level in ipairs(LEVELS) do
         it(("uses a library's variables (%s %s)"):format(compiler, level), function()
            if not support.has(compiler) then
               pending(compiler .. " is not installed")
               return
            end
            local name = compiler .. level
            local object = support.cc(("%s/%s.o"):format(folder, name), source(),
               "-w -fno-pic -fno-stack-protector -mcmodel=small " .. level, {compiler = compiler})
            local ln <close> = moonlink.new {}
            assert(ln:load {library(name), object})
            local wrong = {}
            for _, case in ipairs(CASES) do
               local f = assert(ln:func(("long t_%s(long)"):format(case[1])))
               local got = f(case[3])
               if got ~= case[4] then
                  wrong[#wrong + 1] = ("%s: %s, not %s"):format(case[1], got, case[4])
               end
            end
            assert.same({}, wrong)
         end)
      end
   end

   it("lies below 2 GiB, where its variables are not #layout", function()
      local object = support.cc(folder .. "/low.o",
         HEAD .. "long where(void) { return (long)table; } long v(void) { return (long)&v_int; }",
         "-w -fno-pic -O1")
      local ln <close> = moonlink.new {}
      assert(ln:load {library "low", object})
      local where, v = ln:func "long where(void)", ln:func "long v(void)"
      assert.is_true(where() < 1 << 31)
      assert.is_true(v() > 1 << 32)
   end)

   it("finds code behind a table amid the code, as GHC places it #layout", function()
      local object = support.as(folder .. "/amid.o", [[
         .globl f
         .type f, @function
         f: movq $1f, %rax
            jmp *%rax
            .byte 0x48, 0xb8 /* the table: read as code, movabs and the next eight bytes */
         1: movl v_int(%rip), %eax
            ret
      ]])
      local ln <close> = moonlink.new {}
      assert(ln:load {library "amid", object})
      assert.equal(42, (ln:func "int f(void)")())
   end)

   it("is placed low for the addresses in a large table, wherever they begin in it", function()
      for _, before in ipairs {0, 100} do
         local object = support.as(("%s/large%d.o"):format(folder, before), ([[
            .globl f
            .type f, @function
            f: movl table(,%%rdi,4), %%eax
               subl $x, %%eax
               ret
            .data
            table: .rept %d
            .long f - .
            .endr
            .rept 2000
            .long x + 8
            .endr
            .local x
            .comm x, 16
         ]]):format(before))
         local ln <close> = moonlink.new {}
         local unit = assert(ln:load(object))
         local f = ln:func "int f(long)"
         assert.same({8, 8}, {f(before), f(before + 1999)})
         assert.is_true(unit.stats.base < 1 << 31)
      end
   end)

   -- What cannot be moved is named, with its symbol and what to do.
   local REFUSED = {
      {"32 bits of an address", "cmpl $v_int, %eax", "32 bits of the address"},
      {"lea of 32 bits", "leal v_int(%rip), %eax", "32 bits of the address"},
      {"the stack pointer as an operand", "cmpq %rsp, v_int(%rip)", "%rsp"},
      {"a segment prefix", "movl %fs:v_int, %eax", "segment prefix"},
      {"two fields out of reach", "imulq $v_int, v_long(%rip), %rax", "cannot be moved"},
      {"an unknown instruction", "lgdt v_int(%rip)", "lgdt", "not known"},
   }

   -- Nothing but the field itself says that the load has to lie below 2 GiB.
   it("reaches a function from 32 bits of data", function()
      local object = support.as(folder .. "/low_data.o", [[
         .globl length
         length: movl table(%rip), %eax
            jmp *%rax
         .data
         table: .long strlen
      ]])
      local ln <close> = moonlink.new {}
      assert(ln:load(object))
      assert.equal(4, ln:func "long length(const char *)" "four")
   end)

   it("reaches what a table of C++ names in 32 bits", function()
      local object = support.cc(folder .. "/low_throw.o", [[
         extern "C" int entry(int n) { try { throw n; } catch (int v) { return v + 1; } }
      ]], "-O2 -fno-pic -mcmodel=medium", {compiler = "clang++"})
      local ln <close> = moonlink.new {}
      assert(ln:load {object, "-lstdc++"})
      assert.equal(8, ln:func "int entry(int)"(7))
   end)

   for _, case in ipairs(REFUSED) do
      it("refuses " .. case[1] .. " by name #layout", function()
         local object = support.as(folder .. "/refused.o", ([[
            .globl f
            .type f, @function
            f: %s
               ret
               movl table(,%%rax,4), %%eax
            .bss
            table: .zero 64
         ]]):format(case[2]))
         local ln <close> = moonlink.new {}
         local unit, err = ln:load {library "refused", object}
         assert.is_nil(unit)
         assert.equal("range", err.code)
         assert.matches("^v_", err.symbol)
         assert.equal("f", err.func)
         assert.matches(case[#case], tostring(err), 1, true)
         assert.matches("-fPIC", err.hint, 1, true)
      end)
   end
end)
