-- C++ as compilers emit it: exceptions from everywhere to everywhere, and at the border to Lua a
-- Lua error; run-time type information; what units and libraries share.
-- What a function should return is written in its C++ text.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local cxxs = require "spec.support.cxx"
local moonlink = require "moonlink"
local support = require "spec.support"

local MANY, CATCHER = cxxs.MANY, cxxs.CATCHER
local loaded, int, raised, catches = cxxs.loaded, cxxs.int, cxxs.raised, cxxs.catches

local COMPILERS = {"g++", "clang++"}
local MODELS = {"-fPIC", "-fPIE -fno-plt", "-fno-pie", "-fPIC -mcmodel=medium"}

local folder = support.tmpdir()

local function cxx(...)
   return cxxs.object(folder, ...)
end

local function library(name, source, flags)
   local path = ("%s/lib%s.so"):format(folder, name)
   local object = cxx(name .. "_pic", source, "-O1 -fPIC " .. (flags or ""))
   support.sh("LD_PRELOAD= g++ -shared -o %s %s", path, object)
   return path
end

local THROWN = {
   {"std::out_of_range", "too far"}, {"app::error", "of the app"}, {"int", "42"},
   {"char const*", "a text"}, {"std::string", "a string"}, {"app::plain"},
   {"app::diamond", "facets"}, {"app::second", "second base"}, {"app::secret"}, {"app::bad"},
   {"app::of<std::pair<int, char> >"}, {"long", "-7"}, {"double", "2.5"},
   {"unsigned char", "200"}, {"bool", "1"}, {"std::exception const*"}, {"decltype(nullptr)"},
   {"signed char", "-3"},
}

