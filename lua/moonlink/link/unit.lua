--- A unit: what one load brought into the process.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local calls = require "moonlink.link.calls"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local missing = require "moonlink.link.missing"
local question = require "moonlink.link.question"
local roster = require "moonlink.link.roster"
local show_map = require "moonlink.show.map"
local smaps = require "moonlink.link.smaps"
local stats = require "moonlink.link.stats"
local symbols = require "moonlink.show.symbols"
local unload = require "moonlink.link.unload"

local unit = {}

---@class moonlink.LoadedUnit
---@field name string
---@field core moonlink.core.Unit
---@field linker moonlink.Linker
---@field orphaned boolean its names are gone, its memory stays
---@field options moonlink.Options of its load
---@field list moonlink.Input[] what was loaded
---@field version integer 1, and one more with each reload
---@field anchors? any[] what answered for its names, and must live as long as it does
---@field warnings string[] what is odd in its inputs, and what debuggers will miss
---@field stats table counts, bytes and milliseconds of the load; made when it is first asked for
---@field ms table<string, number> what it is made of beside the core's: milliseconds by step
local methods = {}

--- The core's side of it; raises at the caller's line when the unit has gone.
local function core_of(self)
   if not self.core:alive() then
      errors.mistake("%s was unloaded", self.name)
   end
   return self.core
end

--- Is its memory still there?
---@return boolean
function methods:alive()
   return self.core:alive()
end

--- Who uses it: { kind=, count=, name= ... } each. Kinds: "unit" (with `symbols`), "function" (of
--- Lua), "call" (in flight), "linker", "exit handler" and "thread" (with `threads`), "on_exit"
--- (it refers to that function, whose handlers stay) and "classes" (of Objective-C, likewise).
---@return moonlink.User[]
function methods:users()
   core_of(self)
   return unload.users(self)
end

--- Takes the unit out of the process: its destructors run, then names, registrations, thread-local
--- storage and memory go. Refused while somebody uses it, unless told otherwise: "wait" (or
--- { timeout = SECONDS }) waits for other threads; "orphan" takes only its names, and what has an
--- address of it can go on; "force" takes it and the units that use it: their functions raise
--- afterwards.
---@param how? "refuse"|"wait"|"orphan"|"force"|{how?: string, timeout?: number}
---@return boolean?
---@return moonlink.Error? err with `users`
function methods:unload(how)
   core_of(self)
   local ok, err = unload.run(self, how)
   if ok then
      local mode = type(how) == "table" and how.how or how
      self.orphaned = mode == "orphan"
      roster.forget(self.linker)
      if mode == "orphan" or mode == "force" then -- else nobody had a function of it
         call.forget(self.linker, self.core)
      end
   end
   return ok, err
end

--- Loads what it was made of again and puts the new version in the place of this one: variables
--- keep their values where size and alignment agree (`report` says which), units that use it and
--- functions of Lua are bound to the new code, the old version ends. When anything fails, a
--- constructor or `on_upgrade` included, the old version stays as it was.
---@param options? moonlink.ReloadOptions
---@return moonlink.LoadedUnit? self
---@return moonlink.Error|moonlink.ReloadReport report, or the error
function methods:reload(options)
   return self.linker:replace(self, options)
end

--- What the kernel says of its memory, now: mappings, bytes that are there, bytes in huge pages.
--- Large sections, which have memory of their own, are not among it.
---@return moonlink.UnitMemory?
---@return moonlink.Error? err
function methods:memory()
   core_of(self)
   return smaps.read(self.stats.base, self.stats.size)
end

local FILTER = {type = "string", exported = "boolean"}

--- Iterates over the names that the unit defines, in the order of the inputs.
---@param filter? {type?: string, exported?: boolean}
---@return fun(): moonlink.core.Entry?
function methods:symbols(filter)
   filter = given.options(filter, FILTER, "symbols")
   local list, i = core_of(self):entries(), 0
   return function()
      while true do
         i = i + 1
         local e = list[i]
         if not e then
            return nil
         end
         if e.in_load and not e.name:find "\n" and (not filter.type or filter.type == e.type)
            and (filter.exported == nil or filter.exported == (e.exported or false)) then
            return e
         end
      end
   end
end

--- The symbol of a name that the unit defines: { name=, address=, size=, type=, ... } or nil.
---@param name string
---@return moonlink.core.Entry?
function methods:symbol(name)
   local e = core_of(self):entry(name)
   return e and e.in_load and e or nil
end

--- The address of a name that the unit defines, or nil.
---@param name string
---@return integer?
function methods:address(name)
   local e = self:symbol(name)
   return e and e.address
end

--- The objects it was made of: { file=, member=, by=, bytes= } each.
---@return moonlink.core.Input[]
function methods:inputs()
   return core_of(self):inputs()
end

--- Adds the `file` of each section.
local function with_files(self, list)
   local inputs = self.core:inputs()
   for _, s in ipairs(list) do
      s.file = question.place(inputs[s.input])
   end
   return list
end

--- Its sections: { name=, address=, size=, prot=, file= } each, in the order of the inputs.
---@return moonlink.core.PlacedSection[]
function methods:sections()
   return with_files(self, core_of(self):sections())
end

--- The sections that `gc_sections` dropped, in the order of the inputs: { name=, size=, file= }.
---@return moonlink.core.StrippedSection[]
function methods:stripped()
   return with_files(self, core_of(self):stripped())
end

--- Writes its symbols to a file, for `moonlink symbolize`.
---@param path string
---@return boolean?
---@return moonlink.Error? err
function methods:write_symbols(path)
   core_of(self)
   return symbols.write(path, {self})
end

--- The names that everything that the function can reach still lacks, also in other units: those
--- that an undefined = "stub" or "null" let pass. The walk goes from section to section; compile
--- with -ffunction-sections for an answer by function.
---@param name string
---@return string[]? names sorted; empty when it is complete
---@return moonlink.Error? err
function methods:missing(name)
   return missing.of(core_of(self), name)
end

--- The calls that the option `count` has counted, the most frequent first: { from=, to=, symbol=,
--- count=, kind= } each. Empty without that option.
---@param how? {reset?: boolean} reset: the counts begin again at 0
---@return moonlink.Calls[]
function methods:calls(how)
   core_of(self)
   return calls.of({self}, how)
end

--- The link map as data: sections and symbols in address order.
---@return table data as of moonlink.show.map
function methods:map()
   return show_map.data(core_of(self))
end

--- Who loads and unloads all the time hardly looks at `stats`.
local function index(self, key)
   local value = methods[key]
   if value == nil and key == "stats" then
      value = stats.of(self.core, self.ms)
      self.stats = value
   end
   return value
end

local metatable = {
   __name = "moonlink.LoadedUnit",
   __index = index,
   __tostring = function(self)
      return ("moonlink unit %s%s"):format(self.name, self.core:alive() and "" or " (unloaded)")
   end,
}

given.methods(methods, metatable, "unit", {
   symbol = "string", address = "string", missing = "string", write_symbols = "string",
})

--- Wraps a unit of the core.
---@param linker moonlink.Linker
---@param core_unit moonlink.core.Unit
---@param warnings string[]
---@param run moonlink.Load that it comes from
---@return moonlink.LoadedUnit
function unit.new(linker, core_unit, warnings, run)
   return setmetatable({
      name = core_unit:name(), core = core_unit, linker = linker, warnings = warnings, ms = run.ms,
      anchors = run.anchors, options = run.options, list = run.list, version = 1,
      orphaned = false,
   }, metatable)
end

return unit
