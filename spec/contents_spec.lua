--- Large objects, whose contents of sections are read where they are placed: they load like small
-- ones, whatever asks for these contents before, and a file that changes meanwhile is an error.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local mutate = require "spec.support.mutate"
local support = require "spec.support"

local dir = support.tmpdir()

-- Contents that a file begins with, and enough of them.
local PAD = "const char pad_TAG[1200000] = {1, [599999] = 2, [1199999] = 3};\n"

local function large(name, source, flags)
   return support.cc(("%s/%s.o"):format(dir, name), PAD:gsub("TAG", name) .. source,
      "-O1 " .. (flags or "-fPIC"))
end

local SOURCE = [[
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
extern char **environ; extern int missing(int);
static const char *const words[] = {"one", "two"};
int data = 5; static int zeros[1000];
static int twice(int n) { return 2 * n; }
int (*const pointer)(int) = twice;
__attribute__((constructor)) static void begin(void) { zeros[999] = 7; }
int unused(void) { return 99; }
int f(int n)
{
   errno = 0;
   fflush(stdout);
   return pointer(n) + data + zeros[999] + words[n & 1][0] + pad_TAG[599999] + pad_TAG[1199999]
      + (environ != 0) + abs(-1) + missing(n);
}
]]

-- missing gives 1000 more than it gets
local function expected(n)
   return 2 * n + 5 + 7 + ("ot"):byte((n & 1) + 1) + 2 + 3 + 1 + 1 + n + 1000
end

local stand_in = support.cc(dir .. "/stand_in.o", "int missing(int n) { return n + 1000; }",
   "-fPIC")

local function object(name, flags)
   return large(name, SOURCE:gsub("TAG", name), flags)
end

--- Open files of this process.
local function open_files()
   local pipe <close> = assert(io.popen "ls -l /proc/$PPID/fd 2>&1 | grep -c '\\.o$'")
   return pipe:read "n"
end

describe("a large object", function()
   local pic = object "pic"
   local KINDS = {
      pic = pic, low = object("low", "-fno-pic -fno-pie"), pie = object("pie", "-fPIE"),
      far = object("far", "-fPIC -mcmodel=large"), sections = object("sections",
         "-fPIC -ffunction-sections -fdata-sections -g"),
   }
   local OPTIONS = {
      {}, {relax = false}, {bind = "lazy"}, {bind = "stubs"}, {count = "object"}, {merge = true},
      {gc_sections = true, keep = {"f"}}, {debug = "lines"}, {protect = "dual"}, {zone = "low"},
      {protect = "input"}, {pages = "huge"},
   }

   for kind, path in pairs(KINDS) do
      it("does what a small one does: " .. kind, function()
         for i, options in ipairs(OPTIONS) do
            local ln <close> = moonlink.new(options)
            assert(ln:load {path, stand_in})
            local f = assert(ln:func "int f(int)")
            assert.same({i, expected(3), expected(4)}, {i, f(3), f(4)})
         end
         assert.equal(0, open_files())
      end)
   end

   it("has the same bytes at an address as one that is read whole", function()
      for _, path in pairs(KINDS) do
         local images = {}
         for i, input in ipairs {path, {bytes = support.read(path), name = path}} do
            local ln <close> = moonlink.new {undefined = "null"}
            images[i] = assert(ln:image {input, stand_in, at = 0x10000000, scope = {}})
         end
         assert.is_true(#images[1].bytes > 1200000)
         assert.is_true(images[1].bytes == images[2].bytes, path)
      end
   end)

   it("can be one of many", function()
      local inputs, sum = {stand_in}, 0
      for i = 1, 12 do
         local name = "many" .. i
         inputs[#inputs + 1] = large(name, ("int f%d(void) { return pad_%s[0] + %d; }"):format(i,
            name, i))
      end
      local ln <close> = moonlink.new {}
      assert(ln:load(inputs))
      for i = 1, 12 do
         sum = sum + ln:func(("int f%d(void)"):format(i))()
      end
      assert.equal(12 + 78, sum)
      assert.equal(0, open_files())
   end)

   it("is replaced by its next version", function()
      local path = large("versions", "int f(void) { return 1 + pad_versions[0]; }")
      local ln <close> = moonlink.new {}
      local unit = assert(ln:load(path))
      local f = ln:func "int f(void)"
      assert.equal(2, f())
      large("versions", "int f(void) { return 2 + pad_versions[599999]; }")
      assert(unit:reload())
      assert.equal(4, f())
   end)
end)

