--- A table of what each strategy can do with each input: for questions whose runs end with yes or
-- no. The cell is how the run ended; what it said when it was not yes stands below the table.
-- SPDX-License-Identifier: MIT

local svg = require "moonlink.lab.report.svg"

local matrix = {}

---@class moonlink.answers.Matrix
---@field columns string[] strategies
---@field rows { title: string, cells: string[], reasons: { who: string[], text: string }[] }[]

local LONGEST = 110 -- bytes of a reason

--- Why a case was refused; of a linker that says it on standard error the first line of that.
local function refusal(refused)
   local short = refused.why:match "^(.-):? it says why on standard error$"
   local why, rest = short or refused.why, refused.report:gsub("^[^\n]*\n*", "")
   local said = rest:match "[^\n]*%a[^\n]*"
   if said and (short or why:find "cannot take") then
      return ("%s: %s"):format(why, said:match "^moonlink: (.*)" or said)
   end
   return why
end

--- How a run ended, and what it said: "yes", "no", "refused", "crash", "timeout"; "not run" when no
--- time was left for it.
---@param case moonlink.lab.Case
---@return string
---@return string? reason
function matrix.outcome(case)
   local failure, sample = case.failures[1], case.samples[1]
   if case.refused then
      return "refused", refusal(case.refused)
   elseif failure then
      local text = failure.text:match "[^\n]*"
      if failure.kind == "crash" and failure.text:find "output:\n" then -- its last words say more
         text = failure.text:match "output:\n([^\n]*)"
      end
      return failure.kind == "error" and "no" or failure.kind, text
   end
   return not sample and "not run" or sample.able == 1 and "yes" or "no"
end

--- Addresses and numbers that are others in each run say nothing.
local function steady(text)
   text = text:gsub("0x%x+", "0x..."):gsub("(libc%.so%.6)%+0x%.%.%.", "%1")
   text = text:gsub("run/", ""):gsub("again%d+/", "")
   return #text > LONGEST and text:sub(1, LONGEST) .. " ..." or text
end

local function add_reason(reasons, who, text)
   for _, each in ipairs(reasons) do
      if each.text == text then
         table.insert(each.who, who)
         return
      end
   end
   reasons[#reasons + 1] = {who = {who}, text = text}
end

--- The table of one result.
---@param result moonlink.lab.Result
---@param titles { key: string, title: string }[] the rows: inputs, in this order
---@return moonlink.answers.Matrix
function matrix.of(result, titles)
   local by_input, columns, seen = {}, {}, {}
   for _, case in ipairs(result.cases) do
      by_input[case.input] = by_input[case.input] or {}
      by_input[case.input][case.strategy] = case
      if not seen[case.strategy] then
         seen[case.strategy] = true
         columns[#columns + 1] = case.strategy
      end
   end
   local rows = {}
   for _, each in ipairs(titles) do
      local row = {title = each.title, cells = {}, reasons = {}}
      for i, strategy in ipairs(columns) do
         local case, reason = (by_input[each.key] or {})[strategy], nil
         row.cells[i] = ""
         if case then
            row.cells[i], reason = matrix.outcome(case)
         end
         if reason then
            add_reason(row.reasons, strategy, steady(reason))
         end
      end
      rows[#rows + 1] = row
   end
   return {columns = columns, rows = rows}
end

local function line(cells)
   return "| " .. table.concat(cells, " | ") .. " |"
end

--- As Markdown.
---@param m moonlink.answers.Matrix
---@return string
function matrix.markdown(m)
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

--- What does not fit a telephone is moved under the finger.
local STYLE = [[
<style>
.matrix{overflow-x:auto}
.matrix th,.matrix td{white-space:nowrap;text-align:center;padding:4px 6px;font-size:13px}
.matrix th[scope=row]{white-space:normal;min-width:160px;text-align:left;font-weight:400;
vertical-align:top}
.matrix .yes{color:var(--good);font-weight:600}
.matrix .crash,.matrix .timeout{color:var(--bad);font-weight:600}
</style>
]]

--- As HTML, which escapes.
---@param m moonlink.answers.Matrix
---@return string
function matrix.html(m)
   local out = {STYLE .. "<div class=matrix tabindex=0><table>\n<tr><th></th>"}
   for _, name in ipairs(m.columns) do
      out[#out + 1] = ("<th scope=col>%s</th>"):format(svg.escape(name))
   end
   out[#out + 1] = "</tr>\n"
   for _, row in ipairs(m.rows) do
      out[#out + 1] = ("<tr><th scope=row>%s</th>"):format(svg.escape(row.title))
      for _, word in ipairs(row.cells) do
         out[#out + 1] = ('<td class="%s">%s</td>'):format((word:gsub(" ", "-")), word)
      end
      out[#out + 1] = "</tr>\n"
   end
   out[#out + 1] = "</table></div>\n<p>What was said where it is not yes:</p>\n<ul>\n"
   for _, row in ipairs(m.rows) do
      for _, reason in ipairs(row.reasons) do
         out[#out + 1] = ('<li>%s. %s: <span class="case">%s</span></li>\n'):format(
            svg.escape(row.title), svg.escape(table.concat(reason.who, ", ")),
            svg.escape(reason.text))
      end
   end
   out[#out + 1] = "</ul>\n"
   return table.concat(out)
end

return matrix
