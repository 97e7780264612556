--- Calling: C functions as Lua functions, Lua functions as C callbacks, C data by name.
-- Takes a linker: anything with `types` (a scope of cdecl) and `definition(name)`, which gives an
-- address and the unit that owns it, or nil and an error. What is made is kept with that linker
-- alone. A wrong prototype or option raises where the caller of `ln:func` stands, so a method that
-- leads here must do so by a tail call; a symbol that is not there is nil, err.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local ctype = require "moonlink.call.ctype"
local data = require "moonlink.call.data"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local lists = require "moonlink.lists"

local call = {}

---@class moonlink.Linker.Calling
---@field types moonlink.Scope
---@field definition fun(self: any, name: string): integer|nil, any

---@class moonlink.FuncOptions
---@field fail "negative"|"null"|"zero"|"nonzero"|nil results that become nil, message, number

---@class moonlink.FunctionInfo
---@field name string
---@field prototype string
---@field address integer
---@field owner moonlink.core.Unit|nil nil: code of the process
---@field alive boolean

local func_options = { fail = "string" }
local callback_options = { on_error = "any" }
local failures = { negative = true, null = true, zero = true, nonzero = true }

---The codes of variable arguments that are given as { "C type", value }.
local function variable_types(types)
   local known = {}
   local promoted = { f = "d", P = "p" } -- float becomes double; a signature is no single letter
   return function(text)
      local code = known[text]
      if not code then
         local t = types:type(text)
         code = t and ctype.code(ctype.as_parameter(t)) or ""
         code = promoted[code:sub(1, 1)] or code
         known[text] = code
      end
      return code
   end
end

---The declaration a text stands for: a name that was declared, or a prototype.
---@return moonlink.Declaration|nil
---@return any why
local function declaration_of(types, text)
   if type(text) ~= "string" then
      return nil, ("prototype expected, got %s"):format(type(text))
   elseif not text:match "^%s*[%a_][%w_]*%s*$" then
      return types:prototype(text)
   end
   local name = text:match "[%w_]+"
   local declared = types:find("functions", name)
   return declared, ("no prototype of '%s': give one, or declare it with cdef"):format(name)
end

local DATA = { object = true, tls = true }

---The error for a name that a unit knows as a variable; nil for all others.
local function no_function(owner, name)
   if owner and DATA[owner:type_of(name)] then
      return errors.new {
         code = "kind", symbol = name, message = ("'%s' is a variable, no function"):format(name),
         hint = ('declare it, as in ln:cdef "extern int %s;", and use ln.c.%s'):format(name, name),
      }
   end
end

---@param linker moonlink.Linker.Calling
---@param declared moonlink.Declaration
---@param fail string|nil
---@return function|nil
---@return any err
local function bind(linker, declared, fail)
   if not declared.code then
      local code, why = ctype.code(declared.type)
      if not code then
         error(("%s: %s"):format(declared.name, why), 0)
      end
      declared.code, declared.shown = code, ctype.show(declared.type, declared.name)
   end
   local address, owner = linker:definition(declared.symbol)
   if not address then
      return nil, owner
   end
   local err = no_function(owner, declared.symbol)
   if err then
      return nil, err
   end
   local types = declared.type.variadic and variable_types(linker.types) or nil
   return core.func(address, declared.code, owner, declared.name, types, declared.shown, fail)
end

---A C function as a Lua function.
---@param linker moonlink.Linker.Calling
---@param text string a prototype, or the name of a function that was declared
---@param options moonlink.FuncOptions|nil
---@return function|nil
---@return any err
function call.func(linker, text, options)
   local fail = given.options(options, func_options).fail
   if fail ~= nil and not failures[fail] then
      error(("option 'fail': unknown value '%s' (known: %s)"):format(tostring(fail),
         table.concat(lists.keys(failures), ", ")), 2)
   end
   local declared, why = declaration_of(linker.types, text)
   if not declared then
      error(tostring(why), 2)
   end
   local ok, result, err = pcall(bind, linker, declared, fail)
   if not ok then
      error(result, 2)
   elseif not result then
      return nil, err
   end
   return result -- one value: `pcall(ln:func(...))` passes no stray nil
end

---The place of a linker for `call.func`, in which every name has one address: for a function
---without a name, or one that the names of the linker hide.
---@param linker moonlink.Linker.Calling
---@param address integer
---@param owner any core unit that must be alive, or nil
---@return moonlink.Linker.Calling
function call.at(linker, address, owner)
   return {
      types = linker.types,
      definition = function()
         return address, owner
      end,
   }
end

---Declares types, functions, data and constants for this linker.
---@param linker moonlink.Linker.Calling
---@param text string
function call.cdef(linker, text)
   if type(text) ~= "string" then
      error(("cdef: string expected, got %s"):format(type(text)), 2)
   end
   local ok, mistake = linker.types:declare(text)
   if not ok then
      error(tostring(mistake), 2)
   end
