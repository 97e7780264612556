--- What the figures were measured on.
-- SPDX-License-Identifier: MIT

local shell = require "bench.shell"

local machine = {}

local VERSIONS = {
   { "gcc", "gcc -dumpfullversion" },
   { "tcc", "tcc -v" },
   { "lld", "ld.lld --version" },
   { "mold", "mold --version" },
   { "binutils", "ld.bfd --version" },
   { "LLVM", "llvm-jitlink-14 --version | grep -i version" },
   { "GHC", "ghc --numeric-version" },
}

---@return table facts cpu, cores, memory_gib, kernel, lua, versions
function machine.describe()
   local info = shell.read("/proc/cpuinfo") or ""
   local memory = (shell.read("/proc/meminfo") or ""):match("MemTotal:%s*(%d+)")
   local versions = {}
   for _, entry in ipairs(VERSIONS) do
      local line = shell.first_line(entry[2])
      versions[#versions + 1] = { name = entry[1], version = line and line:match("%d+%.[%d.]*%d") }
   end
   return {
      cpu = info:match("model name%s*:%s*([^\n]+)") or "unknown processor",
      cores = tonumber(shell.first_line("nproc")) or 1,
      memory_gib = memory and math.floor(tonumber(memory) / 1048576 + 0.5) or 0,
      kernel = shell.first_line("uname -r") or "unknown",
      load = (shell.read("/proc/loadavg") or ""):match("%S+"),
      lua = _VERSION,
      versions = versions,
   }
end

--- The facts as a line of text.
---@param facts table
---@return string
function machine.line(facts)
   local parts = {}
   for _, entry in ipairs(facts.versions) do
      parts[#parts + 1] = entry.name .. " " .. (entry.version or "(not installed)")
   end
   return ("%s, %d cores, %d GiB, Linux %s, load %s; %s; %s"):format(facts.cpu, facts.cores,
      facts.memory_gib, facts.kernel, facts.load or "?", facts.lua, table.concat(parts, ", "))
end

return machine
