--- A database that changes while it is read: whoever reads sees it as it was or as it is, and never
-- parts of both, whoever changes it. The reader is another process, which a preloaded library stops
-- where it is about to read a certain file, until the change is made.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local pkgdb = require "spec.support.pkgdb"
local database = require "moonlink.pkg.database"

-- AT: the file whose opening, or the call whose NTH time, is preceded by the command DO; once, or
-- with EVERY each time. TICK: time stands still, for all files too, until it is asked for the
-- fourth time. SECONDS: the file system knows no fractions of seconds. AHEAD:
-- its times are of a year later.
local HOLD = [[
   #define _GNU_SOURCE
   #include <fcntl.h>
   #include <stdarg.h>
   #include <stdlib.h>
   #include <string.h>
   #include <sys/stat.h>
   #include <sys/syscall.h>
   #include <time.h>
   #include <unistd.h>

   static void reach(const char *what)
   {
      static int times, busy;
      const char *at = getenv("AT"), *nth = getenv("NTH"), *slash = strrchr(what, '/');
      if (busy || !at || strcmp(at, slash ? slash + 1 : what) != 0)
         return;
      if (++times != (nth ? atoi(nth) : 1) && !getenv("EVERY"))
         return;
      busy = 1;
      unsetenv("LD_PRELOAD");
      if (system(getenv("DO")) != 0)
         abort();
      busy = 0;
   }
   int openat(int dir, const char *path, int flags, ...)
   {
      va_list ap;
      va_start(ap, flags);
      int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
      va_end(ap);
      reach(path);
      return (int)syscall(SYS_openat, dir, path, flags, mode);
   }
   ssize_t pread(int fd, void *to, size_t n, off_t at)
   {
      reach("pread");
      return syscall(SYS_pread64, fd, to, n, at);
   }

   static struct timespec still;
   static int stands(void)
   {
      return still.tv_sec != 0;
   }
   int clock_gettime(clockid_t which, struct timespec *t)
   {
      static int asked;
      int e = (int)syscall(SYS_clock_gettime, which, t);
      if (which == CLOCK_REALTIME_COARSE && getenv("TICK") && ++asked <= 4) {
         if (asked == 1)
            still = *t;
         if (asked == 4)
            still.tv_sec = 0;
         else
            *t = still;
      }
      return e;
   }
   int fstatat(int dir, const char *path, struct stat *st, int flags)
   {
      int e = (int)syscall(SYS_newfstatat, dir, path, st, flags);
      if (e == 0 && stands())
         st->st_ctim = st->st_mtim = still;
      if (getenv("AHEAD"))
         st->st_ctim.tv_sec += 365 * 24 * 3600;
      if (getenv("SECONDS"))
         st->st_ctim.tv_nsec = st->st_mtim.tv_nsec = 0;
      return e;
   }
]]

local hold

