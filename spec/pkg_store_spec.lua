--- Changing a package database: what is put and removed, under whose lock, and what is refused.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local pkgdb = require "spec.support.pkgdb"
local database = require "moonlink.pkg.database"

local function made(...)
   local path = support.tmpdir() .. "/db"
   assert(database.init(path))
   local w <close> = assert(database.change(path))
   for _, p in ipairs {...} do
      assert(w:put(p))
   end
   assert(w:commit())
   return path
end

--- One change; both views of the database agree afterwards, and nothing else is in the folder.
local function change(path, body)
   local w <close> = assert(database.change(path))
   body(w)
   local ok, notes = assert(w:commit())
   assert.is_nil(ok and notes.late)
   local cached = assert(database.open(path))
   assert.equal("fresh", cached.cache.state)
   local state = pkgdb.state(cached)
   assert.equal(state, pkgdb.state(assert(database.open(path, {cache = false}))))
   assert.same({}, pkgdb.strangers(path))
   return state
end

local function confs(path)
   return (support.sh("cd %s && ls -A | grep '[.]conf$' || true", path):gsub("\n", " "))
end

describe("a change", function()
   it("puts many packages and removes others at once", function()
      local path = made(pkgdb.package("p", "1"), pkgdb.package("q", "1"))
      assert.equal("q-1 hidden\nr-1\ns-1", change(path, function(w)
         assert(w:remove {id = "p-1"})
         assert(w:put(pkgdb.package("q", "1", {exposed = false})))
         assert(w:put(pkgdb.package("r", "1")))
         assert(w:put(pkgdb.package("s", "1")))
      end))
      assert.equal("q-1.conf r-1.conf s-1.conf ", confs(path))
   end)

   it("says whether there was something to remove", function()
      change(made(pkgdb.package("p", "1")), function(w)
         local function found(id)
            return select(2, w:remove {id = id})
         end
         assert.is_false(found "q-1")
         assert.is_true(found "p-1")
         assert.is_false(found "p-1")
         assert(w:put(pkgdb.package("p", "1")))
         assert.is_true(found "p-1")
      end)
   end)

   it("does nothing until it is committed", function()
      local path = made(pkgdb.package("p", "1"))
      local before = support.sh("ls -la --time-style=full-iso %s", path)
      do
         local w <close> = assert(database.change(path))
         assert(w:put(pkgdb.package("q", "1")))
         w:remove {id = "p-1"}
      end
      assert.equal(before, support.sh("ls -la --time-style=full-iso %s", path))
   end)

   it("ends with its commit", function()
      local w = assert(database.change(made()))
      assert(w:commit())
      w:abort()
      assert.matches("committed or aborted before", support.refused(w.put, w, {}))
      assert.matches("committed or aborted before", support.refused(w.commit, w))
   end)

   it("writes a cache where there was none, or an old or a broken one", function()
      for _, break_it in ipairs {"rm", "touch -d @1", "truncate -s 30"} do
         local path = made(pkgdb.package("p", "1"))
         support.sh("%s %s/package.cache", break_it, path)
         assert.equal("p-1\nq-1", change(path, function(w)
            assert.not_equal("fresh", w.db.cache.state)
            assert(w:put(pkgdb.package("q", "1")))
         end))
      end
   end)

   it("makes a cache that is not older than a .conf file of the future", function()
      local path = made(pkgdb.package("p", "1"))
      for _, year in ipairs {2060, 2400} do -- the second is none that counts nanoseconds in 64 bits
         support.sh("touch -d %d-01-01 %s/p-1.conf", year, path)
         assert.equal("p-1", change(path, function() end))
      end
   end)

   it("keeps mode and x- fields of a file that it replaces", function()
      local path = made(pkgdb.package("p", "1", {extra = {{name = "x-mine", value = "kept"}}}))
      support.sh("chmod 604 %s/p-1.conf; chmod 646 %s/package.cache", path, path)
      change(path, function(w)
         local p = w.db.packages[1]
         p.exposed = false
         assert(w:put(p))
      end)
      assert.matches("x%-mine: *kept\n", support.read(path .. "/p-1.conf"))
      assert.equal("604\n646\n", support.sh("cd %s && stat -c %%a p-1.conf package.cache", path))
   end)
end)

