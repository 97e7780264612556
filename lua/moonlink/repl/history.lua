--- Lines of earlier sessions: a plain text file, a line each, the oldest first.
-- SPDX-License-Identifier: MIT

local history = {}

--- Lines that are kept.
history.MOST = 1000

--- Where it is: $MOONLINK_HISTORY, or a file in the home folder. Nil without either.
---@return string?
function history.path()
   local named, home = os.getenv "MOONLINK_HISTORY", os.getenv "HOME"
   if named then
      return named ~= "" and named or nil
   end
   return home and home ~= "" and home .. "/.moonlink_history" or nil
end

--- Reads the lines; a file that has grown long is written anew.
---@param path string
---@return string[]
function history.read(path)
   local lines = {}
   do
      local file <close> = io.open(path, "rb")
      for line in file and file:lines() or function() end do
         lines[#lines + 1] = line
      end
   end
   if #lines <= 2 * history.MOST then
      return lines
   end
   local kept = table.move(lines, #lines - history.MOST + 1, #lines, 1, {})
   local file <close> = io.open(path, "wb")
   if file then
      file:write(table.concat(kept, "\n"), "\n")
   end
   return kept
end

--- Adds a line at once: a session may end by a crash of the code that is tried in it.
---@param path string
---@param line string
function history.add(path, line)
   local file <close> = io.open(path, "ab")
   if file then
      file:write(line, "\n")
   end
end

return history
