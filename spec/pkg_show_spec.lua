--- Databases of GHC 6.6 to 6.12: one file with a Haskell list of records, in three shapes.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local record = require "moonlink.pkg.record"

-- As those GHCs wrote it, with every field of the record.
local TAIL = [[, license = BSD3, copyright = "(c) 2006", maintainer = "m@x.org", author = "", ]]
   .. [[stability = "", homepage = "", pkgUrl = "", description = "Line one\nLine \"two\" \233", ]]
   .. [[category = "", exposed = True, exposedModules = ["Prelude","GHC.Base"], ]]
   .. [[hiddenModules = ["A"], importDirs = ["$topdir/imports"], libraryDirs = ["$topdir"], ]]
   .. [[hsLibraries = ["HSbase"], extraLibraries = ["m","gmp"], extraGHCiLibraries = [], ]]
   .. [[includeDirs = ["$topdir/include"], includes = ["HsBase.h"], depends = [%s], ]]
   .. [[hugsOptions = [], ccOptions = [], ldOptions = ["-u","base_GHCziBase_Izh_static_info"], ]]
   .. [[frameworkDirs = [], frameworks = [], haddockInterfaces = ["$topdir/base.haddock"], ]]
   .. [[haddockHTMLs = ["$topdir/html"]}]]
