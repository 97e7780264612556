--- Package databases of every form: what is read, in which order, and how errors look.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local pkgdb = require "spec.support.pkgdb"
local database = require "moonlink.pkg.database"

local function ids(db)
   local list = {}
   for i, p in ipairs(db.packages) do
      list[i] = p.id
   end
   return list
end

local function sorted_ids(db)
   local list = ids(db)
   table.sort(list)
   return list
end

--- A database of GHC 6.6: one line, one record a package.
local function old_text(...)
   local records = {}
   for i, name in ipairs {...} do
      records[i] = ([[InstalledPackageInfo {package = PackageIdentifier {pkgName = "%s", ]]
         .. [[pkgVersion = Version {versionBranch = [1,0], versionTags = []}}, license = BSD3, ]]
         .. [[copyright = "", maintainer = "", author = "", stability = "", homepage = "", ]]
         .. [[pkgUrl = "", description = "", category = "", exposed = True, ]]
         .. [[exposedModules = ["M"], hiddenModules = [], importDirs = [], libraryDirs = [], ]]
         .. [[hsLibraries = [], extraLibraries = [], extraGHCiLibraries = [], includeDirs = [], ]]
         .. [[includes = [], depends = [], hugsOptions = [], ccOptions = [], ldOptions = [], ]]
         .. [[frameworkDirs = [], frameworks = [], haddockInterfaces = [], haddockHTMLs = []}]])
         :format(name)
   end
   return "[" .. table.concat(records, ",") .. "]"
end

