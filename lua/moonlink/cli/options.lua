--- The options that commands share: what they are called, and what they mean to a linker.
-- SPDX-License-Identifier: MIT

local debugging = require "moonlink.link.debug"
local events = require "moonlink.link.events"
local link_options = require "moonlink.link.options"
local pattern = require "moonlink.pattern"

local options = {}

local WORDS = link_options.words

---@class moonlink.cli.Option
---@field [1] string names as argparse takes them
---@field takes? string name of its argument; none: it is a switch
---@field many? boolean may be repeated
---@field choices? string[]
---@field convert? fun(text: string): any
---@field target? string where argparse puts what it found
---@field needed? boolean must be there
---@field text string for the help

--- Addresses and other whole numbers: decimal, or hexadecimal behind 0x.
---@param text string
---@return integer?
---@return string? message
function options.integer(text)
   local value = text:find "^0[xX]%x%x?%x?%x?%x?%x?%x?%x?%x?%x?%x?%x?%x?%x?%x?%x?$"
      and math.tointeger(tonumber(text))
      or text:find "^%d+$" and math.tointeger(tonumber(text))
   if not value then
      return nil, ("'%s' is no address: decimal digits, or 0x and up to 16 hexadecimal ones")
         :format(text)
   end
   return value
end

--- "NAME=ADDRESS"
---@param text string
---@return {name: string, address: integer}?
---@return string? message
function options.definition(text)
   local name, address = text:match "^([^=]+)=(.*)$"
   if not name then
      return nil, ("'%s': NAME=ADDRESS expected"):format(text)
   end
   local value, message = options.integer(address)
   return value and {name = name, address = value}, message
end

--- A pattern of Lua.
local function names(text)
   local why = pattern.mistake(text)
   return not why and text or nil, why and ("'%s' is no pattern of Lua: %s"):format(text, why)
end

--- A conversion that leaves a text as it is, when `parse` does not raise for it. What it raises
--- begins with the line of a script; there is none here.
local function parsed_by(parse)
   return function(text)
      local good, message = pcall(parse, text)
      if good then
         return text
      end
      return nil, (tostring(message):gsub("^%S+:%d+: ", ""))
   end
end

--- Options of everything that links. `-l` and the two switches stand among the files and are taken
--- out before argparse sees them: they are here for the help.
---@type moonlink.cli.Option[]
options.common = {
   {"-l", takes = "NAME", many = true, target = "unused_libraries",
      text = "The library libNAME.so or libNAME.a, at this place among the files."},
   {"-L", takes = "FOLDER", many = true, target = "search",
      text = "Look here for -l, before the system's folders."},
   {"-u", takes = "SYMBOL", many = true, target = "roots",
      text = "Want this symbol, so that archives are searched for it."},
   {"--whole-archive", target = "unused_whole", many = true,
      text = "Take all members of the archives that follow."},
   {"--no-whole-archive", target = "unused_members", many = true,
      text = "Take only wanted members again."},
   {"--static", target = "static", text = "-l takes archives only."},
   {"--define", takes = "NAME=ADDRESS", many = true, convert = options.definition,
      target = "define", text = "Give a symbol this address."},
   {"--wrap", takes = "SYMBOL", many = true, target = "wrap",
      text = "References to SYMBOL become __wrap_SYMBOL, those to __real_SYMBOL become SYMBOL."},
   {"--dup", takes = "RULE", choices = WORDS.duplicate, target = "duplicate",
      text = "What two definitions of one name mean: error (default), first, last."},
   {"--undefined", takes = "RULE", choices = WORDS.undefined, target = "undefined",
      text = "What an undefined name becomes: error (default), stub (a call of it fails), null."},
   {"--bind", takes = "HOW", choices = WORDS.bind, target = "bind",
      text = "How code reaches libraries: direct (default), got, stubs, or lazy: by stubs that "
         .. "look the function up when it is called first."},
   {"--zone", takes = "ZONE", choices = WORDS.zone, target = "zone",
      text = "Where to place: near the process's libraries (default), or below 2 GiB."},
   {"--block", takes = "BLOCK", choices = WORDS.block, target = "block",
      text = "Address space: shared by many units (default), or given back with each unit."},
   {"--pages", takes = "PAGES", choices = WORDS.pages, target = "pages",
      text = "Pages for code and constants: huge where that is faster (auto, the default), small, "
         .. "huge, or hugetlb: huge ones that are set aside."},
   {"--protect", takes = "HOW", choices = WORDS.protect, target = "protect",
      text = "Seal the load as a whole (default), input by input, or write code elsewhere (dual)."},
   {"--gc-sections", target = "gc_sections",
      text = "Drop sections that neither -u, constructors nor, without -u, exported names need."},
   {"--keep", takes = "PATTERN", many = true, convert = names, target = "keep",
      text = "A name that matches this Lua pattern is a root for --gc-sections."},
   {"--print-gc-sections", target = "print_gc_sections",
      text = "Say on standard error which sections --gc-sections drops."},
   {"--no-relax", target = "no_relax", text = "Keep loads through the GOT as they are."},
   {"--debug", takes = "MODES", convert = parsed_by(debugging.parse), target = "debug",
      text = "Who shall see what is loaded: auto (default), gdb, perf, jitdump, lines, none."},
   {"--allow-second-libc", target = "allow_second_libc",
      text = "Load an archive that holds a C library beside the process's own."},
   {"--trace", takes = "CATEGORIES", convert = parsed_by(events.parse), target = "trace",
      text = "Say on standard error what happens: load, member, bind, strip, place, all (commas)."},
}

