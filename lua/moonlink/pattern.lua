--- Is a text a pattern of Lua? The functions of `string` read a pattern only as far as a text
-- matches it: what is wrong behind that place is told later, by another text, or never.
-- Specification: the manual of Lua 5.4, 6.4.1 "Patterns".
-- SPDX-License-Identifier: MIT

local pattern = {}

local MAX_CAPTURES = 32

--- The place behind the set whose first character (behind the bracket) is at a place.
local function behind_set(text, at)
   if text:sub(at, at) == "^" then
      at = at + 1
   end
   repeat -- the first one may be a bracket
      local c = text:sub(at, at)
      if c == "" then
         return nil, "malformed pattern (missing ']')"
      end
      at = at + (c == "%" and 2 or 1)
   until text:sub(at, at) == "]"
   return at + 1
end

--- What a percent sign at a place begins.
local function behind_escape(text, at, captures)
   local c = text:sub(at + 1, at + 1)
   if c == "" then
      return nil, "malformed pattern (ends with '%')"
   elseif c == "b" then
      return at + 3 <= #text and at + 4 or nil, "malformed pattern (missing arguments to '%b')"
   elseif c == "f" then
      if text:sub(at + 2, at + 2) ~= "[" then
         return nil, "missing '[' after '%f' in pattern"
      end
      return behind_set(text, at + 3)
   elseif c:find "%d" and not captures[tonumber(c)] then
      return nil, ("invalid capture index %%%s"):format(c)
   end
   return at + 2
end

--- Where captures begin and end: `captures` has true for those that have ended, `open` the numbers
--- of the others.
local function behind_bracket(text, at, captures, open)
   if text:sub(at, at) == ")" then
      local number = table.remove(open)
      if not number then
         return nil, "invalid pattern capture"
      end
      captures[number] = true
      return at + 1
   elseif #captures == MAX_CAPTURES then
      return nil, "too many captures"
   end
   local is_position = text:sub(at + 1, at + 1) == ")"
   captures[#captures + 1] = is_position
   if not is_position then
      open[#open + 1] = #captures
   end
   return at + (is_position and 2 or 1)
end

--- What is wrong with a pattern, in Lua's own words; nil: nothing.
---@param text string
---@return string?
function pattern.mistake(text)
   local at, captures, open = 1, {}, {}
   while at <= #text do
      local c, why = text:sub(at, at), nil
      if c == "%" then
         at, why = behind_escape(text, at, captures)
      elseif c == "[" then
         at, why = behind_set(text, at + 1)
      elseif c == "(" or c == ")" then
         at, why = behind_bracket(text, at, captures, open)
      else
         at = at + 1
      end
      if not at then
         return why
      end
   end
   return #open > 0 and "unfinished capture" or nil
end

return pattern
