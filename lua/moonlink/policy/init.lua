--- Policies: small functions that combine. Each takes a question and gives an answer or nil.
--
--    local p = require "moonlink.policy"
--    local rule = p.chain(p.map { puts = my_puts }, p.match("^dbg_", false))
--    moonlink.new { scope = { "self", rule, "process" } }
--
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local pattern = require "moonlink.pattern"

local policy = {}

---@alias moonlink.Policy fun(q: moonlink.Question): any

--- Asks each policy in turn; the first answer counts.
---@param ... moonlink.Policy
---@return moonlink.Policy
function policy.chain(...)
   local list = {...}
   return function(q)
      for _, each in ipairs(list) do
         local answer = each(q)
         if answer ~= nil then
            return answer
         end
      end
   end
end

local function check_pattern(names)
   local why = pattern.mistake(names)
   if why then
      errors.mistake("'%s' is no pattern: %s", names, why)
   end
end

--- Answers from a table of names.
---@param names table<string, any>
---@return moonlink.Policy
function policy.map(names)
   return function(q)
      return names[q.name]
   end
end

--- Asks (or answers with a value) only for names that match a Lua pattern.
---@param names string
---@param answer any a policy, or a value
---@return moonlink.Policy
function policy.match(names, answer)
   check_pattern(names)
   return function(q)
      if q.name:find(names) then
         if type(answer) == "function" then
            return answer(q)
         end
         return answer
      end
   end
end

--- Gives names another one: { wanted = "provided" }.
---@param names table<string, string>
---@return moonlink.Policy
function policy.rename(names)
   return policy.map(names)
end

--- Puts a prefix before names that match a pattern.
---@param prefix string
---@param names? string
---@return moonlink.Policy
function policy.prefix(prefix, names)
   check_pattern(names or "")
   return function(q)
      if q.name:find(names or "") then
         return prefix .. q.name
      end
   end
end

--- Takes the first candidate that is there already: in a unit or in the process.
---@param how "unit"|"process"
---@return moonlink.Policy
function policy.prefer(how)
   if how ~= "unit" and how ~= "process" then
      errors.mistake("'%s' cannot be preferred (unit, process)", tostring(how))
   end
   return function(q)
      for _, candidate in ipairs(q.candidates) do
         if candidate.how == how and candidate.address then
            return candidate.address
         end
      end
   end
end

--- Leaves everything at address 0.
---@return boolean
function policy.deny()
   return false
end

return policy
