--- The scope of a load: where names are looked for. Turns the user's list into the core's, in which
-- everything that Lua answers is an "ask", and answers those.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local lists = require "moonlink.lists"
local opts = require "moonlink.link.options"
local question = require "moonlink.link.question"
local runtimes = require "moonlink.link.runtimes"
local search = require "moonlink.link.search"

local scope = {}

local FALLBACK_SET = 1

---@class moonlink.CompiledScope
---@field core any[] as the core takes it
---@field places {[1]: integer, [2]: string?}[] which place of the user's each is, and its word
---@field ask table<integer, function> by place: takes the moonlink.Load and names, answers what it
---  can; gives true, or nil and an error
---@field archives {path: string, set: integer}[] to open before the start
---@field asks? boolean the user's functions or tables have a say
---@field last function[] those of `ask` that open fall-back archives

local function is_texts(value)
   for _, text in ipairs(type(value) == "table" and value or {false}) do
      if type(text) ~= "string" then
         return false
      end
   end
   return true
end

--- The default fall-back archives, or what the option says.
local function fallback_paths(options)
   local value = options.fallback
   if type(value) == "function" then
      value = value()
      if not is_texts(value or {}) then
         return nil, errors.new {
            code = "policy", message = "the function `fallback` answered with no list of paths",
            hint = "answer with a list of archives, or nil",
         }
      end
   elseif value == nil or value == true then
      value = search.fallback(options)
   end
   return value or {}
end

--- The archives of compiler options that some of the names belong to; each once.
local function runtime_paths(names, seen)
   local paths = {}
   for _, name in ipairs(names) do
      local runtime = runtimes.of(name)
      if runtime and runtime.archive and not seen[runtime] then
         seen[runtime] = true
         paths[#paths + 1] = runtime.archive()
      end
   end
   return paths
end

local function is_default(options)
   return options.fallback == nil or options.fallback == true
end

--- Opens the fall-back archives when the first name gets that far; the place behind asks them.
local function fallback_provider(load, names)
   local seen, options = load.runtimes, load.options
   local paths, err = {}, nil
   if not seen then
      paths, err = fallback_paths(options)
   end
   if not paths then
      return nil, err
   end
   load.runtimes = seen or {}
   if is_default(options) then
      lists.append(paths, runtime_paths(names, load.runtimes))
   end
   for _, path in ipairs(paths) do
      local ok
      ok, err = load.txn:add_archive(path, FALLBACK_SET)
      if not ok then
         return nil, err
      end
   end
   return true
end

--- What compilers take from libgcc_s.so, which they link by themselves, beside what is in libgcc.a.
local UNWINDER = {
   "^_Unwind_", "^__gcc_personality_", "^__register_frame", "^__deregister_frame", "^__emutls_",
}

--- Opens the unwinder's library for a name of its own: a process that holds no C++ has none.
local function unwinder_provider(load, names)
   local is_open
   for _, name in ipairs(names) do
      local is_its = false
      for _, pattern in ipairs(UNWINDER) do
         is_its = is_its or name:find(pattern) ~= nil
      end
      if is_its and is_open == nil then
         is_open = load.txn:add_library "libgcc_s.so.1" ~= nil
      end
      if is_its and is_open then
         local answered, err = load.txn:answer_process(name)
         if answered == nil then
            return nil, err
         end
      end
   end
   return true
end

--- A provider out of a function of a question.
local function function_provider(fn, label)
   return function(load, names)
      for _, name in ipairs(names) do
         local q = question.new(load.txn, load.session, name)
         local _, err = question.answer(load, q, fn(q), label)
         if err then
            return nil, err
         end
      end
      return true
   end
end

local function table_provider(names)
   return function_provider(function(q) return names[q.name] end, "a table of the scope")
end

local function is_unit(value)
   local mt = type(value) == "table" and getmetatable(value)
   return mt and mt.__name == "moonlink.LoadedUnit"
end

local function check_unit(unit, linker)
   if unit.linker ~= linker then
      errors.mistake("%s belongs to another linker", unit.name)
   elseif not unit:alive() then
      errors.mistake("%s was unloaded", unit.name)
   end
end

local function add(out, options, item)
   local list = out.core
   if is_unit(item) then
      list[#list + 1] = item.core
   elseif item == "fallback" then
      list[#list + 1] = "ask"
      out.ask[#list] = fallback_provider
      out.last[#out.last + 1] = fallback_provider
      list[#list + 1] = {set = FALLBACK_SET}
      if is_default(options) then
         list[#list + 1] = "ask"
         out.ask[#list] = unwinder_provider
      end
   elseif type(item) == "string" then
      list[#list + 1] = item
   elseif type(item) == "function" then
      list[#list + 1] = "ask"
      out.ask[#list] = function_provider(item, "a function of the scope")
      out.asks = true
   elseif type(item) == "table" and type(item.archive) == "string" and not getmetatable(item) then
      local set = #out.archives + FALLBACK_SET + 1
      out.archives[#out.archives + 1] = {path = item.archive, set = set}
      list[#list + 1] = {set = set}
   elseif type(item) == "table" then
      list[#list + 1] = "ask"
      out.ask[#list] = table_provider(item)
      out.asks = true
   else
      errors.mistake("a %s cannot be a place of the scope", type(item))
   end
end

local words = {self = true, archives = true, process = true, fallback = true}

local function compile(options, linker)
   local out = {core = {}, places = {}, ask = {}, archives = {}, last = {}}
   for i, item in ipairs(options.scope) do
      if type(item) == "string" and not words[item] then
         errors.mistake("'%s' is no place of the scope (self, archives, process, fallback)", item)
      end
      if linker and is_unit(item) then
         check_unit(item, linker)
      end
      local before = #out.core
      add(out, options, item)
      for k = before + 1, #out.core do
         out.places[k] = {i, type(item) == "string" and item or nil}
      end
   end
   return out
end

--- That of loads for which nothing was said.
local default = compile(opts.defaults)

--- Compiles the scope of a load.
---@param options moonlink.Options
---@param linker? moonlink.Linker whose load it is, to which its units must belong
---@return moonlink.CompiledScope
function scope.compile(options, linker)
   local is_plain = options.scope == opts.defaults.scope and is_default(options)
   return is_plain and default or compile(options, linker)
end

return scope
