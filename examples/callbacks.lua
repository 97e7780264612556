-- Lua functions where C wants a function pointer: for one call, and for as long as C keeps it.
-- SPDX-License-Identifier: MIT

local common = dofile((arg[0]:match "^.*/" or "") .. "common.lua")
local moonlink = require "moonlink"

local ln <close> = moonlink.new()

-- qsort is in the process already. A Lua function as an argument lives as long as the call.
local numbers = {42, -7, 1000, 3, 0}
local buffer = moonlink.alloc(4 * #numbers)
for i, n in ipairs(numbers) do
   moonlink.write(buffer:address() + 4 * (i - 1), "i4", n)
end
local qsort = assert(ln:func [[
   void qsort(void *base, size_t n, size_t size, int (*compare)(const int *, const int *));
]])
qsort(buffer, #numbers, 4, function(a, b)
   return moonlink.read(a, "i4") - moonlink.read(b, "i4")
end)
print("sorted: " .. table.concat({moonlink.read(buffer:address(), "i4i4i4i4i4")}, " ", 1, 5))

-- C code that keeps the pointer needs a callback that lives as long: a value of its own.
local folder <close> = common.folder()
local object = folder:compile("keeper", [[
   static int (*kept)(int);
   void keep(int (*f)(int)) { kept = f; }
   int ask(int n) { return kept(n); }
]])
assert(ln:load(object))
local double <close> = ln:callback("int(int)", function(n) return 2 * n end)
ln:func "void keep(int (*)(int))"(double)
print("kept:   ask(21) = " .. ln:func "int ask(int)"(21))

-- An error in a callback waits until the native call has returned, then it is raised.
local angry <close> = ln:callback("int(int)", function(n) error("no " .. n .. "s here", 0) end)
ln:func "void keep(int (*)(int))"(angry)
local ok, err = pcall(ln:func "int ask(int)", 13)
print("raised: " .. tostring(not ok) .. ", " .. tostring(err))

-- A callback may also be the answer to an undefined name: Lua code linked into C code.
ln:on("undefined", "^lua_", function(q)
   return ln:callback("int(int, int)", function(a, b)
      return q.name == "lua_max" and math.max(a, b) or math.min(a, b)
   end)
end)
assert(ln:load(folder:compile("mixed", [[
   int lua_max(int, int), lua_min(int, int);
   int spread(int a, int b) { return lua_max(a, b) - lua_min(a, b); }
]])))
print("linked: spread(3, 10) = " .. ln:func "int spread(int, int)"(3, 10))
