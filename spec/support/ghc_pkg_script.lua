--- Two worlds with the same databases: the real ghc-pkg lives in one, `moonlink pkg` in the other.
-- A script of commands is made from a seed and run in both; after each command its standard output,
-- its messages, its status and every file of the databases are on record.
-- SPDX-License-Identifier: MIT

local random = require "spec.support.random"
local support = require "spec.support"

local script = {}

--- What the script is made by.
local function generator(seed)
   local below = random.new(seed)
   return {
      number = below,
      pick = function(list)
         return random.pick(below, list)
      end,
      chance = function(percent)
         return below(100) <= percent
      end,
   }
end

local NAMES = {"a", "b", "bee", "Bee", "net-core"}
local VERSIONS = {"1.0", "1.10", "2"}
local MODULES = {"A", "B.C", "Data.Set", "Data.Map.Lazy", "Z"}

local function unit(rng)
   local name, version = rng.pick(NAMES), rng.pick(VERSIONS)
   if rng.chance(8) then -- a sub-library; each has ids of its own, so that names do not share one
      local part = rng.pick {"b", "x-y"}
      return {name = "z-a-z-" .. part, version = version, id = "a-" .. version .. "-" .. part,
         part = part}
   end
   return {name = name, version = version, id = name .. "-" .. version .. rng.pick {"", "", "-x"}}
end

local function unit_ids(rng, most)
   local ids = {}
   for i = 1, rng.number(most + 1) - 1 do
      ids[i] = unit(rng).id
   end
   return ids
end

