--- The medium and large code models: data out of 32-bit reach of code, and code that reaches
-- everything through 64 bits. What the functions return is computed from the C text.
-- Spec: x86-64 psABI 3.5.1 "Architectural Constraints", 4.2.1 "Section Flags".
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

local MAIN = [[
#include <string.h>
#define N 100000
char zeroes[1 << 20];
static int table[N] = {1, 2, 3};
const char text[200000] = "constant";
int tentative[N];
int small = 3;
extern int other(int), other_small;
extern char other_large[200000];
static int own(int x) { return x + 1; }
int (*volatile pointer)(int) = own;
char *inside = other_large + 1000;
int run(int i)
{
   zeroes[i] = 7;
   table[i] += 5;
   tentative[N - 1] = 1000;
   return zeroes[i] + table[i] + text[0] + small + other(2) + own(3) + other_large[1] + other_small
      + (int)strlen(text) + pointer(1) + tentative[N - 1] + *inside;
}
]]
local OTHER = [[
char other_large[200000] = {1, 2, [1000] = 9};
int other_small = 11;
extern int tentative[];
int other(int x) { return x * x + other_small + tentative[0]; }
]]
-- 7 + table[2] + 5, 'c', 3, other(2), own(3), other_large[1], 11, strlen, own(1), 1000, 9
local RESULT = 7 + (3 + 5) + 99 + 3 + (4 + 11) + 4 + 2 + 11 + 8 + 2 + 1000 + 9

local COMPILERS = {"gcc", "clang"}
local MODELS = {"-mcmodel=medium", "-mcmodel=large"}
local FLAVOURS = {"-fno-pic", "-fPIE", "-fPIC", "-fPIC -fno-plt"}

