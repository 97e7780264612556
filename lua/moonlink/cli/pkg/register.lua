--- moonlink pkg register: puts packages into a database, many at once if need be.
-- SPDX-License-Identifier: MIT

local changing = require "moonlink.cli.pkg.changing"
local context = require "moonlink.cli.pkg.context"
local eras = require "moonlink.pkg.era"
local hs = require "moonlink.pkg.hs_string"
local ids = require "moonlink.pkg.ids"
local input = require "moonlink.pkg.input"
local refresh = require "moonlink.pkg.refresh"
local registering = require "moonlink.pkg.register"

local register = {
   name = "register",
   summary = "Put the packages that files (or - for standard input) describe into a database; "
      .. "files may come in any order.",
   usage = "register FILE...",
   least = 1,
}

--- NAME=VALUE of --define-name, then the environment.
local function lookup(ctx)
   local defined = {}
   for _, flag in ipairs(ctx.flags) do
      local name, value = (flag.name == "--define-name" and flag.value or ""):match "^([^=]*)=(.*)$"
      if name then
         defined[name] = value
      end
   end
   return function(name)
      return defined[name] or os.getenv(name)
   end
end

local function expanded(ctx, text)
   local out, unknown = input.expand(text, lookup(ctx))
   for _, name in ipairs(unknown) do
      changing.die_or_force(ctx, "Unable to expand variable " .. hs.show(name))
   end
   return out
end

local function warn_of_input(ctx, packages, warnings)
   local name = packages[1] and ids.package(packages[1]) .. ": " or ""
   for _, each in ipairs(ctx.verbosity > 0 and warnings or {}) do
      ctx:warn(("%sWarning: %s:%d:%d: %s"):format(name, each.file or ".", each.line, each.column,
         each.text))
   end
end

--- Reads the packages of one file.
local function read(ctx, name, expand)
   local shown = name == "-" and "stdin" or hs.show(name)
   if ctx.verbosity > 0 then
      ctx.out("Reading package info from ", shown, " ... ")
   end
   local text, message = input.read(name)
   if not text then
      context.fail("%s", message)
   end
   text = expand and expanded(ctx, text) or text
   local packages, more = input.packages(text, name == "-" and "(standard input)" or name)
   if not packages then
      error(more, 0)
   end
   ctx:info("done.")
   warn_of_input(ctx, packages, more)
   return packages
end

--- Says what was found of each package.
local function report(ctx, plan)
   local lines = {}
   for _, finding in ipairs(plan.findings) do
      local name = ids.package(finding.package) .. ": "
      for _, each in ipairs(ctx.verbosity > 0 and finding.warnings or {}) do
         lines[#lines + 1] = name .. "Warning: " .. each.text .. "\n"
      end
      for _, each in ipairs(finding.errors) do
         if ctx.verbosity > 0 or not each.overruled then
            lines[#lines + 1] = name .. each.text .. "\n"
         end
      end
   end
   ctx.err(table.concat(lines))
end

--- ghc-pkg says nothing of it.
local function warn_of_breaks(ctx, plan)
   local names = {}
   for i, p in ipairs(plan.breaks) do
      names[i] = ids.package(p)
   end
   table.sort(names)
   if names[1] then
      ctx:warn("WARNING: this breaks the following packages: ", table.concat(names, " "))
      ctx:warn("  hint: build them again, or run 'moonlink pkg refresh' when the interface has not "
         .. "changed")
   end
end

local function era_of(ctx, target)
   local _, name = ctx:last "--era"
   return eras.of(target, name) or context.fail(
      "there is no era '%s': 6.6, 6.8, 6.10, 6.12 and today are known", name)
end

--- Mends what an update broke, in the same transaction. What it could not mend stays broken.
local function mended(whole, plan)
   local after = {}
   for i, db in ipairs(whole) do
      after[i] = db == plan.target and registering.after(plan) or db
   end
   local changed = after[registering.place(whole, plan.target)]
   local more, all = refresh.plan(after, {changed})
   local joined = registering.join(plan, more[1] or {put = {}, remove = {}})
   local still = {}
   for _, each in ipairs(all) do
      still[ids.unit(each.package)] = still[ids.unit(each.package)] or not each.new
   end
   joined.breaks = {}
   for _, p in ipairs(plan.breaks) do
      joined.breaks[#joined.breaks + 1] = still[ids.unit(p)] and p or nil
   end
   return joined
end

--- The work of `register` and `update`.
---@param ctx moonlink.cli.pkg.Context
---@param files string[]
---@param update boolean
---@return integer? status
---@return any err
function register.go(ctx, files, update)
   local stack = ctx:stack {changes = true}
   if not stack.target then
      context.fail "no database selected for modification"
   end
   local packages
   local function make()
      local whole = changing.open_all(ctx, stack)
      local target = changing.open(stack, {stack.target})[1]
      local era = era_of(ctx, target)
      if not packages then
         packages = {}
         changing.tell_targets(ctx, stack, {{target = target}})
         for _, name in ipairs(files) do
            local more = read(ctx, name, ctx:has "--expand-env-vars" or era.expands)
            table.move(more, 1, #more, #packages + 1, packages)
         end
      end
      local options = changing.world(ctx, stack, whole)
      options.force, options.era, options.update = changing.force(ctx), era, update
      options.multi = ctx:has "--enable-multi-instance"
      local plan = registering.plan(whole, target, packages, options)
      return {plan.good and ctx:has "--refresh" and mended(whole, plan) or plan}
   end
   return changing.run(ctx, stack, {stack.target}, make, function(plans)
      report(ctx, plans[1])
      if plans[1].good then
         warn_of_breaks(ctx, plans[1])
      end
      return plans[1].good
   end)
end

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer? status
---@return any err
function register.run(ctx, args)
   return register.go(ctx, args, false)
end

return register
