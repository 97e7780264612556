-- Unwind tables as LLVM's unwinder reads them, which takes the end of a table for something else.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local dir = support.tmpdir()

--- Loads in a process that holds libunwind.so.1.
local SCRIPT = [[
   local moonlink = require "moonlink"
   local ln <close> = moonlink.new()
   for i = 1, 3 do
      local unit = assert(ln:load {..., "libunwind.so.1"})
      print(assert(ln:func "int twice(int)")(21))
      assert(unit:unload "force")
   end
]]

it("an unwind table at the end of a load is read by LLVM's libunwind up to its end", function()
   -- no data, no strings: behind the table there is no memory of the load
   local path = support.cc(dir .. "/twice.o", "int twice(int n) { return n + n; }",
      "-O1 -fPIE -fasynchronous-unwind-tables")
   assert.matches(".eh_frame", support.sh("readelf -SW %s", path), 1, true)
   local status, out, err = support.lua(SCRIPT, path)
   assert.equal("", err)
   assert.equal("42\n42\n42\n", out)
   assert.equal(0, status)
end)

it("and so is one that has data behind it", function()
   local path = support.cc(dir .. "/data.o", [[
      int data[3000] = {-1, -1, -1, -1};
      int twice(int n) { return n * 2 + data[n + 100]; }
   ]], "-O1 -fPIE -fasynchronous-unwind-tables")
   local status, out, err = support.lua(SCRIPT, path)
   assert.equal("", err)
   assert.equal("42\n42\n42\n", out)
   assert.equal(0, status)
end)
