-- Each object into a library of its own, or all into one, as their number grows? A linker for each
-- object is left to a hundred of them; for a thousand all files are made once and then loaded.
local inputs = require "bench.questions.inputs"
local lab = require "moonlink.lab"

local words = select("#", ...) > 0 and {...} or {10, 100, 1000, 10000}
local sizes = {}
for i, word in ipairs(words) do
   sizes[i] = inputs.modules(math.tointeger(tonumber(word)))
end
local call = {"int m00005_run(int)", 0, expect = 3}

return lab.experiment {
   name = "growth", inputs = sizes, runs = 5, call = call,
   strategies = {"direct", "prelinked", inputs.up_to(100, "shared-each"), "shared-batch"},
}, lab.experiment {
   name = "thousand", inputs = {sizes[3] or sizes[1]}, runs = 5, prepare = "once", call = call,
   timeout = 120, strategies = {"direct", "shared-each", "shared-batch"},
}
