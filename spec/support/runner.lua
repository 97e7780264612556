--- A command of `moonlink`, as a shell sees it: status, standard output, standard error.
-- SPDX-License-Identifier: MIT

local assert = require "luassert"
local support = require "spec.support"

local runner = {}

--- Three ways to run a command in a folder with more words, which are those of a shell: a format
--- and its arguments, or one text as it is.
---@param dir string
---@param words string that begin the command
---@return fun(fmt: string, ...: any): integer, string, string run as support.exit
---@return fun(fmt: string, ...: any): string output of what must succeed and say nothing else
---@return fun(status: integer, text: string, fmt: string, ...: any): string fails must fail with
--- that status, print nothing, and say something with that text, which is given
function runner.new(dir, words)
   local function run(fmt, ...)
      local more = select("#", ...) > 0 and fmt:format(...) or fmt
      return support.exit("cd %s && %s %s", dir, words, more)
   end
   local function output(fmt, ...)
      local status, out, err = run(fmt, ...)
      assert.same({0, ""}, {status, err})
      return out
   end
   local function fails(status, text, fmt, ...)
      local got, out, err = run(fmt, ...)
      assert.same({status, ""}, {got, out}, err)
      assert.equal("moonlink: ", err:sub(1, 10))
      assert.matches(text, err, 1, true)
      return err
   end
   return run, output, fails
end

return runner
