-- Huge pages that the administrator has set aside: the option pages = "hugetlb".
-- Spec: mmap(2) MAP_HUGETLB; the kernel's hugetlbpage.rst; proc(5) on smaps.
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"
local moonlink = require "moonlink"
local objects = require "spec.support.objects" ()
local support = require "spec.support"

local HUGE = 2 << 20
local FOLDER = "/sys/kernel/mm/hugepages/hugepages-2048kB/"
local PARTS = [[
   extern int puts(const char *);
   int (*const pointer)(const char *) = puts;
   int data = 3, zero[100];
   int f(int i) { zero[i & 7]++; return i + data + !pointer; }
]]
local BARE = "-fno-asynchronous-unwind-tables" -- no constants: one page

local function count(name)
   local file <close> = io.open(FOLDER .. name)
   return file and file:read "n" or 0
end

local function free()
   return count "free_hugepages" - count "resv_hugepages"
end

local function set(number)
   local file <close> = io.open(FOLDER .. "nr_hugepages", "w")
   return file and file:write(number)
end

--- A spec during which no other run of this suite changes the number of huge pages, which is one
--- for the whole machine. The shell holds the lock until its input ends.
local function alone(name, f)
   it(name, function()
      local mark = objects.path "mark"
      local holder = assert(io.popen(("{ flock 9; >%s; cat; } 9<%snr_hugepages >/dev/null 2>&1"
         .. " || >%s"):format(mark, FOLDER, mark), "w"))
      support.sh("until test -e %s; do sleep 0.01; done", mark)
      local good, result = pcall(f)
      holder:close()
      if not good then
         error(result, 0)
      end
      return result
   end)
end

--- Runs f while so many pages are free, if that can be had: sets some aside for as long.
local function with_pages(wanted, f)
   local more = math.max(0, wanted - free())
   if more > 0 then
      set(count "nr_hugepages" + more)
   end
   local good, err = true, nil
   local is_enough = free() >= wanted
   if is_enough then
      good, err = pcall(f)
   end
   if more > 0 then
      set(count "nr_hugepages" - more)
   end
   assert(good, err)
   return is_enough or pending "too few huge pages are set aside (vm.nr_hugepages)"
end

--- Loads units until so many pages are left.
local function leave(ln, left)
   local number = 0
   while free() > left do
      number = number + 1
      local is_one = free() == left + 1
      local source = ("int filler%d(void) { return 1; }"):format(number)
      assert(ln:load(objects.cc(source, is_one and BARE or nil)))
   end
end

local function hugetlb_of(unit)
   local bytes = 0
   for line in io.lines "/proc/self/smaps" do
      local first = line:match "^(%x+)%-%x+ "
      if first then
         first = tonumber(first, 16)
         unit.inside = first >= unit.first and first < unit.last
      elseif unit.inside then
         bytes = bytes + (tonumber(line:match "^%a+_Hugetlb:%s+(%d+)") or 0) * 1024
      end
   end
   return bytes
end

describe("huge pages that are set aside #layout", function()
   alone("hold code and constants, and no data", function()
      return with_pages(2, function()
         local before = free()
         local ln <close> = moonlink.new {pages = "hugetlb"}
         local unit = assert(ln:load(objects.cc(PARTS)))
         local base, size = unit.stats.base, unit.stats.size
         assert.equal(9, ln:func "int f(int)" (6))
         assert.equal(2 * HUGE, hugetlb_of {first = base, last = base + size})
         assert.equal(2 * HUGE, unit:memory().huge)
         assert.equal(2, before - free())
         assert.is_true(ln:address_of "data" >= base + 2 * HUGE and size < 3 * HUGE)
         assert(unit:unload())
         assert.equal(before, free())
      end)
   end)

   for name, options in pairs {
      ["no more"] = {}, ["two addresses"] = {protect = "dual"}, inputs = {protect = "input"},
      alone = {block = "unit"}, ["alone, low, two addresses"] = {
         zone = "low", block = "unit", protect = "dual",
      },
   } do
      alone("take a reload, which changes code of others: " .. name, function()
         return with_pages(12, function()
            local before = free()
            options.pages = "hugetlb"
            local path, switch = objects.versions {"int g(void) { return 1; }",
               "int g(void) { return 2; }"}
            local ln = moonlink.new(options)
            local used = assert(ln:load(path))
            assert(ln:load(objects.cc "int g(void); int f(void) { return g() + 10; }"))
            local f = ln:func "int f(void)"
            assert.equal(11, f())
            switch(2)
            assert(used:reload())
            assert.equal(12, f())
            assert(ln:close())
            assert.equal(before, free())
         end)
      end)
   end

   alone("that are too few are an error, which says how many are wanted", function()
      local had, some = count "nr_hugepages", free()
      if some > 8 then
         return pending "many huge pages are set aside here"
      end
      local source = ([[
         extern int puts(const char *);
         __asm__(".text\n.skip %d\n");
         int g(void) { return puts("g"); }
      ]]):format(some * HUGE)
      local large, small = objects.cc(source), objects.cc(PARTS)
      for _, protect in ipairs {"load", "dual"} do
         local ln <close> = moonlink.new()
         assert(ln:load(small))
         local unit, err = ln:load {large, pages = "hugetlb", protect = protect, block = "unit"}
         assert.is_nil(unit)
         assert.equal("space", err.code)
         assert.matches(("cannot take %d huge pages of 2 MiB: %d of the %d set aside"):format(
            some + 2, some, had), err.message, 1, true)
         assert.matches(("sysctl vm.nr_hugepages=%d`"):format(had + 2), err.hint, 1, true)
         assert.equal(some, free())
         assert.equal(9, ln:func "int f(int)" (6))
         assert(ln:load(large))
      end
   end)

   alone("of which a child has none left for what it would change are an error there", function()
      return with_pages(8, function()
         local path, switch = objects.versions {"int g(void) { return 1; }",
            "int g(void) { return 2; }"}
         local ln <close> = moonlink.new {pages = "hugetlb"}
         local used = assert(ln:load(path))
         assert(ln:load(objects.cc "int g(void); int f(void) { return g() + 10; }"))
         leave(ln, 2) -- for the new version
         switch(2)
         local results = assert(moonlink.isolate(function()
            local ok, err = used:reload()
            return ok and true or tostring(err), ln:func "int f(void)" ()
         end))
         assert.matches("cannot take %d huge page.*: 0 of the", results[1])
         assert.equal(11, results[2])
         assert.equal(11, ln:func "int f(void)" ())
      end)
   end)

   alone("are a value of the laboratory's axis, with its error as a result", function()
      local function case_of(name)
         local source = support.write(("%s/%s.c"):format(objects.dir, name), PARTS)
         return lab.experiment {
            name = "t", inputs = {{name = name, sources = {source}}}, strategies = {"direct"},
            axes = {pages = {"hugetlb"}}, timeout = 600,
         }:run {runs = 1, warmup = 0}.cases[1]
      end
      if free() == 0 then
         local case = case_of "none"
         assert.matches("cannot take 2 huge pages", (case.refused or {}).why, 1, true)
         assert.matches("sysctl vm.nr_hugepages", case.refused.report, 1, true)
      end
      return with_pages(2, function()
         local sample = case_of "some".samples[1]
         assert.equal(2 * HUGE // 1024, sample.huge_kb)
         local least = sample.huge_kb - HUGE // 2048 -- the kernel may be late to count the rest
         assert.is_true(sample.memory_kb >= least and sample.peak_kb >= least)
         assert.is_true(sample.left_kb < sample.huge_kb)
      end)
   end)
end)
