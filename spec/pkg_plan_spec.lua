--- Plans of changes, over plain tables.
-- SPDX-License-Identifier: MIT

local diff = require "moonlink.pkg.diff"
local draw = require "moonlink.pkg.draw"
local era = require "moonlink.pkg.era"
local ids = require "moonlink.pkg.ids"
local packages = require "spec.support.packages"
local pkg = require "moonlink.pkg"
local refresh = require "moonlink.pkg.refresh"
local register = require "moonlink.pkg.register"
local strict = require "moonlink.pkg.strict"
local unregister = require "moonlink.pkg.unregister"

local function database(path, lines, shape)
   return {path = path, kind = "folder", shape = shape, packages = packages.of(lines)}
end

local function names(list)
   local out = {}
   for i, p in ipairs(list) do
      out[i] = ids.unit(p)
   end
   return out
end

local function plan(whole, target, new, opts)
   local o = {files = packages.files {}, era = era.of(target)}
   for key, value in pairs(opts or {}) do
      o[key] = value
   end
   return register.plan(whole, target, new, o)
end

local function said(made)
   local out = {}
   for _, finding in ipairs(made.findings) do
      for _, each in ipairs(finding.errors) do
         out[#out + 1] = ids.package(finding.package) .. ": " .. each.text
      end
   end
   return out
end

describe("registering", function()
   local global = database("/global", {"base-1.0"})

   it("puts packages in behind what they depend on, in whatever order they come", function()
      local db = database("/db", {})
      local new = packages.of {"c-1.0 b-1.0 base-1.0", "b-1.0 a-1.0", "a-1.0 base-1.0"}
      local made = plan({db, global}, db, new)
      assert.is_true(made.good)
      assert.same({"a-1.0", "b-1.0", "c-1.0"}, names(made.put))
      assert.same({}, made.remove)
      assert.same({}, said(made))
   end)

   it("allows dependencies in the database and below it, not above", function()
      local top, low = database("/top", {"t-1.0"}), database("/low", {})
      local new = packages.of {"x-1.0 t-1.0"}
      assert.is_true(plan({top, low}, top, new).good)
      local made = plan({top, low}, low, new)
      assert.is_false(made.good)
      assert.same({'x-1.0: dependency "t-1.0" doesn\'t exist (use --force to override)'},
         said(made))
      assert.is_true(plan({top, low}, low, new, {force = "all"}).good)
   end)

   it("does not blame a package for one that came along and failed", function()
      local db = database("/db", {})
      local made = plan({db}, db, packages.of {"b-1.0 a-1.0", "a-1.0 zz-1"})
      assert.is_false(made.good)
      assert.same({'a-1.0: dependency "zz-1" doesn\'t exist (use --force to override)'},
         said(made))
   end)

   it("names the members of a cycle among what comes along", function()
      local db = database("/db", {})
      local made = plan({db}, db, packages.of {"a-1.0 b-1.0", "b-1.0 a-1.0", "c-1.0 c-1.0"})
      assert.same({
         "a-1.0: packages depend on each other: a-1.0 -> b-1.0 -> a-1.0 (use --force to override)",
         'c-1.0: dependency "c-1.0" doesn\'t exist (use --force to override)',
      }, (function(list)
         table.sort(list)
         return list
      end)(said(made)))
   end)

   it("refuses what comes twice", function()
      local db = database("/db", {})
      local made = plan({db}, db, packages.of {"a-1.0", "a-1.0"})
      assert.is_false(made.good)
      assert.equal("a-1.0: package(s) with this id already exist: a-1.0", said(made)[1])
   end)

   it("replaces the same version of the same instance", function()
      local db = database("/db", {"a-1.0", "b-1.0 a-1.0", "a-2.0"})
      local new = packages.of {"a-1.0"}
      new[1].id, new[1].key = "a-1.0-new", "a-1.0-new"
      local made = plan({db, global}, db, new, {update = true})
      assert.same({"a-1.0"}, names(made.remove))
      assert.same({"b-1.0"}, names(made.breaks))
      new[1].instantiated_with = {"A=x:A"}
      assert.same({}, plan({db, global}, db, new, {update = true}).remove)
      new[1].instantiated_with = nil
      assert.same({}, plan({db, global}, db, new, {update = true, multi = true}).remove)
   end)

   it("replaces the same id whatever the version", function()
      local db = database("/db", {"a-1.0"})
      local new = packages.of {"a-2.0"}
      new[1].id, new[1].key = "a-1.0", "a-1.0"
      assert.same({"a-1.0"}, names(plan({db}, db, new, {update = true}).remove))
   end)

   it("leaves alone what another database holds", function()
      local db = database("/db", {})
      local made = plan({db, global}, db, packages.of {"base-1.0"}, {update = true})
      assert.is_true(made.good)
      assert.same({}, made.remove)
      assert.is_false(plan({db, global}, db, packages.of {"base-1.0"}).good)
   end)

   it("takes thousands at once in a time that does not grow with their square", function()
      local lines = {}
      for i = 1, 5000 do
         lines[i] = ("p%d-1.0 p%d-1.0"):format(i, i + 1)
      end
      lines[5001] = "p5001-1.0"
      local db = database("/db", {})
      local made = plan({db}, db, packages.of(lines))
      assert.is_true(made.good)
      assert.equal("p5001-1.0", made.put[1].id)
      assert.equal("p1-1.0", made.put[5001].id)
   end)
end)

describe("registering in an old database", function()
   local function old(lines)
      local db = database("/old", lines, "6.6")
      for _, p in ipairs(db.packages) do
         p.id, p.key = nil, nil
      end
      return db
   end

   local function new(fields)
      fields.name, fields.version = "x", "1.0"
      return {fields}
   end

   it("fills in versions: the first installed package of that name", function()
      local db = old {"base-2.0", "base-3.0"}
      local made = plan({db}, db, new {depends = {"base", "none", "base-3.0"}})
      assert.is_true(made.good)
      assert.same({"base-2.0", "none", "base-3.0"}, made.put[1].depends)
   end)

   it("fills in versions of what came along", function()
      local db = old {}
      local more = new {depends = {"base-4.0"}}
      more[2] = {name = "base", version = "4.0"}
      more[3] = {name = "y", version = "1.0", depends = {"base"}}
      local made = plan({db}, db, more)
      assert.same({}, said(made))
      assert.same({"base-4.0"}, packages.find(made.put, "y-1.0").depends)
   end)

   it("of 6.10 fills in nothing, and wants the name to be there", function()
      local db = database("/old", {}, "6.10")
      local made = plan({db}, db, {
         {name = "x", version = "1.0"}, {name = "y", version = "1.0", depends = {"x"}},
         {name = "z", version = "1.0", depends = {"base"}},
      })
      assert.same({"z-1.0: dependency base doesn't exist (use --force to override)"}, said(made))
      assert.same({"x"}, packages.find(made.put, "y-1.0").depends)
   end)

   it("says the first error only, unless all is forced", function()
      local db = old {}
      local bad = {depends = {"b-1.0", "c-1.0"}, import_dirs = {"/none"}}
      assert.same({"x-1.0: dependency b-1.0 doesn't exist (use --force to override)"},
         said(plan({db}, db, new(bad))))
      assert.equal(3, #said(plan({db}, db, new(bad), {force = "all"})))
   end)
end)

describe("unregistering", function()
   local function select(word)
      return {word = word, matches = function(p)
         return ids.matches(word, p)
      end}
   end

   local top = database("/top", {"x-1.0 a-1.0", "a-2.0"})
   local low = database("/low", {"a-1.0", "b-1.0 a-1.0", "c-1.0 zz-1"})

   it("takes packages from the first database that has them", function()
      local plans, breaks = unregister.plan({top, low}, {top, low}, {select "a"})
      assert.equal(1, #plans)
      assert.equal(top, plans[1].target)
      assert.same({"a-2.0"}, names(plans[1].remove))
      assert.same({}, breaks)
   end)

   it("says what breaks, and not what was broken", function()
      local plans, breaks = unregister.plan({top, low}, {low}, {select "a", select "c"})
      assert.same({"a-1.0", "c-1.0"}, names(plans[1].remove))
      assert.same({"x-1.0", "b-1.0"}, names(breaks))
   end)

   it("removes along with a package what depends on it", function()
      local _, breaks = unregister.plan({low}, {low}, {select "a", select "b"})
      assert.same({}, breaks)
   end)

   it("finds nothing twice", function()
      local plans, word = unregister.plan({low}, {low}, {select "a", select "a-1.0"})
      assert.is_nil(plans)
      assert.equal("a-1.0", word)
   end)

   it("takes what pkg.select gives", function()
      local wanted = assert(pkg.select "a-1.0")
      assert.equal(1, #pkg.unregister({low}, {low}, {wanted})[1].remove)
      local plans, word = pkg.unregister({low}, {low}, {wanted, wanted})
      assert.is_nil(plans)
      assert.equal("a-1.0", word)
   end)

   it("tells instances of a version apart", function()
      local list = packages.of {"a-1.0", "a-1.0", "b-1.0"}
      list[2].id = "a-1.0-other"
      assert.equal("a-1.0@a-1.0-other", unregister.qualified(list[2], list))
      assert.equal("b-1.0", unregister.qualified(list[3], list))
   end)

   it("sets fields of copies", function()
      local plans = unregister.set({top, low}, {select "b", select "a-2.0"}, "exposed", false)
      assert.equal(2, #plans)
      assert.equal(low, plans[1].target)
      assert.is_false(plans[1].put[1].exposed)
      assert.is_true(plans[1].remove[1].exposed)
      local none, word = unregister.set({top}, {select "zz"}, "exposed", true)
      assert.is_nil(none)
      assert.equal("zz", word)
   end)
end)

describe("refreshing", function()
   it("knows which package a unit was made of", function()
      for unit, origin in pairs {
         ["a-1.0"] = "a 1.0", ["foo-bar-1.2.3-HaSh"] = "foo-bar 1.2.3",
         ["a-1.0-inplace-lib"] = "a 1.0", ["text-icu-0.7-5Rx"] = "text-icu 0.7", base = "base ",
         ["a-1b-2.0"] = "a-1b 2.0", ["x-1.01"] = "x-1.01 ",
      } do
         assert.equal(origin, table.concat({refresh.origin(unit)}, " "), unit)
      end
   end)

   it("has dependants depend on the only successor, in every field", function()
      local db = {path = "/db", packages = packages.of {"a-1.1", "b-1.0 a-1.0-x c-1.0", "c-1.0"}}
      db.packages[1].id, db.packages[1].abi = "a-1.1-y", "hash"
      local b = db.packages[2]
      b.abi_depends = {"a-1.0-x=old", "c-1.0=c"}
      b.exposed_modules = {"M", "N from a-1.0-x:N"}
      local plans, all = refresh.plan({db}, {db})
      assert.equal(1, #plans)
      assert.same({"b-1.0"}, names(plans[1].remove))
      local new = plans[1].put[1]
      assert.same({"a-1.1-y", "c-1.0"}, new.depends)
      assert.same({"a-1.1-y=hash", "c-1.0=c"}, new.abi_depends)
      assert.same({"M", "N from a-1.1-y:N"}, new.exposed_modules)
      assert.same({"a-1.0-x", "c-1.0"}, b.depends)
      assert.equal("a-1.1-y", all[1].new)
   end)

   it("prefers the same version, and does not guess", function()
      local db = {path = "/db", packages = packages.of {"a-1.0", "a-2.0", "b-1.0 a-1.0-x",
         "c-1.0 a-3.0-z", "d-1.0 none-1.0"}}
      local plans, all = refresh.plan({db}, {db})
      assert.same({"b-1.0"}, names(plans[1].put))
      assert.same({"a-1.0"}, plans[1].put[1].depends)
      assert.equal(3, #all)
      assert.is_nil(all[2].new)
      assert.same({"a-1.0", "a-2.0"}, all[2].candidates)
      assert.same({}, all[3].candidates)
   end)

   it("looks for successors in the database and below it, not above", function()
      local top, low = database("/top", {"a-1.1"}), database("/low", {"b-1.0 a-1.0"})
      local plans, all = refresh.plan({top, low}, {low})
      assert.same({}, plans)
      assert.is_nil(all[1].new)
      assert.equal(1, #refresh.plan({low, top}, {low}))
   end)

   it("mends what an update broke in the same plan", function()
      local db = database("/db", {"a-1.0", "b-1.0 a-1.0"})
      local new = packages.of {"a-1.0"}
      new[1].id, new[1].key = "a-1.0-new", "a-1.0-new"
      local made = plan({db}, db, new, {update = true})
      local after = register.after(made)
      local joined = register.join(made, refresh.plan({after}, {after})[1])
      assert.same({"a-1.0", "b-1.0"}, names(joined.remove))
      assert.same({"a-1.0-new", "b-1.0"}, names(joined.put))
      assert.same({"a-1.0-new"}, joined.put[2].depends)
   end)
end)

describe("the difference of databases", function()
   it("is none for equal ones, wherever they were read", function()
      local a, b = packages.of {"a-1.0 x", "b-1.0"}, packages.of {"b-1.0", "a-1.0 x"}
      a[1].file, b[1].file, a[1].trusted = "/x", "/y", false
      assert.same({}, diff.packages(a, b))
   end)

   it("is what only one has, and what they say differently", function()
      local a = packages.of {"b-1.0 x y", "gone-1.0", "same-1.10", "same-1.9"}
      local b = packages.of {"b-1.0 x z", "new-1.0", "same-1.10", "same-1.9"}
      a[3].exposed, a[4].abi = false, "old"
      assert.same({
         " b-1.0", "-   depends: x", "-   depends: y", "+   depends: x", "+   depends: z",
         "-gone-1.0", "+new-1.0",
         " same-1.9", "-   abi: old",
         " same-1.10", "+   exposed: true",
      }, diff.lines(diff.packages(a, b)))
   end)
end)

describe("the picture of packages", function()
   it("shows databases, and what is broken, hidden or missing", function()
      local list = packages.of {'a-1.0 b-1.0 zz"1', "b-1.0"}
      list[2].exposed, list[2].id = false, "b-1.0"
      local text = draw.dot {{path = "/db", packages = list}, database("/low", {"b-1.0", "c-1.0"}),
         database("/empty", {})}
      assert.equal([[
digraph packages {
   node [shape=box]
   subgraph cluster_1 {
      label="/db"
      "a-1.0" [color=red]
      "b-1.0" [style=dashed]
   }
   subgraph cluster_2 {
      label="/low"
      "c-1.0"
   }
   "zz\"1" [color=red, fontcolor=red]
   "a-1.0" -> "b-1.0"
   "a-1.0" -> "zz\"1"
}
]], text)
   end)
end)

describe("a strict check", function()
   local function problems(p, files, version)
      local out = {}
      local judge = {files = packages.files(files), version = version, units = {}}
      for _, rule in ipairs(strict.rules) do
         rule.find(p, judge, function(text)
            out[#out + 1] = text
         end)
      end
      return out
   end

   it("looks for the system's libraries where a linker does", function()
      local p = {name = "a", version = "1.0", extra_libraries = {"z", "own", "gcc_s", "none"},
         library_dirs = {"/own"}}
      assert.same({"extra-libraries: cannot find libnone.so or libnone.a"}, problems(p, {
         "/usr/lib/x86_64-linux-gnu/libz.so", "/own/libown.a",
         "/usr/lib/gcc/x86_64-linux-gnu/12/libgcc_s.so",
      }))
   end)

   it("wants each way whole or not at all", function()
      local p = {name = "a", version = "1.0", exposed_modules = {"A", "B", "C from x:C"},
         hidden_modules = {"D.E"}, import_dirs = {"/i"}, hs_libraries = {"HSa"},
         library_dirs = {"/l"}}
      local vanilla = {"/i/A.hi", "/i/B.hi", "/i/D/E.hi", "/l/libHSa.a"}
      assert.same({}, problems(p, vanilla, "9.0.2"))
      local more = table.move({"/i/A.p_hi", "/l/libHSa-ghc9.0.2.so"}, 1, 2, 5,
         table.move(vanilla, 1, 4, 1, {}))
      assert.same({
         "profiling way: no interface file (.p_hi) of B, D.E",
         "profiling way: no library libHSa_p.a",
         "dynamic way: no interface file (.dyn_hi) of A, B, D.E",
      }, problems(p, more, "9.0.2"))
   end)

   it("names cycles, strays and duplicates", function()
      local db = database("/db", {"a-1.0 b-1.0", "b-1.0 a-1.0", "c-1.0", "c-1.0"})
      db.packages[1].file, db.packages[2].file = "/db/a-1.0.conf", "/db/odd.conf"
      local texts = {}
      for i, each in ipairs(strict.databases {db}) do
         texts[i] = each.text
      end
      assert.same({
         "packages depend on each other: a-1.0 -> b-1.0 -> a-1.0",
         "odd.conf holds b-1.0, whose file should be b-1.0.conf",
         "c-1.0 is there several times",
      }, texts)
   end)
end)
