--- What specs share: temporary folders, compilers, commands.
-- Every folder made here goes away when the spec file ends, whether it passed or not, and at the
-- latest when the Lua state closes. Paths made here hold no blank and no quote, so that they can
-- stand in a command as they are.
-- SPDX-License-Identifier: MIT

local support = {}

--- Where the module under test was built (`make asan` and `make fault` build elsewhere).
support.build = os.getenv "MOONLINK_BUILD" or "build"

--- The interpreter that runs the specs.
support.interpreter = os.getenv "LUA" or "lua5.4"

local folders = {}

local function remove_folders()
   for i = #folders, 1, -1 do
      os.execute("chmod -R u+rwX " .. folders[i] .. " 2>/dev/null; rm -rf " .. folders[i])
      folders[i] = nil
   end
end

-- busted runs several spec files in one state and forgets our module after each: the event ends
-- the folders of one file; the finaliser is for the state that closes in the middle of a file.
local sentinel = setmetatable({}, {__gc = remove_folders})

-- The subscription stays: busted cannot drop one while it publishes.
local function remove_at_end_of_file()
   local busted = package.loaded.busted
   if not busted or not busted.subscribe or sentinel.subscribed then
      return
   end
   sentinel.subscribed = true
   busted.subscribe({"file", "end"}, function()
      remove_folders()
      return nil, true
   end)
end

--- A fresh, empty folder.
---@return string path absolute, without a slash at its end
function support.tmpdir()
   local root = os.getenv "TMPDIR" or "/tmp"
   local pipe = assert(io.popen("mktemp -d " .. support.quote(root .. "/moonlink-spec.XXXXXX")))
   local path = pipe:read "l"
   pipe:close()
   assert(path, "no temporary folder could be made in " .. root)
   folders[#folders + 1] = path
   remove_at_end_of_file()
   return path
end

--- Quotes a text as one word of a shell command.
---@param text string
---@return string
function support.quote(text)
   if text:find "^[%w%-+=_./,:@%%]+$" then
      return text
   end
   return "'" .. text:gsub("'", [['\'']]) .. "'"
end

---@param path string
---@return string bytes
function support.read(path)
   local file <close> = assert(io.open(path, "rb"))
   return (assert(file:read "a"))
end

---@param path string
---@param bytes string
---@return string path
function support.write(path, bytes)
   local file <close> = assert(io.open(path, "wb"))
   assert(file:write(bytes))
   return path
end

--- Replaces bytes of a text, for inputs that are corrupt in one place.
---@param bytes string
---@param offset integer counted from 0, as in a file
---@param replacement string
---@return string
function support.patch(bytes, offset, replacement)
   assert(offset >= 0 and offset + #replacement <= #bytes, "patch lies outside")
   return bytes:sub(1, offset) .. replacement .. bytes:sub(offset + #replacement + 1)
end

local function format_command(fmt, ...)
   if select("#", ...) == 0 then
      return fmt
   end
   return fmt:format(...)
end

--- Runs a shell command with an empty standard input. With more than one argument the first is a
--- format for string.format.
---@param fmt string
---@return integer status of the command; 128 + number when a signal ended it
---@return string stdout
---@return string stderr
function support.exit(fmt, ...)
   if not sentinel.scratch or not folders[1] then
      sentinel.scratch = support.tmpdir()
   end
   local out, err = sentinel.scratch .. "/stdout", sentinel.scratch .. "/stderr"
   local command = format_command(fmt, ...)
   local _, how, status = os.execute(("(%s\n) >%s 2>%s </dev/null"):format(command, out, err))
   if how == "signal" then
      status = status + 128
   end
   return status, support.read(out), support.read(err)
end

--- Runs a shell command that must succeed; raises with all its output when it does not.
---@param fmt string
---@return string stdout
function support.sh(fmt, ...)
   local status, out, err = support.exit(fmt, ...)
   if status ~= 0 then
      local text = "command failed with status %d: %s\n%s%s"
      error(text:format(status, format_command(fmt, ...), out, err), 2)
   end
   return out
end

--- As support.sh, without the line ends at the end of the output.
---@param fmt string
---@return string
function support.stdout(fmt, ...)
   return (support.sh(fmt, ...):gsub("\n+$", ""))
end

--- The program under test, as words of a shell command that may run in any folder and with any
--- PATH.
---@return string
function support.moonlink()
   local here = support.stdout "pwd"
   local build = support.build:sub(1, 1) == "/" and support.build or here .. "/" .. support.build
   return ("MOONLINK_BUILD=%s %s %s/bin/moonlink"):format(support.quote(build),
      support.stdout("command -v %s", support.interpreter), support.quote(here))
end

-- Compilers run without the sanitizers' libraries that a run of the suite may have preloaded.
local COMPILE = "LD_PRELOAD= %s %s -c -o %s -x %s %s"

local function compile(path, source, flags, opts, language)
   local input = support.write(path .. ".source", source)
   local compiler = opts and opts.compiler or "gcc"
   if compiler:find "%+%+" and language == "c" then
      language = "c++"
   end
   if type(flags) == "table" then
      flags = table.concat(flags, " ")
   end
   local status, out, err = support.exit(COMPILE, compiler, flags or "", path, language, input)
   os.remove(input)
   if status ~= 0 then
      local text = "%s %s does not compile:\n%s%s\n%s"
      error(text:format(compiler, flags or "", out, err, source), 2)
   end
   return path
end

--- Compiles C to an object; with a compiler whose name holds "++", C++.
---@param path string of the object
---@param source string
---@param flags? string|string[]
---@param opts? {compiler?: string} "gcc" when absent; "clang", "g++" and so on
---@return string path
function support.cc(path, source, flags, opts)
   return compile(path, source, flags, opts, opts and opts.language or "c")
end

--- Assembles (with the C preprocessor).
---@param path string of the object
---@param source string
---@param flags? string|string[]
---@param opts? {compiler?: string}
---@return string path
function support.as(path, source, flags, opts)
   return compile(path, source, flags, opts, "assembler-with-cpp")
end

--- True when a program is there: for specs that compare with a tool that not everybody has.
---@param program string
---@return boolean
function support.has(program)
   return os.execute("command -v " .. support.quote(program) .. " >/dev/null 2>&1") == true
end

--- Is a sanitizer's library in this process? It has an allocator of its own.
---@return boolean
function support.sanitized()
   return support.read "/proc/self/maps":find("libasan", 1, true) ~= nil
end

--- Runs a Lua text in a process of its own that finds the same modules: for what could crash, and
--- for what is seen only when a state closes.
---@param source string
---@param ... string arguments, seen as `...`
---@return integer status as of support.exit
---@return string stdout
---@return string stderr
function support.lua(source, ...)
   local script = support.write(support.tmpdir() .. "/script.lua", source)
   local words = {support.interpreter, script, ...}
   for i, word in ipairs(words) do
      words[i] = support.quote(word)
   end
   return support.exit("LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s", support.quote(package.path),
      support.quote(package.cpath), table.concat(words, " "))
end

--- Stands before a command whose crashes are moonlink's to report, not a sanitizer's.
support.crashes = 'ASAN_OPTIONS="$ASAN_OPTIONS:handle_segv=0:handle_sigbus=0:handle_sigfpe=0" '

--- Calls what must raise.
---@param fn function
---@param ... any
---@return any err that it raised
function support.raised(fn, ...)
   local ok, err = pcall(fn, ...)
   assert(not ok, "no error")
   return err
end

--- The same for its text.
---@param fn function
---@param ... any
---@return string
function support.refused(fn, ...)
   return tostring(support.raised(fn, ...))
end

return support
