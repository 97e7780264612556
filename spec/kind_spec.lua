-- What a file is, told by its content.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local support = require "spec.support"

local dir = support.tmpdir()

--- An ELF header: class and byte order as their numbers, type and machine in that byte order.
local function elf(class, order, kind, machine)
   local format = order == 2 and ">I2I2" or "<I2I2"
   local head = "\127ELF" .. string.char(class, order, 1) .. ("\0"):rep(9)
   return head .. format:pack(kind, machine) .. ("\0"):rep(44)
end

describe("the kind of a file", function()
   it("is that of what compilers and linkers write", function()
      local object = support.cc(dir .. "/text.txt", "int f(void) { return 1; }")
      assert.same({"object", "x86-64"}, {core.kind(object)})
      support.sh("gcc -shared -o %s/plain %s", dir, object)
      assert.same({"shared", "x86-64"}, {core.kind(dir .. "/plain")})
      support.sh("echo 'int main(void) { return 0; }' | gcc -no-pie -x c -o %s/main.o -", dir)
      assert.equal("program", (core.kind(dir .. "/main.o")))
      support.sh("cd %s && ar rc a.so text.txt && ar rcT b.so text.txt", dir)
      assert.equal("archive", (core.kind(dir .. "/a.so")))
      assert.equal("thin", (core.kind(dir .. "/b.so")))
   end)

   it("is bitcode for what clang -flto writes", function()
      if not support.has "clang" then
         return pending "clang is not installed"
      end
      local path = support.cc(dir .. "/lto.o", "int f;", "-flto", {compiler = "clang"})
      assert.equal("bitcode", (core.kind(path)))
   end)

   it("of ELF follows class, byte order and type", function()
      assert.same({"object", "x86-64"}, {core.kind_of(elf(2, 1, 1, 62))})
      assert.same({"object", "AArch64"}, {core.kind_of(elf(2, 1, 1, 183))})
      assert.same({"object", "RISC-V"}, {core.kind_of(elf(2, 1, 1, 243))})
      assert.same({"object"}, {core.kind_of(elf(2, 1, 1, 65000))})
      assert.equal("program", (core.kind_of(elf(2, 1, 2, 62))))
      assert.equal("shared", (core.kind_of(elf(2, 1, 3, 62))))
      assert.equal("core", (core.kind_of(elf(2, 1, 4, 62))))
      assert.equal("core", (core.kind_of(elf(2, 1, 0xfe00, 62))))
      assert.equal("elf32", (core.kind_of(elf(1, 1, 1, 3))))
      assert.equal("elf32", (core.kind_of(elf(1, 2, 1, 20))))
      assert.equal("elfbe", (core.kind_of(elf(2, 2, 1, 22))))
      assert.equal("unknown", (core.kind_of(elf(3, 1, 1, 62))))
      assert.equal("unknown", (core.kind_of(elf(2, 0, 1, 62))))
   end)

   it("is known for the formats of other systems", function()
      local coff = "\x64\x86\1\0" .. ("\0"):rep(12) .. "\0\0\0\0" .. ("\0"):rep(40)
      for kind, heads in pairs {
         bitcode = {"BC\xc0\xde\x35\x14", "\xde\xc0\x17\x0b\0\0\0\0"},
         macho = {"\xcf\xfa\xed\xfe\7\0\0\1", "\xfe\xed\xfa\xce", "\xca\xfe\xba\xbe\0\0\0\2"},
         coff = {coff, "MZ\x90\0\3\0"},
         wasm = {"\0asm\1\0\0\0"},
         unknown = {"\xca\xfe\xba\xbe\0\0\0\x34", "\0", "\x64\x86\1", coff:sub(1, 30), "\1\2\3"},
         text = {"/* GNU ld script */", "x", "MZ is a text", "INPUT(\xc3\xbc.o)\r\n\t"},
         empty = {""},
      } do
         for _, head in ipairs(heads) do
            assert.equal(kind, (core.kind_of(head)), ("%q"):format(head))
         end
      end
   end)

   it("is told however short the file is", function()
      local whole = elf(2, 1, 1, 62)
      for length = 0, #whole do
         local kind = core.kind_of(whole:sub(1, length))
         local expected = length == 0 and "empty" or length < 20 and "unknown" or "object"
         assert.equal(expected, kind, length)
      end
   end)

   it("of a folder, a device or nothing is an error that says so", function()
      local kind, err = core.kind(dir)
      assert.is_nil(kind)
      assert.equal("kind", err.code)
      kind, err = core.kind "/dev/null"
      assert.is_nil(kind)
      assert.equal("kind", err.code)
      kind, err = core.kind(dir .. "/none")
      assert.is_nil(kind)
      assert.equal("noent", err.code)
   end)

   it("cannot be asked for without a path", function()
      assert.has_error(function() core.kind() end)
      assert.has_error(function() core.kind_of {} end)
   end)
end)

describe("a folder", function()
   it("is listed in the order of bytes", function()
      support.sh("mkdir -p %s/list/c && cd %s/list && touch b .hidden B a", dir, dir)
      assert.same({".hidden", "B", "a", "b", "c"}, core.list_folder(dir .. "/list"))
      support.sh("mkdir %s/nothing", dir)
      assert.same({}, core.list_folder(dir .. "/nothing"))
   end)

   it("that is none is an error", function()
      for _, path in ipairs {dir .. "/none", dir .. "/list/a"} do
         local names, err = core.list_folder(path)
         assert.is_nil(names)
         assert.equal("noent", err.code)
         assert.equal(path, err.file)
      end
   end)
end)
