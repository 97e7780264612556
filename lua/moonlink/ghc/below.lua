--- What compiled modules need of the archives below them is loaded first, as a unit of its own: the
-- library stays, with the state of its modules, when a module is replaced by a newer version.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local files = require "moonlink.file"
local inputs = require "moonlink.link.inputs"

local below = {}

---@class moonlink.ghc.Names
---@field defined table<string, boolean>
---@field wanted table<string, boolean> also names that another of the inputs defines

local function add_object(names, bytes, file)
   local object <close> = core.object(bytes, file)
   if not object then
      return false
   end
   for _, symbol in ipairs(object:symbols()) do
      local set = symbol.place == "undefined" and names.wanted or names.defined
      set[symbol.name] = true
   end
   return true
end

local function add_archive(names, path)
   local members = core.members(path)
   for _, member in ipairs(members or {}) do
      local bytes = core.member(path, member.header)
      if not bytes or core.kind_of(bytes:sub(1, 4096)) == "object"
         and not add_object(names, bytes, path) then
         return false
      end
   end
   return members ~= nil
end

local function add_input(names, input)
   local path = input.path
   local kind = path and core.kind(path)
   if input.bytes then
      return add_object(names, input.bytes, input.name or "(bytes)")
   elseif kind == "archive" and input.whole then
      return add_archive(names, path)
   elseif kind == "object" then
      local bytes = files.read(path)
      return bytes and add_object(names, bytes, path)
   end
   return kind == "archive" or kind == "shared" or input.library ~= nil
end

--- The names of inputs; nil when one cannot be read, of which loading says more.
---@param list moonlink.Input[]
---@return moonlink.ghc.Names?
function below.names(list)
   local names = {defined = {}, wanted = {}}
   for _, input in ipairs(list) do
      if not add_input(names, input) then
         return nil
      end
   end
   return names
end

--- What the units of the linker and the inputs themselves lack.
local function lacking(ln, names)
   local list = {}
   for name in pairs(names.wanted) do
      if not names.defined[name] and not ln.session:find(name) then
         list[#list + 1] = name
      end
   end
   table.sort(list)
   return list
end

--- Loads the members of archives in reach that inputs want.
---@param ln moonlink.Linker
---@param list any[] inputs as a load takes them
---@return moonlink.LoadedUnit|boolean|nil unit true when nothing is needed
---@return moonlink.Error? err
function below.load(ln, list)
   local parsed = inputs.parse(list)
   local names = below.names(parsed)
   local roots = names and lacking(ln, names) or {}
   if #roots == 0 then
      return true
   end
   local is_root = {}
   for _, name in ipairs(roots) do
      is_root[name] = true
   end
   local strict = ln.options.undefined == nil or ln.options.undefined == "error"
   return ln:load {
      inputs = {}, roots = roots, name = "below " .. inputs.name(parsed), gc_sections = false,
      undefined = strict and function(q) -- whoever wants it is loaded next, and says so
         return is_root[q.name] and 0 or nil
      end or nil,
   }
end

return below
