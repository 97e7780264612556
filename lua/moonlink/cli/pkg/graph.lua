--- moonlink pkg graph: a picture of who depends on whom.
-- SPDX-License-Identifier: MIT

local context = require "moonlink.cli.pkg.context"
local draw = require "moonlink.pkg.draw"
local file = require "moonlink.file"
local graphs = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local opened = require "moonlink.cli.pkg.opened"

local graph = {
   name = "graph",
   summary = "Draw who depends on whom, in the language of graphviz, with --svg as SVG; of some "
      .. "packages, with all that they need.",
   usage = "graph [PACKAGE...]",
   least = 0,
}

--- Has `dot` of graphviz make a picture.
local function svg(text)
   if not os.execute "command -v dot >/dev/null 2>&1" then
      context.fail "--svg needs the program 'dot'\n  hint: install graphviz"
   end
   local name = os.tmpname()
   assert(file.write(name, text))
   local pipe = assert(io.popen("dot -Tsvg " .. file.quote(name)))
   local picture = pipe:read "a"
   local drawn = pipe:close()
   os.remove(name)
   if not drawn then
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
      local units = opened.units(ctx, databases.asked, args)
      for _, p in ipairs((graphs.closure(index.packages(databases.all), units))) do
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
   local written, err = file.write(output, text)
   return written and 0, err
end

return graph
