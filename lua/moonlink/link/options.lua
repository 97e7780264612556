--- Options of a linker and of one load: what there is, what it may be, and how a load's options lie
-- over its linker's.
-- SPDX-License-Identifier: MIT

local debugging = require "moonlink.link.debug"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local lists = require "moonlink.lists"
local pattern = require "moonlink.pattern"

local options = {}

---@class moonlink.Options
---@field scope? any[] where undefined names are looked for, in order: "self", "archives",
---  "process", "fallback", a unit, { archive = PATH }, a table of names, a function of a question
---@field duplicate? "error"|"first"|"last"|fun(name: string, candidates: table[]): integer
---@field undefined? "error"|"stub"|"null"|fun(q: moonlink.Question): any
---@field weak? "first"|"own"|"process" who wins when a weak definition has a rival outside its load
---@field wrap? string[] references to NAME become __wrap_NAME, those to __real_NAME become NAME
---@field rename? table<string, string> symbols that get another name, where defined and where used
---@field export? string[] only names that match one of these whole-name patterns are exported
---@field hide? string[] names that match are not exported
---@field weaken? string[] definitions and references of the inputs that match become weak
---@field merge? boolean equal strings and constants of mergeable sections are kept once
---@field gc_sections? boolean sections that nothing needs are dropped; see `keep`
---@field keep? string[] names that match are roots for gc_sections, beside `roots`; with neither,
---  all exported names are
---@field search? string[] folders for -l
---@field static? boolean -l takes archives only
---@field fallback? string[]|boolean|fun(): string[] archives for what nothing else has; true: the
---  default, libgcc.a and libc_nonshared.a; false: none
---@field whole_archive? boolean
---@field roots? string[] names wanted though no input refers to them
---@field allow_second_libc? boolean
---@field zone? "near"|"low"
---@field block? "shared"|"unit" a part of a reservation for many, or one that ends with the unit
---@field pages? "auto"|"small"|"huge"|"hugetlb" of code and constants
---@field protect? "load"|"input"|"dual" how code is sealed
---@field relax? boolean
---@field bind? "direct"|"got"|"stubs"|"lazy"|fun(q: moonlink.Question): string? how code reaches
---  what other units and libraries define; a function says it name by name
---@field count? boolean|"unit"|"object" calls of what other units, libraries and the process define
---  are counted, "object": and between objects of one unit; see calls.lua
---@field trace? string|string[] categories of events: "load", "member", "bind", "strip",
---  "place", "all"
---@field debug? string|string[] who shall see what is loaded: "auto", "gdb", "perf", "jitdump",
---  "lines", "none"; see debug.lua
---@field name? string what the unit is called
---@field replace? moonlink.core.Unit of which the load is a new version; for the linker's own rooms
---@field progress? fun(step: string, done?: integer, total?: integer) called between the inputs and
---  the steps of a load

local types = {
   scope = "table", duplicate = "string or function", undefined = "string or function",
   weak = "string", wrap = "table", rename = "table", export = "table", hide = "table",
   weaken = "table", gc_sections = "boolean", merge = "boolean", keep = "table",
   search = "table", static = "boolean", fallback = "table or boolean or function",
   whole_archive = "boolean", roots = "table", allow_second_libc = "boolean",
   block = "string", pages = "string", protect = "string",
   zone = "string", relax = "boolean", trace = "string or table", name = "string",
   bind = "string or function", count = "boolean or string",
   progress = "function", debug = "string or table",
}

--- What is loaded stands in the same table; for a place, too. Plans have packages in its stead.
local loaded = lists.assign({
   inputs = "table", want = "table", order = "table", bytes = "string", path = "string",
   library = "string",
}, types)
local placed = lists.assign({at = "integer", define = "table"}, loaded)
local planned = lists.assign({atomic = "boolean", members = "string", packages = "string"}, types)

--- What there is, by what the options are for.
---@type table<string, table<string, string>>
options.known = {linker = types, load = loaded, image = placed, plan = planned}

