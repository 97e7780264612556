--- The README's examples are programs: they are cut out of the page and run.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

--- The blocks of Lua in a page.
local function examples(path)
   local out = {}
   for block in support.read(path):gmatch "\n```lua\n(.-)\n```\n" do
      out[#out + 1] = block
   end
   return out
end

describe("the example of the README", function()
   local dir = support.tmpdir()

   --- Runs a program in the folder; gives what it prints.
   local function run(program)
      support.write(dir .. "/example.lua", program)
      local here = support.sh("pwd"):gsub("\n", "")
      local build = support.build:sub(1, 1) == "/" and support.build or here .. "/" .. support.build
      return support.sh("cd %s && " .. support.crashes
         .. "LUA_PATH_5_4='%s/lua/?.lua;%s/lua/?/init.lua' LUA_CPATH_5_4='%s/?.so' %s example.lua",
         dir, here, here, build, support.interpreter)
   end

   it("has three blocks of Lua; ghc_programs_spec runs the third", function()
      assert.equal(3, #examples "README.md")
   end)

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
      local out = run(examples "README.md"[1] .. [[

         assert(ln:func "int app(int)"(16) == 36)
      ]])
      local first, rest = out:match "^(%x+)\n(.*)"
      -- CRC-32 of "moonlink" as Python's zlib gives it
      assert.equal("9b7a6441", first)
      assert.truthy(rest:find("'crc32'", 1, true))
      assert.truthy(rest:find("libz.a(crc32.o)", 1, true))
   end)

   it("of code that changes goes on from there, when the comment is done", function()
      local source = "static int steps; int step(int n) { if (n < 0) *(volatile int *)0 = n; "
         .. "return ++steps %s; }"
      support.cc(dir .. "/game.o", source:format "")
      support.cc(dir .. "/next.o", source:format "* 10")
      local program, edits = examples "README.md"[2]:gsub("%-%- %.%.%. edit [^\n]*", [[
         assert(step(1) == 1)
         assert(os.execute "mv next.o game.o")
      ]])
      assert.equal(1, edits)
      program, edits = program:gsub("timeout = 2 ", "timeout = 300 ") -- however slow the machine is
      assert.equal(1, edits)
      program = program:gsub("if not ok", "assert(step(1) == 20)\n%0")
      local out = run(examples "README.md"[1] .. "\n" .. program .. "\nassert(not game:alive())")
      assert.matches("SIGSEGV at address 0x0", out, 1, true)
      assert.matches("native backtrace:", out, 1, true)
   end)
end)
