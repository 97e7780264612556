--- Definitions of a large object that nobody refers to get no entry before somebody looks
-- (csrc/link/sleep.c): whoever looks, and whenever, sees what a small object would show.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()
local N = 20000 -- functions, and as many variables

--- Assembles an object of functions that return their number plus `plus`, variables that hold three
-- times theirs, whose names are those of numbers first to N, and `more`.
local function object(name, opts)
   local lines = {}
   local function put(...) lines[#lines + 1] = string.format(...) end
   for i = opts.first or 1, N do
      put(opts.sections and '.section .text.f%d,"ax"' or ".text", i)
      put(".globl f%d\n.type f%d,@function\nf%d: mov $%d,%%eax\n ret\n.size f%d,.-f%d",
         i, i, i, i + (opts.plus or 0), i, i)
      put(opts.sections and '.section .data.d%d,"aw"' or ".data", i)
      put(".globl d%d\n.type d%d,@object\nd%d: .quad %d\n.size d%d,8", i, i, i, 3 * i, i)
   end
   put("%s\n.section .note.GNU-stack,\"\",@progbits\n", opts.more or "")
   local path = ("%s/%s.s"):format(dir, name)
   support.write(path, table.concat(lines, "\n"))
   support.sh("gcc -c -o %s/%s.o %s", dir, name, path)
   return ("%s/%s.o"):format(dir, name)
end

local USER = [[
extern int f7(void), f19999(void); extern long d7;
int user(void) { return f7() + f19999() + (int)d7; }
]]
local plain = object("plain", {})
local sections = object("sections", { sections = true })
local user = support.cc(dir .. "/user.o", USER, "-O1 -fPIC")

--- Lines of nm: { NAME = { kind, value, size } }.
local function nm(path)
   local all = {}
   for value, size, kind, name in support.sh("nm -S --defined-only %s", path)
      :gmatch "(%x+) (%x+) (%a) ([^\n]+)" do
      all[name] = { kind = kind, value = tonumber(value, 16), size = tonumber(size, 16) }
   end
   return all
end

describe("a name that sleeps", function()
   for kind, path in pairs { plain = plain, sections = sections } do
      it("is found when it is asked for, alone: " .. kind, function()
         local ln <close> = moonlink.new()
         local unit = assert(ln:load(path))
         assert.equal(2 * N, unit.stats.asleep)
         assert.equal(12345, ln:func "int f12345()"())
         assert.equal(12345, ln:func "int f12345()"())
         assert.is_nil((ln:symbol "f0"))
         assert.is_nil(ln:symbol(("f%d"):format(N + 1)))
         assert.is_nil(ln:symbol "f1234x")
      end)

      it("is there with all others, as its file says: " .. kind, function()
         local ln <close> = moonlink.new()
         local unit = assert(ln:load { path, user })
         assert.equal(2 * N - 3, unit.stats.asleep)
         assert.equal(7 + 19999 + 21, ln:func "int user()"())
         local want, n = nm(path), 0
         local at = { T = unit:address "f1", D = unit:address "d1" } -- the first of their sections
         for s in unit:symbols() do
            local w = want[s.name]
            if w then
               assert.equal(w.size, s.size, s.name)
               assert.equal("section", s.how)
               assert.is_true(s.exported)
               if kind == "plain" then
                  assert.equal(w.value, s.address - at[w.kind], s.name)
               end
               want[s.name] = nil
               n = n + 1
            end
         end
         assert.is_nil(next(want))
         assert.equal(2 * N, n)
         assert.equal(N, ln:func(("int f%d()"):format(N))())
      end)
   end

   it("is one for later loads, in linkers of few units and of many", function()
      for _, others in ipairs { 0, 1, 6 } do
         local ln <close> = moonlink.new()
         for i = 1, others do
            assert(ln:load(support.cc(("%s/other%d.o"):format(dir, i),
               ("int other%d(void) { return %d; }"):format(i, i))))
         end
         local unit = assert(ln:load(plain))
         local by = assert(ln:load(user))
         assert.equal(7 + 19999 + 21, ln:func "int user()"())
         local ok, e = unit:unload()
         assert.is_nil(ok)
         assert.equal("state", e.code)
         by:unload()
         unit:unload()
         assert.is_nil(ln:symbol "f7")
      end
   end)

   it("is one for earlier loads that wanted it, and for a load of as many names", function()
      local ln <close> = moonlink.new()
      assert(ln:load { user, plain })
      assert.equal(7 + 19999 + 21, ln:func "int user()"())
      local second, e = ln:load(object("again", { first = N, plus = 1 }))
      assert.is_nil(second)
      assert.equal("duplicate", e.code)
      assert.matches(("f%d"):format(N), e.message)
      local all, many = ln:load(object("many", { plus = 1 }))
      assert.is_nil(all)
      assert.equal("duplicate", many.code)
   end)

   it("may be defined by both of two large objects, when that is allowed", function()
      local other = object("other", { plus = 1000000 })
      for duplicate, plus in pairs { first = 0, last = 1000000 } do
         local ln <close> = moonlink.new { duplicate = duplicate }
         assert(ln:load { plain, other })
         for _, i in ipairs { 1, 4711, N } do
            assert.equal(i + plus, ln:func(("int f%d()"):format(i))())
         end
      end
   end)

   it("may stand twice in a file, which is an error as with others", function()
      -- the string "f12" is given to two symbols of one object: g12 is renamed in its string table
      local path = object("twice", { more = ".globl g12\n.type g12,@function\ng12: ret\n" })
      local bytes = support.read(path)
      bytes = bytes:gsub("%zg12%z", "\0f12\0", 1)
      support.write(path, bytes)
      local ln <close> = moonlink.new()
      local unit, e = ln:load(path)
      assert.is_nil(unit)
      assert.equal("duplicate", e.code)
      assert.matches("f12", e.message)
   end)

   it("is what each kind of definition is not, and these are right as well", function()
      local path = object("kinds", { more = [[
         .globl absolute
         absolute = 77
         .comm common,16,8
         .weak weak
         .type weak,@function
         .text
         weak: mov $5,%eax
         ret
         .globl hidden
         .hidden hidden
         .type hidden,@function
         hidden: mov $6,%eax
         ret
         .globl indirect
         .type indirect,@gnu_indirect_function
         indirect: lea hidden(%rip),%rax
         ret
         .globl calls
         .type calls,@function
         calls: sub $8,%rsp
         call hidden
         add $8,%rsp
         ret
         .section .tdata,"awT"
         .globl thread
         .type thread,@object
         thread: .quad 9
         .size thread,8
      ]] })
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(path))
      assert.equal(77, unit:symbol("absolute").address)
      assert.equal(16, unit:symbol("common").size)
      assert.equal(5, ln:func "int weak()"())
      assert.equal(6, ln:func "int indirect()"())
      assert.equal(6, ln:func "int calls()"())
      assert.is_nil(ln:symbol "hidden")
      assert.equal(3, ln:func "int f3()"())
      assert.equal(2 * N + 1, unit.stats.asleep) -- with `calls`
   end)

   it("does not end behind its section", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(object("past", { more = [[
         .text
         .globl past
         .type past,@function
         past: ret
         .size past,1000
      ]] })))
      assert.equal(1, #unit.warnings)
      assert.matches("past", unit.warnings[1])
      assert.equal(1, unit:symbol("past").size)
      assert.equal(2 * N, unit.stats.asleep)
   end)

   for name, options in pairs {
      gc_sections = { gc_sections = true, keep = { "f5", "d5", "f9" } },
      merge = { merge = true }, lazy = { bind = "lazy" }, stubs = { bind = "stubs" },
      counted = { count = "object" }, debug = { debug = "lines" }, dual = { protect = "dual" },
      low = { zone = "low" }, weak = { weak = "process" }, alone = { block = "unit" },
   } do
      it("is right with " .. name, function()
         local ln <close> = moonlink.new(options)
         for _, path in ipairs { plain, sections } do
            local unit = assert(ln:load(path))
            assert.equal(5, ln:func "int f5()"())
            assert.equal(9, ln:func "int f9()"())
            ln:cdef "extern long d5;"
            assert.equal(15, ln.c.d5)
            unit:unload()
         end
      end)
   end

   it("is covered and uncovered, renamed, hidden, wrapped and replaced", function()
      local ln <close> = moonlink.new()
      assert(ln:load { plain, rename = { f5 = "five" }, hide = { "f6" } })
      assert.equal(5, ln:func "int five()"())
      assert.is_nil(ln:symbol "f5")
      assert.is_nil(ln:symbol "f6")

      local two <close> = moonlink.new()
      local path = object("changing", {})
      local unit = assert(two:load(path))
      assert(two:load(user))
      local f = two:func "int f100()"
      two:cdef "extern long d200;"
      two.c.d200 = 42
      assert.equal(100, f())
      object("changing", { plus = 50 })
      assert(unit:reload())
      assert.equal(150, f())
      assert.equal(42, two.c.d200)
      assert.equal(7 + 50 + 19999 + 50 + 21, two:func "int user()"())
      assert.equal(300 + 50, two:func "int f300()"())
   end)

   it("is found by first calls of later loads", function()
      local ln <close> = moonlink.new()
      assert.equal(2 * N, assert(ln:load(plain)).stats.asleep)
      assert(ln:load { user, bind = "lazy" })
      assert.equal(7 + 19999 + 21, ln:func "int user()"())
      assert.equal(123, ln:func "int f123()"())
   end)

   it("is named by its address", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(plain))
      local place = assert(moonlink.addr2sym(unit:address "f777" + 1))
      assert.equal("f777", place.name)
      assert.equal(1, place.offset)
   end)
end)