describe("a code model", function()
   local folder, executed

   setup(function()
      folder, executed = support.tmpdir(), {}
   end)

   local function object(name, source, flags, compiler)
      local path = support.cc(("%s/%s.o"):format(folder, name), source, flags,
         {compiler = compiler})
      for kind in support.sh("readelf -rW %s", path):gmatch "R_X86_64_(%w+)" do
         executed[kind] = true
      end
      return path
   end

   for _, compiler in ipairs(COMPILERS) do
      for _, model in ipairs(MODELS) do
         for _, flavour in ipairs(FLAVOURS) do
            it(("runs (%s %s %s)"):format(compiler, model, flavour), function()
               for _, level in ipairs {"-O0", "-O2 -fcommon"} do
                  local flags = table.concat({model, flavour, level}, " ")
                  for _, relax in ipairs {true, false} do
                     local ln <close> = moonlink.new {relax = relax}
                     assert(ln:load {object("main", MAIN, flags, compiler),
                        object("other", OTHER, flags, compiler)})
                     assert.equal(RESULT, ln:func "int run(int)"(2))
                  end
               end
            end)
         end
      end
   end

   it("may differ from object to object", function()
      local flavours = {}
      for _, model in ipairs {"-mcmodel=small", "-mcmodel=medium", "-mcmodel=large"} do
         for _, flavour in ipairs(FLAVOURS) do
            flavours[#flavours + 1] = model .. " " .. flavour .. " -O1"
         end
      end
      for i, flags in ipairs(flavours) do
         local ln <close> = moonlink.new()
         assert(ln:load {object("main", MAIN, flags), object("other", OTHER,
            flavours[(i + 4) % #flavours + 1])})
         assert.equal(RESULT, ln:func "int run(int)"(2))
      end
   end)

   -- The forms that no compiler here emits, or that its optimiser may leave out.
   it("has relocations that only an assembler text shows", function()
      local made = object("forms", [[__asm__(
         ".globl by_got, by_gotpcrel64, by_plt, by_gotoff\n"
         "by_got: lea 1f(%rip), %rdx; 1: movabs $_GLOBAL_OFFSET_TABLE_ - 1b, %rcx\n"
         "   add %rdx, %rcx; movabs $value@GOT, %rax; mov (%rcx, %rax), %rax\n"
         "   mov (%rax), %eax; ret\n"
         "by_gotpcrel64: lea 2f + 2(%rip), %rdx; 2: movabs $0, %rax\n"
         ".reloc 2b + 2, R_X86_64_GOTPCREL64, value\n"
         "   mov (%rax, %rdx), %rax; mov (%rax), %eax; ret\n"
         "by_plt: lea 3f(%rip), %rdx; 3: movabs $_GLOBAL_OFFSET_TABLE_ - 3b, %rcx\n"
         "   add %rdx, %rcx; movabs $target@GOTPLT, %rax; call *(%rcx, %rax)\n"
         "   push %rax; lea 4f(%rip), %rdx; 4: movabs $_GLOBAL_OFFSET_TABLE_ - 4b, %rcx\n"
         "   add %rdx, %rcx; movabs $target@PLTOFF, %rax; add %rcx, %rax; call *%rax\n"
         "   pop %rdx; add %rdx, %rax; ret\n"
         "by_gotoff: lea 5f(%rip), %rdx; 5: movabs $_GLOBAL_OFFSET_TABLE_ - 5b, %rcx\n"
         "   add %rdx, %rcx; movabs $value@GOTOFF, %rax; mov (%rcx, %rax), %eax; ret\n");
         int value = 77;
         int target(void) { return 5; }
      ]], "-O1 -mcmodel=medium -mlarge-data-threshold=0")
      assert.same({77, 77, 10, 77}, {loads.results("int", made, "by_got", "by_gotpcrel64", "by_plt",
         "by_gotoff")})
   end)

   it("has executed every relocation that is its own", function()
      for _, kind in ipairs {"64", "PC32", "PLT32", "GOT64", "GOTPC64", "GOTOFF64", "GOTPC32",
         "PLTOFF64", "GOTPCREL64", "GOTPLT64", "PC64", "32S", "REX"} do
         assert.is_truthy(executed[kind], kind)
      end
   end)

   describe("of large data", function()
      local HUGE <const> = 3 << 30

      local function unit_of(ln, source, flags)
         return assert(ln:load(object("huge", source, flags)))
      end

      local function section(unit, name)
         for _, s in ipairs(unit:sections()) do
            if s.name == name then
               return s
            end
         end
      end

      -- {what, C text before the functions, flags, section}
      local CASES = {
         {".lbss", "char huge[3ul << 30];", "-mcmodel=medium", ".lbss"},
         {"a large common", "char huge[3ul << 30];", "-mcmodel=medium -fcommon"},
         {".bss of the large model", "char huge[3ul << 30];", "-mcmodel=large", ".bss"},
         {"a common of the large model", "char huge[3ul << 30];", "-mcmodel=large -fcommon"},
         {"a static array", "static char huge[3ul << 30];", "-mcmodel=medium", ".lbss"},
      }
      for _, case in ipairs(CASES) do
         it("takes 3 GiB of " .. case[1] .. " #layout", function()
            for _, flavour in ipairs {"-fno-pic", "-fPIE", "-fPIC"} do
               local ln <close> = moonlink.new()
               local unit = unit_of(ln, case[2] .. [[
                  int beside = 1;
                  long where(void) { return (long)huge; }
                  int touch(long i) { huge[i]++; return huge[i] + beside; }
               ]], "-O1 " .. case[3] .. " " .. flavour)
               assert.equal(2, ln:func "int touch(long)"(0))
               assert.equal(2, ln:func "int touch(long)"(HUGE - 1))
               assert.equal(3, ln:func "int touch(long)"(HUGE - 1))
               assert.is_true(unit.stats.memory >= HUGE)
               local code = unit:address "touch"
               assert.is_true(math.abs(ln:func "long where(void)"() - code) > 1 << 32)
               assert.is_true(not case[4] or section(unit, case[4]).size == HUGE)
            end
         end)
      end

      it("goes back with its linker #layout", function()
         local function reserved()
            local n = 0
            for from, to in support.read "/proc/self/maps":gmatch "(%x+)%-(%x+)" do
               n = n + tonumber(to, 16) - tonumber(from, 16)
            end
            return n
         end
         local before = reserved()
         for _ = 1, 3 do
            local ln <close> = moonlink.new()
            unit_of(ln, "char huge[3ul << 30]; int f(void) { return huge[5]; }", "-mcmodel=medium")
            assert.equal(0, ln:func "int f(void)"())
            assert.is_true(reserved() - before >= HUGE)
         end
         assert.is_true(reserved() - before < 1 << 30)
      end)

      it("keeps constants constant #layout", function()
         local ln <close> = moonlink.new()
         local unit = unit_of(ln, [[
            const char constant[100000] = {1}; char variable[100000] = {2};
            int f(int i) { return constant[i] + variable[i]; }
         ]], "-O1 -mcmodel=medium")
         assert.equal(3, ln:func "int f(int)"(0))
         assert.equal("r--", section(unit, ".lrodata").prot)
         assert.equal("rw-", section(unit, ".ldata").prot)
         assert.is_nil((moonlink.write(unit:address "constant", "B", 5)))
         assert.is_true(moonlink.write(unit:address "variable", "B", 5))
         assert.equal(6, ln:func "int f(int)"(0))
      end)

      it("is reached by code of the small model, instruction by instruction", function()
         local large = object("large", [[
            long big[100000] = {5, 6, 7};
            long *at(int i) { return big + i; }
         ]], "-O1 -mcmodel=medium")
         for _, compiler in ipairs(COMPILERS) do
            for _, flavour in ipairs {"-fno-pic", "-fPIE", "-fPIC"} do
               local ln <close> = moonlink.new()
               assert(ln:load {large, object("user", [[
                  extern long big[]; extern long *at(int);
                  long read(int i) { return big[1] * 100 + big[i]; }
                  int same(void) { return &big[2] == at(2); }
                  void write(int i, long v) { big[i] = v; big[0] += v; }
               ]], "-O1 -mcmodel=small " .. flavour, compiler)})
               assert.equal(607, ln:func "long read(int)"(2))
               assert.equal(1, ln:func "int same(void)"())
               ln:func "void write(int, long)"(1, 9)
               assert.equal(914, ln:func "long read(int)"(0))
            end
         end
      end)

      it("is refused where 32 bits of data must hold it #layout", function()
         local err = loads.refusal(support.as(folder .. "/short.o", [[
            .section .ldata, "awl", @progbits
            .globl big
         big: .zero 16
            .data
            .long big - .
         ]]))
         assert.equal("range", err.code)
         assert.equal("big", err.symbol)
         assert.matches("-mcmodel=medium", err.hint, 1, true)
      end)

      it("is refused when it is more than there are addresses", function()
         local err = loads.refusal(object("endless", "char endless[1ul << 47];", "-mcmodel=medium"))
         assert.equal("space", err.code)
         assert.matches("large sections", tostring(err), 1, true)
         assert.matches("endless.o", err.file, 1, true)
      end)
   end)

   it("is one block in an image", function()
      local made = object("pictured", "char big[100000] = {1, 2}; char *at = big + 1;",
         "-mcmodel=medium")
      local ln <close> = moonlink.new()
      local image = assert(ln:image {made, at = 0x140000000})
      local at = image.symbols.at - image.base
      local big = string.unpack("<i8", image.bytes, at + 1)
      assert.equal(image.symbols.big + 1, big)
      assert.equal(2, image.bytes:byte(big - image.base + 1))
   end)
end)
