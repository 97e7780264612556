--- What a command of `moonlink pkg` works with: its flags, where it writes, which databases it is
-- about.
-- SPDX-License-Identifier: MIT

local context = {}

---@class moonlink.cli.pkg.Context
---@field flags {name: string, value?: string}[] by their keys ("--package-db"), in their order
---@field verbosity integer 0, 1 or 2
---@field out fun(...: string) writes texts to standard output, without line ends of its own
---@field err fun(...: string) writes texts to standard error, behind all that out was given
local methods = {}
local metatable = {__index = methods}

local failure = {
   __name = "moonlink.cli.pkg.Failure",
   __tostring = function(self)
      return self.message
   end,
}

--- Ends the command with a message and status 1.
---@param fmt string
---@param ... any
function context.fail(fmt, ...)
   error(setmetatable({message = fmt:format(...)}, failure), 0)
end

--- What is told of an error.
---@param err any
---@return string
function context.message(err)
   return tostring(err)
end

--- Is there such a flag?
---@param name string its key, with dashes
---@return boolean
function methods:has(name)
   return self.given[name] ~= nil
end

--- The last of several flags counts.
---@param ... string keys
---@return string? key of the last one that was given
---@return string? value
function methods:last(...)
   local wanted = {}
   for _, name in ipairs {...} do
      wanted[name] = true
   end
   for i = #self.flags, 1, -1 do
      local flag = self.flags[i]
      if wanted[flag.name] then
         return flag.name, flag.value
      end
   end
end

--- For the command line reader.
---@param given {name: string, value?: string}[]
function methods:use(given)
   self.flags = given
   for _, flag in ipairs(given) do
      self.given[flag.name] = flag.value or true
   end
end

--- For the command line reader: takes the verbosity out of the flags.
function methods:read_verbosity()
   local name, value = self:last "--verbose"
   if name and value and not value:find "^[012]$" then
      context.fail('Bad verbosity: Just "%s"', value)
   end
   self.verbosity = name and (math.tointeger(value or 2)) or 1
end

--- A line on standard output that -v0 silences.
---@param ... string
function methods:info(...)
   if self.verbosity > 0 then
      self.out(..., "\n")
   end
end

--- A line on standard error, about what does not end the command.
---@param ... string
function methods:warn(...)
   self.err(table.concat {...}, "\n")
end

---@return string
function methods.version()
   return "moonlink pkg"
end

--- Texts are kept and written at once: a command writes a hundred thousand of them.
local function writer()
   local kept = {}
   local function flush()
      io.stdout:write(table.concat(kept))
      io.stdout:flush()
      kept = {}
   end
   local function out(...)
      for i = 1, select("#", ...) do
         kept[#kept + 1] = (select(i, ...))
      end
   end
   return out, flush
end

---@return moonlink.cli.pkg.Context
function context.new()
   local out, flush = writer()
   local function err(...)
      flush()
      io.stderr:write(...)
   end
   return setmetatable({
      flags = {}, given = {}, verbosity = 1, out = out, err = err, flush = flush,
   }, metatable)
end

return context
