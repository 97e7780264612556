--- Registering: which packages come in, which go for it, and what is in the way. Plans only: takes
--- databases as plain tables, changes nothing (writers.lua carries a plan out).
-- SPDX-License-Identifier: MIT

local check = require "moonlink.pkg.check"
local core = require "moonlink.core"
local era = require "moonlink.pkg.era"
local graph = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local lists = require "moonlink.lists"
local stack = require "moonlink.pkg.stack"

local register = {}

---@class moonlink.pkg.Finding
---@field package moonlink.pkg.Package
---@field warnings moonlink.pkg.Problem[]
---@field errors {text: string, overruled: boolean}[]

--- A change of one database.
---@class moonlink.pkg.Plan
---@field target moonlink.pkg.Database
---@field good boolean nothing is in the way
---@field findings moonlink.pkg.Finding[] in the order in which packages are registered
---@field put moonlink.pkg.Package[]
---@field remove moonlink.pkg.Package[]
---@field breaks moonlink.pkg.Package[] what could be used before, and cannot after it
---@field field? string of a plan that does nothing but set this field

---@class moonlink.pkg.RegisterOptions
---@field force? "none"|"files"|"all"
---@field update? boolean
---@field multi? boolean
---@field era? moonlink.pkg.Era
---@field files? moonlink.pkg.Files default: the file system
---@field roots? fun(p: moonlink.pkg.Package): moonlink.pkg.Roots
---@field version? string of GHC
---@field haddock? boolean

local function same_instance(a, b)
   local x, y = a.instantiated_with or {}, b.instantiated_with or {}
   if #x ~= #y then
      return false
   end
   for i, each in ipairs(x) do
      if each ~= y[i] then
         return false
      end
   end
   return true
end

