--- Thread-local storage: every model that compilers emit, in the main thread, in a thread that was
-- there before the load and in one that came after it.
-- Spec: Drepper, "ELF Handling For Thread-Local Storage"; x86-64 psABI 4.4.1, B.2.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"
local threads = require "spec.support.threads"

local folder, as = objects.dir, objects.as

local function cc(source, flags, compiler)
   return objects.cc(source, "-O2 " .. (flags or ""), compiler)
end

describe("a thread-local variable", function()
   -- Initialised, zero, local, hidden, aligned, and one whose image holds an address.
   local SOURCE = [[
      static __thread int mine = 5;
      static __thread long zero;
      __thread int shared = 7;
      __thread int hidden __attribute__((visibility("hidden"))) = 9;
      __thread char aligned[64] __attribute__((aligned(64))) = "aligned";
      static int there;
      static __thread int *address = &there;
      long sum(void) { return mine + zero + shared + hidden + aligned[0] - 'a'; }
      void set(long v) { mine = v; zero = v; shared = v; hidden = v; aligned[0] = 'a'; }
      long image(void)
      {
         return address == &there && ((long)aligned & 63) == 0 && aligned[6] == 'd' && !zero;
      }
      long change(void) { long before = sum(); set(1000); return before + sum(); }
   ]]
   local INITIAL <const> = 5 + 0 + 7 + 9

   local function check(flags, compiler, options)
      local object = cc(SOURCE, flags, compiler)
      local ln <close> = moonlink.new(options)
      local run <close> = threads.start(ln, folder)
      assert(ln:load(object))
      ln:cdef "extern __thread int shared; long sum(void); void set(long); long image(void);"
      assert.equal(INITIAL, ln.c.sum())
      assert.equal(1, ln.c.image())
      ln.c.set(10)
      assert.equal(40, ln.c.sum())
      for _ = 1, 2 do
         assert.equal(1, run:new "image")
         assert.equal(INITIAL + 4000, run:new "change")
      end
      assert.equal(1, run:old "image")
      assert.equal(INITIAL + 4000, run:old "change")
      assert.equal(4000 + 4000, run:old "change")
      assert.equal(40, ln.c.sum())
      assert.equal(10, ln.c.shared)
      ln.c.shared = 20
      assert.equal(50, ln.c.sum())
   end

   local FLAGS = {
      "-fPIC", "-fPIC -fno-plt", "-fPIC -mcmodel=large", "-fPIC -ftls-model=local-dynamic",
      "-fPIC -ftls-model=initial-exec", "-fPIE", "-fno-pic", "-fno-pic -ftls-model=local-exec",
      "-fno-pic -mcmodel=large",
   }
   for _, compiler in ipairs {"gcc", "clang"} do
      for _, flags in ipairs(FLAGS) do
         for _, relax in ipairs {true, false} do
            it(("is each thread's own: %s %s%s"):format(compiler, flags,
               relax and "" or ", not relaxed"), function()
               check(flags, compiler, {relax = relax})
            end)
         end
      end
   end
   for _, relax in ipairs {true, false} do
      it("is each thread's own: descriptors" .. (relax and "" or ", not relaxed"), function()
         check("-fPIC -mtls-dialect=gnu2", "gcc", {relax = relax})
         check("-fPIC -mtls-dialect=gnu2 -ftls-model=local-dynamic", "gcc", {relax = relax})
      end)
   end

   it("may be a common", function()
      local ln <close> = moonlink.new()
      local common = as ".tls_common c, 4, 4\n"
      local object = cc("extern __thread int c; long f(void) { return c++; }", "-fPIC")
      local run <close> = threads.start(ln, folder)
      assert(ln:load {common, object})
      local f = assert(ln:func "long f(void)")
      assert.equal(0, f())
      assert.equal(1, f())
      assert.equal(0, run:old "f")
      assert.equal(0, run:new "f")
   end)

   it("lies with those of other objects in one block, each at its alignment", function()
      local list, ln <close> = {}, moonlink.new()
      for i = 0, 9 do
         list[#list + 1] = cc((([[
            __thread char before_N = 1;
            __thread long v_N __attribute__((aligned(A))) = N;
            long f_N(void) { return (long)&v_N % A == 0 && before_N == 1 ? v_N : -1; }
         ]]):gsub("N", i):gsub("A", 8 << i % 4)), i % 2 == 0 and "-fPIC" or "-fPIE")
      end
      local unit = assert(ln:load(list))
      for i = 0, 9 do
         assert.equal(i, ln:func(("long f_%d(void)"):format(i))())
      end
      assert.equal("static", unit.stats.tls_block)
   end)

   it("has an alignment of 2 MiB when its block is dynamic", function()
      local ln <close> = moonlink.new {relax = false}
      local unit = assert(ln:load(cc([[
         __thread int a __attribute__((aligned(2097152))) = 3;
         long f(void) { return (long)&a % 2097152 == 0 ? a : -1; }
      ]], "-fPIC")))
      assert.equal(3, ln:func "long f(void)"())
      assert.equal("dynamic", unit.stats.tls_block)
   end)

   it("of C++ is constructed in each thread that uses it, and destroyed at its end", function()
      local ln <close> = moonlink.new()
      local run <close> = threads.start(ln, folder)
      assert(ln:load {cc([[
         static int made, gone;
         struct S { int v; S() : v(42) { __atomic_add_fetch(&made, 1, 5); }
                    ~S() { __atomic_add_fetch(&gone, 1, 5); } };
         thread_local S s;
         extern "C" long use() { return s.v++; }
         extern "C" long count_made() { return made; }
         extern "C" long count_gone() { return gone; }
      ]], "-fPIC", "g++"), "-lstdc++"})
      assert.equal(42, run:new "use")
      assert.equal(42, run:new "use")
      assert.equal(42, run:old "use")
      assert.equal(43, run:old "use")
      assert.equal(3, ln:func "long count_made(void)"())
      assert.equal(2, ln:func "long count_gone(void)"())
   end)
