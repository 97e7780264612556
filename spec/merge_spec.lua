--- Mergeable strings and constants, kept once when asked: addresses tell what was shared, and every
-- reference still reads what it read.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local mutate = require "spec.support.mutate"
local support = require "spec.support"

local dir = support.tmpdir()

local SOURCE = [[
   #include <string.h>
   #include <wchar.h>
   static const char *const strings[] = {"common text", "own text of NAME", "a somewhat "
      "longer text that gcc aligns to eight bytes in a section of its own, common to both", "",
      "tail text"};
   const char *NAME_string(int i) { return strings[i]; }
   const char *NAME_direct(void) { return "common text"; }
   const char *NAME_inside(void) { return &"common text"[7]; }
   const wchar_t *NAME_wide(void) { return L"wide text"; }
   double NAME_double(double x) { return x * 3.14159 + 2.5; }
   float NAME_float(float x) { return x * 1.5f; }
   int NAME_check(void)
   {
      return strcmp(strings[0], "common text") == 0 && strcmp(strings[1], "own text of NAME") == 0
         && strlen(strings[2]) == 93 && *strings[3] == 0 && strcmp(NAME_inside(), "text") == 0
         && wcscmp(NAME_wide(), L"wide text") == 0 && NAME_double(2) > 8.78 && NAME_float(2) == 3;
   }
]]

