--- What is typed and is no command: a C declaration, or Lua in which declared C names are functions
-- and variables. Lua comes first: what compiles as Lua is Lua.
-- SPDX-License-Identifier: MIT

local declare = require "moonlink.repl.declare"
local errors = require "moonlink.error"
local haskell = require "moonlink.repl.haskell"
local show = require "moonlink.repl.show"

local evaluate = {}

local CHUNK = "=input"

--- Where Lua code of a session finds names: its own variables, then C, then Lua's globals.
---@param session moonlink.repl.Session
---@return table
function evaluate.environment(session)
   local ln = session.ln
   local function is_c(name)
      local types = ln.types
      return type(name) == "string" and (types:find("functions", name) or types:find("data", name)
         or types:find("constants", name)) ~= nil
   end
   return setmetatable({ln = ln, moonlink = require "moonlink"}, {
      __index = function(_, name)
         local declared = session.hs and is_c(name) and ln.types:find("functions", name)
         if declared then
            return haskell.func(session, name, declared)
         elseif is_c(name) then
            return ln.c[name]
         elseif session.hs and _G[name] == nil and type(name) == "string" and name:find "^%u" then
            return haskell.module(session, name)
         end
         return _G[name]
      end,
      __newindex = function(self, name, value)
         if is_c(name) and ln.types:find("data", name) then
            ln.c[name] = value
         else
            rawset(self, name, value)
         end
      end,
   })
end

local function compile(text, env)
   local chunk, as_value = load("return " .. text, CHUNK, "t", env)
   if chunk then
      return chunk, true
   end
   local why
   chunk, why = load(text, CHUNK, "t", env)
   return chunk, false, as_value:find "<eof>$" and as_value or why
end

--- Brackets that are open at the end of a C text.
local function is_open(text)
   local plain = text:gsub("/%*.-%*/", ""):gsub("//[^\n]*", ""):gsub('"[^"\n]*"', "")
   local depth = 0
   for bracket in plain:gmatch "[%[%]{}()]" do
      depth = depth + (bracket:find "[%[{(]" and 1 or -1)
   end
   return depth > 0
end

local lua_begins = {["function"] = true, ["local"] = true, ["return"] = true, ["for"] = true,
   ["while"] = true, ["if"] = true, ["repeat"] = true, ["do"] = true, ["goto"] = true}

local c_begins = {
   "^%s*#", "^%s*[%a_][%w_]*[%s*]+[%a_][%w_]*%s*[%[(;,=]", "^%s*struct%s", "^%s*union%s",
   "^%s*enum%s", "^%s*typedef%s", "^%s*extern%s",
}

--- Does a text look more like C than like Lua? For whose error is shown.
local function looks_like_c(text)
   if lua_begins[text:match "^%s*(%a+)" or ""] then
      return false
   end
   for _, pattern in ipairs(c_begins) do
      if text:find(pattern) then
         return true
      end
   end
   return false
end

---@class moonlink.repl.Input
---@field kind "lua"|"c"|"open"|"error"
---@field chunk? function
---@field is_value? boolean
---@field message? string

--- What a text is: Lua, C, the beginning of something, or a mistake. Nothing runs.
---@param session moonlink.repl.Session
---@param text string
---@return moonlink.repl.Input
function evaluate.classify(session, text)
   local chunk, is_value, why = compile(text, session.env)
   if chunk then
      return {kind = "lua", chunk = chunk, is_value = is_value}
   end
   local is_c, mistake = declare.parses(session.ln, text)
   if is_c then
      return {kind = "c"}
   elseif looks_like_c(text) then
      return {kind = is_open(text) and "open" or "error",
         message = mistake and tostring(mistake) or "this declares nothing"}
   end
   return {kind = why:find "<eof>$" and "open" or "error", message = why}
end

--- The declared function or variable whose value a text is: `add(2, 3)`, `counter`.
local function type_of(session, text)
   local name, rest = text:match "^%s*([%a_][%w_]*)%s*(.-)%s*;?%s*$"
   if not name or rawget(session.env, name) ~= nil then
      return nil
   end
   local types = session.ln.types
   local called = types:find("functions", name)
   if called and rest:find "^%b()$" then
      return called.type.result
   end
   local variable = rest == "" and types:find("data", name)
   return variable and variable.type or nil
end

--- Turns "attempt to call a nil value (global 'add')" into advice, when C has that name.
---@param session moonlink.repl.Session
---@param err any
---@return any err the same, or better
function evaluate.advise(session, err)
   local name = type(err) == "string" and err:match "%(global '([%a_][%w_]*)'%)"
   if name and session:defines(name) then
      return errors.new {
         code = "undefined", symbol = name,
         message = ("'%s' is there, but not declared"):format(name),
         hint = ("type its prototype, as in: int %s(int);"):format(name),
      }
   end
   return err
end

local function print_values(session, text, results)
   local t = results.n == 1 and type_of(session, text)
   if t then
      local shown = show.typed(results[1], t)
      session.out(shown and shown .. "\n" or "")
   elseif results.n > 0 then
      local out = {}
      for i = 1, results.n do
         out[i] = haskell.show(session, results[i]) or show.value(results[i])
      end
      session.out(table.concat(out, "  ") .. "\n")
   end
end

--- A name alone that has no value, but an address.
local function describe(session, text)
   local name = text:match "^%s*([%a_][%w_]*)%s*;?%s*$"
   if name and session:defines(name) then
      session.out(session:describe(name) .. "\n")
      return true
   end
end

--- Runs a chunk of Lua and prints what it gives.
---@param session moonlink.repl.Session
---@param text string
---@param input moonlink.repl.Input
---@return boolean? done
---@return any err
function evaluate.run(session, text, input)
   local results = table.pack(xpcall(input.chunk, function(err)
      return evaluate.advise(session, err)
   end))
   haskell.flush(session)
   if not results[1] then
      return nil, results[2]
   elseif not input.is_value then
      return true
   end
   table.remove(results, 1)
   results.n = results.n - 1
   if results.n == 1 and results[1] == nil and describe(session, text) then
      return true
   elseif results.n > 0 then
      rawset(session.env, "_", results[1])
      print_values(session, text, results)
   end
   return true
end

--- Declares, and says what was declared.
---@param session moonlink.repl.Session
---@param text string
---@return boolean? done
---@return any err
function evaluate.declare(session, text)
   local names, mistake = declare.text(session.ln, text)
   if not names then
      return nil, mistake
   end
   session.functions = {} -- they are of the types of before
   for _, room in ipairs {"functions", "data"} do
      for _, name in ipairs(names[room]) do
         rawset(session.env, name, nil)
         session.out(session:describe(name) .. "\n")
      end
   end
   return true
end

return evaluate
