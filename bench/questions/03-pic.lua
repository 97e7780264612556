-- One program compiled with -fPIC, with -fPIE, with neither: who takes it, and what do those read
-- whose way of loading it does not?
local inputs = require "bench.questions.inputs"
local lab = require "moonlink.lab"

return lab.experiment {
   name = "pic", inputs = {inputs.forgot}, call = inputs.forgot_call, runs = 5,
   axes = {pic = {"pic", "pie", "none"}},
   strategies = {"direct", "archive", "prelinked", "shared-each", "shared-batch",
      lab.with("shared-batch", {linker = "gold"}), lab.with("shared-batch", {linker = "lld"}),
      lab.with("shared-batch", {linker = "mold"}), "shared-incremental", "dlmopen",
      "libtcc", "orc", "ghc-rts"},
}
