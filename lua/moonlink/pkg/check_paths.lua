--- Rules about folders, documentation and libraries that a package names.
-- SPDX-License-Identifier: MIT

local hs = require "moonlink.pkg.hs_string"
local variables = require "moonlink.pkg.variables"
local version = require "moonlink.pkg.version"

local paths = {}

--- The file system as rules see it: core.tree() in earnest.
---@class moonlink.pkg.Files
---@field kind fun(self, path: string): "file"|"folder"|"special"|nil
---@field missing fun(self, folders: string[], stems: string[], endings: string[][],
---   modules?: boolean): string[]? the stems of which no folder holds a file, with any ending
---@field names fun(self, folder: string): string[] what is in it; {} when it cannot be listed

local NONE = {}

--- The paths of a field with their variables replaced.
---@param field string "import_dirs"
---@param p moonlink.pkg.Package
---@param judge moonlink.pkg.Judge
---@return string[]
function paths.of(field, p, judge)
   local list = p[field] or NONE
   for _, path in ipairs(list) do
      if path:byte() == 36 and judge.roots then -- $
         return variables.value(field, list, judge.roots(p))
      end
   end
   return list
end

local RELATIVE = "%s: %s is a relative path which makes no sense (as there is nothing for it to be "
   .. "relative to). You can make paths relative to the package database itself by using "
   .. "${pkgroot}."

local function look(field, path, wanted, judge, report)
   if path:byte() ~= 47 then -- /
      report(RELATIVE:format(field, path), "files")
   elseif judge.files:kind(path) ~= wanted then
      report(("%s: %s doesn't exist or isn't a %s"):format(field, path,
         wanted == "folder" and "directory" or "file"))
   end
end

--- A rule: the folders of that field are there.
---@param field string "import-dirs"
---@return fun(p: moonlink.pkg.Package, judge: moonlink.pkg.Judge, report: function)
function paths.folders(field)
   local key = field:gsub("-", "_")
   return function(p, judge, report)
      for _, path in ipairs(paths.of(key, p, judge)) do
         look(field, path, "folder", judge, report)
      end
   end
end

--- A rule: the interfaces of the documentation are there, if that is asked.
function paths.haddock_interfaces(p, judge, report)
   for _, path in ipairs(judge.haddock and paths.of("haddock_interfaces", p, judge) or NONE) do
      look("haddock-interfaces", path, "file", judge, report)
   end
end

--- A rule: so are its pages.
function paths.haddock_html(p, judge, report)
   for _, path in ipairs(judge.haddock and paths.of("haddock_html", p, judge) or NONE) do
      if not path:find "^https?://" then
         look("haddock-html", (path:gsub("^file://", "")), "folder", judge, report)
      end
   end
end

--- Before and behind the name of a library, in the file names that serve. Shared libraries carry
--- the version of GHC.
---@param ghc string
---@return string[][]
function paths.library_endings(ghc)
   local endings = {{"lib", ".a"}, {"lib", "_p.a"}, {"lib", "-ghc" .. ghc .. ".so"}}
   if ghc ~= "*" and version.compare(ghc, "9.14") >= 0 then
      endings[#endings + 1] = {"lib", "_p-ghc" .. ghc .. ".so"}
   end
   endings[#endings + 1] = {"lib", "-ghc" .. ghc .. ".dylib"}
   endings[#endings + 1] = {"", "-ghc" .. ghc .. ".dll"}
   return endings
end

--- Is there a shared library for any GHC?
local function any_shared(folders, library, files)
   local front = "lib" .. library .. "-ghc"
   for _, folder in ipairs(folders) do
      for _, name in ipairs(files:names(folder)) do
         if name:sub(1, #front) == front and name:find("^[%d.]+%.so$", #front + 1) then
            return true
         end
      end
   end
   return false
end

--- Code stands behind a unit only when none of its holes is open.
---@param p moonlink.pkg.Package
---@return boolean
function paths.has_code(p)
   for _, instance in ipairs(p.instantiated_with or NONE) do
      if instance:find("<", 1, true) then
         return false
      end
   end
   return true
end

local function joined(a, b)
   if #b == 0 then
      return a
   end
   return table.move(b, 1, #b, #a + 1, table.move(a, 1, #a, 1, {}))
end

--- A rule: each library of Haskell is in one of the folders, static or shared.
function paths.libraries(p, judge, report)
   local libraries = p.hs_libraries or NONE
   if #libraries == 0 or not paths.has_code(p) then
      return
   end
   local folders = joined(paths.of("library_dirs", p, judge),
      paths.of("dynamic_library_dirs", p, judge))
   local endings = judge.library_endings or paths.library_endings(judge.version or "*")
   judge.library_endings = endings
   for _, library in ipairs(judge.files:missing(folders, libraries, endings) or NONE) do
      if judge.version or not any_shared(folders, library, judge.files) then
         report(("cannot find any of %s on library path"):format(hs.file_names(library, endings)))
      end
   end
end

return paths
