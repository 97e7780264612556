--- Works 1 and 4: generated objects, from loose files, an archive and one `ld -r` object.
-- SPDX-License-Identifier: MIT

local generate = require "bench.generate"

local objects = {}

local function heading(set, how)
   return ("%d objects, %s (%d relocations, %d symbols, %.1f MB)"):format(set.objects, how,
      set.relocations, set.symbols, set.bytes / 1e6)
end

local function case(set, id, list, how, more)
   local made = {
      id = id,
      title = heading(set, how),
      list = set.folder .. "/" .. list .. ".list",
      objects = set.folder .. (list == "big" and "/big.list" or "/loose.list"),
      n = set.n,
      expected = set.expected,
      objects_loaded = set.objects,
   }
   for key, value in pairs(more or {}) do
      made[key] = value
   end
   return made
end

--- Work 1.
---@param scale number part of the full size
---@return table[] cases
function objects.work1(scale)
   local set = generate.objects(math.floor(1000 * scale))
   local same = "the same as from loose files: takes no archive by path"
   local skip = { ["JITLink 14"] = same, ["RuntimeDyld 14"] = same }
   return {
      case(set, "work1-loose", "loose", "loose files"),
      case(set, "work1-archive", "archive", "one archive", { whole = true, skip = skip }),
      case(set, "work1-thin", "thin", "one thin archive", {
         whole = true, files = set.folder .. "/loose.list", skip = skip,
      }),
      case(set, "work1-big", "big", "joined by ld -r"),
   }
end

--- Work 4: does the cost of an object grow with their number?
---@param scale number
---@return table[] cases
function objects.work4(scale)
   local set = generate.objects(math.floor(10000 * scale))
   return { case(set, "work4-loose", "loose", "loose files") }
end

return objects
