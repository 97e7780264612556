--- The laboratory: ways of getting compiled code into the running process, side by side on inputs
-- of one's own.
--
--    local lab = require "moonlink.lab"
--    local e = lab.experiment {
--       name = "zlib", inputs = {"libz.a"}, strategies = {"direct", "shared-batch"},
--       call = {"unsigned long crc32(unsigned long, const char *, unsigned)", 0, "abc", 3},
--    }
--    local result = e:run {runs = 5}
--    assert(lab.save(result, "zlib.json"))
--
-- SPDX-License-Identifier: MIT

local axes = require "moonlink.lab.axes"
local errors = require "moonlink.error"
local experiment = require "moonlink.lab.experiment"
local json = require "moonlink.show.json"
local json_read = require "moonlink.show.json_read"
local metrics = require "moonlink.lab.metrics"
local shell = require "moonlink.lab.shell"
local stats = require "moonlink.lab.stats"
local strategy = require "moonlink.lab.strategy"

local lab = {}

lab.experiment = experiment.new
lab.strategy = strategy.new
lab.with = strategy.with
lab.strategies = strategy.names
lab.axes = axes.list
lab.stats = stats
lab.column = metrics.column

--- Is this value an experiment?
---@param value any
---@return boolean
function lab.is_experiment(value)
   local meta = type(value) == "table" and getmetatable(value)
   return type(meta) == "table" and meta.__name == "moonlink.lab.Experiment"
end

--- A copy in which the lists of a result are lists for JSON, also when they are empty.
local function for_json(result)
   local out = {}
   for key, value in pairs(result) do
      out[key] = value
   end
   out.cases = json.list {}
   for i, case in ipairs(result.cases) do
      local copy = {}
      for key, value in pairs(case) do
         copy[key] = value
      end
      copy.samples = json.list(table.move(case.samples, 1, #case.samples, 1, {}))
      copy.failures = json.list(table.move(case.failures, 1, #case.failures, 1, {}))
      out.cases[i] = copy
   end
   out.metrics = json.list(table.move(result.metrics, 1, #result.metrics, 1, {}))
   return out
end

--- Writes a result as JSON, raw samples and all.
---@param result moonlink.lab.Result
---@param path string
---@return boolean?
---@return moonlink.Error? err
function lab.save(result, path)
   local file <close>, why = io.open(path, "wb")
   local good = file
   if file then
      good, why = file:write(json.encode(for_json(result)), "\n")
      if good then
         good, why = file:close()
      end
   end
   if not good then
      return nil, errors.new {code = "io", file = path, message = tostring(why)}
   end
   return true
end

local function is_list(value)
   return type(value) == "table"
end

--- Reads a result that was saved.
---@param path string
---@return moonlink.lab.Result?
---@return moonlink.Error? err
function lab.open(path)
   local bytes, why = shell.read(path)
   if not bytes then
      return nil, errors.new {code = "io", file = path, message = tostring(why)}
   end
   local result, err = json_read.decode(bytes)
   local good = type(result) == "table" and result.format == experiment.FORMAT
      and type(result.name) == "string" and is_list(result.cases) and is_list(result.metrics)
   for _, case in ipairs(good and result.cases or {}) do
      good = good and type(case) == "table" and type(case.id) == "string"
         and is_list(case.samples) and is_list(case.failures)
   end
   if not good then
      return nil, errors.new {
         code = "format", file = path,
         message = ("%s: no result of an experiment%s"):format(path,
            err and ": " .. tostring(err) or ""),
         hint = "`moonlink lab run SCRIPT -o FILE` writes one",
      }
   end
   return result
end

return lab
