--- From addresses to names: addr2sym, tombstones, tracebacks through native code, symbol files.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local moonlink = require "moonlink"
local support = require "spec.support"

local DIR, OBJECT

local SOURCE = [[
extern int puts(const char *);
extern int far_away(int);
static int hidden(int (*f)(int), int n)
{
    int v = f(n);
    return v + 1;
}
int table[4] = { 1, 2, 3, 4 };
int common;
int through(int (*f)(int), int n)
{
    int v = hidden(f, n + 1);
    return v + 1;
}
int says(const char *s) { return puts(s); }
int far(int n) { return far_away(n) + common; }
int last(int n) { return n; }
]]

setup(function()
   DIR = support.tmpdir()
   OBJECT = support.cc(DIR .. "/t.o", ('#line 1 "%s/t.c"\n%s'):format(DIR, SOURCE), "-g -O0 -fPIE")
end)

local function linker(options)
   local ln = moonlink.new(options)
   ln:on("undefined", "^far_away$", function()
      return 0x7000000012345678 -- out of reach of everything: it gets a stub
   end)
   return ln, assert(ln:load(OBJECT))
end

describe("addr2sym", function()
   it("names functions and objects, with offset, unit, file and section", function()
      local ln <close>, unit = linker()
      local place = ln:addr2sym(unit:address "through" + 5)
      assert.same({
         kind = "function", name = "through", offset = 5, unit = unit.name, file = OBJECT,
         section = ".text",
      }, place)
      place = moonlink.addr2sym(unit:address "table" + 15)
      assert.same({"object", "table", 15, ".data"},
         {place.kind, place.name, place.offset, place.section})
      place = ln:addr2sym(unit:address "common")
      assert.same({"object", "common", 0}, {place.kind, place.name, place.offset})
   end)

   it("names the first byte behind a function no more", function()
      local ln <close>, unit = linker()
      local s = unit:symbol "last"
      assert.equal("last", moonlink.addr2sym(s.address + s.size - 1).name)
      assert.is_nil(ln:addr2sym(s.address + s.size).name)
   end)

   it("names stubs and slots by what they are for", function()
      local ln <close>, unit = linker()
      local e = unit.core:entry "far_away"
      assert.same({"stub", "stub of far_away", 1}, (function(p)
         return {p.kind, p.name, p.offset}
      end)(ln:addr2sym(e.stub + 1)))
      assert.equal("slot of far_away", ln:addr2sym(e.got + 7).name)
   end)

   it("has local functions and source lines when the load was made with debug", function()
      local ln <close>, unit = linker {debug = "lines"}
      local first = unit:address "through"
      assert.same({"through", 11, DIR .. "/t.c"}, (function(p)
         return {p.name, p.line, p.source}
      end)(ln:addr2sym(first)))
      local place = moonlink.addr2sym(first - 1)
      assert.same({"hidden", 7}, {place.name, place.line})
      local plain <close>, other = linker {debug = "none"}
      place = plain:addr2sym(other:address "through" - 1)
      assert.same({"section", nil, nil}, {place.kind, place.name, place.line})
   end)

   it("agrees with addr2line about every byte of code", function()
      local ln <close>, unit = linker {debug = "lines"}
      local code = unit:sections()[1]
      assert.equal(".text", code.name)
      local input = {}
      for i = 0, code.size - 1 do
         input[i + 1] = ("0x%x"):format(i)
      end
      local at = 0
      for line in support.sh("addr2line -e %s -f -j .text %s", OBJECT, table.concat(input, " "))
         :gmatch "[^\n]+\n[^\n]+" do
         local name, number = line:match "^(.-)\n.-:(%d+)"
         local place = ln:addr2sym(code.address + at)
         assert.same({name, math.tointeger(number)}, {place.name, place.line})
         at = at + 1
      end
      assert.equal(code.size, at)
   end)

   it("tells the linkers of a state apart", function()
      local a <close>, unit = linker()
      local b <close>, other = linker()
      local address = unit:address "last"
      assert.equal(unit.name, moonlink.addr2sym(address).unit)
      assert.equal("last", a:addr2sym(address).name)
      assert.is_nil(b:addr2sym(address))
      assert.equal("last", b:addr2sym(other:address "last").name)
   end)

   it("does not take a linker for an earlier one that lay in the same memory", function()
      for _ = 1, 20 do
         local earlier, unit = linker()
         local address = unit:address "last"
         assert(earlier:close())
         local later <close> = moonlink.new()
         assert.is_nil(later:addr2sym(address))
         assert.is_true(moonlink.addr2sym(address).unloaded)
      end
   end)

   it("names callbacks, stand-ins and what shared libraries define", function()
      local ln <close> = moonlink.new()
      local callback <close> = ln:callback("int(int)", function(n)
         return n
      end)
      assert.equal("callback", moonlink.addr2sym(callback:address() + 3).kind)
      local stub <close> = moonlink.stub "missing"
      assert.equal("undefined symbol 'missing' was called", moonlink.addr2sym(stub:address()).name)
      local place = moonlink.addr2sym(assert(ln:address_of "gnu_get_libc_version"))
      assert.same({"library", 0}, {place.kind, place.offset})
      assert.truthy(place.name == "gnu_get_libc_version" and place.file:find "libc", place.name)
   end)

   it("knows nothing of addresses where nothing is", function()
      assert.is_nil(moonlink.addr2sym(0))
      assert.is_nil(moonlink.addr2sym(-1))
      assert.is_nil(moonlink.addr2sym(math.mininteger))
      assert.has_error(function()
         moonlink.addr2sym "x"
      end)
   end)

   it("finds every function of many units", function()
      local ln <close> = moonlink.new {duplicate = "first"}
      local units = {}
      for i = 1, 200 do
         units[i] = assert(ln:load {
            OBJECT, name = "unit " .. i, undefined = "null", hide = {".*"}, debug = "none"})
      end
      for i, unit in ipairs(units) do
         for _, e in ipairs(unit.core:entries()) do
            if e.in_load then
               local place = moonlink.addr2sym(e.address)
               assert.same({e.name, "unit " .. i}, {place.name, place.unit})
            end
         end
      end
   end)
end)

