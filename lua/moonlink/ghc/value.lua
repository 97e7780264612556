--- Values of Haskell that Lua keeps: a stable pointer, or the fixed address of a static closure.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local frame = require "moonlink.ghc.frame"
local given = require "moonlink.given"
local make = require "moonlink.ghc.make"
local types = require "moonlink.ghc.types"
local values = require "moonlink.ghc.values"

local value = {}

---@class moonlink.ghc.Value
---@field hs moonlink.ghc.Runtime
---@field stable? integer stable pointer
---@field address? integer of a static closure
---@field closed? boolean
local methods = {}

--- Evaluates as far as the type says, and gives that as a value of Lua. Raises a Haskell exception,
--- and when the value is of another type.
---@param t string "Int", "[String]", "IO Double" ...
---@return any
function methods:value(t)
   return self.hs:value(self, t)
end

--- Runs an IO action: its result, of that type, or as it is.
---@param t? string
---@return any
function methods:run(t)
   return self.hs:run(self, t)
end

--- Applied to arguments; evaluates nothing.
---@param ... any
---@return moonlink.ghc.Value
function methods:apply(...)
   return self.hs:apply(self, ...)
end

--- Lets it go, so that Haskell's collector may have it.
function methods:close()
   if self.closed then
      return
   end
   self.closed = true
   if self.stable and self.hs.state == "up" then
      self.hs.rts.hs_free_stable_ptr(self.stable)
   end
end

local function finalise(self)
   pcall(methods.close, self) -- the linker may have gone before
end

local metatable = {
   __name = "moonlink.ghc.Value", __index = methods, __close = methods.close, __gc = finalise,
   __call = function(self, ...)
      return self.hs:apply(self, ...)
   end,
   __tostring = function(self)
      return "Haskell value" .. (self.closed and " (closed)" or "")
   end,
}

given.methods(methods, metatable, "v")

--- Keeps a closure; within a frame.
---@param hs moonlink.ghc.Runtime
---@param closure integer
---@return moonlink.ghc.Value
function value.hold(hs, closure)
   return setmetatable({hs = hs, stable = hs.rts.getStablePtr(closure)}, metatable)
end

--- A static closure.
---@param hs moonlink.ghc.Runtime
---@param address integer
---@return moonlink.ghc.Value
function value.static(hs, address)
   return setmetatable({hs = hs, address = address}, metatable)
end

--- The closure of a value now; nil for what is none.
---@param hs moonlink.ghc.Runtime
---@param v any
---@return integer?
function value.closure(hs, v)
   if getmetatable(v) ~= metatable then
      return nil
   elseif v.hs ~= hs then
      errors.mistake "this value belongs to another Haskell runtime"
   elseif v.closed then
      errors.mistake "this Haskell value was closed"
   end
   return v.address or hs.rts.deRefStablePtr(v.stable)
end

-- ---- what a runtime does with them; runtime.lua has the methods ----

--- What stands first in a call: a value, or the address of a static closure.
local function function_of(hs, f)
   local closure = value.closure(hs, f)
   if not closure and math.type(f) ~= "integer" then
      errors.mistake("a Haskell value, or the address of a closure, expected, got %s", type(f))
   end
   return closure or f
end

local ANY = types.parse "a"

local function apply(fr, f, ...)
   local closure = function_of(fr.hs, f)
   for i = 1, select("#", ...) do
      closure = fr:apply(closure, make.closure(fr, select(i, ...), ANY))
   end
   return value.hold(fr.hs, closure)
end

--- A function applied to arguments; nothing is evaluated.
---@param hs moonlink.ghc.Runtime
---@param f moonlink.ghc.Value|integer
---@param ... any
---@return moonlink.ghc.Value
function value.apply(hs, f, ...)
   return frame.with(hs, apply, f, ...)
end

--- A value evaluated, as a Lua value.
---@param hs moonlink.ghc.Runtime
---@param v moonlink.ghc.Value|integer
---@param t string its type
---@return any
function value.read(hs, v, t)
   local parsed = types.parse(t)
   return frame.with(hs, function(fr)
      return values.read(fr, fr:push(function_of(hs, v)), parsed)
   end)
end

--- An action run, its result as a Lua value.
---@param hs moonlink.ghc.Runtime
---@param v moonlink.ghc.Value|integer
---@param t? string type of the result; else it stays a value of Haskell
---@return any
function value.run(hs, v, t)
   local parsed = t and types.parse(t) or ANY
   return frame.with(hs, function(fr)
      return values.read(fr, fr:push(function_of(hs, v)), {name = "IO", parsed})
   end)
end

--- A Lua value as one of Haskell.
---@param hs moonlink.ghc.Runtime
---@param v any
---@param t string its type
---@return moonlink.ghc.Value
function value.make(hs, v, t)
   local parsed = types.parse(t)
   return frame.with(hs, function(fr)
      return value.hold(hs, make.closure(fr, v, parsed))
   end)
end

return value
