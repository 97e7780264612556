--- Names of Haskell in a runtime: modules and their symbols, constructors, types of closures.
-- Every function takes a moonlink.ghc.Runtime and is a method of it.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local layout = require "moonlink.ghc.layout"
local pkg = require "moonlink.pkg"

local names = {}

--- The unit id that symbols of a package bear: a package by name, or the id itself.
local function unit_of(self, text)
   local unit = self.unit_ids[text]
   if unit then
      return unit
   end
   local best
   for _, p in ipairs(self.packages) do
      if p.id == text or p.name == text and (not best
         or pkg.compare(p.version, best.version) > 0) then
         best = p
      end
   end
   unit = best and (best.symbols or best.id) or text
   self.unit_ids[text] = unit
   return unit
end

--- The symbol of a name.
---@param unit string package name, unit id, or "main" for objects that are no package's
---@param module string
---@param name string as Haskell has it
---@param kind string "closure", "con_info" ...
---@return string
function names:symbol_name(unit, module, name, kind)
   for i, what in ipairs {"package", "module", "name"} do
      local text = select(i, unit, module, name)
      if type(text) ~= "string" then
         errors.mistake("%s expected, got %s", what, type(text))
      elseif not utf8.len(text) then
         errors.mistake("%q is no name: it is not UTF-8", text)
      end
   end
   return pkg.make_symbol({
      unit = unit_of(self, unit), module = module, name = name, kind = kind,
   }, self.version)
end

--- The address of a symbol of a module; nil and an error when there is none.
---@param unit string package name, unit id, or "main" for objects that are no package's
---@param module string
---@param name string as Haskell has it
---@param kind string "closure", "con_info" ...
---@return integer?
---@return moonlink.Error? err
function names:symbol_address(unit, module, name, kind)
   local symbol = self:symbol_name(unit, module, name, kind)
   local address, err = self.linker:address_of(symbol)
   if address then
      return address
   elseif err.code ~= "undefined" then
      return nil, err
   end
   return nil, errors.new {
      code = "undefined", symbol = symbol,
      message = ("%s: %s has no %s"):format(unit, module, name),
      hint = ("no symbol %s in what was loaded: another module may define the name (map is in "
         .. "GHC.Base, whoever passes it on), the module may keep it to itself, or start was not "
         .. "given the package"):format(symbol),
   }
end

--- The name of the closure behind a key of layout.closures.
function names:closure_symbol(key)
   local where = layout.closures[key]
   return self:symbol_name(where[1], where[2], where[3], "closure")
end

--- The address of a closure behind a key of layout.closures, looked up once.
function names:closure_address(key)
   return self.closures[key]
end

--- The info table of a constructor, by its name.
function names:info(name)
   local address = self.infos[name]
   if not address then
      local unit, module = layout.home(name)
      local err
      address, err = self:symbol_address(unit, module, name, "con_info")
      if not address then
         error(err, 0)
      end
      self.infos[name] = address
   end
   return address
end

--- The static closure of a constructor without contents.
function names:constructor_address(name)
   local key = "con " .. name
   local address = self.infos[key]
   if not address then
      local unit, module = layout.home(name)
      local err
      address, err = self:symbol_address(unit, module, name, "closure")
      if not address then
         error(err, 0)
      end
      self.infos[key] = address
   end
   return address
end

--- The type of the closures that have this info table: it lies before the code it is named by.
---@param info integer
---@return integer
function names:closure_type(info)
   local type = self.closure_types[info]
   if not type then
      type = self.rts.rts_getInt(info - 8 - self.header) & 0xffffffff
      self.closure_types[info] = type
   end
   return type
end

--- What a closure begins with: its info table; in the profiling runtime also whose cost it is, and
--- a word for the profiler of the heap.
---@param info integer
---@return string bytes
function names:header_of(info)
   return self.cost and ("jjj"):pack(info, self.cost, 0) or ("j"):pack(info)
end

--- The number of a constructor within its type, from 0.
function names:constructor_tag(info)
   return self.rts.rts_getInt(info - 8 - self.header) >> 32
end

return names
