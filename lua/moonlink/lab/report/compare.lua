--- Two saved results side by side: which cases changed, by how much, and whether that is more than
-- their spread explains.
-- SPDX-License-Identifier: MIT

local stats = require "moonlink.lab.stats"
local units = require "moonlink.lab.report.units"
local plain = require "moonlink.lab.report.plain"
local text = require "moonlink.lab.report.text"
local view = require "moonlink.lab.report.view"

local compare = {}

--- With three runs each, one of ten pairs of equal experiments has all samples of one below all of
--- the other; with four, one of 35.
local LEAST_RUNS = 4

---@class moonlink.lab.Change
---@field input string
---@field size? number
---@field id string the case
---@field metric moonlink.lab.Metric
---@field before moonlink.lab.Summary
---@field after moonlink.lab.Summary
---@field ratio? { median: number, low: number, high: number } after over before, 95 % interval
---@field beyond boolean the change is beyond the spread
---@field verdict "better"|"worse"|"same"|"few" few: too few runs to say

---@class moonlink.lab.Comparison
---@field changes moonlink.lab.Change[]
---@field states { input: string, size: number?, id: string, before: string, after: string }[]
--- cases that are measured in one of both only: "measured", "absent", or why there is no number
---@field before moonlink.lab.Result
---@field after moonlink.lab.Result
---@field same_machine boolean

