-- What can be loaded, told by its contents, and what each thing that cannot says.
-- Spec: gABI chapter 4; ar(5); ld(1).
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags, opts)
   return support.cc(dir .. "/" .. name, source, flags or "-O1", opts)
end

local function assembled(name, source)
   return support.as(dir .. "/" .. name, source)
end

local function results(inputs, ...)
   return loads.results("int", inputs, ...)
end

local refusal = loads.refusal

describe("an object", function()
   it("is loaded from a path", function()
      assert.equal(7, results(object("seven.o", "int seven(void) { return 7; }"), "seven"))
   end)

   it("is loaded from a Lua string, under the name that is given", function()
      local bytes = support.read(object("eight.o", "int eight(void) { return 8; }"))
      assert.equal(8, results({bytes = bytes}, "eight"))
      assert.equal(8, results({{bytes = bytes, name = "memory"}}, "eight"))
      local err = refusal {bytes = bytes:sub(1, 100), name = "memory"}
      assert.matches("memory", err.message, 1, true)
   end)

   it("may lie at an odd address of the string that it comes from", function()
      local path = object("odd.o", "static int t[2] = {1, 2}; int odd(void) { return t[1]; }")
      local ln <close> = moonlink.new()
      local archive = support.sh("cd %s && rm -f odd.a && ar rc odd.a odd.o && cat odd.a", dir)
      assert(ln:load {{bytes = archive, name = "odd.a", whole = true}})
      assert.equal(2, ln:func("int odd(void)")())
      assert.equal(2, results({bytes = support.read(path)}, "odd"))
   end)

   it("leaves its numbers when it goes, also if nobody has asked for them before", function()
      local ln <close> = moonlink.new()
      local path = object("gone.o", "int gone(void) { return 1; }")
      local unit = assert(ln:load(path))
      assert.is_true(unit:unload())
      assert.same({1, #support.read(path)}, {unit.stats.objects, unit.stats.bytes})
      assert.is_true(unit.stats.ms.total > 0)
      assert.equal(unit.stats, unit.stats)
   end)

   it("is told by its contents, whatever its name", function()
      local path = object("nine.so", "int nine(void) { return 9; }")
      assert.equal(9, results(path, "nine"))
      support.sh("cd %s && mv nine.so nine.txt && ar rc archive.o nine.txt", dir)
      assert.equal(9, results({dir .. "/archive.o", roots = {"nine"}}, "nine"))
   end)

   it("may have more than 65,279 sections", function()
      local path = assembled("many.o", [[
         .altmacro
         .macro one n
            .section .text.f\n,"ax",@progbits
            .globl f\n
            .type f\n, @function
         f\n: movl $\n, %eax
            ret
         .endm
         .set i, 0
         .rept 66000
            one %i
            .set i, i + 1
         .endr
         .section .text.last,"ax",@progbits
         .globl last
         last: call f65999
            movl %eax, %ecx
            call f3
            leal (%rax,%rcx), %eax
            ret
      ]])
      assert.matches("66%d%d%d", support.sh("readelf -hW %s | grep -A1 'section headers:'", path))
      local last, low, high = results(path, "last", "f2", "f65998")
      assert.same({66002, 2, 65998}, {last, low, high})
   end)

   it("shows the name and place of each of many sections, from whatever string table", function()
      local parts = {"int other(void) { return 1; }"}
      for i = 1, 150 do
         parts[i + 1] = ("int %s%d(void) { return %d; }"):format(("long"):rep(40), i, i)
      end
      for _, compiler in ipairs {"gcc", "clang"} do -- clang keeps names of both kinds in one table
         local path = object(compiler .. ".o", table.concat(parts, "\n"), "-O1 -ffunction-sections",
            {compiler = compiler})
         local wanted, found = {}, {}
         for name in support.sh("readelf -SW %s", path):gmatch("(%.text%.%S+) +PROGBITS") do
            wanted[#wanted + 1] = name
         end
         assert.equal(151, #wanted)
         local ln <close> = moonlink.new()
         local unit = assert(ln:load(path))
         collectgarbage()
         for _, section in ipairs(unit:sections()) do
            if section.name:find("^%.text%.") then
               found[#found + 1] = section.name
               assert.equal(section.address, ln:address_of(section.name:sub(7)))
            end
         end
         table.sort(wanted)
         table.sort(found)
         assert.same(wanted, found)
      end
   end)

   it("may keep sections of one name apart", function()
      local path = assembled("same.o", [[
         .section .odd,"a",@progbits,unique,1
         constant: .long 1
         .section .odd,"aw",@progbits,unique,2
         variable: .long 10
         .section .odd,"aw",@progbits,unique,3
         other: .long 100
         .text
         .globl sum
         sum: movl constant(%rip), %eax
            addl $1, variable(%rip)
            addl variable(%rip), %eax
            addl other(%rip), %eax
            ret
      ]])
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      assert.equal(112, ln:func("int sum(void)")())
      local protections = {}
      for _, section in ipairs(unit:sections()) do
         if section.name == ".odd" then
            protections[#protections + 1] = section.prot
         end
      end
      assert.same({"r--", "rw-", "rw-"}, protections)
   end)

   it("gets the alignment it asks for, up to 2 MiB", function()
      local path = object("aligned.o", [[
         char big[10] __attribute__((aligned(2097152)));
         int filled __attribute__((aligned(65536))) = 3;
         const int constant __attribute__((aligned(8192))) = 4;
         int common_like __attribute__((aligned(32768)));
         int sum(void) { return big[0] + filled + constant + common_like; }
      ]], "-O0 -fcommon")
      local ln <close> = moonlink.new()
      assert(ln:load {object("before.o", "char before[3] = {1};"), path})
      assert.equal(7, ln:func("int sum(void)")())
      for name, alignment in pairs {big = 2097152, filled = 65536, constant = 8192,
                                    common_like = 32768} do
         assert.equal(0, ln:address_of(name) % alignment, name)
      end
   end)

   it("that asks for more is refused", function()
      local path = object("coarse.o", "char c[3] __attribute__((aligned(4194304))) = {1};")
      local err = refusal(path)
      assert.equal("unsupported", err.code)
      assert.matches("alignment above 2 MiB", err.message, 1, true)
   end)

   it("keeps its compressed debug sections to itself", function()
      local path = object("debug.o", "int debug(void) { return 5; }", "-g3 -gz=zlib -O1")
      assert.matches("C", support.sh("readelf -SW %s | grep debug_info", path))
      assert.equal(5, results(path, "debug"))
   end)
end)

-- Turns the relocations at header `at` into SHT_REL; addends move into the fields at `base`.
local function rel_table(bytes, at, base)
   local offset, size = string.unpack("<I8I8", bytes, at + 25)
   local entries = {}
   for k = offset + 1, offset + size, 24 do
      local place, info, addend = string.unpack("<I8I8i8", bytes, k)
      entries[#entries + 1] = string.pack("<I8I8", place, info)
      local is_wide = info & 0xffffffff == 1 -- R_X86_64_64; the others here have 32 bits
      bytes = support.patch(bytes, base + place, string.pack(is_wide and "<i8" or "<i4", addend))
   end
   local packed = table.concat(entries)
   bytes = support.patch(bytes, offset, packed)
   bytes = support.patch(bytes, at + 4, string.pack("<I4", 9))
   bytes = support.patch(bytes, at + 32, string.pack("<I8", #packed))
   return support.patch(bytes, at + 56, string.pack("<I8", 16))
end

-- Turns all SHT_RELA sections of an object into SHT_REL.
local function with_rel(bytes)
   local headers, count = string.unpack("<I8", bytes, 41), string.unpack("<I2", bytes, 61)
   for at = headers + 64, headers + 64 * (count - 1), 64 do
      if string.unpack("<I4", bytes, at + 5) == 4 then
         local target = headers + 64 * string.unpack("<I4", bytes, at + 45)
         bytes = rel_table(bytes, at, (string.unpack("<I8", bytes, target + 25)))
      end
   end
   return bytes
end

it("an object with SHT_REL relocations takes the addends from the fields", function()
   local path = object("rel.o", [[
      extern int helper(int);
      static int table[4] = {1, 20, 300, 4000};
      int *third = &table[2];
      int variable = 50000;
      int rel(void) { return helper(variable) + *third + table[3]; }
   ]], "-O1 -fPIE -fno-asynchronous-unwind-tables")
   local bytes = with_rel(support.read(path))
   local rel = support.write(dir .. "/rel2.o", bytes)
   assert.matches("REL ", support.sh("readelf -SW %s", rel), 1, true)
   assert.not_matches("RELA", support.sh("readelf -SW %s", rel), 1, true)
   local helper = object("helper.o", "int helper(int n) { return n + 600000; }")
   assert.equal(600000 + 50000 + 300 + 4000, results({rel, helper}, "rel"))
end)

describe("an archive", function()
   setup(function()
      object("m1.o", "int m1(void) { return 1; }")
      object("m2.o", "int m3(void); int m2(void) { return m3() + 1; }")
      object("m3.o", "int m3(void) { return 30; }")
      object("m4.o", "int m5(void); int m4(void) { return m5() + 400; }")
      object("m5.o", "int m5(void) { return 5; }")
      object("main2.o", "int m2(void); int main2(void) { return m2(); }")
      object("main4.o", "int m4(void); int main4(void) { return m4(); }")
      support.sh("cd %s && ar rc lib12.a m1.o m2.o m3.o", dir)
      support.sh("cd %s && ar rc libeven.a m2.o m4.o && ar rc libodd.a m3.o m5.o", dir)
   end)

   local function members(unit)
      local list = {}
      for _, input in ipairs(unit:inputs()) do
         list[#list + 1] = input.member
      end
      table.sort(list)
      return list
   end

   it("gives the members that are wanted, and no others", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {dir .. "/lib12.a", dir .. "/main2.o"})
      assert.equal(31, ln:func("int main2(void)")())
      assert.same({"m2.o", "m3.o"}, members(unit))
   end)

   it("may need another one that needs it", function()
      object("p.o", "int q(void); int p(void) { return q() + 1; }")
      object("q.o", "int r(void); int q(void) { return r() + 10; }")
      object("r.o", "int s(void); int r(void) { return s() + 100; }")
      object("s.o", "int s(void) { return 1000; }")
      support.sh("cd %s && ar rc libpr.a p.o r.o && ar rc libqs.a q.o s.o", dir)
      local main = object("pq.o", "int p(void); int pq(void) { return p(); }")
      assert.equal(1111, results({main, dir .. "/libpr.a", dir .. "/libqs.a"}, "pq"))
      assert.equal(1111, results({dir .. "/libqs.a", dir .. "/libpr.a", main}, "pq"))
   end)

   it("is taken whole when that is asked for, by option, by input and by position", function()
      for _, inputs in ipairs {
         {dir .. "/lib12.a", whole_archive = true}, {{path = dir .. "/lib12.a", whole = true}},
         {"--whole-archive", dir .. "/lib12.a", "--no-whole-archive", dir .. "/libodd.a"},
      } do
         local ln <close> = moonlink.new()
         assert.same({"m1.o", "m2.o", "m3.o"}, members(assert(ln:load(inputs))))
      end
   end)

   it("gives what roots name", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {dir .. "/lib12.a", roots = {"m3"}})
      assert.same({"m3.o"}, members(unit))
      local err = refusal {dir .. "/lib12.a", roots = {"m99"}}
      assert.equal("undefined", err.code)
      assert.equal("m99", err.symbol)
      assert.matches("wanted by the caller", err.message, 1, true)
   end)

   it("stays in reach: a later name pulls its member then", function()
      local ln <close> = moonlink.new()
      assert(ln:load {dir .. "/lib12.a"})
      assert.equal(1, ln:func("int m1(void)")())
      assert.equal(31, ln:func("int m2(void)")())
   end)

   it("may hold two members of one name", function()
      support.sh("cd %s && mkdir -p one two && cp m1.o one/m.o && cp m5.o two/m.o && " ..
         "rm -f libsame.a && ar qc libsame.a one/m.o two/m.o", dir)
      assert.same({1, 5}, {results({dir .. "/libsame.a"}, "m1", "m5")})
      assert.same({1, 5}, {results({dir .. "/libsame.a", whole_archive = true}, "m1", "m5")})
   end)

   it("without an index, and a thin one, works the same", function()
      support.sh("cd %s && ar rcS noindex.a m2.o m3.o && ar rcT thin.a m2.o m3.o", dir)
      assert.equal(31, results({dir .. "/main2.o", dir .. "/noindex.a"}, "main2"))
      assert.equal(31, results({dir .. "/main2.o", dir .. "/thin.a"}, "main2"))
   end)

   it("in an archive gives its members, too", function()
      support.sh("cd %s && ar rc outer.a lib12.a m5.o", dir)
      assert.equal(31, results({dir .. "/main2.o", {path = dir .. "/outer.a", whole = true}},
         "main2"))
   end)

   it("whose second definition of a name is not wanted does not clash", function()
      object("again.o", "int m3(void) { return 33; } int again(void) { return 1; }")
      support.sh("cd %s && ar rc libagain.a again.o", dir)
      assert.equal(31, results({dir .. "/main2.o", dir .. "/lib12.a", dir .. "/libagain.a"},
         "main2"))
   end)
end)

describe("a shared library", function()
   setup(function()
      object("shared.o", "int shared(void) { return 77; }", "-fPIC")
      support.sh("cd %s && gcc -shared -o libshared.so shared.o", dir)
      object("user.o", "int shared(void); int user(void) { return shared() + 1; }", "-O1 -fPIE")
   end)

   it("is opened by its path", function()
      assert.equal(78, results({dir .. "/user.o", dir .. "/libshared.so"}, "user"))
   end)

   it("is found by -l, in the folders of the search", function()
      assert.equal(78, results({dir .. "/user.o", "-lshared", search = {dir}}, "user"))
      local err = refusal {dir .. "/user.o", "-lnothere", search = {dir}}
      assert.equal("noent", err.code)
      assert.matches("cannot find -lnothere", err.message, 1, true)
      assert.matches(dir, err.message, 1, true)
   end)

   it("is found by its soname", function()
      local main = object("zuser.o", [[
         const char *zlibVersion(void); int zuser(void) { return zlibVersion()[0]; }
      ]], "-O1 -fPIE")
      assert.equal(string.byte "1", results({main, "libz.so.1"}, "zuser"))
   end)

   it("is asked before the process also when the load that opened it is gone", function()
      local own = dir .. "/libasked.so"
      support.sh("LD_PRELOAD= gcc -shared -o %s %s", own, object("asked.o",
         "int in_asked(void) { return 1; } int abs(int n) { return n * 3; }",
         "-O1 -fPIC -fno-builtin"))
      local uses = object("uses.o", "int in_asked(void); int uses(void) { return in_asked(); }")
      local ln <close> = moonlink.new()
      local first = assert(ln:load {object("first.o", "int first = 1;"), own})
      assert(ln:load(uses))
      assert.is_true(first:unload())
      for i = 1, 20 do -- what the first load kept in memory is other loads' now
         local call = ("int abs(int); int call%d(void) { return abs(%d); }"):format(i, i)
         assert(ln:load(object("call.o", call, "-O1 -fPIC -fno-builtin")))
         assert.equal(3 * i, ln:func(("int call%d(void)"):format(i))())
      end
   end)

   it("answers only for this linker", function()
      local ln <close> = moonlink.new()
      local other <close> = moonlink.new()
      assert(ln:load {dir .. "/libshared.so"})
      assert.is_number((ln:address_of "shared"))
      assert.is_nil(other:address_of "shared")
   end)

   it("may be named by a linker script, with all the files in it", function()
      support.sh("cd %s && ar rc libmore.a m5.o", dir)
      local script = support.write(dir .. "/libscript.so", ([[
         /* GNU ld script */
         OUTPUT_FORMAT(elf64-x86-64)
         GROUP ( %s/libshared.so AS_NEEDED ( -lmore ) )
      ]]):format(dir))
      local main = object("both.o", "int shared(void), m5(void);" ..
         "int both(void) { return shared() + m5(); }", "-O1 -fPIE")
      assert.equal(82, results({main, script, search = {dir}}, "both"))
      assert.equal(82, results({main, "-lscript", search = {dir}}, "both"))
   end)

   it("that names a missing one says which", function()
      local script = support.write(dir .. "/libbroken.so", "\n\nINPUT(-lnothere)\n")
      local err = refusal {script}
      assert.matches("libbroken.so:3", err.message, 1, true)
      assert.matches("nothere", err.message, 1, true)
   end)
end)

describe("what cannot be loaded says what it is:", function()
   local good

   setup(function()
      good = support.read(object("good.o", "int good(void) { return 1; }"))
   end)

   it("a position-independent program", function()
      object("pie.o", "int main(void) { return 0; }", "-fPIE")
      support.sh("cd %s && gcc -pie -o pie pie.o", dir)
      local err = refusal(dir .. "/pie")
      assert.equal("library", err.code)
      err = refusal {bytes = support.read(dir .. "/pie"), name = "pie"}
      assert.equal("kind", err.code)
      assert.matches("shared object", err.message, 1, true)
   end)

   it("a program for fixed addresses", function()
      object("nopie.o", "int main(void) { return 0; }", "-fno-pic")
      support.sh("cd %s && gcc -no-pie -o nopie nopie.o", dir)
      local err = refusal(dir .. "/nopie")
      assert.equal("kind", err.code)
      assert.matches("executable program", err.message, 1, true)
   end)

   it("an object for a processor of 32 bits", function()
      local err = refusal(object("i386.o", "int f(void) { return 1; }", "-m32"))
      assert.equal("machine", err.code)
      assert.matches("i386", err.message, 1, true)
      assert.matches("x86-64", err.message, 1, true)
   end)

   it("an object for another processor", function()
      local err = refusal {bytes = support.patch(good, 18, "\xb7\0"), name = "arm.o"}
      assert.equal("machine", err.code)
      assert.matches("arm.o", err.message, 1, true)
      assert.matches("AArch64", err.message, 1, true)
      assert.matches("x86-64", err.message, 1, true)
   end)

   it("a truncated object, with both sizes", function()
      local path = support.write(dir .. "/cut.o", good:sub(1, 400))
      local err = refusal(path)
      assert.equal("truncated", err.code)
      local headers, count = string.unpack("<I8", good, 41), string.unpack("<I2", good, 61)
      assert.matches(tostring(headers + 64 * count), err.message, 1, true)
      assert.matches("400", err.message, 1, true)
      assert.matches("cut.o", err.message, 1, true)
      for _, size in ipairs {1, 5, 17, 20, 40, 63} do
         assert.is_string(refusal({bytes = good:sub(1, size), name = "cut"}).message)
      end
   end)

   it("an object that holds no machine code, but GCC's for later", function()
      local path = object("lto.o", "int f(void) { return 1; }", "-flto -fno-fat-lto-objects")
      local err = refusal(path)
      assert.equal("kind", err.code)
      assert.matches("GCC LTO object without machine code", err.message, 1, true)
      assert.matches("-ffat-lto-objects", err.hint, 1, true)
      local made = dir .. "/lto_code.o" -- what the hint says makes one that can be used
      support.sh("%s", (err.hint:match "gcc %-r.*":gsub("FILE", path):gsub("NEW%.o", made)))
      assert.equal(1, results(made, "f"))
   end)

   it("but an object with both is used", function()
      local path = object("fat.o", "int fat(void) { return 12; }", "-O1 -flto -ffat-lto-objects")
      assert.equal(12, results(path, "fat"))
   end)

   it("LLVM bitcode", function()
      local err = refusal(object("bitcode.o", "int f(void) { return 1; }", "-flto",
         {compiler = "clang"}))
      assert.equal("kind", err.code)
      assert.matches("LLVM bitcode", err.message, 1, true)
      assert.matches("clang", err.hint, 1, true)
   end)

   it("an empty file, a folder, a missing file, a text", function()
      local err = refusal(support.write(dir .. "/empty.o", ""))
      assert.equal("kind", err.code)
      assert.matches("empty", err.message, 1, true)
      err = refusal(dir)
      assert.matches("is a folder", err.message, 1, true)
      assert.matches(dir, err.message, 1, true)
      err = refusal(dir .. "/missing.o")
      assert.equal("noent", err.code)
      assert.matches(dir .. "/missing.o", err.message, 1, true)
      err = refusal(support.write(dir .. "/story.o", "once upon a time\n"))
      assert.matches("story.o", err.message, 1, true)
   end)

   -- An object whose only relocation, at the beginning of its data, gets another type.
   local function with_type(name, number)
      local path = assembled(name, ".data\nd: .quad g\n")
      local bytes = support.read(path)
      local at
      for symbol = 1, 9 do
         at = at or bytes:find(string.pack("<I8I4I4I8", 0, 1, symbol, 0), 65, true)
      end
      return support.write(path, support.patch(bytes, at + 7, string.pack("<I4", number)))
   end

   it("a relocation type that does not exist, with its number", function()
      local err = refusal({with_type("unknown.o", 99), undefined = "null"})
      assert.equal("reloc", err.code)
      assert.matches("99", err.message, 1, true)
      assert.matches("unknown.o: .data+0x0", err.message, 1, true)
   end)

   it("a relocation that only a linked file may hold, with its name", function()
      local err = refusal({with_type("dynamic.o", 8), undefined = "null"})
      assert.equal("reloc", err.code)
      assert.equal("R_X86_64_RELATIVE", err.reloc)
      assert.matches("R_X86_64_RELATIVE", err.message, 1, true)
   end)
end)
