--- `make corpus`: every static library of the installed -dev packages, all members at once, against
-- what gcc can link; then libraries at work, with results that are known.
-- Usage: lua5.4 spec/corpus/run.lua [--build FOLDER] [--jobs N] [--all] [NAME...]
-- NAME: of an archive, without `lib` and `.a`; --all prints every row, not only what failed.
-- Status 1 when one that gcc links does not load, or a result is wrong.
-- SPDX-License-Identifier: MIT

local root = arg[0]:match "^(.*)/spec/corpus/[^/]*$" or "."
package.path = root .. "/?.lua;" .. package.path

local find = require "spec.corpus.find"
local libraries = require "spec.corpus.libraries"
local needs = require "spec.corpus.needs"
local shell = require "spec.corpus.shell"

local CHECK_SECONDS = 600

local function options_of(words)
   local options = {build = root .. "/build", jobs = "2", names = {}}
   local i = 1
   while words[i] do
      local name = words[i]:match "^%-%-(%l+)$"
      if name == "all" then
         options.all = true
      elseif name == "build" or name == "jobs" then
         i = i + 1
         options[name] = words[i]
      elseif name then
         io.stderr:write("what is --", name, "?\n")
         os.exit(2)
      else
         for word in words[i]:gmatch "[^,]+" do
            options.names[word] = true
         end
      end
      i = i + 1
   end
   return options
end

local function cache_folder()
   local base = os.getenv "TMPDIR" or "/tmp"
   local path = base .. "/moonlink-corpus"
   shell.run {"mkdir", "-p", path}
   return path
end

--- Where a fresh Lua finds moonlink and this folder.
local function environment_of(options)
   return {
      ("LUA_PATH_5_4=%s/?.lua;%s/lua/?.lua;%s/lua/?/init.lua;;"):format(root, root, root),
      ("LUA_CPATH_5_4=%s/?.so;;"):format(options.build),
   }
end

local function chosen(archives, names)
   if not next(names) then
      return archives
   end
   local list = {}
   for _, archive in ipairs(archives) do
      if names[archive.name] then
         list[#list + 1] = archive
      end
   end
   return list
end

local function fields_of(text)
   local fields = {}
   for key, value in (text or ""):gmatch "([%a]+)=([^\n]*)" do
      fields[key] = value
   end
   return fields
end

--- Runs one.lua for every archive, a few at a time, and sets `result`.
local function measure(list, options, cache)
   local folder = shell.lines {"mktemp", "-d", cache .. "/run.XXXXXX"}[1]
   local numbers = {}
   for i, archive in ipairs(list) do
      local lines = {archive.path, archive.stamp, table.unpack(archive.needs)}
      shell.write(("%s/%d"):format(folder, i), table.concat(lines, "\n") .. "\n")
      numbers[i] = tostring(i)
   end
   shell.write(folder .. "/list", table.concat(numbers, "\n") .. "\n")
   local one = root .. "/spec/corpus/one.lua"
   shell.run(shell.line {
      "env", environment_of(options), "xargs", "-a", folder .. "/list", "-P", options.jobs, "-I{}",
      "lua5.4", one, folder .. "/{}", folder .. "/{}.result", cache,
   })
   for i, archive in ipairs(list) do
      archive.result = fields_of(shell.read(("%s/%d.result"):format(folder, i)))
   end
   shell.run {"rm", "-rf", folder}
end

--- both, gcc, moonlink or neither.
local function verdict(result)
   local links, loads = result.links == "yes", result.loads == "yes"
   return links and (loads and "both" or "gcc") or (loads and "moonlink" or "neither")
end

local TEXT = {
   both = "both", gcc = "only gcc", moonlink = "only moonlink", neither = "neither",
}

local function print_row(archive, what)
   local r = archive.result
   local why = what == "gcc" and r.why or what == "moonlink" and "gcc: " .. (r.reason or "?")
      or what == "neither" and ("gcc: %s; moonlink: %s"):format(r.reason, r.why)
      or ("%s members, %s ms"):format(r.members, r.ms)
   print(("  %-28s %-14s %s"):format(archive.name, TEXT[what], why))
end

local function report(list, skipped, options)
   local counts = {both = 0, gcc = 0, moonlink = 0, neither = 0}
   local stay = 0
   for _, archive in ipairs(list) do
      local what = verdict(archive.result)
      counts[what] = counts[what] + 1
      if options.all or what ~= "both" then
         print_row(archive, what)
      end
      local tunables = libraries.rule(archive).tunables
      if tunables then
         print(("  %-28s needs GLIBC_TUNABLES=%s"):format(archive.name, tunables))
      end
      if archive.result.stays then
         stay = stay + 1
         print(("  %-28s is not unloaded: %s"):format(archive.name, archive.result.stays))
      end
   end
   local reasons = {}
   for reason, count in pairs(skipped) do
      reasons[#reasons + 1] = ("%s: %d"):format(reason, count)
   end
   table.sort(reasons)
   print("left out: " .. table.concat(reasons, "; "))
   print(("unloading: %d of %d that load go again"):format(counts.both + counts.moonlink - stay,
      counts.both + counts.moonlink))
   print(("corpus: %d of %d archives that gcc can link load (%d of them only here); neither: %d")
      :format(counts.both, counts.both + counts.gcc, counts.moonlink, counts.neither))
   return counts.gcc == 0
end

--- Runs one row of results.lua in a process of its own: the number of comparisons, or why not.
local function run_row(number, archive, cache, environment)
   local folder = shell.lines {"mktemp", "-d", cache .. "/check.XXXXXX"}[1]
   local status, text = shell.run(shell.line {
      "env", environment, libraries.environment {path = archive}, "timeout", CHECK_SECONDS,
      "lua5.4", root .. "/spec/corpus/check.lua", number, folder,
   } .. " </dev/null 2>&1")
   shell.run {"rm", "-rf", folder}
   local count = status == 0 and tonumber(text:match "right\t(%d+)")
   return count, status > 128 and "signal " .. status - 128 or text:match "[^\n]*"
end

--- Libraries at work: true when all that are installed are right.
local function check(options, cache, environment)
   package.path = ("%s/lua/?.lua;%s/lua/?/init.lua;%s"):format(root, root, package.path)
   package.cpath = options.build .. "/?.so;" .. package.cpath
   local results = require "spec.corpus.results"
   local right, wanted, comparisons, absent = 0, 0, 0, 0
   for i, row in ipairs(results.list) do
      local is_asked = not next(options.names) or options.names[row.name]
      local archive = is_asked and results.archive(row.name)
      if is_asked and not archive then
         absent = absent + 1
      elseif is_asked then
         wanted = wanted + 1
         local count, why = run_row(i, archive, cache, environment)
         right, comparisons = right + (count and 1 or 0), comparisons + (count or 0)
         if not count or options.all then
            print(("  %-28s %s"):format(row.name, count and count .. " right" or why))
         end
      end
   end
   print(("results: %d of %d libraries compute what is known (%d comparisons%s)"):format(right,
      wanted, comparisons, absent > 0 and ("; %d not installed"):format(absent) or ""))
   return right == wanted
end

local function main()
   local options = options_of(arg)
   local cache = cache_folder()
   local archives, skipped = find.archives()
   needs.find(archives, cache)
   local list = chosen(archives, options.names)
   measure(list, options, cache)
   local all_load = report(list, skipped, options)
   os.exit(check(options, cache, environment_of(options)) and all_load)
end

io.stdout:setvbuf "line"
main()
