-- Where things lie: near the process's libraries or low, few mappings, each with one protection.
-- Spec: x86-64 psABI 3.5.1 (code models), 4.4 and B.2 (GOTPCRELX).
-- SPDX-License-Identifier: MIT

local maps = require "spec.support.maps"
local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()
local GIB = 1 << 30

local function object(name, source, flags)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1 -fPIE")
end

local function assembled(name, source)
   return support.as(dir .. "/" .. name .. ".o", source)
end

--- Number of mappings but for the heap, which grows and shrinks as it likes.
---@param data? integer an address whose mapping counts in any case
local function count_mappings(data)
   local count = 0
   for _, each in ipairs(maps.list()) do
      local is_data = data and data >= each.first and data < each.last
      local is_heap = each.protection == "rw-p" and each.inode == "0" and each.path == ""
      count = count + ((is_data or not is_heap) and 1 or 0)
   end
   return count
end

local function protection_of(address)
   local mapping = maps.of(address, 1)[1]
   return mapping and mapping.protection
end

describe("memory", function()
   local parts

   setup(function()
      parts = object("parts", [[
         extern int printf(const char *, ...);
         int data = 1; int zero[100]; const int constant = 2;
         const char *const names[] = {"a", "b"};
         int (*const relocated)(const char *, ...) = printf;
         int code(void) { return data + constant; }
         static const char text[] = "text";
         const char *string(void) { return text; }
      ]])
   end)

   it("is executable or writable or constant, each for what it is for", function()
      local ln <close> = moonlink.new()
      assert(ln:load(parts))
      local prots = {}
      for _, name in ipairs {"data", "zero", "constant", "names", "relocated", "code"} do
         prots[name] = protection_of(ln:address_of(name))
      end
      assert.same({data = "rw-p", zero = "rw-p", constant = "r--p", names = "r--p",
                   relocated = "r--p", code = "r-xp"}, prots)
      assert.equal("text", moonlink.string(ln:func("void *string(void)")()))
   end)

   it("is what the map says it is", function()
      local ln <close> = moonlink.new()
      for _, section in ipairs(assert(ln:load(parts)):sections()) do
         if section.size > 0 then
            assert.equal(section.prot .. "p", protection_of(section.address), section.name)
         end
      end
   end)

   it("is never writable and executable at once: not in a hook, not in a constructor", function()
      object("constructor", [[
         #include <stdio.h>
         #include <string.h>
         int in_constructor = -1;
         extern char hooked[];
         __attribute__((constructor)) static void count(void)
         {
            char line[512];
            FILE *maps = fopen("/proc/self/maps", "r");
            in_constructor = 0;
            while (fgets(line, sizeof line, maps)) {
               char *protection = strchr(line, ' ') + 1;
               in_constructor += protection[1] == 'w' && protection[2] == 'x';
            }
            fclose(maps);
         }
         char *get(void) { return hooked; }
      ]], "-O1 -fPIC")
      -- in a process of its own, where nothing else has mapped anything
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local function count()
            local file <close> = assert(io.open "/proc/self/maps")
            return select(2, file:read "a":gsub(" .wx. ", ""))
         end
         local ln <close> = moonlink.new()
         ln:on("undefined", "^hooked$", function()
            print("hook", count())
            return false
         end)
         assert(ln:load(...))
         print("constructor", moonlink.read(ln:address_of "in_constructor", "i4"))
         print("after", count())
         assert(not ln:load(arg[1]))
         print("failed", count())
         local stub, callback = moonlink.stub "x", ln:callback("int(int)", math.abs)
         print("callback", count())
         stub, callback = nil, nil
      ]], dir .. "/constructor.o")
      assert.equal("", err)
      assert.equal(0, status)
      assert.equal("hook\t0\nconstructor\t0\nafter\t0\nhook\t0\nfailed\t0\ncallback\t0\n",
         out)
   end)

   it("that is writable and executable by its section is refused", function()
      local ln <close> = moonlink.new()
      local unit, err = ln:load(assembled("wx", ".section .wx,\"awx\",@progbits\n.byte 1\n"))
      assert.is_nil(unit)
      assert.equal("refused", err.code)
      assert.equal(".wx", err.section)
   end)

   it("takes at most five mappings, whatever the number of objects #layout", function()
      local objects = {}
      for i = 1, 200 do
         objects[i] = object("many_" .. i, ([[
            int data_%d = %d; int zero_%d[10]; const int constant_%d = %d;
            extern int printf(const char *, ...);
            int f_%d(void) { return data_%d + zero_%d[1] + constant_%d + (printf == 0); }
         ]]):gsub("%%d", i), "-O0 -fPIE")
      end
      local first <close> = moonlink.new() -- has the heap grow, and threads come and go
      assert(first:load(objects))
      assert(first:close())
      collectgarbage()
      local ln <close> = moonlink.new()
      local before = count_mappings()
      assert(ln:load(objects))
      local after = count_mappings((ln:address_of "data_1"))
      assert.is_true(after - before <= 5, ("%d new mappings"):format(after - before))
      assert.equal(2 * 77, ln:func("int f_77(void)")())
   end)

   it("of many small loads is shared out of one region", function()
      local ln <close> = moonlink.new()
      local paths = {}
      for i = 1, 30 do
         paths[i] = object("few_" .. i, ("int few_%d(void) { return %d; }"):format(i, i))
         assert(ln:load(paths[i]))
      end
      local first = ln:address_of "few_1"
      for i = 2, 30 do
         assert.is_true(math.abs(ln:address_of("few_" .. i) - first) < GIB)
      end
      assert.equal(30, ln:func("int few_30(void)")())
   end)