-- One line of a description; most descriptions have most of them.
local LINES = {
   function(_, u) return "name: " .. u.name end,
   function(_, u) return "version: " .. u.version end,
   function(rng, u) return rng.chance(98) and "id: " .. u.id or "" end,
   function(rng, u) return rng.chance(97) and "key: " .. u.id or "key: other" end,
   function(rng) return rng.chance(70) and "license: " .. rng.pick {"BSD-3-Clause", "MIT", "GPL-3",
      "BSD3", "OtherLicense", "Apache-2.0 OR MIT", "Weird"} or "" end,
   function(rng) return rng.chance(40) and "synopsis: " .. rng.pick {"Short", "with, a comma",
      ("long words "):rep(12)} or "" end,
   function(rng) return rng.chance(40) and "description:\n    First\n    .\n      Second\n    "
      .. rng.pick {"-- gone", "end", "x: y"} or "" end,
   function(rng) return rng.chance(30) and "maintainer: Some One <one@example.org>" or "" end,
   function(rng) return rng.chance(60) and "abi: " .. rng.pick {"abc", "0123456789"} or "" end,
   function(rng) return "exposed: " .. rng.pick {"True", "True", "True", "False", "true"} end,
   function(rng) return rng.chance(20) and "trusted: True" or "" end,
   function(rng) return rng.chance(80) and "exposed-modules: " .. rng.pick(MODULES) ..
      rng.pick {"", ", " .. rng.pick(MODULES), " " .. rng.pick(MODULES)} or "" end,
   function(rng) return rng.chance(20) and "hidden-modules: " .. rng.pick(MODULES) or "" end,
   function(rng) return rng.chance(85) and "import-dirs: ${pkgroot}/imports"
      or "import-dirs: " .. rng.pick {"/nonexistent/dir", "relative/dir", ""} end,
   function(rng) return rng.chance(60) and "library-dirs: ${pkgroot}/lib"
      or "library-dirs: " .. rng.pick {"/nonexistent/lib", '"${pkgroot}/with space"', ""} end,
   function(rng)
      return rng.chance(30) and "hs-libraries: " .. rng.pick {"HSgood", "HSbad"} or ""
   end,
   function(rng) return rng.chance(30) and "extra-libraries: m " .. rng.pick {"z", "gmp"} or "" end,
   function(rng) return rng.chance(20) and 'ld-options: "-Wl,-rpath" -lfoo' or "" end,
   function(rng) return rng.chance(20) and "haddock-html: ${pkgroot}/html" or "" end,
   function(rng)
      local ids = unit_ids(rng, 2)
      return #ids > 0 and "depends: " .. table.concat(ids, " ") or ""
   end,
   function(rng)
      return rng.chance(4) and rng.pick {"not a field", "exposed: maybe", "version: 1.02",
         "depends: a,b c", "}"} or ""
   end,
   function(rng)
      return rng.chance(20) and "visibility: " .. rng.pick {"public", "private"} or ""
   end,
   function(rng) return rng.chance(20) and "author: " .. rng.pick {"Zoë Ü, \"quoted\"", "'x'",
      "日本 語", "a\\b", "{braces}"} or "" end,
   function(rng) return rng.chance(15) and "homepage: http://example.org/~x?a=b#c--d" or "" end,
   function(rng) return rng.chance(15) and "category: A, B -- C" or "" end,
   function(rng) return rng.chance(15) and "copyright: (c) 2021,\n    all of it" or "" end,
   function(rng) return rng.chance(15) and "exposed-modules:\n    Re.A from " .. unit(rng).id ..
      ":B.C,\n    Data.Set" or "" end,
   function(rng) return rng.chance(10) and "exposed-modules: " .. rng.pick {"A, B.C,Z",
      "Re.A from b-1.0:Nope, B.C", '"A"', "lower", "A.b"} or "" end,
   function(rng) return rng.chance(10) and "abi-depends: " .. unit(rng).id .. "=abc "
      .. unit(rng).id .. "=0123456789" or "" end,
   function(rng) return rng.chance(10) and "include-dirs: ${pkgroot}/lib \"${pkgroot}/with space\""
      or "" end,
   function(rng) return rng.chance(10) and "includes: a.h, \"b c.h\"" or "" end,
   function(rng) return rng.chance(10) and rng.pick {"frameworks: Foo Bar", "framework-dirs: /fw",
      "cc-options: -DX=\"y z\" -O2", "cc-options: \"-DX=\\\"y\\\"\"",
      "extra-ghci-libraries: m", "hugs-options: -h",
      "dynamic-library-dirs: ${pkgroot}/lib", "data-dir: ${pkgroot}/data", "indefinite: True",
      "haddock-interfaces: ${pkgroot}/html/x.haddock", "pkgroot: /somewhere",
      "library-dirs: \"/tab\\tchar\"", "ld-options: a,b,\"c,d\"", "ld-options: \"\" x",
      "ld-options: \"\\228\\1234\\&5\"", "instantiated-with: A=b-1.0:B.C",
      "package-url: http://x", "stability: experimental --- not",
      "Synopsis: twice", "ld-options: '-x y'", "ld-options: ä ö"} or "" end,
   function(rng, u)
      return u.part and rng.chance(70) and "package-name: a\nlib-name: " .. u.part or ""
   end,
   function(rng) return rng.chance(6) and "extra-libraries:\n    m\n    ${VAR}z" or "" end,
}

