--- Z-encoding: how GHC writes any name with letters and digits only, so that linkers take it.
--- Tuples have codes of their own, whose rules changed with GHC's versions.
-- SPDX-License-Identifier: MIT

local version = require "moonlink.pkg.version"

local zenc = {}

-- GHC knows tuples of 64; a longer row of commas is no tuple here, so that a decoded text cannot be
-- thousands of times longer than its code.
local MOST = 1024

local PAIRS = {
   ["("] = "ZL", [")"] = "ZR", ["["] = "ZM", ["]"] = "ZN", [":"] = "ZC", Z = "ZZ",
   z = "zz", ["&"] = "za", ["|"] = "zb", ["^"] = "zc", ["$"] = "zd", ["="] = "ze", [">"] = "zg",
   ["#"] = "zh", ["."] = "zi", ["<"] = "zl", ["-"] = "zm", ["!"] = "zn", ["+"] = "zp",
   ["'"] = "zq", ["\\"] = "zr", ["/"] = "zs", ["*"] = "zt", _ = "zu", ["%"] = "zv",
}

--- A character by its code point: hexadecimal, with a digit in front.
local function escape(c)
   local hex = ("%x"):format(utf8.codepoint(c))
   return (hex:find "^%d" and "z%sU" or "z0%sU"):format(hex)
end

local ENCODED, DECODED = {}, {}
for byte = 0, 127 do
   local c = string.char(byte)
   ENCODED[c] = PAIRS[c] or escape(c)
end
for c, code in pairs(PAIRS) do
   DECODED[code] = c
end
for byte = 0, 255 do -- a pair that means nothing stands for its second character
   for _, z in ipairs {"z", "Z"} do
      local code = z .. string.char(byte)
      DECODED[code] = DECODED[code] or string.char(byte)
   end
end

local function plain(text)
   return (text:gsub("[^0-9A-Ya-y\128-\255]", ENCODED):gsub("[\194-\244][\128-\191]*", escape))
end

---@class moonlink.pkg.ZRules which names GHC of one version writes as tuples
---@field digit boolean a digit at the start is written by its code point (since 6.12)
---@field unboxed0 boolean "(##)" is Z0H (since 9.10); before, it was taken for "(# #)"
---@field unboxed1 boolean "(# #)" is Z1H (up to 9.10)
---@field anywhere boolean tuples inside a name count (since 9.14); before, only a name that began
--- with one was a tuple, and what followed was lost

local TODAY = {digit = true, unboxed0 = true, unboxed1 = false, anywhere = true}

local function rules_of(ghc)
   if ghc == nil then
      return TODAY
   end
   local function since(v)
      return version.compare(ghc, v) >= 0
   end
   return {
      digit = since "6.12",
      unboxed0 = since "9.10",
      unboxed1 = not since "9.11",
      anywhere = since "9.13",
   }
end

--- The code of the tuple that begins at a place of a text, and where the rest begins; else nil.
local function tuple_at(text, place, rules)
   if rules.unboxed1 and text == "(# #)" then
      return "Z1H", place + 5
   end
   local from, to, hash, commas, close = text:find("^%((#?)(,*)(#?)%)", place)
   local n = from and #commas + 1
   if not from or hash ~= close or n > MOST then
      return nil
   elseif hash == "#" then
      n = n == 1 and rules.unboxed0 and 0 or n
      return ("Z%dH"):format(n), to + 1
   elseif n == 1 then -- followed by more, GHC before 9.14 took () for a tuple with one part
      return (rules.anywhere or to == #text) and "Z0T" or "Z1T", to + 1
   end
   return ("Z%dT"):format(n), to + 1
end

local function encode_anywhere(text, rules)
   local parts, done = {}, 1
   local place = text:find("(", 1, true)
   while place do
      local code, rest = tuple_at(text, place, rules)
      if code then
         parts[#parts + 1] = plain(text:sub(done, place - 1))
         parts[#parts + 1] = code
         done = rest
      end
      place = text:find("(", code and rest or place + 1, true)
   end
   parts[#parts + 1] = plain(text:sub(done))
   return table.concat(parts)
end

--- Encodes a name. What is no UTF-8 has no code: nil and why.
---@param text string
---@param ghc? string version whose rules count ("6.6", "9.0.2"); the newest when absent
---@return string? code
---@return string? why
function zenc.encode(text, ghc)
   if not text:find "[^0-9A-Ya-y]" and not text:find "^%d" then
      return text
   elseif not utf8.len(text) then
      return nil, "not UTF-8"
   elseif not text:find "^%d" and not text:find("(", 1, true) then
      return plain(text) -- the same for all versions
   end
   local rules = rules_of(ghc)
   local head = ""
   if rules.digit and text:find "^%d" then
      head, text = escape(text:sub(1, 1)), text:sub(2)
   end
   if rules.anywhere then
      return head .. encode_anywhere(text, rules)
   end
   local code = head == "" and tuple_at(text, 1, rules)
   return code or head .. plain(text)
end

--- "Z3T" and "z3b1U", which begin with Z or z and a digit: text and the place behind it, else nil.
local function decode_number(code, place)
   local hex, behind = code:match("^z(%x+)U()", place)
   if hex then
      hex = hex:gsub("^0+", "")
      local point = #hex <= 6 and tonumber("0" .. hex, 16) or 0x110000
      if point > 0x10ffff or point >= 0xd800 and point <= 0xdfff then
         return nil
      end
      return utf8.char(point), behind
   end
   local digits, kind
   digits, kind, behind = code:match("^Z(%d+)([TH])()", place)
   local n = digits and #digits < 6 and tonumber(digits)
   if not n or n > MOST then
      return nil
   elseif kind == "H" then
      return n == 1 and "(# #)" or "(#" .. (","):rep(n - 1) .. "#)", behind
   end
   return "(" .. (","):rep(n - 1) .. ")", behind
end

local function decode_all(code)
   local parts, place = {}, 1
   while true do
      local z = code:find("[zZ].", place)
      if not z then
         parts[#parts + 1] = code:sub(place)
         return table.concat(parts)
      end
      parts[#parts + 1] = code:sub(place, z - 1)
      if code:find("^%d", z + 1) then
         local text, behind = decode_number(code, z)
         if not text then
            return nil, ("bad code at byte %d"):format(z)
         end
         parts[#parts + 1], place = text, behind
      else
         parts[#parts + 1], place = DECODED[code:sub(z, z + 1)], z + 2
      end
   end
end

--- Decodes a name; rules of all versions at once, since no code means two things.
---@param code string
---@return string? text nil when a number is cut off, too large, or no character
---@return string? why
function zenc.decode(code)
   if not code:find "[zZ]" then
      return code
   elseif code:find "[zZ]%d" then
      return decode_all(code)
   end
   return (code:gsub("[zZ].", DECODED))
end

return zenc
