---@meta moonlink.core
-- What csrc/lua/call.c, callback.c and memory.c give to Lua. Users meet it through the facade.
-- SPDX-License-Identifier: MIT

---@class moonlink.core
local core = {}

---A C function as a Lua function.
---@param address integer
---@param code string signature code: csrc/call/signature.h; "!" in front: always through libffi
---@param owner userdata? the unit that holds the code; nil for code of the process
---@param name string? for messages
---@param types (fun(ctype: string): string)? the code letter of a variable argument's type
---@param about any what funcinfo gives back
---@param fail "never"|"negative"|"null"|"zero"|"nonzero"|nil results that become nil, message, number
---@return function
function core.func(address, code, owner, name, types, about, fail) end

---Nothing when `fn` was not made by func.
---@param fn any
---@return string name
---@return integer address
---@return userdata? owner
---@return boolean alive
---@return any about
function core.funcinfo(fn) end

---What errno was when the last native call returned. With a number: what the next one finds there.
---@param number integer?
---@return integer
function core.errno(number) end

---@param number integer
---@return string
function core.strerror(number) end

---@class moonlink.Callback: userdata
local callback = {}

---@return integer
function callback:address() end

---From here on C gets the default result. Closing twice is nothing.
function callback:close() end

---A Lua function that C can call. An error in it is raised when the native call returns, unless
---`on_error` is a function: it gets the error and gives the result. Any other on_error is the
---result that C gets instead.
---@param code string
---@param fn function
---@param options { on_error: any }?
---@return moonlink.Callback
function core.callback(code, fn, options) end

---@class moonlink.Trap: moonlink.Callback

---An address that ends the native call that reaches it with this message. The native frames between
---are skipped: their locks stay locked, their memory stays allocated, their destructors do not run.
---@param message string
---@return moonlink.Trap
function core.trap(message) end

---What could not be raised since the last time: callbacks refused, stubs called outside of a call.
---@return string[]
function core.warnings() end

---@param address integer
---@param n integer
---@return string?
---@return moonlink.Error? err
function core.peek(address, n) end

---@param address integer
---@param bytes string
---@return true?
---@return moonlink.Error? err
function core.poke(address, bytes) end

---The bytes up to a NUL or to `max`.
---@param address integer
---@param max integer?
---@return string?
---@return moonlink.Error? err
function core.cstring(address, max) end

---@class moonlink.Buffer: userdata
---@operator len: integer
local buffer = {}

---@return integer
function buffer:address() end

---@param offset integer?
---@param n integer?
---@return string
function buffer:get(offset, n) end

---@param bytes string
---@param offset integer?
---@return moonlink.Buffer
function buffer:set(bytes, offset) end

function buffer:close() end

---Memory of n bytes, all zero, aligned to 16; freed when it is closed or collected.
---@param n integer
---@return moonlink.Buffer
function core.alloc(n) end

return core
