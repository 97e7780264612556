--- Strategies: ways of getting compiled code into the running process. A strategy is a table of
-- small functions over a plan, each of which may raise:
--
--    setup(run) → any                once for all runs, not measured: their run.setup; plain data
--    begin(run)                      not measured: what a program would have at hand anyway
--    prepare(plan, run) → built      before loading: makes files in run.folder; plain data
--    load(built, run) → loaded       into this process, until functions can be called
--    bind(loaded, prototype, run) → function
--    reload(loaded, change, run) → loaded    one object has changed: change.index, change.path
--    unload(loaded, run)
--    numbers(loaded, run) → table of further numbers for the sample
--    calls(loaded, run, built) → calls between packages; run.counting was true while loading
--
-- Only load and bind are needed. What a strategy lacks it takes from `base`.
-- SPDX-License-Identifier: MIT

local axes = require "moonlink.lab.axes"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local lists = require "moonlink.lists"

local strategy = {}

---@class moonlink.lab.Strategy
---@field name string
---@field about? string one line
---@field base? string|moonlink.lab.Strategy
---@field axes table names of axes that it knows, or axes of its own: name = {values}
---@field fixed table<string, any> values of axes that it does not vary unless told to
---@field order? boolean it wants plan.groups: objects in an order in which each can be loaded
---@field setup? fun(run: moonlink.lab.Run): any
---@field begin? fun(run: moonlink.lab.Run)
---@field prepare? fun(plan: moonlink.lab.Plan, run: moonlink.lab.Run): any
---@field load fun(built: any, run: moonlink.lab.Run): any
---@field bind fun(loaded: any, prototype: string, run: moonlink.lab.Run): function
---@field reload? fun(loaded: any, change: moonlink.lab.Change, run: moonlink.lab.Run): any
---@field unload? fun(loaded: any, run: moonlink.lab.Run)
---@field numbers? fun(loaded: any, run: moonlink.lab.Run): table<string, any>
---@field calls? fun(loaded: any, run: moonlink.lab.Run, built: any): moonlink.lab.Edge[]
---@field uncounted? string why there is no such function
---@field known table<string, any[]> values of its axes

---@class moonlink.lab.Change one object of a plan has a new version
---@field index integer in plan.objects
---@field old string path
---@field path string path of the new version
---@field plan moonlink.lab.Plan the plan with the new version in it

local FIELDS = {
   name = "string", about = "string", axes = "table", fixed = "table", order = "boolean",
   setup = "function", begin = "function", prepare = "function", load = "function",
   bind = "function", reload = "function", unload = "function", numbers = "function",
   calls = "function", uncounted = "string",
}

--- The ready-made ones and their modules, in the order in which they are listed.
local modules = {
   {"direct", "own"}, {"archive", "own"}, {"prelinked", "own"},
   {"direct-lazy", "lazy"}, {"profile-guided", "lazy"},
   {"shared-each", "shared"}, {"shared-batch", "shared"},
   {"shared-incremental", "shared"}, {"dlmopen", "shared"},
   {"libtcc", "peers"}, {"orc", "peers"}, {"jitlink", "jitlink"}, {"ghc-rts", "peers"},
}

--- The names of the ready-made strategies.
---@return string[]
function strategy.names()
   local out = {}
   for i, row in ipairs(modules) do
      out[i] = row[1]
   end
   return out
end

local function ready_made(name)
   for _, row in ipairs(modules) do
      if row[1] == name then
         return require("moonlink.lab.strategies." .. row[2])[name]
      end
   end
   errors.mistake("unknown strategy '%s' (known: %s)", name,
      table.concat(strategy.names(), ", "))
end

local function check_fields(s, who)
   for key, value in pairs(s) do
      if key ~= "base" and not FIELDS[key] then
         given.unknown(key, FIELDS, "field", who)
      elseif key ~= "base" and type(value) ~= FIELDS[key] then
         errors.mistake("%s: field '%s': %s expected, got %s", who, key, FIELDS[key], type(value))
      end
   end
   for _, key in ipairs {"name", "load", "bind"} do
      if s[key] == nil then
         errors.mistake("%s: field '%s' is missing", who, key)
      end
   end
end

local metatable = {__name = "moonlink.lab.Strategy"} -- of those that were checked

--- Makes a strategy of a description, checked; of a name the ready-made one.
---@param what string|table
---@return moonlink.lab.Strategy
function strategy.new(what)
   if type(what) == "string" then
      return strategy.new(ready_made(what))
   elseif type(what) ~= "table" then
      errors.mistake("a strategy or the name of one expected, got %s", type(what))
   elseif getmetatable(what) == metatable then
      return what
   end
   local made = {axes = {}, fixed = {}}
   lists.assign(made, what.base and strategy.new(what.base))
   made.known = nil
   lists.assign(made, what)
   local who = ("strategy '%s'"):format(tostring(made.name))
   check_fields(made, who)
   made.known = axes.known(made.axes, who)
   for key, value in pairs(made.fixed) do
      axes.check(made.known, key, value, who)
   end
   return setmetatable(made, metatable)
end

--- A strategy with other values of its axes: `with("direct", {zone = "low"})`.
---@param what string|table
---@param values table<string, any> by axis; a function with its name, `{NAME = f}`
---@param name? string else the old one and the values
---@return moonlink.lab.Strategy
function strategy.with(what, values, name)
   local base, words = strategy.new(what), {}
   local fixed = lists.copy(base.fixed)
   for key, value in pairs(values) do
      local who = ("strategy '%s'"):format(name or base.name)
      local choices = axes.choices(value, key, who)
      if #choices ~= 1 then
         errors.mistake("%s: axis '%s': one value expected", who, key)
      end
      fixed[key], words[key] = choices[1].value, choices[1].word
   end
   return strategy.new {
      base = base, fixed = fixed,
      name = name or table.concat({base.name, table.unpack(axes.words(words))}, " "),
   }
end

return strategy
