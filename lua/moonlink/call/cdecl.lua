--- C declarations: text to plain data. A scope holds what was declared; there is no global one.
-- Takes what a header says, also after `gcc -E`; bodies, attributes and struct members are stepped
-- over. A text is taken whole or not at all. Mistakes are tables with line, column and what was
-- expected. Nothing here knows of addresses.
-- Specification: C11 6.7 (declarations), 6.9 (external definitions).
-- SPDX-License-Identifier: MIT

local ctype = require "moonlink.call.ctype"
local constant = require "moonlink.call.constant"
local declarator = require "moonlink.call.declarator"
local mistake = require "moonlink.call.mistake"
local new_reader = require("moonlink.call.reader").new
local specifier = require "moonlink.call.specifier"

local cdecl = {}

---@class moonlink.Declaration
---@field name string
---@field symbol string what the linker calls it: `__asm__("symbol")`, else the name
---@field type moonlink.CType
---@field const boolean|nil of data: may not be written
---@field thread boolean|nil of data: one for each thread
---@field line integer
---@field code string|nil of a function that was made: the code of its type, and its C text
---@field shown string|nil

---@class moonlink.Scope
---@field parent moonlink.Scope|nil
---@field typedefs table<string, { type: moonlink.CType, const: boolean }>
---@field tags table<string, moonlink.CType>
---@field constants table<string, integer>
---@field functions table<string, moonlink.Declaration>
---@field data table<string, moonlink.Declaration>
---@field prototypes table<string, moonlink.Declaration> what was parsed before, by its text
local scope = {}
scope.__index = scope

local rooms = { "typedefs", "tags", "constants", "functions", "data" }

---An empty scope. Without a parent it knows the types of the standard headers.
---@param parent moonlink.Scope|nil
---@return moonlink.Scope
function cdecl.scope(parent)
   local self = setmetatable({ parent = parent, prototypes = {} }, scope)
   for _, room in ipairs(rooms) do
      self[room] = {}
   end
   if not parent then
      for name, t in pairs(ctype.typedefs) do
         self.typedefs[name] = { type = t, const = false, builtin = true }
      end
   end
   return self
end

---@param room string one of the rooms
---@param name string
---@return any
function scope:find(room, name)
   local at = self
   while at do
      local found = at[room][name]
      if found ~= nil then
         return found
      end
      at = at.parent
   end
   return nil
end

---What two declarations of a name must agree in, as text.
local function shape(room, value)
   if room == "constants" then
      return tostring(value)
   elseif room == "tags" then
      return value.kind
   end
   local t = value.type
   return t.kind == "base" and t.code or ctype.show(t)
end

---Declares; a name that was declared otherwise is a mistake.
---@param reader moonlink.Reader
---@param token moonlink.Token where
---@param room string
---@param name string
---@param value any
function scope:put(reader, token, room, name, value)
   local before = self:find(room, name)
   if before ~= nil and shape(room, before) ~= shape(room, value)
      and not (type(before) == "table" and before.builtin) then
      local text = room == "constants" and tostring(before)
         or before.type and ctype.show(before.type, name) or before.kind
      reader:fail("the same declaration as before",
         ("'%s' was declared otherwise before: %s"):format(name, text), token)
   end
   self[room][name] = value
end

