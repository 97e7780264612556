--- Archives that compilers bring for their own options, in folders that no search path names.
-- Functions of what is on disk: nothing is remembered between two calls.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local loader = require "moonlink.link.loader"
local search = require "moonlink.link.search"

local compilers = {}

local CLANG_ROOTS = {"/usr/lib", "/usr/lib64", "/usr/local/lib"}

local function archive_at(path)
   return core.kind(path) == "archive" and path or nil
end

--- An archive of the newest gcc for this processor, beside its libgcc.a.
---@param file string "libgcov.a"
---@param fallback? string[] as search.fallback gives
---@return string? path
function compilers.gcc(file, fallback)
   for _, path in ipairs(fallback or search.fallback()) do
      if path:find "/libgcc%.a$" then
         return archive_at(loader.join(loader.folder_of(path), file))
      end
   end
end

--- Folders of clang's own libraries: the ones that Debian's packages and a plain install make.
local function clang_folders(roots)
   local found = {}
   for _, root in ipairs(roots) do
      local homes = {root}
      for _, name in ipairs(core.list_folder(root) or {}) do
         if name:find "^llvm%-" then
            homes[#homes + 1] = loader.join(loader.join(root, name), "lib")
         end
      end
      for _, home in ipairs(homes) do
         local folder = loader.join(home, "clang")
         for _, version in ipairs(core.list_folder(folder) or {}) do
            local major = tonumber(version:match "^%d+")
            if major then
               local path = loader.join(loader.join(loader.join(folder, version), "lib"), "linux")
               found[#found + 1] = {path = path, major = major, order = #found}
            end
         end
      end
   end
   table.sort(found, function(a, b)
      return a.major > b.major or a.major == b.major and a.order < b.order
   end)
   return found
end

--- An archive of the newest clang: libclang_rt.NAME-x86_64.a.
---@param name string "profile"
---@param roots? string[] in place of the folders where clang is installed
---@return string? path
function compilers.clang(name, roots)
   local file = ("libclang_rt.%s-x86_64.a"):format(name)
   for _, folder in ipairs(clang_folders(roots or CLANG_ROOTS)) do
      local path = archive_at(loader.join(folder.path, file))
      if path then
         return path
      end
   end
end

return compilers
