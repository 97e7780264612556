--- moonlink call: calls one function and prints its result.
-- SPDX-License-Identifier: MIT

local cdecl = require "moonlink.call.cdecl"
local ctype = require "moonlink.call.ctype"
local haskell = require "moonlink.cli.haskell"
local options = require "moonlink.cli.options"
local session = require "moonlink.cli.session"
local usage = require "moonlink.cli.usage"
local values = require "moonlink.cli.values"

local call = {
   name = "call",
   summary = "Call one function and print its result.",
   usage = "moonlink call [OPTION...] PROTOTYPE [VALUE...] -- [OPTION...] FILE...",
   description = "Loads the files, calls the function with the values, and prints its result\n"
      .. "alone. Values are read as the prototype's types say: integers (0x too), floats,\n"
      .. "texts for char pointers, true and false, NULL.",
   example = "moonlink call 'int add(int, int)' 2 3 -- add.o",
   leading = 1, values = true, common = true, files = "+",
   words = {
      {"PROTOTYPE", target = "prototype", text = "C declaration of the function, one argument."},
   },
   options = haskell.behind {options.count},
}

local function declaration_of(text)
   local declared, mistake = cdecl.scope():prototype(text)
   if not declared then
      usage.fail("%s", tostring(mistake))
   end
   local code, why = ctype.code(declared.type)
   if not code then
      usage.fail("%s: %s", declared.name, tostring(why))
   end
   return declared
end

--- Calls, and prints what comes back. True, or false and what was raised.
local function call_and_print(fn, arguments, anchors, declared)
   local good, result = pcall(fn, table.unpack(arguments, 1, arguments.n))
   anchors.used = true -- until here they had to live
   local shown = good and values.show(result, declared.type.result)
   if shown then
      io.stdout:write(shown, "\n")
   end
   return good, not good and result or nil
end

--- The same for a foreign export of Haskell: the runtime is started first, and ended.
local function call_haskell(parsed, declared, arguments, anchors)
   local hs, err = haskell.start(parsed)
   if not hs then
      return nil, err
   end
   local fn, good, why
   fn, err = hs:func(parsed.prototype)
   if fn then
      good, err = call_and_print(fn, arguments, anchors, declared)
      io.stdout:flush()
      session.show_counts(hs.linker)
   end
   local closed
   closed, why = hs:exit()
   if not good or not closed then
      return nil, err or why
   end
   return 0
end

---@param parsed table
---@param sorted moonlink.cli.Sorted
---@return integer? status
---@return any err
function call.run(parsed, sorted)
   local text = parsed.prototype
   local declared = declaration_of(text)
   local arguments, anchors = values.parse(sorted.values, declared)
   if haskell.wanted(parsed) then
      return call_haskell(parsed, declared, arguments, anchors)
   end
   local ln <close>, what = session.open(parsed)
   local unit, err = ln:load(what.inputs)
   what.finish()
   if not unit then
      return nil, err
   end
   local fn
   fn, err = ln:func(text)
   if not fn then
      return nil, err
   end
   local good, result = call_and_print(fn, arguments, anchors, declared)
   local closed, why = session.close(ln)
   if not good or not closed then
      return nil, not good and result or why
   end
   return 0
end

return call
