--- Errors of the world as values: what went wrong, where, and what to do.
-- A function that fails for the world's reasons returns nil and such a table; it prints itself.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local lists = require "moonlink.lists"

local errors = {}

---@class moonlink.Error
---@field code string "undefined", "duplicate", "format", "noent" ...: see csrc/base/err.def
---@field message string cause, with the place
---@field reason? string cause, without the place
---@field hint? string what to do
---@field detail? string more lines, printed behind: a backtrace
---@field file? string
---@field member? string archive member
---@field section? string
---@field offset? integer into the section, else into the file
---@field line? integer of a text, from 1
---@field column? integer
---@field symbol? string
---@field reloc? string
---@field func? string function that holds the place
---@field count? integer errors found in all
---@field errors? moonlink.Error[] all of them, up to 20, the first one included
---@field names? string[] all names that are undefined
---@field references? moonlink.core.Reference[] who wants the name
---@field demangled? string the name as a C++ programmer wrote it
---@field places? table[] both definitions: { file=, section=, offset=, unit=, text= } each
---@field type? string of a C++ exception, as a programmer writes it
---@field what? string what() of a C++ exception, or its value
---@field tried? string[] where it was looked for

local function one(e)
   local text = tostring(e.message)
   if e.hint then
      text = ("%s\n  hint: %s"):format(text, e.hint)
   end
   return e.detail and ("%s\n%s"):format(text, e.detail) or text
end

--- The text of an error: all causes, each with its hint.
---@param e moonlink.Error
---@return string
function errors.text(e)
   local list = rawget(e, "errors")
   if not list or #list < 2 then
      return one(e)
   end
   local lines = {}
   for i = 1, math.min(#list, 20) do -- a hint that several share stands behind the last of them
      local each, next_one = list[i], i < 20 and list[i + 1]
      lines[i] = (next_one and each.hint == next_one.hint and not each.detail) and each.message
         or one(each)
   end
   local more = (e.count or #list) - #list
   if more > 0 then
      lines[#lines + 1] = ("... and %d more"):format(more)
   end
   return table.concat(lines, "\n")
end

local metatable = core.error_metatable
metatable.__tostring = errors.text
metatable.__name = "moonlink.Error"

--- Makes an error of a table with its fields.
---@param fields table
---@return moonlink.Error
function errors.new(fields)
   return setmetatable(fields, metatable)
end

--- Several errors as one, which has the fields of the first.
---@param list moonlink.Error[] the first ones
---@param count integer of all
---@return moonlink.Error
function errors.joined(list, count)
   return lists.assign(errors.new {errors = list, count = count}, list[1])
end

local OURS = debug.getinfo(1, "S").source:match "^(.*)error%.lua$"

--- Raises for a mistake of the programmer, at the line outside moonlink that made it, however many
--- of our own functions lie between.
---@param format string
---@param ... any
function errors.mistake(format, ...)
   local message, level = format:format(...), 2
   while true do
      local info = debug.getinfo(level, "Sl")
      if not info or info.source:find "bin/moonlink$" then -- what called us left no frame
         error(message, 0)
      elseif info.what ~= "C" and info.source:sub(1, #OURS) ~= OURS then
         error(("%s:%d: %s"):format(info.short_src, info.currentline, message), 0)
      end
      level = level + 1
   end
end

--- Is this value an error of moonlink?
---@param value any
---@return boolean
function errors.is(value)
   return type(value) == "table" and getmetatable(value) == metatable
end

return errors
