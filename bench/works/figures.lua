--- Works with several figures each: throwing, thread-local variables, loading and unloading again
-- and again, reloading.
-- SPDX-License-Identifier: MIT

local generate = require "bench.generate"
local shell = require "bench.shell"

local figures = {}

local GCC = { "gcc", "-O1", "-c", "-o" }

local function missing(name, why)
   return { name = name, missing = why }
end

--- One of the drivers of bench/peers, or why it is not there.
local function driver(tools, name, title, words, note)
   local why = tools.missing(name)
   return why and missing(title, "not built: " .. why) or {
      name = title, command = shell.line { tools.folder .. "/" .. name, words }, note = note,
   }
end

local function moonlink(environment, words)
   return {
      name = "moonlink",
      command = shell.line { "env", environment, "lua5.4", environment.figures, words },
   }
end

--- One path per line; nested lists are flattened.
local function write_list(path, names)
   local lines = {}
   local function add(list)
      for _, name in ipairs(list) do
         if type(name) == "table" then
            add(name)
         else
            lines[#lines + 1] = name .. "\n"
         end
      end
   end
   add(names)
   shell.write(path, table.concat(lines))
end

-- ---- throw ----

local THROWER = [[
static void __attribute__((noinline)) leaf(unsigned n)
{
   throw n;
}
extern "C" unsigned thrown(unsigned n)
{
   unsigned sum = 0;
   for (unsigned i = 1; i <= n; i++) {
      try {
         leaf(i);
      } catch (unsigned value) {
         sum += value;
      }
   }
   return sum;
}
]]

--- A program and a shared library of the listed objects.
local function prepare_throw(objects)
   local set = objects > 1 and generate.objects(objects - 2) -- and its root, and the thrower
   local sources = shell.run "g++ --version" .. THROWER .. (set and set.folder or "")
   local here = assert(package.searchpath("bench.works.figures", package.path))
   local peers = here:gsub("works/[^/]*$", "peers")
   sources = sources .. shell.read(peers .. "/native.c") .. shell.read(peers .. "/figures.c")
   return shell.cached("throw", sources, function(folder, final)
      shell.write(folder .. "/thrower.cpp", THROWER)
      local quoted = shell.quote(folder)
      shell.run("cd " .. quoted .. " && g++ -O1 -fPIC -c thrower.cpp")
      local others = {}
      for line in (set and shell.read(set.folder .. "/loose.list") or ""):gmatch("[^\n]+") do
         others[#others + 1] = line
      end
      write_list(folder .. "/now.list", { folder .. "/thrower.o", others })
      write_list(folder .. "/objects.list", { final .. "/thrower.o", others })
      shell.run("g++ -shared -o " .. quoted .. "/thrower.so @" .. quoted .. "/now.list")
      shell.run(("gcc -D_GNU_SOURCE -DTHROW -O2 -o %s/native %s/native.c %s/figures.c %s/driver.c "
         .. "@%s/now.list -lstdc++"):format(quoted, peers, peers, peers, quoted))
   end)
end

local function throw_case(objects, tools, environment)
   local folder = prepare_throw(objects)
   local list = folder .. "/objects.list"
   local reach = objects > 1 and { "root" } or {} -- what needs all objects
   return {
      id = "throw-" .. objects,
      title = ("a C++ exception thrown and caught in one of %d objects"):format(objects),
      columns = {
         { key = "first_us", title = "first, us" }, { key = "later_us", title = "later, us" },
      },
      expected = 500500,
      contestants = {
         moonlink(environment, { "throw", list }),
         { name = "executable", command = folder .. "/native" },
         driver(tools, "native", "dlopen of a .so", { "throw", folder .. "/thrower.so" }),
         driver(tools, "orc", "JITLink 14 (ORC)", { "jitlink", "throw", list, reach }),
         driver(tools, "orc", "RuntimeDyld 14 (ORC)", { "rtdyld", "throw", list, reach }),
         driver(tools, "libtcc", "libtcc", { "throw", list }),
      },
   }
end

--- What an exception costs.
---@param scale number
---@param tools bench.Tools
---@param environment string[]
---@return bench.Figures[]
function figures.throw(scale, tools, environment)
   return {
      throw_case(1, tools, environment),
      throw_case(math.floor(1000 * scale), tools, environment),
   }
end

-- ---- access ----

local ACCESS = [[
STORAGE MODEL_type MODEL_var;
static void __attribute__((noinline)) touch(void)
{
   MODEL_var++;
}
unsigned MODEL_loop(unsigned n)
{
   while (n--)
      touch();
   return MODEL_var;
}
]]

local MODELS = {
   { key = "plain", storage = "", flags = "-fPIC" },
   { key = "gd", storage = "__thread", flags = "-fPIC -ftls-model=global-dynamic" },
   { key = "ld", storage = "static __thread", flags = "-fPIC -ftls-model=local-dynamic" },
   { key = "ie", storage = "__thread", flags = "-fPIC -ftls-model=initial-exec" },
   { key = "le", storage = "__thread", flags = "-fPIE -ftls-model=local-exec" },
   { key = "desc", storage = "__thread",
     flags = "-fPIC -ftls-model=global-dynamic -mtls-dialect=gnu2" },
}

local function prepare_access()
   local here = assert(package.searchpath("bench.works.figures", package.path))
   local peers = here:gsub("works/[^/]*$", "peers")
   local key = { ACCESS, shell.read(here), shell.read(peers .. "/native.c"),
                 shell.read(peers .. "/figures.c"), shell.run "gcc --version" }
   return shell.cached("access", table.concat(key), function(folder, final)
      local all, shared = {}, {}
      for _, model in ipairs(MODELS) do
         local path = folder .. "/" .. model.key
         shell.write(path .. ".c", (ACCESS:gsub("MODEL_type", "unsigned")
            :gsub("STORAGE", model.storage):gsub("MODEL", model.key)))
         shell.run(("gcc -O2 %s -c -o %s.o %s.c"):format(model.flags, path, path))
         all[#all + 1] = path .. ".o"
         shared[#shared + 1] = model.key ~= "le" and path .. ".o" or nil
      end
      shell.run(shell.line { "gcc", "-shared", "-o", folder .. "/access.so", shared })
      shell.run(shell.line {
         "gcc", "-D_GNU_SOURCE", "-DACCESS", "-O2", "-o", folder .. "/native", peers .. "/native.c",
         peers .. "/figures.c", peers .. "/driver.c", all,
      })
      write_list(folder .. "/gd.list", { final .. "/gd.o" })
   end)
end

--- What an access to a thread-local variable costs, by model.
function figures.access(_, tools, environment)
   local folder = prepare_access()
   local objects, columns = {}, {}
   for i, model in ipairs(MODELS) do
      objects[i] = ("%s/%s.o"):format(folder, model.key)
      columns[i] = { key = model.key .. "_ns", title = model.key .. ", ns" }
   end
   return { {
      id = "access",
      title = "an increment of a thread-local variable, in a function of its own (plain: an "
         .. "ordinary one)",
      columns = columns,
      contestants = {
         moonlink(environment, { "access", objects }),
         { name = "executable", command = folder .. "/native", note = "ld relaxes all to le" },
         driver(tools, "native", "dlopen of a .so", { "access", folder .. "/access.so" },
            "no le in a shared library"),
         driver(tools, "orc", "JITLink 14 (ORC)", { "jitlink", "access", folder .. "/gd.list" }),
         driver(tools, "orc", "RuntimeDyld 14 (ORC)", { "rtdyld", "access", folder .. "/gd.list" }),
         driver(tools, "libtcc", "libtcc", { "access", folder .. "/gd.list" }),
      },
   } }
end

-- ---- rounds ----

local ROUND = [[
#include <string.h>
static const char *const words[] = {"one", "two", "three", "four", "five", "six", "seven", "eight"};
unsigned total;
unsigned root(unsigned n)
{
   total += strlen(words[n % 8]);
   return total;
}
]]

--- Load one object, call it, unload it, N times.
function figures.rounds(scale, tools, environment)
   local n = math.floor(10000 * scale)
   local folder = shell.cached("rounds", ROUND .. shell.run "gcc --version", function(folder)
      shell.write(folder .. "/round.c", ROUND)
      shell.run(shell.line { GCC, folder .. "/round.o", "-fPIC", folder .. "/round.c" })
      shell.run(shell.line { "gcc", "-shared", "-o", folder .. "/round.so", folder .. "/round.o" })
   end)
   local object = folder .. "/round.o"
   return { {
      id = "rounds",
      title = ("one object loaded, called and unloaded, %d times"):format(n),
      columns = { { key = "round_us", title = "one round, us" } },
      expected = 5,
      contestants = {
         moonlink(environment, { "rounds", object, n }),
         driver(tools, "native", "dlopen and dlclose of a .so", {
            "rounds", folder .. "/round.so", n,
         }, "linked beforehand"),
         driver(tools, "libtcc", "libtcc", { "rounds", object, n }, "a state for each round"),
         driver(tools, "orc", "JITLink 14 (ORC)", { "jitlink", "rounds", object, n },
            "a resource tracker for each round"),
         driver(tools, "orc", "RuntimeDyld 14 (ORC)", { "rtdyld", "rounds", object, n },
            "likewise"),
      },
   } }
end

-- ---- reload ----

local function unit_source(version)
   return ("unsigned own(unsigned n) { return n + %d; }\n"):format(version)
end

--- Object i of the units above the changed one: each calls the one below, the last is `top`.
local function above_source(i, count)
   local function name(k)
      return k == 0 and "own" or k == 1 and "above" or k == count and "top" or "above" .. k
   end
   local text = "unsigned %s(unsigned);\nunsigned %s(unsigned n) { return %s(n); }\n"
   return text:format(name(i - 1), name(i), name(i - 1))
end

local function prepare_reload(count)
   local here = assert(package.searchpath("bench.works.figures", package.path))
   local key = count .. shell.read(here) .. shell.run "gcc --version"
   return shell.cached("reload", key, function(folder, final)
      local quoted, list, names = shell.quote(folder), {}, {}
      shell.run(("cd %s && mkdir 0 1 o copies"):format(quoted))
      for version = 0, 1 do
         local path = ("%s/%d/unit"):format(folder, version)
         shell.write(path .. ".c", unit_source(version))
         shell.run(shell.line { GCC, path .. ".o", "-fPIC", path .. ".c" })
         shell.run(("cp %s.o %s/unit.o.%d"):format(path, quoted, version))
         shell.run(("gcc -shared -o %s/unit.so.%d %s.o"):format(quoted, version, path))
      end
      for i = 1, count - 1 do
         names[i] = ("%04d"):format(i)
         shell.write(("%s/o/%s.c"):format(folder, names[i]), above_source(i, count - 1))
         list[i] = ("%s/o/%s.o"):format(final, names[i])
      end
      write_list(folder .. "/names", names)
      shell.run("cd " .. quoted .. "/o && xargs -P $(nproc) -I@ gcc -O1 -fPIC -c @.c < ../names")
      write_list(folder .. "/others.list", list)
      shell.run(("cd %s/copies && for i in $(seq 0 %d); do cp ../unit.so.0 $i.so; done"):format(
         quoted, count - 1))
   end)
end

--- One unit out of many gets a new version.
function figures.reload(scale, tools, environment)
   local count, n = math.floor(1000 * scale), 20
   local folder = prepare_reload(count)
   local others = folder .. "/others.list"
   local relink = driver(tools, "native", "lld -shared of all, dlopen", {
      "relink", folder, n, "ld.lld", "-shared", "@" .. others,
   }, "dependants are linked anew")
   if not shell.which "ld.lld" then
      relink = missing(relink.name, "not installed")
   end
   return { {
      id = "reload",
      title = ("one unit out of %d gets a new version, until it was called"):format(count),
      columns = { { key = "reload_us", title = "one reload, us" } },
      contestants = {
         moonlink(environment, { "reload", others, folder, n }),
         driver(tools, "native", "dlclose and dlopen of a .so", { "reload", folder, count, n },
            "linked beforehand; nobody may refer to it"),
         relink,
         driver(tools, "libtcc", "libtcc", { "reload", others, folder, n }, "all in a new state"),
         driver(tools, "orc", "JITLink 14 (ORC)", { "jitlink", "reload", others, folder, n },
            "dependants keep the old addresses"),
         driver(tools, "orc", "RuntimeDyld 14 (ORC)", { "rtdyld", "reload", others, folder, n },
            "likewise"),
      },
   } }
end

return figures