describe("a large object with sections that nobody makes", function()
   -- .odd is the last of the contents; symbols and relocations come behind it.
   local bytes = support.read(support.as(dir .. "/odd.o", '.section .rodata.pad, "a"\n'
      .. '.fill 1200000, 1, 7\n.section .odd, "a"\n.globl odd\nodd: .quad 42\n.data\n.quad odd\n'
      .. ".section .note.GNU-stack\n"))
   local headers = ("<I8"):unpack(bytes, 41)

   --- Where the header of .odd is, and the section itself.
   local function find_odd()
      for at = headers, #bytes - 64, 64 do
         local offset = mutate.get(bytes, at + 24, 8)
         if bytes:sub(offset + 1, offset + 8) == ("<i8"):pack(42) then
            return at, offset
         end
      end
   end

   it("loads as when it is read whole: one of no type that reaches beyond the contents", function()
      local at, offset = find_odd()
      local odd = mutate.put(mutate.put(bytes, at + 4, 4, 0), at + 32, 8, headers - offset)
      support.write(dir .. "/null.o", odd)
      local ln <close> = moonlink.new {}
      for _, input in ipairs {{dir .. "/null.o"}, {{bytes = odd, name = "null.o"}}} do
         local unit = assert(ln:load(input))
         assert.equal(42, moonlink.read(unit:address "odd", "<i8"))
         assert(unit:unload())
      end
   end)
end)

