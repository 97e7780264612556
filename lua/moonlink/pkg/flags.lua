--- GHC's command-line flags about packages, and what they say.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"

local flags = {}

---@class moonlink.pkg.Flag
---@field kind string the flag without its dash: "package", "hide-package", "package-db" ...
---@field text string the flag and its argument, for messages
---@field arg? string package name, `name-version`, unit id or path
---@field all? boolean package, package-id: all of the package's modules come into scope
---@field renamings? {from: string, to: string}[] package, package-id: further names

--- Flags that take an argument: 1; that take none: 0. Old spellings stand for the new ones.
local FLAGS = {
   ["package"] = 1, ["package-id"] = 1, ["hide-package"] = 1, ["ignore-package"] = 1,
   ["trust"] = 1, ["distrust"] = 1, ["package-db"] = 1, ["package-env"] = 1,
   ["plugin-package"] = 1, ["plugin-package-id"] = 1, ["this-unit-id"] = 1,
   ["hide-all-packages"] = 0, ["hide-all-plugin-packages"] = 0, ["distrust-all-packages"] = 0,
   ["clear-package-db"] = 0, ["global-package-db"] = 0, ["user-package-db"] = 0,
   ["no-global-package-db"] = 0, ["no-user-package-db"] = 0, ["no-auto-link-packages"] = 0,
}
local OLD = {
   ["package-conf"] = "package-db", ["no-user-package-conf"] = "no-user-package-db",
   ["package-name"] = "this-unit-id", ["this-package-key"] = "this-unit-id", ["syslib"] = "package",
}
local NAMED = {
   ["package"] = "^[%w\128-\255:_.-]+", ["package-id"] = "^[%w\128-\255_.+-]+",
}
NAMED["plugin-package"], NAMED["plugin-package-id"] = NAMED["package"], NAMED["package-id"]

--- A reader of a text: each pattern takes what it matches and the blanks behind it.
local function reader(text, place)
   return function(pattern)
      local from, to = text:find(pattern, place)
      if not from then
         return nil
      end
      place = text:match("^%s*()", to + 1)
      return text:sub(from, to), place > #text
   end
end

local MODULE = "^[%w\128-\255_.]+"

local function read_renamings(take)
   local list = {}
   if not take "^%(" then
      return nil
   end
   local close, ended = take "^%)"
   while not close do
      local from = take(MODULE)
      if not from then
         return nil
      end
      local to = take "^as" and (take(MODULE) or "") or from
      list[#list + 1] = {from = from, to = to}
      close, ended = take "^%)"
      if to == "" or not close and not take "^," then
         return nil
      end
   end
   return ended and list
end

--- An instance of a unit with holes, "p[A=q:B]": nothing is read out of it.
local function skip_instance(take, kind)
   if kind:find "%-id$" and take "^%[" then
      return take "^[^%]]*%]"
   end
   return true, false
end

--- Reads the argument of -package or -package-id: a package, then `(A, B as C)`: only these
--- modules, under these names; `with (...)`: besides all others.
---@param kind string "package" or "package-id"
---@param text string
---@return moonlink.pkg.Flag?
---@return moonlink.Error? err
function flags.package(kind, text)
   local flag = {kind = kind, text = ("-%s %s"):format(kind, text), all = true, renamings = {}}
   local take = reader(text, 1)
   local fine, ended = take(NAMED[kind])
   flag.arg = fine
   if fine and not ended then
      fine, ended = skip_instance(take, kind)
   end
   if fine and not ended then
      flag.all = take "^with" ~= nil
      flag.renamings = read_renamings(take)
   end
   if not fine or not flag.renamings then
      return nil, errors.new {code = "usage", message = "Can't parse package flag: " .. text,
         hint = "write NAME, NAME-VERSION, or \"NAME (Module, Module as Name)\""}
   end
   return flag
end

--- The flag that an argument begins with, and what of its value stands in the same argument.
local function split(word)
   local name = word:match "^%-%-?([%a-]+)$"
   if name and (FLAGS[name] or OLD[name]) then
      return name
   end
   local best
   for each in pairs(FLAGS) do
      if FLAGS[each] == 1 and word:sub(2, #each + 1) == each and (not best or #each > #best) then
         best = each
      end
   end
   if best and word:sub(1, 1) == "-" then
      return best, (word:sub(#best + 2):gsub("^=", ""))
   end
end

local function make(name, value)
   local kind = OLD[name] or name
   if NAMED[kind] then
      return flags.package(kind, value)
   end
   local text = "-" .. kind
   return {kind = kind, arg = value, text = value and ("%s %s"):format(text, value) or text}
end

--- Takes the flags about packages out of a command line. A value may be an argument of its own, or
--- follow its flag at once, or behind "=", as GHC has it.
---@param words string[]
---@return moonlink.pkg.Flag[]? flags in order
---@return string[]|moonlink.Error rest what is not about packages; or the error
function flags.parse(words)
   local list, rest, i = {}, {}, 1
   while i <= #words do
      local word = words[i]
      local name, value = split(word)
      if not name then
         rest[#rest + 1] = word
      else
         if FLAGS[OLD[name] or name] == 1 and not value then
            i = i + 1
            value = words[i]
            if not value then
               return nil, errors.new {code = "usage",
                  message = "missing argument for flag: " .. word}
            end
         end
         local flag, err = make(name, value)
         if not flag then
            return nil, err
         end
         list[#list + 1] = flag
      end
      i = i + 1
   end
   return list, rest
end

--- Flags of one kind or several, in order.
---@param list moonlink.pkg.Flag[]
---@param ... string kinds
---@return moonlink.pkg.Flag[]
function flags.of(list, ...)
   local wanted, found = {}, {}
   for _, kind in ipairs {...} do
      wanted[kind] = true
   end
   for _, flag in ipairs(list) do
      if wanted[flag.kind] then
         found[#found + 1] = flag
      end
   end
   return found
end

return flags
