--- Dead stripping by section: what is dropped is what ld drops, and what stays runs.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()
local APART = "-O1 -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables "

local function cc(name, source, flags, compiler)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or APART, {compiler = compiler})
end

--- "file section" of all that was dropped, sorted; empty sections aside, on which linkers differ.
local function dropped(unit)
   local list = {}
   for _, s in ipairs(unit:stripped()) do
      if s.size > 0 then
         list[#list + 1] = s.file .. " " .. s.name
      end
   end
   table.sort(list)
   return list
end

--- What ld --print-gc-sections names, likewise.
local function dropped_by_ld(files, options, linker)
   local _, out, err = support.exit("%s --gc-sections --print-gc-sections -o %s/ld.out %s %s",
      linker or "ld", dir, options, table.concat(files, " "))
   local list = {}
   for line in (out .. err):gmatch "[^\n]+" do
      local section, file = line:match "removing unused section '([^']+)' in file '([^']+)'"
      if not section then
         file, section = line:match "removing unused section ([^%s]+):%((.-)%)"
      end
      if section then
         local awk = "'{sub(/^ *\\[ *[0-9]+\\] /, \"\")} $1 == n {print $5}'"
         local size = support.stdout("readelf -SW %s | awk -v n=%s %s", file,
            support.quote(section), awk)
         if tonumber(size:match "%x+", 16) > 0 then
            list[#list + 1] = file .. " " .. section
         end
      end
   end
   table.sort(list)
   return list
end

local PROGRAM = cc("program", [[
   extern int other(int);
   static int table[4] = {1, 2, 3, 4};
   static const int dead_table[4] = {1, 2};
   const int *dead_pointer = dead_table;
   int used(int n) { return table[n & 3]; }
   int unused(int n) { return table[n & 1] + dead_pointer[n]; }
   int root(int n) { return used(n) + other(n); }
]])
local OTHER = cc("other", [[
   extern int nowhere(void);
   static int local(int n) { return n * 10; }
   int (*volatile pointer)(int) = local;
   int other(int n) { return pointer(n); }
   int other_unused(void) { return nowhere(); }
]])

describe("gc_sections drops what ld drops", function()
   it("when a name is the root", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {PROGRAM, OTHER, gc_sections = true, roots = {"root"}})
      local expected = dropped_by_ld({PROGRAM, OTHER}, "-e root")
      assert.same(expected, dropped(unit))
      assert.is_true(#expected >= 5)
      assert.equal(2 + 10, assert(ln:func "int root(int)")(1))
      assert.equal(#unit:stripped(), unit.stats.stripped.sections)
      local bytes = 0
      for _, s in ipairs(unit:stripped()) do
         bytes = bytes + s.size
      end
      assert.equal(bytes, unit.stats.stripped.bytes)
   end)

   it("when all exported names are roots", function()
      local file = cc("exported", [[
         static int dead(void) { return 1; }
         int (*kept)(void);
         __attribute__((visibility("hidden"))) int hidden(void) { return 2; }
         __attribute__((visibility("hidden"))) int hidden_used(void) { return 3; }
         int entry(void) { return hidden_used(); }
         int (*const dead_pointer)(void) __attribute__((visibility("hidden"))) = dead;
      ]])
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {file, gc_sections = true})
      assert.same(dropped_by_ld({file}, "-shared"), dropped(unit))
      assert.is_not_nil(unit:symbol "kept")
      assert.is_nil(unit:symbol "hidden")
      assert.equal(3, assert(ln:func "int entry(void)")())
   end)

   it("with constructors, notes, retained sections and __start_ references", function()
      local file = cc("kept", [[
         static int count;
         int by_ctor(void) { return count += 5; }
         static void __attribute__((constructor)) start(void) { by_ctor(); }
         __attribute__((section("set_used"))) int in_used = 3;
         __attribute__((section("set_dead"))) int in_dead = 4;
         extern int __start_set_used, __start_set_dead;
         int root(void) { return count + __start_set_used; }
         int dead(void) { return __start_set_dead; }
         __asm__(".section .text.retained, \"axR\", @progbits\n .long 1\n"
                 ".section .note.own, \"a\", @note\n .long 0, 0, 1\n .text");
      ]])
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {file, gc_sections = true, roots = {"root"}})
      assert.same(dropped_by_ld({file}, "-e root"), dropped(unit))
      assert.equal(8, assert(ln:func "int root(void)")())
   end)

   it("with section groups, SHF_LINK_ORDER and unwind tables", function()
      local file = cc("cxx", [[
         struct A { virtual ~A() {} virtual int f() { return 1; } };
         struct B : A { int f() override { return 2; } };
         inline int twice(int n) { static int count; return n * 2 + count++; }
         inline int dead_inline(int n) { static int count; return n + count++; }
         int throws(int n) { try { if (n) throw n; } catch (int m) { return m; } return 0; }
         int dead_throws(int n) { try { if (n) throw 1.5; } catch (double) { return 7; } return 0; }
         extern "C" int root(int n) { B b; A *a = &b; return a->f() + twice(n); }
         int dead(int n) { return dead_inline(n) + dead_throws(n); }
      ]], "-O0 -ffunction-sections -fdata-sections", "g++")
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {file, "-lstdc++", gc_sections = true, roots = {"root"}})
      local gone, by_lld = {}, {}
      for _, text in ipairs(dropped(unit)) do
         gone[text] = true
      end
      if support.has "ld.lld" then
         by_lld = dropped_by_ld({file}, "-e root --unresolved-symbols=ignore-all", "ld.lld")
         assert.is_true(#by_lld > 5)
      end
      for _, text in ipairs(by_lld) do
         assert.is_true(gone[text], text)
      end
      for _, name in ipairs {"_Z6throwsi", "_Z11dead_throwsi", "_Z4deadi", "_Z11dead_inlinei"} do
         assert.is_true(gone[file .. " .text." .. name], name)
      end
      assert.is_true(gone[file .. " .gcc_except_table._Z11dead_throwsi"])
      assert.is_nil(gone[file .. " .text._Z5twicei"])
      assert.equal(2 + 20, assert(ln:func "int root(int)")(10))
   end)

   it("keeping the tables of functions that catch", function()
      local file = cc("catch", [[
         extern "C" int root(int n)
         { try { if (n) throw n; } catch (int m) { return m; } return 0; }
         int dead(int n) { try { if (n) throw n; } catch (int m) { return m; } return 0; }
      ]], "-O0 -ffunction-sections -fPIC", "g++")
      local ln <close> = moonlink.new()
      assert(ln:load {file, "-lstdc++", gc_sections = true, roots = {"root"}})
      assert.equal(6, assert(ln:func "int root(int)")(6))
   end)

   it("with SHF_LINK_ORDER following its section", function()
      local source = [[
         .section .text.a,"ax",@progbits; .globl a; a: ret
         .section .text.b,"ax",@progbits; .globl b; b: ret
         .section meta,"ao",@progbits,.text.a; .quad 1
         .section meta,"ao",@progbits,.text.b,unique,1; .quad 2
      ]]
      local file = support.as(dir .. "/order.o", (source:gsub(";", "\n")))
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {file, gc_sections = true, roots = {"a"}})
      assert.same({file .. " .text.b", file .. " meta"}, dropped(unit))
   end)
end)

