--- What GHC says about packages and modules, in its words and lines; tools that read GHC's output
-- read this one. Quotes are those of a UTF-8 terminal.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local ids = require "moonlink.pkg.ids"
local lists = require "moonlink.lists"
local version = require "moonlink.pkg.version"

local messages = {}

local function quoted(text)
   return ("‘%s’"):format(text)
end

--- An error of the package model.
---@param code string
---@param message string
---@param fields? table
---@return moonlink.Error
function messages.error(code, message, fields)
   local e = fields or {}
   e.code, e.message = code, message
   return errors.new(e)
end

--- A unit as GHC names it to users: `name-version`, since 9.2 `name-version:part` when it is part
--- of a package; an unknown id as it is.
---@param s moonlink.pkg.State
---@param id string unit id, of a unit with holes also with them: "p-1.0-x[A=<A>]"
---@return string
function messages.unit(s, id)
   local plain, holes = id:match "^([^%[]*)(.*)$"
   local unit = s.units[plain]
   if not unit then
      return id
   end
   local name = ids.package(unit)
   if unit.component and not version.less(s.ghc, "9.1") then
      name = ("%s:%s"):format(name, unit.component)
   end
   return name .. holes
end

--- "[A=<A>,B=<B>]" of a unit with holes, else "".
---@param unit moonlink.pkg.Unit
---@return string
function messages.holes(unit)
   local instance = unit.indefinite and unit.package.instantiated_with
   return instance and instance[1] and ("[%s]"):format(table.concat(instance, ",")) or ""
end

local REASONS = {
   missing = "%s unusable due to missing dependencies:",
   cyclic = "%s unusable due to cyclic dependencies:",
   ignored = "%s ignored due to an -ignore-package flag",
   ["ignored dependency"] = "%s unusable because the -ignore-package flag was used to ignore at "
      .. "least one of its dependencies:",
   shadowed = "%s unusable due to shadowed dependencies:",
}

--- Why a unit cannot be used, as one line or two.
---@param one moonlink.pkg.Unusable
---@param subject string what stands before: "foo-1.0-x is"
---@return string[] lines
function messages.reason(one, subject)
   local lines = {REASONS[one.reason]:format(subject)}
   if one.depends[1] then
      lines[2] = "  " .. table.concat(one.depends, " ")
   end
   return lines
end

