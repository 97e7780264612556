--- What comes of a load that went well: numbers, an image, or a unit.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local lists = require "moonlink.lists"
local show_map = require "moonlink.show.map"
local stats = require "moonlink.link.stats"
local unit = require "moonlink.link.unit"

local result = {}

--- Counts of a load that will be no unit, with what is odd in it.
---@param run moonlink.Load
---@return table
function result.stats(run)
   local out, warnings = stats.of(run.txn, run.ms), run.txn:warnings()
   out.warnings = #warnings > 0 and warnings or nil
   return out
end

--- Commits the load: a unit.
---@param linker moonlink.Linker
---@param run moonlink.Load
---@param name string of the unit
---@return moonlink.LoadedUnit?
---@return moonlink.Error? err
function result.unit(linker, run, name)
   local warnings = run.txn:warnings()
   local core_unit, err = run.txn:commit(name)
   if not core_unit then
      call.forget(linker, "dead") -- constructors may have asked for functions, and one has thrown
      return nil, err
   end
   local new = unit.new(linker, core_unit, warnings, run)
   if run.seen then
      local more
      new.stats.debug, more = core_unit:debugging()
      lists.append(warnings, more)
   end
   for _, text in ipairs(warnings) do
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