---`__asm__("symbol")` and attributes behind a declarator.
local function symbol_of(reader, name)
   local symbol = name
   specifier.skip_attributes(reader)
   while reader:accept "__asm__" or reader:accept "asm" or reader:accept "__asm" do
      reader:expect "("
      local parts = {}
      while reader:peek().kind == "string" do
         parts[#parts + 1] = reader:advance().text:sub(2, -2)
      end
      if #parts == 0 then
         reader:fail "the name of a symbol in quotes"
      end
      reader:expect ")"
      symbol = table.concat(parts)
      specifier.skip_attributes(reader)
   end
   return symbol
end

---Steps over `= value`.
local function skip_initialiser(reader)
   if not reader:accept "=" then
      return
   end
   while not reader:is "," and not reader:is ";" and reader:peek().kind ~= "end" do
      if reader:is "{" or reader:is "(" or reader:is "[" then
         reader:skip_balanced()
      else
         reader:advance()
      end
   end
end

---One declarator with all that belongs to it. True when it was a function with its body.
---@param reader moonlink.Reader
---@param specifiers moonlink.Specifiers
---@return boolean
local function declare(reader, specifiers)
   local name, t, const = declarator.read(reader, specifiers.type, specifiers.const)
   if not name then
      reader:fail "a name"
   end
   local made = {
      name = name.text, symbol = symbol_of(reader, name.text), type = t, const = const,
      thread = specifiers.thread, line = mistake.place(reader.text, name.pos),
   }
   local target = reader.scope
   if specifiers.typedef then
      target:put(reader, name, "typedefs", name.text, { type = t, const = const })
   elseif t.kind ~= "function" then
      target:put(reader, name, "data", name.text, made)
      skip_initialiser(reader)
   else
      local has_body = reader:is "{"
      if not (specifiers.static and has_body) then -- nobody outside its file can call that one
         target:put(reader, name, "functions", name.text, made)
      end
      if has_body then
         reader:skip_balanced()
         return true
      end
   end
   return false
end

---`#define NAME expression`, when it is an integer; anything else is none of our business.
local function define(reader, token)
   local ok, value = pcall(function()
      local inner = new_reader(token.body, reader.scope,
         { type_name = reader.type_name, at_type = reader.at_type })
      local result = constant.read(inner)
      return inner:peek().kind == "end" and result or nil
   end)
   if ok and value then
      reader.scope:put(reader, token, "constants", token.text, value)
   elseif not ok and not mistake.is(value) then
      error(value, 0)
   end
end

---@param reader moonlink.Reader
local function declaration(reader)
   local specifiers = specifier.read(reader)
   if not reader:is ";" and reader:peek().kind ~= "end" then
      repeat
         if declare(reader, specifiers) then
            return
         end
      until not reader:accept ","
   end
   if not reader:accept ";" and reader:peek().kind ~= "end" then
      reader:fail "';'"
   end
end

---@param reader moonlink.Reader
local function everything(reader)
   local blocks = 0 -- of extern "C"
   while reader:peek().kind ~= "end" do
      local following = reader.tokens[reader.at + 1]
      if reader:peek().kind == "define" then
         define(reader, reader:advance())
      elseif reader:is "extern" and following.kind == "string" then
         reader:advance()
         reader:advance()
         blocks = blocks + (reader:accept "{" and 1 or 0)
      elseif reader:is "_Static_assert" then
         reader:advance()
         reader:skip_balanced()
      elseif blocks > 0 and reader:accept "}" then
         blocks = blocks - 1
      elseif not reader:accept ";" then
         declaration(reader)
      end
   end
   if blocks > 0 then
      reader:fail "'}'"
   end
end

---A type without a name: of a cast, of sizeof, of a callback.
---@param reader moonlink.Reader
---@return moonlink.CType
---@return moonlink.Token|nil name
local function type_name(reader)
   local specifiers = specifier.read(reader)
   local name, t = declarator.read(reader, specifiers.type, specifiers.const)
   return t, name
end

local reader_methods = { type_name = type_name, at_type = specifier.at_type }

---Runs a part of the parser on a text; a mistake becomes a result.
local function parse(text, into, part)
   local ok, result, more = pcall(function()
      return part(new_reader(text, into, reader_methods))
   end)
   if ok then
      return result, more
   elseif mistake.is(result) then
      return nil, result
   end
   error(result, 0)
end

---Takes every declaration of a text into the scope, or none.
---@param text string
---@return true|nil
---@return moonlink.Mistake|nil
function scope:declare(text)
   local overlay = cdecl.scope(self)
   local ok, err = parse(text, overlay, function(reader)
      everything(reader)
      return true
   end)
   if not ok then
      return nil, err
   end
   for _, room in ipairs(rooms) do
      for name, value in pairs(overlay[room]) do
         self[room][name] = value
      end
   end
   return true
end

---The one function that a text declares; it is not put into the scope. What was declared never
---changes, so neither does what a text means: it is parsed once.
---@param text string
---@return moonlink.Declaration|nil
---@return moonlink.Mistake|nil
function scope:prototype(text)
   local known = self.prototypes[text]
   if known then
      return known
   end
   local made, mistaken = parse(text, cdecl.scope(self), function(reader)
      everything(reader)
      local name, made = next(reader.scope.functions)
      if not name or next(reader.scope.functions, name) or next(reader.scope.data) then
         reader:fail("one function", "the prototype of one function was expected", reader.tokens[1])
      end
      return made
   end)
   self.prototypes[text] = made
   return made, mistaken
end

---The type that a text means: "int", "const char *", "void (*)(int)", "compare_fn". The scope is
---not changed.
---@param text string
---@return moonlink.CType|nil
---@return moonlink.Mistake|nil
function scope:type(text)
   return parse(text, cdecl.scope(self), function(reader)
      local t = type_name(reader)
      specifier.skip_attributes(reader)
      reader:accept ";"
      if reader:peek().kind ~= "end" then
         reader:fail "the end"
      end
      return t
   end)
end

return cdecl
