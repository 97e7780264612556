--- What specs of C++ share: compiling, loading beside libstdc++, sources that throw and catch.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local cxx = {}

--- Compiles C++ to an object in the folder.
---@param folder string
---@param name string
---@param source string
---@param flags? string
---@param compiler? string "g++" when absent
---@return string path
function cxx.object(folder, name, source, flags, compiler)
   return support.cc(("%s/%s.o"):format(folder, name), source, flags or "-O1",
      {compiler = compiler or "g++"})
end

--- A linker that has loaded the inputs and libstdc++.
---@param inputs any[]
---@param options? table
---@return moonlink.Linker
function cxx.loaded(inputs, options)
   local ln = moonlink.new(options)
   table.insert(inputs, "-lstdc++")
   assert(ln:load(inputs))
   return ln
end

--- A function of an int that gives an int.
function cxx.int(ln, name)
   return assert(ln:func(("int %s(int)"):format(name)))
end

--- The error table of the exception that a call raises.
function cxx.raised(fn, ...)
   local ok, err = pcall(fn, ...)
   assert(not ok and type(err) == "table" and err.code == "exception", err)
   return err
end

--- thrower(n) raises something else for each n; the specs tell what.
cxx.MANY = [[
#include <stdexcept>
#include <string>
#include <vector>
namespace app {
struct error : std::runtime_error { using runtime_error::runtime_error; };
struct plain { virtual ~plain() {} int x[3]; };
struct left : virtual std::exception { int l = 1; };
struct right : virtual std::exception { int r = 2; };
struct diamond : left, right { const char *what() const noexcept override { return "facets"; } };
struct other { virtual ~other() {} long y = 1; };
struct second : other, std::exception {
   const char *what() const noexcept override { return "second base"; }
};
struct secret : private std::exception {};
struct bad : std::exception { const char *what() const noexcept override { return nullptr; } };
template <class T> struct of { T value; };
}
extern "C" int thrower(int n)
{
   std::vector<int> v(3);
   switch (n) {
   case 1: throw std::out_of_range("too far");
   case 2: throw app::error("of the app");
   case 3: throw 42;
   case 4: throw "a text";
   case 5: throw std::string("a string");
   case 6: throw app::plain();
   case 7: throw app::diamond();
   case 8: throw app::second();
   case 9: throw app::secret();
   case 10: throw app::bad();
   case 11: throw app::of<std::pair<int, char>>();
   case 12: throw -7L;
   case 13: throw 2.5;
   case 14: throw (unsigned char)200;
   case 15: throw true;
   case 16: throw static_cast<const std::exception *>(nullptr);
   case 17: throw nullptr;
   case 18: throw (signed char)-3;
   }
   return n + 1;
}
]]


--- catcher(n) calls thrower(n) and tells what it caught: see cxx.catches.
cxx.CATCHER = [[
#include <stdexcept>
#include <string>
extern "C" int thrower(int n);
extern "C" int catcher(int n)
{
   try {
      return thrower(n);
   } catch (const std::out_of_range &e) {
      return std::string(e.what()) == "too far" ? 101 : -1;
   } catch (const std::exception &) {
      return 102;
   } catch (int i) {
      return i;
   } catch (...) {
      return 103;
   }
}
]]

--- What thrower raises, catcher catches, more than once.
function cxx.catches(ln)
   local catcher = cxx.int(ln, "catcher")
   for _ = 1, 2 do
      for n, expected in pairs {[0] = 1, 101, 102, 42, 103} do
         assert(catcher(n) == expected, "catcher " .. n)
      end
   end
end

return cxx
