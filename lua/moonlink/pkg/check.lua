--- What is wrong with a package: the rules by which ghc-pkg judges one, in its order, a row each.
-- Used by register, update and check. A rule looks and reports; it decides nothing: what a finding
-- means is its class, and who may overrule it (check.verdict).
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"
local lists = require "moonlink.lists"
local paths = require "moonlink.pkg.check_paths"
local modules = require "moonlink.pkg.check_modules"

local check = {}

---@alias moonlink.pkg.Class
---| "warning" never in the way
---| "files" overruled by --force and --force-files
---| "all" overruled by --force
---| "never" cannot be overruled

---@class moonlink.pkg.Problem
---@field rule string name of its row
---@field class moonlink.pkg.Class
---@field text string

--- What the rules may ask.
---@class moonlink.pkg.Judge
---@field units table<string, moonlink.pkg.Package[]> by id: all that a package may depend on
---@field installed? table<string, moonlink.pkg.Package[]> what is in the database that it is to be
---   put into, by `name-version` in lower case
---@field files moonlink.pkg.Files the file system
---@field roots? fun(p: moonlink.pkg.Package): moonlink.pkg.Roots what variables in paths stand for
---@field coming? table<string, any> units that are registered along with the package, behind it
---@field update? boolean it may be there already
---@field multi? boolean other instances of its version may be there already
---@field version? string of GHC, in names of shared libraries; nil: any
---@field haddock? boolean also look at documentation
---@field old? boolean of a database without keys
---@field seen? table scratch

---@class moonlink.pkg.Rule
---@field name string
---@field class moonlink.pkg.Class
---@field find moonlink.pkg.Look

---@alias moonlink.pkg.Report fun(text: string, class?: moonlink.pkg.Class) class: not the row's

--- Looks at a package and reports each finding.
---@alias moonlink.pkg.Look fun(p: table, judge: moonlink.pkg.Judge, report: moonlink.pkg.Report)

local NONE = {}

local function identifier(p, _, report)
   local id = ids.package(p)
   if p.name == "" or not ids.parse(id) then
      report(("invalid package identifier: '%s'"):format(id))
   end
end

local function id_is_there(p, judge, report)
   if not judge.old and (p.id or "") == "" then
      report "missing id field"
   end
end

local function key_is_id(p, judge, report)
   if not judge.old and (p.key or "") ~= (p.id or "") then
      report("installed package info from too old version of Cabal "
         .. "(key field does not match id field)")
   end
end

local function id_is_new(p, judge, report)
   local there = not judge.update and judge.units[ids.unit(p)]
   if there then
      local list = {}
      for i, each in ipairs(there) do
         list[i] = ids.unit(each)
      end
      report("package(s) with this id already exist: " .. table.concat(list, " "))
   end
end

local function version_is_new(p, judge, report)
   if judge.update or judge.multi then
      return
   end
   local id = ids.package(p)
   for _, each in ipairs(judge.installed and judge.installed[id:lower()] or NONE) do
      if ids.package(each) == id then
         report(("package %s is already installed"):format(id))
         return
      end
   end
end

local function case_is_new(p, judge, report)
   if judge.update or judge.multi then
      return
   end
   local same = {}
   for i, each in ipairs(judge.installed and judge.installed[ids.package(p):lower()] or NONE) do
      same[i] = ids.package(each)
   end
   if same[1] then
      report(("Package names may be treated case-insensitively in the future.\n"
         .. "Package %s overlaps with: %s"):format(ids.package(p), table.concat(same, " ")))
   end
end

local function depends(p, judge, report)
   for _, id in ipairs(p.depends or NONE) do
      if not judge.units[id] and not (judge.coming and judge.coming[id]) then
         report(('dependency "%s" doesn\'t exist'):format(id))
      end
   end
end

