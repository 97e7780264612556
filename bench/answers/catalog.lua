--- The questions: bench/questions/NN-NAME.lua is the experiment, NN-NAME.answer.lua what is said of
-- its numbers.
-- SPDX-License-Identifier: MIT

local file = require "moonlink.file"
local lab = require "moonlink.lab"

local catalog = {}

catalog.LIMIT = 80 -- seconds of a question that does not say another
catalog.LINES = 20 -- lines of code in a script

---@class moonlink.answers.Answer
---@field number integer
---@field question string one sentence
---@field about string what is measured
---@field claims moonlink.answers.Claim[]
---@field differs string where the numbers would differ
---@field columns? string[]|table<string, string[]> metrics that tables and charts show, all
---  without; by the name of the experiment where they differ
---@field charts? string[] metrics that are drawn, the first four of each experiment without
---@field texts? fun(r: moonlink.answers.Figures): {title: string, text: string}[] to be quoted
---@field matrix? { key: string, title: string }[] the inputs as rows of a table whose columns are
---  strategies, in place of tables of numbers
---@field limit? number seconds, catalog.LIMIT
---@field fails? string[] patterns of the names of cases that may fail, since that is the answer
---@field small? string[] words for the script that make it small, for specs
---@field only? string a pattern for names of the cases that specs run, all without

---@class moonlink.answers.Entry
---@field number integer
---@field name string "01-shared"
---@field script string path
---@field text string of the script
---@field answer moonlink.answers.Answer

local FIELDS = {
   number = "number", question = "string", about = "string", claims = "table", differs = "string",
   columns = "table", charts = "table", texts = "function", limit = "number", small = "table",
   only = "string", fails = "table", matrix = "table",
}
local OPTIONAL = {
   columns = true, charts = true, texts = true, limit = true, small = true, fails = true,
   matrix = true, only = true,
}

local function check(answer, path)
   for key, value in pairs(answer) do
      assert(type(value) == FIELDS[key], ("%s: field '%s'"):format(path, key))
   end
   for key in pairs(FIELDS) do
      assert(answer[key] ~= nil or OPTIONAL[key], ("%s: no field '%s'"):format(path, key))
   end
   for _, claim in ipairs(answer.claims) do
      assert(type(claim[1]) == "string", path .. ": a claim is a sentence")
   end
   return answer
end

--- All questions by number.
---@param root string folder of the repository
---@return moonlink.answers.Entry[]
function catalog.list(root)
   local folder, out = root .. "/bench/questions", {}
   local pipe <close> = assert(io.popen("ls " .. file.quote(folder)))
   for name in pipe:lines() do
      local stem = name:match "^(%d%d%-[%w-]+)%.answer%.lua$"
      if stem then
         local script = ("%s/%s.lua"):format(folder, stem)
         local input <close> = assert(io.open(script))
         out[#out + 1] = {
            name = stem, number = math.tointeger(tonumber(stem:sub(1, 2))), script = script,
            text = input:read "a",
            answer = check(dofile(("%s/%s"):format(folder, name)), name),
         }
      end
   end
   table.sort(out, function(a, b)
      return a.number < b.number
   end)
   return out
end

--- The experiments of a script.
---@param entry moonlink.answers.Entry
---@param words? string[] its arguments
---@return moonlink.lab.Experiment[]
function catalog.experiments(entry, words)
   local list = {assert(loadfile(entry.script))(table.unpack(words or {}))}
   if #list == 1 and not lab.is_experiment(list[1]) then
      list = list[1]
   end
   for _, each in ipairs(list) do
      assert(lab.is_experiment(each), entry.script .. ": it returns something else")
   end
   assert(list[1], entry.script .. ": it returns no experiment")
   return list
end

--- How many lines of code a text has: those that are neither blank nor a comment.
---@param text string
---@return integer
function catalog.lines(text)
   local count = 0
   for line in text:gmatch "[^\n]+" do
      count = count + ((line:find "^%s*%-%-" or not line:find "%S") and 0 or 1)
   end
   return count
end

return catalog
