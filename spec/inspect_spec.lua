--- One object as tables, without linking it.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local support = require "spec.support"

local dir = support.tmpdir()

setup(function()
   support.cc(dir .. "/one.o", "int one(void) { return 1; } extern int two(void);"
      .. "int both(void) { return one() + two(); }")
end)

describe("an object that is looked into", function()
   it("is an error, or has fields that can be read, whichever byte of it is wrong", function()
      local good = support.read(dir .. "/one.o")
      local refused = 0
      for offset = 0, #good - 1 do
         for _, byte in ipairs {"\0", "\127", "\255"} do
            local object, err = core.object(support.patch(good, offset, byte), "patched.o")
            if object then
               assert.is_table(object:sections())
               assert.is_table(object:symbols())
               for _, r in ipairs(object:relocations()) do
                  object:function_at(r.section, r.offset)
               end
            else
               assert.is_string(err.message)
               refused = refused + 1
            end
         end
      end
      assert.is_true(refused > 64)
      for size = 0, #good - 1, 7 do
         assert.is_nil((core.object(good:sub(1, size), "cut.o")))
      end
   end)

   it("may be of another processor", function()
      if not support.has "clang" then
         return pending "clang is not installed"
      end
      local path = support.cc(dir .. "/arm.o", "extern int x; int f(void) { return x; }",
         "--target=aarch64-linux-gnu", {compiler = "clang"})
      local object = assert(core.object(support.read(path), "arm.o"))
      assert.equal("AArch64", object:machine())
      local relocations = object:relocations()
      assert.is_true(#relocations > 0)
      assert.equal("integer", math.type(relocations[1].type)) -- no table of names for it here
   end)

   it("is closed by <close>, and then raises", function()
      local kept
      do
         local object <close> = core.object(support.read(dir .. "/one.o"), "one.o")
         kept = object
      end
      assert.has_error(function() kept:sections() end)
   end)

   it("tells the function that holds a place, and nothing where there is none", function()
      local object = assert(core.object(support.read(dir .. "/one.o"), "one.o"))
      local symbols = object:symbols()
      for _, symbol in ipairs(symbols) do
         if symbol.type == "func" and symbol.section then
            assert.equal(symbol.name, object:function_at(symbol.section, symbol.value))
         end
      end
      assert.is_nil((object:function_at(#object:sections(), 0)))
      assert.has_error(function() object:function_at(0, 0) end)
      assert.has_error(function() object:function_at(1000, 0) end)
   end)
end)
