-- Constructors and destructors that come back to Lua: what they may do there, and what is refused.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local object = objects.cc

describe("a constructor that loads more", function()
   --- Calls load_more(number) when it is loaded.
   local function asks(n, more)
      return object(('int load_more(int); int level%d; int use%d(void) { return level%d; }\n%s\n' ..
         '__attribute__((constructor)) static void c(void) { level%d = load_more(%d); }')
         :format(n, n, n, more or "", n, n))
   end

   --- A linker whose objects can call load_more, which is f.
   local function with(f)
      local ln = moonlink.new()
      local callback = ln:callback("int(int)", f)
      ln:on("undefined", "^load_more$", function() return callback end)
      return ln, callback
   end

   it("loads it, two levels deep", function()
      local paths = {asks(1, "int use2(void); int sum(void) { return level1; }"), asks(2), asks(3)}
      local ln
      local callback
      ln, callback = with(function(n)
         if n < 3 then
            assert(ln:load(paths[n + 1]))
         end
         return n * 10
      end)
      assert(ln:load(paths[1]))
      for n = 1, 3 do
         assert.equal(n * 10, ln:func(("int use%d(void)"):format(n))())
      end
      assert.equal(3, #ln:units())
      assert.is_true(ln:close())
      callback:close()
   end)

   it("may load what uses its own unit", function()
      local user = object "extern int level1; int seen(void) { return level1 + 5; }"
      local own = asks(1)
      local ln
      ln = with(function()
         assert(ln:load(user))
         return ln:func "int seen(void)" ()
      end)
      assert(ln:load(own))
      assert.equal(10, ln:func "int seen(void)" ())
      assert.is_true(ln:close())
   end)

   it("takes with it what it loaded and what uses it, when it then fails", function()
      local user = object "extern int level1; int seen(void) { return level1 + 5; }"
      local free = object "int stays(void) { return 3; }"
      local own = object([[
         extern "C" { int load_more(int); int level1; }
         __attribute__((constructor)) static void c() { load_more(1); throw 5; }
      ]], "-O1 -fPIE", "g++")
      local ln
      local inner
      ln = with(function()
         inner = assert(ln:load(user))
         assert(ln:load(free))
         return ln.c.seen() + ln.c.stays()
      end)
      ln:cdef "int seen(void), stays(void);"
      local unit, err = ln:load {own, "-lstdc++"}
      assert.is_nil(unit)
      assert.equal("init", err.code)
      assert.is_false(inner:alive())
      assert.is_nil((ln:address_of "seen"))
      assert.matches("undefined 'seen'", support.refused(function() return ln.c.seen end))
      assert.equal(3, ln:func "int stays(void)" ())
      assert.is_true(ln:close())
   end)

   it("is told of a cycle, with the way round it", function()
      local paths = {asks(1), asks(2)}
      local ln, cycle
      ln = with(function(n)
         local unit, err = ln:load(paths[3 - n])
         cycle = cycle or err
         return unit and 1 or 0
      end)
      assert(ln:load(paths[1]))
      assert.equal("state", cycle.code)
      local text = ("%s -> %s -> %s"):format(paths[1], paths[2], paths[1])
      assert.is_truthy(cycle.message:find(text, 1, true), cycle.message)
      assert.equal(2, #ln:units())
      assert.is_true(ln:close())
   end)

   it("is stopped by Lua when it goes on for ever under other names", function()
      local path = asks(1)
      local bytes = support.read(path)
      local depth = 0
      local ln
      ln = with(function()
         depth = depth + 1
         ln:load {bytes = bytes, name = "copy" .. depth, duplicate = "last"}
         return depth
      end)
      assert(ln:load(path))
      assert.is_true(depth > 10)
      assert.is_true(#ln:units() > 10)
      moonlink.warnings()
      assert.is_true(ln:close())
   end)

   it("cannot take away its own unit, nor what it uses, nor the linker", function()
      local base = object "int level9 = 9; int base(void) { return level9; }"
      local own = asks(1, "int base(void); int both(void) { return base() + level1; }")
      local ln, results
      ln = with(function()
         local starting = ln.session:units()
         results = {
            {starting[#starting]:unload "force"}, {ln:units()[1]:unload "force"}, {ln:close()},
            {ln:units()[1]:unload()},
         }
         return 1
      end)
      assert(ln:load(base))
      assert(ln:load(own))
      for i, result in ipairs(results) do
         assert.is_nil(result[1], i)
         assert.equal("state", result[2].code, i)
      end
      assert.equal(10, ln:func "int both(void)" ())
      assert.is_true(ln:close())
   end)
end)

describe("a destructor", function()
   local function asks()
      return object [[
         int at_end(int); int value = 4; int get(void) { return value; }
         __attribute__((destructor)) static void d(void) { at_end(1); }
      ]]
   end

   local function with(f)
      local ln = moonlink.new()
      local callback = ln:callback("int(int)", f)
      ln:on("undefined", "^at_end$", function() return callback end)
      return ln, callback
   end

   it("may call Lua, which may load", function()
      local other = object "int other(void) { return 8; }"
      local ln
      local result
      ln = with(function()
         assert(ln:load(other))
         result = ln:func "int other(void)" ()
         return 0
      end)
      local unit = assert(ln:load(asks()))
      assert(unit:unload())
      assert.equal(8, result)
      assert.is_true(ln:close())
   end)

   it("cannot end the linker, nor its unit once more, nor bring users to it", function()
      local user = object "extern int value; int more(void) { return value; }"
      local ln, unit
      local results
      ln = with(function()
         results = {{ln:close()}, {unit:unload "force"}, {unit:reload()},
                    {ln:load {user, scope = {unit, "process"}}}}
         return 0
      end)
      unit = assert(ln:load(asks()))
      assert(unit:unload())
      for i, result in ipairs(results) do
         assert.is_nil(result[1], i)
         assert.equal("state", result[2].code, i)
      end
      assert.is_false(unit:alive())
      assert.is_true(ln:close())
   end)

   it("cannot take away what its unit uses", function()
      local base = object "int base(void) { return 2; }"
      local user = object [[
         int base(void); int at_end(int); int result;
         __attribute__((destructor)) static void d(void) { at_end(1); at_end(base()); }
      ]]
      local ln, below, refused
      local calls = {}
      ln = with(function(n)
         calls[#calls + 1] = n
         if n == 1 then
            refused = {below:unload "force"}
         end
         return 0
      end)
      below = assert(ln:load(base))
      local unit = assert(ln:load(user))
      assert(unit:unload())
      assert.is_nil(refused[1])
      assert.equal("state", refused[2].code)
      assert.same({1, 2}, calls)
      assert.is_true(ln:close())
   end)
end)
