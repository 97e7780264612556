---@meta moonlink.core
-- What the C core gives to Lua about a load that is going on: csrc/lua/txn.c.
-- SPDX-License-Identifier: MIT

---One load: add, resolve (with answers in between), link, commit. A step that failed ends it, but for
---a look at what is in it; closing, or collecting, an open one aborts it.
---@class moonlink.core.Transaction: moonlink.core.Linked
local txn = {}

---@param path string
---@param whole boolean? all members of an archive
---@return "object"|"archive"|"library"|"text"|nil what it was; "text": nothing was done
---@return moonlink.Error? err
function txn:add(path, whole) end

---An answer lies in this unit: its linker cannot be closed before this load is gone.
---@param unit moonlink.core.Unit
---@return true?
---@return moonlink.Error? err
function txn:pin(unit) end

---@param bytes string
---@param name string for messages
---@param whole boolean?
---@return "object"|"archive"|nil
---@return moonlink.Error? err
function txn:add_bytes(bytes, name, whole) end

---An archive of a set that the scope may name. A failure does not end the load.
---@param path string
---@param set integer
---@return true?
---@return moonlink.Error? err
function txn:add_archive(path, set) end

---@param name string path or soname
---@return true?
---@return moonlink.Error? err
function txn:add_library(name) end

---An archive may hold a second C library.
function txn:allow_libc() end

---Before the inputs.
---@param from string
---@param to string
---@param references boolean
---@param definitions boolean
---@return true?
---@return moonlink.Error? err
function txn:rename(from, to, references, definitions) end

---Until edit_end, symbols of that name are changed in the inputs that are added, and in the archives
---among them as long as they are open.
---@param name string
---@param definition string its name where an input defines it
---@param reference string and where it is referred to
---@param flags string "l": local to its input, "h": hidden, "w": weak
---@return true?
---@return moonlink.Error? err
function txn:edit(name, definition, reference, flags) end

function txn:edit_end() end

---Wants a name as if an input referred to it.
---@param name string
---@return true?
---@return moonlink.Error? err
function txn:root(name) end

---True when all is known; else the names that wait, each with its place in the scope.
---@return true|{[1]: string, [2]: integer}[]|nil
---@return moonlink.Error? err
function txn:resolve() end

---References that were not offered before: name and number of the input.
---@return {[1]: string, [2]: integer}[]
function txn:offer() end

---@param name string
---@param input integer? nil: for all
---@param address integer
---@param provider string? who answered
---@return true?
---@return moonlink.Error? err
function txn:answer_address(name, input, address, provider) end

---@param name string
---@return boolean? answered with what a library that was opened, or else the process, has
---@return moonlink.Error? err
function txn:answer_process(name) end

---@param name string
---@param input integer? nil: for all
---@param other string
---@return true?
---@return moonlink.Error? err
function txn:answer_name(name, input, other) end

---@param name string
---@return true?
---@return moonlink.Error? err
function txn:answer_zero(name) end

---@return string[] names that are wanted and that nothing provides
function txn:undefined() end

---@class moonlink.core.DefinitionPlace
---@field unit string? an earlier unit; nil: an input
---@field input integer?
---@field section string?
---@field offset integer?

---@class moonlink.core.Duplicate
---@field name string
---@field [1] moonlink.core.DefinitionPlace
---@field [2] moonlink.core.DefinitionPlace

---@return moonlink.core.Duplicate[]
function txn:duplicates() end

---@param number integer of the duplicate
---@param winner 1|2
function txn:choose(number, winner) end

---@class moonlink.core.Reference
---@field input integer
---@field section string
---@field offset integer
---@field func string? that holds the place
---@field reloc string?
---@field weak boolean
---@field type "notype"|"object"|"func"

---@param name string
---@param max integer
---@param input integer? those of this input alone
---@return moonlink.core.Reference[]
function txn:references(name, max, input) end

---@return {path: string, set: integer}[] in reach
function txn:archives() end

---@param number integer of the archive
---@param name string
---@return string? member
function txn:archive_defines(number, name) end

---@param name string
---@return integer? address
---@return string? provider
function txn:process_defines(name) end

---What the load wants and does not define, after resolve: { name, how, provider or nil } each.
---@return string[][]
function txn:outside() end

---How one of them is reached, over what the load says for all.
---@param name string
---@param how "direct"|"got"|"stubs"|"lazy"
---@return true?
---@return moonlink.Error? err
function txn:cross(name, how) end

---Hides a name that this load defines.
---@param name string
function txn:hide(name) end

---What answered for a name is no definition; see unit:missing.
---@param name string
---@param input? integer
function txn:lacks(name, input) end

---Drops the sections that the roots do not need; after resolve, and again when names were added.
---@param exported boolean all exported names are roots
---@return true?
---@return moonlink.Error? err
function txn:strip(exported) end

---Places, relocates and seals. What is placed is looked at with sections and entries.
---@return true?
---@return moonlink.Error? err
function txn:link() end

---After link with `at`.
---@return string
---@return integer base
function txn:bytes() end

---@param name string of the unit
---@return moonlink.core.Unit?
---@return moonlink.Error? err
function txn:commit(name) end

---Takes everything back; nothing happens after commit or a second time.
function txn:abort() end
