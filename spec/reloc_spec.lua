--- Every relocation type of x86-64, at both edges of its range and one step outside. Objects are
-- linked for a chosen address without being run; what the field must hold is computed here, from
-- the psABI's formula and the addresses that the link reports.
-- Spec: System V x86-64 psABI 4.4.1 "Relocation Types", B.2 "Optimize GOTPCRELX Relocations".
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local AT <const> = 0x140000000 -- above 4 GiB: nothing here is below 2 GiB by accident
local NEAR <const> = AT + 0x100000 -- `target`, where the formula has S and the range does not say

-- The psABI's table, written down once more: {number, formula, bytes of the field, range}.
local TABLE = {
   NONE = {0, "none"},
   ["64"] = {1, "S+A", 8, "any"},
   PC32 = {2, "S+A-P", 4, "signed"},
   GOT32 = {3, "G+A", 4, "signed"},
   PLT32 = {4, "L+A-P", 4, "signed"},
   COPY = {5, "dynamic"},
   GLOB_DAT = {6, "dynamic"},
   JUMP_SLOT = {7, "dynamic"},
   RELATIVE = {8, "dynamic"},
   GOTPCREL = {9, "G+GOT+A-P", 4, "signed"},
   ["32"] = {10, "S+A", 4, "unsigned"},
   ["32S"] = {11, "S+A", 4, "signed"},
   ["16"] = {12, "S+A", 2, "either"},
   PC16 = {13, "S+A-P", 2, "signed"},
   ["8"] = {14, "S+A", 1, "either"},
   PC8 = {15, "S+A-P", 1, "signed"},
   DTPMOD64 = {16, "tls"},
   DTPOFF64 = {17, "tls"},
   TPOFF64 = {18, "tls"},
   TLSGD = {19, "tls"},
   TLSLD = {20, "tls"},
   DTPOFF32 = {21, "tls"},
   GOTTPOFF = {22, "tls"},
   TPOFF32 = {23, "tls"},
   PC64 = {24, "S+A-P", 8, "any"},
   GOTOFF64 = {25, "S+A-GOT", 8, "any"},
   GOTPC32 = {26, "GOT+A-P", 4, "signed"},
   GOT64 = {27, "G+A", 8, "any"},
   GOTPCREL64 = {28, "G+GOT+A-P", 8, "any"},
   GOTPC64 = {29, "GOT+A-P", 8, "any"},
   GOTPLT64 = {30, "G+A", 8, "any"},
   PLTOFF64 = {31, "L+A-GOT", 8, "any"},
   SIZE32 = {32, "Z+A", 4, "unsigned"},
   SIZE64 = {33, "Z+A", 8, "any"},
   GOTPC32_TLSDESC = {34, "tls"},
   TLSDESC_CALL = {35, "tls"},
   TLSDESC = {36, "tls"},
   IRELATIVE = {37, "dynamic"},
   RELATIVE64 = {38, "dynamic"},
   GOTPCRELX = {41, "G+GOT+A-P", 4, "signed"},
   REX_GOTPCRELX = {42, "G+GOT+A-P", 4, "signed"},
   CODE_4_GOTPCRELX = {43, "G+GOT+A-P", 4, "signed"},
   CODE_4_GOTTPOFF = {44, "tls"},
   CODE_4_GOTPC32_TLSDESC = {45, "tls"},
   CODE_5_GOTPCRELX = {46, "G+GOT+A-P", 4, "signed"},
   CODE_5_GOTTPOFF = {47, "tls"},
   CODE_5_GOTPC32_TLSDESC = {48, "tls"},
   CODE_6_GOTPCRELX = {49, "G+GOT+A-P", 4, "signed"},
   CODE_6_GOTTPOFF = {50, "tls"},
   CODE_6_GOTPC32_TLSDESC = {51, "tls"},
}

local SIZE <const> = 24 -- of the symbol `sized`
local SITE <const> = 16 -- offset of the field in section .site

-- What each letter is, in an image. L stands for the stub, or for S where 64 bits reach S itself.
local FORMULAS = {
   ["S+A"] = function(v) return v.S end,
   ["S+A-P"] = function(v) return v.S - v.P end,
   ["L+A-P"] = function(v) return v.L - v.P end,
   ["G+A"] = function(v) return v.slot - v.GOT end,
   ["G+GOT+A-P"] = function(v) return v.slot - v.P end,
   ["S+A-GOT"] = function(v) return v.S - v.GOT end,
   ["GOT+A-P"] = function(v) return v.GOT - v.P end,
   ["L+A-GOT"] = function(v) return v.S - v.GOT end,
   ["Z+A"] = function() return SIZE end,
}

