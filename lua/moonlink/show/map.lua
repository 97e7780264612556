--- Link maps: where everything lies, as data and as text.
-- SPDX-License-Identifier: MIT

local question = require "moonlink.link.question"

local map = {}

local function by_address(a, b)
   if a.address ~= b.address then
      return math.ult(a.address, b.address)
   end
   return (a.name or "") < (b.name or "")
end

--- { base=, size=, tls=, tls_block=, sections={ { address=, size=, prot=, name=, file= } },
--- symbols={ ... } }, both lists in address order. `source` is a unit or a transaction of the core.
---@param source moonlink.core.Transaction|moonlink.core.Unit
---@return table
function map.data(source)
   local inputs, sections, symbols = source:inputs(), source:sections(), {}
   for _, s in ipairs(sections) do
      s.file = question.place(inputs[s.input])
   end
   for _, e in ipairs(source:entries()) do
      if e.in_load then
         e.file = e.input and question.place(inputs[e.input]) or nil
         symbols[#symbols + 1] = e
      end
   end
   table.sort(sections, by_address)
   table.sort(symbols, by_address)
   local stats = source:stats()
   return {
      base = stats.base, size = stats.memory, zone = stats.zone, inputs = inputs,
      tls = stats.tls, tls_block = stats.tls_block,
      sections = sections, symbols = symbols,
   }
end

--- The map as text, one line a section with its symbols below it.
---@param data table
---@return string
function map.text(data)
   local tls = data.tls_block and (", %d bytes of thread-local storage (%s)"):format(data.tls,
      data.tls_block) or ""
   local lines = {("%#x, %d bytes, %s%s"):format(data.base, data.size, data.zone, tls)}
   local k = 1
   for _, s in ipairs(data.sections) do
      lines[#lines + 1] = ("%#018x %#10x %s %-24s %s"):format(s.address, s.size, s.prot, s.name,
         s.file)
      local last = s.address + math.max(s.size, 1)
      while data.symbols[k] and math.ult(data.symbols[k].address, last) do
         local e = data.symbols[k]
         if not math.ult(e.address, s.address) then
            lines[#lines + 1] = ("%#018x %#10x       %s"):format(e.address, e.size, e.name)
         end
         k = k + 1
      end
   end
   return table.concat(lines, "\n")
end

return map
