--- Plans: which files make some packages, and loading them. The packages are C, compiled here; no
-- GHC is needed.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local cpackages = require "spec.support.cpackages"
local pkg = require "moonlink.pkg"
local support = require "spec.support"

local function ids(list)
   local out = {}
   for i, each in ipairs(list) do
      out[i] = each.id
   end
   return out
end

describe("a plan", function()
   it("has the units in the order of their dependencies, and what was found where", function()
      local w = cpackages.three()
      local plan = assert(w:open():plan {"top"})
      assert.same({"low-1.0", "mid-1.0", "top-1.0"}, ids(plan.units))
      assert.same({"top-1.0"}, plan.asked)
      assert.same({"mid-1.0"}, plan.units[3].depends)
      assert.equal(w.db, plan.units[1].database)
      local file = plan.units[1].files[1]
      assert.equal(w.dir .. "/low-1.0/libClow-1.0.a", file.path)
      assert.equal("archive", file.kind)
      assert.same({}, plan.missing)
   end)

   it("is one thing, kept in a file or not", function()
      local w = cpackages.three()
      local db = w:open()
      local plan = assert(db:plan {"top"})
      assert(plan:save(w.dir .. "/plan.json"))
      local back = assert(pkg.read_plan(w.dir .. "/plan.json"))
      assert.same(plan, back)
      assert.equal(tostring(plan), tostring(back))
      assert.equal("", tostring(plan:diff(back)))
      local other = assert(db:plan {"mid"})
      assert.same({
         {what = "asked", new = "mid-1.0"}, {what = "asked", old = "top-1.0"},
         {what = "unit", old = "top-1.0"},
      }, setmetatable(plan:diff(other), nil))
   end)

   it("is compared in all that a load does by it, and with plans only", function()
      local db = cpackages.three():open()
      local plan = assert(db:plan {"top", "mid", search = {"/first", "/second"}})
      local other = assert(db:plan {"mid", "top", search = {"/second", "/first"}})
      local said = tostring(plan:diff(other))
      assert.matches("asked order - top-1.0, mid-1.0 + mid-1.0, top-1.0", said, 1, true)
      assert.matches("mid%-1.0: search order %- [^\n]*, /first, /second %+ [^\n]*, /second, /first",
         said)
      for _, wrong in ipairs {{}, 1, {format = plan.format}} do
         assert.error_matches(function() plan:diff(wrong) end, "plan expected", 1, true)
      end
      assert.error_matches(function() plan:save() end, "path without NUL expected", 1, true)
   end)
end)

describe("moonlink pkg plan", function()
   local w = cpackages.three()
   w:open()

   local function run(words)
      return support.exit("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s MOONLINK_BUILD=%s %s bin/moonlink pkg "
         .. "--global-package-db=%s --no-user-package-db %s", support.quote(package.path),
         support.quote(package.cpath), support.quote(support.build), support.interpreter, w.db,
         words)
   end

   it("prints what Lua has, or keeps it", function()
      local plan = assert(pkg.open(w.db)):plan {"top"}
      local status, out, err = run "plan top"
      assert.same({0, tostring(plan) .. "\n", ""}, {status, out, err})
      assert.equal(0, (run("plan top -o " .. w.dir .. "/p.json")))
      assert.same(plan, assert(pkg.read_plan(w.dir .. "/p.json")))
      status, out = run "plan --json top"
      assert.equal(0, status)
      assert.equal(support.read(w.dir .. "/p.json"), out)
      assert.is_truthy(out:find('"missing":[]', 1, true))
      assert.is_nil(out:find("{}", 1, true)) -- an empty list is a list
   end)

   it("fails for what is missing or wrong", function()
      local status, out = run "plan --kind=shared top"
      assert.equal(1, status)
      assert.matches("missing: Ctop-1.0 of top-1.0\n", out, 1, true)
      for _, words in ipairs {"plan --kind=so top", "plan --way=fast top", "plan tops",
         "plan --policy=best top"} do
         local bad, nothing, message = run(words)
         assert.same({1, ""}, {bad, nothing})
         assert.matches("^moonlink pkg: ", message)
      end
   end)
end)

