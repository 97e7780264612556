---@meta moonlink.core
-- What the C core gives to Lua, continued: what is in folders. See core.lua.
-- SPDX-License-Identifier: MIT

---@class moonlink.core
local core = {}

-- ---- folders: tree.c ----

---Answers questions about many files: lists each folder once, and keeps what it saw.
---@class moonlink.core.Tree
local tree = {}

---What is at a path, links followed; nil when nothing is.
---@param path string
---@return "file"|"folder"|"special"|nil
function tree:kind(path) end

---The names in a folder, sorted, without "." and ".."; empty when it cannot be listed.
---@param folder string
---@return string[]
function tree:names(folder) end

---The stems for which none of the folders holds a file BEFORE..STEM..BEHIND with one of the
---endings; nil when none is missing.
---@param folders string[]
---@param stems string[]
---@param endings string[][] before and behind, up to 16 of them
---@param modules? boolean dots in a stem are slashes
---@return string[]?
function tree:missing(folders, stems, endings, modules) end

---The numbers of packages that rules of today's ghc-pkg may have something to say of; all others are
---certainly sound.
---@param databases table[] each { packages, pkgroot or false, topdir or false }
---@param endings string[][] of names of libraries
---@return integer[][] for each database
function tree:unsound(databases, endings) end

---@return moonlink.core.Tree
function core.tree() end

return core
