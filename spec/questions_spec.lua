--- make questions: docs/QUESTIONS is what the saved results and the answers give, and no claim on
-- it is one that could not fail. Nothing is measured here.
-- SPDX-License-Identifier: MIT

local book = require "bench.answers.book"
local catalog = require "bench.answers.catalog"
local claims = require "bench.answers.claims"
local figures = require "bench.answers.figures"
local markdown = require "bench.answers.markdown"
local page = require "bench.answers.page"
local saved = require "bench.answers.saved"
local support = require "spec.support"

local FOLDER, LARGEST = "docs/questions", 300000
local entries = catalog.list "."

local function each_claim(visit)
   for _, entry in ipairs(entries) do
      local r = figures.new(saved.read(FOLDER, entry.number))
      for i, claim in ipairs(entry.answer.claims) do
         visit(claim, ("%s, claim %d: %s"):format(entry.name, i, claim[1]), r)
      end
   end
end

--- Copies of a claim's numbers with one of them, or two, made wrong.
local function mutations(numbers)
   local out, keys = {}, {}
   local function add(changes)
      local copy = {}
      for key, value in pairs(numbers) do
         copy[key] = value
      end
      for key, value in pairs(changes) do
         copy[key] = value
      end
      out[#out + 1] = copy
   end
   for key, value in pairs(numbers) do
      if type(value) == "number" then
         keys[#keys + 1] = key
         for _, wrong in ipairs {0, -value, value * 1000, value / 1000} do
            add {[key] = wrong}
         end
      else
         add {[key] = type(value) == "boolean" and not value or type(value) == "table" and {} or ""}
      end
   end
   for i, a in ipairs(keys) do
      for k = i + 1, #keys do
         add {[a] = numbers[keys[k]], [keys[k]] = numbers[a]}
      end
   end
   return out
end

local function can_fail(claim, numbers)
   for _, wrong in ipairs(mutations(numbers)) do
      local ok, holds = pcall(claim.holds, wrong)
      if not ok or not holds then
         return true
      end
   end
   return false
end

local function chapters()
   local out = {}
   for i, entry in ipairs(entries) do
      out[i] = book.chapter(entry, saved.read(FOLDER, entry.number))
   end
   return out
end

describe("the questions", function()
   it("are ten, each an experiment and an answer", function()
      local numbers = {}
      for i, entry in ipairs(entries) do
         numbers[i] = entry.number
         assert.equal(entry.number, entry.answer.number, entry.name)
         assert.is_true(#entry.answer.claims > 0, entry.name)
      end
      assert.same({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, numbers)
      local scripts = support.stdout "ls bench/questions | grep -c '^[0-9][0-9]-[a-z-]*[.]lua$'"
      assert.equal("10", scripts)
   end)

   it("have scripts of at most twenty lines", function()
      for _, entry in ipairs(entries) do
         local lines = catalog.lines(entry.text)
         assert.is_true(lines > 0 and lines <= catalog.LINES,
            ("%s: %d lines"):format(entry.script, lines))
      end
      assert.equal(2, catalog.lines "-- one\n\nlocal x = 1\n   -- two\nreturn x\n")
   end)

   it("have fifteen minutes together", function()
      local total = 0
      for _, entry in ipairs(entries) do
         total = total + (entry.answer.limit or catalog.LIMIT)
      end
      assert.is_true(total <= 15 * 60, ("%d s"):format(total))
   end)

   it("have a chapter when no run came to its end", function()
      for _, entry in ipairs(entries) do
         local results = saved.read(FOLDER, entry.number)
         for _, result in ipairs(results) do
            for _, case in ipairs(result.cases) do
               case.samples = {}
            end
         end
         assert.same({entry.name, true}, {entry.name, (pcall(book.chapter, entry, results))})
      end
   end)

   for _, entry in ipairs(entries) do
      it(("run in a small form: %s #slow"):format(entry.name), function()
         if support.sanitized() then
            return pending "no Haskell runtime starts beside AddressSanitizer's reservations"
         end
         local results = {}
         for i, experiment in ipairs(catalog.experiments(entry, entry.answer.small)) do
            results[i] = experiment:run {
               runs = 1, warmup = 0, only = entry.answer.only, timeout = 600,
            }
            assert.is_truthy(results[i].name:find "^[%w-]+$", "a name is part of a file's name")
            for _, case in ipairs(results[i].cases) do
               local name, may_fail = ("%s/%s"):format(case.input, case.id), false
               for _, pattern in ipairs(entry.answer.fails or {}) do
                  may_fail = may_fail or name:find(pattern) ~= nil
               end
               if not may_fail then
                  assert.same({}, case.failures, name)
               end
            end
         end
         claims.all(entry.answer, figures.new(results)) -- raises for a claim that is none
      end)
   end
end)

-- #slow: thousands of resamples, which sanitizers and valgrind need not see.
describe("docs/QUESTIONS #slow", function()
   it("is what the saved results and the answers give: bench/questions.lua --render", function()
      local all = chapters()
      assert.equal(markdown.page(all), support.read "docs/QUESTIONS.md")
      assert.equal(page.page(all), support.read "docs/QUESTIONS.html")
   end)

   it("makes no claim that its numbers do not bear out, and leaves none out", function()
      each_claim(function(claim, name, r)
         local verdict = claims.check(claim, r)
         assert.is_nil(verdict.missing, name)
         assert.is_true(verdict.holds, name .. "\n" .. verdict.text)
      end)
   end)

   it("makes no claim that could not fail", function()
      each_claim(function(claim, name, r)
         if claim.holds then
            assert.is_true(can_fail(claim, claims.check(claim, r).numbers), name)
         end
      end)
   end)

   it("compares nothing without saying when that holds", function()
      each_claim(function(claim, name)
         assert.is_true(claim.holds ~= nil or claims.compares(claim[1]) == nil, name)
      end)
      assert.equal("faster", claims.compares "A is {ratio:%.1f} FASTER than B.")
      assert.is_nil(claims.compares "A takes {less:%d} ms.")
   end)

   it("and its results are small and know nothing of where they were made", function()
      for path in support.stdout("ls docs/QUESTIONS.* %s/*", FOLDER):gmatch "%S+" do
         local text = support.read(path)
         assert.is_nil(text:find("/tmp/", 1, true), path)
         assert.is_nil(text:find(support.stdout "pwd", 1, true), path)
         assert.is_true(path:find "%.json$" == nil or #text < LARGEST, path)
      end
   end)

   it("needs neither network nor script", function()
      local html = support.read "docs/QUESTIONS.html"
      assert.is_nil(html:find("<script", 1, true))
      assert.is_nil(html:gsub("http://www.w3.org/2000/svg", ""):find("https?://"))
      assert.is_truthy(html:find("<svg", 1, true))
   end)
end)

describe("bench/questions.lua #slow", function()
   --- A folder with docs/questions as it is, for pages to be written into.
   local function copy()
      local folder = support.tmpdir()
      support.sh("cp -r %s %s/questions", FOLDER, folder)
      return folder
   end

   local function render(folder)
      return support.exit("%s bench/questions.lua --render --build %s --docs %s 2>%s/said",
         support.interpreter, support.build, folder, folder)
   end

   it("writes the pages anew of what is saved", function()
      local folder = copy()
      assert.equal(0, render(folder))
      assert.equal(support.read "docs/QUESTIONS.md", support.read(folder .. "/QUESTIONS.md"))
      assert.equal(support.read "docs/QUESTIONS.html", support.read(folder .. "/QUESTIONS.html"))
   end)

   it("marks what does not hold, and ends with status 1 when all is written", function()
      local folder = copy()
      local path = folder .. "/questions/06-references.json"
      local names = {["direct"] = "libraries", ["libraries"] = "direct"}
      support.write(path, (support.read(path):gsub('"id":"(%l+)"', function(id)
         return ('"id":"%s"'):format(names[id] or id)
      end)))
      assert.equal(1, render(folder))
      local text = support.read(folder .. "/QUESTIONS.md")
      assert.is_truthy(text:find("**Not so in this run:** A call within an object", 1, true))
      assert.is_truthy(support.read(folder .. "/said"):find("NOT SO", 1, true))
      local html = support.read(folder .. "/QUESTIONS.html")
      assert.is_truthy(html:find("Not so in this run", 1, true))
   end)

   it("says what could not be said for want of a tool", function()
      local folder = copy()
      os.remove(folder .. "/questions/02-haskell.json")
      assert.equal(0, render(folder))
      local text = support.read(folder .. "/QUESTIONS.md")
      assert.is_truthy(text:find("Not said, since `haskell/", 1, true))
   end)
end)
