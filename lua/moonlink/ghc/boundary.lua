--- Where Haskell exceptions end that nobody catches: at the foreign export that was called.
-- The C stub of an export evaluates `runIO action` (`runNonIO value` for a pure one), and GHC's
-- runIO ends the process when an exception comes out. What is loaded into a runtime of ours finds
-- another closure under that name:
--
--    runIO action = catch (action >>= evaluate) (\e -> newStablePtr e >>= poke cell >> return 0)
--
-- The stub returns, its caller gets 0 or NULL, and the function of Lua that called native code
-- looks into the cell and raises. It is all Haskell, made of functions of base: it works in any
-- thread, and costs no call of Lua. The stub wants the result evaluated: done out there, it would
-- end the process when it raises.
--
-- Note [A static closure made at run time]
-- The stub names runIO by a fixed address, while closures of the heap move. GHC has one kind of
-- object for that: a CAF (constant applicative form) that has been evaluated, memory outside of the
-- heap that refers into it. newRetainedCAF enters one among the collector's roots for good; it
-- wants a CAF that is not evaluated yet, so ours begins as a copy of one of base.
-- SPDX-License-Identifier: MIT

local layout = require "moonlink.ghc.layout"
local moonlink = require "moonlink"

local boundary = {}

--- A CAF of base whose info table is borrowed.
boundary.PATTERN = {"base", "GHC.IO.Handle.FD", "stdout"}

--- Makes static closures that stand for closures of the heap.
local function static(fr, closure)
   local hs = fr.hs
   local header = hs.header
   local memory = hs:lasting(header + 24)
   local pattern = assert(hs:symbol_address(boundary.PATTERN[1], boundary.PATTERN[2],
      boundary.PATTERN[3], "info"))
   memory:set(hs:header_of(pattern) .. ("jjj"):pack(0, 0, 0))
   hs.rts.newRetainedCAF(fr.cap + layout.of(hs.version).registers, memory:address())
   assert(moonlink.write(memory:address() + header, "j", closure))
   return memory:address()
end

local function handler(fr, cell)
   local c, rts = fr.hs.closures, fr.hs.rts
   local poke = fr:apply(c.poke, c.storable_stable, rts.rts_mkPtr(fr.cap, cell))
   local save = fr:apply(c.compose, fr:apply(c.flip, c.bind, poke), c.stable)
   local zero = fr:apply(c.give, rts.rts_mkInt(fr.cap, 0))
   return fr:apply(c.compose, fr:apply(c.flip, c.next, zero), save)
end

--- Tells the runtime of a main thread that has ended. When the heap is exhausted (-M) it looks for
--- a main thread to throw HeapOverflow to; without one that was ever told it fails itself, while a
--- weak pointer to one that is gone makes it stop in good order.
local function set_main_thread(fr)
   local c = fr.hs.closures
   local weak = fr:run(fr:apply(c.bind, c.my_thread, c.weak_thread))
   local i = fr:push(weak)
   fr.hs.rts.rts_setMainThread(fr:field(fr:force(i), 0))
   fr:drop(i)
end

--- Sets it up: from here on objects that the linker loads end exceptions at their exports.
---@param fr moonlink.ghc.Frame
---@param cell integer address of a word that gets a stable pointer to the exception
function boundary.install(fr, cell)
   local hs, c = fr.hs, fr.hs.closures
   set_main_thread(fr)
   local run = fr:apply(c.flip, fr:apply(c.catch, c.some_exception), handler(fr, cell))
   local answers = {
      [hs:closure_symbol "run_io"] = static(fr,
         fr:apply(c.compose, run, fr:apply(c.flip, c.bind, c.evaluate))),
      [hs:closure_symbol "run_pure"] = static(fr, fr:apply(c.compose, run, c.evaluate)),
   }
   hs.linker.keeper.defines = answers -- shared libraries are bound by the process's own loader
   for name, address in pairs(answers) do
      hs.hooks[#hs.hooks + 1] = hs.linker:on("resolve", "^" .. name .. "$", function()
         return address
      end)
   end
end

return boundary
