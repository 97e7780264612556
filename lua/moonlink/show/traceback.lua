--- Tracebacks through native code: Lua's own text, with the native frames between a callback and
-- the call that led to it in place of the callback's level.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local given = require "moonlink.given"
local question = require "moonlink.link.question"

local traceback = {}

local DEEPEST = 200000 -- more levels than a stack of Lua has

--- Native frames of one callback that are shown from each end.
local SHOWN = 10

--- "mid+0x1c in t.o (t.c:12)" for an address.
---@param address integer
---@return string
function traceback.place(address)
   local s = core.addr2sym(address)
   if not s then
      return ("0x%x"):format(address)
   end
   local owner = question.place(s) or s.unit or "the process"
   local where = s.name or s.section or (s.kind == "library" and "" or s.kind or "?")
   local text = ("%s+0x%x in %s"):format(where, s.offset or 0, owner)
   if s.unloaded then
      text = text .. " (unloaded)"
   elseif s.line then
      text = ("%s (%s:%d)"):format(text, s.source or "?", s.line)
   end
   return text
end

--- Lists of addresses out of the core's text: a zero ends each.
local function lists(segments)
   local all, list = {}, {}
   for i = 1, #segments, 8 do
      local address = string.unpack("=I8", segments, i)
      if address == 0 then
         all[#all + 1] = list
         list = {}
      else
         list[#list + 1] = address
      end
   end
   return all
end

local function native_lines(list)
   local out = {}
   for i, address in ipairs(list) do
      if i > SHOWN and i <= #list - SHOWN then
         if i == SHOWN + 1 then
            out[#out + 1] = ("\t...\t(skipping %d native frames)"):format(#list - 2 * SHOWN)
         end
      else
         out[#out + 1] = "\t[native] " .. traceback.place(address)
      end
   end
   return table.concat(out, "\n")
end

--- The native frames by the level of Lua's stack at which they stand, counted from 0.
local function natives(marks, segments)
   local by_level, all = {}, lists(segments)
   for i = 1, #marks // 4 do
      by_level[string.unpack("=i4", marks, 4 * i - 3)] = all[i]
   end
   return by_level
end

--- Puts native frames into a text of Lua's. Lua leaves levels out in the middle of a deep stack:
--- lines behind that gap are counted from the end.
local function merge(text, marks, levels, segments)
   local by_level = natives(marks, segments)
   local lines, behind, total = {}, false, 0
   for line in text:gmatch "[^\n]+" do
      lines[#lines + 1] = line
      behind = behind or line:find "^\t%.%.%.\t%(skipping" ~= nil
      if behind and line:find "^\t" and not line:find "^\t%(%.%.%.tail" then
         total = total + 1
      end
   end
   local level = -1
   for i, line in ipairs(lines) do
      if line:find "^\t%.%.%.\t%(skipping" then
         level = levels - total
      elseif line:find "^\t" and not line:find "^\t%(%.%.%.tail" then
         level = level + 1
         if by_level[level] and #by_level[level] > 0 then
            lines[i] = native_lines(by_level[level])
         end
      end
   end
   return table.concat(lines, "\n")
end

--- Like debug.traceback, and a message handler for xpcall likewise: native frames are shown where a
--- callback was called from them. For an error that came out of a native call, the stack is
--- the one on which it was raised, in the callback.
---@param message? any what is neither a text nor nil is given back as it is
---@param level? integer 1 (default): the function that called this one
---@return any
function traceback.traceback(message, level)
   if type(message) ~= "string" and message ~= nil then
      return message
   end
   given.argument(level, "integer or nil", 2, "traceback")
   level = math.min(level or 1, DEEPEST)
   level = level < 0 and DEEPEST or level -- as debug.traceback has it
   local text, marks, levels, segments
   if message ~= nil then
      -- The handler stands between this function and the one that raised, unless it called it last.
      for up = 2, level + 2 do
         text, marks, levels, segments = core.captured(message, up)
         if text then
            break
         end
      end
   end
   if not text then
      text, marks, levels, segments = core.capture(level + 1)
   end
   text = merge(text, marks, levels, segments)
   return message and message .. "\n" .. text or text
end

--- The native stack of this thread, the newest frame first.
---@return moonlink.Place[] each with `address`
function traceback.backtrace()
   local list = core.frames()
   for i, address in ipairs(list) do
      local place = core.addr2sym(address) or {}
      place.address = address
      list[i] = place
   end
   return list
end

return traceback
