--- The unit state beside that of the real ghc: the same databases, flags and imports to both.
-- SPDX-License-Identifier: MIT

local ghcworld = require "spec.support.ghcworld"
local messages = require "moonlink.pkg.messages"
local pkg = require "moonlink.pkg"
local random = require "spec.support.random"
local state = require "moonlink.pkg.state"
local support = require "spec.support"

--- Modules that import one name each; ghc says of each what it thinks.
local function write_imports(imports)
   local folder, files = support.tmpdir(), {}
   for i, each in ipairs(imports) do
      files[i] = ("%s/T%d.hs"):format(folder, i)
      local whose = each.package and ('"%s" '):format(each.package) or ""
      support.write(files[i], ("{-# LANGUAGE NoImplicitPrelude, PackageImports #-}\n"
         .. "module T%d where\nimport %s%s\n"):format(i, whose, each.name))
   end
   return files
end

local function run_ghc(databases, flags, files, options)
   local words = {"cd", support.tmpdir(), "&& LC_ALL=C.UTF-8", "ghc", "-clear-package-db", options}
   for _, database in ipairs(databases) do
      table.move({"-package-db", database.path}, 1, 2, #words + 1, words)
   end
   for _, word in ipairs(flags) do
      words[#words + 1] = support.quote(word)
   end
   table.move(files, 1, #files, #words + 1, words)
   local _, out, err = support.exit("%s", table.concat(words, " "))
   return out .. err
end

--- The lines between "initializing unit database" and its end that say what was decided.
local function decisions(text)
   local part = text:match "package flags.-\nloading(.-)\n!!! initializing" or "none"
   local lines, cycles = {}, {}
   for line in ("loading" .. part .. "\n"):gmatch "(.-)\n%f[^\n%s]" do
      local members = line:match "in a cycle:\n%s*(.*)"
      if members then
         local names = {}
         for name in members:gmatch "%S+" do
            names[#names + 1] = name
         end
         table.sort(names)
         cycles[#cycles + 1] = "cycle " .. table.concat(names, " ")
      else
         lines[#lines + 1] = line:gsub("%s+", " ")
      end
   end
   table.sort(cycles) -- ghc names members and cycles in the order of its search
   return table.concat(table.move(cycles, 1, #cycles, #lines + 1, lines), "\n")
end

--- The module map that ghc dumps, a line for each entry.
local function dumped_map(text)
   local part = text:match "= Module Map =+\n(.-)\n\n" or ""
   local lines, name = {}, nil
   for line in (part .. "\n"):gmatch "(.-)\n" do
      name = line:match "^%S+" or name
      local what = line:match "^%S*%s+(.*)$"
      if what then -- a long name has a line of its own; of hidden units ghc forgets to say which
         what = what:gsub("(hidden reexport by)[^,)]*", "%1")
         lines[#lines + 1] = ("%s | %s"):format(name, what)
      end
   end
   return table.concat(lines, "\n")
end

local function our_map(s)
   local names, lines = {}, {}
   for name in pairs(s.modules) do
      names[#names + 1] = name
   end
   table.sort(names)
   for _, name in ipairs(names) do
      for _, entry in ipairs(s.modules[name]) do
         local whose = entry.module == name and entry.unit or entry.unit .. ":" .. entry.module
         local how = messages.origin(entry):gsub("(hidden reexport by)[^,)]*", "%1")
         lines[#lines + 1] = ("%s | %s (%s)"):format(name, whose, how)
      end
   end
   return table.concat(lines, "\n")
end

--- Sorted, and each once: ghc lists a unit with holes twice.
local function as_set(lines)
   table.sort(lines)
   local list = {}
   for _, line in ipairs(lines) do
      list[#list + 1] = line ~= list[#list] and line or nil
   end
   return table.concat(list, "\n")
end

--- Units with their trust and dependencies, a line for each.
local function shown_units(text)
   local lines = {}
   local each = "\nid: (%S+)\n.-\ntrusted: (%a+)\n.-\ndepends:([^\n]*)"
   for id, trusted, depends in text:gmatch(each) do
      lines[#lines + 1] = ("%s %s%s"):format(id, trusted, depends)
   end
   return as_set(lines)
end

local function our_units(s)
   local lines = {}
   for id, unit in pairs(s.units) do
      local words = {messages.unit(s, id), unit.trusted and "True" or "False"}
      for _, other in ipairs(unit.depends) do
         words[#words + 1] = messages.unit(s, other)
      end
      lines[#lines + 1] = table.concat(words, " ")
   end
   return as_set(lines)
end

--- What ghc says of each import, without the places it looked in.
local function complaints(text)
   local list = {}
   for number, said in (text .. "\n\n"):gmatch "T(%d+)%.hs:3:1: error:%s*(.-)\n  |\n" do
      said = said:gsub("%s+Use %-v .*$", "")
      list[tonumber(number)] = (said:gsub("%s+", " "):gsub("^ ", ""))
   end
   return list
end

local function our_complaint(s, import)
   local result = state.lookup(s, import.name, {package = import.package})
   local text = result.message or messages.no_interface(s, import.name, result.unit)
   if not import.package then -- ghc names the places where it looked, instead
      text = text:gsub("\nIt is not a module in the current program.*$", "")
   end
   return (text:gsub("%s+", " "))
end

local function compare_world(seed)
   local below = random.new(seed)
   local databases = ghcworld.databases(below)
   ghcworld.write(databases)
   local flags, imports = ghcworld.flags(below, databases), ghcworld.imports(below)
   local files = write_imports(imports)
   local text = run_ghc(databases, flags, files,
      "-v2 -fno-code -fkeep-going -ddump-mod-map -dppr-cols=2000")
   if text:find("panic!", 1, true) then
      return false
   end
   local words = {}
   for i, word in ipairs(flags) do
      words[i] = word
   end
   local s, err = state.new {databases = databases, flags = words}
   local where = ("seed %d: %s\n"):format(seed, table.concat(flags, " "))
   local refusal = text:match "<command line>: (.-)\n*$"
   if refusal or not s then
      assert.equal(refusal, err and err.message, where .. text)
      return true
   end
   assert.equal(decisions(text), decisions(("package flags\n%s\n!!! initializing")
      :format(table.concat(messages.verbose(s), "\n"))), where)
   assert.equal(dumped_map(text), our_map(s), where)
   local shown = run_ghc(databases, flags, {}, "--show-packages -dppr-cols=2000")
   assert.equal(shown_units(shown), our_units(s), where)
   local said = complaints(text)
   for i, import in ipairs(imports) do
      assert.equal(said[i], our_complaint(s, import), where .. import.name)
   end
   return true
end

describe("the unit state beside ghc's #ghc", function()
   local WORLDS, PART = 60, 20
   for first = 1, WORLDS, PART do
      it(("is the same in worlds %d to %d"):format(first, first + PART - 1), function()
         local compared = 0
         for seed = first, first + PART - 1 do
            compared = compared + (compare_world(seed) and 1 or 0)
         end
         assert.is_true(compared > PART / 2, "ghc panicked in most worlds")
      end)
   end
end)

describe("GHC's own packages #ghc", function()
   local function global()
      local folder = support.sh "ghc --print-global-package-db":match "[^\n]+"
      return assert(pkg.open(folder))
   end

   it("have the module map that ghc has", function()
      local text = run_ghc({}, {"-global-package-db", "-package", "ghc"},
         {support.write(support.tmpdir() .. "/T.hs", "module T where\n")},
         "-v1 -fno-code -ddump-mod-map -dppr-cols=2000")
      local s = assert(state.new {databases = {global()}, flags = {"-package", "ghc"}})
      assert.equal(dumped_map(text), our_map(s))
   end)

   it("are linked in the order in which ghc links them", function()
      local folder = support.tmpdir()
      support.write(folder .. "/h.hs", "main = print 1\n")
      local flags = {"-package", "parsec", "-package", "containers", "-package", "haskeline"}
      local text = select(3, support.exit("cd %s && ghc -v3 -no-user-package-db %s h.hs", folder,
         table.concat(flags, " ")))
      local s, ours, ghcs = assert(state.new {databases = {global()}, flags = flags}), {}, {}
      for _, id in ipairs(s.preload) do
         table.move(s.units[id].package.hs_libraries, 1, 1, #ours + 1, ours)
      end
      for name in text:match "\n[^\n]*%-lHSrts[^\n]*":gmatch "%-l(HS%S+)" do
         ghcs[#ghcs + 1] = name
      end
      assert.same(ghcs, ours)
   end)
end)

describe("environment files beside ghc's #ghc", function()
   local environment = require "moonlink.pkg.environment"

   it("are found, read and refused alike", function()
      local folder = support.tmpdir()
      support.sh("mkdir -p %s/a/b; touch %s/a/other", folder, folder)
      local bad = "package-id base-4.15.1.0 and more\n"
      support.write(folder .. "/a/.ghc.environment.x86_64-linux-9.0.2", "-- mine\n\n" .. bad)
      support.write(folder .. "/a/b/T.hs", "module T where\n")
      for words, options in pairs {
         [""] = {}, ["-package-env other"] = {name = "other"}, ["-package-env ../other"] =
         {name = "../other"}, ["-package-env -"] = {name = "-"},
         ["-hide-all-packages"] = {hide_all = true},
      } do
         local line = "cd %s/a/b && HOME=%s ghc -v1 -fno-code %s T.hs >&2"
         local text = select(3, support.exit(line, folder, folder, words))
         options.folder, options.home = folder .. "/a/b", folder
         options.app = folder .. "/.ghc/x86_64-linux-9.0.2"
         options.read = function(path)
            local file = io.open(path:sub(1, 1) == "/" and path or folder .. "/a/b/" .. path)
            return file and file:read "a"
         end
         local list, what = environment.load(options)
         local loaded = text:match "Loaded package environment from ([^\n]+)"
         local refusal = text:match "<command line>: ([^\n]+)"
         assert.equal(refusal, not list and what.message or nil)
         if list then
            assert.equal(loaded, what)
         end
      end
   end)
end)
