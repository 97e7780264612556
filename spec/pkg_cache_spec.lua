--- GHC's package.cache: what is written is compared with bytes spelt out by the rules of
-- Data.Binary, what is read with what was written, and nothing that a file holds may do harm.
-- SPDX-License-Identifier: MIT

local random = require "spec.support.random"
local support = require "spec.support"
local pkgdb = require "spec.support.pkgdb"
local database = require "moonlink.pkg.database"

local u64, bytes, chars, list = pkgdb.u64, pkgdb.bytes, pkgdb.chars, pkgdb.list
local NONE = u64(0)

local function cache_of(path)
   return support.read(path .. "/package.cache")
end

--- A new database with packages that were put into it in order.
local function made(packages, below)
   local path = support.tmpdir() .. "/db"
   assert(database.init(path))
   local w <close> = assert(database.change(path))
   for _, p in ipairs(packages) do
      assert(w:put(p))
   end
   local ok, notes = assert(w:commit {below = below})
   return path, ok and notes
end

--- A package as GHC's part has it. Lists that are absent are empty.
local function for_ghc(p)
   local function strings(field)
      return list(p[field] or {}, chars)
   end
   local fields = {}
   for i, field in ipairs {"import_dirs", "hs_libraries", "extra_libraries", "ghci", "library_dirs",
      "dynamic_library_dirs", "frameworks", "framework_dirs", "ld_options", "cc_options",
      "includes", "include_dirs", "haddock_interfaces", "haddock_html"} do
      fields[i] = strings(field)
   end
   return table.concat {
      bytes(p.name .. "-" .. table.concat(p.numbers, ".")), bytes(p.name), list(p.numbers, u64),
      NONE, p.lib and "\1" .. bytes(p.lib) or "\0", bytes(p.id), bytes(p.id),
      p.ghc_instances or NONE, chars(p.abi), list(p.depends or {}, bytes),
      p.ghc_hashes or NONE, table.concat(fields), p.ghc_modules or NONE,
      list(p.hidden or {}, bytes), "\0", p.exposed and "\1" or "\0", "\0",
   }
end

--- The same as ghc-pkg's part has it.
local function whole(p)
   local function strings(field)
      return list(p[field] or {}, chars)
   end
   return table.concat {
      bytes(p.name), p.version, p.lib and "\1" .. bytes(p.lib) or "\0", bytes "",
      p.private and "\1" or "\0", bytes(p.id), p.instances or NONE, chars(p.id),
      p.license or "\0\0", bytes(p.copyright or ""), bytes(""):rep(6),
      bytes(p.description or ""), bytes "", bytes(p.abi), "\0", p.exposed and "\1" or "\0",
      p.modules or NONE, list(p.hidden or {}, bytes), "\0", strings "import_dirs",
      strings "library_dirs", strings "dynamic_library_dirs", chars(p.data_dir or ""),
      strings "hs_libraries", strings "extra_libraries", strings "ghci", strings "include_dirs",
      strings "includes", list(p.depends or {}, bytes), p.hashes or NONE, strings "cc_options",
      strings "cxx_options", strings "ld_options", strings "framework_dirs", strings "frameworks",
      strings "haddock_interfaces", strings "haddock_html", "\0",
   }
end

--- Cabal packs up to four small numbers into one word, each one more, from the top.
local function packed(...)
   local word = 0
   for i, n in ipairs {...} do
      word = word | (n + 1) << (64 - 16 * i)
   end
   return "\0" .. string.pack(">i8", word)
end

