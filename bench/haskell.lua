--- Loads every package of GHC's global database, each in a fresh process, and prints the figures as
-- docs/haskell-packages.md: lua5.4 bench/haskell.lua >docs/haskell-packages.md
-- Usage: lua5.4 bench/haskell.lua [--runs N] [--build FOLDER] [PACKAGE ...]
-- SPDX-License-Identifier: MIT

local root = dofile((arg[0]:match "^.*/" or "") .. "root.lua")

local machine = require "bench.machine"
local runtime = require "bench.haskell_runtime"
local shell = require "bench.shell"
local tools = require "bench.tools"

local runs, build, wanted = 3, root .. "/build", {}
local i = 1
while arg[i] do
   if arg[i] == "--runs" or arg[i] == "--build" then
      runs = arg[i] == "--runs" and assert(math.tointeger(tonumber(arg[i + 1]))) or runs
      build = arg[i] == "--build" and arg[i + 1] or build
      i = i + 1
   else
      wanted[#wanted + 1] = arg[i]
   end
   i = i + 1
end
package.cpath = build .. "/?.so;" .. package.cpath

local LOAD = shell.line {
   "env", ("LUA_PATH=%s/lua/?.lua;%s/lua/?/init.lua;;"):format(root, root),
   ("LUA_CPATH=%s/?.so;;"):format(build), "lua5.4", root .. "/bench/haskell_load.lua",
}

local LONG = 3000 -- ms: what takes that long runs once

--- The figures that a command prints, of the fastest of all runs; nil and its output when it fails.
local function measure(command)
   local best
   for _ = 1, runs do
      if best and best.ms > LONG then
         break
      end
      local good, out = shell.try(command)
      if not good then
         return nil, out
      end
      local figures = {}
      for key, value in out:gmatch("(%w+)=([%d.]+)") do
         figures[key] = tonumber(value)
      end
      best = (not best or figures.ms < best.ms) and figures or best
   end
   return best
end

--- The words of the three lines that list-FORM prints: own files, all files, other libraries.
local function files_of(name, form)
   local lists = {}
   for line in (shell.run(LOAD .. " " .. name .. " list-" .. form) .. "\n"):gmatch("(.-)\n") do
      lists[#lists + 1] = {}
      for word in line:gmatch("%S+") do
         table.insert(lists[#lists], word)
      end
   end
   return table.unpack(lists, 1, 3)
end

--- A command that has GHC's linker load the same files; the runtime it has already.
local function peer(driver, name, form)
   local _, all, extra = files_of(name, form)
   local words = { "timeout", 60, driver }
   for _, library in ipairs(extra) do
      words[#words + 1] = not runtime.has_library(library:sub(3)) and library or nil
   end
   for k = #all, 1, -1 do -- dependencies first
      if not runtime.is_archive(all[k]) then
         words[#words + 1] = all[k]
      end
   end
   return shell.line(words)
end

local function archive_bytes(name)
   local bytes = 0
   for _, path in ipairs((files_of(name, "whole"))) do
      bytes = bytes + assert(tonumber(shell.first_line("stat -c %s " .. shell.quote(path))))
   end
   return bytes
end

local function cell(figures, format, ...)
   local values = {}
   for k, key in ipairs { ... } do
      values[k] = figures and figures[key]
   end
   return figures and (format:format(table.unpack(values))) or "fails"
end

local function measure_all(driver, name)
   local row = { bytes = archive_bytes(name), name = name }
   local problem
   for _, form in ipairs { "whole", "unused", "prelinked", "shared" } do
      row[form], problem = measure(shell.line { "sh", "-c", LOAD .. " " .. name .. " " .. form })
      if problem then
         io.stderr:write(name, " ", form, ": ", problem, "\n")
      end
   end
   if driver and name ~= "rts" then
      row.ghc_unused = measure(peer(driver, name, "unused"))
      row.ghc_prelinked, problem = measure(peer(driver, name, "prelinked"))
      if problem then
         io.stderr:write(name, " with GHC's linker: ", problem, "\n")
      end
   end
   row.behind, problem = measure(LOAD .. " " .. shell.quote(name) .. " prelinked behind")
   if problem then
      io.stderr:write(name, " behind the runtime: ", problem, "\n")
   end
   local own = files_of(name, "prelinked")
   row.is_prelinked = own[1] and own[1]:find("%.o$")
   return row
end

local function package_names()
   if #wanted > 0 then
      return wanted
   end
   local names = {}
   local global = assert(require "moonlink.pkg.ghc".find { whole = true }).global
   for _, p in ipairs(assert(require "moonlink.pkg".open(global)).packages) do
      names[#names + 1] = p.name
   end
   table.sort(names)
   return names
end

local INTRODUCTION = [[
# GHC's packages, loaded

Every package of GHC's global database, each in a fresh process together with the runtime and all
packages below it. Written by `lua5.4 bench/haskell.lua >docs/haskell-packages.md`. Milliseconds are
processor time (user and system: others use the machine, too) from open to linked, %s;
MB are the growth of the process up to its peak; the files were in the page cache.

Measured on %s.

- **whole**: every member of the package's archive, and of the archives below it what those members
  and the runtime's roots need.
- **unused**: all archives are given, but only the runtime asks for something: what an archive costs
  that nothing refers to.
- **prelinked**: the packages' `HS*.o`; what has none comes from its archive, as needed.
- **behind**: the same in two loads, of which the first, all of the runtime's archive and the
  libraries that it is linked with, is not counted: like with like, since GHC's linker has these in
  its process.
- **shared**: the shared libraries, opened by the process's own loader.
- **GHC**: the linker in GHC's runtime system, by `loadArchive`, `loadObj` and `resolveObjs`, on the
  same files less those of the runtime, which its process has already. Of an archive it relocates
  only what is asked for, so that its side of *whole* is *prelinked*.

]]

local function load_words(row, form)
   local f = row[form]
   return ("%s | %s | %s | %s"):format(cell(f, "%d", "objects"), cell(f, "%d", "relocations"),
      cell(f, "%.1f", "ms"), cell(f, "%.0f", "peak"))
end

local function ghc_words(row, form)
   local f = row["ghc_" .. form]
   return f and ("%.1f | %.0f"):format(f.ms, f.peak) or "– | –"
end

local function behind_words(row)
   return ("%s | %s"):format(cell(row.behind, "%.1f", "ms"), cell(row.behind, "%.0f", "peak"))
end

local function line(...)
   io.write("| ", table.concat({ ... }, " | "), " |\n")
end

local function print_tables(rows)
   io.write("## From archives, whole\n\n",
      "| package | archive MB | files | objects | relocations | ms | MB |\n",
      "|---|--:|--:|--:|--:|--:|--:|\n")
   for _, r in ipairs(rows) do
      line(r.name, ("%.1f"):format(r.bytes / 1e6), cell(r.whole, "%d", "files"),
         load_words(r, "whole"))
   end
   io.write("\n## From archives that nothing refers to\n\n",
      "| package | archive MB | files | objects | relocations | ms | MB | GHC ms | GHC MB |\n",
      "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
   for _, r in ipairs(rows) do
      line(r.name, ("%.1f"):format(r.bytes / 1e6), cell(r.unused, "%d", "files"),
         load_words(r, "unused"), ghc_words(r, "unused"))
   end
   io.write("\n## Prelinked objects and shared libraries\n\n",
      "| package | files | objects | relocations | ms | MB | behind ms | behind MB | GHC ms ",
      "| GHC MB | shared ms | shared MB |\n",
      "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
   for _, r in ipairs(rows) do
      line(r.name .. (r.is_prelinked and "" or " (archive)"), cell(r.prelinked, "%d", "files"),
         load_words(r, "prelinked"), behind_words(r), ghc_words(r, "prelinked"),
         cell(r.shared, "%.1f", "ms"), cell(r.shared, "%.0f", "peak"))
   end
end

local function print_free(rows)
   local by_name = {}
   for _, r in ipairs(rows) do
      by_name[r.name] = r
   end
   local base, ghc = by_name.base, by_name.ghc
   if not (base and ghc and base.unused and ghc.unused) then
      return
   end
   io.write(([[

## An unused archive

The archive of `ghc` has %.0f MB. With it and those of all packages below it among the inputs (%d
files), a load of the runtime takes %.1f ms and %.0f MB; with `base` and what is below that alone
(%d files) %.1f ms and %.0f MB. The difference is the archives' indexes, which say that nothing is
wanted.
]]):format(ghc.bytes / 1e6, ghc.unused.files, ghc.unused.ms, ghc.unused.peak, base.unused.files,
      base.unused.ms, base.unused.peak))
end

assert(shell.which("ghc"), "ghc is not installed")
local built = tools.build()
local driver = not built.missing("packages") and built.folder .. "/packages" or nil
local rows = {}
for _, name in ipairs(package_names()) do
   rows[#rows + 1] = measure_all(driver, name)
   io.stderr:write(name, "\n")
end
io.write(INTRODUCTION:format(
   runs == 1 and "in one run each" or ("the least of %d runs"):format(runs),
   machine.line(machine.describe())))
print_tables(rows)
print_free(rows)
