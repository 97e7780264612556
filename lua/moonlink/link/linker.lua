--- A linker: one session with its policy. The methods of `moonlink.new()`.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local cdecl = require "moonlink.call.cdecl"
local core = require "moonlink.core"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local events = require "moonlink.link.events"
local explain = require "moonlink.link.explain"
local hooks = require "moonlink.link.hooks"
local inputs = require "moonlink.link.inputs"
local load = require "moonlink.link.load"
local options = require "moonlink.link.options"
local packages = require "moonlink.link.packages"
local plan = require "moonlink.link.plan"
local question = require "moonlink.link.question"
local reload = require "moonlink.link.reload"
local report = require "moonlink.link.report"
local result = require "moonlink.link.result"
local roster = require "moonlink.link.roster"
local scope = require "moonlink.link.scope"
local seen = require "moonlink.link.seen"

local linker = {}

---@class moonlink.Linker: moonlink.Roster
---@field session moonlink.core.Session
---@field options moonlink.Options those that each load starts from
---@field hooks table<string, moonlink.Hook[]> by kind, the latest first
---@field events moonlink.Event[] what was logged
---@field tracing table<string, boolean> categories that are switched on
---@field types moonlink.Scope its C declarations
---@field keeper? moonlink.Keeper a language's runtime that runs in it
---@field c table functions and variables by name, as declared with cdef
local methods = {}

--- Whose heap may refer to the units, so that their memory stays until it ends; what to do instead.
---@class moonlink.Keeper
---@field who string
---@field unload string
---@field reload string
---@field close string
---@field defines? table<string, integer> what names mean for shared libraries of packages

local over_session

local function check_open(self)
   if self.session:is_closed() then
      errors.mistake "attempt to use a closed linker"
   end
end

--- The inputs of a call: an array part, a plan's `inputs`, one path, or one { bytes = }.
local function input_list(what, merged)
   if type(what) == "string" then
      what = {what}
   end
   local list = what.inputs or what
   if what.bytes or what.path or what.library then
      list = {{bytes = what.bytes, path = what.path, library = what.library, name = what.name}}
   end
   return inputs.parse(list, merged.whole_archive)
end

local function prepare(self, what, over)
   check_open(self)
   if type(what) ~= "string" and type(what) ~= "table" then
      errors.mistake("a path or a table of inputs expected, got %s", type(what))
   end
   local own = options.check(type(what) == "table" and what or nil, over and "image" or "load")
   local merged = options.of_load(self.options, own, over)
   return merged, input_list(what, merged)
end

local function attempt(self, merged, list)
   local run <close> = load.begin(self, merged)
   local ok, err = load.run(run, list)
   if not ok then
      return nil, err
   end
   return roster.enter(self, result.unit(self, run, merged.name or inputs.name(list)))
end

--- Loads objects, archives and shared libraries as one transaction.
---@param what string|table a path, a list of inputs with options, or a plan of packages
---@param how? moonlink.PlanLoadOptions for a plan
---@return moonlink.LoadedUnit|moonlink.LoadedPlan|nil
---@return moonlink.Error? err
function methods:load(what, how)
   if plan.is(what) then
      check_open(self)
      return plan.load(self, what, how)
   end
   plan.refuse_options(how)
   local merged, list = prepare(self, what)
   local new, err = attempt(self, merged, list)
   if not new and err.code == "space" then
      collectgarbage() -- linkers that nobody uses any more hold address space until then
      new, err = attempt(self, merged, list)
   end
   return new, err
end

--- Would it load? Everything up to protected memory, then taken back.
---@param what string|table as load
---@return table? stats
---@return moonlink.Error? err
function methods:check(what)
   local merged, list = prepare(self, what)
   local run <close> = load.begin(self, merged)
   local ok, err = load.run(run, list)
   if not ok then
      return nil, err
   end
   return result.stats(run)
end

