--- Ordinary programs as sources: three rooms of this project's own core, and a program in C++ that
-- uses what C++ has. And the way of those who can load shared libraries alone: to compile again.
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"
local shell = require "moonlink.lab.shell"
local source = require "bench.questions.source"

local ordinary = {}

local C_FLAGS = "-O2 -std=c11 -Icsrc"

--- The same call for both: C's is a room that says what an error number means.
local ENTRY = [[
   #include <string.h>
   const char *ml_os_error(int code);
   int answer(void) { return ml_os_error(2) && strlen(ml_os_error(2)) > 4 ? 38 : 0; }
]]

local function c_sources(folder)
   local out = {shell.write(folder .. "/entry.c", ENTRY)}
   for _, room in ipairs {"base", "os", "target"} do
      for _, path in ipairs(source.files("csrc/" .. room)) do
         out[#out + 1] = path:find "%.c$" and not path:find "/fault%.c$" and path or nil
      end
   end
   return out
end

local SHAPES = [[
   #include <iostream>
   #include <map>
   #include <memory>
   #include <stdexcept>
   #include <string>
   #include <vector>
   struct shape {
      virtual ~shape() = default;
      virtual double area() const = 0;
   };
   std::unique_ptr<shape> make_shape(const std::string &kind, double size);
   double total(const std::vector<std::unique_ptr<shape>> &shapes);
   extern thread_local int made;
]]

local CXX = {
   ["shapes.cc"] = [[
      thread_local int made;
      namespace {
      struct square : shape {
         double side;
         explicit square(double s) : side(s) {}
         double area() const override { return side * side; }
      };
      struct circle : shape {
         double radius;
         explicit circle(double r) : radius(r) {}
         double area() const override { return 3 * radius * radius; }
      };
      std::map<std::string, std::unique_ptr<shape> (*)(double)> makers = {
         {"square", [](double s) { return std::unique_ptr<shape>(new square(s)); }},
         {"circle", [](double s) { return std::unique_ptr<shape>(new circle(s)); }},
      };
      }
      std::unique_ptr<shape> make_shape(const std::string &kind, double size)
      {
         auto found = makers.find(kind);
         if (found == makers.end())
            throw std::out_of_range("no shape is called " + kind);
         made++;
         return found->second(size);
      }
   ]],
   ["total.cc"] = [[
      double total(const std::vector<std::unique_ptr<shape>> &shapes)
      {
         double sum = 0;
         for (const auto &s : shapes)
            sum += s->area();
         if (sum < 0)
            std::cerr << "negative: " << sum << std::endl;
         return sum;
      }
   ]],
   ["main.cc"] = [[
      extern "C" int answer(void)
      {
         std::vector<std::unique_ptr<shape>> shapes;
         for (const char *kind : {"square", "circle", "cube"}) {
            try {
               shapes.push_back(make_shape(kind, 3));
            } catch (const std::out_of_range &e) {
               if (std::cout.bad())
                  std::cout << e.what();
            }
         }
         return static_cast<int>(total(shapes)) + made;
      }
   ]],
}

local function cxx_sources(folder)
   local out = {}
   for _, name in ipairs {"shapes.cc", "total.cc", "main.cc"} do
      out[#out + 1] = shell.write(folder .. "/" .. name, SHAPES .. CXX[name])
   end
   return out
end

ordinary.c = {
   name = "c", axes = {"pic"},
   make = function(folder)
      return {sources = c_sources(folder), cflags = C_FLAGS}
   end,
}
ordinary.cxx = {
   name = "c++", axes = {"pic"},
   make = function(folder)
      return {sources = cxx_sources(folder), compiler = "c++", libraries = {"-lstdc++"}}
   end,
}

--- The sources themselves, for those who compile them.
---@param input moonlink.lab.Input one of the above
---@return moonlink.lab.Input
function ordinary.sources(input)
   return {
      name = input.name .. " sources", axes = {},
      make = function(folder)
         local made = input.make(folder)
         return {objects = made.sources, compiler = made.compiler, libraries = made.libraries}
      end,
   }
end

--- What those do who have objects that no shared library takes: all sources are compiled again.
ordinary.recompiled = lab.strategy {
   name = "compiled again", base = "shared-batch",
   prepare = function(plan, run)
      local out, flags = run.folder .. "/again.so", {}
      for word in (plan.compiler == "cc" and C_FLAGS or "-O2"):gmatch "%S+" do
         flags[#flags + 1] = word
      end
      run:command {plan.compiler, "-shared", "-fPIC", flags, "-o", out, plan.objects,
         plan.libraries}
      return {files = {out}}
   end,
}

return ordinary
