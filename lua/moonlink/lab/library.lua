--- Shared libraries through the process's own dlopen, with flags of the caller's choice: what
-- strategies that make shared libraries load with.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local cdecl = require "moonlink.call.cdecl"
local errors = require "moonlink.error"
local moonlink = require "moonlink"

local library = {}

-- <dlfcn.h> of glibc on x86-64
library.LAZY, library.NOW, library.GLOBAL = 1, 2, 0x100
local NEW_NAMESPACE = -1
local DEFAULT = 0 -- RTLD_DEFAULT

---@class moonlink.lab.Libraries
---@field handles integer[] what dlopen gave, in its order
local methods = {}

local metatable = {__index = methods, __name = "moonlink.lab.Libraries"}

local prototypes = {
   dlopen = "void *dlopen(const char *, int)", dlclose = "int dlclose(void *)",
   dlmopen = "void *dlmopen(long, const char *, int)", dlerror = "const char *dlerror(void)",
   dlsym = "void *dlsym(void *, const char *)",
}

--- A set of libraries that are opened and closed together.
---@return moonlink.lab.Libraries
function library.new()
   local linker = moonlink.new {scope = {"process"}}
   local self = {handles = {}, linker = linker, types = cdecl.scope()}
   for name, prototype in pairs(prototypes) do
      self[name] = assert(linker:func(prototype))
   end
   return setmetatable(self, metatable)
end

local function failure(self, path)
   return errors.new {code = "library", file = path, message = self.dlerror() or "dlopen failed"}
end

--- Opens one more.
---@param path string
---@param flags integer
---@param is_apart? boolean in a namespace of its own, with a C library of its own
---@return boolean?
---@return moonlink.Error? err
function methods:open(path, flags, is_apart)
   local handle
   if is_apart then
      handle = self.dlmopen(NEW_NAMESPACE, path, flags)
   else
      handle = self.dlopen(path, flags)
   end
   if not handle then
      return nil, failure(self, path)
   end
   table.insert(self.handles, handle)
   return true
end

--- The first definition in them, in the order in which they were opened.
---@param name string
---@return integer? address
function methods:find(name)
   for _, handle in ipairs(self.handles) do
      local address = self.dlsym(handle, name)
      if address then
         return address
      end
   end
end

--- The address of a name: in them, else in the process.
---@param name string
---@return integer?
---@return moonlink.Error? err
function methods:definition(name)
   local address = self:find(name) or self.dlsym(DEFAULT, name)
   if not address then
      return nil, errors.new {
         code = "undefined", symbol = name,
         message = ("no library that was opened defines '%s'"):format(name),
      }
   end
   return address
end

--- A C function as a Lua function.
---@param prototype string
---@param options? moonlink.FuncOptions
---@return function?
---@return moonlink.Error? err
function methods:func(prototype, options)
   return call.func(self, prototype, options)
end

--- Closes all, the latest first.
function methods:close()
   for i = #self.handles, 1, -1 do
      self.dlclose(self.handles[i])
      self.handles[i] = nil
   end
end

return library
