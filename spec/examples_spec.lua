-- The examples run, print what they promise, and leave nothing behind.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local temporary = support.tmpdir()

--- Runs an example in a process of its own, with a temporary folder of its own.
local function output_of(name, argument)
   local status, out, err = support.exit(
      support.crashes .. "TMPDIR=%s LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s examples/%s.lua %s",
      temporary, support.quote(package.path), support.quote(package.cpath), support.interpreter,
      name, argument or "")
   assert.equal("", err)
   assert.equal(0, status)
   assert.equal("", support.sh("ls %s", temporary))
   return out
end

local function assert_lines(out, ...)
   for _, line in ipairs {...} do
      assert.matches(line, out, 1, true)
   end
end

local EXPECTED = {
   hello = {
      "add(2, 3)      = 5\n", "greet('moon')  = hello, moon\n", "calls          = 2\n",
      "out of range for int",
   },
   archive = {
      "member libround.a(area.o) for 'area', wanted by main.o\n",
      "member libround.a(pi.o) for 'pi', wanted by libround.a(area.o)\n",
      "ring(2, 1) = 9.4248\n", "member libround.a(volume.o) for 'volume'",
      "volume(1)  = 4.1888\n",
   },
   callbacks = {
      "sorted: -7 0 3 42 1000\n", "ask(21) = 42\n", "raised: true, no 13s here\n",
      "spread(3, 10) = 7\n",
   },
   policy = {
      "as it is:              1200\n", "wrapped:               1200, vat was called 1 time\n",
      "with stand-ins:        2\n", "program.o wants 'price'", "hooked:                1\n",
      "undefined symbol 'price' was called", "undefined 'vat' (1 reference: program.o",
   },
   reload = {
      "first version:      200\n", "kept:               visits, price\n",
      "half price:         150\n",
      "converted:          price: its size has changed, 4 to 8 bytes\n",
      "in floating point:  450\n", "refused:            nil, undefined 'tax'\n",
      "as before:          450\n",
      "nil, 1 unit imports from it (till: visitors); Lua has 1 function of it (visit)\n",
      "after they went:    true\n",
   },
   cxx = {
      "withdraw(30)          70\n", "insufficient: only 70 left\n",
      "false, withdraw: C++ exception int",
      "asked in this thread  3\n", "and in another        1\n",
      "the name is '_ZN4bank8interestEii'",
      "interest(200, 5)      10\n",
   },
   isolate = {
      "test_sum             ok", "test_sum_of_nothing  signal   crash in sum+",
      "(tests.o, tests.c:7): SIGSEGV at address 0x0\n",
      "test_wrong           failed   expected 4, got 5\n",
      "called from test_invariant+", "(tests.o, tests.c:17): SIGABRT\n",
      "test_endless         timeout  did not end within ",
      "1 ok, 1 failed, 2 crashed, 1 too slow\n",
   },
   packages = {
      "in place:  ${pkgroot}/greet\n", "installed: ${pkgroot}/lib/greet-1.0\n",
      "what differs:\n  import_dirs\n  library_dirs\n",
      "in place: import-dirs: .../build/greet doesn't exist or isn't a directory",
      "installed: sound\n",
   },
   demo = {
      "SQL from Lua: libsqlite3.a 3.", "Jupiter      4        16854\n", "the same again\n",
      "a call through all files gives 78;", "cc -shared + dlopen", "relocate", "r-x  code\n",
      "r--  constants\n", "libz.a(",
   },
}

--- Only one of its tests never ends: when others do not come to theirs in time either, the machine
--- is slow, and all get more.
local function output_in_time(seconds)
   local out
   for _, limit in ipairs {seconds, 10 * seconds, 100 * seconds} do
      out = output_of("isolate", limit)
      if select(2, out:gsub(" timeout ", "")) == 1 then
         assert.matches(("did not end within %d seconds\n"):format(limit), out, 1, true)
         break
      end
   end
   return out
end

for name, lines in pairs(EXPECTED) do
   it("examples/" .. name .. ".lua prints what it promises", function()
      local out = name == "isolate" and output_in_time(2) or output_of(name)
      assert_lines(out, table.unpack(lines))
   end)
end

it("every example is run here", function()
   for name in support.sh("ls examples"):gmatch "(%S+)%.lua" do
      assert.is_true(EXPECTED[name] ~= nil or name == "common", name)
   end
end)

it("an example runs from anywhere", function()
   local root = support.stdout "pwd"
   local cpath = package.cpath:gsub("(%.)(/[^;]*)", function(_, rest) return root .. rest end, 1)
   local status, out, err = support.exit(
      "cd / && TMPDIR=%s LUA_PATH_5_4= LUA_CPATH_5_4=%s %s %s/examples/hello.lua",
      temporary, support.quote(cpath), support.interpreter, root)
   assert.equal("", err)
   assert.equal(0, status)
   assert_lines(out, "hello, moon")
end)

it("the demo says what ld says to libz.a, when it refuses it", function()
   local out = output_of "demo"
   local path = support.stdout "gcc -print-file-name=libz.a"
   local status = support.exit("LD_PRELOAD= cc -shared -o %s/z.so -Wl,--whole-archive %s",
      support.tmpdir(), path)
   assert.equal(status ~= 0, out:find("recompile with -fPIC", 1, true) ~= nil)
end)
