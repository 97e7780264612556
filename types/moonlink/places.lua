---@meta moonlink.core
-- What the C core gives to Lua, continued: addresses and stacks. See core.lua.
-- SPDX-License-Identifier: MIT

---@class moonlink.core
local core = {}

-- ---- places: places.c ----

---@class moonlink.Place what lies at an address; fields that do not apply are nil
---@field kind string "function", "object", "label" (a symbol without a type), "stub", "slot" (of the
---  GOT), "section" (no symbol covers it), "moved" (an instruction), "padding", "callback", "library";
---  nil for a place in a gone unit that none of its functions covered
---@field name string? "mid", "stub of puts", of a callback its signature
---@field offset integer? from the start of what kind says
---@field unit string?
---@field file string? the object; of a library its path
---@field member string? of an archive
---@field section string?
---@field source string? the source file
---@field line integer?
---@field unloaded boolean? true: the unit is gone
---@field ago number? seconds since then
---@field address integer? in lists of them

---@param address integer
---@param session moonlink.core.Session? only units of this one
---@return moonlink.Place?
function core.addr2sym(address, session) end

---Is a debugger attached to the process?
---@return boolean
function core.traced() end

-- ---- traces: trace.c ----

---Addresses of the native frames of this thread, the newest first.
---@return integer[]
function core.frames() end

---Both stacks from a level on, 1 for the caller.
---@param level integer?
---@return string text of Lua's traceback, without a message
---@return string marks levels that are callbacks, from 0, "=i4" each
---@return integer levels
---@return string segments "=I8" addresses of native frames; a zero behind those of each callback
function core.capture(level) end

---The same, as it was when a callback raised an error that is on its way out of a native call: the
---function at this level must be the one that raises it now. Else nothing.
---@param err any
---@param level integer
---@return string? text
---@return string marks
---@return integer levels
---@return string segments
function core.captured(err, level) end

-- ---- units: places.c ----

---@class moonlink.core.Unit
local unit = {}

---@class moonlink.core.Named
---@field address integer
---@field size integer
---@field name string
---@field kind string as of moonlink.Place
---@field input integer? when it is known
---@field local boolean? a local symbol

---Functions, objects, stubs and slots by address; local ones when the load was made with `debug`.
---@return moonlink.core.Named[]
function unit:named() end

---@return integer bytes of its symbol file; 0: nobody sees it
---@return string[] warnings
function unit:debugging() end
