--- Work 5 in one process that loads again and again, so that memory is at hand: 100,000 functions,
-- each in a section of its own, and all in one, alternating.
-- Usage: lua5.4 bench/works/again.lua [RUNS]
-- Milliseconds of the processor from a new linker to its end, median and spread.
-- SPDX-License-Identifier: MIT

package.path = "./?.lua;./lua/?.lua;./lua/?/init.lua;" .. package.path
package.cpath = "./build/?.so;" .. package.cpath

local moonlink = require "moonlink"
local sections = require "bench.works.sections"
local shell = require "bench.shell"

local runs = tonumber(arg[1] or 25)

local function once(paths)
   local start = os.clock()
   local ln <close> = moonlink.new()
   assert(ln:load(paths))
   return (os.clock() - start) * 1e3
end

local cases = sections.work5(1)
for _, case in ipairs(cases) do
   case.paths, case.times = {}, {}
   for path in assert(shell.read(case.list)):gmatch "[^\n]+" do
      case.paths[#case.paths + 1] = path
   end
end
for i = 1, runs + 1 do
   for _, case in ipairs(cases) do
      case.times[i - 1] = once(case.paths) -- the first one warms up
   end
end
for _, case in ipairs(cases) do
   table.sort(case.times)
   io.write(("%-80s %.1f (%.1f to %.1f)\n"):format(case.title, case.times[(runs + 1) // 2],
      case.times[1], case.times[runs]))
end
