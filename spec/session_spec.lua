-- The life of a linker: what closes it, what it refuses, who keeps what alive.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1 -fPIE")
end

local counter, apply

setup(function()
   counter = object("counter", "int count; int next(void) { return ++count; }")
   apply = object("apply", "int apply(int (*f)(int), int n) { return f(n); }")
end)

describe("two linkers", function()
   it("do not see each other's names, nor share data", function()
      local a <close> = moonlink.new()
      local b <close> = moonlink.new()
      assert(a:load(counter))
      assert.is_nil((b:address_of "next"))
      assert(b:load(counter))
      local next_a, next_b = a:func "int next(void)", b:func "int next(void)"
      assert.same({1, 2, 1, 3}, {next_a(), next_a(), next_b(), next_a()})
      assert.not_equal(a:address_of "count", (b:address_of "count"))
   end)

   it("do not share hooks, options, or opened libraries", function()
      local a <close> = moonlink.new {undefined = "null"}
      local b <close> = moonlink.new()
      a:on("undefined", function() error "asked" end)
      local user = object("user", "int nobody(void); int u(void) { return nobody(); }")
      assert.is_false((pcall(a.load, a, user)))
      local unit, err = b:load(user)
      assert.is_nil(unit)
      assert.equal("undefined", err.code)
   end)

   it("cannot have each other's units in their scopes: one could close before the other", function()
      local a <close> = moonlink.new()
      local unit = assert(a:load(counter))
      local b <close> = moonlink.new()
      for _, wrong in ipairs {
         function() return moonlink.new {scope = {unit, "process"}} end,
         function() return b:load {apply, scope = {unit, "process"}} end,
         function() return b:image {apply, at = 0x10000, scope = {unit}} end,
      } do
         local ok, err = pcall(wrong)
         assert.is_false(ok)
         assert.matches("^spec/session_spec.lua:%d+: .* belongs to another linker$", err)
      end
      assert.is_true(unit:unload())
      local ok, err = pcall(function() return a:load {apply, scope = {unit, "process"}} end)
      assert.is_false(ok)
      assert.matches("^spec/session_spec.lua:%d+: .* was unloaded$", err)
   end)
end)

describe("closing a linker", function()
   it("makes its functions raise", function()
      local ln = moonlink.new()
      assert(ln:load(counter))
      local next_count = ln:func "int next(void)"
      assert.equal(1, next_count())
      assert.is_true(ln:close())
      local ok, err = pcall(next_count)
      assert.is_false(ok)
      assert.matches("unloaded", tostring(err), 1, true)
      assert.matches("counter.o", tostring(err), 1, true)
   end)

   it("twice is no mistake; using it afterwards is", function()
      local ln = moonlink.new()
      local unit = assert(ln:load(counter))
      assert.is_true(ln:close())
      assert.is_true(ln:close())
      for _, use in ipairs {
         function() ln:load(counter) end, function() ln:address_of "next" end,
         function() ln:func "int next(void)" end, function() ln:explain "next" end,
         function() ln:on("resolve", print) end, function() unit:map() end,
      } do
         assert.is_false((pcall(use)))
      end
      assert.is_false(unit:alive())
      assert.matches("closed", tostring(ln), 1, true)
      assert.matches("unloaded", tostring(unit), 1, true)
   end)

   it("is refused while a call into it is running, and done after", function()
      local ln = moonlink.new()
      assert(ln:load(apply))
      local closed, err
      local run = ln:func "int apply(int (*)(int), int)"
      local result = run(function(n)
         closed, err = ln:close()
         return n + 1
      end, 41)
      assert.equal(42, result)
      assert.is_nil(closed)
      assert.equal("state", err.code)
      assert.matches("apply.o", err.message, 1, true)
      assert.matches("1", err.message, 1, true)
      assert.equal(8, run(function(n) return n * 2 end, 4))
      assert.is_true(ln:close())
   end)

   it("is refused while a load is running", function()
      local ln <close> = moonlink.new()
      local closed, err
      ln:on("resolve", function() closed, err = ln:close() end)
      assert(ln:load(object("asks", "int getpid(void); int a(void) { return getpid(); }")))
      assert.is_nil(closed)
      assert.equal("state", err.code)
      assert.matches("load", err.message, 1, true)
   end)

   it("runs destructors, of the latest unit first", function()
      local trace = object("trace", "char trace[16]; int length;" ..
         "void note(char c) { trace[length++] = c; }")
      local outer <close> = moonlink.new()
      assert(outer:load(trace))
      local note = outer:address_of "note"
      local source = [[
         void note(char);
         __attribute__((constructor)) static void begin(void) { note('%s'); }
         __attribute__((destructor)) static void end(void) { note('%s'); }
      ]]
      local ln <close> = moonlink.new {scope = {{note = note}, "process"}}
      assert(ln:load(object("first", source:format("a", "A"))))
      assert(ln:load(object("second", source:format("b", "B"))))
      assert.equal("ab", moonlink.string((outer:address_of "trace")))
      assert.is_true(ln:close())
      assert.equal("abBA", moonlink.string((outer:address_of "trace")))
   end)
end)

