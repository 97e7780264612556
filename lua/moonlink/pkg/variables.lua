--- Variables in the paths of a package: ${pkgroot} and $topdir, and for documentation ${pkgrooturl}
-- and $httptopdir. A database keeps them as they were registered; whoever uses a path expands them.
-- SPDX-License-Identifier: MIT

local variables = {}

---@class moonlink.pkg.Roots
---@field pkgroot? string the folder that holds the database, absolute
---@field topdir? string GHC's own folder, absolute

local PATHS = {
   import_dirs = true, include_dirs = true, library_dirs = true, library_dirs_static = true,
   dynamic_library_dirs = true, bytecode_library_dirs = true, framework_dirs = true,
   haddock_interfaces = true, haddock_html = true,
}

--- What stands behind a variable that begins a text: nothing, or a path from a slash on.
local function behind(text, name)
   if text:sub(1, #name) ~= name then
      return nil
   end
   local rest = text:sub(#name + 1)
   return (rest == "" or rest:sub(1, 1) == "/") and rest or nil
end

local function expand_path(text, roots)
   local rest = roots.pkgroot and behind(text, "${pkgroot}")
   if rest then
      return roots.pkgroot .. rest
   end
   rest = roots.topdir and behind(text, "$topdir")
   return rest and roots.topdir .. rest or text
end

--- The URL of a file: its root, then the parts of what follows.
local function join_url(root, rest)
   local parts = {root == "/" and rest ~= "" and "" or root}
   for part in rest:gmatch "[^/]+" do
      parts[#parts + 1] = part
   end
   return "file:///" .. table.concat(parts, "/")
end

local function expand_url(text, roots)
   local rest = roots.pkgroot and behind(text, "${pkgrooturl}")
   if rest then
      return join_url(roots.pkgroot, rest)
   end
   rest = roots.topdir and behind(text, "$httptopdir")
   return rest and join_url(roots.topdir, rest) or text
end

--- Is this a field in which variables mean something?
---@param field string with `_` for `-`
---@return boolean
function variables.is_path(field)
   return PATHS[field] ~= nil
end

--- The value of a field with its variables expanded; fields that have none stay as they are. A
--- variable whose root is not known stays, too.
---@param field string with `_` for `-`
---@param value any
---@param roots moonlink.pkg.Roots
---@return any
function variables.value(field, value, roots)
   if not PATHS[field] or type(value) ~= "table" then
      return value
   end
   local expanded = {}
   for i, text in ipairs(value) do
      local url = field == "haddock_html" and expand_url(text, roots)
      expanded[i] = expand_path(url or text, roots)
   end
   return expanded
end

--- A copy of a package with all variables expanded.
---@param p moonlink.pkg.Package
---@param roots moonlink.pkg.Roots
---@return moonlink.pkg.Package a plain table
function variables.expand(p, roots)
   local copy = {}
   for field, value in pairs(p) do
      copy[field] = variables.value(field, value, roots)
   end
   return copy
end

return variables
