--- Lines without an editor: from a pipe or a file, and from terminals that can do nothing.
-- SPDX-License-Identifier: MIT

local plain = {}

---@class moonlink.repl.Plain
---@field private prompts boolean
local methods = {}
methods.__index = methods

--- Reads a line; nil at the end of the input. `wait` returns when there is something to read.
---@param prompt string
---@param wait fun()
---@return string?
function methods:line(prompt, wait)
   if self.prompts then
      io.stdout:write(prompt)
   end
   io.stdout:flush()
   wait()
   local line = io.stdin:read "l"
   if not line and self.prompts then
      io.stdout:write "\n"
   end
   return line and line:gsub("\r$", "")
end

--- Prints something while a line is being typed.
---@param print fun()
function methods:aside(print, prompt)
   if self.prompts then
      io.stdout:write "\n"
   end
   print()
   if self.prompts then
      io.stdout:write(prompt)
   end
   io.stdout:flush()
end

--- Gives a line up that was being typed.
function methods:abandon()
   if self.prompts then
      io.stdout:write "\n"
   end
end

function methods.remember() end

function methods.close() end

---@param prompts boolean standard input is a terminal
---@return moonlink.repl.Plain
function plain.new(prompts)
   io.stdin:setvbuf "no" -- what follows a line belongs to whoever reads next: also to C code
   return setmetatable({prompts = prompts}, methods)
end

return plain
