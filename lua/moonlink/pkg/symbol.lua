--- The symbols of compiled Haskell, both ways: `base_GHCziBase_map_info` is the info table of `map`
--- in module GHC.Base of unit base.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local ids = require "moonlink.pkg.ids"
local version = require "moonlink.pkg.version"
local wired = require "moonlink.pkg.wired"
local zenc = require "moonlink.pkg.zenc"

local symbol = {}

---@class moonlink.pkg.Symbol
---@field unit string "main" for the program's own modules, whose symbols bear no unit
---@field module? string
---@field name? string as Haskell writes it, with what GHC puts before it: "$fShowInt", "C:Eq"
---@field kind string a key of symbol.kinds
---@field site? {unit: string, module: string, number: integer} of con_info: one use (GHC 9.2 on)
---@field detail? string cost centre: "CAF", "EXPR3"; stginit: the way; wrapper: its number

--- Kinds of symbols. Those with `suffix` stand behind a name, of one word more than they need
--- before them; the other ones have forms of their own.
---@type table<string, {means: string, suffix?: boolean, constructor?: boolean}>
symbol.kinds = {
   closure = {means = "static closure", suffix = true},
   info = {means = "info table, with the code behind it", suffix = true},
   entry = {means = "code, where info tables lie apart", suffix = true},
   slow = {means = "code for arguments on the stack", suffix = true},
   fast = {means = "code of the run-time system for arguments in registers", suffix = true},
   con_info = {means = "info table of a constructor", suffix = true, constructor = true},
   con_entry = {means = "code of a constructor", suffix = true, constructor = true},
   static_info = {means = "info table of a static constructor (up to 8.0)", suffix = true,
      constructor = true},
   static_entry = {means = "code of a static constructor (up to 8.0)", suffix = true,
      constructor = true},
   closure_tbl = {means = "closures of an enumeration's constructors", suffix = true},
   bytes = {means = "string literal (8.2 on)", suffix = true},
   srt = {means = "static reference table", suffix = true},
   srtd = {means = "descriptor of a large static reference table", suffix = true},
   ret = {means = "return point", suffix = true},
   ret_info = {means = "info table of a return point", suffix = true},
   btm = {means = "large bitmap of a stack frame", suffix = true},
   alt = {means = "case alternative (old)", suffix = true},
   dflt = {means = "default case alternative (old)", suffix = true},
   str = {means = "string", suffix = true},
   ct = {means = "ticky-ticky counter", suffix = true},
   dsp = {means = "end of an info table, where the assembler needs it", suffix = true},
   cc = {means = "cost centre", suffix = true},
   ccs = {means = "cost centre stack", suffix = true},
   ipe = {means = "where an info table comes from (9.2 on)", suffix = true},
   hpc_tickboxes = {means = "coverage counters of a module"},
   stginit = {means = "initialiser of a module (up to 8.0)"},
   module_registered = {means = "flag of a module's initialiser (up to 6.12)"},
   primop = {means = "primitive operation of the run-time system"},
   wrapper = {means = "C function that a capi import calls"},
}

local function is_module(text)
   if text == ":Main" then
      return true
   end
   for part in (text .. "."):gmatch "(.-)%." do
      if not part:find "^[A-Z\128-\255][%w_'\128-\255]*$" then
         return false
      end
   end
   return true
end

--- The module at words[i], without a unit before it.
local function plain_module(words, i)
   local module = words[i] and zenc.decode(words[i])
   if module and is_module(module) then
      return {unit = "main", module = module, behind = i + 1}
   end
end

--- The module at words[i + 1], behind its unit.
local function unit_module(words, i)
   local unit, module = words[i], words[i + 1]
   if not module or unit == "" then
      return nil
   end
   unit, module = zenc.decode(unit), zenc.decode(module)
   if unit and module and is_module(module) then
      return {unit = unit, module = module, behind = i + 2}
   end
end

