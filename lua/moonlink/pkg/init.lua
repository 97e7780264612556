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
   print = {"record"}, copy = {"record"}, old = {"record"}, modern = {"record"},
   stack = {"stack", "new"}, expand = {"variables"},
   select = {"select", "argument"}, select_exact = {"select", "exact"},
   find_module = {"select", "module"},
   order = {"graph"}, broken = {"graph"}, why = {"graph"}, closure = {"graph"}, reverse = {"graph"},
   dependants = {"graph"}, compare = {"version"},
   zenc = {"zenc", "encode"}, zdec = {"zenc", "decode"},
   parse_symbol = {"symbol", "parse"}, make_symbol = {"symbol", "make"},
   state = {"state", "new"}, lookup = {"state"}, environment = {"environment", "load"},
   check = {"check", "package"}, register = {"register", "plan"},
   unregister = {"unregister", "plan"}, refresh = {"refresh", "plan"}, draw = {"draw", "dot"},
   plan = {"plan", "new"}, diff_plans = {"plan_text", "diff"}, read_plan = {"plan_text", "read"},
   diff = {"diff", "packages"}, convert = {"convert", "packages"},
}

--- The packages that a text describes: today's text format, or an old record.
---@param bytes string
---@param options? {file?: string, format?: "text"|"show"}
---@return moonlink.pkg.Record[]?
---@return table[]|moonlink.Error warnings or err
function pkg.parse(bytes, options)
   local infos, err = require("moonlink.core").pkg.parse(bytes, options)
   if not infos then
      return nil, err
   end
   return require("moonlink.pkg.record").all(infos), infos:warnings()
end

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
