--- Whole files, and their names in commands of the shell.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"

local file = {}

local function io_error(path, what, why)
   return errors.new {code = "io", file = path,
      message = ("%s: cannot %s: %s"):format(path, what, (tostring(why):gsub("^.*: ", "")))}
end

--- The bytes of a file.
---@param path string
---@return string? bytes
---@return moonlink.Error? err
function file.read(path)
   local input <close>, why = io.open(path, "rb")
   local bytes
   if input then
      bytes, why = input:read "a" -- nil of a folder
   end
   if not bytes then
      return nil, io_error(path, "read", why)
   end
   return bytes
end

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
      return nil, io_error(path, "write", message)
   end
   return true
end

--- Is something there that no file may take the place of: a device, a pipe, a folder?
---@param path string
---@return boolean
function file.is_special(path)
   local kind, err = core.kind(path)
   local is_name = path:find "^/dev/" or path:find "^/proc/" -- /dev/stdout, say, is what that is
   return is_name ~= nil or not kind and err.code == "kind"
end

--- Writes a file so that it is whole or as it was: beside, then renamed.
---@param path string
---@param bytes string
---@return boolean?
---@return moonlink.Error? err
function file.replace(path, bytes)
   if file.is_special(path) then
      return file.write(path, bytes)
   end
   local beside = path .. ".new"
   local good, err = file.write(beside, bytes)
   if good then
      local why
      good, why = os.rename(beside, path)
      err = not good and io_error(path, "write", why) or nil
   else
      err = io_error(path, "write", err.message)
   end
   if not good then
      os.remove(beside)
   end
   return good, err
end

--- Could `replace` write there? For work that takes long: better told before than after.
---@param path string
---@return boolean?
---@return moonlink.Error? err
function file.can_replace(path)
   local beside = file.is_special(path) and path or path .. ".new"
   local out, why = io.open(beside, "ab")
   if not out then
      return nil, io_error(path, "write", why)
   end
   out:close()
   if beside ~= path then
      os.remove(beside)
   end
   return true
end

--- A text as one word of the shell; what needs no quotes gets none.
---@param text string
---@return string
function file.quote(text)
   if text:find "^[%w%-+=_./,:@%%]+$" then
      return text
   end
   return "'" .. text:gsub("'", [['\'']]) .. "'"
end

---@class moonlink.Folder
---@field path? string absolute; nil once it is closed

local folder = {}
folder.__index = folder

--- Removes the folder with all that is in it.
function folder:close()
   if self.path then
      os.execute("rm -rf " .. file.quote(self.path))
      self.path = nil
   end
end

-- No finaliser: a forked child has a copy of the folder's owner, and must not take it away.
folder.__close = folder.close

local keeper = {}

--- Tells the shell, which other processes that have the pipe, too, could keep waiting.
function keeper:__close()
   self.pipe:write "\n"
   self.pipe:close()
end

--- Has a folder removed when this process ends, however that is: by a shell that waits for it. For
--- folders of work that may be killed.
---@param path string
---@return table? keeper for a `<close>` variable, which removes the folder, too
function file.keeper(path)
   local pipe = io.popen(("trap '' INT TERM HUP; read -r end; rm -rf %s"):format(
      file.quote(path)), "w")
   return pipe and setmetatable({pipe = pipe}, keeper)
end

--- A fresh folder below TMPDIR, which goes away when the `<close>` variable that holds it does.
---@return moonlink.Folder?
---@return moonlink.Error? err
function file.folder()
   local base = os.getenv "TMPDIR" or "/tmp"
   local pipe <close> = io.popen(("mktemp -d %s 2>&1"):format(
      file.quote(base .. "/moonlink.XXXXXX")))
   local said = pipe and pipe:read "l"
   if not pipe or not pipe:close() then
      return nil, errors.new {code = "io", file = base,
         message = ("%s: no folder can be made there: %s"):format(base, tostring(said))}
   end
   return setmetatable({path = said}, folder)
end

return file
