-- Unwind tables that no compiler makes: what an unwinder could not run is refused by the load.
-- Instructions are written as bytes, by the names of DWARF 5, 6.4.2 and 2.5.
-- SPDX-License-Identifier: MIT

local cxxs = require "spec.support.cxx"
local moonlink = require "moonlink"
local support = require "spec.support"

local folder = support.tmpdir()

--- A function that calls its argument, with bytes among its call frame instructions: `early` where
--- the function begins, `late` behind its push, where the call is.
local PASS = [[
   .text
   .globl pass
   .type pass, @function
   nop
pass:
   .cfi_startproc
%s
   push %%rbx
   .cfi_def_cfa_offset 16
   .cfi_offset %%rbx, -16
%s
   mov %%esi, %%ebx
   mov %%rdi, %%rax
   mov %%ebx, %%edi
   call *%%rax
   add $1, %%eax
   pop %%rbx
   .cfi_def_cfa_offset 8
   ret
   .cfi_endproc
   .size pass, .-pass
   .section .note.GNU-stack, "", @progbits
]]

local function escape(bytes)
   return bytes and "   .cfi_escape " .. bytes or ""
end

local n = 0

local function assembled(text)
   n = n + 1
   return support.as(("%s/cfi%d.o"):format(folder, n), text)
end

local function pass(early, late)
   return assembled(PASS:format(escape(early), escape(late)))
end

local thrower

--- Loads pass beside a function that throws through it.
local function loaded(object)
   thrower = thrower or cxxs.object(folder, "through", [[
      extern "C" int pass(int (*)(int), int);
      static int fail(int n) { if (n > 9) throw n; return n; }
      extern "C" int through(int n)
      {
         try { return pass(fail, n); } catch (int x) { return x * 2; }
      }
   ]])
   return cxxs.loaded {object, thrower}
end

local function works(object)
   local ln <close> = loaded(object)
   local through = cxxs.int(ln, "through")
   assert.equal(6, through(5))
   assert.equal(40, through(20))
end

--- The error of an object that must not load. Its place is in the section, at its end at most.
local function refused(object, section)
   local ln <close> = moonlink.new()
   local unit, err = ln:load {object, "-lstdc++"}
   assert.is_nil(unit)
   assert.equal("format", err.code)
   assert.equal(section or ".eh_frame", err.section)
   assert.equal(object, err.file)
   assert.matches("objcopy", err.hint, 1, true)
   local line = support.stdout("readelf -SW %s | grep -F ' %s '", object, section or ".eh_frame")
   local size = tonumber(line:match "%x%x%x%x%x%x%x%x%x+ %x+ (%x+)", 16)
   assert.is_true(err.offset <= size)
   return err
end

local function bytes(count, byte)
   return (byte .. ","):rep(count - 1) .. byte
end

