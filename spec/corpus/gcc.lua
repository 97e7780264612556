--- The yardstick: can gcc make an executable of all members of an archive and the libraries that it
-- needs, and does that executable come to its end?
-- SPDX-License-Identifier: MIT

local shell = require "spec.corpus.shell"

local gcc = {}

local LINK_SECONDS, RUN_SECONDS = 600, 300

local MAIN = "int main(void) { return 0; }\n"

--- The line of ld's complaints that says most.
local function reason(text)
   for _, word in ipairs {"undefined reference", "multiple definition", "relocation R_", "error"} do
      local line = text:match("[^\n]*" .. word .. "[^\n]*")
      if line then
         return (line:gsub("^.*/", ""):gsub("^[^ ]*ld: ", ""))
      end
   end
   return text:match "[^\n]+" or "no reason given"
end

--- Links; gives nil or why it does not.
local function link(job, program, source, options)
   local status, text = shell.run(shell.line {
      "timeout", LINK_SECONDS, "gcc", options, "-o", program, source, "-Wl,--whole-archive",
      job.path, "-Wl,--no-whole-archive", "-Wl,--start-group", job.needs, "-Wl,--end-group",
   } .. " 2>&1")
   return status ~= 0 and (status == 124 and "no result in time" or reason(text)) or nil
end

local function defines_main(path)
   return shell.run(shell.line {"nm", "-g", "--defined-only", path}
      .. " 2>/dev/null | grep -q ' T main$'") == 0
end

---@class corpus.Job
---@field path string
---@field needs string[]

--- Links and runs: `links`, `reason`, `runs` (nil when it has a main of its own).
---@param job corpus.Job
---@param folder string for the program; left as it was
---@return table<string, string>
function gcc.try(job, folder)
   local program = folder .. "/program"
   local source = {}
   local has_main = defines_main(job.path)
   if not has_main then
      source[1] = shell.write(folder .. "/main.c", MAIN)
   end
   local how = "-pie"
   local why = link(job, program, source, {"-fPIE", "-pie"})
   if why and why:find "relocation" then
      how, why = "-no-pie", link(job, program, source, {"-fno-pie", "-no-pie"})
   end
   local result = {links = why and "no" or "yes", reason = why, how = not why and how or nil}
   if not why and not has_main then
      local status = shell.run(shell.line {"timeout", RUN_SECONDS, program}
         .. " </dev/null >/dev/null 2>&1")
      result.runs = tostring(status)
   end
   os.remove(program)
   os.remove(folder .. "/main.c")
   return result
end

return gcc
