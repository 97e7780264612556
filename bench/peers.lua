--- Who takes part: for each contestant the command that loads one case's inputs and checks them.
--
-- A case (made by the files in bench/works) has these fields:
--   id, title    its name and its heading
--   list         file with one input per line, the object with `root` first
--   files        the files that must be read, when they are not those of list
--   objects      list for tools that take no archive by path, when it differs
--   jit_options  what such a tool needs beside `objects`
--   whole        load every member of the archives
--   libraries    shared libraries that the inputs need, as -l words
--   shared       false: the objects are not position-independent enough for ld -shared
--   n, expected  root(n) must give expected
--   called       time until root has returned, not only until it could be called
--   skip         reasons by contestant, for what makes no sense here
-- SPDX-License-Identifier: MIT

local shell = require "bench.shell"

local peers = {}

---@class bench.Contestant
---@field name string
---@field command? string prints the line of key=value words that bench/peers/driver.h describes
---@field baseline? string the same tool with next to no input: its time is subtracted
---@field missing? string why it cannot take part
---@field note? string

local function installed(name, contestant)
   if not shell.which(name) then
      return { name = contestant.name, missing = "not installed" }
   end
   return contestant
end

local function whole(case, words)
   return case.whole and { "--whole-archive", words, "--no-whole-archive" } or words
end

--- The path of a file of the compiler or the C library.
local function system_file(name)
   return shell.first_line("gcc -print-file-name=" .. name) or name
end

--- The words that let a bare linker find the case's shared libraries; libc's static part wants
-- the compiler's part of every library.
local function library_words(case)
   if not case.libraries then
      return {}
   end
   local folder = system_file("libc.so"):match("^(.*)/")
   return {
      "-L" .. folder, system_file("crtbeginS.o"), case.libraries, system_file("crtendS.o"),
   }
end

--- A driver of bench/peers that links within its own process.
local function in_process(driver, name)
   return function(case, tools)
      local missing = tools.missing(driver)
      if missing then
         return { name = name, missing = "not built: " .. missing }
      end
      return {
         name = name,
         command = shell.line {
            tools.folder .. "/" .. driver, case.list, case.n, case.whole and "whole" or "as-needed",
         },
      }
   end
end

--- A linker's process that writes a shared library, then dlopen.
local function shared(linker, name, options)
   return function(case, tools)
      local out = ("%s/%s.%s.so"):format(tools.folder, linker, case.id)
      return installed(linker, {
         name = name,
         missing = case.shared == false and "ld -shared refuses: not compiled with -fPIC" or nil,
         command = shell.line {
            tools.folder .. "/shared", out, case.n, linker, options, "-shared", "-o", out,
            whole(case, { "@" .. case.list }), library_words(case),
         },
      })
   end
end

--- A command line that links in memory and runs main, less what it takes for a trivial object.
local function jit(program, name, options)
   return function(case, tools)
      local function line(list, n, extra)
         return shell.line {
            tools.folder .. "/spawn", program, options(case), extra, tools.program(n), tools.driver,
            "@" .. list,
         }
      end
      return installed(program, {
         name = name,
         command = line(case.objects or case.list, case.n, case.jit_options or {}),
         baseline = line(case.trivial, 1, {}),
         note = "process start subtracted",
      })
   end
end

local function jitlink_options()
   return {}
end

local function rtdyld_options(case)
   local words = { "-execute", "-entry=main" }
   for _, library in ipairs(case.libraries or { "-lc" }) do
      words[#words + 1] = "-dylib=" .. system_file("lib" .. library:sub(3) .. ".so.6")
   end
   return words
end

--- A linker that makes a program, and the program, for objects that no shared library may hold.
local function executable(linker, name)
   return function(case, tools)
      if case.shared ~= false then
         return nil
      end
      local out = ("%s/%s.%s"):format(tools.folder, linker, case.id)
      return installed(linker, {
         name = name,
         command = shell.line {
            tools.folder .. "/spawn", linker, "-pie",
            "-dynamic-linker", "/lib64/ld-linux-x86-64.so.2", "-o", out,
            system_file("Scrt1.o"), system_file("crti.o"), tools.program(case.n), tools.driver,
            "@" .. case.list, library_words(case), system_file("crtn.o"), "--", out,
         },
         note = "two processes: the linker and the program",
      })
   end
end

--- The same code as a ready-made shared library: no linking at all, for reference.
local function ready(case, tools)
   if not case.ready then
      return nil
   end
   return {
      name = "dlopen of " .. case.ready.name,
      command = shell.line { tools.folder .. "/shared", case.ready.path, case.n },
      note = "linked beforehand",
   }
end

local function ghc(case, tools)
   if not shell.which("ghc") then
      return { name = "GHC's run-time linker", missing = "not installed" }
   end
   return in_process("ghc", "GHC's run-time linker")(case, tools)
end

local function floor(case, tools)
   return {
      name = "reading the files",
      command = shell.line { tools.folder .. "/read", case.files or case.list, case.expected },
   }
end

--- moonlink itself; `environment` says where its modules lie.
local function moonlink(case, _, environment)
   return {
      name = "moonlink",
      command = shell.line {
         "env", environment, "lua5.4", environment.driver, case.list, case.n,
         case.whole and "whole" or "as-needed",
      },
   }
end

local ALL = {
   floor,
   moonlink,
   ready,
   in_process("tcc", "libtcc"),
   shared("ld.lld", "lld -shared, dlopen", {}),
   shared("ld.gold", "gold -shared, dlopen", {}),
   -- its parent process would end early and take the account of memory with it
   shared("mold", "mold -shared, dlopen", { "--no-fork" }),
   shared("ld.bfd", "bfd -shared, dlopen", {}),
   executable("ld.lld", "lld -pie, run"),
   jit("llvm-jitlink-14", "JITLink 14", jitlink_options),
   jit("llvm-rtdyld-14", "RuntimeDyld 14", rtdyld_options),
   ghc,
}

--- The name of the row that all ratios are taken of.
peers.FLOOR = "reading the files"

--- All contestants for one case, in a fixed order.
---@param case table
---@param tools bench.Tools
---@param environment string[] words for env(1), with the field driver
---@return bench.Contestant[]
function peers.contestants(case, tools, environment)
   local list = {}
   for _, make in ipairs(ALL) do
      local contestant = make(case, tools, environment)
      if contestant then
         contestant.missing = contestant.missing or (case.skip or {})[contestant.name]
         list[#list + 1] = contestant
      end
   end
   return list
end

return peers
