--- `:set`: options of the session and of the loads to come, as text.
-- SPDX-License-Identifier: MIT

local lists = require "moonlink.lists"
local options = require "moonlink.link.options"

local settings = {}

---@class moonlink.repl.Setting
---@field text string for `:help set`
---@field values? string[] that it may have, the default first
---@field kind "boolean"|"string"|"number"|"list"
---@field get? fun(session: moonlink.repl.Session): any
---@field set? fun(session: moonlink.repl.Session, value: any): boolean?, any; none: the linker's

local function field(name, kind, text)
   return {
      kind = kind, text = text, get = function(session) return session[name] end,
      set = function(session, value)
         session[name] = value
         return true
      end,
   }
end

--- An option of linkers that is one of some words.
local function words(name, text)
   return {kind = "string", values = options.words[name], text = text}
end

---@type table<string, moonlink.repl.Setting>
settings.known = {
   cflags = field("cflags", "string", "what sources are compiled with"),
   ghcflags = field("ghcflags", "string", "what modules of Haskell are compiled with"),
   prompt = field("prompt", "string", "what stands before what you type"),
   timing = field("timing", "boolean", "say how long each line took"),
   timeout = field("timeout", "number", "seconds that `:try` waits"),
   databases = field("databases", "list", "package databases of `:package`, the last one wins"),
   watch = {
      kind = "boolean", text = "reload what changes on disk",
      get = function(session) return session.watching end,
      set = function(session, value)
         return session:watch(value) or nil, "the system lets no more files be watched"
      end,
   },
   trace = {
      kind = "list", text = "say what loads do: load, member, bind, strip, place, all",
      get = function(session)
         local names = {}
         for name, on in pairs(session.ln.tracing) do
            names[#names + 1] = on and name or nil
         end
         table.sort(names)
         return names
      end,
      set = function(session, value)
         session.ln:trace(#value > 0 and value or nil)
         return true
      end,
   },
   undefined = words("undefined", "what an undefined name becomes"),
   duplicate = words("duplicate", "what two definitions of one name mean"),
   weak = words("weak", "who wins over a weak definition"),
   bind = words("bind", "how code reaches other units and libraries"),
   zone = words("zone", "where loads are placed"),
   block = words("block", "whether units share a reservation of addresses"),
   pages = words("pages", "pages of code and constants"),
   protect = words("protect", "how code is sealed"),
   debug = {kind = "string", values = {"auto", "gdb", "perf", "jitdump", "lines", "none"},
      text = "who shall see what is loaded"},
   relax = {kind = "boolean", text = "replace loads through the GOT by direct ones"},
   merge = {kind = "boolean", text = "keep equal strings and constants once"},
   gc_sections = {kind = "boolean", text = "drop sections that nothing needs"},
   keep = {kind = "list", text = "names that are roots for gc_sections"},
   search = {kind = "list", text = "folders for -l"},
   static = {kind = "boolean", text = "-l takes archives only"},
}

local truth = {on = true, yes = true, ["true"] = true, ["1"] = true,
   off = false, no = false, ["false"] = false, ["0"] = false}

local readers = {
   boolean = function(text)
      return truth[text], "on or off expected"
   end,
   number = function(text)
      local value = tonumber(text)
      return value and value > 0 and value or nil, "a number above 0 expected"
   end,
   string = function(text)
      return text
   end,
   list = function(text)
      local out = {}
      for item in text:gmatch "[^,%s]+" do
         out[#out + 1] = item
      end
      return out
   end,
}

--- The names, sorted.
---@return string[]
function settings.names()
   return lists.keys(settings.known)
end

--- A setting's value as one would type it.
---@param session moonlink.repl.Session
---@param name string
---@return string
function settings.show(session, name)
   local known = settings.known[name]
   local value = session.ln.options[name]
   if known.get then
      value = known.get(session)
   end
   if known.kind == "boolean" then
      return value and "on" or "off"
   elseif known.kind == "list" then
      return table.concat(value or {}, ",")
   end
   return tostring(value == nil and (known.values or {""})[1] or value)
end

--- An option of the linker, checked by those who know it.
local function set_option(session, name, value)
   local good, checked = pcall(options.check, {[name] = value}, "linker")
   if not good then
      return nil, (tostring(checked):gsub("^%S+:%d+: ", ""))
   end
   session.ln.options = options.merge(session.ln.options, checked)
   return true
end

--- Sets one.
---@param session moonlink.repl.Session
---@param name string
---@param text string
---@return boolean?
---@return any err
function settings.set(session, name, text)
   local known = settings.known[name]
   if not known then
      return nil, ("there is no setting '%s'; `:set` lists them"):format(name)
   end
   local value, why = readers[known.kind](text)
   if value == nil then
      return nil, ("%s: %s"):format(name, why)
   end
   if known.set then
      local good, done, err = pcall(known.set, session, value)
      return good and done, not good and (tostring(done):gsub("^%S+:%d+: ", "")) or err
   end
   return set_option(session, name, value)
end

return settings
