--- One line on a terminal that says how far a long load is. Short loads never show it.
-- SPDX-License-Identifier: MIT

local progress = {}

local PATIENCE = 0.5 -- seconds before the line first appears
local PAUSE = 0.1 -- seconds between two of its states

---@class moonlink.ProgressOptions
---@field now fun(): number seconds
---@field terminal fun(): boolean asked once, and only when the line would appear
---@field write fun(text: string)

local words = {add = "reading", resolve = "resolving", link = "linking"}

local function line_of(step, done, total, seconds)
   local count = total and (" %d of %d"):format(done, total) or ""
   return ("\r\27[Kmoonlink: %s%s, %.1f s"):format(words[step] or step, count, seconds)
end

--- Makes what a load's option `progress` takes, and what takes the line away again.
---@param options moonlink.ProgressOptions
---@return fun(step: string, done?: integer, total?: integer) report
---@return fun() finish
function progress.new(options)
   local start, last, shown, terminal = options.now(), nil, false, nil
   local function report(step, done, total)
      local now = options.now()
      if now - start < PATIENCE or (last and now - last < PAUSE) then
         return
      end
      if terminal == nil then
         terminal = options.terminal()
      end
      if terminal then
         last, shown = now, true
         options.write(line_of(step, done, total, now - start))
      end
   end
   local function finish()
      if shown then
         options.write "\r\27[K"
         shown = false
      end
   end
   return report, finish
end

return progress
