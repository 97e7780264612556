--- Commands, files and a cache for the corpus: its only access to the system.
-- SPDX-License-Identifier: MIT

local shell = {}

--- Quotes a word for sh.
---@param word string
---@return string
function shell.quote(word)
   if word:find "^[%w%-%+_./=@,:]+$" then
      return word
   end
   return "'" .. word:gsub("'", [['\'']]) .. "'"
end

--- A command line of words; nested lists are flattened.
---@param words any[]
---@return string
function shell.line(words)
   local out = {}
   for _, word in ipairs(words) do
      out[#out + 1] = type(word) == "table" and shell.line(word) or shell.quote(tostring(word))
   end
   return table.concat(out, " ")
end

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

---@param path string
---@return string? bytes nil when it cannot be read
function shell.read(path)
   local file <close> = io.open(path, "rb")
   return file and file:read "a"
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

--- FNV-1a, as hex.
---@param text string
---@return string
function shell.hash(text)
   local h = 0xcbf29ce484222325 --[[@as integer]]
   for i = 1, #text do
      h = (h ~ text:byte(i)) * 0x100000001b3
   end
   return ("%016x"):format(h)
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
