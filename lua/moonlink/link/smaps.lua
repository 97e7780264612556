--- What memory a unit has, as the kernel lists it.
-- Spec: proc(5) on smaps.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

local smaps = {}

---@class moonlink.UnitMapping
---@field first integer address
---@field last integer address behind it
---@field protection string as in /proc/self/maps
---@field path string "" for memory of no file
---@field resident integer bytes that are in memory
---@field huge integer bytes of them in huge pages

---@class moonlink.UnitMemory
---@field mappings moonlink.UnitMapping[]
---@field resident integer
---@field huge integer

local HUGE = {AnonHugePages = true, ShmemPmdMapped = true, FilePmdMapped = true}
local SET_ASIDE = {Private_Hugetlb = true, Shared_Hugetlb = true} -- no part of Rss

--- What a line says of the mapping before it.
local function note(mapping, line)
   local key, kilobytes = line:match "^([%a_]+):%s+(%d+) kB$"
   local bytes = math.tointeger(tonumber(kilobytes or 0)) * 1024
   if key == "Rss" then
      mapping.resident = mapping.resident + bytes
   elseif SET_ASIDE[key] then
      mapping.resident, mapping.huge = mapping.resident + bytes, mapping.huge + bytes
   elseif HUGE[key] then
      mapping.huge = mapping.huge + bytes
   end
end

--- The mappings that hold something of a range. The kernel joins neighbours of one kind, so that
--- the outer ones may reach further.
---@param base integer
---@param size integer bytes
---@return moonlink.UnitMemory?
---@return moonlink.Error? err
function smaps.read(base, size)
   local file <close> = io.open "/proc/self/smaps"
   if not file then
      return nil, errors.new {code = "noent", message = "/proc/self/smaps cannot be read"}
   end
   local out, mapping = {mappings = {}, resident = 0, huge = 0}, nil
   for line in file:lines() do
      local first, last, protection, path = line:match "^(%x+)%-(%x+) (%S+) %S+ %S+ %S+%s*(.*)$"
      if first then
         mapping = {
            first = tonumber(first, 16), last = tonumber(last, 16), protection = protection,
            path = path, resident = 0, huge = 0,
         }
         local inside = mapping.last > base and mapping.first < base + size
         out.mappings[#out.mappings + 1] = inside and mapping or nil
      elseif mapping then
         note(mapping, line)
      end
   end
   for _, each in ipairs(out.mappings) do
      out.resident, out.huge = out.resident + each.resident, out.huge + each.huge
   end
   return out
end

return smaps