--- A flag that names no usable package.
---@param s moonlink.pkg.State
---@param flag moonlink.pkg.Flag
---@param unusable moonlink.pkg.Unusable[] what it names among the others
---@return string
function messages.cannot_satisfy(s, flag, unusable)
   if s.old then
      return "unknown package: " .. flag.arg
   end
   local lines = {("cannot satisfy %s%s"):format(flag.text, unusable[1] and ": " or "")}
   for _, one in ipairs(unusable) do
      for _, line in ipairs(messages.reason(one, one.unit.id .. " is")) do
         lines[#lines + 1] = "    " .. line
      end
   end
   lines[#lines + 1] = "    (use -v for more information)"
   return table.concat(lines, "\n")
end

--- What GHC says of its state under -v2.
---@param s moonlink.pkg.State
---@return string[] lines
function messages.verbose(s)
   local lines = {}
   local function add(text, ...)
      lines[#lines + 1] = text:format(...)
   end
   for i, database in ipairs(s.databases) do
      add("loading package database %s", database.path or i)
      for _, one in ipairs(s.overridden) do
         if one.database == i then
            add("package %s overrides a previously defined package", one.id)
         end
      end
   end
   for _, cycle in ipairs(s.cycles) do
      local names = {}
      for i, unit in ipairs(cycle) do
         names[i] = unit.wired or unit.id
      end
      add("these packages are involved in a cycle:\n  %s", table.concat(names, " "))
   end
   for _, id in ipairs(lists.keys(s.unusable)) do
      local text = messages.reason(s.unusable[id], ("package %s is"):format(id))
      add("%s", table.concat(text, "\n"))
   end
   for _, one in ipairs(s.hiding) do
      add("hiding package %s to avoid conflict with later version %s", ids.package(one.unit),
         ids.package(one.for_unit))
   end
   for _, choice in ipairs(s.choices) do
      add(choice.id and "wired-in package %s mapped to %s" or "wired-in package %s not found.",
         choice.name, choice.id)
   end
   return lines
end

--- How a module came into scope, as GHC's -ddump-mod-map says it.
---@param entry moonlink.pkg.Entry
---@return string
function messages.origin(entry)
   if entry.unusable then
      return "unusable module"
   elseif entry.hidden then
      return "hidden module"
   end
   local parts = {}
   if entry.exposed ~= nil then
      parts[1] = entry.exposed and "exposed package" or "hidden package"
   end
   if entry.reexports then
      parts[#parts + 1] = "reexport by " .. table.concat(entry.reexports, " ")
   end
   if entry.hidden_reexports then
      parts[#parts + 1] = "hidden reexport by " .. table.concat(entry.hidden_reexports, " ")
   end
   if entry.flag then
      parts[#parts + 1] = "package flag"
   end
   return table.concat(parts, ", ")
end

--- A module as GHC writes it where it may be mistaken for another: with its unit unless an import
--- of the name means it.
local function module_text(s, entry)
   local seen = s.steps.lookup(s, entry.module, {plain = true})
   if seen.kind == "found" and seen.unit == entry.unit then
      return entry.module
   end
   return ("%s:%s"):format(messages.unit(s, entry.unit), entry.module)
end

local function bound_by(s, entry)
   if entry.exposed then
      return "package " .. messages.unit(s, entry.unit)
   end
   local parts = {}
   for _, id in ipairs(entry.reexports or {}) do
      parts[#parts + 1] = "a reexport in package " .. messages.unit(s, id)
   end
   parts[#parts + 1] = entry.flag and "a package flag" or nil
   return table.concat(parts, ", ")
end

local function ambiguous(s, result)
   local lines = {("Ambiguous module name %s:"):format(quoted(result.name))}
   local units = {}
   for _, entry in ipairs(result.candidates) do
      units[#units + 1] = entry.exposed ~= nil and messages.unit(s, entry.unit) or nil
   end
   if #units == #result.candidates then
      lines[2] = "  it was found in multiple packages: " .. table.concat(units, " ")
      return lines
   end
   for i = #result.candidates, 1, -1 do
      local entry = result.candidates[i]
      lines[#lines + 1] = ("  it is bound as %s by %s"):format(module_text(s, entry),
         bound_by(s, entry))
   end
   return lines
end

local function not_visible(s, result)
   local lines = {("Could not load module %s"):format(quoted(result.name))}
   local function each(list, add)
      for i = #list, 1, -1 do
         add(list[i])
      end
   end
   each(result.hidden_packages, function(entry)
      lines[#lines + 1] = ("It is a member of the hidden package %s."):format(
         quoted(messages.unit(s, entry.unit)))
      lines[#lines + 1] = ("You can run %s to expose it."):format(
         quoted(":set -package " .. s.units[entry.unit:match "^[^%[]*"].name))
      lines[#lines + 1] = "(Note: this unloads all the modules in the current scope.)"
   end)
   each(result.hidden_modules, function(entry)
      lines[#lines + 1] = ("it is a hidden module in the package %s"):format(
         quoted(messages.unit(s, entry.unit)))
   end)
   each(result.unusable, function(entry)
      lines[#lines + 1] = ("It is a member of the package %s"):format(
         quoted(messages.unit(s, entry.unit)))
      local text = messages.reason(entry.unusable, "which is")
      table.move(text, 1, #text, #lines + 1, lines)
   end)
   return lines
end

local function suggestion(s, one)
   local entry, why = one.entry
   if entry.hidden or entry.unusable then
      return one.name
   elseif entry.exposed or entry.flag and entry.module == one.name then
      why = "from " .. messages.unit(s, entry.unit)
   elseif entry.reexports then
      why = ("from %s, reexporting %s"):format(messages.unit(s, entry.reexports[1]),
         module_text(s, entry))
   elseif entry.flag then
      why = "defined via package flags to be " .. module_text(s, entry)
   else
      why = "needs flag -package-id " .. messages.unit(s,
         entry.exposed == false and entry.unit or entry.hidden_reexports[1])
   end
   return ("%s (%s)"):format(one.name, why)
end

local function nowhere(s, result)
   local lines = {("Could not find module %s"):format(quoted(result.name))}
   if #result.suggestions == 1 then
      lines[2] = "Perhaps you meant " .. suggestion(s, result.suggestions[1])
   elseif result.suggestions[1] then
      lines[2] = "Perhaps you meant"
      for _, one in ipairs(result.suggestions) do
         lines[#lines + 1] = "  " .. suggestion(s, one)
      end
   else
      lines[2] = "It is not a module in the current program, or in any known package."
   end
   return lines
end

--- What GHC says of a module that cannot be imported; nil when it can.
---@param s moonlink.pkg.State
---@param result moonlink.pkg.Lookup
---@return string?
function messages.lookup(s, result)
   local lines
   if result.kind == "ambiguous" then
      lines = ambiguous(s, result)
   elseif result.kind == "hidden" or result.kind == "unusable" then
      lines = not_visible(s, result)
   elseif result.kind == "unknown" then
      lines = nowhere(s, result)
   end
   return lines and table.concat(lines, "\n")
end

--- A unit that is found, but without its interface file.
---@param s moonlink.pkg.State
---@param name string module
---@param id string unit
---@return string
function messages.no_interface(s, name, id)
   return ("Could not find module %s\nThere are files missing in the %s package,\n"
      .. "try running 'ghc-pkg check'."):format(quoted(name), quoted(messages.unit(s, id)))
end

return messages
