--- Names that are near another one, and names as a C++ programmer wrote them; for messages only.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"

local similar = {}

--- Adds the names that the units of a session export to a list, and sorts it.
---@param session moonlink.core.Session
---@param names string[]
---@return string[] names
function similar.exported(session, names)
   for _, unit in ipairs(session:units()) do
      for _, e in ipairs(unit:entries()) do
         if e.exported then
            names[#names + 1] = e.name
         end
      end
   end
   table.sort(names)
   return names
end

--- The mangled name of the C++ function whose plain name this is ("area", "geo::area").
---@param name string
---@param known string[]
---@return string?
function similar.mangled(name, known)
   local parts = {}
   for part in name:match("^[^(]*"):gmatch "[%a_][%w_]*" do
      parts[#parts + 1] = ("%d%s"):format(#part, part)
   end
   local wanted = table.concat(parts)
   for _, each in ipairs(known) do
      if #parts > 0 and each:find "^_Z" and each:find("%f[%d]" .. wanted) then
         return each
      end
   end
end

--- Names that could have been meant: what the load and the session define.
---@param load moonlink.Load
---@return string[]
function similar.collect(load)
   local names = {}
   for _, e in ipairs(load.txn:entries()) do
      if e.in_load then
         names[#names + 1] = e.name
      end
   end
   return similar.exported(load.session, names)
end

--- The C++ name behind a mangled one, when the C++ runtime is there to tell; else nil.
---@param name string
---@return string?
function similar.demangle(name)
   if not name:find "^_Z" then
      return nil
   end
   return core.demangle(name)
end

return similar