describe("garbage collection", function()
   it("of the linker leaves its functions whole", function()
      local next_count
      do
         local ln = moonlink.new()
         assert(ln:load(counter))
         next_count = ln:func "int next(void)"
      end
      for _ = 1, 3 do
         collectgarbage()
      end
      assert.equal(1, next_count())
      assert.equal(2, next_count())
   end)

   it("takes the memory when nobody holds anything any more", function()
      local function mapped()
         local count = 0
         for line in io.lines "/proc/self/maps" do
            count = count + (line:find "r%-xp 00000000 00:00 0" and 1 or 0)
         end
         return count
      end
      -- Also what garbage of others holds that is found out only when its finaliser has run.
      for _ = 1, 4 do
         collectgarbage()
      end
      local before = mapped()
      for _ = 1, 20 do
         local ln = moonlink.new()
         local unit = assert(ln:load(counter))
         assert.is_true(unit:alive())
      end
      collectgarbage()
      collectgarbage()
      assert.equal(before, mapped())
   end)

   it("keeps callbacks that answered for a name as long as the unit", function()
      local ln <close> = moonlink.new()
      ln:on("undefined", function()
         return ln:callback("int(int)", function(n) return n + 1 end)
      end)
      assert(ln:load(object("late", "int late(int); int call(int n) { return late(n); }")))
      for _ = 1, 3 do
         collectgarbage()
      end
      assert.equal(6, ln:func("int call(int)")(5))
   end)
end)

describe("the end of a Lua state", function()
   local SCRIPT = [[
      local moonlink = require "moonlink"
      local dir, order = ...
      local kept = {}
      for i = 1, 3 do
         local ln = moonlink.new { undefined = "stub" }
         local unit = assert(ln:load { dir .. "/counter.o", dir .. "/apply.o", dir .. "/ender.o" })
         local next_count = ln:func "int next(void)"
         local callback = ln:callback("int(int)", function(n) return n end)
         assert(next_count() == 1)
         local things = { ln, unit, next_count, callback, ln:symbol "next", ln:explain "next" }
         if order == "reverse" then
            for k = 1, #things // 2 do
               things[k], things[#things - k + 1] = things[#things - k + 1], things[k]
            end
         end
         kept[i] = things
      end
      local open = moonlink.new()
      open:on("resolve", function() coroutine.yield() end)
      local co = coroutine.wrap(function() open:load { dir .. "/ender.o" } end)
      co()
      if order == "global" then
         everything = { kept, co, open }
      elseif order == "cycle" then
         kept.self = kept
         setmetatable(kept, { __gc = function(t) return t[1][3]() end })
      end
      io.stdout:write "done\n"
   ]]

   setup(function()
      object("ender", [[
         #include <stdio.h>
         #include <stdlib.h>
         static void at_exit(void) { fputs("exit ", stdout); }
         __attribute__((constructor)) static void begin(void) { atexit(at_exit); }
         __attribute__((destructor)) static void end(void) { fputs("end\n", stdout); }
      ]])
   end)

   for _, order in ipairs {"plain", "reverse", "global", "cycle"} do
      it("with everything open is quiet: " .. order, function()
         local status, out, err = support.lua(SCRIPT, dir, order)
         assert.equal("", err)
         assert.equal(0, status)
         assert.equal("done\n" .. ("exit end\n"):rep(3), out)
      end)
   end

   it("leaves no memory error to valgrind #slow", function()
      if not support.has "valgrind" or os.getenv "SUITE_PRELOAD" then
         pending "valgrind is not installed"
         return
      end
      local script = support.write(dir .. "/ends.lua", SCRIPT)
      local status, out, err = support.exit("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s valgrind --quiet " ..
         "--error-exitcode=99 --suppressions=.ci/valgrind.supp %s %s %s cycle",
         support.quote(package.path), support.quote(package.cpath), support.interpreter, script,
         dir)
      assert.equal("", err)
      assert.equal(0, status)
      assert.matches("done", out, 1, true)
   end)
end)

describe("a constructor", function()
   it("may call back into Lua, which loads more", function()
      local ln <close> = moonlink.new()
      local starter = object("starter", [[
         int load_more(int); int got;
         __attribute__((constructor)) static void begin(void) { got = load_more(3); }
      ]])
      ln:on("undefined", "^load_more$", function()
         return ln:callback("int(int)", function(n)
            assert(ln:load(counter))
            return ln:func("int next(void)")() + n
         end)
      end)
      assert(ln:load(starter))
      assert.equal(4, moonlink.read(ln:address_of "got", "i4"))
      assert.equal(2, #ln:units())
   end)
end)

describe("linkers that nobody uses any more", function()
   it("give their address space back to the next load", function()
      -- each holds some MiB near the C library, and a GiB or two is all that there is
      for _ = 1, 500 do
         local ln = moonlink.new()
         assert(ln:load(counter))
      end
   end)
end)
