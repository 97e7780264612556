--- Commands that change databases, and those that look at many packages, as a shell sees them.
-- SPDX-License-Identifier: MIT

local database = require "moonlink.pkg.database"
local dkjson = require "dkjson"
local support = require "spec.support"

local program = ("env -u GHC_PACKAGE_PATH %s pkg --no-user-package-db --global-package-db=global")
   :format(support.moonlink())

local function conf(id, depends, more)
   local name, version = id:match "^([%a]+)%-([%d.]+)"
   return ("name: %s\nversion: %s\nid: %s\nkey: %s\nexposed: True\ndepends: %s\n%s")
      :format(name, version, id, id, depends or "", more or "")
end

--- Two databases, the global one below, and descriptions.
local function world()
   local self = {dir = support.tmpdir()}
   function self.write(name, text)
      support.write(self.dir .. "/" .. name, text)
   end
   function self.run(status, words)
      local got, out, err = support.exit("cd %s && %s %s", self.dir, program, words)
      assert.equal(status, got, words .. ": " .. out .. err)
      return out, err
   end
   function self.ids(name)
      local list = {}
      for i, p in ipairs(assert(database.open(self.dir .. "/" .. name)).packages) do
         list[i] = p.id
      end
      table.sort(list)
      return list
   end
   function self.package(name, id)
      for _, p in ipairs(assert(database.open(self.dir .. "/" .. name)).packages) do
         if p.id == id then
            return p
         end
      end
   end
   assert(database.init(self.dir .. "/global"))
   assert(database.init(self.dir .. "/db"))
   self.write("a.conf", conf("a-1.0"))
   self.write("a2.conf", conf("a-1.0-new"))
   self.write("b.conf", conf("b-1.0", "a-1.0"))
   self.write("c.conf", conf("c-1.0", "b-1.0 a-1.0"))
   self.write("bad.conf", conf("bad-1.0", "none-1.0"))
   return self
end

describe("registering many packages", function()
   it("takes files in whatever order", function()
      local w = world()
      local out, err = w.run(0, "-f db register c.conf a.conf b.conf")
      assert.equal('Reading package info from "c.conf" ... done.\n'
         .. 'Reading package info from "a.conf" ... done.\n'
         .. 'Reading package info from "b.conf" ... done.\n', out)
      assert.equal("", err)
      assert.same({"a-1.0", "b-1.0", "c-1.0"}, w.ids "db")
   end)

   it("registers all or none", function()
      local w = world()
      local _, err = w.run(1, "-f db register a.conf bad.conf b.conf")
      assert.equal('bad-1.0: dependency "none-1.0" doesn\'t exist (use --force to override)\n', err)
      assert.same({}, w.ids "db")
      w.run(0, "-f db register --force a.conf bad.conf b.conf")
      assert.same({"a-1.0", "b-1.0", "bad-1.0"}, w.ids "db")
   end)

   it("says where an input is wrong, and changes nothing", function()
      local w = world()
      w.write("wrong.conf", "name: x\nversion: 1.x\n")
      local out, err = w.run(1, "-f db register a.conf wrong.conf")
      assert.matches('"wrong.conf" ... $', out)
      assert.matches("2:", err, 1, true)
      assert.same({}, w.ids "db")
      w.run(1, "-f db register a.conf none.conf")
      assert.same({}, w.ids "db")
   end)

   it("changes nothing in a dry run, and says what it would", function()
      local w = world()
      local out = w.run(0, "-f db register -v0 b.conf a.conf --dry-run")
      assert.equal("db\n    add a-1.0\n    add b-1.0\n", out)
      assert.same({}, w.ids "db")
      w.run(1, "-f db register bad.conf --dry-run")
      w.run(0, "-f db register -v0 a.conf b.conf")
      assert.equal("db\n    add a-1.0 (a-1.0-new)\n    remove a-1.0\n",
         w.run(0, "-f db update -v0 a2.conf --dry-run"))
      assert.equal("db\n    change b-1.0\n", w.run(0, "-f db hide b --dry-run"))
      assert.equal("db\n    remove b-1.0\n", w.run(0, "-f db unregister b --dry-run"))
      assert.is_true(w.package("db", "b-1.0").exposed)
   end)
end)

