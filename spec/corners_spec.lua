--- Corner cases of real objects that have no other place: see docs/CASES.md.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

local folder = support.tmpdir()

local THROWS = [[
   extern "C" int f(int n)
   {
      try { if (n > 3) throw n * 2; return n; }
      catch (int caught) { return caught + 1000; }
   }
]]

-- {compiler's options, encoding of the personality in the CIE's augmentation data}
local ENCODINGS = {
   {"-fPIC", "9b"}, {"-fno-pic", "03"}, {"-fPIC -mcmodel=large", "9c"},
   {"-fno-pic -mcmodel=large", "00"},
}
for _, case in ipairs(ENCODINGS) do
   it("exceptions are caught whatever encoding unwind tables use: 0x" .. case[2], function()
      local object = support.cc(folder .. "/throws.o", THROWS, "-O1 " .. case[1],
         {compiler = "g++"})
      assert.matches("Augmentation data:%s+" .. case[2],
         support.sh("readelf --debug-dump=frames %s", object))
      local ln <close> = moonlink.new()
      assert(ln:load {object, "-lstdc++"})
      local f = ln:func "int f(int)"
      assert.same({3, 1010}, {f(3), f(5)})
   end)
end

it("exceptions are caught where the personality is named by distance alone: 0x1b", function()
   local text = support.stdout("echo %s | gcc -x c++ -O1 -fPIC -S -o - -", support.quote(THROWS))
   local changed, n = text:gsub("%.cfi_personality[^\n]*",
      ".cfi_personality 0x1b,__gxx_personality_v0")
   assert.equal(1, n)
   local ln <close> = moonlink.new()
   assert(ln:load {support.as(folder .. "/direct.o", changed), "-lstdc++"})
   assert.equal(1010, ln:func "int f(int)"(5))
end)

it("exceptions are caught in functions that clang has split into parts", function()
   local source = [[
      #include <string>
      struct part { int *n; ~part() { ++*n; } };
      static int ends;
      extern "C" int f(int n)
      {
         part first = {&ends};
         try {
            part second = {&ends};
            if (n > 3) throw n * 2;
            if (n > 2) throw std::string("text");
            return std::to_string(n).size();
         }
         catch (int caught) { part third = {&ends}; return caught + 1000 * ends; }
         catch (const std::string &s) { return s.size() + 1000 * ends; }
      }
   ]]
   for _, options in ipairs {"-O0", "-O2", "-O2 -fPIC", "-O2 -fno-pic", "-O2 -mcmodel=large"} do
      local object = support.cc(folder .. "/parts.o", source,
         "-fbasic-block-sections=all " .. options, {compiler = "clang++"})
      local ln <close> = moonlink.new()
      assert(ln:load {object, "-lstdc++"})
      local f = ln:func "int f(int)"
      assert.same({1, 3004, 5010, 1}, {f(1), f(3), f(5), f(2)}, options)
   end
end)

it("types of libraries are caught by code that is not position independent", function()
   local source = [[
      #include <stdexcept>
      #include <string>
      struct mine : std::out_of_range { using out_of_range::out_of_range; };
      extern "C" int f(int n)
      {
         std::string abc("abc");
         try {
            if (n == 1) throw mine("mine");
            if (n == 2) throw 5;
            if (n == 3) throw std::string("text");
            if (n == 4) abc.at(7);
            if (n == 5) throw "text";
            return 0;
         }
         catch (const std::logic_error &e) { return dynamic_cast<const mine *>(&e) ? 10 : 20; }
         catch (int i) { return i; }
         catch (const char *s) { return s[0]; }
         catch (const std::string &s) { return s.size(); }
      }
   ]]
   for _, compiler in ipairs {"g++", "clang++"} do
      for _, level in ipairs {"-O0", "-O2"} do
         local object = support.cc(folder .. "/low.o", source, "-fno-pic " .. level,
            {compiler = compiler})
         assert.matches("R_X86_64_32%s+%x+ _ZTI", support.sh("readelf -rW %s", object))
         local ln <close> = moonlink.new()
         assert(ln:load {object, "-lstdc++"})
         local f, got = ln:func "int f(int)", {}
         for n = 0, 5 do
            got[n + 1] = f(n)
         end
         assert.same({0, 10, 5, 4, 20, ("t"):byte()}, got)
      end
   end
end)

it("notes for tools are left alone: relocations in sections without memory", function()
   local object = support.as(folder .. "/probe.o", [[
      .globl f
   f: nop
      mov $42, %eax
      ret
      .section .note.stapsdt, "", "note"
      .balign 4
      .4byte 8, 992f - 991f, 3
      .asciz "stapsdt"
   991: .8byte f, absent_base, absent_semaphore
      .asciz "provider"
   992:
      .section .comment.private, "", @progbits
      .8byte absent_too + 4
   ]])
   assert.equal(42, (loads.results("int", object, "f")))
end)

it("notes that have memory are relocated and can be read", function()
   local object = support.as(folder .. "/note.o", [[
      .globl f, note
   f: mov note_at(%rip), %rax
      mov (%rax), %rax
      ret
      .data
   note_at: .8byte note
      .section .note.own, "aw", "note"
      .balign 8
   note: .8byte value
      .data
   value: .8byte 0
      .globl g
      .text
   g: lea value(%rip), %rax
      ret
   ]])
   local f, g = loads.results("long", object, "f", "g")
   assert.equal(g, f)
end)
