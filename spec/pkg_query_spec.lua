--- The queries of `moonlink pkg`, as a shell sees them. The expected texts were worked out by hand
-- from the databases below; `make ghc` compares the same commands with ghc-pkg itself.
-- SPDX-License-Identifier: MIT

local dkjson = require "dkjson"
local support = require "spec.support"

local dir = support.tmpdir()
-- No GHC, no home: what a machine has must not show.
local script = support.moonlink() .. " pkg"
local program = ("GHC_PACKAGE_PATH= HOME=%s %s"):format(dir, script)

local function package(db, name, version, id, more)
   local text = "name: %s\nversion: %s\nid: %s\nkey: %s\n%s\n"
   support.write(("%s/%s/%s.conf"):format(dir, db, id),
      text:format(name, version, id, id, more or ""))
end

support.sh("cd %s && mkdir global top empty paths", dir)
package("global", "base", "4.0", "base-4.0", "exposed: True\nexposed-modules: Prelude Data.List")
package("global", "b", "1.0", "b-1.0-z", [[
exposed: True
depends: base-4.0 nope-1
exposed-modules: B.Mod, Data.Map from base-4.0:Data.List]])
package("global", "hid", "1.10", "hid-1.10-a", "exposed: False")
package("global", "hid", "1.9", "hid-1.9-a")
package("top", "a", "1", "a-1-x", "exposed: True\ndepends: b-1.0-z")
package("top", "a", "1", "a-1-w", "exposed: True\ndepends: base-4.0")
package("paths", "p", "1.2", "p-1.2-q", [[
license: BSD-3-Clause
description: first
  second

  last
exposed: True
import-dirs: ${pkgroot}/imp $topdir/x "/with space/y"
ld-options: "-Wl,-rpath" -lfoo
haddock-html: ${pkgrooturl}/doc/p
x-mark: kept]])

local function run(command)
   return support.exit("cd %s && %s --global-package-db=global %s", dir, program, command)
end

--- Standard output of what must succeed; standard error must be `warning` or nothing.
local function output(command, warning)
   local status, out, err = run(command)
   assert.same({0, warning or ""}, {status, err})
   return out
end

local function fails(command, message)
   local status, out, err = run(command)
   assert.equal(1, status)
   assert.equal("", out)
   assert.truthy(err:find("moonlink pkg: " .. message, 1, true), err)
end

--- For lists whose lines end where the length of a path lets them.
local function in_one_line(text)
   return (text:gsub("%s+", " "))
end

local NO_CACHE = "WARNING: cache does not exist: %s/package.cache\n"
   .. "ghc will fail to read this package db. Use 'moonlink pkg recache' to fix.\n"
local OLD_CACHE = "WARNING: cache is out of date: %s/package.cache\n"
   .. "ghc will see an old view of this package db. Use 'moonlink pkg recache' to fix.\n"
local BROKEN = "WARNING: there are broken packages.  Run 'moonlink pkg check' for more details.\n"

