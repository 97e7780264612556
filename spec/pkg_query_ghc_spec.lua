--- #ghc: queries of `moonlink pkg` and of ghc-pkg beside each other, on copies of GHC's own global
-- database and on databases written for the purpose: standard output byte for byte, and the status.
-- SPDX-License-Identifier: MIT

local random = require "spec.support.random"
local support = require "spec.support"

local dir = support.tmpdir()
local ours = support.moonlink() .. " pkg"
-- No user's database, and no shared one: the global database is a copy.
local global = dir .. "/lib/package.conf.d"
local setting = "cd " .. dir .. " && HOME=" .. dir .. " LC_ALL=C.UTF-8 %s %s --global-package-db="
   .. global .. " %s"

--- All that ghc-pkg 9.0 knows.
local FIELDS = ([[name,version,package-name,lib-name,visibility,id,instantiated-with,key,license,
   copyright,maintainer,author,stability,homepage,package-url,synopsis,description,category,abi,
   indefinite,exposed,exposed-modules,hidden-modules,trusted,import-dirs,library-dirs,
   dynamic-library-dirs,data-dir,hs-libraries,extra-libraries,extra-ghci-libraries,include-dirs,
   includes,depends,abi-depends,cc-options,cxx-options,ld-options,framework-dirs,frameworks,
   haddock-interfaces,haddock-html,pkgroot,hugs-options]]):gsub("%s+", "")

--- The first line in which two texts differ, so that a failure shows it and not all of a dump.
local function difference(a, b)
   if a == b then
      return nil
   end
   local next_b = (b .. "\n"):gmatch "(.-)\n"
   for line in (a .. "\n"):gmatch "(.-)\n" do
      local other = next_b()
      if line ~= other then
         return {ghc_pkg = line, moonlink = other or "(end)"}
      end
   end
   return {ghc_pkg = "(end)", moonlink = next_b()}
end

local function same(command, environment)
   local status, out = support.exit(setting, environment or "", "ghc-pkg", command)
   local our_status, our_out, our_err = support.exit(setting, environment or "", ours, command)
   assert.same({}, difference(out, our_out) or {}, command .. "\n" .. our_err)
   assert.equal(status, our_status, command .. "\n" .. our_err)
   return out
end

local function write(db, file, text)
   support.write(("%s/%s/%s.conf"):format(dir, db, file), text)
end

local function package(db, name, version, id, more)
   write(db, id, ("name: %s\nversion: %s\nid: %s\nkey: %s\n%s\n"):format(name, version, id, id,
      more or ""))
end

