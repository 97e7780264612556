--- What is odd in the inputs of a load, and no error: warnings.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local mutate = require "spec.support.mutate"
local support = require "spec.support"

local dir = support.tmpdir()

local function warnings(inputs)
   local ln <close> = moonlink.new()
   local unit = assert(ln:load(inputs))
   assert.same(unit.warnings, assert(ln:check(inputs)).warnings or {})
   return unit.warnings
end

describe("a load warns of", function()
   local common = support.cc(dir .. "/common.o", "int buf[100]; int *f(void) { return buf; }",
      "-fcommon")
   local small = support.cc(dir .. "/small.o", "int buf[2] = {1, 2};")
   local large = support.cc(dir .. "/large.o", "int buf[200] = {1, 2};")

   it("a common with more bytes than its definition, in either order", function()
      local text = ("common 'buf' has 400 bytes in %s but its definition in %s has 8")
         :format(common, small)
      local ln <close> = moonlink.new {duplicate = "first"}
      for _, inputs in ipairs {{common, small}, {small, common}} do
         assert.same({text}, assert(ln:load(inputs)).warnings)
      end
   end)

   it("none where the definition is large enough", function()
      local ln <close> = moonlink.new()
      assert.same({}, assert(ln:load {common, large}).warnings)
   end)

   it("a symbol that ends past its section", function()
      local bytes = support.read(support.as(dir .. "/past.o", [[
         .data
         .globl x
         .type x, @object
         .quad 0
         x: .quad 7
         .size x, 8
      ]]))
      local list, n = mutate.sections(bytes)
      for i = 0, n - 1 do
         local s = list[i]
         for k = 0, s.type == 2 and s.size // 24 - 1 or -1 do
            if mutate.get(bytes, s.offset + k * 24 + 4, 1) == 0x11 then -- global object
               bytes = mutate.put(bytes, s.offset + k * 24 + 16, 8, 24)
            end
         end
      end
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {{bytes = bytes, name = "past.o"}})
      assert.same({"past.o: symbol 'x' ends 16 bytes past section .data; clamped"}, unit.warnings)
      assert.equal(8, unit:symbol "x".size)
   end)

   it("code on the stack, which runs in all threads, once the stacks are executable", function()
      local made = support.cc(dir .. "/nested.o", [[
         #include <pthread.h>
         static int twice(int (*f)(int)) { return f(3) + f(4); }
         int outer(int base)
         {
            int add(int v) { return base += v; }
            int (*volatile f)(int) = add;
            return twice(f);
         }
         static void *start(void *n) { return (void *)(long)outer((int)(long)n); }
         int in_thread(int n)
         {
            pthread_t thread;
            void *result;
            pthread_create(&thread, 0, start, (void *)(long)n);
            pthread_join(thread, &result);
            return (int)(long)result;
         }
      ]], "-O1 -fPIC")
      local status, out, err = support.lua([[
         local ln = require "moonlink".new()
         local path = ...
         local function executable()
            for line in io.lines "/proc/self/maps" do
               if line:find "rwxp.*%[stack%]" then
                  return true
               end
            end
            return false
         end
         local warnings = assert(ln:check(path)).warnings
         print(table.concat(warnings, "\n"), executable())
         local unit = assert(ln:load(path))
         print(ln:func "int outer(int)" (5), ln:func "int in_thread(int)" (6), executable())
         collectgarbage()
         assert(unit:unload())
      ]], made)
      assert.equal(0, status, err)
      assert.equal(made .. ": runs code on the stack; a load of it makes all stacks executable"
         .. "\tfalse\n20\t22\ttrue\n", out)
   end)

   it("at most twenty things", function()
      local source = {}
      for i = 1, 50 do
         source[i] = ("int b%d[%s];"):format(i, "%d")
      end
      local text = table.concat(source, "\n")
      local commons = support.cc(dir .. "/commons.o", (text:gsub("%%d", "9")), "-fcommon")
      local strong = support.cc(dir .. "/strongs.o", (text:gsub("%%d", "1")), "-fno-common")
      assert.equal(20, #warnings {commons, strong, duplicate = "first"})
   end)
end)