--- Of commands that call something.
---@type moonlink.cli.Option
options.count = {"--count", takes = "BORDER", choices = WORDS.count, target = "count",
   text = "Say on standard error at the end how often which function was called: of libraries "
      .. "(unit), or between the objects, too (object)."}

--- Names of the options that are followed by a value.
---@param lists moonlink.cli.Option[][]
---@return table<string, boolean>
function options.with_value(lists)
   local set = {}
   for _, list in ipairs(lists) do
      for _, option in ipairs(list) do
         for name in option[1]:gmatch "%S+" do
            set[name] = option.takes ~= nil or nil
         end
      end
   end
   return set
end

local function describe_values(element, option)
   if option.convert then
      element:convert(option.convert)
   end
   if option.choices then
      element:choices(option.choices)
   end
end

--- Adds options to a parser of argparse; gives them back, for a group of the help.
---@param parser table
---@param list moonlink.cli.Option[]
---@return table[]
function options.add(parser, list)
   local added = {}
   for i, option in ipairs(list) do
      local element = parser:option(option[1]):description(option.text):target(option.target)
      element:args(option.takes and 1 or 0):count(option.many and "*" or "?")
      if option.takes then
         element:argname("<" .. option.takes .. ">"):action(option.many and "append" or "store")
         describe_values(element, option)
      else
         element:action(option.many and "count" or "store_true")
      end
      added[i] = element
   end
   return added
end

local function address_by_name(definitions)
   local out = {}
   for _, each in ipairs(definitions or {}) do
      out[each.name] = each.address
   end
   return out
end

local function nonempty(list)
   return list and #list > 0 and list or nil
end

local function trace_of(parsed)
   if not parsed.print_gc_sections then
      return parsed.trace
   end
   return parsed.trace and parsed.trace .. ",strip" or "strip"
end

--- What argparse found, as options of moonlink.new.
---@param parsed table
---@return moonlink.Options
---@return table<string, integer> define addresses by name
function options.linker(parsed)
   local define = nonempty(parsed.define) and address_by_name(parsed.define)
   return {
      search = nonempty(parsed.search), roots = nonempty(parsed.roots),
      wrap = nonempty(parsed.wrap), static = parsed.static, duplicate = parsed.duplicate,
      undefined = parsed.undefined, bind = parsed.bind, zone = parsed.zone,
      relax = not parsed.no_relax,
      block = parsed.block, pages = parsed.pages, protect = parsed.protect,
      allow_second_libc = parsed.allow_second_libc, trace = trace_of(parsed),
      gc_sections = parsed.gc_sections, keep = nonempty(parsed.keep), debug = parsed.debug,
      count = parsed.count,
      scope = define and {define, "self", "archives", "process", "fallback"} or nil,
   }, define or {}
end

return options
