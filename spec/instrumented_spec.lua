--- Objects whose compiler was told to instrument them: they run, their runtimes find what they
-- need, and where a runtime is missing the error names it and says how to get it.
-- SPDX-License-Identifier: MIT

local compilers = require "moonlink.link.compilers"
local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

local COMPILERS = {"gcc", "clang"}

-- 10 times the loop for f(5): 0 + 1 + 2 + 3 + 4 = 10.
local SOURCE = [[
int f(int n)
{
   int sum = 0;
   for (int i = 0; i < n; i++)
      sum += i;
   return sum;
}
int never(int n)
{
   return n + 1;
}
]]

-- A process of its own that loads the inputs, calls `int f(int)`, says what it gave, and ends in
-- the way that the first argument says.
local PROGRAM = [[
   local moonlink = require "moonlink"
   local how, argument = ...
   local ln = moonlink.new()
   local unit, err = ln:load {select(3, ...)}
   if not unit then
      print(err)
      os.exit(3)
   end
   print("f gives " .. ln:func "int f(int)"(math.tointeger(argument)))
   if how == "close" then
      assert(ln:close())
   elseif how == "unload" then
      assert(unit:unload())
   end
   print "alive"
   os.exit(0, how == "state")
]]

describe("an instrumented object", function()
   local folder, sanitized

   setup(function()
      folder = support.tmpdir()
      sanitized = support.sanitized()
   end)

   local function object(name, source, flags, compiler)
      return support.cc(("%s/%s.o"):format(folder, name), source, flags, {compiler = compiler})
   end

   local function runtime(name)
      return support.stdout("gcc -print-file-name=%s", name)
   end

   -- status, output and errors of PROGRAM, with variables for its environment
   local function run(environment, how, argument, ...)
      local script = support.write(folder .. "/program.lua", PROGRAM)
      local words = {support.interpreter, script, how, tostring(argument), ...}
      for i, word in ipairs(words) do
         words[i] = support.quote(word)
      end
      return support.exit("env %s LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s; exit $?", environment,
         support.quote(package.path), support.quote(package.cpath), table.concat(words, " "))
   end

   -- {flags, what its symbol table then holds, undefined or not}
   local PLAIN = {
      {"-fcf-protection=full"},
      {"-pg", "mcount"},
      {"-pg -mfentry -fno-pic", "__fentry__"},
      {"-fstack-protector-all", "__stack_chk_fail"},
      {"-O2 -D_FORTIFY_SOURCE=2"},
      {"-ftrapv"},
      {"-fstack-clash-protection"},
      {"-fpatchable-function-entry=4"},
   }
   for _, compiler in ipairs(COMPILERS) do
      for _, case in ipairs(PLAIN) do
         it(("runs as others do (%s %s)"):format(compiler, case[1]), function()
            local made = object("plain", SOURCE, case[1], compiler)
            assert.is_truthy(not case[2] or support.sh("nm %s", made):find(case[2], 1, true))
            local ln <close> = moonlink.new()
            assert(ln:load(made))
            assert.equal(10, ln:func "int f(int)"(5))
         end)
      end
   end

   it("with -fcf-protection has landing pads where the linker adds code, too", function()
      local made = object("cet", [[
         int abs(int);
         int (*at)(int) = abs;
         int f(int n) { return at(n); }
      ]], "-fcf-protection=full -mcmodel=large")
      assert.matches("IBT", support.sh("readelf -n %s", made))
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {made, object("chosen", [[
         static int yes(void) { return 1; }
         static int (*choose(void))(void) { return yes; }
         int chosen(void) __attribute__((ifunc("choose")));
      ]], "-fcf-protection=full")})
      assert.equal(4, ln:func "int f(int)"(-4))
      assert.equal("\xf3\x0f\x1e\xfa", -- endbr64
         string.pack("<I4", (moonlink.read(unit:address "chosen", "<I4"))))
   end)

   it("with -finstrument-functions calls the hooks of another input", function()
      for _, compiler in ipairs(COMPILERS) do
         local ln <close> = moonlink.new()
         assert(ln:load {object("traced", SOURCE, "-finstrument-functions", compiler),
            object("hooks", [[
               int entered, left;
               void __cyg_profile_func_enter(void *f, void *from) { entered++; }
               void __cyg_profile_func_exit(void *f, void *from) { left++; }
               int both(void) { return entered * 100 + left; }
            ]])})
         ln:func "int f(int)"(5)
         ln:func "int never(int)"(5)
         assert.equal(202, ln:func "int both(void)"())
      end
   end)

   it("with a check that fails ends the process as it should, with its own words", function()
      local status, _, err = run("x=", "close", 100, object("smash", [[
         #include <string.h>
         void fill(char *p, int n) { memset(p, 'x', n); }
      ]]), object("smashed", "void fill(char *, int); int f(int n) { char c[8]; fill(c, n);"
         .. "return c[0]; }", "-fstack-protector-all"))
      assert.is_true(status > 128)
      assert.matches("stack smashing detected", err)
      status, _, err = run("x=", "close", 100, object("fortified", [[
         #include <string.h>
         char small[8], large[200];
         int f(int n) { memcpy(small, large, n); return small[0]; }
      ]], "-O2 -D_FORTIFY_SOURCE=2"))
      assert.is_true(status > 128)
      assert.matches("buffer overflow detected", err)
      status = run("x=", "close", 0x7fffffff,
         object("trapping", "int f(int n) { return n + 1; }", "-ftrapv"))
      assert.is_true(status > 128)
   end)

   describe("with --coverage", function()
      -- Calls of f, and rounds of its loop, as gcov counts them.
      local function counts(name)
         local text = support.sh("cd %s && gcov --stdout %s.gcda", folder, name)
         local calls = text:match "\n%s*(%d+)%*?:%s+1:int f"
         local rounds = text:match "\n%s*(%d+)%*?:%s+5:"
         local never = text:match "\n%s*(#+):%s+8:int never"
         assert.is_truthy(never, text)
         return tonumber(calls), tonumber(rounds)
      end

      for _, how in ipairs {"close", "unload", "state", "exit"} do
         it(("has its counts written at the end: %s"):format(how), function()
            local name = "covered-" .. how
            local made = support.cc(("%s/%s.o"):format(folder, name), SOURCE, "-O0 --coverage")
            support.write(made .. ".source", SOURCE) -- gcov reads it
            assert.equal(0, (run("x=", how, 5, made)))
            assert.same({1, 5}, {counts(name)})
            assert.equal(0, (run("x=", how, 7, made)))
            assert.same({2, 12}, {counts(name)}) -- merged with the first
         end)
      end

      it("of clang has its counts, too", function()
         local made = object("clang-covered", SOURCE, "-O0 --coverage", "clang")
         assert.equal(0, (run("x=", "unload", 5, made)))
         assert.equal("adcg", support.read(folder .. "/clang-covered.gcda"):sub(1, 4))
         if support.has "llvm-cov" then
            support.write(made .. ".source", SOURCE)
            local text = support.sh("cd %s && llvm-cov gcov -t clang-covered.gcda", folder)
            assert.matches("\n%s*5:%s+5:", text)
         end
      end)

      for _, compiler in ipairs {"gcc", "clang"} do
         it("counts on after a reload, and nothing twice: " .. compiler, function()
            local name = "reloaded-" .. compiler
            local made = object(name, SOURCE, "-O0 --coverage", compiler)
            support.write(made .. ".source", SOURCE)
            local ln <close> = moonlink.new()
            local unit = assert(ln:load(made))
            ln:func "int f(int)"(5)
            assert(unit:reload())
            ln:func "int f(int)"(7)
            ln:close()
            if compiler == "gcc" then
               assert.same({2, 12}, {counts(name)})
            elseif support.has "llvm-cov" then
               local text = support.sh("cd %s && llvm-cov gcov -t %s.gcda", folder, name)
               assert.matches("\n%s*12:%s+5:", text)
            end
         end)
      end

      it("has counters of its own in every load", function()
         local made = object("twice", SOURCE, "-O0 --coverage")
         support.write(made .. ".source", SOURCE)
         for n = 1, 3 do
            local ln <close> = moonlink.new()
            assert(ln:load(made))
            ln:func "int f(int)"(n)
         end
         assert.same({3, 6}, {counts "twice"})
      end)
   end)

   it("of gcc's profiles writes them at the end", function()
      local made = object("gcc-profiled", SOURCE, "-O1 -fprofile-generate")
      assert.equal(0, (run("x=", "unload", 5, made)))
      assert.equal("adcg", support.read(folder .. "/gcc-profiled.gcda"):sub(1, 4))
   end)

   describe("with -fsplit-stack", function()
      -- n + 1 frames of more than 1,000 bytes, and calls of code that knows nothing of pieces.
      local DEEP = [[
         #include <pthread.h>
         #include <stdio.h>
         #include <string.h>
         int f(int n)
         {
            volatile char frame[1000];
            char text[100];
            memset((char *)frame, n, sizeof frame);
            snprintf(text, sizeof text, "%d %g %Lf", n, n * 1.5, (long double)n * 1e300L);
            int wrong = frame[7] != (char)n || atoi_of(text) != n;
            return n == 0 ? wrong : f(n - 1) + 1 + wrong * 1000000;
         }
         static void *start(void *n) { return (void *)(long)f((int)(long)n); }
         int in_thread(int n)
         {
            pthread_t thread;
            void *result = 0;
            pthread_create(&thread, 0, start, (void *)(long)n);
            pthread_join(thread, &result);
            return (int)(long)result;
         }
      ]]
      local SPLIT = "#include <stdlib.h>\nstatic int atoi_of(const char *s) { return atoi(s); }\n"

      for _, level in ipairs {"-O0", "-O2"} do
         it("goes on where the thread's stack is full: " .. level .. " #layout", function()
            local depth = 60000 -- 60 MB and more, where ulimit -s says 8
            local made = object("deep", SPLIT .. DEEP, "-fsplit-stack " .. level)
            assert.matches("__morestack", support.sh("nm -u %s", made))
            local status, out, err = support.lua([[
               local made, depth = ...
               local ln = require "moonlink".new()
               assert(ln:load(made))
               local f, in_thread = ln:func "int f(int)", ln:func "int in_thread(int)"
               depth = math.tointeger(depth)
               for _ = 1, 2 do
                  print(f(3), f(depth), in_thread(depth))
               end
               assert(ln:close())
            ]], made, tostring(depth))
            assert.equal(0, status, err)
            assert.equal(("3\t%d\t%d\n"):format(depth, depth):rep(2), out)
         end)
      end

      it("may run before libgcc's part has begun, also after another load", function()
         local made = object("early", [[
            static int n;
            static int resolved(void) { return n; }
            static int (*resolve(void))(void) { return resolved; }
            int get(void) __attribute__((ifunc("resolve")));
            static void early(int argc, char **argv, char **envp)
            {
               volatile char frame[100000];
               frame[argc] = 6;
               n = frame[argc] + (argv && envp);
            }
            static void (*first)(int, char **, char **)
               __attribute__((section(".preinit_array"), used)) = early;
         ]], "-O1 -fsplit-stack")
         local status, out, err = support.lua([[
            for _ = 1, 3 do
               local ln <close> = require "moonlink".new()
               assert(ln:load(...))
               io.write(ln:func "int get(void)" (), " ")
            end
         ]], made)
         assert.equal(0, status, err)
         assert.equal("7 7 7 ", out)
      end)

      it("goes on in new threads after a reload", function()
         local made = object("reloaded", SPLIT .. DEEP, "-fsplit-stack -O1")
         local status, out, err = support.lua([[
            local ln <close> = require "moonlink".new()
            local unit = assert(ln:load(...))
            local in_thread = ln:func "int in_thread(int)"
            for _ = 1, 3 do
               io.write(in_thread(20000), " ")
               assert(unit:reload())
            end
            io.write(in_thread(20001))
         ]], made)
         assert.equal(0, status, err)
         assert.equal("20000 20000 20000 20001", out)
      end)

      it("without libgcc.a says what it needs", function()
         local err = loads.refusal {
            object("deep", SPLIT .. DEEP, "-fsplit-stack"), fallback = false,
         }
         assert.matches("was built with -fsplit-stack but __morestack from libgcc.a is not in this "
            .. "process", err.message, 1, true)
         assert.matches("libgcc.a", err.hint, 1, true)
      end)
   end)

   it("of clang's profiles writes them at the end", function()
      for _, flags in ipairs {"-fprofile-instr-generate -fcoverage-mapping",
         "-fprofile-generate"} do
         local file = folder .. "/raw.profraw"
         os.remove(file)
         local made = object("profiled", SOURCE, "-O1 " .. flags, "clang")
         assert.equal(0, (run("LLVM_PROFILE_FILE=" .. file, "unload", 5, made)))
         local raw = support.read(file)
         assert.equal(0xff6c70726f667281, (string.unpack("<I8", raw))) -- "\xfflprofr\x81"
         if support.has "llvm-profdata" then
            local text = support.sh("llvm-profdata show --counts --all-functions %s", file)
            assert.matches("f:.-ounts: %[5", text)
         end
      end
   end)

   describe("with a sanitizer", function()
      local OVERFLOW = "int f(int n) { return n + 0x7fffffff; }"
      -- The two meet, and take turns, by relaxed counters, which order nothing; two accesses at the
      -- very same time may miss each other in the sanitizer's own notes.
      local RACE = [[
         #include <pthread.h>
         #include <sched.h>
         #include <stdatomic.h>
         static atomic_int met, turn;
         int shared;
         static void *bump(void *p)
         {
            int me = atomic_fetch_add_explicit(&met, 1, memory_order_relaxed);
            while (atomic_load_explicit(&met, memory_order_relaxed) < 2) sched_yield();
            while (atomic_load_explicit(&turn, memory_order_relaxed) != me) sched_yield();
            shared++;
            atomic_store_explicit(&turn, me + 1, memory_order_relaxed);
            return p;
         }
         int f(int n)
         {
            pthread_t t[2];
            for (int i = 0; i < 2; i++) pthread_create(&t[i], 0, bump, 0);
            for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
            return n;
         }
      ]]
      local OUTSIDE = "int watched[4] = {1, 2, 3, 4}; int f(int n) { return watched[n]; }"

      -- {what, source, flags, library, argument that is right, one that is wrong, report}
      local CASES = {
         {"undefined", OVERFLOW, "libubsan.so", -5, 5, "runtime error: signed integer overflow"},
         {"address", OUTSIDE, "libasan.so", 3, 4, "global%-buffer%-overflow.*watched"},
         {"thread", RACE, "libtsan.so", 1, 1, "data race"},
      }
      for _, compiler in ipairs(COMPILERS) do
         for _, case in ipairs(CASES) do
            local what = ("%s -fsanitize=%s"):format(compiler, case[1])
            it(("runs where its runtime is (%s)"):format(what), function()
               if sanitized then
                  pending "another sanitizer is in the process"
                  return
               end
               local made = object("sane", case[2], "-O1 -g -fsanitize=" .. case[1], compiler)
               -- Where addresses are dealt more widely than they know, sanitizers of that time have
               -- no room in one process, and have it in the next.
               local fixed = os.execute "setarch -R true 2>/dev/null" and "setarch -R env " or ""
               local environment = fixed .. "ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="
                  .. runtime(case[3])
               local _, out = run(environment, "close", case[4], made)
               assert.matches("f gives %d+\nalive", out)
               local _, _, err = run(environment, "close", case[5], made)
               assert.matches(case[6], err)
            end)
         end
      end

      it("of undefined behaviour can be loaded with its runtime", function()
         for _, compiler in ipairs(COMPILERS) do
            local made = object("ubsan", OVERFLOW, "-fsanitize=undefined", compiler)
            local status, out, err = run("x=", "close", 5, made, "-lubsan")
            assert.equal(0, status, out)
            assert.matches("runtime error: signed integer overflow", err)
         end
      end)

      it("says what is missing and how to get it, once", function()
         if sanitized then
            pending "the runtime is in the process"
            return
         end
         local expected = {
            undefined = {"UBSan", "add -lubsan to the inputs"},
            address = {"ASan", "start with LD_PRELOAD=$(gcc -print-file-name=libasan.so)"},
            thread = {"TSan", "start with LD_PRELOAD=$(gcc -print-file-name=libtsan.so)"},
         }
         for _, compiler in ipairs(COMPILERS) do
            for _, case in ipairs(CASES) do
               local made = object("u", case[2], "-fsanitize=" .. case[1], compiler)
               local err = loads.refusal(made)
               local name, hint = table.unpack(expected[case[1]])
               assert.equal("undefined", err.code)
               assert.equal(made, err.file)
               assert.matches(("u.o was built with -fsanitize=%s but the %s runtime is not in "
                  .. "this process"):format(case[1], name), err.message, 1, true)
               assert.equal(hint, err.hint:sub(1, #hint))
               local _, hints = tostring(err):gsub("hint:", "")
               assert.equal(1, hints)
               assert.equal(1, err.count)
               assert.is_true(#err.names >= 1)
            end
         end
      end)
   end)

   it("of OpenMP runs on its runtime's threads", function()
      local source = [[
         #include <omp.h>
         int f(int n)
         {
            int sum = 0, threads = 0;
            #pragma omp parallel for reduction(+:sum) num_threads(3)
            for (int i = 0; i < n; i++) sum += i;
            #pragma omp parallel num_threads(3)
            { if (omp_get_thread_num() == 2) threads = omp_get_num_threads(); }
            return sum * 10 + threads;
         }
      ]]
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln = moonlink.new()
         assert(ln:load {..., "-lgomp"})
         print(ln:func "int f(int)"(1000))
         assert(ln:close())
         print(io.open "/proc/self/maps":read "a":find "libgomp" and "still there" or "gone")
      ]], object("parallel", source, "-O1 -fopenmp"))
      assert.equal(0, status, err)
      -- its threads wait inside it
      assert.equal(("%d\nstill there\n"):format(499500 * 10 + 3), out)
   end)

   -- {option or language, a name, a piece of the message, a piece of the hint}
   local RUNTIMES = {
      {"-fsanitize=address", "__asan_poison", "the ASan runtime", "libasan.so"},
      {"-fsanitize=thread", "__tsan_read4", "the TSan runtime", "libtsan.so"},
      {"-fsanitize=undefined", "__ubsan_handle_any", "the UBSan runtime", "-lubsan"},
      {"-fsanitize-minimal-runtime", "__ubsan_handle_any_minimal", "clang's minimal UBSan",
         "ubsan_minimal"},
      {"-fsanitize=memory", "__msan_any", "the MSan runtime", "executable"},
      {"-fsanitize=memory", "__sanitizer_dtor_callback", "the MSan runtime", "executable"},
      {"-fsanitize-cfi-cross-dso", "__cfi_any", "clang's CFI runtime", "executable"},
      {"-fmemory-profile", "__memprof_any", "memory profiler", "libclang_rt.memprof-x86_64.so"},
      {"-fxray-instrument", "__xray_Any", "the XRay runtime", "libclang_rt.xray-x86_64.a"},
      {"-mindirect-branch", "__x86_indirect_thunk_r", "a kernel's jump", "-mindirect-branch=thunk"},
      {"-fsanitize=dataflow", "__dfsan_any", "the DataFlowSanitizer runtime", "executable"},
      {"-fsanitize=safe-stack", "__safestack_any", "the SafeStack runtime", "executable"},
      {"-fsanitize=hwaddress", "__hwasan_load4", "the HWASan runtime", "libhwasan.so"},
      {"-fsanitize-coverage", "__sanitizer_cov_trace_pc", "a fuzzer", "define"},
      {"--coverage", "__gcov_any", "libgcov.a", "-print-file-name=libgcov.a"},
      {"--coverage", "llvm_gcda_any", "libclang_rt.profile", "libclang-rt-dev"},
      {"-fprofile-generate", "__llvm_profile_any", "libclang_rt.profile", "libclang-rt-dev"},
      {"-fsplit-stack", "__morestack_any", "__morestack from libgcc.a", "libgcc.a"},
      {"-finstrument-functions", "__cyg_profile_func_any", "tracer", "define"},
      {"-fopenmp", "GOMP_any", "GCC's OpenMP", "-lgomp"},
      {"-fopenmp", "__kmpc_any", "LLVM's OpenMP", "-lomp"},
      {"-fopenacc", "GOACC_any", "GCC's OpenACC", "-lgomp"},
      {"-fcoarray=lib", "_gfortran_caf_any", "coarrays", "libcaf_single.a"},
      {"-fblocks", "_Block_any", "the blocks runtime", "-lBlocksRuntime"},
      {nil, "_Unwind_Any", nil, "-lgcc_s"},
      {nil, "_ITM_any", nil, "-litm"},
      {nil, "acc_any", nil, "-lgomp"},
      {nil, "objc_any", nil, "-lobjc"},
      {nil, "objc_msgSend_any", nil, "libobjc2"},
      {nil, "system__any", nil, "-lgnat"},
      {nil, "_d_any", nil, "libgdruntime.a"},
      {nil, "_D3std4conv3any", nil, "libgphobos.a"},
      {nil, "__go_any", nil, "libgo.a"},
      {nil, "RTExceptions_any", nil, "libm2pim.a"},
      {nil, "__cxa_any", nil, "-lstdc++"},
      {nil, "_ZNSt6vectorIiSaIiEE3anyEv", nil, "-lstdc++"},
      {nil, "_ZSt3any", nil, "-lstdc++"},
      {nil, "_ZTVN10__cxxabiv1any", nil, "-lstdc++"},
      {nil, "_gfortran_any", nil, "-lgfortran"},
      {nil, "quadmath_any", nil, "-lquadmath"},
      {nil, "__atomic_any", nil, "-latomic"},
      {nil, "omp_any", nil, "-lgomp"},
      {nil, "stg_any", nil, "--ghc-package base"},
      {nil, "base_GHCziBase_any_closure", nil, "--ghc-package base"},
   }
   for _, case in ipairs(RUNTIMES) do
      it(("without its runtime is refused by name (%s)"):format(case[2]), function()
         local made = object("wants", ("void %s(void), %s2(void); void f(void) { %s(); %s2(); }")
            :format(case[2], case[2], case[2], case[2]))
         local err = loads.refusal(made)
         assert.equal("undefined", err.code)
         assert.equal(case[2], err.symbol)
         assert.matches(case[4], err.hint, 1, true)
         assert.same({case[2], case[2] .. "2"}, err.names)
         assert.equal(case[1] and 1 or 2, err.count)
         for _, text in ipairs {case[1] or case[2], case[3] or case[2], made} do
            assert.matches(text, err.message, 1, true)
         end
      end)
   end

   it("with emulated thread-local variables finds what they want", function()
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new()
         for _ = 1, 2 do
            local unit = assert(ln:load(...))
            print(ln:func "int f(int)"(4), ln:func "int f(int)"(5))
            collectgarbage()
            assert(unit:unload())
         end
      ]], object("emulated", "static __thread int n = 3; int f(int i) { return n += i; }",
         "-O1 -femulated-tls", "clang"))
      assert.equal(0, status, err)
      assert.equal("7\t12\n7\t12\n", out)
   end)

   it("is told what to do when it was compiled for a kernel", function()
      if sanitized then
         return pending "the runtime for a process is here"
      end
      local source = "int a[4]; int f(int i) { a[i] = 1; return a[i]; }"
      for _, case in ipairs {
         {"gcc", "-fsanitize=kernel-address", "-fsanitize=address"},
         {"clang", "-fsanitize=kernel-address", "-fsanitize=address"},
         {"clang", "-fsanitize=kernel-memory", "-fsanitize=memory"},
      } do
         local made = object("kernel", source, "-O1 -fPIC " .. case[2], case[1])
         local err = loads.refusal(made)
         assert.equal(1, err.count)
         assert.matches(case[2] .. " but its runtime, a part of a kernel, is not in this process",
            err.message, 1, true)
         assert.matches("compile it for a process: with " .. case[3], err.hint, 1, true)
      end
      -- for a process, though its checks go on
      local made = object("recovers", source, "-O1 -fsanitize=address -fsanitize-recover=address")
      assert.matches("libasan.so", loads.refusal(made).hint, 1, true)
   end)

   it("may be of a compiler whose archives lie where its package puts them", function()
      local root = support.tmpdir()
      local archive = folder .. "/libany.a"
      support.sh("ar rcs %s %s", archive, object("any", "int any;"))
      for _, version in ipairs {"llvm-9/lib/clang/9.0.1", "llvm-14/lib/clang/14.0.6",
         "clang/13"} do
         support.sh("mkdir -p %s/%s/lib/linux", root, version)
         support.sh("cp %s %s/%s/lib/linux/libclang_rt.any-x86_64.a", archive, root, version)
      end
      assert.equal(root .. "/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.any-x86_64.a",
         compilers.clang("any", {root}))
      assert.is_nil(compilers.clang("other", {root}))
      support.sh("cp %s %s/libgcc.a && cp %s %s/libgcov.a", archive, root, archive, root)
      assert.equal(root .. "/libgcov.a", compilers.gcc("libgcov.a", {root .. "/libgcc.a"}))
      assert.is_nil(compilers.gcc("libnone.a", {root .. "/libgcc.a"}))
   end)
end)