describe("#ghc: moonlink pkg says what ghc-pkg says", function()
   setup(function()
      local libdir = support.stdout "ghc --print-libdir"
      support.sh("mkdir %s/lib && cp -L %s/settings %s/lib && cp -RL %s/package.conf.d %s/lib", dir,
         libdir, dir, libdir, dir)
      support.sh("cd %s && mkdir top dup empty odd", dir)
      package("top", "zebra", "0.1", "zebra-0.1-a", "exposed: True\ndepends: base-4.15.1.0 gone-1")
      package("top", "zebra", "0.10", "zebra-0.10-a", "exposed: True\ndepends: zebra-0.1-a")
      package("top", "zebra", "0.9", "zebra-0.9-b", "exposed-modules: Z.A, Y from base-4.15.1.0:X")
      package("top", "zebra", "0.9", "zebra-0.9-a", "depends: zebra-0.9-b")
      package("dup", "zebra", "0.2", "zebra-0.1-a", "exposed: True")
      write("odd", "x", [[
name: x
version: 1.2
id: x-1.2-q
key: x-1.2-q
license: BSD-3-Clause
description: first line
  second

  after blank
     indented
  .
  last
category:
  on next line
author:   é ü “q”
exposed: True
exposed-modules: A B C D E F G H I J K L M N O P Q R S T U V W X Y Z AA AB AC AD AE AF AG AH
import-dirs: ${pkgroot}/imp $topdir/x "/with space/y" ${pkgroot} $topdirx
library-dirs: ${pkgrooturl}/lib rel/dir
include-dirs: $topdir
data-dir: ${pkgroot}/data
hs-libraries: "" ab "c\nd" "é " "-" "--" "a--b" " " "{" "}" "a:b" ":" "\\" a\b "é\"," é "\200\&1"
ld-options: "-Wl,-rpath" ${pkgroot}/x -lfoo "-DX=\"a b\"" --x
haddock-html: ${pkgrooturl}/doc//h $httptopdir/z
haddock-interfaces: ${pkgroot}/doc/x.haddock $topdir/../a//b
]])
      write("odd", "noversion", "name: n\nid: n-e\nkey: n-e\nexposed: False\n")
      write("odd", "sub", [[
name: z-x-z-lib
package-name: x
lib-name: lib
version: 1
id: x-1-lib
key: x-1-lib
instantiated-with: A=m-1:Mod,B=<B>
abi: abc
abi-depends: x-1.2-q=foo  n-1=bar
depends: x-1.2-q
exposed-modules: Q, R from x-1.2-q:A, S , T  from x-1.2-q:B
]])
      for _, db in ipairs {"top", "dup", "odd"} do
         support.sh(setting, "", "ghc-pkg", "recache -f " .. db)
      end
   end)

   it("of GHC's own database", function()
      for _, command in ipairs {
         "list", "list --simple-output", "list --simple-output --show-unit-ids", "list '*a*'",
         "list --names-only --simple-output", "dump", "dump --expand-pkgroot", "describe '*'",
         "dot", "find-module Data.List", "find-module 'Data.*'", "find-module Nothing",
         "field '*' id", "find-module '*MAP*' --ignore-case --simple-output", "latest base",
      } do
         same(command)
      end
   end)

   it("of each package of that database, and each field", function()
      local names = same("list --simple-output --names-only")
      for name in names:gmatch "%S+" do
         same("describe " .. name)
      end
      for field in FIELDS:gmatch "[^,]+" do
         same(("field '*' %s"):format(field))
      end
   end)

   it("of all fields, in every form", function()
      for _, flags in ipairs {"", "-f odd", "-f top"} do
         for _, form in ipairs {"", "--simple-output", "--no-expand-pkgroot"} do
            same(("%s field '*' %s %s"):format(flags, FIELDS, form))
         end
      end
   end)

   it("of several databases", function()
      for _, flags in ipairs {
         "-f top", "-f top --global", "--global -f top", "-f dup -f top", "-f top -f dup", "-f odd",
         "-f empty", "-f empty -f odd --global", "--user", "--user -f top", "-f top -f top",
         "--no-user-package-db --user", "--user-package-db=dup", "--user-package-db=dup --user",
      } do
         for _, command in ipairs {
            "list", "list --simple-output", "list zebra", "list 'zeb*'", "list zebra-0.9", "dump",
            "describe zebra", "latest zebra", "latest zebra-0.9", "dot", "find-module Z.A",
            "find-module 'Z*'", "field zebra version,id", "list --ipid zebra-0.1-a",
            "describe --ipid zebra-0.1-a", "list -v0",
         } do
            same(flags .. " " .. command)
         end
      end
   end)

   it("with GHC_PACKAGE_PATH", function()
      for _, path in ipairs {"top", "top:", "dup:top", "top:dup:"} do
         for _, command in ipairs {
            "list", "list --global", "list -f odd", "list --user", "latest zebra", "dot",
         } do
            same(command, "GHC_PACKAGE_PATH=" .. path)
         end
      end
   end)

   it("with paths and variables of odd packages", function()
      for _, command in ipairs {
         "dump", "dump --expand-pkgroot", "describe x", "describe x --expand-pkgroot", "list n",
         "describe x --expand-pkgroot --no-expand-pkgroot", "describe z-x-z-lib", "latest n",
         "list z-x-z-lib", "list z-x-z-lib-1", "list 'z*'", "find-module 'R*'", "dot",
      } do
         same("-f odd " .. command)
         same(("-f %s/odd "):format(dir) .. command)
      end
   end)

   it("of command lines that are wrong", function()
      for _, command in ipairs {
         "", "nope", "list a b", "dump x", "--force", "-- ", "list --zork", "list -f",
         "--user=1 list", "-v3 list", "-v2 -v0 list zz", "list ''", "list -", "list hid-",
         "list a-01", "list 'a b'", "list 'zebra '", "list a_b", "list --ipid 'a b'",
         "list --ipid ''", "latest 'a*'", "latest zz", "describe zz", "describe 'zz*'",
         "describe --ipid zz", "field base zork", "field base Name", "field base name,,",
         "field zz name", "field base ''", "field base", "list -f nowhere", "dump --glob",
         "--exp list", "list --ign 'BASE*'", "init", "latest -- -x",
      } do
         same(command)
      end
   end)

   it("about lines that are filled", function()
      local below = random.new(20240607)
      for round = 1, 12 do
         local words = {}
         for i = 1, below(40) do
            words[i] = ("x"):rep(below(1 << below(6)))
         end
         package("empty", "w", "1", "w-1", ("depends: %s\nhs-libraries: %s\nexposed-modules: M, %s")
            :format(table.concat(words, " "), table.concat(words, " "),
               ("A" .. table.concat(words, ", A")):gsub(",", " from w-1:M,", round)))
         same("-f empty field w depends,hs-libraries,exposed-modules -v0")
         same("-f empty describe w -v0")
      end
      support.sh("rm %s/empty/w-1.conf", dir)
   end)
end)
