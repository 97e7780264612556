--- GHC's flags about packages, environment files, and names that are near another.
-- SPDX-License-Identifier: MIT

local environment = require "moonlink.pkg.environment"
local flags = require "moonlink.pkg.flags"
local distance = require "moonlink.distance"
local fuzzy = require "moonlink.pkg.fuzzy"
local random = require "spec.support.random"

describe("flags about packages", function()
   it("are taken out of a command line", function()
      local list, rest = flags.parse {"-O2", "-package", "foo", "-package-id=foo-1",
         "-hide-packagebar", "x.hs", "-package-conf", "db", "-no-user-package-conf",
         "-hide-all-packages", "--make"}
      assert.same({"-O2", "x.hs", "--make"}, rest)
      local texts = {}
      for i, flag in ipairs(list) do
         texts[i] = flag.kind .. " " .. tostring(flag.arg)
      end
      assert.same({"package foo", "package-id foo-1", "hide-package bar", "package-db db",
         "no-user-package-db nil", "hide-all-packages nil"}, texts)
      assert.equal(2, #flags.of(list, "package", "hide-package"))
   end)

   it("need their argument", function()
      local list, err = flags.parse {"-x", "-package"}
      assert.is_nil(list)
      assert.matches("missing argument for flag: %-package", err.message)
   end)

   it("thin and rename modules", function()
      local function read(text)
         local flag = flags.package("package", text)
         if not flag then
            return nil
         end
         local names = {}
         for i, r in ipairs(flag.renamings) do
            names[i] = r.from .. ">" .. r.to
         end
         return ("%s %s %s"):format(flag.arg, flag.all and "all" or "only",
            table.concat(names, " "))
      end
      assert.equal("foo all ", read "foo")
      assert.equal("foo all ", read "foo  ")
      assert.equal("foo-1.0 only A>A B.C>D", read "foo-1.0 (A, B.C as D)")
      assert.equal("foo only A>A", read "foo(A)")
      assert.equal("foo all A>X", read "foo with (A as X)")
      assert.equal("foo only ", read "foo ()")
      assert.equal("with all ", read "with")
      for _, bad in ipairs {"", " foo", "foo (", "foo (A", "foo (A,)", "foo (,A)", "foo (A as)",
         "foo A", "foo (A) B", "foo with", "foo with A", "foo (A B)", "foo[A=b:C]", "f(A))"} do
         assert.is_nil(read(bad), bad)
         local _, err = flags.package("package", bad)
         assert.equal("Can't parse package flag: " .. bad, err.message)
      end
      assert.equal("foo-1+abc", flags.package("package-id", "foo-1+abc[A=b:C]").arg)
      assert.is_nil(flags.package("package-id", "foo[A"))
   end)
end)

describe("package environment files", function()
   local function kinds(list)
      local texts = {}
      for i, flag in ipairs(list) do
         texts[i] = flag.text
      end
      return texts
   end

   it("stand for flags", function()
      local list = assert(environment.parse("clear-package-db\nglobal-package-db\n-- why\n\n"
         .. "package-db my dbs/x\npackage-db /abs\npackage-id foo-1\n  bar-2\n"
         .. "hide-package q", "/e/f"))
      assert.same({"-hide-all-packages", "-clear-package-db", "-global-package-db",
         "-package-db /e/my dbs/x", "-package-db /abs", "-package-id foo-1", "-package-id bar-2",
         "-hide-package q"}, kinds(list))
   end)

   it("with a line that is none are refused", function()
      for _, line in ipairs {"package-id a b", "a b", "clear-package-db now", "package-db",
         "package-db "} do
         local list, err = environment.parse("foo-1\n" .. line .. "\n", "/e/f")
         assert.is_nil(list, line)
         assert.equal("Can't parse environment file entry: /e/f: " .. line, err.message)
         assert.equal(2, err.line)
      end
      assert.is_nil(environment.parse("hide-package q", "/e/f", "9.0.2"))
      assert.is_truthy(environment.parse("hide-package q", "/e/f", "9.2.1"))
   end)

   it("are found where GHC looks", function()
      local there = {}
      local function find(options)
         options.read = function(path)
            return there[path]
         end
         options.app, options.home = "/h/.ghc/x86_64-linux-9.0.2", "/h"
         return environment.find(options)
      end
      assert.is_false(find {folder = "/h/a/b"})
      there["/h/.ghc/x86_64-linux-9.0.2/environments/default"] = "d"
      assert.equal("/h/.ghc/x86_64-linux-9.0.2/environments/default", find {folder = "/h/a/b"})
      there["/h/.ghc.environment.x86_64-linux-9.0.2"] = "home is not searched"
      assert.matches("default$", find {folder = "/h/a/b"})
      there["/h/a/.ghc.environment.x86_64-linux-9.0.2"] = "x"
      assert.equal("/h/a/.ghc.environment.x86_64-linux-9.0.2", find {folder = "/h/a/b"})
      assert.is_false(find {folder = "/h/a/b", hide_all = true})
      assert.is_false(find {folder = "/h/a/b", name = "-"})
      there["/h/.ghc/x86_64-linux-9.0.2/environments/named"] = "n"
      assert.matches("environments/named$", find {folder = "/h/a/b", variable = "named"})
      local path, err = find {name = "gone"}
      assert.is_nil(path)
      assert.equal("Package environment \"gone\" not found", err.message)
      path, err = find {variable = "gone"}
      assert.is_nil(path)
      assert.equal("Package environment \"gone\" (specified in GHC_ENVIRONMENT) not found",
         err.message)
   end)
end)

describe("near names", function()
   it("are as far away as edits are needed", function()
      local rows = {{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0},
         {"abc", "abd", 1}, {"abc", "acb", 1}, {"abc", "bc", 1}, {"abc", "xabc", 1},
         {"ca", "abc", 3}, {"Data.Lisst", "Data.List", 1}, {"kitten", "sitting", 3},
         {"äb", "ab", 1}, {"äb", "bä", 1},
         {("x"):rep(70) .. "ab", ("x"):rep(70) .. "ba", 1}, {("x"):rep(63), ("x"):rep(62), 1},
         {("ab"):rep(40), ("ab"):rep(30), 20}}
      for _, row in ipairs(rows) do
         assert.equal(row[3], distance.of(row[1], row[2]), row[1] .. " " .. row[2])
         assert.equal(row[3], distance.of(row[2], row[1]))
      end
   end)

   it("are counted alike for short and for long words", function()
      local below = random.new(99)
      local function word(n)
         local letters = {}
         for i = 1, n do
            letters[i] = random.pick(below, {"a", "b", "c"})
         end
         return table.concat(letters)
      end
      local tail = ("z"):rep(64) -- too long for the bits of an integer
      for i = 1, 300 do
         local a, b = word(i % 13), word(i % 11)
         assert.equal(distance.of(a .. tail, b .. tail), distance.of(a, b), a .. " " .. b)
      end
   end)

   it("are at most three, the nearest first", function()
      assert.same({"abcd", "abce", "abcg"}, fuzzy.nearest("abcf", {"abcg", "xyz", "abce", "abcd",
         "abch", "ab"}))
      assert.same({"abcdef", "abcdxy"}, fuzzy.nearest("abcdey", {"abcdxy", "abcdef", "nothing"}))
      assert.same({}, fuzzy.nearest("a", {"b"}))
      assert.same({"b"}, fuzzy.nearest("ab", {"b", "xyz", ""}))
      assert.same({}, fuzzy.nearest("", {"b"}))
      local long = ("x"):rep(70)
      assert.same({long .. "ab", long}, fuzzy.nearest(long .. "ba", {long, long .. "ab", "x"}))
   end)
end)
