--- Today's text format of a package: what is read, what is refused and where, what is odd.
-- Expected values follow from the grammar of .cabal files and from what ghc-pkg 9.0.2 answers;
-- pkg_text_ghc_spec.lua asks it.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local record = require "moonlink.pkg.record"

local function parse(text)
   local infos, err = core.pkg.parse(text, {format = "text", file = "p.conf"})
   assert(infos, tostring(err and err.message))
   return infos
end

local function field(text, name)
   return parse(text):field(1, name)
end

-- "LINE:COLUMN: text" of the first error.
local function refused(text)
   local infos, err = core.pkg.parse(text, {format = "text", file = "p.conf"})
   assert.is_nil(infos)
   assert.equal("p.conf", err.file)
   return ("%d:%d: %s"):format(err.line, err.column, (err.reason:gsub("\n", "; ")))
end

-- "LINE:COLUMN: text" of each warning; extra: of those about which ghc-pkg is silent.
local function warnings(text, extra)
   local said = {}
   for _, w in ipairs(parse(text):warnings()) do
      if w.extra == (extra or false) then
         said[#said + 1] = ("%d:%d: %s"):format(w.line, w.column, w.text)
      end
   end
   return said
end

describe("a field by layout", function()
   it("may be indented, in any case, with or without blanks around the colon", function()
      local infos = parse "  NAME:a\n  Version :\n    1.0\n  id:    a-1\n"
      assert.same({"a", "1.0", "a-1"},
         {infos:field(1, "name"), infos:field(1, "version"), infos:field(1, "id")})
   end)

   it("goes on in lines that are indented more than its name", function()
      assert.same({"a", "b", "c"}, field("depends: a\n b\n\n  c\nname: x", "depends"))
   end)

   it("ends where a line is not", function()
      assert.same({"x", {"a"}}, {field("  depends: a\n  name: x", "name"),
         field("  depends: a\n  name: x", "depends")})
   end)

   it("ends lines with LF, CRLF and CR", function()
      local infos = parse "name: a\r\nversion: 1\rid: x\n"
      assert.same({"a", "1", "x"},
         {infos:field(1, "name"), infos:field(1, "version"), infos:field(1, "id")})
   end)

   it("begins behind a byte order mark", function()
      assert.equal("a", field("\u{FEFF}name: a", "name"))
   end)

   it("is indented by no-break spaces, too", function()
      assert.same({"a", "b"}, field("depends: a\n\u{A0}b", "depends"))
   end)

   it("is absent without a value", function()
      local infos = parse "name:\ndepends:\ndescription:\nlicense:\n"
      assert.same({"", {}, "", ""}, {infos:field(1, "name"), infos:field(1, "depends"),
         infos:field(1, "description"), infos:field(1, "license")})
   end)
end)

describe("a field in braces", function()
   it("holds lines up to the closing one", function()
      assert.same({"a", "b"}, field("depends: { a\nb\n}\nname: x", "depends"))
      assert.equal("x", field("depends: { a\nb\n} name: x", "name"))
   end)

   it("may open on the next line", function()
      assert.equal("x", field("name:\n -- c\n{ x }", "name"))
   end)

   it("must be closed", function()
      assert.equal('2:1: unexpected end of input; expecting field contents or "}"',
         refused "name: { x\n")
      assert.equal('1:11: unexpected "{"; expecting field contents or "}"',
         refused "name: { x { y } }")
   end)

   it("leaves a brace elsewhere as it is", function()
      assert.equal("a } b { c", field("author: a } b { c", "author"))
   end)
end)

describe("what is no field", function()
   it("is skipped with a warning when it is a section", function()
      local text = "name: a\nversion 1.0\nsec x { id: b\n}\nlib\n  key: c\nabi: d"
      local infos = parse(text)
      assert.same({"a", "", "", "", "d"}, {infos:field(1, "name"), infos:field(1, "version"),
         infos:field(1, "id"), infos:field(1, "key"), infos:field(1, "abi")})
      assert.same({}, warnings(text))
      assert.same({'2:1: "version" is not followed by a colon: ignored',
         '3:1: "sec" is not followed by a colon: ignored',
         '5:1: "lib" is not followed by a colon: ignored'}, warnings(text, true))
   end)

   it("may be a comment line, inside values, too, which is said", function()
      local text = "-- x\nname: a\ndepends: a\n  -- b\n  c\n-- end"
      assert.same({"a", "c"}, field(text, "depends"))
      assert.same({"4:3: a comment line inside the value of depends is not part of it"},
         warnings(text, true))
   end)

   it("is refused where no name stands", function()
      assert.equal('1:1: unexpected ":"; expecting field or section name', refused ": a")
      assert.equal('2:1: unexpected "}"; expecting field or section name or end of file',
         refused "name: a\n}")
      assert.truthy(refused 'a "b" c: d':find "^1:8: unexpected \":\"")
   end)

   it("is refused where a control character stands", function()
      assert.truthy(refused "name: a\nid: b\0":find "^2:6: unexpected character in input '\\NUL'")
      assert.truthy(refused "\1":find "^1:1: unexpected character in input '\\SOH'")
      assert.truthy(refused "name: \127":find "^1:7: unexpected character in input '\\DEL'")
   end)

   it("nests no deeper than a file should", function()
      assert.truthy(refused(("a {\n"):rep(100000)):find "nested more than 200 deep")
      local deep = {}
      for i = 1, 1000 do
         deep[i] = (" "):rep(i) .. "a"
      end
      assert.truthy(refused(table.concat(deep, "\n")):find "nested more than 200 deep")
   end)
end)

describe("a list", function()
   it("has commas between all items or none; one may lead or trail", function()
      for _, text in ipairs {"a b c", "a,b, c", "a ,b ,c ,", ", a, b, c", "a,\n  b,\n  c"} do
         assert.same({"a", "b", "c"}, field("depends: " .. text, "depends"), text)
      end
   end)

   it("is refused when it mixes them", function()
      assert.equal("1:15: unexpected 'c'; expecting space, comma, white space or end of input",
         refused "depends: a, b c")
      assert.equal("1:13: unexpected ','; expecting white space or end of input",
         refused "depends: a b, c")
      assert.equal("1:12: unexpected ','; expecting white space or end of input",
         refused "depends: a,, b")
      assert.equal("1:13: unexpected end of input; expecting white space", refused "depends: ,a,")
   end)

   it("of modules mixes them as it likes, with re-exports", function()
      assert.same({"A", "B.C", "D'", "E from u-1:F"},
         field("exposed-modules: A, B.C D' , E from u-1:F", "exposed_modules"))
      assert.same({"A from x[A=y:M,B=<C>]:D"},
         field("exposed-modules: A   from  x[B=<C>,A=y:M]:D", "exposed_modules"))
      assert.equal("1:18: unexpected 'a'", (refused "exposed-modules: a":match "^[^;]+"))
      assert.equal("1:20: unexpected end of input", (refused "exposed-modules: A.":match "^[^;]+"))
   end)

   it("is one when the field stands twice", function()
      assert.same({"a", "b", "c"}, field("depends: a\nname: x\ndepends: b, c", "depends"))
   end)

   it("of a hundred thousand fields takes no time to speak of", function()
      assert.equal(100000, #field(("depends: a\n"):rep(100000), "depends"))
      assert.equal(100000, #parse(("x-a: b\n"):rep(100000)):field(1, "extra"))
   end)
end)

describe("a token", function()
   it("is a run of characters, or a string of Haskell", function()
      assert.same({"a", "b c", "d,e", 'q"r', "\\x", ""},
         field([[ld-options: a "b c" "d,e" q"r \x ""]], "ld_options"))
   end)

   it("reads all escapes", function()
      assert.same({"aA\u{E9}1\0\1\7\127A\u{10FFFF}H\14H\1", "xy"},
         field([[ld-options: "a\x41\233\&1\NUL\SOH\a\DEL\o101\1114111H\SO\&H\^A" "x\  ]]
            .. "\n   \\y\"", "ld_options"))
   end)

   it("is refused where an escape is none", function()
      assert.truthy(refused [[ld-options: "a\qc"]]
         :find [[^1:16: unexpected 'q'; expecting space, "&"]])
      assert.truthy(refused [[ld-options: "\1114112"]]:find "^1:21: unexpected '2'")
      assert.truthy(refused [[ld-options: "abc]]:find "^1:17: unexpected end of input")
      assert.truthy(refused [[ld-options: "\^a"]]:find "^1:16: unexpected 'a'")
      assert.truthy(refused 'ld-options: "a\tb"':find "^1:15: unexpected '\\t'")
      assert.truthy(refused 'ld-options: "a\n  b"':find "string character or end of string")
   end)

   it("of two dashes is odd, since comments have lines of their own", function()
      assert.truthy(warnings("ld-options: a -- b")[1]:find "^1:17: Double%-dash token found")
      assert.same({}, warnings [[ld-options: a "--" b]])
   end)
end)

describe("a word", function()
   it("is checked by its kind", function()
      local cases = {
         {"name: a b", "1:9: unexpected 'b'; expecting space or end of input"},
         {"name: a-1", "1:10: unexpected end of input"},
         {"name: a_b", "1:8: unexpected '_'; expecting white space or end of input"},
         {"name: -a", "1:8: unexpected Empty component, after "},
         {"version: 01", "1:12: unexpected Version digit with leading zero"},
         {"version: 1.", "1:12: unexpected end of input; expecting version digit "
            .. "(integral without leading zeroes)"},
         {"version: 1234567890",
            "1:20: unexpected At most 9 numbers are allowed per version number part"},
         {"id: a$", "1:6: unexpected '$'; expecting white space or end of input"},
         {"id: ../x", "1:7: unexpected '/'; expecting white space or end of input"},
         {"abi: a-b", "1:7: unexpected '-'; expecting white space or end of input"},
         {"exposed: yes", "1:13: unexpected Not a boolean: yes"},
         {"exposed: True x", "1:15: unexpected 'x'; expecting space or end of input"},
         {"visibility: x", "1:14: unexpected Unknown visibility: x"},
         {"license: MIT and ISC", "1:14: unexpected 'a'; expecting space or end of input"},
         {"abi-depends: a", "1:15: unexpected end of input; expecting \"=\""},
         {"instantiated-with: B=u:M, A=<B>", "1:26: unexpected ' '"},
      }
      for _, case in ipairs(cases) do
         assert.equal(case[2], refused(case[1]), case[1])
      end
   end)

   it("may be quoted when it is a name or a version", function()
      assert.equal("a-b", field('name: "a-b"', "name"))
      assert.equal("1.2", field('version: "1.2"', "version"))
      assert.truthy(refused 'name: "a':find '^1:9: unexpected end of input; expecting "\\""')
   end)

   it("counts characters and not bytes for columns", function()
      assert.truthy(refused 'ld-options: "\u{E9}\u{20AC}" ,, x':find "^1:19: ")
   end)

   it("gives the last of several, and says so", function()
      assert.equal("c", field("name: -\nid: x\nname: b\nname: c", "name"))
      assert.same({'1:1: The field "name" is specified more than once at positions 1:1, 3:1'},
         warnings "name: a\nid: x\nname: b")
   end)

   it("reads booleans in any case, which is odd", function()
      assert.is_true(field("exposed: TRUE", "exposed"))
      assert.is_false(field("exposed: False", "exposed"))
      assert.same({"1:14: Boolean values are case sensitive, use 'True' or 'False'."},
         warnings "exposed: true")
   end)

   it("drops the tags of a version, which is odd", function()
      assert.equal("1.2", field("version: 1.2-foo", "version"))
      assert.same({"1:17: version with tags"}, warnings "version: 1.2-foo")
   end)
end)

describe("a licence", function()
   it("is an SPDX expression with the parentheses that it needs", function()
      local cases = {
         ["MIT"] = "MIT", ["(MIT)"] = "MIT", ["NONE"] = "",
         ["MIT AND BSD-3-Clause OR ISC"] = "(MIT AND BSD-3-Clause OR ISC)",
         ["(MIT OR ISC)  AND Zlib"] = "(MIT OR ISC) AND Zlib",
         ["(MIT AND ISC) AND (X11 OR (Zlib))"] = "MIT AND ISC AND (X11 OR Zlib)",
         ["MIT OR (X11 OR Zlib)"] = "(MIT OR X11 OR Zlib)",
         ["GPL-2.0-only  WITH Bison-exception-2.2"] = "GPL-2.0-only WITH Bison-exception-2.2",
         ["GPL-2.0-or-later+"] = "GPL-2.0-or-later+",
         ["LicenseRef-a AND DocumentRef-x:LicenseRef-y"] =
            "LicenseRef-a AND DocumentRef-x:LicenseRef-y",
      }
      for text, expected in pairs(cases) do
         assert.equal(expected, field("license: " .. text, "license"), text)
      end
   end)

   it("is a word of older formats, or any other", function()
      for _, word in ipairs {"GPL-3", "BSD3", "OtherLicense", "Foo", "Foo-1.2"} do
         assert.equal(word, field("license: " .. word, "license"))
      end
   end)

   it("nests no deeper than it should", function()
      assert.truthy(refused("license: " .. ("("):rep(100000)):find "^1:10: ")
   end)
end)

describe("a text", function()
   it("keeps lines, blank lines and what is indented more than the others", function()
      assert.equal("one\ntwo\n  three\n\n four",
         field("description: one\n   two\n     three\n\n    four", "description"))
      assert.equal("  two\nthree", field("description:\n     two\n   three", "description"))
      assert.equal("a\n.\nb", field("description: a\n  .\n  b", "description"))
   end)

   it("has a blank line where a comment was", function()
      assert.equal("one\n\nthree", field("description: one\n   -- two\n   three", "description"))
   end)

   it("has U+FFFD for each run that is not UTF-8", function()
      assert.equal("a\u{FFFD} b", field("author: a\xe2\x82 b", "author"))
      assert.equal("a\u{FFFD}\u{FFFD}b", field("author: a\xe2\x82\xffb", "author"))
      assert.equal("\u{FFFD}x\u{FFFD}", field("author: \xc0\xafx\xed\xa0\x80", "author"))
   end)
end)

describe("the names of a sub-library", function()
   it("are made of each other", function()
      local infos = parse "name: foo-z\nlib-name: zip"
      assert.same({"z-foo-zz-z-zip", "foo-z", "zip", ""},
         {infos:field(1, "name"), infos:field(1, "package_name"), infos:field(1, "lib_name"),
            infos:field(1, "visibility")})
      infos = parse "name: z-foo-zz-z-bar\npackage-name: q\nlib-name: l\nvisibility: public"
      assert.same({"foo-z", "bar", "public"}, {infos:field(1, "package_name"),
         infos:field(1, "lib_name"), infos:field(1, "visibility")})
   end)

   it("are not there in a main library, which is public", function()
      local infos = parse "name: foo\npackage-name: q\nvisibility: private"
      assert.same({"foo", "", "public"}, {infos:field(1, "name"),
         infos:field(1, "package_name"), infos:field(1, "visibility")})
   end)
end)

describe("instantiations", function()
   it("are sorted by module, the last of each", function()
      assert.same({"A=<B>", "B=x:N"},
         field("instantiated-with: B=u:M,A=<B>,B=x:N", "instantiated_with"))
   end)

   it("nest no deeper than they should", function()
      assert.truthy(refused("instantiated-with: " .. ("A=b["):rep(10000)):find "nested too deeply")
   end)
end)

describe("a field that no row knows", function()
   it("is kept, with a warning in ghc-pkg's order", function()
      local text = "x-b: 1\nfoo: a\n   b\nx-b: 2\nexposed: true"
      assert.same({{name = "x-b", value = "1"}, {name = "foo", value = "a\nb"},
         {name = "x-b", value = "2"}}, field(text, "extra"))
      assert.same({"5:14: Boolean values are case sensitive, use 'True' or 'False'.",
         '4:1: Unknown field: "x-b"', '1:1: Unknown field: "x-b"', '2:1: Unknown field: "foo"'},
         warnings(text))
   end)
end)

describe("several errors", function()
   it("are all told, in the order of ghc-pkg's fields", function()
      local _, err = core.pkg.parse("depends: $\nid: $\nname: 1", {format = "text"})
      assert.equal(3, err.count)
      assert.same({3, 2, 1}, {err.errors[1].line, err.errors[2].line, err.errors[3].line})
   end)
end)

describe("records", function()
   local text = "name: a\nversion: 1\ndepends: b c\nx-y: z\ndescription: long\nexposed: True"

   it("fetch lists and texts at first use and show all fields", function()
      local p = record.all(parse(text))[1]
      assert.is_nil(rawget(p, "depends"))
      assert.same({"b", "c"}, p.depends)
      assert.equal(p.depends, p.depends)
      assert.same({"a", "", true, false, "long", "p.conf"},
         {p.name, p.abi, p.exposed, p.trusted, p.description, p.file})
      assert.is_nil(p.nothing)
      local seen = {}
      for name, value in pairs(p) do
         seen[name] = value
      end
      assert.same({"b", "c"}, seen.depends)
      assert.same({{name = "x-y", value = "z"}}, seen.extra)
      assert.same({}, seen.cc_options)
   end)

   it("become the same text, also as plain tables", function()
      local infos = parse(text)
      local p = record.all(infos)[1]
      assert.equal(infos:print(1), record.print(p))
      assert.equal(infos:print(1), record.print(record.copy(p)))
      assert.same(infos:table(1).depends, record.copy(p).depends)
   end)

   it("are refused when they could not be read again", function()
      local _, err = core.pkg.make {{name = "a"}, {id = "../x"}}
      assert.equal("package 2: id: '../x' is no value of it: unexpected '/'", err.reason)
      assert.is_nil(core.pkg.make {{depends = {"a b"}}})
      assert.is_nil(core.pkg.make {{exposed_modules = {"a"}}})
      assert.has_error(function() core.pkg.make {{name = 1}} end)
      assert.has_error(function() core.pkg.make {{depends = "a"}} end)
      assert.has_error(function() core.pkg.make {{exposed = "True"}} end)
      -- A table that makes its values up holds none of the names.
      local made_up = setmetatable({}, {__index = function() return 1 end})
      assert.has_error(function() core.pkg.make {made_up} end,
         "package 1: field 'name': string expected, got number")
      assert.has_error(function() core.pkg.make {"a"} end)
   end)
end)
