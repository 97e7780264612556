--- Databases of GHC 6, and how its ghc-pkg worked: as a shell sees it.
-- SPDX-License-Identifier: MIT

local database = require "moonlink.pkg.database"
local support = require "spec.support"

local program = ("env -u GHC_PACKAGE_PATH %s pkg --no-user-package-db "
   .. "--global-package-db=package.conf"):format(support.moonlink())

local function conf(name, version, more)
   return ("name: %s\nversion: %s\nlicense: BSD3\ncopyright:\nmaintainer:\nexposed: True\n%s")
      :format(name, version, more or "")
end

local FILES = {
   rts = conf("rts", "1.0", "library-dirs: $topdir\nhs-libraries:\nextra-libraries: m gmp\n"
      .. "ld-options: -u base_GHCziBase_Izh_static_info\n"),
   base = conf("base", "2.0", "depends: rts\nexposed-modules: Prelude Data.List\n"),
   haskell98 = conf("haskell98", "1.0", "depends: base\n"),
   base3 = conf("base", "3.0", "depends: rts-1.0\n"),
   mtl = conf("mtl", "1.0", "depends: base-9.9\n"),
   files = conf("files", "1.0", "import-dirs: DIR/imports\nlibrary-dirs: DIR\n"
      .. "hs-libraries: HSfiles\n"),
}

--- A world of that age: an empty database, and descriptions.
local function world()
   local dir = support.tmpdir()
   for name, text in pairs(FILES) do
      support.write(("%s/%s.txt"):format(dir, name), (text:gsub("DIR", dir)))
   end
   support.write(dir .. "/package.conf", "[]")
   local self = {dir = dir}
   function self.run(status, words)
      local got, out, err = support.exit("cd %s && %s --era 6.6 %s", dir, program, words)
      assert.equal(status, got, out .. err)
      return out, err
   end
   function self.packages()
      local db = assert(database.open(dir .. "/package.conf"))
      local by_name = {}
      for _, p in ipairs(db.packages) do
         by_name[p.name .. "-" .. p.version] = p
      end
      return by_name, db
   end
   return self
end

local SAVED = "Saving old package config file... done.\nWriting new package config file... done.\n"

