--- Package databases on disk: GHC's cache spelt out byte for byte, generated packages, and what a
-- database looks like from outside.
-- SPDX-License-Identifier: MIT

local lists = require "moonlink.lists"
local random = require "spec.support.random"
local support = require "spec.support"

local pkgdb = {}

-- ---- Data.Binary, as its documentation has it ----

function pkgdb.u64(n)
   return string.pack(">I8", n)
end

--- ByteString: bytes counted.
function pkgdb.bytes(s)
   return string.pack(">s8", s)
end

--- [Char]: characters counted.
function pkgdb.chars(s)
   return pkgdb.u64(utf8.len(s)) .. s
end

function pkgdb.list(items, encode)
   local parts = {pkgdb.u64(#items)}
   for _, item in ipairs(items) do
      parts[#parts + 1] = encode(item)
   end
   return table.concat(parts)
end

--- A whole cache of GHC 9.0 from the records of its two parts.
function pkgdb.cache(for_ghc, for_ghc_pkg)
   local function concat(items)
      return pkgdb.u64(#items) .. table.concat(items)
   end
   local part = concat(for_ghc)
   return "\0ghcpkg\0" .. string.pack(">I4I4I4I4", 1, 0, 0, #part) .. part .. concat(for_ghc_pkg)
end

-- ---- databases ----

--- A folder with these .conf files: name without ".conf" -> text.
---@param confs table<string, string>
---@return string path
function pkgdb.folder(confs)
   local path = support.tmpdir() .. "/db"
   support.sh("mkdir %s", path)
   for name, text in pairs(confs) do
      support.write(("%s/%s.conf"):format(path, name), text)
   end
   return path
end

--- The text of a small package; fields override, false leaves one out.
---@param name string
---@param version string
---@param fields? table<string, string|false>
---@return string
function pkgdb.text(name, version, fields)
   local id = ("%s-%s"):format(name, version)
   local all = {
      name = name, version = version, id = id, key = id, abi = "inplace", exposed = "True",
   }
   for key, value in pairs(fields or {}) do
      all[key] = value
   end
   if all.id ~= id and all.key == id then
      all.key = all.id
   end
   local keys, lines = {}, {}
   for key in pairs(all) do
      keys[#keys + 1] = key
   end
   table.sort(keys)
   for _, key in ipairs(keys) do
      lines[#lines + 1] = all[key] and ("%s: %s\n"):format(key, all[key]) or ""
   end
   return table.concat(lines)
end

--- The same as a table for put.
function pkgdb.package(name, version, fields)
   local id = ("%s-%s"):format(name, version)
   local p = {name = name, version = version, id = id, key = id, abi = "inplace", exposed = true}
   return lists.assign(p, fields)
end

--- What tells one state from another: unit ids with their flags, sorted.
---@param db moonlink.pkg.Database
---@return string
function pkgdb.state(db)
   local lines = {}
   for _, p in ipairs(db.packages) do
      lines[#lines + 1] = ("%s%s"):format(p.id, p.exposed and "" or " hidden")
   end
   table.sort(lines)
   return table.concat(lines, "\n")
end

--- The names in a folder that are none of a database's own.
function pkgdb.strangers(path)
   local out = {}
   for name in support.sh("ls -A %s", path):gmatch "[^\n]+" do
      if not (name:find "%.conf$" or name == "package.cache" or name == "package.cache.lock") then
         out[#out + 1] = name
      end
   end
   return out
end

--- A copy of a folder that keeps the times of its files.
function pkgdb.copy(path)
   local to = support.tmpdir() .. "/db"
   support.sh("cp -aL %s %s", path, to)
   return to
end

--- Runs a Lua text under strace, with whatever libraries the suite has preloaded.
---@param flags string of strace
---@param source string
---@return integer status
function pkgdb.strace(flags, source)
   return (support.exit("%s", pkgdb.strace_command(flags, source)))
end

--- The shell command that does it.
function pkgdb.strace_command(flags, source)
   local script = support.write(support.tmpdir() .. "/traced.lua", source)
   return ("P=\"$LD_PRELOAD\"; LD_PRELOAD= LUA_PATH_5_4=%s LUA_CPATH_5_4=%s strace "
      .. "-E LD_PRELOAD=\"$P\" %s %s %s; exit $?"):format(support.quote(package.path),
      support.quote(package.cpath), flags, support.interpreter, script)
end

-- ---- generated packages ----

local LICENSES = {
   "BSD-3-Clause", "MIT", "GPL-2.0-or-later", "(MIT OR Apache-2.0)", "MIT AND (ISC OR Zlib)",
   "GPL-2.0-only WITH Classpath-exception-2.0", "LicenseRef-own", "DocumentRef-d:LicenseRef-l",
   "BSD3", "GPL", "GPL-3", "LGPL-2.1", "OtherLicense", "PublicDomain", "Homemade", "Homemade-1.2",
   "MIT+", "0BSD", "Zlib",
}
local WORDS = {
   "alpha", "Beta", "naïve", "日本", "emoji😀", "two words", "a,b", "quote\"d", "back\\slash",
}

--- A package with fields at random.
---@param below fun(n: integer): integer in 1 .. n
---@param number integer makes its name unique
---@return table
function pkgdb.random(below, number)
   local function pick(from)
      return random.pick(below, from)
   end
   local function some(prefix, most)
      local list = {}
      for i = 1, below(most + 1) - 1 do
         list[i] = prefix .. pick(WORDS)
      end
      return list
   end
   local version = {}
   for i = 1, below(6) do
      version[i] = pick {0, 1, 7, 2026, 65534, 65535, 1000000}
   end
   local p = pkgdb.package("gen-x" .. number, table.concat(version, "."), {
      license = pick(LICENSES), exposed = below(2) == 2, trusted = below(2) == 2,
      copyright = "© " .. pick(WORDS), description = "One\n\nTwo " .. pick(WORDS),
      synopsis = pick(WORDS), exposed_modules = {"A", "B.C", "D from base-4:E.F"},
      hidden_modules = {"Z"}, depends = {"base-4", "rts"}, data_dir = "/data " .. pick(WORDS),
      abi_depends = {"base-4=0123", "rts=ff"}, instantiated_with = below(4) == 1
         and {"H=base-4:Prelude", "I=<I>"} or nil,
   })
   for _, field in ipairs {"import_dirs", "library_dirs", "dynamic_library_dirs", "hs_libraries",
      "extra_libraries", "extra_ghci_libraries", "include_dirs", "includes", "cc_options",
      "cxx_options", "ld_options", "framework_dirs", "frameworks", "haddock_interfaces",
      "haddock_html"} do
      p[field] = some(field .. "/", 3)
   end
   if below(4) == 1 then
      p.package_name, p.lib_name, p.visibility = p.name, "sub", pick {"public", "private"}
      p.name = ("z-%s-z-sub"):format(p.package_name)
   end
   return p
end

return pkgdb