describe("replacing a package", function()
   it("says whom it breaks, and mends them when asked", function()
      local w = world()
      w.run(0, "-f db register a.conf b.conf c.conf")
      local _, err = w.run(0, "-f db update a2.conf")
      assert.matches("WARNING: this breaks the following packages: b-1.0 c-1.0\n", err, 1, true)
      assert.same({"a-1.0-new", "b-1.0", "c-1.0"}, w.ids "db")
      assert.equal("b-1.0: a-1.0 -> a-1.0-new\nc-1.0: a-1.0 -> a-1.0-new\n",
         w.run(0, "-f db refresh --dry-run"):match "^(.-)db\n")
      assert.same({"a-1.0"}, w.package("db", "b-1.0").depends)
      w.run(0, "-f db refresh")
      assert.same({"b-1.0", "a-1.0-new"}, w.package("db", "c-1.0").depends)
      assert.equal("", (w.run(0, "-f db refresh")))
      w.run(0, "-f db check")
   end)

   it("mends in the same change", function()
      local w = world()
      w.run(0, "-f db register a.conf b.conf")
      local _, err = w.run(0, "-f db update --refresh a2.conf")
      assert.equal("", err)
      assert.same({"a-1.0-new"}, w.package("db", "b-1.0").depends)
   end)

   it("leaves no second entry of the same id", function()
      local w = world()
      w.run(0, "-f db register a.conf")
      w.write("a3.conf", (conf("a-1.0"):gsub("version: 1.0", "version: 2.0")))
      w.run(0, "-f db update a3.conf")
      assert.equal("db\n    a-2.0\n\n", w.run(0, "-f db list"))
   end)

   it("does not guess who took whose place", function()
      local w = world()
      w.run(0, "-f db register a.conf b.conf")
      w.write("a4.conf", conf("a-2.0"))
      w.write("a5.conf", conf("a-3.0"))
      w.run(0, "-f db register a4.conf a5.conf")
      w.run(0, "-f db unregister a-1.0 --force")
      local _, err = w.run(1, "-f db refresh")
      assert.equal('b-1.0: dependency "a-1.0" doesn\'t exist, and any of these may have taken its '
         .. "place: a-2.0 a-3.0\n", err)
   end)

   it("knows packages by their content, whatever their files are called", function()
      local w = world()
      w.run(0, "-f db register a.conf")
      support.sh("cd %s/db && mv a-1.0.conf odd.conf", w.dir)
      w.run(0, "-f db hide a")
      assert.equal("a-1.0.conf\n", support.sh("cd %s/db && ls *.conf", w.dir))
      assert.is_false(w.package("db", "a-1.0").exposed)
      support.sh("cd %s/db && mv a-1.0.conf odd.conf", w.dir)
      w.run(0, "-f db unregister a")
      assert.same({}, w.ids "db")
   end)
end)

describe("removing packages", function()
   it("is one change: those that need each other go together", function()
      local w = world()
      w.run(0, "-f db register a.conf b.conf c.conf")
      local _, err = w.run(1, "-f db unregister b a")
      assert.matches("unregistering would break the following packages: c-1.0 (use --force to "
         .. "override)\n", err, 1, true)
      w.run(1, "-f db unregister c none")
      assert.same({"a-1.0", "b-1.0", "c-1.0"}, w.ids "db")
      w.run(0, "-f db unregister a b c")
      assert.same({}, w.ids "db")
   end)

   it("changes several databases when packages lie in several", function()
      local w = world()
      w.run(0, "--global register a.conf")
      w.run(0, "-f db register b.conf")
      w.run(0, "-f db --global trust a b")
      assert.is_true(w.package("global", "a-1.0").trusted)
      assert.is_true(w.package("db", "b-1.0").trusted)
      w.run(0, "-f db --global unregister a b")
      assert.same({}, w.ids "db")
      assert.same({}, w.ids "global")
   end)
end)

