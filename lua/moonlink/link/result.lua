--- What comes of a load that went well: numbers, an image, or a unit.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local lists = require "moonlink.lists"
local show_map = require "moonlink.show.map"
local unit = require "moonlink.link.unit"

local result = {}

--- Counts of a load, and milliseconds by stage: the core's, and what the steps took beside them.
---@param run moonlink.Load
---@return table
function result.stats(run)
   local stats = run.txn:stats()
   local ms, steps = stats.ms, run.ms
   ms.resolve = steps.resolve
   ms.add = steps.add
   ms.link = steps.link
   ms.total = steps.add + steps.resolve + (steps.link or 0)
   local warnings = run.txn:warnings()
   stats.warnings = #warnings > 0 and warnings or nil
   return stats
end

--- Commits the load: a unit.
---@param linker moonlink.Linker
---@param run moonlink.Load
---@param name string of the unit
---@return moonlink.LoadedUnit?
---@return moonlink.Error? err
function result.unit(linker, run, name)
   local stats = result.stats(run)
   local core_unit, err = run.txn:commit(name)
   if not core_unit then
      call.forget(linker, "dead") -- constructors may have asked for functions, and one has thrown
      return nil, err
   end
   local new = unit.new(linker, core_unit, stats, run)
   new.warnings = lists.append({}, stats.warnings or {})
   if run.seen then
      local more
      stats.debug, more = core_unit:debugging()
      lists.append(new.warnings, more)
   end
   for _, text in ipairs(new.warnings) do
      warn("moonlink: ", text)
   end
   return new
end

local function by_address(a, b)
   return math.ult(a.address, b.address)
end

--- What tools want to know of a link: addresses of everything, and the bytes.
---@param run moonlink.Load
---@return table
function result.image(run)
   local bytes, base = run.txn:bytes()
   local data = show_map.data(run.txn)
   local out = {
      bytes = bytes, base = base, sections = data.sections, symbols = {}, got = {}, stubs = {},
      stats = result.stats(run),
   }
   for _, s in ipairs(out.sections) do
      s.offset = s.address - base
   end
   for _, e in ipairs(run.txn:entries()) do
      if e.in_load or e.how ~= "none" then
         out.symbols[e.name] = e.address
      end
      out.got[e.name] = e.got
      out.stubs[e.name] = e.stub
   end
   table.sort(out.sections, by_address)
   return out
end

return result
