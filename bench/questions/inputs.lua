--- Inputs that several questions share. Scripts are run from the repository's folder, and take what
-- stands here as `require "bench.questions.inputs"`.
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"
local shell = require "moonlink.lab.shell"

local inputs = {}

--- A static library of the system by its name, "z" for libz.a.
---@param name string
---@return string path
function inputs.archive(name)
   return (shell.run {"gcc", "-print-file-name=lib" .. name .. ".a"}:match "[^\n]+")
end

--- OpenSSL's libssl, with the objects that Debian has put into libcrypto.a instead, and a call
-- into it; compiled with -fPIC. Most of its objects need each other.
inputs.ssl = {
   name = "ssl", libraries = {"-lcrypto"},
   make = function(folder)
      local moved = {"libcrypto-lib-packet.o", "libdefault-lib-s3_cbc.o", "libcommon-lib-tls_pad.o"}
      shell.run {"ar", "x", "--output", folder, inputs.archive "crypto", moved}
      for i, name in ipairs(moved) do
         moved[i] = folder .. "/" .. name
      end
      return {objects = moved, archive = inputs.archive "ssl"}
   end,
}
inputs.ssl_call = {"const char *SSL_alert_type_string_long(int)", 256, expect = "warning"}

-- A module of a generated program. Module i is this one with its names exchanged for others of the
-- same length, so that ten thousand of them need one compiler: it calls module i / 2 and has the
-- addresses of module i - 1's variable and of its own functions in a table.
local MODULE = [[
extern int mBBBBB_run(int), mBBBBB_size(void), mCCCCC_value;
int mAAAAA_value = 1;
static const char *const names[] = {"mAAAAA", "run", "size", "largest", "sum"};
int mAAAAA_size(void) { return (int) (sizeof names / sizeof *names) + mAAAAA_value; }
int mAAAAA_largest(const int *list, int count)
{
   int largest = count > 0 ? list[0] : 0;
   for (int i = 1; i < count; i++)
      largest = list[i] > largest ? list[i] : largest;
   return largest;
}
const char *mAAAAA_name(int i) { return names[(unsigned) i % (unsigned) mAAAAA_size()]; }
int mAAAAA_run(int x) { return mBBBBB_run(x) + STEP; }
int mAAAAA_sum(void) { return mAAAAA_size() + mBBBBB_size() + mCCCCC_value; }
int *const mAAAAA_table[] = {&mAAAAA_value, &mCCCCC_value};
int (*const mAAAAA_calls[])(void) = {mAAAAA_size, mAAAAA_sum};
]]

local FIRST = [[
int m00000_value;
int m00000_size(void) { return 0; }
int m00000_run(int x) { return x; }
]]

local function compile(folder, name, text, flags)
   local source = shell.write(("%s/%s.c"):format(folder, name), text)
   local object = ("%s/%s.o"):format(folder, name)
   shell.run {"cc", "-O2", "-fPIC", flags or {}, "-c", "-o", object, source}
   return object
end

