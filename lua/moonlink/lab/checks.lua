--- What users write about an experiment, looked at before anything runs: its description, and the
-- options of a run. Everything here raises a mistake, or gives nothing.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local given = require "moonlink.given"
local pattern = require "moonlink.pattern"

local checks = {}

local FIELDS = {
   name = "string", inputs = "table", strategies = "table", axes = "table", call = "table",
   call_edited = "table", work = "function", metrics = "table", runs = "number",
   warmup = "number", rounds = "number", timeout = "number", memory = "number",
   prepare = "string", system_calls = "boolean", trace = "boolean",
}

local OPTIONS = {
   runs = "number", warmup = "number", timeout = "number", limit = "number", only = "string",
   system_calls = "boolean", trace = "boolean", resume = "table", checkpoint = "function",
   progress = "function",
}

local LEAST = {runs = 1, warmup = 0, rounds = 1, memory = 1}

local function check_fields(t, known, who)
   for key, value in pairs(t) do
      if not known[key] then
         given.unknown(key, known, "field", who)
      elseif type(value) ~= known[key] then
         errors.mistake("%s: field '%s': %s expected, got %s", who, key, known[key], type(value))
      end
   end
   for key, least in pairs(LEAST) do
      local value = t[key]
      if value and not (math.tointeger(value) and value >= least) then
         errors.mistake("%s: field '%s': an integer from %d expected", who, key, least)
      end
   end
   if t.timeout and (t.timeout <= 0 or t.timeout ~= t.timeout) then
      errors.mistake("%s: field 'timeout': more than 0 seconds expected", who)
   end
end

local TEXT_OR_TABLE = {string = true, table = true, name = "a string or a table"}
local TEXT, TABLE = {string = true, name = "a string"}, {table = true, name = "a table"}

--- An array of what `types` says.
local function check_list(list, types, who)
   for key in pairs(list) do
      if math.type(key) ~= "integer" or key < 1 or key > #list then
         errors.mistake("%s: an array expected", who)
      end
   end
   for i, value in ipairs(list) do
      if not types[type(value)] then
         errors.mistake("%s[%d]: %s expected, got %s", who, i, types.name, type(value))
      end
   end
end

local function check_metrics(metrics, who)
   check_list(metrics, TABLE, who)
   for i, metric in ipairs(metrics) do
      local place = ("%s[%d]"):format(who, i)
      for _, key in ipairs {"key", "title", "unit"} do
         if type(metric[key]) ~= "string" and (key == "key" or metric[key] ~= nil) then
            errors.mistake("%s: field '%s': string expected, got %s", place, key,
               type(metric[key]))
         end
      end
      if metric.better and metric.better ~= "less" and metric.better ~= "more" then
         errors.mistake("%s: better is \"less\" or \"more\"", place)
      end
   end
end

local function check_call(call, who)
   if type(call[1]) ~= "string" then
      errors.mistake("%s: a prototype and its arguments expected", who)
   elseif call.n ~= nil and math.type(call.n) ~= "integer" then
      errors.mistake("%s: n is a number of arguments", who)
   end
end

--- The description of an experiment.
---@param spec any
function checks.experiment(spec)
   if type(spec) ~= "table" then
      errors.mistake("a table expected, got %s", type(spec))
   end
   local who = type(spec.name) == "string" and ("experiment '%s'"):format(spec.name)
      or "an experiment"
   check_fields(spec, FIELDS, who)
   for _, key in ipairs {"name", "inputs", "strategies"} do
      if spec[key] == nil then
         errors.mistake("%s: field '%s' is missing", who, key)
      end
   end
   for _, key in ipairs {"inputs", "strategies"} do
      check_list(spec[key], TEXT_OR_TABLE, ("%s: %s"):format(who, key))
      if #spec[key] == 0 then
         errors.mistake("%s: there are no %s", who, key)
      end
   end
   for _, key in ipairs {"call", "call_edited"} do
      if spec[key] then
         check_call(spec[key], ("%s: %s"):format(who, key))
      end
   end
   check_metrics(spec.metrics or {}, who .. ": metrics")
   if spec.prepare and spec.prepare ~= "each" and spec.prepare ~= "once" then
      errors.mistake("%s: prepare is \"each\" or \"once\"", who)
   end
end

--- The options of a run.
---@param options any
function checks.options(options)
   if type(options) ~= "table" then
      errors.mistake("options of a run: a table expected, got %s", type(options))
   end
   check_fields(options, OPTIONS, "options of a run")
   local why = pattern.mistake(options.only or "")
   if why then
      errors.mistake("options of a run: only: %s", why)
   elseif options.resume and not (type(options.resume.cases) == "table"
      and type(options.resume.machine) == "table") then
      errors.mistake "options of a run: resume: a result expected"
   end
end

--- The lists of an input.
---@param input table
---@param who string
function checks.input(input, who)
   for _, key in ipairs {"objects", "sources", "libraries", "want"} do
      check_list(input[key] or {}, TEXT, ("%s: %s"):format(who, key))
   end
   check_list(input.packages or {}, TABLE, who .. ": packages")
end

return checks
