--- Runs the same commands through ghc-pkg and `moonlink pkg`, each in a folder of its own, and
-- compares what they print, how they end, and the files they leave.
-- SPDX-License-Identifier: MIT

local assert = require "luassert"
local support = require "spec.support"

local pair = {}
pair.__index = pair

local OURS = support.moonlink() .. " pkg"

--- Two folders with the same files.
---@param files table<string, string> by name
function pair.new(files)
   local self = setmetatable({theirs = support.tmpdir(), ours = support.tmpdir()}, pair)
   for name, text in pairs(files) do
      self:write(name, text)
   end
   return self
end

function pair:write(name, text)
   for _, dir in ipairs {self.theirs, self.ours} do
      support.write(dir .. "/" .. name, text)
   end
end

--- A shell command in both folders.
function pair:sh(command)
   for _, dir in ipairs {self.theirs, self.ours} do
      support.sh("cd %s && %s", dir, command)
   end
end

-- No database of the user's: what specs find must not depend on who runs them.
local ENVIRONMENT = "env -u GHC_PACKAGE_PATH LD_PRELOAD= HOME=/nonexistent "

local function without_folder(text, dir)
   return (text:gsub(dir:gsub("%p", "%%%0"), "DIR"))
end

--- Text of all files of the databases, by name.
local function files_in(dir)
   return without_folder(support.sh([[cd %s && for f in */*.conf; do [ -f "$f" ] && ]]
      .. [[{ echo "== $f"; cat "$f"; }; done; true]], dir), dir)
end

--- One command, run by both.
---@param words string
---@param opts? {stdin?: string, env?: string, any_stderr?: boolean, changed_files?: boolean}
---@return integer status
---@return string stdout
---@return string stderr of ours
function pair:run(words, opts)
   opts = opts or {}
   local tail = words .. (opts.stdin and " <" .. opts.stdin or "")
   local env = ENVIRONMENT .. (opts.env or "")
   local theirs = {support.exit("cd %s && %s ghc-pkg %s", self.theirs, env, tail)}
   local ours = {support.exit("cd %s && %s %s %s", self.ours, env, OURS, tail)}
   for i = 2, 3 do
      theirs[i] = without_folder(theirs[i], self.theirs)
      ours[i] = without_folder(ours[i], self.ours)
   end
   ours[3] = ours[3]:gsub("moonlink pkg", "ghc-pkg")
   assert.equal(theirs[2], ours[2], words .. ": standard output")
   assert.equal(theirs[1], ours[1], words .. ": status; " .. theirs[3] .. " and " .. ours[3])
   if not opts.any_stderr then
      assert.equal(theirs[3], ours[3], words .. ": standard error")
   end
   if not opts.changed_files then
      assert.equal(files_in(self.theirs), files_in(self.ours), words .. ": files")
   end
   return ours[1], ours[2], ours[3]
end

return pair
