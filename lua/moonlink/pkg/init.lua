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

-- Where each function lives, and what it takes (kinds of pkg/argument.lua). Modules are loaded when
-- one of theirs is first used: who only lists a database pays for nothing else.
local homes = {
   open = {"database", "open", "path", "table?"},
   init = {"database", "init", "path"},
   change = {"database", "change", "path", "table?"},
   print = {"record", "print", "table", "table?"},
   copy = {"record", "copy", "table"},
   old = {"record", "old", "packages", "string"},
   modern = {"record", "modern", "table"},
   stack = {"stack", "new", "table?"},
   expand = {"variables", "expand", "table", "table"},
   select = {"select", "argument", "string", "table?"},
   select_exact = {"select", "exact", "string", "boolean?"},
   find_module = {"select", "module", "string", "boolean?"},
   order = {"graph", "order", "packages"},
   broken = {"graph", "broken", "packages", "function?"},
   why = {"graph", "why", "packages", "units", "units"},
   closure = {"graph", "closure", "packages", "strings"},
   reverse = {"graph", "reverse", "packages"},
   dependants = {"graph", "dependants", "packages", "strings"},
   compare = {"version", "compare", "string", "string"},
   zenc = {"zenc", "encode", "string", "string?"},
   zdec = {"zenc", "decode", "string"},
   parse_symbol = {"symbol", "parse", "string", "table?"},
   make_symbol = {"symbol", "make", "table", "string?"},
   state = {"state", "new", "state"},
   lookup = {"state", "lookup", "made", "string", "table?"},
   environment = {"environment", "load", "table"},
   check = {"check", "package", "table", "table", "table?"},
   register = {"register", "plan", "databases", "database", "packages", "table?"},
   unregister = {"unregister", "plan", "databases", "databases", "selections"},
   refresh = {"refresh", "plan", "databases", "databases"},
   draw = {"draw", "dot", "databases", "table?"},
   plan = {"plan", "new", "databases", "table?"},
   diff_plans = {"plan_text", "diff", "table", "table"},
   read_plan = {"plan_text", "read", "path"},
   diff = {"diff", "packages", "packages", "packages"},
   convert = {"convert", "packages", "packages", "string"},
   parse = {"input", "parse", "string", "table?"},
}

local function find(_, name)
   local home = homes[name]
   if not home then
      return nil
   end
   local fn = require("moonlink.pkg." .. home[1])[home[2]]
   pkg[name] = require("moonlink.pkg.argument").guard(name, fn, {table.unpack(home, 3)})
   return pkg[name]
end

return setmetatable(pkg, {__index = find})
