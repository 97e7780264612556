--- A result as text: JSON, written and read. What is read may come from anywhere, so every field
-- that reports use is looked at once, here; whatever else a result holds is kept.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local json = require "moonlink.show.json"
local json_read = require "moonlink.show.json_read"
local lists = require "moonlink.lists"

local read = {}

--- A field, of the type that is wanted, or the default. Raises a text.
local function field(t, where, name, kind, default)
   local value = t[name]
   if value == nil and default ~= nil then
      value = default
      t[name] = value
   end
   if type(value) ~= kind then
      error(("%s.%s: a %s is wanted, not %s"):format(where, name, kind, type(value)), 0)
   end
   return value
end

local FORMAT = "moonlink lab 1"
local MOST = 1 << 53

--- A field that counts something.
local function count(t, where, name, default)
   local value = field(t, where, name, "number", default)
   if value < 0 or value > MOST or value ~= math.floor(value) then
      error(("%s.%s: a whole number is wanted, not below 0"):format(where, name), 0)
   end
   t[name] = math.tointeger(value)
end

--- A field that is an array of tables.
local function list(t, where, name, check)
   local items = field(t, where, name, "table", {})
   local found = 0
   for _ in pairs(items) do
      found = found + 1
   end
   if found ~= #items then
      error(("%s.%s: an array is wanted"):format(where, name), 0)
   end
   for i, item in ipairs(items) do
      local place = ("%s.%s[%d]"):format(where, name, i)
      if type(item) ~= "table" then
         error(("%s: a table is wanted, not %s"):format(place, type(item)), 0)
      end
      check(item, place)
   end
end

local function check_metric(m, where)
   field(m, where, "key", "string")
   field(m, where, "title", "string", m.key)
   field(m, where, "unit", "string", "")
   local better = field(m, where, "better", "string", "less")
   if better ~= "less" and better ~= "more" then
      error(("%s.better: 'less' or 'more' is wanted"):format(where), 0)
   end
end

local function check_failure(f, where)
   count(f, where, "run", 0)
   field(f, where, "kind", "string", "error")
   field(f, where, "text", "string", "")
end

local function check_symbol(s, where)
   field(s, where, "name", "string")
   count(s, where, "calls")
end

local function check_call(c, where)
   field(c, where, "from", "string")
   field(c, where, "to", "string")
   count(c, where, "calls", 1)
   if c.functions ~= nil then
      count(c, where, "functions")
   end
   if c.symbols ~= nil then
      list(c, where, "symbols", check_symbol)
   end
end

local function check_numbers(t, where)
   for key, value in pairs(t) do
      if type(key) ~= "string" or type(value) ~= "number" then
         error(("%s.%s: a number is wanted"):format(where, key), 0)
      end
   end
end

local function check_sample(s, where)
   if s.stages ~= nil then
      check_numbers(field(s, where, "stages", "table"), where .. ".stages")
   end
end

local function check_top(t, where)
   field(t, where, "name", "string")
   count(t, where, "calls")
end

local function check_stage_calls(s, where)
   field(s, where, "stage", "string")
   count(s, where, "calls")
   list(s, where, "top", check_top)
end

local function check_case(c, where)
   field(c, where, "id", "string")
   field(c, where, "strategy", "string", c.id)
   field(c, where, "input", "string", "")
   if c.size ~= nil then
      count(c, where, "size")
   end
   for key, value in pairs(field(c, where, "axes", "table", {})) do
      if type(key) ~= "string" or type(value) == "table" then
         error(("%s.axes: names with plain values are wanted"):format(where), 0)
      end
   end
   if c.refused ~= nil then
      local refused = field(c, where, "refused", "table")
      field(refused, where .. ".refused", "why", "string")
      field(refused, where .. ".refused", "report", "string", "")
   end
   list(c, where, "samples", check_sample)
   list(c, where, "failures", check_failure)
   list(c, where, "calls", check_call)
   if c.calls_not_counted ~= nil then
      field(c, where, "calls_not_counted", "string")
   end
   list(c, where, "system_calls", check_stage_calls)
   if c.not_counted ~= nil then
      field(c, where, "not_counted", "string")
   end
end

local function check_result(r)
   if type(r) ~= "table" then
      error("it holds no table", 0)
   end
   field(r, "result", "name", "string", "")
   field(r, "result", "machine", "table", {})
   count(r, "result", "runs", 0)
   count(r, "result", "warmup", 0)
   for _, name in ipairs(field(r, "result", "stages", "table", {})) do
      if type(name) ~= "string" then
         error("result.stages: names are wanted", 0)
      end
   end
   if r.format ~= nil and r.format ~= FORMAT then
      error(("its format is %s, this version reads %q"):format(json.encode(r.format), FORMAT), 0)
   end
   if r.interrupted ~= nil then
      field(r, "result", "interrupted", "boolean")
   end
   if r.metrics == nil or r.cases == nil then
      error("it has no metrics or no cases", 0)
   end
   list(r, "result", "metrics", check_metric)
   list(r, "result", "cases", check_case)
end

--- Looks at a result, and adds what it leaves out: empty lists, titles.
---@param value any data, of JSON or an experiment; it is changed
---@return moonlink.lab.Result?
---@return moonlink.Error?
function read.check(value)
   local ok, why = pcall(check_result, value)
   if ok then
      return value
   end
   return nil, errors.new {
      code = "format", message = "this is no result of an experiment: " .. tostring(why),
      hint = "`moonlink lab run` writes results; one field of this one is of another kind",
   }
end

--- A copy whose named fields are marked as arrays, which empty ones do not show by themselves.
local function marked(t, names)
   local copy = lists.copy(t)
   for _, name in ipairs(names) do
      copy[name] = t[name] and json.list(lists.copy(t[name]))
   end
   return copy
end

--- A result as JSON, in one line; the same result gives the same bytes.
---@param result moonlink.lab.Result
---@return string
function read.encode(result)
   local copy = marked(result, {"metrics", "cases", "stages"})
   for i, case in ipairs(copy.cases) do
      copy.cases[i] = marked(case, {"samples", "failures", "calls", "system_calls"})
   end
   return json.encode(copy)
end

---@param text string JSON
---@return moonlink.lab.Result?
---@return moonlink.Error?
function read.decode(text)
   local value, why = json_read.decode(text)
   if why then
      return nil, errors.new {
         code = "format", message = "this is no result of an experiment: " .. why,
         hint = "a result is a file of JSON, as `moonlink lab run` writes it",
      }
   end
   return read.check(value)
end

return read
