--- Which module a name means. A module is known by its unit and its name; several of one name live
--- side by side as long as nobody imports the name.
-- SPDX-License-Identifier: MIT

local fuzzy = require "moonlink.pkg.fuzzy"
local lists = require "moonlink.lists"
local messages = require "moonlink.pkg.messages"
local validate = require "moonlink.pkg.validate"

local modules = {}

---@class moonlink.pkg.Entry one module that a name may mean
---@field unit string id of the unit that defines it
---@field module string its name there
---@field exposed? boolean it is among the exposed modules of its unit, which is visible or not
---@field reexports? string[] visible units that export it from its own
---@field hidden_reexports? string[] units that do so and are not visible
---@field flag? true a flag gave it the name
---@field hidden? true it is a hidden module of its unit
---@field unusable? moonlink.pkg.Unusable its unit, or the one that exports it, cannot be used

local NONE = {}

--- May the name be imported for it?
---@param entry moonlink.pkg.Entry
---@return boolean
function modules.is_visible(entry)
   return entry.exposed or entry.reexports ~= nil or entry.flag or false
end

--- The entry of a module under a name, made when there is none.
local function at(map, name, unit, module)
   local list = map[name]
   if not list then
      list = {}
      map[name] = list
   end
   for _, entry in ipairs(list) do
      if entry.unit == unit and entry.module == module then
         return entry
      end
   end
   local entry = {unit = unit, module = module, exposed = nil}
   list[#list + 1] = entry
   return entry
end

--- An item of exposed-modules: the name, and for a re-export where the module is from.
---@param item string "Mod" or "Mod from unit:Mod2"
---@return string name
---@return string? unit
---@return string? module
function modules.parse_export(item)
   if not item:find(" ", 1, true) then
      return item
   end
   local name, unit, module = item:match "^(%S+)%s+from%s+(%S+):([^:%s]+)$"
   if not name then
      return item
   end
   return name, unit, module
end

local function add_reexport(entry, id, shown)
   local field = shown and "reexports" or "hidden_reexports"
   entry[field] = entry[field] or {}
   table.insert(entry[field], 1, id) -- in GHC's order, the last unit first
end

local function add_exposed(s, map, unit, shown)
   local key = unit.id .. messages.holes(unit)
   for _, item in ipairs(unit.package.exposed_modules or NONE) do
      local name, from, module = modules.parse_export(item)
      if from then
         add_reexport(at(map, name, s.wired[from] or from, module), key, shown)
      elseif map[name] then
         at(map, name, key, name).exposed = shown
      else -- as nearly always
         map[name] = {{unit = key, module = name, exposed = shown}}
      end
   end
   for _, name in ipairs(unit.package.hidden_modules or NONE) do
      at(map, name, key, name).hidden = true
   end
end

local function add_renamed(s, map, unit, renamings)
   local exported, key = {}, unit.id .. messages.holes(unit)
   for _, item in ipairs(unit.package.exposed_modules or NONE) do
      local name, from, module = modules.parse_export(item)
      exported[name] = {from and (s.wired[from] or from) or key, module or name}
   end
   for _, renaming in ipairs(renamings) do
      local target = exported[renaming.from]
      if not target then
         local text = "package flag: could not find module name %s in package %s"
         return messages.error("package", text:format(renaming.from, key),
            {unit = unit.id, module = renaming.from})
      end
      at(map, renaming.to, target[1], target[2]).flag = true
   end
end

local function add_unusable(s, map)
   local found = {}
   for _, id in ipairs(lists.keys(s.unusable)) do
      local one = s.unusable[id]
      local p, key = one.unit.package, id .. messages.holes(one.unit)
      for _, field in ipairs {"exposed_modules", "hidden_modules"} do
         for _, item in ipairs(p[field] or NONE) do
            local name, from, module = modules.parse_export(item)
            if not map[name] then
               at(found, name, from or key, module or name).unusable = one
            end
         end
      end
   end
   for name, list in pairs(found) do
      map[name] = list
   end
end

local function by_identity(a, b)
   if a.unit ~= b.unit then
      return a.unit < b.unit
   end
   return a.module < b.module
end

--- All modules of all units, and how they came into scope: s.modules, by name lists of entries in
--- the order of unit and module. What unusable units have stands there only when nothing else does.
---@param s moonlink.pkg.State
---@return moonlink.Error? err a renaming of a module that is not there
function modules.map(s)
   local map = {}
   for _, unit in ipairs(validate.sorted(s.units)) do
      local shown = s.visible[unit.id]
      local instance = unit.package.instantiated_with
      if shown or unit.indefinite or not (instance and instance[1]) then
         add_exposed(s, map, unit, shown ~= nil and shown.all)
      end
      local err = shown and shown.renamings[1] and add_renamed(s, map, unit, shown.renamings)
      if err then
         return err
      end
   end
   add_unusable(s, map)
   for _, list in pairs(map) do
      if list[2] then
         table.sort(list, by_identity)
      end
   end
   s.modules = map
end

---@class moonlink.pkg.Suggestion
---@field name string
---@field entry moonlink.pkg.Entry

--- Names near one that is not there, at most three.
---@param s moonlink.pkg.State
---@param name string
---@return moonlink.pkg.Suggestion[]
function modules.suggest(s, name)
   local names, list = {}, {}
   for each in pairs(s.modules) do
      names[#names + 1] = each
   end
   for _, each in ipairs(fuzzy.nearest(name, names)) do
      for _, entry in ipairs(s.modules[each]) do
         list[#list + 1] = #list < 3 and {name = each, entry = entry} or nil
      end
   end
   return list
end

---@class moonlink.pkg.Lookup
---@field kind string "home", "found", "ambiguous", "hidden", "unusable" or "unknown"
---@field name string the name that was looked up
---@field unit? string found, home: with `module` the identity
---@field module? string
---@field entry? moonlink.pkg.Entry found
---@field candidates moonlink.pkg.Entry[] visible ones
---@field hidden_packages moonlink.pkg.Entry[] ones of units that are not visible
---@field hidden_modules moonlink.pkg.Entry[]
---@field unusable moonlink.pkg.Entry[]
---@field suggestions moonlink.pkg.Suggestion[]
---@field message? string what GHC says, unless it is found

--- Does the unit belong to the package that an import names?
local function is_of(s, id, package)
   id = id:match "^[^%[]*"
   local unit = s.units[id] or s.unusable[id] and s.unusable[id].unit
   return unit ~= nil and unit.name == package
end

--- Those of some units that belong to the package; nil when none does.
local function units_of(s, units, package)
   local kept
   for _, id in ipairs(units or NONE) do
      if is_of(s, id, package) then
         kept = kept or {}
         kept[#kept + 1] = id
      end
   end
   return kept
end

--- What of an entry an import with a package name sees; nil: nothing.
local function seen_from(s, entry, package)
   local own = is_of(s, entry.unit, package)
   if entry.unusable or entry.hidden and entry.exposed == nil then
      return (own or entry.unusable and entry.unusable.unit.name == package) and entry or nil
   end
   local seen = {unit = entry.unit, module = entry.module,
      reexports = units_of(s, entry.reexports, package),
      hidden_reexports = units_of(s, entry.hidden_reexports, package)}
   if own then
      seen.exposed = entry.exposed
   end
   local any = seen.exposed ~= nil or seen.reexports or seen.hidden_reexports
   return any and seen or nil
end

local function classify(s, result, package)
   for _, each in ipairs(s.modules[result.name] or {}) do
      local entry = each
      if package then
         entry = seen_from(s, each, package)
      end
      local list = entry and (modules.is_visible(entry) and "candidates"
         or entry.unusable and "unusable" or entry.hidden and "hidden_modules"
         or "hidden_packages")
      if list then
         table.insert(result[list], entry)
      end
   end
end

local function judge(s, result, options)
   if result.candidates[2] then
      return "ambiguous"
   elseif result.candidates[1] then
      local entry = result.candidates[1]
      result.entry, result.unit, result.module = entry, entry.unit, entry.module
      return "found"
   elseif result.hidden_packages[1] or result.hidden_modules[1] then
      return "hidden"
   elseif result.unusable[1] then
      return "unusable"
   end
   if not options.plain then
      result.suggestions = modules.suggest(s, result.name)
   end
   return "unknown"
end

--- What importing a name means. Modules of the program itself come first; with a package name only
--- that package's, where "this" is the program.
---@param s moonlink.pkg.State
---@param name string
---@param options? {package?: string, plain?: boolean} plain: neither suggestions nor message
---@return moonlink.pkg.Lookup
function modules.lookup(s, name, options)
   options = options or {}
   local package = options.package
   local result = {kind = "home", name = name, candidates = {}, hidden_packages = {},
      hidden_modules = {}, unusable = {}, suggestions = {}}
   local own = package == "this"
   if s.home[name] and (own or not package) then
      result.unit, result.module = s.unit, name
      return result
   elseif not own then
      classify(s, result, package)
   end
   result.kind = judge(s, result, options)
   if not options.plain then
      result.message = messages.lookup(s, result)
   end
   return result
end

--- The identity of a module as one text.
---@param unit string
---@param module string
---@return string
function modules.identity(unit, module)
   return ("%s:%s"):format(unit, module)
end

return modules