describe("call frame instructions", function()
   it("are run as they are written, when unwinders can run them", function()
      works(pass())
      for _, late in ipairs {
         "0x00",                             -- nop
         "0x0a, 0x0e, 0x80, 0x01, 0x0b",     -- remember_state, def_cfa_offset 128, restore_state
         bytes(64, "0x0a") .. "," .. bytes(64, "0x0b"),
         "0x08, 0x03, 0x10 + 0x70, 0x02",    -- same_value rbx, offset r0
         "0x07, 0x20",                       -- undefined xmm15
         "0x2e, 0x00",                       -- GNU_args_size 0
         "0x2e, 0x80, 0x80, 0x00",           -- the same in three bytes
         "0x0f, 0x02, 0x77, 0x10",           -- def_cfa_expression: breg7 (rsp) 16
      } do
         works(pass(nil, late))
      end
   end)

   it("may have expressions with branches, as long as they end", function()
      -- lit1; bra over lit0, drop and nop; rsp + 8 + 16 / 2
      works(pass(nil, "0x0f, 13, 0x31, 0x28, 3, 0, 0x30, 0x13, 0x96, 0x77, 8, 0x40, 0x32, 0x1b, "
         .. "0x22"))
      -- lit0; bra to what is wrong, not taken; rsp + 16; skip rsp + 99; nop
      works(pass(nil, "0x0f, 13, 0x30, 0x28, 5, 0, 0x77, 16, 0x2f, 3, 0, 0x77, 0xe3, 0x00, 0x96"))
   end)

   it("that are right for one function may be wrong for a smaller one behind it", function()
      local function two(second)
         local text = {}
         for name, size in ("first 12 second %d"):format(second):gmatch "(%l+) (%d+)" do
            text[#text + 1] = ([[
               .globl %s
               .type %s, @function
            %s:
               .cfi_startproc
               .cfi_escape 0x02, 10, 0x0e, 16 # advance_loc1 10, def_cfa_offset 16
               .skip %d, 0xc3
               .cfi_endproc
               .size %s, .-%s]]):format(name, name, name, tonumber(size), name, name)
         end
         return assembled(".text\n" .. table.concat(text, "\n")
            .. '\n.section .note.GNU-stack, "", @progbits\n')
      end
      local ln <close> = moonlink.new()
      assert(ln:load(two(11)))
      local err = refused(two(9))
      assert.equal("second", err.func)
      assert.matches("has an instruction for a place behind the end of the function", err.message,
         1, true)
   end)

   it("that no unwinder can run are refused, with function and place", function()
      for _, case in ipairs {
         {"0x2d", "has an instruction that unwinders do not know"}, -- SPARC's window_save
         {"0x1d, 0, 0, 0, 0, 0, 0, 0, 0", "has an instruction that unwinders do not know"},
         {"0x3f", "has an instruction that unwinders do not know"},
         {"0x0b", "restores a state that it did not remember"},
         {"0x0a, 0x0b, 0x0b", "restores a state that it did not remember"},
         {bytes(65, "0x0a"), "remembers more states than unwinders have stack for"},
         {"0x09, 0x03, 0x11", "uses a register that no unwinder keeps"},  -- rbx is in xmm0
         {"0x0c, 0x80, 0x01, 0x08", "uses a register that no unwinder keeps"},
         {"0x0d, 0x11", "uses a register that no unwinder keeps"},
         {"0x07, 0x82, 0x01", "names a register that the processor has not"}, -- 130
         {"0x05, 0xff, 0xff, 0x03, 0x01", "names a register that the processor has not"},
         {"0x04, 0x00, 0x01, 0x00, 0x00", "for a place behind the end of the function"},
         {"0x03, 0xff, 0xff", "for a place behind the end of the function"},
         {"0x02, 0x40", "for a place behind the end of the function"},
         {"0x7f", "for a place behind the end of the function"},
         {"0x04, 0xff, 0xff, 0xff, 0xff", "for a place behind the end of the function"},
         {"0x01, 0x00, 0x00, 0x00, 0x00", "for a place"}, -- set_loc to where it stands itself
         {"0x0f, 0x7f", "goes past its end"},
         {"0x16, 0x03, 0xff, 0xff, 0xff, 0xff, 0x0f", "goes past its end"},
         {"0x0e, " .. bytes(12, "0x80"), "goes past its end"},
         {"0x0e, " .. bytes(40, "0xff"), "goes past its end"},
      } do
         local err = refused(pass(nil, case[1]))
         assert.matches(case[2], err.message, 1, true)
         assert.equal("pass", err.func)
      end
   end)

   it("end with a whole number", function()
      for _, cut in ipairs {"0x2e", "0x2e, 0x80", "0x2e, 0x80, 0x80"} do
         local refusals = 0
         for zeros = 1, 8 do -- zero bytes come behind, up to an address that is aligned
            local ln <close> = moonlink.new()
            local unit, err = ln:load(assembled((".text\nf:\n.cfi_startproc\nnop\n"
               .. ".cfi_escape %s, %s\n.cfi_endproc\n"):format(bytes(zeros, "0x00"), cut)))
            if not unit then
               refusals = refusals + 1
               assert.matches("goes past its end", err.message, 1, true)
            end
         end
         assert.equal(1, refusals, cut)
      end
   end)

   it("have rules for the frame's address wherever there is code", function()
      for _, text in ipairs {
         ".cfi_startproc simple\nnop\n.cfi_endproc",
         ".cfi_startproc simple\n.cfi_undefined %rip\nnop\n.cfi_def_cfa %rsp, 8\n.cfi_endproc",
         ".cfi_startproc simple\n.cfi_remember_state\n.cfi_def_cfa %rsp, 8\nnop\n"
            .. ".cfi_restore_state\nnop\n.cfi_endproc",
      } do
         local err = refused(assembled(".text\nf:\n" .. text .. "\n"))
         assert.matches("has no rule for the frame's address", err.message, 1, true)
      end
      works(pass(nil, "0x0a, 0x0c, 0x07, 0x20, 0x0b"))
   end)

   it("of a CIE are refused with its place", function()
      for _, case in ipairs {
         {".cfi_startproc\n.cfi_return_column 17\nnop\n.cfi_endproc", "a CIE of a kind"},
         {".cfi_startproc\n.cfi_return_column 200\nnop\n.cfi_endproc", "a CIE of a kind"},
      } do
         local err = refused(assembled(".text\nf:\n" .. case[1] .. "\n"))
         assert.matches(case[2], err.message, 1, true)
      end
      local whole = support.read(pass())
      -- def_cfa rsp 8; rip at -8
      local cie = assert(whole:find("\x0c\x07\x08\x90\x01", 1, true)) - 1
      for _, case in ipairs {
         {0, "\x2d", "a CIE has an instruction that unwinders do not know"},
         {0, "\x41", "a CIE has an instruction for a place behind the end"}, -- advance_loc
         {0, "\x0b", "a CIE restores a state that it did not remember"},
         {-5, "\x00", "a CIE of a kind"}, -- code alignment 0: nothing would ever advance
      } do
         n = n + 1
         local path = support.write(("%s/cfi%d.o"):format(folder, n),
            support.patch(whole, cie + case[1], case[2]))
         local err = refused(path)
         assert.matches(case[3], err.message, 1, true)
      end
   end)

   it("belong to a CIE of their section, which was there before", function()
      local table = [[
         .text
      f: nop
         .section .eh_frame, "a", @progbits
      1: .long 3f-2f
      2: .long 0
         .byte 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1
         .balign 4
      3: .long 5f-4f
      4: .long 4b-%s
         .long f-.
         .long 1
         .byte 0, 0, 0, 0
      5:
      ]]
      local ln <close> = moonlink.new()
      assert(ln:load(assembled(table:format "1b")))
      for _, label in ipairs {"2b", "3b", "1b-8", "5f"} do
         local err = refused(assembled(table:format(label)))
         assert.matches("has no CIE that can be read", err.message, 1, true)
         assert.equal(0, err.offset % 4)
      end
   end)

   it("never lead to a personality routine that no relocation names", function()
      local err = refused(assembled [[
         .text
      f: .cfi_startproc
         .cfi_personality 0, 0x12345678
         nop
         .cfi_endproc
      ]])
      assert.matches("a CIE has a personality routine that no relocation names", err.message, 1,
         true)
   end)
