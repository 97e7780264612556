--- Haskell inside of Lua: GHC's run-time system and packages, found through GHC's own database,
-- loaded by moonlink, started and called.
--
--    local ghc = require "moonlink.ghc"
--    local hs <close> = assert(ghc.start {packages = {"containers"}, objects = {"Fib.o"}})
--    print(assert(hs:func "int hsFib(int)")(30))
--
-- SPDX-License-Identifier: MIT

local boundary = require "moonlink.ghc.boundary"
local call = require "moonlink.call"
local claim = require "moonlink.ghc.claim"
local errors = require "moonlink.error"
local frame = require "moonlink.ghc.frame"
local given = require "moonlink.given"
local group = require "moonlink.link.group"
local inputs = require "moonlink.link.inputs"
local layout = require "moonlink.ghc.layout"
local linker = require "moonlink.link.linker"
local lists = require "moonlink.lists"
local locate = require "moonlink.ghc.locate"
local moonlink = require "moonlink"
local packages = require "moonlink.link.packages"
local rts = require "moonlink.ghc.rts"
local runtime = require "moonlink.ghc.runtime"
local shape = require "moonlink.plan"
local signals = require "moonlink.ghc.signals"

local ghc = {}

---@class moonlink.ghc.Options
---@field packages? string[] by name, name-version or unit id; base is always there
---@field objects? any[] compiled modules, and whatever else a load takes
---@field kind? "archive"|"prelinked"|"shared" which files of a package: archive
---@field way? string of the runtime: "threaded", "debug", "eventlog", or several words
---@field options? string for the runtime, as between +RTS and -RTS
---@field timer? boolean ticks that switch threads and find deadlocks; default: when threaded
---@field signals? boolean handlers for SIGINT and others: false
---@field args? string[] of the program, its name first
---@field program? boolean the program owns the process, which may end by it: false
---@field database? string|string[] package databases on top of the global one
---@field topdir? string GHC's folder, in place of what the ghc on PATH says
---@field limit? integer longest list that hs:value reads: 1000000
---@field linker? moonlink.Options|moonlink.Linker for moonlink.new; or a linker, which from then on
--- belongs to the runtime and ends with it

local KNOWN = {
   packages = "table", objects = "table", kind = "string", way = "string", options = "string",
   timer = "boolean", signals = "boolean", args = "table", program = "boolean",
   database = "string or table", topdir = "string", limit = "number", linker = "table",
}

--- Raises for an item of a list that is no text which C could take.
local function check_texts(name, list)
   for i, text in ipairs(list) do
      if type(text) ~= "string" or text:find "\0" then
         errors.mistake("option '%s': a text without NUL expected at %d", name, i)
      end
   end
end

local function check(options)
   options = given.options(options, KNOWN)
   check_texts("args", options.args or {})
   check_texts("packages", options.packages or {})
   local database = options.database
   check_texts("database", type(database) == "table" and database or {database})
   check_texts("options", {options.options})
   check_texts("topdir", {options.topdir})
   inputs.parse(options.objects or {}) -- raises for what is no input
   local limit = math.tointeger(options.limit or 0)
   if not limit or limit < 0 then
      errors.mistake("option 'limit': a number of elements expected, got %s", options.limit)
   end
   if options.kind and not lists.contains(shape.KINDS, options.kind) then
      errors.mistake("option 'kind': archive, prelinked or shared expected, got '%s'",
         options.kind)
   end
   return options
end

--- Loads shared libraries as one group. `below` are those that must be seen with them.
local function load_shared(ln, files, options)
   if #files.libraries == 0 then
      return true
   end
   local file, err = group.file(lists.append({table.unpack(files.libraries)}, options.below or {}),
      ln.keeper.defines)
   if not file then
      return nil, err
   end
   local unit
   unit, err = ln:load {inputs = {file.path}, name = options.name}
   file.remove()
   return unit, err
end

--- Loads archives, of which members come when somebody wants them, or prelinked objects.
local function load_static(ln, files, options)
   local wanted = lists.append(lists.append({}, files.libraries), files.extra)
   if #wanted == 0 then
      return true
   end
   return ln:load {
      inputs = wanted, roots = options.roots or files.roots, search = files.search,
      name = options.name, gc_sections = false, -- what is loaded later wants more of it
   }