--- The words that options of words may have, the default first (`count` is off without one). The
--- command line, the prompt and the laboratory have theirs from here.
---@type table<string, string[]>
options.words = {
   duplicate = {"error", "first", "last"}, undefined = {"error", "stub", "null"},
   weak = {"first", "own", "process"}, zone = {"near", "low"},
   bind = {"direct", "got", "stubs", "lazy"},
   block = {"shared", "unit"}, pages = {"auto", "small", "huge", "hugetlb"},
   protect = {"load", "input", "dual"},
   count = {"unit", "object"},
}

--- What they are where nothing was said.
---@type moonlink.Options
options.defaults = {
   scope = {"self", "archives", "process", "fallback"},
   duplicate = "error", undefined = "error", weak = "first", zone = "near", relax = true,
   bind = "direct", debug = "auto",
}

--- Options that are lists of names, patterns or paths.
local texts = {
   "wrap", "export", "hide", "weaken", "keep", "search", "fallback", "roots", "want",
}

local of_patterns = {export = true, hide = true, weaken = true, keep = true}

local function check_texts(over)
   for _, name in ipairs(texts) do
      for i, text in ipairs(type(over[name]) == "table" and over[name] or {}) do
         if type(text) ~= "string" then
            errors.mistake("option '%s': item %d is a %s, not a text", name, i, type(text))
         end
         local why = of_patterns[name] and pattern.mistake(text)
         if why then
            errors.mistake("option '%s': '%s' is no pattern: %s", name, text, why)
         end
      end
   end
   for from, to in next, over.rename or {} do
      if type(from) ~= "string" or type(to) ~= "string" then
         errors.mistake("option 'rename': a name for a name expected, got a %s for a %s", type(to),
            type(from))
      end
   end
end

--- Looks at the options of a call; raises for a mistake.
---@param over any of a load: may have an array part, which is left alone
---@param what "linker"|"load"|"image"|"plan" what they are for
---@return table over the same, or an empty one
function options.check(over, what)
   if over == nil then
      return {}
   end
   local known = options.known[what]
   for name in next, type(over) == "table" and over or {} do
      if placed[name] and not known[name] then
         errors.mistake("option '%s': only for %s", name,
            loaded[name] and "a load" or "a link at an address (ln:image)")
      end
   end
   over = given.options(over, known, nil, what ~= "linker")
   check_texts(over)
   if over.debug then
      debugging.parse(over.debug)
   end
   for name, words in pairs(options.words) do
      local value = over[name]
      if type(value) == "string" and not lists.contains(words, value) then
         errors.mistake("option '%s': '%s' is none of its values (%s)", name, value,
            table.concat(words, ", "))
      end
   end
   return over
end

--- Lays options that were looked at over those of the linker.
---@param base moonlink.Options?
---@param over table? may have an array part, which is left out
---@return moonlink.Options
function options.merge(base, over)
   local out = lists.copy(base or options.defaults)
   for name, value in next, over or {} do
      if math.type(name) ~= "integer" then
         out[name] = value
      end
   end
   return out
end

--- The options of one load, which nobody is to change: they are the linker's when it has none of
--- its own.
---@param base moonlink.Options
---@param own table that were looked at
---@param over table? what wins over them
---@return moonlink.Options
function options.of_load(base, own, over)
   if next(own) == nil and not over then
      return base
   end
   local out = lists.assign(options.merge(base, own), over)
   out.roots = own.want or out.roots
   return out
end

--- Does a name match one of the patterns, as a whole?
---@param name string
---@param patterns string[]
---@return boolean
function options.matches(name, patterns)
   for _, each in ipairs(patterns) do
      local bare = each:gsub("^%^", ""):gsub("([^%%])%$$", "%1") -- they may bring the anchors
      if name == each or name:find("^" .. bare .. "$") then
         return true
      end
   end
   return false
end

return options