local function module_of(template, folder, i)
   local numbers = {A = i, B = i // 2, C = i - 1}
   local bytes = template:gsub("m(%u)%1%1%1%1", function(letter)
      return ("m%05d"):format(numbers[letter])
   end)
   return shell.write(("%s/m%05d.o"):format(folder, i), bytes)
end

--- A generated program of so many objects; `mNNNNN_run(0)` counts the
--- calls that it makes. With `edit` the module in the middle has a new version, which adds 1000 in
--- place of 1.
---@param count integer up to 99,999
---@param with? {edit: boolean}
---@return moonlink.lab.Input
function inputs.modules(count, with)
   return {
      name = ("modules-%d"):format(count),
      make = function(folder)
         local template = shell.read(compile(folder, "template", MODULE, "-DSTEP=1"))
         local objects, edit = {compile(folder, "m00000", FIRST)}, nil
         for i = 1, count - 1 do
            objects[i + 1] = module_of(template, folder, i)
         end
         if with and with.edit then
            local new, below = shell.read(compile(folder, "edited", MODULE, "-DSTEP=1000")),
               folder .. "/new"
            shell.run {"mkdir", below}
            edit = {from = objects[count // 2 + 1], to = module_of(new, below, count // 2)}
         end
         return {objects = objects, edit = edit}
      end,
   }
end

--- A call of the module in the middle, with what it gives before and after the edit.
---@param count integer
---@return table call
---@return table call_edited
function inputs.modules_call(count)
   local calls, i = 0, count // 2
   while i > 0 do
      calls, i = calls + 1, i // 2
   end
   local prototype = ("int m%05d_run(int)"):format(count // 2)
   return {prototype, 0, expect = calls}, {prototype, 0, expect = calls + 999}
end

--- A strategy that refuses more than so many objects: what would take longer than a question has.
---@param most integer
---@param name string of a strategy that makes files
---@return moonlink.lab.Strategy
function inputs.up_to(most, name)
   local whole = lab.strategy(name)
   return lab.strategy {
      name = name, base = whole,
      prepare = function(plan, run)
         if #plan.objects > most then
            run:refuse(("cut off: a linker for each of %d objects takes too long here"):format(
               #plan.objects))
         end
         return whole.prepare(plan, run)
      end,
   }
end

--- The least of several measurements in one run: what else the machine does can only add to it.
---@param times integer
---@param work fun(loaded: moonlink.lab.Loaded, run: moonlink.lab.Run): table<string, number>
---@return fun(loaded: moonlink.lab.Loaded, run: moonlink.lab.Run): table<string, number>
function inputs.least(times, work)
   return function(loaded, run)
      local out = work(loaded, run)
      for _ = 2, times do
         for key, value in pairs(work(loaded, run)) do
            out[key] = math.min(out[key], value)
         end
      end
      return out
   end
end

-- A prefix, since the C library has names such as `step` of its own, and the process's come first.
local COUNTER = [[
int shop_counter, shop_step = 1;
int *const shop_places[] = {&shop_counter, &shop_step};
int shop_bump(void) { return shop_counter += *shop_places[1]; }
]]

local FORGOT = [[
#include <stdio.h>
#include <stdlib.h>
extern int shop_counter, *const shop_places[];
int shop_bump(void);
static const char *const words[] = {"none", "one", "two"};
int shop_run(void)
{
   FILE *out = getenv("SHOUT") ? stderr : stdout;
   int last = shop_bump();
   if (out == stderr)
      fputs(words[shop_counter], out);
   return last + *shop_places[0] + (int) words[shop_counter][0];
}
]]

--- Two sources that use their own and each other's variables, tables of addresses and the C
-- library's streams, compiled with -fPIC, -fPIE or neither; `inputs.forgot_call` calls into them.
inputs.forgot = {
   name = "program", axes = {"pic"},
   make = function(folder)
      return {sources = {
         shell.write(folder .. "/counter.c", COUNTER), shell.write(folder .. "/forgot.c", FORGOT),
      }}
   end,
}
inputs.forgot_call = {"int shop_run(void)", expect = 2 + ("o"):byte()}

--- Algorithms whose speed depends on how they reach functions and variables, in C, the same with
-- helpers and variables hidden, and in C++; compiled with -fPIC, -fPIE or neither.
local PROGRAMS = "bench/questions/programs"
inputs.c = {name = "c", sources = {PROGRAMS .. "/cost.c"}}
inputs.c_hidden = {
   name = "c-hidden", sources = {PROGRAMS .. "/cost.c"}, cflags = "-O2 -fvisibility=hidden",
}
inputs.cxx = {name = "c++", sources = {PROGRAMS .. "/cost.cc"}, compiler = "c++",
   libraries = {"-lstdc++"}}

local HASKELL = {static = {}, pic = {"-fPIC"}, dynamic = {"-dynamic", "-fPIC"}}

--- A Haskell module, compiled for static packages, the same as position independent code, or for
-- the packages' shared libraries.
inputs.haskell = {
   name = "haskell", axes = {how = {"static", "pic", "dynamic"}},
   make = function(folder, values)
      local object = folder .. "/Cost.o"
      shell.run {"cp", PROGRAMS .. "/Cost.hs", folder}
      shell.run {"ghc", "-v0", "-O", HASKELL[values.how], "-outputdir", folder, "-c",
         folder .. "/Cost.hs", "-o", object}
      return {objects = {object}}
   end,
}

--- GHC's runtime and packages in this process, loaded by moonlink: from their archives, or from
-- their shared libraries for what was compiled with -dynamic.
inputs.ghc = lab.strategy {
   name = "ghc-packages", axes = {how = {"static", "pic", "dynamic"}},
   load = function(_, run)
      return assert(require "moonlink.ghc".start {
         packages = {"containers"}, objects = run.plan.objects,
         kind = run.axes.how == "dynamic" and "shared" or "archive",
         linker = {zone = run.axes.how == "dynamic" and "near" or "low"},
      })
   end,
   bind = function(hs, prototype) return assert(hs:func(prototype)) end,
   unload = function(hs) hs:exit() end,
}

--- Is there GHC, for questions that can do without?
inputs.has_ghc = shell.has "ghc"

--- The entries of those programs, with the rounds that a measurement takes, a millisecond or two.
local ENTRIES = {
   c = {vm = 200000, crc = 500000, sort = 5},
   ["c++"] = {shapes = 200000, tree = 30000, throw = 3000},
   haskell = {tree = 5000, big = 10000, sieve = 2500},
}
ENTRIES["c-hidden"] = ENTRIES.c

inputs.cost_metrics = {
   {key = "vm_ms", title = "stack machine", unit = "ms"},
   {key = "crc_ms", title = "check sum by table", unit = "ms"},
   {key = "sort_ms", title = "heap sort", unit = "ms"},
   {key = "shapes_ms", title = "virtual functions", unit = "ms"},
   {key = "tree_ms", title = "tree of the library", unit = "ms"},
   {key = "throw_ms", title = "exceptions", unit = "ms"},
   {key = "big_ms", title = "big integers", unit = "ms"},
   {key = "sieve_ms", title = "lists", unit = "ms"},
   {key = "text_bytes", title = "code and constants", unit = "bytes"},
}

local CALLS = 25

--- As `work` of an experiment: milliseconds of the processor's time that each entry takes, the
-- least of 25 calls, and the bytes of code and constants in the objects, as size(1) counts them.
---@param loaded moonlink.lab.Loaded
---@param run moonlink.lab.Run
---@return table<string, number>
function inputs.costs(loaded, run)
   local out = {text_bytes = 0}
   for name, rounds in pairs(ENTRIES[run.plan.name]) do
      local entry, least = loaded:func(("int cost_%s(int)"):format(name)), math.huge
      for _ = 1, CALLS do
         local start = os.clock()
         entry(rounds)
         least = math.min(least, os.clock() - start)
      end
      out[name .. "_ms"] = least * 1e3
   end
   for bytes in shell.run {"size", run.plan.objects}:gmatch "\n%s*(%d+)" do
      out.text_bytes = out.text_bytes + math.tointeger(tonumber(bytes))
   end
   return out
end

return inputs