end

---A Lua function as an address that C can call, until it is closed or collected.
---@param linker moonlink.Linker.Calling
---@param prototype string "int(int)", "void (*)(void *)", or the name of such a type
---@param fn function
---@param options { on_error: any }|nil a function of the error, or the result to give instead
---@return moonlink.Callback
function call.callback(linker, prototype, fn, options)
   options = given.options(options, callback_options)
   if type(fn) ~= "function" then
      error(("callback: function expected, got %s"):format(type(fn)), 2)
   end
   local t, mistake = linker.types:type(prototype)
   if not t then
      error(tostring(mistake), 2)
   end
   if t.kind == "pointer" then
      t = t.to
   end
   if t.kind ~= "function" then
      error(("callback: '%s' is no function type"):format(prototype), 2)
   end
   local code, why = ctype.code(t)
   if not code then
      error(why, 2)
   end
   local ok, result = pcall(core.callback, code, fn, options)
   if not ok then
      error(result, 2)
   end
   return result
end

---Where a declared variable is; of a thread-local one, the calling thread's.
local function data_address(linker, declared)
   return assert(linker:definition(declared.symbol))
end

local function get_data(linker, declared)
   local value, err = data.get(declared.type, data_address(linker, declared))
   if err then
      error(err, 0)
   end
   return value
end

local function set_data(linker, declared, value)
   if declared.const then
      error(("'%s' is const"):format(declared.name), 0)
   end
   local ok, err = data.set(declared.type, data_address(linker, declared), value)
   if not ok then
      error(err, 0)
   end
end

---Raises at the reader's level what a protected step raised.
local function at_level(level, ok, ...)
   if not ok then
      error((...), level + 1)
   end
   return ...
end

---What was declared, by name: `ln.c.add(2, 3)`, `ln.c.counter = 1`, `ln.c.O_RDONLY`. Functions
---are bound on first use and kept in the table.
---@param linker moonlink.Linker.Calling
---@param check fun() raises, where the program stands, when nothing can be looked up any more
---@return table
function call.namespace(linker, check)
   local meta = {}
   function meta.__index(self, name)
      local types = linker.types
      local constant = types:find("constants", name)
      local variable = types:find("data", name)
      local declared = types:find("functions", name)
      if constant then
         rawset(self, name, constant)
         return constant
      elseif variable then
         check()
         local value = at_level(2, pcall(get_data, linker, variable))
         return value
      elseif not declared then
         error(("'%s' is not declared; declare it first, as in ln:cdef \"int %s;\"")
            :format(tostring(name), tostring(name)), 2)
      end
      check()
      local ok, fn, err = pcall(bind, linker, declared)
      if not ok or not fn then
         error(ok and err or fn, 2)
      end
      rawset(self, name, fn)
      return fn
   end
   function meta.__newindex(_, name, value)
      local variable = linker.types:find("data", name)
      if not variable then
         error(("'%s' is not declared as a variable"):format(tostring(name)), 2)
      end
      check()
      at_level(2, pcall(set_data, linker, variable, value))
   end
   return setmetatable({}, meta)
end

---Lets functions go that the linker's namespace keeps; it makes them again when they are asked for.
---@param linker moonlink.Linker.Calling
---@param of "all"|"dead"|moonlink.core.Unit "dead": of units that have gone; a unit: and its own
function call.forget(linker, of)
   local namespace = rawget(linker, "c")
   for name, value in pairs(namespace or {}) do
      if type(value) == "function" then
         local _, _, owner, alive = core.funcinfo(value)
         if of == "all" or not alive or owner == of then
            rawset(namespace, name, nil)
         end
      end
   end
end

---Raw memory as values: `read(address, "i4 i4")`. "z" reads a string.
---@param where integer|userdata
---@param format string of string.unpack, of a fixed size
---@return any ... the values; or nil, err
function call.read(where, format)
   return data.unpack(where, format, 2)
end

---@param where integer|userdata
---@param format string of string.pack
---@param ... any
---@return true|nil
---@return table|nil err
function call.write(where, format, ...)
   return data.pack(where, 2, format, ...)
end

---The bytes up to a NUL, or `max` of them.
---@param where integer|userdata
---@param max integer|nil
---@return string|nil
---@return table|nil err
function call.string(where, max)
   given.argument(max, "integer or nil", 2, "string")
   if max and max < 0 then
      errors.mistake("bad argument #2 to 'string' (a size cannot be negative)")
   end
   return core.cstring(data.address(where, 3), max)
end

---What is known of a function that call.func made; nil for any other value.
---@param fn any
---@return moonlink.FunctionInfo|nil
function call.info(fn)
   local name, address, owner, alive, prototype = core.funcinfo(fn)
   if not name then
      return nil
   end
   return {
      name = name, address = address, owner = owner, alive = alive, prototype = prototype,
   }
end

return call