--- Links for a chosen address without mapping there.
---@param what table inputs with `at` and, if wanted, `define = { NAME = ADDRESS }`
---@return table? image { bytes=, base=, sections=, symbols=, got=, stubs= }
---@return moonlink.Error? err
function methods:image(what)
   if type(what) ~= "table" or math.type(what.at) ~= "integer" then
      errors.mistake "option 'at': an address expected"
   end
   local over = {}
   if not what.scope then
      over.scope = {what.define or {}, "archives"}
   end
   -- apart from what this linker has loaded: the image is for another place, or another process
   local merged, list = prepare(self, what, over)
   local session, err = core.session()
   if not session then
      return nil, err
   end
   local apart <close> = over_session(session, self.options)
   apart.hooks = self.hooks
   local run <close> = load.begin(apart, merged)
   local ok
   ok, err = load.run(run, list)
   if not ok then
      return nil, err
   end
   return result.image(run)
end

--- A member that defines the name, out of the archives in reach, becomes a unit of its own.
local function pull(self, name)
   local merged = options.merge(self.options, {roots = {name}})
   local run <close> = load.begin(self, merged)
   if not run.txn then
      return nil, run.failed
   elseif #run.txn:archives() == 0 then
      return nil
   end
   local ok, err = load.run(run, {})
   if not ok then
      if err.code == "undefined" and err.count == 1 and err.symbol == name then
         return nil
      end
      return nil, err
   end
   local first = run.txn:inputs()[1]
   if not first then
      return nil
   end
   return roster.enter(self, result.unit(self, run, question.place(first)))
end

--- What defines a name, for `moonlink.call`.
---@param name string
---@return integer? address
---@return moonlink.core.Unit|moonlink.Error|nil owner the unit; nil: the process; or the error
---@return integer? size
function methods:definition(name)
   check_open(self)
   local address, size, _, owner = self.session:find(name)
   if not address then
      local pulled, err = pull(self, name)
      if err then
         return nil, err
      elseif pulled then
         address, size, _, owner = self.session:find(name)
      end
   end
   address = address or self.session:find_process(name)
   if not address then
      return nil, report.unknown(self.session, name)
   end
   return address, owner, size
end

