--- Which file a library of a package is. A policy is a function of what is wanted and of a look at
-- the file system: it gives the path of a file, its kind and why it was taken; or nothing. Small
-- policies combine to those of the programs that load or link packages.
--
--    local mine = locate.first(locate.pattern("prelinked", "{name}{object}"),
--       locate.pattern("archive", "lib{name}{suffix}.a"))
--
-- Spec: ld(1), -l and -L; GHC User's Guide, "Packages", for the names of libraries.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local lists = require "moonlink.lists"
local ways = require "moonlink.pkg.ways"

local locate = {}

--- What is wanted.
---@class moonlink.pkg.Want
---@field library string as the package names it
---@field role "package"|"extra" a library of the package, or one of the system that it needs
---@field own string[] the package's folders
---@field all? string[] those of all packages of the plan, dependants first
---@field system string[] where linkers look by themselves
---@field way moonlink.pkg.Way
---@field ghc string version
---@field only? table<string, boolean> kinds that may be taken, of a library of the package
---@field exact? boolean the library is the name of a file (-l:NAME)

--- Looks at files, each once; what was not there is noted.
---@class moonlink.pkg.Look
---@field tried string[] paths at which no library was, in order, with what is there instead
---@field seen table<string, string|false> kinds by path
---@field folders table<string, string[]> names in folders
local look = {}
look.__index = look

--- A look at the file system for one plan.
---@return moonlink.pkg.Look
function locate.look()
   return setmetatable({tried = {}, seen = {}, folders = {}}, look)
end

local USABLE = {object = true, shared = true, archive = true, thin = true, text = true}

