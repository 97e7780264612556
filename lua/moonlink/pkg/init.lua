--- Package databases of GHC: reading them, changing them, and what GHC makes of them. Needs nothing
-- of the linker.
--
--    local pkg = require "moonlink.pkg"
--    local db = assert(pkg.open "/usr/lib/ghc/package.conf.d")
--    for _, p in ipairs(pkg.order(db.packages)) do
--       print(p.id, #p.exposed_modules)
--    end
--
-- SPDX-License-Identifier: MIT

local pkg = {}

-- Where each function lives. Modules are loaded when one of theirs is first used: who only lists a
-- database pays for nothing else.
local homes = {
   open = {"database"}, init = {"database"}, change = {"database"},
   parse = {"record"}, print = {"record"},
   stack = {"stack", "new"},
   select = {"select", "argument"}, select_exact = {"select", "exact"},
   find_module = {"select", "module"},
   expand = {"variables"},
   order = {"graph"}, broken = {"graph"}, why = {"graph"}, closure = {"graph"}, reverse = {"graph"},
   compare = {"version"},
   zenc = {"zenc", "encode"}, zdec = {"zenc", "decode"},
   state = {"state", "new"},
}

local function find(_, name)
   local home = homes[name]
   if not home then
      return nil
   end
   local fn = require("moonlink.pkg." .. home[1])[home[2] or name]
   pkg[name] = fn
   return fn
end

return setmetatable(pkg, {__index = find})
