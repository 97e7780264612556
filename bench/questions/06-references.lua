-- What a reference costs within an object, between objects and between packages, each package a
-- unit of its own or a library of its own.
local inputs = require "bench.questions.inputs"
local lab = require "moonlink.lab"

return lab.experiment {
   name = "references", inputs = {lab.probes.input()}, runs = 15,
   strategies = {
      lab.with("direct", {units = "package"}, "direct"),
      lab.with("direct", {units = "package", relax = false}, "direct, GOT kept"),
      lab.with("shared-incremental", {}, "libraries"),
      lab.with("shared-incremental", {symbolic = true}, "libraries, -Bsymbolic"),
   },
   work = inputs.least(5, lab.probes.work), metrics = lab.probes.metrics(),
}
