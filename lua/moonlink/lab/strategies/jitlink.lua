--- LLVM's JITLink as a strategy, in this process: ORC's ObjectLinkingLayer. LLVM has a C interface
-- to most of ORC, but not to this layer, so that a little C++ is compiled, once for an experiment.
-- SPDX-License-Identifier: MIT

local binder = require "moonlink.lab.strategies.binder"
local moonlink = require "moonlink"
local shell = require "moonlink.lab.shell"

local jitlink = {}

local INCLUDE = "/usr/lib/llvm-14/include" -- where Debian's llvm-14-dev has it
local LAYER = "/llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
local LIBRARY = "libLLVM-14.so.1"

local SOURCE = [[
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include <llvm/ExecutionEngine/JITLink/EHFrameSupport.h>
#include <llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>

using namespace llvm;
using namespace llvm::orc;

struct Engine {
    std::unique_ptr<LLJIT> jit;
    std::string reports; /* what materialization failed of: the session is told, not the caller */
    std::string error;
};

static bool failed(Engine *e, Error err)
{
    if (!err)
        return false;
    e->error = toString(std::move(err)) + (e->reports.empty() ? "" : "\n" + e->reports);
    e->reports.clear();
    return true;
}

static Expected<std::unique_ptr<ObjectLayer>> make_layer(ExecutionSession &es, const Triple &)
{
    auto memory = jitlink::InProcessMemoryManager::Create();
    if (!memory)
        return memory.takeError();
    auto layer = std::make_unique<ObjectLinkingLayer>(es, std::move(*memory));
    layer->addPlugin(std::make_unique<EHFrameRegistrationPlugin>(
        es, std::make_unique<jitlink::InProcessEHFrameRegistrar>()));
    return layer;
}

static Error set_up(Engine *e)
{
    auto target = JITTargetMachineBuilder::detectHost();
    if (!target)
        return target.takeError();
    auto jit = LLJITBuilder()
                   .setJITTargetMachineBuilder(std::move(*target))
                   .setObjectLinkingLayerCreator(make_layer)
                   .create();
    if (!jit)
        return jit.takeError();
    e->jit = std::move(*jit);
    e->jit->getExecutionSession().setErrorReporter(
        [e](Error err) { e->reports += toString(std::move(err)) + "\n"; });
    auto process = DynamicLibrarySearchGenerator::GetForCurrentProcess(0);
    if (!process)
        return process.takeError();
    e->jit->getMainJITDylib().addGenerator(std::move(*process));
    return Error::success();
}

extern "C" {
void lab_jitlink_begin()
{
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
}

Engine *lab_jitlink_new()
{
    auto e = new Engine;
    failed(e, set_up(e));
    return e;
}

/* What the last call failed of; empty when it did not. Taken away. */
const char *lab_jitlink_error(Engine *e)
{
    static std::string last;
    last = std::move(e->error);
    e->error.clear();
    return last.c_str();
}

void lab_jitlink_add(Engine *e, const char *path)
{
    auto bytes = errorOrToExpected(MemoryBuffer::getFile(path));
    failed(e, bytes ? e->jit->addObjectFile(std::move(*bytes)) : bytes.takeError());
}

uint64_t lab_jitlink_find(Engine *e, const char *name)
{
    auto found = e->jit->lookup(name);
    if (found)
        return found->getAddress();
    failed(e, found.takeError());
    return 0;
}

void lab_jitlink_free(Engine *e)
{
    delete e;
}
}
]]

local INTERFACE = [[
   void lab_jitlink_begin(void);
   void *lab_jitlink_new(void);
   const char *lab_jitlink_error(void *);
   void lab_jitlink_add(void *, const char *);
   uint64_t lab_jitlink_find(void *, const char *);
   void lab_jitlink_free(void *);
]]

local FLAGS = {"-std=c++14", "-O2", "-fPIC", "-fno-rtti", "-fno-exceptions"}

--- Compiles the C++ above; once, since LLVM's headers take seconds.
local function setup(run)
   local hint = "install the package llvm-14-dev, or leave the strategy out"
   if shell.size(INCLUDE .. LAYER) == 0 then
      run:refuse("LLVM 14's headers are not installed", hint)
   elseif not shell.has "c++" then
      run:refuse("c++ is not installed", "install the package g++, or leave the strategy out")
   end
   local object = run.folder .. "/jitlink.o"
   local source = shell.write(run.folder .. "/jitlink.cpp", SOURCE)
   local ok, output = shell.try {"c++", FLAGS, "-I" .. INCLUDE, "-c", "-o", object, source}
   if not ok then
      run:refuse("what calls JITLink does not compile", output)
   end
   return object
end

local function check(run, engine)
   local text = run.jitlink.lab_jitlink_error(engine)
   if text ~= "" then
      run:refuse("JITLink: " .. text:match "[^\n]*", text)
   end
end

local function load(_, run)
   local c = run.jitlink
   local engine = c.lab_jitlink_new()
   check(run, engine)
   for _, path in ipairs(run.plan.objects) do
      c.lab_jitlink_add(engine, path)
      check(run, engine)
   end
   return {engine = engine, c = c, run = run}
end

local function unload(loaded)
   loaded.c.lab_jitlink_free(loaded.engine)
end

jitlink.jitlink = {
   name = "jitlink",
   about = "LLVM's ORC over JITLink; it links at the first look-up (peer; needs llvm-14-dev, g++)",
   setup = setup,
   begin = function(run)
      local ln = moonlink.new()
      local unit, err = ln:load {run.setup, LIBRARY}
      if not unit then
         run:refuse("libLLVM-14 is not installed", tostring(err))
      end
      run.jitlink = binder.functions(ln, INTERFACE)
      run.jitlink.lab_jitlink_begin()
   end,
   load = load,
   bind = binder.new(function(loaded, name)
      local address = loaded.c.lab_jitlink_find(loaded.engine, name)
      check(loaded.run, loaded.engine)
      return address
   end),
   unload = unload,
   reload = binder.anew(load, unload),
}

return jitlink
