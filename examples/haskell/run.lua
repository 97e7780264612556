--- A Haskell library of several modules: compiled, registered in a package database of its own,
-- loaded from static archives with everything below it, called; then one module is edited, compiled
-- and loaded again. `make haskell` runs it; GHC must be there.
-- Usage: lua5.4 examples/haskell/run.lua [way of the runtime, "threaded" unless given]
-- SPDX-License-Identifier: MIT

local here = arg[0]:match "^(.*)/[^/]*$" or "."
local common = dofile(here .. "/../common.lua")
local ghc = require "moonlink.ghc"
local pkg = require "moonlink.pkg"

local way = arg[1] or "threaded"

local sh = common.sh

-- ---- compile, put into an archive, register ----

local build = common.folder()

local function compile()
   sh("cd '%s' && ghc -v0 -O --make -this-unit-id almanac-1.0 -package containers "
      .. "-hidir hi -odir o -stubdir stub -isrc src/Almanac.hs", build.path)
   sh("cd '%s' && rm -f libHSalmanac-1.0.a && ar qc libHSalmanac-1.0.a $(find o -name '*.o')",
      build.path)
end

local DESCRIPTION = [[
name: almanac
version: 1.0
id: almanac-1.0
key: almanac-1.0
exposed: True
exposed-modules: Almanac Almanac.Words Almanac.Numbers Almanac.Price Almanac.Report
    Almanac.Workers
import-dirs: ${pkgroot}/hi
library-dirs: ${pkgroot}
hs-libraries: HSalmanac-1.0
depends: %s
]]

local function register()
   local installed, global = {}, assert(require "moonlink.pkg.ghc".find()).global
   for _, p in ipairs(assert(pkg.open(global)).packages) do
      installed[p.name] = p.id
   end
   local description = common.write(build.path .. "/almanac.conf",
      DESCRIPTION:format(installed.base .. " " .. installed.containers))
   local moonlink = ("'%s' pkg"):format(common.root .. "/bin/moonlink")
   sh("%s init '%s/db'", moonlink, build.path)
   sh("%s -f '%s/db' register -v0 '%s'", moonlink, build.path, description)
end

local function edit(from, to)
   local path = build.path .. "/src/Almanac/Price.hs"
   common.write(path, (common.read(path):gsub(from, to)))
end

-- ---- load and call ----

local function call_exports(hs)
   local with_tax = assert(hs:func "double almanac_with_tax(double)")
   local digits = assert(hs:func "int almanac_digits(int)")
   local total = assert(hs:func "long almanac_total(int, int)")
   print(("100 with tax: %.2f"):format(with_tax(100)))
   print("digits of 1000!:", digits(1000))
   print("1 + ... + 100000 in 8 threads:", total(8, 100000))
   local good, err = pcall(digits, -1)
   print(good, err.type, err.what)
   return with_tax
end

local function call_closures(hs)
   local most = assert(hs:get("almanac", "Almanac.Words", "most"))
   for _, each in ipairs(most(3, "the cat and the dog and the λ"):value "[(String, Int)]") do
      print("word:", each[1], each[2])
   end
   local factorial = assert(hs:get("almanac", "Almanac.Numbers", "factorial"))
   print("25! =", factorial(25):value "Integer")
   local square_root = assert(hs:get("almanac", "Almanac.Numbers", "root"))
   print("root of 25! =", square_root(factorial(25)):value "Integer")
   print(pcall(hs.value, hs, square_root(hs:make(-1, "Integer")), "Integer"))
end

local function print_report(hs)
   local line = assert(hs:get("almanac", "Almanac.Report", "line"))
   for _, each in ipairs {{"tea", 3.2}, {"bread", 2.1}} do
      print(line(table.unpack(each)):run "String")
   end
   print("lines so far:", hs:run(assert(hs:eval("almanac", "Almanac.Report", "lines'")), "Int"))
end

local function main()
   local made <close> = build
   sh("cp -r '%s/src' '%s'", here, made.path)
   compile()
   register()
   local hs <close> = assert(ghc.start {
      packages = {"almanac"}, database = made.path .. "/db", way = way,
      options = way:find "threaded" and "-N2" or nil,
   })
   print(hs)
   local with_tax = call_exports(hs)
   call_closures(hs)
   print_report(hs)
   edit("1%.19", "1.07")
   compile()
   assert(hs:reload "almanac-1.0")
   print(("the same function, after the edit: %.2f"):format(with_tax(100)))
   print_report(hs)
end

main()
