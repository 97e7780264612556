--- `moonlink pkg` beside the real ghc-pkg, over the same scripts of commands.
-- SPDX-License-Identifier: MIT

local ghcpkg = require "spec.support.ghcpkg"
local support = require "spec.support"

local STEPS = 150

local here = support.stdout "pwd"
local program = ("MOONLINK_BUILD=%s/%s %s/bin/moonlink pkg --global-package-db=global"):format(here,
   support.build, here)

describe("moonlink pkg beside ghc-pkg #ghc", function()
   for seed = 1, 8 do
      it(("does the same in %d steps of script %d"):format(STEPS, seed), function()
         local commands, files = ghcpkg.script(seed, STEPS)
         local theirs, ours = ghcpkg.world(files), ghcpkg.world(files)
         ghcpkg.run(theirs, "ghc-pkg --global-package-db=global", commands)
         ghcpkg.run(ours, program, commands)
         for i, command in ipairs(commands) do
            for _, what in ipairs {"out", "status", "files"} do
               local message = ("step %d: ghc-pkg %s: %s"):format(i, command, what)
               assert.equal(ghcpkg.record(theirs, i, what), ghcpkg.record(ours, i, what), message)
            end
         end
      end)
   end
end)
