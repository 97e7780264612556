-- A test driver that survives its tests: five C functions, each in a process of its own. Two crash,
-- one hangs; each is a line of the table. Argument: seconds that a test may take, 2.
-- SPDX-License-Identifier: MIT

local common = dofile((arg[0]:match "^.*/" or "") .. "common.lua")
local moonlink = require "moonlink"

local folder <close> = common.folder()
local object = folder:compile("tests", [[
   #include <stdio.h>
   #include <stdlib.h>
   struct list { int value; struct list *next; };

   static int sum(const struct list *l)
   {
      return l->value + (l->next ? sum(l->next) : 0);
   }

   int test_sum(void)
   {
      struct list b = {2, NULL}, a = {1, &b};
      return sum(&a) == 3;
   }
   int test_sum_of_nothing(void) { return sum(NULL) == 0; }
   int test_wrong(void) { puts("expected 4, got 5"); return 0; }
   int test_invariant(void) { fputs("the list is broken\n", stderr); abort(); }
   int test_endless(void) { struct list a = {1, &a}; while (a.next) ; return 1; }
]], "-O0 -g")

local ln <close> = moonlink.new {debug = "lines"} -- names of static functions, and lines
local unit = assert(ln:load(object))

local function verdict(run, err)
   if not run then
      return err.code, err.message
   elseif run[1] == 0 then
      return "failed", run.output:gsub("\n$", "")
   end
   return "ok", ""
end

local seconds = math.tointeger(tonumber(arg[1] or 2))
local count = {}
for symbol in unit:symbols {type = "func"} do
   if symbol.name:find "^test_" then
      local test = assert(ln:func(("int %s(void)"):format(symbol.name)))
      local how, why = verdict(moonlink.isolate(test, {timeout = seconds, memory = 64 << 20}))
      print(("%-20s %-8s %s"):format(symbol.name, how, why))
      count[how] = (count[how] or 0) + 1
   end
end
print(("%d ok, %d failed, %d crashed, %d too slow"):format(count.ok, count.failed, count.signal,
   count.timeout))
