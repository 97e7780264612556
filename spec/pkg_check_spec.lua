--- The rules by which packages are judged, over plain tables and a file system made up.
-- SPDX-License-Identifier: MIT

local check = require "moonlink.pkg.check"
local era = require "moonlink.pkg.era"
local index = require "moonlink.pkg.index"
local lists = require "moonlink.lists"
local packages = require "spec.support.packages"

--- What is said of a package in a stack: "class: text" each.
local function judge(p, stack, opts)
   opts = opts or {}
   local at = index.new(stack or {{packages = {}}})
   local problems = check.package(p, {
      units = at.units, installed = at.installed, files = packages.files(opts.files or {}),
      update = opts.update, multi = opts.multi, version = opts.version, haddock = opts.haddock,
      roots = opts.roots, old = opts.old,
   }, opts.rules)
   local said = {}
   for i, each in ipairs(problems or {}) do
      said[i] = each.class .. ": " .. each.text
   end
   return said
end

local function package(fields)
   local p = {name = "a", version = "1.0", id = "a-1.0-x", key = "a-1.0-x"}
   return lists.assign(p, fields)
end

local RELATIVE = " is a relative path which makes no sense (as there is nothing for it to be "
   .. "relative to). You can make paths relative to the package database itself by using "
   .. "${pkgroot}."

