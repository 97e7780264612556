-- Archives: what `ar` of GNU and of LLVM write, and what a broken one gets.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local support = require "spec.support"

local dir = support.tmpdir()

local function header(name, size)
   name = name .. (" "):rep(16 - #name)
   return name .. ("%-12s%-6s%-6s%-8s%-10s`\n"):format(0, 0, 0, 644, size)
end

--- An archive made of header and content pairs; odd contents are filled up.
local function archive(pairs_of, magic)
   local parts = {magic or "!<arch>\n"}
   for i = 1, #pairs_of, 2 do
      local content = pairs_of[i + 1]
      parts[#parts + 1] = header(pairs_of[i], #content) .. content
      parts[#parts + 1] = #content % 2 == 1 and "\n" or ""
   end
   return table.concat(parts)
end

local function file(name, bytes)
   return support.write(dir .. "/" .. name, bytes)
end

local function names(path)
   local list = {}
   for i, member in ipairs(assert(core.members(path))) do
      list[i] = member.name
   end
   return list
end

local function lines(text)
   local list = {}
   for line in text:gmatch "[^\n]+" do
      list[#list + 1] = line
   end
   return list
end

--- "NAME in MEMBER" for each name of the index, as `nm -s` prints it.
local function index(path)
   local name_by_header, list = {}, {}
   for _, member in ipairs(assert(core.members(path))) do
      name_by_header[member.header] = member.name
   end
   for i, entry in ipairs(assert(core.index(path))) do
      list[i] = entry.name .. " in " .. name_by_header[entry.header]
   end
   return list
end

local function index_of_nm(path)
   local text = support.sh("LC_ALL=C nm -s %s 2>/dev/null", path)
   return lines(text:match "Archive index:\n(.-)\n\n" or "")
end

local function failure(path, call)
   local result, err = (call or core.members)(path)
   assert.is_nil(result)
   assert.equal(path, err.file)
   return err
end

local LONG = "a_member_with_a_name_of_more_than_fifteen_characters.o"

setup(function()
   support.sh("mkdir -p %s/sub", dir)
   support.cc(dir .. "/one.o", "int one(void) { return 1; } int shared_name;")
   support.cc(dir .. "/two.o", [[
      int two(void) { return 2; } int shared_name; static int hidden_here;
      __attribute__((weak)) int weak_one; extern int wanted; int *use(void) { return &wanted; }
      int *keep(void) { return &hidden_here; }]], "-fcommon")
   support.cc(dir .. "/sub/" .. LONG, "int long_name(void) { return 3; }")
end)

local function build(command, ...)
   support.sh("cd %s && rm -f made.a && %s", dir, command:format(...))
   return dir .. "/made.a"
end

describe("an archive", function()
   it("lists its members as ar does", function()
      local path = build("ar rc made.a one.o two.o sub/%s", LONG)
      assert.same(lines(support.sh("ar t %s", path)), names(path))
      assert.same({"one.o", "two.o", LONG}, names(path))
   end)

   it("has the index that nm prints", function()
      local path = build("ar rc made.a one.o two.o sub/%s", LONG)
      assert.same(index_of_nm(path), index(path))
   end)

   it("gives the bytes of a member", function()
      local path = build("ar rc made.a one.o sub/%s two.o", LONG)
      for i, name in ipairs {"one.o", "sub/" .. LONG, "two.o"} do
         local member = core.members(path)[i]
         local bytes = assert(core.member(path, member.header))
         assert.is_true(bytes == support.read(dir .. "/" .. name), name)
         assert.equal(#bytes, member.size)
      end
   end)

   it("takes the first of two members that define a name", function()
      local path = build "ar rc made.a two.o one.o"
      assert.equal("two.o", core.find(path, "shared_name").name)
      assert.equal("one.o", core.find(path, "one").name)
      assert.is_nil(core.find(path, "wanted"))
      assert.is_nil(core.find(path, "one\0"))
   end)

   --- An object that defines 40 copies' worth of common names and `count` names of its own.
   local function many_names(path, number, count)
      local text = {}
      for i = 1, 40 do
         local name = "shared_by_all_of_them_" .. i
         text[#text + 1] = (".weak %s\n%s:"):format(name, name)
      end
      for i = 1, count do
         local name = ("a_name_of_which_there_are_thousands_%d_%d"):format(number, i)
         text[#text + 1] = (".globl %s\n%s:"):format(name, name)
      end
      support.sh("as -o %s %s", path, support.write(path .. ".s", table.concat(text, "\n") .. "\n"))
   end

   it("with a large index is found as with a small one, in the file and in memory", function()
      local objects = {}
      for number = 1, 30 do
         objects[number] = ("many%d.o"):format(number)
         many_names(dir .. "/" .. objects[number], number, number <= 4 and 1000 or 10)
      end
      local unique = build("ar rc made.a %s", table.concat(objects, " ", 1, 4))
      local first = core.members(unique)[1].header
      local function check(path)
         assert.equal("many3.o", core.find(path, "a_name_of_which_there_are_thousands_3_1000").name)
         assert.equal("many1.o", core.find(path, "a_name_of_which_there_are_thousands_1_1").name)
         assert.equal("many1.o", core.find(path, "shared_by_all_of_them_40").name)
         assert.is_nil(core.find(path, "a_name_of_which_there_are_thousands_3_1001"))
         assert.is_nil(core.find(path, "shared_by_all_of_them_" .. ("4"):rep(300)))
         assert.same(index_of_nm(path), index(path))
      end
      check(unique)
      check(build("ar rc made.a %s", table.concat(objects, " "))) -- thirty have the same names
      assert.is_true(first > 64 << 10)
   end)

   it("may hold two members of one name", function()
      support.sh("mkdir -p %s/other && cp %s/two.o %s/other/one.o", dir, dir, dir)
      local path = build "ar qc made.a one.o other/one.o"
      assert.same({"one.o", "one.o"}, names(path))
      local member = core.find(path, "two")
      assert.equal(core.members(path)[2].header, member.header)
      assert.is_true(core.member(path, member.header) == support.read(dir .. "/two.o"))
   end)

   it("without an index gets the one that ar would have made", function()
      local path = build("ar rcS made.a one.o two.o sub/%s", LONG)
      local made = index(path)
      assert.equal("", support.sh("nm -s %s | grep 'Archive index' || true", path))
      support.sh("ranlib %s", path)
      assert.same(index_of_nm(path), made)
   end)

   it("without an index enters archives in it, and skips what is no object", function()
      file("notes.txt", "nothing to link\n")
      support.sh("cd %s && rm -f inner.a && ar rcS inner.a two.o", dir)
      local path = build "ar rcS made.a notes.txt inner.a one.o"
      assert.same({"notes.txt", "inner.a", "one.o"}, names(path))
      assert.equal("inner.a", core.find(path, "two").name)
      assert.equal("one.o", core.find(path, "one").name)
   end)

   it("without members is empty", function()
      local path = file("empty.a", "!<arch>\n")
      assert.same({}, core.members(path))
      assert.same({}, core.index(path))
      assert.is_nil(core.find(path, "x"))
   end)

   it("refuses archives in archives without end", function()
      local inner = "!<arch>\n"
      for _ = 1, 20 do
         inner = archive {"inner.a/", inner}
      end
      local result, err = core.index(file("deep.a", inner))
      assert.is_nil(result)
      assert.equal("unsupported", err.code)
   end)
end)

describe("a thin archive", function()
   it("reads members from files beside it", function()
      local path = build("ar rcT made.a one.o sub/%s", LONG)
      assert.equal("thin", core.kind(path))
      local members = core.members(path)
      assert.same({"one.o", "sub/" .. LONG}, names(path))
      assert.equal("sub/" .. LONG, members[2].path)
      assert.equal(0, members[2].offset)
      assert.is_true(core.member(path, members[2].header) == support.read(dir .. "/sub/" .. LONG))
      assert.equal("sub/" .. LONG, core.find(path, "long_name").name)
   end)

   it("may name its members from the root", function()
      local path = build("ar rcT made.a %s/two.o", dir)
      assert.is_true(core.member(path, core.members(path)[1].header) ==
         support.read(dir .. "/two.o"))
      local bytes = archive({"//", dir .. "/two.o/\n"}, "!<thin>\n") .. header("/0", 1000)
      path = file("sub/absolute.a", bytes)
      assert.is_true(core.member(path, core.members(path)[1].header) ==
         support.read(dir .. "/two.o"))
   end)

   it("takes in the members of archives that were put into it", function()
      support.sh("cd %s && rm -f sub/inner.a && ar rc sub/inner.a two.o sub/%s", dir, LONG)
      local path = build "ar rcT made.a one.o sub/inner.a"
      assert.same({"one.o", "two.o", LONG}, names(path))
      local member = core.find(path, "two")
      assert.equal("sub/inner.a", member.path)
      assert.is_true(core.member(path, member.header) == support.read(dir .. "/two.o"))
   end)

   it("is indexed from the files when it has no index", function()
      local path = build("ar rcTS made.a one.o sub/%s", LONG)
      assert.equal("sub/" .. LONG, core.find(path, "long_name").name)
   end)

   it("says which member is missing and where it was looked for", function()
      support.sh("cp %s/one.o %s/gone.o", dir, dir)
      local path = build "ar rcT made.a gone.o"
      support.sh("rm %s/gone.o", dir)
      local bytes, err = core.member(path, core.members(path)[1].header)
      assert.is_nil(bytes)
      assert.equal("noent", err.code)
      local text = "thin archive member 'gone.o' is missing (looked in %s/gone.o)"
      assert.truthy(err.message:find(text:format(dir), 1, true))
   end)

   it("that names itself does not run for ever", function()
      local bytes = archive({"//", "loop.a/\n"}, "!<thin>\n")
      local path = file("loop.a", bytes .. header("/0:8", 10) .. header("/0", 10))
      local err = failure(path, core.index)
      assert.equal("unsupported", err.code)
      path = file("loop.a", bytes .. header("/0", 10))
      assert.same({}, core.index(path))
   end)
end)

describe("other archivers' archives", function()
   it("of the BSD kind are listed and indexed", function()
      if not support.has "llvm-ar" then
         return pending "llvm-ar is not installed"
      end
      local path = build("llvm-ar --format=bsd rc made.a one.o two.o sub/%s", LONG)
      assert.same(lines(support.sh("llvm-ar t %s", path)), names(path))
      assert.equal(LONG, core.find(path, "long_name").name)
      local member = core.find(path, "two")
      assert.is_true(core.member(path, member.header) == support.read(dir .. "/two.o"))
   end)

   it("with 64-bit numbers are indexed", function()
      if not support.has "llvm-ar" then
         return pending "llvm-ar is not installed"
      end
      local path = build("SYM64_THRESHOLD=1 llvm-ar --format=gnu rc made.a one.o sub/%s", LONG)
      assert.equal("/SYM64/", support.read(path):sub(9, 15))
      assert.same(index_of_nm(path), index(path))
      assert.equal(LONG, core.find(path, "long_name").name)
   end)

   it("of the BSD kind may be sorted, and may have 64-bit numbers", function()
      for name, format in pairs {["__.SYMDEF SORTED"] = "<I4", ["__.SYMDEF_64"] = "<I8"} do
         local width = string.packsize(format)
         local size = 2 * width + 2 * 2 * width + 8
         local first = 8 + 60 + #name + size
         local numbers = "<" .. format:sub(2):rep(6)
         local pairs_of = string.pack(numbers, 4 * width, 4, first, 0, first + 62, 8)
         local content = pairs_of .. "abc\0def\0"
         local bytes = archive {"#1/" .. #name, name .. content, "x.o", "x1", "y.o", "y2"}
         local path = file("bsd.a", bytes)
         assert.same({"x.o", "y.o"}, names(path))
         assert.same({{name = "def", header = first}, {name = "abc", header = first + 62}},
            core.index(path))
         assert.equal("y2", core.member(path, core.find(path, "abc").header))
      end
   end)

   it("end names with a slash, a blank or a NUL", function()
      local path = file("names.a", archive {"a.o/", "1", "b.o", "2", "c.o\0junk", "3", "d e.o", ""})
      assert.same({"a.o", "b.o", "c.o", "d e.o"}, names(path))
   end)

   it("may leave odd contents without padding", function()
      local bytes = "!<arch>\n"
      for _, content in ipairs {"1", "333", "22", "7777777"} do
         bytes = bytes .. header("m.o/", #content) .. content
      end
      local path = file("odd.a", bytes)
      local contents = {}
      for i, member in ipairs(core.members(path)) do
         contents[i] = core.member(path, member.header)
      end
      assert.same({"1", "333", "22", "7777777"}, contents)
   end)

   it("may end in line ends", function()
      assert.same({"a.o"}, names(file("tail.a", archive {"a.o/", "12"} .. "\n\n\n")))
   end)
end)

describe("a damaged archive", function()
   local function damaged(pairs_of, call)
      return failure(file("damaged.a", archive(pairs_of)), call)
   end

   it("that is no archive says what it is", function()
      local err = failure(dir .. "/one.o")
      assert.equal("kind", err.code)
      assert.truthy(err.message:find("relocatable object", 1, true))
      assert.equal("kind", failure(file("damaged.a", "!<arch>")).code)
      assert.equal("noent", failure(dir .. "/not-there.a").code)
      assert.equal("kind", failure(dir).code)
   end)

   it("that was cut names the member and the place", function()
      local whole = archive {"a.o/", "12", "b.o/", ("x"):rep(100)}
      local err = failure(file("damaged.a", whole:sub(1, -2)))
      assert.equal("truncated", err.code)
      assert.equal("b.o", err.member)
      assert.equal(8 + 62 + 60, err.offset)
      assert.equal("truncated", failure(file("damaged.a", whole:sub(1, 8 + 62 + 30))).code)
   end)

   it("is refused for a size that is no number or does not fit", function()
      local good = archive {"a.o/", "12"}
      for size, code in pairs {["12x"] = "format", ["-2"] = "format", [""] = "format",
         ["9999999999"] = "truncated", ["0x2"] = "format", ["1 2"] = "format"} do
         local bytes = support.patch(good, 8 + 48, ("%-10s"):format(size))
         assert.equal(code, failure(file("damaged.a", bytes)).code, size)
      end
   end)

   it("is refused for a header without its end", function()
      local bytes = archive {"a.o/", "12"}
      local err = failure(file("damaged.a", support.patch(bytes, 8 + 58, "x")))
      assert.equal("format", err.code)
      assert.equal(8, err.offset)
   end)

   it("is refused for a long name that is not there", function()
      assert.equal("format", damaged({"//", "abc.o/\n", "/9", "12"}).code)
      assert.equal("format", damaged({"/0", "12"}).code)
      assert.equal("format", damaged({"//", "abc.o/\n", "/x", "12"}).code)
      assert.equal("format", damaged({"//", "abc.o/\n", "/0:8", "12"}).code)
      assert.equal("format", damaged({"//", "abc.o/\n", "/99999999999999", "12"}).code)
      assert.equal("format", damaged({"#1/3", "12"}).code)
      assert.equal("format", damaged({"#1/", "12"}).code)
   end)

   it("is refused for an index that is larger than its bytes", function()
      for _, content in ipairs {"\0\0\0\2\0\0\0\8a\0", "\255\255\255\255", "\0\0\0\1\0\0\0\8ab",
         "\0\0\0\2\0\0\0\8\0\0\0\8a\0", "\0"} do
         assert.equal("format", damaged({"/", content, "a.o/", "12"}, core.index).code)
      end
      for _, content in ipairs {"\8\0\0\0", "\255\255\255\255", "\8\0\0\0\0\0\0\0\8\0\0\0",
         "\8\0\0\0\0\0\0\0\8\0\0\0\9\0\0\0ab\0", "\8\0\0\0\9\0\0\0\8\0\0\0\3\0\0\0ab\0",
         "\8\0\0\0\0\0\0\0\8\0\0\0\3\0\0\0abc"} do
         assert.equal("format", damaged({"__.SYMDEF", content, "a.o", "12"}, core.index).code)
      end
   end)

   it("whose index points at no member is refused when that name is wanted", function()
      for _, offset in ipairs {0, 9, 70, 5000, 0x7fffffff} do
         local content = string.pack(">I4I4z", 1, offset, "abc")
         local path = file("damaged.a", archive {"/", content, "a.o/", "12"})
         assert.same({"a.o"}, names(path))
         local member = core.find(path, "abc")
         assert.equal(offset, member.header)
         local bytes, err = core.member(path, member.header)
         assert.is_nil(bytes)
         assert.truthy(err.code == "format" or err.code == "truncated", err.code)
      end
   end)

   it("whose index points at a table is refused when that name is wanted", function()
      local path = file("damaged.a", archive {"/", string.pack(">I4I4z", 1, 8, "abc"), "a.o/", ""})
      assert.equal("format", select(2, core.member(path, core.find(path, "abc").header)).code)
   end)

   it("without an index is refused for an object that cannot be read", function()
      local object = support.read(dir .. "/one.o")
      local cut = object:sub(1, #object - 100)
      local err = damaged({"one.o/", cut}, core.index)
      assert.equal("format", err.code)
      assert.equal("one.o", err.member)
   end)

   it("gives an error or a result for each byte that may be wrong", function()
      local path = build("ar rc made.a one.o two.o sub/%s", LONG)
      local whole = support.read(path)
      local first = core.members(path)[1]
      local places = {}
      for at = 0, first.offset - 1 do
         places[#places + 1] = at
      end
      for at = first.offset + first.size, first.offset + first.size + 60 do
         places[#places + 1] = at
      end
      for _, at in ipairs(places) do
         for _, byte in ipairs {"\0", "\255", "/", "9", " "} do
            file("damaged.a", support.patch(whole, at, byte))
            for _, call in ipairs {core.members, core.index} do
               local result, err = call(dir .. "/damaged.a")
               assert.truthy(result or err.message, ("byte %d"):format(at))
            end
            core.find(dir .. "/damaged.a", "two")
         end
      end
   end)

   it("gives an error or a result for each length that it may be cut to", function()
      local path = build "ar rc made.a one.o"
      local whole = support.read(path)
      for length = 0, #whole, 7 do
         local cut = file("damaged.a", whole:sub(1, length))
         local result, err = core.index(cut)
         assert.truthy(result or err.message)
         result, err = core.members(cut)
         assert.truthy(length == 8 or result == nil and err.message)
      end
   end)
end)

describe("the system's archives #slow", function()
   it("are listed as ar lists them and indexed as nm does", function()
      local pipe <close> = assert(io.popen "find /usr/lib -name 'lib[a-g]*.a' -type f | sort")
      for path in pipe:lines() do
         if core.kind(path) == "archive" then
            assert.same(lines(support.sh("ar t %s", path)), names(path), path)
            assert.same(index_of_nm(path), index(path), path)
         end
      end
   end)
end)
