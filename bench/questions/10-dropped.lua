-- What would be lost without the run-time linker: each ability is a test, each cell a run.
local lab = require "moonlink.lab"
local abilities = require "bench.questions.abilities"
local trial = require "bench.questions.trial"

local strategies = {}
for i, name in ipairs {"direct", "shared-each", "shared-batch", "dlmopen", "libtcc", "orc",
   "jitlink", "ghc-rts"} do
   strategies[i] = trial.of(name, abilities)
end
return lab.experiment {
   name = "abilities", inputs = trial.inputs(abilities), strategies = strategies,
   metrics = trial.metrics, runs = 1, warmup = 0, timeout = 20,
}
