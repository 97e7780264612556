--- Hooks: functions that a linker asks, by kind, the latest first.
-- SPDX-License-Identifier: MIT

local hooks = {}

---@class moonlink.Hook
---@field pattern string of names, "" for all
---@field fn function

local kinds = {resolve = true, undefined = true, event = true}

local function remove(registry, kind, hook)
   local list = registry[kind] or {}
   for i, each in ipairs(list) do
      if each == hook then
         table.remove(list, i)
      end
   end
   if #list == 0 then
      registry[kind] = nil
   end
end

--- Registers a hook; raises where the caller stands, when that was left by a tail call.
---@param registry table<string, moonlink.Hook[]>
---@param kind "resolve"|"undefined"|"event"
---@param pattern string|function
---@param fn? function
---@return fun() removes it
function hooks.add(registry, kind, pattern, fn)
   if not kinds[kind] then
      error(("'%s' is no kind of hook (resolve, undefined, event)"):format(tostring(kind)), 2)
   end
   if type(pattern) == "function" then
      pattern, fn = "", pattern
   end
   if type(fn) ~= "function" or type(pattern) ~= "string" then
      error("a pattern and a function expected", 2)
   end
   local hook = {pattern = pattern, fn = fn}
   registry[kind] = registry[kind] or {}
   table.insert(registry[kind], 1, hook)
   return function()
      remove(registry, kind, hook)
   end
end

return hooks
