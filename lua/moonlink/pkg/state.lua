--- What a program may import, and what it links: GHC's unit state, in steps over plain tables.
--
--    local state = require "moonlink.pkg.state"
--    local s = assert(state.new {databases = {global, user}, flags = {"-package", "containers"}})
--    state.lookup(s, "Data.Map").unit          --> "containers-0.6.4.1"
--
-- Each step takes the state so far and goes on with it; `options.steps` puts other functions in
-- their places.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local flags = require "moonlink.pkg.flags"
local given = require "moonlink.given"
local graph = require "moonlink.pkg.graph"
local lists = require "moonlink.lists"
local messages = require "moonlink.pkg.messages"
local modules = require "moonlink.pkg.modules"
local validate = require "moonlink.pkg.validate"
local version = require "moonlink.pkg.version"
local visible = require "moonlink.pkg.visible"
local wired = require "moonlink.pkg.wired"

local state = {}

---@class moonlink.pkg.State
---@field ghc string
---@field old boolean a GHC up to 6.8, in what it says
---@field unit string the program's own unit
---@field home table<string, true> the program's own modules
---@field databases {path: string, packages: moonlink.pkg.Package[]}[] the later one wins
---@field steps table<string, function>
---@field units table<string, moonlink.pkg.Unit> the usable ones, by id
---@field list moonlink.pkg.Unit[] the same ones, in order
---@field unusable table<string, moonlink.pkg.Unusable> the other ones, by id, with reasons
---@field cycles moonlink.pkg.Unit[][]
---@field overridden {id: string, database: integer}[] units that a later database defines again
---@field visible table<string, moonlink.pkg.Visibility> by unit id
---@field hiding table[] GHC up to 6.12: older versions that a later one hides
---@field wired table<string, string> id in the database to bare name
---@field choices {name: string, id: string?}[] what each wired-in package was mapped to
---@field modules table<string, moonlink.pkg.Entry[]> by name
---@field preload string[] units that are linked in any case, each before those it depends on
---@field by_name? table<string, moonlink.pkg.Unit[]> once a step asked for it

