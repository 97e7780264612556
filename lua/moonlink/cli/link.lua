--- moonlink link: links for a chosen address, maps nothing, writes the bytes.
-- SPDX-License-Identifier: MIT

local file = require "moonlink.file"
local json = require "moonlink.show.json"
local options = require "moonlink.cli.options"
local session = require "moonlink.cli.session"

local link = {
   name = "link",
   summary = "Link for a chosen address, and write the bytes.",
   usage = "moonlink link --at ADDRESS -o IMAGE [OPTION...] FILE...",
   description = "Links as a load would, for a base address of choice, without mapping anything\n"
      .. "there. Writes the bytes to IMAGE, and to IMAGE.json the address of every section,\n"
      .. "symbol, GOT slot and stub. Undefined names come from --define and the archives alone.",
   example = "moonlink link --at 0x400000 --define puts=0x10000 -o image.bin hello.o",
   leading = 0, common = true, files = "+",
   options = {
      {"--at", takes = "ADDRESS", convert = options.integer, target = "at", needed = true,
         text = "Base address of the image."},
      {"-o", takes = "IMAGE", target = "output", needed = true, text = "File to write."},
   },
}

local function addresses(by_name)
   local out = {}
   for name, address in pairs(by_name) do
      if not name:find "\n" then -- the linker's own marks
         out[name] = json.unsigned(address)
      end
   end
   return out
end

--- What the JSON file says of an image.
local function description(image)
   local sections = json.list {}
   for i, s in ipairs(image.sections) do
      sections[i] = {name = s.name, file = s.file, prot = s.prot, size = s.size,
         offset = s.offset, address = json.unsigned(s.address)}
   end
   return {
      base = json.unsigned(image.base), size = #image.bytes, sections = sections,
      symbols = addresses(image.symbols), got = addresses(image.got),
      stubs = addresses(image.stubs),
   }
end

---@param parsed table
---@return integer? status
---@return any err
function link.run(parsed)
   local ln <close>, what = session.open(parsed)
   local image, err = ln:image {inputs = what.inputs, at = parsed.at, define = what.define}
   what.finish()
   if not image then
      return nil, err
   end
   local ok
   ok, err = file.write(parsed.output, image.bytes)
   if ok then
      ok, err = file.write(parsed.output .. ".json", json.encode(description(image)) .. "\n")
   end
   if not ok then
      return nil, err
   end
   return 0
end

return link
