--- Which libraries an archive needs beside libc: found by its undefined names, so that nobody has
-- to write it down. Rules for those where names alone do not say it are in libraries.lua.
-- SPDX-License-Identifier: MIT

local libraries = require "spec.corpus.libraries"
local shell = require "spec.corpus.shell"

local needs = {}

local LAST = 1000000 -- more than any library defines

--- Libraries that the compiler adds by itself: what they define needs nobody else.
local BASE = {"libc.so.6", "ld-linux-x86-64.so.2", "libgcc_s.so.1", "libgcc.a", "libc_nonshared.a"}

--- The path of a file as the compiler finds it, without the detours of its own notation.
local function compiler_file(name)
   local path = shell.lines {"gcc", "-print-file-name=" .. name}[1]
   return shell.lines {"readlink", "-f", path:match "^(.*)/" or "."}[1] .. "/" .. name
end

--- What nm says of a file, visited as (name, type letter).
local function symbols(words, path, visit)
   local command = shell.line {"nm", "-P", "-g", words, path} .. " 2>/dev/null"
   local _, text = shell.run(command)
   for name, letter in text:gmatch "([^\n@ ]+)[^\n ]* (%a)[^\n]*" do
      visit(name, letter)
   end
end

--- Sets `defined` and, for an archive, `undefined` of a library.
local function read(library)
   local defined, undefined = {}, {}
   local is_shared = library.path:find "%.so" ~= nil
   symbols(is_shared and {"-D", "--defined-only"} or {}, library.path, function(name, letter)
      if letter == "U" then
         undefined[name] = true
      elseif letter:find "[A-Vu]" then -- W and w, V and v may both be undefined
         defined[name] = true
      elseif letter == "W" then
         defined[name] = true
      end
   end)
   library.defined, library.undefined = defined, undefined
   for name in pairs(defined) do
      undefined[name] = nil
   end
   return library
end

--- The shared library that a linker script names first, or the path itself.
local function behind_script(path)
   local text = shell.read(path) or ""
   if text:sub(1, 4) == "\127ELF" then
      return path
   end
   local inner = text:match "[%(%s](/[^%s%)]+%.so[%.%d]*)" or text:match "([^%s%(%)]+%.so[%.%d]+)"
   if inner and not inner:find "^/" then
      inner = path:match "^(.*/)" .. inner
   end
   return inner
end

--- Owners of shared libraries: package by path.
local function owners(paths)
   local by_path = {}
   for _, line in ipairs(shell.lines(shell.line {"dpkg", "-S", paths} .. " 2>/dev/null")) do
      local package, path = line:match "^([^:,]+)[^ ]*: (.*)$"
      if package then
         by_path[path] = package
      end
   end
   return by_path
end

--- The paths of all shared libraries that -l could find.
local function shared_paths()
   local system = compiler_file "libc.so":match "^(.*)/"
   local own = compiler_file "libgcc.a":match "^(.*)/"
   return shell.lines(("ls %s/lib*.so %s/lib*.so"):format(shell.quote(system), shell.quote(own)))
end

