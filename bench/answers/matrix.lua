--- A table of what each strategy can do with each input: for questions whose runs end with yes or
-- no. The cell is how the run ended; what it said when it was not yes stands below the table.
-- SPDX-License-Identifier: MIT

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

return matrix
