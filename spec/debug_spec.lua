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
   local _, out = support.exit("LD_PRELOAD= HOME=%s gdb -nx -q -batch -x %s %s 2>&1", dir, file,
      words[1])
   return out
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

   it("says that it cannot show a thread-local variable, and nothing wrong", function()
      local path = object("tls.c", "__thread int tv = 5;\nint tls(int n)\n{\n    return tv + n;\n}",
         "-g -O0")
      local out = gdb({"break tls", "run", "print n", "print tv"}, LOAD, "gdb", "tls", path)
      in_order(out, {"= 5\n", "Cannot access memory at address"})
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

-- ---- files for perf ----

--- Runs a script in a process of its own, in the folder DIR; its output.
local function run(source, environment, ...)
   local path = support.write(support.tmpdir() .. "/script.lua", source)
   local cpath = package.cpath:gsub("%./", support.stdout "pwd" .. "/")
   local lua_path = package.path:gsub("%./", support.stdout "pwd" .. "/")
   return support.sh("cd %s && LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s %s %s %s 2>&1", DIR,
      support.quote(lua_path), support.quote(cpath), environment, support.interpreter, path,
      table.concat({...}, " "))
end

--- Runs LOAD with t.o; the number of its process.
local function run_load(mode, environment)
   local out = run([[
      local pid = io.open("/proc/self/stat"):read "n"
      print("pid", pid)
      os.remove(("/tmp/perf-%d.map"):format(pid)) -- of an earlier process with this number
   ]] .. LOAD, environment, mode,
      "mid", DIR .. "/t.o")
   return math.tointeger(out:match "pid\t(%d+)")
end

--- The symbols of an object as nm has them: { size by name }.
local function functions_of(path)
   local sizes = {}
   for size, name in support.sh("nm -S %s", path):gmatch "%x+ (%x+) [tT] (%S+)" do
      sizes[name] = tonumber(size, 16)
   end
   return sizes
end

--- Reads a jitdump as the specification in Linux's tree has it.
local function read_dump(bytes)
   local magic, version, size, machine, _, pid, time, flags, at =
      string.unpack("<I4 I4 I4 I4 I4 I4 I8 I8", bytes)
   local dump = {machine = machine, pid = pid, functions = {}, lines = {}}
   assert.same({0x4A695444, 1, 40, 0}, {magic, version, size, flags})
   assert.is_true(time > 0)
   while at <= #bytes do
      local id, total, stamp, body = string.unpack("<I4 I4 I8", bytes, at)
      assert.is_true(stamp >= time and at + total - 1 <= #bytes)
      if id == 0 then
         local process, _, vma, address, length, index, name, code =
            string.unpack("<I4 I4 I8 I8 I8 I8 z", bytes, body)
         assert.same({pid, vma, #dump.functions, at + total}, {process, address, index,
            code + length})
         table.insert(dump.functions, {
            name = name, address = address, code = bytes:sub(code, code + length - 1),
            lines = dump.lines[address],
         })
      elseif id == 2 then
         local address, count, next = string.unpack("<I8 I8", bytes, body)
         local list = {}
         for i = 1, count do
            local place, line, _, name
            place, line, _, name, next = string.unpack("<I8 I4 I4 z", bytes, next)
            list[i] = {address = place, line = line, source = name}
         end
         assert.equal(at + total, next)
         dump.lines[address] = list
      else
         error("record of kind " .. id)
      end
      at = at + total
   end
   return dump
end

describe("perf", function()
   it("finds a line for each function in the map, local ones too", function()
      local pid = run_load("perf", "")
      local path = ("/tmp/perf-%d.map"):format(pid)
      local text = support.read(path)
      os.remove(path)
      local sizes = {}
      for start, size, name in text:gmatch "(%x+) (%x+) (%S+)\n" do
         sizes[name] = tonumber(size, 16)
         assert.is_true(tonumber(start, 16) > 0)
      end
      assert.same(functions_of(DIR .. "/t.o"), sizes)
   end)

   it("finds code and lines in the dump, in JITDUMPDIR or the current folder", function()
      for _, folder in ipairs {"", support.tmpdir()} do
         local pid = run_load("jitdump", folder ~= "" and "JITDUMPDIR=" .. folder or "")
         local dump = read_dump(support.read(("%s/jit-%d.dump"):format(
            folder ~= "" and folder or DIR, pid)))
         assert.same({62, pid, 2}, {dump.machine, dump.pid, #dump.functions})
         local sizes = functions_of(DIR .. "/t.o")
         for _, f in ipairs(dump.functions) do
            assert.equal(sizes[f.name], #f.code)
            assert.equal(0xc3, f.code:byte(-1)) -- ret
            assert.equal(f.name == "helper" and 3 or 10, f.lines[1].line)
            assert.equal(DIR .. "/t.c", f.lines[1].source)
            assert.equal(f.address, f.lines[1].address)
         end
      end
   end)

   it("is no reason for a load to fail: a file that cannot be written is a warning", function()
      local out = run([[
         local moonlink = require "moonlink"
         warn "@on"
         local ln <close> = moonlink.new {debug = "jitdump"}
         local unit = assert(ln:load(...))
         print(#unit.warnings, unit.warnings[1])
         print(assert(ln:func "int mid(int)")(1))
      ]], "JITDUMPDIR=/nowhere/at/all", DIR .. "/t.o")
      local text = "cannot write /nowhere/at/all/jit%-%d+%.dump: No such file or directory\n"
      in_order(out, {"Lua warning: moonlink: " .. text, "1\t" .. text, "10\n"})
   end)

   it("is not served through a link that somebody has put there", function()
      local out = run([[
         local moonlink = require "moonlink"
         local pid = io.open "/proc/self/stat":read "n"
         os.execute(("ln -s precious jit-%d.dump"):format(pid))
         io.open("precious", "w"):write "value":close()
         local ln <close> = moonlink.new {debug = {"jitdump"}}
         print(assert(ln:load(...)).warnings[1])
         print(io.open "precious":read "a")
      ]], "", DIR .. "/t.o")
      in_order(out, {"cannot write %./jit%-%d+%.dump: ", "value\n"})
   end)
end)

-- ---- the option ----

describe("the option debug", function()
   local function size(value)
      local ln <close> = moonlink.new {debug = value}
      return assert(ln:load(DIR .. "/t.o")).stats.debug
   end

   it("shows loads to nobody unless there is somebody", function()
      assert.is_nil(size "none")
      if not os.getenv "MOONLINK_DEBUG" then
         assert.is_nil(size "auto")
         assert.is_nil(size())
      end
      assert.is_true(size "lines" > 0)
      assert.is_true(size {"gdb", "lines"} > size "lines")
   end)

   it("follows the environment", function()
      local source = [[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new()
         print(assert(ln:load(...)).stats.debug)
      ]]
      local gdb_size, lines_size = size "gdb", size "lines"
      for value, expected in pairs {["1"] = gdb_size, gdb = gdb_size, lines = lines_size,
                                    ["0"] = "nil", none = "nil"} do
         assert.equal(expected .. "\n", run(source, "MOONLINK_DEBUG=" .. value, DIR .. "/t.o"))
      end
   end)

   it("may be another one for one load", function()
      local ln <close> = moonlink.new {debug = "lines"}
      assert.is_nil(assert(ln:load {DIR .. "/t.o", debug = "none"}).stats.debug)
   end)

   it("takes no other value", function()
      for _, value in ipairs {"gbd", "gdb,parf", {"gdb", 1}, 7} do
         assert.has_error(function()
            moonlink.new {debug = value}
         end)
      end
   end)
end)

-- ---- debugging sections that cannot be used ----

describe("a broken debugging section", function()
   local mutate = require "spec.support.mutate"

   --- Loads bytes as t.o to be shown to debuggers: warnings, and what a function says.
   local function load(bytes, mode)
      local ln <close> = moonlink.new {debug = mode or "lines"}
      local unit = assert(ln:load {bytes = bytes, name = "t.o"})
      assert.equal(10, assert(ln:func "int mid(int)")(1))
      return unit.warnings, moonlink.addr2sym(unit:address "mid")
   end

   --- The header of the section of this name, as mutate.sections has it.
   local function section(bytes, name)
      local index = support.write(DIR .. "/broken.o", bytes) and support.stdout(
         "readelf -SW %s/broken.o | sed -n 's/^ *\\[ *\\([0-9]*\\)\\] %s .*/\\1/p'", DIR,
         (name:gsub("%.", "\\.")))
      return mutate.sections(bytes)[math.tointeger(tonumber(index))]
   end

   it("is a warning that names it, and the load succeeds", function()
      local long = {C} -- else the assembler leaves the section as it is
      for i = 1, 99 do
         long[#long + 1] = ("int f%d(int a)\n{\n    a *= 2;\n    return a + 1;\n}"):format(i)
      end
      local good = support.read(object("c.c", table.concat(long, "\n"), "-g -O0 -gz=zlib"))
      assert.equal(10, select(2, load(good)).line)
      local s = section(good, ".debug_line")
      local zstd = support.patch(good, s.offset, "\2")
      local warnings, place = load(zstd)
      assert.same({"t.o: .debug_line is compressed with zstd, libelf here lacks it; "
         .. "debugging disabled for this unit"}, warnings)
      assert.same({"mid", nil}, {place.name, place.line})
      warnings = load(support.patch(good, s.offset + 24, "\0\0\0\0\0\0\0\0"))
      assert.truthy(warnings[1]:find "^t%.o: %.debug_line cannot be inflated;", warnings[1])
      warnings = load(mutate.put(good, s.at + 24, 8, #good))
      assert.truthy(warnings[1]:find "^t%.o: %.debug_line goes past the end", warnings[1])
      local r = section(good, ".rela.debug_line")
      warnings = load(mutate.put(good, r.offset + 12, 4, 0xffffff))
      assert.truthy(warnings[1]:find "refers to a symbol that does not exist", warnings[1])
      warnings = load(mutate.put(good, r.at + 32, 8, 23))
      assert.truthy(warnings[1]:find "^t%.o: %.rela%.debug_line has a wrong size", warnings[1])
   end)

   it("never crashes, whichever byte is wrong #slow", function()
      local good = support.read(object("c.c", C, "-g -O0"))
      for _, name in ipairs {".debug_line", ".debug_line_str", ".rela.debug_line",
                             ".rela.debug_info"} do
         local s = section(good, name)
         for at = s.offset, s.offset + s.size - 1 do
            for _, byte in ipairs {"\0", "\1", "\127", "\128", "\255"} do
               load(support.patch(good, at, byte), name == ".rela.debug_info" and "gdb" or "lines")
            end
         end
      end
   end)
end)
