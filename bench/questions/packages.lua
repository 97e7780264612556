--- Packages in the forms in which they are installed: archive, prelinked object, shared library.
-- SPDX-License-Identifier: MIT

local find = require "moonlink.pkg.ghc"
local lab = require "moonlink.lab"
local lists = require "moonlink.lists"
local moonlink = require "moonlink"
local pkg = require "moonlink.pkg"

local packages = {}

local PACKAGE = "containers"

--- The plan of the Haskell package and all that it needs, in one form; nil without ghc.
local function plan_of(kind)
   local ghc = find.find {whole = true}
   if not ghc then
      return nil
   end
   local db = assert(pkg.open(ghc.global))
   return assert(db:plan {"rts", "base", PACKAGE, hidden = true, kind = kind})
end

--- Files of packages, those that need others first, and other libraries; options of the load.
local function inputs_of(plan, is_whole)
   local inputs, extra = {roots = {}, search = {}}, {}
   for i = #plan.units, 1, -1 do
      local unit = plan.units[i]
      for _, file in ipairs(unit.files) do
         local list = file.role == "package" and inputs or extra
         local whole = is_whole and file.kind == "archive" and unit.name ~= "rts"
         list[#list + 1] = file.role == "package" and whole and {path = file.path, whole = true}
            or file.path
      end
   end
   lists.append(inputs, extra)
   for _, unit in ipairs(plan.units) do
      lists.append(inputs.roots, unit.roots)
      lists.append(inputs.search, unit.search)
   end
   return inputs
end

--- A name of the package in GHC's encoding: Data.Map's insert.
local function wanted(plan)
   for _, unit in ipairs(plan.units) do
      if unit.name == PACKAGE then
         local id = unit.id:gsub("z", "zz"):gsub("%-", "zm"):gsub("%.", "zi")
         return id .. "_DataziMapziInternal_insert_info"
      end
   end
end

--- The input: the archives of the package and of all that it needs; nil without ghc.
---@return moonlink.lab.Input?
function packages.closure()
   local plan, paths = plan_of "archive", {}
   for _, unit in ipairs(plan and plan.units or {}) do
      for _, file in ipairs(unit.files) do
         paths[#paths + 1] = file.role == "package" and file.path or nil
      end
   end
   return plan and {name = PACKAGE, objects = paths}
end

--- A strategy that loads the package in a form: "archive", "prelinked" or "shared".
---@param name string
---@param kind string
---@param members? "all"|"wanted" of archives
---@return moonlink.lab.Strategy
function packages.form(name, kind, members)
   return lab.strategy {
      name = name,
      begin = function(run)
         run.packages = plan_of(kind)
      end,
      load = function(_, run)
         local ln, what = moonlink.new {debug = "none"}, run.packages
         if kind ~= "shared" then
            what = inputs_of(what, members == "all")
            what.roots[#what.roots + 1] = members == "wanted" and wanted(run.packages) or nil
         end
         return {linker = ln, unit = assert(ln:load(what))}
      end,
      bind = function(loaded, prototype)
         return assert(loaded.linker:func(prototype))
      end,
      numbers = function(loaded)
         local stats = loaded.unit.stats or {}
         return {linked_objects = stats.objects, relocations = stats.relocations,
            image_kb = stats.memory and stats.memory / 1024}
      end,
   }
end

--- The library that the distribution has made of the same objects.
---@param names table<string, string> by input what dlopen finds: "libz.so.1"
---@return moonlink.lab.Strategy
function packages.installed(names)
   return lab.strategy {
      name = "installed library", base = "shared-batch", axes = {}, fixed = {},
      prepare = function(plan)
         return {files = {names[plan.name]}}
      end,
   }
end

return packages
