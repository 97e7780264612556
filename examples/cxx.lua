-- C++ in Lua: constructors and destructors run, an exception becomes a Lua error with its type and
-- text, and each thread has its own thread_local variables.
-- SPDX-License-Identifier: MIT

local common = dofile((arg[0]:match "^.*/" or "") .. "common.lua")
local moonlink = require "moonlink"

local folder <close> = common.folder()
local object = folder:compile("account", [[
   #include <stdexcept>
   #include <string>
   #include <thread>
   namespace {
   struct insufficient : std::runtime_error { using std::runtime_error::runtime_error; };
   thread_local int asked = 0;
   int balance = 100;
   }
   extern "C" int withdraw(int amount)
   {
      asked++;
      if (amount < 0) throw amount;
      if (amount > balance) throw insufficient("only " + std::to_string(balance) + " left");
      return balance -= amount;
   }
   extern "C" int times_asked() { return asked; }
   extern "C" int times_asked_elsewhere()
   {
      int there;
      std::thread([&] { withdraw(1); there = asked; }).join();
      return there;
   }
   namespace bank { int interest(int sum, int percent) { return sum * percent / 100; } }
]], "-O1 -x c++")

local ln <close> = moonlink.new()
assert(ln:load {object, "-lstdc++"})
local withdraw = assert(ln:func "int withdraw(int)")
print("withdraw(30)          " .. withdraw(30))

local ok, err = pcall(withdraw, 1000)
print(("withdraw(1000)        %s, %s"):format(ok, err))
print(("its type and what()   %s: %s"):format(err.type, err.what))
ok, err = pcall(withdraw, -1)
print(("withdraw(-1)          %s, %s"):format(ok, err))

print("asked in this thread  " .. ln:func "int times_asked(void)" ())
print("and in another        " .. ln:func "int times_asked_elsewhere(void)" ())

-- A function that is not extern "C" has a longer name, which the error says.
local interest
interest, err = ln:func "int interest(int, int)"
print(("interest              %s, %s"):format(interest, err.hint))
interest = assert(ln:func "int _ZN4bank8interestEii(int, int)")
print("interest(200, 5)      " .. interest(200, 5))
