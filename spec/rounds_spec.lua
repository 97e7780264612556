-- Loading, unloading and reloading many times leaves nothing behind; many units take no longer than
-- their number.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local dir, object = objects.dir, objects.cc
local versions = objects.versions

--- Rounds in a process of its own: there a full collection, which each unload of a unit with
--- functions makes, has little to go through. Prints what the process has before and after the
--- rounds that count.
local PROGRAM = [[
   local moonlink = require "moonlink"
   local core = require "moonlink.core"

   local function measure()
      local status = io.open "/proc/self/status":read "a"
      local mappings = 0
      for _ in io.lines "/proc/self/maps" do
         mappings = mappings + 1
      end
      local files = #assert(core.list_folder "/proc/self/fd")
      collectgarbage()
      collectgarbage()
      print(status:match "VmSize:%s+(%d+)", status:match "VmRSS:%s+(%d+)", mappings, files,
         math.ceil(collectgarbage "count"))
   end

   local ln <close> = moonlink.new()
   local rounds, list = tonumber(arg[1]), table.move(arg, 2, #arg, 1, {})
   local function round()
      local unit = assert(ln:load(list))
      assert(ln:func "int f(void)" () == 1)
      assert(unit:unload())
   end
   for _ = 1, rounds // 10 do
      round()
   end
   measure()
   for _ = 1, rounds do
      round()
   end
   measure()
]]

--- The two measurements: { VmSize=, VmRSS=, mappings=, files=, lua= } each, in kilobytes or counts.
local function measured(...)
   local status, text, problems = support.lua(...)
   assert(status == 0, problems)
   local out = {}
   for line in text:gmatch "[^\n]+" do
      local size, rss, mappings, files, lua = line:match "(%d+)%s+(%d+)%s+(%d+)%s+(%d+)%s+(%d+)"
      out[#out + 1] = {
         VmSize = tonumber(size), VmRSS = tonumber(rss), mappings = tonumber(mappings),
         files = tonumber(files), lua = tonumber(lua),
      }
   end
   return table.unpack(out)
end

--- What this process has.
local function size()
   local status = support.read "/proc/self/status"
   local out = {mappings = 0, VmRSS = tonumber(status:match "VmRSS:%s+(%d+)")}
   for _ in io.lines "/proc/self/maps" do
      out.mappings = out.mappings + 1
   end
   collectgarbage()
   collectgarbage()
   out.lua = collectgarbage "count"
   return out
end

describe("ten thousand rounds of loading, calling and unloading leave the process as it was " ..
   "#slow #layout", function()
   local inputs

   setup(function()
      local library = dir .. "/libround.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", library,
         object("int in_round(void) { return 4; }", "-O1 -fPIC"))
      local archive = dir .. "/libround.a"
      support.sh("ar rcs %s %s", archive, object "int in_archive(void) { return 5; }")
      inputs = {
         {"C", 2000, {object "int f(void) { return 1; }"}},
         {"C++ with exceptions", 2000, {object([[
            #include <stdexcept>
            extern "C" int f() { try { throw 1; } catch (int n) { return n; } }
         ]], "-O1 -fPIC", "g++"), "-lstdc++"}},
         {"constructors", 2000, {object([[
            #include <cstdlib>
            static int n; struct S { S() { n = 1; } ~S() { n = 0; } } s;
            static void e() { n++; }
            __attribute__((constructor)) static void c() { atexit(e); }
            extern "C" int f() { return n; }
         ]], "-O1 -fPIC", "g++"), "-lstdc++"}},
         {"an archive", 2000, {object [[
            int in_archive(void); int f(void) { return in_archive() - 4; }
         ]], archive}},
         {"a shared library", 1000, {object [[
            int in_round(void); int f(void) { return in_round() - 3; }
         ]], library}},
         {"thread-local storage", 2000, {object([[
            static __thread int n = 1; int f(void) { return n; }
         ]], "-O1 -fPIC")}},
      }
   end)

   for i, name in ipairs {"C", "C++ with exceptions", "constructors", "an archive",
                          "a shared library", "thread-local storage"} do
      it(name, function()
         local _, rounds, list = table.unpack(inputs[i])
         local before, after = measured(PROGRAM, tostring(rounds), table.unpack(list))
         assert.equal(before.files, after.files)
         assert.is_true(after.mappings <= before.mappings + 4, "mappings")
         -- malloc takes 132 KiB at a time, and where it stands when measured is chance
         assert.is_true(after.VmSize <= before.VmSize + 512, "VmSize")
         assert.is_true(after.VmRSS <= before.VmRSS + 512, "VmRSS " .. after.VmRSS - before.VmRSS)
         assert.is_true(after.lua <= before.lua + 16, "Lua")
      end)
   end

   it("with dependants that go by force", function()
      local ln <close> = moonlink.new()
      local path = object "int f(void) { return 1; }"
      local uses = {}
      for i = 1, 3 do
         uses[i] = object(("int f(void); int g%d(void) { return f(); }"):format(i))
      end
      local function round()
         local unit = assert(ln:load(path))
         for _, each in ipairs(uses) do
            assert(ln:load(each))
         end
         assert(unit:unload "force")
      end
      for _ = 1, 200 do
         round()
      end
      local before = size()
      for _ = 1, 1000 do
         round()
      end
      local after = size()
      assert.is_true(after.mappings <= before.mappings + 4, "mappings")
      assert.is_true(after.VmRSS <= before.VmRSS + 512, "VmRSS")
      assert.is_true(after.lua <= before.lua + 300, "Lua " .. after.lua - before.lua)
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
            assert.is_true(ln:func "int many(void)" () > 0)
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
end)

describe("a thousand reloads #slow #layout", function()
   it("leave the process as it was", function()
      local source = [[
         #include <stdexcept>
         static int n; int pad%d[20];
         struct S { S() { pad%d[1] = 1; } ~S() {} }; static S s;
         extern "C" int f() { try { throw 1; } catch (int k) { return n += k; } }
      ]]
      local path, switch = versions({source:format(1, 1), source:format(2, 2)}, "-O1 -fPIC", "g++")
      local ln <close> = moonlink.new()
      assert(ln:load "-lstdc++")
      local unit = assert(ln:load(path))
      assert(ln:load(object "int f(void); int g(void) { return f(); }"))
      local g = ln:func "int g(void)"
      local function measure()
         collectgarbage()
         collectgarbage()
         local mappings = 0
         for _ in io.lines "/proc/self/maps" do
            mappings = mappings + 1
         end
         local rss = tonumber(support.read "/proc/self/status":match "VmRSS:%s+(%d+)")
         return mappings, rss, collectgarbage "count"
      end
      local function rounds(n)
         for i = 1, n do
            if i % 100 == 1 then
               switch(i // 100 % 2 + 1)
            end
            assert(unit:reload())
            g()
         end
      end
      rounds(200)
      local mappings, rss, lua = measure()
      rounds(1000)
      local mappings_after, rss_after, lua_after = measure()
      assert.equal(1201, g())
      assert.is_true(mappings_after <= mappings + 4, "mappings")
      assert.is_true(rss_after <= rss + 512, "VmRSS")
      assert.is_true(lua_after <= lua + 16, "Lua")
   end)
end)