local function object(name, flags, compiler)
   return support.cc(("%s/%s%d.o"):format(dir, name, #flags), (SOURCE:gsub("NAME", name)),
      flags .. " -fno-builtin", {compiler = compiler})
end

local function load(inputs, options)
   local ln = moonlink.new(options)
   return ln, assert(ln:load(inputs))
end

local function call(ln, prototype, ...)
   return assert(ln:func(prototype))(...)
end

--- Section number, type and flags by name, for changes to a good file.
local function section_of(bytes, flags)
   local list, n = mutate.sections(bytes)
   for i = 0, n - 1 do
      if list[i].flags == flags and list[i].size > 0 then
         return list[i]
      end
   end
end

local STRING_FLAGS = 0x32

describe("merge", function()
   for _, flags in ipairs {"-O1", "-O2 -fPIC", "-O2 -fno-pic", "-O1 -mcmodel=large"} do
      for _, compiler in ipairs {"gcc", "clang"} do
         it(("keeps equal strings of two objects once: %s %s"):format(compiler, flags), function()
            local inputs = {object("a", flags, compiler), object("b", flags, compiler)}
            for _, merge in ipairs {false, true} do
               local ln <close>, unit = load({inputs[1], inputs[2], merge = merge})
               assert.equal(1, call(ln, "int a_check(void)"))
               assert.equal(1, call(ln, "int b_check(void)"))
               for _, i in ipairs {0, 2, 4} do
                  local a = call(ln, "void *a_string(int)", i)
                  local b = call(ln, "void *b_string(int)", i)
                  assert.equal(merge, a == b)
               end
               assert.are_not.equal(call(ln, "void *a_string(int)", 1),
                  call(ln, "void *b_string(int)", 1))
               assert.equal(merge, call(ln, "void *a_wide(void)") == call(ln, "void *b_wide(void)"))
               assert.equal(call(ln, "void *a_string(int)", 0), call(ln, "void *a_direct(void)"))
               assert.equal(call(ln, "void *a_direct(void)") + 7, call(ln, "void *a_inside(void)"))
               assert.equal(merge, unit.stats.merged ~= nil and unit.stats.merged.bytes > 100)
            end
         end)
      end
   end

   it("shows each class of sections once in the map", function()
      local ln <close>, unit = load {object("a", "-O2"), object("b", "-O2"), merge = true}
      local count, inside = 0, false
      local address = call(ln, "void *a_string(int)", 0)
      for _, s in ipairs(unit:sections()) do
         count = count + (s.name:find "^%.rodata%.str1%.1" and 1 or 0)
         inside = inside or s.address <= address and address < s.address + s.size
      end
      assert.equal(1, count)
      assert.is_true(inside)
   end)

   it("keeps symbols in merged sections, with offsets", function()
      local source = [[
         .section .rodata.str1.1,"aMS",@progbits,1
         .globl first, second
         first: .string "one"
         second: .string "two words"
         .section .rodata.cst8,"aM",@progbits,8
         .globl number
         .quad 7
         number: .quad 8
         .data
         .globl pointers
         pointers: .quad first, second + 4, number, .rodata.str1.1 + 4, .rodata.cst8 + 8
      ]]
      local one = support.as(dir .. "/one.o", source)
      local other = support.as(dir .. "/other.o", [[
         .section .rodata.str1.1,"aMS",@progbits,1
         .string "something before"
         .string "two words"
         .section .rodata.cst8,"aM",@progbits,8
         .quad 8
         .data
         .globl others
         others: .quad .rodata.str1.1 + 17, .rodata.cst8
      ]])
      for _, order in ipairs {{one, other}, {other, one}} do
         local _ <close>, unit = load {order[1], order[2], merge = true}
         local p, o = unit:address "pointers", unit:address "others"
         local function at(address, i)
            return (moonlink.read(address + 8 * i, "j"))
         end
         assert.equal("one", moonlink.string(at(p, 0)))
         assert.equal("words", moonlink.string(at(p, 1)))
         assert.equal(8, at(at(p, 2), 0))
         assert.equal("two words", moonlink.string(at(p, 3)))
         assert.equal(8, at(at(p, 4), 0))
         assert.equal(at(p, 3), at(o, 0))
         assert.equal(at(p, 4), at(o, 1))
         assert.equal(unit:address "second", at(p, 3))
      end
   end)

   it("leaves a section alone that is referred to by distance from its start", function()
      local source = [[
         .section .rodata.str1.1,"aMS",@progbits,1
         .string "x"
         .string "same"
         .text
         .globl NAME
         NAME: lea 0(%%rip), %%rax
         .reloc . - 4, R_X86_64_PC32, .rodata.str1.1 + 2 - 4
         ret
      ]]
      local files = {}
      for i, name in ipairs {"left", "right"} do
         files[i] = support.as(("%s/%s.o"):format(dir, name), (source:gsub("NAME", name)
            :gsub("%%%%", "%%")))
      end
      local ln <close> = load {files[1], files[2], merge = true}
      assert.equal("same", call(ln, "const char *left(void)"))
      assert.equal("same", call(ln, "const char *right(void)"))
   end)

   it("keeps alignment", function()
      local source = [[
         .section .rodata.cst16,"aM",@progbits,16
         .balign 16
         .globl NAME
         .quad 1, 2
         NAME: .quad 3, 4
         .section .rodata.str1.32,"aMS",@progbits,1
         .balign 32
         .globl NAME_text
         .string "a"
         .balign 32
         NAME_text: .string "b"
      ]]
      local _ <close>, unit = load {
         support.as(dir .. "/align1.o", (source:gsub("NAME", "l"))),
         support.as(dir .. "/align2.o", (source:gsub("NAME", "r"))), merge = true,
      }
      assert.equal(unit:address "l", unit:address "r")
      assert.equal(0, unit:address "l" % 16)
      assert.equal(unit:address "l_text", unit:address "r_text")
      assert.equal(0, unit:address "l_text" % 32)
   end)

   it("works for an image at an address", function()
      local ln <close> = moonlink.new()
      local pointers = support.as(dir .. "/image.o", [[
         .section .rodata.str1.1,"aMS",@progbits,1
         .string "a"
         .string "b"
         .string "a"
         .data
         .globl p
         p: .quad .rodata.str1.1, .rodata.str1.1 + 2, .rodata.str1.1 + 4
      ]])
      local image = assert(ln:image {pointers, at = 0x10000000, merge = true})
      local at = image.symbols.p - image.base
      local a, b, c = ("<I8I8I8"):unpack(image.bytes, at + 1)
      assert.equal(a, c)
      assert.equal("a\0", image.bytes:sub(a - image.base + 1, a - image.base + 2))
      assert.equal("b\0", image.bytes:sub(b - image.base + 1, b - image.base + 2))
   end)

   it("goes with gc_sections", function()
      local ln <close>, unit = load {
         object("a", "-O2 -ffunction-sections -fdata-sections"), object("b", "-O2"), merge = true,
         gc_sections = true, roots = {"a_check"},
      }
      assert.equal(1, call(ln, "int a_check(void)"))
      assert.is_true(unit.stats.merged.sections > 0)
   end)
end)

describe("a mergeable section that cannot be merged", function()
   local good = support.read(object("a", "-O2"))

   local function same_after(change)
      local bytes = change(good, assert(section_of(good, STRING_FLAGS)))
      local input = {bytes = bytes, name = "hostile.o"}
      local ln <close> = load {input, object("b", "-O2"), merge = true}
      return call(ln, "int b_check(void)"), call(ln, "void *a_string(int)", 0)
   end

   local changes = {
      ["entry size 0"] = function(bytes, s) return mutate.put(bytes, s.at + 56, 8, 0) end,
      ["a huge entry size"] = function(bytes, s)
         return mutate.put(bytes, s.at + 56, 8, 1 << 33)
      end,
      ["an entry size that does not divide"] = function(bytes, s)
         return mutate.put(bytes, s.at + 56, 8, s.size % 4 == 0 and 3 or 4)
      end,
      ["no terminator"] = function(bytes, s)
         return mutate.put(bytes, s.offset + s.size - 1, 1, 0x41)
      end,
      ["no terminator at all"] = function(bytes, s)
         return support.patch(bytes, s.offset, ("x"):rep(s.size))
      end,
   }
   for name, change in pairs(changes) do
      it("stays as it is: " .. name, function()
         local good_check, text = same_after(change)
         assert.equal(1, good_check)
         assert.is_true(text ~= 0)
      end)
   end

   it("may hold anything", function()
      local ln <close> = moonlink.new {undefined = "null", merge = true}
      local tried = 0
      mutate.object(good, function(_, bytes)
         tried = tried + 1
         if tried % 7 == 0 then
            local ok, err = ln:check {{bytes = bytes, name = "hostile.o"}}
            assert.is_truthy(ok or err.file == "hostile.o", tostring(err))
         end
      end)
      assert.is_true(tried > 1000)
   end)
end)
