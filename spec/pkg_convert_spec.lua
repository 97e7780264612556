--- Packages from one format to another, and what is lost on the way.
-- SPDX-License-Identifier: MIT

local conf = require "spec.support.conf"
local core = require "moonlink.core"
local random = require "spec.support.random"
local record = require "moonlink.pkg.record"

local function old(p, shape)
   local bytes, warnings = record.old({p}, shape)
   assert(bytes, tostring(warnings))
   return bytes, warnings
end

local function license(text, shape)
   local bytes, warnings = old({license = text}, shape)
   return bytes:match "license = (.-), copyright", #warnings
end

describe("a package in an old record", function()
   it("keeps its licence as that GHC named it", function()
      local cases = {
         {"BSD-3-Clause", "6.6", "BSD3", 0}, {"", "6.6", "AllRightsReserved", 0},
         {"GPL-2", "6.6", "GPL", 1}, {"GPL-2", "6.10", "GPL", 1}, {"GPL", "6.12", "GPL Nothing", 0},
         {"GPL-3.0-only", "6.12",
            "GPL (Just (Version {versionBranch = [3], versionTags = []}))", 0},
         {"MIT", "6.6", "OtherLicense", 1}, {"MIT", "6.10", 'UnknownLicense "MIT"', 0},
         {"MIT", "6.12", "MIT", 0}, {"Foo", "6.12", 'UnknownLicense "Foo"', 0},
      }
      for _, case in ipairs(cases) do
         assert.same({case[3], case[4]}, {license(case[1], case[2])}, case[1] .. " " .. case[2])
      end
   end)

   it("is named by name and version before 6.12, with a warning", function()
      local p = {name = "a", version = "1.2", id = "a-1.2-ab", depends = {"b-c-2.0-ff", "d-1"}}
      local bytes, warnings = old(p, "6.6")
      assert.truthy(bytes:find(
         [[depends = [PackageIdentifier {pkgName = "b-c", pkgVersion = Version {versionBranch = ]]
         .. [=[[2,0], versionTags = []}},PackageIdentifier {pkgName = "d", pkgVersion = Version ]=]
         .. [=[{versionBranch = [1], versionTags = []}}]]=], 1, true))
      assert.same({
         "a-1.2-ab: this shape names a dependency by name and version only, not by its id "
            .. "b-c-2.0-ff", "a-1.2-ab: this shape has no field id"}, warnings)
      bytes, warnings = old(p, "6.12")
      assert.truthy(bytes:find(
         [=[depends = [InstalledPackageId "b-c-2.0-ff",InstalledPackageId "d-1"]]=], 1, true))
      assert.same({}, warnings)
   end)

   it("loses fields that came later, with a warning for each", function()
      local _, warnings = old({id = "a-1", key = "a-1", abi = "ff", trusted = true, data_dir = "/x",
         exposed_modules = {"A from b-1:C"}, extra = {{name = "x-y", value = "z"}}}, "6.12")
      assert.same({"a-1: this shape has no re-exports: A from b-1:C",
         "a-1: this shape has no field abi",
         "a-1: this shape has no field trusted", "a-1: this shape has no field data-dir",
         "a-1: this shape has no field x-y"}, warnings)
      _, warnings = old({name = "a", version = "1.2", abi = "ff"}, "6.6") -- without an id
      assert.same({"a-1.2: this shape has no field abi"}, warnings)
   end)

   it("says which ids it has no room for: those that are not name and version", function()
      local list = {}
      for i, id in ipairs {"a-1.0", "a-1.1", "b-1.0", "a-1.0-x", "a", "a_1.0"} do
         list[i] = {name = "a", version = "1.0", id = id, key = id}
      end
      list[7] = {name = "a", id = "a", key = "a"}
      local _, warnings = record.old(list, "6.10")
      assert.same(5, #warnings)
      _, warnings = record.old({list[1], list[7]}, "6.10")
      assert.same({}, warnings)
   end)
end)

describe("a package of an old database", function()
   it("is a package of today's with its id as its key", function()
      local bytes = old({name = "a", version = "1", exposed = true, depends = {"b-2"},
         description = "one\n  two"}, "6.6")
      local p = record.all(assert(core.pkg.parse(bytes)))[1]
      local modern, warnings = record.modern(p)
      assert.same({}, warnings)
      assert.equal("name:        a\nversion:     1\nvisibility:  public\nid:          a-1\n"
         .. "key:         a-1\nlicense:     AllRightsReserved\ndescription:\n    one\n      two\n\n"
         .. "exposed:     True\ndepends:     b-2\n", record.print(modern))
   end)

   it("has texts mended that today's format cannot hold, or a warning", function()
      local modern, warnings = record.modern {id = "a", author = "x\0y\r\nz  \n\n", category = "{x",
         description = "a\n -- b", hugs_options = {"-x"}}
      assert.equal("x\u{FFFD}y\nz", modern.author)
      assert.same({"a: hugs-options: the text format has lost this field",
         "a: description: a line of it begins with -- and will be read as a comment",
         "a: category: it begins with a brace and will be read as something else"}, warnings)
   end)
end)

describe("a generated package", function()
   it("is the same after both conversions, but for what the warnings name", function()
      for seed = 1, 200 do
         local p = conf.package(core.pkg.fields, random.new(seed))
         p.id = "foo-1.0-ab"
         local bytes = old(p, "6.12")
         local back = record.all(assert(core.pkg.parse(bytes)))[1]
         for _, name in ipairs {"copyright", "description", "exposed", "hidden_modules", "depends",
            "import_dirs", "hs_libraries", "ld_options", "cc_options", "includes"} do
            if p[name] ~= nil then
               assert.same(p[name], back[name], seed .. ": " .. name)
            end
         end
         assert.equal(bytes, (old(back, "6.12")))
      end
   end)
end)
