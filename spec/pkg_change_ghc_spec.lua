--- Commands that change databases, beside the real ghc-pkg. #ghc
-- SPDX-License-Identifier: MIT

local pair = require "spec.support.beside_ghc_pkg"
local support = require "spec.support"

local function conf(lines)
   return table.concat(lines, "\n") .. "\n"
end

local function package(id, more)
   local name, version = id:match "^([%a-]+)%-([%d.]+)"
   return conf {"name: " .. name, "version: " .. version, "id: " .. id, "key: " .. id, more or ""}
end

local FILES = {
   ["a.conf"] = package("a-1.0-x1", "exposed: True\nabi: h1"),
   ["a2.conf"] = package("a-1.0-x2", "exposed: True\nabi: h2"),
   ["b.conf"] = package("b-1.0", "exposed: True\ndepends: a-1.0-x1\nabi-depends: a-1.0-x1=h1"),
   ["upper.conf"] = conf {"name: A", "version: 1.0", "id: AA", "key: AA"},
   ["noid.conf"] = conf {"name: n", "version: 1.0"},
   ["badkey.conf"] = conf {"name: n", "version: 1.0", "id: n-1", "key: n-2"},
   ["noversion.conf"] = conf {"name: v", "id: v-1", "key: v-1"},
   ["noname.conf"] = conf {"version: 1", "id: v-1", "key: v-1"},
   ["env.conf"] = package("e-1.0", "description: ${EEE} ${NOPE} ${pkgroot}/x"),
   ["bad.conf"] = package("c-1.0-z1", conf {
      "exposed: True", "exposed-modules: C.Foo C.Foo", "hidden-modules: C.Hid GHC.Prim",
      "import-dirs: /nonexist/imp rel/imp", "library-dirs: /nonexist/lib /usr",
      "dynamic-library-dirs: /nonexist/dlib", "include-dirs: /nonexist/inc rel/inc",
      "framework-dirs: rel/fw", "haddock-interfaces: /none/x.haddock rel.haddock",
      "haddock-html: /none/html https://x/y rel/html", "hs-libraries: HSc-1.0-z1 HSd",
      "depends: nope-1.0-q1 nope-1.0-q1 a-1.0-x1",
   }),
   ["export.conf"] = package("r-1.0", conf {
      "depends: a-1.0-x1", "exposed-modules: X from zz-1:M, Y from a-1.0-x1:Q, Z from r-1.0:Z",
   }),
   ["self.conf"] = package("s-1.0", "depends: s-1.0"),
}

local function fresh()
   local p = pair.new(FILES)
   p:sh "ghc-pkg init db && ghc-pkg init top"
   return p
end

