--- What the user lists -> what a transaction adds. Knows `-lNAME`, linker scripts, sonames and the
-- positional switches of ld; decides no symbol.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local edits = require "moonlink.link.edits"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local lists = require "moonlink.lists"
local search = require "moonlink.link.search"

local inputs = {}

---@class moonlink.Input
---@field path? string
---@field bytes? string contents, in place of a path
---@field name? string of bytes, for messages
---@field library? string name behind -l
---@field whole? boolean take all members
---@field edits? moonlink.Edits what becomes of its symbols

local function parse_text(text, whole)
   local library = text:match "^%-l(.+)"
   if library then
      return {library = library, whole = whole}
   end
   return {path = text, whole = whole}
end

local fields = {path = "string", bytes = "string", name = "string", library = "string",
                whole = "boolean"}
local known = lists.assign(lists.copy(fields), edits.fields)

--- A copy of an input that is given as a table.
local function checked(item, i, whole)
   local copy = {whole = whole}
   for key, value in pairs(item) do
      if edits.fields[key] then
         copy.edits = copy.edits or {}
         copy.edits[key] = edits.checked(key, value, i)
      elseif not fields[key] then
         given.unknown(key, known, "field", ("input %d"):format(i))
      elseif type(value) ~= fields[key] then
         errors.mistake("input %d: field '%s' must be a %s", i, key, fields[key])
      else
         copy[key] = value
      end
   end
   return copy
end

--- Flattens the list of inputs that a user gave; raises on what is no input.
---@param list any[]|string paths, "-lNAME", "--whole-archive", tables with path or bytes
---@param whole? boolean whole archives from the start
---@return moonlink.Input[]
function inputs.parse(list, whole)
   if type(list) == "string" then
      list = {list}
   end
   local out = {}
   for i, item in ipairs(list) do
      if item == "--whole-archive" then
         whole = true
      elseif item == "--no-whole-archive" then
         whole = false
      elseif type(item) == "string" then
         out[#out + 1] = parse_text(item, whole)
      elseif type(item) == "table" and (item.path or item.bytes or item.library) then
         out[#out + 1] = checked(item, i, whole)
      else
         errors.mistake("input %d is a %s; a path, \"-lNAME\" or a table with path or bytes "
            .. "expected", i, type(item))
      end
   end
   return out
end

local function exists(path)
   local kind, err = core.kind(path)
   return kind ~= nil or (err and err.code ~= "noent")
end

local add_path

--- Adds what a linker script names; the shared libraries and archives in it, in its order.
local function add_script(txn, path, lookup, wanted)
   local list, err = search.script(path, lookup)
   if not list then
      return nil, err
   end
   if wanted then -- of what it names, shared libraries stay as they are
      wanted = setmetatable({required = false}, {__index = wanted})
   end
   for _, item in ipairs(list) do
      local ok
      ok, err = add_path(txn, item.path, false, lookup, wanted)
      if not ok then
         return nil, err
      end
   end
   return "text"
end

function add_path(txn, path, whole, lookup, wanted)
   if wanted then
      local ok, err = edits.of_path(txn, path, wanted)
      if not ok then
         return nil, err
      end
   end
   local kind, err = txn:add(path, whole)
   txn:edit_end()
   if kind == "text" then
      return add_script(txn, path, lookup, wanted)
   end
   return kind, err
end

local function add_library(txn, name, whole, lookup, wanted)
   local path, tried = search.library(name, lookup)
   if not path then
      return nil, tried
   end
   return add_path(txn, path, whole, lookup, wanted)
end

local function add_bytes(txn, input, wanted)
   local name = input.name or "(bytes)"
   if wanted then
      local ok, err = edits.of_bytes(txn, input.bytes, name, wanted)
      if not ok then
         return nil, err
      end
   end
   local kind, err = txn:add_bytes(input.bytes, name, input.whole)
   txn:edit_end()
   return kind, err
end

local function add_file(txn, input, lookup, wanted)
   local path = input.path
   if path:find("\0", 1, true) then -- C would take what stands before it for the path
      return nil, errors.new {
         code = "noent", message = ("%q is no path: it holds a NUL byte"):format(path),
      }
   elseif path:find(".so", 1, true) and path:find "^[^/]*%.so[%.%d]*$" and not exists(path) then
      local ok, err = txn:add_library(path)
      return ok and "library", err
   end
   return add_path(txn, path, input.whole, lookup, wanted)
end

--- Adds one input to a transaction.
---@param txn moonlink.core.Transaction
---@param input moonlink.Input
---@param options moonlink.Options
---@param lookup moonlink.SearchOptions where libraries are looked for
---@return string? kind
---@return moonlink.Error? err
function inputs.add(txn, input, options, lookup)
   local wanted = edits.merged(input.edits, options)
   if input.bytes then
      return add_bytes(txn, input, wanted)
   elseif input.library then
      return add_library(txn, input.library, input.whole, lookup, wanted)
   end
   return add_file(txn, input, lookup, wanted)
end

--- What a unit of these inputs is called.
---@param list moonlink.Input[]
---@return string
function inputs.name(list)
   local first = list[1]
   if not first then
      return "(nothing)"
   end
   local name = first.path or first.name or (first.library and "-l" .. first.library) or "(bytes)"
   return #list == 1 and name or ("%s and %d more"):format(name, #list - 1)
end

return inputs
