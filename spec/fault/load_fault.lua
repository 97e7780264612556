--- A load is a transaction: whichever allocation or system call fails in it, nothing is left
-- behind, and the next load works. Run by `make fault`.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local fault = require "spec.support.fault"
local core = require "moonlink.core"
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

local TEMPLATES = [[
template <class T> struct list { T v[4]; T sum() { T s = 0; for (T x : v) s += x; return s; } };
extern "C" int spec_add(int a, int b) { list<int> l = {{a, b, 0, 0}}; return l.sum(); }
int ran; struct begin { begin() { ran = 1; } } at_start;
]]

local ENVIRON = [[
extern char **environ; extern int optind;
int spec_add(int a, int b) { return environ ? a + b + optind - optind : 0; }
]]

local TLS = [[
extern __thread int errno;
static int zero;
static __thread int *at = &zero;
__thread int sum;
int spec_add(int a, int b) { sum = a + b + *at + (errno & 0); return sum; }
]]

local dir = support.tmpdir()
local add = support.cc(dir .. "/add.o", ADD, "-O1 -fPIC -fcommon")
local calls = support.cc(dir .. "/calls.o", CALLS, "-O1 -fPIC")
local waits = support.cc(dir .. "/waits.o", "int getpagesize(void); int size(void)"
   .. " { return getpagesize() + 1; }", "-O1 -fPIC")
local low = support.cc(dir .. "/low.o", ADD, "-O1 -fno-pic -fno-pie -mcmodel=small")
local groups = support.cc(dir .. "/groups.o", TEMPLATES, "-O0", {compiler = "g++"})
local far = support.cc(dir .. "/far.o", ENVIRON, "-O1 -fno-pic -fno-pie -mcmodel=small")
local large = support.cc(dir .. "/large.o", "const char pad[1100000] = {1};" .. ENVIRON,
   "-O1 -fno-pic -fno-pie -mcmodel=small")
local many = support.cc(dir .. "/many.o", ADD .. [[
const char pad[1100000] = {1};
__asm__(".altmacro\n.macro name n\n .globl many\\n\n many\\n: .quad \\n\n.endm\n.data\n"
   ".set i, 0\n.rept 20000\n name %i\n .set i, i + 1\n.endr\n.noaltmacro\n.text");
]], "-O1 -fPIC")
local SECTIONS = [[
__asm__(".altmacro\n.macro code n\n .section .text.s\\n,\"ax\"\n .byte 0xc3\n.endm\n"
   ".set i, 0\n.rept 200\n code %i\n .set i, i + 1\n.endr\n.noaltmacro\n.text");
]]
local sections = support.cc(dir .. "/sections.o", ADD .. SECTIONS, "-O1 -fPIC")
local wide = support.cc(dir .. "/wide.o", TLS .. SECTIONS, "-O1 -fPIE") -- some of them elsewhere
local debugged = support.cc(dir .. "/debugged.o", ADD, "-g -O1 -fPIC -gz")
local tls = support.cc(dir .. "/tls.o", TLS, "-O1 -fPIE")
local archive = dir .. "/libadd.a"
support.sh("ar rcs %s %s", archive, add)
local unindexed = dir .. "/libnoindex.a"
support.sh("ar rcS %s %s", unindexed, add)
local shared = dir .. "/libadd.so"
support.sh("LD_PRELOAD= gcc -shared -o %s %s", shared, add)

-- Units that are gone are remembered up to a number: from there on each takes the place of another.
for _ = 1, 1001 do
   local ln <close> = moonlink.new {}
   assert(ln:load(add))
end

--- Names that tell whether something of a failed load is still known.
local NAMES = {"spec_add", "spec_name", "spec_counter", "spec_twice"}