describe("loading a plan", function()
   it("makes each package a unit, and calls cross them", function()
      local ln <close> = moonlink.new()
      local loaded = assert(ln:load(assert(cpackages.three():open():plan {"top"})))
      assert.equal(111, assert(ln:func "int top(void)")())
      assert.same({"low-1.0", "mid-1.0", "top-1.0"}, ids(ln:packages()))
      assert.equal(3, #loaded.units)
      assert.equal("mid-1.0", ln:packages()[2].unit.name)
   end)

   it("loads what is not there yet, and unloads what nobody holds", function()
      local db = cpackages.three():open()
      local ln <close> = moonlink.new()
      local mid = assert(ln:load(assert(db:plan {"mid"})))
      local unit = ln:packages()[1].unit
      local top = assert(ln:load(assert(db:plan {"top"})))
      assert.same({"top-1.0"}, top.loaded)
      assert.equal(unit, ln:packages()[1].unit)
      assert(mid:unload())
      assert.same({"low-1.0", "mid-1.0", "top-1.0"}, ids(ln:packages()))
      assert(top:unload())
      assert.same({}, ln:packages())
      assert.same({}, ln:units())
   end)
end)

describe("choosing files", function()
   --- A package in all forms: in folder one the archive, in folder two everything.
   local function forms()
      local w = cpackages.world()
      local folder, list = w:objects("m-1.0", {"int m(void) { return 5; }"})
      support.sh("mkdir %s/one %s/two && cp %s %s/two/HSm-1.0.o", folder, folder, list[1], folder)
      support.sh("ar rcs %s/one/libHSm-1.0.a %s && cp %s/one/*.a %s/two", folder, list[1], folder,
         folder)
      support.sh("gcc -shared -o %s/two/libHSm-1.0-ghc9.0.2.so %s", folder, list[1])
      support.sh("cp %s/two/libHSm-1.0-ghc9.0.2.so %s/two/libHSm-1.0.so", folder, folder)
      support.sh("cp %s/one/libHSm-1.0.a %s/one/libHSm-1.0_p.a", folder, folder)
      w:add("m-1.0", {}, {hs_libraries = {"HSm-1.0"},
         library_dirs = {folder .. "/one", folder .. "/two"}})
      return w:open(), folder
   end

   it("is by the kind", function()
      local db, folder = forms()
      local expected = {
         archive = "/one/libHSm-1.0.a", prelinked = "/two/HSm-1.0.o",
         shared = "/two/libHSm-1.0-ghc9.0.2.so",
      }
      for kind, path in pairs(expected) do
         local plan = assert(db:plan {"m", kind = kind})
         assert.equal(folder .. path, plan.units[1].files[1].path)
         assert.equal(kind, plan.units[1].files[1].kind)
         local ln <close> = moonlink.new()
         assert(ln:load(plan))
         assert.equal(5, assert(ln:func "int m(void)")())
         assert.equal(5, assert(ln:packages()[1]:func "int m(void)")())
         assert.is_true(ln:packages()[1].memory > 0)
      end
   end)

   it("says what memory a package has, also before anybody asked for all", function()
      local plan = assert((forms()):plan {"m"})
      local ln <close> = moonlink.new()
      local p = assert(ln:load(plan)):package "m"
      local bytes = p.memory
      assert.is_true(bytes > 0)
      assert.matches((" %d bytes,"):format(bytes), tostring(p), 1, true)
      assert.equal(bytes, ln:packages()[1].memory)
   end)

   it("is by a policy: of GHCi, of the link line, of ld, or a function", function()
      local db, folder = forms()
      local expected = {
         ghci = "/two/HSm-1.0.o", ["ghci-dynamic"] = "/two/libHSm-1.0-ghc9.0.2.so",
         link = "/one/libHSm-1.0.a", ld = "/one/libHSm-1.0.a",
      }
      for policy, path in pairs(expected) do
         local plan = assert(db:plan {"m", policy = policy})
         assert.equal(folder .. path, plan.units[1].files[1].path)
      end
      local locate = require "moonlink.pkg.locate"
      local plan = assert(db:plan {"m", policy = locate.first(
         locate.pattern("prelinked", "{name}.nowhere"),
         locate.pattern("shared", "lib{name}.so"))})
      assert.equal(folder .. "/two/libHSm-1.0.so", plan.units[1].files[1].path)
      assert.same({folder .. "/one/HSm-1.0.nowhere", folder .. "/two/HSm-1.0.nowhere",
         folder .. "/one/libHSm-1.0.so"}, plan.units[1].files[1].tried)
   end)

   it("is by the way: only the run-time system has all of them", function()
      local ways = require "moonlink.pkg.ways"
      local function suffix(way, is_rts, ghc)
         return ways.suffix(assert(ways.parse(way)), is_rts, ghc or "9.0.2")
      end
      assert.equal("_thr_debug", suffix("debug threaded", true))
      assert.equal("_thr_debug_p", suffix({"profiling", "debug", "threaded"}, true))
      assert.equal("_thr_l", suffix("threaded,eventlog", true))
      assert.equal("_debug", suffix("debug,eventlog", true))
      assert.equal("_thr", suffix("thr_l", true, "9.4.1"))
      assert.equal("_p", suffix("threaded profiling", false))
      assert.equal("", suffix("threaded debug", false))
      assert.equal("", suffix(nil, true))
      local db, folder = forms()
      local plan = assert(db:plan {"m", way = "threaded profiling"})
      assert.equal(folder .. "/one/libHSm-1.0_p.a", plan.units[1].files[1].path)
      local none, err = db:plan {"m", way = "fast"}
      assert.is_nil(none)
      assert.matches("'fast' is no way", tostring(err), 1, true)
   end)

   it("reads ld-options: roots, libraries, folders, the rest", function()
      local w = cpackages.three()
      local folder, list = w:objects("extra", {"int extra(void) { return 3; }"})
      support.sh("ar rcs %s/libextra.a %s", folder, list[1])
      w.packages[1].ld_options = {
         "-Wl,-u,unused", "-u", "a_b", "-lextra", "-L" .. folder, "-pthread", "-Wl,-z,now",
         "-Wl,--undefined=low",
      }
      local unit = assert(w:open():plan {"low"}).units[1]
      assert.same({"unused", "a_b", "low"}, unit.roots)
      assert.same({"-pthread", "-Wl,-z,now"}, unit.options)
      assert.equal(folder .. "/libextra.a", unit.files[2].path)
      assert.equal("extra", unit.files[2].role)
   end)
end)

describe("a plan is refused with its reason", function()
   local function refusal(w, options)
      local plan, err = w:open():plan(options)
      assert.is_nil(plan)
      assert.equal("package", err.code)
      return err
   end

   it("for a package that is hidden, unless it is asked for", function()
      local w = cpackages.three()
      w.packages[3].exposed = false
      local err = refusal(w, {"top"})
      assert.equal("hidden", err.reason)
      assert.matches("package top-1.0 is hidden", tostring(err), 1, true)
      local db = assert(pkg.open(w.db))
      assert.same({"top-1.0"}, assert(db:plan {"top", hidden = true}).asked)
      assert.same({"top-1.0"}, assert(db:plan {"top", flags = {"-package", "top"}}).asked)
   end)

   it("for a missing dependency, wherever it is", function()
      local w = cpackages.three()
      w.packages[1].depends = {"gone-1.0"}
      local err = refusal(w, {"top"})
      assert.equal("missing", err.reason)
      assert.matches("low-1.0 needs gone-1.0, which no database has", tostring(err), 1, true)
      assert.same({"top-1.0", "mid-1.0", "low-1.0"}, err.chain)
   end)

   it("for a cycle, with its members", function()
      local w = cpackages.three()
      w.packages[1].depends = {"mid-1.0"}
      local err = refusal(w, {"top"})
      assert.equal("cyclic", err.reason)
      assert.matches("depends on itself: ", tostring(err), 1, true)
      assert.matches("low-1.0 -> mid-1.0 -> low-1.0", tostring(err)
         :gsub("mid%-1.0 %-> low%-1.0 %-> mid%-1.0", "low-1.0 -> mid-1.0 -> low-1.0"), 1, true)
   end)

   it("for a dependency of another ABI", function()
      local w = cpackages.three()
      w.packages[2].abi_depends = {"low-1.0=0ther"}
      local err = refusal(w, {"top"})
      assert.equal("shadowed", err.reason)
      assert.matches("mid-1.0 was built against another build of low-1.0 (ABI 0ther) than is there",
         tostring(err), 1, true)
   end)

   it("for a package that is ignored or unknown", function()
      local w = cpackages.three()
      local err = refusal(w, {"top", flags = {"-ignore-package", "low"}})
      assert.matches("low-1.0", tostring(err), 1, true)
      assert.matches("no package tops in", tostring(refusal(w, {"tops"})), 1, true)
   end)

   it("when its options are mistakes", function()
      local db = cpackages.three():open()
      local function gives(...)
         local answer = table.pack(...)
         return function() return table.unpack(answer, 1, answer.n) end
      end
      for wrong, said in pairs {
         [{"top", knd = "archive"}] = "unknown option 'knd'",
         [{"top", kind = "archives"}] = "'archives' is none of its values",
         [{"top", policy = "lds"}] = "'lds' is none of the known ones",
         [{}] = "name at least one package",
         [{"top", 7}] = "package 2 is a number",
         [{"top", way = {{}}}] = "item 1: string expected, got table",
         [{"top", search = {"/tmp", 1}}] = "item 2: string expected, got number",
         [{"top", system = {"a\0b"}}] = "item 1 holds a NUL",
         [{"top", flags = {1}}] = "item 1: string or table expected",
         [{"top", policy = gives(1)}] = "for Clow-1.0: a path, ",
         [{"top", policy = gives("/tmp/x", "object", "it is there")}] = "got /tmp/x, object, it is",
         [{"top", policy = gives("/tmp/x", "archive")}] = "got /tmp/x, archive, nil",
      } do
         local good, err = pcall(function() db:plan(wrong) end)
         assert.is_false(good)
         assert.matches("plan_spec", err, 1, true)
         assert.matches(said, err, 1, true)
      end
   end)
end)

describe("what fails in a load of a plan", function()
   local function refused(db, options, how)
      local ln <close> = moonlink.new()
      local loaded, err = ln:load(assert(db:plan(options)), how)
      assert.is_nil(loaded)
      assert.same({}, ln:packages())
      assert.same({}, ln:units())
      return err
   end

   local START = [[#include <stdlib.h>
      __attribute__((constructor)) static void start(void) { setenv("MOONLINK_PLAN_%s", "1", 1); }
   ]]

   it("is a library that is missing", function()
      local w = cpackages.three()
      support.sh("rm %s/mid-1.0/*.a", w.dir)
      local db = w:open()
      local plan = assert(db:plan {"top"})
      assert.equal("mid-1.0", plan.missing[1].unit)
      assert.equal("Cmid-1.0", plan.missing[1].library)
      assert.matches("missing: Cmid-1.0 of mid-1.0", tostring(plan), 1, true)
      support.write(w.dir .. "/mid-1.0/libCmid-1.0.a", "")
      assert.equal(("%s/mid-1.0/libCmid-1.0.a (no library: empty)"):format(w.dir),
         assert(db:plan {"mid"}).missing[1].tried[1])
      local err = refused(db, {"top"})
      assert.equal("noent", err.code)
      assert.equal("mid-1.0", err.package)
      assert.matches("library Cmid-1.0 is missing (archive, vanilla; looked at " .. w.dir,
         tostring(err), 1, true)
   end)

   it("is an object that lacks a symbol; no constructor has run", function()
      local w = cpackages.three()
      w:archive("low-1.0", {START:format "LACK" .. "int low(void) { return 1; }"})
      w:archive("top-1.0", {"extern int nowhere(void); int top(void) { return nowhere(); }"})
      local err = refused(w:open(), {"top"})
      assert.equal("undefined", err.code)
      assert.equal("nowhere", err.symbol)
      assert.equal("top-1.0", err.package)
      assert.matches("package top-1.0: undefined 'nowhere'", tostring(err), 1, true)
      assert.is_nil(os.getenv "MOONLINK_PLAN_LACK")
   end)

   it("keeps what came before, when that was wanted", function()
      local w = cpackages.three()
      w:archive("top-1.0", {"extern int nowhere(void); int top(void) { return nowhere(); }"})
      local ln <close> = moonlink.new()
      local loaded, err = ln:load(assert(w:open():plan {"top"}), {atomic = false})
      assert.is_nil(loaded)
      assert.equal("top-1.0", err.package)
      assert.same({"low-1.0", "mid-1.0"}, ids(ln:packages()))
      assert.equal(11, assert(ln:func "int mid(void)")())
      assert(err.kept:unload())
      assert.same({}, ln:packages())
   end)

   it("keeps what came before a library that is missing", function()
      local w = cpackages.three()
      support.sh("rm %s/mid-1.0/*.a", w.dir)
      local ln <close> = moonlink.new()
      local plan = assert(w:open():plan {"top"})
      local loaded, err = ln:load(plan, {atomic = false})
      assert.is_nil(loaded)
      assert.equal("mid-1.0", err.package)
      assert.same({"low-1.0"}, ids(ln:packages()))
      assert.same({"low-1.0"}, err.kept.loaded)
   end)

   it("is an option that the plan itself, or its packages, have in its place", function()
      local plan = assert(cpackages.three():open():plan {"top"})
      local ln <close> = moonlink.new()
      for _, wrong in ipairs {"name", {"top"}, {roots = {"top"}}, {name = "it"}, {want = {"top"}},
         {packages = "own", scope = {"self"}}, {packages = "mine"}, {atomic = 1}} do
         assert.error_matches(function() ln:load(plan, wrong) end, "options? ")
         assert.same({}, ln:units())
      end
      assert.error_matches(function() ln:load("top.o", {bind = "lazy"}) end, "among the inputs")
   end)

   it("is a constructor that raises: what came before is taken back", function()
      local w, search = cpackages.failing()
      local err = refused(w:open(), {"top", search = search})
      assert.equal("init", err.code)
      assert.equal("top-1.0", err.package)
   end)

   it("is an object that was compiled for profiling", function()
      local w = cpackages.three()
      w:archive("mid-1.0", {"extern long CCS_SYSTEM[]; long *mid(void) { return CCS_SYSTEM; }"})
      local err = refused(w:open(), {"top"})
      assert.matches("was built with -prof but the profiling run-time system", tostring(err), 1,
         true)
      assert.equal("mid-1.0", err.package)
   end)

   it("is a package that is loaded from elsewhere, or in another way", function()
      local w = cpackages.three()
      support.sh("cp %s/low-1.0/libClow-1.0.a %s/low-1.0/libClow-1.0_p.a", w.dir, w.dir)
      local db = w:open()
      local ln <close> = moonlink.new()
      assert(ln:load(assert(db:plan {"low"})))
      local loaded, err = ln:load(assert(db:plan {"low", way = "profiling"}))
      assert.is_nil(loaded)
      assert.equal("state", err.code)
      assert.matches("loaded in the way vanilla, the plan wants profiling", tostring(err), 1, true)
      assert.same({"low-1.0"}, ids(ln:packages()))
   end)

   it("is a file that is no plan", function()
      local dir = support.tmpdir()
      for i, text in ipairs {"", "{", "os.exit(1)", "[1,2]", '{"format":"moonlink plan 1"}',
         ("["):rep(100000), '{"a":"\\ud800"}', '"\1"', "1e", "01", "[1,]"} do
         local path = support.write(("%s/%d.json"):format(dir, i), text)
         local plan, err = pkg.read_plan(path)
         assert.is_nil(plan)
         assert.equal("format", err.code)
      end
      local w = cpackages.three()
      assert(assert(w:open():plan {"top"}):save(w.dir .. "/plan.json"))
      local text = support.read(w.dir .. "/plan.json")
      for _, field in ipairs {"tried", "path", "groups", "missing", "depends", "way"} do
         local less = text:gsub('"' .. field .. '":', '"x":')
         local plan, err = pkg.read_plan(support.write(w.dir .. "/less.json", less))
         assert.is_nil(plan)
         assert.matches("field '" .. field .. "'", tostring(err), 1, true)
      end
      local ln <close> = moonlink.new()
      assert.error_matches(function() ln:load {format = "moonlink plan 1"} end,
         "no plan that can be loaded")
   end)
end)

describe("packages", function()
   --- foo in two versions, and a user of each.
   local function versions()
      local w = cpackages.world()
      for _, v in ipairs {"1.0", "2.0"} do
         w:archive("foo-" .. v, {("int foo(void) { return %d; }"):format(v * 1 // 1)})
         w:add("foo-" .. v)
         local user = "use" .. v:sub(1, 1) .. "-1.0"
         w:archive(user, {("extern int foo(void); int use%s(void) { return foo() * 10; }")
            :format(v:sub(1, 1))})
         w:add(user, {"foo-" .. v})
      end
      return w:open()
   end

   it("are there in two versions, each seen by those that depend on it", function()
      local db = versions()
      local ln <close> = moonlink.new()
      assert.same({"foo-2.0"}, assert(db:plan {"foo"}).asked)
      local both = assert(ln:load(assert(db:plan {"use1", "use2"})))
      assert.equal(10, assert(ln:func "int use1(void)")())
      assert.equal(20, assert(ln:func "int use2(void)")())
      assert.equal(1, assert(both:package "foo-1.0":func "int foo(void)")())
      assert.equal(2, assert(both:package "foo-2.0":func "int foo(void)")())
      assert(both:unload())
      assert.same({}, ln:units())
   end)

   it("come into a linker that has another version", function()
      local db = versions()
      local ln <close> = moonlink.new()
      local old = assert(ln:load(assert(db:plan {"foo-1.0"})))
      local new = assert(ln:load(assert(db:plan {"foo-2.0"})))
      assert.equal(2, assert(ln:func "int foo(void)")())
      local user = assert(ln:load(assert(db:plan {"use1"})))
      assert.same({"use1-1.0"}, user.loaded)
      assert.equal(10, assert(ln:func "int use1(void)")())
      assert(new:unload())
      assert.equal(1, assert(ln:func "int foo(void)")())
      assert(user:unload())
      assert(old:unload())
   end)

   it("stay while somebody outside uses them", function()
      local ln <close> = moonlink.new()
      local loaded = assert(ln:load(assert(cpackages.three():open():plan {"top"})))
      local object = support.cc(support.tmpdir() .. "/own.o",
         "extern int low(void); int own(void) { return low(); }")
      local own = assert(ln:load(object))
      local gone, err = loaded:unload()
      assert.is_nil(gone)
      assert.matches("own.o: low", tostring(err), 1, true)
      assert.same({"low-1.0", "mid-1.0", "top-1.0"}, ids(ln:packages()))
      assert(own:unload())
      assert(loaded:unload())
   end)

   it("stay, all of them, while Lua has a function of one", function()
      local ln <close> = moonlink.new()
      local loaded = assert(ln:load(assert(cpackages.three():open():plan {"top"})))
      local low = assert(ln:func "int low(void)")
      local gone, err = loaded:unload()
      assert.is_nil(gone)
      assert.matches("Lua has 1 function of it (low)", tostring(err), 1, true)
      assert.same({"low-1.0", "mid-1.0", "top-1.0"}, ids(ln:packages()))
      assert.equal(1, low())
      low = nil -- luacheck: ignore
      assert(loaded:unload())
   end)

   it("come from all databases of a stack, the topmost first", function()
      local below, above = cpackages.three(), cpackages.world()
      above:archive("low-1.0", {"int low(void) { return 2; }"})
      above:add "low-1.0"
      above:archive("user-1.0", {"extern int low(void), top(void);"
         .. "int user(void) { return top() * 1000 + low(); }"})
      above:add("user-1.0", {"top-1.0", "low-1.0"})
      below:open()
      above:open()
      local stack = assert(pkg.stack {named = {above.db}, global = below.db, no_user = true,
         path = false})
      local plan = assert(stack:plan {"user"})
      assert.equal(above.db, plan.units[1].database)
      assert.equal(below.db, plan.units[2].database)
      local ln <close> = moonlink.new()
      assert(ln:load(plan))
      assert.equal(112002, assert(ln:func "int user(void)")())
   end)

   it("cost nothing but their index when members are taken as they are wanted", function()
      local ln <close> = moonlink.new()
      local plan = assert(cpackages.three():open():plan {"top"})
      local loaded = assert(ln:load(plan, {members = "wanted"}))
      for _, unit in ipairs(loaded.units) do
         assert.same({}, unit:inputs())
      end
      local object = support.cc(support.tmpdir() .. "/own.o",
         "extern int low(void); int own(void) { return low(); }")
      local own = assert(ln:load(object))
      assert.equal(1, assert(ln:func "int own(void)")())
      assert.equal(2, #own:inputs())
      assert.equal(0, loaded:package "top".memory)
      assert.is_true(loaded:package "low".memory > 0) -- its member came with the other load
   end)

   it("that need each other through roots are linked as one", function()
      local w = cpackages.world()
      w:archive("rt-1.0", {"extern int hook(void); int rt(void) { return hook() + 1; }"})
      w:archive("lib-1.0", {"extern int rt(void); int hook(void) { return 6; }"
         .. "int lib(void) { return rt(); }"})
      w:add("rt-1.0", {}, {ld_options = {"-Wl,-u,hook"}})
      w:add("lib-1.0", {"rt-1.0"})
      local plan = assert(w:open():plan {"lib"})
      assert.same({{"rt-1.0", "lib-1.0"}}, plan.groups)
      local ln <close> = moonlink.new()
      assert(ln:load(plan))
      assert.equal(7, assert(ln:func "int lib(void)")())
      assert.equal(ln:packages()[1].unit, ln:packages()[2].unit)
      assert.is_true(ln:packages()[1].memory > 0)
   end)
end)

describe("shared libraries of packages", function()
   local function shared(w, id, source, more)
      local folder, list = w:objects(id, {source})
      support.sh("gcc -shared -o %s/lib%s.so %s", folder, id, list[1])
      w:add(id, more)
      return folder
   end

   it("see what the database says that they depend on, though they name nothing", function()
      local w = cpackages.world()
      shared(w, "low-1.0", "int low(void) { return 1; }")
      shared(w, "mid-1.0", "extern int low(void); int mid(void) { return low() + 10; }",
         {"low-1.0"})
      local plan = assert(w:open():plan {"mid", kind = "shared"})
      local ln <close> = moonlink.new()
      local loaded = assert(ln:load(plan))
      assert.equal(11, assert(ln:func "int mid(void)")())
      assert.is_true(ln:packages()[2].memory > 0)
      collectgarbage()
      assert(loaded:unload())
      assert.same({}, ln:packages())
   end)
end)

describe("code reaches what is outside of its load", function()
   --- Where the calls and jumps with 32 bits of distance in a function lead to.
   local function targets(unit, name)
      local e, found = assert(unit:symbol(name)), {}
      local code = assert(moonlink.read(e.address, "c" .. e.size))
      for at = 1, e.size - 4 do
         if code:byte(at) & 0xfe == 0xe8 then
            found[e.address + at + 4 + string.unpack("<i4", code, at + 1)] = true
         end
      end
      return found
   end

   --- Three packages, the second of two objects, that call each other.
   local function packages()
      local w = cpackages.world()
      w:archive("low-1.0", {"int low(void) { return 1; }"})
      w:archive("mid-1.0", {
         "extern int low(void), inner(void); int mid(void) { return low() + inner(); }",
         "int inner(void) { return 10; }"})
      w:archive("top-1.0", {"extern int mid(void); int top(void) { return mid() + 100; }"})
      w:add "low-1.0"
      w:add("mid-1.0", {"low-1.0"})
      w:add("top-1.0", {"mid-1.0"})
      return w
   end

   for _, bind in ipairs {"direct", "got", "stubs", "lazy", "function"} do
      it("between packages as a plan's load says, within them direct: " .. bind, function()
         local asked, how = {}, bind
         if bind == "function" then
            how = function(q)
               asked[#asked + 1] = q.name
               return q.name == "low" and "lazy" or "stubs"
            end
         end
         local ln <close> = moonlink.new()
         local loaded = assert(ln:load(assert(packages():open():plan {"top"}), {bind = how}))
         local low, mid, top = table.unpack(loaded.units)
         local inner = assert(mid.core:entry "inner")
         assert.is_nil(inner.stub)
         assert.is_true(targets(mid, "mid")[inner.address])
         local outer = mid.core:entry "low"
         if bind == "direct" or bind == "got" then
            assert.is_nil(outer.stub)
            assert.is_true(targets(mid, "mid")[low:address "low"])
         else
            assert.is_true(targets(mid, "mid")[outer.stub])
            assert.equal(bind == "stubs" and "unit" or "lazy", outer.how)
            assert.is_true(targets(top, "top")[top.core:entry "mid".stub])
         end
         assert.equal(111, assert(ln:func "int top(void)")())
         assert.equal("unit", mid.core:entry "low".how)
         if bind == "function" then
            assert.same({"low", "mid"}, asked)
         end
         assert(loaded:unload())
      end)
   end
end)

it("examples/cpackages builds, registers, plans and loads three C packages", function()
   local temporary = support.tmpdir()
   local status, out, err = support.exit(
      support.crashes .. "TMPDIR=%s LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s examples/cpackages/run.lua",
      temporary, support.quote(package.path), support.quote(package.cpath), support.interpreter)
   assert.equal("", err)
   assert.equal(0, status)
   assert.equal("", support.sh("ls %s", temporary))
   for _, line in ipairs {
      "Units is of units-2.0\nTables is hidden\n",
      "1. units-2.0 from libCunits-2.0.a\n2. shapes-1.0 from libCshapes-1.0.a\n3. report-1.0 from",
      ("a circle of 10 ft: %.3f m2\n"):format(math.pi * 3.048 ^ 2),
      ("units-1.0: 5280 ft are %.4f m\n"):format(5280 * 0.3048006),
      ("units-2.0: 5280 ft are %.4f m\n"):format(5280 * 0.3048),
      "loaded at the end: 0\n",
   } do
      assert.matches(line, out, 1, true)
   end
end)
