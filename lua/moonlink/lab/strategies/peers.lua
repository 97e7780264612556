--- Other run-time linkers as strategies, where they are installed: each is itself loaded into the
-- process by moonlink, before the clock starts, and then called through its C interface.
-- SPDX-License-Identifier: MIT

local binder = require "moonlink.lab.strategies.binder"
local moonlink = require "moonlink"
local search = require "moonlink.link.search"
local shell = require "moonlink.lab.shell"

local peers = {}

--- A library of the system, or a refusal.
local function require_library(run, name, package_name)
   if not search.library(name, {}) then
      run:refuse(("lib%s is not installed"):format(name),
         ("install the package %s, or leave the strategy out"):format(package_name))
   end
   return "-l" .. name
end

--- libtcc: a state holds what it linked.
local TCC = [[
   void *tcc_new(void);
   void tcc_delete(void *);
   int tcc_set_output_type(void *, int);
   int tcc_add_file(void *, const char *);
   int tcc_add_library(void *, const char *);
   int tcc_set_options(void *, const char *);
   int tcc_relocate(void *, void *);
   void *tcc_get_symbol(void *, const char *);
]]
local IN_MEMORY, AUTO = 1, 1 -- TCC_OUTPUT_MEMORY, TCC_RELOCATE_AUTO: libtcc.h of 0.9.27

local function tcc_load(_, run)
   local tcc = run.tcc
   local state = tcc.tcc_new()
   tcc.tcc_set_output_type(state, IN_MEMORY)
   for _, path in ipairs(run.plan.objects) do
      if tcc.tcc_add_file(state, path) ~= 0 then
         run:refuse("libtcc cannot take " .. path:match "[^/]*$")
      end
   end
   for _, name in ipairs(run.plan.libraries) do
      if tcc.tcc_add_library(state, name:match "^%-l(.*)$" or name) ~= 0 then
         run:refuse("libtcc cannot take " .. name)
      end
   end
   if tcc.tcc_relocate(state, AUTO) ~= 0 then
      run:refuse "libtcc cannot link these objects: it says why on standard error"
   end
   return {state = state, tcc = tcc}
end

local function tcc_unload(loaded)
   loaded.tcc.tcc_delete(loaded.state)
end

peers.libtcc = {
   name = "libtcc", about = "libtcc takes the loose objects (peer; needs libtcc-dev)",
   begin = function(run)
      local ln = moonlink.new()
      assert(ln:load {require_library(run, "tcc", "libtcc-dev"), roots = {"tcc_new"}})
      run.tcc = binder.functions(ln, TCC)
   end,
   load = tcc_load, unload = tcc_unload, reload = binder.anew(tcc_load, tcc_unload),
   bind = binder.new(function(loaded, name)
      return loaded.tcc.tcc_get_symbol(loaded.state, name)
   end),
}

--- LLVM's ORC over RuntimeDyld, which is what its C interface gives.
local ORC = [[
   void LLVMInitializeX86TargetInfo(void);
   void LLVMInitializeX86Target(void);
   void LLVMInitializeX86TargetMC(void);
   void LLVMInitializeX86AsmPrinter(void);
   void *LLVMOrcCreateLLJIT(void **, void *);
   void *LLVMOrcDisposeLLJIT(void *);
   void *LLVMOrcLLJITGetMainJITDylib(void *);
   char LLVMOrcLLJITGetGlobalPrefix(void *);
   void *LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(void **, char, void *, void *);
   void LLVMOrcJITDylibAddGenerator(void *, void *);
   void *LLVMOrcLLJITAddObjectFile(void *, void *, void *);
   void *LLVMOrcLLJITLookup(void *, uint64_t *, const char *);
   int LLVMCreateMemoryBufferWithContentsOfFile(const char *, void **, char **);
   char *LLVMGetErrorMessage(void *);
]]

local function check_orc(run, failed)
   if failed then
      local text = run.orc.LLVMGetErrorMessage(failed) or "LLVM failed"
      run:refuse(text:match "[^\n]+" or "LLVM failed", text)
   end
