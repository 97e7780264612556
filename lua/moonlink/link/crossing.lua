--- How code reaches what is defined outside of its load: the option `bind`. One word for all names,
-- or a function that is asked for each of them once.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local lists = require "moonlink.lists"
local options = require "moonlink.link.options"
local question = require "moonlink.link.question"

local crossing = {}

local UNBOUND = "a function was called that a load was to look up, and that nothing defines"

--- First calls come from any thread, where no Lua can run: has Lua a say in what names mean?
local function must_ask(load)
   local undefined = load.options.undefined
   return load.scope.asks or load.hooks.undefined ~= nil
      or undefined == "null" or type(undefined) == "function"
end

--- Chooses what the core is told: the word, and a trap that stands for what nobody has at its first
--- call; when there is no memory for that, the load has failed. A load in whose names Lua has a say
--- binds them while it loads, by stubs.
---@param load moonlink.Load
---@return string word
---@return userdata? trap
function crossing.begin(load)
   local bind, trap = load.options.bind, nil
   if load.options.at then
      return (type(bind) == "function" or bind == "lazy") and "stubs" or bind
   end
   if bind == "lazy" and must_ask(load) then
      return "stubs"
   elseif bind == "lazy" or type(bind) == "function" then
      local made
      made, trap = pcall(core.trap, UNBOUND)
      if not made then
         load.failed = errors.new {code = "nomem", message = "not enough memory"}
         return "direct"
      end
      load.unbound = trap
   end
   return type(bind) == "function" and "direct" or bind, trap
end

--- Opens archives that would be asked last, so that it is known which names they have.
---@param load moonlink.Load
---@return boolean?
---@return moonlink.Error? err
function crossing.prepare(load)
   if load.options.bind == "lazy" and load.unbound then
      for _, open in ipairs(load.scope.last) do
         local ok, err = open(load, {})
         if not ok then
            return nil, err
         end
      end
   end
   return true
end

local function wrong(name, answer)
   return nil, errors.new {
      code = "policy", symbol = name,
      message = ("'%s': the function `bind` answered with %s"):format(name,
         type(answer) == "string" and "'" .. answer .. "'" or "a " .. type(answer)),
      hint = 'answer with "direct", "got", "stubs", "lazy" or nil',
   }
end

--- Asks the function about each name that the load wants of others and that was not asked yet.
---@param load moonlink.Load
---@return boolean?
---@return moonlink.Error? err
function crossing.ask(load)
   local bind = load.options.bind
   if type(bind) ~= "function" or load.options.at then
      return true
   end
   local asked = load.crossed or {}
   load.crossed = asked
   for _, each in ipairs(load.txn:outside()) do
      local name, how, provider = each[1], each[2], each[3]
      if not asked[name] then
         asked[name] = true
         local q = question.new(load.txn, load.session, name)
         q.how, q.provider = how, provider
         local answer = bind(q)
         if answer ~= nil and not lists.contains(options.words.bind, answer) then
            return wrong(name, answer)
         end
         local ok, err = load.txn:cross(name, answer or "direct")
         if not ok then
            return nil, err
         end
      end
   end
   return true
end

--- After the link: the trap stays as long as the unit when some name is left, and no longer else,
--- since calls cost more in a state that has traps.
---@param load moonlink.Load
function crossing.finish(load)
   if not load.unbound then
      return
   elseif load.txn:stats().lazy > 0 then
      load.anchors[#load.anchors + 1] = load.unbound
   else
      load.unbound:close()
   end
end

return crossing
