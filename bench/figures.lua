--- Works whose result is not the time of one load: several figures for each contestant, in columns.
-- The contestants take turns, each run in a fresh process, and print `key=value` words.
-- SPDX-License-Identifier: MIT

local shell = require "bench.shell"
local stats = require "bench.stats"

local figures = {}

local TIME_LIMIT = 300 -- seconds for one run

---@class bench.Figures
---@field id string
---@field title string
---@field columns { key: string, title: string }[] the unit stands in the title
---@field expected? integer every contestant must print it as `result`
---@field contestants bench.Contestant[] command, or why there is none

---@class bench.FigureRow
---@field name string
---@field error? string
---@field values? table<string, bench.Summary> by key; a key that was not printed is absent
---@field note? string

--- Why a contestant failed, in one line without the cache's paths.
local function reason(text, status)
   if status == 124 then
      return ("no result after %d s"):format(TIME_LIMIT)
   end
   for _, word in ipairs { "terminate called", "bug report", "error", "not supported", "" } do
      local line = text:match("[^\n]*" .. word .. "[^\n]+")
      if line and word == "bug report" then
         return "crashes"
      elseif line then
         return (line:gsub("^lua5%.4: ", ""):gsub("/[^%s()]*/", ""):sub(1, 150))
      end
   end
   return status > 128 and ("killed by signal %d"):format(status - 128) or "failed"
end

---@return table<string, number>? words
---@return string? error
local function run(command, expected)
   local out, said, status = shell.limited(command, TIME_LIMIT)
   if not out then
      return nil, reason(said, status)
   end
   local words = {}
   for key, value in out:gmatch("([%w_]+)=(%S+)") do
      words[key] = tonumber(value)
   end
   if expected and words.result ~= expected then
      return nil, ("wrong result %s, not %s"):format(words.result, expected)
   end
   return words
end

local function row_of(case, contestant, samples, err)
   local row = { name = contestant.name, error = err, note = contestant.note }
   if err then
      return row
   end
   row.values = {}
   for _, column in ipairs(case.columns) do
      local list = {}
      for _, sample in ipairs(samples) do
         list[#list + 1] = sample[column.key]
      end
      row.values[column.key] = list[1] and stats.summary(list) or nil
   end
   return row
end

--- Measures one case; the rows come in the order of its contestants.
---@param case bench.Figures
---@param runs integer
---@return bench.FigureRow[]
function figures.measure(case, runs)
   local samples, failed = {}, {}
   for number = 0, runs do -- run 0 warms the page cache
      for i, contestant in ipairs(case.contestants) do
         samples[i] = samples[i] or {}
         failed[i] = failed[i] or contestant.missing
         local is_due = number <= (contestant.most or runs) and (number > 0 or not contestant.most)
         if not failed[i] and is_due then
            local sample
            sample, failed[i] = run(contestant.command, case.expected)
            if sample and number > 0 then
               table.insert(samples[i], sample)
            end
         end
      end
   end
   local rows = {}
   for i, contestant in ipairs(case.contestants) do
      rows[i] = row_of(case, contestant, samples[i], failed[i])
   end
   return rows
end

local function number(value)
   if value >= 1000 then
      return ("%.0f"):format(value)
   end
   return (value >= 10 and "%.1f" or "%.2f"):format(value)
end

--- "median [min..max]", or a dash.
local function cell(summary)
   if not summary then
      return "-"
   end
   return ("%s [%s..%s]"):format(number(summary.median), number(summary.min), number(summary.max))
end

--- One case as a table of text.
---@param case bench.Figures
---@param rows bench.FigureRow[]
---@return string
function figures.text(case, rows)
   local lines = { { "" } }
   for _, column in ipairs(case.columns) do
      table.insert(lines[1], column.title)
   end
   for _, row in ipairs(rows) do
      local line = { row.name }
      for _, column in ipairs(case.columns) do
         line[#line + 1] = row.values and cell(row.values[column.key]) or nil
      end
      line[#line + 1] = row.error and "not possible: " .. row.error or row.note
      lines[#lines + 1] = line
   end
   local widths, out = {}, {}
   for _, line in ipairs(lines) do
      for i = 1, #case.columns + 1 do
         local is_sentence = i > 1 and line[i] and line[i]:find("^not possible")
         widths[i] = math.max(widths[i] or 0, is_sentence and 0 or #(line[i] or ""))
      end
   end
   for _, line in ipairs(lines) do
      local parts = {}
      for i, text in ipairs(line) do
         parts[i] = text .. (" "):rep((widths[i] or 0) - #text)
      end
      out[#out + 1] = "  " .. (table.concat(parts, "  "):gsub("%s+$", ""))
   end
   return ("%s: %s\n%s\n"):format(case.id, case.title, table.concat(out, "\n"))
end

--- One case as a table of Markdown.
---@param case bench.Figures
---@param rows bench.FigureRow[]
---@return string
function figures.markdown(case, rows)
   local out = { "| " .. case.title .. " |", "| --- |" }
   for _, column in ipairs(case.columns) do
      out[1] = out[1] .. " " .. column.title .. " |"
      out[2] = out[2] .. " ---: |"
   end
   for _, row in ipairs(rows) do
      local line = "| " .. (row.name == "moonlink" and "**moonlink**" or row.name) .. " |"
      for _, column in ipairs(case.columns) do
         line = line .. " " .. cell(row.values and row.values[column.key]) .. " |"
      end
      out[#out + 1] = line
   end
   return table.concat(out, "\n") .. "\n"
end

return figures
