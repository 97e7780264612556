--- The unit state: which packages can be used, which modules a program sees, and what it links.
-- SPDX-License-Identifier: MIT

local flags = require "moonlink.pkg.flags"
local messages = require "moonlink.pkg.messages"
local state = require "moonlink.pkg.state"

--- A package of a short text: "a-1.0 A A.B; b-1.0", with what it depends on behind the semicolon.
local function package(text, more)
   local head, depends = text:match "^([^;]*);?(.*)$"
   local words = {}
   for word in head:gmatch "%S+" do
      words[#words + 1] = word
   end
   local name, version = words[1]:match "^(.-)%-([%d.]+)"
   local p = {name = name, version = version, id = words[1], exposed = true, abi = "h",
      exposed_modules = table.move(words, 2, #words, 1, {}), depends = {}}
   for id in depends:gmatch "%S+" do
      p.depends[#p.depends + 1] = id
   end
   for key, value in pairs(more or {}) do
      p[key] = value
   end
   return p
end

local function new(packages, line, more)
   local words = {}
   for word in (line or ""):gmatch "%S+" do
      words[#words + 1] = word:gsub("~", " ")
   end
   local options = {databases = {{path = "db", packages = packages}}, flags = words}
   for key, value in pairs(more or {}) do
      options[key] = value
   end
   return state.new(options)
end

local function visible(s)
   local list = {}
   for id in pairs(s.visible) do
      list[#list + 1] = id
   end
   table.sort(list)
   return table.concat(list, " ")
end

describe("units that can be used", function()
   it("are those of all databases, the later one wins", function()
      local low, high = package "a-1.0 A", package("a-1.0 A B", {trusted = true})
      local s = assert(state.new {databases = {{path = "low", packages = {low}},
         {path = "high", packages = {high}}}})
      assert.equal(high, s.units["a-1.0"].package)
      assert.same({{id = "a-1.0", database = 2}}, s.overridden)
   end)

   it("are not those that miss a dependency, nor what depends on them", function()
      local s = assert(new {package "a-1.0; gone-1", package "b-1.0; a-1.0", package "c-1.0"})
      assert.is_nil(s.units["a-1.0"])
      assert.equal("missing", s.unusable["b-1.0"].reason)
      assert.same({"a-1.0"}, s.unusable["b-1.0"].depends)
      assert.same({"gone-1"}, s.unusable["a-1.0"].depends)
      assert.equal("c-1.0", visible(s))
   end)

   it("are not members of a cycle, nor what depends on them", function()
      local s = assert(new {package "a-1.0; b-1.0", package "b-1.0; a-1.0", package "c-1.0; a-1.0",
         package "d-1.0; d-1.0", package "e-1.0"})
      assert.equal("cyclic", s.unusable["c-1.0"].reason)
      assert.equal("e-1.0", visible(s))
      assert.equal(2, #s.cycles)
      assert.equal(2, #s.cycles[1])
   end)

   it("are not those that a flag ignores, nor what depends on them", function()
      local s = assert(new({package "a-1.0", package "a-2.0", package "b-1.0; a-1.0"},
         "-ignore-package a-1.0 -ignore-package nowhere"))
      assert.equal("ignored", s.unusable["a-1.0"].reason)
      assert.equal("ignored dependency", s.unusable["b-1.0"].reason)
      assert.is_truthy(s.units["a-2.0"])
   end)

   it("are not those that were built against another build of a dependency", function()
      local b = package("b-1.0; a-1.0", {abi_depends = {"a-1.0=h"}})
      local s = assert(state.new {databases = {{packages = {package "a-1.0", b,
         package "c-1.0; b-1.0"}}, {packages = {package("a-1.0", {abi = "other"})}}}})
      assert.same({"a-1.0"}, s.unusable["b-1.0"].depends)
      assert.equal("shadowed", s.unusable["c-1.0"].reason)
   end)
end)

describe("visible units", function()
   local function world()
      return {package "a-1.0 A", package "a-1.10 A B", package("a-2.0 A C", {exposed = false}),
         package("hid-1.0 Hid", {exposed = false}), package "x-1.0 X"}
   end

   it("are exposed ones, of each package the highest version, or none of it", function()
      assert.equal("x-1.0", visible(assert(new(world()))))
      assert.equal("a-1.10 x-1.0", visible(assert(new(world(), "-ignore-package a-2.0"))))
      assert.equal("a-1.10 x-1.0", visible(assert(new(world(), nil, {ghc = "6.8.2"}))))
   end)

   it("are changed by flags in their order", function()
      local function after(line)
         return visible(assert(new(world(), line)))
      end
      assert.equal("a-2.0 x-1.0", after "-package a")
      assert.equal("a-1.0 x-1.0", after "-package a -package a-1.0")
      assert.equal("a-1.10", after "-package-id=a-1.10 -hide-package x")
      assert.equal("a-1.0 a-2.0", after "-hide-all-packages -package-id a-1.0 -package a")
      assert.equal("hid-1.0", after "-hide-all-packages -packagehid")
      assert.equal("hid-1.0 x-1.0", after "-trust hid")
   end)

   it("are trusted as databases and flags say", function()
      local packages = {package("a-1.0", {trusted = true}), package "b-1.0"}
      local s = assert(new(packages, "-distrust-all-packages -trust b"))
      assert.is_false(s.units["a-1.0"].trusted)
      assert.is_true(s.units["b-1.0"].trusted)
      assert.is_false(assert(new(packages, "-distrust a-1.0")).units["a-1.0"].trusted)
   end)

   it("cannot be what a flag names when no usable package is", function()
      local packages = {package "a-1.0; gone-1"}
      for line, text in pairs {
         ["-package zz"] = "cannot satisfy -package zz\n    (use -v for more information)",
         ["-hide-package zz"] = "cannot satisfy -hide-package zz\n"
            .. "    (use -v for more information)",
         ["-trust a"] = "cannot satisfy -trust a: \n    a-1.0 is unusable due to missing "
            .. "dependencies:\n      gone-1\n    (use -v for more information)",
      } do
         local s, err = new(packages, line)
         assert.is_nil(s)
         assert.equal(text, err.message)
      end
      local _, err = new(packages, "-package zz", {ghc = "6.6"})
      assert.equal("unknown package: zz", err.message)
   end)
end)

describe("wired-in packages", function()
   it("have their bare names in units, dependencies and modules", function()
      local s = assert(new {package "base-4.1 Prelude", package "base-4.2 Prelude",
         package "b-1.0 B; base-4.2", package("c-1.0; b-1.0 base-4.1", {exposed_modules =
            {"C from base-4.2:Prelude"}})})
      assert.equal("base-4.2", s.units.base.wired)
      assert.same({"base"}, s.units["b-1.0"].depends)
      assert.same({"b-1.0", "base-4.1"}, s.units["c-1.0"].depends)
      assert.equal("base", state.lookup(s, "C").unit)
      assert.equal("base", state.lookup(s, "Prelude").unit)
      assert.same({"base"}, s.preload)
   end)

   it("push out all their other versions in GHC up to 6.10", function()
      local packages = {package "base-2.0 Prelude", package "base-1.0", package "rts-1.0"}
      for _, p in ipairs(packages) do
         p.id = nil
      end
      local s = assert(new(packages, nil, {ghc = "6.6"}))
      assert.is_truthy(s.units.base and s.units.rts)
      assert.is_nil(s.units["base-1.0"])
      assert.equal(2, #s.list)
   end)

   it("can be named by the caller", function()
      local s = assert(new({package "own-1.0 M", package "base-4.2"}, nil, {wired = {"own"}}))
      assert.is_truthy(s.units.own)
      assert.is_nil(s.units.base)
   end)
end)

describe("units to link", function()
   it("are those that flags name, with all they depend on, dependants first", function()
      local packages = {package "base-4.2; rts-1.0", package "rts-1.0", package "a-1.0; base-4.2",
         package "b-1.0; a-1.0", package "c-1.0; a-1.0", package "z-1.0"}
      assert.same({"base", "rts"}, assert(new(packages)).preload)
      assert.same({"c-1.0", "b-1.0", "a-1.0", "base", "rts"},
         assert(new(packages, "-package c -package b")).preload)
      assert.same({"z-1.0"}, assert(new(packages, "-package z -no-auto-link-packages")).preload)
   end)
end)

describe("a module name", function()
   local function world()
      return {
         package "base-4.2 Prelude Data.List", package "foo-1.0 Foo", package "foo-2.0 Foo Foo.New",
         package "dup-1.0 Foo", package("hid-1.0 Hid", {exposed = false}),
         package("bar-1.0 Bar; nope-1.0-z", {id = "bar-1.0-a"}),
         package("re-1.0; foo-2.0", {exposed_modules = {"Foo.New from foo-2.0:Foo.New",
            "Alias from foo-2.0:Foo.New"}, hidden_modules = {"Re.Internal"}}),
      }
   end

   local function look(name, line, more, options)
      return state.lookup(assert(new(world(), line, more)), name, options)
   end

   it("is found, with unit and name as its identity", function()
      local found = look "Data.List"
      assert.equal("found", found.kind)
      assert.equal("base Data.List", found.unit .. " " .. found.module)
      assert.is_nil(found.message)
      found = look "Alias"
      assert.equal("foo-2.0 Foo.New", found.unit .. " " .. found.module)
   end)

   it("that is exported twice from one unit is one module", function()
      assert.equal("foo-2.0", look("Foo.New").unit)
   end)

   it("is ambiguous when two units have it", function()
      local found = look "Foo"
      assert.equal("ambiguous", found.kind)
      assert.equal("Ambiguous module name ‘Foo’:\n"
         .. "  it was found in multiple packages: dup-1.0 foo-2.0", found.message)
      assert.equal("dup-1.0", look("Foo", nil, nil, {package = "dup"}).unit)
      assert.equal("foo-1.0", look("Foo", "-hide-package dup -package foo-1.0").unit)
   end)

   it("of the program itself comes first", function()
      local more = {modules = {"Foo", "Own"}}
      local found = look("Foo", nil, more)
      assert.equal("home main", found.kind .. " " .. found.unit)
      assert.equal("prog", look("Own", "-this-unit-id prog", more).unit)
      assert.equal("main", look("Own", nil, more, {package = "this"}).unit)
      assert.equal("dup-1.0", look("Foo", nil, more, {package = "dup"}).unit)
      assert.equal("unknown", look("Prelude", nil, more, {package = "this"}).kind)
   end)

   it("is hidden with its package, or in it", function()
      assert.equal("Could not load module ‘Hid’\nIt is a member of the hidden package ‘hid-1.0’.\n"
         .. "You can run ‘:set -package hid’ to expose it.\n"
         .. "(Note: this unloads all the modules in the current scope.)", look("Hid").message)
      assert.equal("Could not load module ‘Re.Internal’\n"
         .. "it is a hidden module in the package ‘re-1.0’", look("Re.Internal").message)
      assert.equal("found", look("Hid", "-package hid").kind)
   end)

   it("of an unusable unit says why", function()
      local found = look "Bar"
      assert.equal("unusable", found.kind)
      assert.equal("Could not load module ‘Bar’\nIt is a member of the package ‘bar-1.0-a’\n"
         .. "which is unusable due to missing dependencies:\n  nope-1.0-z", found.message)
      assert.equal("unusable", look("Bar", nil, nil, {package = "bar"}).kind)
      assert.equal("unknown", look("Bar", nil, nil, {package = "foo"}).kind)
   end)

   it("that nobody has leads to near ones", function()
      assert.equal("Could not find module ‘Data.Lst’\n"
         .. "Perhaps you meant Data.List (from base-4.2)", look("Data.Lst").message)
      assert.equal("Could not find module ‘Hdi’\nPerhaps you meant Hid (needs flag -package-id "
         .. "hid-1.0)", look("Hdi").message)
      assert.equal("Could not find module ‘Quite.Else’\nIt is not a module in the current program, "
         .. "or in any known package.", look("Quite.Else").message)
   end)

   it("is given and taken by flags", function()
      assert.equal("hid-1.0 Hid", (function(r)
         return r.unit .. " " .. r.module
      end)(look("New", "-package hid~(Hid~as~New)")))
      assert.equal("hidden", look("Hid", "-package hid~(Hid~as~New)").kind)
      assert.equal("found", look("Hid", "-package hid~with~(Hid~as~New)").kind)
      assert.equal("hidden", look("Hid", "-package hid~()").kind)
      local s, err = new(world(), "-package hid~(Nope)")
      assert.is_nil(s)
      assert.equal("package flag: could not find module name Nope in package hid-1.0", err.message)
   end)
end)

describe("steps of the state", function()
   it("can be replaced by a script", function()
      local s = assert(new({package "a-1.0 A", package "a-2.0 A"}, nil, {steps = {
         prefer = function(x, y) -- the older the better
            return x.key < y.key and 1 or x.key > y.key and -1 or 0
         end}}))
      assert.equal("a-1.0", visible(s))
      local order = {}
      for _, name in ipairs(state.order) do
         if name ~= "missing" then
            order[#order + 1] = name
         end
      end
      s = assert(new({package "a-1.0 A; gone-1"}, nil, {order = order}))
      assert.is_truthy(s.units["a-1.0"])
   end)

   it("leave the caller's packages as they were", function()
      local base, a = package "base-4.2", package "a-1.0; base-4.2"
      assert(new({base, a}, "-trust a"))
      assert.same({"base-4.2"}, a.depends)
      assert.equal("base-4.2", base.id)
      assert.is_nil(a.trusted)
   end)

   it("say what they did", function()
      local s = assert(new({package "foo-1.0", package "foo-2.0", package "base-4.2"}, nil,
         {ghc = "6.8"}))
      local text = table.concat(messages.verbose(s), "\n")
      assert.truthy(text:find("hiding package foo-1.0 to avoid conflict with later version "
         .. "foo-2.0", 1, true))
      assert.truthy(text:find("wired-in package base mapped to base-4.2", 1, true))
      assert.truthy(text:find("wired-in package rts not found.", 1, true))
   end)
end)

describe("the databases that GHC reads", function()
   local function stack(line, path, user)
      local words = {}
      for word in line:gmatch "%S+" do
         words[#words + 1] = word
      end
      return table.concat(state.databases {flags = assert(flags.parse(words)), path = path,
         global = "G", user = user}, " ")
   end

   it("are the global one and the user's, then those of flags", function()
      assert.equal("G", stack "")
      assert.equal("G U a b", stack("-package-db a -package-db b", nil, "U"))
      assert.equal("G a", stack("-package-db a -no-user-package-db", nil, "U"))
      assert.equal("a", stack("-no-user-package-db -package-db a -no-global-package-db", nil, "U"))
      assert.equal("c G", stack("-package-db a -clear-package-db -package-db c -global-package-db"))
   end)

   it("are those of GHC_PACKAGE_PATH, from right to left", function()
      assert.equal("y x", stack("", "x:y", "U"))
      assert.equal("G U y x", stack("", "x:y:", "U"))
      assert.equal("G U", stack("", "", "U"))
      assert.equal("G U", stack("", ":", "U"))
      assert.equal("y x a", stack("-package-db a", "x::y"))
   end)

   it("take flags as words, those of environment files behind them, or none", function()
      assert.same({"G"}, state.databases {global = "G"})
      assert.same({"G", "a", "b"}, state.databases {global = "G", flags = {"-package-db", "a"},
         environment = {{kind = "package-db", arg = "b", text = "-package-db b"}}})
      local none, err = state.databases {flags = {"-frob"}}
      assert.is_nil(none)
      assert.equal("unknown flag: -frob", err.message)
   end)
end)
