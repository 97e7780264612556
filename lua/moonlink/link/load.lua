--- One load, step by step: inputs, questions, link, commit. The core does each step; here is their
-- order, and what the policy says in between. An error, also one raised by a hook, ends in abort.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local crossing = require "moonlink.link.crossing"
local debugging = require "moonlink.link.debug"
local errors = require "moonlink.error"
local events = require "moonlink.link.events"
local inputs = require "moonlink.link.inputs"
local opts = require "moonlink.link.options"
local question = require "moonlink.link.question"
local report = require "moonlink.link.report"
local scope = require "moonlink.link.scope"
local search = require "moonlink.link.search"
local strip = require "moonlink.link.strip"

local load = {}

local NONE = {}

--- Names in a row that an undefined one may be answered with.
local MAX_RENAMES = 100

--- Rounds of questions in one load: far more than a policy that comes to an end needs.
local MAX_ROUNDS = 1000

---@class moonlink.Load
---@field txn? moonlink.core.Transaction nil when it could not begin
---@field failed? moonlink.Error why it could not
---@field linker moonlink.Linker
---@field session moonlink.core.Session
---@field options moonlink.Options
---@field hooks table<string, moonlink.Hook[]> by kind
---@field scope moonlink.CompiledScope
---@field seen? table<string, boolean> who shall see it: see debug.lua
---@field runtimes? table what was opened for compiler options, once a fall-back archive was asked
---@field unasked? boolean archives that only hints ask were opened: see report.lua
---@field anchors any[] what the unit must keep alive
---@field answers table<string, table<string, string>> by name that was an answer: to which names,
---  and whose
---@field list? moonlink.Input[] from the start of its run
---@field ms table<string, number> milliseconds by step

local function renames(self)
   local txn, options, ok, err = self.txn, self.options
   for _, name in ipairs(options.wrap or NONE) do
      ok, err = txn:rename(name, "__wrap_" .. name, true, false)
      if ok then
         ok, err = txn:rename("__real_" .. name, name, true, false)
      end
      if not ok then
         return nil, err
      end
   end
   for from, to in pairs(options.rename or NONE) do
      ok, err = txn:rename(from, to, true, true)
      if not ok then
         return nil, err
      end
   end
   return true
end

