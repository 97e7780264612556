--- Reports of a result: on a terminal, as CSV and JSON, as a page of HTML with charts, as a graph;
-- and two results compared. A result is plain data (docs/lab.md); everything here is a
-- function from it to text.
-- SPDX-License-Identifier: MIT

local compare = require "moonlink.lab.report.compare"
local csv = require "moonlink.lab.report.csv"
local dot = require "moonlink.lab.report.dot"
local errors = require "moonlink.error"
local file = require "moonlink.file"
local given = require "moonlink.given"
local html = require "moonlink.lab.report.html"
local read = require "moonlink.lab.report.read"
local text = require "moonlink.lab.report.text"

local report = {}

local TEXT = {color = "boolean", width = "number", all = "boolean"}

local function checked(result)
   return assert(read.check(result))
end

--- A table for a terminal.
---@param result moonlink.lab.Result
---@param options? moonlink.lab.TextOptions
---@return string
function report.text(result, options)
   return text.of(checked(result), given.options(options, TEXT, "text"))
end

--- Raw samples as CSV, a row for each number.
---@param result moonlink.lab.Result
---@return string
function report.csv(result)
   return csv.samples(checked(result))
end

--- Medians and intervals as CSV, a row for each metric of each case.
---@param result moonlink.lab.Result
---@return string
function report.summary_csv(result)
   return csv.summaries(checked(result))
end

--- A page of HTML that needs nothing beside itself.
---@param result moonlink.lab.Result
---@return string
function report.html(result)
   return html.page(checked(result))
end

--- The calls between packages that the trace mode counted, of all cases together or of one.
---@param result moonlink.lab.Result
---@param id? string of the case
---@return string? in the DOT language; nil when nothing was counted
function report.dot(result, id)
   local calls = {}
   for _, case in ipairs(checked(result).cases) do
      if not id or case.id == id then
         table.move(case.calls, 1, #case.calls, #calls + 1, calls)
      end
   end
   return calls[1] and dot.graph(calls, result.name) or nil
end

--- Two results compared, as data.
---@param before moonlink.lab.Result
---@param after moonlink.lab.Result
---@return moonlink.lab.Comparison
function report.compare(before, after)
   return compare.of(checked(before), checked(after))
end

--- A comparison for a terminal.
---@param comparison moonlink.lab.Comparison
---@param options? moonlink.lab.TextOptions
---@return string
function report.compare_text(comparison, options)
   return compare.text(comparison, given.options(options, TEXT, "compare_text"))
end

--- A result as JSON; equal results give equal bytes.
---@param result moonlink.lab.Result
---@return string
function report.json(result)
   return read.encode(checked(result))
end

---@param json string
---@return moonlink.lab.Result?
---@return moonlink.Error?
function report.parse(json)
   return read.decode(json)
end

local MOST = 1 << 28 -- bytes of a file; it may also be a device without end

local function file_error(path, why)
   return errors.new {
      code = "io", file = path, message = ("cannot read %s"):format(why),
      hint = "a result is a file of JSON, as `moonlink lab run` writes it",
   }
end

local function slurp(path)
   local input <close>, why = io.open(path, "rb")
   if not input then
      return nil, why
   end
   local bytes
   bytes, why = input:read(MOST)
   if bytes and #bytes == MOST then
      return nil, ("%s: larger than any result"):format(path)
   end
   return bytes or not why and "", why
end

--- Reads a saved result.
---@param path string
---@return moonlink.lab.Result?
---@return moonlink.Error?
function report.load(path)
   local bytes, why = slurp(path)
   if not bytes then
      return nil, file_error(path, why)
   end
   local result, err = read.decode(bytes)
   if err then
      err.file, err.message = path, ("%s: %s"):format(path, err.message)
   end
   return result, err
end

--- Saves a result. The file is whole or as it was.
---@param result moonlink.lab.Result
---@param path string
---@return boolean?
---@return moonlink.Error?
function report.save(result, path)
   return file.replace(path, report.json(result) .. "\n")
end

--- Whether to print colours: when the output is a terminal and NO_COLOR (no-color.org) is not set,
-- unless somebody says "always" or "never".
---@param when? "auto"|"always"|"never"
---@param terminal boolean
---@param getenv? fun(name: string): string? os.getenv by default
---@return boolean
function report.wants_color(when, terminal, getenv)
   getenv = getenv or os.getenv
   if when == "always" or when == "never" then
      return when == "always"
   end
   return terminal and (getenv "NO_COLOR" or "") == "" and getenv "TERM" ~= "dumb"
end

return report