end)

describe("an expression of an unwind table", function()
   local function expression(text)
      local _, commas = text:gsub(",", "")
      return refused(pass(nil, ("0x0f, %d, %s"):format(commas + 1, text))).message
   end

   it("that unwinders do not know, or cannot evaluate, is refused", function()
      for _, case in ipairs {
         {"0x02", "an operation that unwinders do not know"},
         {"0xe0", "an operation that unwinders do not know"},
         {"0x18", "an operation that unwinders do not know"},          -- xderef
         {"0x91, 0x00", "an operation that unwinders do not know"},    -- fbreg
         {"0x93, 0x08", "an operation that unwinders do not know"},    -- piece
         {"0x98, 0x00, 0x00", "an operation that unwinders do not know"}, -- call2
         {"0x77", "goes past its end"},                                -- breg7
         {"0x77, 0x80", "goes past its end"},
         {"0x03, 1, 2, 3, 4, 5, 6, 7", "goes past its end"},           -- addr
         {"0x0e, 1, 2, 3, 4, 5, 6, 7", "goes past its end"},           -- const8u
         {"0x28, 0", "goes past its end"},
         {"0x61", "with a register that no unwinder keeps"},           -- reg17
         {"0x81, 0x00", "with a register that no unwinder keeps"},
         {"0x90, 0x11", "with a register that no unwinder keeps"},
         {"0x92, 0x91, 0x01, 0x00", "with a register that no unwinder keeps"},
         {"0x22", "takes more from its stack than there is"},          -- plus
         {"0x13, 0x06", "takes more from its stack than there is"},    -- drop; deref
         {"0x30, 0x17", "takes more from its stack than there is"},    -- rot
         {"0x15, 0x00", "takes more from its stack than there is"},    -- pick
         {"0x30, 0x15, 0x01", "takes more from its stack than there is"},
         {"0x13, 0x13", "takes more from its stack than there is"},
         {bytes(64, "0x30"), "needs more stack than unwinders have"},
         {"0x13", "leaves nothing on its stack"},
         {"0x94, 0x03", "reads neither 1, 2, 4 nor 8 bytes"},
         {"0x94, 0x00", "reads neither 1, 2, 4 nor 8 bytes"},
         {"0x94, 0x10", "reads neither 1, 2, 4 nor 8 bytes"},
         {"0x31, 0x30, 0x1b", "may divide by zero"},
         {"0x31, 0x31, 0x1f, 0x1d", "may divide by zero"},             -- by -1, in fact
         {"0x77, 0x00, 0x2f, 0xfb, 0xff", "branches backwards"},
         {"0x30, 0x28, 0xfc, 0xff", "branches backwards"},
         {"0x2f, 0x01, 0x00", "branches out of itself"},
         {"0x2f, 0xff, 0x7f", "branches out of itself"},
         {"0x30, 0x28, 0x01, 0x00, 0x77, 0x10", "into the middle of an operation"},
         {"0x30, 0x28, 0x01, 0x00, 0x31, 0x96", "whose branches leave different stacks"},
         {"0x2f, 0x01, 0x00, 0x30, 0x96", "operations that nothing reaches"},
      } do
         assert.matches(case[2], expression(case[1]), 1, true)
      end
   end)
end)

