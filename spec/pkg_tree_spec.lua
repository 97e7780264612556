--- Questions about many files, against the real file system.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local random = require "spec.support.random"
local support = require "spec.support"

local dir = support.tmpdir()
support.sh("cd %s && mkdir -p lib/Data/Map empty && touch lib/A.hi lib/Data/Map/S.hi && "
   .. "touch lib/Data/L.p_hi && ln -s A.hi lib/B.hi && ln -s nowhere lib/C.hi && "
   .. "ln -s ../empty lib/D.hi && mkfifo lib/F.hi", dir)

local MODULES = {{"", ".hi"}, {"", ".p_hi"}}

describe("a tree", function()
   -- Each question twice: the answer before a folder is listed, and the one after.
   local function kinds(of)
      local tree <close> = core.tree()
      for path, kind in pairs(of) do
         for _ = 1, 3 do
            assert.equal(kind or nil, tree:kind(path), path)
         end
      end
   end

   it("says what is at a path, links followed", function()
      kinds {
         [dir .. "/lib"] = "folder", [dir .. "/lib/"] = "folder", [dir .. "//lib//Data"] = "folder",
         [dir .. "/lib/A.hi"] = "file", [dir .. "/lib/B.hi"] = "file", [dir .. "/lib/C.hi"] = false,
         [dir .. "/lib/D.hi"] = "folder", [dir .. "/lib/F.hi"] = "special",
         [dir .. "/lib/A.hi/"] = false, [dir .. "/lib/A.hi/x"] = false, [dir .. "/no/such"] = false,
         [dir .. "/lib/."] = "folder", [dir .. "/lib/.."] = "folder", ["/"] = "folder",
         ["//"] = "folder", [""] = false, ["/dev/null"] = "special", ["."] = "folder",
         [("/x"):rep(5000)] = false, [dir .. "\0"] = false, [dir .. "/lib\0/A.hi"] = false,
      }
   end)

   it("says what is missing of many", function()
      local tree <close> = core.tree()
      local folders = {dir .. "/none", dir .. "/lib"}
      local stems = {"A", "B", "C", "D", "Data.Map.S", "Data.L", "Data.Map.L", "E.F", ""}
      for _ = 1, 2 do
         assert.same({"C", "D", "Data.Map.L", "E.F", ""},
            tree:missing(folders, stems, MODULES, true))
         assert.same({"Data.Map.S", "Data.L"}, tree:missing(folders, {"A", "Data.Map.S", "Data.L"},
            MODULES))
      end
      assert.is_nil(tree:missing(folders, {"A"}, MODULES, true))
      assert.is_nil(tree:missing(folders, {}, MODULES, true))
      assert.same({"A"}, tree:missing({}, {"A"}, MODULES))
      assert.same({"A"}, tree:missing(folders, {"A"}, {}))
      assert.is_nil(tree:missing({dir}, {"Map"}, {{"lib/Data/", "/S.hi"}}))
   end)

   it("asks about each file where a folder cannot be listed", function()
      support.sh("mkdir %s/shut && touch %s/shut/x && chmod 0111 %s/shut", dir, dir, dir)
      kinds {[dir .. "/shut/x"] = "file", [dir .. "/shut/y"] = false}
   end)

   it("gives the names in a folder, sorted", function()
      local tree <close> = core.tree()
      assert.same({"A.hi", "B.hi", "C.hi", "D.hi", "Data", "F.hi"}, tree:names(dir .. "/lib"))
      assert.same({}, tree:names(dir .. "/none"))
      assert.same({}, tree:names(dir .. "/lib/A.hi"))
   end)

   it("knows folders of thousands of names", function()
      local tree <close> = core.tree()
      support.sh("mkdir %s/many && cd %s/many && seq 3000 | sed 's/^/f/' | xargs touch", dir, dir)
      local stems = {}
      for i = 1, 3001 do
         stems[i] = ("f%d"):format(i)
      end
      assert.same({"f3001"}, tree:missing({dir .. "/many"}, stems, {{"", ""}}))
   end)

   it("refuses what is no list of texts", function()
      local tree <close> = core.tree()
      for _, args in ipairs {
         {nil, {}, {}}, {{}, nil, {}}, {{}, {}, {"x"}}, {{}, {1}, {}}, {{}, {}, {{"x"}}},
         {{true}, {"x"}, {{"", ""}}},
      } do
         support.refused(tree.missing, tree, args[1], args[2], args[3])
      end
      support.refused(tree.missing, {}, {}, {}, {})
      local endings = {}
      for i = 1, 17 do
         endings[i] = {"", ""}
      end
      support.refused(tree.missing, tree, {}, {}, endings)
   end)
end)