describe("an exception that reaches Lua", function()
   for _, compiler in ipairs(COMPILERS) do
      it("is an error with the type's name and what() (" .. compiler .. ")", function()
         local ln <close> = loaded {cxx("many", MANY, "-O1", compiler)}
         local thrower = int(ln, "thrower")
         for i, expected in ipairs(THROWN) do
            local err = raised(thrower, i)
            assert.equal(expected[1], err.type)
            assert.equal(expected[2], err.what)
            local text = expected[2] and expected[1] .. ": " .. expected[2] or expected[1]
            assert.equal("thrower: C++ exception " .. text, tostring(err))
         end
         assert.equal(1, thrower(0))
      end)
   end

   it("tells the line of the call in Lua", function()
      local ln <close> = loaded {cxx("line", "extern \"C\" int line(int) { throw 1; }")}
      local line = int(ln, "line")
      local ok, err = pcall(function()
         local n = line(1)
         return n
      end)
      assert.is_false(ok)
      assert.matches("cxx_spec.lua:%d+: line: C%+%+ exception int: 1$", tostring(err))
   end)

   it("ends calls of every kind", function()
      local ln <close> = loaded {cxx("kinds", [[
         #include <cstdarg>
         extern "C" {
         void none(void) { throw 1; }
         int six(int, int, int, int, int, int) { throw 2; }
         double fp(double, int) { throw 3; }
         float single(float) { throw 4; }
         int many(int, int, int, int, int, int, int, int) { throw 5; }
         long double wide(long double) { throw 6; }
         int var(int n, ...) { va_list ap; va_start(ap, n); int k = va_arg(ap, int); va_end(ap);
                               throw k; }
         }
      ]])}
      assert.equal("1", raised(ln:func "void none(void)").what)
      assert.equal("2", raised(ln:func "int six(int,int,int,int,int,int)", 1, 2, 3, 4, 5, 6).what)
      assert.equal("3", raised(ln:func "double fp(double, int)", 1.5, 2).what)
      assert.equal("4", raised(ln:func "float single(float)", 1.5).what)
      local many = ln:func "int many(int,int,int,int,int,int,int,int)"
      assert.equal("5", raised(many, 1, 2, 3, 4, 5, 6, 7, 8).what)
      assert.equal("6", raised(ln:func "long double wide(long double)", 1).what)
      assert.equal("7", raised(ln:func "int var(int, ...)", 1, 7).what)
   end)

   -- libstdc++ does not free an exception whose destructor raises, which valgrind reports.
   it("is over when its destructor raises: that one ends, too #layout", function()
      local ln <close> = loaded {cxx("loud", [[
         #include <exception>
         struct loud { ~loud() noexcept(false) { throw 9; } };
         extern "C" int toss(int) { throw loud(); }
         extern "C" int left(int) { return std::uncaught_exceptions() * 10
                                           + (std::current_exception() ? 1 : 0); }
      ]])}
      assert.equal("loud", raised(int(ln, "toss"), 2).type)
      assert.equal(0, int(ln, "left")(0))
   end)

   it("is over: destructors ran, nothing is uncaught, memory is free", function()
      local ln <close> = loaded {cxx("over", [[
         #include <exception>
         #include <stdexcept>
         static int alive;
         struct counted { counted() { alive++; } counted(const counted &) { alive++; }
                          ~counted() { alive--; } };
         extern "C" int toss(int) { counted local; throw counted(); }
         extern "C" int left(int) { return alive * 100 + std::uncaught_exceptions() * 10
                                           + (std::current_exception() ? 1 : 0); }
         static std::exception_ptr kept;
         extern "C" int keep(int)
         {
            try { throw counted(); } catch (...) { kept = std::current_exception(); }
            return 0;
         }
         extern "C" int again(int) { std::rethrow_exception(kept); }
         extern "C" int drop(int) { kept = nullptr; return 0; }
      ]])}
      local toss, left = int(ln, "toss"), int(ln, "left")
      for _ = 1, 3 do
         assert.equal("counted", raised(toss, 1).type)
         assert.equal(0, left(0))
      end
      int(ln, "keep")(0)
      for _ = 1, 2 do
         assert.equal("counted", raised(int(ln, "again"), 0).type)
         assert.equal(100, left(0))
      end
      int(ln, "drop")(0)
      assert.equal(0, left(0))
   end)

   it("leaves the call: the unit can be unloaded, traps and callbacks work", function()
      local ln <close> = moonlink.new()
      assert(ln:load "-lstdc++")
      local unit = assert(ln:load(cxx("leaves", [[
         extern "C" int call(int (*f)(int), int n) { return f(n) + 1; }
         extern "C" int fail(int n) { throw n; }
         extern "C" int both(int (*f)(int), int n) { f(n); throw n; }
      ]])))
      local fail = int(ln, "fail")
      local call = assert(ln:func "int call(int (*)(int), int)")
      local both = assert(ln:func "int both(int (*)(int), int)")
      -- out of the inner call, into Lua, over the outer call as a Lua error
      assert.equal("5", raised(call, function(n) return fail(n) end, 5).what)
      assert.equal(8, call(function(n)
         assert.equal("3", raised(fail, 3).what)
         return n
      end, 7))
      -- the callback's error came first, and may be why
      local ok, err = pcall(both, function() error("from Lua", 0) end, 1)
      assert.same({false, "from Lua"}, {ok, err})
      assert.equal("1", raised(both, function() return 0 end, 1).what)
      assert.equal(8, call(function(n) return n end, 7))
      fail, call, both = nil, nil, nil -- luacheck: ignore
      collectgarbage()
      assert(unit:unload())
   end)

   it("passes a coroutine's boundary like any error", function()
      local ln <close> = loaded {cxx("coro", "extern \"C\" int co(int n) { throw n; }")}
      local co = int(ln, "co")
      local ok, err = coroutine.resume(coroutine.create(function() return co(4) end))
      assert.is_false(ok)
      assert.equal("4", err.what)
   end)

   it("is one of a shared library as well", function()
      local ln <close> = moonlink.new()
      assert(ln:load(library("many", MANY)))
      assert.equal("too far", raised(int(ln, "thrower"), 1).what)
   end)

   it("does not stop a thread that is being ended", function()
      local object = support.cc(folder .. "/pexit.o",
         "#include <pthread.h>\nint leave(int n) { pthread_exit(0); return n; }")
      local status, _, err = support.lua([[
         local moonlink = require "moonlink"
         local ln = moonlink.new()
         assert(ln:load {..., "-lstdc++"})
         ln:func "int leave(int)" (1)
         os.exit(3)
      ]], object)
      assert.equal("", err)
      assert.equal(0, status)
   end)
end)

