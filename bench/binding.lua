--- What the four ways of binding cost: a unit that calls 10,000 functions of another unit, or of a
-- shared library, loaded with each of them. Usage: lua5.4 bench/binding.lua [runs [functions]]
-- Processor time, medians; the ways take turns, so that what disturbs one disturbs all. "first":
-- each function called once after the load; "second": once more; "call": one function a million
-- times in a loop.
-- SPDX-License-Identifier: MIT

dofile((arg[0]:match "^.*/" or "") .. "root.lua")

local moonlink = require "moonlink"
local shell = require "bench.shell"
local stats = require "bench.stats"

local RUNS, COUNT = math.tointeger(arg[1] or 11), math.tointeger(arg[2] or 10000)
local CALLS = 1000000

local TIMED = [[
#include <time.h>
extern int f1(int);
double each(int calls)
{
   struct timespec a, b;
   int x = 0;
   clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
   for (int i = 0; i < calls; i++)
      x = f1(x);
   clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
   return ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / calls + x * 0.0;
}
]]

local function write(path, text)
   local file <close> = assert(io.open(path, "w"))
   file:write(text)
end

local function make(folder)
   local define, declare, call = {}, {}, {}
   for i = 1, COUNT do
      define[i] = ("int f%d(int x) { return x + %d; }"):format(i, i % 7)
      declare[i] = ("extern int f%d(int);"):format(i)
      call[i] = ("n += f%d(n);"):format(i)
   end
   write(folder .. "/callee.c", table.concat(define, "\n"))
   local all = "%s\nint result;\nvoid all(void) { int n = 0; %s result = n; }\n%s"
   write(folder .. "/caller.c",
      all:format(table.concat(declare, "\n"), table.concat(call, "\n"), TIMED))
   for _, line in ipairs {"gcc -O1 -fPIC -c -o callee.o callee.c",
      "gcc -O0 -fPIC -c -o caller.o caller.c", "gcc -shared -o libcallee.so callee.o"} do
      shell.run(("cd %s && %s"):format(shell.quote(folder), line))
   end
end

--- Processor time of a call in milliseconds.
local function timed(f, ...)
   local start = os.clock()
   local result = f(...)
   return (os.clock() - start) * 1000, result
end

local function add(into, key, value)
   into[key] = into[key] or {}
   table.insert(into[key], value)
end

local function measure(into, ln, load, ...)
   collectgarbage()
   local ms, unit = timed(load, ...)
   add(into, "load", ms)
   local all = assert(ln:func "void all(void)")
   add(into, "first", (timed(all)))
   add(into, "second", (timed(all)))
   add(into, "call", assert(ln:func "double each(int)")(CALLS))
   into.memory = unit.stats.memory // 1024
end

local function load(ln, input)
   return assert(ln:load(input))
end

local folder = shell.run "mktemp -d":match "[^\n]+"
make(folder)
local from = {unit = folder .. "/callee.o", library = folder .. "/libcallee.so"}
local ways, results = {"direct", "got", "stubs", "lazy"}, {unit = {}, library = {}}
for _ = 1, RUNS do
   for where, path in pairs(from) do
      for _, bind in ipairs(ways) do
         local ln <close> = moonlink.new()
         load(ln, path)
         results[where][bind] = results[where][bind] or {}
         measure(results[where][bind], ln, load, ln, {folder .. "/caller.o", bind = bind})
      end
   end
end
shell.run("rm -r " .. shell.quote(folder))

print(("%d functions, medians of %d runs"):format(COUNT, RUNS))
print "defined by  bind      load ms  first ms  second ms  first ns/name  call ns  memory KiB"
for _, where in ipairs {"unit", "library"} do
   for _, bind in ipairs(ways) do
      local r = results[where][bind]
      local first = stats.median(r.first)
      print(("%-11s %-7s %9.2f %9.2f %10.3f %14.0f %8.2f %11d"):format(where, bind,
         stats.median(r.load), first, stats.median(r.second), first * 1e6 / COUNT,
         stats.median(r.call), r.memory))
   end
end