describe("an address in a unit that is gone", function()
   it("still names the unit and the function", function()
      local ln, unit = linker()
      local address, name = unit:address "through" + 5, unit.name
      local stub = unit.core:entry("far_away").stub
      assert(ln:close())
      local place = moonlink.addr2sym(address)
      assert.is_true(place.ago >= 0 and place.ago < 600)
      place.ago = nil
      assert.same({kind = "function", name = "through", offset = 5, unit = name, unloaded = true},
         place)
      assert.same({name, true, nil}, (function(p)
         return {p.unit, p.unloaded, p.name}
      end)(moonlink.addr2sym(stub)))
   end)

   it("is named by the latest of those that lay there, and by a live one before", function()
      local ln <close> = moonlink.new()
      local function load(name)
         return assert(ln:load {OBJECT, name = name, undefined = "null"})
      end
      local first = load "first"
      local address = first:address "last"
      assert(first:unload())
      assert.equal("first", ln:addr2sym(address).unit)
      local second = load "second"
      assert.equal(address, second:address "last")
      assert.same({"second", nil}, (function(p)
         return {p.unit, p.unloaded}
      end)(ln:addr2sym(address)))
      assert(second:unload())
      assert.equal("second", ln:addr2sym(address).unit)
   end)

   it("is not known of a load that was never committed", function()
      local ln <close>, unit = linker()
      local address, size = unit:address "last", unit.stats.memory
      assert(ln:check {OBJECT, duplicate = "first", undefined = "null", name = "never"})
      for at = address - 4 * size, address + 4 * size, size do
         local place = ln:addr2sym(at)
         assert.is_true(not place or place.unit ~= "never")
      end
   end)

   it("is remembered for the last 1,000 units", function()
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln = moonlink.new {duplicate = "first", undefined = "null"}
         local addresses = {}
         for i = 1, 1001 do
            local unit = assert(ln:load {..., name = "unit " .. i, hide = {".*"}})
            addresses[i] = unit:address "last"
         end
         assert(ln:close())
         local lost, wrong = 0, 0
         for i = 1, 1001 do
            local place = moonlink.addr2sym(addresses[i])
            lost = lost + (place and 0 or 1)
            wrong = wrong + (place and place.unit ~= "unit " .. i and 1 or 0)
         end
         print(lost, wrong)
      ]], OBJECT)
      assert.same({0, "1\t0\n", ""}, {status, out, err})
   end)
end)