describe("files that are not called after their unit", function()
   --- A database whose files were renamed behind the back of its cache.
   local function renamed(names)
      local path = made(pkgdb.package("p", "1"), pkgdb.package("q", "1"))
      for from, to in pairs(names) do
         support.sh("cd %s && mv %s.conf %s.tmp", path, from, to)
      end
      for _, to in pairs(names) do
         support.sh("cd %s && mv %s.tmp %s.conf", path, to, to)
      end
      assert.equal("fresh", assert(database.open(path)).cache.state)
      return path
   end

   for _, with_cache in ipairs {true, false} do
      local how = with_cache and "" or ", without a cache"

      local function prepared(names)
         local path = renamed(names)
         if not with_cache then
            support.sh("rm %s/package.cache", path)
         end
         return path
      end

      it("go with it" .. how, function()
         local path = prepared {["p-1"] = "zzz"}
         assert.equal("q-1", change(path, function(w)
            assert(w:remove {id = "p-1"})
         end))
         assert.equal("q-1.conf ", confs(path))
      end)

      it("give way to its own file" .. how, function()
         local path = prepared {["p-1"] = "zzz"}
         assert.equal("p-1 hidden\nq-1", change(path, function(w)
            assert(w:put(pkgdb.package("p", "1", {exposed = false})))
         end))
         assert.equal("p-1.conf q-1.conf ", confs(path))
      end)

      it("are not mistaken for the other's" .. how, function()
         local path = prepared {["p-1"] = "q-1", ["q-1"] = "p-1"}
         assert.equal("q-1", change(path, function(w)
            assert(w:remove {id = "p-1"})
         end))
         assert.equal("p-1.conf ", confs(path))
      end)

      it("keep what they hold when another unit wants their name" .. how, function()
         local path = prepared {["p-1"] = "r-1"}
         assert.equal("p-1\nq-1\nr-1", change(path, function(w)
            assert(w:put(pkgdb.package("r", "1")))
         end))
         assert.equal("p-1.conf q-1.conf r-1.conf ", confs(path))
      end)
   end

   it("all go when several hold one unit", function()
      local path = made(pkgdb.package("p", "1"), pkgdb.package("q", "1"))
      support.sh("cd %s && cp p-1.conf a.conf && cp p-1.conf b.conf && rm package.cache", path)
      assert.equal(4, #assert(database.open(path)).packages)
      assert.equal("q-1", change(path, function(w)
         assert(w:remove {id = "p-1"})
      end))
      assert.equal("q-1.conf ", confs(path))
   end)
end)

describe("a unit id that no file can be called after", function()
   for id, shown in pairs {
      ["../p"] = "../p", ["a/b"] = "a/b", [".p"] = ".p", ["a\0b"] = "a\\x00b", ["a\nb"] = "a\\x0ab",
      [".."] = "..", ["\27[31m"] = "\\x1b[31m", [("x"):rep(251)] = ("x"):rep(60) .. "...",
   } do
      it("is refused: " .. shown, function()
         local path = made(pkgdb.package("p", "1"))
         local before = support.sh("ls -A %s %s/..", path, path)
         local w <close> = assert(database.change(path))
         local ok, err = w:put(pkgdb.package("q", "1", {id = id, key = id}))
         assert.is_nil(ok)
         assert.matches(shown, err.reason, 1, true)
         assert.is_nil(err.reason:find "%c")
         assert.equal("p-1", pkgdb.state(assert(database.open(path))))
         assert.equal(before, support.sh("ls -A %s %s/..", path, path))
      end)
   end

   it("does no harm when it is removed", function()
      local path = made(pkgdb.package("p", "1"))
      local outside = support.write(path .. "/../q.conf", pkgdb.text("q", "1"))
      change(path, function(w)
         assert.is_false(select(2, w:remove {id = "../q"}))
      end)
      assert.equal(pkgdb.text("q", "1"), support.read(outside))
   end)
end)

describe("fields that a script has made up", function()
   it("are refused, or are what is read again", function()
      local path = made()
      local w <close> = assert(database.change(path))
      for field, value in pairs {
         name = "a\nid: b", version = "1\n2", key = "k\nexposed: True", abi = "x\ny",
         depends = {"a\nb"}, exposed_modules = {"M\nid: q"},
      } do
         local ok, err = w:put(pkgdb.package("p", "1", {[field] = value}))
         assert.is_nil(ok, field)
         assert.equal("string", type(err.message))
      end
      assert(w:put(pkgdb.package("p", "1", {description = "one\nid: two\n\n--three\nfour",
         ld_options = {"a\nb", "id: x", "", "\0"}})))
      assert(w:commit())
      local p = assert(database.open(path)).packages[1]
      assert.equal("p-1", p.id)
      assert.same(p.ld_options, database.open(path, {cache = false}).packages[1].ld_options)
      assert.equal(p.description, database.open(path, {cache = false}).packages[1].description)
   end)
end)

describe("the lock", function()
   --- Another process that changes the database until a file is there.
   local function holder(path)
      local dir = support.tmpdir()
      local script = support.write(dir .. "/holder.lua", ([[
         local core = require "moonlink.core"
         local w = assert(require "moonlink.pkg.database".change(%q))
         io.open("%s/held", "w"):close()
         while not io.open "%s/go" do core.sleep(0.01) end
         assert(w:put {name = "held", version = "1", id = "held-1", key = "held-1", exposed = true})
         assert(w:commit())]]):format(path, dir, dir))
      support.sh("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s %s >%s/out 2>&1 & "
         .. "while ! test -e %s/held; do sleep 0.01; done", support.quote(package.path),
         support.quote(package.cpath), support.interpreter, script, dir, dir)
      return dir
   end

   it("keeps writers from each other, and readers from nothing", function()
      local path = made(pkgdb.package("p", "1"))
      local dir = holder(path)
      assert.equal("p-1", pkgdb.state(assert(database.open(path))))
      local w, err = database.change(path, {wait = false})
      assert.is_nil(w)
      assert.same({"state", "is locked"}, {err.code, err.reason})
      support.write(dir .. "/go", "")
      assert.equal("held-1\np-1\nq-1", change(path, function(mine) -- waited for
         assert(mine:put(pkgdb.package("q", "1")))
      end))
   end)

   it("is another one's also in this process", function()
      local path = made()
      local first <close> = assert(database.change(path))
      assert.is_nil((database.change(path, {wait = false})))
      first:abort()
      local second <close> = assert(database.change(path, {wait = false}))
      assert(second:commit())
   end)

   it("is on the folder that is there when it is held", function()
      local path, other = made(), made(pkgdb.package("p", "1"))
      local dir = holder(path)
      support.sh("(sleep 0.1; mv %s %s.gone; mv %s %s; touch %s/go) >/dev/null 2>&1 &", path, path,
         other, path, dir)
      assert.equal("p-1\nq-1", change(path, function(w)
         assert(w:put(pkgdb.package("q", "1")))
      end))
   end)

   it("of one file is on that file, also when it was replaced meanwhile", function()
      local file = support.write(support.tmpdir() .. "/package.conf", "[]")
      local dir = holder(file)
      assert.is_nil((database.change(file, {wait = false})))
      support.write(dir .. "/go", "")
      local w <close> = assert(database.change(file))
      assert.equal("held-1", pkgdb.state(w.db))
   end)
end)

describe("what cannot be changed", function()
   --- Runs a change as somebody else: root may do everything.
   local function as_somebody(path, script)
      local dir = support.tmpdir()
      support.write(dir .. "/run.lua", ([[
         local w, err = require "moonlink.pkg.database".change(%q)
         if w then
            assert(w:put {name = "q", version = "1", id = "q-1", key = "q-1"})
            w, err = w:commit()
         end
         print(w, err and err.message)]]):format(path))
      support.sh("chmod -R a+rX %s %s; d=%s; while test $d != /; do chmod a+x $d 2>/dev/null; "
         .. "d=$(dirname $d); done; %s", dir, path, path, script or "true")
      local me = support.stdout "id -u" == "0" and "setpriv --reuid=65534 --clear-groups " or ""
      return support.sh("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s%s %s/run.lua",
         support.quote(package.path), support.quote(package.cpath), me, support.interpreter, dir)
   end

   it("belongs to somebody else", function()
      local path = made(pkgdb.package("p", "1"))
      support.sh("chmod a-w %s %s/*", path, path)
      assert.matches("package.cache.lock: you don't have permission to modify this file",
         as_somebody(path), 1, true)
      assert.equal("p-1", pkgdb.state(assert(database.open(path))))
   end)

   it("is a folder that takes no new files", function()
      local path = made(pkgdb.package("p", "1"))
      support.sh("chmod a-w %s; chmod a+w %s/package.cache.lock", path, path)
      local out = as_somebody(path)
      assert.matches("Permission denied", out, 1, true)
      assert.same({}, pkgdb.strangers(path))
      assert.equal("p-1", pkgdb.state(assert(database.open(path, {cache = false}))))
   end)

   it("has given way to another one", function()
      local path, other = made(pkgdb.package("p", "1")), made(pkgdb.package("q", "1"))
      local w <close> = assert(database.change(path))
      assert(w:put(pkgdb.package("r", "1")))
      support.sh("mv %s %s.gone; mv %s %s", path, path, other, path)
      local ok, err = w:commit()
      assert.is_nil(ok)
      assert.same({"state", path}, {err.code, err.file})
      assert.equal("q-1", pkgdb.state(assert(database.open(path))))
      assert.equal("p-1", pkgdb.state(assert(database.open(path .. ".gone", {cache = false}))))
      assert.same({}, pkgdb.strangers(path .. ".gone"))
   end)

   it("is not there", function()
      local path = support.tmpdir() .. "/none"
      local w, err = database.change(path)
      assert.is_nil(w)
      assert.same({"noent", path}, {err.code, err.file})
   end)
end)
