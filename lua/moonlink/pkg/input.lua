--- Descriptions of packages that are to be registered: from files, standard input, or a caller.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local record = require "moonlink.pkg.record"

local input = {}

local kept = {pkgroot = true, pkgrooturl = true}

--- The packages that a text describes: today's text format, or an old record.
---@param bytes string
---@param options? {file?: string, format?: "text"|"show"}
---@return moonlink.pkg.Record[]?
---@return table[]|moonlink.Error warnings or err
function input.parse(bytes, options)
   local infos, err = core.pkg.parse(bytes, options)
   if not infos then
      return nil, err
   end
   return record.all(infos), infos:warnings()
end

--- Replaces ${NAME} by what `lookup` gives, wherever it stands; the variables that databases know
--- stay. A name does not go over the end of a line.
---@param text string
---@param lookup fun(name: string): string?
---@return string
---@return string[] names that lookup does not know; they are replaced by nothing
function input.expand(text, lookup)
   local unknown = {}
   local expanded = text:gsub("%${([^}\n]*)}", function(name)
      if kept[name] then
         return nil
      end
      local value = lookup(name)
      if not value then
         unknown[#unknown + 1] = name
      end
      return value or ""
   end)
   return expanded, unknown
end

--- The bytes of a file, of standard input when the name is "-".
---@param name string
---@return string?
---@return string? message
function input.read(name)
   if name == "-" then
      return io.stdin:read "a" or ""
   end
   local file <close>, message, code = io.open(name, "rb")
   local bytes = file and file:read "a"
   if bytes then
      return bytes
   end
   local what = code == 2 and "does not exist (No such file or directory)"
      or not file and (message or ""):gsub("^" .. name:gsub("%p", "%%%0") .. ": ", "")
      or "is no regular file"
   return nil, ("%s: openBinaryFile: %s"):format(name, what)
end

--- The packages that a text describes.
---@param bytes string
---@param name string of the file, for messages
---@return moonlink.pkg.Package[]?
---@return any warnings {line=, column=, text=} each, or err
function input.packages(bytes, name)
   return input.parse(bytes, {file = name})
end

return input
