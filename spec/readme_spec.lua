--- The README's example is a program: it is cut out of the page and run.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

--- The first block of Lua in a page.
local function example(path)
   return assert(support.read(path):match "\n```lua\n(.-)\n```\n")
end

describe("the example of the README", function()
   local dir = support.tmpdir()

   setup(function()
      support.cc(dir .. "/app.o", [[
         int util(int); void core_start(void); double sqrt(double);
         int app(int n) { core_start(); return util(n) + (int)sqrt(n); }]],
         "-O1 -fPIE -fno-builtin")
      support.cc(dir .. "/util.o", "int util(int n) { return n * 2; }", "-O1")
      support.cc(dir .. "/core.o", [[
         void debug_print(const char *text); int quiet = 1;
         void core_start(void) { if (!quiet) debug_print("start"); }]], "-O1")
      support.sh("ar rcs %s/libcore.a %s/core.o", dir, dir)
   end)

   it("runs as it stands", function()
      support.write(dir .. "/example.lua", example "README.md" .. [[

         assert(ln:func "int app(int)"(16) == 36)
      ]])
      local here = support.sh("pwd"):gsub("\n", "")
      local build = support.build:sub(1, 1) == "/" and support.build or here .. "/" .. support.build
      local out = support.sh("cd %s && LUA_PATH_5_4='%s/lua/?.lua;%s/lua/?/init.lua' "
         .. "LUA_CPATH_5_4='%s/?.so' %s example.lua", dir, here, here, build, support.interpreter)
      local first, rest = out:match "^(%x+)\n(.*)"
      -- CRC-32 of "moonlink" as Python's zlib gives it
      assert.equal("9b7a6441", first)
      assert.truthy(rest:find("'crc32'", 1, true))
      assert.truthy(rest:find("libz.a(crc32.o)", 1, true))
   end)
end)
