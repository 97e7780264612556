--- Checks that every note that a comment cites is there: "See Note [Title]" somewhere wants one
-- comment in the tree with a line that begins with "Note [Title]", and only one.
-- Usage: lua5.4 .ci/notes.lua ROOT. Prints `file: what`; status 1 when a note dangles.
-- SPDX-License-Identifier: MIT

package.path = arg[0]:match "^(.*)/" .. "/?.lua;" .. package.path
local tree = require "tree"

local LEADER = "[%s/*%-#]*"

--- Adds the notes that a text holds to defined, those that it cites to cited.
local function collect(path, text, defined, cited)
   local before = ""
   for line in (text .. "\n"):gmatch "([^\n]*)\n" do
      -- "See" may stand at the end of the line before.
      local title = line:match("^" .. LEADER .. "Note %[([^%]]+)%]")
      if title and not before:find "[Ss]ee%s*$" then
         defined[title] = defined[title] or {}
         table.insert(defined[title], path)
      end
      before = line
   end
   local flat = text:gsub("\n" .. LEADER, " ")
   for title in flat:gmatch "[Ss]ee Note %[([^%]]+)%]" do
      cited[#cited + 1] = {title = title, path = path}
   end
end

local function main(root)
   local report, finish = tree.reporter()
   local defined, cited, titles = {}, {}, {}
   for _, path in ipairs(tree.files(root)) do
      if not path:find "^%.ci/" and not path:find "^spec/project_spec" then
         collect(path, tree.read(root .. "/" .. path), defined, cited)
      end
   end
   for _, citation in ipairs(cited) do
      if not defined[citation.title] then
         report(citation.path, ("there is no Note [%s]"):format(citation.title))
      end
   end
   for title in pairs(defined) do
      titles[#titles + 1] = title
   end
   table.sort(titles)
   for _, title in ipairs(titles) do
      local paths = defined[title]
      if #paths > 1 then
         report(paths[2], ("Note [%s] is also in %s"):format(title, paths[1]))
      end
   end
   finish()
end

main(assert(arg[1], "usage: notes.lua ROOT"))
