--- A load is a transaction: whichever allocation or system call fails in it, nothing is left
-- behind, and the next load works. Run by `make fault`.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local fault = require "spec.support.fault"
local moonlink = require "moonlink"

local ADD = [[
int spec_add(int a, int b) { return a + b; }
static const char *text[] = {"one", "two"};
const char *spec_name(int i) { return text[i & 1]; }
int spec_counter = 7;
int common_one;
]]

local CALLS = [[
int spec_add(int, int);
int abs(int);
extern int spec_counter;
int spec_twice(int a) { return spec_add(a, a) + abs(-1) - 1 + spec_counter - 7; }
]]

local dir = support.tmpdir()
local add = support.cc(dir .. "/add.o", ADD, "-O1 -fPIC -fcommon")
local calls = support.cc(dir .. "/calls.o", CALLS, "-O1 -fPIC")
local low = support.cc(dir .. "/low.o", ADD, "-O1 -fno-pic -fno-pie -mcmodel=small")
local archive = dir .. "/libadd.a"
support.sh("ar rcs %s %s", archive, add)
local shared = dir .. "/libadd.so"
support.sh("LD_PRELOAD= gcc -shared -o %s %s", shared, add)

--- Names that tell whether something of a failed load is still known.
local NAMES = {"spec_add", "spec_name", "spec_counter", "spec_twice"}

local function known_names(ln)
   local known = {}
   for _, name in ipairs(NAMES) do
      if ln:func("void " .. name .. "(void)") then
         known[#known + 1] = name
      end
   end
   return known
end

local function load_and_call(ln, inputs)
   local unit, err = ln:load(inputs)
   if not unit then
      return nil, err
   end
   local f = assert(ln:func "int spec_add(int, int)")
   assert.equal(5, f(2, 3))
   unit:unload()
   return true
end

--- One pass over all failures of a load of these inputs: each is an error value and leaves the
--- process as it was.
local function fail_each(ln, inputs, options)
   local before = fault.mappings()
   return fault.each(function()
      return ln:load(inputs)
   end, function(n, failed, ok, unit, err)
      local place = ("call %d, %s: %s"):format(n, failed, tostring(ok and err or unit))
      assert.is_true(ok, place)
      if unit then
         unit:unload()
      else
         assert.is_string(err.code, place)
         assert.is_string(tostring(err), place)
      end
      assert.same({}, known_names(ln), place)
      assert.same(before, fault.mappings(), place)
   end, options)
end

--- Two passes, since a table may grow once and stay grown: the second leaves no block behind.
local function survives(inputs, options)
   local ln <close> = moonlink.new {}
   -- What is made once and kept (a reservation, names, opened libraries) is made here.
   assert(load_and_call(ln, inputs))
   local count = fail_each(ln, inputs, options)
   local blocks = fault.blocks()
   assert.equal(count, fail_each(ln, inputs, options))
   assert.equal(blocks, fault.blocks(), "blocks are left behind")
   assert(load_and_call(ln, inputs))
   return count
end

describe("a load in which a call fails", function()
   it("leaves nothing of an object behind", function()
      assert.is_true(survives {add} > 3)
   end)

   it("leaves nothing of an object below 2 GiB behind", function()
      assert.is_true(survives {low} > 3)
   end)

   it("leaves nothing of an archive member behind", function()
      assert.is_true(survives {calls, archive} > 3)
   end)

   it("leaves nothing of several objects behind", function()
      assert.is_true(survives {add, calls} > 3)
   end)

   it("leaves nothing behind when everything fails from there on", function()
      survives({calls, archive}, {kinds = "alloc", onwards = true})
   end)

   it("does not crash when giving back fails", function()
      local ln <close> = moonlink.new {}
      fault.each(function()
         local unit = assert(ln:load {add, calls})
         unit:unload()
      end, function(n, failed, ok, err)
         local place = ("call %d, %s: %s"):format(n, failed, tostring(err))
         assert.is_true(ok or failed ~= nil, place)
      end, {kinds = "undo"})
   end)

   it("leaves nothing of a load that is wrong anyway", function()
      local ln <close> = moonlink.new {}
      assert.is_nil((ln:load {calls}))
      local before = fault.mappings()
      fault.each(function()
         return ln:load {calls}
      end, function(n, failed, ok, unit, err)
         local place = ("call %d, %s: %s"):format(n, failed, tostring(ok and err or unit))
         assert.is_true(ok, place)
         assert.is_nil(unit, place)
         if not failed then
            assert.equal("undefined", err.code, place)
         end
         assert.same({}, known_names(ln), place)
         assert.same(before, fault.mappings(), place)
      end)
   end)

   it("leaves no part of a shared library behind", function()
      local ln <close> = moonlink.new {}
      fault.each(function()
         return ln:load {shared}
      end, function(n, failed, ok, unit, err)
         local place = ("call %d, %s: %s"):format(n, failed, tostring(ok and err or unit))
         assert.is_true(ok, place)
         if unit then
            unit:unload()
         end
      end)
      assert(load_and_call(ln, {shared}))
   end)

   it("lets the linker itself be made or not", function()
      local before = fault.mappings()
      fault.each(function()
         local ln <close> = moonlink.new {}
         return ln:load {add}
      end, function(n, failed, ok, result, err)
         local place = ("call %d, %s: %s"):format(n, failed, tostring(ok and err or result))
         -- Making a linker may raise: it has nobody to return an error to.
         assert.is_true(ok or failed ~= nil, place)
      end)
      collectgarbage()
      collectgarbage()
      assert.same(before, fault.mappings())
   end)
end)

describe("a call in which an allocation fails", function()
   it("raises or works", function()
      local ln <close> = moonlink.new {}
      assert(ln:load {add})
      fault.each(function()
         return assert(ln:func "int spec_add(int, int)")(2, 3)
      end, function(n, failed, ok, result)
         local place = ("call %d, %s: %s"):format(n, failed, tostring(result))
         if ok then
            assert.equal(5, result, place)
         else
            assert.truthy(failed, place)
         end
      end)
   end)

   it("raises or works with a callback", function()
      local ln <close> = moonlink.new {}
      fault.each(function()
         local sort = assert(ln:func
            "void qsort(void *, size_t, size_t, int (*)(const void *, const void *))")
         sort(nil, 0, 4, function() return 0 end)
         return true
      end, function(n, failed, ok, result)
         local place = ("call %d, %s: %s"):format(n, failed, tostring(result))
         assert.is_true(ok or failed ~= nil, place)
      end)
   end)
end)
