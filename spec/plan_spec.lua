--- Plans: which files make some packages, and loading them. The packages are C, compiled here; no
-- GHC is needed.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local pkg = require "moonlink.pkg"
local support = require "spec.support"

--- A database of C packages in a folder of its own; each has a folder NAME-VERSION there.
---@class spec.World
local world = {}
world.__index = world

local function new_world()
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
local function three()
   local w = new_world()
   w:archive("low-1.0", {"int low(void) { return 1; }", "int unused(void) { return 9; }"})
   w:archive("mid-1.0", {"extern int low(void); int mid(void) { return low() + 10; }"})
   w:archive("top-1.0", {"extern int mid(void); int top(void) { return mid() + 100; }"})
   w:add "low-1.0"
   w:add("mid-1.0", {"low-1.0"})
   w:add("top-1.0", {"mid-1.0"})
   return w
end

local function ids(list)
   local out = {}
   for i, each in ipairs(list) do
      out[i] = each.id
   end
   return out
end

describe("a plan", function()
   it("has the units in the order of their dependencies, and what was found where", function()
      local w = three()
      local plan = assert(w:open():plan {"top"})
      assert.same({"low-1.0", "mid-1.0", "top-1.0"}, ids(plan.units))
      assert.same({"top-1.0"}, plan.asked)
      assert.same({"mid-1.0"}, plan.units[3].depends)
      assert.equal(w.db, plan.units[1].database)
      local file = plan.units[1].files[1]
      assert.equal(w.dir .. "/low-1.0/libClow-1.0.a", file.path)
      assert.equal("archive", file.kind)
      assert.same({}, plan.missing)
   end)

   it("is one thing, kept in a file or not", function()
      local w = three()
      local db = w:open()
      local plan = assert(db:plan {"top"})
      assert(plan:save(w.dir .. "/plan.json"))
      local back = assert(pkg.read_plan(w.dir .. "/plan.json"))
      assert.same(plan, back)
      assert.equal(tostring(plan), tostring(back))
      assert.equal("", tostring(plan:diff(back)))
      local other = assert(db:plan {"mid"})
      assert.same({{what = "unit", old = "top-1.0"}}, setmetatable(plan:diff(other), nil))
   end)
end)

describe("loading a plan", function()
   it("makes each package a unit, and calls cross them", function()
      local ln <close> = moonlink.new()
      local loaded = assert(ln:load(assert(three():open():plan {"top"})))
      assert.equal(111, assert(ln:func "int top(void)")())
      assert.same({"low-1.0", "mid-1.0", "top-1.0"}, ids(ln:packages()))
      assert.equal(3, #loaded.units)
      assert.equal("mid-1.0", ln:packages()[2].unit.name)
   end)

   it("loads what is not there yet, and unloads what nobody holds", function()
      local db = three():open()
      local ln <close> = moonlink.new()
      local mid = assert(ln:load(assert(db:plan {"mid"})))
      local unit = ln:packages()[1].unit
      local top = assert(ln:load(assert(db:plan {"top"})))
      assert.same({"top-1.0"}, top.loaded)
      assert.equal(unit, ln:packages()[1].unit)
      assert(mid:unload())
      assert.same({"low-1.0", "mid-1.0", "top-1.0"}, ids(ln:packages()))
      assert(top:unload())
      assert.same({}, ln:packages())
      assert.same({}, ln:units())
   end)
end)
