-- The smallest use: compile a C file, load the object, call it, look at its data.
-- SPDX-License-Identifier: MIT

local common = dofile((arg[0]:match "^.*/" or "") .. "common.lua")
local moonlink = require "moonlink"

local folder <close> = common.folder()
local object = folder:compile("hello", [[
   #include <stdio.h>
   int calls;
   int add(int a, int b) { calls++; return a + b; }
   const char *greet(const char *name)
   {
      static char text[80];
      calls++;
      snprintf(text, sizeof text, "hello, %s", name);
      return text;
   }
]])

local ln <close> = moonlink.new()
local unit = assert(ln:load(object))

local add = assert(ln:func "int add(int, int)")
local greet = assert(ln:func "const char *greet(const char *)")
print("add(2, 3)      = " .. add(2, 3))
print("greet('moon')  = " .. greet "moon")

ln:cdef "extern int calls;"
print("calls          = " .. ln.c.calls)

-- A value that the C type cannot hold is refused before the call.
print("add(2^40, 1)   : " .. select(2, pcall(add, 1 << 40, 1)))

for symbol in unit:symbols() do
   print(("%-6s %-6s %3d bytes"):format(symbol.name, symbol.type, symbol.size))
end
