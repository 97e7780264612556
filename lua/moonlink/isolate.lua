--- A function called in a child process: what it returns, or what ended it. A crash is a result.
--
--    local run, err = moonlink.isolate(function(n) return native(n) end, { timeout = 5 }, 42)
--    if run then print(run[1], run.output) else print(err.code, err) end
--
-- SPDX-License-Identifier: MIT

local codec = require "moonlink.isolate.codec"
local core = require "moonlink.core"
local describe = require "moonlink.isolate.describe"
local errors = require "moonlink.error"
local given = require "moonlink.given"

---@class moonlink.IsolateOptions
---@field timeout? number seconds; without it the function may run for ever
---@field memory? integer bytes of memory beyond what the process has already
---@field output_limit? integer bytes of output that are kept, 1 MiB by default; the rest is counted
---@field core? boolean a crash may leave a core file, if the system's limits say so

---@class moonlink.Run
---@field n integer results; they are elements 1 to n
---@field output string what was written to standard output and error
---@field dropped integer bytes of output beyond output_limit
---@field seconds number

local KNOWN = {timeout = "number", memory = "integer", output_limit = "integer", core = "boolean"}
local LONGEST = 1e9 -- seconds

local function check_options(opts)
   local o = given.options(opts, KNOWN)
   if o.timeout and (o.timeout <= 0 or o.timeout ~= o.timeout) then
      errors.mistake "option 'timeout': more than 0 seconds expected"
   elseif o.memory and o.memory <= 0 then
      errors.mistake "option 'memory': more than 0 bytes expected"
   elseif o.output_limit and o.output_limit < 0 then
      errors.mistake "option 'output_limit': 0 bytes or more expected"
   end
   return o
end

local function result_name(i)
   return ("result[%d]"):format(i)
end

local function error_name()
   return "the error value"
end

local function text_of(value)
   local meta = type(value) == "table" and getmetatable(value)
   if type(value) == "table" and not (type(meta) == "table" and meta.__tostring) then
      return type(value.message) == "string" and value.message or "the error value is a table"
   end
   local ok, text = pcall(tostring, value)
   return ok and text or "the error value cannot be shown"
end

local exit = os.exit

--- Runs in the child. Closing the Lua state there would finalise what belongs to the parent.
local function start(fn, ...)
   os.exit = function(status) -- luacheck: ignore 122
      exit(status, false)
   end
   return fn(...)
end

--- Runs in the child, where the error was raised. What lies below `isolate` is the caller's.
local function on_error(value)
   local traceback = debug.traceback(nil, 2):gsub("^\n?", "")
   local cut = traceback:find("\n[^\n]*'moonlink%.core%.isolate'")
   return {raised = value, traceback = cut and traceback:sub(1, cut - 1) or traceback}
end

--- Runs in the child. Gives whether the function counts as returned, and the bytes to send.
local function encode(ok, ...)
   if ok then
      local bytes, why = codec.encode(table.pack(...), result_name)
      if bytes then
         return true, bytes
      end
      return false, codec.encode({n = 1, {text = why .. ": it cannot leave the child"}}, error_name)
   end
   local e = ...
   if type(e) ~= "table" or not e.traceback then -- raised by the handler, or without stack for it
      e = {raised = e}
   end
   local raised = {text = text_of(e.raised), value = e.raised, traceback = e.traceback}
   local bytes = codec.encode({n = 1, raised}, error_name)
   if not bytes then
      raised.value = nil
      bytes = codec.encode({n = 1, raised}, error_name)
   end
   return false, bytes
end

--- Calls a function in a child process.
---@param fn function its results: nil, booleans, numbers, strings, tables of these
---@param opts? moonlink.IsolateOptions
---@param ... any arguments of the function
---@return moonlink.Run?
---@return moonlink.Error? err code "signal", "timeout", "exit", "memory" or "error"; has `output`,
---  `dropped` and `seconds`, too
return function(fn, opts, ...)
   if type(fn) ~= "function" then
      errors.mistake("a function expected, got %s", type(fn))
   end
   local o = check_options(opts)
   local started = core.now()
   local facts, err = core.isolate({
      timeout_ns = o.timeout and math.max(1, math.ceil(math.min(o.timeout, LONGEST) * 1e9)),
      memory = o.memory, output_limit = o.output_limit or 1 << 20, core = o.core,
   }, encode, on_error, start, fn, ...)
   if not facts then
      return nil, err
   end
   facts.seconds = core.now() - started
   if facts.word ~= "returned" and facts.word ~= "raised" or facts.how == "signaled" then
      return nil, describe.failure(facts, o)
   end
   local values, why = codec.decode(facts.bytes)
   if not values then
      facts.word = "unsent"
      err = describe.failure(facts, o)
      err.hint = ("it has damaged the memory of its process: %s"):format(why)
      return nil, err
   elseif facts.word == "raised" then
      return nil, describe.raised(facts, values[1], o)
   end
   values.output, values.dropped, values.seconds = facts.output, facts.dropped, facts.seconds
   return values
end
