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
local experiment = require "moonlink.lab.experiment"
local metrics = require "moonlink.lab.metrics"
local probes = require "moonlink.lab.probes"
local report = require "moonlink.lab.report"
local shell = require "moonlink.lab.shell"
local stats = require "moonlink.lab.stats"
local strategy = require "moonlink.lab.strategy"

local lab = {}

lab.experiment = experiment.new
lab.strategy = strategy.new
lab.with = strategy.with
lab.strategies = strategy.names
lab.axes = axes.list
lab.probes = probes
lab.stats = stats
lab.column = metrics.column

--- Writes a file that must be written, such as a source that an input makes.
---@param path string
---@param bytes string
---@return string path
lab.write = shell.write

--- Is this value an experiment?
---@param value any
---@return boolean
function lab.is_experiment(value)
   local meta = type(value) == "table" and getmetatable(value)
   return type(meta) == "table" and meta.__name == "moonlink.lab.Experiment"
end

--- Writes a result as JSON, raw samples and all.
---@param result moonlink.lab.Result
---@param path string
---@return boolean?
---@return moonlink.Error? err
lab.save = report.save

--- Reads a result that was saved.
---@param path string
---@return moonlink.lab.Result?
---@return moonlink.Error? err
lab.open = report.load

return lab