local function known_names(ln)
   local known = {}
   for _, name in ipairs(NAMES) do
      if ln.session:find(name) then
         known[#known + 1] = name
      end
   end
   return known
end

local function describe_run(n, failed, ok, result, err)
   return ("call %d, %s: %s"):format(n, failed, tostring(ok and err or result))
end

--- One pass over all failures of a load that is taken back in the end: each is an error value and
--- leaves the linker and the process as they were.
local function check_each(ln, inputs, options)
   local before = fault.mappings()
   return fault.each(function()
      return ln:check(inputs)
   end, function(n, failed, ok, stats, err)
      local place = describe_run(n, failed, ok, stats, err)
      assert.is_true(ok, place)
      if not stats then
         assert.is_string(err.code, place)
         assert.is_string(tostring(err), place)
      end
      assert.same({}, known_names(ln), place)
      assert.same(before, fault.mappings(), place)
   end, options)
end

--- The same for whole lives of a linker: made, loaded into, closed.
local function live_each(inputs, options)
   local before = fault.mappings()
   return fault.each(function()
      local ln <close> = moonlink.new {}
      return ln:load(inputs)
   end, function(n, failed, ok, unit, err)
      local place = describe_run(n, failed, ok, unit, err)
      -- Making a linker may raise: it has nobody to return an error to.
      assert.is_true(ok or (type(unit) == "table" and unit.code ~= nil), place)
      assert.same(before, fault.mappings(), place)
   end, options)
end

local function load_and_call(inputs)
   local ln <close> = moonlink.new {}
   assert(ln:load(inputs))
   assert.equal(5, assert(ln:func "int spec_add(int, int)")(2, 3))
end

--- Two passes of each kind, since a table may grow once and stay grown: the second leaves no block
--- behind.
local function survives(inputs, options)
   load_and_call(inputs)
   local count
   do
      local ln <close> = moonlink.new {}
      assert(ln:check(inputs))
      count = check_each(ln, inputs, options)
      local blocks = fault.blocks()
      assert.equal(count, check_each(ln, inputs, options))
      assert.equal(blocks, fault.blocks(), "blocks are left behind")
   end
   live_each(inputs, options)
   local blocks = fault.blocks()
   live_each(inputs, options)
   assert.equal(blocks, fault.blocks(), "blocks are left behind")
   load_and_call(inputs)
   return count
end

describe("a load in which a call fails", function()
   it("leaves nothing of an object behind", function()
      assert.is_true(survives {add} > 3)
   end)

   it("leaves nothing of an object from a string behind", function()
      assert.is_true(survives {bytes = support.read(add), name = "add.o"} > 3)
   end)

   it("leaves nothing of an object below 2 GiB behind", function()
      assert.is_true(survives {low} > 3)
   end)

   it("leaves nothing of thread-local storage behind", function()
      assert.is_true(survives {tls} > 3)
   end)

   it("leaves nothing of moved instructions behind", function()
      assert.is_true(survives {far} > 3)
   end)

   it("leaves nothing of a large object behind", function()
      assert.is_true(survives {large} > 3)
      assert.is_true(survives {large, gc_sections = true, keep = {"spec_add"}} > 3)
   end)

   it("leaves nothing of names behind that sleep", function()
      local ln <close> = moonlink.new()
      assert.is_true(assert(ln:load(many)).stats.asleep >= 20000)
      assert.is_true(survives {many, calls} > 3)
      assert.is_true(survives({calls, many}, {onwards = true}) > 3)
   end)

   it("leaves nothing of many small sections behind", function()
      assert.is_true(survives {sections} > 3)
      assert.is_true(survives {wide} > 3)
   end)

   it("leaves nothing of stubs that count behind", function()
      assert.is_true(survives {add, calls, count = "object", debug = "lines"} > 3)
   end)

   -- Memory of the stand-in for what nobody has stays with the Lua state, as that of callbacks.
   it("leaves no name behind when names wait for their first call", function()
      local ln <close> = moonlink.new {}
      local inputs = {add, waits, bind = "lazy"}
      local count = fault.each(function()
         return ln:check(inputs)
      end, function(n, failed, ok, stats, err)
         local place = describe_run(n, failed, ok, stats, err)
         assert.is_true(ok, place)
         assert.is_true(stats ~= nil or type(err.code) == "string", place)
         assert.same({}, known_names(ln), place)
      end)
      assert.is_true(count > 3)
      assert(ln:load(inputs))
      assert.is_true(assert(ln:func "int size(void)")() > 1)
   end)

   it("leaves nothing behind that debuggers are shown", function()
      assert.is_true(survives {debugged, debug = {"gdb", "lines"}} > 3)
   end)

   it("leaves nothing of memory behind that is taken and sealed in other ways", function()
      for _, options in ipairs {
         {protect = "dual"}, {protect = "dual", block = "unit", pages = "huge"},
         {protect = "input", block = "unit"},
      } do
         local inputs = {add, calls}
         for key, value in pairs(options) do
            inputs[key] = value
         end
         assert.is_true(survives(inputs) > 3)
      end
   end)

   it("leaves no huge pages that were set aside with what failed", function()
      local folder = "/sys/kernel/mm/hugepages/hugepages-2048kB/"
      local file <close> = io.open(folder .. "free_hugepages")
      if not file or file:read "n" < 16 then
         return pending "fewer than 16 huge pages are set aside (vm.nr_hugepages)"
      end
      for _, protect in ipairs {"load", "dual"} do
         assert.is_true(survives {add, calls, protect = protect, pages = "hugetlb"} > 3)
      end
   end)

   it("leaves nothing of section groups and constructors behind", function()
      assert.is_true(survives {groups} > 3)
   end)

   it("leaves nothing of an archive member behind", function()
      assert.is_true(survives {calls, archive} > 3)
   end)

   it("leaves nothing of an archive without an index behind", function()
      assert.is_true(survives {calls, unindexed} > 3)
   end)

   it("leaves nothing of a whole archive behind", function()
      assert.is_true(survives {archive, whole_archive = true} > 3)
   end)

   it("leaves nothing of an archive from a string behind", function()
      local bytes = support.read(archive)
      assert.is_true(survives {calls, {bytes = bytes, name = "libadd.a"}} > 3)
   end)

   it("leaves nothing of several objects behind", function()
      assert.is_true(survives {add, calls} > 3)
   end)

   it("leaves nothing of renamed, wanted and hidden names behind", function()
      assert.is_true(survives {calls, archive, rename = {spec_name = "name"}, wrap = {"abs"},
         roots = {"spec_add"}, hide = {"spec_counter"}, undefined = "null"} > 3)
   end)

   it("changes the names of each input, or fails", function()
      for _, path in ipairs {add, archive} do
         local input = {path = path, rename = {spec_add = "renamed"}}
         fault.each(function()
            local ln <close> = moonlink.new {roots = {"renamed"}, undefined = "null"}
            local unit = ln:load {input}
            return not unit or ln.session:find "renamed" ~= nil
         end, function(n, failed, ok, well)
            assert.is_true(well == true or not ok, describe_run(n, failed, ok, well))
         end)
      end
   end)

   it("leaves nothing of a load with a policy behind", function()
      local function policy(q)
         return q.name == "nobody" and q.candidates and 1 or nil
      end
      assert.is_true(survives {add, calls, scope = {policy, "self", "archives", "process"}} > 3)
   end)

   it("leaves nothing behind when everything fails from there on", function()
      survives({calls, archive}, {onwards = true})
   end)

   it("does not crash when giving back fails", function()
      for _, options in ipairs {{}, {protect = "dual"}, {block = "unit", pages = "huge"}} do
         fault.each(function()
            local ln <close> = moonlink.new(options)
            return assert(ln:load {add, calls})
         end, function(n, failed, ok, unit)
            assert.is_true(ok or failed ~= nil, describe_run(n, failed, ok, unit))
         end, {kinds = "undo"})
         load_and_call {add}
      end
   end)

   it("leaves nothing of a load that is wrong anyway", function()
      local ln <close> = moonlink.new {}
      assert.is_nil((ln:load {calls}))
      local before = fault.mappings()
      fault.each(function()
         return ln:load {calls}
      end, function(n, failed, ok, unit, err)
         local place = describe_run(n, failed, ok, unit, err)
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
      load_and_call {shared}
      live_each {shared}
      load_and_call {shared}
   end)

   it("gives an image or an error", function()
      local ln <close> = moonlink.new {}
      local good = assert(ln:image {add, at = 0x10000000})
      fault.each(function()
         return ln:image {add, at = 0x10000000}
      end, function(n, failed, ok, image, err)
         local place = describe_run(n, failed, ok, image, err)
         assert.is_true(ok, place)
         assert.is_true(failed ~= nil or image.bytes == good.bytes, place)
         assert.is_true(image ~= nil or err.code ~= nil, place)
      end)
   end)
end)

describe("an explanation in which a call fails", function()
   it("is given, or the error that says why not is raised", function()
      for _, bind in ipairs {"direct", "lazy"} do
         local ln <close> = moonlink.new {bind = bind}
         assert(ln:load {add})
         local count = fault.each(function()
            return ln:explain "spec_add"
         end, function(n, failed, ok, result)
            local place = ("call %d, %s: %s"):format(n, failed, tostring(result))
            assert.is_true(ok or result.code == "nomem", place)
         end)
         assert.is_true(count > 1)
      end
   end)
end)

describe("looking into a file while a call fails", function()
   local looks = {
      kind = function() return core.kind(add) end,
      members = function() return core.members(archive) end,
      find = function() return core.find(archive, "spec_add") end,
      ["find without an index"] = function() return core.find(unindexed, "spec_add") end,
      index = function() return core.index(unindexed) end,
      ldscript = function() return core.ldscript("GROUP(a AS_NEEDED(-lb c))", "s") end,
      list_folder = function() return core.list_folder(dir) end,
   }
   for name, look in pairs(looks) do
      it("gives an answer or an error: " .. name, function()
         assert(look())
         local blocks
         for pass = 1, 2 do
            blocks = fault.blocks()
            fault.each(look, function(n, failed, ok, result, err)
               local place = describe_run(n, failed, ok, result, err)
               assert.is_true(ok, place)
               assert.is_true(result ~= nil or failed ~= nil and err.code ~= nil, place)
            end)
            assert.is_true(pass == 1 or blocks == fault.blocks(), "blocks are left behind")
         end
      end)
   end
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
