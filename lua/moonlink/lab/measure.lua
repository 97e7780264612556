--- What the kernel says of this process: memory, mappings, page faults.
-- Spec: proc(5).
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local file = require "moonlink.file"

local measure = {}

measure.now = core.now

---@class moonlink.lab.Reading
---@field rss_kb integer resident memory, huge pages that are set aside included
---@field peak_kb integer the most there ever was of it since `start`
---@field mappings integer
---@field faults integer page faults that needed no disk, of this process alone

local function slurp(path)
   return file.read(path) or ""
end

local function kilobytes(status, name)
   return math.tointeger(tonumber(status:match(name .. ":%s*(%d+)") or 0)) or 0
end

--- Field 10 of /proc/self/stat; field 2 is a name in parentheses that may hold anything.
local function faults()
   local rest = slurp "/proc/self/stat":match "^.*%)(.*)$" or ""
   return math.tointeger(tonumber(rest:match("^" .. (" %S+"):rep(7) .. " (%d+)") or 0)) or 0
end

---@return moonlink.lab.Reading
function measure.read()
   local status = slurp "/proc/self/status"
   local _, mappings = slurp "/proc/self/maps":gsub("\n", "\n")
   local set_aside = kilobytes(status, "HugetlbPages") -- no part of the others
   return {
      rss_kb = kilobytes(status, "VmRSS") + set_aside,
      peak_kb = kilobytes(status, "VmHWM") + set_aside, mappings = mappings, faults = faults(),
   }
end

--- Lets the peak of memory begin anew, and reads.
---@return moonlink.lab.Reading
function measure.start()
   local switch <close> = io.open("/proc/self/clear_refs", "w")
   if switch then
      switch:write "5"
      switch:close()
   end
   return measure.read()
end

--- What came since a reading.
---@param before moonlink.lab.Reading
---@return {memory_kb: integer, peak_kb: integer, mappings: integer, faults: integer}
function measure.since(before)
   local now = measure.read()
   return {
      memory_kb = now.rss_kb - before.rss_kb,
      peak_kb = math.max(0, now.peak_kb - before.rss_kb),
      mappings = now.mappings - before.mappings, faults = now.faults - before.faults,
   }
end

return measure
