--- Mistakes of a program that uses moonlink.pkg: told at its line, and no call waits for itself.
-- SPDX-License-Identifier: MIT

local pkg = require "moonlink.pkg"
local pkgdb = require "spec.support.pkgdb"
local support = require "spec.support"

local function new()
   local path = support.tmpdir() .. "/db"
   assert(pkg.init(path))
   return path
end

-- What the call raises, without this file's name; nil when it does not.
local function raised(fn, ...)
   local args = table.pack(...)
   local good, err = pcall(function()
      fn(table.unpack(args, 1, args.n))
   end)
   return not good and tostring(err):match "^spec/pkg_misuse_spec%.lua:%d+: (.*)$"
      or not good and "ELSEWHERE " .. tostring(err) or nil
end

describe("a mistake is told at the caller's line:", function()
   local names = {"open", "init", "change", "print", "copy", "old", "modern", "expand", "select",
      "select_exact", "find_module", "order", "broken", "why", "closure", "reverse", "dependants",
      "compare", "zenc", "zdec", "parse_symbol", "make_symbol", "state", "lookup", "environment",
      "check", "plan", "diff_plans", "read_plan", "register", "unregister", "refresh", "draw",
      "diff", "convert", "parse"}
   for _, name in ipairs(names) do
      it(name .. " of what it does not take", function()
         for _, value in pairs {true, print, false, io.stdout} do
            assert.matches(("^bad argument #1 to '%s' %%(.* expected, got %s%%)$"):format(name,
               type(value)), raised(pkg[name], value))
         end
         assert.matches("got no value%)$", raised(pkg[name]))
      end)
   end

   it("later arguments, and what lists hold", function()
      assert.matches("#2 to 'why'", raised(pkg.why, {}, 3, "a"))
      assert.matches("#2 to 'compare'", raised(pkg.compare, "1", 2))
      assert.matches("#1 to 'order' %(list of packages", raised(pkg.order, {"a-1"}))
      assert.matches("#2 to 'closure' %(list of strings", raised(pkg.closure, {}, {{}}))
      assert.matches("#1 to 'draw' %(list of databases", raised(pkg.draw, {{}}))
      assert.matches("#3 to 'unregister' %(list of what pkg.select gives",
         raised(pkg.unregister, {}, {}, {pkgdb.package("p", "1")}))
      assert.matches("databases", raised(pkg.state, {}))
      assert.matches("databases", raised(pkg.state, {databases = {"global"}}))
      assert.matches("flags", raised(pkg.state, {databases = {}, flags = "-package x"}))
      assert.matches("string expected, got nil", raised(pkg.make_symbol, {}))
   end)

   it("one database, or a stack, where a list is wanted", function()
      local db = assert(pkg.open(new()))
      local stack = assert(pkg.stack {named = {db.path}, global = db.path, no_user = true})
      assert.matches("#1 to 'diff' %(list of packages expected, got a database%)",
         raised(pkg.diff, db, db))
      assert.matches("#1 to 'register' %(list of databases expected, got a stack%)",
         raised(pkg.register, stack, db, {}))
      assert.matches("#2 to 'refresh' %(list of databases expected, got a database%)",
         raised(pkg.refresh, {db}, db))
   end)

   it("fields of a package", function()
      local w <close> = assert(pkg.change(new()))
      for field, bad in pairs {name = 1, id = {}, version = false, depends = "a", exposed = "True",
         exposed_modules = {{}}, extra = {{}}, description = print} do
         local p = pkgdb.package("p", "1")
         p[field] = bad
         assert.matches("field '" .. field .. "': %l+ expected", raised(w.put, w, p), field)
         assert.matches("field '" .. field .. "': %l+ expected", raised(pkg.print, p), field)
      end
      for _, bad in pairs {true, 3, "p-1"} do
         assert.matches("a package %(a table%) expected", raised(w.put, w, bad))
         assert.matches("a package %(a table%) expected", raised(w.remove, w, bad))
      end
   end)

   it("a commit on top of what is no database, which does not end the change", function()
      local path = new()
      local w <close> = assert(pkg.change(path))
      assert(w:put(pkgdb.package("p", "1")))
      assert.matches("^below: a list of databases", raised(w.commit, w, {below = {path}}))
      assert(w:commit())
      assert.equal("p-1", pkg.open(path).packages[1].id)
   end)

   it("what comes after the end of a change", function()
      local w <close> = assert(pkg.change(new()))
      assert(w:commit())
      for _, name in ipairs {"put", "remove", "commit"} do
         assert.equal("the change was committed or aborted before", raised(w[name], w, {id = "p"}))
      end
      w:abort()
   end)

   it("a path with a NUL is no path", function()
      local path = new()
      for _, name in ipairs {"open", "change", "init"} do
         assert.matches(("#1 to '%s' %%(path without NUL"):format(name),
            raised(pkg[name], path .. "\0x"))
      end
   end)
end)

describe("a second change of a database in one Lua state", function()
   local function refuses(path, other)
      local w <close> = assert(pkg.change(path))
      local second, err = pkg.change(other)
      assert.is_nil(second)
      assert.equal("state", err.code)
      assert.matches("is being changed by this program already", err.message, 1, true)
      w:abort()
      local third <close> = assert(pkg.change(other))
      assert.is_table(third.db)
   end

   it("is refused and does not wait for ever, whatever the path looks like", function()
      local path = new()
      refuses(path, path)
      refuses(path, path .. "/")
      refuses(path, path .. "/../db")
      support.sh("ln -s db %s/../link", path)
      refuses(path, path .. "/../link")
   end)

   it("is refused for a database that is one file, too", function()
      local path = support.write(support.tmpdir() .. "/conf", "[]\n")
      refuses(path, path)
   end)

   it("goes well for another database", function()
      local w <close> = assert(pkg.change(new()))
      local v <close> = assert(pkg.change(new()))
      assert.is_true(w:commit() and v:commit())
   end)
end)
