-- Loading, unloading and reloading many times leaves nothing behind, in a process of its own, whose
-- size is looked at; many units take no longer than their number.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local dir, object = objects.dir, objects.cc
local versions = objects.versions

-- same(rounds, round): first as many as it takes until what is remembered of units that have gone
-- is full, then all; sizes in KiB.
local SAME = [[
   local moonlink = require "moonlink"
   local core = require "moonlink.core"
   local function size()
      local out = {mappings = 0}
      local status <close> = io.open "/proc/self/status"
      out.VmSize = tonumber(status:read "a":match "\nVmSize:%s+(%d+)")
      -- exact, while VmRSS may lack what each processor has not yet added up, and without pages of
      -- files, which come and go as the system likes
      local rollup <close> = io.open "/proc/self/smaps_rollup"
      local text = rollup:read "a"
      out.memory = text:match "\nAnonymous:%s+(%d+)" + text:match "\nSwap:%s+(%d+)"
      for _ in io.lines "/proc/self/maps" do
         out.mappings = out.mappings + 1
      end
      out.files = #assert(core.list_folder "/proc/self/fd")
      collectgarbage()
      collectgarbage()
      out.lua = collectgarbage "count"
      return out
   end
   -- malloc takes 132 KiB at a time, and where it stands when measured is chance
   local ROOM = {mappings = 4, files = 0, VmSize = 512, memory = 512, lua = 16}
   local function same(rounds, round)
      for i = 1, 1000 do
         round(i)
      end
      local before = size()
      for i = 1, rounds do
         round(i)
      end
      local after = size()
      for what, room in pairs(ROOM) do
         assert(after[what] <= before[what] + room,
            ("%s: %g, then %g"):format(what, before[what], after[what]))
      end
   end
]]

local function run(script, ...)
   local status, _, err = support.lua(SAME .. script, ...)
   assert.equal("", err)
   assert.equal(0, status)
end

local sources = {
   ["C"] = {"int f(void) { return 1; }"},
   ["C++ with exceptions"] = {[[
      #include <stdexcept>
      extern "C" int f() { try { throw 1; } catch (int n) { return n; } }
   ]], "g++", "-lstdc++"},
   ["constructors and exit functions"] = {[[
      #include <cstdlib>
      static int n; struct S { S() { n = 1; } ~S() { n = 0; } } s;
      static void e() { n++; }
      __attribute__((constructor)) static void c() { atexit(e); }
      extern "C" int f() { return n; }
   ]], "g++", "-lstdc++"},
   ["an archive"] = {"int in_archive(void); int f(void) { return in_archive(); }", nil,
      dir .. "/libround.a"},
   ["a shared library"] = {"int in_library(void); int f(void) { return in_library(); }", nil,
      dir .. "/libround.so"},
   ["thread-local storage"] = {"static __thread int n = 1; int f(void) { return n; }"},
}

describe("ten thousand rounds leave the process as it was: #slow #layout", function()
   setup(function()
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", dir .. "/libround.so",
         object("int in_library(void) { return 1; }", "-O1 -fPIC"))
      support.sh("ar rcs %s %s", dir .. "/libround.a", object "int in_archive(void) { return 1; }")
   end)

   for name, source in pairs(sources) do
      it(name, function()
         run([[
            local ln = moonlink.new()
            same(1700, function()
               local unit = assert(ln:load(arg))
               assert(ln:func "int f(void)" () == 1)
               assert(unit:unload())
            end)
         ]], object(source[1], "-O1 -fPIC", source[2]), source[3])
      end)
   end

   it("dependants that go by force", function()
      local uses = {}
      for i = 1, 3 do
         uses[i] = object(("int f(void); int g%d(void) { return f(); }"):format(i))
      end
      run([[
         local ln = moonlink.new()
         ROOM.lua = 300 -- units that have gone stay in a list for a while
         same(1000, function()
            local first = assert(ln:load(arg[1]))
            for i = 2, #arg do
               assert(ln:load(arg[i]))
            end
            assert(first:unload "force")
         end)
      ]], object "int f(void) { return 1; }", table.unpack(uses))
   end)

   -- No exit functions: glibc keeps 32 bytes of each that is taken back before a later one.
   it("reloads", function()
      local source = [[
         #include <stdexcept>
         static int n; int pad%d[20];
         __attribute__((constructor)) static void begin() { pad%d[1] = 1; }
         extern "C" int f() { try { throw 1; } catch (int k) { return n += k; } }
      ]]
      local _, _, list = versions({source:format(1, 1), source:format(2, 2)}, "-O1 -fPIC", "g++")
      run([[
         local ln = moonlink.new()
         assert(ln:load "-lstdc++")
         local unit = assert(ln:load(arg[1]))
         assert(ln:load(arg[3]))
         local g, n = ln:func "int g(void)", 0
         same(2000, function(i)
            assert(unit:reload {inputs = arg[i % 2 + 1]})
            n = n + 1
            assert(g() == n)
         end)
      ]], list[1], list[2], object "int f(void); int g(void) { return f(); }")
   end)
end)

describe("two thousand units #slow", function()
   local path

   setup(function()
      path = object "static int n; int many(void) { return ++n; }"
   end)

   local function many(order)
      local ln <close> = moonlink.new {duplicate = "last"}
      local units = {}
      for i = 1, 2000 do
         units[i] = assert(ln:load(path))
      end
      for i = 1, 2000 do
         assert.is_true(units[order(i)]:unload())
         if i % 500 == 0 and i < 2000 then
            assert.is_truthy((ln:address_of "many"))
         end
      end
      assert.same({}, ln:units())
   end

   it("go in the order in which they came", function()
      many(function(i) return i end)
   end)

   it("go in the reverse order", function()
      many(function(i) return 2001 - i end)
   end)

   it("go from the middle", function()
      many(function(i) return i % 2 == 0 and 1001 - i // 2 or 1001 + i // 2 end)
   end)

   it("that use one another in a chain go by force, the last one first", function()
      local ln <close> = moonlink.new()
      local first = assert(ln:load(object "int f0(void) { return 0; }"))
      local text = support.read(object [[
         int fAAAA(void); int fBBBB(void) { return fAAAA() + 1; }
      ]])
      local last = first
      for i = 1, 500 do
         local from = i == 1 and "f0" or ("f%04d"):format(i - 1)
         last = assert(ln:load {
            {bytes = text, name = "link" .. i,
             rename = {fAAAA = from, fBBBB = ("f%04d"):format(i)}},
         })
      end
      assert.equal(500, ln:func "int f0500(void)" ())
      assert.is_true(first:unload "force")
      assert.is_false(last:alive())
      assert.same({}, ln:units())
   end)
end)
