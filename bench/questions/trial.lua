--- Abilities of strategies: each is an input and a test, each test of each strategy a run in a
-- process of its own. A strategy has the ability when the test returns. When it raises, the message
-- says what was missing; when it crashes, that is the answer.
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"
local library = require "moonlink.lab.library"
local lists = require "moonlink.lists"
local measure = require "moonlink.lab.measure"
local moonlink = require "moonlink"
local plans = require "moonlink.lab.plan"
local shell = require "moonlink.lab.shell"

local trial = {}

---@class bench.questions.Ability
---@field key string the input's name
---@field title string what the strategy is asked for
---@field sources table<string, string> C and C++ files by name, loaded in the order of names
---@field edited? string what the first of them becomes
---@field cflags? string
---@field test fun(t: bench.questions.Trial) raises when the strategy cannot do it
---@field recipes? table<string, fun(t: bench.questions.Trial)> instead of `test`, by strategy:
---  through an interface that only this one has

--- What a test has at hand.
---@class bench.questions.Trial
---@field base moonlink.lab.Strategy
---@field run moonlink.lab.Run
---@field test fun(t: bench.questions.Trial) the ability's own, for recipes
---@field raw any what the strategy's `load` gave
local methods = {}

local metatable = {__index = methods}

--- Raises unless a value is the one that is wanted.
function methods.expect(_, what, value, wanted)
   if value ~= wanted then
      error(("%s: %s, not %s"):format(what, tostring(value), tostring(wanted)), 0)
   end
end

--- Prepares and loads; what `load` gave is also kept for `call` and `unload`.
---@param run? moonlink.lab.Run
function methods:load(run)
   local r = run or self.run
   local built = self.base.prepare and self.base.prepare(r.plan, r) or {}
   self.raw = self.base.load(built, r)
   return self.raw
end

--- The same plan with the edited source, as a run of its own.
function methods:edited_run()
   local run = self:again()
   run.plan = plans.change(self.run.plan).plan
   return run
end

--- A function of what was loaded last, or of what is given.
function methods:func(prototype, raw)
   return self.base.bind(raw or self.raw, prototype, self.run)
end

--- Calls it and compares: call("int f(int)", {1}, 2).
function methods:call(prototype, arguments, wanted)
   self:expect(prototype, self:func(prototype)(table.unpack(arguments)), wanted)
end

--- Ends what was loaded last.
function methods:unload()
   if not self.base.unload then
      error("the strategy cannot unload", 0)
   end
   self.base.unload(self.raw, self.run)
   self.raw = nil
end

--- Goes over to the edited source; by unloading and loading where there is no other way.
function methods:reload()
   if self.base.reload then
      self.raw = self.base.reload(self.raw, plans.change(self.run.plan), self.run)
   else
      self:unload()
      self:load(self:edited_run())
   end
end

--- Loads, calls and unloads over and over, each time from new files; raises when more than half of
--- the memory that the calls have touched is left.
function methods:reload_often(rounds, prototype, megabytes)
   local before
   for i = 0, rounds do
      before = i == 1 and measure.read().rss_kb or before -- a linker pages itself in at first
      self:load(self:again())
      self:func(prototype)()
      self:unload()
   end
   collectgarbage()
   local left = (measure.read().rss_kb - before) / 1024
   if left > rounds * megabytes / 2 then
      error(("%d loads of %d MiB were unloaded, %.0f MiB are left"):format(rounds, megabytes, left),
         0)
   end
end

--- The same run with a folder and libraries of its own.
function methods:again()
   local run = self.run:again()
   for key, value in pairs(self.run) do
      if run[key] == nil then
         run[key] = value
      end
   end
   run.libraries = library.new()
   return run
end

--- The same with one object alone.
---@param place integer of the object
function methods:again_with(place)
   local run, plan = self:again(), {}
   for key, value in pairs(self.run.plan) do
      plan[key] = value
   end
   plan.objects, plan.packages, plan.groups = {plan.objects[place]}, {{1}}, {{1}}
   run.plan = plan
   return run
end

