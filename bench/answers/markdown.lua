--- docs/QUESTIONS.md of the chapters.
-- SPDX-License-Identifier: MIT

local book = require "bench.answers.book"
local units = require "moonlink.lab.report.units"
local view = require "moonlink.lab.report.view"

local markdown = {}

local HEAD = [[
# The questions of 2009

In 2009 those who wrote GHC's run-time linker debated whether it should be replaced by the
system's: by shared libraries and dlopen. Here each of the questions of that debate is an
experiment of the [laboratory](lab.md), and the answer is what its numbers say. `make questions`
runs all of them and writes this page, [its twin with charts](QUESTIONS.html) and the raw samples
in [questions/](questions), which `moonlink lab show` prints; `make questions QUESTIONS="1 5"`
runs two of them.

%s

Tables have medians over all runs, each run in a process of its own, the cases taking turns; in
parentheses the interval that holds the median with 95 %%. Ratios are formed run by run. A claim
that the numbers of a run do not bear out is marked.

]]

local function cell(text)
   return (text:gsub("|", "\\|"):gsub("\n", " "))
end

local function line(cells)
   return "| " .. table.concat(cells, " | ") .. " |"
end

--- A median and its interval.
local function number(s, factor)
   if not s then
      return ""
   end
   local function text(x)
      return units.text(x * factor)
   end
   if s.low == s.high then
      return text(s.median)
   end
   return ("%s (%s–%s)"):format(text(s.median), text(s.low), text(s.high))
end

local function table_of(out, group, metrics)
   local head, rule, factors, notes = {"case"}, {"---"}, {}, {}
   local shown = book.measured(group, metrics)
   for i, metric in ipairs(shown) do
      local factor, unit = view.unit(group, metric)
      factors[i] = factor
      head[i + 1] = metric.title .. (unit ~= "" and ", " .. unit or "")
      rule[i + 1] = "--:"
   end
   out[#out + 1] = line(head)
   out[#out + 1] = "|" .. table.concat(rule, "|") .. "|"
   for _, c in ipairs(group.cases) do
      local cells = {("`%s`"):format(c.label)}
      for i, metric in ipairs(shown) do
         cells[i + 1] = number(c.summaries[metric.key], factors[i])
      end
      if next(c.summaries) then
         out[#out + 1] = line(cells)
      end
      if c.note then
         notes[#notes + 1] = ("- `%s`: %s"):format(c.label, cell(c.note))
      end
   end
   if not shown[1] then -- nothing but refusals
      out[#out], out[#out - 1] = nil, nil
   end
   out[#out + 1] = ""
   if notes[1] then
      out[#out + 1] = table.concat(notes, "\n") .. "\n"
   end
end

local function add_tables(out, chapter)
   for i, v in ipairs(chapter.views) do
      for _, group in ipairs(v.groups) do
         local of = #chapter.views > 1 and chapter.results[i].name .. ": " or ""
         out[#out + 1] = ("*%s%s*\n"):format(of, group.title)
         table_of(out, group, v.metrics)
      end
   end
end

local function matrix_table(m)
   local out = {line {"", table.unpack(m.columns)}, "|---" .. ("|:-:"):rep(#m.columns) .. "|"}
   for _, row in ipairs(m.rows) do
      local cells = {row.title}
      for i, word in ipairs(row.cells) do
         cells[i + 1] = word == "yes" and "**yes**" or word
      end
      out[#out + 1] = line(cells)
   end
   out[#out + 1] = "\nWhat was said where it is not yes:\n"
   for _, row in ipairs(m.rows) do
      local parts = {}
      for i, reason in ipairs(row.reasons) do
         parts[i] = ("%s: `%s`"):format(table.concat(reason.who, ", "),
            (reason.text:gsub("`", "'")))
      end
      out[#out + 1] = parts[1] and ("- %s. %s"):format(row.title, table.concat(parts, "; "))
   end
   return table.concat(out, "\n") .. "\n"
end

--- The claims as a paragraph; one that does not hold is a paragraph of its own.
local function add_claims(out, chapter)
   local good, bad, missing = {}, {}, {}
   for _, verdict in ipairs(chapter.verdicts) do
      if verdict.missing then
         missing[#missing + 1] = ("Not said, since %s."):format(verdict.missing)
      elseif verdict.holds then
         good[#good + 1] = verdict.text
      else
         bad[#bad + 1] = "**Not so in this run:** " .. verdict.text
      end
   end
   for _, list in ipairs {{table.concat(good, " ")}, bad, missing} do
      for _, text in ipairs(list) do
         out[#out + 1] = text ~= "" and text .. "\n" or nil
      end
   end
end

local function add_chapter(out, chapter)
   local answer, entry = chapter.answer, chapter.entry
   out[#out + 1] = ("## %d. %s\n"):format(answer.number, answer.question)
   out[#out + 1] = answer.about .. "\n"
   out[#out + 1] = "```lua\n" .. entry.text:gsub("%s*$", "") .. "\n```\n"
   if not chapter.results[1] then
      out[#out + 1] = "This question has not been run.\n"
      return
   end
   if chapter.matrix then
      out[#out + 1] = matrix_table(chapter.matrix)
   else
      add_tables(out, chapter)
   end
   for _, quoted in ipairs(chapter.texts) do
      out[#out + 1] = ("%s\n\n```\n%s\n```\n"):format(quoted.title, quoted.text)
   end
   add_claims(out, chapter)
   out[#out + 1] = "*Where they would differ.* " .. answer.differs .. "\n"
   out[#out + 1] = "<sub>" .. chapter.runs .. "</sub>\n"
end

--- The whole page.
---@param chapters moonlink.answers.Chapter[]
---@return string
function markdown.page(chapters)
   local machine, dates = book.machine(chapters)
   local out = {HEAD:format(("Measured on %s%s."):format(machine,
      dates and ("; %s"):format(dates) or ""))}
   for _, chapter in ipairs(chapters) do
      out[#out + 1] = ("%d. [%s](#%d)"):format(chapter.answer.number, chapter.answer.question,
         chapter.answer.number)
   end
   out[#out + 1] = ""
   for _, chapter in ipairs(chapters) do
      out[#out + 1] = ('<a id="%d"></a>\n'):format(chapter.answer.number)
      add_chapter(out, chapter)
   end
   return (table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("\n*$", "\n"))
end

return markdown
