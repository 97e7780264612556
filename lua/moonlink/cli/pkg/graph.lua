--- moonlink pkg graph: a picture of who depends on whom.
-- SPDX-License-Identifier: MIT

local context = require "moonlink.cli.pkg.context"
local draw = require "moonlink.pkg.draw"
local graphs = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local several = require "moonlink.cli.pkg.several"

local graph = {
   name = "graph",
   summary = "Draw who depends on whom, in the language of graphviz, with --svg as SVG; of some "
      .. "packages, with all that they need.",
   usage = "graph [PACKAGE...]",
   least = 0,
}

local function quoted(path)
   return "'" .. path:gsub("'", [['\'']]) .. "'"
end

--- Has `dot` of graphviz make a picture.
local function svg(text)
   if not os.execute "command -v dot >/dev/null 2>&1" then
      context.fail "--svg needs the program 'dot'\n  hint: install graphviz"
   end
   local name = os.tmpname()
   local file = assert(io.open(name, "wb"))
   file:write(text)
   file:close()
   local pipe = assert(io.popen("dot -Tsvg " .. quoted(name)))
   local picture = pipe:read "a"
   local good = pipe:close()
   os.remove(name)
   if not good then
      context.fail "dot has failed"
   end
   return picture
end

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer? status
---@return any err
function graph.run(ctx, args)
   local databases = ctx:databases()
   local wanted
   if args[1] then
      wanted = {}
      local units = several.units(ctx, databases.asked, args)
      for _, p in ipairs((graphs.closure(several.packages(databases.all), units))) do
         wanted[ids.unit(p)] = true
      end
   end
   local text = draw.dot(args[1] and databases.all or databases.asked, wanted)
   local _, output = ctx:last "--output"
   text = (ctx:has "--svg" or (output or ""):find "%.svg$") and svg(text) or text
   if not output then
      ctx.out(text)
      return 0
   end
   local file <close>, message = io.open(output, "wb")
   if not file or not file:write(text) then
      return nil, message
   end
   return 0
end

return graph
