-- Objects of many small sections, as -ffunction-sections and -fdata-sections make them: each lies
-- where its alignment wants it, with its own bytes, and is known by its name and address.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local COUNT = 300
local KINDS = {
   { "text", '"ax",@progbits' }, { "rodata", '"a",@progbits' }, { "data", '"aw",@progbits' },
}
local ALIGNMENTS = { 16, 1, 4, 32, 2, 8, 1, 64 }

--- What section number i holds: its number, and then some.
local function contents(i)
   return ("<I4"):pack(i) .. ("\x90"):rep(i * 7 % 23)
end

--- COUNT sections of each kind, in turn; pad: bytes that the file begins with.
local function object(name, pad)
   local parts = { ("\t.section .rodata.pad,\"a\",@progbits\n\t.fill %d, 1, 0x5a\n"):format(pad) }
   for i = 1, COUNT do
      for _, kind in ipairs(KINDS) do
         local bytes = contents(i):gsub(".", function(c)
            return (", %d"):format(c:byte())
         end)
         parts[#parts + 1] = ("\t.section .%s.f%d,%s\n\t.balign %d\n\t.byte %s\n"):format(kind[1],
            i, kind[2], ALIGNMENTS[i % #ALIGNMENTS + 1], bytes:sub(3))
      end
   end
   parts[#parts + 1] = '\t.section .note.GNU-stack,"",@progbits\n'
   return support.as(dir .. "/" .. name .. ".o", table.concat(parts))
end

--- The sections of a unit by kind, in the order of the list.
local function by_kind(unit)
   local found = { text = {}, rodata = {}, data = {} }
   for _, s in ipairs(unit:sections()) do
      local kind, i = s.name:match "^%.(%l+)%.f(%d+)$"
      if kind then
         s.number = math.tointeger(i)
         table.insert(found[kind], s)
      end
   end
   return found
end

describe("many small sections", function()
   for name, pad in pairs { small = 8, large = 1200000 } do
      describe("of a " .. name .. " file", function()
         local path = object(name, pad)

         it("lie where their alignments want them, with their bytes", function()
            local ln <close> = moonlink.new()
            local found = by_kind(assert(ln:load(path)))
            for kind, list in pairs(found) do
               assert.equal(COUNT, #list, kind)
               local last = 0
               for k, s in ipairs(list) do
                  local bytes = contents(k)
                  assert.equal(k, s.number)
                  assert.equal(#bytes, s.size)
                  assert.equal(0, s.address % ALIGNMENTS[k % #ALIGNMENTS + 1], s.name)
                  assert.is_true(s.address >= last, s.name)
                  assert.equal(bytes, core.peek(s.address, s.size), s.name)
                  last = s.address + s.size
               end
            end
         end)

         it("leave no gap of code that would run", function()
            local ln <close> = moonlink.new()
            local text, gaps = by_kind(assert(ln:load(path))).text, 0
            for k = 2, #text do
               local start = text[k - 1].address + text[k - 1].size
               local size = text[k].address - start
               assert.equal(("\xcc"):rep(size), core.peek(start, size)) -- int3
               gaps = gaps + size
            end
            assert.is_true(gaps > 0)
         end)

         it("are told apart by address", function()
            local ln <close> = moonlink.new()
            for kind, list in pairs(by_kind(assert(ln:load(path)))) do
               for k = 1, #list, 13 do
                  local s = list[k]
                  local place = assert(ln:addr2sym(s.address + s.size - 1), kind)
                  assert.equal(s.name, place.section)
               end
            end
         end)
      end)
   end

   -- Function i adds i, an own constant and an own variable, and goes on with function i - 1.
   local function program(extra)
      local parts = { extra, "int f0(int n) { return n; }\n" }
      for i = 1, COUNT do
         parts[#parts + 1] = ([[
            int v%d = %d; const int c%d = %d; static int z%d;
            int f%d(int n) { z%d++; return f%d(n + %d + v%d + *(const volatile int *)&c%d + z%d); }
         ]]):format(i, 2 * i, i, 3 * i, i, i, i, i - 1, i, i, i, i)
      end
      return table.concat(parts)
   end

   local SUM = 6 * COUNT * (COUNT + 1) // 2 + COUNT -- z is 1

   for name, flags in pairs {
      pic = "-fPIC", pie = "-fPIE", low = "-fno-pic -fno-pie", far = "-fPIC -mcmodel=large",
      arrays = "-fPIC -mcmodel=medium -mlarge-data-threshold=64",
   } do
      it("refer to each other: " .. name, function()
         local ln <close> = moonlink.new()
         assert(ln:load(support.cc(("%s/%s.o"):format(dir, name), program(
            "__thread int own = 5; int large[100] = {[99] = 7}; static int empty[100];\n" ..
            "int others(void) { return own++ + large[99] + empty[5]++; }\n"),
            "-O1 -ffunction-sections -fdata-sections " .. flags)))
         local last = assert(ln:func(("int f%d(int)"):format(COUNT)))
         local others = assert(ln:func "int others(void)")
         assert.equal(SUM, last(0))
         assert.equal(SUM + COUNT + 1, last(1)) -- z is 2
         assert.equal(12, others())
         assert.equal(14, others())
      end)
   end
end)
