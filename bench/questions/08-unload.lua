-- What can be unloaded, and what comes back? A thousand times: load, call, unload.
local lab = require "moonlink.lab"
local reloading = require "bench.questions.reloading"

return lab.experiment {
   name = "unload", inputs = {reloading.c, reloading.cxx},
   strategies = {
      "direct", lab.with("direct", {zone = "low"}), reloading.in_place, "prelinked",
      reloading.renamed "shared-each", reloading.renamed "shared-batch",
      reloading.renamed "dlmopen", "libtcc", "orc", "jitlink",
      "ghc-rts",
   },
   call = {"int touch(void)"}, rounds = math.tointeger(... or 1000), runs = 3, warmup = 0,
   timeout = 30,
}
