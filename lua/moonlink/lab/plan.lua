--- Plans: the inputs of an experiment as objects on disk, which strategies work on. An input is
-- compiled, unpacked or made once for each combination of its own axes, before any run.
-- SPDX-License-Identifier: MIT

local axes = require "moonlink.lab.axes"
local checks = require "moonlink.lab.checks"
local core = require "moonlink.core"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local lists = require "moonlink.lists"
local order = require "moonlink.lab.order"
local package_plan = require "moonlink.plan"
local shell = require "moonlink.lab.shell"

local plan = {}

---@class moonlink.lab.Plan
---@field name string
---@field objects string[] paths
---@field packages integer[][] places in `objects` of each package's, in the order of loading
---@field package_names string[]
---@field origins table<string, {file: string, member?: string}> by path: what users know it as
---@field groups? integer[][] for strategies with `order`: see moonlink.lab.order
---@field libraries string[] "-lNAME" that they need
---@field want string[] names that are wanted of archives
---@field compiler string that links shared libraries: "cc", or "c++"
---@field edit? {index: integer, path: string} the object that changes, and its new version
---@field bytes integer of all objects

---@class moonlink.lab.Input
---@field name string
---@field objects? string[]
---@field sources? string[] compiled with `cflags`
---@field archive? string unpacked
---@field packages? table[] of inputs: name with objects, sources or archive; dependencies first
---@field make? fun(folder: string, values: table): moonlink.lab.Input
---@field cflags? string
---@field compiler? string
---@field libraries? string[]
---@field want? string[]
---@field edit? {from: string, to: string} a source or object, and what it becomes
---@field axes? table names of axes that `make` knows

local FIELDS = {
   name = "string", objects = "table", sources = "table", archive = "string", packages = "table",
   make = "function", cflags = "string", compiler = "string", libraries = "table", want = "table",
   edit = "table", axes = "table",
}

local PIC_FLAGS = {pic = "-fPIC", pie = "-fPIE", none = "-fno-pic -fno-pie"}
local LANGUAGES = {cc = "c++", cpp = "c++", cxx = "c++", C = "c++"}

local function base_name(path)
   return (path:match "([^/]*)$":gsub("%.[^.]*$", ""))
end

local function of_path(path)
   local kind, err = core.kind(path)
   if not kind then
      errors.mistake("input '%s': %s", path, tostring(err))
   elseif kind == "archive" or kind == "thin" then
      return {name = base_name(path), archive = path}
   end
   return {name = base_name(path), objects = {path}}
end

