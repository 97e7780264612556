--- Slips at the door: options that nobody knows, and a dot in place of a colon. Each is a mistake
-- that is told at the line that made it, with what would have been right.
-- SPDX-License-Identifier: MIT

local ghc = require "moonlink.ghc"
local lab = require "moonlink.lab"
local moonlink = require "moonlink"
local policy = require "moonlink.policy"
local pkg = require "moonlink.pkg"
local pkgdb = require "spec.support.cpackages"
local report = require "moonlink.lab.report"
local support = require "spec.support"

local dir = support.tmpdir()

local HERE = "^spec/given_spec%.lua:%d+: "

--- What a function raises, which must begin with the line here that called it.
local function raised(fn)
   local good, err = pcall(fn)
   assert.is_false(good, "nothing was raised")
   assert.matches(HERE, err)
   return err
end

local function nothing() end

describe("an option that nobody knows is refused, with the one that was meant:", function()
   local ln, unit, path, db, result

   setup(function()
      path = support.cc(dir .. "/f.o", "int f(void) { return 1; }", "-fPIC")
      ln = moonlink.new()
      unit = assert(ln:load(path))
      db = pkgdb.three():open()
      result = {name = "r", cases = {}, machine = {}, metrics = {}}
   end)

   teardown(function()
      ln:close()
   end)

   -- What is called, with a slip in it, and the right word.
   local calls = {
      ["moonlink.new"] = {"scope", function() moonlink.new {scoep = {}} end},
      ["ln:load"] = {"bind", function() ln:load {path, bnid = "lazy"} end},
      ["ln:check"] = {"zone", function() ln:check {path, zoen = "low"} end},
      ["ln:image"] = {"define", function() ln:image {path, at = 4096, defien = {}} end},
      ["ln:why"] = {"wrap", function() ln:why({path, warp = {}}, "f") end},
      ["an input"] = {"rename", function() ln:load {{path = path, renmae = {}}} end},
      ["ln:load of a plan"] = {"atomic", function()
         ln:load(assert(db:plan {"top"}), {atomc = true})
      end},
      ["ln:func"] = {"fail", function() ln:func("int f(void)", {fial = "null"}) end},
      ["ln:callback"] = {"on_error", function() ln:callback("int(int)", print, {on_eror = 1}) end},
      ["ln:calls"] = {"reset", function() ln:calls {rest = true} end},
      ["unit:calls"] = {"reset", function() unit:calls {rest = true} end},
      ["unit:symbols"] = {"exported", function() unit:symbols {exproted = true} end},
      ["unit:unload"] = {"timeout", function() unit:unload {tiemout = 1} end},
      ["unit:reload"] = {"strict", function() unit:reload {strickt = true} end},
      ["moonlink.isolate"] = {"timeout", function()
         moonlink.isolate(nothing, {time_out = 1})
      end},
      ["ghc.start"] = {"objects", function() ghc.start {object = {}} end},
      ["pkg.open"] = {"cache", function() pkg.open(db.path, {cahce = false}) end},
      ["pkg.change"] = {"wait", function() pkg.change(db.path, {wiat = false}) end},
      ["w:commit"] = {"below", function()
         local w <close> = assert(pkg.change(db.path))
         w:commit {bellow = {}}
      end},
      ["pkg.print"] = {"extra", function() pkg.print(db.packages[1], {exrta = false}) end},
      ["pkg.parse"] = {"format", function() pkg.parse("", {fromat = "text"}) end},
      ["pkg.stack"] = {"named", function() pkg.stack {name = {}} end},
      ["pkg.select"] = {"unit_ids", function() pkg.select("a", {unit_id = true}) end},
      ["pkg.parse_symbol"] = {"units", function() pkg.parse_symbol("a", {unit = {}}) end},
      ["pkg.state"] = {"flags", function() pkg.state {databases = {db}, flgas = {}} end},
      ["a step of pkg.state"] = {"prefer", function()
         pkg.state {databases = {db}, steps = {perfer = nothing}}
      end},
      ["pkg.lookup"] = {"package", function()
         pkg.lookup(assert(pkg.state {databases = {db}}), "M", {pakcage = "x"})
      end},
      ["pkg.environment"] = {"folder", function() pkg.environment {foldre = "/"} end},
      ["databases of GHC"] = {"global", function()
         require "moonlink.pkg.state".databases {globla = "/"}
      end},
      ["pkg.register"] = {"update", function()
         pkg.register({db}, db, db.packages, {updaet = true})
      end},
      ["db:plan"] = {"kind", function() db:plan {"top", knid = "shared"} end},
      ["lab.experiment"] = {"inputs", function()
         lab.experiment {name = "e", inputs = {path}, strategies = {"direct"}, input = {}}
      end},
      ["e:run"] = {"warmup", function()
         lab.experiment {name = "e", inputs = {path}, strategies = {"direct"}}:run {warmpu = 1}
      end},
      ["an input of the laboratory"] = {"objects", function()
         lab.experiment {name = "e", inputs = {{name = "i", objcets = {}}}, strategies = {"direct"}}
      end},
      ["lab.strategy"] = {"load", function()
         lab.strategy {name = "s", load = nothing, bind = nothing, laod = nothing}
      end},
      ["lab.probes.input"] = {"cflags", function() lab.probes.input {cflag = "-O2"} end},
      ["report.text"] = {"width", function() report.text(result, {widht = 80}) end},
      ["report.compare_text"] = {"color", function()
         report.compare_text(report.compare(result, result), {colour = true})
      end},
   }

   for name, case in pairs(calls) do
      it(name, function()
         assert.matches((", did you mean '%s'?"):format(case[1]), raised(case[2]), 1, true)
      end)
   end

   it("or with all that there are", function()
      assert.matches("symbols: unknown option 'bogus' (known: exported, type)",
         raised(function() unit:symbols {bogus = 1} end), 1, true)
   end)

   it("or what it is for, when it is one elsewhere", function()
      assert.matches("option 'bytes': only for a load",
         raised(function() moonlink.new {bytes = "x"} end), 1, true)
      assert.matches("option 'at': only for a link at an address (ln:image)",
         raised(function() ln:load {path, at = 4096} end), 1, true)
   end)

   it("also where a list was expected to be of use", function()
      assert.matches("unknown option '1'", raised(function() moonlink.new {path} end), 1, true)
   end)

   it("but not the log of events for one load alone", function()
      local own <close> = moonlink.new()
      assert(own:load {path, trace = "load"})
      assert.equal(1, #own.events)
      assert(own:load {path, duplicate = "first"})
      assert.equal(1, #own.events)
   end)
end)

describe("a method that is called with a dot says so", function()
   it("whatever it is called on", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(support.cc(dir .. "/g.o", "int g(void) { return 1; }", "-fPIC")))
      local db = pkgdb.three():open()
      local loaded = assert(ln:load(assert(db:plan {"top"})))
      local e = lab.experiment {name = "e", inputs = {dir .. "/g.o"}, strategies = {"direct"}}
      local stack = assert(pkg.stack {named = {db.path}, global = db.path, no_user = true})
      local change <close> = assert(pkg.change(db.path))
      for word, call in pairs {
         ["ln:load"] = function() ln.load "x.o" end, ["ln:units"] = function() ln.units() end,
         ["ln:addr2sym"] = function() ln.addr2sym(1) end,
         ["unit:symbols"] = function() unit.symbols {} end,
         ["unit:alive"] = function() unit.alive() end,
         ["loaded:unload"] = function() loaded.unload "force" end,
         ["p:address"] = function() loaded.packages[1].address "top" end,
         ["db:plan"] = function() db.plan {"top"} end,
         ["stack:open"] = function() stack.open(db.path) end,
         ["w:put"] = function() change.put {} end,
         ["plan:save"] = function() db:plan {"top"}.save "p.json" end,
         ["e:cases"] = function() e.cases() end,
      } do
         assert.matches(("call it with a colon, %s(...)"):format(word), raised(call), 1, true)
      end
   end)

   it("and what is no method of another kind of value", function()
      local ln <close> = moonlink.new()
      for _, value in ipairs {setmetatable({}, {__metatable = false}), moonlink, "ln", 0/0,
         setmetatable({}, {__index = error}), io.stdout} do
         assert.matches("'load' is a method of a moonlink.Linker",
            raised(function() ln.load(value, "x.o") end), 1, true)
      end
   end)

   it("for memory and callbacks, too", function()
      local ln <close> = moonlink.new()
      local memory <close> = moonlink.alloc(8)
      local callback <close> = ln:callback("int(int)", print)
      for _, call in ipairs {
         function() memory.address() end, function() memory.get(0, 1) end,
         function() memory.set "x" end, function() memory.close() end,
         function() callback.address() end, function() callback.close "x" end,
      } do
         assert.matches("call it with a colon", raised(call), 1, true)
      end
   end)
end)

it("a method may be called on a value of its kind that is not finished", function()
   local new = require "moonlink.ghc.runtime".new -- has its finaliser at the end alone
   assert.equal(8, #new {} .cell)
end)

describe("an argument of a wrong type is told at the caller's line", function()
   local ln, unit, path

   setup(function()
      path = support.cc(dir .. "/h.o", "int h(void) { return 1; }", "-fPIC")
      ln = moonlink.new()
      unit = assert(ln:load(path))
   end)

   teardown(function()
      ln:close()
   end)

   local wrong = {
      "bad argument #1 to 'symbol' (string expected, got table)", function() ln:symbol {} end,
      "bad argument #1 to 'address_of' (string expected, got no value)",
      function() ln:address_of() end,
      "'missing' (string expected, got function)", function() ln:missing(print) end,
      "'write_symbols' (string expected, got boolean)", function() ln:write_symbols(true) end,
      "'addr2sym' (integer expected, got float)", function() ln:addr2sym(0 / 0) end,
      "bad argument #2 to 'why' (string expected", function() ln:why(path) end,
      "'callback' (string expected, got table)", function() ln:callback({}, print) end,
      "'missing' (string expected, got no value)", function() unit:missing() end,
      "'address' (string expected, got number)", function() unit:address(1) end,
      "option 'want': item 1 is a table, not a text", function() ln:load {path, want = {{}}} end,
      "option 'wrap': item 2 is a number", function() moonlink.new {wrap = {"a", 1}} end,
      "option 'search': item 1 is a boolean", function() ln:check {path, search = {false}} end,
      "option 'hide': '%' is no pattern: malformed pattern (ends with '%')",
      function() ln:load {path, hide = {"f", "%"}} end,
      "option 'keep': '(' is no pattern: unfinished capture",
      function() moonlink.new {keep = {"("}} end,
      "option 'export': 'f[' is no pattern: malformed pattern (missing ']')",
      function() ln:load {path, export = {"f["}} end,
      "field 'localize': 'f%1' is no pattern: invalid capture index %1",
      function() ln:load {{path = path, localize = {"f%1"}}} end,
      "unfinished capture", function() ln:on("resolve", "f(", print) end,
      "'f%' is no pattern", function() policy.match("f%", 0) end,
      "'f)' is no pattern", function() policy.prefix("f", "f)") end,
      "'everywhere' is no place of the scope (self, archives,",
      function() moonlink.new {scope = {"self", "everywhere"}} end,
      "a number cannot be a place of the scope", function() moonlink.new {scope = {1}} end,
      "option 'debug': 'wind' is none of its values (auto, gdb,",
      function() moonlink.new {debug = "wind"} end,
      "option 'rename': a name for a name expected, got a table for a string",
      function() ln:load {path, rename = {a = {}}} end,
      "bad argument #2 to 'string' (integer or nil expected, got string)",
      function() moonlink.string(4096, "x") end,
      "bad argument #2 to 'string' (a size cannot be negative)",
      function() moonlink.string(4096, -1) end,
      "bad argument #2 to 'traceback' (integer or nil expected, got table)",
      function() moonlink.traceback("x", {}) end,
   }

   for i = 1, #wrong, 2 do
      it(wrong[i], function()
         assert.matches(wrong[i], raised(wrong[i + 1]), 1, true)
      end)
   end

   it("and a level of the stack that nobody has is none", function()
      local text = moonlink.traceback("x", math.maxinteger)
      assert.matches("^x\nstack traceback:", text)
      assert.equal(moonlink.traceback("x", 1000), text)
      assert.equal(text, moonlink.traceback("x", -5))
      assert.equal(text, moonlink.traceback("x", math.mininteger))
   end)
end)
