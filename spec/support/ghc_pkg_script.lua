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
}

local function description(rng)
   local u, lines = unit(rng), {}
   for _, line in ipairs(LINES) do
      local text = line(rng, u)
      if text ~= "" then
         lines[#lines + 1] = text
      end
   end
   return table.concat(lines, "\n") .. "\n"
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
      "--package-db=two", "--package-conf one", ""}
end

local function force(rng)
   return rng.pick {"", "", " --force", " --force", " --force", " --force-files",
      " --enable-multi-instance", " --enable-multi-instance --force"}
end

local function file_argument(rng)
   return ("in/%d.conf"):format(rng.number(60))
end

local function changing(name)
   return function(rng)
      local id = rng.chance(20)
      return ("%s %s%s%s"):format(name, id and "--ipid " .. unit(rng).id or package_argument(rng),
         rng.pick {"", "", " --force"}, rng.pick {"", "", " -v0"})
   end
end

local QUERY_FLAGS = {"", "", "", " --simple-output", " --names-only --simple-output",
   " --show-unit-ids --simple-output", " -v", " -v0", " --ignore-case", " -v2"}

local function register(rng)
   return "register " .. file_argument(rng) .. force(rng)
end

-- Not with --enable-multi-instance: ghc-pkg then leaves two packages with one id in its cache.
local function update(rng)
   return "update " .. file_argument(rng) .. rng.pick {"", " --force", " --force", " --force-files"}
end

local FIELDS = {"name", "version", "depends", "import-dirs", "description", "exposed-modules,id",
   "license", "nofield", "Name", "library-dirs,ld-options", "abi", "synopsis", "haddock-html"}

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
   function(rng) return "describe " .. glob_argument(rng) .. rng.pick {"", " --expand-pkgroot"} end,
   function(rng) return "field " .. glob_argument(rng) .. " " .. rng.pick(FIELDS)
      .. rng.pick {"", " --simple-output", " --no-expand-pkgroot"} end,
   function() return "dump" end,
   function() return "dot" end,
   function(rng) return "check" .. rng.pick {"", " --simple-output", " -v0"} end,
   function() return "recache" end,
   function(rng) return rng.pick {"nonsense", "register", "list a b", "list --nonsense", "-v9 list",
      "field a", "init one", "init in/1.conf", "describe", "find-module"} end,
}

--- A script of commands, the same for the same seed.
---@param seed integer
---@param steps integer how many commands
---@return string[] commands what follows the program's name
---@return string[] files descriptions, to be written to in/N.conf
function script.script(seed, steps)
   local rng, commands, files = generator(seed), {}, {}
   for i = 1, 60 do
      files[i] = description(rng)
   end
   for i = 1, steps do
      local db = database(rng)
      local command = rng.pick(COMMANDS)(rng)
      commands[i] = rng.chance(50) and db .. " " .. command or command .. " " .. db
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
mkdir log
pkg() { %s "$@" >"log/$n.out" 2>"log/$n.err" </dev/null; echo $? >"log/$n.status"
  find one two global home -name '*.conf' | LC_ALL=C sort | xargs -r tail -n +1 >"log/$n.files"; }
]]

--- Runs a script in a world.
---@param root string
---@param program string shell words
---@param commands string[]
function script.run(root, program, commands)
   local lines = {RUN:format(root, program)}
   for i, command in ipairs(commands) do
      lines[#lines + 1] = ("n=%d; pkg %s"):format(i, command)
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
