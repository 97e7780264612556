--- Checks that the C sources keep to the rules that can be told from their lines:
-- a file includes only headers of its own room and of the rooms above it in LAYERS, Lua, libelf,
-- libffi and malloc each have one room, and conditional compilation happens in os/ alone.
-- Usage: lua5.4 .ci/layers.lua CSRC. Prints `file:line: rule` for each breach; status 1 if any.
-- SPDX-License-Identifier: MIT

local LIBRARY_ROOM = {
   {header = "^lua%.h$", room = "lua", what = "Lua's headers"},
   {header = "^lauxlib%.h$", room = "lua", what = "Lua's headers"},
   {header = "^lualib%.h$", room = "lua", what = "Lua's headers"},
   {header = "^luaconf%.h$", room = "lua", what = "Lua's headers"},
   {header = "^libelf%.h$", room = "object", what = "libelf's headers"},
   {header = "^gelf%.h$", room = "object", what = "libelf's headers"},
   {header = "^nlist%.h$", room = "object", what = "libelf's headers"},
   {header = "^elfutils/", room = "object", what = "libelf's headers"},
   {header = "^ffi%.h$", room = "call", what = "libffi's header"},
   {header = "^ffitarget%.h$", room = "call", what = "libffi's header"},
}

local ALLOCATORS = {
   "malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup", "asprintf",
   "aligned_alloc", "posix_memalign",
}

-- arena.c is the only caller; the two others are part of the fault-injecting build alone.
local MAY_ALLOCATE = {["base/arena.c"] = true, ["os/fault.c"] = true, ["os/fault.def"] = true}

---@param path string of the LAYERS file
---@return table<string, integer> rank by room
local function read_layers(path)
   local rank_by_room, rank = {}, 0
   for line in assert(io.lines(path)) do
      local room = line:gsub("#.*", ""):match "%S+"
      if room then
         rank = rank + 1
         rank_by_room[room] = rank
      end
   end
   return rank_by_room
end

---@param root string
---@return string[] paths relative to root, sorted
local function list_sources(root)
   local command = "cd '%s' && find . -type f -name '*.[ch]' -o -name '*.def' | LC_ALL=C sort"
   local paths = {}
   local pipe <close> = assert(io.popen(command:format(root)))
   for path in pipe:lines() do
      paths[#paths + 1] = path:sub(3)
   end
   return paths
end

--- Blanks out comments and the content of strings; the line ends stay where they are.
local function strip(text)
   local function blank(part)
      return (part:gsub("[^\n]", " "))
   end
   local out, at = {}, 1
   while true do
      local first = text:find("[\"'/]", at)
      if not first then
         out[#out + 1] = text:sub(at)
         return table.concat(out)
      end
      out[#out + 1] = text:sub(at, first - 1)
      local two, last = text:sub(first, first + 1), first
      local quote = text:sub(first, first)
      if two == "/*" then
         last = select(2, text:find("*/", first + 2, true)) or #text
      elseif two == "//" then
         last = (text:find("\n", first, true) or #text + 1) - 1
      elseif quote ~= "/" then
         last = first + 1
         while last < #text and text:sub(last, last) ~= quote do
            last = last + (text:sub(last, last) == "\\" and 2 or 1)
         end
      end
      out[#out + 1] = last > first and blank(text:sub(first, last)) or quote
      at = last + 1
   end
end

local function check_own_header(rank_by_room, room, header)
   local other = header:match "^([%w_]+)/"
   if not other then
      return "include headers by room: \"room/" .. header .. "\""
   elseif not rank_by_room[other] then
      return "room " .. other .. " is not in LAYERS"
   elseif rank_by_room[other] > rank_by_room[room] then
      return ("%s/ may not include %s: %s is below %s in LAYERS"):format(room, header, other, room)
   end
end

local function check_system_header(room, header)
   for _, library in ipairs(LIBRARY_ROOM) do
      if header:find(library.header) and room ~= library.room then
         return ("<%s>: %s belong to %s/ alone"):format(header, library.what, library.room)
      end
   end
end

local function check_condition(room, code, raw, is_guard)
   local directive = code:match "^%s*#%s*(%a+)"
   if room == "os" or is_guard or raw:find("__cplusplus", 1, true) then
      return nil
   elseif directive == "if" or directive == "ifdef" or directive == "ifndef"
      or directive == "elif" then
      return "#" .. directive .. ": conditional compilation belongs to os/ alone"
   end
end

local function check_allocation(path, code)
   if MAY_ALLOCATE[path] then
      return nil
   end
   for _, name in ipairs(ALLOCATORS) do
      local is_call = code:find("%f[%w_]" .. name .. "%s*%(")
      if is_call and not code:find("[%.>]%s*" .. name .. "%s*%(") then
         return name .. ": memory comes from base/arena.h alone"
      end
   end
end

--- Calls report(line number, rule) for each breach in one file.
local function check_file(rank_by_room, path, text, report)
   local room = path:match "^([^/]+)/"
   if not rank_by_room[room] then
      return report(1, "the folder of this file is not in LAYERS")
   end
   local raw_lines, number, guard_seen = {}, 0, not path:find "%.h$"
   for line in (text .. "\n"):gmatch "(.-)\n" do
      raw_lines[#raw_lines + 1] = line
   end
   for code in (strip(text) .. "\n"):gmatch "(.-)\n" do
      number = number + 1
      local raw = raw_lines[number] or ""
      local is_guard = not guard_seen and code:find "^#ifndef [%w_]+_H$" ~= nil
      guard_seen = guard_seen or is_guard
      local is_include = code:find "^%s*#%s*include"
      local own = is_include and raw:match '^%s*#%s*include%s*"([^"]+)"'
      local system = is_include and raw:match "^%s*#%s*include%s*<([^>]+)>"
      local breach = own and check_own_header(rank_by_room, room, own)
         or system and check_system_header(room, system)
         or check_condition(room, code, raw, is_guard)
         or check_allocation(path, code)
      if breach then
         report(number, breach)
      end
   end
end

local function main(root)
   local rank_by_room, breaches = read_layers(root .. "/LAYERS"), 0
   for _, path in ipairs(list_sources(root)) do
      local file <close> = assert(io.open(root .. "/" .. path))
      check_file(rank_by_room, path, file:read "a", function(line, rule)
         breaches = breaches + 1
         io.stderr:write(("%s/%s:%d: %s\n"):format(root, path, line, rule))
      end)
   end
   os.exit(breaches == 0)
end

main(assert(arg[1], "usage: layers.lua CSRC"))
