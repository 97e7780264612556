--- Lua states in threads of one process: each has its linkers, and none sees another's.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local dir = support.tmpdir()

local ADD = [[
int number, common; int set(int n) { return number += n; }
int twice(int (*f)(int), int n) { return f(n) + f(n); }
]]

local SHARED = [[
int shared_counter;
int shared_next(void) { return __sync_add_and_fetch(&shared_counter, 1); }
]]

local add = support.cc(dir .. "/add.o", ADD, "-O1 -fPIC")
local low = support.cc(dir .. "/low.o", ADD, "-O1 -fno-pic -mcmodel=small")
local wrong = support.cc(dir .. "/wrong.o", "int nobody(void); int f(void) { return nobody(); }")
local archive, library = dir .. "/libadd.a", dir .. "/libshared.so"
support.sh("ar rcs %s %s", archive, add)
support.sh("LD_PRELOAD= gcc -shared -o %s %s", library,
   support.cc(dir .. "/shared.o", SHARED, "-fPIC"))

local program = dir .. "/threads"
support.sh("LD_PRELOAD= gcc -std=c11 -O1 -g -o %s spec/c/threads.c %s -lpthread", program,
   support.stdout "pkg-config --cflags --libs lua5.4")

--- Runs a script in so many threads at once; `each` gives the script's paths and number.
local function run(threads, body)
   local script = support.write(dir .. "/script.lua", ([[
      local number = ...
      local moonlink, core = require "moonlink", require "moonlink.core"
      local add, low, wrong, archive, library = %q, %q, %q, %q, %q
   ]]):format(add, low, wrong, archive, library) .. body)
   local status, out, err = support.exit("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s %s %d",
      support.quote(package.path), support.quote(package.cpath), program, script, threads)
   assert(status == 0 and out == "ok\n", ("status %d\n%s%s"):format(status, out, err))
end

describe("Lua states in threads", function()
   it("load, call and close at the same time", function()
      run(4, [[
         for round = 1, 40 do
            local ln <close> = moonlink.new {}
            assert(ln:load(round % 2 == 0 and add or low))
            local set = assert(ln:func "int set(int)")
            for i = 1, 50 do
               assert(set(number) == i * number)
            end
         end
      ]])
   end)

   it("have callbacks of their own", function()
      run(4, [[
         local ln <close> = moonlink.new {}
         assert(ln:load {archive, roots = {"twice"}})
         local twice = assert(ln:func "int twice(int (*)(int), int)")
         for i = 1, 500 do
            assert(twice(function(n) return n + number end, i) == 2 * (i + number))
         end
         assert(not pcall(twice, function() error "own" end, 1))
      ]])
   end)

   it("fail at the same time", function()
      run(4, [[
         for _ = 1, 30 do
            local ln <close> = moonlink.new {}
            local unit, err = ln:load(wrong)
            assert(not unit and err.code == "undefined" and err.symbol == "nobody")
            assert(not ln:load "/nonexistent.so")
            assert(ln:load {wrong, undefined = "stub"})
            assert(not pcall(assert(ln:func "int f(void)")))
         end
      ]])
   end)

   it("share what the process shares: a library", function()
      run(4, [[
         for _ = 1, 30 do
            local ln <close> = moonlink.new {}
            assert(ln:load(library))
            local count = assert(ln:func "int shared_next(void)")
            local before = count()
            assert(count() > before)
         end
      ]])
   end)

   it("do not see each other's names", function()
      run(8, [[
         local ln <close> = moonlink.new {}
         assert(not ln.session:find "set")
         assert(ln:load {add, low, duplicate = "first"})
         local other <close> = moonlink.new {}
         assert(not other.session:find "set")
      ]])
   end)

   it("may end with linkers open", function()
      run(8, [[
         keep = {}
         for i = 1, 5 do
            keep[i] = moonlink.new {}
            assert(keep[i]:load(add))
            keep[-i] = keep[i]:callback("int(int)", function(n) return n end)
            keep[i + 100] = keep[i]:func "int set(int)"
         end
      ]])
   end)
end)
