--- The files of the source tree, for the checks beside this one.
-- SPDX-License-Identifier: MIT

local tree = {}

local FOLDERS = {
   "csrc", "lua", "bin", "spec", "bench", "examples", "fuzz", "docs", "types", ".ci",
}

---@param root string
---@return string[] paths relative to root, sorted
function tree.files(root)
   local command = "cd '%s' && find %s Makefile README.md -type f 2>/dev/null | LC_ALL=C sort"
   local paths = {}
   local pipe <close> = assert(io.popen(command:format(root, table.concat(FOLDERS, " "))))
   for path in pipe:lines() do
      paths[#paths + 1] = path
   end
   return paths
end

---@param path string
---@return string text
function tree.read(path)
   local file <close> = assert(io.open(path, "rb"))
   return (assert(file:read "a"))
end

--- Makes a function report(place, text) and one that ends the process by what was reported.
function tree.reporter()
   local count = 0
   local function report(place, text)
      count = count + 1
      io.stderr:write(place, ": ", text, "\n")
   end
   local function finish()
      os.exit(count == 0)
   end
   return report, finish
end

return tree
