--- Declaration specifiers: storage, qualifiers, and the type that a declaration starts with.
-- Specification: C11 6.7 (declarations), 6.7.1, 6.7.2, 6.7.3; GNU C's attributes and keywords.
-- SPDX-License-Identifier: MIT

local constant = require "moonlink.call.constant"
local ctype = require "moonlink.call.ctype"

local specifier = {}

---@class moonlink.Specifiers
---@field type moonlink.CType
---@field const boolean
---@field typedef boolean|nil
---@field static boolean|nil
---@field thread boolean|nil

local function set(names)
   local result = {}
   for name in names:gmatch "%S+" do
      result[name] = true
   end
   return result
end

-- Words that say nothing about how a function is called.
local ignored = set [[ extern inline __inline __inline__ _Noreturn __extension__ register auto
   volatile __volatile __volatile__ restrict __restrict __restrict__ ]]
local const_words = set "const __const __const__"
local bracketed = set "__attribute__ __attribute _Alignas __declspec"
local storage = {
   typedef = "typedef", static = "static", _Thread_local = "thread", __thread = "thread",
}

local words = {
   void = "void", char = "char", short = "short", int = "int", long = "long", float = "float",
   double = "double", signed = "signed", __signed__ = "signed", __signed = "signed",
   unsigned = "unsigned", _Bool = "bool", __int128 = "__int128", _Complex = "_Complex",
   __complex__ = "_Complex",
}

---What the words of a type mean together, in whatever order they came: C11 6.7.2 paragraph 2.
---@param count table<string, integer>
---@return moonlink.CType|nil
local function combine(count)
   local core
   local longs = count.long or 0
   if count._Complex then
      return ctype.base["_Complex"]
   end
   for word, n in pairs(count) do
      if n > 1 and word ~= "long" then
         return nil
      end
   end
   for _, name in ipairs { "void", "bool", "char", "float", "double", "__int128" } do
      if count[name] then
         if core then
            return nil
         end
         core = name
      end
   end
   if core == "double" and longs == 1 and not (count.int or count.short) then
      core = "long double"
   elseif not core then
      core = count.short and "short" or longs == 1 and "long" or longs >= 2 and "long long" or "int"
      if longs > 2 or longs > 0 and count.short then
         return nil
      end
   elseif longs > 0 or count.short or count.int then
      return nil
   end
   if count.signed and count.unsigned then
      return nil
   elseif count.unsigned then
      return ctype.base["unsigned " .. core] or core == "__int128" and ctype.base[core] or nil
   elseif count.signed then
      return core == "char" and ctype.base["signed char"]
         or ctype.base["unsigned " .. core] and ctype.base[core] or nil
   end
   return ctype.base[core]
end

---Steps over `__attribute__((...))` and its like.
---@param reader moonlink.Reader
---@return boolean
local function skip_attribute(reader)
   if bracketed[reader:peek().text] then
      reader:advance()
      if not reader:is "(" then
         reader:fail "'('"
      end
      reader:skip_balanced()
      return true
   end
   return false
end

---@param reader moonlink.Reader
function specifier.skip_attributes(reader)
   while skip_attribute(reader) or reader:accept "__extension__" do end
end

---An enum is an int, or what its values need: gcc's and clang's choice.
local function enum_type(name, values)
   local low, high = 0, 0
   for _, value in ipairs(values) do
      low, high = math.min(low, value), math.max(high, value)
   end
   local base = low < 0 and "int" or "unsigned int"
   if low < -0x80000000 or high > (low < 0 and 0x7fffffff or 0xffffffff) then
      base = low < 0 and "long" or "unsigned long"
   end
   local as = ctype.base[base]
   return { kind = "enum", name = name, code = as.code, format = as.format, size = as.size }
end

---@param reader moonlink.Reader
---@return integer[]
local function enumerators(reader)
   local values, next_value = {}, 0
   while not reader:accept "}" do
      local token = reader:advance()
      if token.kind ~= "name" then
         reader:fail("the name of an enumerator", nil, token)
      end
      specifier.skip_attributes(reader)
      if reader:accept "=" then
         next_value = constant.read(reader)
      end
      reader.scope:put(reader, token, "constants", token.text, next_value)
      values[#values + 1] = next_value
      next_value = next_value + 1
      if not reader:accept "," and not reader:is "}" then
         reader:fail "',' or '}'"
      end
   end
   return values
end

---`struct tag`, `union tag { ... }`, `enum tag { A, B }`. What is in a struct is not looked at.
---@param reader moonlink.Reader
---@return moonlink.CType
local function tagged(reader)
   local keyword = reader:advance()
   specifier.skip_attributes(reader)
   local tag = reader:peek().kind == "name" and reader:advance().text or nil
   local name = keyword.text .. (tag and " " .. tag or "")
   local known = tag and reader.scope:find("tags", name)
   if not tag and not reader:is "{" then
      reader:fail "a tag or '{'"
   end
   if not reader:is "{" then
      local found = known
         or (keyword.text == "enum" and enum_type(name, {}) or { kind = "record", name = name })
      if not known then
         reader.scope:put(reader, keyword, "tags", name, found)
      end
      return found
   end
   local made
   if keyword.text == "enum" then
      reader:advance()
      made = enum_type(name, enumerators(reader))
   else
      reader:skip_balanced()
      made = known or { kind = "record", name = name }
   end
   if tag then
      reader.scope:put(reader, keyword, "tags", name, made)
   end
   return made
end

local tag_words = set "struct union enum"

---Can this word not be the name of anything?
---@param text string
---@return boolean
function specifier.is_keyword(text)
   return (words[text] or tag_words[text] or const_words[text] or ignored[text]
      or bracketed[text] or storage[text] or text:match "^_*asm_*$") and true or false
end

---Does a type start here?
---@param reader moonlink.Reader
---@return boolean
function specifier.at_type(reader)
   local token = reader:peek()
   local text = token.text
   if token.kind ~= "name" or text:match "^_*asm_*$" then
      return false
   end
   return specifier.is_keyword(text) or reader.scope:find("typedefs", text) ~= nil
end

---One word that is no type; false when there is none.
local function modifier(reader, result)
   local text = reader:peek().text
   if const_words[text] then
      result.const = true
   elseif storage[text] then
      result[storage[text]] = true
   elseif not ignored[text] then
      return skip_attribute(reader)
   end
   reader:advance()
   return true
end

---@param reader moonlink.Reader
---@return moonlink.Specifiers
function specifier.read(reader)
   local result = { const = false }
   local count, any, first = {}, false, reader:peek()
   while reader:peek().kind == "name" do
      local text = reader:peek().text
      local word = words[text]
      if word and not result.type then
         count[word] = (count[word] or 0) + 1
         any = true
         reader:advance()
      elseif tag_words[text] and not any and not result.type then
         result.type = tagged(reader)
      elseif not modifier(reader, result) then
         local typedef = not any and not result.type and reader.scope:find("typedefs", text)
         if not typedef then
            break
         end
         result.type, result.const = typedef.type, result.const or typedef.const
         reader:advance()
      end
   end
   if any then
      result.type = combine(count)
      if not result.type then
         reader:fail("a type", "these words make no type together", first)
      end
   elseif not result.type then
      local name = reader:peek().kind == "name" and reader:peek().text
      reader:fail("a type", name and ("unknown type '%s': declare it with cdef"):format(name))
   end
   return result
end

return specifier
