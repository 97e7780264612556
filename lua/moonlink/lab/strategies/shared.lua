--- Strategies that have the system's linker make shared libraries, which dlopen then opens.
-- SPDX-License-Identifier: MIT

local library = require "moonlink.lab.library"
local refusal = require "moonlink.lab.refusal"
local shell = require "moonlink.lab.shell"

local shared = {}

local AXES = {"linker", "bind", "symbolic", "gc"}
local FIXED = {linker = "bfd", bind = "lazy", symbolic = false, gc = false}

local function paths_of(plan, places)
   local out = {}
   for i, place in ipairs(places) do
      out[i] = plan.objects[place]
   end
   return out
end

--- Links one library; what the linker cannot take is a refusal with its reasons.
local function link(plan, run, places, out, needed)
   local values = run.axes
   run:linker() -- refuses when it is not there
   local paths = paths_of(plan, places)
   local ok, output = shell.try {
      plan.compiler, "-shared", "-fuse-ld=" .. values.linker, "-Wl,-z," .. values.bind,
      values.symbolic and "-Wl,-Bsymbolic" or {}, values.gc and "-Wl,--gc-sections" or {},
      "-o", out, shell.response(out .. ".list", paths), needed or {}, plan.libraries,
   }
   if not ok then
      run:refuse(refusal.of_link(paths, output))
   end
   return out
end

--- One library of each list of places.
local function link_all(plan, run, lists)
   local files = {}
   for i, places in ipairs(lists) do
      files[i] = link(plan, run, places, ("%s/lib%d.so"):format(run.folder, i))
   end
   return {files = files, lists = lists}
end

local function mode_of(run)
   return run.axes.bind == "now" and library.NOW or library.LAZY
end

--- Not measured: a program that opens libraries has dlopen at hand.
local function begin(run)
   run.libraries = library.new()
end

--- Opens libraries in turn; the first that cannot be opened is a refusal.
local function open_all(built, run, flags, is_apart)
   local loaded = {libraries = run.libraries, built = built}
   for i, path in ipairs(built.files) do
      local ok, err = loaded.libraries:open(path, mode_of(run) | flags, is_apart)
      if not ok then
         run:refuse(refusal.of_open(run.plan, built.lists[i], tostring(err)))
      end
   end
   return loaded
end

local function bind(loaded, prototype)
   return assert(loaded.libraries:func(prototype))
end

local function unload(loaded)
   loaded.libraries:close()
end

local function all_of(plan)
   local all = {}
   for i in ipairs(plan.objects) do
      all[i] = i
   end
   return {all}
end

--- Each object by itself. Objects that need each other come in one group; whether that works is for
--- dlopen to say.
local function each_of(plan)
   local lists = {}
   for _, group in ipairs(plan.groups) do
      for _, place in ipairs(group) do
         lists[#lists + 1] = {place}
      end
   end
   return lists
end

--- All libraries are closed, those that hold the object made anew, all opened again: addresses of a
--- closed one may be in any other.
local function relink(lists_of, flags)
   return function(loaded, change, run)
      loaded.libraries:close()
      local again, files = run:again(), {}
      for i, places in ipairs(lists_of(change.plan, run)) do
         files[i] = loaded.built.files[i]
         for _, place in ipairs(places) do
            if place == change.index then
               files[i] = link(change.plan, run, places, ("%s/lib%d.so"):format(again.folder, i))
            end
         end
      end
      return open_all({files = files, lists = loaded.built.lists}, run, flags)
   end
end

shared["shared-batch"] = {
   name = "shared-batch", about = "cc -shared makes one library of all objects, dlopen opens it",
   axes = AXES, fixed = FIXED, begin = begin, bind = bind, unload = unload,
   prepare = function(plan, run)
      return link_all(plan, run, all_of(plan))
   end,
   load = function(built, run)
      return open_all(built, run, 0)
   end,
   reload = relink(all_of, 0),
}

shared["shared-each"] = {
   name = "shared-each",
   about = "cc -shared makes a library of each object; dlopen opens them, what is needed first",
   axes = AXES, fixed = FIXED, order = true, begin = begin, bind = bind, unload = unload,
   prepare = function(plan, run)
      return link_all(plan, run, each_of(plan))
   end,
   load = function(built, run)
      return open_all(built, run, library.GLOBAL)
   end,
   reload = relink(each_of, library.GLOBAL),
}

return shared
