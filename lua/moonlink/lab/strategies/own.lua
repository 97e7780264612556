--- Strategies that load with moonlink itself: loose objects, archives, objects joined by `ld -r`.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local callgraph = require "moonlink.lab.callgraph"
local lists = require "moonlink.lists"
local plans = require "moonlink.lab.plan"
local refusal = require "moonlink.lab.refusal"
local shell = require "moonlink.lab.shell"

local own = {}

local LINK_AXES = {"zone", "block", "pages", "protect", "cross", "relax", "gc", "debug"}

--- Of these a function says what each unit gets; of `cross` the linker asks it, name by name.
local OF_UNIT = {"zone", "block", "pages", "protect"}

--- The options of a linker that the axes stand for.
local function options_of(run)
   local values = run.axes
   local options = {
      relax = values.relax, gc_sections = values.gc,
      keep = values.gc and run.plan.want[1] and run.plan.want or nil,
      debug = values.debug or "none", bind = values.cross,
      count = run.counting and "object" or nil,
   }
   for _, key in ipairs(OF_UNIT) do
      options[key] = type(values[key]) ~= "function" and values[key] or nil
   end
   return options
end

--- Asks the functions among the values of a run about a unit: its files, and which one it is.
local function ask(run, inputs, number)
   local files = {}
   for i, input in ipairs(inputs) do
      files[i] = type(input) == "table" and input.path or input
   end
   for _, key in ipairs(OF_UNIT) do
      if type(run.axes[key]) == "function" then
         inputs[key] = run.axes[key](files, number)
      end
   end
   return inputs
end

--- What is loaded as one unit each: lists of places in plan.objects.
local function units_of(plan, how)
   if how == "each" then
      return plan.groups
   elseif how == "package" then
      return plan.packages
   end
   return {plans.all(plan)}
end

--- The axes of all loads of moonlink, and more.
local function with_axes(more)
   return lists.append(more, LINK_AXES)
end

--- Loads inputs; what moonlink does not take is a refusal.
local function load_unit(ln, inputs, run)
   local unit, err = ln:load(inputs)
   if not unit then
      local why, report = refusal.of_load(run.plan, err)
      if why then
         run:refuse(why, report)
      end
      error(err, 0)
   end
   return unit
end

--- Loads lists of inputs in turn.
local function load_units(loads, run)
   local ln = moonlink.new(options_of(run))
   local loaded = {linker = ln, units = {}, stages = {}}
   for i, inputs in ipairs(loads) do
      loaded.units[i] = load_unit(ln, ask(run, inputs, i), run)
      for stage, ms in pairs(loaded.units[i].stats.ms) do
         loaded.stages[stage] = (loaded.stages[stage] or 0) + ms
      end
   end
   return loaded
end

local function bind(loaded, prototype)
   return assert(loaded.linker:func(prototype))
end

local function unload(loaded)
   assert(loaded.linker:close())
end

--- Bytes in huge pages of all that is loaded.
local function huge_bytes(loaded)
   local sum = 0
   for _, unit in ipairs(loaded.units) do
      sum = sum + (unit:memory() or {huge = 0}).huge
   end
   return sum
end

local function calls(loaded, run, built)
   return callgraph.edges(loaded.linker:calls(), run.plan, built.files)
end

local COUNTS = {
   "got_slots", "stubs", "lazy", "memory", "text", "moved", "relaxed", "relocations", "protections",
}
local SLOT, STUB = 8, 16 -- bytes of one: csrc/target/x86_64.def

local function numbers(loaded, run)
   local sum = {}
   for _, unit in ipairs(loaded.units) do
      for _, key in ipairs(COUNTS) do
         sum[key] = (sum[key] or 0) + (unit.stats[key] or 0)
      end
   end
   local ms, pages = loaded.stages, run.axes.pages
   return {
      got_bytes = (sum.got_slots + sum.lazy) * SLOT, stub_bytes = (sum.stubs + sum.lazy) * STUB,
      image_kb = sum.memory / 1024, relaxed = sum.relaxed, moved = sum.moved,
      relocations = sum.relocations, protections = sum.protections,
      huge_kb = pages and pages ~= "small" and huge_bytes(loaded) // 1024 or nil,
      stages = {add = ms.add, resolve = ms.resolve, link = ms.link},
   }
