-- Names that nothing defines: one error that says all of them, who wants each, and what to do.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local distance = require "moonlink.distance"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags, opts)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1", opts)
end

local refusal = loads.refusal

describe("undefined names", function()
   local a, b

   setup(function()
      a = object("undef_a", [[
         void missing_one(void); extern int missing_data;
         void caller(void) { missing_one(); missing_data = 1; }
      ]], "-O1 -fPIE -fno-asynchronous-unwind-tables")
      b = object("undef_b", [[
         void missing_one(void); void present_funktion(void); void another(void);
         void present_function(void) { missing_one(); }
         void g(void) { present_funktion(); another(); }
      ]], "-O1 -fPIE")
   end)

   it("are all in one error, each with those who refer to it", function()
      local err = refusal {a, b}
      assert.equal("undefined", err.code)
      assert.equal(4, err.count)
      local text = tostring(err)
      assert.matches("undefined 'missing_one' (2 references: ", text, 1, true)
      assert.matches("undef_a.o .text+0x", text, 1, true)
      assert.matches("in caller", text, 1, true)
      assert.matches("in present_function", text, 1, true)
      assert.matches("undefined 'missing_data' (1 reference: ", text, 1, true)
      assert.matches("undefined 'another'", text, 1, true)
      local names = {}
      for i, each in ipairs(err.errors) do
         names[i] = each.symbol
      end
      table.sort(names)
      assert.same({"another", "missing_data", "missing_one", "present_funktion"}, names)
   end)

   it("name what may have been meant", function()
      local err = refusal {a, b}
      assert.matches("did you mean 'present_function'?", tostring(err), 1, true)
   end)

   it("cost little where thousands of known names begin alike", function()
      local known = {}
      for i = 1, 4000 do
         known[i] = ("_ZN4some9namespace6nested%s4nameEi_%d"):format(("x"):rep(100), i * 7919)
      end
      local hook, mask, count = debug.gethook()
      debug.sethook(function() error "too long" end, "", 20000000) -- instructions of Lua
      local ok, near = pcall(distance.nearest, (known[2000]:gsub("4name", "4mane")), known)
      debug.sethook(hook, mask, count)
      assert.same({true, known[2000]}, {ok, near})
   end)

   it("are compared as a textbook does it", function()
      local function textbook(x, y) -- optimal string alignment, the whole table
         local d = {}
         for i = 0, #x do
            d[i] = {[0] = i}
            for j = i == 0 and 0 or 1, #y do
               local same = i > 0 and x:sub(i, i) == y:sub(j, j)
               d[i][j] = i == 0 and j or math.min(d[i - 1][j] + 1, d[i][j - 1] + 1,
                  d[i - 1][j - 1] + (same and 0 or 1))
               if i > 1 and j > 1 and x:sub(i - 1, i) == y:sub(j - 1, j):reverse() then
                  d[i][j] = math.min(d[i][j], d[i - 2][j - 2] + 1)
               end
            end
         end
         return d[#x][#y]
      end
      for number = 0, 4095 do -- two words of six letters, each a or b
         local bits = {}
         for i = 1, 12 do
            bits[i] = number >> (i - 1) & 1 == 0 and "a" or "b"
         end
         local x, y = table.concat(bits, "", 1, 6), table.concat(bits, "", 7)
         local edits = textbook(x, y)
         assert.equal(x ~= y and edits <= 2 and y or nil, distance.nearest(x, {y}))
         local front = ("front"):rep(20)
         x, y = front .. x .. "back", front .. y .. "back"
         assert.equal(x ~= y and edits <= 3 and y or nil, distance.nearest(x, {y}))
      end
   end)

   it("may be of any length", function()
      local long = ("x"):rep(3000000)
      assert.equal(long, distance.nearest(long:sub(3), {"x", long}))
   end)

   it("are hinted at once for all that share the hint", function()
      local path = object("throws", [[
         #include <stdexcept>
         int f(int n) { if (n) throw std::runtime_error("n"); return 1; }
      ]], "-O1", {compiler = "g++"})
      local text = tostring(refusal {path, scope = {"self", "fallback"}})
      local _, hints = text:gsub("hint: add %-lstdc%+%+", "")
      assert.equal(1, hints)
      assert.matches("hint: add %-lstdc%+%+[^\n]*$", text)
   end)

   it("that Lua asks for name what may have been meant, and what C++ made of the name", function()
      local ln <close> = moonlink.new()
      assert(ln:load(object("meant", [[
         extern "C" int checked(int n) { return n; }
         int subarea(int n) { return n; }
         namespace geo { int area(int a, int b) { return a * b; } }
      ]], "-O1", {compiler = "g++"})))
      local _, err = ln:func "int chekced(int)"
      assert.equal("did you mean 'checked'?", err.hint)
      for _, name in ipairs {"area", "geo::area", "geo::area(int, int)"} do
         _, err = ln:address_of(name)
         assert.matches("'_ZN3geo4areaEii'", err.hint, 1, true)
      end
      assert.equal(6, ln:func "int _ZN3geo4areaEii(int, int)"(2, 3))
      _, err = ln:address_of "nothing_like_it"
      assert.equal("load the object that defines it first", err.hint)
   end)

   it("name the archive in reach that defines them", function()
      object("has", "void another(void) {}")
      support.sh("cd %s && mkdir -p lib && rm -f lib/libhas.a && ar rc lib/libhas.a has.o", dir)
      local err = refusal {a, b, search = {dir .. "/lib"}}
      assert.matches(dir .. "/lib/libhas.a(has.o) defines it", tostring(err), 1, true)
   end)

   it("of C++ are shown as they were written", function()
      local path = object("mangled", [[
         namespace shop { struct basket { int add(const char *name, int n); }; }
         int f() { shop::basket b; return b.add("x", 1); }
      ]], "-O1", {compiler = "g++"})
      local err = refusal(path)
      assert.equal("_ZN4shop6basket3addEPKci", err.symbol)
      assert.matches("shop::basket::add(char const*, int)", err.message, 1, true)
   end)

   it("are counted, not poured out: 20 texts, then how many more", function()
      local source = {}
      for i = 1, 100 do
         source[i] = ("void u%d(void); void c%d(void) { u%d(); }"):format(i, i, i)
      end
      local err = refusal(object("cascade", table.concat(source, "\n")))
      assert.equal(100, err.count)
      assert.equal(100, #err.names)
      assert.equal(20, #err.errors)
      assert.matches("and 80 more", tostring(err), 1, true)
   end)
end)
