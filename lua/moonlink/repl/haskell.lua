--- Haskell at the prompt: a runtime in the session's linker, modules compiled by ghc, their exports
-- as functions, their other names as values: `Fib.fibs:value "[Int]"`.
-- SPDX-License-Identifier: MIT

local ctype = require "moonlink.call.ctype"
local errors = require "moonlink.error"
local file = require "moonlink.file"
local lists = require "moonlink.lists"

local haskell = {}

local TAG = 7 -- the bits of a closure's address that say more of it

---@class moonlink.repl.HaskellOptions as of ghc.start
---@field packages? string[]
---@field database? string[]
---@field way? string
---@field kind? string
---@field options? string

--- Is there a GHC whose packages could be loaded?
---@param session moonlink.repl.Session
---@return boolean
function haskell.available(session)
   return session.hs ~= nil or require "moonlink.ghc.locate".ghc() ~= nil
end

local function start(session, names)
   local options = {packages = names, linker = session.ln}
   for key, value in pairs(session.haskell) do
      options[key] = options[key] or value
   end
   options.database = options.database or {}
   local on_top = {} -- those of the session: the last one wins, as for `:package`
   for i = #session.databases, 1, -1 do
      on_top[#on_top + 1] = session.databases[i]
   end
   options.database = lists.append(on_top, options.database)
   local hs, err = require "moonlink.ghc".start(options)
   session.finish()
   if not hs then
      return nil, err
   end
   session.hs = hs
   rawset(session.env, "hs", hs)
   return lists.field(hs.packages, "id")
end

--- Loads packages of GHC's databases, and the runtime first when it is not there.
---@param session moonlink.repl.Session
---@param names string[]
---@return string[]? ids of those that are new
---@return moonlink.Error? err
function haskell.packages(session, names)
   if not session.hs then
      return start(session, names)
   end
   local ids, err = session.hs:package(table.unpack(names))
   session.finish()
   return ids, err
end

--- Starts the runtime, unless it is there.
---@param session moonlink.repl.Session
---@return boolean?
---@return moonlink.Error? err
function haskell.ready(session)
   local ids, err = true, nil
   if not session.hs then
      ids, err = start(session, session.haskell.packages)
   end
   return ids and true, err
end

-- ---- compiling ----

--- C types of what HsFFI.h calls them.
local TYPES = {
   HsChar = "uint32_t", HsInt = "int64_t", HsInt8 = "int8_t", HsInt16 = "int16_t",
   HsInt32 = "int32_t", HsInt64 = "int64_t", HsWord = "uint64_t", HsWord8 = "uint8_t",
   HsWord16 = "uint16_t", HsWord32 = "uint32_t", HsWord64 = "uint64_t", HsFloat = "float",
   HsDouble = "double", HsBool = "int64_t", HsPtr = "void *", HsFunPtr = "void *",
   HsStablePtr = "void *",
}

--- The prototypes of foreign exports, out of the headers that ghc wrote.
local function prototypes(text)
   local out = {}
   for line in text:gmatch "extern ([^\n]*;)" do
      out[#out + 1] = line:find "^[%w_ ]+%b();$" and line:gsub("Hs%w+", TYPES) or nil
   end
   return out
end

--- Compiles a module, for the runtime that is there. The interfaces of all modules of a session are
--- in one folder, so that a module may import those that were compiled before.
---@param session moonlink.repl.Session
---@param path string
---@param object string path of the object
---@return string[]? prototypes of its foreign exports
---@return moonlink.Error|string|nil err or what the compiler warned of
function haskell.compile(session, path, object)
   local said, stubs = file.quote(object .. ".log"), file.quote(object .. ".stubs")
   local interfaces = file.quote(session.folder.made.path .. "/hi")
   local flags = {session.ghcflags, session.hs.kind == "shared" and "-dynamic -fPIC" or ""}
   for _, database in ipairs(session.hs.asked.database or {}) do
      table.insert(flags, 2, "-package-db " .. file.quote(database)) -- the last one is on top
   end
   local good = os.execute(("%s -v0 -c -fforce-recomp %s -hidir %s -stubdir %s -i -i%s -o %s %s "
      .. ">%s 2>&1"):format(os.getenv "GHC" or "ghc", table.concat(flags, " "), interfaces, stubs,
      interfaces, file.quote(object), file.quote((path:gsub("^%-", "./-"))), said))
   os.execute(("find %s -name '*_stub.h' -exec cat '{}' + >%s 2>/dev/null; rm -rf %s"):format(stubs,
      file.quote(object .. ".aux"), stubs))
   local text = (file.read(object .. ".log") or ""):gsub("%s+$", "")
   local found = prototypes(file.read(object .. ".aux") or "")
   os.remove(object .. ".log")
   os.remove(object .. ".aux")
   if not good then
      return nil, errors.new {
         code = "refused", file = path, message = ("%s does not compile"):format(path),
         hint = "`:set ghcflags FLAGS` gives ghc other options", detail = text,
      }
   end
   return found, text ~= "" and text or nil
end

-- ---- loading ----

--- Loads inputs. Packages that they want and that are not there come first, as in GHCi.
---@param session moonlink.repl.Session
---@param what table
---@return moonlink.LoadedUnit?
---@return moonlink.Error? err
function haskell.load(session, what)
   local unit, err = session.hs:load(what)
   local wanted = not unit and require "moonlink.ghc.lacks".packages(session.hs, err) or {}
   if #wanted > 0 then
      local ids = haskell.packages(session, wanted)
      if ids then
         unit, err = session.hs:load(what)
      end
   end
   return unit, err
end

--- Takes the names of a unit away; its memory stays, since the heap may refer to it. Refused while
--- other units use it, unless forced.
---@param unit moonlink.LoadedUnit
---@param how? string
---@return boolean?
---@return moonlink.Error? err
function haskell.unload(unit, how)
   for _, user in ipairs(how ~= "force" and unit:users() or {}) do
      if user.kind == "unit" then
         return nil, errors.new {
            code = "state", file = unit.name,
            message = ("unload of '%s' refused: %s uses it"):format(unit.name, user.name),
            hint = "unload that one first; or `:unload!`, after which it goes on with the old code",
         }
      end
   end
   return unit:unload "orphan"
end

--- Puts a new version in the place of a unit, and of others that were compiled anew with it.
---@param session moonlink.repl.Session
---@param each moonlink.repl.Loaded
---@param inputs table
---@param others {loaded: moonlink.repl.Loaded, inputs: table}[]
---@return moonlink.ReloadReport?
---@return moonlink.Error? err
function haskell.reload(session, each, inputs, others)
   local more = {}
   for _, other in ipairs(others) do
      more[other.loaded.unit] = other.inputs
   end
   local unit, list = session.hs:reload(each.unit, inputs, more)
   session.finish()
   if not unit then
      return nil, list
   end
   for _, one in ipairs(session.loaded) do
      one.unit = list.of[one.unit] or one.unit
   end
   session.functions = {}
   return {version = unit.version, carried = {}, fresh = {}}
end

-- ---- names ----

--- A declared function that raises Haskell exceptions; made once.
---@param session moonlink.repl.Session
---@param name string
---@param declared moonlink.Declaration
---@return function
function haskell.func(session, name, declared)
   local fn = session.functions[name]
   if not fn then
      local err
      fn, err = session.hs:func(ctype.show(declared.type, name))
      if not fn then
         error(err, 0)
      end
      session.functions[name] = fn
   end
   return fn
end

--- The value of a name of a module: of those that were loaded as objects, else of the packages.
local function value_of(hs, module, name)
   local value, err = hs:get("main", module, name)
   for i = #hs.packages, 1, -1 do
      value = value or hs:get(hs.packages[i].id, module, name)
   end
   if not value then
      err.message, err.hint = ("%s has no %s"):format(module, name),
         "GHC keeps what a module exports, in the module that defines it"
      error(err, 0)
   end
   return value
end

local module = {__name = "moonlink.repl.Module"}

function module:__index(name)
   if type(name) == "string" and name:find "^%u[%w_']*$" then
      return setmetatable({self[1] .. "." .. name, self[2]}, module)
   end
   return value_of(self[2], self[1], tostring(name))
end

function module:__tostring()
   return "Haskell module " .. self[1]
end

--- A module as a table: `GHC.List.reverse`, `Fib["fib'"]`.
---@param session moonlink.repl.Session
---@param name string the first part of its name
---@return table
function haskell.module(session, name)
   return setmetatable({name, session.hs}, module)
end

--- A value of Haskell as text: `()` is told from others, nothing is evaluated. Nil for others.
---@param session moonlink.repl.Session
---@param v any
---@return string?
function haskell.show(session, v)
   local hs = session.hs
   if not hs or hs.state ~= "up" then
      return nil
   end
   local good, closure = pcall(require "moonlink.ghc.value".closure, hs, v)
   if good and closure and closure | TAG == hs:constructor_address "()" | TAG then
      return "()"
   end
end

--- What modules in a unit are called, up to their first dot.
---@param unit moonlink.LoadedUnit
---@return string[]
function haskell.modules(unit)
   local pkg, out = require "moonlink.pkg", {}
   for e in unit:symbols {exported = true} do
      local found = e.name:find "_closure$" and pkg.parse_symbol(e.name)
      out[#out + 1] = found and found.module and found.module:match "^[%w_]+"
   end
   return lists.unique(out)
end

--- What may stand behind `Fib.` or `Data.Map.`: names of the module that can be typed so, parts
--- of modules below it.
---@param session moonlink.repl.Session
---@param path string with its last dot
---@return string[]
function haskell.members(session, path)
   local pkg, out = require "moonlink.pkg", {}
   local whole, below = path:sub(1, -2), pkg.zenc(path)
   local code = pkg.zenc(whole) .. "_"
   for _, unit in ipairs(session.ln:units()) do
      for e in unit:symbols {exported = true} do
         local found = (e.name:find(code, 1, true) or e.name:find(below, 1, true))
            and pkg.parse_symbol(e.name)
         if found and found.kind == "closure" and found.module == whole then
            out[#out + 1] = found.name:find "^[%l_][%w_]*$" and found.name or nil
         elseif found and found.module and found.module:sub(1, #path) == path then
            out[#out + 1] = found.module:match("^[%w_]+", #path + 1)
         end
      end
   end
   return out
end

--- Writes out what Haskell has printed, behind what C has: both keep buffers of their own.
---@param session moonlink.repl.Session
function haskell.flush(session)
   local hs = session.hs
   if hs and hs.state == "up" then
      session.system:flush()
      hs:run(hs:eval("base", "GHC.TopHandler", "flushStdHandles"))
   end
end

--- Ends the runtime, and with it the session's linker.
---@param session moonlink.repl.Session
---@return boolean?
---@return moonlink.Error? err
function haskell.close(session)
   local hs = session.hs
   session.hs = nil
   if hs then
      return hs:exit()
   end
   return true
end

return haskell
