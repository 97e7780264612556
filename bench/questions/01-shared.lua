-- A library and a generated program: loaded as they are, and made shared, an object each, ten at a
-- time, or all at once, by every linker. A large library. Then one edit in a large program.
local inputs = require "bench.questions.inputs"
local lab = require "moonlink.lab"

local count = math.tointeger(tonumber((...) or 400))
local call, call_edited = inputs.modules_call(count)
local linkers = {linker = {"bfd", "gold", "lld", "mold"}}

return lab.experiment {
   name = "each", inputs = {inputs.modules(count // 8), inputs.ssl}, axes = linkers, runs = 5,
   strategies = {"direct", "shared-each", "shared-incremental", "shared-batch"},
}, lab.experiment {
   name = "batch", inputs = {inputs.archive "crypto"}, axes = linkers, runs = 7,
   strategies = {"direct", "shared-batch"},
}, lab.experiment {
   name = "edit", inputs = {inputs.modules(count, {edit = true})}, prepare = "once", runs = 7,
   strategies = {lab.with("direct", {units = "each"}), "direct", "shared-each",
      lab.with("shared-incremental", {batch = 40}), "shared-batch"},
   axes = {linker = {"bfd", "mold"}}, call = call, call_edited = call_edited,
}
