--- Unloading and reloading while a call fails: what is refused has changed nothing, and nothing is
-- left behind. Run by `make fault`.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local fault = require "spec.support.fault"
local moonlink = require "moonlink"

local dir = support.tmpdir()

local BASE = [[
#include <stdlib.h>
int spec_count = 1; static int step = %d; static int *at = &spec_count;
static void at_end(void) { spec_count = 0; }
__attribute__((constructor)) static void begin(void) { static int armed; armed = atexit(at_end); }
int spec_next(void) { return *at += step; }
char spec_pad[%d];
]]

local USER = [[
int spec_next(void); extern int spec_count;
int *spec_pointer = &spec_count; int (*spec_function)(void);
int spec_use(void) { spec_function = spec_next; return spec_function() + *spec_pointer; }
]]

local first = support.cc(dir .. "/first.o", BASE:format(1, 8), "-O1 -fPIC")
local second = support.cc(dir .. "/second.o", BASE:format(1, 9000), "-O1 -fPIC")
local user = support.cc(dir .. "/user.o", USER, "-O1 -fPIC")
local path = dir .. "/base.o"

-- The names of the last units that went are kept for messages: as many as ever are.
do
   local ln <close> = moonlink.new {}
   for _ = 1, 1000 do
      assert(assert(ln:load(first)):unload())
   end
end

local function describe_run(n, failed, ok, result, err)
   return ("call %d, %s: %s"):format(n, failed, tostring(ok and err or result))
end

describe("a reload in which a call fails", function()
   --- Over and over, with options of a linker.
   local function check(options)
      local blocks
      for pass = 1, 2 do
         support.sh("cp %s %s", first, path)
         do
            local ln <close> = moonlink.new(options)
            local unit = assert(ln:load(path))
            assert(ln:load(user))
            local next_count, use = ln:func "int spec_next(void)", ln:func "int spec_use(void)"
            local expected, version = 1, 1
            local count = fault.each(function()
               return unit:reload()
            end, function(n, failed, ok, reloaded, err)
               local place = describe_run(n, failed, ok, reloaded, err)
               assert.is_true(unit:alive(), place)
               if ok and reloaded then
                  version = version + 1
               elseif ok then
                  assert.is_string(err.code, place)
               end
               assert.equal(version, unit.version, place)
               expected = expected + 1
               assert.equal(expected, next_count(), place)
               expected = expected + 1
               assert.equal(2 * expected, use(), place)
               assert.equal(2, #ln:units(), place)
               assert.equal(1, #unit.linker.session:units() - 1, place)
               support.sh("cp %s %s", n % 2 == 0 and first or second, path)
            end)
            assert.is_true(count > 20)
         end
         assert.is_true(pass == 1 or blocks == fault.blocks(), "blocks are left behind")
         blocks = fault.blocks()
      end
   end

   it("has happened, or has changed nothing", function()
      check {}
   end)

   it("has so, too, when code is written at another address", function()
      check {protect = "dual", block = "unit"}
   end)
end)

describe("an unload in which a call fails", function()
   for _, how in ipairs {"refuse", "force", "orphan", "wait"} do
      it("has happened, or has changed nothing: " .. how, function()
         support.sh("cp %s %s", first, path)
         local function pass()
            local before = fault.mappings()
            for n = 1, 200 do
               local ln <close> = moonlink.new {}
               local unit = assert(ln:load(path))
               local failed, ok, result, err = fault.run(n, function()
                  return unit:unload(how)
               end, {})
               local place = describe_run(n, failed, ok, result, err)
               local gone = how ~= "orphan" and not unit:alive()
                  or how == "orphan" and not ln.session:find "spec_next"
               assert.equal(gone, ok and result == true or gone, place)
               if not gone then
                  assert.equal(1, #ln.session:units(), place)
                  assert.is_true(unit:unload(how), place)
               end
               if not failed then
                  break
               end
            end
            assert.same(before, fault.mappings())
         end
         pass()
         local blocks = fault.blocks()
         pass()
         assert.equal(blocks, fault.blocks(), "blocks are left behind")
      end)
   end
end)
