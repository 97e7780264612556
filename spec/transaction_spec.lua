-- A load happens whole or leaves nothing: no memory, no name, no file, no library.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local maps = require "spec.support.maps"
local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags, opts)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1 -fPIE", opts)
end

--- Mappings of the process that belong to no heap: those grow and merge as Lua wants. The heap of
--- AddressSanitizer, with what it keeps free for it, lies at 0x6...; those of valgrind are writable
--- and executable, as nothing of ours ever is (spec/placement_spec.lua).
local function mappings()
   local lines = {}
   for _, each in ipairs(maps.list()) do
      local is_sanitizer = each.line:find "^6%x%x%x%x%x%x%x%x%x%x%x%-"
      local is_heap = each.protection == "rw-p" or each.protection == "rwxp"
      local is_quiet = each.path == "" and not is_heap and not is_sanitizer
      lines[#lines + 1] = (each.inode ~= "0" or is_quiet) and each.line or nil
   end
   return lines
end

--- All that a load could leave behind.
local function state(ln)
   collectgarbage()
   collectgarbage()
   local files = assert(core.list_folder "/proc/self/fd")
   table.sort(files)
   return {mappings = mappings(), files = files, units = #ln:units(), names = {
      (ln:address_of "good"), (ln:address_of "bad"), (ln:address_of "in_shared"),
   }}
end

local good, other

setup(function()
   good = object("good", [[
      int count; int good(int n) { count += n; return count; }
   ]])
   other = object("other", "int other(void) { return 5; } int big[300000];")
   object("shared", "int in_shared(void) { return 6; }", "-fPIC")
   support.sh("cd %s && gcc -shared -o libshared.so shared.o && ar rc libother.a other.o", dir)
end)

describe("a load that fails leaves nothing behind,", function()
   local FAILURES = {
      {"when a name is undefined", "undefined", function()
         return {object("bad_undefined", [[
            int nowhere(void); int bad(void) { return nowhere(); } int bad_data[100000] = {1};
         ]])}
      end},
      {"when a name is defined twice", "duplicate", function()
         return {object("bad_duplicate", "int good(int n) { return n; } int bad;")}
      end},
      {"when a file is not there", "noent", function()
         return {object("bad_partner", "int bad;"), dir .. "/missing.o"}
      end},
      {"when a file is cut off", "truncated", function()
         local bytes = support.read(good)
         return {object("bad_partner", "int bad;"),
            support.write(dir .. "/cut.o", bytes:sub(1, #bytes - 100))}
      end},
      {"when a value does not fit its field", "range", function()
         return {support.as(dir .. "/bad_range.o", [[
            .globl bad
            .data
            bad: .byte bad
         ]])}
      end},
      {"when a relocation is not supported", "reloc", function()
         return {support.as(dir .. "/bad_reloc.o", ".globl bad\n.text\nbad: nop\n" ..
            ".section .note.x,\"a\"\n.reloc ., R_X86_64_RELATIVE, bad\n.quad 0\n")}
      end},
      {"when a section is writable and executable", "refused", function()
         return {support.as(dir .. "/bad_wx.o",
            ".section .wx,\"awx\",@progbits\n.globl bad\nbad: ret\n")}
      end},
      {"when an array of constructors points nowhere", "init", function()
         return {support.as(dir .. "/bad_init.o", [[
            .globl bad
            .data
            bad: .long 1
            .section .init_array,"aw",@init_array
            .quad 0x1234
         ]])}
      end},
      {"when a policy answers with nonsense", "policy", function()
         return {object("bad_policy", "int asked(void); int bad(void) { return asked(); }"),
            undefined = function() return {} end}
      end},
   }

   for _, failure in ipairs(FAILURES) do
      it(failure[1], function()
         local ln <close> = moonlink.new()
         assert(ln:load {good})
         local call = ln:func "int good(int)"
         assert.equal(1, call(1))
         local inputs = failure[3]()
         table.insert(inputs, dir .. "/libshared.so")
         table.insert(inputs, dir .. "/libother.a")
         assert.is_nil((ln:load(inputs))) -- the first one may make the heap grow
         local before = state(ln)
         assert.equal(failure[2], select(2, ln:load(inputs)).code)
         assert.same(before, state(ln))
         assert.equal(3, call(2))
         assert(ln:load {other})
         assert.equal(5, ln:func("int other(void)")())
      end)
   end

   it("when a hook raises", function()
      local ln <close> = moonlink.new()
      assert(ln:load {good})
      ln:on("resolve", "^nowhere$", function() error "no" end)
      local bad = object("bad_hook", "int nowhere(void); int bad(void) { return nowhere(); }")
      local inputs = {bad, dir .. "/libshared.so", dir .. "/libother.a"}
      assert.is_false((pcall(ln.load, ln, inputs)))
      local before = state(ln)
      assert.is_false((pcall(ln.load, ln, inputs)))
      assert.same(before, state(ln))
   end)

   it("when its coroutine is given up in the middle", function()
      local ln <close> = moonlink.new()
      assert(ln:load {good})
      local remove = ln:on("resolve", "^nowhere$", function() coroutine.yield() end)
      local bad = object("bad_hook", "int nowhere(void); int bad(void) { return nowhere(); }")
      local before = state(ln)
      local co = coroutine.create(function() return ln:load {bad, dir .. "/libshared.so"} end)
      assert(coroutine.resume(co))
      local ok, why = ln:close()
      assert.is_nil(ok)
      assert.equal("state", why.code)
      assert.is_true(coroutine.close(co))
      remove()
      assert.same(before, state(ln))
   end)

   it("however often it fails", function()
      local ln <close> = moonlink.new()
      local bad = object("bad_large", "int nowhere(void); int bad(void) { return nowhere(); }" ..
         "char large[5000000];")
      assert(ln:load {good})
      assert.is_nil((ln:load(bad)))
      local before = state(ln)
      for _ = 1, 200 do
         assert.is_nil((ln:load(bad)))
      end
      assert.same(before, state(ln))
   end)
end)

it("a check does everything but keep the result", function()
   local ln <close> = moonlink.new()
   assert(ln:load {good})
   assert(ln:check {other})
   local before = state(ln)
   local stats = assert(ln:check {other, dir .. "/libshared.so"})
   assert.is_true(stats.memory > 1200000)
   assert.same(before, state(ln))
   assert.is_nil((ln:address_of "other"))
   local none, err = ln:check {object("bad_check", "int no(void); int f(void) { return no(); }")}
   assert.is_nil(none)
   assert.equal("undefined", err.code)
end)

it("a failed load takes no address from the next one", function()
   local bad = object("bad_space", "int no(void); int bad(void) { return no(); } char c[99999];")
   local offsets = {}
   for i = 1, 2 do
      local ln <close> = moonlink.new()
      local first = assert(ln:load {good})
      if i == 2 then
         assert.is_nil((ln:load(bad)))
      end
      local second = assert(ln:load {other})
      offsets[i] = second:map().base - first:map().base
   end
   assert.equal(offsets[1], offsets[2])
end)

it("everything goes back when the linker closes", function()
   local function whole()
      local ln <close> = moonlink.new()
      assert(ln:load {good, other, dir .. "/libshared.so"})
      assert(ln:load {object("low", "static int t[4]; int low(int i) { return t[i]; }",
         "-O1 -fno-pic -mcmodel=small"), zone = "low"})
   end
   for _ = 1, 4 do -- also what garbage of others holds, which goes after its finaliser has run
      whole()
      collectgarbage()
   end
   local before = mappings()
   whole()
   collectgarbage()
   assert.same(before, mappings())
end)
