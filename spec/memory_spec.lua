-- Raw memory: reading and writing never fault; buffers are freed once.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local moonlink = require "moonlink"
local support = require "spec.support"

describe("memory", function()
   local buffer

   before_each(function()
      buffer = moonlink.alloc(64)
   end)

   describe("that is not mapped", function()
      for _, address in ipairs { 0, 1, 4096, -1, math.mininteger, 0x7fffffffffff } do
         it(("is not read or written at %#x"):format(address), function()
            local bytes, err = core.peek(address, 8)
            assert.is_nil(bytes)
            assert.truthy(tostring(err):find(("8 bytes at 0x%x"):format(address), 1, true))
            local ok
            ok, err = core.poke(address, "x")
            assert.is_nil(ok)
            assert.truthy(tostring(err):find("cannot write 1 byte", 1, true))
            assert.is_nil((core.cstring(address)))
            assert.is_nil((moonlink.read(address, "i4")))
            assert.is_nil((moonlink.write(address, "i4", 1)))
            assert.is_nil((moonlink.string(address)))
         end)
      end
   end)

   it("that is constant is read and not written", function()
      local ln <close> = moonlink.new()
      local address = assert(ln:address_of "abs") -- code: readable, executable
      assert.equal(4, #assert(core.peek(address, 4)))
      assert.is_nil((core.poke(address, "\xc3")))
   end)

   it("is not taken for a size that cannot be", function()
      assert.is_nil((core.peek(buffer:address(), 1 << 47))) -- ends above all of a process
      assert.has_error(function() core.peek(buffer:address(), -1) end)
      assert.has_error(function() moonlink.alloc(-1) end)
      assert.has_error(function() moonlink.alloc(math.maxinteger) end)
   end)

   it("of no bytes is always there", function()
      assert.equal("", core.peek(0, 0))
      assert.is_true(core.poke(0, ""))
   end)

   it("is read and written in formats of string.pack", function()
      assert.is_true(moonlink.write(buffer, "i4 d i1", -7, 0.5, 3))
      assert.same({ -7, 0.5, 3 }, { moonlink.read(buffer, "i4 d i1") })
      assert.same({ -7, 0.5 }, { moonlink.read(buffer:address(), "i4 d") })
      assert.is_true(moonlink.write(buffer, "z", "text"))
      assert.equal("text", moonlink.read(buffer, "z"))
   end)

   it("blames the caller for a format or a value that is none", function()
      for _, wrong in ipairs {
         function() moonlink.read(buffer, "s4") end,
         function() moonlink.read(buffer, "?") end,
         function() moonlink.write(buffer, "i1", 300) end,
         function() local a = moonlink.read(nil, "i4"); return a end,
         function() local a = moonlink.read({}, "i4"); return a end,
         function() local a = moonlink.string "text"; return a end,
         function() local a = moonlink.read(io.stdout, "i4"); return a end,
      } do
         local ok, err = pcall(wrong)
         assert.is_false(ok)
         assert.truthy(err:find "^.-memory_spec.lua:%d+: ", err)
      end
   end)

   describe("that holds a string", function()
      it("is read up to its end or a limit", function()
         buffer:set "hello\0world"
         assert.equal("hello", moonlink.string(buffer))
         assert.equal("hel", moonlink.string(buffer, 3))
         assert.equal("hello", moonlink.string(buffer, 11))
         assert.equal("", moonlink.string(buffer, 0))
      end)

      it("may be long and end anywhere in a page", function()
         for _, n in ipairs { 255, 256, 257, 4095, 4096, 4097, 100000 } do
            local long <close> = moonlink.alloc(n + 1)
            long:set(("x"):rep(n))
            assert.equal(n, #moonlink.string(long))
         end
      end)

      it("may end with the last byte before what is not mapped", function()
         local ln <close> = moonlink.new()
         local map = ln:func "void *mmap(void *, size_t, int, int, int, off_t)"
         local unmap = ln:func "int munmap(void *, size_t)"
         local address = assert(map(nil, 8192, 3, 0x22, -1, 0))
         assert.equal(0, unmap(address + 4096, 4096))
         assert.is_true(core.poke(address + 4091, "text\0"))
         assert.equal("text", moonlink.string(address + 4091))
         assert.is_true(core.poke(address + 4095, "!"))
         assert.is_nil((moonlink.string(address + 4091)))
         assert.equal("text!", moonlink.string(address + 4091, 5))
         assert.equal(0, unmap(address, 4096))
      end)
   end)

   describe("of a buffer", function()
      it("is all zero, aligned to 16, and as long as it says", function()
         assert.equal(64, #buffer)
         assert.equal(("\0"):rep(64), buffer:get())
         assert.equal(0, buffer:address() % 16)
         assert.equal(0, #moonlink.alloc(0))
      end)

      it("is written and read inside its bounds only", function()
         assert.equal(buffer, buffer:set("abc", 61))
         assert.equal("abc", buffer:get(61))
         assert.equal("b", buffer:get(62, 1))
         for _, wrong in ipairs {
            function() buffer:set("abcd", 61) end,
            function() buffer:set("x", 65) end,
            function() buffer:get(65) end,
            function() buffer:get(60, 5) end,
            function() buffer:get(-1) end,
            function() buffer:get(0, math.maxinteger) end,
            function() moonlink.write(buffer, "c65", "") end,
            function() moonlink.read(buffer, "c65") end,
         } do
            assert.has_error(wrong)
         end
      end)

      it("goes when it is closed, once", function()
         buffer:close()
         buffer:close()
         assert.equal("moonlink.Buffer (closed)", tostring(buffer))
         assert.has_error(function() buffer:address() end, "attempt to use a closed buffer")
         assert.has_error(function() return #buffer end)
         assert.has_error(function() moonlink.read(buffer, "i4") end)
         do
            local scoped <close> = moonlink.alloc(8)
            assert.truthy(tostring(scoped):find "^moonlink.Buffer %(8 bytes at 0x")
         end
      end)

      it("leaves its memory to others when it is told to keep it", function()
         local size = 64 << 20 -- so much is given back to the system at once
         for _, on in ipairs(support.sanitized() and {true} or {true, false}) do -- or kept by it
            for _, collected in ipairs {true, false} do
               local large = moonlink.alloc(size):set("there")
               local address = large:address()
               large:keep(true)
               large:keep(on)
               if collected then
                  large = nil -- luacheck: ignore 311
                  collectgarbage()
               else
                  large:close()
               end
               assert.equal(on and "there" or nil, (moonlink.string(address)))
            end
         end
      end)
   end)
end)
