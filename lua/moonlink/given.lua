--- What a program gives us, looked at where it enters: tables of options, and what methods are
-- called on. A mistake raises at the line that made it, and says what would have been right.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local lists = require "moonlink.lists"

local given = {}

--- Raises for a name that nobody knows, with the nearest one that somebody does.
---@param name any
---@param known table<string, any> by the names that there are
---@param what string what it was taken for: "option", "field"
---@param who? string whose, for messages
function given.unknown(name, known, what, who)
   local words = lists.keys(known)
   local near = type(name) == "string" and require("moonlink.distance").nearest(name, words)
   errors.mistake("%sunknown %s '%s'%s (known: %s)", who and who .. ": " or "", what,
      tostring(name), near and (", did you mean '%s'?"):format(near) or "",
      table.concat(words, ", "))
end

local function fits(value, types)
   if type(value) == types then
      return true
   end
   for one in types:gmatch "%a+" do
      if one == "any" or type(value) == one or math.type(value) == one then
         return true
      end
   end
   return false
end

--- Looks at an argument that must be of a type, or one of several.
---@param value any
---@param types string as for options
---@param number integer of the argument
---@param name string of the function
function given.argument(value, types, number, name)
   if not fits(value, types) then
      errors.mistake("bad argument #%d to '%s' (%s expected, got %s)", number, name, types,
         value == nil and "no value" or types:find "integer" and math.type(value) or type(value))
   end
end

--- Looks at a table of options: each must have a name that is known, and a value of its type.
---@param options any nil: none
---@param known table<string, string> by name the type, or several as in "string or table"; "any"
---@param who? string whose options, for messages
---@param list? boolean it may have an array part, which is left alone
---@return table options the same, or an empty one
function given.options(options, known, who, list)
   local before = who and who .. ": " or ""
   if options == nil then
      return {}
   elseif type(options) ~= "table" then
      errors.mistake("%sa table of options expected, got %s", before, type(options))
   end
   for name, value in next, options do
      local types = known[name]
      if list and math.type(name) == "integer" then
         types = "any"
      elseif not types then
         given.unknown(name, known, "option", who)
      end
      if not fits(value, types) then
         errors.mistake("%soption '%s': %s expected, got %s", before, name, types,
            types:find "integer" and math.type(value) or type(value))
      end
   end
   return options
end

--- Lets methods look at what they are called on, since `value.method(x)` in place of
--- `value:method(x)` is soon written.
---@param methods table<string, function> which are replaced
---@param metatable table of the values that have them; others of its name count as well, such as
---  one without __gc while a value is being made
---@param example string a name for one, "ln"
---@param first? table<string, string> by method the type of its first argument
function given.methods(methods, metatable, example, first)
   local function has_them(self)
      local meta = getmetatable(self)
      return type(meta) == "table" and rawget(meta, "__name") == metatable.__name
   end
   for name, method in pairs(methods) do
      local types = first and first[name]
      methods[name] = function(self, ...)
         if getmetatable(self) ~= metatable and not has_them(self) then
            errors.mistake("'%s' is a method of a %s, but was called on %s: call it with a colon, "
               .. "%s:%s(...)", name, metatable.__name,
               self == nil and "nothing" or "a " .. type(self), example, name)
         elseif types then
            given.argument((...), types, 1, name)
         end
         return method(self, ...)
      end
   end
end

return given