---@return integer? low, integer? high edges of the range; nil when every value fits
local function edges(bytes, range)
   local bits = 8 * bytes
   if range == "any" then
      return nil
   end
   local low = range == "unsigned" and 0 or -(1 << (bits - 1))
   local high = range == "signed" and (1 << (bits - 1)) - 1 or (1 << bits) - 1
   return low, high
end

-- The section with the field, filled with 0xaa so that a write of a wrong width shows. The GOT has
-- a slot for `target` whatever the type under test is, and `.known` says where it starts.
local SOURCE = [[
   .section .site, "aw", @progbits
   .balign 16
   .fill 16, 1, 0xaa
field: .rept 32; .byte 0xaa; .endr
   .reloc field, R_X86_64_64, %s
   .section .known, "aw", @progbits
start: .quad 0, 0
   .reloc start, R_X86_64_64, _GLOBAL_OFFSET_TABLE_
   .reloc start + 8, R_X86_64_GOTPCREL64, target
   .data
   .globl sized
   .type sized, @object
   .size sized, 24
sized: .fill 24
]]

describe("a relocation", function()
   local folder, templates

   -- Offset in the file of the one record of .rela.site.
   local function record_offset(bytes)
      local shoff, size, count, names = string.unpack("<I8", bytes, 0x29),
         string.unpack("<I2I2I2", bytes, 0x3b)
      local function header(i)
         local name, _, _, _, offset = string.unpack("<I4I4I8I8I8", bytes, shoff + i * size + 1)
         return name, offset
      end
      local _, strings = header(names)
      for i = 1, count - 1 do
         local name, offset = header(i)
         if string.unpack("z", bytes, strings + name + 1) == ".rela.site" then
            return offset
         end
      end
      error "the assembler made no .rela.site"
   end

   setup(function()
      folder = support.tmpdir()
      templates = {}
      for _, symbol in ipairs {"target", "sized"} do
         local path = support.as(folder .. "/template.o", SOURCE:format(symbol))
         local bytes = support.read(path)
         templates[symbol] = {bytes = bytes, record = record_offset(bytes)}
      end
   end)

   -- Links for AT an object whose field in .site has this type and addend.
   local function link(number, symbol, addend, target)
      local template = templates[symbol]
      local bytes = support.patch(template.bytes, template.record + 8, string.pack("<I4", number))
      bytes = support.patch(bytes, template.record + 16, string.pack("<i8", addend))
      local path = support.write(folder .. "/object.o", bytes)
      local ln <close> = moonlink.new {}
      return ln:image {path, at = AT, define = {target = target}}
   end

   local function section(image, name)
      for _, s in ipairs(image.sections) do
         if s.name == name then
            return s, image.bytes:sub(s.address - image.base + 1, s.address - image.base + s.size)
         end
      end
      error("the image has no section " .. name)
   end

   -- The letters' values in an image.
   local function letters(image, target)
      local site = section(image, ".site")
      local _, known = section(image, ".known")
      return {S = target, P = site.address + SITE, GOT = string.unpack("<i8", known),
         slot = image.got.target, L = target}
   end

   -- The 48 bytes of .site when the field holds the value.
   local function site_with(value, width)
      local field = string.pack("<i8", value):sub(1, width)
      return ("\xaa"):rep(SITE) .. field .. ("\xaa"):rep(32 - width)
   end

   -- The addend with which the formula gives `wanted`. It is found by linking once more: a GOT or
   -- a stub may move the section.
   local function addend_for(case, symbol, wanted, target)
      local number, formula = case[1], FORMULAS[case[2]]
      local image = assert(link(1, symbol, 0, target))
      for _ = 1, 3 do
         local addend = wanted - formula(letters(image, target))
         local next_image, err = link(number, symbol, addend, target)
         if not next_image or formula(letters(next_image, target)) + addend == wanted then
            return addend, next_image, err
         end
         image = next_image
      end
      error "the layout does not come to rest"
   end

   local function check_fits(case, symbol, wanted, target)
      local _, image, err = addend_for(case, symbol, wanted, target)
      assert(image, err)
      local _, bytes = section(image, ".site")
      assert.equal(site_with(wanted, case[3]), bytes)
   end

   local function check_refused(name, case, symbol, edge, step, target)
      local addend = addend_for(case, symbol, edge, target)
      local image, err = link(case[1], symbol, addend + step, target)
      assert.is_nil(image)
      assert.equal("range", err.code)
      assert.equal("R_X86_64_" .. name, err.reloc)
      assert.equal(symbol, err.symbol)
      assert.equal(".site", err.section)
      assert.equal(SITE, err.offset)
   end

   -- PLT32 is a branch: out of reach it goes to a stub, and is no error.
   local function check_branch(name, case)
      it(("%s reaches 2 GiB, and a stub beyond"):format(name), function()
         local low, high = edges(4, "signed")
         for _, edge in ipairs {low, high} do
            local target = AT + edge
            for _ = 1, 3 do
               local image = assert(link(case[1], "target", -4, target))
               target = edge + 4 + letters(image, target).P
            end
            local image = assert(link(case[1], "target", -4, target))
            local _, bytes = section(image, ".site")
            assert.equal(site_with(edge, 4), bytes)

            local beyond = edge < 0 and target - 1 or target + 1
            image = assert(link(case[1], "target", -4, beyond))
            _, bytes = section(image, ".site")
            local L, P = assert(image.stubs.target), letters(image, beyond).P
            assert.equal(site_with(L - 4 - P, 4), bytes)
         end
      end)
   end

   local function check_ranges(name, case)
      local symbol = case[2]:find "Z" and "sized" or "target"
      local target = case[2] == "S+A" and 0x40 or NEAR
      local low, high = edges(case[3], case[4])
      if not low then
         it(name .. " holds every value of 64 bits", function()
            for _, value in ipairs {0, -1, math.mininteger, math.maxinteger} do
               check_fits(case, symbol, value, target)
            end
         end)
         return
      end
      it(("%s holds what fits %s, %d bits"):format(name, case[4], 8 * case[3]), function()
         for _, value in ipairs {low, high, 0} do
            check_fits(case, symbol, value, target)
         end
      end)
      it(name .. " refuses one step outside of its range", function()
         check_refused(name, case, symbol, low, -1, target)
         check_refused(name, case, symbol, high, 1, target)
      end)
   end

   local function check_error(name, case, code)
      it(name .. " is refused by name", function()
         local image, err = link(case[1], "target", 0, NEAR)
         assert.is_nil(image)
         assert.equal(code, err.code)
         assert.equal("R_X86_64_" .. name, err.reloc)
      end)
   end

   local names = {}
   for name in pairs(TABLE) do
      names[#names + 1] = name
   end
   table.sort(names, function(a, b) return TABLE[a][1] < TABLE[b][1] end)

   for _, name in ipairs(names) do
      local case = TABLE[name]
      if case[2] == "dynamic" then
         check_error(name, case, "reloc")
      elseif case[2] == "tls" then
         check_error(name, case, "reloc") -- not a thread-local symbol; the others: tls_spec.lua
      elseif case[2] == "none" then
         it("NONE changes nothing", function()
            local image = assert(link(0, "target", 0, NEAR))
            local _, bytes = section(image, ".site")
            assert.equal(("\xaa"):rep(48), bytes)
         end)
      elseif name == "PLT32" then
         check_branch(name, case)
      else
         check_ranges(name, case)
      end
   end

   it("of a type that the psABI does not have is refused by number", function()
      for _, number in ipairs {39, 40, 52, 255, 0x7fffffff} do
         local image, err = link(number, "target", 0, NEAR)
         assert.is_nil(image)
         assert.equal("reloc", err.code)
         assert.matches(("type %d "):format(number), tostring(err), 1, true)
      end
   end)

   it("has a case here for each row of the table, and a row for each case", function()
      local rows = {}
      local text = support.read "csrc/target/x86_64.def"
      for number, name in text:gmatch "\nRELOC%(%s*(%d+),%s*([%w_]+)," do
         rows[name] = tonumber(number)
      end
      local cases = {}
      for name, case in pairs(TABLE) do
         cases[name] = case[1]
      end
      assert.same(cases, rows)
   end)
end)

describe("a load from the GOT", function()
   local FAR <const> = AT + (1 << 40)
   local folder

   setup(function()
      folder = support.tmpdir()
   end)

   -- Links `code` with `target` at an address: its bytes, the address behind them, the image.
   local function linked(code, target)
      local source = (".globl f\nf: %s\n.fill 8, 1, 0xcc\n"):format(code)
      local path = support.as(folder .. "/got.o", source)
      local ln <close> = moonlink.new {}
      local image = assert(ln:image {path, at = AT, define = {target = target}})
      local at = image.symbols.f
      local bytes = image.bytes:sub(at - image.base + 1)
      return bytes:sub(1, bytes:find("\xcc", 1, true) - 1), at, image
   end

   local function hex(bytes)
      return (bytes:gsub(".", function(c) return ("%02x "):format(c:byte()) end))
   end

   -- {instruction, what it becomes when the target is near, bytes before the displacement as it
   -- was}. %s is the displacement; it counts from the end of the field.
   local RELAXED = {
      {"movq target@GOTPCREL(%rip), %rax", "\x48\x8d\x05%s", "\x48\x8b\x05"},
      {"movq target@GOTPCREL(%rip), %r9", "\x4c\x8d\x0d%s", "\x4c\x8b\x0d"},
      {"movl target@GOTPCREL(%rip), %ecx", "\x8d\x0d%s", "\x8b\x0d"},
      {"movl target@GOTPCREL(%rip), %r9d", "\x44\x8d\x0d%s", "\x44\x8b\x0d"},
      {"call *target@GOTPCREL(%rip)", "\x67\xe8%s", "\xff\x15"},
      {"jmp *target@GOTPCREL(%rip)", "\xe9%s\x90", "\xff\x25"},
   }

   for _, case in ipairs(RELAXED) do
      it(("becomes direct when the target is near: %s"):format(case[1]), function()
         local bytes, at = linked(case[1], NEAR)
         local before, after = case[2]:match "^(.-)%%s(.*)$"
         local disp = string.pack("<i4", NEAR - (at + #before + 4))
         assert.equal(hex(before .. disp .. after), hex(bytes))
      end)

      it(("stays when the target is out of reach: %s"):format(case[1]), function()
         local bytes, at, image = linked(case[1], FAR)
         local slot = assert(image.got.target)
         local disp = string.pack("<i4", slot - (at + #case[3] + 4))
         assert.equal(hex(case[3] .. disp), hex(bytes))
         assert.equal(FAR, string.unpack("<i8", image.bytes, slot - image.base + 1))
      end)
   end

   it("stays when it is arithmetic, or loads a part of the slot", function()
      for _, code in ipairs {"cmpq TARGET(%rip), %rax", "testq %rax, TARGET(%rip)",
         "addq TARGET(%rip), %rax", "movl TARGET+4(%rip), %eax"} do
         local bytes, at, image = linked((code:gsub("TARGET", "target@GOTPCREL")), NEAR)
         local addend = code:find "+4" and 0 or -4
         local disp = string.unpack("<i4", bytes, #bytes - 3)
         assert.equal(image.got.target + addend - (at + #bytes - 4), disp)
      end
   end)
end)

it("a GOT load whose instruction another relocation changes is an error of the file", function()
   local path = support.as(support.tmpdir() .. "/overlap.o", [[
      .globl f, g, value
      .set value, 0x90
      f: movq g@GOTPCREL(%rip), %rax
      .reloc f+1, R_X86_64_8, value
      .data
      g: .quad 1
   ]])
   local ln <close> = moonlink.new {}
   local unit, err = ln:load(path)
   assert.is_nil(unit)
   assert.same({"format", ".text", 3, "g"}, {err.code, err.section, err.offset, err.symbol})
   assert.matches("another relocation has changed its instruction", err.message, 1, true)
   assert.matches("damaged", err.hint, 1, true)
end)

describe("a call out of reach", function()
   it("goes through a stub that jumps to the address in its slot", function()
      local folder = support.tmpdir()
      local far = AT + (1 << 40)
      local path = support.as(folder .. "/call.o",
         ".globl f\nf: call target\njmp target\njne target\n")
      local ln <close> = moonlink.new {}
      local image = assert(ln:image {path, at = AT, define = {target = far}})
      local f, stub, slot = image.symbols.f, image.stubs.target, image.got.target
      local function bytes_at(address, n)
         return image.bytes:sub(address - image.base + 1, address - image.base + n)
      end
      local expected = "\xe8" .. string.pack("<i4", stub - (f + 5))
         .. "\xe9" .. string.pack("<i4", stub - (f + 10))
         .. "\x0f\x85" .. string.pack("<i4", stub - (f + 16))
      assert.equal(expected, bytes_at(f, 16))
      -- endbr64; jmp *slot(%rip)
      assert.equal("\xf3\x0f\x1e\xfa\xff\x25" .. string.pack("<i4", slot - (stub + 10)),
         bytes_at(stub, 10))
      assert.equal(far, string.unpack("<i8", bytes_at(slot, 8)))
   end)
end)
