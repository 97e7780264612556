--- A child process: whichever call fails in the three processes that take part, the answer is a
-- result or an error, and nothing is left behind. Run by `make fault`.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local fault = require "spec.support.fault"
local moonlink = require "moonlink"

local function open_files()
   return support.sh "ls /proc/$PPID/fd"
end

describe("a function in a child process", function()
   for _, ends in ipairs {true, false} do
      it(("%s whichever call fails"):format(ends and "returns or not" or "ends in time"), function()
         local function action()
            local run, err = moonlink.isolate(function()
               repeat until ends
               return "here"
            end, {timeout = ends and 60 or 0.02, memory = 1 << 30})
            return run and run[1], err
         end
         action()
         local blocks, files = fault.blocks(), open_files()
         local count = fault.each(action, function(_, failed, ok, value, err)
            assert(ok, value)
            if value then
               assert.equal("here", value)
            elseif not failed and not ends then
               assert.equal("timeout", err.code)
            else
               assert.equal("string", type(err.message))
               assert(failed, err)
            end
         end)
         assert.is_true(count > 5)
         assert.equal(blocks, fault.blocks())
         assert.equal(files, open_files())
         assert.equal("", support.read "/proc/thread-self/children")
      end)
   end
end)
