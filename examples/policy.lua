-- What a symbol means is decided by rules that a script can replace.
-- SPDX-License-Identifier: MIT

local common = dofile((arg[0]:match "^.*/" or "") .. "common.lua")
local moonlink = require "moonlink"
local policy = require "moonlink.policy"

local folder <close> = common.folder()
local program = folder:compile("program", [[
   int price(int n);
   int vat(int n);
   int total(int n) { return price(n) + vat(price(n)); }
]], "-O1 -fno-inline")
local real = folder:compile("real", [[
   int price(int n) { return 100 * n; }
   int vat(int n) { return n / 5; }
]])
local test = folder:compile("test", [[
   int fixed_price(int n) { (void)n; return 1; }
   int calls;
   int __real_vat(int n);
   int __wrap_vat(int n) { calls++; return __real_vat(n); }
]])

local function total(options, ...)
   local ln <close> = moonlink.new(options)
   assert(ln:load {...})
   return ln:func("int total(int)")(10)
end

print("as it is:              " .. total({}, program, real))

-- wrap: calls of vat go through a counter, as with ld --wrap.
local wrapped <close> = moonlink.new {wrap = {"vat"}}
assert(wrapped:load {program, real, test})
wrapped:cdef "int total(int); extern int calls;"
print("wrapped:               " .. wrapped.c.total(10) .. ", vat was called "
   .. wrapped.c.calls .. " time")

-- A place of the scope may be a table, a function, or small policies put together.
local ln <close> = moonlink.new()
assert(ln:load {test, undefined = "null"})
local stand_ins = policy.chain(
   policy.map {price = ln:address_of "fixed_price"},
   policy.match("^vat$", "abs"))
print("with stand-ins:        " .. total({scope = {stand_ins, "process"}}, program))

-- A hook answers each who asks for itself.
local hooked <close> = moonlink.new()
hooked:on("resolve", "^price$", function(q)
   if q.from:find "program" then
      print(("question:              %s wants '%s' at %s+%#x in %s"):format(q.from:match "[^/]+$",
         q.name, q.section, q.offset, q.func))
      return "fixed_price"
   end
end)
assert(hooked:load {program, real, test, undefined = "null"})
print("hooked:                " .. hooked:func("int total(int)")(10))

-- Half-written programs run as far as they go.
local half <close> = moonlink.new {undefined = "stub"}
assert(half:load {program})
print("undefined = \"stub\":    " .. select(2, pcall(half:func "int total(int)", 10)))

-- By default an undefined name ends the load, and all of them are told at once.
local strict <close> = moonlink.new()
local _, err = strict:load {program}
print "undefined = \"error\":"
print((tostring(err):gsub("[^ ]*/", ""):gsub("^", "   "):gsub("\n", "\n   ")))