local function split(text)
   local words = {}
   for word in (text .. "_"):gmatch "(.-)_" do
      words[#words + 1] = word
   end
   return words
end

local function is_constructor(name)
   return name:find "^[A-Z:(%[\128-\255]" ~= nil
end

--- Kind and use of a constructor from what stands behind its name: unit and module, number, kind.
local function site_of(words, from)
   local n = #words
   local kind = words[n - 1] == "con" and "con_" .. words[n]
   local number = words[n - 2] and words[n - 2]:find "^%d+$" and tonumber(words[n - 2])
   number = math.type(number) == "integer" and tostring(number) == words[n - 2] and number
   if not number or not symbol.kinds[kind] then
      return nil
   end
   local where = n - 2 - from == 1 and plain_module(words, from)
      or n - 2 - from == 2 and unit_module(words, from)
   if where then
      return kind, {unit = where.unit, module = where.module, number = number}
   end
end

--- What follows the module: name and kind, with what some kinds have between them.
local function rest_of(words, where)
   local at, n = where.behind, #words
   local name = words[at] and words[at] ~= "" and zenc.decode(words[at])
   if not name then
      return nil
   end
   local rest = table.concat(words, "_", at + 1)
   local kind, last = symbol.kinds[rest], words[n]
   local found = {unit = where.unit, module = where.module, name = name, kind = rest}
   if kind and kind.suffix and (not kind.constructor or is_constructor(name)) then
      return found
   elseif n == at + 1 and name == "CAFs" and last == "cc" then
      return found
   elseif n == at + 2 and (last == "cc" or last == "ccs") then
      found.kind, found.detail = last, words[at + 1]
      return found
   end
   found.kind, found.site = site_of(words, at + 1)
   return found.kind and found
end

local function parse_words(words, units)
   local where = plain_module(words, 1)
   local plain = where and rest_of(words, where)
   if plain and not units then
      return plain
   end
   where = unit_module(words, 1)
   local other = where and (not plain or units[where.unit]) and rest_of(words, where)
   return other or plain
end

--- Symbols that belong to a module as a whole, or to none.
local function parse_special(text)
   if text:byte() ~= 95 and not text:find("_registered", -11, true) then
      return nil
   end
   local inner = text:match "^_hpc_tickboxes_(.+)_hpc$"
   local kind = inner and "hpc_tickboxes"
   if not inner then
      inner = text:match "^__stginit_(.+)$"
      kind = inner and "stginit"
   end
   if not inner then
      inner = text:match "^(.+)_module_registered$"
      kind = inner and "module_registered"
   end
   if not inner then
      return nil
   end
   local words = split(inner)
   for _, at in ipairs {plain_module, unit_module} do
      local where = at(words, 1)
      local left = where and #words - where.behind + 1
      if left == 0 or left == 1 and kind == "stginit" then
         return {unit = where.unit, module = where.module, kind = kind,
            detail = words[where.behind]}
      end
   end
end

local function parse_primop(text)
   local code = text:match "^stg_(%w+zh)$"
   local name = code and zenc.decode(code)
   return name and {unit = "rts", name = name, kind = "primop"}
end

local function parse_wrapper(text)
   local name = text:find "^ghczuwrapperZC" and zenc.decode(text)
   local number, unit, module, c = (name or ""):match "^ghc_wrapper:(%d+):([^:]+):([^:]+):([^:]+)$"
   return number and {unit = unit, module = module, name = c, kind = "wrapper", detail = number}
end

--- What a symbol stands for; nil and why when it is none of a Haskell module. A name such as
--- `Foo_Bar_con_info` can be read in two ways; known units decide, else it is taken for a
--- constructor of the program's module Foo.
---@param text string
---@param options? {units?: table<string, any>, underscore?: boolean} unit ids that exist, as keys;
--- underscore: the platform puts one before all symbols
---@return moonlink.pkg.Symbol?
---@return string? why
function symbol.parse(text, options)
   options = options or {}
   if options.underscore then
      if text:sub(1, 1) ~= "_" then
         return nil, "no underscore at its start"
      end
      text = text:sub(2)
   end
   local found = parse_special(text) or parse_primop(text) or parse_wrapper(text)
   if not found and text:sub(1, 4) ~= "stg_" then -- the run-time system's own
      found = parse_words(split(text), options.units)
   end
   if not found then
      return nil, "not a name of a Haskell module"
   end
   return found
end

local function encoded(text, ghc)
   if type(text) ~= "string" then
      errors.mistake("a part of the symbol: string expected, got %s", type(text))
   end
   return assert(zenc.encode(text, ghc))
end

local function module_prefix(unit, module, ghc)
   local code = encoded(module, ghc)
   return unit == "main" and code or ("%s_%s"):format(encoded(unit, ghc), code)
end

--- The symbol of a name. Raises when a part is no UTF-8.
---@param s moonlink.pkg.Symbol
---@param ghc? string version whose rules for tuples count; the newest when absent
---@return string
function symbol.make(s, ghc)
   local function code(text)
      return encoded(text, ghc)
   end
   if s.kind == "primop" then
      return "stg_" .. code(s.name)
   elseif s.kind == "wrapper" then
      return code(("ghc_wrapper:%s:%s:%s:%s"):format(s.detail, s.unit, s.module, s.name))
   end
   local prefix = module_prefix(s.unit, s.module, ghc)
   if s.kind == "hpc_tickboxes" then
      return ("_hpc_tickboxes_%s_hpc"):format(prefix)
   elseif s.kind == "stginit" then
      return "__stginit_" .. prefix .. (s.detail and "_" .. s.detail or "")
   elseif s.kind == "module_registered" then
      return prefix .. "_module_registered"
   end
   local parts = {prefix, code(s.name)}
   if s.site then
      parts[3] = module_prefix(s.site.unit, s.site.module, ghc)
      parts[4] = ("%d"):format(s.site.number)
   end
   parts[#parts + 1] = s.detail
   parts[#parts + 1] = s.kind
   return table.concat(parts, "_")
end

--- What the symbols of a package bear before the module: up to 7.8 its name, with the version
--- unless GHC knows it by heart; in 7.10 its key; since 8.0 its unit id.
---@param p moonlink.pkg.Package
---@param ghc? string version; "9.0.2"
---@return string
function symbol.unit(p, ghc)
   ghc = ghc or "9.0.2"
   if wired.has(p.name, ghc) then
      return p.name
   elseif version.less(ghc, "7.9") then
      return ids.package(p)
   elseif version.less(ghc, "7.11") and p.key and p.key ~= "" then
      return p.key
   end
   return ids.unit(p)
end

return symbol
