--- The driver of moonlink for the works of bench/figures.lua: see bench/peers/figures.h.
-- Usage: lua5.4 figures_load.lua throw LIST | access OBJECT... | rounds OBJECT N
--        | reload LIST FOLDER N     LIST: all objects but the changed one, each a unit of its own
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local moonlink = require "moonlink"

local LATER, ACCESSES = 1000, 20000000

local function lines_of(path)
   local list = {}
   for line in io.lines(path) do
      list[#list + 1] = line
   end
   return list
end

local function now_us()
   return core.now() * 1e6
end

local works = {}

function works.throw(list)
   local ln <close> = moonlink.new()
   assert(ln:load { "-lstdc++", table.unpack(lines_of(list)) })
   local thrown = assert(ln:func "unsigned thrown(unsigned)")
   local start = now_us()
   local first = thrown(1)
   local middle = now_us()
   local result = thrown(LATER)
   local finish = now_us()
   print(("first_us=%.3f later_us=%.4f result=%d"):format(middle - start,
      (finish - middle) / LATER, first == 1 and result or 0))
end

--- One object for each model; those that cannot be loaded are said on standard error, and the run
-- counts when one that has thread-local variables can.
function works.access(...)
   local ln <close> = moonlink.new()
   local count, why = 0, nil
   for _, path in ipairs { ... } do
      local key = path:match "(%a+)%.o$"
      local unit, err = ln:load(path)
      if unit then
         local loop = assert(ln:func(("unsigned %s_loop(unsigned)"):format(key)))
         loop(1000)
         local start = now_us()
         local counted = loop(ACCESSES)
         local finish = now_us()
         assert(counted == 1000 + ACCESSES, "error: it did not count")
         print(("%s_ns=%.4f"):format(key, (finish - start) * 1e3 / ACCESSES))
         count = count + (key == "plain" and 0 or 1)
      else
         why = why or tostring(err):match "[^\n]*"
      end
   end
   assert(count > 0, "error: " .. (why or "nothing was loaded"))
end

function works.rounds(object, n)
   local ln <close> = moonlink.new()
   local result
   local start = now_us()
   for _ = 1, n do
      local unit = assert(ln:load(object))
      result = assert(ln:func "unsigned root(unsigned)")(7)
      assert(unit:unload "force") -- the function of this round is garbage, not yet collected
   end
   print(("round_us=%.3f result=%d"):format((now_us() - start) / n, result))
end

local function copy(from, to)
   local input <close> = assert(io.open(from, "rb"))
   local bytes = input:read "a"
   local output <close> = assert(io.open(to .. ".new", "wb"))
   output:write(bytes)
   output:close()
   assert(os.rename(to .. ".new", to))
end

function works.reload(list, folder, n)
   local ln <close> = moonlink.new()
   local path = os.tmpname()
   copy(folder .. "/0/unit.o", path)
   local unit = assert(ln:load(path))
   assert(unit.reload, "error: unit:reload is not there yet")
   for _, object in ipairs(lines_of(list)) do
      assert(ln:load(object))
   end
   local own = assert(ln:func "unsigned own(unsigned)")
   local above = assert(ln:func "unsigned above(unsigned)")
   local us = {}
   for i = 1, n do
      copy(("%s/%d/unit.o"):format(folder, i & 1), path)
      local start = now_us()
      assert(unit:reload())
      local result = own(0)
      us[i] = now_us() - start
      assert(result == i & 1 and above(0) == i & 1, "error: the old version was called")
   end
   os.remove(path)
   table.sort(us)
   print(("reload_us=%.3f"):format(us[n // 2 + 1]))
end

local words = table.move(arg, 1, #arg, 1, {})
for i = 2, #words do
   words[i] = math.tointeger(tonumber(words[i])) or words[i]
end
works[words[1]](table.unpack(words, 2))
