--- The option `debug`: who shall see what a linker loads.
-- "gdb": debuggers, through gdb's interface for JIT compilers; "perf": /tmp/perf-PID.map;
-- "jitdump": jit-PID.dump in $JITDUMPDIR or the current folder; "lines": only moonlink itself, for
-- local functions and source lines of addr2sym and traceback; "none"; "auto": gdb when a debugger
-- is attached, and what the environment's MOONLINK_DEBUG says: "1" for gdb, or such names.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"
local lists = require "moonlink.lists"
local words = require "moonlink.link.words"

local debugging = {}

local MODES = {gdb = true, perf = true, jitdump = true, lines = true}
local AUTO = {"auto"}
local known = {auto = true, none = true}
for name in pairs(MODES) do
   known[name] = true
end

--- Checks a value of the option; raises for a mistake.
---@param value string|string[] "gdb", "gdb,perf" or { "gdb", "perf" }
---@return string[]
function debugging.parse(value)
   local list = words.of(value)
   for i, word in ipairs(list) do
      if type(word) ~= "string" then
         errors.mistake("option 'debug': element %d is a %s, not a text", i, type(word))
      elseif not known[word] then
         errors.mistake("option 'debug': '%s' is none of its values (%s)", word,
            table.concat(lists.keys(known), ", "))
      end
   end
   return list
end

--- What MOONLINK_DEBUG wants: names that are none of ours mean gdb, "0" nothing.
local function from_environment(modes)
   local wanted = os.getenv "MOONLINK_DEBUG"
   for _, word in ipairs(wanted and words.of(wanted) or {}) do
      if word ~= "0" and word ~= "none" then
         modes[MODES[word] and word or "gdb"] = true
      end
   end
end

--- The modes of one load, for the core; nil when nobody shall see it.
---@param linker moonlink.Linker remembers whether a debugger is attached
---@param value string|string[]
---@return table<string, boolean>?
function debugging.modes(linker, value)
   if value == "none" then
      return nil
   end
   local modes = {}
   for _, word in ipairs(value == "auto" and AUTO or words.of(value)) do
      if word == "auto" then
         if linker.traced == nil then
            linker.traced = core.traced()
         end
         modes.gdb = linker.traced or modes.gdb
         from_environment(modes)
      else
         modes[word] = MODES[word]
      end
   end
   return next(modes) and modes or nil
end

return debugging
