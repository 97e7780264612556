--- Runs one row of results.lua in a process of its own. Prints `right N` or raises.
-- Usage: lua5.4 check.lua NUMBER FOLDER
-- SPDX-License-Identifier: MIT

local results = require "spec.corpus.results"

local function main(number, folder)
   local row = results.list[math.tointeger(tonumber(number))]
   print("right", results.run(row, folder))
end

main(...)
