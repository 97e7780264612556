--- The objects behind a list of files, each by itself: archives are opened, all their members read.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local files = require "moonlink.file"
local inputs = require "moonlink.link.inputs"
local search = require "moonlink.link.search"

local objects = {}

---@class moonlink.cli.Object
---@field file string
---@field member? string
---@field core moonlink.core.Object

local function open_bytes(out, bytes, file, member)
   local object, err = core.object(bytes, file, member)
   if not object then
      return nil, err
   end
   out[#out + 1] = {file = file, member = member, core = object}
   return true
end

--- Members that are no objects (texts, archives) are left out.
local function open_archive(out, path)
   local members, err = core.members(path)
   if not members then
      return nil, err
   end
   for _, member in ipairs(members) do
      local bytes, good
      bytes, err = core.member(path, member.header)
      if not bytes then
         return nil, err
      end
      if core.kind_of(bytes:sub(1, 4096)) == "object" then
         good, err = open_bytes(out, bytes, path, member.name)
         if not good then
            return nil, err
         end
      end
   end
   return true
end

local open_path

local function open_script(out, path, options)
   local list, err = search.script(path, options)
   for _, item in ipairs(list or {}) do
      local good
      good, err = open_path(out, item.path, options)
      if not good then
         return nil, err
      end
   end
   return list ~= nil, err
end

function open_path(out, path, options)
   local kind, err = core.kind(path)
   if not kind then
      return nil, err
   elseif kind == "archive" or kind == "thin" then
      return open_archive(out, path)
   elseif kind == "text" then
      return open_script(out, path, options)
   elseif kind == "shared" then
      return true
   end
   local bytes
   bytes, err = files.read(path)
   if not bytes then
      return nil, err
   end
   return open_bytes(out, bytes, path)
end

local function open_input(out, input, options)
   if input.bytes then
      return open_bytes(out, input.bytes, input.name)
   elseif not input.library then
      return open_path(out, input.path, options)
   end
   local path, err = search.library(input.library, options)
   if not path then
      return nil, err
   end
   return open_path(out, path, options)
end

--- Opens all objects of a list of inputs; shared libraries are passed over.
---@param list any[] as a load takes it
---@param options moonlink.SearchOptions
---@return moonlink.cli.Object[]?
---@return moonlink.Error? err
function objects.open(list, options)
   local out = {}
   for _, input in ipairs(inputs.parse(list)) do
      local good, err = open_input(out, input, options)
      if not good then
         return nil, err
      end
   end
   return out
end

return objects