describe("a folder of .conf files", function()
   it("has the packages of all its .conf files, whatever they are called", function()
      local path = pkgdb.folder {
         ["p-1"] = pkgdb.text("p", "1"), stray = pkgdb.text("q", "2"), [""] = pkgdb.text("r", "3"),
      }
      support.write(path .. "/no.config", "none of ours")
      local db = assert(database.open(path))
      assert.same({"p-1", "q-2", "r-3"}, sorted_ids(db))
      assert.same({"folder", "today", "missing"}, {db.kind, db.shape, db.cache.state})
      for _, p in ipairs(db.packages) do
         assert.equal(db, p.db)
         assert.equal(path, p.file:match "^(.*)/")
      end
   end)

   it("has them in the order of the folder's own list", function()
      local confs = {}
      for i = 1, 30 do
         confs[("p%d-1"):format(i * 7919 % 31)] = pkgdb.text(("p%d"):format(i * 7919 % 31), "1")
      end
      local path, expected = pkgdb.folder(confs), {}
      for name in support.sh("ls -U %s", path):gmatch "(%S+)%.conf" do
         expected[#expected + 1] = name
      end
      assert.same(expected, ids(assert(database.open(path))))
   end)

   it("may be empty", function()
      local db = assert(database.open(support.tmpdir() .. "/"))
      assert.same({0, "folder", "missing"}, {#db.packages, db.kind, db.cache.state})
   end)

   it("is not read in part when one of its files is bad: all bad ones are named", function()
      local path = pkgdb.folder {
         a = pkgdb.text("a", "1"), b = "name: b\nversion: x\n", c = "exposed: maybe\n",
      }
      local db, err = database.open(path)
      assert.is_nil(db)
      local files = {}
      for _, e in ipairs(err.errors) do
         files[e.file:match "[^/]*$"] = e.line
      end
      assert.same({["b.conf"] = 2, ["c.conf"] = 1}, files)
   end)

   it("may have a folder, a broken link, and a pipe among them", function()
      local path = pkgdb.folder {a = pkgdb.text("a", "1")}
      support.sh("ln -s nowhere %s/link.conf", path)
      assert.same({"a-1"}, ids(assert(database.open(path))))
      support.sh("mkdir %s/folder.conf", path)
      local _, err = database.open(path)
      assert.equal(path .. "/folder.conf", err.file)
      assert.matches("Is a directory", err.reason)
      support.sh("rmdir %s/folder.conf; mkfifo %s/pipe.conf", path, path)
      assert.same({"", "a-1"}, sorted_ids(assert(database.open(path)))) -- as an empty file
   end)

   it("is refused when a device stands for a file of it: that may have no end", function()
      local path = pkgdb.folder {a = pkgdb.text("a", "1")}
      support.sh("ln -s /dev/zero %s/zero.conf", path)
      local _, err = database.open(path)
      assert.equal(path .. "/zero.conf: is not a regular file", err.message)
   end)

   it("is not waited for when a pipe took the place of a file that the cache knows", function()
      local path = support.tmpdir() .. "/db"
      assert(database.init(path))
      local w <close> = assert(database.change(path))
      assert(w:put(pkgdb.package("p", "1", {extra = {{name = "x-mine", value = "kept"}}})))
      assert(w:commit())
      assert.equal("kept", database.open(path).packages[1].extra[1].value)
      support.sh("cd %s && rm p-1.conf && mkfifo p-1.conf && touch -d yesterday p-1.conf", path)
      local db = assert(database.open(path))
      assert.equal("fresh", db.cache.state)
      assert.same({}, db.packages[1].extra)
   end)

   it("is missing, or no folder", function()
      local dir = support.tmpdir()
      local _, err = database.open(dir .. "/none")
      assert.equal("noent", err.code)
      assert.equal(dir .. "/none", err.file)
      support.write(dir .. "/text", "hello")
      _, err = database.open(dir .. "/text")
      assert.equal("kind", err.code)
      assert.matches("moonlink pkg init", err.hint)
   end)

   it("takes four system calls for each file, and with a cache one", function()
      local confs = {}
      for i = 1, 100 do
         confs["p" .. i] = pkgdb.text("p" .. i, "1")
      end
      local path = pkgdb.folder(confs)
      local run = [[
         local database = require "moonlink.pkg.database"
         assert(#assert(database.open(%q, {cache = %s})).packages == 100)]]
      local function calls(cache)
         local trace = support.tmpdir() .. "/trace"
         assert.equal(0, pkgdb.strace("-e trace=file,read,close -o " .. trace,
            run:format(path, cache)))
         return select(2, support.read(trace):gsub("\n", ""))
      end
      local w <close> = assert(database.change(path))
      assert(w:commit())
      local confs_read, cached = calls "false", calls "true"
      assert(confs_read - cached >= 250 and confs_read - cached <= 320, confs_read - cached)
   end)
end)

describe("a database of GHC 6", function()
   it("may be one file", function()
      local path = support.write(support.tmpdir() .. "/package.conf", old_text("base", "rts"))
      local db = assert(database.open(path))
      assert.same({"file", "6.6", "none"}, {db.kind, db.shape, db.cache.state})
      assert.same({"base-1.0", "rts-1.0"}, ids(db))
   end)

   it("may be a folder of such files", function()
      local path = pkgdb.folder {one = old_text "base", two = old_text("rts", "mtl")}
      local db = assert(database.open(path))
      assert.same({"old-folder", "6.6", "none"}, {db.kind, db.shape, db.cache.state})
      assert.same({"base-1.0", "mtl-1.0", "rts-1.0"}, sorted_ids(db))
   end)

   it("may be a file that points to the folder beside it", function()
      local file = support.write(support.tmpdir() .. "/package.conf", "[]\n")
      local db = assert(database.open(file))
      assert.same({"file", 0}, {db.kind, #db.packages})
      support.sh("mkdir %s.d", file)
      support.write(file .. ".d/p-1.conf", pkgdb.text("p", "1"))
      db = assert(database.open(file))
      assert.same({"folder", file, file .. ".d", "p-1"},
         {db.kind, db.path, db.where, db.packages[1].id})
   end)

   it("keeps its shape, and what it was beside it, when it is changed", function()
      local before = old_text("base", "rts")
      local path = support.write(support.tmpdir() .. "/package.conf", before)
      support.sh("chmod 640 %s", path)
      local w <close> = assert(database.change(path))
      assert(w:remove(w.db.packages[1]))
      assert(w:put {name = "mtl", version = "1.0", exposed = true, license = "BSD3",
         exposed_modules = {"M"}})
      assert(w:commit())
      assert.equal(old_text("rts", "mtl"), support.read(path))
      assert.equal(before, support.read(path .. ".old"))
      assert.equal("640\n", support.sh("stat -c %%a %s", path))
      assert.equal("package.conf\npackage.conf.old\n", support.sh("ls -A %s", path:match "^(.*)/"))
   end)

   it("has only those files written again that lose or get a package", function()
      local path = pkgdb.folder {one = old_text "base", two = old_text("rts", "mtl")}
      local inode = support.sh("stat -c %%i %s/one.conf", path)
      local w <close> = assert(database.change(path))
      for _, p in ipairs(w.db.packages) do
         if p.name == "rts" then
            assert(w:remove(p))
         end
      end
      assert(w:put {name = "new", version = "1.0", exposed = true, license = "BSD3",
         exposed_modules = {"M"}})
      assert(w:commit())
      assert.equal(inode, support.sh("stat -c %%i %s/one.conf", path))
      assert.equal(old_text "mtl" .. "", support.read(path .. "/two.conf"))
      assert.equal(old_text "new", support.read(path .. "/new-1.0.conf"))
      assert.same({}, pkgdb.strangers(path))
   end)
end)

describe("a new database", function()
   it("is a folder with an empty cache, made with all folders above it", function()
      local path = support.tmpdir() .. "/a/b/db"
      assert(database.init(path))
      assert.equal("package.cache\npackage.cache.lock\n", support.sh("ls -A %s", path))
      assert.same({0, "fresh"}, {#database.open(path).packages, database.open(path).cache.state})
   end)

   it("is refused where something is", function()
      local dir = support.tmpdir()
      local _, err = database.init(dir)
      assert.equal("already exists", err.reason)
      support.write(dir .. "/file", "")
      _, err = database.init(dir .. "/file")
      assert.equal("already exists", err.reason)
      _, err = database.init(dir .. "/file/db")
      assert.equal(dir .. "/file/db", err.file)
   end)
end)
