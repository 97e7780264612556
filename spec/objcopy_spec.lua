--- Inputs whose names change at load, compared with what objcopy makes of the same object.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local OBJECT = support.cc(dir .. "/object.o", [[
   extern int outside(void);
   int state = 40;
   int helper(void) { return state + 1; }
   int entry(void) { return helper() + outside(); }
   __attribute__((weak)) int soft(void) { return 5; }
]], "-O0 -fPIC")
local OUTSIDE = support.cc(dir .. "/outside.o",
   "int outside(void) { return 1000; } int v1_outside(void) { return 2000; }")

local function with(path, edits)
   edits.path = path
   return edits
end

local function objcopy(name, options, path)
   local out = dir .. "/" .. name .. ".o"
   support.sh("objcopy %s %s %s", options, path or OBJECT, out)
   return out
end

--- What others see of a unit: name -> binding, for names of its own; "undefined" and who answers
--- for the others.
local function names(input)
   local ln <close> = moonlink.new {undefined = "null", scope = {}}
   local unit = assert(ln:load {input})
   local out = {}
   for _, e in ipairs(unit.core:entries()) do
      if e.exported then
         out[e.name] = e.bind
      elseif e.references > 0 and not e.in_load and not e.name:find "\n" then
         out[e.name] = "undefined"
      end
   end
   return out
end

describe("an input with edits has the names that objcopy gives it:", function()
   local cases = {
      {"rename", "--redefine-sym entry=start --redefine-sym outside=inside",
       {rename = {entry = "start", outside = "inside"}}},
      {"prefix", "--prefix-symbols=v1_", {prefix = "v1_"}},
      {"prefix behind rename", "--prefix-symbols=v1_ --redefine-sym entry=start",
       {prefix = "v1_", rename = {entry = "start"}}},
      {"localize", "--localize-symbol=helper --localize-symbol=state",
       {localize = {"helper", "state"}}},
      {"localize by pattern", "-w --localize-symbol=s*", {localize = {"s.*"}}},
      {"keep_global", "--keep-global-symbol=entry", {keep_global = {"entry"}}},
      {"weaken", "--weaken-symbol=entry --weaken-symbol=outside", {weaken = {"entry", "outside"}}},
      {"weaken all", "--weaken", {weaken = {".*"}}},
      {"weaken the new name", "--redefine-sym entry=start --weaken-symbol=start",
       {rename = {entry = "start"}, weaken = {"start"}}},
      {"weaken the old name", "--redefine-sym entry=start --weaken-symbol=entry",
       {rename = {entry = "start"}, weaken = {"entry"}}},
   }
   for i, case in ipairs(cases) do
      it(case[1], function()
         local copy = objcopy("case" .. i, case[2])
         local expected = names(copy)
         assert.is_not_nil(next(expected))
         assert.same(expected, names(with(OBJECT, case[3])))
         case[3].path = nil
         case[3].bytes, case[3].name = support.read(OBJECT), "object.o"
         assert.same(expected, names(case[3]))
      end)
   end
end)