--- What a reader sees beside whom a shell command runs: its packages with their abi.
---@param path string of the database
---@param where table AT, NTH, EVERY, TICK, SECONDS, AHEAD as above; cache
---@param action string OTHERS: what is preloaded beside the library that runs it
local function read_beside(path, where, action)
   local script = support.write(support.tmpdir() .. "/reader.lua", ([[
      local db, err = require "moonlink.pkg.database".open(%q, {cache = %s})
      local lines = {}
      for i, p in ipairs(db and db.packages or {}) do
         lines[i] = p.id .. " " .. p.abi .. p.stability
      end
      table.sort(lines)
      print(db and table.concat(lines, ", ") or err.message)
      print(db and db.kind, db and db.shape, db and db.cache.state)]]):format(path,
      where.cache or false))
   local settings = {}
   for _, name in ipairs {"AT", "NTH", "EVERY", "TICK", "SECONDS", "AHEAD"} do
      if where[name] then
         settings[#settings + 1] = ("%s=%s"):format(name, support.quote(where[name]))
      end
   end
   local done = path .. ".done"
   local preloads = ("OTHERS=\"${LD_PRELOAD:-}\" LD_PRELOAD=\"${LD_PRELOAD:-}:%s\""):format(hold)
   local out = support.stdout("%s DO=%s %s LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s %s",
      table.concat(settings, " "), support.quote(("set -e; %s; echo >> %s"):format(action, done)),
      preloads, support.quote(package.path), support.quote(package.cpath), support.interpreter,
      script)
   support.read(done) -- else the reader was never there, and the spec says nothing
   return out:match "^(.-)\n(.*)$"
end

--- Two folders, the second as the first is to become; and the names of its files in the order in
--- which they are read.
local function before_and_after(old, new)
   local path, next_ = pkgdb.folder(old), pkgdb.folder(new)
   local names = {}
   for i, p in ipairs(assert(database.open(path, {cache = false})).packages) do
      names[i] = p.file:match "[^/]*$"
   end
   return path, next_, names[1], names[#names]
end

local function text(name, abi)
   return pkgdb.text(name, "1", {abi = abi})
end

local OLD = {p = text("p", "old"), q = text("q", "old"), r = text("r", "old")}
local NEW = {p = text("p", "new"), q = text("q", "new"), r = text("r", "new"), s = text("s", "new")}
local OLD_STATE = "p-1 old, q-1 old, r-1 old"
local NEW_STATE = "p-1 new, q-1 new, r-1 new, s-1 new"

describe("a reader of .conf files", function()
   setup(function()
      local dir = support.tmpdir()
      local source = support.write(dir .. "/hold.c", HOLD)
      hold = dir .. "/libhold.so"
      support.sh("LD_PRELOAD= gcc -O1 -shared -fPIC -o %s %s", hold, source)
   end)

   -- What becomes of a folder that is read; all of it between two of its files.
   local CHANGES = {
      {"when all of them are replaced by rename", "mv $NEW/*.conf $OLD"},
      {"when all of them are written to in place",
         "for f in $NEW/*.conf; do cat $f > $OLD/${f##*/}; done"},
      {"when the folder gives way to another one", "mv $OLD $OLD.gone; mv $NEW $OLD"},
      {"when the folder is removed behind another one",
         "mv $OLD $OLD.gone; mv $NEW $OLD; rm -r $OLD.gone"},
   }
   for _, case in ipairs(CHANGES) do
      it("sees the new state " .. case[1], function()
         for _, at in ipairs {"first", "last"} do
            local path, next_, first, last = before_and_after(OLD, NEW)
            local state = read_beside(path, {AT = at == "first" and first or last},
               ("OLD=%s; NEW=%s; %s"):format(path, next_, case[2]))
            if case[1]:find "gives way" then -- the old folder is whole, and may still be read
               assert(state == OLD_STATE or state == NEW_STATE, state)
            else
               assert.equal(NEW_STATE, state)
            end
         end
      end)
   end

   it("sees the new state when packages go", function()
      local path, _, first, last = before_and_after(OLD, {})
      local kept = last:match "%w+"
      local state = read_beside(path, {AT = last}, ("cd %s; rm %s; echo 'abi: new' >> %s"):format(
         path, first, last))
      assert.is_nil(state:find(first:match "%w+" .. "-1 ", 1, true))
      assert.matches(kept .. "-1 new", state, 1, true)
   end)

   it("sees the new state when a link leads to another folder", function()
      local path, next_, _, last = before_and_after(OLD, NEW)
      local link = support.tmpdir() .. "/db"
      support.sh("ln -s %s %s", path, link)
      assert.equal(NEW_STATE, (read_beside(link, {AT = last},
         ("ln -s %s %s.new; mv -T %s.new %s; rm -r %s"):format(next_, link, link, link, path))))
   end)

   it("sees the new state when links of the folder lead to files that are replaced", function()
      local store, next_ = before_and_after(OLD, NEW)
      local path = support.tmpdir() .. "/db"
      support.sh("mkdir %s; ln -s %s/*.conf %s", path, store, path)
      local last = assert(database.open(path)).packages[3].file:match "[^/]*$"
      assert.equal("p-1 new, q-1 new, r-1 new", (read_beside(path, {AT = last},
         ("mv %s/*.conf %s"):format(next_, store))))
   end)

   it("is not misled by a cache that was old before", function()
      local path, next_, _, last = before_and_after(OLD, NEW)
      do
         local w <close> = assert(database.change(path))
         assert(w:commit())
      end
      support.sh("touch -d @1 %s/package.cache", path)
      local state, kind = read_beside(path, {AT = last, cache = true},
         ("mv %s/*.conf %s"):format(next_, path))
      assert.equal(NEW_STATE, state)
      assert.equal("folder\ttoday\tstale", kind)
   end)

   it("waits for the clock when the folder has just changed", function()
      local path, next_, _, last = before_and_after(OLD, NEW)
      assert.equal(NEW_STATE, (read_beside(path, {AT = last, TICK = "1"},
         ("mv %s/*.conf %s"):format(next_, path))))
   end)

   it("reads what was changed before the clock was set back", function()
      local path, next_, first = before_and_after(OLD, NEW)
      assert.equal(OLD_STATE, (read_beside(path, {AT = first, AHEAD = "1"}, "true")))
      assert.equal(NEW_STATE, (read_beside(path, {AT = first, AHEAD = "1"},
         ("mv %s/*.conf %s"):format(next_, path))))
   end)

   it("waits longer for a clock of whole seconds #slow", function()
      local path, next_, _, last = before_and_after(OLD, NEW)
      assert.equal(NEW_STATE, (read_beside(path, {AT = last, SECONDS = "1"},
         ("mv %s/*.conf %s"):format(next_, path))))
   end)

   it("forgets what was wrong with a state that was none", function()
      local path, next_, first, last = before_and_after(OLD, NEW)
      support.write(path .. "/" .. first, "name: ???\n")
      assert.is_nil((database.open(path)))
      local state, kind = read_beside(path, {AT = last}, ("mv %s/*.conf %s"):format(next_, path))
      assert.equal(NEW_STATE, state)
      assert.equal("folder\ttoday\tnone", kind)
   end)

   it("gives up when nobody leaves the folder alone #slow", function()
      local path, _, first = before_and_after(OLD, NEW)
      local message = read_beside(path, {AT = first, EVERY = "1"},
         ("touch %s/other; rm %s/other"):format(path, path))
      assert.matches("is being changed all the time", message, 1, true)
   end)
end)

describe("a reader of a cache", function()
   it("sees all packages when the cache goes before it is opened", function()
      local path = before_and_after(OLD, NEW)
      do
         local w <close> = assert(database.change(path))
         assert(w:commit())
      end
      local state, kind = read_beside(path, {AT = "package.cache", cache = true},
         ("rm %s/package.cache"):format(path))
      assert.equal(OLD_STATE, state)
      assert.equal("folder\ttoday\tmissing", kind)
   end)
end)

describe("a reader of a database of GHC 6", function()
   local function record(name, stability)
      return ([[InstalledPackageInfo {package = PackageIdentifier {pkgName = "%s", pkgVersion =
         Version {versionBranch = [1], versionTags = []}}, license = BSD3, stability = "%s",
         exposed = True}]]):format(name, stability)
   end
   local function conf(name, stability)
      return ("[%s]"):format(record(name, stability))
   end
   local FOLDER = {p = conf("p", "old"), q = conf("q", "old"), r = conf("r", "old")}

   it("sees the new state when moonlink has made a whole change", function()
      local path, _, _, last = before_and_after(FOLDER, {})
      local script = support.write(support.tmpdir() .. "/writer.lua", ([[
         local w = assert(require "moonlink.pkg.database".change(%q))
         for _, name in ipairs {"p", "r", "s"} do
            assert(w:put {name = name, version = "1", stability = "new", exposed = true})
         end
         assert(w:remove {name = "q", version = "1"})
         assert(w:commit())]]):format(path))
      local state, kind = read_beside(path, {AT = last}, ("LD_PRELOAD=$OTHERS %s %s"):format(
         support.interpreter, script))
      assert.equal("p-1 new, r-1 new, s-1 new", state)
      assert.equal("old-folder\t6.6\tnone", kind)
   end)

   it("sees one of today when it has become one", function()
      local path, next_, _, last = before_and_after(FOLDER, NEW)
      local state, kind = read_beside(path, {AT = last}, ("mv %s/*.conf %s"):format(next_, path))
      assert.equal(NEW_STATE, state)
      assert.equal("folder\ttoday\tnone", kind)
   end)

   it("sees a whole file when one is written to in place", function()
      local dir = support.tmpdir()
      local path = support.write(dir .. "/package.conf", ("[%s,\n%s]"):format(record("p", "old"),
         record("q", "old")))
      for i, new in ipairs {conf("p", "new"),
         ("[%s,%s%s]"):format(record("p", "new"), (" "):rep(9000), record("r", "new"))} do
         support.write(dir .. "/next", new)
         local state = read_beside(path, {AT = "pread", NTH = "2"},
            ("cat %s/next > %s"):format(dir, path))
         assert.equal(i == 1 and "p-1 new" or "p-1 new, r-1 new", state)
      end
   end)
end)
