-- Rules of a linker that are data: the scope; what to do with duplicate, undefined and weak names.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local policy = require "moonlink.policy"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1 -fPIE")
end

local function archive(name, ...)
   support.sh("cd %s && rm -f %s && ar rc %s %s", dir, name, name, table.concat({...}, " "))
   return dir .. "/" .. name
end

local function value(n)
   return ("long value(void) { return %d; }"):format(n)
end

local user

setup(function()
   user = object("user", "long value(void); long f(void) { return value(); }")
end)

--- Loads with options, then calls `long f(void)`.
local function f_of(inputs, options)
   local ln <close> = moonlink.new(options)
   assert(ln:load(inputs))
   return ln:func("long f(void)")()
end

describe("the scope", function()
   local own, in_archive

   setup(function()
      own = object("own", value(1))
      object("member", value(2))
      in_archive = archive("libmember.a", "member.o")
   end)

   it("asks the units of the linker before archives, these before the process", function()
      local ln <close> = moonlink.new()
      assert(ln:load(own))
      assert(ln:load {user, in_archive})
      assert.equal(1, ln:func("long f(void)")())
   end)

   it("asks in the order of the list", function()
      local ln <close> = moonlink.new {scope = {"archives", "self", "process"}, duplicate = "first"}
      assert(ln:load(own))
      local unit = assert(ln:load {user, in_archive})
      assert.equal(2, #unit:inputs())
      local process_first = moonlink.new {scope = {"process", "archives"}}
      object("getpid", "int getpid(void) { return -3; }")
      local caller = object("getpid_user", "int getpid(void); long f(void) { return getpid(); }")
      assert(process_first:load {caller, archive("libgetpid.a", "getpid.o")})
      assert.is_true(process_first:func("long f(void)")() > 0)
      assert(process_first:close())
      assert.equal(-3, f_of({caller, dir .. "/libgetpid.a"}, {scope = {"archives", "process"}}))
   end)

   it("may be a table of names: addresses, other names, false", function()
      local ln <close> = moonlink.new()
      assert(ln:load {own, object("other_value", "long other_value(void) { return 70; }")})
      local address = ln:address_of "other_value"
      assert.equal(70, f_of({user}, {scope = {{value = address}}}))
      local renamed <close> = moonlink.new()
      assert(renamed:load {dir .. "/other_value.o"})
      assert(renamed:load {user, scope = {{value = "other_value"}, "self"}})
      assert.equal(70, renamed:func("long f(void)")())
      local zero = object("zero_user", "extern char value[]; long f(void) { return (long)value; }",
         "-O1 -fPIC")
      assert.equal(0, f_of({zero}, {scope = {{value = false}}}))
   end)

   it("may be a function of a question", function()
      local seen = {}
      local ln <close> = moonlink.new()
      assert(ln:load(own))
      local address = ln:address_of "value"
      local function provider(q)
         seen[#seen + 1] = q.name
         return q.name == "value" and address or nil
      end
      assert.equal(1, f_of({user}, {scope = {provider}}))
      assert.same({"value"}, seen)
   end)

   it("may be one unit, whose hidden names stay hidden", function()
      local ln <close> = moonlink.new {duplicate = "last"}
      local first = assert(ln:load(own))
      local second = assert(ln:load(object("own_b", value(10))))
      assert(ln:load {user, scope = {first}})
      assert.equal(1, ln:func("long f(void)")())
      local user_b = object("user_b", "long value(void); long g(void) { return value(); }")
      assert(ln:load {user_b, scope = {second, "process"}})
      assert.equal(10, ln:func("long g(void)")())
      local unit, err = ln:load {object("user_c", "long f(void); long h(void) { return f(); }"),
                                 scope = {first}}
      assert.is_nil(unit)
      assert.equal("undefined", err.code)
   end)

   it("may be an archive that nothing else asks", function()
      local only = {scope = {{archive = in_archive}, "process"}}
      assert.equal(2, f_of({user}, only))
      local ln <close> = moonlink.new(only)
      assert(ln:load(user))
      object("second", "long second(void) { return 3; }")
      local caller = object("second_user", "long second(void); long g(void) { return second(); }")
      local unit, err = ln:load {caller, scope = {"archives"}}
      assert.is_nil(unit)
      assert.equal("undefined", err.code)
   end)

   it("of one load leaves no archive to the scope of the next", function()
      object("in_a", "long in_a(void) { return 1; }")
      object("in_b", "long in_b(void) { return 2; }")
      local a, b = archive("liba.a", "in_a.o"), archive("libb.a", "in_b.o")
      local ln <close> = moonlink.new()
      local uses_a = object("uses_a", "long in_a(void); long fa(void) { return in_a(); }")
      local uses_b = object("uses_b", [[
         long in_b(void); long in_c(void); long fb(void) { return in_b() + in_c(); }
      ]])
      object("in_c", "long in_c(void) { return 3; }")
      archive("liba.a", "in_a.o", "in_c.o")
      assert(ln:load {uses_a, scope = {{archive = a}}})
      local unit, err = ln:load {uses_b, scope = {{archive = b}}}
      assert.is_nil(unit)
      assert.equal("in_c", err.symbol)
      assert.equal(1, err.count)
   end)

   it("combines policies of small functions", function()
      local ln <close> = moonlink.new()
      assert(ln:load {object("parts", [[
         long my_one(void) { return 1; } long my_two(void) { return 2; }
      ]])})
      local caller = object("parts_user", [[
         long one(void), two(void), dbg_x(void) __attribute__((weak));
         long f(void) { return one() * 10 + two() + (dbg_x ? 100 : 0); }
      ]], "-O1 -fPIC")
      local chained = policy.chain(policy.map {one = ln:address_of "my_one"},
         policy.match("^dbg_", false), policy.prefix("my_", "^two$"))
      assert(ln:load {caller, scope = {chained, "self"}})
      assert.equal(12, ln:func("long f(void)")())
   end)

   it("may prefer one kind of candidates, whatever their order", function()
      local rival = object("own_labs", "long labs(long x) { return 7 * x; }", "-O1 -fno-builtin")
      local caller = object("labs_user", "long labs(long); long f(void) { return labs(-5); }",
         "-O1 -fPIC -fno-builtin")
      for how, result in pairs {unit = -35, process = 5} do
         local ln <close> = moonlink.new()
         assert(ln:load(rival))
         assert(ln:load {caller, scope = {policy.prefer(how)}})
         assert.equal(result, ln:func("long f(void)")(), how)
      end
   end)

   it("finds the linker's own functions where it prefers the process", function()
      local ending = object("ending", [[
         int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
         extern void *__dso_handle;
         static void end(void *unused) {}
         int f(void) { return __cxa_thread_atexit_impl(end, 0, &__dso_handle); }
      ]], "-O1 -fPIC")
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local prefer = require("moonlink.policy").prefer "process"
         local ln = moonlink.new {scope = {prefer, "process", "archives"}}
         local unit = assert(ln:load(...))
         assert(ln:func "int f(void)"() == 0)
         collectgarbage()
         local done, err = unit:unload()
         print(done, err and err.users[1].kind)
      ]], ending)
      assert.same({0, "nil\texit handler\n", ""}, {status, out, err})
   end)

   it("may deny what is left: it is at address 0", function()
      local caller = object("denied", "extern char gone[]; long f(void) { return (long)gone; }",
         "-O1 -fPIC")
      assert.equal(0, f_of({caller}, {scope = {"self", policy.deny, "process"}}))
   end)

   it("with a wrong word is the caller's mistake", function()
      local ln <close> = moonlink.new()
      assert.has_error(function() ln:load {user, scope = {"everywhere"}} end)
      assert.has_error(function() moonlink.new {scope = "self"} end)
      assert.has_error(function() moonlink.new {scoop = {}} end)
   end)
