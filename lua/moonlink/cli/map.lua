--- moonlink map: where everything would lie.
-- SPDX-License-Identifier: MIT

local inputs = require "moonlink.link.inputs"
local json = require "moonlink.show.json"
local load = require "moonlink.link.load"
local session = require "moonlink.cli.session"
local show_map = require "moonlink.show.map"

local map = {
   name = "map",
   summary = "Print the link map of a load.",
   usage = "moonlink map [OPTION...] FILE...",
   description = "Tries a load and prints where each section and symbol lies, in the order of the\n"
      .. "addresses. No code runs.",
   example = "moonlink map main.o libz.a",
   leading = 0, common = true, files = "+",
   options = {{"--json", target = "json", text = "Print it as JSON."}},
}

--- The map as data for JSON: the linker's own bookkeeping left out.
local function plain(data)
   local out = {base = json.unsigned(data.base), size = data.size, zone = data.zone,
      sections = json.list {}, symbols = json.list {}}
   for i, s in ipairs(data.sections) do
      out.sections[i] = {name = s.name, file = s.file, prot = s.prot, size = s.size,
         address = json.unsigned(s.address)}
   end
   for i, e in ipairs(data.symbols) do
      out.symbols[i] = {name = e.name, file = e.file, size = e.size, type = e.type, bind = e.bind,
         address = json.unsigned(e.address)}
   end
   return out
end

---@param parsed table
---@return integer? status
---@return any err
function map.run(parsed)
   local ln <close>, what = session.open(parsed)
   local run <close> = load.begin(ln, ln.options)
   local ok, err = load.run(run, inputs.parse(what.inputs))
   what.finish()
   if not ok then
      return nil, err
   end
   local data = show_map.data(run.txn)
   io.stdout:write(parsed.json and json.encode(plain(data)) or show_map.text(data), "\n")
   return 0
end

return map
