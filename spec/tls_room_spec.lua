--- Thread-local storage beyond one load: variables of the process and of other units, room that is
-- spent and comes back, descriptors that keep registers, objects that lie.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"
local threads = require "spec.support.threads"

local folder, path, as = objects.dir, objects.path, objects.as

local function cc(source, flags)
   return objects.cc(source, "-O2 " .. (flags or "-fPIC"))
end

-- A Lua text in a process of its own, whose static room nobody else has used.
local function run(source, ...)
   local status, out, err = support.lua("package.path = ... .. package.path\n" .. source, ...)
   assert.equal("", err)
   assert.equal(0, status)
   return (out:gsub("\n$", ""))
end

describe("a thread-local variable of the process", function()
   local READ = [[
      extern __thread int VARIABLE;
      long get(void) { return VARIABLE; }
      void set(long v) { VARIABLE = v; }
      void *where(void) { return &VARIABLE; }
   ]]
   local MODELS = {
      "-fPIC", "-fPIC -fno-plt", "-fPIC -mcmodel=large", "-fPIC -mtls-dialect=gnu2", "-fPIE",
      "-fno-pic", "-fPIC -ftls-model=initial-exec",
   }

   it("errno is the C library's, under every model", function()
      for _, flags in ipairs(MODELS) do
         for _, relax in ipairs {true, false} do
            local ln <close> = moonlink.new {relax = relax}
            local threads_of <close> = threads.start(ln, folder)
            assert(ln:load(cc((READ:gsub("VARIABLE", "errno")), flags)))
            ln:cdef [[int *__errno_location(void); void *where(void); long get(void);
                      void set(long v);]]
            assert.equal(ln.c.__errno_location(), ln.c.where())
            ln.c.set(0)
            assert.equal(0, threads_of:old "get")
            assert.equal(0, threads_of:new "get")
            local entry = ln:units()[2].core:entry "errno"
            assert.equal("process", entry.how)
            assert.matches("libc", entry.provider)
         end
      end
   end)

   it("is that of a shared library, under every model", function()
      local library = path "so"
      support.sh("gcc -shared -fPIC -o %s -x c - <<'END'\n%s\nEND", library,
         "__thread int first = 1, of_library = 11; int *place(void) { return &of_library; }")
      for i, flags in ipairs(MODELS) do
         local object = cc((READ:gsub("VARIABLE", "of_library")), flags)
         assert.equal("11 12 true 11", run([[
            local moonlink = require "moonlink"
            local threads = require "spec.support.threads"
            local _, object, library, folder = ...
            local ln <close> = moonlink.new()
            local t <close> = threads.start(ln, folder)
            assert(ln:load {object, library})
            ln:cdef "long get(void); void set(long); int *place(void); void *where(void);"
            local before = ln.c.get()
            ln.c.set(12)
            io.write(before, " ", ln.c.get(), " ", tostring(ln.c.place() == ln.c.where()), " ",
               t.ask_old((assert(ln:address_of "get"))))
         ]], "./?.lua;", object, library, folder), MODELS[i])
      end
   end)

   it("can still get a static block, whatever of its library was looked at", function()
      local library = path "so"
      support.sh("gcc -shared -fPIC -o %s -x c - <<'END'\n%s\nEND", library,
         "__thread int first = 1, of_library = 11; int *place(void) { return &of_library; }")
      local use = (READ:gsub("VARIABLE", "of_library"))
      local object, dynamic = cc(use, "-fPIE"), cc((use:gsub("(%l+)%(", "other_%1(")))
      local looks = {
         "export = {'get'}", "hide = {'set'}", "gc_sections = true, keep = {'get'}",
         "trace = 'all'", "count = true", "bind = 'lazy'", "merge = true",
         "bind = function(q) return #q.candidates > 9 and 'got' or nil end",
         "undefined = function(q) error(q.name) end", "",
      }
      for i, options in ipairs(looks) do
         assert.equal("11", run([[
            local _, object, dynamic, library = ...
            local ln <close> = require "moonlink".new()
            local function asked(q) return #q.candidates > 9 and false or nil end
            local off = ln:on("resolve", ".", asked)
            assert(ln:load {dynamic, library, ]] .. options .. [[}):map()
            assert(ln:check {object, ]] .. options .. [[})
            tostring(ln:explain "of_library")
            tostring(ln:why(object, "of_library"))
            off()
            assert(ln:load {object, ]] .. options .. [[})
            io.write(ln:func "long get(void)" ())
         ]], "./?.lua;", object, dynamic, library), looks[i])
      end
   end)

   it("that nothing provides is undefined", function()
      local err = loads.refusal(cc((READ:gsub("VARIABLE", "no_such_variable"))))
      assert.equal("undefined", err.code)
      assert.equal("no_such_variable", err.symbol)
   end)

   it("is what ln:symbol finds, of the calling thread", function()
      local ln <close> = moonlink.new()
      assert(ln:load(cc "__thread int mine = 3; int *p(void) { return &mine; }"))
      assert.equal(ln:func "int *p(void)"(), ln:symbol "mine".address)
      assert.equal(ln:func "int *p(void)"(), ln:units()[1]:symbol "mine".address)
      assert.equal(ln:func "int *__errno_location(void)"(), ln:symbol "errno".address)
   end)
end)

