--- Small package databases and flags out of a seed, for the real ghc and the package model alike.
-- SPDX-License-Identifier: MIT

local random = require "spec.support.random"
local support = require "spec.support"

local ghcworld = {}

local pick = random.pick

local NAMES = {"alpha", "alpha", "beta", "beta", "gamma", "delta", "base", "rts", "ghc-prim"}
local VERSIONS = {"1.0", "1.9", "1.10", "2.0"}
local MODULES = {"Data.One", "Data.Two", "Data.Ones", "One", "Two", "Control.Three", "Main.Four"}

local function some(below, list, most)
   local taken, seen = {}, {}
   for _ = 1, below(most + 1) - 1 do
      local each = pick(below, list)
      if not seen[each] then
         seen[each], taken[#taken + 1] = true, each
      end
   end
   return taken
end

local function package(below)
   local name, version = pick(below, NAMES), pick(below, VERSIONS)
   local id = ("%s-%s-%s"):format(name, version, pick(below, {"x", "y"}))
   local part = name == "gamma" and below(3) == 1 and "part" or nil
   local holes = below(15) == 1 and {"Hole=<Hole>"} or nil
   return {
      package_name = part and name, lib_name = part, -- a part of a package
      indefinite = holes ~= nil, instantiated_with = holes,
      name = part and "z-gamma-z-part" or name, version = version, id = id,
      abi = pick(below, {"h1", "h2"}),
      exposed = below(4) > 1, trusted = below(4) == 1,
      exposed_modules = some(below, MODULES, 3),
      hidden_modules = {"Hidden." .. name:sub(1, 1):upper()},
   }
end

local function own_modules(p)
   local list = {}
   for _, item in ipairs(p.exposed_modules) do
      list[#list + 1] = not item:find " " and item or nil
   end
   return list
end

--- Dependencies and re-exports; mostly of packages made before, sometimes of any, so that there are
--- cycles, sometimes of none.
local function connect(below, all)
   for i, p in ipairs(all) do
      p.depends, p.abi_keys = {}, {}
      for _ = 1, below(4) - 1 do
         local other = below(12) > 1 and i > 1 and all[below(i - 1)] or pick(below, all)
         if below(25) == 1 then
            p.depends[#p.depends + 1] = "gone-1-x"
         elseif not table.concat(p.depends, " "):find(other.id, 1, true) then
            p.depends[#p.depends + 1] = other.id
            local own = own_modules(other)
            if other.id ~= p.id and own[1] and below(3) == 1 then
               local from = pick(below, own)
               local name = pick(below, {from, pick(below, MODULES), "Again." .. from})
               if not table.concat(p.exposed_modules, " "):find(name, 1, true) then
                  p.exposed_modules[#p.exposed_modules + 1] =
                     ("%s from %s:%s"):format(name, other.id, from)
               end
            end
         end
      end
   end
end

--- What ghc-pkg writes into the cache: hashes of those dependencies that are in the same database.
local function add_hashes(packages)
   local by_id = {}
   for _, p in ipairs(packages) do
      by_id[p.id] = p
   end
   for _, p in ipairs(packages) do
      p.abi_depends = {}
      for _, id in ipairs(p.depends) do
         if by_id[id] then
            p.abi_depends[#p.abi_depends + 1] = ("%s=%s"):format(id, by_id[id].abi)
         end
      end
   end
end

--- Databases, the later one wins.
---@param below fun(n: integer): integer
---@return {packages: table[]}[]
function ghcworld.databases(below)
   local databases, all = {}, {}
   for d = 1, below(3) do
      local packages, seen = {}, {}
      for _ = 1, below(9) do
         local p = package(below)
         if not seen[p.id] then
            seen[p.id], packages[#packages + 1], all[#all + 1] = true, p, p
         end
      end
      databases[d] = {packages = packages}
   end
   connect(below, all)
   for _, database in ipairs(databases) do
      add_hashes(database.packages)
   end
   return databases
end

--- A package in the text format of package databases.
---@param p table
---@return string
function ghcworld.text(p)
   local lines = {}
   local function field(name, value)
      lines[#lines + 1] = ("%s: %s\n"):format(name, value)
   end
   field("name", p.name)
   if p.lib_name then
      field("package-name", p.package_name)
      field("lib-name", p.lib_name)
   end
   if p.indefinite then
      field("indefinite", "True")
      field("instantiated-with", table.concat(p.instantiated_with, ", "))
   end
   field("version", p.version)
   field("id", p.id)
   field("key", p.id)
   field("abi", p.abi)
   field("exposed", p.exposed and "True" or "False")
   field("trusted", p.trusted and "True" or "False")
   field("exposed-modules", table.concat(p.exposed_modules, ", "))
   field("hidden-modules", table.concat(p.hidden_modules, " "))
   field("depends", table.concat(p.depends, " "))
   field("abi-depends", table.concat(p.abi_depends, " "))
   return table.concat(lines)
end

--- Writes databases for ghc; each gets its `path`.
---@param databases table[]
function ghcworld.write(databases)
   for _, database in ipairs(databases) do
      database.path = support.tmpdir()
      for _, p in ipairs(database.packages) do
         support.write(("%s/%s.conf"):format(database.path, p.id), ghcworld.text(p))
      end
      support.sh("ghc-pkg -v0 --package-db %s recache", database.path)
   end
end

local KINDS = {"-package", "-package", "-package-id", "-hide-package", "-ignore-package", "-trust",
   "-distrust"}

local function argument(below, databases, kind)
   local p = pick(below, pick(below, databases).packages)
   if kind == "-package-id" then
      return p.id
   elseif below(20) == 1 then
      return "nowhere"
   end
   return below(3) == 1 and ("%s-%s"):format(p.name, p.version) or p.name, p
end

--- Words of a command line about these databases.
---@param below fun(n: integer): integer
---@param databases table[]
---@return string[]
function ghcworld.flags(below, databases)
   local words = {}
   for _ = 1, below(4) - 1 do
      local kind = pick(below, KINDS)
      local arg, p = argument(below, databases, kind)
      local own = p and own_modules(p)[1]
      if kind == "-package" and own and below(3) == 1 then
         arg = arg .. pick(below, {" (%s)", " (%s as Renamed)", " with (%s as Data.One)",
            "(%s as A, %s)", " ()"}):gsub("%%s", own)
      end
      table.move({kind, arg}, 1, 2, #words + 1, words)
   end
   for _, each in ipairs {"-hide-all-packages", "-distrust-all-packages"} do
      words[#words + 1] = below(8) == 1 and each or nil
   end
   return words
end

--- What imports may name: modules, some with a package, some misspelt.
---@param below fun(n: integer): integer
---@return {name: string, package: string?}[]
function ghcworld.imports(below)
   local list = {}
   for _, name in ipairs(MODULES) do
      list[#list + 1] = {name = name}
   end
   for _, name in ipairs {"Data.On", "Dta.One", "Tow", "Hidden.A", "Hidden.B", "Renamed", "A",
      "Again.One", "Agian.Two", "Control.Threee", "Quite.Another"} do
      list[#list + 1] = {name = name}
   end
   for _ = 1, 4 do
      list[#list + 1] = {name = pick(below, MODULES), package = pick(below, NAMES)}
   end
   return list
end

return ghcworld
