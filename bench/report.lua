--- Rows as aligned text, as Markdown, as plain data for JSON.
-- SPDX-License-Identifier: MIT

local report = {}

-- the order of the pipeline, sums before their parts; what is not named here follows in
-- alphabetical order
local STAGES = {
   "add", "read", "parse", "select", "resolve", "link", "place", "relocate", "protect", "commit",
   "init", "total",
}

local function number(value)
   if not value then
      return ""
   end
   if value >= 100 then
      return ("%.0f"):format(value)
   end
   return (value >= 10 and "%.1f" or "%.2f"):format(value)
end

--- Lines of columns: the first to the left, the others to the right, the last as it is.
local function align(lines)
   local widths = {}
   for _, cells in ipairs(lines) do
      for i, cell in ipairs(cells) do
         widths[i] = math.max(widths[i] or 0, utf8.len(cell) or #cell)
      end
   end
   local out = {}
   for _, cells in ipairs(lines) do
      local parts = {}
      for i, cell in ipairs(cells) do
         local pad = (" "):rep(widths[i] - (utf8.len(cell) or #cell))
         parts[i] = (i == 1 or i == #cells) and cell .. pad or pad .. cell
      end
      out[#out + 1] = "  " .. (table.concat(parts, "  "):gsub("%s+$", ""))
   end
   return table.concat(out, "\n") .. "\n"
end

--- The names of a table of stages, in the pipeline's order.
local function stage_names(stages)
   local names, rank = {}, {}
   for i, name in ipairs(STAGES) do
      rank[name] = i
   end
   for name in pairs(stages) do
      names[#names + 1] = name
   end
   table.sort(names, function(a, b)
      local ra, rb = rank[a] or 99, rank[b] or 99
      if ra ~= rb then
         return ra < rb
      end
      return a < b
   end)
   return names
end

--- A line that says where a row's time goes.
local function stage_line(row)
   local parts = {}
   for _, name in ipairs(stage_names(row.stages)) do
      parts[#parts + 1] = ("%s %s"):format(name, number(row.stages[name]))
   end
   return ("  %s, ms by stage: %s\n"):format(row.name, table.concat(parts, ", "))
end

--- One case as a table of text.
---@param case table
---@param rows bench.Row[]
---@return string
function report.text(case, rows)
   local what = case.called and "to called" or "to callable"
   local lines = { { what, "median ms", "min", "max", "x reading", "peak MB", "mappings", "" } }
   local stages = {}
   for _, row in ipairs(rows) do
      if row.ms then
         lines[#lines + 1] = {
            row.name, number(row.ms.median), number(row.ms.min), number(row.ms.max),
            number(row.ratio), number(row.peak_kb / 1024), ("%d"):format(row.mappings // 1),
            row.note or "",
         }
      else
         lines[#lines + 1] = { row.name, "-", "", "", "", "", "", row.error }
      end
      stages[#stages + 1] = row.stages and stage_line(row) or nil
   end
   return ("%s: %s\n"):format(case.id, case.title) .. align(lines) .. table.concat(stages)
end

--- How the cost of an object changes from one case to another; by the fastest runs, since the two
-- cases are measured minutes apart and a machine's load changes in between.
---@param results table[]
---@return string
function report.growth(results)
   local small, large
   for _, result in ipairs(results) do
      small = result.case.id == "work1-loose" and result or small
      large = result.case.id == "work4-loose" and result or large
   end
   if not (small and large) then
      return ""
   end
   local per_object = {}
   for _, row in ipairs(small.rows) do
      per_object[row.name] = row.ms and row.ms.min * 1e3 / small.case.objects_loaded
   end
   local lines = {
      { "microseconds per object", ("of %d"):format(small.case.objects_loaded),
         ("of %d"):format(large.case.objects_loaded), "growth", "" },
   }
   for _, row in ipairs(large.rows) do
      local few = per_object[row.name]
      if few and row.ms then
         local many = row.ms.min * 1e3 / large.case.objects_loaded
         lines[#lines + 1] = { row.name, number(few), number(many), number(many / few), "" }
      end
   end
   return "work4: does the cost of an object grow?\n" .. align(lines)
end

local function markdown_line(cells)
   return "| " .. table.concat(cells, " | ") .. " |\n"
end

--- The order of the rows in a table over all cases: as in the first case, then as they come.
local function names_of(results)
   local names, seen = {}, {}
   for _, result in ipairs(results) do
      for _, row in ipairs(result.rows) do
         if row.ms and not seen[row.name] then
            seen[row.name] = true
            names[#names + 1] = row.name
         end
      end
   end
   return names
end

local function cell(row)
   if not (row and row.ms) then
      return "–"
   end
   return ("%s (%s–%s)"):format(number(row.ms.median), number(row.ms.min), number(row.ms.max))
end

local function find(rows, name)
   for _, row in ipairs(rows) do
      if row.name == name then
         return row
      end
   end
end

--- One table over all cases for a README: medians with min and max.
---@param results table[]
---@param machine_line string
---@param runs integer
---@return string
function report.markdown(results, machine_line, runs)
   local head, rule = { "ms, median (min–max)" }, { "---" }
   for _, result in ipairs(results) do
      head[#head + 1] = result.case.title:gsub(" %(.*%)$", "")
      rule[#rule + 1] = "---:"
   end
   local out = { markdown_line(head), markdown_line(rule) }
   for _, name in ipairs(names_of(results)) do
      local cells = { name == "moonlink" and "**moonlink**" or name }
      for _, result in ipairs(results) do
         cells[#cells + 1] = cell(find(result.rows, name))
      end
      out[#out + 1] = markdown_line(cells)
   end
   local memory = { "moonlink: peak memory, mappings" }
   for _, result in ipairs(results) do
      local row = find(result.rows, "moonlink")
      memory[#memory + 1] = row and row.ms
         and ("%s MB, %d"):format(number(row.peak_kb / 1024), row.mappings // 1) or "–"
   end
   out[#out + 1] = markdown_line(memory)
   out[#out + 1] = ("\n%d runs each, interleaved, every run in a fresh process with a warm page "
      .. "cache; from open to callable, checked by a call. %s.\n"):format(runs, machine_line)
   return table.concat(out)
end

return report