describe("a thread-local variable of another unit", function()
   local DEFINES = "long pad; __thread long first = 1; __thread long var = 20; long *p(void) "
      .. "{ return &var; }"
   local USES = "extern __thread long var; long get(void) { return var; } void *q(void) "
      .. "{ return &var; }"

   local function check(defines, uses, options)
      local ln <close> = moonlink.new(options)
      local t <close> = threads.start(ln, folder)
      assert(ln:load(cc(DEFINES, defines)))
      assert(ln:load(cc(USES, uses)))
      ln:cdef "extern __thread long var; long get(void); long *p(void); void *q(void);"
      assert.equal(20, ln.c.get())
      ln.c.var = 21
      assert.equal(21, ln.c.get())
      assert.equal(ln.c.p(), ln.c.q())
      assert.equal(20, t.ask_old((assert(ln:address_of "get"))))
      assert.equal(20, t:new "get")
   end

   it("is reached whatever its block is by dynamic models", function()
      for _, uses in ipairs {"-fPIC", "-fPIC -mtls-dialect=gnu2"} do
         for _, relax in ipairs {true, false} do
            check("-fPIC", uses, {relax = relax})
            check("-fPIE", uses, {relax = relax})
         end
      end
   end)

   it("is reached by static models when its block is static", function()
      check("-fPIE", "-fPIE")
      check("-fPIC -ftls-model=initial-exec", "-fPIC -ftls-model=initial-exec", {relax = false})
   end)

   it("is not reached by static models when its block is dynamic, and the error says so", function()
      local ln <close> = moonlink.new {relax = false}
      local definer = cc(DEFINES)
      assert(ln:load(definer))
      local unit, err = ln:load(cc(USES, "-fPIE"))
      assert.is_nil(unit)
      assert.equal("reloc", err.code)
      assert.equal("R_X86_64_GOTTPOFF", err.reloc)
      assert.equal("var", err.symbol)
      assert.matches("storage of unit .* is dynamic", tostring(err))
      assert.truthy(tostring(err):find(definer, 1, true))
      assert.matches("load both together", err.hint)
   end)
end)