--- Opens archives of the scope, adds all inputs and roots.
local function add_inputs(self, list)
   for _, archive in ipairs(self.scope.archives) do
      local ok, err = self.txn:add_archive(archive.path, archive.set)
      if not ok then
         return nil, err
      end
   end
   local progress, lookup = self.options.progress, search.once(self.options)
   for i, input in ipairs(list) do
      local ok, err = inputs.add(self.txn, input, self.options, lookup)
      if not ok then
         return nil, err
      end
      if progress then
         progress("add", i, #list)
      end
   end
   for _, name in ipairs(self.options.roots or NONE) do
      local ok, err = self.txn:root(name)
      if not ok then
         return nil, err
      end
   end
   return true
end

--- Hooks on names: they see the references of new inputs before the scope does.
local function offer(self)
   if not self.hooks.resolve then
      return true
   end
   for _, pair in ipairs(self.txn:offer()) do
      local name, input = pair[1], pair[2]
      for _, hook in ipairs(self.hooks.resolve or {}) do -- a hook may have removed the last one
         if name:find(hook.pattern) then
            local q = question.new(self.txn, self.session, name, input)
            local answered, err = question.answer(self, q, hook.fn(q), "a hook")
            if err then
               return nil, err
            end
            if answered then
               break
            end
         end
      end
   end
   return true
end

--- Names that wait, by the place in the scope that they wait at, in order of the places.
local function by_place(waiting)
   local places, names = {}, {}
   for _, pair in ipairs(waiting) do
      local place = pair[2]
      if not names[place] then
         names[place] = {}
         places[#places + 1] = place
      end
      table.insert(names[place], pair[1])
   end
   table.sort(places)
   return places, names
end

local function resolve(self)
   local rounds = 0
   repeat
      rounds = rounds + 1
      if rounds > MAX_ROUNDS then
         return nil, errors.new {
            code = "policy", message = "the policy answers with ever new names",
            hint = "answer with the name of a symbol that exists",
         }
      end
      local before = self.hooks.resolve and #self.txn:inputs()
      local ok, err = offer(self)
      local waiting = ok
      if ok then
         waiting, err = self.txn:resolve()
      end
      if not waiting then
         return nil, err
      end
      if waiting ~= true then
         local places, names = by_place(waiting)
         for _, place in ipairs(places) do
            ok, err = self.scope.ask[place](self, names[place])
            if not ok then
               return nil, err
            end
         end
      end
   until waiting == true and (not before or #self.txn:inputs() == before)
   return true
end

--- What the policy says to a name that nothing provides.
local function ask_undefined(self, name)
   local q = question.new(self.txn, self.session, name)
   for _, hook in ipairs(self.hooks.undefined or {}) do
      if name:find(hook.pattern) then
         local answer = hook.fn(q)
         if answer ~= nil then
            return q, answer
         end
      end
   end
   local rule = self.options.undefined
   if rule == "null" then
      return q, false
   elseif rule == "stub" and not self.options.at then
      return q, core.trap(("undefined symbol '%s' was called"):format(name))
   elseif type(rule) == "function" then
      return q, rule(q)
   end
   return q, nil
end

local function hide(self)
   local export, hidden = self.options.export, self.options.hide
   if not export and not hidden then
      return true
   end
   for _, entry in ipairs(self.txn:entries()) do
      local is_offered = entry.exported or entry.shadowed
      if is_offered and ((export and not opts.matches(entry.name, export)) or
                         (hidden and opts.matches(entry.name, hidden))) then
         self.txn:hide(entry.name)
      end
   end
   return true
end

--- Drops what nothing needs, when that was asked for.
local function strip_unused(self)
   if not self.options.gc_sections then
      return true
   end
   hide(self)
   return strip.run(self.txn, self.options)
end

local function undefined(self)
   local tries = 0
   repeat
      local again, left = false, {}
      for _, name in ipairs(self.txn:undefined()) do
         local q, answer = ask_undefined(self, name)
         local answered, err = question.answer(self, q, answer,
            "the policy for undefined names")
         if err then
            return nil, err
         end
         if not answered then
            left[#left + 1] = name
         end
         again = again or type(answer) == "string"
      end
      if #left > 0 then
         return nil, report.undefined(self, left)
      end
      tries = tries + 1
      if again then
         local ok, err = resolve(self)
         if ok then
            ok, err = strip_unused(self)
         end
         if not ok then
            return nil, err
         end
         left = self.txn:undefined()
         if tries > MAX_RENAMES and #left > 0 then -- names that are answered with each other
            return nil, report.undefined(self, left)
         end
      end
   until not again
   return true
end

--- A policy that chose among duplicates may have chosen what was dropped.
local function strip_again(self)
   if not self.options.gc_sections or type(self.options.duplicate) ~= "function" then
      return true
   end
   local ok, err = strip_unused(self)
   return ok and undefined(self), err
end

--- Pairs of clashing definitions; a name that this load hides clashes with no earlier unit.
local function clashes(self)
   local list = {}
   for i, dup in ipairs(self.txn:duplicates()) do
      local entry = dup[1].unit and self.txn:entry(dup.name)
      if not entry or entry.exported then
         dup.number = i
         list[#list + 1] = dup
      end
   end
   return list
end

--- Clashes of one name together: { name=, dups=, places=, at= { { duplicate, side } } } each.
local function by_name(self, list)
   local groups, group_of = {}, {}
   for _, dup in ipairs(list) do
      local group = group_of[dup.name]
      if not group then
         group = {name = dup.name, dups = {}, places = {}, at = {}, seen = {}}
         group_of[dup.name] = group
         groups[#groups + 1] = group
      end
      table.insert(group.dups, dup)
      for side, place in ipairs(report.duplicate_places(self, dup)) do
         if not group.seen[place.text] then
            group.seen[place.text] = true
            table.insert(group.places, place)
            table.insert(group.at, {dup.number, side})
         end
      end
   end
   return groups
end

local function duplicates(self)
   local rule = self.options.duplicate
   if rule == "first" or rule == "last" then
      return true
   end
   local list = clashes(self)
   if #list == 0 then
      return true
   elseif rule == "error" then
      return nil, report.duplicates(self, list)
   end
   for _, group in ipairs(by_name(self, list)) do
      local chosen = group.at[rule(group.name, group.places)]
      if not chosen then
         return nil, report.duplicates(self, group.dups)
      end
      self.txn:choose(chosen[1], chosen[2])
   end
   return true
end

local function link(self)
   events.before_link(self)
   local ok, err = self.txn:link()
   if ok then
      crossing.finish(self)
      events.after_link(self)
   end
   return ok, err
end

--- Begins a load. The result is closed (aborted) by its <close>, unless it was committed.
---@param linker moonlink.Linker
---@param options moonlink.Options
---@return moonlink.Load
function load.begin(linker, options)
   local self = {
      session = linker.session, options = options, hooks = linker.hooks, anchors = {}, answers = {},
      ms = {add = nil, resolve = nil, link = nil}, linker = linker, tracing = linker.tracing,
      scope = nil, seen = nil, txn = nil, failed = nil, list = nil, -- room for them at once
   }
   if options.trace ~= linker.options.trace then
      self.tracing = events.parse(options.trace)
   end
   self.scope = scope.compile(options, linker)
   self.seen = not options.at and debugging.modes(linker, options.debug) or nil
   local duplicate, bind, unbound = options.duplicate, crossing.begin(self)
   if self.failed then
      return setmetatable(self, load.metatable)
   end
   self.txn, self.failed = linker.session:begin {
      scope = self.scope.core, duplicate = type(duplicate) == "string" and duplicate or "error",
      weak = options.weak, zone = options.zone, relax = options.relax,
      block = options.block, pages = options.pages, protect = options.protect,
      bind = bind, unbound = unbound, at = options.at,
      replace = options.replace, count = options.count == true and "unit" or options.count or nil,
      debug = self.seen, merge = options.merge,
   }
   if self.txn and options.allow_second_libc then
      self.txn:allow_libc()
   end
   return setmetatable(self, load.metatable)
end

load.metatable = {
   __close = function(self)
      if self.txn then
         self.txn:abort()
      end
   end,
}

local STEPS = {
   add = {renames, add_inputs},
   resolve = {
      crossing.prepare, resolve, strip_unused, crossing.ask, undefined, crossing.ask, hide,
      duplicates, strip_again,
   },
   link = {link},
}
local ALL, NAMES = {"add", "resolve", "link"}, {"add", "resolve"}

--- Everything up to sealed memory.
---@param self moonlink.Load
---@param list moonlink.Input[]
---@param upto? "names" only to the point where all names are known
---@return boolean?
---@return moonlink.Error? err
function load.run(self, list, upto)
   if self.failed then
      return nil, self.failed
   end
   self.list = list
   local progress = self.options.progress
   for _, name in ipairs(upto == "names" and NAMES or ALL) do
      local start, steps = core.now(), STEPS[name]
      for i = 1, #steps do
         if progress then
            progress(name)
         end
         local ok, err = steps[i](self, list)
         if not ok then
            return nil, errors.is(err) and err
               or errors.new {code = "state", message = tostring(err)}
         end
      end
      self.ms[name] = (core.now() - start) * 1000
   end
   return true
end

return load
