--- Declarators: what stands around a name - pointers, arrays, parameters - and makes its type.
-- Specification: C11 6.7.6 (declarators), 6.7.7 (type names).
-- SPDX-License-Identifier: MIT

local constant = require "moonlink.call.constant"
local ctype = require "moonlink.call.ctype"
local lists = require "moonlink.lists"
local specifier = require "moonlink.call.specifier"

local declarator = {}

local qualifiers = {
   const = "const", __const = "const", __const__ = "const", volatile = "", __volatile__ = "",
   restrict = "", __restrict = "", __restrict__ = "", _Atomic = "", _Nonnull = "", _Nullable = "",
}

---`* const *`: pointers to what comes before.
---@param reader moonlink.Reader
---@param t moonlink.CType
---@param const boolean
local function pointers(reader, t, const)
   specifier.skip_attributes(reader)
   while reader:accept "*" do
      t, const = ctype.pointer(t, const), false
      local qualifier = qualifiers[reader:peek().text]
      while qualifier do
         const = const or qualifier == "const"
         reader:advance()
         qualifier = qualifiers[reader:peek().text]
      end
      specifier.skip_attributes(reader)
   end
   return t, const
end

---@param reader moonlink.Reader
---@return { name: string|nil, type: moonlink.CType }
local function parameter(reader)
   local start = reader:peek()
   local specifiers = specifier.read(reader)
   local name, t = declarator.read(reader, specifiers.type, specifiers.const)
   specifier.skip_attributes(reader)
   if t.code == "v" then
      reader:fail("a type other than void", "a parameter cannot be void", start)
   end
   return { name = name and name.text, type = ctype.as_parameter(t) }
end

local function is_void_list(reader)
   local following = reader.tokens[reader.at + 1]
   return reader:is "void" and following and following.text == ")"
end

---Behind `(`, up to `)`.
---@param reader moonlink.Reader
---@param result moonlink.CType
---@return moonlink.CType
local function parameters(reader, result)
   local t = { kind = "function", result = result, params = {}, variadic = false }
   if is_void_list(reader) then
      reader:advance()
   elseif not reader:is ")" then
      repeat
         if reader:is "..." and #t.params == 0 then
            reader:fail("a parameter before '...'")
         elseif reader:accept "..." then
            t.variadic = true
            break
         end
         t.params[#t.params + 1] = parameter(reader)
      until not reader:accept ","
   end
   if not reader:accept ")" then
      reader:fail(t.variadic and "')'" or "',' or ')'")
   end
   return t
end

---`[n][m]` or `(parameters)` behind a name.
---@param reader moonlink.Reader
local function suffixes(reader, t, const)
   local start = reader:peek()
   if reader:is "(" then
      reader:enter()
      reader:advance()
      if t.kind == "function" or t.kind == "array" then
         reader:fail("another result type", "a function cannot return " .. ctype.show(t), start)
      end
      local made = parameters(reader, t)
      reader:leave()
      return made
   elseif reader:is "[" then
      reader:enter()
      reader:advance()
      while reader:accept "static" or qualifiers[reader:peek().text] and reader:advance() do end
      local count
      if not reader:is "]" then
         count = constant.read(reader)
      end
      reader:expect "]"
      local elements = suffixes(reader, t, const)
      if elements.kind == "function" or elements.code == "v" then
         reader:fail("another element type", "an array cannot hold " .. ctype.show(elements), start)
      end
      reader:leave()
      return ctype.array(elements, count, const)
   end
   return t
end

---Is the `(` here around a declarator, and not the start of parameters?
local function is_nested(reader)
   if not reader:is "(" then
      return false
   end
   local following = reader.tokens[reader.at + 1]
   if following.text == "*" or following.text == "(" or following.text == "__attribute__" then
      return true
   end
   return following.kind == "name" and not qualifiers[following.text]
      and not specifier.at_type { peek = function() return following end, scope = reader.scope }
end

---@param reader moonlink.Reader
---@param t moonlink.CType what the specifiers said
---@param const boolean
---@return moonlink.Token|nil name nil in an abstract declarator
---@return moonlink.CType
---@return boolean const is the thing declared itself constant
function declarator.read(reader, t, const)
   t, const = pointers(reader, t, const)
   if is_nested(reader) then
      reader:enter()
      reader:advance()
      local hole = {} -- what the suffixes behind the bracket will make of t
      local name, whole, whole_const = declarator.read(reader, hole, const)
      reader:expect ")"
      lists.assign(hole, suffixes(reader, t, const))
      reader:leave()
      return name, whole, whole_const
   end
   local name
   if reader:peek().kind == "name" and not specifier.is_keyword(reader:peek().text) then
      name = reader:advance()
   end
   return name, suffixes(reader, t, const), const
end

return declarator
