--- moonlink symbolize: names in place of addresses, after the process is gone.
-- SPDX-License-Identifier: MIT

local arguments = require "moonlink.cli.arguments"
local errors = require "moonlink.error"
local file = require "moonlink.file"
local show_symbols = require "moonlink.show.symbols"

local symbolize = {
   name = "symbolize",
   summary = "Say what lay at the addresses in a text.",
   usage = "moonlink symbolize SYMBOLFILE < TEXT",
   description = "Copies standard input to standard output. Behind each address (0x and\n"
      .. "hexadecimal digits) that the symbol file knows stands what lay there.\n"
      .. "unit:write_symbols(path) and linker:write_symbols(path) write symbol files.",
   example = "moonlink symbolize symbols.txt < crash.txt",
   leading = 0, files = 1,
   file = {"SYMBOLFILE", "The symbol file."},
   options = {},
}

--- " <mid+0x1c in t.o>"
local function describe(list, digits)
   local address = #digits <= 16 and tonumber("0x" .. digits)
   local s = address and show_symbols.find(list, address)
   if not s then
      return nil
   end
   local name = (s.type == "stub" or s.type == "slot") and s.type .. " of " .. s.name or s.name
   local owner = s.file ~= "" and s.file ~= s.unit and ("%s, %s"):format(s.unit, s.file) or s.unit
   return ("0x%s <%s+0x%x in %s>"):format(digits, name, address - s.address, owner)
end

---@param parsed table
---@return integer? status
---@return any err
function symbolize.run(parsed)
   local input = arguments.inputs(parsed.inputs)[1]
   local path = type(input) == "table" and input.path
   if not path then
      return nil, errors.new {code = "argument", message = "the path of a symbol file is wanted"}
   end
   local text, err = file.read(path)
   if not text then
      return nil, err
   end
   local list
   list, err = show_symbols.read(text, path)
   if not list then
      return nil, err
   end
   for line in io.stdin:lines "L" do
      local ok, why = io.stdout:write((line:gsub("%f[%w]0x(%x+)%f[%W]", function(digits)
         return describe(list, digits)
      end)))
      if not ok then
         return nil, errors.new {code = "io", message = "cannot write: " .. tostring(why)}
      end
   end
   return 0
end

return symbolize
