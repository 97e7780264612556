--- Which run-time library an undefined name belongs to, told by its prefix, and how to get it.
-- What a compiler option puts into an object wants a runtime that the object's author never named.
-- SPDX-License-Identifier: MIT

local compilers = require "moonlink.link.compilers"

local runtimes = {}

---@class moonlink.Runtime
---@field name string "the ASan runtime"
---@field flag? string the compiler option that makes code want it; nil: the language does
---@field hint string what to do
---@field patterns string[] of names, bound to their start
---@field kernel? string the sanitizer, when it is its runtime in a kernel: see runtimes.kernels
---@field archive? fun(): string? where a compiler keeps it: a fall-back for these names alone

local function preload(library)
   return ("start with LD_PRELOAD=$(gcc -print-file-name=%s)"):format(library)
end

local function add(library)
   return ("add -l%s to the inputs"):format(library)
end

local function archive_of(compiler, file)
   return ("add the archive that %s -print-file-name=%s tells"):format(compiler, file)
end

local IN_EXECUTABLE =
   "only an executable can bring it: compile the object without, or the host with it"

--- Of code for a kernel, which has such a runtime and no process ever.
local function in_kernel(sanitizer, option, user)
   return {
      name = "its runtime, a part of a kernel,", flag = "-fsanitize=" .. option,
      kernel = sanitizer, patterns = {"^__" .. sanitizer .. "_"},
      hint = ("compile it for a process: with -fsanitize=%s, or without"):format(user),
   }
end