end

--- Enters packages in the linker's list, so that plans that are loaded later find them there.
local function enter(self, plan, units, loaded)
   local together = {}
   for i, unit in ipairs(units) do
      together[i] = unit.id
   end
   for _, unit in ipairs(type(loaded) == "table" and units or {}) do
      packages.enter(self.linker, plan, unit, {unit = loaded, group = together, scoped = false})
   end
end

--- A package that somebody works at: all of it, as a unit that can be reloaded by its name.
local function load_own(self, p)
   local files, wanted = locate.files {p}, {}
   for i, path in ipairs(files.libraries) do
      wanted[i] = {path = path, whole = true}
   end
   if #wanted == 0 then
      return true
   end
   return self:load {inputs = lists.append(wanted, files.extra), search = files.search, name = p.id}
end

--- The packages above the core.
local function load_packages(self, plan)
   if plan.kind == "shared" then
      local above = lists.append(lists.append({}, plan.rest), plan.own)
      local below = locate.files(plan.core).libraries
      enter(self, plan, above, assert(load_shared(self.linker, locate.files(above), {
         below = below, name = "packages",
      })))
      return
   end
   enter(self, plan, plan.rest, assert(load_static(self.linker, locate.files(plan.rest),
      {name = "packages"})))
   for _, p in ipairs(plan.own) do
      enter(self, plan, {p}, assert(load_own(self, p)))
   end
end

local function flags_of(options, threaded)
   local timer = options.timer
   if timer == nil then
      timer = threaded or options.program
   end
   local handlers = options.signals
   if handlers == nil then
      handlers = options.program
   end
   return table.concat({
      timer and "" or "-V0", handlers and "" or "--install-signal-handlers=no",
      options.options or "",
   }, " ")
end

local function add_closures(self)
   for key, where in pairs(layout.closures) do
      local address, err = self:symbol_address(where[1], where[2], where[3], "closure")
      if not address then
         error(err, 0)
      end
      self.closures[key] = address
   end
   for mark, what in pairs {stg_IND_info = true, stg_IND_STATIC_info = true,
      stg_BLACKHOLE_info = "maybe"} do
      self.marks[assert(self.linker:address_of(mark))] = what
   end
end

