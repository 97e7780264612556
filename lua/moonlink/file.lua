--- Whole files, and their names in commands of the shell.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

local file = {}

--- Writes a file anew. What cannot be written may be there in part.
---@param path string
---@param bytes string
---@return boolean?
---@return moonlink.Error? err
function file.write(path, bytes)
   local out <close>, message = io.open(path, "wb")
   local good = out
   if out then
      good, message = out:write(bytes)
      if good then
         good, message = out:close() -- some find out only now that there is no room
      end
   end
   if not good then
      return nil, errors.new {code = "io", file = path,
         message = ("%s: cannot write: %s"):format(path, (tostring(message):gsub("^.*: ", "")))}
   end
   return true
end

--- A text as one word of the shell.
---@param text string
---@return string
function file.quote(text)
   return "'" .. text:gsub("'", [['\'']]) .. "'"
end

return file
