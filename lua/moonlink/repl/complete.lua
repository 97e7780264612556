--- Completion: what may stand where the cursor is. Functions of a line, given back as data; what
-- shows them is somebody else's.
-- SPDX-License-Identifier: MIT

local commands = require "moonlink.repl.commands"
local core = require "moonlink.core"
local haskell = require "moonlink.repl.haskell"
local lists = require "moonlink.lists"
local loaded = require "moonlink.repl.loaded"
local settings = require "moonlink.repl.settings"

local complete = {}

local function starting(names, word)
   local out, seen = {}, {}
   for _, name in ipairs(names) do
      if name:sub(1, #word) == word and not seen[name] then
         seen[name] = true
         out[#out + 1] = name
      end
   end
   table.sort(out)
   return out
end

--- Files and folders; a folder has a slash behind it.
local function files(_, word)
   local folder, name = word:match "^(.*/)([^/]*)$"
   folder, name = folder or "", name or word
   local place = folder:gsub("^~/", (os.getenv "HOME" or "~") .. "/")
   local tree, out = core.tree(), {}
   for _, each in ipairs(core.list_folder(place == "" and "." or place) or {}) do
      local hidden = each:sub(1, 1) == "." and name:sub(1, 1) ~= "."
      if not hidden and each ~= "." and each ~= ".." and each:sub(1, #name) == name then
         local is_folder = tree:kind(place .. each) == "folder"
         out[#out + 1] = folder .. each .. (is_folder and "/" or "")
      end
   end
   table.sort(out)
   return out
end

local keywords = {"and", "break", "do", "else", "elseif", "end", "false", "for", "function",
   "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until",
   "while"}

local function add_keys(names, from)
   for key in next, from do
      names[#names + 1] = type(key) == "string" and key:find "^[%a_][%w_]*$" and key or nil
   end
end

--- Names that can be typed where a value is wanted: C's, the session's, Lua's.
local function symbols(session, word)
   local names = table.move(keywords, 1, #keywords, 1, {})
   for _, unit in ipairs(session.ln:units()) do
      for e in unit:symbols {exported = true} do
         names[#names + 1] = e.name
      end
   end
   for _, room in ipairs {"functions", "data", "constants"} do
      add_keys(names, session.ln.types[room])
   end
   add_keys(names, session.env)
   add_keys(names, _G)
   for _, each in ipairs(session.hs and loaded.list(session) or {}) do
      lists.append(names, haskell.modules(each.unit))
   end
   return starting(names, word)
end

--- What `a.b` is, without a call of anything.
local function value_of(session, path)
   local value = session.env
   for name in path:gmatch "[%a_][%w_]*" do
      if type(value) ~= "table" then
         return nil
      end
      local own = rawget(value, name)
      value = own == nil and value == session.env and rawget(_G, name) or own
   end
   return value
end

--- `a.b.c` and `a:b`: fields of tables, and of what a metatable gives them; names of modules of
--- Haskell.
local function members(session, path, word)
   local value = value_of(session, path)
   local meta = type(value) == "string" and {__index = string} or getmetatable(value)
   local names = {}
   if type(value) == "table" then
      add_keys(names, value)
   end
   if type(meta) == "table" and type(rawget(meta, "__index")) == "table" then
      add_keys(names, meta.__index)
   end
   if value == nil and session.hs and path:find "^%u.*%.$" then
      names = haskell.members(session, path)
   end
   local out = starting(names, word)
   for i, name in ipairs(out) do
      out[i] = path .. name
   end
   return out
end

local function values(session, word)
   local path, last = word:match "^(.*[.:])([%w_]*)$"
   if path then
      return members(session, path, last)
   end
   return symbols(session, word)
end

local kinds = {
   file = files, symbol = values,
   loaded = function(session, word)
      local names = {}
      for _, each in ipairs(loaded.list(session)) do
         for _, name in ipairs(each.words) do
            names[#names + 1] = name
         end
      end
      return starting(names, word)
   end,
   switch = function(_, word) return starting({"on", "off"}, word) end,
   topic = function(_, word)
      return starting({"loaded", "declared", "names", "users", "settings"}, word)
   end,
   command = function(_, word) return starting(commands.names(), word) end,
}

function kinds.setting(_, word, before)
   local name = before:match "^(%S+)%s"
   if not name then
      return starting(settings.names(), word)
   end
   local known = settings.known[name]
   return known and starting(known.kind == "boolean" and {"on", "off"} or known.values or {}, word)
      or {}
end

--- Where the word before the cursor begins: at the last blank of a command's files, else at the
--- last character that no name holds.
---@param line string up to the cursor
---@return integer 1 for the first byte
function complete.word(line)
   if line:find "^%s*:" then
      local command = line:find "%s*:%S*%s" and commands.parse(line)
      if not command or command.completes ~= "symbol" or command[1] == "why" then
         return #line - #line:match "%S*$" + 1
      end
   end
   return #line - #line:match "[%w_.:]*$" + 1
end

--- What the word before the cursor may become.
---@param session moonlink.repl.Session
---@param line string up to the cursor
---@return string[] candidates for the word, sorted
function complete.candidates(session, line)
   local at = complete.word(line)
   local word = line:sub(at)
   if session.pending or not line:find "^%s*:" then
      return values(session, word)
   elseif not line:find "^%s*:%S*%s" then
      local names = starting(commands.names(), word:match ":(.*)$" or "")
      for i, name in ipairs(names) do
         names[i] = ":" .. name
      end
      return names
   end
   local command, rest = commands.parse(line)
   local before = command and line:match "^%s*:%S*%s+(.*)$" or ""
   if command and command[1] == "why" and rest:find "%s" then
      return files(session, word)
   end
   local kind = command and kinds[command.completes]
   return kind and kind(session, word, before) or {}
end

return complete
