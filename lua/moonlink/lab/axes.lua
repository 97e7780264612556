--- Axes: what can be varied about a strategy or an input, apart from the strategy itself. A
-- strategy says which axes it knows; an experiment says which values to try.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local lists = require "moonlink.lists"
local options = require "moonlink.link.options"

local axes = {}

---@class moonlink.lab.Axis
---@field key string
---@field about string
---@field values any[] the first one is what counts when an experiment says nothing; none: any value

---@class moonlink.lab.Choice a value that an experiment wants of an axis
---@field word string|number|boolean what it is called: itself, or its name
---@field value any

--- Stands among the values of an axis that takes functions.
axes.FUNCTION = setmetatable({}, {__tostring = function() return "a function" end})

--- The words of an option, or a function that says one.
local function or_function(option)
   return lists.append(lists.append({}, options.words[option]), {axes.FUNCTION})
end

--- In the order of the parts of a case's name.
---@type moonlink.lab.Axis[]
axes.list = {
   {key = "pic", about = "how the sources of an input are compiled: -fPIC, -fPIE, or neither",
      values = {"pic", "pie", "none"}},
   {key = "units", about = "one unit for all, one for each package, or one for each object",
      values = {"all", "package", "each"}},
   {key = "zone", about = "place near the process's libraries, or below 2 GiB",
      values = or_function "zone"},
   {key = "block", about = "units share a reservation, or each has one that ends with it",
      values = or_function "block"},
   {key = "pages", about = "code and constants lie in huge pages if large, never, always, or in "
      .. "those that are set aside", values = or_function "pages"},
   {key = "protect", about = "sealed once per load, object by object, or mapped twice: code is "
      .. "written at another address", values = or_function "protect"},
   {key = "cross", about = "how units reach each other, the option `bind` of a linker",
      values = or_function "bind"},
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
      if each == value or each == axes.FUNCTION and type(value) == "function" then
         return true
      end
   end
   return #values == 0
end

local PLAIN = {string = true, number = true, boolean = true}

--- What an experiment wants of an axis, `{"low", NAME = f}` or one value: plain values in their
--- order, then those with names, sorted. A value that could not be shown wants a name.
---@param wanted any
---@param key string the axis, for messages
---@param who string likewise
---@return moonlink.lab.Choice[]
function axes.choices(wanted, key, who)
   if type(key) ~= "string" then
      errors.mistake("%s: axes: NAME = {VALUE...} expected", who)
   end
   local list, out, names = type(wanted) == "table" and wanted or {wanted}, {}, {}
   for place, value in pairs(list) do
      if type(place) == "string" then
         names[#names + 1] = place
      elseif not PLAIN[type(value)] then
         errors.mistake("%s: axis '%s': a %s wants a name: %s = {NAME = ...}", who, key,
            type(value), key)
      end
   end
   table.sort(names)
   for i, value in ipairs(list) do
      out[i] = {word = value, value = value}
   end
   for _, name in ipairs(names) do
      out[#out + 1] = {word = name, value = list[name]}
   end
   return out
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

local function with(set, key, value)
   return lists.assign(lists.copy(set), {[key] = value})
end

--- All combinations of what is wanted: for each the values by axis, over what is fixed, and what
--- those that vary are called.
---@param wanted table<string, moonlink.lab.Choice[]>
---@param fixed table<string, any>
---@return {values: table<string, any>, words: table<string, any>}[]
function axes.combine(wanted, fixed)
   local out = {{values = {}, words = {}}}
   for _, key in ipairs(axes.sorted(wanted)) do
      local longer = {}
      for _, base in ipairs(out) do
         for _, choice in ipairs(wanted[key]) do
            longer[#longer + 1] = {
               values = with(base.values, key, choice.value),
               words = with(base.words, key, choice.word),
            }
         end
      end
      out = longer
   end
   for _, one in ipairs(out) do
      one.values = lists.assign(lists.copy(fixed), one.values)
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
