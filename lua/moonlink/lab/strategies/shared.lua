--- Strategies that have the system's linker make shared libraries, which dlopen then opens.
-- SPDX-License-Identifier: MIT

local library = require "moonlink.lab.library"
local lists = require "moonlink.lists"
local plans = require "moonlink.lab.plan"
local refusal = require "moonlink.lab.refusal"
local shell = require "moonlink.lab.shell"

local shared = {}

local AXES = {"linker", "bind", "symbolic", "gc"}
local FIXED = {linker = "bfd", bind = "lazy", symbolic = false, gc = false}

--- Links one library; what the linker cannot take is a refusal with its reasons.
local function link(plan, run, places, out, needed)
   local values = run.axes
   run:linker() -- refuses when it is not there
   local paths = lists.pick(plan.objects, places)
   local ok, output = shell.try {
      plan.compiler, "-shared", "-fuse-ld=" .. values.linker, "-Wl,-z," .. values.bind,
      values.symbolic and "-Wl,-Bsymbolic" or {}, values.gc and "-Wl,--gc-sections" or {},
      "-o", out, shell.response(out .. ".list", paths), needed or {}, plan.libraries,
   }
   if not ok then
      run:refuse(refusal.of_link(paths, plan.origins, output))
   end
   return out
end

---@class moonlink.lab.Sharing how objects become libraries
---@field parts fun(plan: moonlink.lab.Plan, run: moonlink.lab.Run): integer[][] places in
---  plan.objects of each library's objects
---@field flags integer for dlopen, beside lazy or now
---@field is_apart? boolean in a namespace of their own
---@field is_chained? boolean each is linked against all earlier ones

--- Makes the libraries from number `first` on; those before are in `files`.
local function link_from(plan, run, how, first, files)
   local parts = how.parts(plan, run)
   for i = first, #parts do
      local out = ("%s/lib%d.so"):format(run.folder, i)
      local needed = how.is_chained and table.move(files, 1, i - 1, 1, {}) or nil
      files[i] = link(plan, run, parts[i], out, needed)
   end
   return {files = files, parts = parts}
end

--- Not measured: a program that opens libraries has dlopen at hand.
local function begin(run)
   run.libraries = library.new()
end

--- Opens libraries in turn; the first that cannot be opened is a refusal.
local function open_all(built, run, how)
   local mode = (run.axes.bind == "now" and library.NOW or library.LAZY) | how.flags
   for i, path in ipairs(built.files) do
      local ok, err = run.libraries:open(path, mode, how.is_apart)
      if not ok then
         run:refuse(refusal.of_open(run.plan, built.parts[i], tostring(err)))
      end
   end
   return {libraries = run.libraries, built = built}
end

local function place_of(parts, index)
   for i, places in ipairs(parts) do
      for _, place in ipairs(places) do
         if place == index then
            return i
         end
      end
   end
end

--- All libraries are closed, those that must be are made anew, all opened again: addresses of a
--- closed one may be in any other.
local function relink(loaded, change, run, how)
   loaded.libraries:close()
   local old, again = loaded.built, run:again()
   local first = place_of(old.parts, change.index)
   local files = table.move(old.files, 1, first - 1, 1, {})
   local built = {parts = old.parts, files = files}
   if how.is_chained then -- later ones name the file
      built = link_from(change.plan, again, how, first, files)
   else
      files[first] = link(change.plan, run, old.parts[first], again.folder .. "/lib.so")
      table.move(old.files, first + 1, #old.files, first + 1, files)
   end
   return open_all(built, run, how)
end

local UNCOUNTED = "the system's linker and loader bind calls between shared libraries, and have no "
   .. "stubs that count"

--- A strategy of a way of sharing.
local function variant(name, about, how, more)
   local out = {
      name = name, about = about, axes = AXES, fixed = FIXED, begin = begin, uncounted = UNCOUNTED,
      prepare = function(plan, run)
         return link_from(plan, run, how, 1, {})
      end,
      load = function(built, run)
         return open_all(built, run, how)
      end,
      bind = function(loaded, prototype)
         return assert(loaded.libraries:func(prototype))
      end,
      reload = function(loaded, change, run)
         return relink(loaded, change, run, how)
      end,
      unload = function(loaded)
         loaded.libraries:close()
      end,
   }
   shared[name] = lists.assign(out, more)
end

local function all_of(plan)
   return {plans.all(plan)}
end

--- Each object by itself. Objects that need each other come in one group; whether that works is for
--- dlopen to say.
local function each_of(plan)
   local parts = {}
   for _, group in ipairs(plan.groups) do
      for _, place in ipairs(group) do
         parts[#parts + 1] = {place}
      end
   end
   return parts
end

local BATCH = 10 -- objects in a batch, for plans of one package

--- Packages, or as many objects as the axis says; objects that need each other stay together.
local function batches_of(plan, run)
   local size = run.axes.batch
   if not size and #plan.packages > 1 then
      return plan.packages
   end
   local parts, last = {}, {}
   for _, group in ipairs(plan.groups) do
      table.move(group, 1, #group, #last + 1, last)
      if #last >= (size or BATCH) then
         parts[#parts + 1], last = last, {}
      end
   end
   parts[#parts + 1] = last[1] and last
   return parts
end

variant("shared-each",
   "cc -shared makes a library of each object; dlopen opens them, what is needed first",
   {parts = each_of, flags = library.GLOBAL}, {order = true})
variant("shared-batch", "cc -shared makes one library of all objects, dlopen opens it",
   {parts = all_of, flags = 0})
variant("shared-incremental", "a library of each batch of objects, linked against all earlier ones",
   {parts = batches_of, flags = 0, is_chained = true},
   {order = true, axes = {"linker", "bind", "symbolic", "gc", "batch"}})
variant("dlmopen", "as shared-batch, opened in a namespace with a C library of its own",
   {parts = all_of, flags = 0, is_apart = true})

return shared
