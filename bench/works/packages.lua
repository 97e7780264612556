--- Package databases of 1,000, 10,000 and 50,000 packages: `moonlink pkg` beside ghc-pkg.
--
-- Package i has three modules and five dependencies among the packages before it; the files that
-- its description speaks of are there, so that `check` finds nothing.
-- SPDX-License-Identifier: MIT

local shell = require "bench.shell"

local packages = {}

local DEPENDENCIES, MODULES = 5, 3

-- About 1.2 kB, as usual for a library of Hackage.
local DESCRIPTION = [[
name:                 %s
version:              1.%d.0
visibility:           public
id:                   %s
key:                  %s
license:              BSD-3-Clause
copyright:            (c) The authors of %s
maintainer:           maintainers@example.org
author:               The authors of %s
homepage:             https://example.org/%s
synopsis:             Number %d of a generated database
description:
    This package does not do anything; it is there so that a database has
    one more package, with a description of some length.

    It has a second paragraph, as descriptions do, which names what can be
    found in the modules of the package and where to begin to read.

category:             Data
abi:                  %032x
exposed:              True
exposed-modules:      %s
hidden-modules:       %s
import-dirs:          ${pkgroot}/lib/%s
library-dirs:         ${pkgroot}/lib/%s
dynamic-library-dirs: ${pkgroot}/lib/%s
hs-libraries:         HS%s
depends:              %s
haddock-interfaces:   ${pkgroot}/lib/%s/doc.haddock
haddock-html:         ${pkgroot}/lib/%s
]]

local function name(i)
   return ("generated-p%05d"):format(i)
end

local function id(i)
   return ("%s-1.%d.0-%06x"):format(name(i), i % 7, i * 2654435761 & 0xffffff)
end

local function module(i, k)
   return ("Generated%05d%s"):format(i, ("ABCDEFGH"):sub(k, k))
end

local function depends(i)
   local list, seen = {}, {}
   for k = 1, DEPENDENCIES do
      local j = (i * 40503 + k * 2654435761) % math.max(i, 1)
      if i > 0 and not seen[j] then
         seen[j] = true
         list[#list + 1] = id(j)
      end
   end
   return table.concat(list, " ")
end

local function description(i)
   local n, u = name(i), id(i)
   return DESCRIPTION:format(n, i % 7, u, u, n, n, n, i, i * 2654435761,
      module(i, 1) .. " " .. module(i, 2), module(i, MODULES), n, n, n, u, depends(i), n, n)
end

--- The files of one package, in a folder of its own.
local function add_files(folder, i, list)
   local base = ("%s/lib/%s/"):format(folder, name(i))
   for k = 1, MODULES do
      list[#list + 1] = base .. module(i, k) .. ".hi"
   end
   list[#list + 1] = ("%slibHS%s.a"):format(base, id(i))
   list[#list + 1] = base .. "doc.haddock"
end

local function make(count)
   local here = assert(package.searchpath("bench.works.packages", package.path))
   return shell.cached("packages", count .. "\n" .. assert(shell.read(here)), function(folder)
      local files, folders = {}, {}
      shell.run("mkdir " .. shell.quote(folder) .. "/db")
      for i = 0, count - 1 do
         shell.write(("%s/db/%s.conf"):format(folder, id(i)), description(i))
         folders[#folders + 1] = ("%s/lib/%s"):format(folder, name(i))
         add_files(folder, i, files)
      end
      shell.write(folder .. "/one.conf", description(count))
      add_files(folder, count, files)
      folders[#folders + 1] = ("%s/lib/%s"):format(folder, name(count))
      shell.write(folder .. "/list", table.concat(folders, "\n") .. "\n")
      shell.run("xargs mkdir -p <" .. shell.quote(folder) .. "/list")
      shell.write(folder .. "/list", table.concat(files, "\n") .. "\n")
      shell.run("xargs touch <" .. shell.quote(folder) .. "/list")
   end)
end

local COLUMNS = {
   { "list", "list" }, { "dump", "dump" }, { "check", "check" },
   { "find", "find-module Generated00500A" },
   { "order", "order", ours = true }, { "recache", "recache" },
   { "register", "register one.conf" }, { "unregister", "unregister --ipid LAST" },
}

-- Runs the commands one after another in a database; prints milliseconds by key.
local DRIVER = [[
cd %s && while read -r key words; do
start=$EPOCHREALTIME
%s -f db $words >/dev/null || exit 1
end=$EPOCHREALTIME
echo "$key=$(( (${end/./} - ${start/./}) / 10 ))e-2"
done <<'END'
%sEND
]]

local function contestant(title, program, folder, count, is_ours, most)
   local words = {}
   for _, column in ipairs(COLUMNS) do
      if is_ours or not column.ours then
         words[#words + 1] = column[1] .. " " .. column[2]:gsub("LAST", id(count)) .. "\n"
      end
   end
   local text = DRIVER:format(shell.quote(folder), program, table.concat(words))
   return { name = title, command = "bash -c " .. shell.quote(text), most = most }
end

local function case(count, environment, most)
   local folder = make(count)
   local columns = {}
   for i, column in ipairs(COLUMNS) do
      columns[i] = { key = column[1], title = column[1] .. ", ms" }
   end
   local ours = shell.line { "env", environment, "lua5.4", environment.program, "pkg" }
   local theirs = not shell.which "ghc-pkg" and "not installed"
      or most == 0 and "takes many minutes"
   -- Each has a cache of its own making when its turn comes.
   return {
      id = "packages-" .. count, title = ("a database of %d packages"):format(count),
      columns = columns,
      contestants = {
         contestant("moonlink", ours, folder, count, true),
         theirs and { name = "ghc-pkg", missing = theirs }
            or contestant("ghc-pkg", "ghc-pkg", folder, count, false, most),
      },
   }
end

--- Databases of three sizes.
---@param scale number
---@param _ bench.Tools
---@param environment string[]
---@return bench.Figures[]
function packages.packages(scale, _, environment)
   return {
      case(math.floor(1000 * scale), environment),
      case(math.floor(10000 * scale), environment, scale == 1 and 1 or nil),
      case(math.floor(50000 * scale), environment, 0),
   }
end

return packages