end

own.direct = {
   name = "direct", about = "moonlink loads the loose objects",
   axes = with_axes {"units"}, fixed = {units = "all"}, order = true,
   load = function(_, run)
      local loads = {}
      for i, places in ipairs(units_of(run.plan, run.axes.units)) do
         loads[i] = lists.append(lists.pick(run.plan.objects, places), run.plan.libraries)
      end
      return load_units(loads, run)
   end,
   bind = bind, unload = unload, numbers = numbers, calls = calls,
   reload = function(loaded, change, run)
      for i, places in ipairs(units_of(run.plan, run.axes.units)) do
         for _, place in ipairs(places) do
            if place == change.index then
               local paths = lists.pick(change.plan.objects, places)
               local inputs = lists.append(paths, run.plan.libraries)
               assert(loaded.units[i]:reload {inputs = inputs})
            end
         end
      end
      return loaded
   end,
}

--- Makes one file for each package: make(paths, out) → path.
local function pack(plan, folder, ending, make)
   local files = {}
   for i, places in ipairs(plan.packages) do
      files[i] = ("%s/%d%s"):format(folder, i, ending)
      make(shell.response(files[i] .. ".list", lists.pick(plan.objects, places)), files[i])
   end
   return {files = files}
end

--- The file is made anew, and the unit that came of it reloaded.
local function reload_packed(s)
   return function(loaded, change, run)
      local built = s.prepare(change.plan, run:again())
      if #loaded.units == #built.files then
         for i, places in ipairs(change.plan.packages) do
            for _, place in ipairs(places) do
               if place == change.index then
                  assert(loaded.units[i]:reload {inputs = s.inputs(built.files[i], run)})
               end
            end
         end
      else
         local all = {}
         for _, file in ipairs(built.files) do
            lists.append(all, s.inputs(file, run))
         end
         assert(loaded.units[1]:reload {inputs = all})
      end
      return loaded
   end
end

local function load_packed(s)
   return function(built, run)
      local loads = {}
      for i, file in ipairs(built.files) do
         loads[i] = s.inputs(file, run)
      end
      if run.axes.units ~= "package" then
         local all = {}
         for _, list in ipairs(loads) do
            lists.append(all, list)
         end
         loads = {all}
      end
      for _, list in ipairs(loads) do
         lists.append(list, run.plan.libraries)
         list.roots = run.axes.members == "wanted" and run.plan.want or nil
      end
      return load_units(loads, run)
   end
end

local PACKED_UNITS = {"all", "package"}

local archive = {
   prepare = function(plan, run)
      return pack(plan, run.folder, ".a", function(list, out)
         run:command {"ar", "qcs", out, list} -- q: r would replace members of one name
      end)
   end,
   inputs = function(file, run)
      return {{path = file, whole = run.axes.members ~= "wanted"}}
   end,
}

own.archive = {
   name = "archive", about = "an archive of each package, which moonlink loads",
   axes = with_axes {"members", units = PACKED_UNITS},
   fixed = {units = "all", members = "all"},
   prepare = archive.prepare, load = load_packed(archive), bind = bind,
   reload = reload_packed(archive), unload = unload, numbers = numbers, calls = calls,
}

local prelinked = {
   prepare = function(plan, run)
      local linker = run:linker()
      return pack(plan, run.folder, ".o", function(list, out)
         run:command {linker, "-r", "-o", out, list}
      end)
   end,
   inputs = function(file)
      return {file}
   end,
}

own.prelinked = {
   name = "prelinked", about = "ld -r joins the objects of each package, moonlink loads the result",
   axes = with_axes {"linker", units = PACKED_UNITS},
   fixed = {units = "all", linker = "bfd"},
   prepare = prelinked.prepare, load = load_packed(prelinked), bind = bind,
   reload = reload_packed(prelinked), unload = unload, numbers = numbers, calls = calls,
}

return own
