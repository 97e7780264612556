--- Aligned tables as text.
-- SPDX-License-Identifier: MIT

local show_table = {}

---@class moonlink.Column
---@field title string
---@field right? boolean numbers stand at the right

local function widths_of(columns, rows)
   local widths = {}
   for k, column in ipairs(columns) do
      widths[k] = utf8.len(column.title) or #column.title
   end
   for _, row in ipairs(rows) do
      for k in ipairs(columns) do
         widths[k] = math.max(widths[k], utf8.len(row[k]) or #row[k])
      end
   end
   return widths
end

local function line_of(columns, widths, cells, indent)
   local out = {}
   for k, column in ipairs(columns) do
      local gap = (" "):rep(widths[k] - (utf8.len(cells[k]) or #cells[k]))
      out[k] = column.right and gap .. cells[k] or cells[k] .. gap
   end
   return (indent .. table.concat(out, "  "):gsub("%s+$", ""))
end

--- A head line and one line a row, cells below each other, two blanks between columns.
---@param columns moonlink.Column[]
---@param rows any[][] cells in the order of the columns; anything but a string is converted
---@param indent? string
---@return string without a line end behind the last line
function show_table.text(columns, rows, indent)
   local cells, titles = {}, {}
   for i, row in ipairs(rows) do
      cells[i] = {}
      for k in ipairs(columns) do
         cells[i][k] = row[k] == nil and "" or tostring(row[k])
      end
   end
   for k, column in ipairs(columns) do
      titles[k] = column.title
   end
   local widths = widths_of(columns, cells)
   local lines = {line_of(columns, widths, titles, indent or "")}
   for i, row in ipairs(cells) do
      lines[i + 1] = line_of(columns, widths, row, indent or "")
   end
   return table.concat(lines, "\n")
end

return show_table
