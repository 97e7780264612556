--- Package databases: whichever call fails, what was there stays, or what was asked for is there,
-- and nothing else lies about. Run by `make fault`.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local fault = require "spec.support.fault"
local pkgdb = require "spec.support.pkgdb"
local core = require "moonlink.core"
local database = require "moonlink.pkg.database"

local function made()
   local path = support.tmpdir() .. "/db"
   assert(database.init(path))
   local w <close> = assert(database.change(path))
   assert(w:put(pkgdb.package("p", "1")))
   assert(w:put(pkgdb.package("q", "1")))
   assert(w:commit())
   return path
end

local function open_files()
   return support.sh "ls /proc/$PPID/fd"
end

--- Both views, which must agree.
local function state(path)
   local cached = pkgdb.state(assert(database.open(path)))
   assert.equal(cached, pkgdb.state(assert(database.open(path, {cache = false}))))
   return cached
end

describe("reading a package database", function()
   for _, cache in ipairs {true, false} do
      local how = cache and "with" or "without"
      it(("gives it whole, or an error, %s a cache"):format(how), function()
         local path = made()
         local function action()
            local infos, err = core.pkg.read(path, cache)
            return infos and #infos, err
         end
         action()
         local blocks, files = fault.blocks(), open_files()
         local count = fault.each(action, function(_, failed, ok, n, err)
            assert(ok, n)
            if n then
               assert.equal(2, n)
            else
               assert(failed and type(err.message) == "string", err)
            end
         end)
         assert(count > 10, count)
         assert.equal(blocks, fault.blocks())
         assert.equal(files, open_files())
      end)
   end
end)

describe("changing a package database", function()
   local function change(path)
      local w <close>, err = database.change(path)
      if not w then
         return nil, err
      end
      local ok
      w:remove {id = "p-1"}
      for _, name in ipairs {"q", "r", "s"} do
         ok, err = w:put(pkgdb.package(name, "1", {exposed = false}))
         if not ok then
            return nil, err
         end
      end
      return w:commit()
   end

   -- onwards: no call after the failing one succeeds either, as on a full disk.
   for _, onwards in ipairs {false, true} do
      it("is done or not" .. (onwards and ", also when all calls after it fail" or ""), function()
         local seen = {}
         local done = made()
         assert(change(done))
         local new, old = state(done), "p-1\nq-1"
         local path
         for n = 1, 2000 do
            path = made()
            local failed, ok, result, err = fault.run(n, function()
               return change(path)
            end, {onwards = onwards, kinds = "file"})
            assert(ok, result)
            local is = state(path)
            assert.equal(result and new or old, is, failed)
            if not result then
               assert.equal("string", type(err.message))
               seen[failed] = true
               if not onwards then
                  assert.same({}, pkgdb.strangers(path), failed)
               end
            end
            local w <close> = assert(database.change(path))
            w:abort()
            assert.same({}, pkgdb.strangers(path), failed)
            assert.equal(is, state(path), failed)
            if not failed then
               break
            end
         end
         for _, name in ipairs {"openat", "write", "fsync", "renameat"} do
            assert(seen[name], name .. " never failed")
         end
      end)
   end

   it("forgets no memory and no file, whichever call fails", function()
      local path = made()
      assert(change(path))
      local blocks, files = fault.blocks(), open_files()
      fault.each(function()
         return change(path)
      end, function(_, _, ok, result)
         assert(ok or tostring(result):find "not enough memory", result)
      end, {kinds = "alloc file"})
      assert.equal(blocks, fault.blocks())
      assert.equal(files, open_files())
   end)

   it("says that the disk is full", function()
      local path = made()
      local found
      for n = 1, 2000 do
         local failed, _, result, err = fault.run(n, function()
            return change(path)
         end, {kinds = "file"})
         if failed == "write" and not result then
            found = err
            break
         end
      end
      assert.matches("No space left on device", found.reason)
      assert.matches("nothing was changed", found.hint)
      assert.equal(path, found.file:match "^(.*)/")
   end)
end)