describe("an undefined weak thread-local variable", function()
   local SOURCE = [[
      extern __thread int nobody __attribute__((weak));
      int *where(void) { return &nobody; }
   ]]

   it("is at address 0 for dynamic models, in every thread", function()
      for _, flags in ipairs {"-fPIC", "-fPIC -fno-plt", "-fPIC -mcmodel=large",
         "-fPIC -mtls-dialect=gnu2"} do
         for _, relax in ipairs {true, false} do
            local ln <close> = moonlink.new {relax = relax}
            local t <close> = threads.start(ln, folder)
            assert(ln:load(cc(SOURCE, flags)))
            assert.is_nil(ln:func "int *where(void)"())
            assert.equal(0, t:new "where")
            assert.equal(0, t:old "where")
         end
      end
   end)

   it("is the thread pointer for static ones, as ld has it", function()
      local ln <close> = moonlink.new()
      assert(ln:load(cc(SOURCE .. "long tp(void) { return (long)__builtin_thread_pointer(); }",
         "-fPIE")))
      assert.equal(ln:func "long tp(void)"(), ln:func "long where(void)"())
   end)

   it("is refused where an access can express neither", function()
      local err = loads.refusal(as [[
         .globl f
         .weak nobody
      f: lea nobody@tlsgd(%rip), %rdi
         ret
      ]])
      assert.equal("undefined", err.code)
      assert.equal("R_X86_64_TLSGD", err.reloc)
      assert.matches("weak", tostring(err))
   end)
end)

