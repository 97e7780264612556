--- Packages and file systems that are tables alone, for specs of checks and plans.
-- SPDX-License-Identifier: MIT

local packages = {}

local files = {}
files.__index = files

function files:kind(path)
   path = path:gsub("(.)/+$", "%1")
   return self.kinds[path]
end

function files:missing(folders, stems, endings, modules)
   local out
   for _, stem in ipairs(stems) do
      local there = false
      for _, folder in ipairs(folders) do
         for _, ending in ipairs(endings) do
            local middle = modules and stem:gsub("%.", "/") or stem
            local path = folder .. "/" .. ending[1] .. middle .. ending[2]
            there = there or self.kinds[path] == "file"
         end
      end
      if not there then
         out = out or {}
         out[#out + 1] = stem
      end
   end
   return out
end

function files:names(folder)
   local names = {}
   for path in pairs(self.kinds) do
      local name = path:sub(1, #folder + 1) == folder .. "/" and path:sub(#folder + 2)
      names[#names + 1] = name and name ~= "" and not name:find "/" and name or nil
   end
   table.sort(names)
   return names
end

--- A file system of the given files, in place of core.tree().
---@param paths string[] files; with a slash at the end, empty folders
function packages.files(paths)
   local kinds = {["/"] = "folder"}
   for _, path in ipairs(paths) do
      for folder in path:gmatch "()/" do
         kinds[path:sub(1, folder - 1)] = "folder"
      end
      if path:sub(-1) ~= "/" then
         kinds[path] = "file"
      end
   end
   return setmetatable({kinds = kinds}, files)
end

--- Some packages out of lines such as "b-1.0 a-1.0": a name, a version, and what it depends on.
---@param lines string[]
---@return table[]
function packages.of(lines)
   local list = {}
   for i, line in ipairs(lines) do
      local id, rest = line:match "^(%S+)%s*(.*)$"
      local name, version = id:match "^(.-)%-(%d[%d.]*)$"
      local depends = {}
      for word in rest:gmatch "%S+" do
         depends[#depends + 1] = word
      end
      list[i] = {
         name = name, version = version, id = id, key = id, exposed = true, depends = depends,
      }
   end
   return list
end

--- A package by its name and version.
---@return table?
function packages.find(list, id)
   for _, p in ipairs(list) do
      if p.name .. "-" .. p.version == id then
         return p
      end
   end
end

return packages
