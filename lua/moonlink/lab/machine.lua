--- What an experiment ran on.
-- SPDX-License-Identifier: MIT

local shell = require "moonlink.lab.shell"

local machine = {}

local VERSIONS = {
   {"gcc", "gcc", "-dumpfullversion"}, {"clang", "clang", "--version"},
   {"bfd", "ld.bfd", "--version"}, {"gold", "ld.gold", "--version"},
   {"lld", "ld.lld", "--version"}, {"mold", "mold", "--version"},
   {"ghc", "ghc", "--numeric-version"},
}

local function first_line(words)
   local ok, output = shell.try(words)
   return ok and output:match "[^\n]+" or nil
end

--- The number in what a program says of itself: behind the last blank, or the first with two dots.
local function version_of(line)
   return line:match "%d+%.%d+%.%d+" or line:match "(%d+%.[%d.]*)%s*$" or line:match "%d+%.%d+"
end

---@class moonlink.lab.Machine
---@field cpu string
---@field cores integer
---@field memory string "24 GiB"
---@field kernel string
---@field load string load average of the last minute, when the experiment began
---@field lua string
---@field date string when the experiment began, UTC
---@field versions table<string, string> of compilers and linkers that are there

---@return moonlink.lab.Machine
function machine.describe()
   local info = shell.read "/proc/cpuinfo" or ""
   local kilobytes = (shell.read "/proc/meminfo" or ""):match "MemTotal:%s*(%d+)"
   local versions = {}
   for _, row in ipairs(VERSIONS) do
      local line = shell.has(row[2]) and first_line {row[2], row[3]}
      versions[row[1]] = line and version_of(line) or nil
   end
   return {
      cpu = info:match "model name%s*:%s*([^\n]+)" or "unknown processor",
      cores = math.tointeger(tonumber(first_line {"nproc"})) or 1,
      memory = kilobytes and ("%.0f GiB"):format(tonumber(kilobytes) / 1048576) or "unknown",
      kernel = first_line {"uname", "-sr"} or "unknown",
      load = (shell.read "/proc/loadavg" or ""):match "%S+" or "unknown",
      lua = _VERSION, date = os.date "!%Y-%m-%dT%H:%M:%SZ", versions = versions,
   }
end

return machine
