--- Types of values that cross between Lua and Haskell, as Haskell writes them: "Int", "[Maybe
-- String]", "(Int, Bool)", "Either String Integer", "IO ()". A lower-case name is any type: what is
-- there stays a value of Haskell.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

local types = {}

---@class moonlink.ghc.Type
---@field name string "Int", "list", "tuple", "Maybe" ..., or "any"
---@field [integer] moonlink.ghc.Type arguments
---@field text string as it was written

--- Types with one constructor around one word: its name, and how the word is read. Little-endian:
--- small types may fill the word or only its start, depending on the version of GHC.
types.boxes = {
   Int = {"I#", "j"}, Int8 = {"I8#", "i1"}, Int16 = {"I16#", "i2"}, Int32 = {"I32#", "i4"},
   Int64 = {"I64#", "j"}, Word = {"W#", "j"}, Word8 = {"W8#", "I1"}, Word16 = {"W16#", "I2"},
   Word32 = {"W32#", "I4"}, Word64 = {"W64#", "j"}, Double = {"D#", "d"}, Float = {"F#", "f"},
   Char = {"C#", "I4"}, Ptr = {"Ptr", "j"}, FunPtr = {"FunPtr", "j"},
}

local NULLARY = {
   Int = true, Int8 = true, Int16 = true, Int32 = true, Int64 = true, Word = true, Word8 = true,
   Word16 = true, Word32 = true, Word64 = true, Char = true, Double = true, Float = true,
   Bool = true, Integer = true, Natural = true, String = true, Ordering = true,
}
local UNARY = {Maybe = 1, IO = 1, Either = 2, Ptr = 1, FunPtr = 1}
--- Deeper types are refused before they exhaust the stack of Lua.
local DEEPEST = 100

local function fail(p, what)
   errors.mistake("type '%s': %s", p.text, what)
end

local function skip(p)
   p.at = p.text:match("^%s*()", p.at)
end

local function accept(p, token)
   skip(p)
   if p.text:sub(p.at, p.at + #token - 1) == token then
      p.at = p.at + #token
      return true
   end
   return false
end

local parse_type

local function nested(p)
   p.depth = p.depth + 1
   if p.depth > DEEPEST then
      fail(p, "too deep")
   end
   local t = parse_type(p)
   p.depth = p.depth - 1
   return t
end

local function tuple(p)
   if accept(p, ")") then
      return {name = "tuple"}
   end
   local t = {name = "tuple", nested(p)}
   while accept(p, ",") do
      t[#t + 1] = nested(p)
   end
   if not accept(p, ")") then
      fail(p, "')' expected")
   elseif #t > 62 then
      fail(p, "a tuple has up to 62 parts")
   end
   return #t == 1 and t[1] or t
end

local function atom(p)
   skip(p)
   if accept(p, "(") then
      return tuple(p)
   elseif accept(p, "[") then
      local t = {name = "list", nested(p)}
      if not accept(p, "]") then
         fail(p, "']' expected")
      end
      return t
   end
   local name = p.text:match("^[%a_][%w_']*", p.at)
   if not name then
      return nil
   end
   p.at = p.at + #name
   if name:find "^[%l_]" then
      return {name = "any"}
   elseif not NULLARY[name] and not UNARY[name] then
      fail(p, ("'%s' is no type that Lua knows; a lower-case letter stands for any"):format(name))
   end
   return {name = name}
end

local function with_arguments(p, t)
   local wanted = UNARY[t.name]
   if not wanted or t[1] then
      return t
   end
   for i = 1, wanted do
      t[i] = atom(p)
      if not t[i] then
         fail(p, ("%s wants %d argument%s"):format(t.name, wanted, wanted > 1 and "s" or ""))
      elseif UNARY[t[i].name] and not t[i][1] then
         fail(p, ("put %s and its argument in brackets"):format(t[i].name))
      end
   end
   return t
end

function parse_type(p)
   local first = p.at
   local t = atom(p)
   if not t then
      fail(p, "a type expected")
   end
   t = with_arguments(p, t)
   t.text = p.text:sub(first, p.at - 1):match "^%s*(.-)%s*$"
   return t
end

--- Reads a type; raises for what is none.
---@param text string
---@return moonlink.ghc.Type
function types.parse(text)
   if type(text) ~= "string" then
      errors.mistake("a Haskell type expected, got %s", type(text))
   end
   local p = {text = text, at = 1, depth = 0}
   local t = parse_type(p)
   skip(p)
   if p.at <= #text then
      fail(p, ("'%s' is not understood"):format(text:sub(p.at)))
   end
   return t
end

return types
