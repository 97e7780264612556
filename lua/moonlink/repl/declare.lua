--- Declarations of a session: as those of `ln:cdef`, but a name may be declared anew, since whoever
-- types a prototype mistypes it now and then.
-- SPDX-License-Identifier: MIT

local cdecl = require "moonlink.call.cdecl"
local ctype = require "moonlink.call.ctype"
local lists = require "moonlink.lists"

local declare = {}

local ROOMS = {"functions", "data", "constants", "typedefs", "tags"}

--- Takes what is declared under a name out of a scope; gives it back by room.
local function take(types, name)
   local taken = {}
   for _, room in ipairs(ROOMS) do
      taken[room], types[room][name] = types[room][name], nil
   end
   return taken
end

local function put_back(types, removed)
   for name, taken in pairs(removed) do
      for room, value in pairs(taken) do
         types[room][name] = value
      end
   end
end

--- Parses; names that were declared otherwise before are taken out first. Nothing has changed when
--- it is a mistake.
local function try(types, text)
   local removed = {}
   while true do
      local fresh = cdecl.scope(types)
      local ok, mistake = fresh:declare(text)
      if ok then
         return fresh, removed
      end
      local name = mistake.expected == "the same declaration as before" and mistake.found
      if not name or removed[name] then
         put_back(types, removed)
         return nil, mistake
      end
      removed[name] = take(types, name)
   end
end

--- Is a text C declarations? Nothing is declared.
---@param ln moonlink.Linker
---@param text string
---@return boolean
---@return moonlink.Mistake? mistake
function declare.parses(ln, text)
   local fresh, removed = try(ln.types, text)
   if not fresh then
      return false, removed
   end
   put_back(ln.types, removed)
   return next(fresh.functions) ~= nil or next(fresh.data) ~= nil or next(fresh.typedefs) ~= nil
      or next(fresh.tags) ~= nil or next(fresh.constants) ~= nil, nil
end

--- Declares what a text says, for a linker.
---@param ln moonlink.Linker
---@param text string
---@return {functions: string[], data: string[]}? names that were declared
---@return moonlink.Mistake? mistake
function declare.text(ln, text)
   local fresh, removed = try(ln.types, text)
   if not fresh then
      return nil, removed
   end
   for name in pairs(removed) do
      rawset(ln.c, name, nil)
   end
   if next(removed) then
      ln.types.prototypes = {} -- they were read with the types of before
   end
   ln:cdef(text)
   return {functions = lists.keys(fresh.functions), data = lists.keys(fresh.data)}
end

--- What is declared under a name, as C.
---@param ln moonlink.Linker
---@param name string
---@return string?
---@return moonlink.Declaration? of a function or variable
function declare.show(ln, name)
   local found = ln.types:find("functions", name) or ln.types:find("data", name)
   if found then
      return ctype.show(found.type, name), found
   end
   local constant = ln.types:find("constants", name)
   return constant and ("%s = %d"):format(name, constant) or nil
end

return declare
