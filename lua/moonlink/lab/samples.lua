--- Samples: numbers by name, as one run gave them. What comes from functions of users is looked at
-- here, where a message can still say whose it is.
-- SPDX-License-Identifier: MIT

local samples = {}

local function check_numbers(t, who)
   if type(t) ~= "table" then
      error(("%s gave a %s, not a table of numbers"):format(who, type(t)), 0)
   end
   for key, value in pairs(t) do
      if type(key) ~= "string" then
         error(("%s: names for its numbers are wanted, not %s"):format(who, tostring(key)), 0)
      elseif type(value) ~= "number" then
         error(("%s: '%s' is a %s, not a number"):format(who, key, type(value)), 0)
      end
   end
end

local function check_notes(notes, who)
   for key, text in pairs(type(notes) == "table" and notes or {0}) do
      if type(key) ~= "string" or type(text) ~= "string" then
         error(("%s: 'notes' are texts by name"):format(who), 0)
      end
   end
end

local function check_calls(calls, who)
   for i, call in ipairs(type(calls) == "table" and calls or {0}) do
      if type(call) ~= "table" or type(call.from) ~= "string" or type(call.to) ~= "string"
         or not math.tointeger(call.calls) then
         error(("%s: calls[%d]: { from =, to =, calls = } is wanted"):format(who, i), 0)
      end
   end
end

--- What a function of an experiment or a strategy gave becomes part of a sample. Raises when it is
--- something else than named numbers, `stages`, `calls` and `notes`.
---@param sample table<string, any>
---@param more any
---@param who string the function, for messages
function samples.join(sample, more, who)
   if not more then
      return
   end
   local numbers = {}
   for key, value in pairs(type(more) == "table" and more or {}) do
      numbers[key], sample[key] = value, value
   end
   if numbers.calls then
      check_calls(numbers.calls, who)
      numbers.calls = nil
   end
   if numbers.notes then
      check_notes(numbers.notes, who)
      numbers.notes = nil
   end
   if numbers.stages then
      check_numbers(numbers.stages, who .. ": 'stages'")
      numbers.stages = nil
   end
   check_numbers(type(more) == "table" and numbers or more, who)
end

return samples
