-- Archives: which members a load takes, why, and where they lie.
-- SPDX-License-Identifier: MIT

local common = dofile((arg[0]:match "^.*/" or "") .. "common.lua")
local moonlink = require "moonlink"

local folder <close> = common.folder()
folder:compile("area", "double pi(void); double area(double r) { return pi() * r * r; }")
folder:compile("pi", "double pi(void) { return 3.14159265358979; }")
folder:compile("volume", [[
   double pi(void); double volume(double r) { return 4.0 / 3.0 * pi() * r * r * r; }
]])
assert(common.run(("cd %s && ar rc libround.a area.o pi.o volume.o"):format(folder.path)))
local main = folder:compile("main", [[
   double area(double); double ring(double a, double b) { return area(a) - area(b); }
]])

local function base_name(text)
   return (text:gsub("[^ ']*/", ""))
end

-- The event log says what is taken, and for whom.
local ln <close> = moonlink.new {trace = "load,member"}
ln:on("event", function(event) print(base_name(event.text)) end)

-- -lround is looked for in the folders of `search`, as ld does.
local unit = assert(ln:load {main, "-lround", search = {folder.path}})
print(("ring(2, 1) = %.4f"):format(ln:func("double ring(double, double)")(2, 1)))

print "\nwhy is pi there?"
print(base_name(tostring(ln:explain "pi")))

-- The archive stays in reach: a name that is asked for later pulls its member then.
print "\nasking for volume:"
print(("volume(1)  = %.4f"):format(ln:func("double volume(double)")(1)))

print "\nwhere the first load lies:"
for _, section in ipairs(unit:map().sections) do
   if section.size > 0 then
      print(("  +0x%04x %5d bytes %s  %-13s %s"):format(section.address - unit:map().base,
         section.size, section.prot, section.name, base_name(section.file)))
   end
end
