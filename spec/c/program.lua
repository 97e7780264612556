--- C programs that test parts of the core which Lua cannot see: built once plain and once with the
-- address and undefined-behaviour sanitizers, run once per test in a process of their own.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local program = {}

local BASE = "csrc/base/*.c $(ls csrc/os/*.c | grep -v /fault[.]c)"
local VARIANTS = {
   plain = "-O2",
   sanitized = "-O1 -fsanitize=address,undefined -fno-sanitize-recover=all",
}

--- Builds spec/c/NAME.c with the rooms base and os and the given files.
---@param name string
---@param sources string files, as words of a shell command
---@param flags? string
---@return table<string, string> path by variant
function program.build(name, sources, flags)
   local dir, paths = support.tmpdir(), {}
   for variant, options in pairs(VARIANTS) do
      paths[variant] = dir .. "/" .. variant
      support.sh("LD_PRELOAD= gcc -std=c11 -g %s %s -Icsrc -Ispec/c -o %s spec/c/%s.c %s %s",
         options, flags or "", paths[variant], name, BASE, sources)
   end
   return paths
end

--- Runs one test of a program, in all variants or in the one named; it must print "ok".
---@param paths table<string, string>
---@param test string name of the test and its arguments
---@param options? {variant: string?, prefix: string?} prefix: a command that runs the program
function program.run(paths, test, options)
   options = options or {}
   for variant, path in pairs(paths) do
      if not options.variant or options.variant == variant then
         local status, out, err = support.exit("LD_PRELOAD= %s %s %s", options.prefix or "", path,
            test)
         assert(status == 0 and out:find "ok\n$", ("%s %s: status %d\n%s%s"):format(variant, test,
            status, out, err))
      end
   end
end

return program
