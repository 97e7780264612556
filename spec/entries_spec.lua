-- Entries of .init_array that are not the load's own functions, as libbsd-ctor.a has them.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local loads = require "spec.support.loads"
local support = require "spec.support"

local dir = support.tmpdir()

local function entry(name, symbol)
   return support.as(dir .. "/" .. name .. ".o", ([[
      .section .init_array,"aw",@init_array
      .balign 8
      .quad %s
      .section .note.GNU-stack,"",@progbits
   ]]):format(symbol))
end

describe("a constructor", function()
   local library

   setup(function()
      local path = support.cc(dir .. "/counter.o", [[
         int count;
         void counter(void) { count++; }
         int counted(void) { return count; }
      ]], "-O1 -fPIC")
      library = dir .. "/libcounter.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", library, path)
   end)

   it("may be a function of a shared library", function()
      local ln <close> = moonlink.new()
      assert(ln:load {entry("shared", "counter"), library})
      assert.equal(1, assert(ln:func "int counted(void)")())
   end)

   it("may be a function of another unit", function()
      local ln <close> = moonlink.new()
      assert(ln:load(dir .. "/counter.o"))
      assert(ln:load(entry("unit", "counter")))
      assert.equal(1, assert(ln:func "int counted(void)")())
   end)

   it("may not be a variable, nor just any number", function()
      for _, symbol in ipairs {"count", "counter + 1", "0x123456"} do
         local err = loads.refusal {entry("wrong", symbol), library}
         assert.equal("init", err.code)
         assert.equal(".init_array", err.section)
      end
   end)
end)