describe("a world of GHC 6.6", function()
   it("grows in the order of dependencies, whose versions are filled in", function()
      local w = world()
      assert.equal('Reading package info from "rts.txt" ... done.\n' .. SAVED,
         w.run(0, "register rts.txt"))
      w.run(0, "register base.txt")
      w.run(0, "register - <haskell98.txt")
      local packages, db = w.packages()
      assert.equal("6.6", db.shape)
      assert.same({"rts-1.0"}, packages["base-2.0"].depends)
      assert.same({"base-2.0"}, packages["haskell98-1.0"].depends)
      assert.equal("package.conf\n    base-2.0\n    haskell98-1.0\n    rts-1.0\n\n",
         w.run(0, "list"))
      assert.equal("rts-1.0 base-2.0 haskell98-1.0\n", w.run(0, "order --simple-output"))
      assert.matches("^%[InstalledPackageInfo {package = PackageIdentifier {pkgName = \"",
         support.read(w.dir .. "/package.conf"))
   end)

   it("takes all at once in whatever order", function()
      local w = world()
      w.run(0, "register haskell98.txt base.txt rts.txt")
      local packages = w.packages()
      assert.same({"rts-1.0"}, packages["base-2.0"].depends)
      assert.same({"base-2.0"}, packages["haskell98-1.0"].depends)
   end)

   it("leaves a dependency without version when nobody has that name", function()
      local w = world()
      w.run(0, "register base.txt")
      assert.same({"rts"}, w.packages()["base-2.0"].depends)
   end)

   it("wants versions that are named, in the right order or by force", function()
      local w = world()
      local _, err = w.run(1, "register base3.txt")
      assert.equal("base-3.0: dependency rts-1.0 doesn't exist (use --force to override)\n", err)
      assert.is_nil(w.packages()["base-3.0"])
      _, err = w.run(0, "register --force base3.txt")
      assert.equal("base-3.0: dependency rts-1.0 doesn't exist (ignoring)\n", err)
      w.run(0, "register rts.txt")
      assert.same({"rts-1.0"}, w.packages()["base-3.0"].depends)
   end)

   it("says of what is there that it is", function()
      local w = world()
      w.run(0, "register rts.txt")
      local _, err = w.run(1, "register rts.txt")
      assert.equal("rts-1.0: package rts-1.0 is already installed\n", err)
      w.run(1, "register --force rts.txt")
      w.run(0, "update rts.txt")
   end)

   it("looks at folders and libraries, first things first", function()
      local w = world()
      local _, err = w.run(1, "register files.txt")
      assert.equal(("files-1.0: %s/imports doesn't exist or isn't a directory "
         .. "(use --force to override)\n"):format(w.dir), err)
      support.sh("mkdir %s/imports", w.dir)
      _, err = w.run(1, "register files.txt")
      assert.equal("files-1.0: cannot find libHSfiles.a on library path "
         .. "(use --force to override)\n", err)
      support.sh("touch %s/libHSfiles.a", w.dir)
      _, err = w.run(0, "register files.txt")
      assert.equal("files-1.0: Warning: can't find GHCi lib HSfiles.o\n", err)
   end)

   it("hides and exposes", function()
      local w = world()
      w.run(0, "register rts.txt base.txt")
      assert.equal(SAVED, w.run(0, "hide base"))
      assert.equal("package.conf\n    (base-2.0)\n    rts-1.0\n\n", w.run(0, "list"))
      assert.is_false(w.packages()["base-2.0"].exposed)
      w.run(0, "expose base-2.0")
      assert.is_true(w.packages()["base-2.0"].exposed)
      local _, err = w.run(1, "hide none")
      assert.matches("cannot find package none\n", err, 1, true)
   end)

   it("lets packages go that others need", function()
      local w = world()
      w.run(0, "register rts.txt base.txt")
      w.run(0, "unregister rts")
      assert.is_nil(w.packages()["rts-1.0"])
      assert.is_table(w.packages()["base-2.0"])
   end)

   it("replaces what it takes by the environment and by definitions", function()
      local w = world()
      support.write(w.dir .. "/v.txt", conf("v", "1.0", "description: ${ONE} ${TWO}\n"))
      local dir = w.dir
      local status, _, err = support.exit("cd %s && ONE=1 TWO=x %s --era 6.6 -D TWO=2 "
         .. "register v.txt", dir, program)
      assert.same({0, ""}, {status, err})
      assert.equal("1 2", w.packages()["v-1.0"].description)
   end)

   it("is mended by refresh, and moves to today", function()
      local w = world()
      w.run(0, "register rts.txt base.txt haskell98.txt")
      w.run(0, "register base3.txt")
      w.run(0, "unregister base-2.0")
      assert.equal("haskell98-1.0: base-2.0 -> base-3.0\n" .. SAVED, w.run(0, "refresh"))
      assert.same({"base-3.0"}, w.packages()["haskell98-1.0"].depends)
      w.run(0, "convert package.conf today.d")
      local db = assert(database.open(w.dir .. "/today.d"))
      assert.equal(3, #db.packages)
      for _, p in ipairs(db.packages) do
         assert.equal(p.name .. "-" .. p.version, p.id)
         assert.equal(p.id, p.key)
      end
      w.run(0, "convert today.d back.conf --to 6.6")
      assert.equal("", (w.run(0, "diff package.conf back.conf")))
   end)
end)

describe("a world of GHC 6.10", function()
   it("wants exact dependencies, and guards what others need", function()
      local w = world()
      w.run(0, "register rts.txt base.txt")
      support.sh("cd %s && %s convert package.conf new --to 6.10 && mv new package.conf", w.dir,
         program)
      local status, _, err = support.exit("cd %s && %s unregister rts", w.dir, program)
      assert.equal(1, status)
      assert.matches("unregistering would break the following packages: base-2.0 ", err, 1, true)
      status = support.exit("cd %s && %s register haskell98.txt", w.dir, program)
      assert.equal(0, status)
      local packages, db = w.packages()
      assert.equal("6.10", db.shape)
      assert.same({"base"}, packages["haskell98-1.0"].depends)
   end)
end)