local function description(rng)
   local u, lines = unit(rng), {}
   for _, line in ipairs(LINES) do
      local text = line(rng, u)
      if text ~= "" then
         lines[#lines + 1] = text
      end
   end
   if rng.chance(10) then -- fields in another order
      local i, k = rng.number(#lines), rng.number(#lines)
      lines[i], lines[k] = lines[k], lines[i]
   end
   return table.concat(lines, rng.chance(5) and "\r\n" or "\n") .. rng.pick {"\n", "\n", "", "\n\n"}
end

local function package_argument(rng)
   local u = unit(rng)
   return rng.pick {u.name, u.name .. "-" .. u.version, u.name, u.name .. "-*", "nothing",
      "not/good"}
end

local function glob_argument(rng)
   return rng.pick {package_argument(rng), "'*e*'", "'a*'", "'*1.0'", "'*'"}
end

local function database(rng)
   return rng.pick {"-f one", "-f one", "-f two", "-f one -f two", "-f two -f one", "--global",
      "--package-db=two", "--package-conf one", "", "-f one", "-f two", "--user", "-f $PWD/one",
      "-f ./two", "-f one -f one", "--global -f one", "--user -f two", "--no-user-package-db",
      "--no-user-package-conf -f one", "--user --global", "-f nowhere", "-f in/1.conf",
      "-fone", "--package-db=$PWD/in/../two"}
end

local function force(rng)
   return rng.pick {"", "", " --force", " --force", " --force", " --force-files",
      " --enable-multi-instance", " --enable-multi-instance --force", " --expand-env-vars",
      " --expand-env-vars --force", " --force -v0", " -v2 --force", " --no-user-package-db --force",
      " --expand-pkgroot --force"}
end

local function file_argument(rng)
   local path = ("in/%d.conf"):format(rng.number(60))
   return rng.chance(10) and "- <" .. path or rng.chance(5) and "$PWD/" .. path
      or rng.chance(1) and "in/none.conf" or path
end

local function changing(name)
   return function(rng)
      local id = rng.chance(20)
      return ("%s %s%s%s"):format(name, id and "--ipid " .. unit(rng).id or package_argument(rng),
         rng.pick {"", "", " --force"}, rng.pick {"", "", " -v0", " -v2", " --ignore-case"})
   end
end

local QUERY_FLAGS = {"", "", "", " --simple-output", " --names-only --simple-output",
   " --show-unit-ids --simple-output", " -v", " -v0", " --ignore-case", " -v2",
   " --user", " --global", " --simple-output -v2", " --names-only", " --show-unit-ids", " --ipid",
   " --ipid --simple-output", " --expand-pkgroot", " --simple-output --ignore-case", " -v1",
   " --verbose=2", " --verbose"}

local function register(rng)
   return "register " .. file_argument(rng) .. force(rng)
end

-- Not with --enable-multi-instance: ghc-pkg then leaves two packages with one id in its cache.
local function update(rng)
   return "update " .. file_argument(rng) .. rng.pick {"", " --force", " --force", " --force-files"}
end

local FIELDS = {"name", "version", "depends", "import-dirs", "description", "exposed-modules,id",
   "license", "nofield", "Name", "library-dirs,ld-options", "abi", "synopsis", "haddock-html",
   "id,key,license", "pkgroot", "author,homepage,category",
   "exposed-modules", "hidden-modules", "cc-options", "lib-name", "package-name", "visibility",
   "abi-depends", "x-own", "ld-options", "indefinite,instantiated-with", "exposed", "trusted",
   "NAME,,version", "copyright,", "hs-libraries", "hsLibraries", "stability", "package-url",
   "dynamic-library-dirs,data-dir", "'*'", "haddock-interfaces", "include-dirs", "includes",
   "extra-libraries", "maintainer"}

-- What the script is made of; the ones that stand more often are chosen more often.
local COMMANDS = {
   register, register, register, register, register,
   update, update,
   changing "unregister", changing "hide", changing "expose", changing "trust", changing "distrust",
   function(rng) return "list" .. rng.pick(QUERY_FLAGS) end,
   function(rng) return "list " .. glob_argument(rng) .. rng.pick(QUERY_FLAGS) end,
   function(rng) return "find-module " .. rng.pick {"A", "Data.Set", "'Data.*'", "'*Map*'", "Nope"}
      .. rng.pick(QUERY_FLAGS) end,
   function(rng) return "latest " .. package_argument(rng) end,
   function(rng) return "describe " .. glob_argument(rng) .. rng.pick {"", " --expand-pkgroot",
      " --ipid", " --no-expand-pkgroot", " --ignore-case"} end,
   function(rng) return "field " .. glob_argument(rng) .. " " .. rng.pick(FIELDS)
      .. rng.pick {"", " --simple-output", " --no-expand-pkgroot", " --expand-pkgroot", " --ipid",
         " --ignore-case", " -v2", " -v0"} end,
   function(rng) return "dump" .. rng.pick {"", "", " --expand-pkgroot", " -v2"} end,
   function(rng) return "dot" .. rng.pick {"", " --user", " -v0"} end,
   function(rng) return "latest " .. rng.pick {"a", "b", "'*e*'", "'*'", "''", "a-1.0"}
      .. rng.pick {"", " --ignore-case", " -v2", " --ipid"} end,
   function(rng) return "find-module " .. rng.pick {"''", "data.set --ignore-case", "b.c", "B.C Z",
      "'*' --simple-output", "Data.", "A -v2"} end,
   function(rng) return rng.pick {"list ''", "describe ''", "list '*' --simple-output", "list -- a",
      "list a --simple", "list --names", "hide", "list 'a b'",
      "list ' a'", "list a-", "list -a", "list 1.0", "list a-1.0-x", "describe a-1", "list z-a-z-b",
      "field a name,version extra", "trust ''", "latest", "list é", "list '*a*b'",
      "list 'a*b'", "list '**'", "hide '*'", "unregister 'a*'", "latest 'a*'", "list a_b",
      "check a", "dump a", "dot a",
      "recache a", "init", "--force",
      "list -v3", "list -v x", "list --verbose=x", "LIST", "ls"} end,
   function(rng) return "check" .. rng.pick {"", " --simple-output", " -v0"} end,
   function() return "recache" end,
   function(rng) return rng.pick {"nonsense", "register", "list a b", "list --nonsense", "-v9 list",
      "field a", "init one", "init in/1.conf", "describe", "find-module"} end,
}

--- A script of commands, the same for the same seed.
---@param seed integer
---@param steps integer how many commands
---@return string[] commands lines for a shell, in which `pkg` is the program
---@return string[] files descriptions, to be written to in/N.conf
function script.script(seed, steps)
   local rng, commands, files = generator(seed), {}, {}
   for i = 1, 60 do
      files[i] = description(rng)
   end
   for i = 1, steps do
      local db = database(rng)
      local command = rng.pick(COMMANDS)(rng)
      command = rng.chance(50) and "pkg " .. db .. " " .. command or "pkg " .. command .. " " .. db
      if rng.chance(8) then
         command = ("(export GHC_PACKAGE_PATH=%s; %s)"):format(rng.pick {"one", "two:one", "one:",
            "one:$PWD/two", "two:one:two", "one:nowhere"}, command)
      end
      commands[i] = command
   end
   return commands, files
end

--- A folder with four empty databases (the user's is one), descriptions, and the files that some of
-- them speak of.
---@param files string[]
---@return string path
function script.world(files)
   local root = support.tmpdir()
   support.sh("cd %s && mkdir -p in imports/B imports/Data/Map lib 'with space' html home"
      .. " && touch imports/A.hi imports/B/C.hi imports/Data/Set.hi imports/Data/Map/Lazy.dyn_hi"
      .. " lib/libHSgood.a && cp \"$(ghc --print-libdir)/settings\" ."
      .. " && HOME=$PWD/home ghc-pkg recache --user"
      .. " && for d in one two global; do ghc-pkg init $d; done", root)
   for i, text in ipairs(files) do
      support.write(("%s/in/%d.conf"):format(root, i), text)
   end
   return root
end

-- After each command: what every database holds. The cache is compared through what it says.
local RUN = [[
cd %s
export HOME=$PWD/home LC_ALL=C.UTF-8
unset GHC_PACKAGE_PATH
export VAR=value
exec </dev/null
mkdir log
pkg() { %s "$@" >"log/$n.out" 2>"log/$n.err"; echo $? >"log/$n.status"
  find one two global home -name '*.conf' | LC_ALL=C sort | xargs -r tail -n +1 >"log/$n.files"; }
]]

--- Runs a script in a world.
---@param root string
---@param program string shell words
---@param commands string[]
function script.run(root, program, commands)
   local lines = {RUN:format(root, program)}
   for i, command in ipairs(commands) do
      lines[#lines + 1] = ("n=%d; %s"):format(i, command)
   end
   support.sh("sh %s", support.write(root .. "/script.sh", table.concat(lines, "\n") .. "\n"))
end

--- What one step left on record.
---@param root string
---@param step integer
---@param what "out"|"err"|"status"|"files"
---@return string
function script.record(root, step, what)
   local text = support.read(("%s/log/%d.%s"):format(root, step, what))
   local start, stop = text:find(root, 1, true)
   while start do
      text = text:sub(1, start - 1) .. "ROOT" .. text:sub(stop + 1)
      start, stop = text:find(root, start, true)
   end
   return (text:gsub("^[^\n]* 9%.0%.2[^\n]*\n", "VERSION\n")) -- the first line of -v
end

return script