describe("an exception is caught", function()
   for _, compiler in ipairs(COMPILERS) do
      for _, model in ipairs(MODELS) do
         it(("in its own object and in others (%s %s)"):format(compiler, model), function()
            local flags = "-O1 " .. model
            local one <close> = loaded {cxx("one", MANY .. CATCHER, flags, compiler)}
            catches(one)
            local two <close> = loaded {cxx("two", CATCHER, flags, compiler),
               cxx("too", MANY, flags, compiler == "g++" and "clang++" or "g++")}
            catches(two)
         end)
      end
   end

   it("in another unit", function()
      local ln <close> = loaded {cxx("unit_a", MANY)}
      assert(ln:load(cxx("unit_b", CATCHER)))
      catches(ln)
   end)

   it("between an object and a shared library, in both directions", function()
      local out <close> = loaded {library("throws", MANY), cxx("catches", CATCHER)}
      catches(out)
      local into <close> = loaded {library("calls", [[
         #include <stdexcept>
         extern "C" int shield(int (*f)(int), int n)
         {
            try { return f(n); } catch (const std::logic_error &) { return 7; }
         }
      ]]), cxx("called", MANY .. [[
         extern "C" int shield(int (*)(int), int);
         extern "C" int shielded(int n) { return shield(thrower, n); }
      ]])}
      assert.equal(7, int(into, "shielded")(1))
      assert.equal("of the app", raised(int(into, "shielded"), 2).what)
   end)

   it("in the frame of C that cleans up", function()
      local ln <close> = loaded {
         support.cc(folder .. "/cleanup.o", [[
            extern int thrower(int);
            int cleaned;
            static void clean(int *p) { cleaned += *p; }
            int middle(int n)
            {
               __attribute__((cleanup(clean))) int one = 1;
               return thrower(n) + one;
            }
            int count(int n) { return cleaned + n; }
         ]], "-O1 -fexceptions"), cxx("cleaned", MANY)}
      raised(int(ln, "middle"), 1)
      raised(int(ln, "middle"), 3)
      assert.equal(2, int(ln, "count")(0))
   end)

   it("when it is thrown again, nested, kept and thrown elsewhere", function()
      local ln <close> = loaded {cxx("keeper", [[
         #include <exception>
         #include <stdexcept>
         extern "C" void *keep_it(int n)
         {
            try {
               try { throw std::range_error("inner"); }
               catch (...) { std::throw_with_nested(std::logic_error("outer")); }
            } catch (...) { return n ? new std::exception_ptr(std::current_exception()) : nullptr; }
         }
      ]])}
      assert(ln:load(cxx("looker", [[
         #include <exception>
         #include <stdexcept>
         #include <cstring>
         extern "C" void *keep_it(int);
         extern "C" int look(int n)
         {
            auto *p = static_cast<std::exception_ptr *>(keep_it(n));
            int seen = 0;
            try { std::rethrow_exception(*p); }
            catch (const std::exception &e) {
               seen += !std::strcmp(e.what(), "outer");
               try { std::rethrow_if_nested(e); }
               catch (const std::runtime_error &inner) {
                  seen += 2 * !std::strcmp(inner.what(), "inner");
                  try { throw; } catch (std::range_error &) { seen += 4; }
               }
            }
            delete p;
            return seen;
         }
      ]], nil, "clang++")))
      assert.equal(7, int(ln, "look")(1))
   end)

   it("while its neighbours come and go", function()
      local ln <close> = moonlink.new {export = {}}
      assert(ln:load "-lstdc++")
      local object = cxx("small", [[
         extern "C" int small(int n)
         {
            try { if (n) throw n; } catch (int x) { return x; }
            return 0;
         }
      ]])
      local units = {}
      local function check(unit, n)
         assert.equal(n, core.func(assert(unit:address "small"), "i(i)")(n))
      end
      for i = 1, 60 do
         units[i] = assert(ln:load(object))
         if i % 20 == 0 then
            check(units[i], i)
         end
      end
      for i = 1, 60, 2 do
         assert(units[i]:unload())
         check(units[i + 1], i)
      end
      for i = 60, 2, -2 do
         check(units[i], 5)
         assert(units[i]:unload())
      end
   end)
end)

-- What two units share, each compiled by itself.
local SHARED = [[
#include <typeinfo>
#include <map>
#include <string>
struct shape { virtual ~shape() {} virtual int sides() const { return 0; } };
struct square : shape { int sides() const override { return 4; } };
struct tall { virtual ~tall() {} int height = 3; };
struct tower : tall, square { int sides() const override { return 5; } };
template <class T> struct counter { static int n; int step() { return ++n; } };
template <class T> int counter<T>::n = 10;
struct registry { static inline int made = 20; };
inline int &local_static() { static int n = 30; return n; }
inline std::map<long, int> &table() { static std::map<long, int> m; return m; }
]]

local OWNER = SHARED .. [[
extern "C" shape *make(int n) { return n == 4 ? new square : n == 5 ? new tower : new shape; }
extern "C" int owner(int n)
{
   table()[8] = n;
   registry::made++;
   local_static()++;
   return counter<int>().step();
}
extern "C" const std::type_info *type_of(shape *s) { return &typeid(*s); }
]]

local USER = SHARED .. [[
extern "C" shape *make(int n);
extern "C" const std::type_info *type_of(shape *);
extern "C" int cast(int n)
{
   shape *s = make(n);
   int seen = dynamic_cast<square *>(s) ? 1 : 0;
   if (tall *t = dynamic_cast<tall *>(s)) seen += t->height * 10;
   if (*type_of(s) == typeid(square)) seen += 100;
   seen += s->sides() * 1000;
   delete s;
   return seen;
}
extern "C" int statics(int) { return counter<int>::n * 10000 + registry::made * 100
                                     + local_static(); }
extern "C" int entries(int) { return table().size() == 1 ? table()[8] : -1; }
]]

