--- What the project's own source is tied to: lines counted, files searched, C files given to a
-- compiler for other processors. Comments do not count.
-- SPDX-License-Identifier: MIT

local shell = require "moonlink.lab.shell"

local source = {}

local OTHERS = {"aarch64", "riscv64"} -- processors to compile for, with glibc's headers for them

--- Headers that C11, the compiler, or a library for any system has; elf.h describes a format.
local ANYWHERE = {}
for name in ([[
   assert ctype errno inttypes limits math setjmp signal stdarg stdatomic stdbool stddef stdint
   stdio stdlib string time unwind cpuid elf lua lauxlib lualib libelf gelf ffi
]]):gmatch "%S+" do
   ANYWHERE[name .. ".h"] = true
end

--- Headers of POSIX; what is left belongs to Linux or to glibc.
local POSIX = {}
for name in ([[
   dirent dlfcn fcntl poll pthread strings unistd sys/mman sys/resource sys/stat sys/types sys/uio
   sys/wait ucontext
]]):gmatch "%S+" do
   POSIX[name .. ".h"] = true
end

--- The folders that are looked at: the rooms of csrc from the ground up, and the Lua modules.
---@return string[]
function source.rooms()
   local out = {}
   for line in io.lines "csrc/LAYERS" do
      local name = line:match "^(%l+)"
      out[#out + 1] = name and "csrc/" .. name
   end
   out[#out + 1] = "lua/moonlink"
   return out
end

--- The source files below a folder, in order.
---@param room string
---@return string[]
function source.files(room)
   local out = {}
   local words = {"find", room, "-type", "f", "-name", "*.[chdl]*"}
   for path in shell.run(words):gmatch "[^\n]+" do
      if path:find "%.[ch]$" or path:find "%.def$" or path:find "%.lua$" then
         out[#out + 1] = path
      end
   end
   table.sort(out)
   return out
end

--- A file's text without comments.
---@param path string
---@return string
function source.code(path)
   local text = assert(shell.read(path))
   if path:find "%.lua$" then
      return (text:gsub("%-%-[^\n]*", ""))
   end
   return (text:gsub("/%*.-%*/", ""):gsub("//[^\n]*", ""))
end

--- Does code name the processor, or one of its registers?
---@param code string
---@return boolean
function source.names_processor(code)
   local lower = code:lower()
   for _, pattern in ipairs {"x86", "amd64", "cpuid", "%%r[abcds][xi]", "%%rip",
      "%f[%w]reg_r[%l%d]+%f[^%w]"} do
      if lower:find(pattern) then
         return true
      end
   end
   return false
end

--- What C code asks of a system: "linux" (or glibc), "posix", or nothing beyond C.
---@param code string
---@return string?
function source.system(code)
   local found = code:find "\"/proc/" and "linux" or nil
   for header in code:gmatch "#include <([^>]+)>" do
      if POSIX[header] then
         found = found or "posix"
      elseif not ANYWHERE[header] then
         found = "linux"
      end
   end
   return found
end

--- How many functions headers declare.
local function declared(code)
   return select(2, code:gsub("\n[%l][%w_ %*]-[ %*](ml_[%w_]+)%(", ""))
end

--- How many functions the table of a processor points to.
local function pointers(code)
   local of = code:match "typedef struct ml_target(.-)\n}" or ""
   return select(2, of:gsub("%(%*[%w_]+%)%(", ""))
end

local function flags_of(processor, folder)
   local include = processor == "x86_64" and "/usr/include"
      or ("/usr/%s-linux-gnu/include"):format(processor)
   local flags = {
      "clang", ("--target=%s-linux-gnu"):format(processor), "-std=c11", "-fPIC", "-w", "-Icsrc",
      "-c", "-o", folder .. "/out.o", "-isystem", include, "-idirafter", "/usr/include",
      "-idirafter", "/usr/include/x86_64-linux-gnu",
   }
   for word in shell.run {"pkg-config", "--cflags", "lua5.4", "libelf", "libffi"}:gmatch "%S+" do
      flags[#flags + 1] = word
   end
   return shell.size(include .. "/stdio.h") > 0 and flags or nil
end

--- Which C files a compiler for another processor takes, nil when its headers are not there.
---@param paths string[]
---@param processor string
---@param folder string for what it makes
---@return integer? taken
---@return string[]? others
function source.compile(paths, processor, folder)
   local flags, taken, others = flags_of(processor, folder), 0, {}
   for _, path in ipairs(flags and paths or {}) do
      if path:find "%.c$" then
         local ok = shell.try {flags, path}
         taken = taken + (ok and 1 or 0)
         others[#others + 1] = not ok and path or nil
      end
   end
   return flags and taken, others
end

--- How many functions C files define for others.
local function defined(paths, folder)
   local flags, count = flags_of("x86_64", folder), 0
   for _, path in ipairs(flags and paths or {}) do
      shell.run {flags, path}
      local names = shell.run {"nm", "-g", "--defined-only", folder .. "/out.o"}
      count = count + select(2, names:gsub(" T ml_", ""))
   end
   return count
end

--- Adds what compilers for other processors say.
local function compile_all(n, paths, folder)
   local others
   for _, processor in ipairs(n.c_files > 0 and OTHERS or {}) do
      n[processor], others = source.compile(paths, processor, folder)
   end
   n.fill = n.fill + defined(others or {}, folder)
   n.notes.not_taken = table.concat(others or {}, " ")
end

--- The numbers of one room.
---@param room string
---@param run moonlink.lab.Run
---@return table<string, any> numbers, and lists of files among its notes
function source.look(room, run)
   local paths = source.files(room)
   local n = {files = #paths, lines = 0, c_files = 0, processor = 0, named = 0, processor_lines = 0,
      posix = 0, linux = 0, functions = 0, fill = 0, notes = {}}
   local naming, linux = {}, {}
   for _, path in ipairs(paths) do
      local code = source.code(path)
      local lines = select(2, code:gsub("[^\n]*%S[^\n]*", ""))
      local system = source.system(code)
      n.lines, n.c_files = n.lines + lines, n.c_files + (path:find "%.c$" and 1 or 0)
      if source.names_processor(code) then
         n.processor, n.processor_lines = n.processor + 1, n.processor_lines + lines
         naming[#naming + 1] = path
         n.named = n.named + (path:find "x86_64" and 1 or 0)
      end
      if system then
         n[system] = n[system] + 1
         linux[#linux + 1] = system == "linux" and path or nil
      end
      n.fill = n.fill + pointers(code)
      n.functions = n.functions + (path:find "%.h$" and declared(code) or 0)
   end
   n.notes.naming, n.notes.linux = table.concat(naming, " "), table.concat(linux, " ")
   compile_all(n, paths, run.folder)
   return n
end

--- What the numbers are.
source.metrics = {
   {key = "files", title = "files"}, {key = "lines", title = "lines of code"},
   {key = "c_files", title = "C files"},
   {key = "aarch64", title = "... that compile for aarch64", better = "more"},
   {key = "riscv64", title = "... that compile for riscv64", better = "more"},
   {key = "processor", title = "files that name x86-64"},
   {key = "named", title = "... and say so in their name"},
   {key = "processor_lines", title = "lines of code in them"},
   {key = "posix", title = "files that need POSIX"},
   {key = "linux", title = "files that need Linux or glibc"},
   {key = "functions", title = "functions that headers offer", better = "more"},
   {key = "fill", title = "functions that a processor fills in"},
}

return source
