--- Interfaces that packages were compiled against: abi-depends says `unit=hash` of each.
-- SPDX-License-Identifier: MIT

local index = require "moonlink.pkg.index"
local register = require "moonlink.pkg.register"

local abi = {}

local NONE = {}

--- Is there one unit of that id, with that hash?
local function is_right(item, units)
   local unit, hash = item:match "^(.*)=(.*)$"
   local there = units[unit or item]
   return there and not there[2] and (there[1].abi or "") == (hash or "")
end

--- The packages of a database whose abi-depends name what is not there, or has another interface.
---@param packages moonlink.pkg.Package[]
---@param units table<string, moonlink.pkg.Package[]> what they may depend on, by id
---@return moonlink.pkg.Package[]
function abi.broken(packages, units)
   local out = {}
   for _, p in ipairs(packages) do
      for _, item in ipairs(p.abi_depends or NONE) do
         if not is_right(item, units) then
            out[#out + 1] = p
            break
         end
      end
   end
   return out
end

--- Names of the packages that have such fields once a plan is carried out, sorted.
---@param whole moonlink.pkg.Database[] the stack, topmost first
---@param plan moonlink.pkg.Plan
---@return string[]
function abi.broken_after(whole, plan)
   local after = register.after(plan)
   local below = table.move(register.up_to(whole, plan.target), 1, #whole, 1, {})
   below[1] = after
   local names, seen = {}, {}
   for _, p in ipairs(abi.broken(after.packages, index.new(below).units)) do
      local name = p.package_name and p.package_name ~= "" and p.package_name or p.name
      names[#names + 1] = not seen[name] and name or nil
      seen[name] = true
   end
   table.sort(names)
   return names
end

return abi
