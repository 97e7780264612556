--- What the examples share: finding the checkout's modules, running commands, and a C compiler in a
--- temporary folder.
-- SPDX-License-Identifier: MIT

local common = {}

--- The checkout, seen from here: examples have folders of their own, too.
local root = (debug.getinfo(1, "S").source:match "^@(.*)/" or ".") .. "/.."
common.root = root
package.path = ("%s;%s/lua/?.lua;%s/lua/?/init.lua"):format(package.path, root, root)
package.cpath = ("%s;%s/build/?.so"):format(package.cpath, root)
assert(package.searchpath("moonlink.core", package.cpath), "not built yet: run `make deps all`")

--- Runs a command; gives its success, and its output with that of stderr.
---@param command string
---@return boolean ok
---@return string output
function common.run(command)
   local pipe <close> = assert(io.popen("(" .. command .. ") 2>&1 </dev/null"))
   local output = pipe:read "a"
   return pipe:close() == true, output
end

--- Runs a command that must succeed.
---@param format string
---@param ... any
function common.sh(format, ...)
   local command = format:format(...)
   local ok, output = common.run(command)
   assert(ok, command .. "\n" .. output)
end

---@param path string
---@return string bytes
function common.read(path)
   local file <close> = assert(io.open(path, "rb"))
   return (assert(file:read "a"))
end

---@param path string
---@param bytes string
---@return string path
function common.write(path, bytes)
   local file <close> = assert(io.open(path, "wb"))
   assert(file:write(bytes))
   return path
end

--- A temporary folder that goes away at the end of its block.
---@return { path: string, compile: function }
function common.folder()
   local ok, output = common.run "mktemp -d \"${TMPDIR:-/tmp}\"/moonlink-example.XXXXXX"
   assert(ok, output)
   return setmetatable({path = output:gsub("\n", ""), compile = common.compile}, {
      __close = function(self) common.sh("rm -rf '%s'", self.path) end,
   })
end

--- Compiles C in the folder; gives the object's path.
---@param self { path: string }
---@param name string
---@param source string
---@param flags? string
---@return string
function common.compile(self, name, source, flags)
   local path = ("%s/%s"):format(self.path, name)
   common.write(path .. ".c", source)
   local ok, output = common.run(("cc -c %s -o %s.o %s.c"):format(flags or "-O1", path, path))
   assert(ok, output)
   return path .. ".o"
end

return common
