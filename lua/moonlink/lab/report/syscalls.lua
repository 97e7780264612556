--- System calls of each stage of each case, the most frequent by name, as lines of text.
-- SPDX-License-Identifier: MIT

local syscalls = {}

--- "load 29 (openat 5, close 4)"
local function stage_text(s)
   local names = {}
   for i, each in ipairs(s.top) do
      names[i] = ("%s %d"):format(each.name, each.calls)
   end
   return ("%s %d%s"):format(s.stage, s.calls, names[1] and
      (" (%s)"):format(table.concat(names, ", ")) or "")
end

local function case_text(case)
   if case.not_counted then
      return "not counted: " .. case.not_counted
   elseif not case.system_calls[1] then
      return nil
   end
   local parts = {}
   for i, s in ipairs(case.system_calls) do
      parts[i] = stage_text(s)
   end
   return table.concat(parts, "; ")
end

--- A line for each case whose system calls were counted, or could not be.
---@param group moonlink.lab.Group
---@return string[]
function syscalls.lines(group)
   local out = {}
   for _, c in ipairs(group.cases) do
      local said = case_text(c.case)
      out[#out + 1] = said and ("%s: %s"):format(c.label, said)
   end
   return out
end

return syscalls