end

--- What a C function wrote to a place for one address.
local function take(cell)
   return (string.unpack("j", cell:get(0, 8)))
end

local function orc_new(run)
   local orc, cell = run.orc, moonlink.alloc(8)
   check_orc(run, orc.LLVMOrcCreateLLJIT(cell, nil))
   local jit = take(cell)
   check_orc(run, orc.LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(cell,
      orc.LLVMOrcLLJITGetGlobalPrefix(jit), nil, nil))
   orc.LLVMOrcJITDylibAddGenerator(orc.LLVMOrcLLJITGetMainJITDylib(jit), take(cell))
   return jit
end

local function orc_load(_, run)
   local orc, jit, cell, message = run.orc, orc_new(run), moonlink.alloc(8), moonlink.alloc(8)
   local main = orc.LLVMOrcLLJITGetMainJITDylib(jit)
   for _, path in ipairs(run.plan.objects) do
      if orc.LLVMCreateMemoryBufferWithContentsOfFile(path, cell, message) ~= 0 then
         error(("LLVM cannot read %s"):format(path), 0)
      end
      check_orc(run, orc.LLVMOrcLLJITAddObjectFile(jit, main, take(cell)))
   end
   return {jit = jit, orc = orc, run = run}
end

local function orc_unload(loaded)
   check_orc(loaded.run, loaded.orc.LLVMOrcDisposeLLJIT(loaded.jit))
end

peers.orc = {
   name = "orc",
   about = "LLVM's ORC over RuntimeDyld; it links at the first look-up (peer; needs libllvm14)",
   begin = function(run)
      local ln = moonlink.new()
      local unit, err = ln:load "libLLVM-14.so.1"
      if not unit then
         run:refuse("libLLVM-14 is not installed", tostring(err))
      end
      run.orc = binder.functions(ln, ORC)
      run.orc.LLVMInitializeX86TargetInfo()
      run.orc.LLVMInitializeX86Target()
      run.orc.LLVMInitializeX86TargetMC()
      run.orc.LLVMInitializeX86AsmPrinter()
   end,
   load = orc_load, unload = orc_unload, reload = binder.anew(orc_load, orc_unload),
   bind = binder.new(function(loaded, name)
      local cell = moonlink.alloc(8)
      check_orc(loaded.run, loaded.orc.LLVMOrcLLJITLookup(loaded.jit, cell, name))
      return take(cell)
   end),
}

--- The linker of GHC's run-time system, which has one table of symbols for the process.
local GHC = [[
   int loadObj(const char *);
   int unloadObj(const char *);
   int resolveObjs(void);
   void *lookupSymbol(const char *);
   void initLinker(void);
]]

local function ghc_load(_, run)
   local rts = run.ghc
   for _, path in ipairs(run.plan.objects) do
      if rts.loadObj(path) == 0 then
         run:refuse("GHC's linker cannot take " .. path:match "[^/]*$")
      end
   end
   if rts.resolveObjs() == 0 then
      run:refuse "GHC's linker cannot resolve these objects: it says why on standard error"
   end
   return {rts = rts, objects = run.plan.objects}
end

local function ghc_unload(loaded, run)
   for _, path in ipairs(loaded.objects) do
      loaded.rts.unloadObj(path)
   end
   run.haskell:collect() -- memory goes with the next collection
end

peers["ghc-rts"] = {
   name = "ghc-rts", about = "the linker of GHC's run-time system (peer; needs ghc)",
   begin = function(run)
      if not shell.has "ghc" then
         run:refuse("ghc is not installed", "install the package ghc, or leave the strategy out")
      end
      local hs = assert(require "moonlink.ghc".start {})
      run.haskell = hs
      run.ghc = binder.functions(hs.linker, GHC)
      run.ghc.initLinker()
   end,
   load = ghc_load, unload = ghc_unload, reload = binder.anew(ghc_load, ghc_unload),
   bind = binder.new(function(loaded, name)
      return loaded.rts.lookupSymbol(name)
   end),
}

return peers
