--- What strategies over other linkers share: their C interface, and functions of what they loaded.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local cdecl = require "moonlink.call.cdecl"
local errors = require "moonlink.error"

local binder = {}

--- C functions by name, out of a linker that has loaded their library.
---@param ln moonlink.Linker
---@param prototypes string each ends with a semicolon
---@return table<string, function>
function binder.functions(ln, prototypes)
   local out = {}
   for prototype in prototypes:gmatch "%s*([^;]+);" do
      out[prototype:match "([%w_]+)%s*%("] = assert(ln:func(prototype))
   end
   return out
end

--- The `bind` of a peer that gives addresses of names.
---@param address_of fun(loaded: any, name: string): integer?
---@return fun(loaded: any, prototype: string): function
function binder.new(address_of)
   local types = cdecl.scope()
   return function(loaded, prototype)
      return assert(call.func({
         types = types,
         definition = function(_, name)
            local address = address_of(loaded, name)
            if address and address ~= 0 then
               return address
            end
            return nil, errors.new {code = "undefined", symbol = name,
               message = ("nothing that was loaded defines '%s'"):format(name)}
         end,
      }, prototype))
   end
end

--- The `reload` of a peer that cannot change what it has linked: everything goes, and is loaded
--- anew with the object that has changed.
---@param load fun(built: any, run: moonlink.lab.Run): any
---@param unload fun(loaded: any, run: moonlink.lab.Run)
---@return fun(loaded: any, change: moonlink.lab.Change, run: moonlink.lab.Run): any
function binder.anew(load, unload)
   return function(loaded, change, run)
      unload(loaded, run)
      return load({}, run:with(change.plan))
   end
end

return binder
