-- How memory is taken and sealed: the options block, pages and protect, as the kernel sees them.
-- Spec: proc(5) on maps and smaps; mprotect(2), memfd_create(2), madvise(2).
-- SPDX-License-Identifier: MIT

local maps = require "spec.support.maps"
local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local HUGE = 2 << 20
local PARTS = [[
   extern int puts(const char *);
   static const char *const words[] = {"one", "two"};
   int (*const pointer)(const char *) = puts;
   int data = 3, zero[100];
   int f(int i) { zero[i & 7]++; return i + data + words[i & 1][0] + !pointer; }
]]

local function map_of(address)
   return maps.of(address, 1)[1]
end

--- What smaps says of the mapping at an address: its lines by name.
local function smaps_of(address)
   local inside, out = false, {}
   for line in io.lines "/proc/self/smaps" do
      local first, last = line:match "^(%x+)%-(%x+) "
      if first then
         inside = address >= tonumber(first, 16) and address < tonumber(last, 16)
      elseif inside then
         local key, value = line:match "^([%w_]+):%s+(.-)%s*$"
         out[key] = value
      end
   end
   return out
end

--- Reads twice and between, until both readings agree: the kernel may make small pages a huge one,
--- or take pages away, at any moment.
---@param read fun(): any what smaps says
---@param ask fun(): any what is to agree with it
---@return any read
---@return any asked
local function undisturbed(read, ask)
   local before, asked, after
   for _ = 1, 1000 do
      before, asked, after = read(), ask(), read()
      if pcall(assert.same, before, after) then
         break
      end
   end
   assert.same(before, after)
   return before, asked
end

--- Compiles and loads; the unit, its linker, f.
local function loaded(options, source, flags)
   local ln = moonlink.new(options)
   local unit = assert(ln:load(objects.cc(source or PARTS, flags)))
   return unit, ln, assert(ln:func "int f(int)")
end

local EVERY = {
   {}, {block = "unit"}, {pages = "huge"}, {protect = "input"}, {protect = "dual"},
   {block = "unit", pages = "huge", protect = "dual"}, {pages = "huge", protect = "input"},
   {zone = "low", block = "unit", protect = "dual"},
}

