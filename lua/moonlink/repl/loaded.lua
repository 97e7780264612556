--- What a session has loaded: each `:load` and `:add` is one unit, made of files that may have to
-- be compiled first. Nothing here prints but through the session.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local declare = require "moonlink.repl.declare"
local errors = require "moonlink.error"
local file = require "moonlink.file"
local haskell = require "moonlink.repl.haskell"
local lists = require "moonlink.lists"
local source = require "moonlink.repl.source"

local loaded = {}

---@class moonlink.repl.Loaded
---@field unit moonlink.LoadedUnit
---@field words string[] what was typed
---@field name string for messages and for `:unload`

local SWITCHES = {["--whole-archive"] = true, ["--no-whole-archive"] = true}

local function is_file(word)
   return not SWITCHES[word] and not word:find "^%-[lL]."
end

--- Compiles a source. What the compiler knows of its functions is declared once it is loaded.
local function compile(session, word, prototypes)
   local is_haskell = source.is_haskell(word)
   local good, err = file.read(word) -- compilers find other words for what cannot be read
   if good and is_haskell then
      good, err = haskell.ready(session)
   end
   local object = nil
   if good then
      object, err = session.folder:object()
   end
   if not object then
      return nil, err
   end
   local found, more
   if is_haskell then
      found, more = haskell.compile(session, word, object)
   else
      found, more = source.compile(word, object, session.cflags)
   end
   local bytes = found and file.read(object)
   os.remove(object)
   if not bytes then
      return nil, more
   elseif more then
      session.err(more .. "\n")
   end
   lists.append(prototypes, found)
   return {bytes = bytes, name = word} -- whoever asks where a name is from shall read of the source
end

