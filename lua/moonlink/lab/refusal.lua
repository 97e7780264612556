--- Why a strategy cannot take an input: one line, and a report that says what to do.
-- SPDX-License-Identifier: MIT

local objects = require "moonlink.cli.objects"
local pic = require "moonlink.cli.pic"

local refusal = {}

local LONGEST = 200 -- bytes of the one line

--- What keeps objects out of a shared library: a summary and a line for each relocation; nil when
--- nothing does, or when the objects cannot be read.
---@param paths string[]
---@param origins table<string, table> of the plan
---@return string? why
---@return string? report
function refusal.pic(paths, origins)
   local list = objects.open(paths, {})
   if not list then
      return nil
   end
   local names, lines, bad = pic.names(list), {}, 0
   for _, object in ipairs(list) do
      local origin = origins[object.file]
      if origin then
         object.file, object.member = origin.file, origin.member
      end
      local findings = pic.findings(object, names)
      bad = bad + (#findings > 0 and 1 or 0)
      for _, finding in ipairs(findings) do
         lines[#lines + 1] = pic.text(object, finding)
      end
   end
   if #lines == 0 then
      return nil
   end
   return pic.summary(#lines, bad, #list), table.concat(lines, "\n")
end

--- The line of a linker's output that says most.
local function best_line(output)
   for _, word in ipairs {"undefined", "error", "cannot", ""} do
      for line in output:gmatch "[^\n]+" do
         if line:find(word, 1, true) and not line:find("ld returned", 1, true) then
            return line:sub(1, LONGEST)
         end
      end
   end
   return "the linker failed without a word"
end

--- What a linker said, with objects under the names that users know: others are gone by then.
local function renamed(output, origins)
   return (output:gsub("[^%s:]+%.o", function(path)
      local origin = origins[path]
      return origin and origin.file .. (origin.member and "(" .. origin.member .. ")" or "")
   end))
end

--- The refusal that a failed `cc -shared` stands for.
---@param paths string[] the objects
---@param origins table<string, table> of the plan
---@param output string what compiler and linker said
---@return string why
---@return string report
function refusal.of_link(paths, origins, output)
   output = renamed(output, origins)
   local why, report = refusal.pic(paths, origins)
   if why then
      return why, ("%s\n\nThe linker's own words:\n%s"):format(report, output)
   end
   return best_line(output), output
end

--- The refusal that a failed dlopen stands for.
---@param plan moonlink.lab.Plan
---@param places? integer[] of the objects in the library
---@param message string
---@return string why
---@return string report
function refusal.of_open(plan, places, message)
   local place = places and #places == 1 and places[1]
   for _, group in ipairs(place and plan.groups or {}) do
      local names, is_in = {}, false
      for i, member in ipairs(group) do
         names[i] = plan.objects[member]
         is_in = is_in or member == place
      end
      if is_in and #group > 1 then
         return "objects that need each other cannot be opened one after the other",
            ("%s\n\nThese need each other; put them into one library:\n%s"):format(message,
               table.concat(names, "\n"))
      end
   end
   return message:match "[^\n]+":sub(1, LONGEST), message
end

--- What says nothing about an input: these are failures.
local FAILURES = {
   nomem = true, io = true, policy = true, state = true, init = true, argument = true,
}

--- The refusal that a failed load by moonlink stands for; nil when it is a failure.
---@param plan moonlink.lab.Plan
---@param err moonlink.Error
---@return string? why
---@return string? report
function refusal.of_load(plan, err)
   if FAILURES[err.code] then
      return nil
   end
   local report = renamed(tostring(err), plan.origins)
   return report:match "[^\n]+":sub(1, LONGEST), report
end

return refusal
