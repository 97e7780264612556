--- Axes: what can be varied about a strategy or an input, apart from the strategy itself. A
-- strategy says which axes it knows; an experiment says which values to try.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local options = require "moonlink.link.options"

local axes = {}

---@class moonlink.lab.Axis
---@field key string
---@field about string
---@field values any[] the first one is what counts when an experiment says nothing; none: any value

local WORDS = options.words

--- In the order of the parts of a case's name.
---@type moonlink.lab.Axis[]
axes.list = {
   {key = "pic", about = "how the sources of an input are compiled: -fPIC, -fPIE, or neither",
      values = {"pic", "pie", "none"}},
   {key = "units", about = "one unit for all, one for each package, or one for each object",
      values = {"all", "package", "each"}},
   {key = "zone", about = "place near the process's libraries, or below 2 GiB",
      values = WORDS.zone},
   {key = "block", about = "units share a reservation, or each has one that ends with it",
      values = WORDS.block},
   {key = "pages", about = "code and constants lie in small pages, or in huge ones",
      values = WORDS.pages},
   {key = "protect", about = "a load is sealed as one, object by object, or its code is written at "
      .. "another address", values = WORDS.protect},
   {key = "cross", about = "how units reach each other, the option `bind` of a linker",
      values = WORDS.bind},
   {key = "relax", about = "GOT loads that may be direct ones become direct",
      values = {true, false}},
   {key = "gc", about = "sections that nothing needs are dropped", values = {false, true}},
   {key = "debug", about = "who is told of what was loaded", values = {"none", "gdb", "lines"}},
   {key = "members", about = "all members of an archive, or those that are wanted",
      values = {"all", "wanted"}},
   {key = "linker", about = "the system's linker that is run", values = {"bfd", "gold", "lld",
      "mold"}},
   {key = "bind", about = "functions of shared libraries are bound when called first, or at once",
      values = {"lazy", "now"}},
   {key = "symbolic", about = "-Bsymbolic: a library's own definitions come first",
      values = {false, true}},
   {key = "batch", about = "objects in each library of shared-incremental", values = {}},
}

local by_key = {}
for place, axis in ipairs(axes.list) do
   by_key[axis.key] = {axis = axis, place = place}
end

--- An axis by its name, or nil.
---@param key string
---@return moonlink.lab.Axis?
function axes.get(key)
   return by_key[key] and by_key[key].axis
end

--- Is a value one of these? A list without any has all.
---@param values any[]
---@param value any
---@return boolean
function axes.has(values, value)
   for _, each in ipairs(values) do
      if each == value then
         return true
      end
   end
   return #values == 0
end

local function words_of(values)
   local words = {}
   for i, value in ipairs(values) do
      words[i] = tostring(value)
   end
   return table.concat(words, ", ")
end

--- The axes that a strategy or an input names, as a table of values by name. It names those of the
--- list above, or brings its own, `name = {values}`.
---@param named table
---@param who string for messages
---@return table<string, any[]>
function axes.known(named, who)
   local out = {}
   for key, value in pairs(named or {}) do
      if math.type(key) == "integer" then
         if not by_key[value] then
            errors.mistake("%s: unknown axis '%s'", who, tostring(value))
         end
         out[value] = by_key[value].axis.values
      elseif type(value) ~= "table" then
         errors.mistake("%s: axis '%s': a list of values expected", who, key)
      else
         out[key] = value
      end
   end
   return out
end

--- Raises for a value that an axis does not have.
---@param known table<string, any[]>
---@param key string
---@param value any
---@param who string
function axes.check(known, key, value, who)
   local values = known[key]
   if not values then
      errors.mistake("%s: it has no axis '%s'", who, key)
   elseif not axes.has(values, value) then
      errors.mistake("%s: axis '%s' has no value '%s' (%s)", who, key, tostring(value),
         words_of(values))
   end
end

local function by_place(a, b)
   local x, y = by_key[a], by_key[b]
   if x and y then
      return x.place < y.place
   elseif x or y then
      return x ~= nil
   end
   return a < b
end

--- The names of axes in their fixed order.
---@param set table<string, any>
---@return string[]
function axes.sorted(set)
   local keys = {}
   for key in pairs(set) do
      keys[#keys + 1] = key
   end
   table.sort(keys, by_place)
   return keys
end

--- All combinations of the values wanted, over what is fixed: one table of values by name for each.
---@param wanted table<string, any[]>
---@param fixed table<string, any>
---@return table<string, any>[]
function axes.combine(wanted, fixed)
   local out = {{}}
   for _, key in ipairs(axes.sorted(wanted)) do
      local longer = {}
      for _, base in ipairs(out) do
         for _, value in ipairs(wanted[key]) do
            local one = {[key] = value}
            for k, v in pairs(base) do
               one[k] = v
            end
            longer[#longer + 1] = one
         end
      end
      out = longer
   end
   for _, one in ipairs(out) do
      for key, value in pairs(fixed) do
         if one[key] == nil then
            one[key] = value
         end
      end
   end
   return out
end

--- Values as the parts of a name: "zone=low", "gc".
---@param values table<string, any>
---@return string[]
function axes.words(values)
   local out = {}
   for i, key in ipairs(axes.sorted(values)) do
      local value = values[key]
      out[i] = value == true and key or value == false and "no-" .. key
         or ("%s=%s"):format(key, tostring(value))
   end
   return out
end

return axes
