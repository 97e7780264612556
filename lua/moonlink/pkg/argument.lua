--- What the functions of `moonlink.pkg` are given, looked at where a program enters: a mistake is
-- told at the line that made it, not at one of ours where it first hurts.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local given = require "moonlink.given"

local argument = {}

--- What a value is, as far as it helps: a database is a table, too.
local function shown(value)
   if value == nil then
      return "no value"
   elseif type(value) == "table" then
      return type(value.packages) == "table" and "a database"
         or type(value.databases) == "function" and "a stack" or "table"
   end
   return type(value)
end

local function mistake(name, number, wanted, value)
   errors.mistake("bad argument #%d to '%s' (%s expected, got %s)", number, name, wanted,
      shown(value))
end

local function all_are(list, wanted)
   if type(list) ~= "table" or #list == 0 and next(list) ~= nil then
      return false
   end
   for i = 1, #list do
      if type(list[i]) ~= wanted then
         return false
      end
   end
   return true
end

local function are_databases(value)
   if not all_are(value, "table") then
      return false
   end
   for i = 1, #value do
      if not all_are(value[i].packages, "table") then
         return false
      end
   end
   return true
end

-- What can be wanted, beside Lua's types.
local kinds = {
   path = {"path without NUL", function(value)
      return type(value) == "string" and not value:find("\0", 1, true)
   end},
   packages = {"list of packages", function(value)
      return all_are(value, "table")
   end},
   database = {"database", function(value)
      return type(value) == "table" and all_are(value.packages, "table")
   end},
   databases = {"list of databases", are_databases},
   selections = {"list of what pkg.select gives", function(value)
      if not all_are(value, "table") then
         return false
      end
      for i = 1, #value do
         if type(value[i].matches) ~= "function" then
            return false
         end
      end
      return true
   end},
   strings = {"list of strings", function(value)
      return all_are(value, "string")
   end},
   units = {"unit id, or a list of them", function(value)
      return type(value) == "string" or all_are(value, "string")
   end},
   state = {"table with databases (a list of them) and flags (words, or none)", function(value)
      return type(value) == "table" and are_databases(value.databases)
         and (value.flags == nil or type(value.flags) == "table")
   end},
   made = {"state that pkg.state made", function(value)
      return type(value) == "table" and type(value.steps) == "table"
   end},
}

-- The options that functions take, and as which argument.
local options = {
   open = {2, {cache = "boolean"}},
   change = {2, {wait = "boolean", cache = "boolean", shape = "string"}},
   print = {2, {pkgroot = "string", extra = "boolean"}},
   parse = {2, {file = "string", format = "string"}},
   stack = {1, {
      named = "table", global = "string", user = "string", no_user = "boolean",
      path = "string or boolean", changes = "boolean", open = "function",
   }},
   select = {2, {unit_ids = "boolean", ignore_case = "boolean"}},
   parse_symbol = {2, {units = "table", underscore = "boolean"}},
   state = {1, {
      databases = "table", flags = "table", environment = "table", ghc = "string",
      unit = "string", modules = "table", wired = "table", steps = "table", order = "table",
   }},
   lookup = {3, {package = "string", plain = "boolean"}},
   environment = {1, {
      name = "string", variable = "string", folder = "string", home = "string", app = "string",
      platform = "string", ghc = "string", hide_all = "boolean", read = "function",
   }},
   register = {4, {
      force = "string", update = "boolean", multi = "boolean", era = "table",
      files = "table or userdata", roots = "function", version = "string", haddock = "boolean",
   }},
}

local function check(name, number, kind, value)
   if kind:sub(-1) == "?" then
      if value == nil then
         return
      end
      kind = kind:sub(1, -2)
   end
   local known = kinds[kind]
   local good = type(value) == kind
   if known then
      good = known[2](value)
   end
   if not good then
      mistake(name, number, known and known[1] or kind, value)
   elseif options[name] and options[name][1] == number then
      given.options(value, options[name][2], name)
   end
end

--- A function that looks at its arguments before it calls another one.
---@param name string of the function, for messages
---@param fn function of at most four arguments
---@param wanted string[] a kind for each argument, with "?" behind it when it may be nil
---@return function
function argument.guard(name, fn, wanted)
   local w1, w2, w3, w4 = wanted[1], wanted[2], wanted[3], wanted[4]
   return function(a, b, c, d)
      if w1 then
         check(name, 1, w1, a)
      end
      if w2 then
         check(name, 2, w2, b)
      end
      if w3 then
         check(name, 3, w3, c)
      end
      if w4 then
         check(name, 4, w4, d)
      end
      return fn(a, b, c, d)
   end
end

return argument
