--- What an answer gets to see of the results: numbers by the names of metrics and cases. A case is
-- "INPUT/STRATEGY/AXIS=VALUE", as `moonlink lab list` prints it; where two experiments have the
-- same one, "EXPERIMENT:INPUT/STRATEGY". What is not there raises: `figures.missing` tells.
-- SPDX-License-Identifier: MIT

local stats = require "moonlink.lab.stats"
local view = require "moonlink.lab.report.view"

local figures = {}

---@class moonlink.answers.Figures
---@field results moonlink.lab.Result[]
local methods = {}
local metatable = {__index = methods}

--- A number that these results do not have, for a reason that is none of a mistake: an input or a
--- tool that was not there, a refusal, no time left.
local Missing = {}
Missing.__index = Missing
Missing.__tostring = function(self)
   return self.text
end

local function miss(format, ...)
   error(setmetatable({text = format:format(...)}, Missing), 0)
end

---@param err any what pcall caught
---@return string? text
function figures.missing(err)
   return getmetatable(err) == Missing and err.text or nil
end

---@param results moonlink.lab.Result[] of one question
---@return moonlink.answers.Figures
function figures.new(results)
   return setmetatable({results = results}, metatable)
end

local function names_of(result, case)
   local name = ("%s/%s"):format(case.input, case.id)
   return name, ("%s:%s"):format(result.name, name)
end

--- Is there such a case?
---@param name string
---@return boolean
function methods:has(name)
   return (pcall(self.case, self, name))
end

---@param name string
---@return moonlink.lab.Case
function methods:case(name)
   local found, twice
   for _, result in ipairs(self.results) do
      for _, case in ipairs(result.cases) do
         local short, long = names_of(result, case)
         if name == long then
            return case
         elseif name == short then
            found, twice = case, found ~= nil
         end
      end
   end
   if twice then
      error(("several experiments have a case '%s': say EXPERIMENT:%s"):format(name, name), 0)
   end
   return found or miss("`%s` was not run", name)
end

--- One metric of a case, run by run; holes where a run failed.
---@param key string
---@param name string
---@return table<integer, number>
function methods:values(key, name)
   local case = self:case(name)
   local values = view.values(case, key)
   if next(values) then
      return values
   elseif case.refused then
      miss("`%s` was refused: %s", name, case.refused.why)
   elseif case.failures[1] then
      miss("`%s` failed: %s", name, case.failures[1].text:match "[^\n]*")
   end
   return miss("`%s` has no %s", name, key)
end

--- The median of a metric with its interval.
---@param key string
---@param name string
---@return moonlink.lab.Summary
function methods:summary(key, name)
   return stats.summary(self:values(key, name))
end

---@param key string
---@param name string
---@return number
function methods:median(key, name)
   return self:summary(key, name).median
end

local function result_of(self, case)
   for _, result in ipairs(self.results) do
      for _, each in ipairs(result.cases) do
         if each == case then
            return result
         end
      end
   end
end

--- How many times b's value a's is, with the interval: run by run where one experiment has both.
---@param key string
---@param a string name of a case
---@param b string
---@return { median: number, low: number, high: number }
function methods:times(key, a, b)
   local top, bottom = self:values(key, a), self:values(key, b)
   local together = result_of(self, self:case(a)) == result_of(self, self:case(b))
   local out = (together and stats.ratio or stats.quotient)(top, bottom)
   return out or miss("`%s` is nothing that %s can be compared with", b, key)
end

--- The median of that, and the ends of its interval: what a comparison has to rest on.
---@param key string
---@param a string
---@param b string
---@return number
function methods:ratio(key, a, b)
   return self:times(key, a, b).median
end

function methods:least(key, a, b)
   return self:times(key, a, b).low
end

function methods:most(key, a, b)
   return self:times(key, a, b).high
end

--- How many objects a case's input has.
---@param name string
---@return integer
function methods:size(name)
   return self:case(name).size
end

--- Why a case was refused, in one line; false when it was not.
---@param name string
---@return string|false
function methods:refusal(name)
   local refused = self:case(name).refused
   return refused and refused.why or false
end

--- The whole of what a user reads.
---@param name string
---@return string|false
function methods:report(name)
   local refused = self:case(name).refused
   return refused and (refused.report ~= "" and refused.report or refused.why) or false
end

--- What the first failure of a case says; false when no run failed.
---@param name string
---@return string|false
function methods:failure(name)
   local first = self:case(name).failures[1]
   return first and first.text or false
end

--- How a case ended: "ran", "refused", or as its first failure did: "crash", "timeout", "error".
--- A tool that is not installed is no end.
---@param name string
---@return string
function methods:outcome(name)
   local case = self:case(name)
   if case.refused and case.refused.why:find("is not installed", 1, true) then
      miss("`%s` was refused: %s", name, case.refused.why)
   elseif case.refused then
      return "refused"
   end
   return case.failures[1] and case.failures[1].kind or "ran"
end

--- The names of all cases that match a pattern, in their order.
---@param pattern? string
---@return string[]
function methods:names(pattern)
   local out = {}
   for _, result in ipairs(self.results) do
      for _, case in ipairs(result.cases) do
         local short = names_of(result, case)
         out[#out + 1] = short:find(pattern or "") and short or nil
      end
   end
   return out
end

return figures
