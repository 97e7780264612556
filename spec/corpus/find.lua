--- Which archives there are: every *.a of an installed -dev package, once each; what is left out,
-- and why.
-- SPDX-License-Identifier: MIT

local shell = require "spec.corpus.shell"

local find = {}

--- The first rule whose pattern is found in the package or the path leaves the archive out.
local SKIP = {
   {package = "^libc6%-dev", reason = "the C library, which the process has"},
   {path = "/lib[atl]san[^/]*%.a$", reason = "a sanitizer's runtime"},
   {path = "/libubsan%.a$", reason = "a sanitizer's runtime"},
   {path = "/libhwasan[^/]*%.a$", reason = "a sanitizer's runtime"},
   {path = "/clang/[^/]+/lib/", reason = "a sanitizer's runtime or a part of one"},
   {path = "/diet/", reason = "for another C library"},
}

local function skip_reason(archive)
   for _, rule in ipairs(SKIP) do
      if (rule.package and archive.package:find(rule.package)) or
         (rule.path and archive.path:find(rule.path)) then
         return rule.reason
      end
   end
end

--- Every archive of a package, as { package = , path = }.
local function listed()
   local script = [[
      dpkg-query -W -f='${db:Status-Status} ${Package}:${Architecture}\n' |
      sed -n 's/^installed \(.*-dev:.*\)/\1/p' |
      while read -r p; do dpkg -L "$p" | sed -n "s|.*\.a\$|$p &|p"; done]]
   local list = {}
   for _, line in ipairs(shell.lines(script)) do
      local package, path = line:match "^(%S+) (.*)$"
      list[#list + 1] = {package = package:gsub(":.*", ""), path = path}
   end
   return list
end

--- What `stat` says of the files that the paths lead to: { real =, stamp = } by path.
local function stat_all(list)
   local words = {"stat", "-L", "-c", "%n\t%d:%i\t%s %Y"}
   for _, archive in ipairs(list) do
      words[#words + 1] = archive.path
   end
   local facts = {}
   for _, line in ipairs(shell.lines(shell.line(words) .. " 2>/dev/null")) do
      local path, identity, stamp = line:match "^(.*)\t(.*)\t(.*)$"
      facts[path] = {identity = identity, stamp = stamp}
   end
   return facts
end

---@class corpus.Archive
---@field package string
---@field path string
---@field name string without folder, `lib` and `.a`
---@field stamp string changes with the file

--- All archives, sorted by path; the second result says how many were left out, by reason.
---@return corpus.Archive[]
---@return table<string, integer>
function find.archives()
   local list, skipped, seen = {}, {}, {}
   local all = listed()
   local facts = stat_all(all)
   table.sort(all, function(a, b) return a.path < b.path end)
   for _, archive in ipairs(all) do
      local fact = facts[archive.path]
      local reason = not fact and "no such file" or skip_reason(archive)
         or (seen[fact.identity] and "another name of an archive that is there")
      if reason then
         skipped[reason] = (skipped[reason] or 0) + 1
      else
         seen[fact.identity] = true
         archive.stamp = fact.stamp
         archive.name = archive.path:match "([^/]*)%.a$":gsub("^lib", "")
         list[#list + 1] = archive
      end
   end
   return list, skipped
end

return find
