--- One line on a terminal that says how far an experiment is and how long it will still take.
-- SPDX-License-Identifier: MIT

local plain = require "moonlink.lab.report.plain"

local meter = {}

local PAUSE = 0.1 -- seconds between two states of the line
local WIDTH = 79 -- columns: a line that wraps could not be taken away

--- "45 s", "12 min", "1 h 20 min".
---@param seconds number
---@return string
function meter.duration(seconds)
   local whole = math.ceil(seconds)
   if whole < 100 then
      return ("%d s"):format(whole)
   elseif whole < 5400 then
      return ("%d min"):format((whole + 30) // 60)
   end
   return ("%d h %d min"):format(whole // 3600, whole % 3600 // 60)
end

---@class moonlink.lab.MeterOptions
---@field now fun(): number seconds
---@field is_terminal boolean
---@field write fun(text: string)

--- Makes what an experiment's option `progress` takes, and what takes the line away again.
---@param options moonlink.lab.MeterOptions
---@return fun(state: table)
---@return fun() finish
function meter.new(options)
   local last
   local function show(state)
      local now = options.now()
      if not options.is_terminal or last and now - last < PAUSE then
         return
      end
      last = now
      local line = ("%d of %d runs%s: %s"):format(state.done, state.total,
         state.left and ", " .. meter.duration(state.left) .. " left" or "", plain.line(state.id))
      options.write("\r\27[K" .. plain.cut(line, WIDTH))
   end
   local function finish()
      if last then
         options.write "\r\27[K"
      end
   end
   return show, finish
end

return meter
