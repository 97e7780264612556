--- Packages as text: what `ghc-pkg describe` prints. Columns are counted by hand here;
-- pkg_text_ghc_spec.lua compares with ghc-pkg.
-- SPDX-License-Identifier: MIT

local conf = require "spec.support.conf"
local core = require "moonlink.core"
local random = require "spec.support.random"
local record = require "moonlink.pkg.record"

local function shown(p, options)
   return assert(record.print(p, options))
end

local function lines(...)
   return table.concat({...}, "\n") .. "\n"
end

describe("a package as text", function()
   it("has its values in the column behind the longest name", function()
      assert.equal(lines(
         "name:       foo",
         "version:    1.0",
         "visibility: public",
         "id:         foo-1.0",
         "exposed:    True"),
         shown {name = "foo", version = "1.0", id = "foo-1.0", exposed = true})
   end)

   it("leaves out what is absent, and the pkgroot unless it is given", function()
      assert.equal("visibility: public\n",
         shown {exposed = false, depends = {}, license = "", pkgroot = "/x"})
      assert.equal('visibility: public\npkgroot: "/a\\"b"\n', shown({}, {pkgroot = '/a"b'}))
   end)

   it("has the names of a sub-library, whose visibility shows only when it is public", function()
      assert.equal(lines("name:         z-a-z-b", "package-name: a", "lib-name:     b"),
         shown {name = "a", lib_name = "b"})
      assert.equal(lines("name:         z-a-z-b", "package-name: a", "lib-name:     b",
         "visibility:   public"), shown {name = "z-a-z-b", visibility = "public"})
   end)

   it("has the fields that no row knows at its end, unless they are not wanted", function()
      local p = {extra = {{name = "x-long-field", value = "a"}, {name = "y", value = "b\nc"}}}
      assert.equal(lines("visibility:   public", "x-long-field: a", "y:", "    b", "    c"),
         shown(p))
      assert.equal("visibility: public\n", shown(p, {extra = false}))
   end)
end)

describe("a text", function()
   it("stands beside its name up to 59 characters", function()
      assert.equal(lines("visibility: public", "author:     " .. ("\u{E9}"):rep(59)),
         shown {author = ("\u{E9}"):rep(59)})
      assert.equal(lines("visibility: public", "author:", "    " .. ("x"):rep(60), "",
         "abi:        f"), shown {author = ("x"):rep(60), abi = "f"})
   end)

   it("of several lines is a block before an empty line", function()
      assert.equal(lines("visibility:  public", "description:", "    a", "", "      b", "",
         "category:    c"), shown {description = "a\n\n  b", category = "c"})
   end)
end)

describe("a list", function()
   it("stands beside its name while it fits into two thirds of the line that is left", function()
      -- 100 - 10 columns are left: 60 characters, but a value has fewer than 60.
      local items = {("a"):rep(29), ("b"):rep(29)}
      assert.equal(lines("visibility: public", "depends:    " .. table.concat(items, " ")),
         shown {depends = items})
      items[2] = ("b"):rep(30)
      assert.equal(lines("visibility: public", "depends:", "    " .. table.concat(items, " ")),
         shown {depends = items}:gsub("\n+$", "\n"))
   end)

   it("fills lines of 67 characters in a block", function()
      local item = ("a"):rep(33)
      assert.equal(lines("visibility: public", "depends:", "    " .. item .. " " .. item,
         "    " .. item, "", "frameworks: f"),
         shown {depends = {item, item, item}, frameworks = {"f"}})
      local long = ("a"):rep(34)
      assert.equal(lines("visibility: public", "depends:", "    " .. item,
         "    " .. long .. " b", ""),
         shown {depends = {item, long, "b"}, frameworks = {"f"}}:match "^(.*\n\n)")
   end)

   it("has commas when it has a re-export", function()
      assert.equal(lines("visibility:      public", "exposed-modules: A, B from u:C, D"),
         shown {exposed_modules = {"A", "B from u:C", "D"}})
      assert.equal(lines("visibility:      public", "exposed-modules: A D"),
         shown {exposed_modules = {"A", "D"}})
   end)

   it("of instantiations is one word", function()
      assert.equal(lines("visibility:        public", "instantiated-with: A=<B>,C=u:D"),
         shown {instantiated_with = {"A=<B>", "C=u:D"}})
   end)
end)

describe("what looks like a comment", function()
   -- In a block it would have a line of its own; ghc-pkg prints it so, and reads nothing then.
   local dashes = ("-"):rep(70)

   it("stays on the line of its name, where it is read again", function()
      for _, p in ipairs {{license = dashes}, {id = dashes}, {depends = {"a", dashes, dashes}},
         {depends = {dashes, "a"}}, {abi_depends = {dashes .. "=a", "b=c"}}} do
         local text = shown(p)
         assert.truthy(text:find("^[^\n]*\n[^\n]*%-%-[^\n]*\n$"), text)
         local key, value = next(p)
         local infos = assert(core.pkg.parse(text, {format = "text"}))
         assert.same(value, record.all(infos)[1][key])
      end
   end)
end)

describe("a token", function()
   it("is quoted when it would not be read again otherwise", function()
      local cases = {
         {"a", "a"}, {"a b", '"a b"'}, {"a,b", '"a,b"'}, {"", '""'}, {"--x", '"--x"'},
         {"x:", '"x:"'}, {'q"d', 'q"d'}, {'"q', '"\\"q"'}, {"a\\b", "a\\b"}, {"a \\b", '"a \\\\b"'},
         {"\u{E9}", "\u{E9}"}, {"\u{E9} 1", '"\\233 1"'}, {"\u{E9}1 ", '"\\233\\&1 "'},
         {"a\tb", '"a\\tb"'}, {"\1", '"\\SOH"'}, {"\14H", '"\\SO\\&H"'}, {"\127", '"\\DEL"'},
         {"a\u{A0}b", '"a\\160b"'}, {"{", '"{"'}, {"x{", "x{"}, {"-", "-"},
      }
      for _, case in ipairs(cases) do
         assert.equal("cc-options: " .. case[2],
            shown({cc_options = {case[1]}}):match "\n(cc[^\n]*)\n$", case[1])
      end
   end)
end)

describe("what is printed", function()
   it("is read as the same package", function()
      for seed = 1, 300 do
         local p = conf.package(core.pkg.fields, random.new(seed))
         local text = shown(p)
         local infos = assert(core.pkg.parse(text, {format = "text"}))
         assert.equal(text, infos:print(1))
         local again = infos:table(1)
         for name, value in pairs(p) do
            if name ~= "name" then
               assert.same(value, again[name], seed .. ": " .. name)
            end
         end
      end
   end)

   it("is the same whatever the layout it was read from", function()
      for seed = 1, 300 do
         local below = random.new(seed)
         local p = conf.package(core.pkg.fields, below)
         local text = conf.text(core.pkg.fields, p, below)
         local infos, err = core.pkg.parse(text, {format = "text", file = "seed-" .. seed})
         assert(infos, tostring(err) .. "\n" .. text)
         assert.equal(shown(p), infos:print(1))
      end
   end)
end)
