--- docs/QUESTIONS.html of the chapters: one page that needs no script and no network.
-- SPDX-License-Identifier: MIT

local book = require "bench.answers.book"
local html = require "moonlink.lab.report.html"
local numbers = require "moonlink.lab.report.numbers"
local svg = require "moonlink.lab.report.svg"

local page = {}

local escape = svg.escape

--- Text with `code` and **stress** in it.
local function inline(text)
   return (escape(text):gsub("`([^`]*)`", '<span class="case">%1</span>')
      :gsub("%*%*(.-)%*%*", "<strong>%1</strong>"))
end

local function paragraph(text, class)
   return ("<p%s>%s</p>"):format(class and (' class="%s"'):format(class) or "", inline(text))
end

local function code(text)
   return "<pre>" .. svg.escape_lines((text:gsub("%s*$", ""))) .. "</pre>"
end

local CHARTS = 4 -- metrics that are drawn where an answer does not say which

--- The metrics that are drawn as charts.
local function drawn(v, keys)
   local out = {}
   for _, metric in ipairs(v.metrics) do
      local wanted = not keys and #out < CHARTS
      for _, key in ipairs(keys or {}) do
         wanted = wanted or key == metric.key
      end
      out[#out + 1] = wanted and metric or nil
   end
   return out
end

--- What does not fit a telephone is moved under the finger.
local MATRIX_STYLE = [[
<style>
.matrix{overflow-x:auto}
.matrix th,.matrix td{white-space:nowrap;text-align:center;padding:4px 6px;font-size:13px}
.matrix th[scope=row]{white-space:normal;min-width:160px;text-align:left;font-weight:400;
vertical-align:top}
.matrix .yes{color:var(--good);font-weight:600}
.matrix .crash,.matrix .timeout{color:var(--bad);font-weight:600}
</style>
]]

local function matrix_table(m)
   local out = {MATRIX_STYLE .. "<div class=matrix tabindex=0><table>\n<tr><th></th>"}
   for _, name in ipairs(m.columns) do
      out[#out + 1] = ("<th scope=col>%s</th>"):format(escape(name))
   end
   out[#out + 1] = "</tr>\n"
   for _, row in ipairs(m.rows) do
      out[#out + 1] = ("<tr><th scope=row>%s</th>"):format(escape(row.title))
      for _, word in ipairs(row.cells) do
         out[#out + 1] = ('<td class="%s">%s</td>'):format((word:gsub(" ", "-")), word)
      end
      out[#out + 1] = "</tr>\n"
   end
   out[#out + 1] = "</table></div>\n<p>What was said where it is not yes:</p>\n<ul>\n"
   for _, row in ipairs(m.rows) do
      for _, reason in ipairs(row.reasons) do
         out[#out + 1] = ('<li>%s. %s: <span class="case">%s</span></li>\n'):format(
            escape(row.title), escape(table.concat(reason.who, ", ")),
            escape(reason.text))
      end
   end
   out[#out + 1] = "</ul>\n"
   return table.concat(out)
end

local function add_numbers(out, chapter)
   if chapter.matrix then
      out[#out + 1] = matrix_table(chapter.matrix)
      return
   end
   for i, v in ipairs(chapter.views) do
      if #chapter.views > 1 then
         out[#out + 1] = ("<h3>Experiment %s</h3>"):format(escape(chapter.results[i].name))
      end
      for _, group in ipairs(v.groups) do
         out[#out + 1] = numbers.overview(group, book.measured(group, v.metrics))
      end
      for _, metric in ipairs(drawn(v, chapter.answer.charts)) do
         out[#out + 1] = ("<h3>In charts: %s</h3>"):format(escape(metric.title))
         out[#out + 1] = table.concat(html.charts(v, metric), "\n")
      end
   end
   for _, quoted in ipairs(chapter.texts) do
      out[#out + 1] = paragraph(quoted.title) .. code(quoted.text)
   end
end

local function add_claims(out, chapter)
   local said = {}
   for _, verdict in ipairs(chapter.verdicts) do
      if verdict.holds and not verdict.missing then
         said[#said + 1] = inline(verdict.text)
      end
   end
   out[#out + 1] = "<h3>What the numbers say</h3>\n<p>" .. table.concat(said, " ") .. "</p>"
   for _, verdict in ipairs(chapter.verdicts) do
      if verdict.missing then
         out[#out + 1] = paragraph(("Not said, since %s."):format(verdict.missing), "soft")
      elseif not verdict.holds then
         out[#out + 1] = paragraph("**Not so in this run:** " .. verdict.text, "note")
      end
   end
end

local function add_chapter(out, chapter)
   local answer = chapter.answer
   out[#out + 1] = ('<section id="q%d">\n<h2>%d. %s</h2>'):format(answer.number, answer.number,
      inline(answer.question))
   out[#out + 1] = paragraph(answer.about)
   out[#out + 1] = code(chapter.entry.text)
   if chapter.results[1] then
      add_claims(out, chapter)
      out[#out + 1] = "<h3>Where they would differ</h3>\n" .. paragraph(answer.differs)
      add_numbers(out, chapter)
      out[#out + 1] = paragraph(chapter.runs, "soft")
   else
      out[#out + 1] = paragraph("This question has not been run.", "note")
   end
   out[#out + 1] = "</section>"
end

--- The whole page.
---@param chapters moonlink.answers.Chapter[]
---@return string
function page.page(chapters)
   local machine, dates = book.machine(chapters)
   local out = {html.head "The questions of 2009", ([[
<header>
<h1>The questions of 2009</h1>
<p class=soft>Measured on %s%s.</p>
</header>]]):format(escape(machine), dates and "; " .. escape(dates) or "")}
   local links = {}
   for i, chapter in ipairs(chapters) do
      links[i] = ('<li><a href="#q%d">%d. %s</a></li>'):format(chapter.answer.number,
         chapter.answer.number, inline(chapter.answer.question))
   end
   out[#out + 1] = '<nav class=soft aria-label="Questions"><ul>' .. table.concat(links) ..
      "</ul></nav>"
   for _, chapter in ipairs(chapters) do
      add_chapter(out, chapter)
   end
   out[#out + 1] = "<footer>\n<p>" .. html.HOW_TO_READ .. "</p>\n</footer>\n</body>\n</html>\n"
   return table.concat(out, "\n")
end

return page