describe("a table of exception handlers", function()
   --- A function whose handlers are written by hand.
   local function handled(lsda)
      return assembled([[
         .text
      f: .cfi_startproc
         .cfi_personality 0x9b, slot
         .cfi_lsda 0x1b, table
         nop
         nop
         .cfi_endproc
         .data
      slot: .quad __gxx_personality_v0
         .section .gcc_except_table, "a", @progbits
         .byte 1, 2, 3, 4
      table:
      ]] .. lsda .. "\n")
   end

   local GOOD = [[
      .byte 0xff, 0x9b
      .uleb128 types-1f
   1: .byte 1
      .uleb128 3f-2f
   2: .byte 0, 1, 1, 3
      .byte 1, 1, 0, 0
   3: .byte 0, 0, 1, 0x7d
      .long slot-.
   types:
      .zero 16
   ]]

   it("is taken when a personality routine can read it", function()
      local ln <close> = moonlink.new()
      assert(ln:load {handled(GOOD), "-lstdc++"})
      assert(ln:load {handled "   .byte 0xff, 0xff, 1, 0", "-lstdc++"})
   end)

   it("may lie within the call sites of another part of its function, and nowhere else", function()
      local function parts(first, next, gap)
         return handled((".byte 0x10\n1: .quad f - 1b\n.byte 0xff, 1, 3f - 2f\n2: %s\n%s"
            .. ".byte 0x10\n1: .quad f - 1b%s\n.byte 0xff, 1, 3f - 2f\n2: .byte 0, 1, 1, 0\n"
            .. "3:\n"):format(first, gap or "", next))
      end
      local ln <close> = moonlink.new()
      assert(ln:load {parts(".byte 0, 1, 1, 0", ""), "-lstdc++"})
      assert(ln:load {parts(".byte 0, 1, 1, 0", "", ".balign 4\n"), "-lstdc++", name = "gap"})
      for _, wrong in ipairs {
         parts(".byte 0, 1, 1, 0", " + 1"), -- counts its landing pads from elsewhere
         parts(".byte 0, 1, 1, 0", "", ".byte 1, 2, 3\n"), parts(".byte 0, 9, 1, 0", ""),
      } do
         local err = refused(wrong, ".gcc_except_table")
         assert.matches("has a call site outside of the function", err.message, 1, true)
      end
   end)

   it("is refused when it leads outside of table, function or code", function()
      local function with(what, by)
         local first, last = GOOD:find(what, 1, true)
         assert(first, what)
         return GOOD:sub(1, first - 1) .. by .. GOOD:sub(last + 1)
      end
      for _, case in ipairs {
         {"   .byte 0xff, 0xff", "goes past the end of its section"},
         {"   .byte 0xff, 0x9b, 0xff", "goes past the end of its section"},
         {"   .byte 0xff, 0x9b, 0x01, 0x01, 0x00", "has types in front of its call sites"},
         {with("types-1f", "types-1f+40"), "goes past the end of its section"},
         {with("3f-2f", "127"), "goes past the end of its section"},
         {with("3f-2f", "3f-2f+9"), "has types in front of its call sites"},
         {"   .byte 0xff, 0xff, 1, 3, 0, 1, 0", "has a call site that is cut off"},
         {with("0xff, 0x9b", "0x55, 0x9b"), "landing pads of an encoding that is not known"},
         {with("0xff, 0x9b", "0xff, 0x45"), "types of an encoding that is not known"},
         {with("1: .byte 1", "1: .byte 0x11"), "call sites of an encoding that is not known"},
         {with("0, 1, 1, 3", "0, 3, 1, 3"), "has a call site outside of the function"},
         {with("0, 1, 1, 3", "3, 0, 1, 3"), "has a call site outside of the function"},
         {with("0, 1, 1, 3", "0, 1, 0xff, 0xff, 0x7f, 3"), "landing pad outside of the load"},
         {with("0, 1, 1, 3", "0, 1, 1, 0x60"), "has an action outside of its table"},
         {with("0, 0, 1, 0x7d", "0, 0, 1, 0x60"), "has an action outside of its table"},
         {with("0, 0, 1, 0x7d", "0, 0, 1, 0x7f"), "take too long to follow"},
         {with("0, 0, 1, 0x7d", "0, 0, 2, 0x7d"), "names a type that it has not"},
         {with("0, 0, 1, 0x7d", "0, 0, 0x60, 0x7d"), "goes past the end of its section"},
      } do
         local err = refused(handled(case[1]), ".gcc_except_table")
         assert.matches("a table of exception handlers", err.message, 1, true)
         assert.matches(case[2], err.message, 1, true)
      end
   end)

   it("is followed once for each function, not for ever", function()
      -- 3,000 entries for functions of one byte, all with one table of 3,000 call sites
      local parts = {".text"}
      for i = 1, 3000 do
         parts[i + 1] = (".cfi_startproc\n.cfi_personality 0x9b, slot\n.cfi_lsda 0x1b, table\n"
            .. "f%d: nop\n.cfi_endproc"):format(i)
      end
      parts[#parts + 1] = [[
         .data
         slot: .quad __gxx_personality_v0
         .section .gcc_except_table, "a", @progbits
         table: .byte 0xff, 0xff, 1
         .uleb128 2f-1f
         1: .fill 3000, 4, 0x00000100
         2:
      ]]
      local err = refused(assembled(table.concat(parts, "\n")), ".gcc_except_table")
      assert.matches("is read by too many functions", err.message, 1, true)
   end)
end)
