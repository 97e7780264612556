--- examples/lab: each of its experiments runs, and each of its cases does what it is there for.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

--- The cases of an example by name, run once.
local function cases_of(name, ...)
   local e = assert(loadfile(("examples/lab/%s.lua"):format(name)))(...)
   local by_id = {}
   for _, case in ipairs(e:run {runs = 1, warmup = 0, timeout = 600}.cases) do
      by_id[("%s/%s"):format(case.input, case.id)] = case
   end
   return by_id
end

--- All cases succeeded but those whose names match; these were refused. How many did.
local function check(cases, refused)
   local count = 0
   for id, case in pairs(cases) do
      assert.same({}, case.failures, id)
      if refused and id:find(refused) then
         assert.is_truthy(case.refused, id)
      elseif not (case.refused and case.refused.why:find("is not installed", 1, true)) then
         assert.is_nil(case.refused, id)
         count = count + 1
      end
   end
   return count
end

describe("examples/lab", function()
   it("zlib: shared libraries alone refuse what ld -shared refuses", function()
      local path = support.stdout "gcc -print-file-name=libz.a"
      local status = support.exit("LD_PRELOAD= cc -shared -o %s/z.so -Wl,--whole-archive %s",
         support.tmpdir(), path)
      assert.is_true(check(cases_of "zlib", status ~= 0 and "shared%-batch" or nil) >= 3)
   end)

   it("pic: objects without -fPIC load, but not into shared libraries", function()
      local cases = cases_of "pic"
      for _, how in ipairs {"pic", "pie", "none"} do
         local case = cases["counter/direct/pic=" .. how]
         assert.same({}, case.failures)
         assert.is_true(case.samples[1].round_ns > 0)
      end
      assert.is_nil(cases["counter/shared-batch/pic=pic"].refused)
      assert.is_truthy(cases["counter/shared-batch/pic=none"].refused)
   end)

   it("edit: every strategy brings the new code", function()
      local cases = cases_of "edit"
      assert.equal(6, check(cases))
      for _, case in pairs(cases) do
         assert.is_true(case.samples[1].reload_ms > 0)
      end
   end)

   it("growth: inputs of any number of objects", function()
      local cases = cases_of("growth", "5", "6")
      assert.equal(8, check(cases))
      assert.equal(6, cases["modules-6/shared-each"].size)
   end)

   it("own: a strategy of one's own beside ready-made ones", function()
      local cases = cases_of "own"
      assert.equal(3, check(cases))
      assert.is_truthy(cases["answer/process"])
   end)

   it("calls: what libxml2 calls in zlib", function()
      local case = cases_of "calls" ["xml/direct"]
      assert.equal(1, check {["xml/direct"] = case})
      local inflated
      for _, edge in ipairs(case.calls) do
         if edge.from == "xml2" and edge.to == "z" then
            for _, symbol in ipairs(edge.symbols) do
               inflated = symbol.name == "inflate" and symbol.calls or inflated
            end
         end
      end
      assert.is_true(inflated >= 1)
   end)

   it("are all run here", function()
      assert.equal("calls.lua edit.lua growth.lua own.lua pic.lua zlib.lua",
         support.stdout "ls examples/lab":gsub("\n", " "))
   end)
end)
