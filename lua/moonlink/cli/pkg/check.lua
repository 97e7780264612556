--- moonlink pkg check: what is wrong with the packages of a stack.
-- SPDX-License-Identifier: MIT

local changing = require "moonlink.cli.pkg.changing"
local checking = require "moonlink.pkg.check"
local eras = require "moonlink.pkg.era"
local graph = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local json = require "moonlink.show.json"
local listing = require "moonlink.cli.pkg.listing"
local paths = require "moonlink.pkg.check_paths"

local check = {
   name = "check",
   summary = "Say what is wrong with packages; --strict looks at more.",
   usage = "check",
   least = 0, most = 0,
}

local HEADING = "\nThe following packages are broken, either because they have a problem\n"
   .. "listed above, or because they depend on a broken package.\n"

---@class moonlink.cli.pkg.Sick
---@field package moonlink.pkg.Package
---@field problems moonlink.pkg.Problem[]
---@field broken boolean it has more than warnings

local function has_error(problems)
   for _, each in ipairs(problems) do
      if each.class ~= "warning" then
         return true
      end
   end
   return false
end

--- The packages that rules may have something to say of, in the order of the stack: the core
--- leaves out those that are certainly sound.
local function suspects(databases, judge)
   local read, packages = {}, {}
   for _, db in ipairs(databases) do
      local first = db.packages[1]
      local roots = first and judge.roots(first) or {}
      read[#read + 1] = first and db.infos
         and {db.infos, roots.pkgroot or false, roots.topdir or false, db = db} or nil
   end
   local found = judge.files:unsound(read, paths.library_endings(judge.version or "*"))
   for i, each in ipairs(read) do
      for _, number in ipairs(found[i]) do
         packages[#packages + 1] = each.db.packages[number]
      end
   end
   return packages
end

--- Who is sick: judged each by itself, by the rules of its database's age.
local function judge_all(packages, judge, more)
   local sick, rules = {}, {}
   for _, p in ipairs(packages) do
      local era = eras.of(p.db)
      if not rules[era] then
         rules[era] = table.move(era.rules, 1, #era.rules, 1, {})
         table.move(more, 1, #more, #rules[era] + 1, rules[era])
      end
      judge.old = era.old
      local problems = checking.package(p, judge, rules[era])
      if problems then
         sick[#sick + 1] = {package = p, problems = problems, broken = has_error(problems)}
      end
   end
   return sick
end

--- Who is broken: first those with problems, then those that cannot be used without them.
local function all_broken(packages, sick)
   local broken, names, sound = {}, {}, {}
   for _, each in ipairs(sick) do
      if each.broken then
         broken[#broken + 1] = each.package
         names[ids.package(each.package)] = true
      end
   end
   for _, p in ipairs(packages) do
      sound[#sound + 1] = not names[ids.package(p)] and p or nil
   end
   local dependants = graph.broken(sound)
   for _, p in ipairs(next(dependants) and sound or {}) do
      broken[#broken + 1] = dependants[p] and p or nil
   end
   return broken
end

--- As lines, warnings first. ghc-pkg does not say whose warnings they are when a package has
--- nothing else.
local function print_sick(ctx, sick)
   local lines = {}
   local function put(front, problems, wanted)
      for _, each in ipairs(problems) do
         if (each.class == "warning") == wanted then
            lines[#lines + 1] = front .. (wanted and "Warning: " or "") .. each.text .. "\n"
         end
      end
   end
   for _, each in ipairs(sick) do
      local front = each.broken and "  " or ids.package(each.package) .. ": "
      if each.broken then
         lines[#lines + 1] = "There are problems in package " .. ids.package(each.package) .. ":\n"
      end
      if ctx.verbosity > 0 then
         put(front, each.problems, true)
      end
      put(front, each.problems, false)
   end
   ctx.err(table.concat(lines))
end

local function print_oddities(ctx, oddities)
   for _, each in ipairs(oddities) do
      ctx:warn(each.database and each.database .. ": " or "", each.text)
   end
end

local function print_broken(ctx, broken)
   local names = {}
   for i, p in ipairs(broken) do
      names[i] = ctx:has "--simple-output" and listing.shown(ctx, p) or ids.package(p)
   end
   if not names[1] then
      return
   elseif ctx:has "--simple-output" then
      ctx.out(table.concat(names, " "), "\n")
   else
      ctx.err(HEADING, table.concat(names, "\n"), "\n")
   end
end

local function print_json(ctx, sick, broken, oddities)
   local result = {packages = json.list {}, broken = json.list {}, databases = json.list {}}
   for i, each in ipairs(sick) do
      result.packages[i] = {
         id = ids.unit(each.package), name = ids.package(each.package),
         problems = json.list(each.problems),
      }
   end
   for i, p in ipairs(broken) do
      result.broken[i] = ids.unit(p)
   end
   for i, each in ipairs(oddities) do
      result.databases[i] = each
   end
   ctx:json(result)
end

---@param ctx moonlink.cli.pkg.Context
---@return integer status
function check.run(ctx)
   local stack = ctx:stack()
   local whole = changing.open(stack, stack.all)
   local strict = ctx:has "--strict" and require "moonlink.pkg.strict" or nil
   local packages = index.packages(whole)
   local judge = changing.world(ctx, stack, whole)
   local judged = strict and packages or suspects(whole, judge)
   judge.units = judged[1] and index.new(whole).units
   judge.update, judge.multi = true, true
   local sick = judge_all(judged, judge, strict and strict.rules or {})
   local broken = all_broken(packages, sick)
   local oddities = strict and strict.databases(whole) or {}
   if ctx:has "--json" then
      print_json(ctx, sick, broken, oddities)
   else
      if not ctx:has "--simple-output" then
         print_sick(ctx, sick)
         print_oddities(ctx, oddities)
      end
      print_broken(ctx, broken)
   end
   return (broken[1] or oddities[1]) and 1 or 0
end

return check
