--- moonlink pkg check: what is wrong with the packages of a stack.
-- SPDX-License-Identifier: MIT

local changing = require "moonlink.cli.pkg.changing"
local checking = require "moonlink.pkg.check"
local graph = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local several = require "moonlink.cli.pkg.several"

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

--- Who is sick: judged each by itself, in the order of the stack.
local function judge_all(packages, judge, rules)
   local sick = {}
   for _, p in ipairs(packages) do
      local problems = checking.package(p, judge, rules)
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
      names[i] = ctx:has "--simple-output" and several.shown(ctx, p) or ids.package(p)
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
   local json = require "moonlink.show.json"
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
   ctx.out(json.encode(result), "\n")
end

local function rules_of(ctx)
   if not ctx:has "--strict" then
      return checking.rules, nil
   end
   local strict = require "moonlink.pkg.strict"
   local rules = table.move(checking.rules, 1, #checking.rules, 1, {})
   return table.move(strict.rules, 1, #strict.rules, #rules + 1, rules), strict
end

---@param ctx moonlink.cli.pkg.Context
---@return integer status
function check.run(ctx)
   local stack = ctx:stack()
   local whole = changing.open(stack, stack.all)
   local rules, strict = rules_of(ctx)
   local packages = several.packages(whole)
   local judge = changing.world(ctx, stack, whole)
   judge.units, judge.update, judge.multi = index.new(whole).units, true, true
   local sick = judge_all(packages, judge, rules)
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
