--- Hooks: functions that a linker asks, by kind, the latest first.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local pattern = require "moonlink.pattern"

local hooks = {}

---@class moonlink.Hook
---@field pattern string of names, "" for all
---@field fn function

local kinds = {resolve = true, undefined = true, event = true}

-- Lists are replaced, never changed: a hook that comes or goes while a load walks over one must not
-- make it leave out the next.
local function remove(registry, kind, hook)
   local left = {}
   for _, each in ipairs(registry[kind] or {}) do
      if each ~= hook then
         left[#left + 1] = each
      end
   end
   registry[kind] = #left > 0 and left or nil
end

--- Registers a hook; raises where the caller stands, when that was left by a tail call.
---@param registry table<string, moonlink.Hook[]>
---@param kind "resolve"|"undefined"|"event"
---@param names string|function a pattern of names, or the function, for all
---@param fn? function
---@return fun() removes it
function hooks.add(registry, kind, names, fn)
   if not kinds[kind] then
      errors.mistake("'%s' is no kind of hook (resolve, undefined, event)", tostring(kind))
   end
   if type(names) == "function" then
      names, fn = "", names
   end
   if type(fn) ~= "function" or type(names) ~= "string" then
      errors.mistake "a pattern and a function expected"
   end
   local why = pattern.mistake(names)
   if why then
      errors.mistake("%s", why)
   end
   local hook = {pattern = names, fn = fn}
   registry[kind] = {hook, table.unpack(registry[kind] or {})}
   return function()
      remove(registry, kind, hook)
   end
end

return hooks
