--- C packages in a database of their own, for specs of plans.
-- SPDX-License-Identifier: MIT

local pkg = require "moonlink.pkg"
local support = require "spec.support"

local cpackages = {}

--- A database in a folder of its own; each package has a folder NAME-VERSION there.
---@class spec.World
local world = {}
world.__index = world

--- An empty one.
---@return spec.World
function cpackages.world()
   local dir = support.tmpdir()
   local self = setmetatable({dir = dir, db = dir .. "/db", packages = {}}, world)
   assert(pkg.init(self.db))
   return self
end

--- Compiles sources to objects in the package's folder.
function world:objects(id, sources, flags)
   local folder = ("%s/%s"):format(self.dir, id)
   support.sh("mkdir -p %s", folder)
   local list = {}
   for i, source in ipairs(sources) do
      list[i] = support.cc(("%s/%d.o"):format(folder, i), source, flags or "-O1 -fPIC")
   end
   return folder, list
end

--- An archive of a package, of these sources.
function world:archive(id, sources, library)
   local folder, list = self:objects(id, sources)
   support.sh("ar rcs %s/lib%s.a %s", folder, library or "C" .. id, table.concat(list, " "))
   return folder
end

--- A package of that id; `fields` are laid over what follows from the id.
function world:add(id, depends, fields)
   local name, version = id:match "^(.-)%-([%d.]+)"
   local p = {
      name = name, version = version, id = id, key = id, exposed = true,
      abi = "h" .. (id:gsub("%W", "")),
      depends = depends or {}, library_dirs = {("%s/%s"):format(self.dir, id)},
      hs_libraries = {"C" .. id},
   }
   for key, value in pairs(fields or {}) do
      p[key] = value
   end
   self.packages[#self.packages + 1] = p
   return p
end

--- Writes them; gives the database.
function world:open()
   local change <close> = assert(pkg.change(self.db))
   for _, p in ipairs(self.packages) do
      assert(change:put(p))
   end
   assert(change:commit())
   return assert(pkg.open(self.db))
end

--- Three packages: top needs middle, middle needs base.
---@return spec.World
function cpackages.three()
   local w = cpackages.world()
   w:archive("low-1.0", {"int low(void) { return 1; }", "int unused(void) { return 9; }"})
   w:archive("mid-1.0", {"extern int low(void); int mid(void) { return low() + 10; }"})
   w:archive("top-1.0", {"extern int mid(void); int top(void) { return mid() + 100; }"})
   w:add "low-1.0"
   w:add("mid-1.0", {"low-1.0"})
   w:add("top-1.0", {"mid-1.0"})
   return w
end

--- The same, but a constructor of top raises.
---@return spec.World
---@return string[] search folders for a plan
function cpackages.failing()
   local w = cpackages.three()
   local folder = w.dir .. "/top-1.0"
   support.cc(folder .. "/x.o", [[
      struct start { start() { throw 7; } } it;
      extern "C" int top(void) { return 1; }]], "-O1 -fPIC", {compiler = "g++"})
   support.sh("rm %s/*.a && ar rcs %s/libCtop-1.0.a %s/x.o", folder, folder, folder)
   w.packages[3].extra_libraries = {"stdc++"}
   local gcc = support.stdout "gcc -print-file-name=libstdc++.so"
   return w, {(gcc:match "^(.*)/")}
end

return cpackages
