--- Versions of packages: numbers between dots, compared by number ("1.9" < "1.10" < "1.10.0").
-- The absent version is "": it is lower than every other one.
-- SPDX-License-Identifier: MIT

local version = {}

local LONGEST = 250 -- digits whose number fits in one byte of a sort key

--- The numbers of a version; nil when the text is none: something else than digits between dots, or
--- leading zeros. A number too large for an integer stays a text of digits.
---@param text string
---@return (integer|string)[]?
function version.parse(text)
   if not text:find "^%d[%d.]*$" then
      return nil
   end
   local numbers = {}
   for part in (text .. "."):gmatch "(.-)%." do
      if part == "" or part:find "^0." then
         return nil
      end
      numbers[#numbers + 1] = #part < 19 and tonumber(part) or part
   end
   return numbers
end

local function key_of_part(part)
   local digits = part:match "^0*(%d.*)$" or part
   if #digits > LONGEST then
      return "\255" .. (">I4"):pack(math.min(#digits, 0xffffffff)) .. digits
   end
   return string.char(#digits) .. digits
end

--- A text that sorts (`<`) as the version does; for sorting many. Any text has one.
---@param text string
---@return string
function version.key(text)
   return (text:gsub("([^.]*)%.?", function(part)
      return part ~= "" and key_of_part(part) or ""
   end))
end

--- -1, 0 or 1: a is lower than b, equal, higher. Whatever is no version is compared all the same,
--- part by part.
---@param a string
---@param b string
---@return integer
function version.compare(a, b)
   if a == b then
      return 0
   end
   local ka, kb = version.key(a), version.key(b)
   return ka < kb and -1 or ka > kb and 1 or 0
end

---@param a string
---@param b string
---@return boolean a is lower
function version.less(a, b)
   return a ~= b and version.key(a) < version.key(b)
end

return version
