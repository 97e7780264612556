--- What does a function still lack?
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local function cc(name, source, flags)
   return support.cc(("%s/%s.o"):format(dir, name), source, flags or "-O0 -ffunction-sections")
end

local FIRST = cc("first", [[
   extern int gone_a(void), gone_b(void), gone_c(void), abs(int);
   int leaf(void) { return abs(-1); }
   int wants_a(void) { return gone_a(); }
   int wants_b(void) { return gone_b() + wants_a(); }
   int (*table[])(void) = {wants_b, leaf};
   int through_table(int i) { return table[i](); }
   int circle_one(int n), circle_two(int n);
   int circle_one(int n) { return n ? circle_two(n - 1) : 0; }
   int circle_two(int n) { return n ? circle_one(n - 1) : gone_c(); }
   __attribute__((weak)) int maybe(void);
   int wants_maybe(void) { return maybe ? maybe() : 0; }
]])

describe("missing", function()
   for _, rule in ipairs {"stub", "null"} do
      it("lists what a function can reach and nothing else, undefined = " .. rule, function()
         local ln <close> = moonlink.new {undefined = rule}
         local unit = assert(ln:load {FIRST})
         assert.same({}, unit:missing "leaf")
         assert.same({"gone_a"}, unit:missing "wants_a")
         assert.same({"gone_a", "gone_b"}, unit:missing "wants_b")
         assert.same({"gone_a", "gone_b"}, unit:missing "through_table")
         assert.same({"gone_c"}, unit:missing "circle_one")
         assert.same({"gone_c"}, unit:missing "circle_two")
         assert.same({}, unit:missing "wants_maybe")
         assert.same({"gone_a"}, unit:missing "gone_a")
         assert.same({"gone_a"}, ln:missing "wants_a")
      end)
   end

   it("goes from unit to unit, also where the other unit lacks nothing of its own", function()
      local ln <close> = moonlink.new {undefined = "stub"}
      assert(ln:load {FIRST})
      local second = assert(ln:load {cc("second", [[
         extern int wants_b(void), leaf(void), gone_d(void);
         int bridge(void) { return wants_b(); }
         int safe(void) { return leaf(); }
      ]])})
      local third = assert(ln:load {cc("third", [[
         extern int bridge(void), safe(void), gone_d(void);
         int top(void) { return bridge() + gone_d(); }
         int fine(void) { return safe(); }
      ]])})
      assert.same({"gone_a", "gone_b"}, second:missing "bridge")
      assert.same({}, second:missing "safe")
      assert.same({"gone_a", "gone_b", "gone_d"}, third:missing "top")
      assert.same({"gone_a", "gone_b", "gone_d"}, ln:missing "top")
      assert.same({}, ln:missing "fine")
      assert.same({}, ln:missing "safe")
   end)

   it("names nothing that a later unit brought before it was wanted", function()
      local ln <close> = moonlink.new {undefined = "stub"}
      assert(ln:load {cc("gone_a", "int gone_a(void) { return 1; }")})
      local unit = assert(ln:load {FIRST})
      assert.same({"gone_b"}, unit:missing "wants_b")
   end)

   it("counts what a policy stands in for, and not what it defines", function()
      local ln <close> = moonlink.new()
      ln:on("undefined", "^gone_a$", function(q) return moonlink.stub(q) end)
      ln:on("undefined", "^gone_b$", function() return "leaf" end)
      ln:on("undefined", "^gone_c$", function() return false end)
      local unit = assert(ln:load {FIRST})
      assert.same({"gone_a"}, unit:missing "wants_b")
      assert.same({"gone_c"}, unit:missing "circle_one")
   end)

   it("takes functions in one section together: a call may need no relocation", function()
      local ln <close> = moonlink.new {undefined = "stub"}
      local unit = assert(ln:load {cc("together", [[
         extern int gone(void);
         static __attribute__((noinline)) int inner(void) { return gone(); }
         int outer(void) { return inner(); }
      ]], "-O1 -fno-function-sections")})
      assert.same({"gone"}, unit:missing "outer")
   end)

   it("keeps nothing for a complete load", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {cc("complete", "int complete(void) { return 1; }")})
      assert.same({}, unit:missing "complete")
   end)

   it("knows no name that nobody has", function()
      local ln <close> = moonlink.new {undefined = "stub"}
      local unit = assert(ln:load {FIRST})
      local names, err = unit:missing "nobody"
      assert.is_nil(names)
      assert.equal("undefined", err.code)
      names, err = ln:missing "nobody"
      assert.is_nil(names)
      assert.equal("nobody", err.symbol)
      unit:unload()
      assert.is_truthy(support.refused(unit.missing, unit, "leaf"):find("unloaded", 1, true))
   end)

   it("answers again and again, and after an unload", function()
      local ln <close> = moonlink.new {undefined = "stub"}
      local first = assert(ln:load {FIRST})
      local user = assert(ln:load {cc("user",
         "extern int wants_a(void); int user(void) { return wants_a(); }")})
      for _ = 1, 3 do
         assert.same({"gone_a"}, ln:missing "user")
         assert.same({}, ln:missing "leaf")
      end
      assert(user:unload())
      assert.same({"gone_a"}, first:missing "wants_a")
   end)
end)
