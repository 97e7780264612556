--- Links for a chosen address: the bytes are those that ld makes for the same addresses, and the
-- addresses that are reported are those in the bytes.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()
-- Without what ld rewrites when it copies a section: unwind tables, notes.
local PLAIN = "-fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none "

local MAIN = [[
   extern int other(int), far_away(int);
   extern int shared_data[4];
   int counter = 5;
   static int table[8] = {1, 2, 3};
   const char *const names[] = {"first one", "second text"};
   int *pointers[] = {&counter, &table[3], shared_data + 2};
   int (*functions[])(int) = {other, far_away};
   int sum(int n) { return other(n) + far_away(n) + table[n & 7] + counter + *names[n & 1]; }
   int *where(void) { return &counter; }
   long bits(void) { return (long)table; }
]]
local OTHER = [[
   int shared_data[4] = {7, 8, 9, 10};
   extern int sum(int);
   int other(int n) { return n > 3 ? sum(n - 1) : shared_data[n]; }
]]

local function image(what)
   local ln <close> = moonlink.new {}
   return ln:image(what)
end

--- Sections with bytes, by file and name.
local function contents(made)
   local out = {}
   for _, s in ipairs(made.sections) do
      if s.size > 0 and not s.name:find "^%.bss" then
         out[#out + 1] = {
            file = s.file, name = s.name, address = s.address,
            bytes = made.bytes:sub(s.offset + 1, s.offset + s.size),
         }
      end
   end
   return out
end

