--- What a strategy's functions get beside the plan: where to put files, the values of the axes, and
-- the way to say no.
-- SPDX-License-Identifier: MIT

local given = require "moonlink.given"
local shell = require "moonlink.lab.shell"

local run = {}

---@class moonlink.lab.Run
---@field plan moonlink.lab.Plan
---@field axes table<string, any> the values of this case
---@field folder string for files; empty at first, gone after the run
---@field setup? any what the strategy's `setup` gave
---@field exercise? fun(bind: fun(prototype: string): function) makes the experiment's first call
---@field counting? boolean the run is for counting calls
---@field count integer folders below that `again` has made
local methods = {}

local metatable = {__index = methods, __name = "moonlink.lab.Run"}

---@param plan moonlink.lab.Plan
---@param values table<string, any>
---@param folder string
---@return moonlink.lab.Run
function run.new(plan, values, folder)
   return setmetatable({plan = plan, axes = values, folder = folder, count = 0}, metatable)
end

--- Runs a command that must succeed.
---@param words any[]
---@return string output
function methods.command(_, words)
   return shell.run(words)
end

--- Ends the run: this strategy cannot take this input. That is a result, and no failure.
---@param why string one line
---@param report? string what a user should read
function methods.refuse(_, why, report)
   error({refused = true, why = why, report = report or why}, 0)
end

local PROGRAMS = {bfd = "ld.bfd", gold = "ld.gold", lld = "ld.lld", mold = "mold"}

--- The system's linker that the axis `linker` names; a refusal when it is not installed.
---@return string program
function methods:linker()
   local name = PROGRAMS[self.axes.linker] or self.axes.linker
   if not shell.has(name) then
      self:refuse(name .. " is not installed")
   end
   return name
end

--- The same run over another plan.
---@param plan moonlink.lab.Plan
---@return moonlink.lab.Run
function methods:with(plan)
   return setmetatable({plan = plan}, {__index = self, __name = metatable.__name})
end

--- The same run with a fresh folder, for files of a new version.
---@return moonlink.lab.Run
function methods:again()
   self.count = self.count + 1
   local new = run.new(self.plan, self.axes, ("%s/again%d"):format(self.folder, self.count))
   new.setup = self.setup
   shell.run {"mkdir", "-p", new.folder}
   return new
end

given.methods(methods, metatable, "run")

return run