--- Names that the first load is to bring, so that none has to be searched for later.
local function roots_of(self, files, profiling)
   local roots = lists.append(rts.roots(), files.roots)
   for key in pairs(layout.closures) do
      roots[#roots + 1] = self:closure_symbol(key)
   end
   local pattern = boundary.PATTERN
   roots[#roots + 1] = self:symbol_name(pattern[1], pattern[2], pattern[3], "info")
   roots[#roots + 1] = profiling and "CCS_SYSTEM" or nil
   table.sort(roots)
   return roots
end

--- A function of the runtime that no other object may see: it registers the foreign exports that
--- constructors have announced since the last time.
local function registration(self, unit)
   local symbol = type(unit) == "table" and unit:symbol "processForeignExports"
   local address = symbol and symbol.address
   return address and call.func(call.at(self.linker, address), "void processForeignExports(void)")
end

--- Loads, starts, and sets up what every call relies on. Raises.
local function bring_up(self, plan, options)
   local ln, files = self.linker, locate.files(plan.core)
   local shared = plan.kind == "shared"
   local unit = assert((shared and load_shared or load_static)(ln, files, {
      roots = not shared and roots_of(self, files, plan.profiling) or nil, name = "Haskell runtime",
   }))
   enter(self, plan, plan.core, unit)
   self.rts = assert(rts.bind(ln))
   self.cost = plan.profiling and assert(ln:address_of "CCS_SYSTEM") or nil
   add_closures(self)
   self.anchors = rts.init(ln, self.rts, self.version, {
      flags = flags_of(options, plan.threaded), args = options.args or {"moonlink"},
      program = options.program,
   })
   self:begin()
   self.signals:note()
   self.register = registration(self, unit)
   if not options.program then
      frame.with(self, boundary.install, self.cell:address())
   end
   load_packages(self, plan)
   if #(options.objects or {}) > 0 then
      assert(self:load(options.objects))
   end
end

local function keeper()
   return {
      who = "the Haskell runtime",
      unload = '"orphan" takes its names away; its memory goes when the runtime ends: hs:exit()',
      reload = "hs:reload(unit) puts a new version in its place, and keeps the old one's memory",
      close = "end the runtime: hs:exit()",
   }
end

local function as_error(err)
   return errors.is(err) and err or errors.new {code = "init", message = tostring(err)}
end

--- Takes back what was loaded behind the first units, the latest first.
local function unload_behind(ln, count, how)
   local units = ln:units()
   for i = #units, count + 1, -1 do
      if units[i]:alive() then
         units[i]:unload(how)
      end
   end
end

--- Takes back what was begun. Of a linker that was there before, only what was loaded since.
local function give_up(self, err, before)
   local running = self.state == "up" or self.orderly
   local good = self.signals:restore(running and self.rts.hs_exit or nil)
   local over = good and (running or self.state == "down")
   if over then
      self:finish()
   end
   self.state, self.linker.keeper = "over", nil
   if before then
      unload_behind(self.linker, before, over and "force" or "orphan")
   else
      self.linker:close()
   end
   for _, remove in ipairs(self.hooks) do
      remove()
   end
   self.claim:close()
   return nil, as_error(err)
end

--- Takes out of a plan what the runtime has already; gives what is left.
local function leave_new(self, plan)
   local known, left = {}, {}
   for _, p in ipairs(self.packages) do
      known[p.id] = true
   end
   for _, part in ipairs {"rest", "own"} do
      local fresh = {}
      for _, p in ipairs(plan[part]) do
         fresh[#fresh + 1] = not known[p.id] and p or nil
      end
      plan[part] = fresh
      lists.append(left, fresh)
   end
   return left
end

--- See Runtime:package.
---@param self moonlink.ghc.Runtime
---@param names string[]
---@return string[]?
---@return moonlink.Error? err
function ghc.add(self, names)
   check_texts("packages", names)
   local asked = lists.copy(self.asked)
   asked.packages = names
   local plan, err = locate.plan(asked)
   if not plan then
      return nil, err
   end
   local added, before = leave_new(self, plan), #self.linker:units()
   local good
   good, err = pcall(load_packages, self, plan)
   if not good then
      unload_behind(self.linker, before, "orphan")
      return nil, as_error(err)
   end
   lists.append(self.packages, added)
   self.unit_ids = {}
   local ids = {}
   for i, p in ipairs(added) do
      ids[i] = p.id
   end
   return ids
end

--- The linker of a runtime. GHC's static code is not PIC and goes low; what was compiled with -fPIC
-- refers to it all the same without a GOT, so that it has to lie there, too.
local function new_linker(options, kind)
   local own = lists.copy(options or {})
   if kind ~= "shared" then
      own.zone = own.zone or "low"
   end
   return moonlink.new(own)
end

--- Finds GHC, loads its runtime, base, the packages asked for and all below them, and starts it.
---@param options? moonlink.ghc.Options
---@return moonlink.ghc.Runtime?
---@return moonlink.Error? err
function ghc.start(options)
   options = check(options)
   local plan, err = locate.plan(options)
   if not plan then
      return nil, err
   end
   local ln, before = options.linker, nil
   if linker.is(ln) then
      before = #ln:units()
   else
      ln = new_linker(ln, plan.kind)
   end
   local only
   only, err = claim.take() -- last of what may raise: it is held from here on
   if not only then
      return nil, err
   end
   ln.keeper = keeper()
   local self = runtime.new {
      claim = only, signals = signals.keep(), linker = ln, version = plan.ghc, kind = plan.kind,
      header = plan.profiling and layout.HEADER_PROFILING or layout.HEADER,
      packages = plan.units, limit = options.limit or 1000000, asked = {
         kind = options.kind, way = options.way, database = options.database,
         topdir = options.topdir,
      },
   }
   local good
   good, err = pcall(bring_up, self, plan, options)
   if not good then
      return give_up(self, err, before)
   end
   return runtime.seal(self)
end

return ghc
