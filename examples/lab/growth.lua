-- Each object into a library of its own, or all into one, as their number grows?
--    moonlink lab run examples/lab/growth.lua -- 10 100 1000
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"

--- Objects of one function each; each calls the one before.
local function modules(count)
   return {
      name = ("modules-%d"):format(count),
      make = function(folder)
         local sources = {}
         for i = 1, count do
            local before = i > 1 and ("f%d(x)"):format(i - 1) or "x"
            sources[i] = lab.write(("%s/m%d.c"):format(folder, i),
               ("int f%d(int); int f%d(int x) { return %s + 1; }\n"):format(
                  math.max(i - 1, 1), i, before))
         end
         return {sources = sources}
      end,
   }
end

local inputs = {}
for i, count in ipairs(#{...} > 0 and {...} or {5, 20}) do
   inputs[i] = modules(math.tointeger(tonumber(count)))
end

return lab.experiment {
   name = "growth", inputs = inputs, call = {"int f5(int)", 0, expect = 5},
   strategies = {"direct", "shared-each", "shared-batch", "shared-incremental"},
   prepare = "once", timeout = 600,
}