--- Is there a file that a linker could read?
---@param path string
---@return boolean
function look:at(path)
   local kind = self.seen[path]
   if kind == nil then
      kind = core.kind(path) or false
      self.seen[path] = kind
   end
   if USABLE[kind] then
      return true
   end
   self.tried[#self.tried + 1] = kind and ("%s (no library: %s)"):format(path, kind) or path
   return false
end

--- The names in a folder; {} when it cannot be read.
---@param folder string
---@return string[]
function look:names(folder)
   self.folders[folder] = self.folders[folder] or core.list_folder(folder) or {}
   return self.folders[folder]
end

--- Gives path, kind and why; or nothing.
---@alias moonlink.pkg.Policy fun(want: moonlink.pkg.Want, look: moonlink.pkg.Look): ...string?

local function join(folder, name)
   return folder:sub(-1) == "/" and folder .. name or folder .. "/" .. name
end

--- A library "Cfoo" is libCfoo.a, and libfoo.so when it is shared.
local function plain(library, kind)
   return kind == "shared" and library:match "^C(.+)$" or library
end

--- Fills in `{name}`, `{suffix}`, `{object}` and `{ghc}` of a pattern.
local function file_name(pattern, kind, want)
   local is_package = want.role == "package"
   local values = {
      name = is_package and plain(want.library, kind) or want.library,
      suffix = is_package and ways.suffix(want.way, ways.is_rts(want.library), want.ghc) or "",
      object = ways.object(want.way), ghc = want.ghc,
   }
   return (pattern:gsub("{(%a+)}", values))
end

local PLACES = {own = "the package's folders", all = "the folders of all packages",
   system = "the folders of the system"}

local function allowed(want, kind)
   return want.role ~= "package" or not want.only or want.only[kind]
end

--- One file name, in each of the folders.
---@param kind "archive"|"prelinked"|"shared"
---@param pattern string with {name}, {suffix}, {object}, {ghc}
---@param place? "own"|"all"|"system" whose folders; "own"
---@return moonlink.pkg.Policy
function locate.pattern(kind, pattern, place)
   place = place or "own"
   return function(want, at)
      if not allowed(want, kind) then
         return nil
      end
      local name = file_name(pattern, kind, want)
      for _, folder in ipairs(want[place] or {}) do
         local path = join(folder, name)
         if at:at(path) then
            return path, kind, ("%s in %s"):format(name, PLACES[place])
         end
      end
   end
end

--- Folder by folder, in each the file names in their order: how ld looks.
---@param place "own"|"all"|"system"
---@param ... {[1]: string, [2]: string} kind and pattern of each name
---@return moonlink.pkg.Policy
function locate.each_folder(place, ...)
   local names = {...}
   return function(want, at)
      for _, folder in ipairs(want[place] or {}) do
         for _, each in ipairs(names) do
            local kind, name = each[1], file_name(each[2], each[1], want)
            local path = join(folder, name)
            if allowed(want, kind) and at:at(path) then
               return path, kind, ("%s in %s, folder by folder"):format(name, PLACES[place])
            end
         end
      end
   end
end

--- The first that finds something.
---@param ... moonlink.pkg.Policy
---@return moonlink.pkg.Policy
function locate.first(...)
   local list = {...}
   return function(want, at)
      for _, each in ipairs(list) do
         local path, kind, why = each(want, at)
         if path then
            return path, kind, why
         end
      end
   end
end

--- One policy for libraries of packages, another one for those of the system.
---@param package moonlink.pkg.Policy
---@param extra moonlink.pkg.Policy
---@return moonlink.pkg.Policy
function locate.by_role(package, extra)
   return function(want, at)
      return (want.role == "package" and package or extra)(want, at)
   end
end

local function numbers(text)
   local list = {}
   for n in text:gmatch "%d+" do
      list[#list + 1] = ("%020d"):format(tonumber(n) or 0)
   end
   return table.concat(list, ".")
end

--- A library of the system of which only the run-time part is installed: the highest libNAME.so.N.
---@param want moonlink.pkg.Want
---@param at moonlink.pkg.Look
function locate.soname(want, at)
   local stem, best = ("lib%s.so."):format(want.library), nil
   for _, folder in ipairs(want.system) do
      for _, name in ipairs(at:names(folder)) do
         local rest = name:sub(1, #stem) == stem and name:sub(#stem + 1)
         if rest and rest:find "^[%d.]+$" and (not best or numbers(rest) > best.key) then
            local path = join(folder, name)
            best = at:at(path) and {key = numbers(rest), path = path, name = name} or best
         end
      end
   end
   if best then
      return best.path, "shared", best.name .. ", of which only the run-time part is installed"
   end
end

--- The same name with the version of whatever compiler made it: for databases that hold none.
local function any_ghc(want, at)
   if not allowed(want, "shared") then
      return nil
   end
   local stem = file_name("lib{name}{suffix}-ghc", "shared", want)
   for _, folder in ipairs(want.own) do
      for _, name in ipairs(at:names(folder)) do
         if name:sub(1, #stem) == stem and name:find "%d%.so$" and at:at(join(folder, name)) then
            return join(folder, name), "shared", name .. " in the package's folders"
         end
      end
   end
end

--- `-l:NAME`: the very file.
local function exact(want, at)
   if not want.exact then
      return nil
   end
   for _, place in ipairs {"own", "system"} do
      for _, folder in ipairs(want[place]) do
         if at:at(join(folder, want.library)) then
            local kind = want.library:find "%.so" and "shared" or "archive"
            return join(folder, want.library), kind, "the file of that name in " .. PLACES[place]
         end
      end
   end
end

local pattern, first = locate.pattern, locate.first
local LIB_SO, LIB_A = {"shared", "lib{name}.so"}, {"archive", "lib{name}.a"}

local shared_package = first(pattern("shared", "lib{name}{suffix}-ghc{ghc}.so"), any_ghc,
   pattern("prelinked", "{name}.dyn_o"), pattern("shared", "lib{name}{suffix}.so"))
local static_package = first(pattern("prelinked", "{name}{object}"),
   pattern("archive", "lib{name}{suffix}.a"), pattern("archive", "{name}{suffix}.a"),
   pattern("archive", "lib{name}{suffix}"), pattern("archive", "{name}{suffix}"))
local linked_package = locate.each_folder("all",
   {"shared", "lib{name}{suffix}.so"}, {"archive", "lib{name}{suffix}.a"})

--- Libraries of the system as GHCi finds them: name by name, each in all folders.
local ghci_extra = first(pattern("shared", "lib{name}.so"), pattern("archive", "lib{name}.a"),
   pattern("archive", "{name}.a"), pattern("archive", "lib{name}"), pattern("archive", "{name}"),
   pattern("shared", "lib{name}.so", "system"),
   pattern("archive", "lib{name}.a", "system"), locate.soname)
--- As ld finds them: folder by folder.
local ld_extra = first(locate.each_folder("own", LIB_SO, LIB_A),
   locate.each_folder("system", LIB_SO, LIB_A), locate.soname)
local link_extra = first(locate.each_folder("all", LIB_SO, LIB_A),
   locate.each_folder("system", LIB_SO, LIB_A), locate.soname)

---@class moonlink.pkg.NamedPolicy
---@field choose moonlink.pkg.Policy
---@field ghci? boolean extra-ghci-libraries stand in place of extra-libraries
---@field dynamic? boolean folders of shared libraries come first
---@field bare? boolean LIBRARY_PATH, which compilers hand on, does not count

--- The ready-made policies by name.
---@type table<string, moonlink.pkg.NamedPolicy>
locate.policies = {
   -- GHCi with a static interpreter: prelinked object, then archive
   ghci = {choose = first(exact, locate.by_role(static_package, ghci_extra)), ghci = true},
   -- GHCi with a dynamic interpreter: the shared library of this GHC
   ["ghci-dynamic"] = {
      choose = first(exact, locate.by_role(shared_package, ghci_extra)), ghci = true,
      dynamic = true,
   },
   -- ghc's link line: the folders of all packages, one after the other
   link = {choose = first(exact, locate.by_role(linked_package, link_extra))},
   -- ld: the package's folders one after the other, in each lib*.so, then lib*.a
   ld = {
      choose = first(exact, locate.by_role(
         locate.each_folder("own", {"shared", "lib{name}{suffix}-ghc{ghc}.so"},
            {"shared", "lib{name}{suffix}.so"}, {"archive", "lib{name}{suffix}.a"}), ld_extra)),
      bare = true,
   },
}

--- Kind of plan -> policy when none is named, and the kinds that libraries of packages may be.
locate.kinds = {
   archive = {policy = "link", only = {archive = true}},
   prelinked = {policy = "ghci", only = {prelinked = true, archive = true}},
   shared = {policy = "ghci-dynamic", only = {shared = true}},
}

local function known(of)
   return table.concat(lists.keys(of), ", ")
end

--- The policy, and the kinds, that the options of a plan mean; raises for unknown ones.
---@param policy? string|moonlink.pkg.Policy
---@param kind? string
---@return moonlink.pkg.Policy
---@return table<string, boolean>? only
---@return string name of the policy
---@return moonlink.pkg.NamedPolicy|table what else is known of it
function locate.choose(policy, kind)
   local of_kind = locate.kinds[kind or (policy == nil and "archive" or "")]
   if kind ~= nil and not of_kind then
      errors.mistake("option 'kind': '%s' is none of its values (%s)", tostring(kind),
         known(locate.kinds))
   end
   policy = policy or of_kind.policy
   if type(policy) == "function" then
      return policy, of_kind and of_kind.only, "a function", {}
   end
   local named = locate.policies[policy]
   if not named then
      errors.mistake("option 'policy': '%s' is none of the known ones (%s), nor a function",
         tostring(policy), known(locate.policies))
   end
   return named.choose, of_kind and of_kind.only, policy, named
end

return locate
