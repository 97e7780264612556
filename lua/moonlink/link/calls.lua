--- What the option `count` has counted: who called what, and how often.
-- SPDX-License-Identifier: MIT

local given = require "moonlink.given"
local question = require "moonlink.link.question"
local show_table = require "moonlink.show.table"
local similar = require "moonlink.link.similar"

local calls = {}

---@class moonlink.Calls
---@field from string the unit that calls; with count = "object" the object
---@field to string who defines the symbol: a unit or library; with count = "object" an object of a
---  unit; "the executable"; for an address that a rule gave who gave it
---@field symbol string
---@field demangled? string the name as a C++ programmer wrote it
---@field count integer
---@field kind "object"|"unit"|"process"|"given" what `to` is

local function precedes(a, b)
   if a.count ~= b.count then
      return a.count > b.count
   end
   for _, key in ipairs {"from", "to", "symbol"} do
      if a[key] ~= b[key] then
         return a[key] < b[key]
      end
   end
   return false
end

--- The object of a unit of the linker that defines what a row of the core is about.
local function definer(linker, row, symbol)
   for i = #linker.list, 1, -1 do
      local core = linker.list[i].core
      local e = core:alive() and core:name() == row.provider and core:entry(symbol)
      if e and e.in_load and e.input and e.address == row.address then
         return question.place(core:inputs()[e.input])
      end
   end
end

--- The two ends of a row of the core, and what the second one is.
local function ends(unit, inputs, row, symbol)
   local by_object = unit.options.count == "object"
   local from = by_object and question.place(inputs[row.input]) or unit.name
   if row.to then
      return from, question.place(inputs[row.to]), "object"
   elseif row.how == "unit" and by_object then
      local place = definer(unit.linker, row, symbol)
      return from, place or row.provider, place and "object" or "unit"
   elseif row.how == "process" and (row.provider or "") == "" then
      return from, "the executable", "process"
   end
   return from, row.provider or row.how, row.how
end

--- Adds the rows of a unit to a list, equal ones to each other.
local function add(list, known, unit, reset)
   local inputs = unit.core:inputs()
   for _, row in ipairs(unit.core:calls(reset)) do
      local symbol = row.symbol:match "^[^\n]*" -- an answer for one input has a mark behind it
      local from, to, kind = ends(unit, inputs, row, symbol)
      local key = table.concat({from, to, kind, symbol}, "\0")
      local one = known[key]
      if not one then
         one = {
            from = from, to = to, symbol = symbol, count = 0, kind = kind,
            demangled = similar.demangle(symbol),
         }
         known[key] = one
         list[#list + 1] = one
      end
      one.count = one.count + row.count
   end
end

local OPTIONS = {reset = "boolean"}

--- What some units have counted, the most frequent first. Names that were never called are not
--- among it.
---@param units moonlink.LoadedUnit[] that are alive
---@param how? {reset?: boolean} reset: the counts begin again at 0
---@return moonlink.Calls[]
function calls.of(units, how)
   how = given.options(how, OPTIONS, "calls")
   local list, known = {}, {}
   for _, unit in ipairs(units) do
      add(list, known, unit, how and how.reset)
   end
   table.sort(list, precedes)
   return list
end

--- The list as text, one line for each, names as a C++ programmer writes them.
---@param list moonlink.Calls[]
---@return string without a line end behind the last line
function calls.text(list)
   if not list[1] then
      return "no calls"
   end
   local rows = {}
   for i, c in ipairs(list) do
      rows[i] = {c.count, c.from, c.to, c.demangled or c.symbol}
   end
   return show_table.text({{title = "calls", right = true}, {title = "from"}, {title = "to"},
      {title = "symbol"}}, rows)
end

return calls
