--- What the live process provides (csrc/process), tested by a program in C.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local program = require "spec.c.program"

local LIBA = [[
int in_a(void) { return 1; }
long data_a[5] = {1};
__thread int tls_a = 3;
__attribute__((visibility("hidden"))) int hidden_a = 4;
__attribute__((weak)) int weak_a(void) { return 5; }
static int seventy_seven(void) { return 77; }
static int (*choose(void))(void) { return seventy_seven; }
int chosen_a(void) __attribute__((ifunc("choose")));
int version_one(void) { return 1; }
int version_two(int a) { return a * a * a * a ? 2 : 2; }
__asm__(".symver version_one, versioned@ONE\n.symver version_two, versioned@@TWO\n"
        ".globl alias_a\n.set alias_a, data_a\n.type alias_a, @object\n.size alias_a, 8\n"
        ".globl abs_a\n.set abs_a, 0x1234\n.globl zero_a\n.set zero_a, 0\n"
        ".size version_one, 1\n.size version_two, 2\n");
]]

local VERSIONS = "ONE { versioned; };\nTWO { versioned; } ONE;\n"

local dir = support.tmpdir()

local function shared(name, source, flags)
   local object = support.cc(dir .. "/" .. name .. ".o", source, "-O1 -fPIC -fno-toplevel-reorder")
   support.sh("LD_PRELOAD= gcc -shared -o %s/%s %s %s", dir, name, object, flags or "")
end

shared("libb.so", "int in_b(void) { return 2; }")
support.write(dir .. "/versions", VERSIONS)
shared("liba.so", LIBA, ("-Wl,--version-script=%s/versions -Wl,--no-as-needed %s/libb.so " ..
   "-Wl,-rpath,%s"):format(dir, dir, dir))
shared("libold.so", "long old_data[3]; int old(void) { return 1; }", "-Wl,--hash-style=sysv")
shared("undef.so", "int nowhere_at_all(void); int f(void) { return nowhere_at_all(); }")
shared("libgone.so", "int gone(void) { return 1; }")
shared("orphan.so", "int gone(void); int f(void) { return gone(); }",
   ("-L%s -Wl,-soname,orphan.so %s"):format(dir, "-Wl,--no-as-needed -lgone"))
os.remove(dir .. "/libgone.so")
support.write(dir .. "/text.so", "text")

local paths = program.build("process_test", "csrc/process/*.c", "-rdynamic")

local function passes(test, options)
   program.run(paths, test, options)
end

--- Symbol type by the name that readelf gives it.
local TYPES = {NOTYPE = 0, OBJECT = 1, FUNC = 2, IFUNC = 2, TLS = 6}

--- Default definitions of a library as readelf lists them: name to "type size".
local function defined_in(library)
   local all, names = {}, {}
   for line in support.sh("readelf --dyn-syms -W %s", library):gmatch "[^\n]+" do
      local size, kind, bind, index, name = line:match
         "^%s*%d+: %x+%s+(%w+)%s+(%w+)%s+(%w+)%s+%w+%s+(%w+) ([^@%s]+)"
      local is_default = name and (line:find("@@", 1, true) or not line:find("@", 1, true))
      if is_default and index ~= "UND" and index ~= "ABS" and bind ~= "LOCAL" then
         all[name] = ("%d %d"):format(TYPES[kind], math.tointeger(tonumber(size)))
         names[#names + 1] = name
      end
   end
   table.sort(names)
   return all, names
end

describe("a library of the process", function()
   it("opens, or the loader's reason is told without repeating the name", function()
      passes("opening " .. dir)
   end)

   it("is not seen by those who did not open it", function()
      passes("local " .. dir)
   end)

   it("tells type, size and provider of what it defines", function()
      passes("symbols " .. dir)
   end)

   it("is known by its names, all at once, to those who did not open it", function()
      passes("seeking " .. dir)
   end)

   it("has of libraries that it needs what others have of them", function()
      passes("several " .. dir)
   end)

   it("agrees with readelf on every symbol of the C library", function()
      local libc = support.stdout [[ldd $(command -v readelf) | awk '/libc\.so/ {print $3}']]
      local expected, names = defined_in(libc)
      local list = support.write(dir .. "/names", table.concat(names, "\n") .. "\n")
      local count = 0
      for line in support.sh("%s dump %s", paths.plain, list):gmatch "[^\n]+" do
         local name, found, provider = line:match "^(%S+) (%d+ %d+) (%S*)$"
         -- the kernel's own page provides a few in place of the library
         if provider and provider:find("libc.so", 1, true) then
            assert.same({name, expected[name]}, {name, found})
            count = count + 1
         end
      end
      assert.is_true(count > 2000, count)
   end)
end)

describe("the process", function()
   it("runs constructors with its own arguments", function()
      passes "arguments one 'two three' ''"
   end)

   it("runs what was registered under a handle once, last first", function()
      passes "finalize"
   end)
end)
