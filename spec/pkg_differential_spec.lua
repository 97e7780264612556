--- `moonlink pkg` beside the real ghc-pkg, over the same scripts of commands.
-- SPDX-License-Identifier: MIT

local script = require "spec.support.ghc_pkg_script"
local support = require "spec.support"

local STEPS = 150

local program = support.moonlink() .. " pkg --global-package-db=global"

describe("moonlink pkg beside ghc-pkg #ghc", function()
   for seed = 1, 8 do
      it(("does the same in %d steps of script %d"):format(STEPS, seed), function()
         local commands, files = script.script(seed, STEPS)
         local theirs, ours = script.world(files), script.world(files)
         script.run(theirs, "ghc-pkg --global-package-db=global", commands)
         script.run(ours, program, commands)
         for i, command in ipairs(commands) do
            for _, what in ipairs {"out", "status", "files"} do
               local message = ("step %d: %s: %s"):format(i, command, what)
               assert.equal(script.record(theirs, i, what), script.record(ours, i, what), message)
            end
         end
      end)
   end
end)