describe("an input with edits", function()
   it("runs under its new names", function()
      local start = loads.results("int",
         {with(OBJECT, {rename = {entry = "start"}}), OUTSIDE}, "start")
      assert.equal(1041, start)
      local v1 = loads.results("int", {with(OBJECT, {prefix = "v1_"}), OUTSIDE}, "v1_entry")
      assert.equal(2041, v1)
   end)

   it("lets two versions of one object live in one load", function()
      local two = support.cc(dir .. "/two.o", [[
         int state = 70;
         int helper(void) { return state; }
         int entry(void) { return helper(); }
      ]], "-O0 -fPIC")
      local first, second = loads.results("int", {
         with(OBJECT, {keep_global = {"old_entry"}, rename = {entry = "old_entry"}}),
         with(two, {keep_global = {"entry"}}), OUTSIDE,
      }, "old_entry", "entry")
      assert.equal(1041, first)
      assert.equal(70, second)
   end)

   it("sees its own local definition where others see another", function()
      local other = support.cc(dir .. "/other.o",
         "int helper(void) { return -1; } int ask(void) { return helper(); }", "-O0 -fPIC")
      local entry, ask, helper = loads.results("int",
         {with(OBJECT, {localize = {"helper"}}), other, OUTSIDE}, "entry", "ask", "helper")
      assert.equal(1041, entry)
      assert.equal(-1, ask)
      assert.equal(-1, helper)
   end)

   it("shows what is hidden to its load, and to no other", function()
      local user = support.cc(dir .. "/user.o",
         "extern int helper(void); int user(void) { return helper(); }")
      local ln <close> = moonlink.new()
      assert(ln:load {with(OBJECT, {hide = {"helper"}}), user, OUTSIDE})
      assert.equal(41, assert(ln:func "int user(void)")())
      local unit, err = ln:load {{bytes = support.read(user), name = "again.o",
                                  rename = {user = "again"}}}
      assert.is_nil(unit)
      assert.equal("undefined", err.code)
      assert.equal("helper", err.symbol)
      assert.is_truthy(err.hint:find("hidden", 1, true), err.hint)
   end)

   it("gives way to a strong definition when it is weakened", function()
      local rival = support.cc(dir .. "/rival.o", "int helper(void) { return 7; }")
      local err = loads.refusal {OBJECT, rival, OUTSIDE}
      assert.equal("duplicate", err.code)
      local entry = loads.results("int",
         {with(OBJECT, {weaken = {"helper"}}), rival, OUTSIDE}, "entry")
      assert.equal(1007, entry)
      entry = loads.results("int", {OBJECT, with(rival, {weaken = {"helper"}}), OUTSIDE}, "entry")
      assert.equal(1041, entry)
   end)

   it("may lack what it refers to weakly", function()
      local caller = support.cc(dir .. "/caller.o",
         "extern int gone(void); int *p = (int *)gone; long is(void) { return (long)p; }")
      assert.equal("gone", loads.refusal {caller}.symbol)
      assert.equal(0, (loads.results("long", {with(caller, {weaken = {"gone"}})}, "is")))
   end)

   it("is weakened with all others when the load says so", function()
      local rival = support.cc(dir .. "/rival2.o", "int helper(void) { return 7; }")
      local entry = loads.results("int", {OBJECT, rival, OUTSIDE, weaken = {"hel.*"}}, "entry")
      assert.equal(1041, entry)
      local ln <close> = moonlink.new {weaken = {"state"}}
      assert(ln:load {OBJECT, OUTSIDE, "-lm"})
      assert.equal("weak", ln:units()[1]:symbol "state".bind)
   end)

   it("says whose wrap it is that another input would have to have", function()
      local wrapper = support.cc(dir .. "/wraps.o", [[
         int __real_outside(void); int __wrap_outside(void) { return __real_outside() * 3; }
      ]], "-fPIC")
      local err = loads.refusal {with(OBJECT, {wrap = {"outside"}}), wrapper, OUTSIDE}
      assert.equal("__real_outside", err.symbol)
      assert.equal(wrapper, err.file)
      assert.matches(OBJECT .. ' has wrap = {"outside"} for itself alone', err.hint, 1, true)
      err = loads.refusal {OBJECT, wrapper, OUTSIDE}
      assert.matches('pass wrap = {"outside"} (--wrap outside)', err.hint, 1, true)
   end)

   it("wraps what it alone refers to", function()
      local wrapper = support.cc(dir .. "/wrapper.o", [[
         extern int __real_outside(void);
         int __wrap_outside(void) { return __real_outside() * 3; }
      ]])
      local plain = support.cc(dir .. "/plain.o",
         "extern int outside(void); int plain(void) { return outside(); }")
      local entry, unwrapped = loads.results("int", {
         with(OBJECT, {wrap = {"outside"}}), with(wrapper, {wrap = {"outside"}}), plain, OUTSIDE,
      }, "entry", "plain")
      assert.equal(3041, entry)
      assert.equal(1000, unwrapped)
   end)

   it("may be an archive, whose members are found by their new names", function()
      local archive = dir .. "/libedit.a"
      local leaf = support.cc(dir .. "/leaf.o", "int leaf(void) { return 3; }")
      local mid = support.cc(dir .. "/mid.o",
         "extern int leaf(void); int mid(void) { return leaf() + 1; }")
      support.cc(dir .. "/spare.o", "extern int nobody(void); int spare(void) { return nobody(); }")
      support.sh("rm -f %s; ar rcs %s %s %s %s/spare.o", archive, archive, leaf, mid, dir)
      local top = support.cc(dir .. "/top.o",
         "extern int p_mid(void); int top(void) { return p_mid(); }")
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {top, with(archive, {prefix = "p_"})})
      assert.equal(4, assert(ln:func "int top(void)")())
      assert.equal(3, #unit:inputs())
      assert.is_nil(unit:symbol "mid")
      -- still open for later loads, under the new names
      local _, err = ln:load {support.cc(dir .. "/late.o",
         "extern int leaf(void); int late(void) { return leaf(); }")}
      assert.equal("leaf", err.symbol)
      assert.equal(3, assert(ln:func "int p_leaf(void)")())
   end)

   it("keeps two versions of a C++ inline function apart", function()
      local function version(n)
         return support.cc(("%s/inline%d.o"):format(dir, n), ([[
            inline int shared() { static int count = %d; return count++; }
            extern "C" int call() { return shared(); }
         ]]):format(n * 100), "-O0 -fPIC", {compiler = "g++"})
      end
      for _, edits in ipairs {{"prefix", "a_"}, {"keep_global", {"a_call"}}} do
         local one = with(version(1), {[edits[1]] = edits[2]})
         if edits[1] == "keep_global" then
            one.rename = {call = "a_call"}
         end
         local first, second = loads.results("int", {one, version(2)}, "a_call", "call")
         assert.equal(100, first)
         assert.equal(200, second)
      end
   end)
end)

describe("edits that cannot be done", function()
   it("are refused for a shared library, and for an archive in memory", function()
      local shared = dir .. "/libshared.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", shared, OUTSIDE)
      local err = loads.refusal {with(shared, {prefix = "x_"})}
      assert.equal("unsupported", err.code)
      assert.equal(shared, err.file)
      local archive = dir .. "/libmemory.a"
      support.sh("rm -f %s; ar rcs %s %s", archive, archive, OUTSIDE)
      err = loads.refusal {{bytes = support.read(archive), name = "m.a", prefix = "x_"}}
      assert.equal("m.a", err.file)
   end)

   it("are mistakes when they are of a wrong kind", function()
      local ln <close> = moonlink.new()
      for _, wrong in ipairs {{prefix = 1}, {rename = "a"}, {rename = {"a"}}, {hide = {1}},
                              {localize = "a"}, {weaken = {"("}}, {prefx = "a"}} do
         local text = support.refused(ln.load, ln, {with(OBJECT, wrong)})
         assert.is_truthy(text:find("input 1", 1, true), text)
      end
   end)
end)
