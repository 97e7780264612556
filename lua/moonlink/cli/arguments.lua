--- Sorts a command's arguments before argparse sees them: argparse does not keep the order of
-- options and files, and for `-l` and `--whole-archive` the order is what counts, as for ld.
-- Everything that stands among the files is marked by a first byte and put behind the options.
-- SPDX-License-Identifier: MIT

local usage = require "moonlink.cli.usage"

local arguments = {}

local SWITCH, WORD = "\1", "\2" -- what ld would take as a switch; a plain word

---@class moonlink.cli.Shape
---@field leading integer words before the first file
---@field with_value table<string, boolean> options that a value follows
---@field values? boolean the words between the first one and `--` are no files
---@field tail? boolean what follows `--` is not for this program

---@class moonlink.cli.Sorted
---@field words string[] for argparse
---@field tail? string[] behind `--`; nil when there is no `--`
---@field values? string[]

local function is_library(word)
   return word:sub(1, 2) == "-l" and word:sub(3, 3) ~= "-"
end

local positional = {["--whole-archive"] = true, ["--no-whole-archive"] = true}

--- Takes the option at place i: -l and the two switches go to the files, others to the options.
---@return integer number of words taken
local function take_option(args, i, shape, out)
   local word = args[i]
   if positional[word] then
      table.insert(out.files, SWITCH .. word)
      return 1
   end
   local needs = word == "-l" or shape.with_value[word]
   if needs and args[i + 1] == nil then
      usage.fail("option '%s' requires an argument", word)
   end
   if is_library(word) then
      table.insert(out.files, SWITCH .. "-l" .. (word == "-l" and args[i + 1] or word:sub(3)))
   else
      table.insert(out.options, word)
      table.insert(out.options, needs and args[i + 1] or nil)
   end
   return needs and 2 or 1
end

local function is_option(word)
   return #word > 1 and word:sub(1, 1) == "-"
end

--- Takes the values of `call`: from the prototype to `--`, whatever they look like.
---@return integer where `--` stands
local function take_values(args, i, out)
   out.values = {}
   while args[i] ~= "--" do
      if args[i] == nil then
         usage.fail "the files are missing: they stand behind '--'"
      end
      table.insert(out.values, args[i])
      i = i + 1
   end
   return i
end

--- What stands behind `--` is no option, whatever it looks like.
local function take_rest(args, from, shape, out)
   if shape.values and #out.leading == 0 then
      usage.fail "the prototype is missing: it stands before '--'"
   end
   for i = from, #args do
      if shape.tail then
         table.insert(out.tail, args[i])
      elseif #out.leading < shape.leading then
         table.insert(out.leading, WORD .. args[i])
      else
         table.insert(out.files, WORD .. args[i])
      end
   end
end

--- Sorts the arguments that follow the command.
---@param args string[]
---@param shape moonlink.cli.Shape
---@return moonlink.cli.Sorted
function arguments.sort(args, shape)
   local out = {options = {}, leading = {}, files = {}}
   local i = 1
   while i <= #args do
      local word = args[i]
      if word == "--" then
         out.tail = {}
         take_rest(args, i + 1, shape, out)
         break
      elseif is_option(word) then
         i = i + take_option(args, i, shape, out)
      elseif #out.leading < shape.leading then
         table.insert(out.leading, WORD .. word)
         i = shape.values and take_values(args, i + 1, out) + 1 or i + 1
      else
         table.insert(out.files, WORD .. word)
         i = i + 1
      end
   end
   local words = table.move(out.options, 1, #out.options, 1, {})
   table.move(out.leading, 1, #out.leading, #words + 1, words)
   table.move(out.files, 1, #out.files, #words + 1, words)
   return {words = words, tail = out.tail, values = out.values}
end

--- A word that argparse passed on, as it was typed.
---@param marked string
---@return string
function arguments.word(marked)
   return marked:sub(2)
end

local function standard_input(seen)
   if seen.stdin then
      usage.fail "standard input can be read only once"
   end
   seen.stdin = true
   local bytes = io.stdin:read "a"
   return {bytes = bytes or "", name = "(standard input)"}
end

--- The files that argparse passed on, as inputs of a load; reads standard input for "-".
---@param marked string[]
---@return any[] inputs
---@return string first name of the first one
function arguments.inputs(marked)
   local out, seen, first = {}, {}, nil
   for i, each in ipairs(marked) do
      local word = each:sub(2)
      if each:sub(1, 1) == SWITCH then
         out[i] = word
      elseif word == "-" then
         out[i] = standard_input(seen)
      else
         out[i] = {path = word}
      end
      first = first or (not positional[word] and word) or nil
   end
   return out, first or ""
end

return arguments