--- Cases by input, size and id; the second of two equal ones is told from the first.
local function by_key(result)
   local cases, keys = {}, {}
   for _, case in ipairs(result.cases) do
      local base = ("%s\0%s\0%s"):format(case.input, tostring(case.size), case.id)
      local key, i = base, 1
      while cases[key] do
         i = i + 1
         key = ("%s\0%d"):format(base, i)
      end
      cases[key] = case
      keys[#keys + 1] = key
   end
   return cases, keys
end

local function state(case)
   if not case then
      return "absent"
   elseif case.refused then
      return "refused: " .. case.refused.why
   elseif not case.samples[1] then
      local f = case.failures[1]
      return f and f.kind .. ": " .. (f.text:match "^[^\n]*" or "") or "not run"
   end
   return "measured"
end

local function judge(change)
   local ratio, before, after = change.ratio, change.before, change.after
   local up = after.median > before.median
   local beyond
   if ratio then
      beyond = ratio.low > 1 or ratio.high < 1
   else -- a median of 0
      beyond = after.low > before.high or after.high < before.low
   end
   if math.min(before.n, after.n) < LEAST_RUNS then
      return false, beyond and "few" or "same"
   elseif not beyond then
      return false, "same"
   end
   return true, up == (change.metric.better == "more") and "better" or "worse"
end

local function add_changes(out, metrics, a, b)
   for _, metric in ipairs(metrics) do
      local before, after = view.values(a, metric.key), view.values(b, metric.key)
      if next(before) and next(after) then
         local change = {
            input = a.input, size = a.size, id = a.id, metric = metric,
            before = stats.summary(before), after = stats.summary(after),
            ratio = stats.quotient(after, before),
         }
         change.beyond, change.verdict = judge(change)
         out.changes[#out.changes + 1] = change
      end
   end
end

local MACHINE = {"cpu", "cores", "memory", "kernel"}

--- Compares two results, as data.
---@param before moonlink.lab.Result
---@param after moonlink.lab.Result
---@return moonlink.lab.Comparison
function compare.of(before, after)
   local out = {before = before, after = after, changes = {}, states = {}, same_machine = true}
   for _, name in ipairs(MACHINE) do
      out.same_machine = out.same_machine and before.machine[name] == after.machine[name]
   end
   local old, old_keys = by_key(before)
   local new, new_keys = by_key(after)
   local keys = old_keys
   for _, key in ipairs(new_keys) do
      keys[#keys + 1] = not old[key] and key or nil
   end
   for _, key in ipairs(keys) do
      local a, b = old[key], new[key]
      local was, is = state(a), state(b)
      if was == "measured" and is == "measured" then
         add_changes(out, before.metrics, a, b)
      elseif was ~= is then
         local case = a or b
         out.states[#out.states + 1] = {
            input = case.input, size = case.size, id = case.id, before = was, after = is,
         }
      end
   end
   return out
end

local function percent(ratio)
   return ("%+.1f %%"):format((ratio - 1) * 100)
end

local function times(ratio)
   return "x " .. units.text(ratio)
end

--- "+12.0 % (+8.1 % to +15.2 %)", or "x 3.10 (x 2.95 to x 3.22)".
local function amount(change)
   local r = change.ratio
   if not r then
      return change.before.median == change.after.median and "none" or "from or to 0"
   end
   local form = (r.low < 0.5 or r.high > 2) and times or percent
   if r.low == r.high then
      return form(r.median)
   end
   return ("%s (%s to %s)"):format(form(r.median), form(r.low), form(r.high))
end

local WORDS = {
   better = "better", worse = "worse", same = "within the spread", few = "too few runs to say",
}
local STYLES = {better = "best", worse = "failed", few = "refused"}

local function place(item)
   local size = item.size and (" (%d)"):format(item.size) or ""
   local input = item.input ~= "" and plain.line(item.input) .. size .. "  " or ""
   return input .. plain.line(item.id)
end

--- Those that are worth a row: what differs, or all.
local function shown(comparison, all)
   local out = {}
   for _, change in ipairs(comparison.changes) do
      out[#out + 1] = (all or change.verdict ~= "same") and change or nil
   end
   return out
end

local function rows_of(changes)
   local rows = {}
   for i, title in ipairs {"case", "metric", "before", "after", "change (95 % interval)", ""} do
      rows[1] = rows[1] or {}
      rows[1][i] = {text = title, style = "head", right = i == 3 or i == 4}
   end
   for _, c in ipairs(changes) do
      local most = math.max(math.abs(c.before.median), math.abs(c.after.median))
      local factor, unit = units.fit(c.metric.unit, most)
      local tail = unit ~= "" and " " .. plain.line(unit) or ""
      rows[#rows + 1] = {
         {text = place(c)}, {text = plain.line(c.metric.title)},
         {text = units.text(c.before.median * factor) .. tail, right = true},
         {text = units.text(c.after.median * factor) .. tail, right = true},
         {text = amount(c)}, {text = WORDS[c.verdict], style = STYLES[c.verdict]},
      }
   end
   return rows
end

local function count_line(comparison, changes)
   local counts = {better = 0, worse = 0, same = 0, few = 0}
   for _, c in ipairs(comparison.changes) do
      counts[c.verdict] = counts[c.verdict] + 1
   end
   local few = counts.few > 0 and (", %d with too few runs to say"):format(counts.few) or ""
   local hidden = #changes < #comparison.changes and " (`--all` shows them)" or ""
   return ("%d better, %d worse, %d within the spread%s%s"):format(counts.better, counts.worse,
      counts.same, hidden, few)
end

--- A comparison on a terminal; `all` also shows what did not change.
---@param comparison moonlink.lab.Comparison
---@param options? moonlink.lab.TextOptions
---@return string with a line end
function compare.text(comparison, options)
   local color = options and options.color
   local before, after = comparison.before, comparison.after
   local lines = {
      ("before: %s, %s"):format(plain.line(before.name), view.runs(before)),
      ("after:  %s, %s"):format(plain.line(after.name), view.runs(after)),
   }
   if not comparison.same_machine then
      lines[#lines + 1] = "Not the same machine: " .. plain.line(view.machine(before.machine))
      lines[#lines + 1] = "                 then " .. plain.line(view.machine(after.machine))
   end
   lines[#lines + 1] = ""
   local changes = shown(comparison, options and options.all)
   if changes[1] then
      local aligned = text.align(rows_of(changes), color)
      table.move(aligned, 1, #aligned, #lines + 1, lines)
      lines[#lines + 1] = ""
   end
   for _, s in ipairs(comparison.states) do
      lines[#lines + 1] = ("%s: %s, now %s"):format(place(s), plain.line(s.before),
         plain.line(s.after))
   end
   lines[#lines + 1] = comparison.changes[1] and count_line(comparison, changes)
      or "no case is measured in both"
   return table.concat(lines, "\n") .. "\n"
end

return compare