describe("a package", function()
   it("is sound when there is nothing to say", function()
      assert.same({}, judge(package()))
   end)

   it("has a name", function()
      assert.same({"never: invalid package identifier: '-1.0'"}, judge(package {name = ""}))
   end)

   it("has a name of words with a letter each", function()
      assert.same({"never: invalid package identifier: 'a-2-b-1.0'"},
         judge(package {name = "a-2-b"}))
   end)

   it("may lack a version", function()
      assert.same({}, judge(package {version = ""}))
   end)

   it("has an id, and a key that is its id", function()
      local key = "never: installed package info from too old version of Cabal "
         .. "(key field does not match id field)"
      assert.same({"never: missing id field"}, judge(package {id = "", key = ""}))
      assert.same({key}, judge(package {key = "b"}))
      assert.same({"never: missing id field", key}, judge(package {id = ""}))
   end)

   it("of old databases has neither", function()
      assert.same({}, judge(package {id = "", key = ""}, nil, {old = true}))
   end)

   it("has an id that no database of the stack knows", function()
      local stack = {{packages = {}}, {packages = {package {version = "2.0"}}}}
      assert.same({"never: package(s) with this id already exist: a-1.0-x"},
         judge(package(), stack))
      assert.same({}, judge(package(), stack, {update = true}))
   end)

   it("has a version that the database does not know, in whatever case", function()
      local there = package {id = "a-1.0-y", key = "a-1.0-y"}
      local case = "all: Package names may be treated case-insensitively in the future.\n"
      local stack = {{packages = {there}}}
      assert.same({
         "never: package a-1.0 is already installed",
         case .. "Package a-1.0 overlaps with: a-1.0",
      }, judge(package(), stack))
      assert.same({case .. "Package A-1.0 overlaps with: a-1.0"},
         judge(package {name = "A"}, stack))
      assert.same({}, judge(package {version = "1.0.0"}, stack))
      assert.same({}, judge(package(), stack, {multi = true}))
      assert.same({}, judge(package(), stack, {update = true}))
      assert.same({}, judge(package(), {{packages = {}}, {packages = {there}}}))
   end)

   it("depends on what is there, and once", function()
      local there = package {name = "b", id = "b-1", key = "b-1"}
      local stack = {{packages = {}}, {packages = {there}}}
      assert.same({}, judge(package {depends = {"b-1"}}, stack))
      assert.same({'all: dependency "c-1" doesn\'t exist',
         'all: dependency "a-1.0-x" doesn\'t exist'},
         judge(package {depends = {"c-1", "b-1", "a-1.0-x"}}, stack))
      assert.same({"all: package has duplicate dependencies: b-1"},
         judge(package {depends = {"b-1", "b-1", "b-1"}}, stack))
   end)

   it("names folders that are there, by whole paths", function()
      local files = {"/there/file"}
      for field, class in pairs {
         import_dirs = "files", library_dirs = "warning", dynamic_library_dirs = "warning",
         include_dirs = "warning", framework_dirs = "warning",
      } do
         local name = field:gsub("_", "-")
         assert.same({
            ("%s: %s: /there/file doesn't exist or isn't a directory"):format(class, name),
            ("files: %s: not/whole" .. RELATIVE):format(name),
            ("files: %s: " .. RELATIVE):format(name),
         }, judge(package {[field] = {"/there", "/there/file", "not/whole", ""}}, nil,
            {files = files}), field)
      end
   end)

   it("names folders by variables", function()
      local p = package {import_dirs = {"${pkgroot}/lib", "$topdir/x"}}
      local opts = {files = {"/root/lib/"}, roots = function(of)
         assert.equal(p, of)
         return {pkgroot = "/root", topdir = "/top"}
      end}
      assert.same({"files: import-dirs: /top/x doesn't exist or isn't a directory"},
         judge(p, nil, opts))
      assert.same({"${pkgroot}/lib", "$topdir/x"}, p.import_dirs)
   end)

   it("has documentation, when one asks", function()
      local p = package {haddock_interfaces = {"/d/a.haddock", "/d"},
         haddock_html = {"/d", "https://a/b", "http://a", "file:///d", "file:///e", "f"}}
      assert.same({}, judge(p))
      assert.same({
         "warning: haddock-interfaces: /d doesn't exist or isn't a file",
         "warning: haddock-html: /e doesn't exist or isn't a directory",
         "files: haddock-html: f" .. RELATIVE,
      }, judge(p, nil, {files = {"/d/a.haddock"}, haddock = true}))
   end)

   it("has each module once, and each with an interface file of some way", function()
      local p = package {
         exposed_modules = {"A", "B.C", "GHC.Prim", "D", "A"}, hidden_modules = {"E", "B.C", "F"},
         import_dirs = {"/i", "/j"},
      }
      assert.same({
         "all: package has duplicate modules: A B.C",
         'files: cannot find any of ["B/C.hi","B/C.p_hi","B/C.dyn_hi"]',
         'files: cannot find any of ["B/C.hi","B/C.p_hi","B/C.dyn_hi"]',
         'files: cannot find any of ["F.hi","F.p_hi","F.dyn_hi"]',
      }, judge(p, nil, {files = {"/j/A.hi", "/i/D.p_hi", "/i/E.dyn_hi", "/j/F.hi/"}}))
   end)

   it("quotes names as Haskell does", function()
      assert.same({'files: cannot find any of ["\\201t\\233.hi","\\201t\\233.p_hi",'
         .. '"\\201t\\233.dyn_hi"]'}, judge(package {exposed_modules = {"Été"}}))
   end)

   it("exports modules of others that it depends on, and that are theirs", function()
      local base = package {name = "base", id = "base-1", exposed_modules = {"M"}}
      local middle = package {name = "middle", id = "middle-1", depends = {"base-1"},
         exposed_modules = {"N from base-1:M"}}
      local far = package {name = "far", id = "far-1", exposed_modules = {"M"}}
      local function said(export)
         return judge(package {depends = {"middle-1"}, exposed_modules = {export}},
            {{packages = {base, middle, far}}})
      end
      local refers = "all: module reexport refers to "
      assert.same({}, said "X from base-1:M")
      assert.same({}, said "X from open-1[H=<H>]:M")
      assert.same({refers .. "a non-existent defining package: zz-1"}, said "X from zz-1:M")
      assert.same({refers .. "a defining package that is not a direct (or indirect) dependency of "
         .. "this package: far-1"}, said "X from far-1:M")
      assert.same({refers .. "a module Q that is not exposed in the defining package base-1"},
         said "X from base-1:Q")
      assert.same({refers .. "a module N that is reexported but not defined in the defining "
         .. "package middle-1"}, said "X from middle-1:N")
   end)

   it("reports modules and re-exports in their order", function()
      assert.same({
         'files: cannot find any of ["B.hi","B.p_hi","B.dyn_hi"]',
         "all: module reexport refers to a non-existent defining package: z",
         'files: cannot find any of ["C.hi","C.p_hi","C.dyn_hi"]',
      }, judge(package {exposed_modules = {"B", "X from z:M", "C"}}))
   end)

   it("may export its own module under another name", function()
      assert.same({}, judge(package {exposed_modules = {"M", "X from a-1.0-x:M"},
         import_dirs = {"/i"}}, nil, {files = {"/i/M.hi"}}))
   end)

   it("has its libraries, in whatever way they were built", function()
      local p = package {hs_libraries = {"HSa", "HSb", "HSc", "HSd"}, library_dirs = {"/l"},
         dynamic_library_dirs = {"/s"}}
      local files = {"/l/libHSa.a", "/l/libHSb_p.a", "/s/libHSc-ghc9.0.2.so",
         "/s/libHSd-ghc9.0.3.so"}
      assert.same({'files: cannot find any of ["libHSd.a","libHSd_p.a","libHSd-ghc9.0.2.so",'
         .. '"libHSd-ghc9.0.2.dylib","HSd-ghc9.0.2.dll"] on library path'},
         judge(p, nil, {files = files, version = "9.0.2"}))
      assert.same({}, judge(p, nil, {files = files}))
   end)

   it("has no libraries while it has open holes", function()
      assert.same({}, judge(package {hs_libraries = {"HSa"}, instantiated_with = {"A=<A>"}}))
      assert.equal(1, #judge(package {hs_libraries = {"HSa"}, instantiated_with = {"A=b-1:B"}}))
   end)
end)

describe("a package for an old database", function()
   local function said(p, stack, name, files)
      return judge(p, stack, {rules = era.all[name].rules, old = true, files = files})
   end

   it("needs versions only where it names them", function()
      local p = {name = "a", version = "1.0", depends = {"base", "base-0.0", "base-9", "rts-1.0"}}
      local stack = {{packages = {{name = "rts", version = "1.0"}}}}
      assert.same({"all: dependency base-9 doesn't exist"}, said(p, stack, "6.6"))
   end)

   it("names folders that are there, except below $topdir", function()
      local p = {name = "a", version = "1.0", import_dirs = {"$topdir/x", "rel"},
         include_dirs = {"/i"}, library_dirs = {"/l", "/m"}, hs_libraries = {"HSa", "HSb"}}
      assert.same({
         "files: rel doesn't exist or isn't a directory",
         "files: /m doesn't exist or isn't a directory",
         "files: cannot find libHSb.a on library path",
         "warning: can't find GHCi lib HSb.o",
      }, said(p, nil, "6.6", {"/l/libHSa.a", "/l/HSa.o", "/i/"}))
   end)

   it("may differ from another one in case alone before 6.10", function()
      local stack = {{packages = {{name = "A", version = "1.0"}}}}
      local p = {name = "a", version = "1.0"}
      assert.same({}, said(p, stack, "6.8"))
      assert.equal(1, #said(p, stack, "6.10"))
      assert.same({"never: package A-1.0 is already installed"},
         said({name = "A", version = "1.0"}, stack, "6.6"))
   end)
end)

describe("what is forced", function()
   local problems = {
      {class = "warning", text = "w"}, {class = "files", text = "f"}, {class = "all", text = "a"},
      {class = "never", text = "n"},
   }

   local function verdict(force, upto)
      local good, warnings, errors = check.verdict(table.move(problems, 1, upto or 4, 1, {}), force)
      local texts = {}
      for i, each in ipairs(errors) do
         texts[i] = each.text
      end
      return good, #warnings, texts
   end

   it("is nothing by itself", function()
      local good, warnings, errors = verdict "none"
      assert.is_false(good)
      assert.equal(1, warnings)
      assert.same({"f (use --force to override)", "a (use --force to override)", "n"}, errors)
   end)

   it("is files with --force-files", function()
      local good, _, errors = verdict "files"
      assert.is_false(good)
      assert.same({"f (ignoring)", "a (use --force to override)", "n"}, errors)
      assert.is_true((verdict("files", 2)))
   end)

   it("is all that can be with --force", function()
      local good, _, errors = verdict "all"
      assert.is_false(good)
      assert.same({"f (ignoring)", "a (ignoring)", "n"}, errors)
      assert.is_true((verdict("all", 3)))
      assert.is_false((verdict("files", 3)))
   end)

   it("is nothing where nothing is wrong", function()
      assert.is_true((check.verdict(nil, "none")))
      assert.is_true((verdict("none", 1)))
   end)
end)