local function shares(ln)
   assert.equal(4101, int(ln, "cast")(4))
   assert.equal(5031, int(ln, "cast")(5))
   assert.equal(0, int(ln, "cast")(3))
   assert.equal(102030, int(ln, "statics")(0))
   assert.equal(11, int(ln, "owner")(77))
   assert.equal(112131, int(ln, "statics")(0))
   assert.equal(77, int(ln, "entries")(0))
end

describe("C++ objects share", function()
   for _, compiler in ipairs(COMPILERS) do
      local other = compiler == "g++" and "clang++" or "g++"
      local flags = "-O1 -std=c++17"

      it(("types, statics and templates within a load (%s, %s)"):format(compiler, other), function()
         local ln <close> = loaded {cxx("owner", OWNER, flags, compiler),
            cxx("user", USER, flags, other)}
         shares(ln)
      end)

      it(("and across units (%s, %s)"):format(compiler, other), function()
         local ln <close> = loaded {cxx("owner", OWNER, flags, compiler)}
         assert(ln:load(cxx("user", USER, flags, other)))
         shares(ln)
      end)
   end

   for _, compiler in ipairs(COMPILERS) do -- clang's own are weak
      it("and with a shared library, where symbols are unique: " .. compiler, function()
         local path = library("owner", OWNER, "-std=c++17")
         assert.matches("UNIQUE .*_ZN7counterIiE1nE", support.sh("readelf -sW --dyn-syms %s", path))
         local user = cxx("user", USER, "-O1 -std=c++17", compiler)
         assert(moonlink.isolate(function() -- the library stays in its process
            local ln <close> = loaded {path, user}
            shares(ln)
         end))
      end)
   end

   it("a variable with a shared library also when more of it comes late", function()
      local WEAK = "__attribute__((weak)) int late_n = 1; extern \"C\" int missing();\n"
      local path = library("late_owner", "inline int late_n = 77; int *owner() { return &late_n; }",
         "-std=c++17")
      local user = cxx("late_user", WEAK
         .. "extern \"C\" int f() { return missing() + late_n; }", "-O1")
      local member = cxx("late_member", WEAK
         .. "extern \"C\" int present() { return late_n; }", "-O1")
      local archive = member .. ".a"
      support.sh("ar rc %s %s", archive, member)
      local seen = assert(moonlink.isolate(function() -- the library stays in its process
         local ln <close> = loaded {path}
         local unit = assert(ln:load {user, archive, undefined = function(q)
            return q.name == "missing" and "present" or nil -- asked when all else is resolved
         end})
         return {value = ln:func("int f(void)")(), looked_up = unit.stats.looked_up}
      end))
      -- looked up: missing, and for each definition whether it is the library's, and what that has
      assert.same({value = 2 * 77, looked_up = 1 + 2 * 2}, seen[1])
   end)

   it("no variable that the process does not have, and ask for none", function()
      local text = "inline int own_variable = 3; extern \"C\" int own() { return own_variable; }"
      for _, compiler in ipairs(COMPILERS) do
         for _, weak in ipairs {"first", "own", "process"} do
            local ln <close> = moonlink.new {weak = weak}
            local unit = assert(ln:load(cxx("own", text, "-O1 -std=c++17", compiler)))
            assert.equal(0, unit.stats.looked_up, compiler .. " " .. weak)
            assert.equal(3, ln:func("int own(void)")())
         end
      end
   end)

   it("the locale and the streams of libstdc++", function()
      local ln <close> = loaded {cxx("stream", [[
         #include <sstream>
         #include <iomanip>
         #include <locale>
         extern "C" int print(int n)
         {
            std::ostringstream s;
            s.imbue(std::locale::classic());
            s << std::hex << std::setw(6) << std::setfill('0') << n;
            return s.str() == "0000ff" && std::has_facet<std::ctype<char>>(s.getloc());
         }
      ]])}
      assert.equal(1, int(ln, "print")(255))
   end)

   it("one static local that is made once, and made again when that raised", function()
      local text = [[
         struct once { once(); };
         extern int tries;
         inline once &instance() { static once o; return o; }
      ]]
      local ln <close> = loaded {cxx("once_a", text .. [[
         int tries;
         once::once() { if (++tries < 3) throw tries; }
         extern "C" int first(int) { instance(); return tries; }
      ]])}
      assert(ln:load(cxx("once_b", text .. [[
         extern "C" int then(int) { instance(); return tries; }
      ]])))
      assert.equal("1", raised(int(ln, "first"), 0).what)
      assert.equal("2", raised(int(ln, "then"), 0).what)
      assert.equal(3, int(ln, "then")(0))
      assert.equal(3, int(ln, "first")(0))
   end)
end)
