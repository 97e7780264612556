--- A Haskell runtime inside of the process: what `ghc.start` gives.
-- SPDX-License-Identifier: MIT

local below = require "moonlink.ghc.below"
local errors = require "moonlink.error"
local frame = require "moonlink.ghc.frame"
local functions = require "moonlink.ghc.functions"
local given = require "moonlink.given"
local inputs = require "moonlink.link.inputs"
local lacks = require "moonlink.ghc.lacks"
local lists = require "moonlink.lists"
local moonlink = require "moonlink"
local names = require "moonlink.ghc.names"
local reload = require "moonlink.ghc.reload"
local rts = require "moonlink.ghc.rts"
local value = require "moonlink.ghc.value"

local runtime = {}

---@class moonlink.ghc.Runtime
---@field linker moonlink.Linker
---@field version string of GHC
---@field kind "archive"|"prelinked"|"shared"
---@field packages moonlink.pkg.Package[] dependencies first
---@field state "down"|"up"|"over"|"broken"
---@field limit integer longest list that is read
---@field header integer bytes of a closure before its contents
---@field cost? integer address of the cost centre stack of closures that we make, when profiling
---@field claim moonlink.ghc.Claim
---@field signals moonlink.ghc.Signals
---@field asked moonlink.ghc.Options where packages are from, and as which files
---@field rts table<string, function> its C interface
---@field closures table<string, integer> addresses by the names of layout.closures
---@field depth integer native calls into it that have not returned
---@field cell any memory: a stable pointer to an exception that ended at a foreign export
---@field private memory any[] what its threads may use as long as it runs
---@field inside? boolean Lua holds addresses of closures
---@field private why? string of "broken"
local methods = setmetatable({}, {__index = names})

-- ---- is it there? ----

--- The error for a runtime that has ended.
function methods:over_error()
   return errors.new {
      code = "state",
      message = self.state == "broken" and ("%s; it cannot be used any more"):format(self.why)
         or "the Haskell runtime has ended",
      hint = self.hint,
   }
end

--- Raises when it has ended, or must not be entered now.
function methods:check()
   if self.inside then
      errors.mistake "the Haskell runtime is being used: no finaliser may enter it now"
   end
   if self.state ~= "up" and self.state ~= "down" then
      errors.mistake("%s", tostring(self:over_error()))
   end
end

--- It has ended by itself. orderly: so that hs_exit may still take it down.
function methods:break_down(why, orderly)
   if self.state ~= "over" then
      self.state, self.why, self.orderly = "broken", why, orderly
      self.hint = not orderly and "what it had to say is on standard error" or nil
   end
end

--- Is this what a call raises when the runtime wanted to end the process?
---@param err any
---@return boolean
function methods:notice(err)
   if type(err) == "string" and err:find(rts.ENDED, 1, true) then
      self:break_down(rts.ENDED)
      return true
   end
   return self.state == "broken"
end

--- The error for a callback that a thread of Haskell's own has called, to which 0 was answered.
---@param where? string what was called
---@return moonlink.Error
function methods.foreign_error(_, where)
   return errors.new {
      code = "state", symbol = where,
      message = (where and where .. ": " or "") .. "a thread of Haskell's own has called a "
         .. "callback: it was given 0, since Lua runs in its own thread alone",
      hint = 'call it in the thread that Lua has called; what forkIO starts may call Lua when the '
         .. 'way is not "threaded"',
   }
end

--- The exception that ended at a foreign export since the last look, as an error.
---@param where? string what was called
---@return moonlink.Error?
function methods:pending(where)
   local stable = ("j"):unpack(self.cell:get())
   if stable == 0 or self.state ~= "up" then
      return nil
   end
   self.cell:set(("j"):pack(0))
   return frame.with(self, function(fr)
      local closure = self.rts.deRefStablePtr(stable)
      self.rts.hs_free_stable_ptr(stable)
      return require "moonlink.ghc.exception".of(fr, closure, where)
   end)
end

-- ---- what its threads need ----

