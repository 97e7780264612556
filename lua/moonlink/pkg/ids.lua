--- The names of a package: its name, `name-version`, and the id of the unit that was built of it.
-- SPDX-License-Identifier: MIT

local version = require "moonlink.pkg.version"

local ids = {}

--- What a package database says of one package, or as much of it as the caller has. Fields have the
--- names of the text format with `_` for `-`; one that is absent may be nil, "", false or {}.
---@class moonlink.pkg.Package
---@field name string
---@field version? string
---@field id? string unit id; of GHC before 6.12, absent: `name-version` serves
---@field exposed? boolean
---@field trusted? boolean
---@field indefinite? boolean
---@field abi? string
---@field depends? string[] unit ids
---@field abi_depends? string[] "unit=hash"
---@field exposed_modules? string[] "Mod", or "Mod from unit:Mod2"
---@field hidden_modules? string[]
---@field instantiated_with? string[] "Hole=unit:Mod"
---@field package_name? string of a sub-library: the package that it is part of
---@field lib_name? string of a sub-library

--- `name-version`, or the name alone when there is no version.
---@param p moonlink.pkg.Package
---@return string
function ids.package(p)
   local v = p.version
   return v and v ~= "" and p.name .. "-" .. v or p.name
end

--- The id by which others depend on the package.
---@param p moonlink.pkg.Package
---@return string
function ids.unit(p)
   local id = p.id
   return id and id ~= "" and id or ids.package(p)
end

--- Name and version of a text such as "foo-bar-1.2"; the version is "" when there is none. Nil when
--- it is no package id: each word between dashes needs a letter, the version is as version.parse
--- wants it.
---@param text string
---@return string? name
---@return string? version
function ids.parse(text)
   local name, numbers = text:match "^(.+)%-([%d.]+)$"
   if not name or not version.parse(numbers) then
      name, numbers = text, ""
   end
   for word in (name .. "-"):gmatch "(.-)%-" do
      if not word:find "^[%w\128-\255]*[%a\128-\255][%w\128-\255]*$" then
         return nil
      end
   end
   return name, numbers
end

--- Does an argument, a name or `name-version`, mean this package?
---@param text string
---@param p moonlink.pkg.Package
---@return boolean
function ids.matches(text, p)
   local name = p.name
   if text == name then
      return true
   end
   -- No text is built for the many that do not match.
   return text:sub(1, #name) == name and text == ids.package(p)
end

return ids
