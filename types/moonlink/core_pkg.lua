---@meta moonlink.core
-- What the C core gives to Lua about package databases: csrc/lua/pkg.c, csrc/lua/pkgdb.c.
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

---@class moonlink.core.Found
---@field kind "folder"|"file"|"old-folder"
---@field path string where the packages are
---@field cache "none"|"fresh"|"stale"|"missing"|"corrupt"|"foreign"
---@field newer string? stale: the first .conf file that is newer
---@field error moonlink.Error? corrupt, foreign

---Reads a database; no lock is taken.
---@param path string
---@param cache boolean? may a fresh package.cache answer?
---@return moonlink.core.Packages?
---@return moonlink.core.Found|moonlink.Error
function core.pkg.read(path, cache) end

---Makes an empty database.
---@param path string
---@return boolean?
---@return moonlink.Error? err
function core.pkg.init(path) end

---May this unit id be the name of a file?
---@param id string
---@return boolean?
---@return moonlink.Error? err
function core.pkg.check_id(id) end

---Takes a database's lock and tidies what a killed writer left.
---@param path string
---@param wait boolean? for other writers; else an error when there is one
---@return moonlink.core.PackageStore?
---@return moonlink.Error? err
function core.pkg.open(path, wait) end

---A database under its lock, which goes with it.
---@class moonlink.core.PackageStore: userdata
local store = {}

---As core.pkg.read.
---@param cache boolean?
---@return moonlink.core.Packages?
---@return moonlink.core.Found|moonlink.Error
function store:read(cache) end

---The names of all files in the folder.
---@return string[]?
---@return moonlink.Error? err
function store:names() end

---The content of a file in the folder; false when there is none.
---@param name string
---@return string|false|nil
---@return moonlink.Error? err
function store:file(name) end

---@class moonlink.core.PackageChange
---@field files { name: string, id: string, bytes: string?, added: integer? }[] without bytes: removed
---@field base moonlink.core.Packages as they were read
---@field removed table<integer, boolean> those of base that go
---@field added moonlink.core.Packages[] one package each, in the cache's order
---@field below moonlink.core.Packages[]? databases below this one

---Makes a change, whole or not at all.
---@param change moonlink.core.PackageChange
---@return boolean?
---@return string[]|moonlink.Error broken names of packages whose abi-depends are wrong
---@return moonlink.Error? late what remains to be tidied
function store:commit(change) end

function store:close() end

return core
