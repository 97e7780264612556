--- moonlink run: loads a program and calls its main.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local argv = require "moonlink.call.argv"
local call = require "moonlink.call"
local errors = require "moonlink.error"
local haskell = require "moonlink.cli.haskell"
local options = require "moonlink.cli.options"
local session = require "moonlink.cli.session"
local usage = require "moonlink.cli.usage"

local run = {
   name = "run",
   summary = "Load a program and call its main.",
   usage = "moonlink run [OPTION...] FILE... [-- ARGUMENT...]",
   description = "Loads objects, archives and shared libraries as one program, calls\n"
      .. "main(argc, argv, envp), and exits with its result.",
   example = "moonlink run hello.o -lm -- first second",
   leading = 0, tail = true, common = true, files = "+",
   options = haskell.behind {
      options.count,
      {"--entry", takes = "NAME", target = "entry",
         text = "Call this function in place of main."},
   },
}

--- The function to call: it must be one of the files' own, since the interpreter has a main, too.
local function entry_of(ln, unit, name)
   local symbol = unit:symbol(name)
   if not symbol or symbol.type == "object" or symbol.type == "tls" then
      return nil, errors.new {
         code = "undefined", symbol = name,
         message = symbol and ("'%s' is no function"):format(name)
            or ("nothing that was loaded defines '%s'"):format(name),
         hint = "name the function with --entry NAME",
      }
   end
   -- a program compiled with -fvisibility=hidden shows its main to nobody else
   local own = call.at(ln, symbol.address, unit.core)
   local shown = name:find "^[%a_][%w_]*$" and name or "entry"
   return call.func(own, ("int %s(int, char **, char **)"):format(shown))
end

--- What stands behind the arguments of a program when it starts: the environment's vector, and what
--- the kernel tells, which Go's runtime looks for there (x86-64 psABI 3.4.1).
local function behind_arguments()
   local process <close> = moonlink.new {scope = {"process"}}
   local at = moonlink.read(assert(process:address_of "environ"), "j")
   local parts = {}
   repeat
      local entry = at == 0 and 0 or moonlink.read(at, "j")
      parts[#parts + 1] = ("j"):pack(entry)
      at = at + 8
   until entry == 0
   local file <close> = io.open("/proc/self/auxv", "rb")
   parts[#parts + 1] = file and file:read "a" or ("jj"):pack(0, 0)
   return table.concat(parts)
end

--- Calls main with the arguments. What main raises (a callback, a missing function) is an error.
local function call_main(main, words)
   local memory <close> = argv.new(words, behind_arguments())
   local good, result = pcall(main, #words, memory, memory:address() + 8 * (#words + 1))
   if not good then
      return nil, result
   end
   return result
end

--- A Haskell program. One that exits or fails ends this process with its status.
local function run_haskell(parsed, sorted)
   if parsed.entry then
      usage.fail "--entry is for C programs: a Haskell program begins in Main.main"
   end
   local hs, err = haskell.start(parsed, {program = true, tail = sorted.tail})
   if not hs then
      return nil, err
   end
   local good
   good, err = require("moonlink.ghc.program").run(hs)
   session.show_counts(hs.linker)
   local closed, why = hs:exit()
   if not good or not closed then
      return nil, err or why
   end
   return 0
end

---@param parsed table
---@param sorted moonlink.cli.Sorted
---@return integer? status
---@return any err
function run.run(parsed, sorted)
   if haskell.wanted(parsed) then
      return run_haskell(parsed, sorted)
   end
   local name = parsed.entry or "main"
   table.insert(parsed.roots, name)
   local ln <close>, what = session.open(parsed)
   local unit, err = ln:load(what.inputs)
   what.finish()
   if not unit then
      return nil, err
   end
   local main
   main, err = entry_of(ln, unit, name)
   if not main then
      return nil, err
   end
   local words = {what.first, table.unpack(sorted.tail or {})}
   local status
   status, err = call_main(main, words)
   local closed, why = session.close(ln)
   if not status or not closed then
      return nil, err or why
   end
   return status
end

return run
