--- Which databases a command is about, what a package argument means, and what the variables in
-- paths stand for.
-- SPDX-License-Identifier: MIT

local ghc = require "moonlink.pkg.ghc"
local selecting = require "moonlink.pkg.select"
local stack = require "moonlink.pkg.stack"
local support = require "spec.support"
local variables = require "moonlink.pkg.variables"

describe("the stack of databases", function()
   --- "all | asked | target" of a stack whose global database is G and whose user's one is U.
   local function arranged(options)
      options.global = options.global or "G"
      options.path = options.path or false
      local made = assert(stack.new(options))
      return ("%s | %s | %s"):format(table.concat(made.all, " "), table.concat(made.asked, " "),
         made.target)
   end

   it("is the user's database above the global one, which changes go to", function()
      assert.equal("U G | U G | G", arranged {user = "U"})
      assert.equal("G | G | G", arranged {user = "U", no_user = true})
   end)

   it("has named databases on top, the last one uppermost, and asks for these only", function()
      assert.equal("b a G | b a | b", arranged {named = {"a", "b"}, no_user = true})
      assert.equal("a U G | a U | a", arranged {named = {"--user", "a"}, user = "U"})
      assert.equal("a U G | U a | U", arranged {named = {"a", "--user"}, user = "U"})
      assert.equal("a G | G a | G", arranged {named = {"a", "--global"}, no_user = true})
   end)

   it("changes the last one that is named", function()
      assert.equal("U G | G U | G", arranged {named = {"--user", "--global"}, user = "U"})
   end)

   it("does not double a database that is in it already", function()
      assert.equal("U G | U | U", arranged {named = {"U"}, user = "U"})
      assert.equal("G | G | G", arranged {named = {"G", "G"}, no_user = true})
   end)

   it("has what GHC_PACKAGE_PATH says instead, its last one is the global one", function()
      assert.equal("a b | a b | b", arranged {path = "a:b", user = "U"})
      assert.equal("a b | b | b", arranged {path = "a:b", named = {"--global"}})
      assert.equal("c a b | c | c", arranged {path = "a:b", named = {"c"}})
   end)

   it("has the usual ones below, when GHC_PACKAGE_PATH ends with a colon", function()
      assert.equal("a U G | a U G | G", arranged {path = "a:", user = "U"})
      assert.equal("U G | U G | G", arranged {path = ":", user = "U"})
   end)

   it("never takes an empty part of GHC_PACKAGE_PATH for the current folder", function()
      assert.equal("G | G | G", arranged {path = "", no_user = true})
      assert.equal("a b | a b | b", arranged {path = ":a::b"})
   end)

   it("has nothing to change when the database is not of the stack", function()
      assert.equal("a |  | nil", arranged {path = "a", named = {"--user"}, user = "U"})
   end)

   it("ignores --user when there is no user's database", function()
      assert.equal("G | G | G", arranged {named = {"--user"}, no_user = true})
   end)

   it("lets packages depend on the same database and those below", function()
      local made = assert(stack.new {named = {"a", "b"}, user = "U", global = "G", path = false})
      assert.same({"a", "U", "G"}, made:below "a")
      assert.same({"G"}, made:below "G")
      assert.same({}, made:below "other")
   end)

   it("opens each database once, in order, and stops at the first that fails", function()
      local seen = {}
      local made = assert(stack.new {
         named = {"a"}, global = "G", no_user = true, path = false,
         open = function(path)
            seen[#seen + 1] = path
            return path ~= "G" and {path = path} or nil, "cannot"
         end,
      })
      assert.equal("a", assert(made:open "a").path)
      assert.same({nil, "cannot"}, {made:databases(made.all)})
      assert.same({"a", "G"}, seen)
   end)

   it("knows the folder that holds a database", function()
      local here = support.stdout "pwd -P"
      assert.equal("/x", stack.pkgroot "/x/db")
      assert.equal("/x", stack.pkgroot "/x//./db/.")
      assert.equal("/x", stack.pkgroot "/x/db/")
      assert.equal("/x/..", stack.pkgroot "/x/../db")
      assert.equal("/", stack.pkgroot "/db")
      assert.equal(here, stack.pkgroot "db")
      assert.equal(here .. "/a", stack.pkgroot "a/db")
   end)
end)

describe("an argument for packages", function()
   local packages = {
      {name = "foo", version = "1.2", id = "foo-1.2-a"},
      {name = "foo", version = "1.10", id = "foo-1.10-b"},
      {name = "foo-bar", version = "1.2", id = "foo-bar-1.2-c"},
      {name = "Foo", id = "Foo-d"},
   }

   local function found(wanted)
      local names = {}
      for _, p in ipairs(selecting.find({packages = packages}, wanted)) do
         names[#names + 1] = p.id:match "%l$"
      end
      return table.concat(names)
   end

   local function argument(text, options)
      return found(assert(selecting.argument(text, options)))
   end

   it("is a name, or a name and a version", function()
      assert.equal("ab", argument "foo")
      assert.equal("b", argument "foo-1.10")
      assert.equal("", argument "foo-1.1")
      assert.equal("c", argument "foo-bar")
      assert.equal("d", argument "Foo")
      assert.equal("a", argument "foo-1.2  ")
   end)

   it("is a unit id, when it shall be", function()
      assert.equal("b", argument("foo-1.10-b", {unit_ids = true}))
      assert.equal("", argument("foo-1.10", {unit_ids = true}))
   end)

   it("is a pattern whose ends are open", function()
      assert.equal("abc", argument "foo*")
      assert.equal("abc", argument "foo-*")
      assert.equal("ac", argument "*1.2")
      assert.equal("c", argument "*bar*")
      assert.equal("abcd", argument "*")
      assert.equal("abcd", argument "**")
      assert.equal("abcd", argument("FOO*", {ignore_case = true}))
      assert.equal("", argument "FOO*")
      assert.equal("", argument("fOO", {ignore_case = true}))
   end)

   it("is no pattern for commands that change, but may leave the version open", function()
      assert.equal("ab", found(assert(selecting.exact "foo-*")))
      assert.is_nil((selecting.exact "foo*"))
      assert.is_nil((selecting.exact "*"))
   end)

   -- Cabal's grammar of package ids: words between dashes, each with a letter, then a version.
   it("is refused when it is no package id", function()
      for _, text in ipairs {
         "", "-", "foo-", "-foo", "foo--1", "foo-01", "foo-1.", "foo-1..2", "foo-1-bar", "1",
         "foo_x", "foo bar", " foo", "foo-1.2-a", "foo.bar", "3-d", "foo-1234567890",
      } do
         local wanted, message = selecting.exact(text)
         assert.is_nil(wanted, text)
         assert.equal(("cannot parse '%s' as a package identifier (exact): "):format(text),
            message:match "^.-: ")
      end
      local _, message = selecting.exact "foo-1-*"
      assert.truthy(message:find("cannot parse 'foo-1' as a package identifier (glob)", 1, true))
      _, message = selecting.exact("a b", true)
      assert.truthy(message:find("cannot parse 'a b' as a installed package id", 1, true))
   end)

   it("may hold digits, when a letter is among them, and any script", function()
      packages[#packages + 1] = {name = "3d", version = "1", id = "e"}
      packages[#packages + 1] = {name = "größe", version = "2", id = "f"}
      assert.equal("e", argument "3d-1")
      assert.equal("f", argument "größe")
      packages[#packages], packages[#packages - 1] = nil, nil
   end)
end)

describe("a module's name", function()
   local p = {exposed_modules = {"A.B", "C from base-4:D.E"}}

   local function exposes(text, ignore_case)
      return selecting.module(text, ignore_case).matches(p)
   end

   it("finds who exposes it, also by a re-export", function()
      assert.is_true(exposes "A.B")
      assert.is_true(exposes "C")
      assert.is_false(exposes "A")
      assert.is_false(exposes "D.E")
      assert.is_false(exposes "")
   end)

   it("may be a pattern", function()
      assert.is_true(exposes "A.*")
      assert.is_true(exposes "*.b" == false)
      assert.is_true(exposes("*.b", true))
      assert.is_true(exposes "*base*")
      assert.is_false(selecting.module("*").matches {exposed_modules = {}})
   end)
end)

describe("variables in paths", function()
   local roots = {pkgroot = "/p q", topdir = "/ghc"}

   local function expanded(field, text)
      return variables.value(field, {text}, roots)[1]
   end

   it("stand at the beginning and before a slash or the end", function()
      assert.equal("/p q/lib", expanded("import_dirs", "${pkgroot}/lib"))
      assert.equal("/p q", expanded("library_dirs", "${pkgroot}"))
      assert.equal("/ghc/include", expanded("include_dirs", "$topdir/include"))
      assert.equal("$topdirs/x", expanded("include_dirs", "$topdirs/x"))
      assert.equal("x/${pkgroot}", expanded("include_dirs", "x/${pkgroot}"))
   end)

   it("mean nothing where no path is, nor in options and data-dir", function()
      assert.equal("${pkgroot}/x", expanded("ld_options", "${pkgroot}/x"))
      assert.equal("${pkgroot}/x", variables.value("data_dir", "${pkgroot}/x", roots))
   end)

   -- file:/// and an absolute path make four slashes: that is how GHC has always written them.
   it("are URLs in haddock-html alone", function()
      assert.equal("file:////p q/doc/x", expanded("haddock_html", "${pkgrooturl}//doc/x"))
      assert.equal("file:////ghc/x", expanded("haddock_html", "$httptopdir/x/"))
      assert.equal("/ghc/x", expanded("haddock_html", "$topdir/x"))
      assert.equal("${pkgrooturl}/x", expanded("library_dirs", "${pkgrooturl}/x"))
   end)

   it("stay when nobody knows what they stand for", function()
      assert.same({"$topdir/x", "/p"}, variables.value("import_dirs", {"$topdir/x", "${pkgroot}"},
         {pkgroot = "/p"}))
   end)

   it("leave the package as it is and give a copy", function()
      local p = {name = "x", import_dirs = {"$topdir/a"}, depends = {"b"}}
      local copy = variables.expand(p, roots)
      assert.same({"/ghc/a"}, copy.import_dirs)
      assert.same({"$topdir/a"}, p.import_dirs)
      assert.same({"b"}, copy.depends)
   end)
end)

describe("the databases of a GHC", function()
   local function program(folder, text)
      local path = support.write(folder .. "/ghc", text)
      support.sh("chmod +x %s", path)
   end

   local INFO = [[#!/bin/sh
test "$1" = --info && cat <<'END'
 [("Project name","The Glorious Glasgow Haskell Compilation System")
 ,("Project version","9.6.1")
 ,("Target platform","aarch64-unknown-linux")
 ,("LibDir","/opt/ghc/lib")
 ,("Global Package DB","/opt/ghc/lib/package.conf.d")
 ]
END
]]

   it("are told by its start script, without starting it", function()
      local bin, lib = support.tmpdir(), support.tmpdir()
      support.sh("mkdir %s/package.conf.d && touch %s/settings %s/ghc", lib, lib, lib)
      program(bin, ('#!/bin/sh\ntouch %s/started\ntopdir="%s"\n'):format(bin, lib))
      local found = ghc.find {path = "relative:/nonexistent:" .. bin}
      assert.equal(lib .. "/package.conf.d", found.global)
      support.write(lib .. "/settings", '[("target platform string", "ppc64-unknown-linux")]')
      support.sh("touch %s/package.conf.d/ghc-boot-9.9.9.conf %s/package.conf.d/ghc-9.4.7-b1f.conf",
         lib, lib)
      found = ghc.find {path = bin, whole = true}
      assert.same({"9.4.7", "ppc64-linux"}, {found.version, found.platform})
      assert.equal(1, (support.exit("test -e %s/started", bin)))
   end)

   it("are told by GHC itself, where the script does not say", function()
      local bin = support.tmpdir()
      program(bin, INFO)
      local path = bin .. ":" .. os.getenv "PATH"
      local found = ghc.find {path = path}
      assert.same({"/opt/ghc/lib/package.conf.d", "/opt/ghc/lib", "9.6.1", "aarch64-linux"},
         {found.global, found.libdir, found.version, found.platform})
   end)

   it("are unknown when there is no GHC, or one that says nothing", function()
      local bin = support.tmpdir()
      assert.is_nil(ghc.find {path = bin})
      program(bin, "#!/bin/sh\nexit 1\n")
      assert.is_nil(ghc.find {path = bin})
   end)

   local function user(found, environment)
      return ghc.user_database(found, function(name)
         return environment[name]
      end)
   end

   it("include the user's, in the home folder, since 9.4 where XDG has data", function()
      local home = support.tmpdir()
      local old = {version = "9.0.2", platform = "x86_64-linux"}
      local new = {version = "9.10.1", platform = "x86_64-linux"}
      local old_path = home .. "/.ghc/x86_64-linux-9.0.2/package.conf.d"
      assert.same({old_path, false}, {user(old, {HOME = home})})
      assert.same({home .. "/.local/share/ghc/x86_64-linux-9.10.1/package.conf.d", false},
         {user(new, {HOME = home})})
      assert.same({"/data/ghc/x86_64-linux-9.10.1/package.conf.d", false},
         {user(new, {HOME = home, XDG_DATA_HOME = "/data"})})
      assert.is_nil((user(new, {})))
      local function has_any()
         return ghc.has_user_databases(function(name)
            return name == "HOME" and home or nil
         end)
      end
      support.sh("mkdir -p %s/.ghc/x86_64-linux-9.0.2/environments", home)
      assert.is_false(has_any())
      support.sh("mkdir -p %s", old_path)
      assert.is_true(has_any())
      assert.same({old_path, true}, {user(old, {HOME = home})})
   end)

   it("include an old single-file one of the user's, and older places that are there", function()
      local home = support.tmpdir()
      support.sh("mkdir -p %s/.ghc/x86_64-linux-9.10.1", home)
      local path = support.write(home .. "/.ghc/x86_64-linux-9.10.1/package.conf", "[]")
      assert.same({path, true},
         {user({version = "9.10.1", platform = "x86_64-linux"}, {HOME = home})})
   end)
end)
