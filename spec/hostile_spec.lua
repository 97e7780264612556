--- Hostile input: each field of a good object and of a good archive is wrong once, with every value
-- at an edge. What may happen is a load or an error that names the file; nothing is left behind.
-- Each batch runs in a process of its own, so that a crash is a failure that names the mutation.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

--- Runs one batch of spec/support/hostile.lua on a file.
local function survives(batch, path, at_least)
   local progress = dir .. "/progress"
   local script = ("return require 'spec.support.hostile'.%s(...)"):format(batch)
   local status, out, err = support.lua(script, path, progress)
   local last = io.open(progress) and support.read(progress) or "start"
   assert(status == 0, ("status %d at: %s\n%s%s"):format(status, last, out, err))
   local count = tonumber(out:match "(%d+) mutations\n$")
   assert(count and count >= at_least, out)
end

local PLAIN = [[
extern int far; extern int g(int); extern char **environ;
static const char *text[] = {"a", "b"};
int common, zero[100], data[3] = {1, 2, 3}; static int local = 7;
int f(int n) { return g(n) + far + common + local + text[n & 1][0] + (environ != 0); }
__attribute__((section("ident"))) int in_ident = 5;
extern int __start_ident, __stop_ident;
int *bounds[] = {&__start_ident, &__stop_ident};
__attribute__((weak)) int w(void);
int v(void) { return w ? w() : zero[n_minus_one()]; }
]]

local TEMPLATES = [[
template<class T> T id(T x) { return x; }
struct A { A(); ~A(); } a;
int use() { try { return id(1) + (int)id(2.5); } catch (...) { return 2; } }
]]

local C_FLAGS = "-O1 -fcommon -Wno-implicit-function-declaration "

local function object(name, flags)
   return support.cc(dir .. "/" .. name .. ".o", PLAIN, C_FLAGS .. flags)
end

describe("a corrupt object", function()
   it("is refused or linked, compiled for a shared library", function()
      survives("object", object("pic", "-fPIC"), 2000)
   end)

   it("is refused or linked, compiled for low memory", function()
      survives("object", object("low", "-fno-pic -g"), 2000)
   end)

   it("is refused or linked, with a section for each function", function()
      survives("object", object("sections", "-ffunction-sections -fdata-sections"), 2000)
   end)

   it("is refused or linked, with section groups and unwind tables", function()
      local path = support.cc(dir .. "/groups.o", TEMPLATES, "-O0", {compiler = "g++"})
      survives("object", path, 2000)
   end)

   it("is refused or linked, with addends in the fields (SHT_REL)", function()
      survives("rel_object", object("rel", "-fPIC"), 2000)
   end)

   it("is refused or linked, whose contents are read where they are placed #slow", function()
      local pad = "const char pad[1100000] = {1};"
      local path = support.cc(dir .. "/large.o", PLAIN .. pad, C_FLAGS .. "-fno-pic")
      survives("object_file", path, 500)
   end)

   it("is refused or linked, with a table of section indexes", function()
      survives("xindex_object", object("xindex", "-fPIC"), 2000)
   end)
end)

describe("a corrupt archive", function()
   local function archive(name, options)
      local path = ("%s/lib%s.a"):format(dir, name)
      local short = object("m", "-fPIC")
      local long = object("a_long_name_of_a_member", "-fPIC -Df=g -Dv=u -Dg=f")
      support.sh("rm -f %s; ar %s %s %s %s", path, options, path, short, long)
      return path
   end

   it("is refused or read, with an index and long names", function()
      survives("archive", archive("gnu", "rcs"), 300)
   end)

   it("is refused or read, without an index", function()
      survives("archive", archive("plain", "rcS"), 200)
   end)

   it("is refused or read, as a file", function()
      survives("archive_file", archive("file", "rcs"), 300)
   end)

   it("is refused when it nests without end", function()
      survives("nested", archive("nest", "rcS"), 3)
   end)
end)

describe("an archive in an archive", function()
   it("gives each of its members once, wanted or whole", function()
      local inner, outer = {}, dir .. "/outer.a"
      for i = 1, 2 do
         local path = ("%s/inner%d.a"):format(dir, i)
         for _, letter in ipairs {"a", "b"} do
            local name = letter .. i
            local source = ("int %s(void) { return %d; }"):format(name, i)
            support.cc(("%s/%s.o"):format(dir, name), source, "-fPIC")
         end
         support.sh("cd %s && rm -f %s && ar rcs %s a%d.o b%d.o", dir, path, path, i, i)
         inner[i] = path
      end
      support.sh("rm -f %s; ar rcS %s %s %s", outer, outer, inner[1], inner[2])
      local ln <close> = moonlink.new {}
      assert.equal(4, assert(ln:check {outer, whole_archive = true}).objects)
      assert.equal(3, assert(ln:check {outer, roots = {"a1", "b1", "a2", "b1"}}).objects)
   end)
end)

describe("an object that was found by fuzzing", function()
   it("may have its section headers at an odd offset", function()
      survives("odd_headers", object("odd", "-fPIC"), 8)
   end)

   it("may not use its null symbol for something else", function()
      survives("null_symbol", object("null", "-fPIC"), 10)
   end)

   it("may not ask for memory without end", function()
      survives("sizes", object("sizes", "-fPIC -g"), 10)
   end)
end)

describe("an object with very many names", function()
   local COUNT = 100000

   local function many(what)
      local lines = {}
      for i = 1, COUNT do
         lines[i] = what:gsub("N", ("name%06d"):format(i))
      end
      return support.as(dir .. "/many.o", ".data\n" .. table.concat(lines, "\n") .. "\n")
   end

   it("says what is undefined in time", function()
      survives("undefined_names", many ".quad N", 1)
   end)

   it("is refused in time when all its relocations are wrong", function()
      for _, relocation in ipairs {"R_X86_64_COPY, N", "R_X86_64_PC8, name000001"} do
         local line = ".globl N; .type N, @function; N: .reloc ., " .. relocation .. "; .quad 0"
         survives("wrong_relocations", many(line), 1)
      end
   end)

   it("moves very many instructions in time", function()
      local rest = "mov stderr, %rax\n"
      survives("defined_names", many(".text; .globl N; .type N, @function; N: " .. rest), 1)
      survives("defined_names", many(".text; " .. rest), 1)
   end)

   it("defines them in time", function()
      survives("defined_names", many ".globl N; N: .quad N", 1)
   end)
end)
