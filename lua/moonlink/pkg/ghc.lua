--- Where a GHC keeps its databases: asked of the `ghc` that PATH finds. The start script that most
-- installations have says where its folder is, and in that folder are version and platform; reading
-- them costs nothing, while asking GHC itself takes some 60 ms.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local file = require "moonlink.file"

local ghc = {}

---@class moonlink.pkg.Ghc
---@field program string path
---@field libdir string GHC's own folder, $topdir
---@field global string its global database
---@field version? string "9.0.2"
---@field platform? string "x86_64-linux"

local function exists(path)
   local found <close> = io.open(path, "rb")
   return found ~= nil
end

--- The first bytes of a file; nil when there are none.
local function head(path, size)
   local found <close> = io.open(path, "rb")
   return found and found:read(size)
end

--- The program that a shell would run.
---@param path? string in place of the environment's PATH
---@return string?
function ghc.program(path)
   for folder in ((path or os.getenv "PATH" or "") .. ":"):gmatch "([^:]*):" do
      local program = folder .. "/ghc"
      if folder:sub(1, 1) == "/" and exists(program) then
         return program
      end
   end
end

local function short_platform(triple)
   local first, last = triple:match "^[^-]+", triple:match "^.+%-([^-]+)$"
   return last and first .. "-" .. last or triple
end

--- The version that GHC's own library has in the global database.
local function version_in(global)
   for _, name in ipairs(core.list_folder(global) or {}) do
      local version = name:match "^ghc%-(%d+%.%d+%.%d+)[-.].*conf$"
      if version then
         return version
      end
   end
end

local function platform_in(settings)
   local text = head(settings, 65536) or ""
   local triple = text:match '"target platform string",%s*"([^"]+)"'
   return triple and short_platform(triple)
end

--- What a start script says of the folder that it starts GHC with; nil when it is no script, or
--- one of another kind.
local function of_script(program)
   local text = head(program, 4096)
   if not text or text:sub(1, 2) ~= "#!" then
      return nil
   end
   for _, name in ipairs {"topdir", "libdir"} do
      local folder = text:match("\n" .. name .. '="(/[^"$`\\\n]*)"')
      local global = folder and folder .. "/package.conf.d"
      if global and exists(folder .. "/settings") and exists(global) then
         return {
            program = program, libdir = folder, global = global, version = version_in(global),
            platform = platform_in(folder .. "/settings"),
         }
      end
   end
end

--- Asks GHC itself.
local function of_info(program)
   local pipe <close> = io.popen(file.quote(program) .. " --info 2>/dev/null", "r")
   local text = pipe and pipe:read "a" or ""
   local said = {}
   for key, value in text:gmatch '%("([^"]*)","([^"]*)"%)' do
      said[key] = value
   end
   local libdir = said["LibDir"]
   if not libdir then
      return nil
   end
   local triple = said["Target platform"] or said["target platform string"] or ""
   return {
      program = program, libdir = libdir,
      global = said["Global Package DB"] or libdir .. "/package.conf.d",
      version = said["Project version"], platform = short_platform(triple),
   }
end

--- The GHC of this environment; nil when there is none.
---@param options? {path?: string, whole?: boolean} whole: version and platform are wanted
---@return moonlink.pkg.Ghc?
function ghc.find(options)
   options = options or {}
   local program = ghc.program(options.path)
   if not program then
      return nil
   end
   local found = of_script(program)
   if found and (not options.whole or (found.version and found.platform)) then
      return found
   end
   return of_info(program)
end

local function xdg_since(version)
   local major, minor = version:match "^(%d+)%.(%d+)"
   return major and (tonumber(major) > 9 or major == "9" and tonumber(minor) >= 4)
end

--- Folders that may hold user's databases of all versions, the one that counts first.
local function user_folders(environment)
   local home, data = environment "HOME", environment "XDG_DATA_HOME"
   local has_home = home and home ~= ""
   local xdg = data and data:sub(1, 1) == "/" and data or has_home and home .. "/.local/share"
   local list = {}
   list[#list + 1] = has_home and home .. "/.ghc" or nil
   list[#list + 1] = xdg and xdg .. "/ghc" or nil
   return list
end

local DATABASES = {"package.conf.d", "package.conf"}

--- Has this user a database of any GHC at all? Answered without asking GHC.
---@param environment? fun(name: string): string? in place of os.getenv
---@return boolean
function ghc.has_user_databases(environment)
   for _, folder in ipairs(user_folders(environment or os.getenv)) do
      for _, version in ipairs(core.list_folder(folder) or {}) do
         for _, database in ipairs(DATABASES) do
            if exists(("%s/%s/%s"):format(folder, version, database)) then
               return true
            end
         end
      end
   end
   return false
end

--- Where the user's database of a GHC is, or would be.
---@param found moonlink.pkg.Ghc with version and platform
---@param environment? fun(name: string): string? in place of os.getenv
---@return string? path nil: there is no home
---@return boolean? is_there
function ghc.user_database(found, environment)
   local folders = user_folders(environment or os.getenv)
   if not folders[1] or not found.version then
      return nil
   end
   local name = found.platform .. "-" .. found.version
   for _, folder in ipairs(folders) do
      for _, database in ipairs(DATABASES) do
         local path = ("%s/%s/%s"):format(folder, name, database)
         if exists(path) then
            return path, true
         end
      end
   end
   local folder = xdg_since(found.version) and folders[2] or folders[1]
   return ("%s/%s/package.conf.d"):format(folder, name), false
end

return ghc
