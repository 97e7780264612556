--- Being seen by debuggers and profilers: gdb in batch mode, the files of perf, debugging sections
-- that cannot be used.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local DIR

--- Runs a Lua script under gdb: its commands, then its output. gdb itself runs without what a
--- sanitizer's run preloads; the script does not.
local function gdb(commands, script, ...)
   local dir = support.tmpdir()
   local words = {support.interpreter, support.write(dir .. "/script.lua", script), ...}
   local preload = os.getenv "LD_PRELOAD"
   local lines = {
      "set pagination off", "set confirm off", "set breakpoint pending on", "set width 0",
      "set debuginfod enabled off", "set style enabled off", "set print frame-arguments all",
      "set environment LUA_PATH_5_4 " .. package.path,
      "set environment LUA_CPATH_5_4 " .. package.cpath,
      "set environment ASAN_OPTIONS detect_leaks=0",
      preload and preload ~= "" and "set environment LD_PRELOAD " .. preload or "",
      "set args " .. table.concat(words, " ", 2),
   }
   table.move(commands, 1, #commands, #lines + 1, lines)
   local file = support.write(dir .. "/commands", table.concat(lines, "\n") .. "\n")
   return support.sh("LD_PRELOAD= HOME=%s gdb -nx -q -batch -x %s %s 2>&1", dir, file, words[1])
end

--- The texts stand in the output in this order.
local function in_order(output, texts)
   local at = 1
   for _, text in ipairs(texts) do
      local first, last = output:find(text, at)
      assert.truthy(first, ("'%s' is missing behind here:\n%s"):format(text, output:sub(at)))
      at = last + 1
   end
end

local C = [[
struct point { int x, y; };
static int helper(struct point *p, int k)
{
    int sum = p->x + p->y;
    sum *= k;
    return sum;
}
int counter = 7;
int mid(int a)
{
    struct point p = { a, 2 * a };
    int r = helper(&p, 3);
    return r + 1;
}
]]

local CPP = [[
namespace geo {
struct box { int w, h; int area() const { return w * h; } };
template <class T> T twice(T v) { return v + v; }
}
extern "C" int mid(int);
static int helper(int n) { return n + 1; }
static int started;
struct starter { starter() { started = 42; } } the_starter;
extern "C" int cpp(int n)
{
    geo::box b = { n, 2 };
    int m = geo::twice<int>(b.area());
    return mid(helper(m)) + started;
}
]]

--- Compiles so that the source's name and lines are the given ones.
local function object(name, source, flags, compiler)
   return support.cc(("%s/%s.o"):format(DIR, name:gsub("%..*", "")),
      ('#line 1 "%s/%s"\n%s'):format(DIR, name, source), flags, {compiler = compiler})
end

setup(function()
   DIR = support.tmpdir()
   support.write(DIR .. "/t.c", C)
   support.write(DIR .. "/u.cpp", CPP)
   object("t.c", C, "-g -O0")
   object("u.cpp", CPP, "-g -O0", "g++")
end)

local LOAD = [[
   local mode, call = ...
   local moonlink = require "moonlink"
   local ln = moonlink.new {debug = mode}
   local unit = assert(ln:load {table.unpack({...}, 3)})
   assert(#(unit.warnings or {}) == 0, unit.warnings and unit.warnings[1])
   print("result", assert(ln:func("int " .. call .. "(int)"))(5))
   io.stdout:flush()
   assert(ln:close())
   os.exit(true, true)
]]

describe("gdb", function()
   it("stops in loaded code by name and line, unwinds, steps and prints, with one event", function()
      local out = gdb({
         "break __jit_debug_register_code", "ignore 1 1000",
         "break mid", "break u.cpp:13", "break starter::starter", "tbreak t.c:5",
         "run",
         "bt 1",                                              -- in the constructor
         "continue", "info locals", "print b.area()", "continue", -- u.cpp:13, then mid
         "bt", "print a", "next", "print p", "print counter",
         "info symbol mid", "info symbol &counter", "print &helper",
         "set $there = (unsigned long) &mid",
         "step", "info locals", "continue",
         "print *p", "finish", "next", "info line",
         "info breakpoints", "delete",
         "break exit", "continue", "info symbol $there", "kill",
      }, LOAD, "auto", "cpp", DIR .. "/t.o", DIR .. "/u.o")
      in_order(out, {
         "starter::starter %(this=", "#0 +starter::starter",
         "Breakpoint %d+, cpp %(n=5%) at .-/u%.cpp:13", "b = {w = 5, h = 2}", "m = 20", " = 10\n",
         "Breakpoint %d+, mid %(a=21%) at .-/t%.c:11",
         "#0 +mid %(a=21%)", "#1 .- in cpp %(n=5%) at .-/u%.cpp:13", "#2 ",
         "main", -- through the module and the interpreter to the end
         "= 21\n", "12%s+int r = helper", "{x = 21, y = 42}", "= 7\n",
         "mid in section %.text", "counter in section %.data", "<helper>",
         "helper %(p=.-, k=3%) at .-/t%.c:4", "sum = ", "t%.c:5\n", "{x = 21, y = 42}",
         "in mid %(a=21%)", "Value returned is %$%d+ = 189", "13%s+return r %+ 1;", "Line 13 of",
         "result\t232", "No symbol matches %$there",
      })
      local hits = out:match "__jit_debug_register_code[^\n]*\n%s*breakpoint already hit (%d+) time"
      assert.equal("1", hits)
   end)

   --- One source, compiled in many ways; `shared` is in all of them, and kept once.
   local SOURCE = [[
      struct pair_N { int a, b; };
      inline __attribute__((noinline)) int shared(int n)
      {
          return n * 2;
      }
      static int again(int n)
      {
          pair_N p = { n, N };
          return p.a + p.b;
      }
      extern "C" int f_N(int n)
      {
          int local = shared(n);
          return again(local);
      }
   ]]
   local WAYS = {
      {"g++", "-gdwarf-4"}, {"g++", "-gdwarf-5 -gz=zlib"}, {"g++", "-gdwarf-3 -gz=zlib-gnu"},
      {"g++", "-g -gsplit-dwarf"}, {"g++", "-gdwarf-4 -fdebug-types-section"},
      {"g++", "-gdwarf-5 -fdebug-types-section"}, {"g++", "-g3 -ffunction-sections"},
      {"clang++", "-gdwarf-4"}, {"clang++", "-gdwarf-5"}, {"clang++", "-gdwarf-5 -gz"},
      {"clang++", "-gdwarf-5 -gsplit-dwarf -fdebug-types-section"},
   }

   it("reads DWARF 3 to 5 of gcc and clang, compressed, split, in COMDAT groups", function()
      local commands, files, texts = {"break shared"}, {}, {}
      local all = {'extern "C" {'}
      for i, way in ipairs(WAYS) do
         local source = SOURCE:gsub("_N", "_" .. i):gsub("N }", i .. " }")
         files[i] = object(("w%d.cpp"):format(i), source, way[2] .. " -O0", way[1])
         all[#all + 1] = ("int f_%d(int);"):format(i)
      end
      all[#all + 1] = "}\nextern \"C\" int all(int n)\n{\n    int sum = 0;"
      for i in ipairs(WAYS) do
         all[#all + 1] = ("    sum += f_%d(n + %d);"):format(i, i)
         commands[#commands + 1] = ("break w%d.cpp:9"):format(i)
      end
      all[#all + 1] = "    return sum;\n}"
      files[#files + 1] = object("all.cpp", table.concat(all, "\n"), "-g -O0", "g++")
      commands[#commands + 1] = "run"
      commands[#commands + 1] = "info breakpoints"
      for i in ipairs(WAYS) do
         table.move({"print n", "continue", "print p", "bt 3", "continue"}, 1, 5, #commands + 1,
            commands)
         table.move({
            ("%%$%%d+ = %d\n"):format(5 + i),
            ("again %%(n=%d%%) at .-/w%d%%.cpp:9"):format(2 * (5 + i), i),
            ("{a = %d, b = %d}"):format(2 * (5 + i), i), "#1 [^\n]*in f_" .. i .. " %(n=",
            "#2 [^\n]*in all %(n=5%)",
         }, 1, 5, #texts + 1, texts)
      end
      local out = gdb(commands, LOAD, "gdb", "all", table.unpack(files))
      in_order(out, texts)
      assert.truthy(out:find "in shared%(int%) at [^\n]*\n%s*breakpoint already hit 1 time", out)
   end)
end)