--- What a package takes the place of: its version, and its id whatever the version.
local function replaced(p, at, o)
   local out, id, unit = {}, ids.package(p), ids.unit(p)
   local seen = {}
   for _, each in ipairs(not o.multi and at.installed[id:lower()] or {}) do
      if ids.package(each) == id and same_instance(each, p) then
         out[#out + 1], seen[each] = each, true
      end
   end
   for _, each in ipairs(at.units[unit] or {}) do
      if at.own[each] and not seen[each] then
         out[#out + 1] = each
      end
   end
   return out
end

--- Gives dependencies without version that of the first package of their name: an installed one,
--- else one that comes along.
local function filled(packages, databases)
   local versions, out = {}, {}
   local function enter(list)
      for _, each in ipairs(list) do
         versions[each.name] = versions[each.name] or ids.package(each)
      end
   end
   for _, db in ipairs(databases) do
      enter(db.packages)
   end
   enter(packages)
   for i, p in ipairs(packages) do
      out[i] = lists.copy(p)
      out[i].depends = {}
      for j, id in ipairs(p.depends or {}) do
         out[i].depends[j] = not id:find "%-%d[%d.]*$" and versions[id] or id
      end
   end
   return out
end

local function first_error(problems)
   for i, each in ipairs(problems or {}) do
      if each.class ~= "warning" then
         return table.move(problems, 1, i, 1, {})
      end
   end
   return problems
end

--- A way around a cycle.
---@param cycle {path: moonlink.pkg.Package[]}
---@return string
function register.cycle_text(cycle)
   local names = {}
   for i, each in ipairs(cycle.path) do
      names[i] = ids.package(each)
   end
   return "packages depend on each other: " .. table.concat(names, " -> ")
end

--- The cycle that each package is in. One that depends on itself alone lacks a dependency.
local function cycles_by_package(cycles)
   local by_package = {}
   for _, cycle in ipairs(cycles) do
      cycle.units = {}
      for _, p in ipairs(cycle[2] and cycle or {}) do
         by_package[p] = cycle
         cycle.units[ids.unit(p)] = true
      end
   end
   return by_package
end

--- Judges one package and enters it into the index, whatever the verdict: those that depend on it
--- are not to be told of a missing dependency besides.
local function enter(p, cycle, at, judge, o, plan)
   judge.coming = cycle and cycle.units
   local problems = check.package(p, judge, o.era.rules)
   if cycle and cycle[1] == p then
      problems = problems or {}
      problems[#problems + 1] = {rule = "cycle", class = "all", text = register.cycle_text(cycle)}
   end
   local good, warnings, errors = check.verdict(
      o.era.first and o.force ~= "all" and first_error(problems) or problems, o.force or "none")
   plan.good = plan.good and good
   plan.findings[#plan.findings + 1] = {package = p, warnings = warnings, errors = errors}
   for _, old in ipairs(replaced(p, at, o)) do
      at:remove(old)
      plan.remove[#plan.remove + 1] = old
   end
   at:add(p)
   at.own[p] = true
   if judge.names then
      judge.names[p.name] = true
   end
   plan.put[#plan.put + 1] = p
end

--- The packages of the whole stack that broke by a change.
---@param before moonlink.pkg.Package[]
---@param after moonlink.pkg.Package[]
---@return moonlink.pkg.Package[] those of `after`, in its order
function register.newly_broken(before, after)
   local old, units, out = graph.broken(before), {}, {}
   for p in pairs(old) do
      units[ids.unit(p)] = true
   end
   local new = graph.broken(after)
   for _, p in ipairs(after) do
      if new[p] and not units[ids.unit(p)] then
         out[#out + 1] = p
      end
   end
   return out
end

local function broken_by(plan, whole, at)
   if not plan.remove[1] then
      return {}
   end
   local before, after, new = index.packages(whole), {}, {}
   for _, p in ipairs(plan.put) do
      new[p] = true
   end
   for _, p in ipairs(before) do
      after[#after + 1] = not at.gone[p] and p or nil
   end
   table.move(plan.put, 1, #plan.put, #after + 1, after)
   local out = {}
   for _, p in ipairs(register.newly_broken(before, after)) do
      out[#out + 1] = not new[p] and p or nil
   end
   return out
end

--- Where in a stack a database is.
---@param whole moonlink.pkg.Database[]
---@param target moonlink.pkg.Database
---@return integer? place
function register.place(whole, target)
   for i, db in ipairs(whole) do
      if db == target then
         return i
      end
   end
end

--- The databases that packages of one may depend on: itself and those below.
---@param whole moonlink.pkg.Database[] topmost first
---@param target moonlink.pkg.Database
---@return moonlink.pkg.Database[]
function register.up_to(whole, target)
   local i = register.place(whole, target)
   return i and table.move(whole, i, #whole, 1, {}) or {target}
end

local function with_defaults(options, target)
   local o = lists.copy(options or {})
   o.files = o.files or core.tree()
   o.era = o.era or era.of(target)
   if not o.roots then
      local roots = {pkgroot = stack.pkgroot(target.path)}
      o.roots = function()
         return roots
      end
   end
   return o
end

--- Plans to register packages, in the order of their dependencies whatever order they come in.
---@param whole moonlink.pkg.Database[] the stack, topmost first
---@param target moonlink.pkg.Database one of them
---@param packages moonlink.pkg.Package[]
---@param options? moonlink.pkg.RegisterOptions
---@return moonlink.pkg.Plan
function register.plan(whole, target, packages, options)
   local o = with_defaults(options, target)
   local at = index.new(register.up_to(whole, target))
   local plan = {target = target, good = true, findings = {}, put = {}, remove = {}, breaks = {}}
   at.own = {}
   for _, p in ipairs(target.packages) do
      at.own[p] = true
   end
   local judge = {
      units = at.units, installed = at.installed, files = o.files, roots = o.roots,
      update = o.update, multi = o.multi, version = o.version, haddock = o.haddock,
      old = o.era.old,
   }
   local order, cycles = graph.order(o.era.fills and filled(packages, at.databases) or packages)
   local cycle_of = cycles_by_package(cycles)
   for _, p in ipairs(order) do
      enter(p, cycle_of[p], at, judge, o, plan)
   end
   plan.breaks = broken_by(plan, whole, at)
   return plan
end

--- A database as a plan will leave it.
---@param plan moonlink.pkg.Plan
---@return moonlink.pkg.Database
function register.after(plan)
   local gone, packages = {}, {}
   for _, p in ipairs(plan.remove) do
      gone[p] = true
   end
   for _, list in ipairs {plan.target.packages, plan.put} do
      for _, p in ipairs(list) do
         packages[#packages + 1] = not gone[p] and p or nil
      end
   end
   return {
      path = plan.target.path, kind = plan.target.kind, shape = plan.target.shape,
      packages = packages,
   }
end

--- One plan of two, the second of which was made for what the first one leaves.
---@param plan moonlink.pkg.Plan
---@param more moonlink.pkg.Plan
---@return moonlink.pkg.Plan
function register.join(plan, more)
   local new, gone = {}, {}
   local joined = lists.copy(plan)
   joined.put, joined.remove = {}, table.move(plan.remove, 1, #plan.remove, 1, {})
   for _, p in ipairs(plan.put) do
      new[p] = true
   end
   for _, p in ipairs(more.remove) do
      gone[p] = true
      joined.remove[#joined.remove + 1] = not new[p] and p or nil
   end
   for _, p in ipairs(plan.put) do
      joined.put[#joined.put + 1] = not gone[p] and p or nil
   end
   table.move(more.put, 1, #more.put, #joined.put + 1, joined.put)
   return joined
end

return register
