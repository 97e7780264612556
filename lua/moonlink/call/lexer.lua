--- C text to tokens. Comments and preprocessor lines go; `#define NAME text` stays as a token.
-- Takes text; gives a list of tokens that ends with one of kind "end". A token knows its place.
-- Specification: C11 6.4 (lexical elements), 5.1.1.2 (line splicing, for preprocessor lines only).
-- SPDX-License-Identifier: MIT

local mistake = require "moonlink.call.mistake"

local lexer = {}

---@class moonlink.Token
---@field kind "name"|"number"|"string"|"punctuator"|"define"|"end"
---@field text string
---@field pos integer
---@field value integer|nil of an integer constant or a character constant
---@field body string|nil of a define

local long_punctuators = {
   ["..."] = true, ["<<"] = true, [">>"] = true, ["=="] = true, ["!="] = true, ["<="] = true,
   [">="] = true, ["&&"] = true, ["||"] = true, ["->"] = true,
}

local escapes = {
   n = 10, t = 9, r = 13, a = 7, b = 8, f = 12, v = 11, ["\\"] = 92, ["'"] = 39, ['"'] = 34,
   ["?"] = 63,
}

---Steps over a preprocessor line with its continuations.
local function preprocessor(text, pos, tokens)
   local stop = pos
   repeat
      stop = text:find("\n", stop, true) or #text + 1
      local continued = text:sub(math.max(pos, stop - 2), stop - 1):match "\\\r?$"
      stop = stop + 1
   until not continued or stop > #text
   local line = text:sub(pos, stop - 2):gsub("\\\r?\n", " "):gsub("/%*.-%*/", " "):gsub("//.*", "")
   local name, body = line:match("^#%s*define%s+([%a_][%w_]*)%s+(.+)$")
   if name then
      tokens[#tokens + 1] = { kind = "define", text = name, pos = pos, body = body }
   end
   return stop
end

---Is there nothing but blanks before this byte on its line?
local function starts_line(text, pos)
   repeat
      pos = pos - 1
      local c = text:sub(pos, pos)
   until c ~= " " and c ~= "\t"
   return pos < 1 or text:sub(pos, pos) == "\n"
end

---The next byte that belongs to a token.
local function skip(text, pos, tokens)
   while true do
      pos = text:find("%S", pos) or #text + 1
      local two = text:sub(pos, pos + 1)
      if two == "//" then
         pos = text:find("\n", pos, true) or #text + 1
      elseif two == "/*" then
         local _, stop = text:find("*/", pos + 2, true)
         if not stop then
            error(mistake.new(text, pos, "'*/'", nil, "this comment is never closed"), 0)
         end
         pos = stop + 1
      elseif two:sub(1, 1) == "#" and starts_line(text, pos) then
         pos = preprocessor(text, pos, tokens)
      else
         return pos
      end
   end
end

---An integer constant; nil for a floating-point one.
local function integer_value(digits)
   local body = digits:match("^(.-)[uUlL]*$")
   if body:match("^0[xX]%x+$") then
      return math.tointeger(tonumber(body))
   elseif body:match("^0[bB][01]+$") then
      return tonumber(body:sub(3), 2)
   elseif body:match("^0[0-7]*$") then
      return tonumber(body, 8)
   elseif body:match("^%d+$") then
      return math.tointeger(tonumber(body))
   end
   return nil
end

local function character_value(inner)
   if #inner == 1 then
      return inner:byte()
   end
   local hex = inner:match("^\\x(%x+)$")
   if hex then
      return tonumber(hex, 16) & 0xff
   end
   local octal = inner:match("^\\([0-7]+)$")
   if octal then
      return tonumber(octal, 8) & 0xff
   end
   return escapes[inner:match("^\\(.)$")]
end

---The end of a string or character constant that starts at pos.
local function quoted(text, pos, quote)
   local at = pos + 1
   while true do
      local c = text:sub(at, at)
      if c == "" or c == "\n" then
         error(mistake.new(text, pos, quote, nil, "this constant is never closed"), 0)
      elseif c == quote then
         return at
      end
      at = at + (c == "\\" and 2 or 1)
   end
end

local function next_token(text, pos)
   local name = text:match("^[%a_$][%w_$]*", pos)
   if name then
      return { kind = "name", text = name, pos = pos }
   end
   local digits = text:match("^%.?%d[%w_.]*", pos)
   if digits then
      return { kind = "number", text = digits, pos = pos, value = integer_value(digits) }
   end
   local c = text:sub(pos, pos)
   if c == '"' or c == "'" then
      local stop = quoted(text, pos, c)
      local token = { kind = "string", text = text:sub(pos, stop), pos = pos }
      if c == "'" then
         token.kind = "number"
         token.value = character_value(text:sub(pos + 1, stop - 1))
      end
      return token
   end
   for length = 3, 2, -1 do
      local long = text:sub(pos, pos + length - 1)
      if long_punctuators[long] then
         return { kind = "punctuator", text = long, pos = pos }
      end
   end
   return { kind = "punctuator", text = c, pos = pos }
end

---Raises a mistake.
---@param text string
---@return moonlink.Token[]
function lexer.tokens(text)
   local tokens = {}
   local pos = skip(text, 1, tokens)
   while pos <= #text do
      local token = next_token(text, pos)
      tokens[#tokens + 1] = token
      pos = skip(text, pos + #token.text, tokens)
   end
   tokens[#tokens + 1] = { kind = "end", text = "", pos = #text + 1 }
   return tokens
end

return lexer
