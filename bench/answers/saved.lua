--- Results as they are kept in docs/questions: NUMBER-EXPERIMENT.json, raw samples and all, without
-- what belongs to the machine on which they were made: its folders.
-- SPDX-License-Identifier: MIT

local file = require "moonlink.file"
local report = require "moonlink.lab.report"

local saved = {}

local FIRST, LAST, COLUMNS = 8, 2, 240 -- of a text from a linker, whose lines are all alike

local function plain_pattern(text)
   return (text:gsub("%p", "%%%0"))
end

--- A text without the folders of this machine: temporary ones go, the repository's is ".".
local function without_folders(text, root)
   local base = plain_pattern(os.getenv "TMPDIR" or "/tmp")
   text = text:gsub(base .. "/moonlink%.%w%w%w%w%w%w/[%w_.-]+/", "")
   for name in text:gmatch(base .. "/[%w_./+-]*/") do
      text = text:gsub(plain_pattern(name), "")
   end
   text = text:gsub("/usr/lib/gcc/[%w_.+/-]*/%.%./([%w_.+-]+)", "%1")
   return (text:gsub(plain_pattern(root) .. "/", ""))
end

--- The first and the last lines of a text, none too long.
local function short(text)
   local lines, out = {}, {}
   for line in text:gmatch "[^\n]+" do
      lines[#lines + 1] = #line > COLUMNS and line:sub(1, COLUMNS) .. " ..." or line
   end
   local skipped = #lines - FIRST - LAST
   for i, line in ipairs(lines) do
      if skipped <= 1 or i <= FIRST or i > #lines - LAST then
         out[#out + 1] = line
      elseif i == FIRST + 1 then
         out[#out + 1] = ("(%d lines are left out here)"):format(skipped)
      end
   end
   return table.concat(out, "\n")
end

--- The same of a report with a linker's words behind ours: of both.
local function short_report(text)
   local own, linkers = text:match "^(.-)\n\n(The linker's own words:\n.*)$"
   return own and short(own) .. "\n" .. short(linkers) or short(text)
end

--- What was prepared once for all runs is shown as one sample.
local function show_prepared(result, case)
   if case.prepare_ms and case.samples[1] then
      case.samples[1].prepare_ms = case.prepare_ms
      for _, metric in ipairs(result.metrics) do
         if metric.key == "prepare_ms" then
            return
         end
      end
      table.insert(result.metrics, 1, {
         key = "prepare_ms", title = "prepare, once", unit = "ms", better = "less",
      })
   end
end

--- Makes a result fit to be kept; it is changed.
---@param result moonlink.lab.Result
---@param root string the repository, absolute
---@return moonlink.lab.Result
function saved.clean(result, root)
   local function clean(text)
      return short_report(without_folders(text, root))
   end
   for _, case in ipairs(result.cases) do
      show_prepared(result, case)
      if case.refused then
         case.refused = {why = clean(case.refused.why), report = clean(case.refused.report)}
      end
      for _, failure in ipairs(case.failures) do
         failure.text = clean(failure.text)
      end
      for _, sample in ipairs(case.samples) do
         for _, group in ipairs {sample, sample.stages or {}} do
            for key, value in pairs(group) do
               if math.type(value) == "float" then -- digits that no clock has
                  group[key] = tonumber(("%.6g"):format(value))
               end
            end
         end
      end
   end
   return result
end

--- The files of a question, in the order of their names.
---@param folder string
---@param number integer
---@return string[] paths
function saved.paths(folder, number)
   local pipe <close> = assert(io.popen(("ls %s 2>/dev/null"):format(file.quote(folder))))
   local out = {}
   for name in pipe:lines() do
      if name:find(("^%02d%%-.*%%.json$"):format(number)) then
         out[#out + 1] = folder .. "/" .. name
      end
   end
   table.sort(out)
   return out
end

--- Keeps the results of a question, in place of those that were there.
---@param folder string
---@param number integer
---@param results moonlink.lab.Result[]
function saved.write(folder, number, results)
   for _, path in ipairs(saved.paths(folder, number)) do
      os.remove(path)
   end
   for i, result in ipairs(results) do
      result.place = i -- the order of the script, which names do not have
      assert(report.save(result, ("%s/%02d-%s.json"):format(folder, number, result.name)))
   end
end

--- The results of a question, in the order of its script; none when it has not been run.
---@param folder string
---@param number integer
---@return moonlink.lab.Result[]
function saved.read(folder, number)
   local out = {}
   for i, path in ipairs(saved.paths(folder, number)) do
      out[i] = assert(report.load(path))
   end
   table.sort(out, function(a, b)
      return (a.place or 0) < (b.place or 0)
   end)
   return out
end

return saved