--- The units to link: those that a flag asked for, those that every program has, and all that they
--- depend on. Gives s.preload, where each stands before what it depends on: the order of a link
--- line.
---@param s moonlink.pkg.State
---@return moonlink.Error? err
local function preload(s)
   local asked, roots = {}, {}
   for id, shown in pairs(s.visible) do
      asked[#asked + 1] = shown.explicit and id or nil
   end
   table.sort(asked)
   for _, id in ipairs(s.auto_link and wired.linked(s.ghc) or {}) do
      roots[#roots + 1] = s.units[id] and id ~= s.unit and id or nil
   end
   table.move(asked, 1, #asked, #roots + 1, roots)
   local order, missing = graph.closure(s.list, roots)
   if missing[1] then
      local one = missing[1]
      local text = ("unknown %s: %s"):format(s.old and "package" or "unit", one.id)
      return messages.error("package", one.by and ("%s (dependency of %s)"):format(text, one.by)
         or text, {unit = one.id})
   end
   s.preload = {}
   for i = #order, 1, -1 do
      s.preload[#s.preload + 1] = order[i].id
   end
end

--- The steps by name, and the functions that they ask. `prefer(a, b)` says which of two units of a
--- package counts (1, 0, -1), `choose_wired(s, name)` the unit of a wired-in package.
---@type table<string, fun(s: moonlink.pkg.State): moonlink.Error?>
state.steps = {
   merge = validate.merge,
   missing = validate.missing,
   cyclic = validate.cyclic,
   ignored = validate.ignored,
   shadowed = validate.shadowed,
   trust = visible.trust,
   exposed = visible.exposed,
   flags = visible.flags,
   wire = visible.wire,
   modules = modules.map,
   preload = preload,
   prefer = visible.prefer,
   choose_wired = visible.choose_wired,
   lookup = modules.lookup,
}

--- The steps in the order in which GHC takes them.
state.order = {"merge", "missing", "cyclic", "ignored", "shadowed", "trust", "exposed", "flags",
   "wire", "modules", "preload"}

---@class moonlink.pkg.StateOptions
---@field databases {path: string, packages: moonlink.pkg.Package[]}[] the later one wins
---@field flags? (string|moonlink.pkg.Flag)[] words of a command line, or flags that were read
---@field environment? moonlink.pkg.Flag[] of an environment file; they come after the flags
---@field ghc? string version whose rules count; "9.0.2"
---@field unit? string the program's own unit; "main"
---@field modules? string[] the program's own modules
---@field wired? string[] names of wired-in packages; else those of the GHC
---@field steps? table<string, function> in place of state.steps
---@field order? string[] in place of state.order

--- Flags as a list of them, whatever the caller has.
---@param value (string|moonlink.pkg.Flag)[]?
---@return moonlink.pkg.Flag[]?
---@return moonlink.Error? err
local function read_flags(value)
   local list = value or {}
   if type(list[1]) == "string" then
      local rest
      list, rest = flags.parse(list)
      if not list then
         return nil, rest
      elseif rest[1] then
         return nil, errors.new {code = "usage", message = "unknown flag: " .. rest[1]}
      end
   end
   return list
end

--- Those of a command line, then those of an environment file.
local function all_flags(options)
   local list, err = read_flags(options.flags)
   if not list then
      return nil, err
   end
   local all = table.move(list, 1, #list, 1, {})
   return table.move(options.environment or {}, 1, #(options.environment or {}), #all + 1, all)
end

--- The flags that say what is visible; -trust and -distrust expose their packages, too.
local function package_flags(list)
   local found = flags.of(list, "package", "package-id", "hide-package", "trust", "distrust")
   for i, flag in ipairs(found) do
      if flag.kind == "trust" or flag.kind == "distrust" then
         found[i] = flags.package("package", flag.arg)
      end
   end
   return found
end

--- A state before its first step: what the caller wants, sorted by what asks for it.
---@param options moonlink.pkg.StateOptions
---@return moonlink.pkg.State?
---@return moonlink.Error? err
function state.begin(options)
   local list, err = all_flags(options)
   if not list then
      return nil, err
   end
   local ghc, home = options.ghc or "9.0.2", {}
   for _, name in ipairs(options.modules or {}) do
      home[name] = true
   end
   local own = flags.of(list, "this-unit-id")
   for name in pairs(options.steps or {}) do
      if not state.steps[name] and not lists.contains(options.order or {}, name) then
         given.unknown(name, state.steps, "step", "state")
      end
   end
   return {
      ghc = ghc, old = version.less(ghc, "6.9"), databases = options.databases, home = home,
      unit = options.unit or own[1] and own[#own].arg or "main",
      hide_all = flags.of(list, "hide-all-packages")[1] ~= nil,
      distrust_all = flags.of(list, "distrust-all-packages")[1] ~= nil,
      auto_link = flags.of(list, "no-auto-link-packages")[1] == nil,
      ignore_flags = flags.of(list, "ignore-package"),
      trust_flags = flags.of(list, "trust", "distrust"),
      package_flags = package_flags(list),
      wired_names = options.wired,
      steps = setmetatable(options.steps or {}, {__index = state.steps}),
   }
end

--- The state of a GHC that has these databases and flags.
---@param options moonlink.pkg.StateOptions
---@return moonlink.pkg.State?
---@return moonlink.Error? err a flag that cannot be read, or that no usable package satisfies
function state.new(options)
   local s, err = state.begin(options)
   if not s then
      return nil, err
   end
   for _, name in ipairs(options.order or state.order) do
      err = s.steps[name](s)
      if err then
         return nil, err
      end
   end
   return s
end

--- What importing a module means in a state.
---@param s moonlink.pkg.State
---@param name string
---@param options? {package?: string, plain?: boolean}
---@return moonlink.pkg.Lookup
function state.lookup(s, name, options)
   return s.steps.lookup(s, name, options)
end

---@class moonlink.pkg.DatabaseOptions
---@field flags? (string|moonlink.pkg.Flag)[] words of a command line, or flags that were read
---@field environment? moonlink.pkg.Flag[] of an environment file; they come after the flags
---@field path? string GHC_PACKAGE_PATH, when it is set
---@field global? string the global database
---@field user? string the user's database; nil when there is none
---@field split? string what stands between paths; ":"

local DATABASE_OPTIONS = {
   flags = "table", environment = "table", path = "string", global = "string", user = "string",
   split = "string",
}

--- The databases that GHC would read, the one that wins last.
---@param options moonlink.pkg.DatabaseOptions
---@return string[]? paths
---@return moonlink.Error? err a flag that cannot be read
function state.databases(options)
   given.options(options, DATABASE_OPTIONS, "databases")
   local list, err = all_flags(options)
   if not list then
      return nil, err
   end
   local stack, split = {}, options.split or ":"
   local function push(kind, path)
      table.insert(stack, {kind = kind, path = path})
   end
   local path = options.path ~= "" and options.path or nil -- GHC takes "" for the current folder
   local system = not path or path:sub(-#split) == split
   if system then
      push("global", options.global)
      push("user", options.user)
   end
   if path then
      path = system and path:sub(1, -#split - 1) or path
      local listed = {}
      for each in (path .. split):gmatch("(.-)" .. split:gsub("%p", "%%%0")) do
         listed[#listed + 1] = each ~= "" and each or nil
      end
      for i = #listed, 1, -1 do
         push("path", listed[i])
      end
   end
   for _, flag in ipairs(list) do
      state.change_stack(stack, flag, options)
   end
   local paths = {}
   for _, one in ipairs(stack) do
      paths[#paths + 1] = one.path
   end
   return paths
end

--- What one flag does to the stack of databases, the one that wins last.
---@param stack {kind: string, path: string?}[] changed
---@param flag moonlink.pkg.Flag
---@param options moonlink.pkg.DatabaseOptions
function state.change_stack(stack, flag, options)
   local gone = flag.kind:match "^no%-(%a+)%-package%-db$"
   if flag.kind == "package-db" then
      table.insert(stack, {kind = "path", path = flag.arg})
   elseif flag.kind == "global-package-db" or flag.kind == "user-package-db" then
      local kind = flag.kind:match "^%a+"
      table.insert(stack, {kind = kind, path = options[kind]})
   elseif flag.kind == "clear-package-db" or gone then
      for i = #stack, 1, -1 do
         if not gone or stack[i].kind == gone then
            table.remove(stack, i)
         end
      end
   end
end

return state
