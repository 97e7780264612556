--- A writer that is killed, whichever system call it is about to make: everybody sees the old
-- database or the new one, and the next writer leaves nothing of the dead one.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local pkgdb = require "spec.support.pkgdb"
local database = require "moonlink.pkg.database"

-- What a change is made of; the marker tells where it begins in the list of calls.
local SCENARIOS = {
   {name = "registering three packages", every = true, body = [[
      assert(w:put {name = "a", version = "1", id = "a-1", key = "a-1", exposed = true})
      assert(w:put {name = "b", version = "1", id = "b-1", key = "b-1", exposed = true})
      assert(w:put {name = "c", version = "1", id = "c-1", key = "c-1", exposed = true})]]},
   {name = "removing one package and updating another", every = true, body = [[
      assert(w:remove {id = "p-1"})
      assert(w:put {name = "q", version = "1", id = "q-1", key = "q-1", abi = "inplace"})]]},
   {name = "removing all packages", body = [[
      assert(w:remove {id = "p-1"})
      assert(w:remove {id = "q-1"})]]},
   {name = "changing a database whose cache is stale", stale = true, body = [[
      assert(w:remove {id = "p-1"})
      assert(w:put {name = "q", version = "1", id = "q-1", key = "q-1", abi = "inplace"})]]},
   {name = "changing a database without a cache", bare = true, body = [[
      assert(w:remove {id = "p-1"})
      assert(w:put {name = "q", version = "1", id = "q-1", key = "q-1", abi = "inplace"})
      assert(w:put {name = "a", version = "1", id = "a-1", key = "a-1", exposed = true})]]},
}

local MARKER = "moonlink-marker"

local function prepare(scenario)
   local path = support.tmpdir() .. "/db"
   assert(database.init(path))
   local w <close> = assert(database.change(path))
   assert(w:put(pkgdb.package("p", "1")))
   assert(w:put(pkgdb.package("q", "1")))
   assert(w:put(pkgdb.package("r", "1")))
   assert(w:commit())
   if scenario.stale then
      support.sh("touch -d @1 %s/package.cache", path)
   elseif scenario.bare then
      support.sh("rm %s/package.cache", path)
   end
   return path
end

local function source(scenario, path)
   return ([[
      local database = require "moonlink.pkg.database"
      io.open "/%s"
      local w = assert(database.change(%q))
      %s
      assert(w:commit())]]):format(MARKER, path, scenario.body)
end

--- Runs the change of a scenario under strace.
local function run(scenario, path, flags)
   return pkgdb.strace(flags, source(scenario, path))
end

-- Being killed at another call leaves the same as at the next one of these.
local CHANGES = {
   openat = true, write = true, fsync = true, syncfs = true, fchmod = true, fchown = true,
   utimensat = true, renameat = true, linkat = true, unlinkat = true, close = true,
}

-- A sanitizer's allocator makes these when it likes: their number is another one in each process.
local MEMORY = {mmap = true, munmap = true, madvise = true}

