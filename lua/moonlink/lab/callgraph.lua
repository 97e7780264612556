--- Who calls whom, and how often: one more run of each case, with stubs that count, which is not
-- timed. Calls between objects are added up to calls between packages.
-- SPDX-License-Identifier: MIT

local frequent = require "moonlink.lab.frequent"
local isolate = require "moonlink.isolate"
local read = require "moonlink.lab.report.read"
local worker = require "moonlink.lab.worker"

local callgraph = {}

local MOST = 20 -- functions of an edge that are named

---@class moonlink.lab.Edge
---@field from string a package
---@field to string a package, or the file name of a library
---@field calls integer
---@field functions integer how many were called
---@field symbols {name: string, calls: integer}[] the most frequent of them, up to 20

--- The packages by the files that moonlink loads for them: objects, or one file of each package.
local function packages_by_file(plan, files)
   local out = {}
   for i, places in ipairs(plan.packages) do
      for _, place in ipairs(places) do
         out[plan.objects[place]] = plan.package_names[i]
      end
      if files and #files == #plan.packages then
         out[files[i]] = plan.package_names[i]
      end
   end
   return out
end

--- What an end of a call is in the graph: "FILE", or "FILE(MEMBER)".
local function node_of(packages, text, kind)
   if kind == "object" then
      local file = packages[text] and text or text:match "^(.+)%(.*%)$" or text
      return packages[file] or file:match "[^/]*$"
   elseif kind == "process" then
      return text:match "[^/]*$"
   end
   return text
end

local function precedes(a, b)
   if a.calls ~= b.calls then
      return a.calls > b.calls
   elseif a.from ~= b.from then
      return a.from < b.from
   end
   return a.to < b.to
end

--- Adds up what was counted between objects.
---@param list moonlink.Calls[] of a linker with count = "object"
---@param plan moonlink.lab.Plan
---@param files? string[] those that stand for the packages
---@return moonlink.lab.Edge[] the most frequent first
function callgraph.edges(list, plan, files)
   local packages, edges, known = packages_by_file(plan, files), {}, {}
   for _, c in ipairs(list) do
      local from = node_of(packages, c.from, "object")
      local to = node_of(packages, c.to, c.kind)
      local key = from .. "\0" .. to
      local edge = known[key]
      if not edge then
         edge = {from = from, to = to, calls = 0, by_name = {}}
         known[key], edges[#edges + 1] = edge, edge
      end
      edge.calls = edge.calls + c.count
      edge.by_name[c.symbol] = (edge.by_name[c.symbol] or 0) + c.count
   end
   for _, edge in ipairs(edges) do
      edge.symbols, edge.functions = frequent.of(edge.by_name, MOST)
      edge.by_name = nil
   end
   table.sort(edges, precedes)
   return edges
end

local OTHERS = "the strategy has no function 'calls', which base = \"direct\" would give it"

--- Counts the calls of one case, and files them, or why they could not be counted.
---@param case moonlink.lab.CaseToRun
---@param limits {timeout: number, memory?: integer}
---@param folder string for its files
function callgraph.count(case, limits, folder)
   local out = case.out
   if not case.strategy.calls then
      out.calls_not_counted = case.strategy.uncounted or OTHERS
      return
   end
   local results, err = isolate(worker.count_calls, limits, case, folder, case.built)
   local good = results
   if results then -- a strategy of a user's own may give anything
      good, err = read.check {metrics = {}, cases = {{id = case.id, calls = results[1] or false}}}
   end
   if good then
      out.calls, out.calls_not_counted = results[1], nil
   else
      out.calls_not_counted = "the run that counts failed: " .. tostring(err):match "[^\n]*"
   end
end

return callgraph
