--- One archive: gcc's answer (kept from an earlier run) and moonlink's, as `key=value` lines.
-- Usage: lua5.4 one.lua JOB RESULT CACHE, with the environment in which moonlink is found.
-- SPDX-License-Identifier: MIT

local gcc = require "spec.corpus.gcc"
local libraries = require "spec.corpus.libraries"
local shell = require "spec.corpus.shell"

local LOAD_SECONDS = 600

local function encode(fields)
   local lines = {}
   for key, value in pairs(fields) do
      lines[#lines + 1] = ("%s=%s\n"):format(key, (tostring(value):gsub("\n", " ")))
   end
   table.sort(lines)
   return table.concat(lines)
end

local function job_of(path)
   local lines = {}
   for line in assert(shell.read(path)):gmatch "[^\n]+" do
      lines[#lines + 1] = line
   end
   return {path = table.remove(lines, 1), stamp = table.remove(lines, 1), needs = lines}
end

--- How a process that loads ended.
local function verdict(status, text)
   local members, ms = text:match "loaded\t(%d+)\t(%S+)"
   if status == 0 and text:find "closed\n" then
      return {loads = "yes", members = members, ms = ms, stays = text:match "stays\t([^\n]*)"}
   elseif status == 124 then
      return {loads = "no", why = "no result in time"}
   end
   local err = text:match "error\t([^\n]*)"
   if not err then
      local said = text:gsub("loaded[^\n]*\n", ""):match "[^\n]+"
      local when = members and "after the load" or "while loading"
      err = status > 128 and ("signal %d %s"):format(status - 128, when)
         or ("status %d %s"):format(status, when)
      err = said and err .. ": " .. said or err
   end
   return {loads = "no", why = err}
end

local function members_of(path)
   local status, text = shell.run(shell.line {"ar", "t", path} .. " | grep -v '^__.SYMDEF' | wc -l")
   return status == 0 and math.tointeger(tonumber(text))
end

local function moonlink(job)
   local script = assert(package.searchpath("spec.corpus.load", package.path))
   local status, text = shell.run(shell.line {
      libraries.environment(job), "timeout", LOAD_SECONDS, "lua5.4", script, job.path, job.needs,
   } .. " </dev/null 2>&1")
   local result = verdict(status, text)
   local expected = members_of(job.path)
   if result.loads == "yes" and tonumber(result.members) ~= expected then
      result.loads = "no"
      result.why = ("%s of %s members"):format(result.members, expected)
   end
   return result
end

local function main(job_path, result_path, cache)
   local job = job_of(job_path)
   local key = table.concat({
      job.path, job.stamp, shell.read(assert(package.searchpath("spec.corpus.gcc", package.path))),
      table.unpack(job.needs),
   }, "\n")
   local text = shell.cached(cache, key, function()
      local folder = result_path .. ".d"
      shell.run {"mkdir", folder}
      local fields = gcc.try(job, folder)
      shell.run {"rmdir", folder}
      return encode(fields)
   end)
   shell.write(result_path, text .. encode(moonlink(job)))
end

main(...)
