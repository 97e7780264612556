--- Unwind tables: how unwinders are told of them (csrc/process, by a program in C), and how LLVM's
-- reads them, which takes the end of a table for something else.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local program = require "spec.c.program"

local dir = support.tmpdir()

local paths = program.build("unwind_test", "csrc/process/*.c",
   "-rdynamic -Wl,--wrap=calloc,--wrap=realloc")
local of_objects = program.build("unwind_objects_test", "csrc/process/*.c",
   "-rdynamic -Wl,--wrap=calloc,--wrap=ml_os_now_ns")

local function passes(test, options)
   program.run(paths, test, options)
end

--- A library that counts what it is told of, under the name of a real unwinder.
local function unwinder(soname, source)
   local library = dir .. "/" .. soname
   support.sh("LD_PRELOAD= gcc -O1 -shared -fPIC -Wl,-soname,%s -o %s spec/c/%s.c", soname,
      library, source)
   return library
end

local like_libgcc = unwinder("libgcc_s.so.1", "unwinder")
local like_libunwind = unwinder("libunwind.so.1", "records")

describe("unwind tables", function()
   it("are told to an unwinder, and taken back from the same", function()
      passes("unwinding", {variant = "plain"})
   end)

   it("are taken back at a multiple of 4 GiB, too", function()
      passes("at_4gib", {variant = "plain"})
   end)

   it("are found after one that libgcc has read and kept nothing of", function()
      program.run(of_objects, "nothing_kept", {variant = "plain"})
   end)

   it("are found by other threads while others come and go", function()
      program.run(of_objects, "looked_up")
   end)

   it("need no memory of their unwinder's while nobody throws", function()
      program.run(of_objects, "come_and_go_beside", {variant = "plain"})
   end)

   it("use nothing again that another thread has given back just now", function()
      program.run(of_objects, "wait_anew_beside", {variant = "plain"})
   end)

   it("are told to an unwinder that comes late before another thread forks, or after", function()
      passes "late"
   end)

   it("of one session are found between those of another", function()
      passes("between", {variant = "plain"})
   end)

   it("are taken back in any order without walking through each other", function()
      local orders = {
         "oldest", "newest", "random", "oldest-mixed", "random-mixed", "random-quiet",
         "newest-quiet",
      }
      for _, order in ipairs(orders) do
         passes(("counted %s,%s"):format(like_libgcc, order), {variant = "plain"})
      end
   end)

   it("are taken back many at a time from who goes from record to record", function()
      for _, order in ipairs {"oldest", "newest", "random"} do
         passes(("records %s,%s"):format(like_libunwind, order))
      end
      passes("scattered " .. like_libunwind)
      passes("left " .. like_libunwind)
   end)

   it("are known to all kinds of unwinders while they come and go and memory is refused", function()
      passes("churning " .. like_libunwind)
      for _, test in ipairs {"churning", "churning_beside"} do
         passes(("%s %s,%s"):format(test, like_libunwind, like_libgcc), {variant = "plain"})
      end
   end)
end)

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

it("what LLVM's libunwind still knows of unloaded code is not taken for new code there", function()
   local source = "long where(void); long where(void) { return (long)where; }"
   local plain = support.cc(dir .. "/plain.o", source, "-O1 -fPIC -fasynchronous-unwind-tables")
   local none = support.cc(dir .. "/none.o", source, "-O1 -fPIC -fno-asynchronous-unwind-tables")
   -- its first entry, where that of the others is, is for the function that comes last
   local turned = support.cc(dir .. "/turned.o", [[
      asm(".text 1\n"
          "later: .cfi_startproc\n"
          "nop; nop; ret\n"
          ".cfi_endproc\n"
          ".text 0\n"
          ".globl where\n"
          "where: .cfi_startproc\n"
          "lea where(%rip), %rax\n"
          "ret\n"
          ".cfi_endproc\n");
   ]], "-O1 -fPIC")
   local asks = support.cc(dir .. "/asks.o", [[
      void *_Unwind_FindEnclosingFunction(void *pc);
      long begins(long at) { return (long)_Unwind_FindEnclosingFunction((void *)(at + 1)); }
   ]], "-O1 -fPIC")
   local status, out, err = support.lua([[
      local moonlink = require "moonlink"
      local asks, plain, none, turned = ...
      local ln <close> = moonlink.new()
      assert(ln:load {asks, "libunwind.so.1"})
      local begins = ln:func "long begins(long)"
      local units, at, begin, places = {}, {}, {}, {}
      local function load(path, i)
         units[i] = assert(ln:load {{path = path, rename = {where = "where" .. i}}})
         at[i] = ln:func(("long where%d(void)"):format(i))()
         begin[i] = path == none and 0 or at[i]
         assert(begins(at[i]) == begin[i])
      end
      for i = 1, 600 do
         load(plain, i)
         places[at[i] ] = true
      end
      local function change(from, to, path) -- of a large hole the first part is used again
         local again = 0
         for i = from, to do
            assert(units[i]:unload "force")
         end
         for i = from, to do
            load(path, i)
            again = again + (places[at[i] ] and 1 or 0)
         end
         for i = 1, 600 do
            assert(begins(at[i]) == begin[i])
         end
         return again > 10
      end
      print(change(10, 209, none), change(250, 449, turned), change(10, 449, plain))
   ]], asks, plain, none, turned)
   assert.equal("", err)
   assert.equal("true\ttrue\ttrue\n", out)
   assert.equal(0, status)
end)

it("the benchmark of unwind tables runs", function()
   local out = support.sh("LD_PRELOAD= %s bench/works/unwind.lua 10 1", support.interpreter)
   for _, order in ipairs {"oldest", "newest", "random"} do
      assert.matches("libgcc_s.so.1 +" .. order .. " +telling %d+", out)
      assert.matches("libgcc_s.so.1 +" .. order .. " beside +telling %d+", out)
   end
end)