end)

describe("the policy for duplicates", function()
   local paths

   setup(function()
      paths = {}
      for i = 1, 3 do
         paths[i] = object("dup_" .. i, value(i) .. ("long own_%d(void) { return value(); }")
            :format(i), "-O0 -fPIE")
      end
   end)

   it("is 'error' by default", function()
      local ln <close> = moonlink.new()
      local unit, err = ln:load {user, paths[1], paths[2]}
      assert.is_nil(unit)
      assert.equal("duplicate", err.code)
   end)

   it("'first' and 'last' choose by the order of the inputs, for everybody", function()
      for rule, winner in pairs {first = 1, last = 3} do
         local ln <close> = moonlink.new {duplicate = rule}
         assert(ln:load {user, paths[1], paths[2], paths[3]})
         assert.equal(winner, ln:func("long f(void)")())
         assert.equal(winner, ln:func("long own_2(void)")())
      end
   end)

   it("'first' and 'last' choose between loads as well", function()
      for rule, winner in pairs {first = 1, last = 2} do
         local ln <close> = moonlink.new {duplicate = rule}
         assert(ln:load(paths[1]))
         assert(ln:load(paths[2]))
         assert(ln:load(user))
         assert.equal(winner, ln:func("long f(void)")())
         assert.equal(1, ln:func("long own_1(void)")())
         assert.equal(winner, ln:func("long own_2(void)")())
      end
   end)

   it("may be a function of the name and all its places", function()
      for winner = 1, 3 do
         local calls = {}
         local function rule(name, places)
            calls[#calls + 1] = name
            assert.equal(3, #places)
            assert.equal(paths[1], places[1].file)
            assert.equal(paths[3], places[3].file)
            assert.equal(".text", places[2].section)
            return winner
         end
         assert.equal(winner, f_of({user, paths[1], paths[2], paths[3]}, {duplicate = rule}))
         assert.same({"value"}, calls)
      end
   end)

   it("as a function may choose the earlier load", function()
      for winner = 1, 2 do
         local ln <close> = moonlink.new {duplicate = function(_, places)
            assert.equal(paths[1], places[1].unit)
            assert.equal(paths[2], places[2].file)
            return winner
         end}
         assert(ln:load(paths[1]))
         assert(ln:load(paths[2]))
         assert(ln:load(user))
         assert.equal(winner, ln:func("long f(void)")())
      end
   end)

   it("as a function that does not choose leaves the error", function()
      local ln <close> = moonlink.new {duplicate = function() end}
      local unit, err = ln:load {paths[1], paths[2]}
      assert.is_nil(unit)
      assert.equal("duplicate", err.code)
   end)
end)

describe("the policy for undefined names", function()
   it("'stub' lets the load pass; a call then raises an error with the name", function()
      local ln <close> = moonlink.new {undefined = "stub"}
      assert(ln:load(user))
      local ok, err = pcall(ln:func "long f(void)")
      assert.is_false(ok)
      assert.matches("undefined symbol 'value' was called", tostring(err), 1, true)
      assert.is_false((pcall(ln:func "long f(void)")))
   end)

   it("'null' leaves address 0", function()
      local path = object("null_user", [[
         extern char nothing[]; long f(void) { return (long)nothing; }
      ]], "-O1 -fPIC")
      assert.equal(0, f_of({path}, {undefined = "null"}))
   end)

   it("may be a function: an address, a stub, a name, false, or nothing", function()
      local helper <close> = moonlink.new()
      assert(helper:load(object("answer", "long answer(void) { return 42; }")))
      local address = helper:address_of "answer"
      assert.equal(42, f_of({user}, {undefined = function(q)
         return q.name == "value" and address or nil
      end}))
      local ln <close> = moonlink.new {undefined = moonlink.stub}
      assert(ln:load(user))
      assert.has_error(function() ln:func("long f(void)")() end)
      local named <close> = moonlink.new {undefined = function() return "getpid" end}
      assert(named:load(user))
      assert.is_true(named:func("long f(void)")() > 0)
      local none <close> = moonlink.new {undefined = function() end}
      local unit, err = none:load(user)
      assert.is_nil(unit)
      assert.equal("value", err.symbol)
   end)

   it("comes after archives that a function lists; one that lists none is named", function()
      for _, answer in ipairs {5, "libf.a", {"libf.a", 5}, print} do
         local ln <close> = moonlink.new {fallback = function() return answer end}
         local unit, err = ln:load(user)
         assert.is_nil(unit)
         assert.equal("policy", err.code)
         assert.equal("the function `fallback` answered with no list of paths", err.message)
      end
   end)

   it("with an answer that means nothing says so", function()
      local ln <close> = moonlink.new {undefined = function() return {} end}
      local unit, err = ln:load(user)
      assert.is_nil(unit)
      assert.equal("policy", err.code)
      assert.equal("value", err.symbol)
   end)
end)

describe("the policy for weak definitions", function()
   local SOURCE = [[
      __attribute__((weak)) long counter(void) { return %d; }
      long %s(void) { return counter(); }
   ]]

   local function two_loads(weak)
      local ln <close> = moonlink.new {weak = weak}
      assert(ln:load(object("weak_1", SOURCE:format(1, "one"))))
      assert(ln:load(object("weak_2", SOURCE:format(2, "two"))))
      return ln:func("long one(void)")(), ln:func("long two(void)")()
   end

   it("'first' shares the one that the linker has", function()
      assert.same({1, 1}, {two_loads "first"})
   end)

   it("'own' keeps each", function()
      assert.same({1, 2}, {two_loads "own"})
   end)

   it("'process' gives way to the process", function()
      local path = object("weak_getpid", [[
         __attribute__((weak)) int getpid(void) { return -1; }
         long f(void) { return getpid(); }
      ]])
      assert.equal(-1, f_of({path}, {weak = "first"}))
      assert.is_true(f_of({path}, {weak = "process"}) > 0)
      assert.same({1, 1}, {two_loads "process"})
   end)

   it("'process' knows names with a version", function()
      local own = object("weak_version", [[
         __asm__(".symver own, environ@GLIBC_2.2.5");
         __attribute__((weak)) char **own;
      ]])
      local other = object("version_user", [[
         __asm__(".symver with_version, environ@GLIBC_2.2.5");
         extern char **with_version, **environ;
         long f(void)
         {
            char ***volatile a = &with_version, ***volatile b = &environ;
            return a == b;
         }
      ]])
      assert.equal(0, f_of({own, other}, {weak = "first"}))
      assert.equal(1, f_of({own, other}, {weak = "process"}))
   end)
end)

describe("names are changed by", function()
   it("wrap: references become __wrap_, and __real_ the original, as with ld", function()
      local caller = object("wrap_user", [[
         long value(void); long f(void) { return value(); }
      ]])
      local wrapper = object("wrapper", [[
         long __real_value(void); long __wrap_value(void) { return 1000 + __real_value(); }
      ]])
      local original = object("wrapped", value(7))
      assert.equal(1007, f_of({caller, wrapper, original}, {wrap = {"value"}}))
      local main = object("wrap_main", [[
         #include <stdio.h>
         long f(void); int main(void) { printf("%ld", f()); return 0; }
      ]])
      support.sh("LD_PRELOAD= gcc -pie -Wl,--wrap=value -o %s/wrapped %s %s %s %s", dir, main,
         caller, wrapper, original)
      assert.equal("1007", support.stdout("%s/wrapped", dir))
   end)

   it("wrap of a function of the process", function()
      local path = object("wrap_getpid", [[
         int getpid(void); int __real_getpid(void);
         int __wrap_getpid(void) { return -__real_getpid(); }
         long f(void) { return getpid(); } long g(void) { return __real_getpid(); }
      ]])
      local ln <close> = moonlink.new {wrap = {"getpid"}}
      assert(ln:load(path))
      local real = ln:func("long g(void)")()
      assert.is_true(real > 0)
      assert.equal(-real, ln:func("long f(void)")())
   end)

   it("rename, where they are defined and where they are used", function()
      local ln <close> = moonlink.new()
      assert(ln:load {object("renamed", value(5)), rename = {value = "old_value"}})
      assert.is_nil((ln:address_of "value"))
      assert(ln:load(object("renamed_too", value(6))))
      assert(ln:load {user, rename = {value = "old_value"}})
      assert.equal(5, ln:func("long f(void)")())
      assert.equal(6, ln:func("long value(void)")())
   end)
end)

describe("the exported names are limited by", function()
   local api

   setup(function()
      api = object("api", [[
         long api_one(void) { return 1; }
         long helper(void) { return 2; }
         long api_two(void) { return api_one() + helper(); }
      ]])
   end)

   it("export: only what matches", function()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load {api, export = {"api_.*"}})
      assert.equal(3, ln:func("long api_two(void)")())
      assert.is_nil((ln:address_of "helper"))
      assert.is_not_nil(unit:symbol "helper")
      local names = {}
      for symbol in unit:symbols {exported = true} do
         names[#names + 1] = symbol.name
      end
      table.sort(names)
      assert.same({"api_one", "api_two"}, names)
   end)

   it("hide: not what matches; it clashes with nothing then", function()
      local ln <close> = moonlink.new()
      assert(ln:load {api, hide = {"helper"}})
      assert.is_nil((ln:address_of "helper"))
      assert(ln:load {object("helper_2", "long helper(void) { return 20; }")})
      assert(ln:load {object("helper_3", [[
         long helper(void) { return 30; } long three(void) { return helper(); }
      ]]), hide = {"helper"}})
      assert.equal(20, ln:func("long helper(void)")())
      assert.equal(30, ln:func("long three(void)")())
      assert.equal(3, ln:func("long api_two(void)")())
   end)

   it("hide: the load keeps its own, also where the first definition wins", function()
      local ln <close> = moonlink.new {duplicate = "first"}
      assert(ln:load {object("helper_2", "long helper(void) { return 20; }")})
      local three = object("helper_3", [[
         long helper(void) { return 30; } long three(void) { return helper(); }
      ]], "-O0 -fPIE")
      assert(ln:load {three, hide = {"helper"}})
      assert.equal(30, ln:func("long three(void)")())
      assert.equal(20, ln:func("long helper(void)")())
      local other <close> = moonlink.new {duplicate = "first"}
      assert(other:load {dir .. "/helper_2.o"})
      assert(other:load {three})
      assert.equal(20, other:func("long three(void)")())
   end)

   it("and the error of a later load says who hides the name", function()
      local ln <close> = moonlink.new()
      assert(ln:load {api, hide = {"helper"}})
      local caller = object("wants_helper", "long helper(void); long f(void) { return helper(); }")
      local unit, err = ln:load(caller)
      assert.is_nil(unit)
      assert.matches(api, err.hint, 1, true)
      assert.matches("hidden", err.hint, 1, true)
   end)
end)