--- The calls of the change: name, and the how many-th of that name it is in the whole process. All
--- of them for some scenarios, for the others those that change files.
local function calls_of(scenario)
   local path = prepare(scenario)
   local trace = support.tmpdir() .. "/trace"
   assert.equal(0, (run(scenario, path, "-o " .. trace)))
   local calls, counts, begun, sanitized = {}, {}, false, support.sanitized()
   for line in io.lines(trace) do
      local name = line:match "^([%w_]+)%("
      if name then
         counts[name] = (counts[name] or 0) + 1
         if begun and name ~= "exit_group" and (scenario.every or CHANGES[name])
            and not (sanitized and MEMORY[name]) then
            calls[#calls + 1] = {name = name, number = counts[name]}
         end
         begun = begun or line:find(MARKER, 1, true) ~= nil
      end
   end
   return calls, path
end

local function both(path)
   return pkgdb.state(assert(database.open(path))),
      pkgdb.state(assert(database.open(path, {cache = false})))
end

--- What the next writer makes of it.
local function recovered(path)
   do
      local w <close> = assert(database.change(path))
      w:abort()
   end
   assert.same({}, pkgdb.strangers(path))
   return both(path)
end

--- Kills a change at each of its calls, and calls look(path, old, new) for each.
local function each_kill(scenario, look)
   local old = both(prepare(scenario))
   local calls, finished = calls_of(scenario)
   local new = both(finished)
   assert.not_equal(old, new)
   local seen = {}
   for _, call in ipairs(calls) do
      local path = prepare(scenario)
      local flags = ("-o /dev/null -e trace=%s -e inject=%s:signal=KILL:when=%d"):format(call.name,
         call.name, call.number)
      assert.not_equal(0, (run(scenario, path, flags)), call.name)
      local where = ("killed at %s %d"):format(call.name, call.number)
      local state = look(path, old, new, where)
      seen[state] = (seen[state] or 0) + 1
   end
   assert(seen[old] and seen[new], "the change is never seen to happen")
   assert(#calls > 20, #calls)
end

for _, scenario in ipairs(SCENARIOS) do
   describe("a writer that is killed while " .. scenario.name, function()
      it("leaves the old database or the new one #slow #layout", function()
         each_kill(scenario, function(path, old, new, where)
            local cached, read = both(path)
            assert(cached == old or cached == new, where .. ": " .. cached)
            assert.equal(cached, read, where)
            local again, read_again = recovered(path)
            assert.equal(cached, again, where)
            assert.equal(cached, read_again, where)
            return cached
         end)
      end)

      it("is no trouble for ghc-pkg #ghc #slow", function()
         local function listed(path)
            local out = support.sh("ghc-pkg -v0 -f %s --no-user-package-db dump", path)
            local lines = {}
            for one in (out .. "---\n"):gmatch "(.-)%-%-%-\n" do
               local id = one:match "\nid: *(%S+)"
               local exposed = one:find "\nexposed: *True"
               lines[#lines + 1] = id and id .. (exposed and "" or " hidden")
            end
            table.sort(lines)
            return table.concat(lines, "\n")
         end
         each_kill(scenario, function(path, old, new, where)
            local state = pkgdb.state(assert(database.open(path)))
            assert(state == old or state == new, where)
            assert.equal(state, listed(path), where)
            -- It may change the database before we tidy: what it saw stays.
            support.sh("ghc-pkg -v0 -f %s --no-user-package-db hide r 2>/dev/null", path)
            local expected = state:gsub("r%-1", "r-1 hidden")
            assert.equal(expected, listed(path), where)
            local again, read_again = recovered(path)
            assert.equal(expected, again, where)
            assert.equal(expected, read_again, where)
            support.sh("ghc-pkg -v0 -f %s --no-user-package-db recache 2>/dev/null", path)
            assert.equal(expected, listed(path), where)
            return state
         end)
      end)
   end)
end

describe("a reader of .conf files", function()
   --- Kills a change when it renames a file for the n-th time.
   local function killed_at(n)
      return "-o /dev/null -e trace=renameat -e inject=renameat:signal=KILL:when=" .. n
   end

   it("is not misled by a change that gives its files the names of the last one's #slow #layout",
      function()
      local path = prepare {}
      local trace, pid, seen = path .. "-trace", path .. "-pid", path .. "-seen"
      local reading = ([[
         local database = require "moonlink.pkg.database"
         local status <close> = assert(io.open "/proc/self/stat")
         local pid <close> = assert(io.open(%q, "w"))
         pid:write(status:read "n")
         pid:flush()
         local db = assert(database.open(%q, {cache = false}))
         local out <close> = assert(io.open(%q, "w"))
         local lines = {}
         for i, p in ipairs(db.packages) do
            lines[i] = p.id .. " " .. p.abi
         end
         table.sort(lines)
         out:write(table.concat(lines, "; "))]]):format(pid, path, seen)
      local before = {body = [[assert(w:put {name = "q", version = "1", id = "q-1", key = "q-1",
         abi = "first"})]]}
      local after = {body = before.body:gsub("first", "second")}
      -- the journal, the cache; then it is made, and not tidied
      assert.not_equal(0, run(before, path, killed_at(3)))
      assert.equal(0, pkgdb.strace("-e trace=openat -o " .. trace, reading))
      local state = support.read(seen)
      assert.equal("p-1 inplace; q-1 first; r-1 inplace", state)
      local opened = 0
      for line in io.lines(trace) do
         opened = opened + (line:find "^openat" and 1 or 0)
         if line:find '"moonlink.journal"' then
            break
         end
      end
      -- Another writer tidies and begins anew, while the reader has the journal open.
      local helper = support.write(path .. "-helper", ([[
         until grep -q 'stopped by SIGSTOP' %s; do sleep 0.01; done
         (%s)
         kill -CONT $(cat %s)]]):format(trace, pkgdb.strace_command(killed_at(3),
            source(after, path)), pid))
      support.sh("rm %s %s", seen, trace)
      local background <close> = assert(io.popen(("timeout 300 sh %s 2>/dev/null"):format(helper)))
      assert.equal(0, pkgdb.strace(("-e trace=openat -e inject=openat:signal=STOP:when=%d -o %s")
         :format(opened, trace), reading))
      background:read "a"
      assert.equal(state, support.read(seen))
      assert.matches("second", support.read(path .. "/moonlink-0.tmp"), 1, true)
   end)
end)

describe("a journal that nobody has written", function()
   local function with(journal, more)
      local path = prepare {}
      support.write(path .. "/moonlink.journal", journal)
      for name, text in pairs(more or {}) do
         support.write(path .. "/" .. name, text)
      end
      return path
   end

   local HEAD = "moonlink journal 1\0"

   it("does no harm", function()
      for _, journal in ipairs {
         "", "\0", "hello", HEAD, HEAD .. "cache\0put\0moonlink-0.tmp\0", HEAD .. "whole\0end",
         HEAD .. "whole\0remove\0../../x.conf\0x\0end\0",
         HEAD .. "whole\0remove\0package.cache\0x\0end\0",
         HEAD .. "whole\0put\0../../etc/passwd\0x.conf\0x\0" .. "00\0end\0", ("\0"):rep(1000),
         HEAD .. "whole\0" .. ("remove\0x.conf\0x\0"):rep(1000),
      } do
         local path = with(journal)
         assert.equal("p-1\nq-1\nr-1", (both(path)))
         assert.equal("p-1\nq-1\nr-1", (recovered(path)))
      end
   end)

   it("is believed by readers and writers alike", function()
      local text = pkgdb.text("n", "1")
      local path = with(HEAD .. "whole\0put\0moonlink-0.tmp\0n-1.conf\0n-1\0" .. ("0"):rep(16)
         .. "\0remove\0p-1.conf\0p-1\0end\0", {["moonlink-0.tmp"] = text})
      support.sh("rm %s/package.cache", path)
      assert.equal("n-1\nq-1\nr-1", (both(path)))
      assert.equal("n-1\nq-1\nr-1", (recovered(path)))
   end)
end)
