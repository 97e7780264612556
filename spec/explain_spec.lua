-- Why a name means what it means, where everything lies, and what happened in which order.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local show_map = require "moonlink.show.map"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1 -fPIE")
end

local main, own, archive

setup(function()
   main = object("main", [[
      int member(int), own(int), getpid(void); int weakly(void) __attribute__((weak));
      int f(int n) { return member(n) + own(n) + getpid() + (weakly ? weakly() : 0); }
   ]])
   own = object("own", "int own(int n) { return n; }")
   object("member", "int own(int); int member(int n) { return own(n) + 1; }")
   object("never", "int never(void) { return 1; }")
   support.sh("cd %s && ar rc libm.a member.o never.o", dir)
   archive = dir .. "/libm.a"
end)

describe("explain", function()
   it("says which member a name pulled in, and who wanted it", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {main, own, archive})
      local why = ln:explain "member"
      assert.equal("section", why.how)
      assert.equal(archive .. "(member.o)", why.provider)
      assert.equal(archive .. "(member.o)", why.pulled)
      assert.same({main}, why.wanted_by)
      assert.equal(unit.name, why.unit)
      assert.equal(unit:address "member", why.address)
      local hows = {}
      for _, candidate in ipairs(why.candidates) do
         hows[candidate.how] = candidate.provider
      end
      assert.equal(unit.name, hows.unit)
      assert.equal(archive, hows.archive)
   end)

   it("names all who wanted it", function()
      local ln <close> = moonlink.new()
      assert(ln:load {main, own, archive})
      local why = ln:explain "own"
      assert.same({main, archive .. "(member.o)"}, why.wanted_by)
      assert.equal(own, why.provider)
      assert.is_nil(why.pulled)
   end)

   it("says that the process answered, and at which place of the scope", function()
      local ln <close> = moonlink.new()
      assert(ln:load {main, own, archive})
      local why = ln:explain "getpid"
      assert.equal("process", why.how)
      assert.matches("libc.so.6", why.provider, 1, true)
      assert.matches("place 3 of the scope (process)", why.reason, 1, true)
   end)

   it("counts places as the load was given them", function()
      local function odd() end
      local scope = {"fallback", odd, {archive = archive}, {own = 0x1000}, "process"}
      local ln <close> = moonlink.new()
      assert(ln:load {main, scope = scope})
      assert.matches("; place 4 of the scope$", ln:explain("own").reason)
      assert.matches("; place 5 of the scope (process)", ln:explain("getpid").reason, 1, true)
      local tried = moonlink.new():why({main, scope = scope}, "getpid")
      assert.matches("; place 5 of", tried.reason, 1, true)
   end)

   it("tells an earlier unit from the load itself", function()
      local ln <close> = moonlink.new()
      assert(ln:load {own, name = "first"})
      assert(ln:load {main, archive, name = "second"})
      local why = ln:explain "own"
      assert.equal("unit", why.how)
      assert.equal("first", why.provider)
      assert.equal("second", why.unit)
   end)

   it("says when nothing defines a name, and when nobody wanted it", function()
      local ln <close> = moonlink.new()
      assert(ln:load {main, own, archive})
      assert.equal("none", ln:explain("weakly").how)
      assert.equal("unknown", ln:explain("no_such_name").how)
      local never = ln:explain "never"
      assert.equal("unknown", never.how)
      assert.equal("never.o", never.candidates[1].member)
   end)

   it("says when a policy answered with another name", function()
      local needs = object("needs", "int odd(int); int g(int n) { return odd(n); }")
      for _, kind in ipairs {"resolve", "undefined"} do
         local ln <close> = moonlink.new()
         ln:on(kind, "^odd$", function() return "abs" end)
         assert(ln:load(needs))
         assert.matches("a policy gave another name", ln:explain("odd").reason, 1, true)
         assert.equal("process", ln:explain("abs").how)
         assert.same({needs}, ln:explain("abs").wanted_by)
      end
   end)

   it("says when the section of a definition was dropped", function()
      local ln <close> = moonlink.new {gc_sections = true, keep = {"own"}}
      assert(ln:load {object("extra", "int extra(void) { return 1; }"), own})
      assert.equal("stripped", ln:explain("extra").how)
      assert.matches("dropped", ln:explain("extra").reason)
   end)

   it("names those who have a name but hide it", function()
      local ln <close> = moonlink.new()
      local secret = object("secret", [[
         __attribute__((visibility("hidden"))) int secret(void) { return 1; }
         int open(void) { return secret(); }
      ]])
      assert(ln:load(secret))
      local private = object("private", "int secret(void) { return 2; }")
      assert(ln:load {private, hide = {"secret"}})
      local why = ln:explain "secret"
      assert.same({}, why.candidates)
      assert.same({{provider = secret, why = "STV_HIDDEN"},
                   {provider = private, why = "by the policy"}}, why.hidden)
      assert.matches("secret.o, where it is hidden (STV_HIDDEN)", tostring(why), 1, true)
   end)

   it("says why a weak definition gave way", function()
      local ln <close> = moonlink.new()
      local weak = "__attribute__((weak)) int soft(void) { return %d; }"
      assert(ln:load {object("soft_1", weak:format(1)), name = "one"})
      assert(ln:load {object("soft_2", weak:format(2)), name = "two"})
      local why = ln:explain "soft"
      assert.equal("unit", why.how)
      assert.equal("one", why.provider)
      assert.matches("gave way", why.reason, 1, true)
   end)

   it("is text for people, too", function()
      local ln <close> = moonlink.new()
      assert(ln:load {main, own, archive})
      local text = tostring(ln:explain "member")
      assert.matches("^'member': ", text)
      assert.matches("wanted by " .. main, text, 1, true)
      assert.matches("libm.a(member.o)", text, 1, true)
   end)

   it("explains a load that is only tried", function()
      local ln <close> = moonlink.new()
      local why = assert(ln:why({main, archive}, "own"))
      assert.equal("undefined", why.how)
      why = assert(ln:why({main, own, archive}, "own"))
      assert.equal("section", why.how)
      assert.same({}, ln:units())
   end)
