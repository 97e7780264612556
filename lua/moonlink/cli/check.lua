--- moonlink check: would it load? And what keeps it from being put into a shared library?
-- SPDX-License-Identifier: MIT

local json = require "moonlink.show.json"
local objects = require "moonlink.cli.objects"
local pic = require "moonlink.cli.pic"
local session = require "moonlink.cli.session"

local check = {
   name = "check",
   summary = "Try a load, and take it back.",
   usage = "moonlink check [OPTION...] FILE...",
   description = "Does everything that a load does up to protected memory, then takes it back: no\n"
      .. "code runs. The status says whether it would load.",
   example = "moonlink check --stats --whole-archive libz.a",
   leading = 0, common = true, files = "+",
   options = {
      {"--pic", target = "pic",
         text = "List what keeps each object from being put into a shared library."},
      {"--stats", target = "stats", text = "Print counts, and milliseconds by stage, as JSON."},
   },
}

--- Lists all findings; archives are looked at whole, wanted or not.
---@return table? counts for the statistics
---@return any err
local function list_pic(parsed, inputs)
   local list, err = objects.open(inputs, {search = parsed.search, static = parsed.static})
   if not list then
      return nil, err
   end
   local names, count, bad = pic.names(list), 0, 0
   for _, each in ipairs(list) do
      local findings = pic.findings(each, names)
      for _, finding in ipairs(findings) do
         io.stdout:write(pic.text(each, finding), "\n")
      end
      count = count + #findings
      bad = bad + (#findings > 0 and 1 or 0)
   end
   io.stdout:write(pic.summary(count, bad, #list), "\n")
   return {objects = #list, not_pic_objects = bad, not_pic_relocations = count}
end

---@param parsed table
---@return integer? status
---@return any err
function check.run(parsed)
   local ln <close>, what = session.open(parsed)
   local counts, err
   if parsed.pic then
      counts, err = list_pic(parsed, what.inputs)
      if not counts then
         return nil, err
      end
   end
   local stats
   stats, err = ln:check(what.inputs)
   what.finish()
   if not stats then
      return nil, err
   end
   if parsed.stats then
      stats.pic = counts
      io.stdout:write(json.encode(stats), "\n")
   end
   return 0
end

return check