-- Note [A runtime that outlives its Lua state]
-- hs_exit waits for calls to return. When a callback closes the state (os.exit(code, true)), or
-- when the runtime has wanted to end the process, it is left as it is: its threads go on for as
-- long as the process does, collect the heap when it is idle, and run what was forked. The closures
-- and code that they come to lie in the linker's units and in memory of ours; that no thread is
-- seen inside says nothing, since the stacks of Haskell lie in its heap. So all of it stays until
-- hs_exit has returned.

--- Memory, all zero, that stays as long as the runtime.
---@param size integer
---@return moonlink.Buffer
function methods:lasting(size)
   local memory = moonlink.alloc(size)
   memory:keep(true)
   self.memory[#self.memory + 1] = memory
   return memory
end

--- It has started.
function methods:begin()
   self.state = "up"
   self.linker.session:keep(true)
end

--- hs_exit has returned: nobody needs anything of it any more.
function methods:finish()
   self.linker.session:keep(false)
   for _, memory in ipairs(self.memory) do
      memory:keep(false)
   end
end

-- ---- values ----

--- Keeps a closure for Lua; within a frame.
function methods:hold(_, closure)
   return value.hold(self, closure)
end

--- The closure that a value of Lua stands for; nil when it is no value of Haskell.
function methods:closure_of(v)
   return value.closure(self, v)
end

-- ---- what users call ----

--- The address of a closure: hs:eval("base", "GHC.Base", "map").
---@param unit string package name, unit id, or "main" for objects that are no package's
---@param module string
---@param name string
---@return integer?
---@return moonlink.Error? err
function methods:eval(unit, module, name)
   self:check()
   return self:symbol_address(unit, module, name, "closure")
end

--- The same as a value, which may be an argument and be called: hs:get("main", "M", "f")(1, 2).
---@param unit string
---@param module string
---@param name string
---@return moonlink.ghc.Value?
---@return moonlink.Error? err
function methods:get(unit, module, name)
   local address, err = self:eval(unit, module, name)
   if not address then
      return nil, err
   end
   return value.static(self, address)
end

--- A function applied to arguments: values of Haskell, or integers (as Int), floats (Double),
--- booleans and texts (String). Evaluates nothing.
---@param f moonlink.ghc.Value|integer
---@param ... any
---@return moonlink.ghc.Value
function methods:apply(f, ...)
   return value.apply(self, f, ...)
end

--- A value of Haskell as one of Lua, evaluated as far as the type says.
---@param v moonlink.ghc.Value|integer
---@param t string
---@return any
function methods:value(v, t)
   return value.read(self, v, t)
end

--- Runs an IO action: its result, as a value of Lua when a type is given.
---@param v moonlink.ghc.Value|integer
---@param t? string
---@return any
function methods:run(v, t)
   return value.run(self, v, t)
end

--- A value of Lua as one of Haskell: hs:make({1, 2}, "[Integer]").
---@param v any
---@param t string
---@return moonlink.ghc.Value
function methods:make(v, t)
   return value.make(self, v, t)
end

--- Loads compiled modules; a list may hold all that a load takes.
---@param what string|table
---@return moonlink.LoadedUnit?
---@return moonlink.Error? err
function methods:load(what)
   self:check()
   local list = type(what) == "table" and (what.inputs or what) or {what}
   if type(what) == "table" and (what.path or what.bytes or what.library) then
      list = {what}
   end
   local wrong = self.cost and lacks.profiling(inputs.parse(list))
   if wrong then
      return nil, wrong
   end
   local under, err = true, nil
   if self.kind ~= "shared" then
      under, err = below.load(self.linker, list)
   end
   local unit = nil
   if under then
      unit, err = self.linker:load(what)
   end
   if not unit then
      if type(under) == "table" then
         under:unload "orphan"
      end
      return nil, lacks.explain(self, err)
   end
   if self.register then
      self.register()
   end
   return unit
end

--- Loads more packages, with all below them, from the databases and as the files that start was
--- given.
---@param ... string names, as in the option `packages`
---@return string[]? ids of those that were not there before
---@return moonlink.Error? err
function methods:package(...)
   self:check()
   return require "moonlink.ghc".add(self, {...})
end

--- A foreign export, or any C function of the linker, as a function of Lua that raises Haskell
--- exceptions. With an address: a FunPtr.
---@param prototype string "int hsFib(int)"
---@param address? integer
---@return function?
---@return moonlink.Error? err
function methods:func(prototype, address)
   return functions.new(self, prototype, address)
end

--- A function of Lua for C and Haskell (a FunPtr): as ln:callback.
---@param prototype string
---@param fn function
---@param options? table
---@return moonlink.Callback
function methods:callback(prototype, fn, options)
   self:check()
   return self.linker:callback(prototype, fn, options)
end

local function unit_named(self, what)
   for _, unit in ipairs(self.linker:units()) do
      if unit == what or unit.name == what and not unit.orphaned then
         return unit
      end
   end
   for _, p in ipairs(self.packages) do
      if p.id == what or p.name == what then
         errors.mistake("package %s cannot be reloaded: %s", p.id, self.kind == "shared"
            and "it is a shared library" or "it came with GHC's other packages")
      end
   end
   if type(what) ~= "string" then
      errors.mistake("no unit that this runtime has, or has still: %s", tostring(what))
   end
   errors.mistake("nothing that was loaded is called %s", what)
end

--- A new version of a module takes the place of the old one, whose code stays for those that still
--- have something of it. Units that use it are loaded again, too.
---@param unit moonlink.LoadedUnit|string or its name
---@param what? string|table inputs in place of what it was loaded from
---@param more? table<moonlink.LoadedUnit, table> inputs of others that were compiled anew with it
---@return moonlink.LoadedUnit? new
---@return moonlink.Error|moonlink.LoadedUnit[] units all that were loaded anew (`of` has them by
--- the old ones), or the error
function methods:reload(unit, what, more)
   self:check()
   return reload.run(self, unit_named(self, unit), what, more)
end

--- Runs Haskell's collector over the whole heap.
function methods:collect()
   self:check()
   self.rts.performMajorGC()
end

--- Ends the runtime (hs_exit) and unloads all of it, once. Raises inside of a call from Haskell.
---@return boolean?
---@return moonlink.Error? err
function methods:exit()
   if self.inside then
      self:check()
   elseif self.depth > 0 and self.state == "up" then
      errors.mistake "the Haskell runtime cannot end: a call into it has not returned"
   end
   if self.state == "up" or self.orderly then
      self.state, self.orderly = "over", false
      local good, err = self.signals:restore(self.rts.hs_exit)
      if not good then
         return nil, errors.is(err) and err or errors.new {code = "state", message = tostring(err)}
      end
      self:finish()
   end
   if self.state ~= "broken" then
      self.state = "over"
   end
   self.signals:restore()
   self.linker.keeper = nil
   local closed, why = self.linker:close()
   self.claim:close()
   if not closed then
      return nil, why
   end
   return true
end

methods.close = methods.exit

--- Inside of a call from Haskell the state closes only when the process ends (os.exit in a
--- callback): hs_exit would wait for that call for ever. See Note [A runtime that outlives its Lua
--- state].
local function finalise(self)
   if self.depth == 0 then
      pcall(methods.exit, self)
   end
end

local metatable = {
   __name = "moonlink.ghc.Runtime", __index = methods, __gc = finalise,
   __close = function(self)
      assert(self:exit())
   end,
   __tostring = function(self)
      return ("Haskell runtime (GHC %s, %s)"):format(self.version, self.state)
   end,
}

--- A runtime that has not started.
---@param fields table linker, version, kind, packages, limit
---@return moonlink.ghc.Runtime
function runtime.new(fields)
   local self = setmetatable(lists.assign({
      state = "down", depth = 0, slots = {}, infos = {}, closures = {}, marks = {},
      closure_types = {}, unit_ids = {}, anchors = {}, hooks = {}, memory = {},
      functions = setmetatable({}, {__mode = "k"}),
   }, fields), {__index = methods, __name = metatable.__name})
   self.cell = self:lasting(8)
   return self
end

--- It is ready: from here on it ends by itself when nobody has it any more. Last, so that it ends
--- before what it is made of: Lua finalises in the reverse order.
---@param self moonlink.ghc.Runtime
---@return moonlink.ghc.Runtime
function runtime.seal(self)
   return setmetatable(self, metatable)
end

given.methods(methods, metatable, "hs")

return runtime
