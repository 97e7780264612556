--- Compiles the peers' drivers into the cache folder.
-- SPDX-License-Identifier: MIT

local shell = require "bench.shell"

local tools = {}

local FLAGS = { "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra" }
local GHC_FLAGS = { "-optc-D_GNU_SOURCE", "-optc-O2", "-no-hs-main", "-optl-rdynamic" }
local SOURCES = {
   "driver.c", "driver.h", "read.c", "tcc.c", "shared.c", "spawn.c", "program.c", "ghc.c",
   "figures.c", "figures.h", "native.c", "libtcc.c", "orc.cpp", "packages.c",
}

--- This file and the folder that holds the drivers' sources.
local function places()
   local here = assert(package.searchpath("bench.tools", package.path))
   return here, (here:gsub("[^/]*$", "peers"))
end

--- Builds one driver out of the sources in a folder; a driver whose library is missing leaves a
-- note instead of a program.
local function build(folder, sources, name, compiler, libraries, ...)
   local out, text = shell.try(shell.line {
      compiler, "-o", folder .. "/" .. name, sources .. "/" .. name .. ".c",
      sources .. "/driver.c", { ... }, libraries,
   } .. " 2>&1")
   if not out then
      shell.write(folder .. "/" .. name .. ".missing", text:match("error: [^\n]*") or text)
   end
end

--- The driver over LLVM's ORC, which is written in C++ and takes seconds to compile.
local function build_orc(folder, sources)
   local out, text = shell.try("cd " .. shell.quote(sources) .. " && g++ -std=c++17 -O1 -fno-rtti "
      .. "-D_GNU_SOURCE $(llvm-config-14 --cppflags) -o " .. shell.quote(folder .. "/orc")
      .. " orc.cpp -x c++ -fpermissive -w figures.c -L$(llvm-config-14 --libdir) -lLLVM-14 2>&1")
   if not out then
      shell.write(folder .. "/orc.missing", text:match("error: [^\n]*") or text)
   end
end

--- What depends on a fixed argument of root: the objects that make a program of the inputs.
local function program(folder, sources, n)
   local object = ("%s/program-%d.o"):format(folder, n)
   if not shell.read(object) then
      shell.run(shell.line {
         "gcc", FLAGS, "-fPIC", ("-DROOT_ARGUMENT=%du"):format(n), "-c", "-o", object,
         sources .. "/program.c",
      })
   end
   return object
end

---@class bench.Tools
---@field folder string
---@field program fun(n: integer): string the object with main, whose check is root(n)
---@field driver string the object that program.o needs
---@field missing fun(name: string): string? why a driver could not be built

--- Builds all drivers, or finds them as an earlier run left them.
---@return bench.Tools
function tools.build()
   local here, sources = places()
   local ghc = shell.which("ghc")
   local key = { ghc or "no ghc", shell.first_line("gcc --version") or "", shell.read(here) }
   for _, name in ipairs(SOURCES) do
      key[#key + 1] = assert(shell.read(sources .. "/" .. name))
   end
   key[#key + 1] = tostring(shell.first_line("ls /usr/include/libtcc.h"))
   local folder = shell.cached("tools", table.concat(key, "\n"), function(folder)
      build(folder, sources, "read", { "gcc", FLAGS }, {})
      build(folder, sources, "shared", { "gcc", FLAGS }, { "-ldl" })
      build(folder, sources, "spawn", { "gcc", FLAGS }, {})
      build(folder, sources, "tcc", { "gcc", FLAGS },
         { "-Wl,--no-as-needed", "-ltcc", "-ldl", "-lm" })
      local figures = sources .. "/figures.c"
      build(folder, sources, "native", { "gcc", FLAGS }, { "-ldl" }, figures)
      build(folder, sources, "libtcc", { "gcc", FLAGS },
         { "-Wl,--no-as-needed", "-ltcc", "-ldl", "-lm" }, figures)
      build_orc(folder, sources)
      shell.run(shell.line {
         "gcc", FLAGS, "-fPIC", "-c", "-o", folder .. "/driver.o", sources .. "/driver.c",
      })
      if ghc then
         -- ghc puts what it compiles beside the sources
         local own = folder .. "/for-ghc"
         shell.run("cp -r " .. shell.quote(sources) .. " " .. shell.quote(own))
         build(folder, own, "ghc", { "ghc", GHC_FLAGS }, {})
         build(folder, own, "packages", { "ghc", GHC_FLAGS }, {})
      end
   end)
   return {
      folder = folder,
      driver = folder .. "/driver.o",
      program = function(n) return program(folder, sources, n) end,
      missing = function(name) return shell.read(folder .. "/" .. name .. ".missing") end,
   }
end

return tools