--- The inputs that words stand for.
---@return any[]? inputs
---@return string[]|moonlink.Error prototypes or the error
local function inputs_of(session, words)
   local inputs, prototypes, folders = {}, {}, {}
   for _, word in ipairs(words) do
      local input, err = word, nil
      if word:find "^%-L." then
         folders[#folders + 1] = word:sub(3)
         input = nil
      elseif is_file(word) and source.is(word) then
         input, err = compile(session, word, prototypes)
      elseif is_file(word) then
         input = {path = word}
      end
      if err then
         return nil, err
      end
      inputs[#inputs + 1] = input
   end
   inputs.search = lists.append(folders, session.ln.options.search or {})
   return inputs, prototypes
end

--- Declares what compilers told. Prototypes with types that are not known stay undeclared.
local function declare_all(session, prototypes)
   for _, text in ipairs(prototypes) do
      declare.text(session.ln, text)
   end
end

local function name_of(words)
   local files = {}
   for _, word in ipairs(words) do
      local named = not SWITCHES[word] and not word:find "^%-L."
      files[#files + 1] = named and (word:match "[^/]+$" or word) or nil
   end
   return #files > 1 and ("%s and %d more"):format(files[1], #files - 1) or files[1] or "(nothing)"
end

--- Loads inputs as one more unit.
local function enter(session, words, inputs, prototypes)
   inputs.name = name_of(words)
   local unit, err
   if session.hs then
      unit, err = haskell.load(session, inputs)
   else
      unit, err = session.ln:load(inputs)
   end
   session.finish()
   if not unit then
      return nil, err
   end
   declare_all(session, prototypes)
   session.wanted, session.functions = nil, {}
   local new = {unit = unit, words = words, name = unit.name}
   table.insert(session.loaded, new)
   session:look()
   return new
end

--- Loads files as one more unit.
---@param session moonlink.repl.Session
---@param words string[] files, -lNAME, --whole-archive
---@return moonlink.repl.Loaded?
---@return moonlink.Error? err
function loaded.add(session, words)
   local inputs, more = inputs_of(session, words)
   local new
   if inputs then
      new, more = enter(session, words, inputs, more)
   end
   if not new and #loaded.list(session) == 0 then
      session.wanted = words -- for `:reload`, when the files are mended
      session:look()
   end
   return new, more
end

--- Those that are still there: Lua code may have unloaded some.
---@param session moonlink.repl.Session
---@return moonlink.repl.Loaded[]
function loaded.list(session)
   local out = {}
   for _, each in ipairs(session.loaded) do
      if each.unit:alive() and not each.unit.orphaned then
         out[#out + 1] = each
      end
   end
   session.loaded = out
   return out
end

--- Does a name that somebody typed mean this one? Its whole name, or a file of it.
local function answers(each, name)
   if each.name == name then
      return true
   end
   for _, word in ipairs(each.words) do
      if word == name or word:match "[^/]+$" == name then
         return true
      end
   end
end

--- The one that a name means.
---@param session moonlink.repl.Session
---@param name string
---@return moonlink.repl.Loaded?
---@return moonlink.Error? err
function loaded.find(session, name)
   for _, each in ipairs(loaded.list(session)) do
      if answers(each, name) then
         return each
      end
   end
   return nil, errors.new {
      code = "argument", message = ("nothing that is loaded is called '%s'"):format(name),
      hint = "`:show` lists what is loaded",
   }
end

--- Takes one out.
---@param session moonlink.repl.Session
---@param each moonlink.repl.Loaded
---@param how? string as of unit:unload
---@return boolean?
---@return moonlink.Error? err
function loaded.unload(session, each, how)
   local ok, err
   if session.hs then
      ok, err = haskell.unload(each.unit, how)
      session.functions = {}
   else
      ok, err = each.unit:unload(how)
   end
   loaded.list(session)
   session:look()
   return ok, err
end

--- Takes all out, the latest first.
---@param session moonlink.repl.Session
---@param how? string
---@return boolean?
---@return moonlink.Error? err
function loaded.clear(session, how)
   local list = loaded.list(session)
   for i = #list, 1, -1 do
      if list[i].unit:alive() then
         local ok, err = loaded.unload(session, list[i], how)
         if not ok then
            return nil, err
         end
      end
   end
   return true
end

--- Would inputs load once what is loaded has gone? In a linker of its own, which sees what stays:
--- packages, and what Lua code has loaded.
local function rehearse(session, inputs)
   local function stays(q)
      local address, _, _, owner = session.ln.session:find(q.name)
      for _, each in ipairs(session.loaded) do
         if each.unit.core == owner then
            return nil
         end
      end
      return address
   end
   local trial <close> = moonlink.new(session.ln.options)
   local what = table.move(inputs, 1, #inputs, 1, {})
   what.search = inputs.search
   what.scope = {"self", "archives", stays, "process", "fallback"}
   return trial:check(what)
end

--- The same where nothing but names can go: the new ones take the place of the old ones.
local function succeed(session, words, inputs, prototypes)
   local old = lists.append({}, loaded.list(session))
   inputs.duplicate = "last"
   local new, err = enter(session, words, inputs, prototypes)
   for i = #old, new and 1 or #old + 1, -1 do
      old[i].unit:unload "orphan"
   end
   loaded.list(session)
   return new, err
end

--- Loads files in the place of all that is loaded. What is loaded stays when the files could not be
--- loaded, as far as that can be known without running them.
---@param session moonlink.repl.Session
---@param words string[]
---@return moonlink.repl.Loaded?
---@return moonlink.Error? err
function loaded.replace(session, words)
   if #loaded.list(session) == 0 then
      return loaded.add(session, words)
   end
   local inputs, more = inputs_of(session, words)
   if not inputs then
      return nil, more
   elseif session.hs then
      return succeed(session, words, inputs, more)
   end
   local ok, err = rehearse(session, inputs)
   session.finish()
   if ok then
      ok, err = loaded.clear(session)
   end
   if not ok then
      return nil, err
   end
   return enter(session, words, inputs, more)
end

local function has_haskell(words)
   for _, word in ipairs(words) do
      if is_file(word) and source.is_haskell(word) then
         return true
      end
   end
   return false
end

--- Modules that were loaded after one of Haskell may have imported it, and have parts of it inside
--- that no linker sees: they are compiled again, too.
---@return {loaded: moonlink.repl.Loaded, inputs: table}[]?
---@return string[]|moonlink.Error prototypes of all, or the error
local function importers(session, each, prototypes)
   local out, all, later = {}, lists.append({}, prototypes), false
   for _, other in ipairs(has_haskell(each.words) and session.loaded or {}) do
      if later and has_haskell(other.words) then
         local inputs, more = inputs_of(session, other.words)
         if not inputs then
            return nil, more
         end
         out[#out + 1] = {loaded = other, inputs = inputs}
         lists.append(all, more)
      end
      later = later or other == each
   end
   return out, all
end

--- Loads one again; the old version stays when that fails.
---@param session moonlink.repl.Session
---@param each moonlink.repl.Loaded
---@return moonlink.ReloadReport?
---@return moonlink.Error? err
function loaded.reload(session, each)
   local inputs, prototypes = inputs_of(session, each.words)
   if not inputs then
      return nil, prototypes
   end
   inputs.search = nil -- as it was
   if session.hs then
      local others, all = importers(session, each, prototypes)
      if not others then
         return nil, all
      end
      local report, err = haskell.reload(session, each, inputs, others)
      declare_all(session, report and all or {})
      return report, err
   end
   local unit, report = each.unit:reload {inputs = inputs}
   session.finish()
   if not unit then
      return nil, report
   end
   declare_all(session, prototypes)
   return report
end

--- The files among words.
---@param words string[]
---@return string[]
function loaded.files(words)
   local out = {}
   for _, word in ipairs(words) do
      out[#out + 1] = is_file(word) and word or nil
   end
   return out
end

return loaded
