---@meta moonlink.core
-- What the C core gives to Lua about package databases: csrc/lua/pkg.c.
-- SPDX-License-Identifier: MIT

---@class moonlink.core
local core = {}

---@class moonlink.core.pkg
---@field fields { name: string, text: string, kind: "word"|"text"|"bool"|"list" }[] all fields, in print order
core.pkg = {}

---Packages that were read together. Field names have _ in place of -.
---@class moonlink.core.Packages: userdata
local packages = {}

---Nothing when there is no such field. Also "extra" and "file".
---@param i integer
---@param name string
---@return string|boolean|table|nil
function packages:field(i, name) end

---All fields of a package.
---@param i integer
---@return table
function packages:table(i) end

---One table for each package, with its number at [0] and the words and booleans that are not absent.
---@param metatable table
---@return table[]
function packages:records(metatable) end

---What was odd, and what is dropped (extra: ghc-pkg is silent about it).
---@return { text: string, file: string?, line: integer, column: integer, extra: boolean }[]
function packages:warnings() end

---@return "today"|"6.6"|"6.10"|"6.12"
function packages:shape() end

---The text of a package as `ghc-pkg describe` prints it.
---@param i integer
---@param options { pkgroot: string?, extra: boolean? }? extra = false: without unknown fields
---@return string?
---@return moonlink.Error? err
function packages:print(i, options) end

---A database of the old format; what it has no room for is added to the warnings.
---@param shape "6.6"|"6.10"|"6.12"|nil as it was read, else 6.12
---@return string?
---@return moonlink.Error? err
function packages:show(shape) end

---@param bytes string
---@param options { file: string?, format: "text"|"show"|nil }?
---@return moonlink.core.Packages?
---@return moonlink.Error? err with line and column
function core.pkg.parse(bytes, options) end

---Packages out of tables; fields may be missing.
---@param tables table[]
---@return moonlink.core.Packages?
---@return moonlink.Error? err
function core.pkg.make(tables) end

return core
