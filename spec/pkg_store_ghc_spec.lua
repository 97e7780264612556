--- Databases that moonlink and the real GHC share: the same cache byte for byte, the same lock, and
-- programs that GHC compiles against what moonlink registered. #ghc
-- SPDX-License-Identifier: MIT

local random = require "spec.support.random"
local support = require "spec.support"
local pkgdb = require "spec.support.pkgdb"
local database = require "moonlink.pkg.database"

local GHC_PKG = "ghc-pkg -v0 --no-user-package-db -f %s "

local function cache_of(path)
   return support.read(path .. "/package.cache")
end

local function global_database()
   return support.stdout "ghc --print-global-package-db"
end

--- Writes the cache again from the .conf files, as `recache` does, with GHC's database below.
local function recache(path)
   local w <close> = assert(database.change(path, {cache = false}))
   assert(w:commit {below = {assert(database.open(global_database()))}})
end

--- Fails where two texts begin to differ: they are too long to be printed.
local function same_bytes(expected, actual)
   if expected == actual then
      return
   end
   local at = 1
   while expected:byte(at) == actual:byte(at) do
      at = at + 1
   end
   error(("differ at %d: %q, %q"):format(at - 1, expected:sub(at - 40, at + 20),
      actual:sub(at - 40, at + 20)), 2)
end

describe("package.cache", function()
   it("of GHC's own packages is what ghc-pkg writes #ghc", function()
      local path = pkgdb.copy(global_database())
      support.sh(GHC_PKG .. "recache 2>&1", path)
      local theirs = cache_of(path)
      os.remove(path .. "/package.cache")
      recache(path)
      same_bytes(theirs, cache_of(path))
      assert.equal("fresh", assert(database.open(path)).cache.state)
   end)

   for seed = 1, 6 do
      it(("of generated packages is what ghc-pkg writes, seed %d #ghc"):format(seed), function()
         local below, path = random.new(seed), support.tmpdir() .. "/db"
         assert(database.init(path))
         local w <close> = assert(database.change(path))
         for i = 1, 60 do
            local p = pkgdb.random(below, i)
            p.instantiated_with = nil -- those that are not for GHC alone end ghc-pkg
            p.abi_depends = {"base-4.15.1.0=0123", ("gen-x%d-1=ff"):format(i // 2), "rts=ff"}
            assert(w:put(p))
         end
         assert(w:commit {below = {assert(database.open(global_database()))}})
         local put = cache_of(path)
         recache(path)
         local ours = cache_of(path)
         support.sh(GHC_PKG .. "recache 2>&1", path)
         same_bytes(cache_of(path), ours)
         assert.equal(#ours, #put)
      end)
   end

   it("gives both the same packages in the same order #ghc", function()
      local path = pkgdb.copy(global_database())
      local w <close> = assert(database.change(path))
      assert(w:put(pkgdb.package("first", "1")))
      assert(w:put(pkgdb.package("second", "1")))
      assert(w:commit())
      local ids = {}
      for id in support.sh(GHC_PKG .. "dump", path):gmatch "\nid: *(%S+)" do
         ids[#ids + 1] = id
      end
      local ours = {}
      for i, p in ipairs(assert(database.open(path)).packages) do
         ours[i] = p.id
      end
      assert.same(ids, ours)
   end)
end)

describe("a package that moonlink registered", function()
   it("is compiled against, linked and run by GHC #ghc #slow", function()
      local dir = support.tmpdir()
      support.write(dir .. "/Greeting.hs",
         "module Greeting (greeting) where\ngreeting :: String\ngreeting = \"hello from ours\"\n")
      support.write(dir .. "/main.hs", "import Greeting\nmain :: IO ()\nmain = putStrLn greeting\n")
      support.sh("cd %s && mkdir lib use && ghc -v0 -this-unit-id greet-1.0 -outputdir lib -c "
         .. "Greeting.hs && ar rcs lib/libHSgreet-1.0.a lib/Greeting.o && mv main.hs use", dir)
      local path = dir .. "/db"
      assert(database.init(path))
      local base = assert(database.open(global_database()))
      local base_id
      for _, p in ipairs(base.packages) do
         base_id = p.name == "base" and p.id or base_id
      end
      local w <close> = assert(database.change(path))
      assert(w:put {
         name = "greet", version = "1.0", id = "greet-1.0", key = "greet-1.0", abi = "inplace",
         exposed = true, exposed_modules = {"Greeting"}, import_dirs = {"${pkgroot}/lib"},
         library_dirs = {"${pkgroot}/lib"}, hs_libraries = {"HSgreet-1.0"}, depends = {base_id},
      })
      assert(w:commit {below = {base}})
      support.sh("cd %s/use && ghc -v0 -package-db %s -package greet main.hs -o main", dir, path)
      assert.equal("hello from ours\n", support.sh("%s/use/main", dir))
      assert.equal("greet-1.0\n", support.sh(GHC_PKG .. "list --simple-output", path))
      assert.equal("", support.sh(GHC_PKG .. "check 2>&1 | grep greet || true", path))
   end)
end)

describe("the lock", function()
   --- Does the process, or one that it has started, wait in fcntl for F_OFD_SETLKW?
   local function waits(pid)
      local script = "for p in %s $(cat /proc/%s/task/%s/children); do cat /proc/$p/syscall; done "
         .. "2>/dev/null || true"
      return support.sh(script, pid, pid, pid):find "72 0x%x+ 0x26 " ~= nil
   end

   local function eventually(question)
      for _ = 1, 3000 do -- a minute at least
         if question() then
            return
         end
         support.sh "sleep 0.02"
      end
      error "it never happens"
   end

   local function ended(pid)
      return support.exit("grep -q 'State:.[^ZX]' /proc/%s/status", pid) ~= 0
   end

   it("makes ghc-pkg wait for us #ghc #layout", function()
      -- With a fresh cache: without one it lists the .conf files before it takes the lock, and a
      -- package that comes meanwhile is lost.
      local path = pkgdb.folder {["p-1"] = pkgdb.text("p", "1")}
      recache(path)
      local w <close> = assert(database.change(path))
      assert(w:put(pkgdb.package("q", "1")))
      local pid = support.stdout(GHC_PKG .. "hide p >%s.out 2>&1 & echo $!", path, path)
      eventually(function()
         return waits(pid)
      end)
      assert(w:commit())
      eventually(function()
         return ended(pid)
      end)
      assert.equal("p-1 hidden\nq-1", pkgdb.state(assert(database.open(path))))
   end)

   it("makes us wait for ghc-pkg #ghc #layout", function()
      local path = pkgdb.folder {["p-1"] = pkgdb.text("p", "1")}
      support.write(path .. ".conf", pkgdb.text("q", "1"))
      -- It has the lock while it reads what to register, which does not come yet.
      local pid = support.stdout("{ while ! test -e %s.go; do sleep 0.02; done; cat %s.conf; } | "
         .. GHC_PKG .. "register - >%s.out 2>&1 & echo $!", path, path, path, path)
      local w, err
      eventually(function()
         w, err = database.change(path, {wait = false})
         if w then
            w:abort()
         end
         return not w
      end)
      assert.equal("is locked", err.reason)
      support.write(path .. ".go", "")
      local mine <close> = assert(database.change(path))
      assert.equal("p-1\nq-1", pkgdb.state(mine.db))
      eventually(function()
         return ended(pid)
      end)
   end)
end)
