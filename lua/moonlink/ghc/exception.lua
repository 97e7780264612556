--- Haskell exceptions as errors of Lua.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

local exception = {}

--- Characters of the longest text.
local LONGEST = 10000

--- Applies functions to a part of the exception and reads the text that comes out. One that is too
--- long, or raises an exception itself, ends with "..."; nil when there is nothing of it.
local function text_of(fr, build)
   local values = require "moonlink.ghc.values"
   local n = #fr.live + 1
   local good, text, whole = pcall(function()
      fr:push(build())
      return values.beginning(fr, n, LONGEST)
   end)
   fr:drop(n)
   if not good or text == "" and not whole then
      return nil
   end
   return whole and text or text .. "..."
end

--- The status of an ExitCode: 0, or what ExitFailure holds.
local function exit_status(fr, i)
   local at, info = fr:force(i)
   if fr.hs:constructor_tag(info) == 0 then
      return 0
   end
   local n = fr:push(fr:field(at, 0))
   local number = fr:field(fr:force(n), 0)
   fr:drop(n)
   return number
end

--- A word of the constructor at a live place.
local function part(fr, i, k)
   return fr:field(fr:force(i), k)
end

--- The name of the type of what a SomeException at a live place holds: dictionary, value.
local function type_name(fr, i)
   local c = fr.hs.closures
   return text_of(fr, function()
      local typeable = fr:apply(c.typeable_of, part(fr, i, 0))
      return fr:apply(c.type_name, fr:apply(c.type_constructor, typeable))
   end)
end

--- Describes a SomeException; evaluates parts of it.
---@param fr moonlink.ghc.Frame
---@param closure integer
---@param where? string what was called
---@return moonlink.Error
function exception.of(fr, closure, where)
   local c = fr.hs.closures
   local i = fr:push(closure)
   local name = type_name(fr, i)
   if name == "SomeAsyncException" then -- it holds another one, as SomeException does
      local n = fr:push(part(fr, i, 1))
      name = type_name(fr, n)
      fr:drop(n)
   end
   local what = text_of(fr, function()
      return fr:apply(c.display, c.some_exception, fr.live[i])
   end)
   local status
   if name == "ExitCode" then
      local n = fr:push(part(fr, i, 1))
      local good, number = pcall(exit_status, fr, n)
      status = good and number or nil
      fr:drop(n)
   end
   local value = fr.hs:hold(fr, fr.live[i])
   fr:drop(i)
   return errors.new {
      code = "exception", type = name, what = what, status = status, symbol = where, value = value,
      message = ("%sHaskell exception%s%s"):format(where and where .. ": " or "",
         name and " " .. name or "", what and ": " .. what or ""),
   }
end

return exception