describe("static thread-local room", function()
   local function block(bytes)
      return cc(([[
         __thread char data[%d] = "x";
         long f(void) { return data[0]; }
         void g(char v) { data[0] = v; }
      ]]):format(bytes), "-fPIE")
   end

   it("has an end, and the error says what is wanted, left, and to be done", function()
      local small, large = block(512), block(4000)
      local text = run([[
         local moonlink = require "moonlink"
         local _, small, large = ...
         local ln <close> = moonlink.new()
         local function fail(object)
            local other <close> = moonlink.new()
            local unit, err = other:load(object)
            assert(unit == nil)
            io.write(err.code, "|", err.reloc, "|", err.symbol, "|", err.section, "|", err.func,
               "|", err.reason, "|", err.hint, "\n")
         end
         fail(large)
         assert(ln:load(small))
         fail(large)
         assert(ln:func "long f(void)"() == ("x"):byte())
      ]], "", small, large)
      local first, second = text:match "^(.-)\n(.*)$"
      local WANT <const> = "space|R_X86_64_TPOFF32|data|.text|f|static thread%-local storage is "
         .. "spent: the load needs 4000 bytes, (%d+) are left|start with GLIBC_TUNABLES="
         .. "glibc%.rtld%.optional_static_tls=(%d+) in the environment, or compile with %-fPIC "
         .. "%-ftls%-model=global%-dynamic"
      local left, enough = first:match(WANT)
      local then_left = second:match(WANT)
      assert.truthy(tonumber(left) >= 1024 and tonumber(left) < 4000, first)
      assert.truthy(tonumber(left) - tonumber(then_left) >= 512, second)

      -- What the message says is so.
      support.sh("GLIBC_TUNABLES=glibc.rtld.optional_static_tls=%s LUA_PATH_5_4=%s "
         .. "LUA_CPATH_5_4=%s %s -e %s", enough, support.quote(package.path),
         support.quote(package.cpath), support.interpreter, support.quote(([[
            local ln <close> = require "moonlink".new()
            assert(ln:load %q)
            assert(ln:func "long f(void)"() == ("x"):byte())]]):format(large)))
      run([[
         local _, object, small = ...
         local ln <close> = require "moonlink".new()
         assert(ln:load(object))
         assert(ln:func "long f(void)"() == ("x"):byte())
      ]], "", block(tonumber(left)))
   end)

   it("can be made larger again, and larger than 64 KiB, as the error says", function()
      local large, larger = block(4000), block(100000)
      local function with(bytes)
         return support.sh("GLIBC_TUNABLES=glibc.rtld.optional_static_tls=%s LUA_PATH_5_4=%s "
            .. "LUA_CPATH_5_4=%s %s -e %s", bytes, support.quote(package.path),
            support.quote(package.cpath), support.interpreter, support.quote(([[
               local ln <close> = require "moonlink".new()
               assert(ln:load %q)
               local own <close> = require "moonlink".new()
               local unit, err = own:load %q
               io.write(unit and own:func "long f(void)"() or err.hint)]]):format(large, larger)))
      end
      local enough = with(5056):match "optional_static_tls=(%d+)"
      assert.is_true(tonumber(enough) > 100000, enough)
      assert.equal(tostring(("x"):byte()), with(enough))
   end)

   it("is what the process was started with, whatever its environment says since", function()
      local large, hints = block(4000), {}
      for i, value in ipairs {"", "0", "100000"} do
         hints[i] = run([[
            local _, large, value = ...
            local ln <close> = require "moonlink".new()
            if value ~= "" then
               local setenv = ln:func "int setenv(const char *, const char *, int)"
               setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=" .. value, 1)
            end
            local unit, err = ln:load(large)
            assert(unit == nil)
            io.write(err.hint)
         ]], "", large, value)
      end
      assert.matches("optional_static_tls=%d+", hints[1])
      assert.same({hints[1], hints[1], hints[1]}, hints)
   end)

   it("is not for alignments above 64, and the error says so", function()
      local err = loads.refusal(cc([[
         __thread char data[8] __attribute__((aligned(128))) = "x";
         long f(void) { return data[0]; }
      ]], "-fPIE"))
      assert.equal("space", err.code)
      assert.matches("alignment of 128 bytes", tostring(err))
      assert.matches("global%-dynamic", err.hint)
   end)

   -- 1,000 bytes of about 1,700: two blocks at a time never fit.
   local ROUNDS = [[
      local moonlink = require "moonlink"
      local _, large, small, n = ...
      local function count()
         local lines = 0
         for line in io.lines "/proc/self/maps" do
            lines = lines + (line:find "moonlink%%-tls" and 1 or 0)
         end
         return lines
      end
      local function load(object)
         local ln = moonlink.new()
         assert(ln:load(object))
         local f, g = assert(ln:func "long f(void)"), assert(ln:func "void g(char)")
         assert(f() == ("x"):byte())
         g(1)
         assert(f() == 1)
         return ln
      end
      %s
      io.write(count())
   ]]

   it("comes back when a linker closes, ten thousand times", function()
      assert.equal("0", run(ROUNDS:format [[
         for _ = 1, n do
            load(large):close()
         end]], "", block(1000), block(100), "10000"))
   end)

   it("comes back when a unit is unloaded", function()
      assert.equal("0", run(ROUNDS:format [[
         local ln <close> = moonlink.new()
         for _ = 1, n do
            local unit = assert(ln:load(large))
            assert(unit:unload())
         end]], "", block(1000), block(100), "200"))
   end)

   it("comes back whichever linker closes first", function()
      assert.equal("0", run(ROUNDS:format [[
         for _ = 1, n do
            local a, b, c = load(large), load(small), load(small)
            a:close()
            c:close()
            b:close()
         end]], "", block(1000), block(100), "200"))
   end)

   it("that is not the last is used again while there is one thread", function()
      assert.equal("0", run(ROUNDS:format [[
         local first, stays = load(large), load(small)
         first:close()
         for _ = 1, n do
            load(large):close()
         end
         stays:close()]], "", block(1000), block(100), "200"))
   end)

   it("that is used again has its image in threads to come", function()
      local object = cc [[
         #include <pthread.h>
         extern __thread char data[];
         static void *run(void *p) { (void)p; return (void *)(long)data[0]; }
         long in_thread(void)
         {
            pthread_t t;
            void *r = 0;
            return pthread_create(&t, 0, run, 0) ? -1 : pthread_join(t, &r) ? -2 : (long)r;
         }
      ]]
      assert.equal("120", run([[
         local moonlink = require "moonlink"
         local _, large, small, object = ...
         local function load(what)
            local ln = moonlink.new()
            assert(ln:load(what))
            assert(ln:func "void g(char)")(1)
            return ln
         end
         local first, stays = load(large), load(small)
         first:close()
         local again <close> = load {small, object}
         io.write(again:func "long in_thread(void)"())
         stays:close()
      ]], "", block(1000), block(100), object))
   end)
end)

