--- A plan: which files make some packages, and why, before anything is loaded. A plain table that
-- prints, compares and can be kept; `ln:load(plan)` does what it says.
--
--    local db = assert(pkg.open "/usr/lib/ghc/package.conf.d")
--    local plan = assert(db:plan {"containers", kind = "archive", way = "threaded"})
--    print(plan)
--
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local locate = require "moonlink.pkg.locate"
local plan_groups = require "moonlink.pkg.plan_groups"
local plan_text = require "moonlink.pkg.plan_text"
local resolve = require "moonlink.pkg.resolve"
local shape = require "moonlink.plan"
local stack = require "moonlink.pkg.stack"
local strict = require "moonlink.pkg.strict"
local variables = require "moonlink.pkg.variables"
local ways = require "moonlink.pkg.ways"

local plan = {}

---@class moonlink.pkg.PlanOptions packages by name, name-version or unit id, and
---@field kind? "archive"|"prelinked"|"shared" what libraries of packages shall be; "archive"
---@field way? string|string[] "threaded debug" and the like; vanilla
---@field policy? string|moonlink.pkg.Policy who chooses files; by the kind
---@field flags? (string|moonlink.pkg.Flag)[] GHC's flags about packages
---@field environment? moonlink.pkg.Flag[]
---@field ghc? string version of GHC; that of the package `ghc` in the databases
---@field search? string[] more folders, behind those of the packages
---@field system? string[] folders in place of those where linkers look by themselves
---@field hidden? boolean hidden packages may be asked for

---@class moonlink.pkg.PlanFile
---@field library string as the package names it
---@field role "package"|"extra"
---@field kind "archive"|"prelinked"|"shared"
---@field path string
---@field why string
---@field tried string[] paths at which no library was, before

---@class moonlink.pkg.PlanUnit
---@field id string unit id, as in the database
---@field symbols? string what its symbols bear in front, when that is not the id
---@field name string
---@field version string
---@field database string path
---@field depends string[] ids of units of the plan
---@field files moonlink.pkg.PlanFile[] of the package, then extra ones
---@field roots string[] names that are wanted though nobody refers to them (-u)
---@field options string[] other ld-options, which no load needs
---@field search string[] folders

---@class moonlink.pkg.Plan
---@field format string
---@field kind string "archive", "prelinked", "shared", or "any"
---@field way string
---@field policy string
---@field ghc string
---@field asked string[] ids of the units that were asked for
---@field units moonlink.pkg.PlanUnit[] dependencies first
---@field groups string[][] ids of units that refer to each other and are linked as one
---@field missing {unit: string, library: string, role: string, tried: string[]}[]

local KNOWN = {
   kind = "string", way = "string or table", policy = "string or function", flags = "table",
   environment = "table", ghc = "string", search = "table", system = "table", hidden = "boolean",
}

--- Options that are lists, and what they are lists of.
local LISTS = {
   search = "string", system = "string", flags = "string or table", environment = "table",
   way = "string",
}

local function check_list(name, list)
   for i = 1, type(list) == "table" and #list or 0 do
      local item = list[i]
      if not LISTS[name]:find(type(item), 1, true) then
         errors.mistake("plan: option '%s': item %d: %s expected, got %s", name, i, LISTS[name],
            type(item))
      elseif type(item) == "string" and item:find("\0", 1, true) then
         errors.mistake("plan: option '%s': item %d holds a NUL", name, i)
      end
   end
end

local function check(options)
   if type(options) ~= "table" then
      errors.mistake("a table of packages expected, got %s", type(options))
   end
   given.options(options, KNOWN, "plan", true)
   for name in pairs(LISTS) do
      check_list(name, options[name])
   end
   if #options == 0 then
      errors.mistake "plan: name at least one package"
   end
end

--- Whose names of files count where no database holds a GHC: packages in C have no others.
local NO_GHC = "9.0.2"

--- The version of the GHC that the databases are of, by the package of that name.
local function ghc_version(databases)
   for _, db in ipairs(databases) do
      for _, p in ipairs(db.packages) do
         if p.name == "ghc" and p.version ~= "" then
            return p.version
         end
      end
   end
end

--- GHC's own folder: the one beside whose database the run-time system is registered.
local function topdir_of(databases)
   for _, db in ipairs(databases) do
      for _, p in ipairs(db.packages) do
         if p.name == "rts" then
            return stack.pkgroot(db.path)
         end
      end
   end
end

local function list_of(unit, field, roots)
   return variables.value(field, unit.package[field] or {}, roots)
end

