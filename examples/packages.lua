-- Package databases: the two of a GHC build. While a library is being built its package is
-- registered where it lies in the build tree (in place); the description that is installed names
-- other folders. One package, two registrations, and each database is whole by itself.
-- SPDX-License-Identifier: MIT

local common = dofile((arg[0]:match "^.*/" or "") .. "common.lua")
local pkg = require "moonlink.pkg"

local folder <close> = common.folder()

local function sh(fmt, ...)
   common.sh("cd %s && %s", folder.path, fmt:format(...))
end

-- What a build leaves, and what `make install` copies of it.
sh "mkdir -p build/greet/Data"
sh "touch build/greet/Data/Greet.hi build/greet/libHSgreet-1.0.a"
sh "mkdir -p installed/lib/greet-1.0/Data && cp build/greet/*.a installed/lib/greet-1.0"
sh "cp build/greet/Data/*.hi installed/lib/greet-1.0/Data"

--- The description of the package, with its files below `root`. ${pkgroot} is the folder that holds
--- the database: the tree can be moved.
local function description(root)
   return {
      name = "greet", version = "1.0", id = "greet-1.0", key = "greet-1.0", exposed = true,
      exposed_modules = {"Data.Greet"}, import_dirs = {root}, library_dirs = {root},
      hs_libraries = {"HSgreet-1.0"},
   }
end

local places = {
   {db = folder.path .. "/build/package.conf.d", root = "${pkgroot}/greet"},
   {db = folder.path .. "/installed/package.conf.d", root = "${pkgroot}/lib/greet-1.0"},
}

-- A plan is made of plain tables and says what is in the way, before anything is written.
for _, place in ipairs(places) do
   assert(pkg.init(place.db))
   local change <close> = assert(pkg.change(place.db))
   local plan = pkg.register({change.db}, change.db, {description(place.root)})
   assert(plan.good, plan.findings[1].errors[1] and plan.findings[1].errors[1].text)
   for _, p in ipairs(plan.put) do
      assert(change:put(p))
   end
   assert(change:commit())
end

local inplace = assert(pkg.open(places[1].db))
local installed = assert(pkg.open(places[2].db))
print("in place:  " .. inplace.packages[1].import_dirs[1])
print("installed: " .. installed.packages[1].import_dirs[1])

print "\nwhat differs:"
for _, each in ipairs(pkg.diff(inplace.packages, installed.packages)) do
   for _, field in ipairs(each.fields) do
      print("  " .. field.name)
   end
end

-- Without the build tree the one is broken, the other one is not: registering again says why.
sh "rm -r build/greet"
for i, db in ipairs {inplace, installed} do
   local plan = pkg.register({db}, db, db.packages, {update = true})
   local errors = plan.findings[1].errors
   local said = plan.good and "sound" or errors[1].text:gsub("/%S*(/build/)", "...%1")
   print(("\n%s: %s"):format(i == 1 and "in place" or "installed", said))
end
