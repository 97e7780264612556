--- Finds what a Haskell runtime is made of: GHC's databases, and a plan of the packages in three
-- parts, which are loaded one after the other.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local find = require "moonlink.pkg.ghc"
local pkg = require "moonlink.pkg"
local planner = require "moonlink.pkg.plan"
local shape = require "moonlink.plan"

local locate = {}

---@class moonlink.ghc.Plan: moonlink.pkg.Plan
---@field core moonlink.pkg.PlanUnit[] base, the run-time system and what they need
---@field rest moonlink.pkg.PlanUnit[] other packages of GHC's database
---@field own moonlink.pkg.PlanUnit[] those of other databases
---@field threaded boolean
---@field profiling boolean

--- What a runtime cannot be without.
local CORE = {"rts", "base"}

--- Where GHC is: the folder given, or what `ghc` on PATH says.
---@param topdir? string
---@return moonlink.pkg.Ghc?
---@return moonlink.Error? err
function locate.ghc(topdir)
   if not topdir then
      local found = find.find {whole = true}
      if found and found.version then
         return found
      end
      return nil, errors.new {
         code = "noent", message = "no GHC found: there is no ghc on PATH",
         hint = "install GHC, or name its folder: topdir = what `ghc --print-libdir` says",
      }
   end
   local global = topdir .. "/package.conf.d"
   for _, name in ipairs(core.list_folder(global) or {}) do
      local version = name:match "^ghc%-(%d+%.%d+%.%d+)[-.].*conf$"
      if version then
         return {libdir = topdir, global = global, version = version}
      end
   end
   return nil, errors.new {
      code = "noent", file = topdir,
      message = ("no GHC found in %s: it holds no package.conf.d with a package ghc")
         :format(topdir),
      hint = "name the folder that `ghc --print-libdir` says",
   }
end

--- Opens the global database and those given, of which the first one is to win.
local function open_all(global, given)
   local paths = {global}
   given = type(given) == "table" and given or {given}
   for i = #given, 1, -1 do
      paths[#paths + 1] = given[i]
   end
   local databases = {}
   for i, path in ipairs(paths) do
      local err
      databases[i], err = pkg.open(path)
      if not databases[i] then
         return nil, err
      end
   end
   return databases
end

local function first_missing(plan)
   return plan.missing[1] and shape.missing_error(plan, plan.missing[1])
end

--- The units below the core ones, and themselves.
local function core_ids(plan)
   local by_id, ids, queue = {}, {}, {}
   for _, unit in ipairs(plan.units) do
      by_id[unit.id] = unit
      for _, name in ipairs(CORE) do
         queue[#queue + 1] = unit.name == name and unit.id or nil
      end
   end
   for _, id in ipairs(queue) do
      if not ids[id] then
         ids[id] = true
         table.move(by_id[id].depends, 1, #by_id[id].depends, #queue + 1, queue)
      end
   end
   return ids
end

local function divide(plan, global)
   local is_core = core_ids(plan)
   plan.core, plan.rest, plan.own = {}, {}, {}
   for _, unit in ipairs(plan.units) do
      local part = is_core[unit.id] and plan.core or unit.database == global and plan.rest
         or plan.own
      part[#part + 1] = unit
   end
   plan.threaded = plan.way:find "threaded" ~= nil
   plan.profiling = plan.way:find "profiling" ~= nil
   return plan
end

--- Plans packages with base and the run-time system.
---@param options moonlink.ghc.Options
---@return moonlink.ghc.Plan?
---@return moonlink.Error? err
function locate.plan(options)
   local found, err = locate.ghc(options.topdir)
   local databases = nil
   if found then
      databases, err = open_all(found.global, options.database)
   end
   if not databases then
      return nil, err
   end
   local wanted = {
      kind = options.kind or "archive", way = options.way, ghc = found.version, hidden = true,
      table.unpack(CORE),
   }
   table.move(options.packages or {}, 1, #(options.packages or {}), #wanted + 1, wanted)
   local plan
   plan, err = planner.new(databases, wanted)
   err = err or first_missing(plan)
   if err then
      return nil, err
   end
   return divide(plan, found.global)
end

---@class moonlink.ghc.Files
---@field libraries string[] paths of what holds the packages' Haskell code, dependants first
---@field extra string[] paths of other libraries that they need
---@field roots string[] names that the packages want linked though nobody refers to them
---@field search string[] folders

--- The files of some units of a plan.
---@param units moonlink.pkg.PlanUnit[] dependencies first
---@return moonlink.ghc.Files
function locate.files(units)
   local line = shape.line(units)
   for _, list in ipairs {line.libraries, line.extra} do
      for i, file in ipairs(list) do
         list[i] = file.path
      end
   end
   return line
end

return locate
