--- A program in C and one in C++ that are loaded over and over, and what a new version is: the same
-- bytes in a file of another name, since dlopen knows a file that it has opened before.
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"
local library = require "moonlink.lab.library"
local shell = require "moonlink.lab.shell"

local reloading = {}

local PARTS = 4 -- objects of the C program beside the last, each with 32 KiB of data

local PART = [[
   static char table[32768] = { %d };
   int part%d(int i) { return ++table[i & 32767]; }
]]

--- Every page of the program's data is written by the call.
local function c_program(folder)
   local sources, prototypes, calls = {}, {}, {}
   for i = 1, PARTS do
      sources[i] = shell.write(("%s/part%d.c"):format(folder, i), PART:format(i, i))
      prototypes[i] = ("int part%d(int);"):format(i)
      calls[i] = ("part%d(i)"):format(i)
   end
   sources[PARTS + 1] = shell.write(folder .. "/all.c", table.concat(prototypes, "\n") .. [[
      int touch(void)
      {
         int n = 0;
         for (int i = 0; i < 32768; i += 4096)
            n += ]] .. table.concat(calls, " + ") .. [[;
         return n;
      }
   ]])
   return {sources = sources}
end

--- Not every linker can open the runtime of C++, which a process that runs C++ has anyway.
local function open_runtime()
   assert(library.new():open("libstdc++.so.6", library.NOW | library.GLOBAL))
end

--- A class template with a static member, an inline function with a static variable: names that are
--- unique in a process.
local HEADER = [[
   #include <string>
   template <class T> struct store { static T data[32768]; };
   template <class T> T store<T>::data[32768];
   inline std::string &name()
   {
      static std::string s("a name that is too long to be in its object");
      return s;
   }
]]

local function cxx_program(folder)
   open_runtime()
   return {
      compiler = "c++",
      sources = {
         shell.write(folder .. "/a.cc", HEADER .. [[
            int part(int i) { return ++store<char>::data[i] + name().size(); }
         ]]),
         shell.write(folder .. "/b.cc", HEADER .. [[
            int part(int i);
            extern "C" int touch(void)
            {
               int n = name().size();
               for (int i = 0; i < 32768; i += 4096)
                  n += part(i) + store<char>::data[i];
               return n;
            }
         ]]),
      },
   }
end

reloading.c = {name = "c", axes = {}, make = c_program}
reloading.cxx = {name = "c++", axes = {}, make = cxx_program}

--- A way with dlopen that gets each time a file that was not opened before.
---@param name string
---@return moonlink.lab.Strategy
function reloading.renamed(name)
   local base, count = lab.strategy(name), 0
   return lab.strategy {
      name = name, base = name,
      load = function(built, run)
         local files = {}
         count = count + 1
         for i, path in ipairs(built.files) do
            files[i] = shell.write(("%s.%d"):format(path, count), assert(shell.read(path)))
         end
         local loaded = base.load({files = files, parts = built.parts}, run)
         for _, path in ipairs(files) do
            os.remove(path)
         end
         return loaded
      end,
   }
end

--- The unit stays; each load is a new version of it, which takes over the old one's data.
reloading.in_place = lab.strategy {
   name = "direct, in place", base = "direct",
   load = function(built, run)
      if run.kept then
         assert(run.kept.units[1]:reload())
      else
         run.kept = lab.strategy "direct".load(built, run)
      end
      return run.kept
   end,
   unload = function() end,
}

return reloading