local function append_new(list, more)
   local seen = {}
   for _, item in ipairs(list) do
      seen[item] = true
   end
   for _, item in ipairs(more) do
      if not seen[item] then
         seen[item], list[#list + 1] = true, item
      end
   end
   return list
end

--- The words of ld-options: names behind -u, libraries behind -l, folders behind -L, and the rest.
local function read_options(list)
   local words, out = {}, {roots = {}, libraries = {}, folders = {}, rest = {}}
   for _, option in ipairs(list) do
      local behind = option:match "^%-Wl,(.*)$"
      for word in (behind or option):gmatch(behind and "[^,]+" or ".+") do
         words[#words + 1] = {text = word, option = option}
      end
   end
   local targets = {
      u = out.roots, ["-undefined"] = out.roots, l = out.libraries, L = out.folders,
   }
   local i = 1
   while i <= #words do
      local text = words[i].text
      local name, value = text:match "^%-([ulL])(.*)$"
      if not name then
         name, value = text:match "^%-(%-undefined)=?(.*)$"
      end
      if name and value == "" and words[i + 1] then
         i = i + 1
         value = words[i].text
      end
      local target = name and value ~= "" and targets[name]
      if target then
         target[#target + 1] = value
      elseif out.rest[#out.rest] ~= words[i].option then
         out.rest[#out.rest + 1] = words[i].option
      end
      i = i + 1
   end
   return out
end

--- Finds one library; enters it in the unit's files or in what is missing.
local function find(self, out, library, role)
   local name = library:match "^:(.+)$"
   local at = self.look
   at.tried = {}
   local path, kind, why = self.policy({
      library = name or library, exact = name ~= nil, role = role, own = out.search,
      all = self.folders, system = self.system, way = self.way, ghc = self.ghc, only = self.only,
   }, at)
   if path then
      if type(path) ~= "string" or not locate.kinds[kind] or type(why) ~= "string" then
         errors.mistake("policy: for %s: a path, archive, prelinked or shared, and why expected, "
            .. "got %s, %s, %s", library, tostring(path), tostring(kind), tostring(why))
      end
      out.files[#out.files + 1] = {
         library = library, role = role, kind = kind, path = path, why = why, tried = at.tried,
      }
   else
      table.insert(self.plan.missing,
         {unit = out.id, library = library, role = role, tried = at.tried})
   end
end

--- What of a unit is known without looking for files.
local function outline(self, unit)
   local p = unit.package
   local db = self.databases[unit.database]
   local roots = {pkgroot = stack.pkgroot(db.path), topdir = self.topdir}
   local options = read_options(p.ld_options or {})
   local folders = list_of(unit, "library_dirs", roots)
   local dynamic = list_of(unit, "dynamic_library_dirs", roots)
   if self.dynamic and dynamic[1] then
      folders = append_new(append_new({}, dynamic), folders)
   else
      folders = append_new(append_new({}, folders), dynamic)
   end
   append_new(folders, options.folders)
   return {
      id = unit.wired or unit.id, symbols = unit.wired and unit.id or nil,
      name = unit.name, version = unit.version, database = db.path, depends = {}, files = {},
      roots = options.roots, options = options.rest,
      search = append_new(folders, self.search),
   }, options.libraries
end

local function extra_libraries(self, p)
   local list = self.ghci and p.extra_ghci_libraries or {}
   return #list > 0 and list or p.extra_libraries or {}
end

local function find_all(self, unit, out, more)
   local p = unit.package
   if unit.indefinite then
      return
   end
   for _, library in ipairs(p.hs_libraries or {}) do
      if library ~= "HSffi" then
         find(self, out, library, "package")
      end
   end
   local extra = append_new(append_new({}, extra_libraries(self, p)), more)
   for _, library in ipairs(extra) do
      find(self, out, library, "extra")
   end
end

--- Folders of the system, behind those that the environment names for compilers.
local function system_folders(named)
   local folders = {}
   for folder in (named.bare and "" or os.getenv "LIBRARY_PATH" or ""):gmatch "[^:]+" do
      folders[#folders + 1] = folder
   end
   return append_new(folders, strict.system_folders(core.tree()))
end

local function new_planner(databases, options)
   local way, err = ways.parse(options.way)
   if not way then
      return nil, err
   end
   local policy, only, name, named = locate.choose(options.policy, options.kind)
   local ghc = options.ghc or ghc_version(databases) or NO_GHC
   return {
      databases = databases, way = way, policy = policy, only = only, ghc = ghc,
      ghci = named.ghci, dynamic = named.dynamic or only and only.shared,
      look = locate.look(), search = options.search or {}, folders = {},
      system = options.system or system_folders(named), topdir = topdir_of(databases),
      plan = {
         format = shape.FORMAT, kind = options.kind or options.policy and "any" or "archive",
         way = ways.name(way), policy = name, ghc = ghc, asked = {}, units = {}, groups = {},
         missing = {},
      },
   }
end

--- Ids of the database in place of the bare names of wired-in units.
local function real_ids(order)
   local real = {}
   for _, unit in ipairs(order) do
      real[unit.id] = unit.wired or unit.id
   end
   return real
end

local function fill(self, order, asked)
   local out, more, real = self.plan, {}, real_ids(order)
   for i, unit in ipairs(order) do
      out.units[i], more[i] = outline(self, unit)
      for j, id in ipairs(unit.depends) do
         out.units[i].depends[j] = real[id]
      end
   end
   for i = #order, 1, -1 do -- the order of a link line: dependants first
      append_new(self.folders, out.units[i].search)
   end
   for i, unit in ipairs(order) do
      find_all(self, unit, out.units[i], more[i])
   end
   for i, id in ipairs(asked) do
      out.asked[i] = real[id]
   end
   out.groups = plan_groups.of(out.units)
   return plan_text.bless(out)
end

--- Makes a plan.
---@param databases table[] the later one wins
---@param options moonlink.pkg.PlanOptions
---@return moonlink.pkg.Plan? with `missing`, when libraries are not there
---@return moonlink.Error? err
function plan.new(databases, options)
   check(options)
   local self, err = new_planner(databases, options)
   if not self then
      return nil, err
   end
   local s
   s, err = resolve.state(databases, options)
   if not s then
      return nil, err
   end
   local order, asked = resolve.units(s, options, options.hidden)
   if not order then
      return nil, asked
   end
   return fill(self, order, asked)
end

return plan