--- The units of a plan of packages (`moonlink.pkg`), as packages.
local function of_package_plan(p)
   local packages, libraries = {}, {}
   for i, unit in ipairs(p.units) do
      local one = {name = unit.id, packages = {}}
      for _, file in ipairs(unit.files) do
         if file.role == "package" and file.kind == "archive" then
            table.insert(one.packages, {name = unit.id, archive = file.path})
         elseif file.role ~= "package" then
            libraries[#libraries + 1] = file.path
         end
      end
      packages[i] = one
   end
   return {name = p.asked[#p.asked] or "packages", packages = packages, libraries = libraries}
end

local WHOLE = {make = true, edit = true, axes = true} -- fields that a package does not have

local function check(input, who)
   local package = who
   who = who or ("input '%s'"):format(tostring(input.name))
   for key, value in pairs(input) do
      if not FIELDS[key] then
         given.unknown(key, FIELDS, "field", who)
      elseif type(value) ~= FIELDS[key] then
         errors.mistake("%s: field '%s': %s expected, got %s", who, key, FIELDS[key], type(value))
      elseif package and WHOLE[key] then
         errors.mistake("%s: field '%s' belongs to the input, not to a package of it", who, key)
      end
   end
   checks.input(input, who)
   if not input.name and not package then
      errors.mistake "an input without a name"
   elseif not (input.objects or input.sources or input.archive or input.packages or input.make) then
      errors.mistake("%s: objects, sources, archive, packages%s expected", who,
         package and "" or " or make")
   end
   for i, one in ipairs(input.packages or {}) do
      check(one, ("%s: packages[%d]"):format(who, i))
   end
   return input
end

--- What a list of an input and those of its packages say, each once: all go with the whole.
local function gathered(input, key, into, seen)
   into, seen = into or {}, seen or {}
   for _, name in ipairs(input[key] or {}) do
      if not seen[name] then
         seen[name], into[#into + 1] = true, name
      end
   end
   for _, one in ipairs(input.packages or {}) do
      gathered(one, key, into, seen)
   end
   return into
end

local function has_sources(input)
   for _, one in ipairs(input.packages or {}) do
      if has_sources(one) then
         return true
      end
   end
   return input.sources ~= nil
end

--- An input of whatever a user gives: a path, a plan of packages, or a table.
---@param what any
---@return moonlink.lab.Input
function plan.input(what)
   local input
   if type(what) == "string" then
      input = of_path(what)
   elseif type(what) ~= "table" then
      errors.mistake("an input is a path or a table, not a %s", type(what))
   elseif package_plan.is(what) then
      input = of_package_plan(what)
   else
      input = lists.copy(what)
      input.known = nil
   end
   check(input)
   local own = input.axes or (has_sources(input) and {"pic"} or {})
   input.known = axes.known(own, ("input '%s'"):format(input.name))
   return input
end

--- Compiles one source.
local function compile(input, source, out, values)
   local compiler = input.compiler or LANGUAGES[source:match "%.([^./]*)$"] or "cc"
   local flags = {}
   for word in (PIC_FLAGS[values.pic or "pic"] .. " " .. (input.cflags or "-O2")):gmatch "%S+" do
      flags[#flags + 1] = word
   end
   shell.run {compiler, flags, "-c", "-o", out, source}
   return out
end

--- Members with one name come out as files with different ones.
local function unpack(archive, folder, origins)
   local members, err = core.members(archive)
   if not members then
      error(err, 0)
   end
   local out = {}
   for _, member in ipairs(members) do
      local bytes
      bytes, err = core.member(archive, member.header)
      if not bytes then
         error(err, 0)
      elseif core.kind_of(bytes:sub(1, 4096)) == "object" then
         local name = base_name(member.name):gsub("[^%w_.+-]", "_")
         local path = shell.write(("%s/%d-%s.o"):format(folder, #out + 1, name), bytes)
         out[#out + 1], origins[path] = path, {file = archive, member = member.name}
      end
   end
   return out
end

--- Puts the objects of an input, and of its packages, behind those that are there already.
local function add_objects(self, input, folder, values)
   local objects = {}
   for i, path in ipairs(input.objects or {}) do
      objects[i] = path
   end
   for i, source in ipairs(input.sources or {}) do
      local out = ("%s/%d-%s.o"):format(folder, i, base_name(source))
      objects[#objects + 1] = compile(input, source, out, values)
      self.object_of[source] = out
      self.origins[out] = {file = base_name(source) .. ".o"}
   end
   for _, path in ipairs(input.archive and unpack(input.archive, folder, self.origins) or {}) do
      objects[#objects + 1] = path
   end
   local places = {}
   for i, path in ipairs(objects) do
      self.objects[#self.objects + 1] = path
      places[i] = #self.objects
   end
   for i, one in ipairs(input.packages or {}) do
      local below = ("%s/%d"):format(folder, i)
      shell.run {"mkdir", "-p", below}
      for _, place in ipairs(add_objects(self, one, below, values)) do
         places[#places + 1] = place
      end
   end
   return places
end

local function add_edit(self, input, folder, values)
   local from = self.object_of[input.edit.from] or input.edit.from
   for i, path in ipairs(self.objects) do
      if path == from then
         local to = input.edit.to
         if self.object_of[input.edit.from] then
            to = compile(input, to, folder .. "/edited.o", values)
         end
         return {index = i, path = to}
      end
   end
   errors.mistake("input '%s': edit: '%s' is none of its files", input.name, input.edit.from)
end

--- Makes the plan of an input for some values of its axes.
---@param input moonlink.lab.Input
---@param values table<string, any>
---@param folder string for files, empty
---@return moonlink.lab.Plan
function plan.make(input, values, folder)
   if input.make then
      local made = input.make(folder, values)
      if type(made) ~= "table" then
         errors.mistake("input '%s': make gave a %s, not a table", input.name, type(made))
      end
      made.name, made.axes = input.name, nil
      made.want, made.libraries = made.want or input.want, made.libraries or input.libraries
      input = check(made)
   end
   local self = {
      name = input.name, objects = {}, packages = {}, package_names = {}, object_of = {},
      origins = {}, bytes = 0, compiler = input.compiler or "cc",
      libraries = gathered(input, "libraries"), want = gathered(input, "want"),
   }
   for i, one in ipairs(input.packages or {input}) do
      local below = ("%s/p%d"):format(folder, i)
      shell.run {"mkdir", "-p", below}
      self.packages[i] = add_objects(self, one, below, values)
      self.package_names[i] = one.name
   end
   self.edit = input.edit and add_edit(self, input, folder, values)
   self.object_of = nil
   for _, path in ipairs(self.objects) do
      self.bytes = self.bytes + shell.size(path)
   end
   if #self.objects == 0 then
      errors.mistake("input '%s' has no objects", input.name)
   end
   return self
end

--- Adds the order of loading, which is not measured: whoever builds a program knows it.
---@param self moonlink.lab.Plan
function plan.order(self)
   if not self.groups then
      self.groups = assert(order.groups(self.objects))
   end
end

--- The places of all objects.
---@param self moonlink.lab.Plan
---@return integer[]
function plan.all(self)
   local places = {}
   for i in ipairs(self.objects) do
      places[i] = i
   end
   return places
end

--- The change that `edit` stands for.
---@param self moonlink.lab.Plan
---@return moonlink.lab.Change
function plan.change(self)
   local new, edit = lists.copy(self), self.edit
   new.objects = lists.copy(self.objects)
   new.objects[edit.index] = edit.path
   return {index = edit.index, old = self.objects[edit.index], path = edit.path, plan = new}
end

return plan
