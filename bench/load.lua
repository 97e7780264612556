--- The driver of moonlink: loads the inputs through the facade, in this process, and prints the
-- same line as the peers' drivers in bench/peers.
-- Usage: lua5.4 load.lua LIST N [whole]
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local moonlink = require "moonlink"

local function lines_of(path)
   local list = {}
   for line in io.lines(path) do
      list[#list + 1] = line
   end
   return list
end

--- A number out of /proc/self, which both kinds of driver read.
local function peak_kb()
   local file <close> = assert(io.open("/proc/self/status"))
   return file:read("a"):match("VmHWM:%s*(%d+)")
end

local function mapping_count()
   local file <close> = assert(io.open("/proc/self/maps"))
   return select(2, file:read("a"):gsub("\n", "\n"))
end

--- Counts and stage times, as words that no driver of a peer prints.
local function print_stats(stats)
   for name, value in pairs(stats) do
      if type(value) == "number" and name ~= "base" then -- an address is no count
         io.write((" count_%s=%s"):format(name, value))
      end
   end
   for stage, ms in pairs(stats.ms or {}) do
      io.write((" stage_%s=%.6f"):format(stage, ms))
   end
end

local inputs = lines_of(arg[1])
inputs.whole_archive = arg[3] == "whole" or nil

local begin = core.now()
local ln <close> = moonlink.new {}
local unit = assert(ln:load(inputs))
local root = assert(ln:func("unsigned int root(unsigned int)"))
local callable = core.now()

local kb, mappings = peak_kb(), mapping_count()
local before_call = core.now()
local result = root(math.tointeger(arg[2]))
local after_call = core.now()

io.write(("ms=%.6f call_ms=%.6f result=%d peak_kb=%s mappings=%d"):format((callable - begin) * 1e3,
   (after_call - before_call) * 1e3, result, kb, mappings))
print_stats(unit.stats or {})
io.write("\n")
