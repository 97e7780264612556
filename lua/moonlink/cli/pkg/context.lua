--- What a command of `moonlink pkg` works with: its flags, where it writes, which databases it is
-- about.
-- SPDX-License-Identifier: MIT

local opened = require "moonlink.cli.pkg.opened"
local selecting = require "moonlink.pkg.select"
local stack = require "moonlink.pkg.stack"

local context = {}

---@class moonlink.cli.pkg.Context
---@field flags {name: string, value?: string}[] by their keys ("--package-db"), in their order
---@field verbosity integer 0, 1 or 2
---@field out fun(...: string) writes texts to standard output, without line ends of its own
---@field flush fun(): boolean, string? false: something could not be written
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
      self.out(...)
      self.out "\n"
   end
end

--- A line on standard error, about what does not end the command.
---@param ... string
function methods:warn(...)
   self.err(table.concat {...}, "\n")
end

--- A value as a line of JSON on standard output.
---@param value any
function methods:json(value)
   self.out(require("moonlink.show.json").encode(value), "\n")
end

--- The first line of a -v run and what --version prints. The fifth word is the version of GHC, as
--- programs expect that ask ghc-pkg for it.
---@return string
function methods.version()
   local parser = require "moonlink.cli.parser"
   local found = require("moonlink.pkg.ghc").find {whole = true}
   local of = found and found.version and " for GHC " .. found.version or ""
   return ("moonlink pkg%s (moonlink %s)"):format(of, parser.version)
end

local function named_databases(self)
   local named = {}
   for _, flag in ipairs(self.flags) do
      if flag.name == "--package-db" then
         named[#named + 1] = flag.value
      elseif flag.name == "--user" or flag.name == "--global" then
         named[#named + 1] = flag.name
      end
   end
   return named
end

--- The stack of databases that the flags mean. What is odd about a database is said when it is
--- opened.
---@param options? {changes?: boolean} changes: for a command that changes a database
---@return moonlink.pkg.Stack
function methods:stack(options)
   local changes = options and options.changes
   local made, message = stack.new {
      named = named_databases(self), changes = changes, no_user = self:has "--no-user-package-db",
      global = select(2, self:last "--global-package-db"),
      user = select(2, self:last "--user-package-db"),
   }
   if not made then
      context.fail("%s", message)
   end
   made.opener = function(path)
      local db, err = require("moonlink.pkg.database").open(path)
      if db then
         opened.report(self, made, db, changes)
      end
      return db, err
   end
   return made
end

--- What a package argument of a query means.
---@param text string
---@return moonlink.pkg.Selection
function methods:selection(text)
   local wanted, message = selecting.argument(text, {
      unit_ids = self:has "--ipid", ignore_case = self:has "--ignore-case",
   })
   return wanted or context.fail("%s", message)
end

--- Opens the whole stack for a query.
---@return moonlink.cli.pkg.Opened
function methods:databases()
   return opened.all(self, self:stack())
end

--- Texts are kept and written at once: a command writes a hundred thousand of them. What cannot be
--- written is said once.
local function writer()
   local kept, problem = {}, nil
   local function flush()
      local text = table.concat(kept)
      kept = {}
      local written, err = io.stdout:write(text)
      if written then
         written, err = io.stdout:flush()
      end
      problem = problem or not written and "standard output: " .. tostring(err) or nil
      return not problem, problem
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
