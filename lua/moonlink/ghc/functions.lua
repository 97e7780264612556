--- Foreign exports as functions of Lua. One goes over to the new version of its module, and raises
-- the Haskell exception that ended the call.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local core = require "moonlink.core"
local errors = require "moonlink.error"

local functions = {}

---@class moonlink.ghc.Slot
---@field prototype string
---@field name string
---@field fn? function nil: the new version of its module has it no more
---@field address? integer
---@field fixed boolean it was made for an address

local function finish(hs, slot, refused, good, ...)
   hs.depth = hs.depth - 1
   local err = hs:pending(slot.name)
   if good and core.refused() > refused then
      err = hs:foreign_error(slot.name)
   elseif not good then
      err = (...)
      if hs:notice(err) then
         err = hs:over_error()
      end
   end
   if err then -- what a callback raised has its place already
      error(err, type(err) == "string" and err:find "^bad argument" and 3 or 0)
   end
   return ...
end

local function invoke(hs, slot, ...)
   hs:check()
   if not slot.fn then
      errors.mistake("%s: the new version of its module does not export it", slot.name)
   end
   hs.depth = hs.depth + 1
   return finish(hs, slot, core.refused(), pcall(slot.fn, ...))
end

--- See Runtime:func.
---@param hs moonlink.ghc.Runtime
---@param prototype string
---@param address? integer
---@return function?
---@return moonlink.Error? err
function functions.new(hs, prototype, address)
   hs:check()
   if address ~= nil and math.type(address) ~= "integer" then
      errors.mistake("the address of a function expected, got %s", type(address))
   end
   local view = address and call.at(hs.linker, address) or hs.linker
   local good, fn, err = pcall(call.func, view, prototype)
   if not good then
      errors.mistake("%s", (tostring(fn):gsub("^[^:]+:%d+: ", "")))
   elseif not fn then
      return nil, err
   end
   local info = call.info(fn)
   local slot = {
      prototype = prototype, name = info.name, fn = fn, address = info.address,
      fixed = address ~= nil,
   }
   hs.functions[slot] = true
   return function(...)
      return invoke(hs, slot, ...)
   end
end

--- The functions that lie in units which are about to go.
---@param hs moonlink.ghc.Runtime
---@param steps {old: moonlink.LoadedUnit}[]
---@return moonlink.ghc.Slot[]
function functions.of(hs, steps)
   local list = {}
   for slot in pairs(hs.functions) do
      for _, step in ipairs(steps) do
         if slot.fn and not slot.fixed and step.old:address(slot.name) == slot.address then
            list[#list + 1] = slot
         end
      end
   end
   return list
end

--- Binds functions anew, to what has their names now.
---@param hs moonlink.ghc.Runtime
---@param list moonlink.ghc.Slot[]
function functions.rebind(hs, list)
   for _, slot in ipairs(list) do
      slot.fn = hs.linker:func(slot.prototype)
      slot.address = slot.fn and call.info(slot.fn).address
   end
end

return functions