--- What ld makes of the same objects when each section must lie where the image has it.
local function linked_by_ld(name, sections, options)
   local lines = {"SECTIONS {"}
   for i, s in ipairs(sections) do
      lines[#lines + 1] = (" out%d %#x : { %s(%s) }"):format(i, s.address, s.file, s.name)
   end
   lines[#lines + 1] = " .bss : { *(.bss COMMON) } /DISCARD/ : { *(*) } }"
   local script = support.write(dir .. "/" .. name .. ".ld", table.concat(lines, "\n"))
   local files = {}
   for _, s in ipairs(sections) do
      files[s.file] = true
   end
   local list = {}
   for file in pairs(files) do
      list[#list + 1] = file
   end
   table.sort(list)
   local out = dir .. "/" .. name .. ".out"
   support.sh("ld -static -e 0 --no-warn-mismatch -z noexecstack %s -T %s -o %s %s 2>&1",
      options or "", script, out, table.concat(list, " "))
   local bytes = {}
   for i in ipairs(sections) do
      support.sh("objcopy -O binary -j out%d %s %s.bin", i, out, out)
      bytes[i] = support.read(out .. ".bin")
   end
   return bytes
end

local function assert_as_ld(name, made, options)
   local sections = contents(made)
   assert.is_true(#sections > 3)
   local wanted = linked_by_ld(name, sections, options)
   for i, s in ipairs(sections) do
      assert.equal(wanted[i], s.bytes, s.file .. " " .. s.name)
   end
end

describe("an image", function()
   it("has the bytes that ld gives the same sections at the same addresses", function()
      for _, flags in ipairs {"-O0 -fno-pic", "-O2 -fno-pic", "-O1 -fPIE", "-Os -fno-pic"} do
         local name = "low" .. flags:gsub("%W", "")
         local main = support.cc(dir .. "/" .. name .. "1.o", MAIN, PLAIN .. flags)
         local other = support.cc(dir .. "/" .. name .. "2.o", OTHER, PLAIN .. flags)
         local made = assert(image {main, other, at = 0x400000, relax = false,
            define = {far_away = 0x10002000}})
         assert.equal(0x400000, made.base)
         -- A GOT would have no counterpart at the same place in ld's output.
         assert.same({}, made.got)
         assert_as_ld(name, made, "--defsym far_away=0x10002000")
      end
   end)

   it("can lie in the upper 2 GiB, for code of the kernel's model", function()
      local flags = PLAIN .. "-O1 -fno-pic -mcmodel=kernel -mno-red-zone"
      local main = support.cc(dir .. "/kernel1.o", MAIN, flags)
      local other = support.cc(dir .. "/kernel2.o", OTHER, flags)
      local made = assert(image {main, other, at = 0xffffffff80000000,
         define = {far_away = 0xffffffff90000000}})
      assert_as_ld("kernel", made, "--defsym far_away=0xffffffff90000000")
   end)

   it("says where symbols lie, as nm does of ld's output", function()
      local main = support.cc(dir .. "/nm1.o", MAIN, PLAIN .. "-fno-pic")
      local other = support.cc(dir .. "/nm2.o", OTHER, PLAIN .. "-fno-pic")
      local made = assert(image {main, other, at = 0x10000000, define = {far_away = 0x10800000}})
      linked_by_ld("nm", contents(made), "--defsym far_away=0x10800000")
      local seen = 0
      for address, name in support.sh("nm -g %s/nm.out", dir):gmatch "(%x+) %a ([%w_]+)" do
         assert.equal(tonumber(address, 16), made.symbols[name], name)
         seen = seen + 1
      end
      assert.is_true(seen >= 9)
   end)

   it("has GOT slots that hold the addresses of their symbols", function()
      local object = support.as(dir .. "/got.o", [[
         .globl f
         f: movq near@GOTPCREL(%rip), %rax
            movq far@GOTPCREL(%rip), %rcx
            ret
      ]])
      local define = {near = 0x10001000, far = 0x7f1234567890}
      local made = assert(image {object, at = 0x10000000, relax = false, define = define})
      for name, address in pairs(define) do
         local slot = assert(made.got[name], name)
         assert.equal(address, (("<i8"):unpack(made.bytes, slot - made.base + 1)))
      end
      -- G + GOT + A - P, with P three bytes into the instruction and A = -4
      local field = ("<i4"):unpack(made.bytes, made.symbols.f - made.base + 4)
      assert.equal(made.got.near - 4 - (made.symbols.f + 3), field)
   end)

   it("reads a near symbol without its GOT slot, unless that is switched off", function()
      local object = support.as(dir .. "/relax.o", [[
         .globl f
         f: movq near@GOTPCREL(%rip), %rax
            ret
      ]])
      local made = assert(image {object, at = 0x10000000, define = {near = 0x10001000}})
      assert.is_nil(made.got.near)
      local opcode, field = ("<c3i4"):unpack(made.bytes, made.symbols.f - made.base + 1)
      assert.equal("\x48\x8d\x05", opcode) -- lea disp32(%rip), %rax
      assert.equal(0x10001000 - (made.symbols.f + 7), field)
   end)

   it("has stubs that jump through a GOT slot to what is out of reach", function()
      local object = support.as(dir .. "/stub.o", ".globl f\nf: call far\n   ret\n")
      local made = assert(image {object, at = 0x10000000, define = {far = 0x7f1234567890}})
      local stub, slot = assert(made.stubs.far), assert(made.got.far)
      local call, field = ("<Bi4"):unpack(made.bytes, made.symbols.f - made.base + 1)
      assert.equal(0xe8, call)
      assert.equal(stub, made.symbols.f + 5 + field)
      local jump, displacement = ("<c6i4"):unpack(made.bytes, stub - made.base + 1)
      assert.equal("\xf3\x0f\x1e\xfa\xff\x25", jump) -- endbr64; jmp *disp32(%rip)
      assert.equal(slot, stub + 10 + displacement)
      assert.equal(0x7f1234567890, (("<i8"):unpack(made.bytes, slot - made.base + 1)))
   end)

   it("takes undefined names from `define` and archives alone", function()
      local object = support.cc(dir .. "/puts.o",
         "int puts(const char *); int member(void); int f(void) { return puts(\"x\") + member(); }")
      local member = support.cc(dir .. "/member.o", "int member(void) { return 1; }")
      support.sh("cd %s && ar rc libm1.a member.o", dir)
      assert.truthy(member)
      local made, err = image {object, dir .. "/libm1.a", at = 0x10000000}
      assert.is_nil(made)
      assert.equal("undefined", err.code)
      assert.equal("puts", err.symbol)
      assert.equal(1, err.count)
      assert.matches("define = {puts = ADDRESS}", err.hint, 1, true)
      local define = {puts = 0x10100000}
      made = assert(image {object, dir .. "/libm1.a", at = 0x10000000, define = define})
      assert.equal(0x10100000, made.symbols.puts)
      assert.is_true(made.symbols.member >= 0x10000000)
   end)

   it("is refused where an absolute address does not fit", function()
      local object = support.cc(dir .. "/abs.o",
         "static int t[4]; int f(int i) { return t[i]++; }", "-O1 -fno-pic")
      local made, err = image {object, at = 0x100000000}
      assert.is_nil(made)
      assert.equal("range", err.code)
      assert.equal("R_X86_64_32S", err.reloc)
      assert.is_truthy(image {object, at = 0x70000000})
   end)

   it("is refused at an address that no page begins at", function()
      local object = support.cc(dir .. "/page.o", "int f(void) { return 1; }")
      local made, err = image {object, at = 0x10000010}
      assert.is_nil(made)
      assert.equal("argument", err.code)
   end)

   it("maps nothing, and runs nothing", function()
      local object = support.cc(dir .. "/ctor.o",
         "#include <stdlib.h>\n__attribute__((constructor)) static void c(void) { abort(); }")
      local made = assert(image {object, at = 0x7e0000000000, define = {abort = 0x7e0000100000}})
      assert.is_true(#made.bytes > 0)
      assert.is_falsy(support.read "/proc/self/maps":find("7e0000000000", 1, true))
   end)
end)
