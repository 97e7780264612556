--- What commands do with a linker: make it, load with a progress line, take leave of it.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local arguments = require "moonlink.cli.arguments"
local calls = require "moonlink.link.calls"
local options = require "moonlink.cli.options"
local progress = require "moonlink.show.progress"
local usage = require "moonlink.cli.usage"

local session = {}

local function is_terminal()
   return os.execute "test -t 2" == true
end

--- Tells the user something that is no output of the command.
---@param text string
function session.say(text)
   io.stderr:write(text)
   io.stderr:flush()
end

--- A linker as the common options want it. The progress line is the caller's to finish.
---@param parsed table what argparse found
---@return moonlink.Linker
---@return fun() finish
---@return table<string, integer> define
function session.linker(parsed)
   local opts, define = options.linker(parsed)
   local report, finish = progress.new {
      now = moonlink.now, terminal = is_terminal, write = session.say,
   }
   opts.progress = report
   local ln = moonlink.new(opts)
   if opts.trace then
      ln:on("event", function(event)
         finish()
         session.say(event.text .. "\n")
      end)
   end
   return ln, finish, define
end

--- What is to be loaded: something must be.
---@param parsed table
---@return any[] inputs
---@return string first name of the first one
function session.inputs(parsed)
   local inputs, first = arguments.inputs(parsed.inputs)
   if first == "" then
      usage.fail "a file or a library is wanted"
   end
   return inputs, first
end

--- A linker with the files that are to be loaded.
---@param parsed table
---@return moonlink.Linker
---@return {inputs: any[], first: string, define: table<string, integer>, finish: fun()}
function session.open(parsed)
   local inputs, first = session.inputs(parsed)
   local ln, finish, define = session.linker(parsed)
   return ln, {inputs = inputs, first = first, define = define, finish = finish}
end

--- What --count has counted, as long as the units are there.
---@param ln moonlink.Linker
function session.show_counts(ln)
   if ln.options.count then
      session.say(calls.text(ln:calls()) .. "\n")
   end
end

--- Ends a linker in which foreign code ran: destructors run, and nothing that libc writes later,
--- when the process exits, lies in memory that goes away here. True, or nil and an error.
---@param ln moonlink.Linker
---@return boolean?
---@return moonlink.Error? err
function session.close(ln)
   -- A linker without units finds the process's own function, whatever was loaded.
   local process <close> = moonlink.new {scope = {"process"}}
   local flush = assert(process:func "int fflush(void *)")
   flush(nil)
   -- A program may have given its streams buffers of its own.
   io.stdout:setvbuf "no"
   io.stderr:setvbuf "no"
   io.stdin:setvbuf "no"
   session.show_counts(ln)
   local ok, err = ln:close()
   flush(nil)
   return ok, err
end

return session
