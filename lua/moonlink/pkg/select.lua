--- Package arguments: what `foo`, `foo-1.2`, `foo-*`, a unit id or a pattern with open ends means.
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"

local select = {}

---@class moonlink.pkg.Selection
---@field shown string how messages name it
---@field matches fun(p: moonlink.pkg.Package): boolean

--- A test for texts of a pattern whose ends a `*` opens: "pre*", "*suf", "*mid*", "*". A star
--- elsewhere is a star.
---@param text string
---@param ignore_case? boolean
---@return (fun(text: string): boolean)? matches nil when no end is open
function select.glob(text, ignore_case)
   local fold = ignore_case and string.lower or function(s)
      return s
   end
   local open_left = text:sub(1, 1) == "*"
   local open_right = text:sub(-1) == "*" and (#text > 1 or not open_left)
   if text == "*" then
      return function()
         return true
      end
   elseif not open_left and not open_right then
      return nil
   end
   local core = fold(text:sub(open_left and 2 or 1, open_right and -2 or -1))
   return function(candidate)
      candidate = fold(candidate)
      if open_left and open_right then
         return candidate:find(core, 1, true) ~= nil
      elseif open_left then
         return #candidate >= #core and candidate:sub(#candidate - #core + 1) == core
      end
      return candidate:sub(1, #core) == core
   end
end

local function by_unit(text)
   local id = text:match "^([%w%-_.+\128-\255]+)%s*$"
   if not id then
      return nil, ("cannot parse '%s' as a installed package id: letters, digits and any of "
         .. "-_.+ are expected"):format(text)
   end
   return {
      shown = id,
      matches = function(p)
         return ids.unit(p) == id
      end,
   }
end

local function by_name(shown, name, version)
   return {
      shown = shown,
      matches = function(p)
         return p.name == name and (version == "" or (p.version or "") == version)
      end,
   }
end

local function unparsable(text, kind)
   return nil, ("cannot parse '%s' as a package identifier (%s): expected is a name of words "
      .. "with dashes between them, each with a letter%s"):format(text, kind,
      kind == "exact" and ", or such a name, a dash and a version" or "")
end

--- What an argument means that is exact: a name, `name-version`, `name-*`, or a unit id.
---@param text string
---@param unit_ids? boolean it is a unit id
---@return moonlink.pkg.Selection?
---@return string? message
function select.exact(text, unit_ids)
   if unit_ids then
      return by_unit(text)
   end
   local stem = text:match "^(.*)%-%*$"
   if stem then
      local name, version = ids.parse(stem)
      if not name or version ~= "" then
         return unparsable(stem, "glob")
      end
      return by_name(text, name, "")
   end
   local name, version = ids.parse((text:gsub("%s+$", "")))
   -- Cabal's own bound: the numbers of a version have at most nine digits.
   if not name or version:find "%d%d%d%d%d%d%d%d%d%d" then
      return unparsable(text, "exact")
   end
   return by_name(version == "" and name or name .. "-" .. version, name, version)
end

--- What an argument of a query means: a pattern with open ends, matched against `name-version`, or
--- as select.exact.
---@param text string
---@param options? {unit_ids?: boolean, ignore_case?: boolean}
---@return moonlink.pkg.Selection?
---@return string? message
function select.argument(text, options)
   options = options or {}
   local matches = select.glob(text, options.ignore_case)
   if not matches then
      return select.exact(text, options.unit_ids)
   end
   return {
      shown = "matching " .. text,
      matches = function(p)
         return matches(ids.package(p))
      end,
   }
end

--- Does a package expose a module? A re-export (`A from unit:B`) counts as A, and patterns see all
--- of its text.
---@param text string a module, or a pattern with open ends
---@param ignore_case? boolean for patterns
---@return moonlink.pkg.Selection
function select.module(text, ignore_case)
   local matches = select.glob(text, ignore_case)
   local reexport = text .. " from "
   local function is_wanted(export)
      if matches then
         return matches(export)
      end
      return export == text or export:sub(1, #reexport) == reexport
   end
   return {
      shown = text,
      matches = function(p)
         for _, export in ipairs(p.exposed_modules or {}) do
            if is_wanted(export) then
               return true
            end
         end
         return false
      end,
   }
end

--- The packages of a database that an argument means, in the database's order.
---@param db {packages: moonlink.pkg.Package[]}
---@param wanted moonlink.pkg.Selection
---@return moonlink.pkg.Package[]
function select.find(db, wanted)
   local found = {}
   for _, p in ipairs(db.packages) do
      if wanted.matches(p) then
         found[#found + 1] = p
      end
   end
   return found
end

return select
