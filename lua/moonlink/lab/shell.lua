--- Commands, files and folders for experiments.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local file = require "moonlink.file"

local shell = {}

local function collect(words, out)
   for _, word in ipairs(words) do
      if type(word) == "table" then
         collect(word, out)
      else
         out[#out + 1] = tostring(word)
      end
   end
   return out
end

--- A command line of words; lists within the list are part of it.
---@param words any[]
---@return string
function shell.line(words)
   local out = collect(words, {})
   for i, word in ipairs(out) do
      out[i] = file.quote(word)
   end
   return table.concat(out, " ")
end

--- Runs a command: its success, and what it wrote to both streams.
---@param words any[]
---@param environment? string assignments before the command
---@return boolean ok
---@return string output
function shell.try(words, environment)
   local line = ("%s %s 2>&1 </dev/null"):format(environment or "", shell.line(words))
   local pipe <close>, why = io.popen(line)
   if not pipe then
      return false, tostring(why)
   end
   local output = pipe:read "a"
   return pipe:close() == true, output
end

--- Runs a command that must succeed.
---@param words any[]
---@return string output
function shell.run(words)
   local ok, output = shell.try(words)
   if not ok then
      error(errors.new {
         code = "io", message = ("%s: %s"):format(shell.line(words):sub(1, 200), output),
      }, 0)
   end
   return output
end

--- Is a program there? Looks along PATH without starting a process.
---@param name string
---@return boolean
function shell.has(name)
   if name:find("/", 1, true) then
      return shell.size(name) > 0
   end
   for folder in (os.getenv "PATH" or "/usr/bin:/bin"):gmatch "[^:]+" do
      if shell.size(folder .. "/" .. name) > 0 then
         return true
      end
   end
   return false
end

shell.read = file.read

--- Writes a file that must be written.
---@param path string
---@param bytes string
---@return string path
function shell.write(path, bytes)
   assert(file.write(path, bytes))
   return path
end

--- Bytes of a file; 0 when it cannot be read.
---@param path string
---@return integer
function shell.size(path)
   local input <close> = io.open(path, "rb")
   return input and input:seek "end" or 0
end

--- A list of words as a file that compilers, linkers and ar take as @FILE: command lines are short.
---@param path string
---@param words string[]
---@return string word "@path"
function shell.response(path, words)
   local lines = {}
   for i, word in ipairs(words) do
      lines[i] = '"' .. word:gsub('[\\"]', "\\%0") .. '"\n'
   end
   shell.write(path, table.concat(lines))
   return "@" .. path
end

return shell