local function shared_libraries()
   local paths, list = shared_paths(), {}
   local by_path = owners(paths)
   for _, path in ipairs(paths) do
      local real = behind_script(path)
      local name = path:match "lib([^/]*)%.so$"
      if real and not libraries.never[name] then
         list[#list + 1] = {path = path, real = real, name = name, package = by_path[path]}
      end
   end
   return list
end

--- Names that need no library.
local function base_names()
   local known = {_GLOBAL_OFFSET_TABLE_ = true, __dso_handle = true, _DYNAMIC = true, _end = true}
   for _, name in ipairs(BASE) do
      local real = behind_script(compiler_file(name))
      for symbol in pairs(read {path = real or compiler_file(name)}.defined) do
         known[symbol] = true
      end
   end
   return known
end

--- Libraries by the names that they define and somebody wants.
local function index(list, wanted)
   local by_name = {}
   for _, library in ipairs(list) do
      if not library.defined then
         library.defined = read {path = library.real}.defined
      end
      for name in pairs(library.defined) do
         if wanted[name] then
            by_name[name] = by_name[name] or {}
            table.insert(by_name[name], library)
         end
      end
   end
   return by_name
end

--- Direct dependencies of a package, as a set.
local function depends_of(package, memo)
   if not memo[package] then
      local set = {[package] = true}
      local _, text = shell.run {"dpkg-query", "-W", "-f", "${Depends}, ${Recommends}", package}
      for name in text:gmatch "[%w%-%+%.]+" do
         set[name] = true
      end
      memo[package] = set
   end
   return memo[package]
end

--- The library that defines most of the names that are left; libraries of packages that the
--- archive's package depends on go first, shorter names break ties.
local function best(left, by_name, is_allowed)
   local counts = {}
   for name in pairs(left) do
      for _, library in ipairs(by_name[name] or {}) do
         local bonus = is_allowed(library)
         if bonus then
            counts[library] = (counts[library] or bonus) + 1
         end
      end
   end
   local winner
   for library, count in pairs(counts) do
      local other = winner and counts[winner]
      if not winner or count > other or (count == other and
         (#library.path < #winner.path or
          (#library.path == #winner.path and library.path < winner.path))) then
         winner = library
      end
   end
   return winner
end

local function folder_of(library)
   return library.path:match "^(.*)/"
end

--- Chooses libraries until no name is left that one of them defines.
local function choose(archive, state)
   local rule = libraries.rule(archive)
   local depends = depends_of(archive.package, state.depends)
   local left, chosen, taken = {}, {}, {}
   for name in pairs(archive.undefined) do
      left[name] = not state.base[name] or nil
   end
   local function take(library)
      chosen[#chosen + 1] = library
      taken[library] = true
      for name in pairs(library.defined) do
         left[name] = nil
      end
   end
   for _, name in ipairs(rule.with or {}) do
      take(assert(state.shared_by_name[name], "no shared library " .. name))
   end
   local function bonus_of(library)
      if taken[library] or library == archive or library.name == archive.name then
         return nil
      end
      local last = libraries.last[library.name] and LAST or 0
      return (depends[library.package or ""] and 1000 or 0) - last
   end
   local function of_same_folder(library)
      return folder_of(library) == folder_of(archive) and bonus_of(library) or nil
   end
   local orders = {{state.shared, bonus_of}, {state.static, bonus_of}}
   if rule.static then
      table.insert(orders, 1, {state.static, of_same_folder})
   end
   for _, order in ipairs(orders) do
      local library = best(left, order[1], order[2])
      while library do
         take(library)
         library = best(left, order[1], order[2])
      end
   end
   return chosen
end

--- Archives bring needs of their own.
local function close(archive, state, out, seen)
   archive.chosen = archive.chosen or choose(archive, state)
   for _, library in ipairs(archive.chosen) do
      if not seen[library] then
         seen[library] = true
         out[#out + 1] = library.path
         if library.undefined then
            close(library, state, out, seen)
         end
      end
   end
   return out
end

--- Sets `needs`, a list of paths, of every archive.
local function find(archives)
   local state = {depends = {}, base = base_names(), shared_by_name = {}}
   local wanted = {}
   for _, archive in ipairs(archives) do
      for name in pairs(read(archive).undefined) do
         wanted[name] = true
      end
   end
   local shared = shared_libraries()
   for _, library in ipairs(shared) do
      state.shared_by_name[library.name] = library
   end
   state.shared = index(shared, wanted)
   state.static = index(archives, wanted)
   for _, archive in ipairs(archives) do
      archive.needs = close(archive, state, {}, {[archive] = true})
   end
end

--- All that the answer depends on: the libraries, and how it is found.
local function key_of(archives)
   local words = {"stat", "-L", "-c", "%n %s %Y"}
   for _, library in ipairs(shared_paths()) do
      words[#words + 1] = library
   end
   local _, text = shell.run(shell.line(words) .. " 2>/dev/null")
   local parts = {text}
   for _, archive in ipairs(archives) do
      parts[#parts + 1] = archive.path .. " " .. archive.stamp
   end
   for _, name in ipairs {"needs", "libraries"} do
      parts[#parts + 1] = shell.read(assert(package.searchpath("spec.corpus." .. name,
         package.path)))
   end
   return table.concat(parts, "\n")
end

--- Sets `needs`, a list of paths, of every archive. Asking nm of a thousand libraries takes half a
--- minute, so the answer is kept.
---@param archives corpus.Archive[]
---@param cache string folder
function needs.find(archives, cache)
   local text = shell.cached(cache, key_of(archives), function()
      find(archives)
      local lines = {}
      for _, archive in ipairs(archives) do
         lines[#lines + 1] = archive.path .. "\t" .. table.concat(archive.needs, "\t") .. "\n"
      end
      return table.concat(lines)
   end)
   local by_path = {}
   for line in text:gmatch "[^\n]+" do
      local list = {}
      for word in line:gmatch "[^\t]+" do
         list[#list + 1] = word
      end
      by_path[table.remove(list, 1)] = list
   end
   for _, archive in ipairs(archives) do
      archive.needs = by_path[archive.path]
   end
end

return needs