describe("what is written to package.cache", function()
   it("is 40 bytes for an empty database", function()
      assert.equal(pkgdb.cache({}, {}), cache_of((made {})))
      assert.equal(40, #pkgdb.cache({}, {}))
   end)

   it("counts the characters of strings and the bytes of names and texts", function()
      local path = made {pkgdb.package("p", "1.2", {
         description = "naïve", import_dirs = {"/é/日本"}, ld_options = {"-Wl,-rpath", "😀"},
         data_dir = "/ö", hidden_modules = {"Älter"}, depends = {"base-4"},
      })}
      local p = {
         name = "p", numbers = {1, 2}, version = packed(1, 2), id = "p-1.2", abi = "inplace",
         exposed = true, description = "naïve", import_dirs = {"/é/日本"}, data_dir = "/ö",
         ld_options = {"-Wl,-rpath", "😀"}, hidden = {"Älter"}, depends = {"base-4"},
      }
      assert.equal(pkgdb.cache({for_ghc(p)}, {whole(p)}), cache_of(path))
   end)

   it("has what was put last first, as ghc-pkg has it", function()
      local path = made {pkgdb.package("p", "1"), pkgdb.package("q", "1")}
      local ids = {}
      for i, p in ipairs(assert(database.open(path)).packages) do
         ids[i] = p.id
      end
      assert.same({"q-1", "p-1"}, ids)
   end)

   for text, expected in pairs {
      ["1"] = packed(1), ["0.65534"] = packed(0, 65534), ["1.2.3.4"] = packed(1, 2, 3, 4),
      ["65535"] = "\1" .. u64(65535) .. NONE,
      ["1.2.3.4.5"] = "\1" .. u64(1) .. list({2, 3, 4, 5}, u64),
   } do
      it("has the version " .. text, function()
         local numbers = {}
         for digits in text:gmatch "%d+" do
            numbers[#numbers + 1] = math.tointeger(digits)
         end
         local p = {name = "p", numbers = numbers, version = expected, id = "p-" .. text,
            abi = "inplace", exposed = true}
         assert.equal(pkgdb.cache({for_ghc(p)}, {whole(p)}),
            cache_of((made {pkgdb.package("p", text)})))
      end)
   end

   -- The numbers are places in the SPDX list of Cabal 3.4, as its `encode` printed them.
   local mit, isc, zlib = "\0\0\0\xe5\0", "\0\0\0\xbf\0", "\0\0\1\x87\0"
   for text, expected in pairs {
      ["NONE"] = "\0\0", ["MIT"] = "\0\1" .. mit, ["MIT+"] = "\0\1\0\1\0\xe5\0",
      ["0BSD"] = "\0\1\0\0\0\0\0", ["MIT AND ISC"] = "\0\1\1" .. mit .. isc,
      ["MIT OR ISC AND Zlib"] = "\0\1\2" .. mit .. "\1" .. isc .. zlib,
      ["(MIT OR ISC) AND Zlib"] = "\0\1\1\2" .. mit .. isc .. zlib,
      ["MIT OR ISC OR Zlib"] = "\0\1\2" .. mit .. "\2" .. isc .. zlib,
      ["GPL-2.0-only WITH Classpath-exception-2.0"] = "\0\1\0\0\0\xaa\1\5",
      ["LicenseRef-foo"] = "\0\1\0\2\0" .. chars "foo" .. "\0",
      ["DocumentRef-x:LicenseRef-foo"] = "\0\1\0\2\1" .. chars "x" .. chars "foo" .. "\0",
      ["GPL"] = "\1\0\0", ["GPL-3"] = "\1\0\1" .. packed(3),
      ["LGPL-2.1"] = "\1\2\1" .. packed(2, 1),
      ["MPL-2"] = "\1\8" .. packed(2), ["BSD3"] = "\1\4", ["PublicDomain"] = "\1\10",
      ["AllRightsReserved"] = "\1\11", ["OtherLicense"] = "\1\13",
      ["Own-1.2"] = "\1\14" .. chars "Own-1.2",
   } do
      it("has the licence " .. text, function()
         local p = {name = "p", numbers = {1}, version = packed(1), id = "p-1", abi = "inplace",
            exposed = true, license = expected}
         assert.equal(pkgdb.cache({for_ghc(p)}, {whole(p)}),
            cache_of((made {pkgdb.package("p", "1", {license = text})})))
      end)
   end

   it("has libraries inside a package, re-exports and instances", function()
      local path = made {pkgdb.package("z-pkg-z-lib", "1", {
         package_name = "pkg", lib_name = "lib", id = "pkg-1-lib", key = "pkg-1-lib",
         exposed_modules = {"A", "B from base-4:Data.List"},
         instantiated_with = {"H=base-4:Prelude", "I=c-1[J=<K>]:L"},
      })}
      local p = {
         name = "pkg", lib = "lib", private = true, numbers = {1}, version = packed(1),
         id = "pkg-1-lib", abi = "inplace", exposed = true,
         ghc_modules = u64(2) .. bytes "A" .. "\0" .. bytes "B" .. "\1\0\0" .. bytes "base-4"
            .. bytes "Data.List",
         modules = u64(2) .. bytes "A" .. "\0" .. bytes "B" .. "\1\0\1" .. bytes "base-4"
            .. bytes "Data.List",
         ghc_instances = u64(2) .. bytes "H" .. "\0\0" .. bytes "base-4" .. bytes "Prelude"
            .. bytes "I" .. "\0\1" .. bytes "c-1" .. u64(1) .. bytes "J" .. "\1" .. bytes "K"
            .. bytes "L",
         instances = u64(2) .. bytes "H" .. "\0\1" .. bytes "base-4" .. bytes "Prelude"
            .. bytes "I" .. "\0\0" .. bytes "c-1" .. u64(1) .. bytes "J" .. "\1" .. bytes "K"
            .. bytes "L",
      }
      assert.equal(pkgdb.cache({for_ghc(p)}, {whole(p)}), cache_of(path))
   end)

   it("tells GHC the hashes of what is there once, in this database or below", function()
      local low = assert(database.open((made {pkgdb.package("low", "1", {abi = "cafe"}),
         pkgdb.package("twice", "1")})))
      local path, notes = made({
         pkgdb.package("twice", "1", {abi = "f00d"}),
         pkgdb.package("p", "1", {abi_depends = {"low-1=old", "twice-1=f00d", "missing-1=x"}}),
      }, {low})
      local twice = {
         name = "twice", numbers = {1}, version = packed(1), id = "twice-1", abi = "f00d",
         exposed = true,
      }
      local p = {
         name = "p", numbers = {1}, version = packed(1), id = "p-1", abi = "inplace",
         exposed = true,
         ghc_hashes = u64(1) .. bytes "low-1" .. chars "cafe",
         hashes = u64(3) .. bytes "low-1" .. bytes "old" .. bytes "twice-1" .. bytes "f00d"
            .. bytes "missing-1" .. bytes "x",
      }
      assert.equal(pkgdb.cache({for_ghc(p), for_ghc(twice)}, {whole(p), whole(twice)}),
         cache_of(path))
      assert.same({"p"}, notes.abi)
   end)
end)

--- All fields of all packages as one text, but where they were read.
local function all_fields(db)
   local lines = {}
   for i = 1, #db.infos do
      lines[i] = db.infos:print(i, {extra = false})
   end
   table.sort(lines)
   return table.concat(lines, "---\n")
end

describe("what is read from package.cache", function()
   for seed = 1, 8 do
      it("is what the .conf files say, seed " .. seed, function()
         local below, packages = random.new(seed), {}
         for i = 1, 20 do
            packages[i] = pkgdb.random(below, i)
         end
         local path = made(packages)
         local cached = assert(database.open(path))
         local read = assert(database.open(path, {cache = false}))
         assert.equal("fresh", cached.cache.state)
         assert.equal("none", read.cache.state)
         assert.equal(20, #cached.packages)
         assert.equal(all_fields(read), all_fields(cached))
      end)
   end

   it("counts as long as no .conf file is newer", function()
      local path = made {pkgdb.package("p", "1")}
      local function state()
         return assert(database.open(path)).cache
      end
      support.sh("touch -d @1000.5 %s/package.cache; touch -d @1000.5 %s/p-1.conf", path, path)
      assert.equal("fresh", state().state)
      support.sh("touch -d @1000.500000001 %s/p-1.conf", path)
      assert.equal("stale", state().state)
      assert.equal("p-1.conf", state().newer)
      support.sh("rm %s/p-1.conf", path)
      assert.equal("fresh", state().state)
      support.sh("rm %s/package.cache", path)
      assert.same({state = "missing"}, state())
   end)

   it("has the x- fields of the .conf files, too", function()
      local path = made {pkgdb.package("p", "1", {extra = {{name = "x-mine", value = "kept"}}})}
      local db = assert(database.open(path))
      assert.equal("fresh", db.cache.state)
      assert.same({{name = "x-mine", value = "kept"}}, db.packages[1].extra)
   end)
end)

describe("a cache that cannot be read", function()
   local path = made {pkgdb.random(random.new(7), 1), pkgdb.random(random.new(8), 2)}
   local good = cache_of(path)
   local expected = all_fields(assert(database.open(path, {cache = false})))

   local function opened(cache)
      support.write(path .. "/package.cache", cache)
      local db = assert(database.open(path))
      assert.equal(2, #db.packages)
      return db
   end

   it("says so whatever its length, and the .conf files are read", function()
      for n = 0, #good - 1, 17 do
         local db = opened(good:sub(1, n))
         assert.equal("corrupt", db.cache.state, n)
         assert.matches("not enough bytes", n < 8 and "not enough bytes" or db.cache.error.reason)
         assert.matches("recache", db.cache.error.hint)
         assert.equal(expected, all_fields(db))
      end
   end)

   it("does no harm whatever byte is another one #slow", function()
      for at = 0, #good - 1 do
         for _, byte in ipairs {"\0", "\1", "\xff", "\x80"} do
            support.write(path .. "/package.cache", support.patch(good, at, byte))
            local db = assert(database.open(path))
            all_fields(db)
            assert(db.cache.state == "fresh" or db.cache.state == "corrupt"
               or db.cache.state == "foreign", db.cache.state)
         end
      end
   end)

   it("has bytes too many", function()
      assert.equal("corrupt", opened(good .. "\0").cache.state)
   end)

   it("is no cache at all", function()
      local cache = opened("hello, world").cache
      assert.equal("not a ghc-pkg db file, wrong file magic number", cache.error.reason)
      assert.equal(path .. "/package.cache", cache.error.file)
   end)

   it("is of another version of the format", function()
      local cache = opened(support.patch(good, 8, "\0\0\0\2")).cache
      assert.equal("foreign", cache.state)
      assert.matches("unsupported ghc%-pkg db format version", cache.error.message)
   end)

   it("is of a later GHC, whose records have more fields", function()
      local p = {name = "p", numbers = {1}, version = packed(1), id = "p-1", abi = "inplace"}
      local record = whole(p)
      local tail = 1 + 7 * 8 + 8 + 8 + 8 + 8 + 8 -- from the end to behind extra-libraries
      local with_libs = record:sub(1, -tail - 1) .. NONE .. record:sub(-tail)
      local dirs = tail + 8 + 8 + 8 + 8 + 8 -- to behind library-dirs, the new list included
      local cache = opened(pkgdb.cache({}, {with_libs:sub(1, -dirs - 1) .. NONE
         .. with_libs:sub(-dirs)})).cache
      assert.equal("foreign", cache.state)
      assert.matches("9%.4 or later", cache.error.message)
      local w, err = database.change(path)
      assert.is_nil(w)
      assert.matches("the ghc%-pkg of the GHC that it belongs to", err.hint)
      local again <close> = assert(database.change(path, {cache = false}))
      assert(again:commit())
      assert.equal("fresh", assert(database.open(path)).cache.state)
   end)

   it("is nested without end", function()
      local deep = ("\0\0" .. bytes "c" .. u64(1) .. bytes "H"):rep(100000)
      local head = bytes "p" .. packed(1) .. "\0" .. bytes "" .. "\0" .. bytes "p-1"
      assert.equal("corrupt", opened(pkgdb.cache({}, {head .. u64(1) .. bytes "H" .. deep
         .. ("\0"):rep(400)})).cache.state)
      assert.equal("corrupt", opened(pkgdb.cache({}, {head .. NONE .. chars "p-1" .. "\0\1"
         .. ("\2"):rep(100000)})).cache.state)
   end)
end)
