--- How the ghc-pkg of each time went about its work, where it differs from today's. The shape of a
--- database decides, or the user.
-- SPDX-License-Identifier: MIT

local check = require "moonlink.pkg.check"
local paths = require "moonlink.pkg.check_paths"

local era = {}

---@class moonlink.pkg.Era
---@field name string
---@field rules moonlink.pkg.Rule[]
---@field first? boolean the first error ends a check
---@field fills? boolean a dependency without version becomes the installed package of that name
---@field guards boolean a package that others need is not removed
---@field expands? boolean ${NAME} is always replaced when registering
---@field says? string what is printed before a file of databases is written
---@field old? boolean units have no keys

local function named(wanted, class)
   for _, rule in ipairs(check.rules) do
      if rule.name == wanted then
         return {name = rule.name, class = class or rule.class, find = rule.find}
      end
   end
end

--- "base" and "base-0.0" stood for any version, and were not looked for.
local function old_depends(p, judge, report)
   for _, id in ipairs(p.depends or {}) do
      if id:find "%-%d[%d.]*$" and not id:find "%-0%.0$" and not judge.units[id] then
         report(("dependency %s doesn't exist"):format(id))
      end
   end
end

--- Later the name at least had to be there.
local function later_depends(p, judge, report)
   old_depends(p, judge, report)
   local names = judge.names or {}
   if not judge.names then
      for _, there in pairs(judge.units) do
         names[there[1].name] = true
      end
      judge.names = names
   end
   for _, id in ipairs(p.depends or {}) do
      if not id:find "%-%d[%d.]*$" and not names[id] then
         report(("dependency %s doesn't exist"):format(id))
      end
   end
end

local function old_folders(p, judge, report)
   for _, field in ipairs {"import_dirs", "library_dirs", "include_dirs"} do
      for _, path in ipairs(paths.of(field, p, judge)) do
         if path:sub(1, 7) ~= "$topdir" and judge.files:kind(path) ~= "folder" then
            report(path .. " doesn't exist or isn't a directory")
         end
      end
   end
end

local function old_libraries(p, judge, report)
   local folders = paths.of("library_dirs", p, judge)
   local libraries = p.hs_libraries or {}
   for _, each in ipairs(judge.files:missing(folders, libraries, {{"lib", ".a"}}) or {}) do
      report(("cannot find lib%s.a on library path"):format(each))
   end
   for _, each in ipairs(judge.files:missing(folders, libraries, {{"", ".o"}}) or {}) do
      report(("can't find GHCi lib %s.o"):format(each), "warning")
   end
end

local before_612 = {
   named "identifier",
   named("new version", "never"),
   {name = "depends", class = "all", find = old_depends},
   {name = "folders", class = "files", find = old_folders},
   {name = "hs-libraries", class = "files", find = old_libraries},
}
local with_case = {
   before_612[1], before_612[2], named "case",
   {name = "depends", class = "all", find = later_depends},
   before_612[4], before_612[5],
}

--- By name. Of 6.6 and 6.8 one shape of databases is known, and ghc-pkg did the same to both.
---@type table<string, moonlink.pkg.Era>
era.all = {
   ["6.6"] = {name = "6.6", rules = before_612, first = true, fills = true, guards = false,
      expands = true, old = true},
   ["6.10"] = {name = "6.10", rules = with_case, first = true, guards = true, old = true},
   ["6.12"] = {name = "6.12", rules = check.rules, guards = true, old = true},
   today = {name = "today", rules = check.rules, guards = true},
}
era.all["6.8"] = era.all["6.6"]

--- The era of a database.
---@param db {shape?: string}
---@param name? string what the user wants
---@return moonlink.pkg.Era? nil when the name is none
function era.of(db, name)
   return era.all[name or db.shape or "today"]
end

return era