local function name_of(options)
   local words = {}
   for key, value in pairs(options) do
      words[#words + 1] = key .. "=" .. value
   end
   table.sort(words)
   return #words > 0 and table.concat(words, " ") or "no options"
end

describe("a load", function()
   for _, options in ipairs(EVERY) do
      it("with " .. name_of(options) .. " runs, and each part has its one protection", function()
         local unit, ln <close>, f = loaded(options)
         assert.equal(3 + 3 + ("two"):byte(), f(3))
         local expected = {f = "r-xp", data = "rw-p", zero = "rw-p", pointer = "r--p"}
         for name, protection in pairs(expected) do
            assert.equal(protection, map_of(ln:address_of(name)).protection, name)
         end
         for _, each in ipairs(unit:sections()) do
            if each.size > 0 then
               assert.equal(each.prot .. "p", map_of(each.address).protection, each.name)
            end
         end
      end)
   end

   it("takes these options for itself, and knows no other values", function()
      local ln <close> = moonlink.new {protect = "dual"}
      local path = objects.cc(PARTS)
      assert.is_nil(assert(ln:load {path, protect = "load"}).stats.view)
      for _, wrong in ipairs {{block = "page"}, {pages = 2}, {protect = "none"}} do
         assert.matches("option", support.refused(moonlink.new, wrong), 1, true)
      end
   end)

   it("for an address takes no notice of them", function()
      local path = objects.cc "int f(int i) { return i; } const int c = 1; int d = 2;"
      local plain = assert(moonlink.new():image {path, at = 0x10000})
      for _, options in ipairs(EVERY) do
         assert.equal(plain.bytes, assert(moonlink.new(options):image {path, at = 0x10000}).bytes)
      end
   end)

   it("that fails leaves no mapping behind, whatever its options #layout", function()
      local missing = objects.cc "int nobody(void); int f(void) { return nobody(); }"
      local far = support.as(objects.dir .. "/far.o",
         ".data\n.long 0x7fffffff + f - .\n.long f\n.text\n.globl f\nf: ret\n")
      for _, options in ipairs(EVERY) do
         local ln <close> = moonlink.new(options)
         local keep = assert(ln:load(objects.cc(PARTS)))
         local first, size = keep.stats.base - (1 << 31), 1 << 32
         local function codes()
            local n = 0
            for _, each in ipairs(maps.of(first, size)) do
               n = n + ((each.protection:find "x" or each.path:find "memfd:moonlink") and 1 or 0)
            end
            return n
         end
         local _ <close> = maps.still()
         local before = codes()
         assert.is_nil((ln:load(missing)))
         assert.is_nil((ln:load(far)))
         assert.equal(before, codes(), name_of(options))
      end
   end)
end)

describe("a block", function()
   it("lies in a reservation for many, which keeps its addresses when it has gone", function()
      local unit, ln <close> = loaded {}
      local base, size = unit.stats.base, unit.stats.size
      assert(unit:unload())
      assert.same({"---p"}, {map_of(base).protection, maps.of(base, size)[2]})
      assert.equal(base, assert(ln:load(objects.cc(PARTS))).stats.base)
   end)

   it("of its own goes with the unit, addresses and all, and leaves others alone", function()
      local unit, ln <close> = loaded {block = "unit"}
      local other = assert(ln:load(objects.cc "int g(void) { return 5; }"))
      local base, size = unit.stats.base, unit.stats.size
      assert.equal(base, map_of(base).first)
      assert(unit:unload())
      assert.same({}, maps.of(base, size))
      assert.equal(5, ln:func "int g(void)" ())
      local mine = map_of(other.stats.base)
      assert(ln:close())
      assert.same({}, maps.of(mine.first, mine.last - mine.first))
   end)

   it("of its own has no more addresses than it needs, as near as others", function()
      local unit, ln <close> = loaded({block = "unit"}, PARTS .. "char large[5000000];")
      local base, size = unit.stats.base, unit.stats.size
      for _, address in ipairs {base - 1, base + size} do
         local beside = map_of(address)
         assert.is_true(not beside or beside.protection ~= "---p", "reserved and not used")
      end
      assert.is_true(math.abs(ln:address_of "f" - ln:address_of "puts") < 1 << 31)
   end)
end)

describe("huge pages", function()
   --- When the system gives huge pages: "always", "madvise" (to those who ask), "never".
   local function is_set_to(word)
      local file <close> = io.open "/sys/kernel/mm/transparent_hugepage/enabled"
      return (file and file:read "a" or "[never]"):find("[" .. word .. "]", 1, true) ~= nil
   end

   local function enabled()
      return not is_set_to "never"
   end

   it("hold code and constants whole, so that no seal splits one", function()
      local unit, ln <close> = loaded {pages = "huge"}
      for _, name in ipairs {"f", "pointer"} do
         local mapping = map_of(ln:address_of(name))
         assert.equal(0, mapping.first % HUGE)
         assert.equal(0, mapping.last % HUGE)
      end
      if not enabled() then
         return pending "this system has no huge pages"
      end
      assert.matches("hg", smaps_of(unit.stats.base).VmFlags)
   end)

   it("hold code at two addresses, too, where the kernel can, and a reload writes to it", function()
      local path, switch = objects.versions {"int g(void) { return 1; }",
         "int g(void) { return 2; }"}
      local ln <close> = moonlink.new {pages = "huge", protect = "dual"}
      local used = assert(ln:load(path))
      local user = assert(ln:load(objects.cc "int g(void); int f(void) { return g() + 10; }"))
      local huge, mapping = undisturbed(function()
         return tonumber(smaps_of(user.stats.base).ShmemPmdMapped:match "%d+") * 1024
      end, function()
         return assert(user:memory()).mappings[1]
      end)
      assert.equal(huge, mapping.huge)
      switch(2)
      assert(used:reload())
      assert.equal(12, ln:func "int f(void)" ())
      local view = map_of(user.stats.view)
      assert.same({"rw-s", 0, HUGE}, {view.protection, view.first % HUGE, view.last - view.first})
   end)

   it("are counted as the kernel counts them", function()
      local unit, ln <close> = loaded {pages = "huge"}
      local counted, memory = undisturbed(function()
         local huge, resident = 0, 0
         for _, name in ipairs {"f", "pointer", "data"} do
            local lines = smaps_of(ln:address_of(name))
            huge = huge + tonumber(lines.AnonHugePages:match "%d+") * 1024
            resident = resident + tonumber(lines.Rss:match "%d+") * 1024
         end
         return {huge, resident}
      end, function()
         return assert(unit:memory())
      end)
      assert.equal(3, #memory.mappings)
      assert.same(counted, {memory.huge, memory.resident})
      assert.equal(0, loaded({}):memory().huge)
   end)

   it("that the process may not have are a warning", function()
      local _, out = support.lua([[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new()
         local prctl = ln:func "int prctl(int, long, long, long, long)"
         assert(prctl(41, 1, 0, 0, 0) == 0) -- PR_SET_THP_DISABLE
         local unit = assert(ln:load { ..., pages = "huge" })
         print(ln:func "int f(int)" (3), #unit.warnings, unit.warnings[1], unit:memory().huge)
      ]], objects.cc(PARTS))
      assert.matches("^122\t1\tno huge pages: .*\t0\n$", out)
   end)

   it("come by themselves for megabytes of code and constants, but not for zeros", function()
      local source = PARTS .. [[
         const char table[5 << 20] = {1}; char zeros[16 << 20];
         int at(long i) { return table[i] + zeros[3 * i]; }
      ]]
      if not is_set_to "always" then -- else there are some that nobody has asked for
         assert.equal(0, loaded({pages = "small"}, source):memory().huge)
      end
      local unit, ln <close> = loaded({}, source)
      local base, memory = unit.stats.base, assert(unit:memory())
      assert.same({1, 0}, {ln:func "int at(long)" (0), ln:func "int at(long)" ((5 << 20) - 1)})
      assert.is_true(memory.resident < 8 << 20)
      assert.same({"r-xp", "r--p", "rw-p"}, {map_of(base).protection,
         map_of(ln:address_of "table").protection, map_of(ln:address_of "zeros").protection})
      if enabled() then
         assert.equal(0, base % HUGE)
         assert.is_true(memory.huge <= 6 << 20)
         assert.matches("hg", smaps_of(base).VmFlags)
      end
      assert(unit:unload())
      assert.equal("---p", map_of(base).protection)
      assert.is_nil(smaps_of(base).VmFlags:find("hg", 1, true))
      assert.equal(0, assert(ln:load(objects.cc(PARTS))):memory().huge)
   end)

   it("are not asked for any more where the unit has gone", function()
      local unit, _ <close> = loaded {pages = "huge"}
      local base = unit.stats.base
      assert(unit:unload())
      assert.equal("---p", map_of(base).protection)
      assert.is_nil(smaps_of(base).VmFlags:find("hg", 1, true))
   end)
end)

describe("protection", function()
   local function three()
      local list = {}
      for i = 1, 3 do
         local source = ([[
            extern int puts(const char *);
            int gN(void) { return N; } int (*const pN)(const char *) = puts;
         ]]):gsub("N", i)
         list[i] = objects.cc(source)
      end
      return list
   end

   it("comes once for all code and once for all constants of a load", function()
      local ln <close> = moonlink.new()
      assert.equal(2, assert(ln:load(three())).stats.protections)
      assert.equal(ln:address_of "g1" >> 12, ln:address_of "g3" >> 12)
   end)

   it("comes for each input by itself, on pages of its own", function()
      local ln <close> = moonlink.new {protect = "input"}
      local unit = assert(ln:load(three()))
      local input_of = {}
      for _, each in ipairs(unit:sections()) do
         if each.size > 0 and not each.prot:find "w" and each.name ~= ".eh_frame" then
            local page = each.address >> 12
            assert.equal(input_of[page] or each.input, each.input, each.name)
            input_of[page] = each.input
         end
      end
      assert.equal(3, ln:func "int g3(void)" ())
      assert.is_true(unit.stats.protections >= 6)
   end)

   it("is asked of the kernel as often as the unit says #layout", function()
      if not support.has "strace" or (os.getenv "LD_PRELOAD" or "") ~= "" then
         return pending "strace is not here, or a sanitizer preloads its runtime"
      end
      local script = support.write(objects.dir .. "/traced.lua", [[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new {protect = arg[1]}
         local unit = assert(ln:load {table.unpack(arg, 2)})
         print(("%x %x %d"):format(unit.stats.base, unit.stats.base + unit.stats.text,
            unit.stats.protections))
      ]])
      for protect, sealed in pairs {load = 1, input = 3, dual = 0} do
         local trace = objects.dir .. "/" .. protect
         local out = support.stdout(
            "LUA_PATH_5_4=%s LUA_CPATH_5_4=%s strace -e trace=mprotect,mmap -o %s %s %s %s %s",
            support.quote(package.path), support.quote(package.cpath), trace,
            support.interpreter, script, protect, table.concat(three(), " "))
         local first, last = out:match "^(%x+) (%x+)"
         first, last = tonumber(first, 16), tonumber(last, 16)
         local executable, changed = 0, 0
         for address, bits in support.read(trace):gmatch "mprotect%(0x(%x+), %d+, ([%u_|]+)%)" do
            address = tonumber(address, 16)
            if address >= first and address < last then
               changed = changed + 1
               executable = executable + (bits:find "PROT_EXEC" and 1 or 0)
            end
         end
         assert.equal(sealed, executable, protect)
         assert.equal(protect == "dual", changed <= 1, protect) -- to PROT_NONE, in the end
      end
   end)
end)

describe("code at two addresses", function()
   it("is one file in memory, never writable where it runs", function()
      local unit, ln <close> = loaded {protect = "dual"}
      local runs, written = map_of(unit.stats.base), map_of(unit.stats.view)
      assert.same({"r-xp", "rw-s"}, {runs.protection, written.protection})
      assert.matches("/memfd:moonlink", runs.path, 1, true)
      assert.equal(runs.inode, written.inode)
      assert.equal(moonlink.read(ln:address_of "f", "I8"),
         moonlink.read(ln:address_of "f" - unit.stats.base + unit.stats.view, "I8"))
      for name, path in pairs {data = "", pointer = ""} do
         assert.equal(path, map_of(ln:address_of(name)).path, name)
      end
      local base, size, view = unit.stats.base, unit.stats.size, unit.stats.view
      assert(unit:unload())
      assert.same({}, maps.of(view, 1))
      assert.same({"---p"}, {map_of(base).protection, maps.of(base, size)[2]})
   end)

   --- Two versions of g, and a unit that calls it directly, loaded with protect = "dual".
   local function pair(flags)
      local path, switch = objects.versions({"int g(void) { return 1; }",
         "int g(void) { return 2; }"}, flags)
      local ln = moonlink.new {protect = "dual"}
      local used = assert(ln:load(path))
      local user = assert(ln:load(objects.cc("int g(void); int f(void) { return g() + 10; }",
         flags)))
      return {
         ln = ln, used = used, user = user, f = ln:func "int f(void)",
         reload = function(i)
            switch(i)
            return used:reload()
         end,
      }
   end

   for _, flags in ipairs {"-O1 -fPIE", "-O1 -fPIC", "-O1 -fno-pic -fno-pie -mcmodel=large"} do
      it("is changed by a reload of what it uses, " .. flags, function()
         local p = pair(flags)
         local ln <close> = p.ln
         assert.equal(11, p.f())
         assert(p.reload(2))
         assert.equal(12, p.f())
         assert(p.reload(1))
         assert.equal(11, p.f())
         local runs, written = map_of(ln:address_of "f"), map_of(p.user.stats.view)
         assert.same({"r-xp", "rw-s"}, {runs.protection, written.protection})
         assert.equal(runs.inode, written.inode)
      end)
   end

   it("is changed also where a debugger has written to it", function()
      local p = pair "-O1 -fPIE"
      local ln <close> = p.ln
      local at = ln:address_of "f"
      local memory = assert(io.open("/proc/self/mem", "r+b"))
      memory:seek("set", at)
      memory:write(string.pack("B", moonlink.read(at, "B"))) -- as a debugger does: a copy is made
      if not memory:close() then
         return pending "this system does not let a process write to its code"
      end
      assert(p.reload(2))
      assert.equal(12, p.f())
      assert.equal("r-xp", map_of(at).protection)
      assert.same({}, maps.of(p.user.stats.view, 1)) -- it writes to something else by now
      assert(p.reload(1))
      assert.equal(11, p.f())
   end)

   it("is its own in a child that changes it", function()
      local p = pair "-O1 -fPIE"
      local _ <close> = p.ln
      local run = assert(moonlink.isolate(function()
         assert(p.reload(2))
         return p.f()
      end))
      assert.equal(12, run[1])
      assert.equal(11, p.f())
      assert(p.reload(2))
      assert.equal(12, p.f())
   end)

   it("shows breakpoints of gdb, which stop it", function()
      if not support.has "gdb" then
         return pending "gdb is not here"
      end
      local script = support.write(objects.dir .. "/debugged.lua", [[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new {protect = "dual", debug = "gdb"}
         local unit = assert(ln:load(arg[1]))
         print("result", ln:func "int stopped(int)" (20))
      ]])
      local path = objects.cc("int stopped(int i) { return i + 1; }", "-O0 -g -fPIE")
      local preload = os.getenv "LD_PRELOAD"
      local commands = support.write(objects.dir .. "/commands", table.concat({
         "set pagination off", "set breakpoint pending on", "set debuginfod enabled off",
         "set environment LUA_PATH_5_4 " .. package.path,
         "set environment LUA_CPATH_5_4 " .. package.cpath,
         "set environment ASAN_OPTIONS detect_leaks=0",
         preload and preload ~= "" and "set environment LD_PRELOAD " .. preload or "",
         "set args " .. script .. " " .. path,
         "break stopped", "run", "print i * 100", "continue",
      }, "\n") .. "\n")
      local _, out = support.exit("LD_PRELOAD= HOME=%s gdb -nx -q -batch -x %s %s 2>&1",
         objects.dir, commands, support.interpreter)
      assert.matches("= 2000\n", out, 1, true)
      assert.matches("result\t21", out, 1, true)
   end)

   it("is a warning for perf, which looks only into memory of no file", function()
      local unit, ln <close> = loaded {protect = "dual", debug = "perf"}
      assert.matches("jitdump", unit.warnings[1], 1, true)
      os.remove(("/tmp/perf-%d.map"):format(ln:func "int getpid(void)" ()))
   end)

   it("is an error that says so when no file can be opened for it", function()
      local _, out = support.lua([[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new {protect = "dual"}
         local source <close> = assert(io.open(..., "rb"))
         local bytes, open = source:read "a", {}
         local limit = assert(ln:func "int setrlimit(int, void *)")
         local small <close> = moonlink.alloc(16)
         small:set(string.pack("I8I8", 40, 40))
         assert(limit(7, small) == 0) -- RLIMIT_NOFILE
         assert(ln:check {bytes = bytes, name = "bytes.o"})
         repeat
            local file = io.open "/dev/null"
            open[#open + 1] = file
         until not file
         local unit, err = ln:load {bytes = bytes, name = "bytes.o"}
         print(unit, err.code, err.message, err.hint)
         open[#open]:close()
         assert(ln:load {bytes = bytes, name = "bytes.o"})
         print(ln:func "int f(int)" (3))
      ]], objects.cc(PARTS))
      assert.equal("nil\tio\tcannot map 4 KiB of code at two addresses (memfd_create, mmap): "
         .. "Too many open files\tclose files, or raise ulimit -n: one is opened for a moment\n"
         .. "122\n", out)
   end)
end)