---@type moonlink.Runtime[] the first that fits counts
local list = {
   in_kernel("asan", "kernel-address", "address"),
   in_kernel("hwasan", "kernel-hwaddress", "hwaddress"),
   in_kernel("msan", "kernel-memory", "memory"),
   {
      name = "the ASan runtime", flag = "-fsanitize=address", hint = preload "libasan.so",
      patterns = {"^__asan_", "^__odr_asan"},
   },
   {
      name = "the TSan runtime", flag = "-fsanitize=thread", hint = preload "libtsan.so",
      patterns = {"^__tsan_"},
   },
   {
      name = "clang's minimal UBSan runtime", flag = "-fsanitize-minimal-runtime",
      hint = "install libclang-rt-dev, or add libclang_rt.ubsan_minimal-x86_64.a of clang's folder",
      patterns = {"^__ubsan_handle_.+_minimal"},
      archive = function()
         return compilers.clang "ubsan_minimal"
      end,
   },
   {
      name = "the UBSan runtime", flag = "-fsanitize=undefined",
      hint = add "ubsan" .. ", or " .. preload "libubsan.so", patterns = {"^__ubsan_"},
   },
   {
      name = "the MSan runtime", flag = "-fsanitize=memory", hint = IN_EXECUTABLE,
      patterns = {"^__msan_", "^__sanitizer_dtor_callback"},
   },
   {
      name = "the DataFlowSanitizer runtime", flag = "-fsanitize=dataflow", hint = IN_EXECUTABLE,
      patterns = {"^__dfsan_", "^__dfsw_", "%.dfsan$"},
   },
   {
      name = "the SafeStack runtime", flag = "-fsanitize=safe-stack", hint = IN_EXECUTABLE,
      patterns = {"^__safestack_"},
   },
   {
      name = "the HWASan runtime", flag = "-fsanitize=hwaddress", hint = preload "libhwasan.so",
      patterns = {"^__hwasan_"},
   },
   {
      name = "clang's CFI runtime", flag = "-fsanitize-cfi-cross-dso", hint = IN_EXECUTABLE,
      patterns = {"^__cfi_"},
   },
   {
      name = "clang's memory profiler", flag = "-fmemory-profile",
      hint = "start with LD_PRELOAD=$(clang -print-file-name=libclang_rt.memprof-x86_64.so)",
      patterns = {"^__memprof_"},
   },
   {
      name = "the XRay runtime", flag = "-fxray-instrument",
      hint = archive_of("clang", "libclang_rt.xray-x86_64.a"), patterns = {"^__xray_"},
   },
   {
      name = "a kernel's jump",
      flag = "-mindirect-branch=thunk-extern or -mretpoline-external-thunk",
      hint = "compile it for a process: with -mindirect-branch=thunk or -mretpoline, or without",
      patterns = {"^__x86_indirect_thunk", "^__x86_return_thunk", "^__llvm_retpoline_"},
   },
   {
      name = "a fuzzer", flag = "-fsanitize-coverage",
      hint = "define the __sanitizer_cov_ functions in one of the inputs",
      patterns = {"^__sanitizer_cov_", "^__sancov_"},
   },
   {
      name = "libgcov.a", flag = "--coverage or -fprofile-generate",
      hint = "install gcc, or add the archive that gcc -print-file-name=libgcov.a tells",
      patterns = {"^__gcov_", "^mangle_path$"},
      archive = function()
         return compilers.gcc "libgcov.a"
      end,
   },
   {
      name = "libclang_rt.profile", flag = "--coverage or -fprofile-generate",
      hint = "install libclang-rt-dev, or add libclang_rt.profile-x86_64.a of clang's folder",
      patterns = {"^llvm_gcda_", "^llvm_gcov_", "^llvm_reset_counters", "^__llvm_profile_"},
      archive = function()
         return compilers.clang "profile"
      end,
   },
   {
      name = "__morestack from libgcc.a", flag = "-fsplit-stack",
      hint = "install gcc, or add the archive that gcc -print-file-name=libgcc.a tells",
      patterns = {"^__morestack"},
   },
   {
      name = "the profiler of the C library", flag = "-pg", hint = add "c",
      patterns = {"^_?mcount$", "^__fentry__$"},
   },
   {
      name = "the function tracer", flag = "-finstrument-functions",
      hint = "define the functions __cyg_profile_func_enter and _exit in one of the inputs",
      patterns = {"^__cyg_profile_func_"},
   },
   {
      name = "the profiling run-time system of GHC", flag = "-prof",
      hint = 'compile it without -prof, or plan its packages with way = "profiling"',
      patterns = {
         "^CCS_", "^CC_LIST$", "^CCS?_LIST$", "^CCCS$", "^pushCostCentre$", "^enterFunCCS$",
         "^registerCcs?List$", "^user_era$",
      },
   },
   {
      name = "GHC's run-time system and base",
      hint = 'for compiled Haskell start GHC\'s runtime: require "moonlink.ghc", or --ghc-package '
         .. "base; where it runs: compile with the GHC whose packages it has",
      patterns = {
         "^stg_", "^newCAF$", "^registerForeignExports$", "^foreignExportStablePtr$", "^base_%u",
         "^ghczmprim_%u", "^ghczmbignum_%u",
      },
   },
   {
      name = "GCC's OpenMP runtime", flag = "-fopenmp", hint = add "gomp",
      patterns = {"^GOMP_"},
   },
   {
      name = "GCC's OpenACC runtime", flag = "-fopenacc", hint = add "gomp",
      patterns = {"^GOACC_"},
   },
   {
      name = "LLVM's OpenMP runtime", flag = "-fopenmp", hint = add "omp", patterns = {"^__kmpc_"},
   },
   {name = "OpenMP", hint = add "gomp", patterns = {"^omp_%l", "^acc_%l"}},
   {
      name = "the unwinder", hint = add "gcc_s",
      patterns = {"^_Unwind_", "^__gcc_personality_v0$", "^__emutls_"},
   },
   {
      name = "LLVM's C++ library", hint = add "c++",
      patterns = {"^_ZNK?St3__1", "^_ZT[VIST]NSt3__1"},
   },
   {
      name = "the C++ library", hint = add "stdc++",
      patterns = {
         "^__cxa_", "^__gxx_personality", "^__dynamic_cast$", "^_ZNK?S[tsabiod]", "^_ZS[tsabiod]",
         "^_ZT[VIST]N10__cxxabiv", "^_ZT[VIST]S[tsabiod]", "^_ZT[VIST]NSt", "^_ZN9__gnu_cxx",
         "^_Zn[wa]m", "^_Zd[la]Pv", "^_ZT[ISV]P?K?[a-z]$",
      },
   },
   {
      name = "Fortran's coarrays", flag = "-fcoarray=lib",
      hint = archive_of("gcc", "libcaf_single.a"), patterns = {"^_gfortran_caf_"},
   },
   {name = "Fortran's library", hint = add "gfortran", patterns = {"^_gfortran_"}},
   {name = "the quad-precision library", hint = add "quadmath", patterns = {"^_*quadmath_"}},
   {name = "the atomics library", hint = add "atomic", patterns = {"^__atomic_"}},
   {name = "the transactional memory library", hint = add "itm", patterns = {"^_ITM_"}},
   {
      name = "GNUstep's Objective-C library",
      hint = "add the library of libobjc2, or compile with -fobjc-runtime=gcc and add -lobjc",
      patterns = {"^objc_msgSend", "^__objc_load$", "^%._OBJC_", "^__gnustep_objc"},
   },
   {
      name = "Objective-C's library", hint = add "objc",
      patterns = {
         "^__objc_", "^objc_", "^__gnu_objc_", "^class_%l+Instance$", "^sel_%l+Name$",
      },
   },
   {
      name = "the blocks runtime", flag = "-fblocks", hint = add "BlocksRuntime",
      patterns = {"^_Block_%l", "^_NSConcrete%u"},
   },
   {
      name = "Ada's library",
      hint = add "gnat" .. ", and -lgnarl for tasks; call what gnatbind made (adainit) first",
      patterns = {
         "^__gnat_", "^__gl_", "^ada__", "^system__", "^gnat__", "^interfaces__",
         "^constraint_error$", "^program_error$", "^storage_error$", "^tasking_error$",
      },
   },
   {
      name = "D's library",
      hint = "add the archives that gdc -print-file-name=libgphobos.a and libgdruntime.a tell, and "
         .. "-lz; call rt_init first",
      patterns = {"^_D%d", "^_d_%l", "^__gdc_"},
   },
   {
      name = "Go's library",
      hint = archive_of("gccgo", "libgo.a") .. ", and a C archive of go build, which starts it",
      patterns = {"^runtime%.", "^__go_", "^__gccgo_", "^go_0", "%.%.import$", "%.%.types$"},
   },
   {
      name = "Modula-2's library",
      hint = archive_of("gm2", "m2/m2pim/libm2pim.a") .. " (m2iso/libm2iso.a with -fiso)",
      patterns = {"^_M2_", "^M2RTS_", "^RTExceptions_", "^Storage_D?E?ALLOCATE$"},
   },
}

--- The sanitizers whose names, as a load wants them, are those of code for a kernel: its checks go
--- on after a report, and nothing starts the runtime, as each object for a process does.
---@param names string[] all that are undefined
---@return table<string, boolean> by sanitizer
function runtimes.kernels(names)
   local found, started = {}, {}
   for _, name in ipairs(names) do
      local sanitizer = name:match "^__(h?w?asan)_.+_noabort$"
         or name:match "^__(msan)_get_context_state$"
      found[sanitizer or 0] = true
      started[name:match "^__(%a+)_init$" or 0] = true
   end
   for sanitizer in pairs(started) do
      found[sanitizer] = nil
   end
   return found
end

--- The runtime that should define a name, or nil.
---@param name string
---@param kernels? table<string, boolean> what runtimes.kernels says of all names
---@return moonlink.Runtime?
function runtimes.of(name, kernels)
   for _, runtime in ipairs(list) do
      local fits = not runtime.kernel or kernels and kernels[runtime.kernel]
      for _, pattern in ipairs(fits and runtime.patterns or {}) do
         if name:find(pattern) then
            return runtime
         end
      end
   end
end

return runtimes
