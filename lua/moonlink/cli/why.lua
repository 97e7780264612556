--- moonlink why: why does a name mean what it means?
-- SPDX-License-Identifier: MIT

local session = require "moonlink.cli.session"

local why = {
   name = "why",
   summary = "Say what a symbol would mean, and why.",
   usage = "moonlink why [OPTION...] SYMBOL FILE...",
   description = "Tries a load and says who wants the symbol, who could provide it, who does, and\n"
      .. "which member of an archive it pulls in. No code runs. Undefined names are no error.",
   example = "moonlink why crc32 main.o libz.a",
   leading = 1, common = true, files = "+",
   words = {{"SYMBOL", target = "symbol", text = "Name of the symbol."}},
   options = {},
}

---@param parsed table
---@return integer? status
---@return any err
function why.run(parsed)
   local ln <close>, what = session.open(parsed)
   local explanation, err = ln:why(what.inputs, parsed.symbol)
   what.finish()
   if not explanation then
      return nil, err
   end
   io.stdout:write(tostring(explanation), "\n")
   local unheard = explanation.how == "unknown" and #explanation.candidates == 0
   return unheard and 1 or 0
end

return why
