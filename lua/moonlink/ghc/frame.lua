--- A stay inside the runtime: a capability is held, closures are built, evaluated and read.
-- The address of a closure is good until something is evaluated, since the collector moves it. What
-- is needed longer is entered among a frame's live closures and asked for again afterwards. While
-- Lua works with such addresses, a finaliser may run, which must not enter the runtime: `inside`
-- says so, and is false while Haskell code runs, which may call Lua that enters it again. Hooks are
-- taken away meanwhile: they run between any two instructions.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local moonlink = require "moonlink"

local frame = {}

---@class moonlink.ghc.Frame
---@field hs moonlink.ghc.Runtime
---@field cap? integer the Capability, once it is held
---@field slot any memory of two words: the Capability and a result
---@field live integer[] closures that must be found again after an evaluation
---@field hook? table what restores a hook of Lua
local methods = {}
local metatable = {__index = methods}

local SUCCESS = 1
local STATUS = {[0] = "has not finished", [2] = "lost a thread", [3] = "was interrupted",
   [4] = "has exhausted its heap"}

--- The word at an aligned address of the heap or of static closures. moonlink.read asks the system
--- whether memory is there; this memory is known to be, and the runtime's own function for the
--- contents of an Int, which lie behind a header, is a native call.
---@param address integer
---@return integer
function methods:word(address)
   return self.hs.rts.rts_getInt(address - self.hs.header)
end

--- A word of what a closure holds, from 0.
---@param at integer address without tag
---@param k integer
---@return integer
function methods:field(at, k)
   return self.hs.rts.rts_getInt(at + 8 * k)
end

--- f applied to closures. Evaluates nothing.
---@param f integer
---@param ... integer
---@return integer
function methods:apply(f, ...)
   local apply = self.hs.rts.rts_apply
   for i = 1, select("#", ...) do
      f = apply(self.cap, f, (select(i, ...)))
   end
   return f
end

--- A constructor with pointers, or one word, as contents.
---@param info integer its info table
---@param tag integer its number among its type's constructors, from 1
---@param ... integer
---@return integer
function methods:construct(info, tag, ...)
   local n = select("#", ...)
   local header, rts = self.hs:header_of(info), self.hs.rts
   local at = rts.allocate(self.cap, n + #header // 8)
   local words = header .. ("j"):rep(n):pack(...)
   rts.memcpy(at, words, #words)
   return at | tag
end

--- Enters a closure among the live ones; gives its place.
---@param closure integer
---@return integer
function methods:push(closure)
   local n = #self.live + 1
   self.live[n] = closure
   return n
end

--- Forgets the live closures from a place on.
---@param n integer
function methods:drop(n)
   for i = #self.live, n, -1 do
      self.live[i] = nil
   end
end

local function keep_all(self)
   local kept = {}
   for i, closure in ipairs(self.live) do
      kept[i] = self.hs.rts.getStablePtr(closure)
   end
   return kept
end

local function find_all(self, kept)
   for i, stable in ipairs(kept) do
      self.live[i] = self.hs.rts.deRefStablePtr(stable)
      self.hs.rts.hs_free_stable_ptr(stable)
   end
end

--- Evaluates; a callback's error is kept until the capability is safe.
local function evaluate(self, action)
   local hs = self.hs
   local slot = self.slot
   slot:set(("jj"):pack(self.cap, 0))
   local result_at, eval = slot:address() + 8, hs.rts.rts_evalIO
   local refused = core.refused()
   hs.inside = false -- no step of Lua's collector between here and the call
   local good, err = pcall(eval, slot, action, result_at)
   hs.inside = true
   if good and core.refused() > refused then
      good, err = false, hs:foreign_error()
   end
   if not good and hs:notice(err) then
      error(hs:over_error(), 0)
   end
   local result
   self.cap, result = ("jj"):unpack(slot:get())
   return result, not good and err or nil
end

--- Runs an IO action. Gives its result, not evaluated; or nil and what it raised, a SomeException.
---@param action integer
---@return integer? result
---@return integer? exception
function methods:run(action)
   local hs = self.hs
   local kept = keep_all(self)
   local c = hs.closures
   local result, err = evaluate(self, self:apply(c.try, c.some_exception, action))
   local status = hs.rts.rts_getSchedStatus(self.cap)
   if status ~= SUCCESS then
      hs.rts.rts_unlock(self.cap)
      hs:break_down("the Haskell runtime " .. (STATUS[status] or "did not go on"), true)
      error(hs:over_error(), 0)
   end
   find_all(self, kept)
   if err then
      error(err, 0)
   end
   local at, info = self:look(result)
   local value = self:field(at, 0)
   if info == hs:info "Left" then
      return nil, value
   end
   return value
end

--- What a closure is: its address without tag behind indirections, its info table, its type.
---@param closure integer
---@return integer at
---@return integer info
---@return integer type
function methods:look(closure)
   local marks = self.hs.marks
   while true do
      local at = closure & ~7
      local info = self:word(at)
      local indirect = marks[info]
      if not indirect then
         return at, info, self.hs:closure_type(info)
      end
      local to = self:field(at, 0)
      if indirect == "maybe" and to & 7 == 0 then
         local target = self.hs:closure_type(self:word(to))
         if target > 7 then -- who evaluates it, or who waits for it
            return at, info, -1
         end
      end
      closure = to
   end
end

--- Is it a constructor?
---@param type integer
---@return boolean
function frame.is_constructor(type)
   return type >= 1 and type <= 7
end

--- Evaluates the live closure at a place to its outermost constructor, when it is not there yet.
---@param i integer
---@return integer at
---@return integer info
---@return integer type
function methods:force(i)
   local at, info, type = self:look(self.live[i])
   if frame.is_constructor(type) then
      return at, info, type
   end
   local value, exception = self:run(self:apply(self.hs.closures.evaluate, self.live[i]))
   if not value then
      error(require "moonlink.ghc.exception".of(self, exception), 0)
   end
   self.live[i] = value
   return self:look(value)
end

local function leave(hs, self, good, ...)
   if hs.state == "up" and self.cap then
      hs.rts.rts_unlock(self.cap)
   end
   hs.depth, hs.inside = hs.depth - 1, false
   if self.hook then
      debug.sethook(table.unpack(self.hook, 1, 3))
   end
   if not good then
      error((...), 0)
   end
   local err = hs:pending()
   if err then
      error(err, 0)
   end
   return ...
end

--- Takes a hook of Lua away; gives what restores it. One that C has set stays: all it can do is
--- raise.
local function without_hook()
   local hook, mask, count = debug.gethook()
   if type(hook) == "function" then
      debug.sethook()
      return {hook, mask, count}
   end
end

--- Calls f(frame, ...) inside the runtime; raises what it raises.
---@param hs moonlink.ghc.Runtime
---@param f fun(frame: moonlink.ghc.Frame, ...): ...
---@param ... any
---@return any ...
function frame.with(hs, f, ...)
   hs:check()
   local depth = hs.depth + 1
   local slot = hs.slots[depth]
   if not slot then
      slot = moonlink.alloc(16)
      hs.slots[depth] = slot
   end
   local self = setmetatable({hs = hs, slot = slot, live = {}, hook = without_hook()}, metatable)
   hs.depth, hs.inside = depth, true
   local good, cap = pcall(hs.rts.rts_lock)
   if not good then
      return leave(hs, self, false, hs:notice(cap) and hs:over_error() or cap)
   end
   self.cap = cap
   return leave(hs, self, pcall(f, self, ...))
end

return frame
