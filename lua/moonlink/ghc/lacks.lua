--- Errors of loading in words of Haskell: of which package or module an undefined name is, and how
-- that is loaded; objects that do not go with the runtime.
-- SPDX-License-Identifier: MIT

local below = require "moonlink.ghc.below"
local errors = require "moonlink.error"
local lists = require "moonlink.lists"
local pkg = require "moonlink.pkg"

local lacks = {}

--- The hint for one name; nil when it is none of Haskell's, or when its package is there.
local function hint_for(hs, name)
   local parts = pkg.parse_symbol(name or "")
   if not parts or not parts.module then
      return nil
   end
   for _, p in ipairs(hs.packages) do
      if p.id == parts.unit or p.symbols == parts.unit then
         return ("package %s has no such name: was the module compiled against another version of "
            .. "it?"):format(p.id)
      end
   end
   if parts.unit == "main" then
      return ("load the object of module %s, too"):format(parts.module)
   end
   return ("it is of package %s, which the runtime was started without: packages = { \"%s\" }, "
      .. "or --ghc-package"):format(parts.unit, parts.unit)
end

--- What the constructor of every module refers to that was compiled with -prof.
local REGISTERS = "registerCcsList"

local function has_closures(names)
   for name in pairs(names.defined) do
      if name:find "_closure$" and pkg.parse_symbol(name) then
         return true
      end
   end
end

--- Refuses objects that were compiled without -prof for the profiling runtime: their closures are
--- shorter, and no name tells. The other way round names are missing.
---@param list moonlink.Input[]
---@return moonlink.Error?
function lacks.profiling(list)
   for _, input in ipairs(list) do
      local names = not input.library and below.names {input}
      if names and has_closures(names) and not names.wanted[REGISTERS] then
         local file = input.path or input.name or "(bytes)"
         return errors.new {
            code = "state", file = file,
            message = file .. " was compiled without -prof, but the runtime is the profiling one",
            hint = "compile it with -prof, or start without way = \"profiling\"",
         }
      end
   end
end

--- The packages that an error of undefined names asks for and that the runtime does not have.
---@param hs moonlink.ghc.Runtime
---@param err any
---@return string[] unit ids, sorted
function lacks.packages(hs, err)
   local known, wanted = {main = true}, {}
   for _, p in ipairs(hs.packages) do
      known[p.symbols or p.id] = true
   end
   local names = type(err) == "table" and err.code == "undefined" and err.names or {}
   for _, name in ipairs(names) do
      local parts = pkg.parse_symbol(name)
      if parts and parts.module and not known[parts.unit] then
         wanted[parts.unit] = true
      end
   end
   return lists.keys(wanted)
end

--- Of definitions that are there twice, the way to replace a module by its new version.
local function explain_twice(err)
   local is_module = false
   for _, each in ipairs(err.errors or {err}) do
      local parts = pkg.parse_symbol(each.symbol or "")
      is_module = is_module or parts ~= nil and parts.module ~= nil
   end
   for _, each in ipairs(is_module and {err, table.unpack(err.errors or {})} or {}) do
      each.hint = "is the module there already? hs:reload(unit) puts a new version in its place"
   end
end

--- Gives an error of a load hints that speak of packages and modules.
---@param hs moonlink.ghc.Runtime
---@param err any
---@return any err
function lacks.explain(hs, err)
   if type(err) == "table" and hs.kind == "shared" and err.hint == "compile with -fPIC" then
      err.hint = "compile with ghc -dynamic -fPIC, as modules above shared packages must be"
   end
   if type(err) == "table" and err.code == "duplicate" then
      explain_twice(err)
   end
   if type(err) ~= "table" or err.code ~= "undefined" then
      return err
   end
   err.hint = hint_for(hs, err.symbol) or err.hint
   for _, each in ipairs(err.errors or {}) do
      each.hint = hint_for(hs, each.symbol) or each.hint
   end
   return err
end

return lacks
