--- Compact relocations (SHT_CREL): what an object says in them is what it says in SHT_RELA.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local crel = require "spec.support.crel"
local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local mutate = require "spec.support.mutate"
local support = require "spec.support"

local dir = support.tmpdir()

local SOURCE = [[
   #include <string.h>
   extern int puts(const char *);
   static int table[200] = {3, 1, 4};
   int *backwards[4] = {&table[150], &table[3], &table[100], &table[0]};
   static const char *const words[] = {"one", "three", "five"};
   int lengths(void) { return (int)(strlen(words[0]) + strlen(words[1]) + strlen(words[2])); }
   int sum(void) { return *backwards[3] + (int)(backwards[0] - backwards[1]) + lengths(); }
   int (*const pointers[])(void) = {lengths, sum};
   int through(void) { return pointers[0]() * 1000 + pointers[1](); }
]]

local function object(name, flags)
   return support.read(support.cc(dir .. "/" .. name .. ".o", SOURCE, flags))
end

local function bytes_input(bytes)
   return {bytes = bytes, name = "crel.o"}
end

--- Relocations as the parser gives them.
local function relocations(name, bytes)
   local inspected <close> = assert(core.object(bytes, name))
   return inspected:relocations()
end

describe("compact relocations", function()
   for _, flags in ipairs {"-O0", "-O2 -fPIC", "-O2 -fno-pic -ffunction-sections -g"} do
      it("say what SHT_RELA says: " .. flags, function()
         local plain = object("same", flags)
         local compact, sections = crel.convert(plain)
         assert.is_true(sections >= 2)
         assert.same(relocations("plain.o", plain), relocations("compact.o", compact))
         local lengths, through = loads.results("int", bytes_input(compact), "lengths", "through")
         assert.equal(12, lengths)
         assert.equal(12000 + 3 + 147 + 12, through)
      end)
   end

   it("may have their offsets shifted", function()
      local plain = support.read(support.cc(dir .. "/shift.o",
         "extern int a, b, c; int *p[] = {&c, &a, &b, &a + 3};"))
      for shift = 0, 3 do
         local compact = crel.convert(plain, function(records)
            return crel.encode(records, true, shift)
         end)
         assert.same(relocations("plain.o", plain), relocations("compact.o", compact))
      end
   end)

   it("may have offsets that go down and numbers that are negative", function()
      local plain = object("down", "-O1")
      local compact = crel.convert(plain, function(records)
         table.sort(records, function(x, y) return x.offset > y.offset end)
         return crel.encode(records, true)
      end)
      assert.equal(12, (loads.results("int", bytes_input(compact), "lengths")))
      local far = support.read(support.as(dir .. "/far.o",
         ".data; .quad x + 0x7fffffffffffffff, x - 0x8000000000000000, x - 1"))
      assert.same(relocations("plain.o", far), relocations("compact.o", (crel.convert(far))))
   end)

   it("may leave the addends in the fields, as SHT_REL does", function()
      local source = ".data; .globl p; p: .quad target + 0x1234, target; "
         .. ".globl target; target: .quad 7"
      local bytes = support.read(support.as(dir .. "/rel.o", source))
      local list, n = mutate.sections(bytes)
      for i = 0, n - 1 do
         if list[i].type == 1 and list[i].flags == 3 and list[i].size > 0 then
            bytes = mutate.put(bytes, list[i].offset, 8, 0x1234)
            bytes = mutate.put(bytes, list[i].offset + 8, 8, 0)
         end
      end
      local compact = crel.convert(bytes, function(records) return crel.encode(records, false) end)
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {bytes_input(compact)})
      local p, target = unit:address "p", unit:address "target"
      assert.equal(target + 0x1234, (moonlink.read(p, "j")))
      assert.equal(target, (moonlink.read(p + 8, "j")))
   end)
end)

describe("compact relocations from a hostile file", function()
   local plain = object("hostile", "-O1")

   local function refusal(raw)
      return loads.refusal({bytes_input((crel.convert(plain, function() return raw end)))})
   end

   local cases = {
      {"are empty", "", "past the end"},
      {"count 2^60", crel.uleb((1 << 60) + 4), "fewer bytes than relocations"},
      {"count more than there are bytes", crel.uleb(3 * 8 + 4) .. "\0\0", "fewer bytes"},
      {"end within a number", crel.uleb(2 * 8 + 4) .. "\0\x81", "past the end"},
      {"end before an announced number", crel.uleb(2 * 8 + 4) .. "\x08\x01", "past the end"},
      {"hold a header of more than 64 bits", ("\xff"):rep(11) .. "\1", "more than 64 bits"},
      {"hold a symbol of more than 64 bits", crel.uleb(12) .. "\1" .. ("\x80"):rep(11) .. "\0",
       "more than 64 bits"},
      {"hold a symbol whose 65th bit is set", crel.uleb(12) .. "\1" .. ("\x80"):rep(9) .. "\2",
       "more than 64 bits"},
      {"have an offset past the section", crel.uleb(12) .. "\x80" .. crel.uleb(1 << 40),
       "past the end of its section"},
      {"have a symbol that does not exist", crel.uleb(12) .. "\1" .. crel.sleb(1 << 20),
       "symbol that does not exist"},
      {"have a negative symbol", crel.uleb(12) .. "\1" .. crel.sleb(-1),
       "symbol that does not exist"},
   }
   for _, case in ipairs(cases) do
      it("are refused where they " .. case[1], function()
         local err = refusal(case[2])
         assert.equal("crel.o", err.file)
         assert.is_truthy(err.section:find "^%.rela")
         assert.is_truthy(tostring(err):find(case[3], 1, true), tostring(err))
      end)
   end

   it("may be of any bytes", function()
      local ln <close> = moonlink.new {undefined = "null"}
      local compact = crel.convert(plain)
      local list, n = mutate.sections(compact)
      local tried = 0
      for i = 0, n - 1 do
         local s = list[i]
         for at = s.offset, s.type == crel.TYPE and s.offset + s.size - 1 or -1 do
            for _, value in ipairs {0, 1, 0x7f, 0x80, 0xff} do
               local ok, err = ln:check {bytes_input(mutate.put(compact, at, 1, value))}
               assert.is_truthy(ok or err.file == "crel.o")
               tried = tried + 1
            end
         end
      end
      assert.is_true(tried > 100)
   end)
end)