end)

describe("the map", function()
   it("holds every section and symbol at its place, in address order", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {main, own, archive})
      local map = unit:map()
      local last = 0
      for _, section in ipairs(map.sections) do
         assert.is_true(section.address >= last)
         assert.is_true(section.address >= map.base)
         assert.is_true(section.address + section.size <= map.base + map.size)
         last = section.address + section.size
      end
      local found = {}
      for _, symbol in ipairs(map.symbols) do
         found[symbol.name] = symbol
      end
      assert.equal(ln:address_of "f", found.f.address)
      assert.equal(main, found.f.file)
      assert.equal(archive .. "(member.o)", found.member.file)
      local size = support.sh("nm -S %s | grep ' T f'", main):match "^%x+ (%x+)"
      assert.equal(tonumber(size, 16), found.f.size)
   end)

   it("as text names files, sections and symbols", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {main, own, archive})
      local text = show_map.text(unit:map())
      assert.matches(".text", text, 1, true)
      assert.matches("libm.a(member.o)", text, 1, true)
      assert.matches(("%x"):format(unit:address "member"), text, 1, true)
      assert.matches("member", text, 1, true)
   end)

   it("is the same for the same inputs", function()
      local texts = {}
      for i = 1, 2 do
         local ln <close> = moonlink.new()
         local map = assert(ln:load {main, own, archive}):map()
         local lines = {}
         for _, symbol in ipairs(map.symbols) do
            lines[#lines + 1] = ("%s %d"):format(symbol.name, symbol.address - map.base)
         end
         texts[i] = table.concat(lines, "\n")
      end
      assert.equal(texts[1], texts[2])
   end)
end)

describe("the event log", function()
   local function events_of(categories)
      local ln <close> = moonlink.new {trace = categories}
      assert(ln:load {main, own, archive})
      return ln.events
   end

   it("is off unless it is switched on", function()
      assert.same({}, events_of(nil))
   end)

   it("has one event for each input that was asked for", function()
      local files = {}
      for i, event in ipairs(events_of "load") do
         assert.equal("load", event.category)
         files[i] = event.file
      end
      assert.same({main, own}, files)
   end)

   it("has one for each member, with the name that wanted it", function()
      local list = events_of "member"
      assert.equal(1, #list)
      assert.equal("member.o", list[1].member)
      assert.equal("member", list[1].symbol)
      assert.equal(main, list[1].by)
      assert.matches("libm.a(member.o)", list[1].text, 1, true)
   end)

   it("has one for each name that was bound", function()
      local bound = {}
      for _, event in ipairs(events_of {"bind"}) do
         bound[event.symbol] = event.how
      end
      assert.equal("section", bound.own)
      assert.equal("process", bound.getpid)
   end)

   it("has one for each section that was placed", function()
      local files = {}
      for _, event in ipairs(events_of "place") do
         assert.is_true(event.address > 0)
         files[event.file] = true
      end
      assert.is_true(files[main] and files[own] and files[archive])
   end)

   it("takes several categories, all of them, and refuses others", function()
      local seen = {}
      for _, event in ipairs(events_of "all") do
         seen[event.category] = true
      end
      assert.same({load = true, member = true, bind = true, place = true}, seen)
      assert.equal(3, #events_of "load,member")
      assert.has_error(function() moonlink.new {trace = "everything"} end)
      local ln <close> = moonlink.new()
      assert.has_error(function() ln:trace "everything" end)
   end)

   it("is switched off again", function()
      local ln <close> = moonlink.new {trace = "all"}
      ln:trace()
      assert(ln:load {main, own, archive})
      assert.same({}, ln.events)
   end)
end)
