--- Hooks: functions that a linker asks, by kind, the latest first.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

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
---@param pattern string|function
---@param fn? function
---@return fun() removes it
function hooks.add(registry, kind, pattern, fn)
   if not kinds[kind] then
      errors.mistake("'%s' is no kind of hook (resolve, undefined, event)", tostring(kind))
   end
   if type(pattern) == "function" then
      pattern, fn = "", pattern
   end
   if type(fn) ~= "function" or type(pattern) ~= "string" then
      errors.mistake "a pattern and a function expected"
   end
   local well_formed, mistake = pcall(string.find, "", pattern)
   if not well_formed then
      errors.mistake("%s", mistake)
   end
   local hook = {pattern = pattern, fn = fn}
   registry[kind] = {hook, table.unpack(registry[kind] or {})}
   return function()
      remove(registry, kind, hook)
   end
end

return hooks
