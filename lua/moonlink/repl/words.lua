--- Lines of commands as words, as a shell reads them: blanks between them, quotes and backslashes
-- around blanks. No variables, no patterns; a word that begins with ~/ begins with $HOME.
-- SPDX-License-Identifier: MIT

local words = {}

local function home(word)
   local folder = os.getenv "HOME"
   return folder and (word == "~" or word:sub(1, 2) == "~/") and folder .. word:sub(2) or word
end

--- The piece of a word that begins at `at`: its text and where it ends; nil for an open quote.
local function piece(line, at)
   local c = line:sub(at, at)
   if c == "\\" then
      return line:sub(at + 1, at + 1), at + 2
   elseif c == "'" or c == '"' then
      local close = line:find(c, at + 1, true)
      if not close then
         return nil
      end
      return line:sub(at + 1, close - 1), close + 1
   end
   local stop = line:find("[%s\\'\"]", at) or #line + 1
   return line:sub(at, stop - 1), stop
end

--- Splits a line.
---@param line string
---@return string[]?
---@return string? why
function words.split(line)
   local out, at = {}, line:find "%S"
   while at do
      local parts, first = {}, line:sub(at, at)
      while at <= #line and not line:find("^%s", at) do
         local text, behind = piece(line, at)
         if not text then
            return nil, ("a quote (%s) is never closed"):format(line:sub(at, at))
         end
         parts[#parts + 1], at = text, behind
      end
      local word = table.concat(parts)
      out[#out + 1] = first == "~" and home(word) or word
      at = line:find("%S", at)
   end
   return out
end

return words
