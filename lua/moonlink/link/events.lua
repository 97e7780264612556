--- The event log of a linker: what was loaded, which members were pulled in and why, what was bound
-- to whom, what was placed where. A category that is off costs nothing.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local question = require "moonlink.link.question"
local words = require "moonlink.link.words"

local events = {}

---@class moonlink.Event
---@field category "load"|"member"|"bind"|"strip"|"place"
---@field text string one line
---@field [string] any what the line is made of

events.categories = {"load", "member", "bind", "strip", "place"}

local known = {
   load = true, member = true, bind = true, strip = true, place = true, all = true,
}

--- A set of categories from "bind,member", { "bind" } or "all"; raises on an unknown one.
---@param value string|string[]?
---@return table<string, boolean>
function events.parse(value)
   local set = {}
   for _, word in ipairs(words.of(value)) do
      if not known[word] then
         errors.mistake("'%s' is no category of events (%s, all)", tostring(word),
            table.concat(events.categories, ", "))
      end
      for _, category in ipairs(word == "all" and events.categories or {word}) do
         set[category] = true
      end
   end
   return set
end

local function emit(load, category, text, fields)
   fields.category = category
   fields.text = text
   load.linker:log(fields)
end

local function load_events(load, list)
   for _, input in ipairs(list) do
      if not input.by then
         emit(load, "load", "load " .. question.place(input),
            {file = input.file, member = input.member, bytes = input.bytes})
      end
   end
end

local function member_events(load, list)
   for _, input in ipairs(list) do
      if input.by then
         local by = input.by_input and question.place(list[input.by_input]) or "a root"
         local text = "member %s for '%s', wanted by %s"
         emit(load, "member", text:format(question.place(input), input.by, by),
            {file = input.file, member = input.member, symbol = input.by, by = by})
      end
   end
end

local function bind_events(load, list)
   for _, e in ipairs(load.txn:entries()) do
      if e.how ~= "none" and e.references > 0 then
         local to = e.input and question.place(list[e.input]) or e.provider or e.how
         to = e.how == "lazy" and "what its first call finds" or to ~= "" and to or "the executable"
         emit(load, "bind", ("bind '%s' to %s"):format(e.name, to),
            {symbol = e.name, how = e.how, provider = to})
      end
   end
end

local function strip_events(load, list)
   for _, s in ipairs(load.txn:stripped()) do
      local file = question.place(list[s.input])
      emit(load, "strip", ("removing unused section '%s' in file '%s'"):format(s.name, file),
         {section = s.name, size = s.size, file = file})
   end
end

--- Events that are known before addresses are.
---@param load moonlink.Load
function events.before_link(load)
   local on = load.tracing
   if not (on.load or on.member or on.bind or on.strip) then
      return
   end
   local list = load.txn:inputs()
   if on.load then
      load_events(load, list)
   end
   if on.member then
      member_events(load, list)
   end
   if on.bind then
      bind_events(load, list)
   end
   if on.strip then
      strip_events(load, list)
   end
end

--- Where everything lies.
---@param load moonlink.Load
function events.after_link(load)
   if not load.tracing.place then
      return
   end
   local list = load.txn:inputs()
   for _, s in ipairs(load.txn:sections()) do
      emit(load, "place", ("place %#x %#x %s %s %s"):format(s.address, s.size, s.prot,
         question.place(list[s.input]), s.name),
         {address = s.address, size = s.size, prot = s.prot, section = s.name,
          file = list[s.input].file})
   end
end

return events