end)

describe("near placement", function()
   local library

   setup(function()
      local path = object("library", [[
         int variable = 4711; int *address(void) { return &variable; }
         char large[64]; int f(void) { return 1; }
      ]], "-fPIC")
      library = dir .. "/liblibrary.so"
      support.sh("gcc -shared -o %s %s", library, path)
   end)

   it("lies within 2 GiB of libc", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(object("near", "int near(void) { return 1; }")))
      local distance = math.abs(ln:address_of "near" - ln:address_of "getpid")
      assert.is_true(distance < 2 * GIB)
      assert.equal("near", unit:map().zone)
   end)

   it("lets code compiled for programs read and write variables of libraries directly", function()
      local path = object("pie", [[
         #include <stdio.h>
         extern int variable; extern char **environ;
         int *here(void) { return &variable; }
         int get(void) { return variable; } void set(int n) { variable = n; }
         FILE *out(void) { return stdout; } FILE *const *where(void) { return &stdout; }
         char **env(void) { return environ; }
      ]])
      assert.matches("R_X86_64_PC32", support.sh("readelf -rW %s", path), 1, true)
      local ln <close> = moonlink.new()
      assert(ln:load {library, path})
      assert.equal(4711, ln:func("int get(void)")())
      ln:func("void set(int)")(12)
      assert.equal(12, moonlink.read(ln:func("void *address(void)")(), "i4"))
      assert.equal(ln:func("void *address(void)")(), ln:func("void *here(void)")())
      assert.equal(ln:address_of "stdout", ln:func("void *where(void)")())
      assert.equal(moonlink.read(ln:address_of "stdout", "i8"), ln:func("void *out(void)")())
      assert.equal(moonlink.read(ln:address_of "environ", "i8"), ln:func("void *env(void)")())
   end)

   it("gives a function one address, however it is reached", function()
      local path = object("identity", [[
         #include <stdlib.h>
         void *direct(void) { return (void *)abs; }
         void *(*volatile pointer)(void) = direct;
         static int (*table[1])(int) = {abs};
         void *stored(void) { return (void *)table[0]; }
      ]])
      local ln <close> = moonlink.new()
      assert(ln:load(path))
      local abs = ln:address_of "abs"
      assert.equal(abs, ln:func("void *direct(void)")())
      assert.equal(abs, ln:func("void *stored(void)")())
   end)

   it("says how far away a target is that a field cannot reach #layout", function()
      local path = assembled("far", [[
         .data
         .globl distance
         distance: .long far - .
      ]])
      local ln <close> = moonlink.new {scope = {{far = 7}}}
      local unit, err = ln:load(path)
      assert.is_nil(unit)
      assert.equal("range", err.code)
      assert.equal("R_X86_64_PC32", err.reloc)
      assert.equal("far", err.symbol)
      assert.matches("far.o: .data+0x0", err.message, 1, true)
      assert.matches("target 0x7 is 0x7%x+ bytes away, limit is 2 GiB", err.message)
      assert.matches("-fPIC", err.hint, 1, true)
   end)

   it("calls what is out of reach through a stub #layout", function()
      local path = assembled("call_far", [[
         .text
         .globl f, g
         f: jmp far@PLT
         g: subq $8, %rsp
            call far
            addq $8, %rsp
            ret
      ]])
      local low <close> = moonlink.new {zone = "low"}
      assert(low:load(object("low_target", "int low_target(void) { return 33; }")))
      local address = low:address_of "low_target"
      assert.is_true(address < 2 * GIB)
      local ln <close> = moonlink.new {scope = {{far = address}}}
      local unit = assert(ln:load(path))
      assert.equal(33, ln:func("int f(void)")())
      assert.equal(33, ln:func("int g(void)")())
      assert.equal(1, unit.stats.stubs)
   end)
