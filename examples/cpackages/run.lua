--- C packages in a package database: three of them, one in two versions, with hidden modules and
-- dependencies; registered by `moonlink pkg`, planned, loaded, unloaded. A module's interface file
-- is a C header here.
-- SPDX-License-Identifier: MIT

local here = arg[0]:match "^(.*)/[^/]*$" or "."
local common = dofile(here .. "/../common.lua")
local moonlink = require "moonlink"
local pkg = require "moonlink.pkg"
local cli = require "moonlink.cli"

local sh = common.sh

local build <close> = common.folder()
local database = build.path .. "/packages.conf.d"

-- ---- build and register ----

local FOOT_OF = {["1.0"] = "0.3048006", ["2.0"] = "0.3048"} -- the surveyors' foot, and today's

local packages = {
   {name = "report", version = "1.0", sources = "report", exposed = "Report",
      depends = "shapes-1.0"},
   {name = "shapes", version = "1.0", sources = "shapes", exposed = "Shapes", extra = "m",
      depends = "units-2.0"},
   {name = "units", version = "1.0", sources = "units tables", exposed = "Units",
      hidden = "Tables"},
   {name = "units", version = "2.0", sources = "units tables", exposed = "Units",
      hidden = "Tables"},
}

local DESCRIPTION = [[
name: %s
version: %s
id: %s
key: %s
exposed: True
exposed-modules: %s
hidden-modules: %s
import-dirs: ${pkgroot}/%s
library-dirs: ${pkgroot}/%s
hs-libraries: C%s
extra-libraries: %s
depends: %s
]]

--- Compiles the package into an archive; gives the path of its description.
local function compile(p)
   local id = p.name .. "-" .. p.version
   local to = build.path .. "/" .. id
   sh("mkdir '%s'", to)
   for source in p.sources:gmatch "%S+" do
      sh("cc -O1 -fPIC -DFOOT=%s -c -o '%s/%s.o' '%s/src/%s.c'", FOOT_OF[p.version], to, source,
         here, source)
   end
   sh("ar rc '%s/libC%s.a' '%s'/*.o", to, id, to)
   for module in (p.exposed .. " " .. (p.hidden or "")):gmatch "%S+" do
      sh("cp '%s/src/%s.hi' '%s'", here, module, to)
   end
   return common.write(to .. ".conf", DESCRIPTION:format(p.name, p.version, id, id, p.exposed,
      p.hidden or "", id, id, id, p.extra or "", p.depends or ""))
end

local command = {"pkg", "-f", database, "--no-user-package-db", "--global-package-db=" .. database}

local function moonlink_pkg(...)
   local words = table.move(command, 1, #command, 1, {})
   assert(cli.main(table.move({...}, 1, select("#", ...), #words + 1, words)) == 0)
end

local files = {}
for i, p in ipairs(packages) do
   files[i] = compile(p)
end
assert(cli.main {"pkg", "init", database} == 0)
moonlink_pkg("-v0", "register", table.unpack(files)) -- in any order
moonlink_pkg("list", "--simple-output")

-- ---- what a program sees ----

local db = assert(pkg.open(database))
local state = assert(pkg.state {databases = {db}})
print("Units is of " .. pkg.lookup(state, "Units").unit)
print("Tables is " .. pkg.lookup(state, "Tables").kind)

-- ---- plan, load, call ----

local plan = assert(db:plan {"report"})
for i, unit in ipairs(plan.units) do
   print(("%d. %s from %s"):format(i, unit.id, unit.files[1].path:match "[^/]*$"))
end

local ln <close> = moonlink.new()
local reports = assert(ln:load(plan))
print(assert(ln:func "const char *report(double, const char *)")(10, "ft"))

-- The other version beside it: who depends on units-2.0 goes on with that.
local old = assert(ln:load(assert(db:plan {"units-1.0"})))
local METRES = "double in_metres(double, const char *)"
for _, id in ipairs {"units-1.0", "units-2.0"} do
   local p = old:package(id) or reports:package(id)
   print(("%s: 5280 ft are %.4f m"):format(id, assert(p:func(METRES))(5280, "ft")))
end
for _, p in ipairs(ln:packages()) do
   print(("loaded: %s, held by %d"):format(p.id, p.count))
end

collectgarbage() -- functions of the packages that nobody has any more
assert(old:unload())
assert(reports:unload())
print("loaded at the end: " .. #ln:packages())