local OLD = [[InstalledPackageInfo {package = PackageIdentifier {pkgName = "%s", ]]
   .. [[pkgVersion = Version {versionBranch = [2,0], versionTags = []}}]]
local RTS = [[PackageIdentifier {pkgName = "rts", pkgVersion = Version {versionBranch = [1,0], ]]
   .. [[versionTags = []}}]]
local function con(text)
   return (text:gsub('pkgName = "', 'pkgName = PackageName "'))
end

local BY_SHAPE = {
   ["6.6"] = "[" .. OLD:format "base" .. TAIL:format(RTS) .. "," .. OLD:format "b" .. TAIL:format ""
      .. "]",
   ["6.10"] = "[" .. con(OLD):format "base" .. TAIL:format(con(RTS)) .. ",\n "
      .. con(OLD):format "b" .. TAIL:format "" .. "\n]",
   ["6.12"] = [=[[InstalledPackageInfo {installedPackageId = InstalledPackageId "base-2.0-8ae4", ]=]
      .. [[sourcePackageId = PackageIdentifier {pkgName = PackageName "base", pkgVersion = ]]
      .. [[Version {versionBranch = [2,0], versionTags = []}}]]
      .. TAIL:format 'InstalledPackageId "rts-1.0-ff"' .. "\n]",
}

local function parse(text)
   local infos, err = core.pkg.parse(text, {format = "show", file = "package.conf"})
   assert(infos, tostring(err and err.message))
   return infos
end

local function refused(text)
   local infos, err = core.pkg.parse(text, {format = "show", file = "package.conf"})
   assert.is_nil(infos)
   return ("%d:%d: %s"):format(err.line, err.column, err.reason)
end

-- A record with these fields.
local function with(fields)
   return parse("[X {" .. fields .. "}]")
end

describe("a database of the old format", function()
   it("is read in all three shapes and written as the same bytes", function()
      for shape, bytes in pairs(BY_SHAPE) do
         local infos = parse(bytes)
         assert.equal(shape, infos:shape())
         assert.equal(bytes, infos:show(shape))
         assert.equal(bytes, infos:show())
         assert.same({}, infos:warnings())
      end
   end)

   it("has what the records say", function()
      for shape, bytes in pairs(BY_SHAPE) do
         local p = record.all(parse(bytes))[1]
         assert.same({"base", "2.0", "BSD3", true, 'Line one\nLine "two" \u{E9}', "package.conf"},
            {p.name, p.version, p.license, p.exposed, p.description, p.file})
         assert.same({"Prelude", "GHC.Base"}, p.exposed_modules)
         assert.same({"-u", "base_GHCziBase_Izh_static_info"}, p.ld_options)
         assert.same({"$topdir/html"}, p.haddock_html)
         local new = shape == "6.12"
         assert.equal(new and "base-2.0-8ae4" or "base-2.0", p.id)
         assert.same({new and "rts-1.0-ff" or "rts-1.0"}, p.depends)
      end
   end)

   it("with a line for each package stays so (6.8)", function()
      local bytes = BY_SHAPE["6.6"]:gsub("},Inst", "},\n Inst"):gsub("]$", "\n]")
      assert.equal(bytes, parse(bytes):show())
   end)

   it("may be empty, or one record alone", function()
      assert.equal(0, #parse "[]")
      assert.equal(0, #parse " [\n] \n")
      assert.equal(1, #parse(BY_SHAPE["6.12"]:match "^%[(.*)\n]$"))
   end)

   it("is told from today's format by its beginning", function()
      assert.equal("6.6", core.pkg.parse(BY_SHAPE["6.6"]):shape())
      assert.equal("6.6", core.pkg.parse("\n X {exposed = True}"):shape())
      assert.equal("today", core.pkg.parse("name: x\nid: { a }"):shape())
      assert.equal("today", core.pkg.parse(""):shape())
   end)

   it("has fields in any order, and some may be missing", function()
      local infos = with [[exposed = False , hsLibraries=["a"],package=PackageIdentifier{pkgVersion=
         Version{versionTags=["x"],versionBranch=[1]},pkgName="q"}]]
      assert.same({"q", "1", "q-1", {"a"}, ""}, {infos:field(1, "name"), infos:field(1, "version"),
         infos:field(1, "id"), infos:field(1, "hs_libraries"), infos:field(1, "author")})
   end)

   it("has unknown fields skipped whatever they hold, with a warning", function()
      local values = {'"x\\"}"', "'}'", "'\\''", "'\\SOH'", "-1.5e-3", "(-2)", "[]", "[[1],[2,3]]",
         "(1,\"a\",[])", "()", "Just (Foo {a = 1, b' = []}) 3", "M.Con", "Con {}", "\"a\\   \\b\"",
         "[('x',Nothing),('y',Just (-1))]"}
      for _, value in ipairs(values) do
         local infos = with(("new = %s, author = \"a\""):format(value))
         assert.equal("a", infos:field(1, "author"), value)
         local w = infos:warnings()[1]
         assert.same({'Unknown field: "new"', 1, 5}, {w.text, w.line, w.column})
      end
   end)

   it("has licences of all kinds", function()
      local cases = {
         ["GPL"] = "GPL", ["GPL Nothing"] = "GPL", ['UnknownLicense "a b"'] = "a b",
         ["LGPL (Just (Version {versionBranch = [2,1], versionTags = []}))"] = "LGPL-2.1",
         ["PublicDomain"] = "PublicDomain", ["MIT"] = "MIT",
      }
      for text, expected in pairs(cases) do
         assert.equal(expected, with("license = " .. text):field(1, "license"))
      end
   end)
end)

describe("a bad database of the old format", function()
   it("is refused with the place", function()
      local cases = {
         {"", "1:1: the file ends where a record should be"},
         {"x", "1:2: the file ends where '{' should be"},
         {"[X {", "1:5: the file ends where the name of a field should be"},
         {"[X {author = True}]", "1:18: '}' where a string should be"},
         {"[X {author \"x\"}]", "1:12: '\"' where '=' should be"},
         {"[X {exposed = Maybe}]", "1:15: 'M' where True or False should be"},
         {"[X {}\n X {}]", "2:2: 'X' where ']' should be"},
         {"[X {}] y", "1:8: 'y' where the end of the file should be"},
         {"[X {author = \"a\\qb\"}]", "1:17: 'q' where space, \"&\" or escape code should be"},
         {"[X {author = \"a", "1:16: the file ends where string character or end of string "
            .. "should be"},
         {"[X {depends = [1]}]", "1:16: '1' where a string should be"},
         {"[X {license = \"x\"}]", "1:15: '\"' where a licence should be"},
         {"[X {license = GPL (Only 1)}]", "1:19: '(' where the argument of a licence should be"},
         {"[X {new = }]", "1:11: '}' where a value should be"},
         {"[X {new = \0}]", "1:11: byte 0x00 where a value should be"},
         {"[X {author = \"\\99999999\"}]", "1:22: '9' where the number of a character should be"},
      }
      for _, case in ipairs(cases) do
         assert.equal(case[2], refused(case[1]), case[1])
      end
   end)

   it("is refused where a name could not be one", function()
      assert.truthy(refused [=[[X {installedPackageId = InstalledPackageId "../x"}]]=]
         :find "^1:26: '../x' cannot be the id of a package")
      assert.truthy(refused [=[[X {depends = [InstalledPackageId "a b"]}]]=]
         :find "^1:16: 'a b' cannot be the depends")
      assert.truthy(refused [=[[X {exposedModules = ["a"]}]]=]:find "^1:23: 'a' cannot")
      assert.truthy(refused [=[[X {depends = [InstalledPackageId ""]}]]=]:find "^1:16: '' cannot")
      assert.truthy(refused [=[[X {package = PackageIdentifier {pkgName = "a/b"}}]]=]
         :find "'a/b' cannot be the name")
   end)

   it("is refused wherever it is cut off, at most one character further on", function()
      local bytes = BY_SHAPE["6.12"]:match "^(.*)\n"
      for n = 0, #bytes - 1 do
         assert.truthy(tonumber(refused(bytes:sub(1, n)):match "^1:(%d+): ") <= n + 1, n)
      end
   end)

   it("nests no deeper than it should", function()
      assert.truthy(refused("[X {new = " .. ("["):rep(100000)):find "nested more than 100 deep")
      assert.truthy(refused("[X {new = " .. ("("):rep(100000)):find "nested more than 100 deep")
      assert.truthy(refused("[X {new = " .. ("A {a = "):rep(100000)):find "nested more than 100")
   end)

   it("takes no time to speak of when all its fields are unknown", function()
      local infos = parse("[X {" .. ("a = 1, "):rep(100000) .. "b = 2}]")
      assert.equal(100001, #infos:warnings())
   end)
end)