describe("a large object of code that loads from the GOT", function()
   local COUNT, TRAP = 5000, 0xcc

   -- gI, 8 bytes, loads from the slot of `data`, as -fPIC has it: a linker looks at the instruction
   -- before it knows whether there is to be a slot. Eight bytes behind it are a gap.
   local FUNCTION = ".p2align 4\n.globl g%d\ng%d: .byte 0x48, 0x8b, 0x05\nr%d: .long 0\nret\n"
   local RELOC = ".reloc r%d, R_X86_64_REX_GOTPCRELX, data - 4\n"
   local END = ".data\n.globl data\ndata: .quad 42\n.section .note.GNU-stack\n"

   local function functions(apart)
      local parts = {}
      for i = 0, COUNT - 1 do
         parts[#parts + 1] = apart and ('.section .text.g%d,"ax",@progbits\n'):format(i) or ""
         parts[#parts + 1] = FUNCTION:format(i, i, i)
      end
      return table.concat(parts)
   end

   --- The relocations of functions from first to last.
   local function relocs(first, last)
      local parts = {}
      for i = first, last, first < last and 1 or -1 do
         parts[#parts + 1] = RELOC:format(i)
      end
      return table.concat(parts)
   end

   local function object_of(name, ...)
      return support.as(("%s/%s.o"):format(dir, name), table.concat {..., END})
   end

   local PAD_TEXT = ".text\n.fill 1200000, 1, 0x90\n"
   local OBJECTS = {
      apart = object_of("got_apart", PAD_TEXT .. functions(true) .. relocs(0, COUNT - 1)),
      ["in order"] = object_of("got_up", PAD_TEXT .. functions() .. relocs(0, COUNT - 1)),
      ["last one first"] = object_of("got_down", PAD_TEXT .. functions() .. relocs(COUNT - 1, 0)),
   }

   for how, path in pairs(OBJECTS) do
      it("reaches the data without slots: " .. how, function()
         local ln <close> = moonlink.new {}
         local unit = assert(ln:load(path))
         for i = 0, COUNT - 1, 99 do
            local at = unit:address("g" .. i)
            assert.equal("\x48\x8d\x05", moonlink.read(at, "c3")) -- lea
            assert.equal(unit:address "data", at + 7 + moonlink.read(at + 3, "<i4"))
         end
      end)

      it("has the same bytes as when it is read whole: " .. how, function()
         local images = {}
         for i, input in ipairs {path, {bytes = support.read(path), name = path}} do
            local ln <close> = moonlink.new {}
            images[i] = assert(ln:image {input, at = 0x10000000, scope = {}}).bytes
         end
         assert.is_true(#images[1] > 1200000)
         assert.is_true(images[1] == images[2])
      end)
   end

   it("has traps between its functions", function()
      local ln <close> = moonlink.new {}
      local unit = assert(ln:load(OBJECTS.apart))
      for i = 0, COUNT - 2 do
         assert.equal(TRAP * 0x0101010101010101,
            moonlink.read(unit:address("g" .. i) + 8, "<i8"))
      end
   end)
end)

describe("an object of very many sections", function()
   local COUNT, SIZE = 66000, 16 -- more than the ELF header can count; 1 MB of contents

   -- fI in a section of its own returns I.
   local path = support.as(dir .. "/many_sections.o", table.concat({
      ".altmacro", ".macro function i", ".section .text.f\\i,\"ax\",@progbits", ".globl f\\i",
      "f\\i: movl $\\i, %eax", "ret", ".skip 10, 0xcc", ".endm", ".set i, 0", ".rept " .. COUNT,
      "function %i", ".set i, i + 1", ".endr", ".section .note.GNU-stack", "" }, "\n"))

   --- Calls some functions; value_of gives what each returns.
   local function check(input, value_of)
      local ln <close> = moonlink.new {}
      assert(ln:load(input))
      for i = 0, COUNT - 1, 997 do
         assert.equal(value_of(i), ln:func(("int f%d(void)"):format(i))())
      end
   end

   it("has each at its place", function()
      check(path, function(i) return i end)
      check({bytes = support.read(path), name = path}, function(i) return i end)
      assert.equal(0, open_files())
   end)

   it("has each at its place when the file has them in another order", function()
      local bytes = support.read(path)
      local headers = ("<I8"):unpack(bytes, 41)
      local before, places, after = bytes:sub(1, headers), {}, {}
      for at = headers + 1, #bytes, 64 do
         local kind, _, _, offset, size = ("<I4I8I8I8I8"):unpack(bytes, at + 4)
         if kind == 1 and size == SIZE then
            places[#places + 1] = offset
         end
      end
      assert.equal(COUNT, #places)
      local left = COUNT -- now function i has the bytes of the one as far from the end
      for at = headers + 1, #bytes, 64 do
         local kind, _, _, offset, size = ("<I4I8I8I8I8"):unpack(bytes, at + 4)
         if kind == 1 and size == SIZE then
            offset, left = places[left], left - 1
         end
         after[#after + 1] = bytes:sub(at, at + 23) .. ("<I8"):pack(offset)
            .. bytes:sub(at + 32, at + 63)
      end
      local turned = dir .. "/turned.o"
      support.write(turned, before .. table.concat(after))
      check(turned, function(i) return COUNT - 1 - i end)
      assert.equal(0, open_files())
   end)

   it("is refused when one of them reaches into what is no contents", function()
      local bytes = support.read(path)
      local at = ("<I8"):unpack(bytes, 41) + 64 * 5 + 1 -- header of some function
      support.write(dir .. "/across.o", bytes:sub(1, at + 31) .. ("<I8"):pack(#bytes)
         .. bytes:sub(at + 40))
      local ln <close> = moonlink.new {}
      local unit, err = ln:load(dir .. "/across.o")
      assert.same({nil, "truncated"}, {unit, err.code})
      assert.equal(0, open_files())
   end)
end)

describe("a large object that changes while it is loaded", function()
   --- Loads an object; while a name of it is asked for, change is called with its path.
   local function load_and(change, path)
      local asked = false
      path = path or object "changes"
      -- Older than any tick of the clock by which the system dates what is written now.
      support.sh("touch -d @1000000000 %s", path)
      local ln <close> = moonlink.new {undefined = function(q)
         if q.name == "missing" then
            change(path)
            asked = true
            return "abs"
         end
      end}
      local unit, err = ln:load(path)
      assert.is_true(asked)
      return unit and ln:func "int f(int)" (3), err
   end

   it("is an error when it was written to", function()
      local value, err = load_and(function(path)
         local file <close> = assert(io.open(path, "r+b"))
         file:seek("set", 5000)
         assert(file:write "x")
      end)
      assert.is_nil(value)
      assert.same({"io", true}, {err.code, err.hint:find("rename", 1, true) ~= nil})
      assert.matches("changes.o: changed on disk", tostring(err), 1, true)
      assert.equal(0, open_files())
   end)

   for _, size in ipairs {0, 4096, 600000} do
      it(("is an error when it is cut to %d bytes"):format(size), function()
         local value, err = load_and(function(path)
            support.sh("truncate -s %d %s", size, path)
         end)
         assert.is_nil(value)
         assert.equal("truncated", err.code)
         local _, said = tostring(err):gsub("changes.o: ends after", "")
         assert.equal(1, said)
         assert.equal(0, open_files())
      end)
   end

   it("is read late also when its first section header says how many there are", function()
      local parts = {"\t.data\n\t.fill 1200000, 1, 1\n\t.quad missing\n"}
      for i = 1, 65300 do
         parts[i + 1] = ('\t.section .d%d,"aw"\n'):format(i)
      end
      local path = support.as(dir .. "/count.o", table.concat(parts))
      local value, err = load_and(function()
         support.sh("truncate -s 4096 %s", path)
      end, path)
      assert.same({nil, "truncated"}, {value, err.code})
   end)

   it("is an error when it grows", function()
      local value, err = load_and(function(path)
         support.sh("truncate -s +1 %s", path)
      end)
      assert.same({nil, "io"}, {value, err.code})
   end)

   it("is still the old one when another has taken its name, or it has none", function()
      for _, command in ipairs {"cp %s.other %s.new && mv %s.new %s", "rm %s"} do
         local value = load_and(function(path)
            support.write(path .. ".other", "nothing")
            support.sh(command:gsub("%%s", path))
         end)
         assert.equal(expected(3) - 1000, value)
      end
   end)
end)
