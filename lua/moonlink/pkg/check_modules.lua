--- Rules about the modules of a package: interface files, and re-exports.
-- SPDX-License-Identifier: MIT

local hs = require "moonlink.pkg.hs_string"
local ids = require "moonlink.pkg.ids"
local paths = require "moonlink.pkg.check_paths"

local modules = {}

local NONE = {}
local ENDINGS = {{"", ".hi"}, {"", ".p_hi"}, {"", ".dyn_hi"}}

local function is_plain(list)
   for _, item in ipairs(list) do
      if item:find(" ", 1, true) then
         return false
      end
   end
   return true
end

--- The names under which modules are exposed: "M" of "M from unit:N".
---@param list string[]
---@return string[] new when not empty
function modules.names(list)
   local names = {}
   for i, item in ipairs(list) do
      names[i] = item:match "^%S+" or item
   end
   return names
end

--- The parts of a re-export.
---@param item string of exposed-modules
---@return string? unit nil when the item is a module of the package itself
---@return string? module
function modules.reexport(item)
   return item:match "^%S+ from (.+):([^:]+)$"
end

--- Calls found(module) for those that have no interface file, in their order. GHC.Prim never has
--- one.
local function missing(p, names, judge, found)
   if #names == 0 then
      return
   end
   local folders = paths.of("import_dirs", p, judge)
   for _, name in ipairs(judge.files:missing(folders, names, ENDINGS, true) or NONE) do
      if name ~= "GHC.Prim" then
         found(name)
      end
   end
end

local function no_file(name)
   return "cannot find any of " .. hs.file_names(name:gsub("%.", "/"), ENDINGS)
end

--- A rule: the hidden modules have their files.
function modules.hidden(p, judge, report)
   missing(p, p.hidden_modules or NONE, judge, function(name)
      report(no_file(name))
   end)
end

--- Does a package depend on a unit, directly or not? A package does on itself.
local function depends_on(p, wanted, judge)
   local queue, seen, head = {p}, {}, 0
   while head < #queue do
      head = head + 1
      local here = queue[head]
      if ids.unit(here) == wanted then
         return true
      end
      for _, id in ipairs(here.depends or NONE) do
         if not seen[id] then
            seen[id] = true
            queue[#queue + 1] = judge.units[id] and judge.units[id][1]
         end
      end
   end
   return false
end

--- What is wrong with a re-export, or nil.
local function bad_reexport(p, unit, name, judge)
   local there = judge.units[unit]
   local owner = unit == ids.unit(p) and p or there and there[1]
   if not owner then
      return "refers to a non-existent defining package: " .. unit
   elseif not depends_on(p, unit, judge) then
      return "refers to a defining package that is not a direct (or indirect) dependency of this "
         .. "package: " .. unit
   end
   for _, item in ipairs(owner.exposed_modules or NONE) do
      if item == name then
         return nil
      elseif item:match "^%S+" == name then
         return ("refers to a module %s that is reexported but not defined in the defining package "
            .. "%s"):format(name, unit)
      end
   end
   return ("refers to a module %s that is not exposed in the defining package %s"):format(name,
      unit)
end

--- Units that are still to be instantiated are not looked at, as ghc-pkg does not.
local function check_reexport(p, item, judge, report)
   local unit, name = modules.reexport(item)
   local bad = unit and not unit:find "[%[<]" and bad_reexport(p, unit, name, judge)
   if bad then
      report("module reexport " .. bad, "all")
   end
end

--- Interface files and re-exports in one rule: findings come in the order of the field.
function modules.exposed(p, judge, report)
   local list = p.exposed_modules or NONE
   if is_plain(list) then
      missing(p, list, judge, function(name)
         report(no_file(name))
      end)
      return
   end
   local own, gone = {}, {}
   for _, item in ipairs(list) do
      own[#own + 1] = not item:find(" ", 1, true) and item or nil
   end
   missing(p, own, judge, function(name)
      gone[name] = true
   end)
   for _, item in ipairs(list) do
      if gone[item] then
         report(no_file(item))
      elseif item:find(" ", 1, true) then
         check_reexport(p, item, judge, report)
      end
   end
end

return modules