--- Writes a C file and makes a library of it, which is none of what the strategy loads.
function methods:compile_library(text)
   local source = shell.write(self.run.folder .. "/host.c", text)
   local path = self.run.folder .. "/host.so"
   self.run:command {"cc", "-shared", "-fPIC", "-o", path, source}
   return path
end

--- The address of a function that was loaded.
function methods:address(prototype)
   return moonlink.info(self:func(prototype)).address
end

--- The line of /proc/self/maps that holds an address.
function methods.mapping(_, address)
   for line in io.lines "/proc/self/maps" do
      local first, last = line:match "^(%x+)%-(%x+)"
      if address >= tonumber(first, 16) and address < tonumber(last, 16) then
         return line
      end
   end
end

--- Takes away what is written to standard error while f runs: what f gives, and that text.
function methods:with_errors(f)
   local ln, path = moonlink.new(), self.run.folder .. "/errors"
   local dup = assert(ln:func "int dup(int)")
   local dup2 = assert(ln:func "int dup2(int, int)")
   local creat = assert(ln:func "int creat(const char *, unsigned)")
   local kept = dup(2)
   dup2(creat(path, 384), 2) -- 0600
   local ok, err = pcall(f)
   dup2(kept, 2)
   return ok, err, shell.read(path) or ""
end

--- Lets the strategy read a file that only a descriptor leads to; the bytes are in memory alone.
---@param path string
---@return string
function methods.in_memory(_, path)
   local ln, bytes = moonlink.new(), assert(shell.read(path))
   local fd = assert(ln:func "int memfd_create(const char *, unsigned)")("trial", 0)
   local written = assert(ln:func "long write(int, const char *, size_t)")(fd, bytes, #bytes)
   assert(written == #bytes, "memfd")
   return "/proc/self/fd/" .. fd
end

local function is_cxx(ability)
   for name in pairs(ability.sources) do
      if name:find "%.cc$" then
         return true
      end
   end
   return false
end

--- The inputs of an experiment, one for each ability.
---@param abilities bench.questions.Ability[]
---@return moonlink.lab.Input[]
function trial.inputs(abilities)
   local inputs = {}
   for i, ability in ipairs(abilities) do
      inputs[i] = {
         name = ability.key, axes = {},
         make = function(folder)
            local names, sources = lists.keys(ability.sources), {}
            for k, name in ipairs(names) do
               sources[k] = shell.write(folder .. "/" .. name, ability.sources[name])
            end
            return {
               sources = sources, cflags = ability.cflags,
               compiler = is_cxx(ability) and "c++" or "cc",
               edit = ability.edited and {from = sources[1],
                  to = shell.write(folder .. "/new-" .. names[1], ability.edited)},
            }
         end,
      }
   end
   return inputs
end

local function begin(base, abilities)
   return function(run)
      if base.begin then
         base.begin(run)
      end
      if is_cxx(abilities[run.plan.name]) then -- any process that runs C++ has this
         run.runtime = library.new()
         assert(run.runtime:open("libstdc++.so.6", library.NOW | library.GLOBAL))
      end
   end
end

--- A strategy whose `load` is the test of the ability that the input stands for.
---@param what string|table the strategy that is tested
---@param list bench.questions.Ability[]
---@return moonlink.lab.Strategy
function trial.of(what, list)
   local base, abilities = lab.strategy(what), {}
   for _, ability in ipairs(list) do
      abilities[ability.key] = ability
   end
   return lab.strategy {
      name = base.name, axes = base.axes, fixed = base.fixed, order = base.order,
      setup = base.setup,
      begin = begin(base, abilities),
      load = function(_, run)
         local ability = abilities[run.plan.name]
         local t = setmetatable({base = base, run = run, test = ability.test},
            metatable);
         (ability.recipes and ability.recipes[base.name] or ability.test)(t)
         return {}
      end,
      bind = function() end,
      numbers = function()
         return {able = 1}
      end,
   }
end

--- What the numbers of such a run are.
trial.metrics = {{key = "able", title = "can it?", unit = "", better = "more"}}

return trial