describe("moonlink.traceback", function()
   local function raises(n)
      error("boom " .. n)
   end

   --- The lines behind "stack traceback:", with functions and places of Lua left out.
   local function shape(text)
      local out = {}
      for line in text:gmatch "\n\t([^\n]+)" do
         out[#out + 1] = line:match "^%[native%] (.*)" or line:match "^%[C%]: in .* '([^']+)'$"
            or line:find "addr2sym_spec" and "lua" or line
      end
      return out
   end

   local function starts_with(expected, list)
      assert.same(expected, table.move(list, 1, #expected, 1, {}))
   end

   it("shows the native frames that an error came through", function()
      local ln <close> = linker {debug = "lines"}
      local through = assert(ln:func "int through(int (*)(int), int)")
      local ok, text = xpcall(function()
         local v = through(raises, 3)
         return v
      end, moonlink.traceback)
      assert.is_false(ok)
      assert.truthy(text:find "^[^\n]*boom 4\nstack traceback:\n", text)
      starts_with({
         "error", "lua",
         ("hidden in %s (%s/t.c:5)"):format(OBJECT, DIR),
         ("through in %s (%s/t.c:12)"):format(OBJECT, DIR), "through", "lua", "xpcall",
      }, shape((text:gsub("%+0x%x+", ""))))
   end)

   it("shows them for a handler around it, and while nothing is raised", function()
      local ln <close> = linker {debug = "lines"}
      local through = assert(ln:func "int through(int (*)(int), int)")
      for _, handler in ipairs {
         function(err) return moonlink.traceback(err, 2) end,
         function(err)
            local text = moonlink.traceback(err)
            return text
         end,
      } do
         local _, text = xpcall(through, handler, raises, 3)
         assert.matches("%[native%] hidden%+0x%x+ in ", text)
      end
      local text
      through(function()
         text = moonlink.traceback("here", 1)
         return 1
      end, 3)
      assert.truthy(text:find "^here\n", text)
      assert.same({"lua", "hidden", "through"}, (function(list)
         return {list[1], list[2]:match "^%w+", list[3]:match "^%w+"}
      end)(shape(text)))
   end)

   it("puts the frames of nested calls where they belong", function()
      local ln <close> = linker {debug = "lines"}
      local through = assert(ln:func "int through(int (*)(int), int)")
      local _, text = xpcall(function()
         local v = through(function(n)
            local w = through(raises, n)
            return w
         end, 3)
         return v
      end, moonlink.traceback)
      local names = {}
      for i, line in ipairs(shape(text)) do
         names[i] = line:match "^%w+"
      end
      starts_with({
         "error", "lua", "hidden", "through", "through", "lua", "hidden", "through", "through",
         "lua", "xpcall",
      }, names)
   end)

   it("keeps them apart from the levels that Lua leaves out of a deep stack", function()
      local ln <close> = linker {debug = "lines"}
      local through = assert(ln:func "int through(int (*)(int), int)")
      local function deep(n)
         if n == 0 then
            return (through(raises, 3))
         end
         return (deep(n - 1))
      end
      local function outer(n)
         if n == 0 then
            return (through(function() return (deep(30)) end, 3))
         end
         return (outer(n - 1))
      end
      local text -- a coroutine, so that the stack of the spec's own callers is not seen
      coroutine.wrap(function()
         text = select(2, xpcall(outer, moonlink.traceback, 4))
      end)()
      local list, natives = shape(text), {}
      for i, line in ipairs(list) do
         if line:find "^hidden" or line:find "^through%+" then
            natives[#natives + 1] = line:match "^%w+"
            if line:find "^hidden" then
               assert.equal("lua", list[i - 1]) -- the callback
            else
               assert.equal("through", list[i + 1]) -- the call
            end
         end
      end
      assert.same({"hidden", "through", "hidden", "through"}, natives)
      assert.truthy(text:find "skipping", text)
   end)

   it("is debug.traceback where nothing is native", function()
      local function level()
         local mine, theirs = moonlink.traceback("m"), debug.traceback("m")
         assert.equal(theirs, (mine:gsub("traceback:\n%C*\n", function(line) return line end)))
         assert.equal(debug.traceback("m", 2), moonlink.traceback("m", 2))
      end
      level()
      assert.equal(7, moonlink.traceback(7, 1) == "7" and 7 or moonlink.traceback(7, 1))
      local value = {}
      assert.equal(value, moonlink.traceback(value))
      assert.truthy(moonlink.traceback():find "^stack traceback:\n")
   end)

   it("shows no old stack for an error that only looks the same", function()
      local ln <close> = linker()
      local through = assert(ln:func "int through(int (*)(int), int)")
      local message = "the same"
      pcall(through, function() error(message, 0) end, 1)
      local _, text = xpcall(error, moonlink.traceback, message, 0)
      assert.is_nil(text:find("native", 1, true))
   end)

   it("lets errors that are no texts, and a full stack, through as they were", function()
      local ln <close> = linker()
      local through = assert(ln:func "int through(int (*)(int), int)")
      local value = setmetatable({}, {__tostring = function() return "v" end})
      local _, err = pcall(through, function() error(value) end, 1)
      assert.equal(value, err)
      local function endless()
         return 1 + endless()
      end
      _, err = pcall(through, endless, 1)
      assert.truthy(err:find "stack overflow", err)
   end)
end)

describe("moonlink.backtrace", function()
   it("lists the native frames of the thread, those of units with their names", function()
      local ln <close> = linker()
      local through, names, list = assert(ln:func "int through(int (*)(int), int)"), {}
      through(function()
         list = moonlink.backtrace()
         return 1
      end, 3)
      for _, place in ipairs(list) do
         assert.equal("integer", math.type(place.address))
         if place.unit then
            names[#names + 1] = place.name or place.section
         end
      end
      assert.same({".text", "through"}, names)
   end)
end)

describe("a symbol file", function()
   it("has a line for each symbol and section, by address", function()
      local ln <close>, unit = linker {debug = "lines"}
      local path = DIR .. "/symbols.txt"
      assert(unit:write_symbols(path))
      local seen, before = {}, 0
      for line in io.lines(path) do
         if line:sub(1, 1) ~= "#" then
            local address, size, type, name, owner, file =
               line:match "^0x(%x+)\t0x(%x+)\t(%l+)\t([^\t]*)\t([^\t]*)\t([^\t]*)$"
            assert.truthy(address, line)
            address = tonumber(address, 16)
            assert.is_true(math.ult(before, address + 1), line)
            assert.equal(unit.name, owner)
            before, seen[type .. " " .. name] = address, {address, tonumber(size, 16), file}
         end
      end
      local s = unit:symbol "through"
      assert.same({s.address, s.size, OBJECT}, seen["function through"])
      assert.equal(OBJECT, seen["function hidden"][3])
      assert.equal(16, seen["object table"][2])
      assert.equal(unit.core:entry("far_away").stub, seen["stub far_away"][1])
      assert.truthy(seen["section .text"])
      local all = support.read(path)
      assert(ln:write_symbols(path))
      assert.equal(all, support.read(path))
   end)

   it("lets moonlink symbolize name addresses in a text, after the process", function()
      local ln, unit = linker {debug = "lines"}
      local path, through = DIR .. "/symbols.txt", unit:address "through"
      assert(ln:write_symbols(path))
      local stub = unit.core:entry("far_away").stub
      assert(ln:close())
      local text = ("pc=0x%x, sp 0x%X;\n0x10 x0x%x\n0x%x"):format(through + 4, through, through,
         stub + 2)
      support.write(DIR .. "/crash.txt", text)
      local out = support.sh("bin/moonlink symbolize %s < %s/crash.txt", path, DIR)
      local where = ("%s, %s"):format(unit.name, OBJECT)
      where = unit.name == OBJECT and OBJECT or where
      assert.equal(("pc=0x%x <through+0x4 in %s>, sp 0x%X <through+0x0 in %s>;\n0x10 x0x%x\n"
         .. "0x%x <stub of far_away+0x2 in %s>"):format(through + 4, where, through, where, through,
         stub + 2, unit.name), out)
   end)

   it("keeps names with strange characters", function()
      local name = "a\tb\\x41\nc"
      local ln <close> = moonlink.new {rename = {last = name}, undefined = "null"}
      local unit = assert(ln:load(OBJECT))
      local path, symbols = DIR .. "/odd.txt", require "moonlink.show.symbols"
      assert(unit:write_symbols(path))
      local list = assert(symbols.read(support.read(path), path))
      assert.equal(name, symbols.find(list, unit:address(name)).name)
   end)

   it("is refused when it is none, or cannot be written or read", function()
      local ln <close>, unit = linker()
      local ok, err = unit:write_symbols "/nowhere/at/all"
      assert.is_nil(ok)
      assert.matches("^/nowhere/at/all: cannot write: No such file", tostring(err))
      assert.is_nil((ln:write_symbols "/dev/full"))
      local status, _, message = support.exit("bin/moonlink symbolize /nowhere </dev/null")
      assert.equal(1, status)
      assert.truthy(message:find "No such file", message)
      local bad = support.write(DIR .. "/bad.txt", "0x1\t0x1\tfunction\n")
      status, _, message = support.exit("bin/moonlink symbolize %s </dev/null", bad)
      assert.equal(1, status)
      assert.truthy(message:find "line 1 is no line of a symbol file", message)
   end)
end)

describe("the core", function()
   it("knows whether a debugger is attached", function()
      local tracer = support.read "/proc/self/status":match "TracerPid:%s*(%d+)"
      assert.equal(tracer ~= "0", core.traced())
   end)
end)