describe("moonlink pkg", function()
   setup(function()
      for _, db in ipairs {"global", "top", "paths"} do
         run("recache -f " .. db)
      end
   end)

   it("says what is wrong with a command line, with status 1", function()
      local usage = "\nFor usage information see 'moonlink pkg --help'.\n"
      fails("", "missing command" .. usage)
      fails("nope", "command-line syntax error: there is no command 'nope'" .. usage)
      fails("list a b", "command-line syntax error" .. usage)
      fails("latest", "command-line syntax error" .. usage)
      fails("--x list -Z", "unrecognized option `--x'\nunrecognized option `-Z'" .. usage)
      fails("list -f", "option `-f' requires an argument DB" .. usage)
      fails("--user=3 list", "option `--user' doesn't allow an argument" .. usage)
      fails("--pack list", "option `--pack' is ambiguous; could be one of:\n")
      fails("-v3 list", 'Bad verbosity: Just "3"')
      fails("-v1 -vx list", 'Bad verbosity: Just "x"')
   end)

   it("takes flags anywhere, shortened, and joined with their arguments", function()
      local expected = "a-1 a-1\n"
      for _, command in ipairs {
         "list -f top --simple-output", "--simple -ftop list", "--package-db top list --simple",
         "--package-db=top --simple-output list", "list --package-conf=top --simple-output -v0",
         "--simple-output -f top -- list", "list --no-user-package-conf --simple-output -f top",
      } do
         assert.equal(expected, output(command))
      end
      fails("-- list --simple-output", "cannot parse '--simple-output' as a package identifier")
   end)

   it("prints help and version instead of anything else", function()
      assert.truthy(output("--help"):find("find-module MODULE", 1, true))
      assert.truthy(output("list nonsense --help -f nowhere"):find("--simple-output", 1, true))
      assert.truthy(output("--version"):find "^moonlink pkg .*%(moonlink .*%)\n$")
   end)

   it("lists by name, version by number, and id; hidden and broken ones are marked", function()
      assert.equal("global\n    {b-1.0}\n    base-4.0\n    (hid-1.9)\n    (hid-1.10)\n\n",
         output("list", BROKEN))
      assert.equal("\nglobal\n    {b-1.0 (b-1.0-z)}\n\n",
         output("list -v b", BROKEN):match "\nglobal\n.*")
   end)

   it("lists the databases that are named, in their order", function()
      local top, global = "top\n    a-1\n    {a-1}\n\n", "global\n    (hid-1.9)\n    (hid-1.10)\n\n"
      assert.equal(top, output("list -f top", BROKEN))
      assert.equal("top\n    (no packages)\n" .. global, output("list -f top --global hid", BROKEN))
      assert.equal(global .. "top\n    (no packages)\n", output("list --global -f top hid", BROKEN))
      assert.equal("empty\n    (no packages)\n", output("list -f empty -v0"))
   end)

   it("warns of broken packages only where people read", function()
      assert.equal("a-1 a-1\n", output "list -f top --simple-output")
      assert.equal("top\n    a-1\n    {a-1}\n\n", output "list -f top -v0")
   end)

   it("lists in one line for programs", function()
      assert.equal("a-1-w a-1-x\n", output "list -f top --simple-output --show-unit-ids")
      assert.equal("b base hid hid\n", output "list --simple-output --names-only")
      assert.equal("a-1 a-1 b-1.0 hid-1.9 hid-1.10\n",
         output "list --simple-output -f top --global '*-1*'")
      assert.equal("", output "list --simple-output nothing")
   end)

   it("takes packages by name, version, unit id and pattern", function()
      local function listed(arguments)
         return output("list --simple-output " .. arguments)
      end
      assert.equal("hid-1.9 hid-1.10\n", listed "hid")
      assert.equal("hid-1.10\n", listed "hid-1.10")
      assert.equal("hid-1.9 hid-1.10\n", listed "'HI*' --ignore-case")
      assert.equal("", listed "'HI*'")
      assert.equal("hid-1.10\n", listed "--ipid hid-1.10-a")
      assert.equal("", listed "--unit-id hid-1.10")
      fails("list hid-", "cannot parse 'hid-' as a package identifier (exact): ")
      fails("list --ipid 'a b'", "cannot parse 'a b' as a installed package id: ")
   end)

   it("finds the packages that expose a module", function()
      assert.equal("base-4.0\n", output "find-module Prelude --simple-output")
      assert.equal("b-1.0\n", output "find-module Data.Map --simple-output")
      assert.equal("b-1.0 base-4.0\n", output "find-module 'Data*' --simple-output")
      assert.equal("b-1.0\n", output "find-module '*MOD' --simple-output --ignore-case")
      assert.equal("", output "find-module Map --simple-output")
      assert.equal("global\n    base-4.0\n\n", output "find-module Prelude -v0")
   end)

   it("prints the highest version", function()
      assert.equal("hid-1.10\n", output "latest hid")
      assert.equal("hid-1.9\n", output "latest hid-1.9")
      fails("latest zz", "cannot find package zz")
      fails("latest 'h*'", "cannot parse 'h*' as a package identifier (exact): ")
   end)

   it("describes packages, with what the variables stand for", function()
      assert.equal([[
name:         p
version:      1.2
visibility:   public
id:           p-1.2-q
key:          p-1.2-q
license:      BSD-3-Clause
description:
    first
    second

    last

exposed:      True
import-dirs:  ${pkgroot}/imp $topdir/x "/with space/y"
ld-options:   "-Wl,-rpath" -lfoo
haddock-html: ${pkgrooturl}/doc/p
pkgroot: "]] .. dir .. '"\n\n', output "describe p -f paths")
      local text = in_one_line(output "describe p -f paths --expand-pkgroot")
      assert.truthy(text:find(("import-dirs: %s/imp %s/x \"/with space/y\" "):format(dir, dir), 1,
         true), text)
      assert.truthy(text:find("haddock-html: file:///" .. dir .. "/doc/p ", 1, true), text)
      assert.falsy(text:find("pkgroot", 1, true))
   end)

   it("describes several one after the other, and fails when there is none", function()
      assert.equal(2, select(2, output("describe 'hid*'"):gsub("\nname: +hid\n", "")) + 1)
      assert.equal(1, select(2, output("describe hid"):gsub("\n%-%-%-\n", "")))
      fails("describe zz", "cannot find package zz")
      fails("describe 'z*'", "cannot find package matching z*")
      fails("describe --ipid zz-1", "cannot find package zz-1")
   end)

   it("dumps all", function()
      assert.equal("\n", output "dump -f empty")
      local text = output "dump -f top"
      assert.equal(output "describe '*' -f top", text)
      assert.equal(4, select(2, output("dump --global -f empty"):gsub("pkgroot: ", "")))
   end)

   it("prints fields, aligned behind their names", function()
      assert.equal("name: p\nversion: 1.2\n", output "field p name,version -f paths")
      assert.equal("description: first\n             second\n             .\n             last\n",
         output "field p description -f paths")
      assert.equal("first\nsecond\n.\nlast\n",
         output "field p description -f paths --simple-output")
      assert.equal(('import-dirs: %s/imp %s/x "/with space/y" '):format(dir, dir),
         in_one_line(output "field p import-dirs -f paths"))
      assert.equal('import-dirs: ${pkgroot}/imp $topdir/x "/with space/y"\n',
         output "field p import-dirs -f paths --no-expand-pkgroot")
      assert.equal("\nabi: \ndata-dir: \"\"\ntrusted: False\n\n",
         output "field p depends,abi,data-dir,trusted,pkgroot -f paths")
      assert.equal("x-mark: kept\n", output "field p x-mark -f paths")
      assert.equal("hid\nhid\n", output "field 'hid*' name --simple-output")
   end)

   it("says which field it does not know, before it looks for packages", function()
      for _, names in ipairs {"zork", "name,zork", "zork,name"} do
         fails("field zz " .. names, "unknown field: zork")
      end
      fails("field base name,,", "unknown field: ")
      fails("field base Name", "unknown field: Name")
      fails("field base x-mark", "unknown field: x-mark")
      fails("field zz name", "cannot find package zz")
   end)

   it("fills lines of a field up to 67 characters behind the indentation", function()
      local words = {}
      for i = 1, 30 do
         words[i] = ("M%03d"):format(i)
      end
      package("empty", "w", "1", "w-1", "exposed-modules: " .. table.concat(words, " "))
      local lines = {}
      for line in output("field w exposed-modules -f empty -v0"):gmatch "[^\n]+" do
         lines[#lines + 1] = line
      end
      support.sh("rm %s/empty/w-1.conf", dir)
      -- "exposed-modules:" and 10 words of 5 characters are 66; behind 17 columns 13 words are 64.
      assert.same({66, 17 + 64, 17 + 34}, {#lines[1], #lines[2], #lines[3]})
      assert.equal(words[11], lines[2]:match "^ +(%S+)")
   end)

   it("draws the graph of dependencies that are there", function()
      assert.equal('digraph {\n"b-1.0" -> "base-4.0"\n}\n', output "dot")
      assert.equal("digraph {\n}\n", output "dot -f top")
      local lines = {}
      for line in output("dot -f top --global"):gmatch "[^\n]+" do
         lines[line] = true
      end
      assert.same({
         ["digraph {"] = true, ["}"] = true, ['"a-1" -> "b-1.0"'] = true,
         ['"a-1" -> "base-4.0"'] = true, ['"b-1.0" -> "base-4.0"'] = true,
      }, lines)
   end)

   it("says the same as JSON", function()
      local function decoded(command)
         return assert(dkjson.decode(output(command)))
      end
      local listed = decoded "list hid --json"
      assert.equal("global", listed[1].path)
      assert.same({
         {name = "hid", version = "1.9", id = "hid-1.9-a", exposed = false, broken = false},
         {name = "hid", version = "1.10", id = "hid-1.10-a", exposed = false, broken = false},
      }, listed[1].packages)
      assert.is_true(decoded("find-module B.Mod --json")[1].packages[1].broken)
      assert.same({name = "hid", version = "1.10", id = "hid-1.10-a"}, decoded "latest hid --json")
      local described = decoded("describe p -f paths --json")[1]
      assert.same({"${pkgroot}/imp", "$topdir/x", "/with space/y"}, described["import-dirs"])
      assert.same({"paths", dir, "first\nsecond\n\nlast", "kept", true, false}, {
         described.database, described.pkgroot, described.description, described["x-mark"],
         described.exposed, described.trusted,
      })
      assert.same(described, decoded("dump -f paths --json")[1])
      assert.same({{["ld-options"] = {"-Wl,-rpath", "-lfoo"}, ["import-dirs"] = {
         dir .. "/imp", dir .. "/x", "/with space/y",
      }}}, decoded "field p ld-options,import-dirs -f paths --json")
      assert.same({{from = "b-1.0-z", to = "base-4.0"}}, decoded("dot --json").edges)
      assert.same({}, decoded("list -f empty --json")[1].packages)
   end)

   it("shows hidden and broken packages in colours on a terminal", function()
      local command = ("cd %s && %s --global-package-db=global list -v0"):format(dir, program)
      local function shown(term)
         local text = support.stdout("TERM=%s script -qec %s /dev/null", term,
            support.quote(command))
         return (text:gsub("[\r\n]+", "\n"):gsub("\n$", ""))
      end
      assert.equal("global\n    \27[31mb-1.0\27[39;49m\n    base-4.0\n"
         .. "    \27[34mhid-1.9\27[39;49m\n    \27[34mhid-1.10\27[39;49m", shown "xterm")
      assert.equal("global\n    {b-1.0}\n    base-4.0\n    (hid-1.9)\n    (hid-1.10)",
         shown "dumb")
   end)

   it("says with -v which databases and files it reads", function()
      local out = output("list -v zz -f top", BROKEN)
      assert.equal("using cache: top/package.cache\nusing cache: global/package.cache\n"
         .. 'db stack: ["top","global"]\nflag db stack: ["top"]\ntop\n    (no packages)\n',
         out:match "\n(.*)")
   end)

   it("makes an empty database, and no second one at its place", function()
      assert.equal("", output "init new/below")
      assert.equal("new/below\n    (no packages)\n", output "list -f new/below -v0")
      fails("init new/below", "")
      fails("init empty", "")
      support.sh("rm -r %s/new", dir)
   end)

   it("tells of a cache that is missing, old or none, and reads the packages", function()
      support.sh("cd %s && mkdir c && cp -p paths/*.conf c", dir)
      assert.equal("c\n    p-1.2\n\n", output("list p -f c", NO_CACHE:format "c" .. BROKEN))
      assert.equal("p-1.2\n", output("latest p -f c -v0"))
      assert.equal("", output "recache -f c")
      assert.equal("p-1.2\n", output "latest p -f c")
      support.sh("touch -d '+5 seconds' %s/c/p-1.2-q.conf", dir)
      assert.equal("p-1.2\n", output("latest p -f c", OLD_CACHE:format "c"))
      assert.equal("", output "recache -f c")
      support.write(dir .. "/c/package.cache", "no cache")
      support.sh("touch -d '+9 seconds' %s/c/package.cache", dir)
      local status, out, err = run "latest p -f c"
      assert.same({0, "p-1.2\n"}, {status, out})
      assert.truthy(err:find("WARNING: cache cannot be read: c/package.cache", 1, true), err)
      support.sh("rm -r %s/c", dir)
   end)

   it("fails when what it prints cannot be written", function()
      local status, _, err = run "list > /dev/full"
      assert.equal(1, status)
      assert.truthy(err:find("moonlink pkg: standard output: No space left", 1, true), err)
   end)

   it("says which database is not there", function()
      fails("list -f nowhere", "")
      assert.truthy(select(3, run "list -f nowhere"):find("nowhere", 1, true))
   end)

   it("needs a global database, or another one", function()
      local command = ("cd %s && GHC_PACKAGE_PATH= HOME=%s PATH=/nonexistent "):format(dir, dir)
         .. script .. " "
      local status, _, err = support.exit(command .. "list")
      assert.equal(1, status)
      assert.equal("moonlink pkg: missing --global-package-db option, location of global package "
         .. "database unknown\n  hint: the ghc on PATH is asked for it; without one name a "
         .. "database, with -f DB\n", err)
      local good, out = support.exit(command .. "list --simple-output -f top")
      assert.same({0, "a-1 a-1\n"}, {good, out})
   end)
end)

describe("moonlink.pkg", function()
   it("loads nothing of the linker, and a module when it is needed", function()
      local status, out, err = support.lua([[
         local pkg = require "moonlink.pkg"
         local db = assert(pkg.open(...))
         local names = {}
         for _, p in ipairs(pkg.order(db.packages)) do
            names[#names + 1] = p.id
         end
         assert(pkg.nothing == nil)
         local may = {pkg = 1, core = 1, error = 1, file = 1, given = 1, lists = 1}
         for name in pairs(package.loaded) do
            local room = name:match "^moonlink%.(%a+)"
            if room and not may[room] then
               names[#names + 1] = name
            end
         end
         assert(not package.loaded["moonlink.pkg.zenc"])
         print(table.concat(names, " "))
      ]], dir .. "/paths")
      assert.same({0, "p-1.2-q\n", ""}, {status, out, err})
   end)

   it("has all that its page names", function()
      local pkg = require "moonlink.pkg"
      local page = support.read "docs/packages.md"
      local count = 0
      for name in page:gmatch "pkg%.([%l_]+)[(`]" do
         assert.is_function(pkg[name], name)
         count = count + 1
      end
      assert.truthy(count > 8)
   end)

   it("parses, prints and opens", function()
      local moonlink = require "moonlink"
      local pkg = require "moonlink.pkg"
      local text = support.read(dir .. "/top/a-1-x.conf")
      local p = assert(pkg.parse(text))[1]
      assert.same({"a", "1", true, {"b-1.0-z"}}, {p.name, p.version, p.exposed, p.depends})
      assert.equal("a-1-x", assert(pkg.parse(pkg.print(p)))[1].id)
      assert.is_nil((pkg.parse "name: a,b"))
      assert.equal(2, #assert(moonlink.pkgdb(dir .. "/top")).packages)
      local db, problem = moonlink.pkgdb(dir .. "/nowhere")
      assert.is_nil(db)
      assert.truthy(tostring(problem):find("nowhere", 1, true))
   end)

   it("has the stack of a command line", function()
      local pkg = require "moonlink.pkg"
      local made = assert(pkg.stack {
         named = {dir .. "/top"}, global = dir .. "/global", no_user = true, path = false,
      })
      local databases = assert(made:databases(made.all))
      assert.same({2, 4}, {#databases[1].packages, #databases[2].packages})
      assert.equal(databases[1], (made:open(dir .. "/top")))
      local wanted = assert(pkg.select "hid-1.9")
      assert.is_true(wanted.matches {name = "hid", version = "1.9"})
   end)
end)
