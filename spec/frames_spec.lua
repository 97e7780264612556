-- The unwind table of a load: one table out of many sections, checked, and told to whatever
-- unwinder the process has, or gets.
-- What a function should return is written in its C++ text.
-- SPDX-License-Identifier: MIT

local cxxs = require "spec.support.cxx"
local moonlink = require "moonlink"
local support = require "spec.support"

local MANY, CATCHER = cxxs.MANY, cxxs.CATCHER
local loaded, int, raised, catches = cxxs.loaded, cxxs.int, cxxs.raised, cxxs.catches

local folder = support.tmpdir()

local function cxx(...)
   return cxxs.object(folder, ...)
end

describe("an unwind table", function()
   it("is found when that of another linker lies between the tables of one", function()
      local thrower = cxx("t_thrower", 'extern "C" int raise(int n) { throw n; }')
      local below = support.cc(folder .. "/below.o", "int below(int n) { return n + 1; }",
         "-O1 -fno-pic -fasynchronous-unwind-tables")
      local result = assert(moonlink.isolate(function() -- what is not found ends the process
         local linkers, texts = {}, {}
         for i = 1, 2 do
            linkers[i] = moonlink.new()
            assert(linkers[i]:load {below, zone = "low"})
            assert(linkers[i]:load {thrower, "-lstdc++"})
         end
         for _ = 1, 3 do -- libgcc sorts what it knows after the first time
            for _, ln in ipairs(linkers) do
               local ok, err = pcall(ln:func "int raise(int)", 7)
               texts[#texts + 1] = tostring(ok) .. tostring(err):match "int: %d"
            end
         end
         return table.concat(texts, " ")
      end))
      assert.equal(("falseint: 7 "):rep(6), result[1] .. " ")
   end)

   it("goes on behind a terminator in its middle", function()
      -- as crtend.o has it; in front, between and behind
      local stop = support.as(folder .. "/stop.o", [[
         .section .eh_frame, "a", @progbits
         .long 0
      ]])
      for _, order in ipairs {{1, 0, 0, 2}, {0, 1, 0, 2, 0}, {0, 0, 2, 1}} do
         local inputs = {}
         for i, which in ipairs(order) do
            inputs[i] = which == 0 and stop or which == 1 and cxx("t_many", MANY)
               or cxx("t_catch", CATCHER)
         end
         local ln <close> = loaded(inputs)
         catches(ln)
      end
   end)

   it("has no say about functions that were discarded", function()
      local text = [[
         inline __attribute__((noinline)) int both(int n) { if (n == 3) throw n; return n + 1; }
      ]]
      local flags = "-O1 -fno-asynchronous-unwind-tables"
      local ln <close> = loaded {
         cxx("disc_a", text .. "extern \"C\" int a(int n) { return both(n); }"),
         cxx("disc_b", text .. [[
            extern "C" int b(int n) { try { return both(n); } catch (int x) { return -x; } }
         ]]), cxx("disc_c", text .. "extern \"C\" int c(int n) { return both(n) + 1; }", flags)}
      assert.equal("3", raised(int(ln, "a"), 3).what)
      assert.equal(-3, int(ln, "b")(3))
      assert.equal("3", raised(int(ln, "c"), 3).what)
      assert.equal(7, int(ln, "c")(5))
   end)

   --- Patches the .eh_frame of an object at an offset into the section.
   local function patched(name, offset, bytes)
      local path = cxx("whole", MANY)
      local at = support.stdout("readelf -SW %s | awk '/ \\.eh_frame /{print $(NF-6)}'", path)
      local file = tonumber(at, 16)
      assert.is_number(file)
      local out = folder .. "/" .. name .. ".o"
      return support.write(out, support.patch(support.read(path), file + offset, bytes))
   end

   it("that is broken is refused, with the place", function()
      local cases = {
         {"length", 0, "\xf0\xff\xff\x7f", "goes past the end"},
         {"wide", 0, "\xff\xff\xff\xff", "goes past the end"},
         {"version", 8, "\x09", "a CIE of a kind that is not known"},
         {"letters", 9, "q", "a CIE of a kind that is not known"},
      }
      for _, case in ipairs(cases) do
         local ln <close> = moonlink.new()
         local unit, err = ln:load {patched(case[1], case[2], case[3]), "-lstdc++"}
         assert.is_nil(unit)
         assert.equal("format", err.code)
         assert.equal(".eh_frame", err.section)
         assert.equal(0, err.offset)
         assert.matches(case[4], err.message, 1, true)
      end
   end)

   it("that libgcc would read in another way than it is meant is refused", function()
      -- one start that it takes for another hides the tables of other linkers
      local cases = {
         {"zRS", "0x1b", true}, {"zSR", "0x1b"}, {"zBR", "0x1b"}, {"zRR", "0x1b, 0"},
         {"zPR", "0xff, 0x1b"},
      }
      for _, case in ipairs(cases) do
         local data = select(2, case[2]:gsub("%w+", ""))
         local object = support.as(folder .. "/letters.o", ([[
            .text
         f: ret
            .section .eh_frame, "a", @unwind
         cie: .long behind - id
         id: .long 0
            .byte 1
            .string "%s"
            .byte 1, 0x78, 16, %d, %s
            .byte 0xc, 7, 8, 0x90, 1
            .balign 8
         behind: .long last - back
         back: .long back - cie
            .long f - ., 1
            .byte 0
            .balign 8
         last:
         ]]):format(case[1], data, case[2]))
         local ln <close> = moonlink.new()
         local unit, err = ln:load {object}
         assert.equal(case[3] or false, unit ~= nil, tostring(err))
         if not unit then
            assert.matches("a CIE of a kind that is not known", err.message, 1, true)
         end
      end
   end)

   it("survives any byte that is wrong, or is refused", function()
      local path = cxx("tiny", [[
         extern "C" int tiny(int n)
         {
            try { if (n) throw n; } catch (int x) { return x; }
            return 0;
         }
      ]])
      local line = support.stdout("readelf -SW %s | grep ' \\.eh_frame '", path)
      local at, size = line:match "X86_64_UNWIND%s+%x+%s+(%x+)%s+(%x+)"
      if not at then
         at, size = line:match "PROGBITS%s+%x+%s+(%x+)%s+(%x+)"
      end
      at, size = tonumber(at, 16), tonumber(size, 16)
      local good = support.read(path)
      local refused = 0
      for i = 0, size - 1 do
         for _, byte in ipairs {"\x00", "\x01", "\x7f", "\xff"} do
            local ln <close> = moonlink.new()
            assert(ln:load "-lstdc++")
            local bytes = support.patch(good, at + i, byte)
            local unit, err = ln:load {{name = "tiny.o", bytes = bytes}}
            refused = refused + (unit and 0 or 1)
            assert.is_true(unit ~= nil or err.code == "format" or err.code == "range")
         end
      end
      assert.is_true(refused > 20)
   end)

   for _, unwinder in ipairs {"libgcc", "LLVM's libunwind"} do
      it("is found as long as its unit is, whatever comes and goes: " .. unwinder, function()
         local llvm = unwinder ~= "libgcc"
         local object = cxx(llvm and "own_llvm" or "own", [[
            static int fail(int n) { throw n; }
            extern "C" int own(int n)
            {
               try { return fail(n); } catch (int x) { return x * 2 + 1; }
            }
         ]], llvm and "-O1 -stdlib=libc++" or "-O1", llvm and "clang++" or "g++")
         local status, out, err = support.lua([[
            local moonlink = require "moonlink"
            local object, library = ...
            local ln <close> = moonlink.new()
            assert(ln:load(library))
            local units, seed, live = {}, 1, {}
            local function random(n)
               seed = seed * 1103515245 + 12345 & 0x7fffffff
               return (seed >> 8) % n + 1
            end
            local function load(i)
               local unit = assert(ln:load {{path = object, rename = {own = "own" .. i}}})
               live[#live + 1] = {unit, assert(ln:func(("int own%d(int)"):format(i))), i}
            end
            local function unload(n)
               for _ = 1, n do
                  local one = table.remove(live, random(#live))
                  assert(one[1]:unload "force")
                  assert(not pcall(one[2], 1))
               end
            end
            local function throw()
               for _, one in ipairs(live) do
                  assert(one[2](one[3]) == one[3] * 2 + 1)
               end
            end
            for i = 1, 600 do load(i) end
            throw()
            unload(450)
            throw()
            for i = 601, 800 do load(i) end -- where others were
            throw()
            unload(300)
            throw()
            print(#live)
         ]], object, llvm and "libc++.so.1" or "-lstdc++")
         assert.equal("", err)
         assert.equal("50\n", out)
         assert.equal(0, status)
      end)
   end

   it("is found by an unwinder that comes into the process later", function()
      local object = support.cc(folder .. "/late.o",
         "int through(int (*f)(int), int n) { return f(n) + 1; }", "-O1 -fexceptions")
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local object, throws = ...
         local ln = moonlink.new()
         assert(ln:load(object))
         local maps = io.open "/proc/self/maps":read "a"
         assert(not maps:find "libgcc_s" or maps:find "libasan") -- which brings it
         assert(ln:load {throws, "-lstdc++"})
         local shield = ln:func "int shield(int)"
         print(shield(20))
      ]], object, cxx("late_throw", [[
         extern "C" int through(int (*)(int), int);
         static int fail(int n) { throw n; }
         extern "C" int shield(int n)
         {
            try { return through(fail, n); } catch (int x) { return x + 2; }
         }
      ]]))
      assert.equal("", err)
      assert.equal("22\n", out)
      assert.equal(0, status)
   end)
end)

describe("the unwinder's library", function()
   -- gcc and clang name the personality by 32 bits then, and the library is not below 4 GiB.
   it("comes by itself for C that cleans up, compiled with -fno-pie, too", function()
      local object = support.cc(folder .. "/cleanup.o", [[
         extern void fail(void);
         static int ended;
         static void done(int *n) { ended += *n; }
         int f(void (*g)(void)) { __attribute__((cleanup(done))) int n = 4; g(); return ended; }
         int count(void) { return ended; }
         void *personality(void) { extern int __gcc_personality_v0(); return __gcc_personality_v0; }
      ]], "-O1 -fexceptions -fno-pie")
      local status, out, err = support.lua([[
         local ln = require "moonlink".new()
         assert(ln:load((...)))
         local maps = io.open "/proc/self/maps":read "a"
         print(maps:find "libgcc_s" ~= nil)
         assert(ln:load {select(2, ...), "-lstdc++"})
         local ok, raised = pcall(ln:func "int f(void *)", ln:address_of "fail")
         print(ok, raised.code, ln:func "int count(void)"())
         print(ln:func "void *personality(void)"() == ln:address_of "__gcc_personality_v0")
      ]], object, cxx("cleanup_fail", [[extern "C" void fail(void) { throw 1; }]]))
      assert.equal("", err)
      assert.equal("true\nfalse\texception\t4\ntrue\n", out)
      assert.equal(0, status)
   end)
end)

describe("LLVM's C++ library and unwinder", function()
   -- g++ lets entries of two CIEs take turns, clang++ does not
   it("unwind through what g++ compiled", function()
      local object = cxx("turns", [[
         extern "C" int plain(int (*f)(int), int n) { return f(n) + 1; }
         extern "C" int with(int (*f)(int), int n)
         {
            try { return plain(f, n); } catch (int x) { return x; }
         }
         extern "C" int bare(int (*f)(int), int n) { return plain(f, n) + 1; }
         extern "C" int both(int (*f)(int), int n)
         {
            try { return bare(f, n); } catch (long x) { return -1; } catch (int x) { return x + 1; }
         }
         extern "C" int last(int (*f)(int), int n) { return with(f, n) + both(f, n); }
         int toss(int n) { throw n; }
         extern "C" int turns(int n) { return last(toss, n); }
      ]])
      local frames = support.sh("readelf --debug-dump=frames %s", object)
      local order = {}
      for cie, pc in frames:gmatch "FDE cie=(%x+) pc=(%x+)" do
         order[#order + 1] = pc and cie
      end
      local came_back = false
      for i = 3, #order do
         came_back = came_back or order[i] < order[i - 1]
      end
      assert.is_true(came_back)
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new()
         assert(ln:load {..., "libc++.so.1"})
         print(ln:func "int turns(int)"(20))
         print(ln:func "int turns(int)"(1))
      ]], object)
      assert.equal("", err)
      assert.equal("41\n3\n", out)
      assert.equal(0, status)
      local ln <close> = loaded {object}
      assert.equal(41, int(ln, "turns")(20))
   end)

   it("throw, catch, and tell Lua", function()
      if (os.getenv "LD_PRELOAD" or ""):find "asan" then
         pending "a sanitizer brings the other C++ library, whose types come first"
         return
      end
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new()
         assert(ln:load {..., "libc++.so.1"})
         local maps = io.open "/proc/self/maps":read "a"
         assert(maps:find "libunwind.so.1" and not maps:find "libstdc%+%+")
         local catcher, thrower = ln:func "int catcher(int)", ln:func "int thrower(int)"
         print(catcher(1), catcher(2), catcher(3), catcher(4), catcher(0))
         for _, n in ipairs {1, 2, 3, 5, 7} do
            local ok, e = pcall(thrower, n)
            print(ok, e.type, e.what)
         end
      ]], cxx("llvm", MANY .. CATCHER, "-O1 -stdlib=libc++", "clang++"))
      assert.equal("", err)
      assert.equal("101\t102\t42\t103\t1\nfalse\tstd::out_of_range\ttoo far\n"
         .. "false\tapp::error\tof the app\nfalse\tint\t42\nfalse\tstd::string\ta string\n"
         .. "false\tapp::diamond\tfacets\n", out)
      assert.equal(0, status)
   end)

   it("is what LLVM's C++ library unwinds with", function()
      local status, out = support.exit(
         "LD_PRELOAD= LD_DEBUG=bindings LD_DEBUG_OUTPUT=%s/bind %s -e %s", folder,
         support.interpreter, support.quote [[package.loadlib("libc++.so.1", "*")]])
      assert.equal(0, status, out)
      local text = support.sh("cat %s/bind.*", folder)
      assert.matches("libc%+%+abi.so.1 %[0%] to [^ ]*libunwind.so.1 %[0%]: normal symbol `_Unwind_",
         text)
   end)
end)
