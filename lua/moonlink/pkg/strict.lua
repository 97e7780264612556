--- What ghc-pkg does not look at: libraries of the system, interface files and libraries of every
-- way, cycles, files of a database that are not where they belong. Rules as in check.lua.
-- SPDX-License-Identifier: MIT

local graph = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local paths = require "moonlink.pkg.check_paths"
local register = require "moonlink.pkg.register"

local strict = {}

local NONE = {}

--- Folders in which a linker looks by itself: those of ld, of every machine that the system has
--- libraries for, and of every gcc, whose runtime libraries lie beside it.
---@param files moonlink.pkg.Files
---@return string[]
function strict.system_folders(files)
   local folders = {"/usr/local/lib", "/lib", "/usr/lib", "/lib64", "/usr/lib64"}
   for _, name in ipairs(files:names "/usr/lib") do
      if name:find "^[%w_]+%-linux%-gnu[%w_]*$" then
         for _, root in ipairs {"/usr/local/lib/", "/lib/", "/usr/lib/"} do
            folders[#folders + 1] = root .. name
         end
         for _, release in ipairs(files:names("/usr/lib/gcc/" .. name)) do
            folders[#folders + 1] = ("/usr/lib/gcc/%s/%s"):format(name, release)
         end
      end
   end
   return folders
end

local function extra_libraries(p, judge, report)
   local libraries = p.extra_libraries or NONE
   if #libraries == 0 then
      return
   end
   judge.system_folders = judge.system_folders or strict.system_folders(judge.files)
   local folders = {}
   for _, list in ipairs {
      paths.of("library_dirs", p, judge), paths.of("dynamic_library_dirs", p, judge),
      judge.system_folders,
   } do
      table.move(list, 1, #list, #folders + 1, folders)
   end
   local endings = {{"lib", ".so"}, {"lib", ".a"}}
   for _, each in ipairs(judge.files:missing(folders, libraries, endings) or NONE) do
      report(("extra-libraries: cannot find lib%s.so or lib%s.a"):format(each, each))
   end
end

--- A way in which code is compiled, and the files it leaves.
local function ways(ghc)
   return {
      {name = "vanilla", interface = {"", ".hi"}, library = {"lib", ".a"}},
      {name = "profiling", interface = {"", ".p_hi"}, library = {"lib", "_p.a"}},
      {name = "dynamic", interface = {"", ".dyn_hi"}, library = {"lib", "-ghc" .. ghc .. ".so"}},
   }
end

local function own_modules(p)
   local list = {}
   for _, field in ipairs {"exposed_modules", "hidden_modules"} do
      for _, item in ipairs(p[field] or NONE) do
         list[#list + 1] = not item:find(" ", 1, true) and item ~= "GHC.Prim" and item or nil
      end
   end
   return list
end

local function shortened(list)
   if #list > 3 then
      return ("%s, %s and %d more"):format(list[1], list[2], #list - 2)
   end
   return table.concat(list, ", ")
end

--- A way is there whole or not at all. What is missing of it in both respects is another rule's.
local function check_way(way, p, judge, modules, report)
   local folders = table.move(paths.of("library_dirs", p, judge), 1,
      #(p.library_dirs or NONE), 1, {})
   local dynamic = paths.of("dynamic_library_dirs", p, judge)
   table.move(dynamic, 1, #dynamic, #folders + 1, folders)
   local libraries = paths.has_code(p) and p.hs_libraries or NONE
   local files = judge.files
   local no_interface = files:missing(paths.of("import_dirs", p, judge), modules, {way.interface},
      true) or NONE
   local no_library = files:missing(folders, libraries, {way.library}) or NONE
   local interfaces, libs = #modules - #no_interface, #libraries - #no_library
   if interfaces + libs == 0 or #no_interface + #no_library == 0 then
      return
   end
   if no_interface[1] then
      report(("%s way: no interface file (%s) of %s"):format(way.name, way.interface[2],
         shortened(no_interface)))
   end
   for _, library in ipairs(no_library) do
      report(("%s way: no library %s%s%s"):format(way.name, way.library[1], library,
         way.library[2]))
   end
end

local function whole_ways(p, judge, report)
   local modules = own_modules(p)
   for _, way in ipairs(ways(judge.version or "")) do
      if way.name ~= "dynamic" or judge.version then
         check_way(way, p, judge, modules, report)
      end
   end
end

--- For check.package, behind its own rules.
---@type moonlink.pkg.Rule[]
strict.rules = {
   {name = "extra-libraries", class = "all", find = extra_libraries},
   {name = "ways", class = "files", find = whole_ways},
}

---@class moonlink.pkg.Oddity
---@field rule string
---@field text string
---@field database? string path

local function cycles(databases, out)
   local _, found = graph.order(index.sorted(index.packages(databases)))
   for _, cycle in ipairs(found) do
      out[#out + 1] = {rule = "cycle", text = register.cycle_text(cycle)}
   end
end

local function files_of(db, out)
   local seen = {}
   for _, p in ipairs(db.packages) do
      local unit = ids.unit(p)
      local name = p.file and p.file:match "([^/]*)$"
      if seen[unit] then
         out[#out + 1] = {rule = "duplicate", database = db.path,
            text = unit .. " is there several times" .. (name and ", once in " .. name or "")}
      elseif db.kind == "folder" and name and name ~= unit .. ".conf" then
         out[#out + 1] = {rule = "stray", database = db.path,
            text = ("%s holds %s, whose file should be %s.conf"):format(name, unit, unit)}
      end
      seen[unit] = true
   end
end

--- What is odd about whole databases, which must have been read without their caches.
---@param databases moonlink.pkg.Database[]
---@return moonlink.pkg.Oddity[]
function strict.databases(databases)
   local out = {}
   cycles(databases, out)
   for _, db in ipairs(databases) do
      files_of(db, out)
   end
   return out
end

return strict