--- The address of a name (of a thread-local variable: of the calling thread's): in a unit, in an
--- archive in reach (a member is loaded then), in a library that was opened, or in the process.
--- Nothing comes behind it, so that it may stand last among the arguments of a call.
---@param name string
---@return integer? address
---@return moonlink.Error? err
function methods:address_of(name)
   local address, err = self:definition(name)
   if address then
      return address
   end
   return nil, err
end

--- A symbol: { name=, address=, size=, unit= } or nil, err. Also an answer to a question.
---@param name string
---@return {name: string, address: integer, size: integer?, unit: string?}?
---@return moonlink.Error? err
function methods:symbol(name)
   local address, owner, size = self:definition(name)
   if not address then
      return nil, owner
   end
   return {
      name = name, address = address, size = size, unit = owner and owner:name(), owner = owner,
   }
end

--- A C function as a plain Lua function.
---@param prototype string "int add(int, int)"
---@param opts? moonlink.FuncOptions
---@return function?
---@return moonlink.Error? err
function methods:func(prototype, opts)
   check_open(self)
   return call.func(self, prototype, opts)
end

--- Declares types, functions and variables for this linker alone.
---@param text string C declarations
function methods:cdef(text)
   check_open(self)
   return call.cdef(self, text)
end

--- A Lua function as a C function, until it is closed or collected.
---@param prototype string "int(int, int)"
---@param fn function
---@param opts? { on_error: any } a function of the error, or the result that C gets instead
---@return moonlink.Callback
function methods:callback(prototype, fn, opts)
   check_open(self)
   return call.callback(self, prototype, fn, opts)
end

--- Registers a hook. "resolve" and "undefined" take a pattern and a function of a question, "event"
--- a function of an event. Returns a function that removes it.
---@param kind "resolve"|"undefined"|"event"
---@param pattern string|function
---@param fn? function
---@return fun()
function methods:on(kind, pattern, fn)
   check_open(self)
   return hooks.add(self.hooks, kind, pattern, fn)
end

--- Switches the event log on for categories ("bind,member", "all"), off with nothing.
---@param categories? string|string[]
function methods:trace(categories)
   self.tracing = events.parse(categories)
end

--- Enters an event; for the linker's own rooms.
---@param event moonlink.Event
function methods:log(event)
   self.events[#self.events + 1] = event
   for _, hook in ipairs(self.hooks.event or {}) do
      hook.fn(event)
   end
end

--- Why does this name mean what it means?
---@param name string
---@return moonlink.Explanation
function methods:explain(name)
   check_open(self)
   local run <close> = load.begin(self, self.options)
   local candidates = question.candidates(assert(run.txn, run.failed), self.session, name)
   local hidden = question.hidden(self.session, name)
   for i = #self.list, 1, -1 do
      local u = self.list[i]
      if u:alive() and u.core:entry(name) then
         return explain.new(name, u.core, candidates, u.name, scope.compile(u.options), hidden)
      end
   end
   return explain.new(name, nil, candidates, nil, nil, hidden)
end

--- The same for a load that is only tried: what would the name mean?
---@param what string|table as load
---@param name string
---@return moonlink.Explanation?
---@return moonlink.Error? err
function methods:why(what, name)
   given.argument(name, "string", 2, "why")
   local merged, list = prepare(self, what)
   local run <close> = load.begin(self, options.merge(merged, {undefined = "null"}))
   local ok, err = load.run(run, list)
   if not ok then
      return nil, err
   end
   local candidates = question.candidates(run.txn, self.session, name)
   local out = explain.new(name, run.txn, candidates, nil, run.scope)
   if out.how == "zero" then
      out.how, out.reason = "undefined", "nothing in the scope provides it"
   end
   return out
end

--- The units of this linker, oldest first.
---@return moonlink.LoadedUnit[]
function methods:units()
   return roster.units(self)
end

--- The packages that plans have loaded, oldest first.
---@return moonlink.LoadedPackage[]
function methods:packages()
   return packages.list(self)
end

--- Reloads a unit: see methods:reload in unit.lua, which calls this.
function methods:replace(unit, opts)
   check_open(self)
   return reload.run(unit, opts)
end

--- Ends the linker: destructors run, latest unit first, and all memory goes back. Functions made
--- from it raise afterwards. Fails while a native call into it is running.
---@return boolean?
---@return moonlink.Error? err
function methods:close()
   if self.keeper then
      return nil, errors.new {code = "state", hint = self.keeper.close,
         message = ("the linker cannot be closed: %s lives in it"):format(self.keeper.who)}
   end
   return self.session:close()
end

seen.methods(methods, check_open)

local metatable = {
   __name = "moonlink.Linker",
   __index = function(self, key)
      if key == "c" then
         local namespace = call.namespace(self, function() check_open(self) end)
         rawset(self, "c", namespace)
         return namespace
      end
      return methods[key]
   end,
   __close = function(self)
      assert(self:close())
   end,
   __tostring = function(self)
      return self.session:is_closed() and "moonlink linker (closed)"
         or ("moonlink linker (%d units)"):format(#self:units())
   end,
}

given.methods(methods, metatable, "ln", {
   address_of = "string", definition = "string", symbol = "string", missing = "string",
   explain = "string", write_symbols = "string", addr2sym = "integer", callback = "string",
})

--- A linker over a session of the core.
function over_session(session, opts)
   return setmetatable(roster.init {
      session = session, options = opts, hooks = {}, events = {}, tracing = {},
      types = cdecl.scope(),
   }, metatable)
end

--- Is this value a linker?
---@param value any
---@return boolean
function linker.is(value)
   return getmetatable(value) == metatable
end

--- Makes a linker. Nothing is shared between two of them.
---@param opts? moonlink.Options
---@return moonlink.Linker
function linker.new(opts)
   local merged = options.merge(nil, options.check(opts, "linker"))
   local self = over_session(assert(core.session()), merged)
   scope.compile(merged, self) -- raises for what is no place
   if merged.trace then
      self:trace(merged.trace)
   end
   return self
end

return linker
