--- The packages of a linker: which are loaded, by how many plans they are held, what each has of
-- memory. An entry is made when a plan has loaded a package and goes with its unit.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local lists = require "moonlink.lists"
local shape = require "moonlink.plan"

local packages = {}

---@class moonlink.LoadedPackage
---@field id string unit id of the package
---@field name string
---@field version string
---@field database string path of the database that it is from
---@field depends string[] ids
---@field kind string of the plan that loaded it
---@field way string likewise
---@field files string[] what it was loaded from
---@field unit moonlink.LoadedUnit which it may share with others of its group
---@field group string[] ids of those
---@field has_libraries boolean some of the files are shared libraries
---@field scoped boolean its names mean what its dependencies define, and nothing else
---@field count integer plans that hold it
---@field memory integer bytes, also of members of archives that came with a later load; of shared
---   libraries what is mapped of them
local methods = {}

local measure

local metatable = {
   __name = "moonlink.LoadedPackage",
   __index = function(self, name)
      return name == "memory" and measure {self}[1] or methods[name]
   end,
   __tostring = function(self)
      return ("package %s (%s, %d bytes, held by %d)"):format(self.id, self.database, self.memory,
         self.count)
   end,
}

--- The address of a name that the package defines, or nil. Of a shared library: what its name means
--- among the libraries of this linker.
---@param name string
---@return integer?
function methods:address(name)
   local address = self.unit:address(name)
   if not address and self.has_libraries then
      address = self.unit.linker.session:find_process(name)
   end
   return address
end

--- A C function of this package, whatever others define under that name.
---@param prototype string
---@param opts? moonlink.FuncOptions
---@return function?
---@return moonlink.Error? err
function methods:func(prototype, opts)
   local unit = self.unit
   return call.func({
      types = unit.linker.types,
      definition = function(_, name)
         local address = self:address(name)
         if address then
            return address, unit.core
         end
         return nil, errors.new {
            code = "undefined", symbol = name,
            message = ("package %s does not define '%s'"):format(self.id, name),
            hint = "ln:func finds what any package of the linker defines",
         }
      end,
   }, prototype, opts)
end

given.methods(methods, metatable, "p")

local function is_alive(entry)
   return entry.unit:alive() and not entry.unit.orphaned
end

--- The entry of a package that is loaded and alive.
---@param linker moonlink.Linker
---@param id string
---@return moonlink.LoadedPackage?
function packages.get(linker, id)
   local entry = linker.loaded and linker.loaded[id]
   if entry and not is_alive(entry) then
      linker.loaded[id], entry = nil, nil
   end
   return entry
end

---@class moonlink.PackageLoad
---@field unit moonlink.LoadedUnit what became of the package, and maybe of others
---@field group string[] ids of all that it was made of
---@field scoped boolean

--- Enters a package that was loaded.
---@param linker moonlink.Linker
---@param what moonlink.pkg.Plan
---@param unit moonlink.pkg.PlanUnit of that plan
---@param how moonlink.PackageLoad
---@return moonlink.LoadedPackage
function packages.enter(linker, what, unit, how)
   linker.loaded = linker.loaded or {}
   linker.loaded_count = (linker.loaded_count or 0) + 1
   local entry = setmetatable({
      id = unit.id, name = unit.name, version = unit.version, database = unit.database,
      depends = lists.append({}, unit.depends), kind = what.kind, way = what.way,
      files = shape.paths(unit), unit = how.unit, group = how.group, scoped = how.scoped,
      has_libraries = shape.has_libraries(unit), order = linker.loaded_count, count = 0,
   }, metatable)
   linker.loaded[entry.id] = entry
   return entry
end

--- Takes a package out.
---@param linker moonlink.Linker
---@param id string
function packages.forget(linker, id)
   linker.loaded[id] = nil
end

--- Bytes of this process that are mapped from each file.
local function mapped()
   local bytes = {}
   local file <close> = io.open("/proc/self/maps", "rb")
   for line in file and file:lines() or function() end do
      local from, to, path = line:match "^(%x+)%-(%x+) %S+ %S+ %S+ %S+%s+(/.*)$"
      if path then
         bytes[path] = (bytes[path] or 0) + tonumber(to, 16) - tonumber(from, 16)
      end
   end
   return bytes
end

--- Bytes of the sections that come from each file, in all units of a linker.
local function of_files(linker)
   local bytes = {}
   for _, unit in ipairs(linker:units()) do
      local inputs = unit:inputs()
      for _, section in ipairs(unit.core:sections()) do
         local file = inputs[section.input] and inputs[section.input].file or ""
         bytes[file] = (bytes[file] or 0) + section.size
      end
   end
   return bytes
end

--- What packages of one linker have of memory now, by their places in the list.
function measure(list)
   local maps
   local by_file, out = list[1] and of_files(list[1].unit.linker), {}
   for i, entry in ipairs(list) do
      out[i] = 0
      for _, path in ipairs(entry.files) do
         local bytes = by_file[path]
         if not bytes and path:find "%.so[%.%d]*$" then
            maps = maps or mapped()
            bytes = maps[path]
         end
         out[i] = out[i] + (bytes or 0)
      end
   end
   return out
end

--- The packages that are loaded, oldest first.
---@param linker moonlink.Linker
---@return moonlink.LoadedPackage[]
function packages.all(linker)
   local list = {}
   for _, entry in pairs(linker.loaded or {}) do
      list[#list + 1] = is_alive(entry) and entry or nil
   end
   table.sort(list, function(a, b) return a.order < b.order end)
   return list
end

--- The same, with what they have of memory now.
---@param linker moonlink.Linker
---@return moonlink.LoadedPackage[]
function packages.list(linker)
   local list = packages.all(linker)
   for i, bytes in ipairs(measure(list)) do
      rawset(list[i], "memory", bytes)
   end
   return list
end

return packages