--- Reports the names that a list holds twice, sorted, each once.
---@param judge moonlink.pkg.Judge
---@param list string[]
---@return string? names with blanks between
function check.twice(judge, list)
   local mark, twice = {}, nil
   local seen = judge.seen or {}
   judge.seen = seen
   for _, name in ipairs(list) do
      if seen[name] == mark then
         twice = twice or {}
         twice[name] = true
      end
      seen[name] = mark
   end
   return twice and table.concat(lists.keys(twice), " ")
end

local function depends_once(p, judge, report)
   local twice = check.twice(judge, p.depends or NONE)
   if twice then
      report("package has duplicate dependencies: " .. twice)
   end
end

local function modules_once(p, judge, report)
   local exposed, hidden = p.exposed_modules or NONE, p.hidden_modules or NONE
   local all = table.move(hidden, 1, #hidden, #exposed + 1, modules.names(exposed))
   local twice = check.twice(judge, all)
   if twice then
      report("package has duplicate modules: " .. twice)
   end
end

--- The rules of today's ghc-pkg, in its order.
---@type moonlink.pkg.Rule[]
check.rules = {
   {name = "identifier", class = "never", find = identifier},
   {name = "id", class = "never", find = id_is_there},
   {name = "key", class = "never", find = key_is_id},
   {name = "new id", class = "never", find = id_is_new},
   {name = "new version", class = "never", find = version_is_new},
   {name = "case", class = "all", find = case_is_new},
   {name = "depends", class = "all", find = depends},
   {name = "depends once", class = "all", find = depends_once},
   {name = "import-dirs", class = "files", find = paths.folders "import-dirs"},
   {name = "library-dirs", class = "warning", find = paths.folders "library-dirs"},
   {name = "dynamic-library-dirs", class = "warning",
      find = paths.folders "dynamic-library-dirs"},
   {name = "include-dirs", class = "warning", find = paths.folders "include-dirs"},
   {name = "framework-dirs", class = "warning", find = paths.folders "framework-dirs"},
   {name = "haddock-interfaces", class = "warning", find = paths.haddock_interfaces},
   {name = "haddock-html", class = "warning", find = paths.haddock_html},
   {name = "modules once", class = "all", find = modules_once},
   {name = "exposed-modules", class = "files", find = modules.exposed},
   {name = "hidden-modules", class = "files", find = modules.hidden},
   {name = "hs-libraries", class = "files", find = paths.libraries},
}

--- Everything that is wrong with a package.
---@param p moonlink.pkg.Package
---@param judge moonlink.pkg.Judge
---@param rules? moonlink.pkg.Rule[] nil: today's
---@return moonlink.pkg.Problem[] nil when nothing is
function check.package(p, judge, rules)
   local problems, rule
   local function report(text, class)
      problems = problems or {}
      problems[#problems + 1] = {rule = rule.name, class = class or rule.class, text = text}
   end
   for _, each in ipairs(rules or check.rules) do
      rule = each
      each.find(p, judge, report)
   end
   return problems
end

local overruled_by = {
   none = {},
   files = {files = true},
   all = {files = true, all = true},
}

--- What follows from problems.
---@param problems? moonlink.pkg.Problem[]
---@param force "none"|"files"|"all"
---@return boolean good nothing is in the way
---@return moonlink.pkg.Problem[] warnings
---@return {text: string, overruled: boolean}[] errors with what is said of forcing them
function check.verdict(problems, force)
   local good, warnings, errors = true, {}, {}
   local overruled = overruled_by[force]
   for _, each in ipairs(problems or NONE) do
      if each.class == "warning" then
         warnings[#warnings + 1] = each
      elseif overruled[each.class] then
         errors[#errors + 1] = {text = each.text .. " (ignoring)", overruled = true}
      else
         good = false
         local tail = each.class == "never" and "" or " (use --force to override)"
         errors[#errors + 1] = {text = each.text .. tail, overruled = false}
      end
   end
   return good, warnings, errors
end

return check
