-- The linker scripts that stand where a library is expected.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"

--- "WHAT:NAME" for each item; AS_NEEDED adds "?", a GROUP its number.
local function items(text)
   local list = {}
   for i, item in ipairs(assert(core.ldscript(text, "lib.so"))) do
      list[i] = item.what .. ":" .. item.name .. (item.as_needed and "?" or "") ..
         (item.group > 0 and "/" .. item.group or "")
   end
   return list
end

local function failure(text, code)
   local result, err = core.ldscript(text, "lib.so")
   assert.is_nil(result)
   assert.equal("lib.so", err.file)
   assert.equal(code, err.code)
   return err.message
end

describe("a linker script", function()
   it("of libc is understood whole", function()
      assert.same({
         "format:elf64-x86-64", "file:/lib/libc.so.6/1", "file:/usr/lib/libc_nonshared.a/1",
         "file:/lib64/ld-linux-x86-64.so.2?/1",
      }, items [[
/* GNU ld script
   Use the shared library, but some functions are only in
   the static library, so try that secondarily.  */
OUTPUT_FORMAT(elf64-x86-64)
GROUP ( /lib/libc.so.6 /usr/lib/libc_nonshared.a  AS_NEEDED ( /lib64/ld-linux-x86-64.so.2 ) )
]])
   end)

   it("says on which line a name stands", function()
      local list = core.ldscript("/* 1\n2 */\nINPUT(a.o\n\n  -lb)\n", "lib.so")
      assert.equal(3, list[1].line)
      assert.equal(5, list[2].line)
   end)

   it("takes INPUT, GROUP and -l, with blanks or commas between names", function()
      assert.same({"file:a.o", "lib:m", "file:libc.a"}, items "INPUT(a.o, -lm libc.a)")
      assert.same({"lib::libz.a"}, items "INPUT ( -l:libz.a )")
      assert.same({"file:a/1", "file:b", "file:c/2"}, items "GROUP(a) INPUT(b); GROUP(c);")
      assert.same({}, items "INPUT()")
   end)

   it("takes AS_NEEDED inside the lists, more than once and nested", function()
      assert.same({"file:a?", "file:b", "file:c?", "file:d?", "file:e?", "file:f"},
         items "INPUT(AS_NEEDED(a) b AS_NEEDED(c AS_NEEDED(d) e) f)")
   end)

   it("takes quoted names, with blanks and commas in them", function()
      assert.same({"file:a b, c.o", "file:AS_NEEDED"}, items [[INPUT("a b, c.o" "AS_NEEDED")]])
   end)

   it("takes SEARCH_DIR and the three names of OUTPUT_FORMAT", function()
      assert.same({"dir:/usr/lib", "format:elf64-x86-64"}, items [[
SEARCH_DIR("/usr/lib")
OUTPUT_FORMAT("elf64-x86-64", "elf64-big", "elf64-little")]])
   end)

   it("leaves the system root away, which is / for a running process", function()
      assert.same({"file:/lib/a.so", "file:/lib/b.so", "dir:/lib"},
         items "INPUT(=/lib/a.so $SYSROOT/lib/b.so) SEARCH_DIR(=/lib)")
   end)

   it("may hold comments everywhere", function()
      assert.same({"file:a", "file:b"}, items "/**/INPUT/*x*/(/* ( */a/*)*/b/***/)/* * / */")
   end)

   it("that is empty names nothing", function()
      assert.same({}, items "")
      assert.same({}, items " \r\n\t/* nothing */ ; ")
   end)
end)

describe("a linker script that is not understood", function()
   it("names the command and the line", function()
      local message = failure("INPUT(a)\n\nSECTIONS { . = 0; }", "unsupported")
      assert.equal("lib.so: line 3: linker-script command 'SECTIONS' is not supported", message)
      failure("ENTRY(main)", "unsupported")
      failure("INCLUDE other.ld", "unsupported")
      failure("AS_NEEDED(a)", "unsupported")
   end)

   it("is told from a text that is none", function()
      assert.equal("lib.so: line 2: not a linker script: 'int' is no command",
         failure("\nint main(void);", "format"))
   end)

   it("says what is missing, and where it began", function()
      assert.truthy(failure("\nINPUT(a\n\n", "format"):find("line 2: the ')' of INPUT is missing"))
      assert.truthy(failure("\n/* a\n", "format"):find("line 2: the comment", 1, true))
      assert.truthy(failure("INPUT(\n\"a\n)", "format"):find("line 2: the closing quote", 1, true))
      assert.truthy(failure("GROUP a", "format"):find("'(' is missing after GROUP", 1, true))
   end)

   it("is refused for what stands in the wrong place", function()
      for _, text in ipairs {")", "(", ",", "INPUT", "INPUT(a))", "INPUT((a))", "INPUT(a;b)",
         "INPUT(AS_NEEDED a)", "INPUT(AS_NEEDED(a)", "OUTPUT_FORMAT()", "OUTPUT_FORMAT(a b)",
         "OUTPUT_FORMAT(a,,b)x", "SEARCH_DIR(a, b)", "SEARCH_DIR", "INPUT(\"\")", "INPUT(\1)",
         "INPUT(a\0b)", "\127ELF", "/"} do
         local result, err = core.ldscript(text, "lib.so")
         assert.is_nil(result, text)
         assert.equal("format", err.code, text)
      end
   end)

   it("may be nested as deep as it likes", function()
      local depth = 100000
      local text = "INPUT(" .. ("AS_NEEDED("):rep(depth) .. "a" .. (")"):rep(depth) .. ")"
      assert.same({"file:a?"}, items(text))
   end)
end)
