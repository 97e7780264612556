-- Code that changes while it runs: a C file is edited, compiled and loaded again; its variables
-- keep their values. Then it is unloaded, which somebody who still uses it prevents.
-- SPDX-License-Identifier: MIT

local common = dofile((arg[0]:match "^.*/" or "") .. "common.lua")
local moonlink = require "moonlink"

local folder <close> = common.folder()
local source = [[
   static int visits;
   int price = 100;
   int visit(int people) { visits += people; return visits * price; }
   int visitors(void) { return visits; }
]]
local ln <close> = moonlink.new()
local shop = assert(ln:load(folder:compile("shop", source)))
local visit = assert(ln:func "int visit(int)")
print("first version:      " .. visit(2))

-- The function is the same Lua value; what it calls is new. `visits`, a static variable, was kept.
folder:compile("shop", (source:gsub("visits %* price", "visits * price / 2")))
local _, report = assert(shop:reload())
print(("kept:               %s"):format(table.concat(report.carried, ", ")))
print("half price:         " .. visit(1))

-- A variable whose size changes starts afresh, unless somebody converts it.
folder:compile("shop", (source:gsub("int price = 100", "double price")))
_, report = assert(shop:reload {
   on_upgrade = function(old, new)
      local cents = moonlink.read(old:address "price", "i4")
      moonlink.write(new:address "price", "d", cents * 1.5)
   end,
})
local lost = report.fresh[1]
print(("converted:          %s: %s, %d to %d bytes"):format(lost.name, lost.why, lost.old_size,
   lost.new_size))
print("in floating point:  " .. visit(0))

-- What does not work changes nothing.
folder:compile("shop", (source:gsub("visits %* price", "tax(visits)")))
local ok, err = shop:reload()
print(("refused:            %s, %s"):format(ok, err.message:match "^[^(]*[^( ]"))
print("as before:          " .. visit(0))

-- A unit goes when nobody uses it any more. The error says who does.
local till = folder:compile("till", "int visitors(void); int count(void) { return visitors(); }")
assert(ln:load {till, name = "till"})
ok, err = shop:unload()
print(("unload:             %s, %s"):format(ok, err.reason))
for _, user in ipairs(err.users) do
   if user.kind == "unit" then
      assert(user.unit:unload())
   end
end
visit = nil -- luacheck: ignore 311
print("after they went:    " .. tostring(shop:unload()))