describe("a descriptor's resolver", function()
   -- Fills every register, asks where x is, and looks whether they are as they were.
   local GENERAL = {"rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12",
      "r13", "r14", "r15"}

   -- A block of 100,000 bytes, or with an alignment of 128, is never static.
   local BLOCKS = {".section .tbss, \"awT\", @nobits\n .zero 100000\n", ".balign 128\n"}

   local function source(wide, block)
      local lines = {
         "   .globl f", "   .type f, @function",
         "f: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15",
         "   sub $40, %rsp", "   fld1", "   fldpi",
      }
      local function add(fmt, ...)
         lines[#lines + 1] = fmt:format(...)
      end
      for i = 0, 15 do
         add("   mov $%d, %%eax; vmovd %%eax, %%xmm%d", 1000 + i, i)
         if wide then
            add("   vpbroadcastd %%xmm%d, %%ymm%d", i, i)
         end
      end
      for i, reg in ipairs(GENERAL) do
         add("   mov $%d, %%%s", 100 + i, reg)
      end
      add("   lea x@tlsdesc(%%rip), %%rax\n   call *x@tlscall(%%rax)\n   mov %%rax, 32(%%rsp)")
      for i, reg in ipairs(GENERAL) do
         add("   cmp $%d, %%%s; mov $%d, %%eax; jne 9f", 100 + i, reg, i)
      end
      for i = 0, 15 do
         add("   mov $%d, %%eax; vmovd %%eax, %%xmm%d", 1000 + i, (i + 1) % 16)
         if wide then
            add("   vpbroadcastd %%xmm%d, %%ymm%d", (i + 1) % 16, (i + 1) % 16)
            add("   vextracti128 $1, %%ymm%d, %%xmm%d", i, (i + 1) % 16)
            add("   vmovd %%xmm%d, %%ecx", (i + 1) % 16)
            add("   cmp $%d, %%ecx; mov $%d, %%eax; jne 9f", 1000 + i, 200 + i)
         end
         add("   vmovd %%xmm%d, %%ecx; cmp $%d, %%ecx; mov $%d, %%eax; jne 9f", i, 1000 + i,
            100 + i)
         add("   mov $%d, %%eax; vmovd %%eax, %%xmm%d", 1001 + i, (i + 1) % 16)
         if wide then
            add("   vpbroadcastd %%xmm%d, %%ymm%d", (i + 1) % 16, (i + 1) % 16)
         end
      end
      add [[
   fldpi
   fcomip %%st(1), %%st
   mov $300, %%eax
   jne 9f
   fstp %%st
   fld1
   fcomip %%st(1), %%st
   mov $301, %%eax
   jne 9f
   fstp %%st
   mov 32(%%rsp), %%rcx
   mov %%fs:(%%rcx), %%eax
9: add $40, %%rsp
   pop %%r15; pop %%r14; pop %%r13; pop %%r12; pop %%rbp; pop %%rbx
   vzeroupper
   cltq
   ret
   .section .tdata, "awT", @progbits
   .globl x
   .type x, @object
x: .long 5000
]]
      return table.concat(lines, "\n") .. block
   end

   it("keeps every register, also when a thread asks for the first time", function()
      local cpu = support.read "/proc/cpuinfo"
      if not cpu:find " avx " then
         return pending "this processor has no AVX"
      end
      for i = 1, 4 do
         local object = as(source(cpu:find " avx2 " ~= nil, BLOCKS[(i + 1) // 2]))
         local ln <close> = moonlink.new {relax = i % 2 == 0}
         local t <close> = threads.start(ln, folder)
         local unit = assert(ln:load(object))
         assert.equal("dynamic", unit.stats.tls_block)
         assert.equal(5000, t:old "f")
         assert.equal(5000, t:new "f")
         for _ = 1, 3 do
            assert.equal(5000, ln:func "long f(void)"())
         end
      end
   end)

   it("does not take a block for that of an earlier module with the same number", function()
      local function module(value, name)
         return cc(([[
            __thread long NAME __attribute__((aligned(128))) = %d;
            long get(void) { return NAME; }
            long set(void) { return NAME = 7; }
         ]]):format(value):gsub("NAME", name), "-fPIC -mtls-dialect=gnu2")
      end
      local helper <close> = moonlink.new()
      local t <close> = threads.start(helper, folder)
      local modules = {module(100, "a"), module(200, "b")}
      for round = 0, 19 do
         local ln <close> = moonlink.new()
         local unit = assert(ln:load(modules[round % 2 + 1]))
         assert.equal("dynamic", unit.stats.tls_block)
         local initial = round % 2 == 0 and 100 or 200
         local get, set = ln:address_of "get", ln:address_of "set"
         assert.equal(initial, t.ask_new(get))
         if round % 3 > 0 then
            assert.equal(initial, t.ask_old(get))
            assert.equal(7, t.ask_old(set))
            assert.equal(7, t.ask_old(get))
         end
         assert.equal(initial, ln:func "long get(void)"())
         assert.equal(7, ln:func "long set(void)"())
         assert.equal(7, ln:func "long get(void)"())
      end
   end)
end)

describe("an object that lies about thread-local storage", function()
   local TLS = [[
      .section .tbss, "awT", @nobits
      .balign 8
      .zero 8
      .globl x
      .type x, @object
   x: .zero 8
      .data
      .globl plain
   plain: .quad 0, 0
      .text
      .globl f
   ]]

   local function refused(code, reloc, message, section)
      local err = loads.refusal(as(TLS .. code))
      assert.equal(reloc, err.reloc)
      assert.truthy(tostring(err):find(message, 1, true), tostring(err))
      assert.equal(section or ".text", err.section)
      return err
   end

   it("is refused when the relocation is thread-local and the symbol is not", function()
      for _, type in ipairs {"TLSGD", "TLSLD", "GOTTPOFF", "TPOFF32", "TPOFF64", "DTPOFF32",
         "DTPOFF64", "DTPMOD64", "GOTPC32_TLSDESC", "TLSDESC_CALL", "TLSDESC"} do
         local err = refused(("f: .quad 0, 0\n.reloc f, R_X86_64_%s, plain\n"):format(type),
            "R_X86_64_" .. type, "the relocation is thread-local, the symbol is not")
         assert.equal("plain", err.symbol)
      end
   end)

   it("is refused when the symbol is thread-local and the relocation is not", function()
      for _, type in ipairs {"64", "PC32", "PLT32", "GOTPCREL", "32", "GOTOFF64"} do
         refused(("f: .quad 0\n.reloc f, R_X86_64_%s, x\n"):format(type), "R_X86_64_" .. type,
            "the symbol is thread-local, the relocation is not")
      end
   end)

   it("is refused when a relocation has no symbol to mean", function()
      for _, type in ipairs {"TLSGD", "GOTTPOFF", "GOTPC32_TLSDESC"} do
         refused(("f: .quad 0\n.reloc f, R_X86_64_%s\n"):format(type), "R_X86_64_" .. type,
            "without a symbol")
      end
   end)

   it("is refused when a field sticks out of its section", function()
      refused("f: .quad 0\n.reloc f, R_X86_64_TLSDESC, x\n", "R_X86_64_TLSDESC", "sticks out")
      refused("f: .long 0\n.reloc f + 2, R_X86_64_TPOFF32, x\n", "R_X86_64_TPOFF32", "sticks out")
   end)

   it("loads when an access is cut off, and is not rewritten", function()
      for _, code in ipairs {
         ".byte 0x66\n lea x@tlsgd(%rip), %rdi\n",
         ".byte 0x66\n lea x@tlsgd(%rip), %rdi\n .value 0x6666\n rex64\n .byte 0xe8\n",
         "lea x@tlsld(%rip), %rdi\n", "lea x@tlsld(%rip), %rdi\n .byte 0xe8\n",
         ".long 0\n.reloc f, R_X86_64_GOTTPOFF, x - 4\n",
         ".byte 0xff\n .reloc f, R_X86_64_TLSDESC_CALL, x\n",
         ".long 0\n.reloc f, R_X86_64_GOTPC32_TLSDESC, x - 4\n",
      } do
         local ln <close> = moonlink.new()
         local unit = assert(ln:load(as(TLS .. "f: " .. code)))
         assert.equal(0, unit.stats.relaxed)
      end
   end)

   it("is refused when its segment is too large, or its alignment", function()
      for _, size in ipairs {"0x40000001", "0x1000000000000000", "0x7fffffffffffffff"} do
         local err = loads.refusal(as(([[
            .tls_common big, %s, 8
            .data
            .quad 0
         ]]):format(size)))
         assert.equal("space", err.code)
         assert.matches("thread%-local storage", tostring(err))
         assert.equal("big", err.symbol)
      end
      local err = loads.refusal(as ".tls_common big, 8, 0x400000\n")
      assert.equal("format", err.code)
   end)

   it("is refused when code is thread-local", function()
      local err = loads.refusal(as [[
         .section .code, "axT", @progbits
         ret
      ]])
      assert.equal("refused", err.code)
      assert.equal(".code", err.section)
   end)

   it("is refused when a block holds a distance", function()
      local err = loads.refusal(as [[
         .section .tdata, "awT", @progbits
         .long plain - .
         .data
         .globl plain
      plain: .quad 0
      ]])
      assert.equal("R_X86_64_PC32", err.reloc)
      assert.equal(".tdata", err.section)
   end)

   it("gives constructors and unwind tables no meaning in a block", function()
      local ln <close> = moonlink.new()
      assert(ln:load(as [[
         .section .init_array, "awT", @init_array
         .quad 0x1234
         .section .eh_frame, "aT", @progbits
         .quad 0x123456789abcdef
         .section .init, "awT", @progbits
         .quad 1
         .section name, "awT", @progbits
         .quad 2
         .data
         .quad 0
      ]]))
   end)
end)

describe("a link for an address", function()
   local AT <const> = 0x140000000

   it("has no thread-local storage, which a running process gives", function()
      for _, flags in ipairs {"-fPIC", "-fPIE", "-fPIC -mtls-dialect=gnu2"} do
         local ln <close> = moonlink.new()
         local image, err = ln:image {
            cc("__thread int v; int *f(void) { return &v; }", flags), at = AT,
            define = {__tls_get_addr = AT},
         }
         assert.is_nil(image)
         assert.equal("unsupported", err.code)
         assert.equal("v", err.symbol)
         assert.matches("running process", tostring(err))
      end
   end)

   it("knows offsets in a block: DTPOFF32 and DTPOFF64 hold what fits them", function()
      local OFFSET <const> = 24
      local function link(type, addend)
         local object = as(([[
            .section .tbss, "awT", @nobits
            .zero %d
            .globl x
            .type x, @object
         x: .zero 4
            .section .site, "a", @progbits
         7: .rept 16; .byte 0xaa; .endr
            .reloc 7b + 4, R_X86_64_%s, x + %d
         ]]):format(OFFSET, type, addend))
         local ln <close> = moonlink.new()
         local image, err = ln:image {object, at = AT}
         for _, s in ipairs(image and image.sections or {}) do
            if s.name == ".site" then
               return image.bytes:sub(s.offset + 1, s.offset + 16)
            end
         end
         return nil, err
      end
      local low, high = -(1 << 31), (1 << 31) - 1
      for _, value in ipairs {low, 0, high} do
         assert.equal(("\xaa"):rep(4) .. string.pack("<i4", value) .. ("\xaa"):rep(8),
            link("DTPOFF32", value - OFFSET))
      end
      for _, value in ipairs {low - 1, high + 1} do
         local bytes, err = link("DTPOFF32", value - OFFSET)
         assert.is_nil(bytes)
         assert.equal("range", err.code)
         assert.equal("R_X86_64_DTPOFF32", err.reloc)
      end
      for _, value in ipairs {low - 1, high + 1, 1 << 62} do
         assert.equal(("\xaa"):rep(4) .. string.pack("<i8", value) .. ("\xaa"):rep(4),
            link("DTPOFF64", value - OFFSET))
      end
   end)
end)