describe("as ghc-pkg #ghc", function()
   it("register puts a package in, once", function()
      local p = fresh()
      assert.equal(0, p:run "-f db register a.conf")
      assert.equal(1, p:run "-f db register a.conf")
      assert.equal(0, p:run "-f db register b.conf -v0")
      assert.equal(0, p:run("-f db update -", {stdin = "a.conf"}))
      assert.equal(1, p:run("-f db register -", {stdin = "a.conf"}))
      p:run "-f db register --enable-multi-instance a2.conf"
      p:run "-f db list"
   end)

   it("register checks all there is to check", function()
      local p = fresh()
      p:run "-f db register a.conf"
      assert.equal(1, p:run "-f db register bad.conf")
      assert.equal(1, p:run "-f db register bad.conf -v0")
      assert.equal(1, p:run "-f db register bad.conf --force-files")
      assert.equal(0, p:run "-f db register bad.conf --force")
      p:run "-f db check"
      p:run "-f db check -v0"
      p:run "-f db check --simple-output"
      p:run "-f db update --force -v0 bad.conf"
      p:run "-f db list"
   end)

   it("register refuses what has no identity", function()
      local p = fresh()
      for _, name in ipairs {"noid", "badkey", "noversion", "self", "export"} do
         p:run("-f db register " .. name .. ".conf")
         p:run("-f db register --force " .. name .. ".conf")
      end
      p:run("-f db register noname.conf", {any_stderr = true})
      p:run "-f db check"
   end)

   it("register minds the case of names", function()
      local p = fresh()
      p:run "-f db register a.conf"
      assert.equal(1, p:run "-f db register upper.conf")
      assert.equal(0, p:run "-f db register upper.conf --force")
      p:run "-f db update a2.conf"
   end)

   it("register minds which database may depend on which", function()
      local p = fresh()
      p:run "-f top register a.conf"
      assert.equal(1, p:run "-f db register b.conf")
      -- It wants to change the global one, too: who may not is told so in other words.
      local may = support.exit "test -w $(ghc --print-global-package-db)/package.cache.lock" == 0
      assert.equal(1, p:run("register b.conf", {
         env = "GHC_PACKAGE_PATH=$PWD/top:$PWD/db:", any_stderr = not may,
      }))
      assert.equal(0, p:run "-f top -f db register b.conf")
      p:run "-f db -f top list"
      p:run "-f db check"
      p:run "-f top check"
   end)

   it("register expands variables of the environment", function()
      local p = fresh()
      local opts = {env = "EEE=value"}
      assert.equal(1, p:run("-f db register --expand-env-vars env.conf", opts))
      assert.equal(0, p:run("-f db register --expand-env-vars --force env.conf", opts))
      assert.equal(0, p:run "-f top register env.conf")
   end)

   it("missing inputs and databases are errors", function()
      local p = fresh()
      assert.equal(1, p:run "-f db register none.conf")
      p:run("-f none register a.conf", {any_stderr = true})
      p:run("-f none hide a", {any_stderr = true})
      p:run "-f db register"
      p:run "-f db hide"
      p:run "-f db check a"
   end)

   it("unregister minds who needs what", function()
      local p = fresh()
      p:run "-f db register a.conf"
      p:run "-f db register b.conf"
      assert.equal(1, p:run "-f db unregister a")
      -- What ghc-pkg says of abi-depends is about the time before the change.
      local forced, _, err = p:run("-f db unregister a --force", {any_stderr = true})
      assert.equal(0, forced)
      assert.matches("unregistering would break the following packages: b-1.0 (ignoring)\n", err,
         1, true)
      p:run "-f db check"
      assert.equal(1, p:run "-f db unregister a")
      assert.equal(0, p:run "-f db unregister b-1.0")
      assert.equal(1, p:run "-f db unregister b-1.0")
      p:run "-f db list"
   end)

   it("packages are named by versions, names and unit ids", function()
      local p = fresh()
      p:run "-f db register a.conf"
      p:run "-f db register --enable-multi-instance a2.conf"
      p:run "-f db hide --ipid a-1.0-x1"
      p:run "-f db list"
      p:run "-f db expose a"
      p:run "-f db trust a-1.0"
      p:run "-f db distrust --ipid a-1.0-x2"
      p:run "-f db hide 'a-*'"
      p:run("-f db hide 'a*'", {any_stderr = true})
      p:run "-f db unregister --ipid a-1.0-x2"
      p:run "-f db unregister zz"
      p:run "-f db list"
   end)

   it("changes go to the first database that has the package", function()
      local p = fresh()
      p:run "-f db register a.conf"
      p:run "-f top -f db hide a"
      p:run "-f db -f top hide a"
      p:run "-f top register a2.conf"
      p:run "-f db -f top expose a"
      p:run "-f db -f top unregister a"
      p:run "-f db -f top unregister a"
      p:run "-f db -f top unregister a"
      p:run "-f db -f top list"
   end)
end)

describe("unlike ghc-pkg #ghc", function()
   it("update says whom it breaks", function()
      local p = fresh()
      p:run "-f db register a.conf"
      p:run "-f db register b.conf"
      local status, _, err = p:run("-f db update a2.conf", {any_stderr = true})
      assert.equal(0, status)
      assert.matches("WARNING: this breaks the following packages: b-1.0\n", err, 1, true)
      p:run "-f db check"
   end)
end)