describe("looking at many packages", function()
   it("order lists dependencies first, or last", function()
      local w = world()
      w.run(0, "-f db register a.conf b.conf c.conf")
      assert.equal("a-1.0\nb-1.0\nc-1.0\n", w.run(0, "-f db order"))
      assert.equal("c-1.0 b-1.0 a-1.0\n", w.run(0, "-f db order --reverse --simple-output"))
      assert.equal("a b\n", w.run(0, "-f db order b --simple-output --names-only"))
      local json = dkjson.decode((w.run(0, "-f db order --json b")))
      assert.same({
         {id = "a-1.0", name = "a", version = "1.0"}, {id = "b-1.0", name = "b", version = "1.0"},
      }, json.order)
      assert.same({}, json.cycles)
      w.run(1, "-f db order none")
   end)

   it("order names cycles", function()
      local w = world()
      w.write("x.conf", conf("x-1.0", "y-1.0"))
      w.write("y.conf", conf("y-1.0", "x-1.0"))
      local _, err = w.run(1, "-f db register x.conf y.conf")
      assert.matches("packages depend on each other: x-1.0 -> y-1.0 -> x-1.0 (use --force", err, 1,
         true)
      w.run(0, "-f db register --force x.conf y.conf")
      _, err = w.run(1, "-f db order")
      assert.equal("packages depend on each other: x-1.0 -> y-1.0 -> x-1.0\n", err)
      _, err = w.run(1, "-f db check --strict")
      assert.matches("packages depend on each other: x-1.0 -> y-1.0 -> x-1.0\n", err, 1, true)
   end)

   it("why shows a chain", function()
      local w = world()
      w.write("d.conf", conf("d-1.0", "c-1.0"))
      w.run(0, "-f db register a.conf b.conf c.conf d.conf")
      assert.equal("d-1.0\n   depends on c-1.0\n   depends on a-1.0\n", w.run(0, "-f db why d a"))
      local _, err = w.run(1, "-f db why a d")
      assert.equal("a does not depend on d\n", err)
   end)

   it("graph draws, as DOT and as SVG where graphviz is there", function()
      local w = world()
      w.run(0, "-f db register a.conf b.conf c.conf")
      local out = w.run(0, "-f db graph b")
      assert.matches('"b-1.0" -> "a-1.0"\n', out, 1, true)
      assert.is_nil(out:find("c-1.0", 1, true))
      w.run(0, "-f db graph -o g.dot")
      assert.matches("^digraph", support.read(w.dir .. "/g.dot"))
      local _, err = w.run(1, "-f db graph -o /dev/full")
      assert.equal("moonlink pkg: /dev/full: cannot write: No space left on device\n", err)
      -- A stand-in for graphviz.
      support.sh("mkdir %s/bin && printf '#!/bin/sh\\necho \"<svg>\"; cat \"$2\"' >%s/bin/dot && "
         .. "chmod +x %s/bin/dot", w.dir, w.dir, w.dir)
      local status, svg = support.exit("cd %s && PATH=%s/bin:$PATH %s -f db graph --svg", w.dir,
         w.dir, program)
      assert.equal(0, status)
      assert.matches("^<svg>\ndigraph", svg)
   end)

   it("diff tells databases apart", function()
      local w = world()
      w.run(0, "-f db register a.conf b.conf")
      w.run(0, "--global register a.conf")
      local out = w.run(1, "diff global db")
      assert.equal("--- global\n+++ db\n+b-1.0\n", out)
      w.run(0, "-f db hide a")
      local json = dkjson.decode((w.run(1, "diff global db --json")))
      assert.same({name = "exposed", old = true, new = false}, json[1].fields[1])
      assert.equal("added", json[2].change)
      assert.equal("", (w.run(0, "diff db db")))
   end)

   it("convert goes to the old form and back", function()
      local w = world()
      w.run(0, "-f db register a2.conf")
      w.write("b.conf", conf("b-1.0-hash", "a-1.0-new", "abi: h\n"))
      w.run(0, "-f db register b.conf")
      local out, err = w.run(0, "convert db --to 6.6")
      assert.matches("^%[InstalledPackageInfo", out)
      assert.matches('depends = [PackageIdentifier {pkgName = "a", pkgVersion = Version '
         .. "{versionBranch = [1,0]", out, 1, true)
      assert.matches("abi", err, 1, true)
      w.run(0, "convert db old.conf --to 6.12 -v0")
      w.run(0, "convert old.conf new.d -v0")
      assert.same({"a-1.0-new", "b-1.0-hash"}, w.ids "new.d")
      assert.same({"a-1.0-new"}, w.package("new.d", "b-1.0-hash").depends)
      w.run(1, "convert db old.conf --to 6.12 -v0")
      w.run(1, "convert db --to 5")
   end)
end)

describe("check", function()
   it("says what is wrong, for people and for programs", function()
      local w = world()
      w.run(0, "-f db register --force bad.conf a.conf")
      w.write("e.conf", conf("e-1.0", "bad-1.0"))
      w.run(0, "-f db register e.conf")
      local out, err = w.run(1, "-f db check")
      assert.equal("", out)
      assert.equal("There are problems in package bad-1.0:\n"
         .. '  dependency "none-1.0" doesn\'t exist\n\n'
         .. "The following packages are broken, either because they have a problem\n"
         .. "listed above, or because they depend on a broken package.\nbad-1.0\ne-1.0\n", err)
      assert.equal("bad-1.0 e-1.0\n", w.run(1, "-f db check --simple-output"))
      local json = dkjson.decode((w.run(1, "-f db check --json")))
      assert.same({"bad-1.0", "e-1.0"}, json.broken)
      assert.equal("depends", json.packages[1].problems[1].rule)
   end)

   it("judges packages of old databases by the rules of their age", function()
      local w = world()
      w.run(0, "-f db register a.conf b.conf")
      w.run(0, "convert db old.conf --to 6.6 -v0")
      local _, err = w.run(0, "-f old.conf check")
      assert.equal("", err)
   end)

   it("is strict when asked", function()
      local w = world()
      w.write("s.conf", conf("s-1.0", "", "extra-libraries: nolibraryhasthisname\n"
         .. "haddock-html: /nonexistent/html\n"))
      w.run(0, "-f db register s.conf")
      w.run(0, "-f db check")
      local _, err = w.run(1, "-f db check --strict")
      assert.matches("cannot find libnolibraryhasthisname.so or ", err, 1, true)
      assert.matches("haddock-html: /nonexistent/html doesn't exist", err, 1, true)
   end)
end)
