-- libstdc++.a itself, loaded into a process that has no C++: streams, strings, maps, threads,
-- exceptions, with the unwinder of the process or one that is loaded, too.
-- What the functions should return is written in the C++ text.
-- SPDX-License-Identifier: MIT

local cxxs = require "spec.support.cxx"
local support = require "spec.support"

local folder = support.tmpdir()

local SOURCE = [[
#include <exception>
#include <filesystem>
#include <future>
#include <iomanip>
#include <iostream>
#include <locale>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>

struct shape { virtual ~shape() {} };
struct square : virtual shape { int side = 4; };
static int alive;
struct counted {
   counted() { alive++; }
   counted(const counted &) { alive++; }
   ~counted() { alive--; }
};

extern "C" {
int through(int (*f)(int), int n); // of another unit, in C

int streams(int n)
{
   std::map<std::string, int> m;
   std::istringstream in("ten 10 two 2 six 6");
   std::string key;
   for (int value; in >> key >> value;) m[key] = value;
   std::ostringstream out;
   for (auto &entry : m)
      out << entry.first << '=' << std::hex << std::setw(3) << std::setfill('.') << entry.second
          << ' ';
   std::cout << "seen " << n << std::endl;
   bool is_date = std::regex_match("2026-11-20", std::regex("\\d{4}-\\d\\d-\\d\\d"));
   return is_date && out.str() == "six=..6 ten=..a two=..2 " ? n : -1;
}
int threads(int n)
{
   static std::once_flag once;
   static int calls;
   auto work = [n] {
      std::call_once(once, [] { calls++; });
      if (n < 0) throw std::runtime_error("in a thread");
      return n * 2;
   };
   auto a = std::async(std::launch::async, work), b = std::async(std::launch::async, work);
   return a.get() + b.get() + calls;
}
int casts(int n)
{
   square s;
   shape *base = &s;
   return dynamic_cast<square *>(base)->side + n;
}
int caught(int n)
{
   try { return through([](int k) -> int { throw k; }, n); } catch (int k) { return k + 1; }
}
int raises(int n)
{
   counted local;
   if (n == 1) return std::stoi("no number");
   if (n == 2) return (int)std::filesystem::file_size("/no such file");
   if (n == 3) throw counted();
   throw std::string("text");
}
int left(int) { return alive * 10 + std::uncaught_exceptions(); }
}
]]

local SCRIPT = [[
local moonlink = require "moonlink"
local first, object, beside, whole = table.unpack(arg, 1, 4)
local archives = {}
for i = 5, #arg do
   archives[#archives + 1] = {path = arg[i], whole = whole == "whole"}
end
local ln <close> = moonlink.new()
if beside ~= "" then
   assert(ln:load(beside))
end
assert(ln:load(first))
for _ = 1, 2 do
   local unit = assert(ln:load {object, table.unpack(archives)})
   local function int(name, n)
      return ln:func("int " .. name .. "(int)")(n)
   end
   io.write(int("streams", 5), " ", int("threads", 10), " ", int("casts", 1), " ",
      int("caught", 6), "\n")
   for n = 1, 4 do
      local ok, err = pcall(int, "raises", n)
      io.write(tostring(ok), " ", err.type, " ", err.what or "", " ", int("left", 0), "\n")
   end
   io.write(select(2, pcall(int, "threads", -1)).reason, "\n")
   collectgarbage()
   assert(unit:unload())
end
local maps = io.open "/proc/self/maps":read "a"
io.write("libgcc_s ", tostring(maps:find "libgcc_s" ~= nil), " libstdc++ ",
   tostring(maps:find "libstdc%+%+.so" ~= nil), "\n")
]]

local ROUND = [[
seen 5
5 41 5 7
false std::invalid_argument stoi 0
false std::filesystem::__cxx11::filesystem_error filesystem error: cannot get file size: %s 0
false counted  0
false std::string text 0
C++ exception std::runtime_error: in a thread
]]
local ONE = ROUND:format "No such file or directory [/no such file]"

describe("libstdc++.a #slow", function()
   local first, object, archive, eh, llvm

   setup(function()
      first = support.cc(folder .. "/first.o",
         "int through(int (*f)(int), int n) { return f(n) + 1; }", "-O1 -fexceptions")
      object = cxxs.object(folder, "object", SOURCE, "-O1 -std=c++17")
      archive = support.stdout "gcc -print-file-name=libstdc++.a"
      eh = support.stdout "gcc -print-file-name=libgcc_eh.a"
      llvm = support.stdout "ls /usr/lib/llvm-*/lib/libunwind.a | head -n 1"
   end)

   local function runs(expected, ...)
      local script = support.write(folder .. "/script.lua", SCRIPT)
      local words = {first, object, ...}
      for i, word in ipairs(words) do
         words[i] = word == "" and "''" or support.quote(word)
      end
      local status, out, err = support.exit("LC_ALL=C LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s %s %s",
         support.quote(package.path), support.quote(package.cpath), support.interpreter, script,
         table.concat(words, " "))
      assert.equal("", err)
      assert.equal(ONE .. ONE .. expected, out)
      assert.equal(0, status)
   end

   -- A sanitizer's run has both libraries from the start.
   local preloaded = (os.getenv "LD_PRELOAD" or ""):find "asan" ~= nil

   local function libraries(gcc, cxx)
      return ("libgcc_s %s libstdc++ %s\n"):format(gcc or preloaded, cxx or preloaded)
   end

   it("gives what is wanted of it, and goes", function()
      runs(libraries(true, false), "", "", archive)
   end)

   it("loads with all its members", function()
      runs(libraries(true, false), "", "whole", archive)
   end)

   it("can be beside libstdc++.so", function()
      runs(libraries(true, true), "libstdc++.so.6", "", archive)
   end)

   it("unwinds with libgcc_eh.a, loaded with it", function()
      runs(libraries(false, false), "", "", archive, eh)
   end)

   it("unwinds with LLVM's libunwind.a, loaded with it", function()
      runs(libraries(false, false), "", "", archive, llvm)
   end)
end)
