--- Commands, files and a cache for the corpus: its only access to the system.
-- SPDX-License-Identifier: MIT

local bench = require "bench.shell"

local shell = {quote = bench.quote, line = bench.line, read = bench.read, hash = bench.hash}

--- Runs a command.
---@param command string|any[]
---@return integer status 128 + the number of the signal that ended it
---@return string output
function shell.run(command)
   if type(command) == "table" then
      command = shell.line(command)
   end
   local pipe <close> = assert(io.popen(command))
   local text = pipe:read "a"
   local _, how, status = pipe:close()
   return how == "signal" and 128 + status or status or 0, text
end

--- The lines that a command prints.
---@param command string|any[]
---@return string[]
function shell.lines(command)
   local _, text = shell.run(command)
   local list = {}
   for line in text:gmatch "[^\n]+" do
      list[#list + 1] = line
   end
   return list
end

--- Writes a file so that nobody sees a part of it.
---@param path string
---@param bytes string
---@return string path
function shell.write(path, bytes)
   local file = assert(io.open(path .. ".new", "wb"))
   assert(file:write(bytes))
   file:close()
   assert(os.rename(path .. ".new", path))
   return path
end

--- The text that `make` gives for a key, kept in a folder for the next run.
---@param folder string
---@param key string whatever the text depends on
---@param make fun(): string
---@return string
function shell.cached(folder, key, make)
   local path = folder .. "/" .. shell.hash(key)
   local text = shell.read(path)
   if not text then
      text = make()
      shell.write(path, text)
   end
   return text
end

return shell
