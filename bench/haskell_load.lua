--- Loads one package of GHC's global database, with the runtime and all packages below it, in this
-- process; prints what that took as key=value words; ms is processor time.
-- Usage: lua5.4 bench/haskell_load.lua PACKAGE FORM [start|behind]
-- FORM: whole (every member of the package's archive, what that needs of the others), unused (all
-- archives, of which only the runtime asks for something), prelinked, shared; list-FORM prints the
-- files instead. start: also starts the runtime and ends it. behind: the runtime and its libraries
-- are loaded first, which is not counted, as a program that GHC linked has them already.
-- SPDX-License-Identifier: MIT

dofile((arg[0]:match "^.*/" or "") .. "root.lua")

local find = require "moonlink.pkg.ghc"
local moonlink = require "moonlink"
local pkg = require "moonlink.pkg"
local runtime = require "bench.haskell_runtime"

local KIND = { whole = "archive", unused = "archive", prelinked = "prelinked", shared = "shared" }

--- A figure of /proc/self/status, in MB.
local function status(key)
   local file <close> = assert(io.open("/proc/self/status"))
   return tonumber(file:read("a"):match(key .. ":%s*(%d+)")) / 1024
end

--- The plan, and of its files: the package's own, those of all packages, dependants first, and the
-- names of other libraries.
local function plan_of(name, form)
   local global = assert(find.find { whole = true }, "ghc is not installed").global
   local db = assert(pkg.open(global))
   local plan = assert(db:plan { "rts", "base", name, hidden = true,
      kind = assert(KIND[form], "no such form") })
   local own, all, extra = {}, {}, {}
   for i = #plan.units, 1, -1 do
      for _, file in ipairs(plan.units[i].files) do
         if file.role == "extra" then
            extra[#extra + 1] = file
         else
            all[#all + 1] = file.path
            own[#own + 1] = plan.units[i].name == name and file.path or nil
         end
      end
   end
   return plan, own, all, extra
end

--- All packages as one load: what ln:load takes.
local function inputs_of(form, plan, own, all, extra)
   local inputs, is_own = { roots = {}, search = {} }, {}
   for _, path in ipairs(own) do
      is_own[path] = form == "whole"
   end
   for i, path in ipairs(all) do
      inputs[i] = is_own[path] and { path = path, whole = true } or path
   end
   for _, file in ipairs(extra) do
      inputs[#inputs + 1] = file.path
   end
   for _, unit in ipairs(plan.units) do
      table.move(unit.roots, 1, #unit.roots, #inputs.roots + 1, inputs.roots)
      table.move(unit.search, 1, #unit.search, #inputs.search + 1, inputs.search)
   end
   return inputs
end

local function print_files(own, all, extra)
   local names = {}
   for i, file in ipairs(extra) do
      names[i] = "-l" .. file.library
   end
   for _, list in ipairs { own, all, names } do
      print(table.concat(list, " "))
   end
end

--- Loads the runtime, all of it, and its libraries, out of the inputs. What it wants of packages
-- gets some address: in a program it would have packages of its own.
local function load_runtime(ln, inputs, extra)
   local first, nobody = {}, assert(ln:address_of "getpid")
   local is_own = {}
   for _, file in ipairs(extra) do
      is_own[file.path] = runtime.has_library(file.library)
   end
   local i = 1
   while inputs[i] do
      local path = type(inputs[i]) == "string" and inputs[i] or inputs[i].path
      if runtime.is_archive(path) or is_own[path] then
         table.remove(inputs, i)
         first[#first + 1] = is_own[path] and path or { path = path, whole = true }
      else
         i = i + 1
      end
   end
   first.undefined = function() return nobody end
   inputs.roots = nil
   assert(ln:load(first))
end

local name, form, start = arg[1], arg[2], arg[3] == "start"
local plan, own, all, extra = plan_of(name, (form:gsub("^list%-", "")))
if form:find("^list%-") then
   print_files(own, all, extra)
   os.exit(0)
end

local ln = moonlink.new {}
local what = form == "shared" and plan or inputs_of(form, plan, own, all, extra)
if arg[3] == "behind" then
   load_runtime(ln, what, extra)
   collectgarbage()
end
local before, begin = status "VmRSS", os.clock()
local unit = assert(ln:load(what))
local ms, peak = (os.clock() - begin) * 1e3, status "VmHWM"
local stats = unit.stats or {}
io.write(("files=%d objects=%d relocations=%d ms=%.3f placed=%.3f peak=%.3f\n"):format(#all,
   stats.objects or 0, stats.relocations or 0, ms, (stats.memory or 0) / 2 ^ 20, peak - before))
if start then
   assert(ln:func "void hs_init(void *, void *)")(nil, nil)
   assert(ln:func "void hs_exit(void)")()
   io.write("started=1\n")
end
