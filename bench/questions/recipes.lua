--- What only some linkers have an interface for: tests of question 10 by strategy.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local shell = require "moonlink.lab.shell"

local recipes = {}

local function double(n)
   return 2 * n
end

local function bytes_of(path)
   return assert(shell.read(path))
end

--- A linker of its own over what a peer has opened already.
local function interface(name, prototypes)
   local ln = moonlink.new()
   local out = {linker = ln}
   assert(ln:load(name))
   for _, prototype in ipairs(prototypes) do
      out[prototype:match "([%w_]+)%s*%("] = assert(ln:func(prototype))
   end
   return out
end

--- dlopen takes a library, which is made of the objects before.
local function library_in_memory(t)
   local built = t.base.prepare(t.run.plan, t.run)
   built.files[1] = t:in_memory(built.files[1])
   t.raw = t.base.load(built, t.run)
   t:call("int number(int)", {1}, 2)
end

--- Adds bytes of an object to an LLJIT of LLVM's C interface.
local function add_object(jit, path)
   local llvm = interface("libLLVM-14.so.1", {
      "void *LLVMCreateMemoryBufferWithMemoryRangeCopy(const char *, size_t, const char *)",
      "void *LLVMOrcLLJITAddObjectFile(void *, void *, void *)",
      "void *LLVMOrcLLJITGetMainJITDylib(void *)",
   })
   local bytes = bytes_of(path)
   local buffer = llvm.LLVMCreateMemoryBufferWithMemoryRangeCopy(bytes, #bytes, path)
   local err = llvm.LLVMOrcLLJITAddObjectFile(jit, llvm.LLVMOrcLLJITGetMainJITDylib(jit), buffer)
   assert(not err, "LLVM takes no object")
end

recipes.from_memory = {
   direct = function(t)
      local ln = moonlink.new()
      assert(ln:load {{bytes = bytes_of(t.run.plan.objects[1]), name = "a.o"}})
      t:expect("number", assert(ln:func "int number(int)")(1), 2)
   end,
   orc = function(t)
      local path = t.run.plan.objects[1]
      t.run.plan.objects = {}
      add_object(t:load().jit, path)
      t:call("int number(int)", {1}, 2)
   end,
   ["shared-each"] = library_in_memory, ["shared-batch"] = library_in_memory,
   dlmopen = library_in_memory,
}

--- Gives an LLJIT of LLVM's C interface the definition.
local function define_host(jit)
   local llvm = interface("libLLVM-14.so.1", {
      "void *LLVMOrcLLJITMangleAndIntern(void *, const char *)",
      "void *LLVMOrcAbsoluteSymbols(void *, size_t)",
      "void *LLVMOrcJITDylibDefine(void *, void *)",
      "void *LLVMOrcLLJITGetMainJITDylib(void *)",
   })
   local host = llvm.linker:callback("int(int)", double)
   local pair = moonlink.alloc(24) -- LLVMOrcCSymbolMapPair: name, address, flags
   pair:set(string.pack("jji2xxxxxx", llvm.LLVMOrcLLJITMangleAndIntern(jit, "host"),
      host:address(), 1)) -- LLVMJITSymbolGenericFlagsExported
   local err = llvm.LLVMOrcJITDylibDefine(llvm.LLVMOrcLLJITGetMainJITDylib(jit),
      llvm.LLVMOrcAbsoluteSymbols(pair, 1))
   assert(not err, "LLVM takes no definition")
   return host
end

recipes.answered = {
   direct = function(t)
      local ln = moonlink.new()
      ln:on("undefined", "^host$", function()
         return ln:callback("int(int)", double)
      end)
      assert(ln:load(t.run.plan.objects))
      t:expect("asks", assert(ln:func "int asks(int)")(20), 41)
   end,
   libtcc = function(t)
      local tcc = interface("-ltcc", {
         "int tcc_add_symbol(void *, const char *, void *)", "void *tcc_new(void)",
      })
      local host, new = tcc.linker:callback("int(int)", double), t.run.tcc.tcc_new
      t.run.tcc.tcc_new = function()
         local state = new()
         tcc.tcc_add_symbol(state, "host", host:address())
         return state
      end
      t:load()
      t:call("int asks(int)", {20}, 41)
   end,
   ["ghc-rts"] = function(t)
      local ln = t.run.haskell.linker
      local insert = assert(ln:func "int insertSymbol(const char *, const char *, void *)")
      local host = ln:callback("int(int)", double)
      insert("host.o", "host", host:address())
      t:load()
      t:call("int asks(int)", {20}, 41)
   end,
   orc = function(t)
      define_host(t:load().jit)
      t:call("int asks(int)", {20}, 41)
   end,
   jitlink = function(t) -- the engine's first word is the LLJIT of the C interface
      define_host((assert(moonlink.read(t:load().engine, "j"))))
      t:call("int asks(int)", {20}, 41)
   end,
}

--- Loads the first object, calls it, and has `add` load the second beside it.
local function one_by_one(t, add)
   local second = t.run.plan.objects[2]
   t.run = t:again_with(1)
   t:load()
   t:call("int up(void)", {}, 1)
   t:call("int up(void)", {}, 2)
   add(second)
   t:call("int down(void)", {}, 1)
end

recipes.one_by_one = {
   direct = function(t)
      one_by_one(t, function(path)
         assert(t.raw.linker:load(path))
      end)
   end,
   orc = function(t)
      one_by_one(t, function(path)
         add_object(t.raw.jit, path)
      end)
   end,
   jitlink = function(t)
      one_by_one(t, function(path)
         t.raw.c.lab_jitlink_add(t.raw.engine, path)
      end)
   end,
}

recipes.not_called = {
   direct = function(t)
      local ln = moonlink.new {undefined = "stub"}
      assert(ln:load(t.run.plan.objects))
      t:expect("asks", assert(ln:func "int asks(int)")(3), 3)
   end,
}

--- The linker that makes the one library of all can be told that nothing may be missing.
local function with_defs(t)
   t.run.plan.libraries = {"-Wl,-z,defs"}
   t.test(t)
end

recipes.named = {
   ["shared-batch"] = with_defs, dlmopen = with_defs,
   ["shared-each"] = function(t) -- each wants names of others: only dlopen can tell
      t.run.axes.bind = "now"
      t.test(t)
   end,
}

return recipes