describe("packages that are certainly sound", function()
   local check = require "moonlink.pkg.check"
   local index = require "moonlink.pkg.index"
   local paths = require "moonlink.pkg.check_paths"

   local root = support.tmpdir()
   support.sh("cd %s && mkdir -p i/A l && touch i/M.hi i/A/B.p_hi i/A/C.dyn_hi l/libHSx.a "
      .. "l/libHSd-ghc9.0.2.so", root)

   --- A sound package, in which each of some fields may be replaced.
   local function random_package(below, i)
      local p = {
         name = "p" .. i, version = "1.0", id = "p" .. i, key = "p" .. i,
         import_dirs = {root .. "/i"}, library_dirs = {"${pkgroot}/l"},
         exposed_modules = {"M", "A.B"}, hidden_modules = {"A.C", "GHC.Prim"},
         hs_libraries = {"HSx", "HSd"}, depends = {"p1", "p2"},
      }
      local changes = {
         {"name", ""}, {"id", ""}, {"key", "other"}, {"key", ""}, {"import_dirs", {"rel"}},
         {"import_dirs", {}}, {"import_dirs", {root .. "/i/M.hi"}}, {"library_dirs", {"$topdir"}},
         {"library_dirs", {"${pkgroot}x"}}, {"include_dirs", {root}}, {"framework_dirs", {"/none"}},
         {"include_dirs", {"${pkgroot}"}}, {"dynamic_library_dirs", {root .. "/none"}},
         {"exposed_modules", {"M", "N"}}, {"exposed_modules", {"M", "M"}}, {"exposed_modules", {}},
         {"exposed_modules", {"X from p1:M"}}, {"hidden_modules", {"M"}}, {"hidden_modules", {}},
         {"hs_libraries", {"HSy"}}, {"hs_libraries", {}}, {"depends", {"p1", "p1"}},
         {"depends", {"none"}}, {"depends", {}}, {"instantiated_with", {"A=p1:A"}}, {"version", ""},
      }
      for _ = 1, below(3) - 1 do
         local change = random.pick(below, changes)
         p[change[1]] = change[2]
      end
      return p
   end

   it("are those of which no rule has anything to say", function()
      local below, list = random.new(20061130), {}
      for i = 1, 400 do
         list[i] = random_package(below, i)
      end
      local infos = assert(core.pkg.make(list))
      local tree <close> = core.tree()
      local unsound = tree:unsound({{infos, root, false}}, paths.library_endings "9.0.2")[1]
      local looked_at, odd = {}, 0
      for _, i in ipairs(unsound) do
         looked_at[i] = true
      end
      local judge = {
         units = index.new({{packages = list}}).units, files = core.tree(), update = true,
         multi = true, version = "9.0.2", roots = function()
            return {pkgroot = root}
         end,
      }
      for i, p in ipairs(list) do
         local problems = check.package(p, judge)
         if problems then
            assert.is_true(looked_at[i], problems[1].text)
            odd = odd + 1
         end
      end
      assert.is_true(odd > 50)
      assert.is_true(#unsound < 250)
   end)

   it("know their units from all databases", function()
      local below = assert(core.pkg.make {{name = "a", id = "a", key = "a"}})
      local above = assert(core.pkg.make {{name = "b", id = "b", key = "b", depends = {"a"}}})
      local tree <close> = core.tree()
      assert.same({{}, {}}, tree:unsound({{above, false, false}, {below, false, false}}, {}))
      assert.same({{1}}, tree:unsound({{above, false, false}}, {}))
      support.refused(tree.unsound, tree, {{}}, {})
      support.refused(tree.unsound, tree, {above}, {})
   end)
end)
