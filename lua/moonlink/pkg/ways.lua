--- The ways in which code is compiled and linked, and what they add to the names of files.
-- A way is a set of tags. GHC's own libraries are named `lib` + name + suffix + `.a`; only the
-- run-time system comes in every way, other code cares for profiling alone.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local version = require "moonlink.pkg.version"

local ways = {}

--- Tags in the order in which a suffix has them; `rts`: only the run-time system differs.
local TAGS = {
   {tag = "thr", name = "threaded", rts = true},
   {tag = "debug", name = "debug", rts = true},
   {tag = "p", name = "profiling"},
   {tag = "l", name = "eventlog", rts = true},
}

local BY_WORD = {vanilla = false}
for _, row in ipairs(TAGS) do
   BY_WORD[row.tag], BY_WORD[row.name] = row.tag, row.tag
end
BY_WORD.prof, BY_WORD.profiled = "p", "p"

---@class moonlink.pkg.Way
---@field thr? true
---@field debug? true
---@field p? true
---@field l? true

--- Reads a way: "threaded debug", "thr_debug", {"threaded", "debug"}; nil and "" are vanilla.
---@param value? string|string[]
---@return moonlink.pkg.Way?
---@return moonlink.Error? err
function ways.parse(value)
   local set = {}
   local text = type(value) == "table" and table.concat(value, " ") or value or ""
   for word in text:gmatch "[^%s,_+]+" do
      local tag = BY_WORD[word]
      if tag == nil then
         return nil, errors.new {
            code = "argument", message = ("'%s' is no way"):format(word),
            hint = "vanilla, threaded, debug, profiling and eventlog are, or several of them",
         }
      end
      set[tag or 0] = true
   end
   set[0] = nil
   return set
end

--- What the way adds to the name of a library: "", "_p", "_thr_debug".
---@param way moonlink.pkg.Way
---@param is_rts boolean of the run-time system
---@param ghc string version; before 9.4 the debugging and the profiling one have the event log
---@return string
function ways.suffix(way, is_rts, ghc)
   local parts = {}
   for _, row in ipairs(TAGS) do
      local counts = way[row.tag] and (is_rts or not row.rts)
      if row.tag == "l" and (way.debug or way.p or version.compare(ghc, "9.4") >= 0) then
         counts = false
      end
      parts[#parts + 1] = counts and "_" .. row.tag or nil
   end
   return table.concat(parts)
end

--- The ending of an object file: ".o", ".p_o".
---@param way moonlink.pkg.Way
---@return string
function ways.object(way)
   return way.p and ".p_o" or ".o"
end

--- A way in words: "vanilla", "threaded debug".
---@param way moonlink.pkg.Way
---@return string
function ways.name(way)
   local parts = {}
   for _, row in ipairs(TAGS) do
      parts[#parts + 1] = way[row.tag] and row.name or nil
   end
   return parts[1] and table.concat(parts, " ") or "vanilla"
end

--- Is this library the run-time system, which has all ways?
---@param library string as in hs-libraries
---@return boolean
function ways.is_rts(library)
   return library == "HSrts" or library:find "^HSrts%-[%d.]+$" ~= nil
end

return ways
