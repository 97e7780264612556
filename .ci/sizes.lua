--- Checks lengths: C files up to 700 lines of 100 columns, their functions up to 60 lines; Lua
-- modules up to 400 lines, their functions up to 40; every other file up to 700 lines.
-- Usage: lua5.4 .ci/sizes.lua ROOT. Prints `file:line: what`; status 1 when something is too long.
-- SPDX-License-Identifier: MIT

package.path = arg[0]:match "^(.*)/" .. "/?.lua;" .. package.path
local tree = require "tree"

local C_LIMIT = {file = 700, fn = 60, columns = 100}
local LUA_LIMIT = {file = 400, fn = 40}
local FILE_LIMIT = 700

local function count_lines(text)
   return select(2, text:gsub("\n", "\n")) + (text:find "[^\n]$" and 1 or 0)
end

--- House style puts the braces of a function's body, and nothing else, into the first column.
local function check_c(path, text, report)
   local number, start = 0, nil
   for line in text:gmatch "([^\n]*)\n" do
      number = number + 1
      if utf8.len(line) and utf8.len(line) > C_LIMIT.columns then
         report(path .. ":" .. number, ("%d columns"):format(utf8.len(line)))
      end
      if line == "{" then
         start = number
      elseif line == "}" and start then
         local length = number - start - 1
         if length > C_LIMIT.fn then
            report(path .. ":" .. start, ("function of %d lines"):format(length))
         end
         start = nil
      end
   end
end

--- The compiler's listing tells first and last line of each function.
local function check_lua(root, path, report)
   local pipe <close> = assert(io.popen(("luac5.4 -l -p '%s/%s' 2>&1"):format(root, path)))
   for line in pipe:lines() do
      local first, last = line:match "^function <.*:(%d+),(%d+)>"
      local length = first and last - first - 1 or 0
      if length > LUA_LIMIT.fn then
         report(path .. ":" .. first, ("function of %d lines"):format(length))
      end
   end
end

local function main(root)
   local report, finish = tree.reporter()
   for _, path in ipairs(tree.files(root)) do
      local text = tree.read(root .. "/" .. path)
      local is_module = path:find "^lua/" ~= nil
      local limit = is_module and LUA_LIMIT.file or FILE_LIMIT
      if not path:find "^docs/" and count_lines(text) > limit then
         report(path, ("%d lines, the limit is %d"):format(count_lines(text), limit))
      end
      if path:find "^csrc/.*%.[ch]$" or path:find "^fuzz/.*%.c$" then
         check_c(path, text, report)
      elseif path:find "%.lua$" and not path:find "^spec/.*_%l+%.lua$" and
         not path:find "^types/" then
         check_lua(root, path, report)
      end
   end
   finish()
end

main(assert(arg[1], "usage: sizes.lua ROOT"))
