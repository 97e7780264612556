--- Questions that the linker asks the policy, and what their answers mean.
-- A question knows its name at once; the rest is looked up when it is read.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

local question = {}

---@class moonlink.Question
---@field name string
---@field from string file of the first reference, or of the one that is asked for: "lib.a(m.o)"
---@field input? integer number of the input that is asked for; nil: all of them
---@field section? string
---@field offset? integer
---@field func? string function that holds the reference
---@field reloc? string
---@field type string "notype", "func" or "object"
---@field weak boolean
---@field version? string what stands behind @ in the name
---@field candidates moonlink.Candidate[]
---@field how? string for `bind`: "unit", "process", "given", "zero" or "none"
---@field provider? string for `bind`: the unit or library that defines it, or who answered

---@class moonlink.Candidate
---@field how string "load", "unit", "archive" or "process"
---@field provider string file, unit, archive or library
---@field address? integer where it is known
---@field member? string

--- "lib.a(member.o)" or "file.o".
---@param input {file: string, member?: string}
---@return string
function question.place(input)
   return input.member and ("%s(%s)"):format(input.file, input.member) or input.file
end

--- Who could provide a name, in the order of the built-in scope.
---@param txn moonlink.core.Transaction
---@param session moonlink.core.Session
---@param name string
---@return moonlink.Candidate[]
function question.candidates(txn, session, name)
   local list = {}
   local entry = txn:entry(name)
   if entry and entry.in_load and entry.input then
      list[1] = {how = "load", provider = question.place(txn:inputs()[entry.input])}
   end
   local address, _, _, unit = session:find(name)
   if address then
      list[#list + 1] = {how = "unit", provider = unit:name(), address = address}
   end
   for i, archive in ipairs(txn:archives()) do
      local member = txn:archive_defines(i, name)
      if member then
         list[#list + 1] = {how = "archive", provider = archive.path, member = member}
      end
   end
   local there, provider = txn:process_defines(name)
   if there then
      list[#list + 1] = {how = "process", provider = provider, address = there}
   end
   return list
end

--- Who defines a name but keeps it to itself: { provider=, why= } each.
---@param session moonlink.core.Session
---@param name string
---@return {provider: string, why: string}[]
function question.hidden(session, name)
   local list = {}
   for _, unit in ipairs(session:units()) do
      local e = unit:entry(name)
      if e and e.in_load and e.input and not e.exported and not e.shadowed then
         list[#list + 1] = {
            provider = question.place(unit:inputs()[e.input]),
            why = e.visibility == "default" and "by the policy" or "STV_" .. e.visibility:upper(),
         }
      end
   end
   return list
end

local function reference(q)
   return q.txn:references(q.name, 1, q.input)[1] or {}
end

local readers = {
   candidates = function(q)
      return question.candidates(q.txn, q.session, q.name)
   end,
   version = function(q)
      return q.name:match "@+(.+)$"
   end,
   from = function(q)
      local input = q.input or q.reference.input
      return input and question.place(q.txn:inputs()[input]) or "(the caller)"
   end,
   reference = reference,
   weak = function(q)
      return q.reference.weak or false
   end,
   type = function(q)
      return q.reference.type or "notype"
   end,
}
for _, field in ipairs {"section", "offset", "func", "reloc"} do
   readers[field] = function(q)
      return q.reference[field]
   end
end

local metatable = {
   __name = "moonlink.Question",
   __index = function(q, key)
      local reader = readers[key]
      local value = reader and reader(q)
      rawset(q, key, value)
      return value
   end,
}

--- Makes a question about a name, for one input or for all.
---@param txn moonlink.core.Transaction
---@param session moonlink.core.Session
---@param name string
---@param input? integer number of the input that asks
---@return moonlink.Question
function question.new(txn, session, name, input)
   return setmetatable({txn = txn, session = session, name = name, input = input}, metatable)
end

--- Is it a symbol of a unit that has gone?
local function is_stale(value)
   local owner = type(value) == "table" and rawget(value, "owner")
   return type(owner) == "userdata" and not owner:alive()
end

--- The address of a callback, trap, symbol or whatever offers one.
local function address_of(value)
   if type(value) == "userdata" then
      local ok, address = pcall(function() return value:address() end)
      return ok and address or nil
   end
   return math.type(value.address) == "integer" and not is_stale(value) and value.address or nil
end

--- Does the answer only stand in for a definition?
local function is_stand_in(answer)
   local class = type(answer) == "userdata" and getmetatable(answer)
   return answer == false or class and class.__name == "moonlink.Trap"
end

--- An answer that means nothing, for messages.
local function shown(answer)
   local kind = type(answer)
   if is_stale(answer) then
      return ("'%s' of %s, which was unloaded"):format(answer.name, answer.unit)
   end
   return (kind == "number" or kind == "boolean") and tostring(answer) or "a " .. kind
end

--- Remembers that a name was an answer, and to what: for errors, if nothing has it.
local function note_name(load, q, answer, provider)
   if answer ~= q.name then
      load.answers[answer] = load.answers[answer] or {}
      load.answers[answer][q.name] = provider
   end
end

--- Gives an answer to a load. The answer is an address, the name of another symbol, false
--- (leave it at address 0), or a thing with an address: a callback, a stub, a symbol.
---@param load moonlink.Load
---@param q moonlink.Question
---@param answer any nil: no answer
---@param provider string who answered, for explanations
---@return boolean answered
---@return moonlink.Error? err
function question.answer(load, q, answer, provider)
   if answer == nil then
      return false
   end
   local txn, ok, err = load.txn, nil, nil
   if answer == false then
      ok, err = txn:answer_zero(q.name)
   elseif type(answer) == "string" then
      note_name(load, q, answer, provider)
      ok, err = txn:answer_name(q.name, q.input, answer)
   elseif math.type(answer) == "integer" then
      ok, err = txn:answer_address(q.name, q.input, answer, provider)
   elseif type(answer) == "table" or type(answer) == "userdata" then
      local address = address_of(answer)
      if address then
         table.insert(load.anchors, answer)
         ok, err = true, nil
         if type(answer) == "table" and answer.owner then
            ok, err = txn:pin(answer.owner)
         end
         if ok then
            ok, err = txn:answer_address(q.name, q.input, address, provider)
         end
      end
   end
   if not ok and not err then
      err = errors.new {
         code = "policy", symbol = q.name,
         message = ("'%s': %s answered with %s"):format(q.name, provider, shown(answer)),
         hint = "answer with an address, a name, a callback, a stub, a symbol, false or nil",
      }
   end
   if ok and is_stand_in(answer) then
      txn:lacks(q.name, q.input)
   end
   return ok and true or false, err
end

return question
