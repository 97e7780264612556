--- The flags of `moonlink pkg`, and how a command line is read: as getopt_long does it with
-- permutation. Flags stand anywhere, names may be shortened, `--` ends them, the order stays.
-- Takes words, gives flags and operands.
-- SPDX-License-Identifier: MIT

local flags = {}

---@class moonlink.cli.pkg.Flag
---@field [1] string its names with their dashes, the first one is its key
---@field takes? string name of its argument
---@field optional? boolean the argument may be absent
---@field key? string when it is another name of the flag with this key
---@field text string for the help

--- A row is a flag; what ghc-pkg does not know stands below.
---@type moonlink.cli.pkg.Flag[]
flags.rows = {
   {"--user", text = "the user's database"},
   {"--global", text = "the global database"},
   {"--package-db -f", takes = "DB", text = "this database"},
   {"--package-conf", takes = "DB", key = "--package-db", text = "old spelling of --package-db"},
   {"--global-package-db", takes = "DB", text = "where the global database is"},
   {"--user-package-db", takes = "DB", text = "where the user's database is"},
   {"--no-user-package-db", text = "there is no user's database"},
   {"--no-user-package-conf", key = "--no-user-package-db",
      text = "old spelling of --no-user-package-db"},
   {"--force", text = "go on in spite of what a check finds"},
   {"--force-files", text = "go on when files or folders are missing"},
   {"--enable-multi-instance", text = "keep other instances of the same version"},
   {"--expand-env-vars", text = "expand ${NAME} in descriptions that are registered"},
   {"--expand-pkgroot", text = "print paths with ${pkgroot} and $topdir expanded"},
   {"--no-expand-pkgroot", text = "print paths as they were registered"},
   {"--help -? -h", text = "print this help"},
   {"--version -V", text = "print the version"},
   {"--simple-output", text = "print for programs to read"},
   {"--show-unit-ids", text = "print unit ids instead of names and versions"},
   {"--names-only", text = "with --simple-output: print names without versions"},
   {"--ignore-case", text = "patterns with * match in any case"},
   {"--ipid --unit-id", text = "packages are given by their unit ids"},
   {"--verbose -v", takes = "LEVEL", optional = true, text = "how much to say: 0, 1 or 2 (-v)"},

   {"--json", text = "print JSON"},
   {"--dry-run", text = "say what would be done, and do nothing"},
   {"--strict", text = "check what ghc-pkg does not look at: documentation, the system's "
      .. "libraries, every way, cycles, stray files"},
   {"--refresh", text = "with update: mend what depends on the unit that is replaced"},
   {"--era", takes = "GHC", text = "work as ghc-pkg of 6.6, 6.8, 6.10, 6.12 or today did; "
      .. "default: as the database's form says"},
   {"--define-name -D", takes = "NAME=VALUE", text = "what ${NAME} stands for in descriptions"},
   {"--reverse", text = "with order: dependants first"},
   {"--svg", text = "with graph: as SVG, drawn by dot of graphviz"},
   {"--output -o", takes = "FILE", text = "with graph and plan: write there"},
   {"--kind", takes = "KIND", text = "with plan: archive, prelinked or shared"},
   {"--way", takes = "WAY", text = "with plan: threaded, debug, profiling, eventlog, or several"},
   {"--policy", takes = "POLICY", text = "with plan: link, ghci, ghci-dynamic or ld"},
   {"--to", takes = "FORM", text = "with convert: today, 6.6, 6.10 or 6.12"},
}

local function each_name(row)
   return row[1]:gmatch "%S+"
end

local function key_of(row)
   return row.key or row[1]:match "%S+"
end

--- The rows whose long name begins with a text; only that one whose name is the text.
local function find_long(text)
   local found = {}
   for _, row in ipairs(flags.rows) do
      for name in each_name(row) do
         if name == text then
            return {row}
         elseif name:sub(1, 2) == "--" and name:sub(1, #text) == text and found[#found] ~= row then
            found[#found + 1] = row
         end
      end
   end
   return found
end

local function find_short(text)
   for _, row in ipairs(flags.rows) do
      for name in each_name(row) do
         if name == text then
            return row
         end
      end
   end
end

local function shown(row)
   local names = {}
   for name in each_name(row) do
      local joint = #name > 2 and "=" or row.optional and "" or " "
      local argument = row.takes and joint .. row.takes or ""
      names[#names + 1] = name .. (row.optional and "[" .. argument .. "]" or argument)
   end
   return table.concat(names, ", ")
end

--- A table of flags, one line each.
---@param rows moonlink.cli.pkg.Flag[]
---@return string
function flags.describe(rows)
   local names, width = {}, 0
   for i, row in ipairs(rows) do
      names[i] = shown(row)
      width = math.max(width, #names[i])
   end
   local lines = {}
   for i, row in ipairs(rows) do
      lines[i] = ("   %-" .. width .. "s  %s"):format(names[i], row.text)
   end
   return table.concat(lines, "\n")
end

local function complain(state, fmt, ...)
   state.wrong[#state.wrong + 1] = fmt:format(...)
end

local function unknown(state, word)
   state.unknown[#state.unknown + 1] = ("unrecognized option `%s'"):format(word)
end

local function add(state, row, value)
   state.flags[#state.flags + 1] = {name = key_of(row), value = value}
end

--- A flag that wants an argument and has none on its own word takes the next one.
local function add_with_next(state, row, shown_as)
   if row.optional or not row.takes then
      return add(state, row)
   end
   local value = state.words[state.at]
   if not value then
      return complain(state, "option `%s' requires an argument %s", shown_as, row.takes)
   end
   state.at = state.at + 1
   add(state, row, value)
end

local function read_long(state, word)
   local name, value = word:match "^(%-%-[^=]*)=(.*)$"
   name = name or word
   local found = find_long(name)
   local row = found[1]
   if not row then
      unknown(state, word)
   elseif found[2] then
      complain(state, "option `%s' is ambiguous; could be one of:\n%s", name,
         flags.describe(found))
   elseif value and not row.takes then
      complain(state, "option `%s' doesn't allow an argument", name)
   elseif value then
      add(state, row, value)
   else
      add_with_next(state, row, name)
   end
end

--- -v2, -fDB, -f DB, and switches in one word.
local function read_short(state, word)
   local name, rest = "-" .. word:sub(2, 2), word:sub(3)
   local row = find_short(name)
   if row and row.takes and rest ~= "" then
      return add(state, row, rest)
   elseif row then
      add_with_next(state, row, name)
   else
      unknown(state, name)
   end
   if rest ~= "" then
      return read_short(state, "-" .. rest)
   end
end

--- Reads the words behind `moonlink pkg`.
---@param words string[]
---@return {name: string, value?: string}[]? flags by their keys, in their order
---@return string[]|string operands or what is wrong, a line each
function flags.read(words)
   local state = {words = words, at = 1, flags = {}, wrong = {}, unknown = {}}
   local operands = {}
   while state.at <= #words do
      local word = words[state.at]
      state.at = state.at + 1
      if word == "--" then
         table.move(words, state.at, #words, #operands + 1, operands)
         break
      elseif word:sub(1, 2) == "--" then
         read_long(state, word)
      elseif word:sub(1, 1) == "-" and word ~= "-" then
         read_short(state, word)
      else
         operands[#operands + 1] = word
      end
   end
   table.move(state.unknown, 1, #state.unknown, #state.wrong + 1, state.wrong)
   if #state.wrong > 0 then
      return nil, table.concat(state.wrong, "\n")
   end
   return state.flags, operands
end

return flags
