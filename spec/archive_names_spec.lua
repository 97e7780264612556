-- Names looked up in archives whose names begin alike, as those of a GHC package or of a namespace
-- do: the first look-up in an archive that was just opened, and later ones.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

--- An archive whose GNU index has these names, all of its first member; `count` may lie.
local function archive(names, count, wide)
   local member = ("%-48s%-10d`\n"):format("a.o/", 0)
   local number = wide and ">I8" or ">I4"
   local size = number:pack(0):len()
   local text = table.concat(names, "\0") .. (#names > 0 and "\0" or "")
   local length = size * (#names + 1) + #text
   local at = 8 + 60 + length + length % 2
   local content = number:pack(count or #names) .. number:pack(at):rep(#names) .. text
   return "!<arch>\n" .. ("%-48s%-10d`\n"):format(wide and "/SYM64/" or "/", length) .. content
      .. ("\n"):rep(length % 2) .. member
end

local function file(bytes)
   return support.write(dir .. "/made.a", bytes)
end

local function finds(path, name)
   local member, err = core.find(path, name)
   assert.is_nil(err)
   return member ~= nil
end

--- Names of 24 bytes with their end, all but the first eight counted.
local function alike(n)
   local names = {}
   for i = 1, n do
      names[i] = ("alike_%017d"):format(i)
   end
   return names
end

describe("a name in an archive whose names begin alike", function()
   it("is found wherever in the index it stands, and no other", function()
      for _, n in ipairs {10, 3500} do -- kept in memory, and not
         for _, wide in ipairs {false, true} do
            local path = file(archive(alike(n), nil, wide))
            for _, i in ipairs {1, 2, n // 2, n} do
               assert.is_true(finds(path, ("alike_%017d"):format(i)), i)
            end
            assert.is_false(finds(path, ("alike_%017d"):format(n + 1)))
            assert.is_false(finds(path, "alike_"))
            assert.is_false(finds(path, "alike"))
            assert.is_false(finds(path, "unlike_any"))
            assert.is_false(finds(path, ""))
         end
      end
   end)

   it("is found when it alone begins otherwise", function()
      local names = alike(6000)
      local whole = table.concat(names, "\0") .. "\0"
      local function check(at) -- the name in front of it grows until it ends there
         local i = at // 24
         local before = names[i]
         names[i] = before .. ("x"):rep(at - (i * 24 - 1))
         for _, odd in ipairs {"o", "odd_one", "odd_name", "odd_names_too"} do
            local after = names[i + 1]
            names[i + 1] = odd
            local path = file(archive(names))
            assert.is_true(finds(path, odd), ("%s at %d"):format(odd, at + 1))
            assert.is_false(finds(path, odd .. "s"), ("%s at %d"):format(odd, at + 1))
            assert.is_true(finds(path, names[i + 2]))
            names[i + 1] = after
         end
         names[i] = before
      end
      assert.equal(24 * 6000, #whole)
      for _, border in ipairs {4 << 10, (4 << 10) + (64 << 10)} do -- what is read at a time
         for at = border - 10, border + 2 do
            check(at)
         end
         check(border + 63)
         check(border + 64)
      end
      names[1], names[#names] = "first", "last"
      assert.is_true(finds(file(archive(names)), "first"))
      assert.is_true(finds(file(archive(names)), "last"))
   end)

   it("is found beside short ones and such as another begins with", function()
      local names = {"a", "ab", "abcdefg", "abcdefgh", "abcdefghi", "abcdefgh\255", "z"}
      local path = file(archive(names))
      for _, name in ipairs(names) do
         assert.is_true(finds(path, name), name)
      end
      for _, name in ipairs {"b", "abc", "abcdef", "abcdefghij", "zz", "\255"} do
         assert.is_false(finds(path, name), name)
      end
   end)

   it("is found beside many that begin otherwise", function()
      for _, n in ipairs {63, 64, 65, 500, 20000} do
         local names = {}
         for i = 1, n do
            names[i] = ("%08d_begins_so"):format(i)
         end
         local path = file(archive(names))
         assert.is_true(finds(path, names[1]))
         assert.is_true(finds(path, names[n]))
         assert.is_false(finds(path, names[n] .. "_"))
         assert.is_false(finds(path, "other"))
      end
   end)

   it("is found behind empty names, and an archive without any has none", function()
      local names = {}
      for i = 1, 100 do
         names[i] = i % 10 == 0 and "a_name" or ""
      end
      assert.is_true(finds(file(archive(names)), "a_name"))
      assert.is_true(finds(file(archive(names)), ""))
      assert.is_false(finds(file(archive {}), "a_name"))
   end)
end)

describe("an index that is wrong", function()
   it("is an error, whatever name was looked for", function()
      local large, small = alike(4000), alike(4)
      for _, names in ipairs {small, large} do
         for _, count in ipairs {#names + 1, #names * 2, 0xffffffff} do
            local path = file(archive(names, count))
            for _, name in ipairs {names[1], names[#names], "another"} do
               local member, err = core.find(path, name)
               assert.is_nil(member)
               assert.equal("format", err.code)
               assert.truthy(err.message:find("the index of the archive is damaged", 1, true))
            end
         end
      end
   end)
end)

describe("an archive in reach", function()
   local library, other, objects = dir .. "/library.a", dir .. "/other.a", {}

   setup(function()
      local code = {}
      for i = 1, 4000 do
         code[i] = (".globl library_%06d\nlibrary_%06d = %d\n"):format(i, i, i)
      end
      support.write(dir .. "/code.s", table.concat(code))
      for _, name in ipairs {"library", "other", "plain"} do
         objects[name] = ("%s/%s.o"):format(dir, name)
      end
      support.sh("as -o %s %s/code.s", objects.library, dir)
      support.cc(objects.other, "int other_name(void) { return 5; } int library_other = 6;")
      support.cc(objects.plain, "extern int absent __attribute__((weak)); int *plain = &absent;")
      support.sh("ar rc %s %s && ar rc %s %s", library, objects.library, other, objects.other)
   end)

   local function load(ln, ...)
      return ln:load {roots = {...}, library, other}
   end

   it("gives a member after names that it had not", function()
      local ln <close> = moonlink.new {}
      local unit = assert(load(ln, "other_name", "library_other", "library_000007"))
      assert.equal(7, assert(ln:address_of "library_000007"))
      assert.equal(2, unit.stats.objects)
      assert.equal(5, ln:func "int other_name(void)" ())
   end)

   it("gives a later load what the first did not want", function()
      local ln <close> = moonlink.new {}
      local first = assert(load(ln, "other_name"))
      assert.equal(1, first.stats.objects)
      local second = assert(ln:load {roots = {"library_003999"}})
      assert.equal(1, second.stats.objects)
      assert.equal(3999, assert(ln:address_of "library_003999"))
   end)

   it("that was written to since is an error of the load that may want it", function()
      local ln <close> = moonlink.new {}
      local copy = dir .. "/copy.a"
      local bytes = support.read(library)
      support.write(copy, bytes)
      assert(ln:load {roots = {"other_name"}, copy, other})
      support.write(copy, bytes:gsub("library_", "another_") .. "\n")
      assert(ln:load {objects.plain})
      local unit, err = ln:load {roots = {"library_000001"}}
      assert.is_nil(unit)
      assert.equal("io", err.code)
      assert.equal(copy, err.file)
      assert.truthy(err.message:find("changed on disk", 1, true))
   end)
end)

describe("the system's archives #slow", function()
   --- The member of the first of equal names, by name, as nm says it.
   local function members_of(path)
      local members, list = {}, {}
      local text = support.sh("LC_ALL=C nm -s %s 2>/dev/null", path)
      local listed = text:match "Archive index:\n(.-)\n\n" or ""
      for name, member in listed:gmatch "(%S+) in ([^\n]+)" do
         if not members[name] then
            members[name] = member
            list[#list + 1] = name
         end
      end
      return members, list
   end

   it("give the member that nm does for each name", function()
      local pipe <close> = assert(io.popen "find /usr/lib -name 'lib[g-p]*.a' -type f | sort")
      for path in pipe:lines() do
         if core.kind(path) == "archive" then
            local members, list = members_of(path)
            for i = 1, #list, #list // 30 + 1 do
               assert.equal(members[list[i]], core.find(path, list[i]).name, path)
               local none = list[i] .. "_not_there"
               assert.equal(members[none], core.find(path, none), path)
            end
         end
      end
   end)
end)
