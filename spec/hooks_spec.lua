-- Hooks: functions of a question that answer for names that match a pattern.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1 -fPIE")
end

local user, two_users, answers

setup(function()
   user = object("user", [[
      int hooked(int); int plain(int);
      int f(int n) { return hooked(n) + plain(n); }
   ]])
   two_users = {
      object("user_a", "int hooked(int); int a(int n) { return hooked(n); }"),
      object("user_b", "int hooked(int); int b(int n) { return hooked(n); }"),
   }
   answers = object("answers", [[
      int plain(int n) { return n; }
      int hooked(int n) { return n * 10; }
      int better(int n) { return n * 100; }
   ]])
end)

describe("a hook on names", function()
   it("is asked for names that match, and only for those", function()
      local ln <close> = moonlink.new()
      local asked = {}
      ln:on("resolve", "^hook", function(q)
         asked[#asked + 1] = q.name
      end)
      assert(ln:load {user, answers})
      assert.same({"hooked"}, asked)
      assert.equal(22, ln:func("int f(int)")(2))
   end)

   it("answers with another name", function()
      local ln <close> = moonlink.new()
      ln:on("resolve", "^hooked$", function() return "better" end)
      assert(ln:load {user, answers})
      assert.equal(202, ln:func("int f(int)")(2))
   end)

   it("answers with an address, or a symbol", function()
      local ln <close> = moonlink.new()
      assert(ln:load(answers))
      for _, answer in ipairs {ln:address_of "better", ln:symbol "better"} do
         local other <close> = moonlink.new {scope = {{plain = ln:address_of "plain"}}}
         other:on("resolve", "^hooked$", function() return answer end)
         assert(other:load(user))
         assert.equal(303, other:func("int f(int)")(3))
      end
   end)

   it("answers with a callback", function()
      local ln <close> = moonlink.new()
      ln:on("resolve", "^hooked$", function()
         return ln:callback("int(int)", function(n) return n + 5000 end)
      end)
      assert(ln:load {user, answers})
      collectgarbage()
      collectgarbage()
      assert.equal(5004, ln:func("int f(int)")(2))
   end)

   it("answers with false: the name stays at 0", function()
      local ln <close> = moonlink.new()
      ln:on("resolve", "^gone$", function() return false end)
      assert(ln:load(object("gone", "extern char gone[]; long g(void) { return (long)gone; }",
         "-O1 -fPIC")))
      assert.equal(0, ln:func("long g(void)")())
   end)

   it("answers each who refers to the name for itself", function()
      local ln <close> = moonlink.new()
      local from = {}
      ln:on("resolve", "^hooked$", function(q)
         from[#from + 1] = q.from
         return q.from == two_users[2] and "better" or nil
      end)
      assert(ln:load {two_users[1], two_users[2], answers})
      assert.same(two_users, from)
      assert.equal(10, ln:func("int a(int)")(1))
      assert.equal(100, ln:func("int b(int)")(1))
   end)

   it("that answers with a name of an archive pulls its member in", function()
      object("deep", "int deeper(int); int deep(int n) { return deeper(n) + 1; }")
      object("deeper", "int deeper(int n) { return n * 7; }")
      support.sh("cd %s && rm -f libdeep.a && ar rc libdeep.a deep.o deeper.o", dir)
      local ln <close> = moonlink.new()
      ln:on("resolve", "^hooked$", function() return "deep" end)
      local unit = assert(ln:load {two_users[1], dir .. "/libdeep.a"})
      assert.equal(29, ln:func("int a(int)")(4))
      assert.equal(3, #unit:inputs())
   end)

   it("sees the references of members that are pulled in, too", function()
      object("inner", "int hooked(int); int inner(int n) { return hooked(n); }")
      support.sh("cd %s && rm -f libinner.a && ar rc libinner.a inner.o", dir)
      local ln <close> = moonlink.new()
      local from
      ln:on("resolve", "^hooked$", function(q)
         from = q.from
         return "better"
      end)
      assert(ln:load {object("outer", "int inner(int); int o(int n) { return inner(n); }"),
         dir .. "/libinner.a", answers})
      assert.equal(dir .. "/libinner.a(inner.o)", from)
      assert.equal(500, ln:func("int o(int)")(5))
   end)

   it("is told who asks, where, how, and who could answer", function()
      local path = object("asks", [[
         extern int stat_of(int) __attribute__((weak)); int getpid(void);
         int caller(int n) { return getpid() + (stat_of ? stat_of(n) : 0); }
      ]])
      local ln <close> = moonlink.new()
      local questions = {}
      ln:on("resolve", function(q)
         questions[q.name] = {
            from = q.from, section = q.section, offset = q.offset, func = q.func, weak = q.weak,
            reloc = q.reloc, version = q.version, candidates = q.candidates,
         }
      end)
      assert(ln:load(path))
      local q = questions.getpid
      assert.equal(path, q.from)
      assert.equal(".text", q.section)
      assert.equal("caller", q.func)
      assert.is_false(q.weak)
      local line = support.sh("readelf -rW %s | grep getpid", path)
      assert.equal(tonumber(line:match "^%x+", 16), q.offset)
      assert.equal(line:match "R_X86_64_%w+", q.reloc)
      assert.equal("process", q.candidates[1].how)
      assert.matches("libc.so.6", q.candidates[1].provider, 1, true)
      assert.is_true(questions.stat_of.weak)
      assert.same({}, questions.stat_of.candidates)
   end)

   it("sees the version of a name", function()
      local path = support.as(dir .. "/version.o", [[
         .symver old, memcpy@GLIBC_2.2.5
         .text
         .globl f
         f: jmp old@PLT
      ]])
      local ln <close> = moonlink.new()
      local version
      ln:on("resolve", "^memcpy", function(q) version = q.version end)
      assert(ln:load(path))
      assert.equal("GLIBC_2.2.5", version)
   end)

   it("that is newer is asked first; what it leaves open the older one answers", function()
      local ln <close> = moonlink.new()
      local order = {}
      ln:on("resolve", "hooked", function() order[#order + 1] = "old" return "better" end)
      ln:on("resolve", "hooked", function() order[#order + 1] = "new" end)
      assert(ln:load {user, answers})
      assert.same({"new", "old"}, order)
      assert.equal(101, ln:func("int f(int)")(1))
   end)

   it("can be removed", function()
      local ln <close> = moonlink.new()
      local count = 0
      local remove = ln:on("resolve", "hooked", function() count = count + 1 end)
      assert(ln:load {user, answers})
      assert.equal(1, count)
      remove()
      assert(ln:load(two_users[1]))
      assert.equal(1, count)
      remove()
   end)

   it("can remove itself while it runs", function()
      local ln <close> = moonlink.new()
      local count, remove = 0, nil
      remove = ln:on("resolve", function()
         count = count + 1
         remove()
      end)
      assert(ln:load {user, two_users[1], answers})
      assert.equal(1, count)
   end)

   it("that removes itself takes nothing from the others", function()
      local ln <close> = moonlink.new()
      local second = 0
      ln:on("resolve", "^hooked$", function() second = second + 1 end)
      local remove
      remove = ln:on("resolve", "^hooked$", function() remove() end)
      assert(ln:load {two_users[1], two_users[2], answers})
      assert.equal(2, second)
   end)

   it("that raises ends the load with this very error, and leaves nothing", function()
      local ln <close> = moonlink.new()
      local mine = setmetatable({}, {__tostring = function() return "mine" end})
      local remove = ln:on("resolve", "hooked", function() error(mine) end)
      local ok, err = pcall(ln.load, ln, {user, answers})
      assert.is_false(ok)
      assert.equal(mine, err)
      assert.is_nil((ln:address_of "better"))
      assert.same({}, ln:units())
      remove()
      assert(ln:load {user, answers})
      assert.equal(11, ln:func("int f(int)")(1))
   end)

   it("may load more itself", function()
      local ln <close> = moonlink.new()
      ln:on("resolve", "^hooked$", function()
         if #ln:units() == 0 then
            assert(ln:load(answers))
         end
         return ln:address_of "better"
      end)
      assert(ln:load(user))
      assert.equal(2, #ln:units())
      assert.equal(101, ln:func("int f(int)")(1))
   end)

   it("may run in a coroutine and yield", function()
      local ln <close> = moonlink.new()
      ln:on("resolve", "^hooked$", function(q) return coroutine.yield(q.name) end)
      local co = coroutine.create(function() return ln:load {user, answers} end)
      local ok, name = coroutine.resume(co)
      assert.is_true(ok)
      assert.equal("hooked", name)
      local unit
      ok, unit = coroutine.resume(co, "better")
      assert.is_true(ok)
      assert.is_not_nil(unit)
      assert.equal(101, ln:func("int f(int)")(1))
   end)

   it("with an answer that means nothing ends the load with an error", function()
      local ln <close> = moonlink.new()
      ln:on("resolve", "^hooked$", function() return 1.5 end)
      local unit, err = ln:load {user, answers}
      assert.is_nil(unit)
      assert.equal("policy", err.code)
      assert.equal("hooked", err.symbol)
      assert.equal("'hooked': a hook answered with 1.5", err.message)
   end)

   it("with a symbol of a unit that has gone ends the load with an error", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(answers))
      local better = ln:symbol "better"
      ln:on("resolve", "^hooked$", function() return better end)
      assert(unit:unload())
      local other, err = ln:load(user)
      assert.is_nil(other)
      assert.equal("policy", err.code)
      assert.equal(("'hooked': a hook answered with 'better' of %s, which was unloaded"):format(
         answers), err.message)
   end)

   it("with the name of nothing is named in the error, with what it answered", function()
      local ln <close> = moonlink.new {undefined = function() return "nothing" end}
      ln:on("resolve", "^hooked$", function() return "none_such" end)
      local unit, err = ln:load(user)
      assert.is_nil(unit)
      assert.equal("undefined", err.code)
      assert.matches("undefined 'nothing', the answer of the policy for undefined names to "
         .. "'none_such', 'plain' (", err.message, 1, true)
      local other <close> = moonlink.new {scope = {{hooked = "elsewhere", plain = 0}}}
      unit, err = other:load(user)
      assert.is_nil(unit)
      assert.matches("undefined 'elsewhere', the answer of a table of the scope to 'hooked' (",
         err.message, 1, true)
   end)

   it("with a wrong kind or no function is the caller's mistake", function()
      local ln <close> = moonlink.new()
      assert.has_error(function() ln:on("resolved", "x", print) end)
      assert.has_error(function() ln:on("resolve", "x") end)
      assert.has_error(function() ln:on("resolve", 1, print) end)
      assert.has_error(function() ln:on("resolve", "%", print) end)
   end)
end)

describe("a hook on undefined names", function()
   it("is asked for what nothing else has", function()
      local ln <close> = moonlink.new()
      assert(ln:load(answers))
      local asked = {}
      ln:on("undefined", function(q)
         asked[#asked + 1] = q.name
         return "better"
      end)
      assert(ln:load(object("lost", "int lost(int), plain(int);" ..
         "int g(int n) { return lost(n) + plain(n); }")))
      assert.same({"lost"}, asked)
      assert.equal(404, ln:func("int g(int)")(4))
   end)

   it("comes before the rule of the options", function()
      local ln <close> = moonlink.new {undefined = "null"}
      ln:on("undefined", "^hooked$", moonlink.stub)
      assert(ln:load(two_users[1]))
      local ok, err = pcall(ln:func "int a(int)", 1)
      assert.is_false(ok)
      assert.matches("'hooked'", tostring(err), 1, true)
   end)

   it("may answer with a callback that Lua serves", function()
      local ln <close> = moonlink.new()
      ln:on("undefined", function(q)
         return ln:callback("int(int)", function(n) return #q.name * n end)
      end)
      assert(ln:load(user))
      assert.equal((6 + 5) * 3, ln:func("int f(int)")(3))
   end)

   it("that raises leaves nothing", function()
      local ln <close> = moonlink.new()
      ln:on("undefined", function(q) error("no " .. q.name, 0) end)
      local ok, err = pcall(ln.load, ln, user)
      assert.is_false(ok)
      assert.matches("^no ", err)
      assert.same({}, ln:units())
   end)

   it("that answers with names for ever ends", function()
      local ln <close> = moonlink.new()
      ln:on("undefined", function(q) return q.name .. "x" end)
      local unit, err = ln:load(two_users[1])
      assert.is_nil(unit)
      assert.is_not_nil(err)
   end)
end)

describe("a hook on events", function()
   it("sees what is switched on", function()
      local ln <close> = moonlink.new()
      local seen = {}
      ln:on("event", function(event) seen[#seen + 1] = event.category end)
      assert(ln:load {user, answers})
      assert.same({}, seen)
      ln:trace "load"
      assert(ln:load(two_users[1]))
      assert.same({"load"}, seen)
   end)

   it("that raises takes the load back", function()
      local ln <close> = moonlink.new {trace = "load"}
      ln:on("event", function() error("stop", 0) end)
      assert.has_error(function() ln:load(answers) end, "stop")
      assert.is_nil((ln:address_of "better"))
   end)
end)

describe("questions about very many names", function()
   it("each know their place, in several inputs", function()
      local count = 2000
      local function many(name)
         local lines = {}
         for i = 1, count do
            lines[i] = (".globl %s%d; .type %s%d,@function; %s%d: nop; call wanted%d")
               :format(name, i, name, i, name, i, i)
         end
         return support.as(("%s/%s.o"):format(dir, name), table.concat(lines, "\n"))
      end
      local inputs = {many "one", many "two"}
      local ln <close> = moonlink.new()
      local asked = 0
      ln:on("resolve", "^wanted", function(q)
         local name, number = q.func:match "^(%l+)(%d+)$"
         assert.equal(q.name, "wanted" .. number)
         assert.equal(dir .. "/" .. name .. ".o", q.from)
         assert.equal((tonumber(number) - 1) * 6 + 2, q.offset)
         asked = asked + 1
         return 4096
      end)
      assert(ln:load {inputs[1], inputs[2], zone = "low"})
      assert.equal(2 * count, asked)
   end)
end)
