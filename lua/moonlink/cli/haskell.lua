--- What `call` and `run` share when the files are compiled Haskell: options, and the runtime below
-- the files.
-- SPDX-License-Identifier: MIT

local lists = require "moonlink.lists"
local session = require "moonlink.cli.session"
local shape = require "moonlink.plan"
local usage = require "moonlink.cli.usage"

local haskell = {}

---@type moonlink.cli.Option[]
haskell.options = {
   {"--ghc-package", takes = "PACKAGE", many = true, target = "ghc_packages",
      text = "The files are Haskell and need this package: load it with all below it, and GHC's "
         .. "runtime, and start that."},
   {"--ghc-database", takes = "PATH", many = true, target = "ghc_databases",
      text = "A package database on top of GHC's global one."},
   {"--ghc-way", takes = "WAY", target = "ghc_way",
      text = "Which runtime: threaded, debug, eventlog, profiling, or several with commas."},
   {"--ghc-kind", takes = "KIND", choices = shape.KINDS,
      target = "ghc_kind", text = "Which files of packages: archive (default), prelinked, shared."},
   {"--ghc-options", takes = "OPTIONS", target = "ghc_options",
      text = "For the runtime, as between +RTS and -RTS: --ghc-options='-N2 -M1g'."},
}

--- A command's own options with these behind them.
---@param own moonlink.cli.Option[]
---@return moonlink.cli.Option[]
function haskell.behind(own)
   return table.move(haskell.options, 1, #haskell.options, #own + 1, own)
end

--- Is there Haskell to be run? Options that need it are refused without.
---@param parsed table
---@return boolean
function haskell.wanted(parsed)
   if #(parsed.ghc_packages or {}) > 0 then
      return true
   end
   for _, name in ipairs {"way", "kind", "options"} do
      if parsed["ghc_" .. name] then
         usage.fail("--ghc-%s needs --ghc-package", name)
      end
   end
   if #(parsed.ghc_databases or {}) > 0 then
      usage.fail "--ghc-database needs --ghc-package"
   end
   return false
end

--- What the options say of the runtime, for ghc.start.
---@param parsed table
---@return table
function haskell.asked(parsed)
   return {
      packages = parsed.ghc_packages, database = parsed.ghc_databases, way = parsed.ghc_way,
      kind = parsed.ghc_kind, options = parsed.ghc_options,
   }
end

--- Starts the runtime with the files loaded.
---@param parsed table
---@param more? table further options of ghc.start
---@return moonlink.ghc.Runtime?
---@return moonlink.Error? err
function haskell.start(parsed, more)
   local inputs, first = session.inputs(parsed)
   local ln, finish = session.linker(parsed)
   local start = haskell.asked(parsed)
   start.objects, start.linker, start.args = inputs, ln, {first}
   lists.assign(start, more)
   table.move(start.tail or {}, 1, #(start.tail or {}), 2, start.args)
   start.tail = nil
   local hs, err = require("moonlink.ghc").start(start)
   finish()
   if not hs then
      ln:close()
   end
   return hs, err
end

return haskell
