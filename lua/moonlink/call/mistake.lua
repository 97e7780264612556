--- What is wrong with a C declaration, and where: line, column, what was expected, a caret.
-- SPDX-License-Identifier: MIT

local mistake = {}

---@class moonlink.Mistake
---@field code "declaration"
---@field line integer
---@field column integer
---@field expected string what would have been right here
---@field found string|nil the token that stands here
---@field message string one sentence, without the place
---@field source string the line of the text

local class = { __name = "moonlink.Mistake" }

local WIDEST = 200 -- columns of a line that are shown

function class:__tostring()
   local first = #self.source <= WIDEST and 1 or math.max(1, self.column - WIDEST // 2)
   local shown = self.source:sub(first, first + WIDEST - 1)
   local indent = shown:sub(1, self.column - first):gsub("[^\t]", " ")
   return ("declaration, line %d, column %d: %s\n  %s\n  %s^"):format(
      self.line, self.column, self.message, shown, indent)
end

---Line and column of a byte, and the whole line.
---@param text string
---@param pos integer
---@return integer line
---@return integer column
---@return string source
function mistake.place(text, pos)
   local line, start = 1, 1
   while true do
      local newline = text:find("\n", start, true)
      if not newline or newline >= pos then
         return line, pos - start + 1, text:sub(start, newline and newline - 1)
      end
      line, start = line + 1, newline + 1
   end
end

---@param text string the whole text
---@param pos integer the byte where it went wrong
---@param expected string
---@param found string|nil
---@param message string|nil in place of "expected ..., got ..."
---@return moonlink.Mistake
function mistake.new(text, pos, expected, found, message)
   local line, column, source = mistake.place(text, pos)
   if not message then
      message = ("expected %s, got %s"):format(expected, found and "'" .. found .. "'" or "the end")
   end
   return setmetatable({
      code = "declaration", line = line, column = column, expected = expected, found = found,
      message = message, source = source,
   }, class)
end

---Is this value a mistake (and not some other error)?
---@param value any
---@return boolean
function mistake.is(value)
   return getmetatable(value) == class
end

return mistake
