--- What two databases say differently.
-- SPDX-License-Identifier: MIT

local ids = require "moonlink.pkg.ids"
local version = require "moonlink.pkg.version"

local diff = {}

---@class moonlink.pkg.Difference
---@field id string unit id
---@field name string `name-version`
---@field old? moonlink.pkg.Package
---@field new? moonlink.pkg.Package
---@field fields? {name: string, old: any, new: any}[] of one that is in both

-- Where a package was read is not what it says.
local not_said = {db = true, file = true, pkgroot = true}

local function text_of(value)
   if type(value) ~= "table" then
      return value == nil and "" or value == false and "" or tostring(value)
   end
   local parts = {}
   for i, item in ipairs(value) do
      parts[i] = type(item) == "table" and ("%s=%s"):format(item.name, item.value) or tostring(item)
   end
   return table.concat(parts, "\n")
end

local function fields_of(a, b)
   local names, out = {}, {}
   for _, p in ipairs {a, b} do
      for key in pairs(p) do
         names[key] = not not_said[key] or nil
      end
   end
   for key in pairs(names) do
      if text_of(a[key]) ~= text_of(b[key]) then
         out[#out + 1] = {name = key, old = a[key], new = b[key]}
      end
   end
   table.sort(out, function(x, y)
      return x.name < y.name
   end)
   return out
end

local function by_unit(packages)
   local map = {}
   for _, p in ipairs(packages) do
      map[ids.unit(p)] = map[ids.unit(p)] or p
   end
   return map
end

local function by_name(a, b)
   local p, q = a.old or a.new, b.old or b.new
   if p.name ~= q.name then
      return p.name < q.name
   elseif (p.version or "") ~= (q.version or "") then
      return version.less(p.version or "", q.version or "")
   end
   return a.id < b.id
end

--- Differences by name, version and unit id; a package is the same one when its unit id is.
---@param old moonlink.pkg.Package[]
---@param new moonlink.pkg.Package[]
---@return moonlink.pkg.Difference[]
function diff.packages(old, new)
   local before, after, out = by_unit(old), by_unit(new), {}
   for id, p in pairs(before) do
      local q = after[id]
      local fields = q and fields_of(p, q)
      if not q or fields[1] then
         out[#out + 1] = {id = id, name = ids.package(p), old = p, new = q, fields = fields}
      end
   end
   for id, q in pairs(after) do
      if not before[id] then
         out[#out + 1] = {id = id, name = ids.package(q), new = q}
      end
   end
   table.sort(out, by_name)
   return out
end

--- Differences as lines: - only in the first, + only in the second; fields of both below the
--- package's name.
---@param differences moonlink.pkg.Difference[]
---@return string[]
function diff.lines(differences)
   local lines = {}
   local function value(sign, field, of)
      for line in (text_of(of) .. "\n"):gmatch "(.-)\n" do
         lines[#lines + 1] = ("%s   %s: %s"):format(sign, field:gsub("_", "-"), line)
      end
   end
   for _, each in ipairs(differences) do
      local sign = not each.new and "-" or not each.old and "+" or " "
      local shown = each.id == each.name and each.name or ("%s (%s)"):format(each.name, each.id)
      lines[#lines + 1] = sign .. shown
      for _, field in ipairs(each.fields or {}) do
         if text_of(field.old) ~= "" then
            value("-", field.name, field.old)
         end
         if text_of(field.new) ~= "" then
            value("+", field.name, field.new)
         end
      end
   end
   return lines
end

return diff