describe("gc_sections", function()
   it("makes names that only dropped sections want no error", function()
      local err = loads.refusal {PROGRAM, OTHER}
      assert.equal("nowhere", err.symbol)
      local ln <close> = moonlink.new()
      assert(ln:load {PROGRAM, OTHER, gc_sections = true, roots = {"root"}})
      local _
      _, err = ln:load {PROGRAM, OTHER, gc_sections = true, duplicate = "first",
                        roots = {"other_unused"}}
      assert.equal("nowhere", err.symbol)
      assert.equal("other_unused", err.func)
   end)

   it("shows no name of what was dropped", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {PROGRAM, OTHER, gc_sections = true, roots = {"root"}})
      assert.is_nil(unit:symbol "unused")
      for e in unit:symbols() do
         assert.are_not.equal("unused", e.name)
         assert.is_true(e.address ~= 0)
      end
      local address, err = ln:address_of "unused"
      assert.is_nil(address)
      assert.equal("undefined", err.code)
   end)

   it("keeps names that match keep", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {PROGRAM, OTHER, gc_sections = true, keep = {"u.*ed"}})
      assert.is_not_nil(unit:symbol "used")
      assert.is_not_nil(unit:symbol "unused")
      assert.is_nil(unit:symbol "root")
   end)

   it("drops hidden names that nobody needs", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {PROGRAM, OTHER, gc_sections = true, export = {"root"}})
      assert.is_nil(unit:symbol "unused")
      assert.equal(12, assert(ln:func "int root(int)")(1))
   end)

   it("follows what a policy answers with", function()
      local caller = cc("caller", "extern int wanted(int); int ask(int n) { return wanted(n); }")
      local ln <close> = moonlink.new()
      ln:on("undefined", "^wanted$", function() return "other" end)
      local unit = assert(ln:load {caller, OTHER, gc_sections = true, roots = {"ask"}})
      assert.equal(70, assert(ln:func "int ask(int)")(7))
      assert.is_nil(unit:symbol "other_unused")
   end)

   it("takes a pattern with the anchors of Lua, too", function()
      local one <close> = moonlink.new()
      local two <close> = moonlink.new()
      local plain = assert(one:load {PROGRAM, OTHER, gc_sections = true, keep = {"u.*ed"}})
      local bound = assert(two:load {PROGRAM, OTHER, gc_sections = true, keep = {"^u.*ed$"}})
      assert.is_not.same({}, dropped(plain))
      assert.same(dropped(plain), dropped(bound))
      assert.is_truthy(bound:symbol "unused" or bound:symbol "used")
   end)

   it("keeps the definition that a policy chooses", function()
      local one = cc("one", "int twin(void) { return 1; }")
      local two = cc("two", [[
         int helper(void); int twin(void) { return helper(); }
         __attribute__((noinline, noclone)) int helper(void) { __asm__(""); return 2; }
      ]])
      for winner = 1, 2 do
         local ln <close> = moonlink.new {duplicate = function() return winner end}
         local unit = assert(ln:load {one, two, gc_sections = true, roots = {"twin"}})
         assert.equal(winner, assert(ln:func "int twin(void)")())
         assert.equal(winner == 2, unit:symbol "helper" ~= nil)
      end
   end)

   it("can be asked for on the command line", function()
      local status, out, err = support.exit("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s bin/moonlink call "
         .. "--gc-sections --print-gc-sections -u root 'int root(int)' 1 -- %s %s",
         support.quote(package.path), support.quote(package.cpath), support.interpreter, PROGRAM,
         OTHER)
      assert.equal(0, status, err)
      assert.equal("12\n", out)
      local line = ("removing unused section '.text.unused' in file '%s'\n"):format(PROGRAM)
      assert.is_truthy(err:find(line, 1, true), err)
   end)

   it("is linear in the sections #slow", function()
      local function took(n)
         local parts = {}
         for i = 1, n do
            parts[i] = ('.section .text.f%d,"ax",@progbits\n.globl f%d\nf%d: call f%d\n')
               :format(i, i, i, i < n // 2 and i + 1 or 1)
         end
         local file = support.as(dir .. "/many.o", table.concat(parts))
         local ln <close> = moonlink.new()
         local unit = assert(ln:load {file, gc_sections = true, roots = {"f1"}})
         assert.equal(n - n // 2, unit.stats.stripped.sections - 3) -- .text, .data, .bss are empty
         return unit.stats.sections
      end
      assert.equal(20000, took(40000))
   end)
end)
