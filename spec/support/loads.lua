--- What specs of loading share: loads that must succeed, and loads that must not.
-- SPDX-License-Identifier: MIT

local assert = require "luassert"
local moonlink = require "moonlink"

local loads = {}

--- Loads into a fresh linker and calls functions without arguments: their results, in the order of
--- the names.
---@param ctype string of the results
---@param inputs any as ln:load
---@param ... string names of functions
---@return any ...
function loads.results(ctype, inputs, ...)
   local ln <close> = moonlink.new()
   assert(ln:load(inputs))
   local values = {}
   for i, name in ipairs {...} do
      values[i] = assert(ln:func(("%s %s(void)"):format(ctype, name)))()
   end
   return table.unpack(values)
end

--- The error of a load that must fail.
---@param inputs any as ln:load
---@param options? table of the linker
---@return moonlink.Error
function loads.refusal(inputs, options)
   local ln <close> = moonlink.new(options)
   local unit, err = ln:load(inputs)
   assert(unit == nil, "the load should have failed")
   assert(type(err) == "table", "an error value should say why")
   return err
end

--- The text and the error of an unload that must be refused, since somebody needs the unit.
---@param unit moonlink.LoadedUnit
---@param how? table as unit:unload
---@return string text
---@return moonlink.Error
function loads.unload_refusal(unit, how)
   local ok, err = unit:unload(how)
   assert.is_nil(ok)
   assert.equal("state", err.code)
   assert.is_true(unit:alive())
   return err.message, err
end

return loads
