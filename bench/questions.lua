--- `make questions`: the experiments of bench/questions, and docs/QUESTIONS.md and .html of them.
-- Usage: lua5.4 bench/questions.lua [--render] [--runs N] [--docs FOLDER] [--build FOLDER]
--                                  [--limit SECONDS] [NUMBER ...]
-- --render writes the pages anew of the results that are saved, and runs nothing. Status 1: some
-- claim does not hold, or some question could not be run; the pages are written nevertheless.
-- SPDX-License-Identifier: MIT

local root = dofile((arg[0]:match "^.*/" or "") .. "root.lua")

local function usage(problem)
   io.stderr:write("bench/questions.lua: ", problem, "\nusage: lua5.4 bench/questions.lua ",
      "[--render] [--runs N] [--docs FOLDER] [--build FOLDER] [--limit SECONDS] [NUMBER ...]\n")
   os.exit(2)
end

local function options_of(words)
   local takes_value = {runs = true, docs = true, build = true, limit = true}
   local options, i = {wanted = {}, docs = root .. "/docs", build = root .. "/build"}, 1
   while words[i] do
      local name, number = words[i]:match "^%-%-(%l+)$", math.tointeger(tonumber(words[i]))
      if name == "render" then
         options.render = true
      elseif name and takes_value[name] and words[i + 1] then
         i = i + 1
         options[name] = words[i]
      elseif number then
         options.wanted[number] = true
      else
         usage(("what is '%s'?"):format(words[i]))
      end
      i = i + 1
   end
   return options
end

local options = options_of(arg)
package.cpath = options.build .. "/?.so;" .. package.cpath

local book = require "bench.answers.book"
local catalog = require "bench.answers.catalog"
local core = require "moonlink.core"
local file = require "moonlink.file"
local markdown = require "bench.answers.markdown"
local page = require "bench.answers.page"
local saved = require "bench.answers.saved"

local function say(format, ...)
   io.stderr:write(format:format(...), "\n")
end

--- Runs a question within its time; its results.
local function run(entry)
   local limit = tonumber(options.limit or entry.answer.limit or catalog.LIMIT)
   local start, results, list = core.now(), {}, catalog.experiments(entry)
   say("%d. %s (within %.0f s)", entry.number, entry.answer.question, limit)
   for i, experiment in ipairs(list) do
      local left = limit - (core.now() - start)
      results[i] = saved.clean(experiment:run {
         runs = options.runs and math.tointeger(tonumber(options.runs)),
         limit = math.max(1, left / (#list - i + 1)), -- what one leaves the next ones may have
      }, root)
   end
   say("   %.0f s", core.now() - start)
   return results
end

local function report(chapter)
   local bad = 0
   for _, verdict in ipairs(chapter.verdicts) do
      if verdict.missing then
         say("   %d: not said: %s", chapter.answer.number, verdict.missing)
      elseif not verdict.holds then
         bad = bad + 1
         say("   %d: NOT SO: %s", chapter.answer.number, verdict.text)
      end
   end
   return bad
end

local function main()
   local folder, status, chapters = options.docs .. "/questions", 0, {}
   os.execute("mkdir -p " .. file.quote(folder))
   for i, entry in ipairs(catalog.list(root)) do
      if not options.render and (options.wanted[entry.number] or not next(options.wanted)) then
         local ok, results = xpcall(run, debug.traceback, entry)
         if ok then
            saved.write(folder, entry.number, results)
         else
            status = 1
            say("   %d: it could not be run: %s", entry.number, results)
         end
      end
      chapters[i] = book.chapter(entry, saved.read(folder, entry.number))
      status = report(chapters[i]) > 0 and 1 or status
   end
   assert(file.write(options.docs .. "/QUESTIONS.md", markdown.page(chapters)))
   assert(file.write(options.docs .. "/QUESTIONS.html", page.page(chapters)))
   return status
end

os.exit(main(), true)
