--- Loads one archive whole, beside the libraries that it needs, and unloads it again; a process of
-- its own, since a crash is a result. Prints `loaded MEMBERS MILLISECONDS`, then `unloaded`, or
-- `stays` and why, then `closed`; or `error` and why.
-- Usage: lua5.4 load.lua ARCHIVE LIBRARY...
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"

io.stdout:setvbuf "no"

local function members_of(unit, path)
   local count = 0
   for _, input in ipairs(unit:inputs()) do
      count = count + (input.file == path and 1 or 0)
   end
   return count
end

local function main(path, ...)
   local inputs = {{path = path, whole = true}, ...}
   local ln = moonlink.new()
   local start = moonlink.now()
   local unit, err = ln:load(inputs)
   if not unit then
      local more = (err.count or 1) - 1
      print("error", tostring(err):match "[^\n]*" .. (more > 0 and (" (and %d more)"):format(more)
         or ""))
      os.exit(1)
   end
   print("loaded", members_of(unit, path), ("%.1f"):format((moonlink.now() - start) * 1000))
   local gone, why = unit:unload()
   print(gone and "unloaded" or "stays", why)
   ln:close()
   print "closed"
end

main(...)
