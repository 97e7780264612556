--- Claims: sentences with numbers in them, which say themselves when those numbers bear them out.
--
--    { "One library of all takes {ratio:%.1f} times as long.",
--      numbers = function(r) return { ratio = r:ratio("load_ms", "z/a", "z/b"), ... } end,
--      holds = function(n) return n.least > 1 end }
--
-- SPDX-License-Identifier: MIT

local figures = require "bench.answers.figures"

local claims = {}

---@class moonlink.answers.Claim
---@field [1] string with places `{name}` or `{name:%format}`
---@field numbers? fun(r: moonlink.answers.Figures): table<string, any>
---@field holds? fun(n: table<string, any>): boolean

---@class moonlink.answers.Verdict
---@field text string the sentence, its numbers filled in
---@field holds boolean true where nothing is compared
---@field numbers table<string, any>
---@field missing? string why the sentence cannot be said; it has neither text nor numbers then

local function shown(value, format)
   if type(value) == "number" and format:find "^%%[-+ 0#]*%d*d$" then
      value = math.floor(value + 0.5)
   elseif type(value) == "number" and format == "%s" then
      value = math.type(value) == "integer" and value or ("%.3g"):format(value)
   end
   return format:format(value)
end

--- The sentence with its numbers; a place without a number raises.
---@param text string
---@param numbers table<string, any>
---@return string
function claims.fill(text, numbers)
   return (text:gsub("{([%a_][%w_]*):?(%%?[^{}]*)}", function(name, format)
      if numbers[name] == nil then
         error(("no number '%s' for: %s"):format(name, text), 0)
      end
      return shown(numbers[name], format ~= "" and format or "%s")
   end))
end

--- What a claim says of these results.
---@param claim moonlink.answers.Claim
---@param r moonlink.answers.Figures
---@return moonlink.answers.Verdict
function claims.check(claim, r)
   local ok, numbers = pcall(claim.numbers or function() return {} end, r)
   if not ok then
      local missing = figures.missing(numbers)
      if not missing then
         error(("%s\nin the claim: %s"):format(tostring(numbers), claim[1]), 0)
      end
      return {holds = true, missing = missing}
   end
   return {
      text = claims.fill(claim[1], numbers), numbers = numbers,
      holds = not claim.holds or claim.holds(numbers) == true,
   }
end

--- All claims of an answer.
---@param answer { claims: moonlink.answers.Claim[] }
---@param r moonlink.answers.Figures
---@return moonlink.answers.Verdict[]
function claims.all(answer, r)
   local out = {}
   for i, claim in ipairs(answer.claims) do
      out[i] = claims.check(claim, r)
   end
   return out
end

local COMPARING = {}
for word in ([[
   faster slower more less fewer times cheaper dearer smaller larger bigger greater longer shorter
   better worse most least fastest slowest same equal twice half double higher lower beyond exceeds
]]):gmatch "%S+" do
   COMPARING[word] = true
end

--- The first word by which a sentence compares.
---@param text string
---@return string?
function claims.compares(text)
   for word in text:gsub("{[^}]*}", ""):lower():gmatch "%a+" do
      if COMPARING[word] then
         return word
      end
   end
end

return claims
