--- What the commands that change databases share: what they say, and how they carry out plans.
-- SPDX-License-Identifier: MIT

local lists = require "moonlink.lists"
local locking = require "moonlink.pkg.writers"
local context = require "moonlink.cli.pkg.context"
local core = require "moonlink.core"
local ids = require "moonlink.pkg.ids"
local opened = require "moonlink.cli.pkg.opened"
local selecting = require "moonlink.pkg.select"

local changing = {}

--- How far the user overrules checks.
---@param ctx moonlink.cli.pkg.Context
---@return "none"|"files"|"all"
function changing.force(ctx)
   return ctx:has "--force" and "all" or ctx:has "--force-files" and "files" or "none"
end

--- The version of GHC that a stack belongs to, as far as its databases tell: that of GHC as a
--- library.
---@param databases moonlink.pkg.Database[]
---@return string?
function changing.ghc_version(databases)
   for i = #databases, 1, -1 do
      for _, p in ipairs(databases[i].packages) do
         if p.name == "ghc" then
            return p.version
         end
      end
   end
end

--- What checks ask the outside world, for options of register.plan and for judges.
---@param ctx moonlink.cli.pkg.Context
---@param stack moonlink.pkg.Stack
---@param databases moonlink.pkg.Database[]
---@return table
function changing.world(ctx, stack, databases)
   local roots = {}
   return {
      files = core.tree(),
      version = changing.ghc_version(databases),
      haddock = ctx:has "--strict",
      roots = function(p)
         local path = p.db and p.db.path or stack.target
         roots[path] = roots[path] or stack:roots(path)
         return roots[path]
      end,
   }
end

--- The packages that the words of a command mean; a word that is none ends the command.
---@param ctx moonlink.cli.pkg.Context
---@param words string[]
---@return moonlink.pkg.Selected[]
function changing.selected(ctx, words)
   local wanted = {}
   for i, word in ipairs(words) do
      local selection, message = selecting.exact(word, ctx:has "--ipid")
      if not selection then
         context.fail("%s", message)
      end
      wanted[i] = {word = selection.shown, matches = selection.matches}
   end
   return wanted
end

--- Opens databases; the first that cannot be ends the command.
---@param stack moonlink.pkg.Stack
---@param paths string[]
---@return moonlink.pkg.Database[]
function changing.open(stack, paths)
   local databases, err = stack:databases(paths)
   if not databases then
      error(err, 0)
   end
   return databases
end

--- Opens the whole stack. What is read a second time, under more locks, is told of once.
---@param ctx moonlink.cli.pkg.Context
---@param stack moonlink.pkg.Stack
---@return moonlink.pkg.Database[]
function changing.open_all(ctx, stack)
   if ctx.told then
      return changing.open(stack, stack.all)
   end
   ctx.told = true
   return opened.stack(ctx, stack)
end

--- With -v: says which databases plans will change.
---@param ctx moonlink.cli.pkg.Context
---@param stack moonlink.pkg.Stack
---@param plans moonlink.pkg.Plan[]
function changing.tell_targets(ctx, stack, plans)
   local paths = {}
   for i, plan in ipairs(plans) do
      paths[i] = plan.target.path
   end
   opened.tell_stack(ctx, stack, paths)
end

local function shown(p)
   local id, unit = ids.package(p), ids.unit(p)
   return id == unit and id or ("%s (%s)"):format(id, unit)
end

--- What a plan does to each package: replaces one of the same name and version, or not.
local function describe(plan, out)
   local old = {}
   for _, p in ipairs(plan.remove) do
      old[ids.package(p)] = p
   end
   for _, p in ipairs(plan.put) do
      local before = old[ids.package(p)]
      local same = before and ids.unit(before) == ids.unit(p)
      out(same and "change " .. shown(p) or "add " .. shown(p))
      old[ids.package(p)] = not same and before or nil
   end
   for _, p in ipairs(plan.remove) do
      if old[ids.package(p)] == p then
         out("remove " .. shown(p))
      end
   end
end

--- Says what plans would do.
---@param ctx moonlink.cli.pkg.Context
---@param plans moonlink.pkg.Plan[]
function changing.print_plans(ctx, plans)
   for _, plan in ipairs(plans) do
      ctx.out(plan.target.path, "\n")
      describe(plan, function(line)
         ctx.out("    ", line, "\n")
      end)
   end
end

--- With -v: says which files were written. A field that is set takes no file away.
local function tell_written(ctx, plan)
   local path = plan.target.path
   path = path:sub(-1) == "/" and path or path .. "/"
   for _, p in ipairs(plan.field and {} or plan.remove) do
      ctx:info("removing ", path, ids.unit(p), ".conf")
   end
   for _, p in ipairs(plan.put) do
      ctx:info("writing ", path, ids.unit(p), ".conf")
   end
   ctx:info("writing cache ", path, "package.cache")
end

--- What ghc-pkg says, or said in its time, while it writes a database.
local function announce(ctx, plans)
   for _, plan in ipairs(plans) do
      if ctx.verbosity > 1 and plan.target.kind == "folder" then
         tell_written(ctx, plan)
      end
      if plan.target.kind == "file" then
         ctx:info("Saving old package config file... done.")
         ctx:info("Writing new package config file... done.")
      end
   end
end

--- What is to be said of a change that is made.
---@param ctx moonlink.cli.pkg.Context
---@param notes {abi: string[], late: any[]}
function changing.warn(ctx, notes)
   local names = lists.unique(notes.abi)
   table.sort(names)
   if names[1] then
      ctx:warn("the following packages have broken abi-depends fields:\n    ",
         table.concat(names, "\n    "))
   end
   for _, each in ipairs(notes.late) do
      ctx:warn("WARNING: ", tostring(each))
   end
end

--- Writes plans, or says what they would do.
---@param ctx moonlink.cli.pkg.Context
---@param writers moonlink.pkg.Writers
---@param plans moonlink.pkg.Plan[]
---@return integer? status
---@return any err
function changing.finish(ctx, writers, plans)
   if ctx:has "--dry-run" then
      changing.print_plans(ctx, plans)
      return 0
   end
   local notes, err = writers:write(plans)
   if not notes then
      return nil, err
   elseif ctx.verbosity > 0 then
      changing.warn(ctx, notes)
   end
   announce(ctx, plans)
   return 0
end

--- Plans and writes.
---@param ctx moonlink.cli.pkg.Context
---@param stack moonlink.pkg.Stack
---@param paths string[] that change for certain
---@param make fun(): (moonlink.pkg.Plan[]?, any)
---@param judge? fun(plans: moonlink.pkg.Plan[]): boolean false: the command has failed
---@return integer? status
---@return any err
function changing.run(ctx, stack, paths, make, judge)
   local _, era = ctx:last "--era"
   local writers <close>, plans = locking.plan(stack, paths, make, {
      dry = ctx:has "--dry-run", shape = era == "6.8" and "6.6" or era,
   })
   if not writers then
      return nil, plans
   elseif judge and not judge(plans) then
      return 1
   end
   return changing.finish(ctx, writers, plans)
end

--- A problem that --force overrules: goes on and says so, or ends the command.
---@param ctx moonlink.cli.pkg.Context
---@param text string
function changing.die_or_force(ctx, text)
   if changing.force(ctx) ~= "all" then
      context.fail("%s (use --force to override)", text)
   end
   ctx:warn(text, " (ignoring)")
end

return changing
