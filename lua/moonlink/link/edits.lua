--- objcopy at load: an input whose symbols get other names, bindings or visibilities on the way in.
-- As objcopy does, it renames first, then puts the prefix before all names, then compares the new
-- names with the patterns.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local files = require "moonlink.file"
local lists = require "moonlink.lists"
local opts = require "moonlink.link.options"
local pattern = require "moonlink.pattern"

local edits = {}

---@class moonlink.Edits
---@field rename? table<string, string> old name -> new name, where defined and where used
---@field prefix? string put before all names, also those that the input does not define
---@field wrap? string[] references to NAME become __wrap_NAME, those to __real_NAME become NAME
---@field localize? string[] definitions that match are seen by their input alone
---@field keep_global? string[] definitions that do not match are
---@field hide? string[] definitions that match are seen by their load alone
---@field weaken? string[] definitions and references that match become weak
---@field required? boolean it is a mistake when the input has no names to change

edits.fields = {
   rename = "table", prefix = "string", wrap = "table", localize = "table", keep_global = "table",
   hide = "table", weaken = "table",
}

--- A field of an input, checked; raises for a mistake.
---@param key string
---@param value any
---@param i integer number of the input, for the message
---@return any
function edits.checked(key, value, i)
   if type(value) ~= edits.fields[key] then
      errors.mistake("input %d: field '%s' must be a %s", i, key, edits.fields[key])
   end
   for from, to in pairs(type(value) == "table" and value or {}) do
      local well = type(to) == "string" and (key == "rename") == (type(from) == "string")
      if not well then
         errors.mistake("input %d: field '%s' must hold %s", i, key,
            key == "rename" and "names by name" or "a list of names or patterns")
      end
      local why = key ~= "rename" and key ~= "wrap" and pattern.mistake(to)
      if why then
         errors.mistake("input %d: field '%s': '%s' is no pattern: %s", i, key, to, why)
      end
   end
   return value
end

--- The edits of an input with those that its load asks for all; nil when there are none.
---@param own? moonlink.Edits
---@param options moonlink.Options
---@return moonlink.Edits?
function edits.merged(own, options)
   if not own and not options.weaken then
      return nil
   end
   local out = lists.assign({required = own ~= nil}, own)
   if options.weaken then
      out.weaken = lists.append(lists.copy(options.weaken), out.weaken or {})
   end
   return out
end

--- What becomes of one name: where defined, where referred to, flags as of txn:edit.
local function of_name(wanted, name)
   local definition = (wanted.prefix or "") .. (wanted.rename and wanted.rename[name] or name)
   local reference, wrap = definition, wanted.wrap or {}
   if lists.contains(wrap, definition) then
      reference = "__wrap_" .. definition
   elseif lists.contains(wrap, definition:match "^__real_(.+)") then
      reference = definition:match "^__real_(.+)"
   end
   local function matches(field)
      return wanted[field] and opts.matches(definition, wanted[field])
   end
   local is_local = matches "localize" or wanted.keep_global and not matches "keep_global"
   return definition, reference, (is_local and "l" or "") .. (matches "hide" and "h" or "")
      .. (matches "weaken" and "w" or "")
end

local function edit_object(txn, object, wanted, seen)
   for _, symbol in ipairs(object:symbols()) do
      local name = symbol.name
      if name ~= "" and not seen[name] then
         seen[name] = true
         local definition, reference, flags = of_name(wanted, name)
         if definition ~= name or reference ~= name or flags ~= "" then
            local ok, err = txn:edit(name, definition, reference, flags)
            if not ok then
               return nil, err
            end
         end
      end
   end
   return true
end

local function refused(file, member, what)
   return nil, errors.new {
      code = "unsupported", file = file, member = member,
      message = ("the names of %s cannot be changed"):format(what),
      hint = "change those of its objects, one by one",
   }
end

--- Asks the transaction to change the symbols of an object that is added next.
---@param txn moonlink.core.Transaction
---@param bytes string
---@param file string
---@param wanted moonlink.Edits
---@param member? string
---@param seen? table<string, boolean> names that were asked for
---@return boolean?
---@return moonlink.Error? err
function edits.of_bytes(txn, bytes, file, wanted, member, seen)
   local kind = core.kind_of(bytes:sub(1, 4096))
   if kind == "archive" then
      return refused(file, member, member and "an archive in an archive" or "an archive in memory")
   elseif kind ~= "object" then
      return true -- adding it says what is wrong with it
   end
   local object <close>, err = core.object(bytes, file, member)
   if not object then
      return nil, err
   end
   return edit_object(txn, object, wanted, seen or {})
end

--- Names of an archive's members are changed alike: what one defines another refers to.
local function of_archive(txn, path, wanted)
   local members, err = core.members(path)
   local seen = {}
   for _, member in ipairs(members or {}) do
      local bytes
      bytes, err = core.member(path, member.header)
      if not bytes then
         return nil, err
      end
      local ok
      ok, err = edits.of_bytes(txn, bytes, path, wanted, member.name, seen)
      if not ok then
         return nil, err
      end
   end
   return members and true, err
end

--- The same for a file: an object, or an archive with all its members.
---@param txn moonlink.core.Transaction
---@param path string
---@param wanted moonlink.Edits
---@return boolean?
---@return moonlink.Error? err
function edits.of_path(txn, path, wanted)
   local kind, err = core.kind(path)
   if not kind then
      return nil, err -- it may be there again when it is added, with names that nobody has changed
   elseif kind == "archive" or kind == "thin" then
      return of_archive(txn, path, wanted)
   elseif kind == "shared" and wanted.required then
      return refused(path, nil, "a shared library")
   elseif kind ~= "object" then
      return true -- a linker script names others; adding says what is wrong with the rest
   end
   local bytes
   bytes, err = files.read(path)
   if not bytes then
      return nil, err
   end
   return edits.of_bytes(txn, bytes, path, wanted)
end

return edits
