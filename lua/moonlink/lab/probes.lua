--- A small program of two packages that measures what references cost: calls within an object,
-- between objects, between packages and through a pointer, and data likewise.
-- SPDX-License-Identifier: MIT

local given = require "moonlink.given"
local measure = require "moonlink.lab.measure"
local shell = require "moonlink.lab.shell"

local probes = {}

local ROUNDS = 1000000 -- of each loop; it counts that far, which proves that it ran

-- The empty statement keeps compilers from seeing through a call; they may not merge accesses
-- across it either.
local HEAD = [[
#define OPAQUE __attribute__((noinline))
#define WALL(x) __asm__ volatile("" : "+r"(x) : : "memory")
]]

local LOW = HEAD .. [[
int low_value;
OPAQUE int low_add(int x) { WALL(x); return x + 1; }
]]

local OTHER = HEAD .. [[
int other_value;
OPAQUE int other_add(int x) { WALL(x); return x + 1; }
]]

local LOOPS = HEAD .. [[
extern int low_value, other_value;
int low_add(int), other_add(int);
int own_value;
OPAQUE int own_add(int x) { WALL(x); return x + 1; }

#define CALLS(name, f) \
   int name(int n) { int x = 0; while (n-- > 0) x = f(x); return x; }
CALLS(call_within, own_add)
CALLS(call_between, other_add)
CALLS(call_across, low_add)
int call_pointer(int n)
{
   int (*f)(int) = other_add;
   int x = 0;
   WALL(f);
   while (n-- > 0)
      x = f(x);
   return x;
}

/* An access in a function of its own, so that its address is computed each time. */
#define DATA(name, value) \
   static OPAQUE int name##_step(int x) { WALL(x); value++; return x; } \
   int name(int n) { value = 0; while (n-- > 0) name##_step(n); return value; }
DATA(data_within, own_value)
DATA(data_between, other_value)
DATA(data_across, low_value)
]]

local rows = {
   {"call_within", "call within an object"}, {"call_between", "call between objects"},
   {"call_across", "call between packages"}, {"call_pointer", "call through a pointer"},
   {"data_within", "data of the object"}, {"data_between", "data of another object"},
   {"data_across", "data of another package"},
}

local OPTIONS = {name = "string", cflags = "string", compiler = "string"}

--- An input: its packages are `low` and `high`.
---@param options? {name?: string, cflags?: string, compiler?: string}
---@return moonlink.lab.Input
function probes.input(options)
   local o = given.options(options, OPTIONS, "probes")
   return {
      name = o.name or "probes", axes = {"pic"},
      make = function(folder)
         local function package_of(name, texts)
            local sources = {}
            for i, text in ipairs(texts) do
               sources[i] = shell.write(("%s/%s%d.c"):format(folder, name, i), text)
            end
            return {name = name, sources = sources, cflags = o.cflags, compiler = o.compiler}
         end
         return {packages = {package_of("low", {LOW}), package_of("high", {OTHER, LOOPS})}}
      end,
   }
end

--- What an experiment takes as `work`: nanoseconds of each kind of reference.
---@param loaded moonlink.lab.Loaded
---@return table<string, number>
function probes.work(loaded)
   local out = {}
   for _, row in ipairs(rows) do
      local loop = loaded:func(("int %s(int)"):format(row[1]))
      loop(1) -- whatever is bound at the first call
      local start = measure.now()
      local count = loop(ROUNDS)
      out[row[1] .. "_ns"] = (measure.now() - start) * 1e9 / ROUNDS
      if count ~= ROUNDS then
         error(("%s counted to %d, not %d"):format(row[1], count, ROUNDS), 0)
      end
   end
   return out
end

--- What its numbers are, for the experiment's `metrics`.
---@return moonlink.lab.Metric[]
function probes.metrics()
   local out = {}
   for i, row in ipairs(rows) do
      out[i] = {key = row[1] .. "_ns", title = row[2], unit = "ns", better = "less"}
   end
   return out
end

return probes
