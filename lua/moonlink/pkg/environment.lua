--- Package environment files: flags in a file, which GHC finds by itself.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local file = require "moonlink.file"
local version = require "moonlink.pkg.version"

local environment = {}

local PLAIN = {["clear-package-db"] = true, ["global-package-db"] = true,
   ["user-package-db"] = true}

local function folder_of(path)
   return path:match "^(.*)/[^/]*$" or "."
end

local function parse_db(line, path)
   local db = line:match "^%s*package%-db%s(.-)\r?$" -- it may hold blanks
   if db and db ~= "" then
      db = db:sub(1, 1) == "/" and db or folder_of(path) .. "/" .. db
      return {kind = "package-db", arg = db, text = "-package-db " .. db}
   end
end

local function parse_line(line, path, ghc)
   local words = {}
   for word in line:gmatch "%S+" do
      words[#words + 1] = word
   end
   local first, n = words[1], #words
   if n == 0 or first:find "^%-%-" then
      return {}
   elseif first == "package-db" then
      return parse_db(line, path)
   elseif n == 1 and PLAIN[first] then
      return {kind = first, text = "-" .. first}
   elseif n == 2 and first == "hide-package" and not (ghc and version.less(ghc, "9.1")) then
      return {kind = first, arg = words[2], text = "-hide-package " .. words[2]}
   elseif n == 1 or n == 2 and first == "package-id" then
      local id = words[n]
      return {kind = "package-id", arg = id, text = "-package-id " .. id, all = true,
         renamings = {}}
   end
end

--- The flags that a file stands for; -hide-all-packages is always the first.
---@param text string the file's contents
---@param path string the file: paths in it are relative to its folder
---@param ghc? string version: before 9.2 there was no hide-package
---@return moonlink.pkg.Flag[]?
---@return moonlink.Error? err
function environment.parse(text, path, ghc)
   local list, number = {{kind = "hide-all-packages", text = "-hide-all-packages"}}, 0
   for line in (text:gsub("\n$", "") .. "\n"):gmatch "([^\n]*)\n" do
      number = number + 1
      local flag = parse_line(line, path, ghc)
      if not flag then
         return nil, errors.new {code = "format", file = path, line = number,
            message = ("Can't parse environment file entry: %s: %s"):format(path, line)}
      elseif flag.kind then
         list[#list + 1] = flag
      end
   end
   return list
end

---@class moonlink.pkg.EnvironmentOptions
---@field name? string of -package-env: a file, a name, or "-" for none
---@field variable? string value of GHC_ENVIRONMENT
---@field folder? string where GHC runs: the search goes on in its parents; absolute
---@field home? string the search stops there, unread
---@field app? string GHC's folder of the user and version: "~/.ghc/x86_64-linux-9.0.2"
---@field platform? string "x86_64-linux-9.0.2"; else it is the last part of `app`
---@field ghc? string version
---@field hide_all? boolean -hide-all-packages was given: only a named file counts
---@field read? fun(path: string): string? contents of a file, nil when there is none

local function named(options, name, suffix)
   local read = options.read or file.read
   if name == "-" then
      return false
   end
   for _, path in ipairs {name, options.app and ("%s/environments/%s"):format(options.app, name)} do
      local text = read(path)
      if text then
         return path, text
      end
   end
   return nil, errors.new {code = "noent", file = name,
      message = ("Package environment \"%s\"%s not found"):format(name, suffix)}
end

local function in_parents(options)
   local read, folder = options.read or file.read, options.folder
   local platform = options.platform or options.app and options.app:match "[^/]*$"
   while folder and platform and folder ~= "" and folder ~= "/" and folder ~= options.home do
      local path = ("%s/.ghc.environment.%s"):format(folder, platform)
      local text = read(path)
      if text then
         return path, text
      end
      folder = folder:match "^(.*)/[^/]*$"
   end
   local path = options.app and options.app .. "/environments/default"
   return path, path and read(path)
end

--- Finds the environment file that GHC would read, and its contents: -package-env, GHC_ENVIRONMENT,
--- a file .ghc.environment.PLATFORM in the folder or one above it, the user's default.
---@param options moonlink.pkg.EnvironmentOptions
---@return string|false|nil path false: there is none; nil: a named one is missing
---@return string|moonlink.Error|nil text
function environment.find(options)
   local path, text
   if options.name then
      return named(options, options.name, "")
   elseif options.variable then
      return named(options, options.variable, " (specified in GHC_ENVIRONMENT)")
   elseif not options.hide_all then
      path, text = in_parents(options)
   end
   if not text then
      return false
   end
   return path, text
end

--- The flags of the environment file that GHC would read; none when there is no such file.
---@param options moonlink.pkg.EnvironmentOptions
---@return moonlink.pkg.Flag[]? flags
---@return string|moonlink.Error|nil path of the file; or the error
function environment.load(options)
   local path, text = environment.find(options)
   if not path then
      if path == false then
         return {}
      end
      return nil, text
   end
   local list, err = environment.parse(text, path, options.ghc)
   return list, err or path
end

return environment
