--- A place in a list of tokens, and what is known there: what the parts of the parser share.
-- Raises a mistake for whatever is not C; cdecl.lua catches it.
-- SPDX-License-Identifier: MIT

local lexer = require "moonlink.call.lexer"
local lists = require "moonlink.lists"
local mistake = require "moonlink.call.mistake"

local reader = {}

---@class moonlink.Reader
---@field text string
---@field tokens moonlink.Token[]
---@field at integer index of the next token
---@field scope moonlink.Scope where names are looked up and put
---@field type_name fun(self: moonlink.Reader): moonlink.CType
---@field at_type fun(self: moonlink.Reader): boolean
local methods = {}
methods.__index = methods

---@param text string
---@param scope moonlink.Scope
---@param more table<string, function>|nil further methods
---@return moonlink.Reader
function reader.new(text, scope, more)
   local self = { text = text, tokens = lexer.tokens(text), at = 1, scope = scope, depth = 0 }
   return setmetatable(lists.assign(self, more), methods)
end

---@return moonlink.Token
function methods:peek()
   return self.tokens[self.at]
end

---@return moonlink.Token
function methods:advance()
   local token = self.tokens[self.at]
   self.at = math.min(self.at + 1, #self.tokens)
   return token
end

---Is the next token this one? A constant never is.
---@param text string
---@return boolean
function methods:is(text)
   local token = self.tokens[self.at]
   return token.text == text and (token.kind == "punctuator" or token.kind == "name")
end

---@param text string
---@return boolean
function methods:accept(text)
   if not self:is(text) then
      return false
   end
   self:advance()
   return true
end

---@param text string
function methods:expect(text)
   if not self:accept(text) then
      self:fail("'" .. text .. "'")
   end
end

local DEPTH_MAX = 150 -- brackets in brackets; a text must not decide how deep we recurse

---Goes one bracket deeper.
function methods:enter()
   self.depth = self.depth + 1
   if self.depth > DEPTH_MAX then
      self:fail("fewer brackets", "nested too deeply")
   end
end

---Comes back from one bracket.
function methods:leave()
   self.depth = self.depth - 1
end

---Raises: something else was expected here.
---@param expected string
---@param message string|nil
---@param token moonlink.Token|nil the one it is about; the next one by default
function methods:fail(expected, message, token)
   token = token or self:peek()
   local found = token.kind ~= "end" and token.text or nil
   error(mistake.new(self.text, token.pos, expected, found, message), 0)
end

local closing = { ["("] = ")", ["["] = "]", ["{"] = "}" }

---Steps over everything from an opening bracket to the one that closes it.
function methods:skip_balanced()
   local first = self:advance()
   local open = { closing[first.text] }
   while #open > 0 do
      local token = self:advance()
      if token.kind == "end" then
         self:fail("'" .. open[#open] .. "'", ("'%s' is never closed"):format(first.text), first)
      elseif token.kind == "punctuator" then
         if closing[token.text] then
            open[#open + 1] = closing[token.text]
         elseif token.text == open[#open] then
            open[#open] = nil
         end
      end
   end
end

---The value of an enumerator or a #define.
---@param name string
---@return integer|nil
function methods:constant(name)
   return self.scope:find("constants", name)
end

return reader