end)

describe("low placement", function()
   it("is chosen for code that holds addresses of 32 bits", function()
      local path = object("nonpic", [[
         static int table[4] = {1, 2, 3, 4};
         int at(int i) { return table[i]; }
         int *where(void) { return table; }
      ]], "-O1 -fno-pic")
      assert.matches("R_X86_64_32", support.sh("readelf -rW %s", path), 1, true)
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      assert.equal("low", unit:map().zone)
      assert.equal(3, ln:func("int at(int)")(2))
      assert.is_true(ln:func("void *where(void)")() < 2 * GIB)
   end)

   it("can be wished", function()
      local ln <close> = moonlink.new {zone = "low"}
      local path = object("wished", "int wished(void) { return 8; }")
      assert.equal("low", assert(ln:load(path)):map().zone)
      assert.is_true(ln:address_of "wished" < 2 * GIB)
      assert.equal(8, ln:func("int wished(void)")())
   end)

   it("calls high functions and is called by high code", function()
      local ln <close> = moonlink.new()
      assert(ln:load(object("low", [[
         #include <stdlib.h>
         static int table[4] = {-1, -2, -3, -4};
         int low(int i) { return abs(table[i]); }
      ]], "-O1 -fno-pic")))
      assert(ln:load(object("high", "int low(int); int high(int i) { return low(i) * 10; }")))
      assert.equal(40, ln:func("int high(int)")(3))
   end)

   it("refuses data that holds 32 bits of a high address, and says what to do #layout", function()
      local ln <close> = moonlink.new()
      local path = assembled("narrow", ".data\n.globl d\nd: .long environ\n")
      local unit, err = ln:load(path)
      assert.is_nil(unit)
      assert.equal("range", err.code)
      assert.equal("environ", err.symbol)
      assert.matches("narrow.o: .data+0x0", err.message, 1, true)
      assert.matches("does not fit 32 bits", err.message, 1, true)
      assert.matches("-fPI[CE]", err.hint)
   end)
end)

describe("a load through the GOT", function()
   local SOURCE = [[
      .text
      .globl by_call, by_jump, by_load, by_test
      by_call: subq $8, %rsp
         call *target@GOTPCREL(%rip)
         addq $8, %rsp
         ret
      by_jump: jmp *target@GOTPCREL(%rip)
      by_load: movq datum@GOTPCREL(%rip), %rax
         movl (%rax), %eax
         ret
      by_test: xorl %eax, %eax
         cmpq $0, nothing@GOTPCREL(%rip)
         sete %al
         ret
      .globl target
      target: movl $21, %eax
         ret
      .weak nothing
      .data
      .globl datum
      datum: .long 34
   ]]

   for _, relax in ipairs {true, false} do
      it("works " .. (relax and "relaxed" or "as it is"), function()
         local ln <close> = moonlink.new {relax = relax}
         local unit = assert(ln:load(assembled("gotpcrelx", SOURCE)))
         for name, expected in pairs {by_call = 21, by_jump = 21, by_load = 34, by_test = 1} do
            assert.equal(expected, ln:func(("int %s(void)"):format(name))(), name)
         end
         assert.equal(relax and 3 or 0, unit.stats.relaxed)
         assert.equal(relax and 1 or 3, unit.stats.got_slots)
      end)
   end

   it("reaches functions and variables of the process", function()
      local path = object("no_plt", [[
         #include <stdlib.h>
         extern char **environ;
         int f(int n) { return abs(n); } char **env(void) { return environ; }
      ]], "-O2 -fPIC -fno-plt")
      local ln <close> = moonlink.new()
      assert(ln:load(path))
      assert.equal(9, ln:func("int f(int)")(-9))
      assert.equal(moonlink.read(ln:address_of "environ", "i8"), ln:func("void *env(void)")())
   end)
end)

it("a small unit comes to lie where one of its size was, between others that stay", function()
   local path = assembled("small", [[
      .globl f
      f: mov abs@GOTPCREL(%rip), %rax
      call abs
      .fill 50000, 1, 0x90
      .data
      .quad f
   ]])
   local ln <close> = moonlink.new()
   local units, bases = {}, {}
   for i = 1, 20 do
      units[i] = assert(ln:load {path, hide = {".*"}})
      bases[units[i].stats.base] = true
   end
   for i = 1, 20, 2 do
      assert(units[i]:unload())
   end
   for _ = 1, 10 do
      local base = assert(ln:load {path, hide = {".*"}}).stats.base
      assert.is_true(bases[base], "a place of its own, where no unit was")
      bases[base] = nil
   end
end)
