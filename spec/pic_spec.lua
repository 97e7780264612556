--- What keeps an object out of a shared library. ld itself is the judge: it must refuse what we
-- list, take what we do not list, and name a relocation that is in our list.
-- SPDX-License-Identifier: MIT

local objects = require "moonlink.cli.objects"
local pic = require "moonlink.cli.pic"
local support = require "spec.support"

local dir = support.tmpdir()
local LIBRARIES = "/usr/lib/x86_64-linux-gnu/"

--- What ld -shared says against an object: relocation and symbol of each refusal.
local function refusals(path)
   local _, _, err = support.exit("LD_PRELOAD= LC_ALL=C ld -shared -o %s/out.so %s", dir, path)
   local list = {}
   for line in err:gmatch "[^\n]*can not be used when making a shared object[^\n]*" do
      -- Whoever defines a hidden name must be there, too: no matter of position independence.
      if not line:find "undefined hidden" and not line:find "undefined internal" then
         local type, symbol = line:match "relocation (%S+) against [^`]*`([^']*)'"
         list[#list + 1] = {type = type, symbol = symbol}
      end
   end
   return list, err
end

local function findings(path)
   local list = assert(objects.open({path}, {}))
   return pic.findings(list[1], {}), list[1]
end

local function has(list, wanted)
   for _, finding in ipairs(list) do
      if finding.type == wanted.type and finding.symbol == wanted.symbol then
         return true
      end
   end
   return false
end

--- Compares our verdict on one object with ld's.
---@return boolean refused
local function agree(path)
   local ours = findings(path)
   local theirs, text = refusals(path)
   local undefined = text:find "undefined hidden" or text:find "undefined internal"
   if not undefined then -- there ld stops before it has seen all
      assert.equal(#theirs > 0, #ours > 0, path .. "\n" .. text)
   end
   for _, refusal in ipairs(theirs) do
      assert.is_true(has(ours, refusal), path .. "\n" .. text)
   end
   return #ours > 0
end

local SOURCE = [[
   extern int imported; extern int used(int);
   int exported = 1; static int own = 2; extern int hidden __attribute__((visibility("hidden")));
   int hidden = 3; int common[4]; static const char *const texts[] = {"a", "b"};
   int exported_function(int n) { return used(n) + imported + exported; }
   int local_things(int n) { return own++ + hidden + common[n & 3] + *texts[n & 1]; }
   int (*address_of_function(void))(int) { return exported_function; }
   int *address_of_data(void) { return &imported; }
   int pick(int n) { switch (n) { case 0: return used(4); case 1: return 7; case 2: return own;
      case 3: return 9; case 4: return imported; case 5: return 3; } return 0; }
]]
local THREAD = "static __thread int t; extern __thread int u; int *f(void) { return &t; }" ..
   "int g(void) { return t++ + u; }"

describe("position independence", function()
   for _, compiler in ipairs {"gcc", "clang"} do
      for _, model in ipairs {"-fno-pic", "-fno-pie -mcmodel=large", "-fPIE", "-fPIC",
         "-fPIC -fvisibility=hidden", "-fPIC -mcmodel=large"} do
         it(("is judged as ld does: %s %s"):format(compiler, model), function()
            if not support.has(compiler) then
               return pending(compiler .. " is not installed")
            end
            for _, level in ipairs {"-O0", "-O2"} do
               for _, source in ipairs {SOURCE, THREAD} do
                  local path = support.cc(dir .. "/model.o", source, model .. " -w " .. level,
                     {compiler = compiler})
                  local refused = agree(path)
                  if model:find "^%-fPIC" then
                     assert.is_false(refused)
                  elseif model == "-fno-pic" and source == SOURCE then
                     assert.is_true(refused)
                  end
               end
            end
         end)
      end
   end

   --- {what, assembler}: each is put at the start of a function f; x is defined beside it.
   local CASES = {
      {"data of another library", "movl imported(%rip), %eax"},
      {"exported data", "movl x(%rip), %eax"},
      {"hidden data", "movl h(%rip), %eax"},
      {"protected data", "movl p(%rip), %eax"},
      {"local data", "movl l(%rip), %eax"},
      {"common data", "movl c(%rip), %eax\n .comm c, 4, 4"},
      {"unique data", "movl u(%rip), %eax"},
      {"a weak name that is undefined", "movl w(%rip), %eax\n .weak w"},
      {"a hidden weak name that is undefined", "movl w(%rip), %eax\n .weak w\n .hidden w"},
      {"a call without the PLT", ".byte 0xe8\n .reloc ., R_X86_64_PC32, g-4\n .long 0"},
      {"a call through the PLT", "call g@PLT"},
      {"a call of its own function", "call f"},
      {"a load through the GOT", "movq imported@GOTPCREL(%rip), %rax"},
      {"32 bits of a local address", "movl $l, %eax"},
      {"32 bits of an exported address", "movl x, %eax"},
      {"32 bits of an absolute symbol", "movl $a, %eax\n .globl a\n a = 5"},
      {"16 bits of an address", ".short x"},
      {"8 bits of an address", ".byte x"},
      {"64 bits of an address", ".quad x"},
      {"64 bits of a distance", ".quad imported - ."},
      {"16 bits of a distance", ".short imported - ."},
      {"8 bits of a distance", ".byte imported - ."},
      {"a distance in data", ".data\n .long imported - ."},
      {"32 bits of an address in data", ".data\n .long l"},
      {"a distance in constants", ".section .rodata\n .long x - ."},
      {"an address in what is not loaded", ".section .extra\n .long x"},
      {"a distance from the GOT, defined", "movabs $x@GOTOFF, %rax"},
      {"a distance from the GOT, undefined", "movabs $imported@GOTOFF, %rax"},
      {"the GOT itself", "leaq _GLOBAL_OFFSET_TABLE_(%rip), %rax"},
      {"the dynamic section", "leaq _DYNAMIC(%rip), %rax"},
      {"the start of a section", "leaq __start_own(%rip), %rax\n .section own, \"aw\"\n .long 1"},
      {"the end of the data", "leaq _end(%rip), %rax"},
      {"a size", "movl $x@SIZE, %eax"},
      {"thread-local, local exec", "movl %fs:t@tpoff, %eax"},
      {"thread-local, local exec, undefined", "movl %fs:o@tpoff, %eax\n .type o, @tls_object"},
      {"thread-local, initial exec", "movq t@gottpoff(%rip), %rax"},
      {"thread-local, local dynamic", "leaq t@tlsld(%rip), %rdi\n call __tls_get_addr@PLT\n" ..
         "movl t@dtpoff(%rax), %eax"},
   }
   local DEFINITIONS = [[

      .data
      .globl x, h, p, u
      .type x, @object
      x: .long 1
      .hidden h
      h: .long 2
      .protected p
      .type p, @object
      p: .long 3
      .type u, @gnu_unique_object
      u: .long 4
      l: .long 5
      .section .tbss, "awT", @nobits
      t: .zero 4
   ]]

   for _, case in ipairs(CASES) do
      it("is judged as ld does: " .. case[1], function()
         agree(support.as(dir .. "/case.o",
            " .text\n .globl f\n .type f, @function\nf: " .. case[2] .. DEFINITIONS))
      end)
   end

   local function members_agree(library)
      if not io.open(LIBRARIES .. library) then
         return pending(library .. " is not installed")
      end
      local folder = support.tmpdir()
      support.sh("cd %s && ar x %s%s", folder, LIBRARIES, library)
      local count, refused = 0, 0
      for name in support.sh("ls %s", folder):gmatch "%S+%.o" do
         count = count + 1
         refused = refused + (agree(folder .. "/" .. name) and 1 or 0)
      end
      assert.is_true(count > 10)
      return refused
   end

   for _, library in ipairs {"libz.a", "libsqlite3.a", "libcrypto.a"} do
      it("is judged as ld does in each member of " .. library .. " #slow", function()
         -- Debian builds them as programs want them: some members a shared library cannot hold.
         assert.is_true(members_agree(library) > 0)
      end)
   end

   for _, library in ipairs {"libz.a", "libsqlite3.a", "libcrypto.a", "libssl.a"} do
      it("of " .. library .. " as a whole is judged as ld does #slow", function()
         local path = LIBRARIES .. library
         if not io.open(path) then
            return pending(library .. " is not installed")
         end
         local list, found = assert(objects.open({path}, {})), false
         local names = pic.names(list)
         for _, object in ipairs(list) do
            found = found or #pic.findings(object, names) > 0
         end
         local refused = #refusals("--whole-archive " .. path) > 0
         assert.equal(refused, found)
      end)
   end

   it("is found in every relocation, not only in the first", function()
      local path = support.cc(dir .. "/all.o", SOURCE, "-O2 -fno-pic -w")
      local wanted = 0
      for type in support.sh("readelf -rW %s", path):gmatch "(R_X86_64_%w+)" do
         if type == "R_X86_64_32" or type == "R_X86_64_32S" then
            wanted = wanted + 1
         end
      end
      local got = 0
      for _, finding in ipairs(findings(path)) do
         if finding.type == "R_X86_64_32" or finding.type == "R_X86_64_32S" then
            got = got + 1
         end
      end
      assert.is_true(wanted > 3)
      assert.equal(wanted, got)
   end)
end)

describe("a finding", function()
   it("says file, section, offset, function, relocation, symbol and what to do", function()
      local path = support.cc(dir .. "/place.o", "extern int imported;\n" ..
         "int before(void) { return 1; } int reader(void) { return imported; }", "-O1 -fPIE")
      -- gcc names the source after the file that it was given
      local list, object = findings(path)
      assert.equal(1, #list)
      local offset = tonumber(support.sh("objdump -r %s", path)
         :match "(%x+) R_X86_64_PC32%s+imported", 16)
      local text = pic.text(object, list[1])
      assert.equal(("%s: .text+%#x in reader: R_X86_64_PC32 against 'imported': it may lie in "
         .. "another library, at a distance that 32 bits cannot hold; compile place.o.source "
         .. "again with -fPIC"):format(path, offset), text)
   end)

   it("names the archive and its member", function()
      support.cc(dir .. "/in.o", "static int x[4]; int f(int i) { return x[i]++; }",
         "-O1 -fno-pic")
      support.sh("cd %s && ar rc lib1.a in.o && ar rcT thin.a in.o", dir)
      for _, archive in ipairs {"lib1.a", "thin.a"} do
         local list = assert(objects.open({dir .. "/" .. archive}, {}))
         local first = pic.findings(list[1], {})[1]
         local text = pic.text(list[1], first)
         local place = ("%s/%s(in.o): .text+"):format(dir, archive)
         assert.equal(place, text:sub(1, #place))
         assert.equal("R_X86_64_32S", first.type)
         assert.equal(".bss", first.symbol)
      end
   end)

   it("is none when another object of the library hides the name", function()
      local user = support.cc(dir .. "/user.o", "extern int inner;" ..
         "int g(void) { return inner; }", "-O1 -fPIE")
      local owner = support.cc(dir .. "/owner.o",
         "__attribute__((visibility(\"hidden\"))) int inner = 1;", "-fPIE")
      local both = assert(objects.open({user, owner}, {}))
      assert.equal(1, #pic.findings(both[1], {}))
      assert.same({}, pic.findings(both[1], pic.names(both)))
      support.sh("ld -shared -o %s/out.so %s %s", dir, user, owner)
   end)

   it("offers to hide a name that the library defines itself", function()
      local path = support.cc(dir .. "/own.o", "int exported; int f(void) { return exported; }",
         "-O1 -fPIE")
      assert.truthy(findings(path)[1].remedy:find("-fvisibility=hidden", 1, true))
      local other = support.cc(dir .. "/user.o", "extern int exported;" ..
         "int g(void) { return exported; }", "-O1 -fPIE")
      assert.falsy(findings(other)[1].remedy:find("hidden", 1, true))
      local both = assert(objects.open({path, other}, {}))
      local remedy = pic.findings(both[2], pic.names(both))[1].remedy
      assert.truthy(remedy:find("hidden", 1, true))
   end)
end)
