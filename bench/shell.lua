--- Running commands and keeping what they made: the bench's only access to files and processes.
-- SPDX-License-Identifier: MIT

local shell = {}

--- Quotes a word for sh.
---@param word string
---@return string
function shell.quote(word)
   if word:find("^[%w%-%+_./=@,:]+$") then
      return word
   end
   return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- A command line of words; nested lists are flattened.
---@param words (string|number|table)[]
---@return string
function shell.line(words)
   local out = {}
   for _, word in ipairs(words) do
      out[#out + 1] = type(word) == "table" and shell.line(word) or shell.quote(tostring(word))
   end
   return table.concat(out, " ")
end

--- Runs a command line; standard error goes where the caller's text sends it.
---@param command string
---@return string? output nil when the status was not 0
---@return string text the output in either case
---@return integer status
function shell.try(command)
   local pipe = assert(io.popen(command, "r"))
   local text = pipe:read("a")
   local ok, _, status = pipe:close()
   if not ok then
      return nil, text, status
   end
   return text, text, 0
end

--- Runs a command line for some seconds at most; the status is 124 when they were too few.
---@param command string
---@param seconds integer
---@return string? output nil when the status was not 0
---@return string said on standard error
---@return integer status
function shell.limited(command, seconds)
   local errors = os.tmpname()
   local out, _, status = shell.try(("timeout %d %s 2>%s"):format(seconds, command, errors))
   local said = shell.read(errors) or ""
   os.remove(errors)
   return out, said, status
end

--- Runs a command line that must succeed.
---@param command string
---@return string output
function shell.run(command)
   local out, text, status = shell.try(command .. " 2>&1")
   if not out then
      error(("status %d: %s\n%s"):format(status, command, text), 2)
   end
   return out
end

--- The first line that a command prints, or nil when it fails.
---@param command string
---@return string?
function shell.first_line(command)
   local out = shell.try(command .. " 2>/dev/null")
   return out and out:match("[^\n]+")
end

---@param name string
---@return string? path of the program, nil when it is not installed
function shell.which(name)
   return shell.first_line("command -v " .. shell.quote(name))
end

---@param path string
---@return string? bytes
function shell.read(path)
   local file = io.open(path, "rb")
   if not file then
      return nil
   end
   local bytes = file:read("a")
   file:close()
   return bytes
end

---@param path string
---@param bytes string
function shell.write(path, bytes)
   local file <close> = assert(io.open(path, "wb"))
   assert(file:write(bytes))
end

--- FNV-1a, 64 bits, as hex: enough to tell sets of parameters apart.
---@param text string
---@return string
function shell.hash(text)
   local h = 0xcbf29ce484222325 --[[@as integer]]
   for i = 1, #text do
      h = (h ~ text:byte(i)) * 0x100000001b3
   end
   return ("%016x"):format(h)
end

--- A folder that is made once for a key and then kept. `make` fills a folder that nobody else sees;
-- it gets its final name when it is whole, so that an interrupted run leaves nothing half done.
---@param label string says what is in it
---@param key string whatever its content depends on
---@param make fun(folder: string, final: string)
---@return string folder
function shell.cached(label, key, make)
   local base = os.getenv("TMPDIR") or "/tmp"
   local final = ("%s/moonlink-bench-%s-%s"):format(base, label, shell.hash(key))
   if shell.first_line("test -d " .. shell.quote(final) .. " && echo yes") then
      return final
   end
   local folder = shell.run("mktemp -d " .. shell.quote(final .. ".XXXXXX")):match("[^\n]+")
   local ok, err = pcall(make, folder, final)
   if ok then
      ok, err = shell.try(shell.line { "mv", "-T", folder, final } .. " 2>&1")
   end
   if not ok then
      shell.try(shell.line { "rm", "-rf", folder })
      error(err, 0)
   end
   return final
end

return shell