end)

-- One instruction sequence for each way of reaching `x`, an int with the value 40 at offset 4 of
-- its block, executed as it is, and relaxed. Each leaves the address in %rax.
describe("the access by", function()
   local FRAME = [[
      .section .tdata, "awT", @progbits
      .balign 16
      .long 1
      .globl x
      .type x, @object
      .size x, 4
   x: .long 40
      .text
      .globl f, fixed
      .type f, @function
      .type fixed, @function
   f: push %%rbx
      lea f(%%rip), %%rbx
      movabs $_GLOBAL_OFFSET_TABLE_ - f, %%rax
      add %%rax, %%rbx
      %s
      movslq (%%rax), %%rax
      pop %%rbx
      ret
   fixed:
      %s
      ret
   ]]
   -- An initial exec access makes the load ask for a static block.
   local STATIC = "mov x@gottpoff(%rip), %rax"

   -- {name, code, does it become local exec, number of the type to put in place of another}
   local CASES = {
      {"TLSGD and PLT32", [[
         .byte 0x66
         lea x@tlsgd(%rip), %rdi
         .value 0x6666
         rex64
         call __tls_get_addr@PLT]], true},
      {"TLSGD and GOTPCRELX", [[
         .byte 0x66
         lea x@tlsgd(%rip), %rdi
         .byte 0x66
         rex64
         call *__tls_get_addr@GOTPCREL(%rip)]], true},
      {"TLSGD and PLTOFF64", [[
         lea x@tlsgd(%rip), %rdi
         movabs $__tls_get_addr@pltoff, %rax
         add %rbx, %rax
         call *%rax]], true},
      {"TLSGD and PLTOFF64 by r15", [[
         push %r15
         push %r15
         mov %rbx, %r15
         lea x@tlsgd(%rip), %rdi
         movabs $__tls_get_addr@pltoff, %rax
         add %r15, %rax
         call *%rax
         pop %r15
         pop %r15]], true},
      {"TLSGD and a call that is somewhere else", [[
         lea x@tlsgd(%rip), %rdi
         nop
         call __tls_get_addr@PLT]]},
      {"TLSLD, PLT32 and DTPOFF32", [[
         lea x@tlsld(%rip), %rdi
         call __tls_get_addr@PLT
         lea x@dtpoff(%rax), %rax]], true},
      {"TLSLD, GOTPCRELX and DTPOFF32", [[
         lea x@tlsld(%rip), %rdi
         call *__tls_get_addr@GOTPCREL(%rip)
         lea x@dtpoff(%rax), %rax]], true},
      {"TLSLD, PLTOFF64 and DTPOFF64", [[
         lea x@tlsld(%rip), %rdi
         movabs $__tls_get_addr@pltoff, %rax
         add %rbx, %rax
         call *%rax
         movabs $x@dtpoff, %rcx
         add %rcx, %rax]], true},
      {"TLSLD and a call that is somewhere else", [[
         lea x@tlsld(%rip), %rdi
         nop
         call __tls_get_addr@PLT
         lea x@dtpoff(%rax), %rax]]},
      {"TLSLD, once as expected and once not", [[
         lea x@tlsld(%rip), %rdi
         call __tls_get_addr@PLT
         lea x@tlsld(%rip), %rdi
         nop
         call __tls_get_addr@PLT
         lea x@dtpoff(%rax), %rax]]},
      {"DTPMOD64 and DTPOFF64", [[
         lea 7f(%rip), %rdi
         call __tls_get_addr@PLT
         .data
         .balign 8
      7: .quad 0, 0
         .reloc 7b, R_X86_64_DTPMOD64, x
         .reloc 7b + 8, R_X86_64_DTPOFF64, x
         .text]]},
      {"GOTPC32_TLSDESC and TLSDESC_CALL", [[
         lea x@tlsdesc(%rip), %rax
         call *x@tlscall(%rax)
         add %fs:0, %rax]], true},
      {"GOTPC32_TLSDESC and TLSDESC_CALL of the block", [[
         lea _TLS_MODULE_BASE_@tlsdesc(%rip), %rax
         nop
         call *_TLS_MODULE_BASE_@tlscall(%rax)
         lea x@dtpoff(%rax), %rax
         add %fs:0, %rax]], true},
      {"GOTPC32_TLSDESC and a call by another register", [[
         lea x@tlsdesc(%rip), %rax
         mov (%rax), %rcx
         .reloc ., R_X86_64_TLSDESC_CALL, x
         call *%rcx
         add %fs:0, %rax]]},
      {"TLSDESC", [[
         lea 7f(%rip), %rax
         call *(%rax)
         add %fs:0, %rax
         .data
         .balign 8
      7: .quad 0, 0
         .reloc 7b, R_X86_64_TLSDESC, x
         .text]]},
   }
   for number, wide in pairs {[45] = "CODE_4", [48] = "CODE_5", [51] = "CODE_6"} do
      CASES[#CASES + 1] = {wide .. "_GOTPC32_TLSDESC", [[
         lea x@tlsdesc(%rip), %rax
         call *x@tlscall(%rax)
         add %fs:0, %rax]], false, {34, number}}
   end

   -- These ask for a static block themselves.
   local FIXED = {
      {"GOTTPOFF of mov", [[
         mov x@gottpoff(%rip), %r11
         mov %fs:0, %rax
         add %r11, %rax]], true},
      {"GOTTPOFF of add", [[
         mov %fs:0, %rax
         add x@gottpoff(%rip), %rax]], true},
      {"GOTTPOFF of cmp", [[
         mov $4096, %eax
         neg %rax
      7: inc %rax
         cmp x@gottpoff(%rip), %rax
         jne 7b
         add %fs:0, %rax]]},
      {"TPOFF32", [[
         mov %fs:0, %rax
         lea x@tpoff(%rax), %rax]]},
      {"TPOFF64", [[
         movabs $x@tpoff, %rax
         add %fs:0, %rax]]},
      {"TPOFF64 in data", [[
         mov 7f(%rip), %rax
         add %fs:0, %rax
         .data
      7: .quad x@tpoff
         .text]]},
   }
   for number, wide in pairs {[44] = "CODE_4", [47] = "CODE_5", [50] = "CODE_6"} do
      FIXED[#FIXED + 1] = {wide .. "_GOTTPOFF", [[
         mov x@gottpoff(%rip), %rax
         add %fs:0, %rax]], false, {22, number}}
   end
   for _, cases in ipairs {CASES, FIXED} do
      table.sort(cases, function(a, b) return a[1] < b[1] end)
   end

   -- Changes the type of relocations of .text.
   local function retype(object, from, to)
      local bytes = support.read(object)
      local shoff, size, n = string.unpack("<I8", bytes, 0x29),
         string.unpack("<I2I2", bytes, 0x3b)
      for i = 0, n - 1 do
         local kind, offset, length = string.unpack("<I4xxxxxxxxxxxxxxxxI8I8", bytes,
            shoff + i * size + 5)
         if kind == 4 then
            for at = offset, offset + length - 1, 24 do
               if string.unpack("<I4", bytes, at + 9) == from then
                  bytes = support.patch(bytes, at + 8, string.pack("<I4", to))
               end
            end
         end
      end
      support.write(object, bytes)
   end

   local function check(case, static, relax)
      local object = as(FRAME:format((case[2]:gsub("%%", "%%%%")),
         static and (STATIC:gsub("%%", "%%%%")) or "nop"):gsub("%%%%", "%%"))
      if case[4] then
         retype(object, table.unpack(case[4]))
      end
      local ln <close> = moonlink.new {relax = relax}
      local run <close> = threads.start(ln, folder)
      local unit = assert(ln:load(object))
      ln:cdef "extern __thread int x; long f(void);"
      assert.equal(40, ln.c.f())
      ln.c.x = 50
      assert.equal(50, ln.c.f())
      assert.equal(40, run:old "f")
      assert.equal(40, run:new "f")
      return unit
   end

   for _, case in ipairs(CASES) do
      it(case[1] .. " finds it in a dynamic block", function()
         local unit = check(case, false, false)
         assert.equal("dynamic", unit.stats.tls_block)
         assert.equal(0, unit.stats.relaxed)
      end)
      it(case[1] .. " finds it in a static block", function()
         local unit = check(case, true, false)
         assert.equal("static", unit.stats.tls_block)
         assert.equal(0, unit.stats.relaxed)
      end)
      it(case[1] .. (case[3] and " becomes local exec" or " stays what it is"), function()
         local unit = check(case, not case[4], true)
         assert.equal(case[3] or false, unit.stats.relaxed > (case[4] and 0 or 1))
      end)
   end
   for _, case in ipairs(FIXED) do
      it(case[1] .. " finds it", function()
         local unit = check(case, false, false)
         assert.equal("static", unit.stats.tls_block)
      end)
      it(case[1] .. (case[3] and " becomes an immediate" or " stays what it is"), function()
         assert.equal(case[3] and 1 or 0, check(case, false, true).stats.relaxed)
      end)
   end

   it("GOTTPOFF works with every register", function()
      local ln <close> = moonlink.new()
      local code = {}
      for _, reg in ipairs {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9",
         "r10", "r11", "r12", "r13", "r14", "r15"} do
         code[#code + 1] = ([[
            .globl mov_%s, add_%s
         mov_%s:
            mov %%rsp, %%xmm0
            mov %%R, %%xmm1
            mov x@gottpoff(%%rip), %%R
            mov %%R, %%xmm2
            mov %%xmm1, %%R
            mov %%xmm0, %%rsp
            mov %%xmm2, %%rax
            ret
         add_%s:
            mov %%rsp, %%xmm0
            mov %%R, %%xmm1
            mov %%fs:0, %%R
            add x@gottpoff(%%rip), %%R
            mov %%R, %%xmm2
            mov %%xmm1, %%R
            mov %%xmm0, %%rsp
            mov %%xmm2, %%rax
            ret
         ]]):gsub("%%s", reg):gsub("%%R", reg):gsub("%%%%", "%%")
            :gsub("mov (%%%w+), (%%xmm%d)", "movq %1, %2"):gsub("mov (%%xmm%d), ", "movq %1, ")
      end
      local unit = assert(ln:load(as(table.concat(code) .. [[
         .section .tbss, "awT", @nobits
         .globl x
         .type x, @object
         x: .zero 4
      ]])))
      assert.equal(32, unit.stats.relaxed)
      local address = ln:symbol "x".address
      for reg in table.concat(code):gmatch "\n *add_(%w+):" do
         assert.equal(address, ln:func(("long add_%s(void)"):format(reg))())
         local offset = ln:func(("long mov_%s(void)"):format(reg))()
         assert.truthy(offset < 0 and offset > -65536)
         assert.equal(ln:func "long mov_rax(void)"(), offset)
      end
   end)

   it("each type of relocation is executed here", function()
      local executed = {}
      for _, cases in ipairs {CASES, FIXED} do
         for _, case in ipairs(cases) do
            for word in case[1]:gmatch "[%u%d_]+" do
               executed[word] = true
            end
         end
      end
      local rows = 0
      for name, formula in support.read "csrc/target/x86_64.def"
         :gmatch "\nRELOC%(%s*%d+,%s*([%w_]+),%s*([%w_]+)," do
         if formula:find "^[GLI][DE]_A_P" or formula:find "^DESC"
            or formula:find "^R_[DT][LPT]" then
            assert.truthy(executed[name], name)
            rows = rows + 1
         end
      end
      assert.equal(17, rows)
   end)
end)

describe("an emulated thread-local variable", function()
   it("is freed by a thread that ends after its unit", function()
      local emulated = cc("__thread int v = 5; long get(void) { return v++; }",
         "-fPIC -femulated-tls", "clang")
      assert.matches("__emutls_get_address", support.sh("nm -u %s", emulated))
      for _, more in ipairs {"", ", '-lstdc++'"} do
         local status, out, err = support.lua([[
            local object, folder = ...
            package.path = "./?.lua;" .. package.path
            local moonlink = require "moonlink"
            local threads = require "spec.support.threads"
            local other <close> = moonlink.new()
            local t <close> = threads.start(other, folder)
            local ln <close> = moonlink.new()
            local unit = assert(ln:load {object]] .. more .. [[})
            local get = ln:func "long get(void)"
            io.write(get(), " ", get(), " ", t.ask_old((assert(ln:address_of "get"))))
            get = nil
            collectgarbage()
            assert(unit:unload())
         ]], emulated, folder)
         assert.equal(0, status, err)
         assert.equal("5 6 5", out)
      end
   end)
end)
