--- moonlink: a programmable run-time linker.
--
--    local moonlink = require "moonlink"
--    local ln <close> = moonlink.new()
--    assert(ln:load "foo.o")
--    local add = assert(ln:func "int add(int, int)")
--    print(add(2, 3))
--
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local core = require "moonlink.core"
local isolate = require "moonlink.isolate"
local linker = require "moonlink.link.linker"
local traceback = require "moonlink.show.traceback"

local moonlink = {}

moonlink.new = linker.new
moonlink.isolate = isolate
moonlink.errno = core.errno
moonlink.strerror = core.strerror
moonlink.warnings = core.warnings
moonlink.alloc = core.alloc
moonlink.now = core.now
moonlink.read = call.read
moonlink.write = call.write
moonlink.string = call.string
moonlink.info = call.info
moonlink.traceback = traceback.traceback
moonlink.backtrace = traceback.backtrace

--- Opens a package database of GHC: moonlink.pkg.open.
---@param path string
---@return moonlink.pkg.Database?
---@return any err
function moonlink.pkgdb(path)
   return require("moonlink.pkg").open(path)
end

--- What lies at an address of this process: a function, object, stub or slot of a unit of any
--- linker of this Lua state, also of one that is gone; a callback; a symbol of a shared library.
---@param address integer
---@return moonlink.Place?
function moonlink.addr2sym(address)
   return core.addr2sym(address)
end

--- A stand-in for a function that does not exist: a native call of it ends with a Lua error that
--- names the symbol. For use as the answer to a question.
---@param q moonlink.Question|string
---@return moonlink.Trap
function moonlink.stub(q)
   local name = type(q) == "table" and q.name or q
   return core.trap(("undefined symbol '%s' was called"):format(name))
end

return moonlink
