--- From names of packages to units in the order in which they are loaded, through GHC's unit state:
-- what is hidden, broken, part of a cycle or built against another build is an error that says so.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local graph = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local lists = require "moonlink.lists"
local state = require "moonlink.pkg.state"
local validate = require "moonlink.pkg.validate"

local resolve = {}

--- The steps of the state that a plan needs: nobody asks it for modules.
local STEPS = {"merge", "missing", "cyclic", "ignored", "shadowed", "trust", "exposed", "flags",
   "wire"}

local function refused(reason, message, hint, fields)
   local err = {code = "package", reason = reason, message = message, hint = hint}
   return errors.new(lists.assign(err, fields))
end

--- The state of the databases.
---@param databases table[] the later one wins
---@param options table of the plan
---@return moonlink.pkg.State?
---@return moonlink.Error? err
function resolve.state(databases, options)
   return state.new {
      databases = databases, flags = options.flags, environment = options.environment,
      ghc = options.ghc, order = STEPS,
   }
end

--- "a-1.0 -> b-1.0 -> a-1.0" of the cycle that a unit is in.
local function cycle_text(s, id)
   for _, cycle in ipairs(s.cycles) do
      local here, path = false, {}
      for _, unit in ipairs(cycle) do
         here = here or unit.id == id
      end
      for i, unit in ipairs(cycle.path) do
         path[i] = unit.id
      end
      if here then
         path[#path + 1] = path[1] ~= path[#path] and path[1] or #path == 1 and path[1] or nil
         return table.concat(path, " -> ")
      end
   end
end

--- "b was built against build h1 of a, the one that is there is h2"
local function abi_text(s, unit, blamed)
   local there = s.units[blamed] or (s.unusable[blamed] or {}).unit
   for _, pair in ipairs(unit.package.abi_depends or {}) do
      local id, hash = pair:match "^(.*)=(.-)$"
      if id == blamed then
         return ("was built against another build of %s (ABI %s) than is there (ABI %s)"):format(
            id, hash, there and there.package.abi or "none")
      end
   end
   return "was built against another build of " .. tostring(blamed)
end

local HINTS = {
   missing = "register it, or add the database that has it to the stack",
   cyclic = "take one of these dependencies out: packages load in an order",
   shadowed = "rebuild it against what is there, or use the database that it was built with",
   ignored = "take the flag -ignore-package away",
   ["ignored dependency"] = "take the flag -ignore-package away",
}

--- The unusable unit that makes another one unusable; nil at the root.
local function culprit(s, at, seen)
   local both = {at.depends, at.reason == "shadowed" and not at.depends[1] and at.unit.depends}
   for _, list in ipairs(both) do
      for _, id in ipairs(list or {}) do
         if s.unusable[id] and not seen[id] then
            return s.unusable[id]
         end
      end
   end
end

--- Why a unit cannot be used: follows the blame down to its root.
local function unusable(s, id)
   local chain, at, seen, root = {}, s.unusable[id], {}, nil
   while at do
      chain[#chain + 1], root = at.unit.id, at
      seen[at.unit.id] = true
      at = culprit(s, at, seen)
   end
   at = root
   local blamed = at.depends[1]
   local texts = {
      missing = function() return ("needs %s, which no database has"):format(
         table.concat(at.depends, ", ")) end,
      cyclic = function()
         local text = cycle_text(s, at.unit.id) or cycle_text(s, blamed)
         return "depends on itself: " .. (text or table.concat(chain, " -> "))
      end,
      shadowed = function() return abi_text(s, at.unit, blamed) end,
      ignored = function() return "is ignored by a flag" end,
      ["ignored dependency"] = function()
         return ("needs %s, which a flag ignores"):format(table.concat(at.depends, ", "))
      end,
   }
   local message = ("package %s %s"):format(at.unit.id, texts[at.reason]())
   if at.unit.id ~= id then
      message = ("package %s cannot be used (%s): %s"):format(id, table.concat(chain, " -> "),
         message)
   end
   return refused(at.reason, message, HINTS[at.reason],
      {symbol = at.unit.id, depends = at.depends, chain = chain})
end

local function names_it(text, unit)
   return unit.id == text or unit.wired == text
      or not unit.component and validate.matches(text, unit)
end

--- Is a unit out of reach? One that merely gives way to a better version is not.
local function is_hidden(s, unit, seen_names)
   return not s.visible[unit.id] and not (unit.exposed and seen_names[unit.name])
end

local function unknown(s, text)
   for _, id in ipairs(lists.keys(s.unusable)) do
      if names_it(text, s.unusable[id].unit) then
         return unusable(s, id)
      end
   end
   local known = {}
   for _, unit in ipairs(s.list) do
      known[#known + 1] = unit.name:lower():sub(1, 3) == text:lower():sub(1, 3)
         and ids.package(unit) or nil
   end
   local paths = {}
   for i, db in ipairs(s.databases) do
      paths[i] = tostring(db.path)
   end
   return refused("unknown", ("no package %s in %s"):format(text, table.concat(paths, ", ")),
      known[1] and "there is " .. table.concat(known, ", ")
         or "see what there is: moonlink pkg list", {symbol = text})
end

--- The unit that a name, `name-version` or unit id means.
local function choose(s, text, seen_names, hidden_too)
   local best, hidden
   for _, unit in ipairs(s.list) do
      if names_it(text, unit) then
         if not hidden_too and is_hidden(s, unit, seen_names) then
            hidden = unit
         elseif not best or s.steps.prefer(unit, best) > 0 then
            best = unit
         end
      end
   end
   if best then
      return best
   elseif hidden then
      return nil, refused("hidden", ("package %s is hidden"):format(hidden.id),
         ('ask for it with flags = {"-package", "%s"}, or expose it: moonlink pkg expose %s')
            :format(ids.package(hidden), ids.package(hidden)), {symbol = hidden.id})
   end
   return nil, unknown(s, text)
end

--- The units of some packages and of all below them, dependencies first.
---@param s moonlink.pkg.State
---@param names string[]
---@param hidden_too? boolean hidden packages may be asked for, too
---@return moonlink.pkg.Unit[]?
---@return moonlink.Error|string[] roots the ids of those that were asked for; or the error
function resolve.units(s, names, hidden_too)
   local roots, seen_names = {}, {}
   for id in pairs(s.visible) do
      seen_names[s.units[id] and s.units[id].name or id] = true
   end
   for i, text in ipairs(names) do
      if type(text) ~= "string" then
         errors.mistake("package %d is a %s; a name, name-version or unit id expected", i,
            type(text))
      end
      local unit, err = choose(s, text, seen_names, hidden_too)
      if not unit then
         return nil, err
      end
      roots[i] = unit.id
   end
   local order, missing = graph.closure(s.list, roots)
   if missing[1] then
      return nil, refused("missing", ("package %s needs %s, which no database has"):format(
         missing[1].by or "list", missing[1].id), HINTS.missing, {symbol = missing[1].id})
   end
   return order, roots
end

return resolve
