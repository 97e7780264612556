--- Commands that ask: `:type`, `:why`, `:map`, `:show`, `:try`, and `:cdef`.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local ctype = require "moonlink.call.ctype"
local evaluate = require "moonlink.repl.evaluate"
local loaded = require "moonlink.repl.loaded"
local moonlink = require "moonlink"
local pattern = require "moonlink.pattern"
local settings = require "moonlink.repl.settings"
local show = require "moonlink.repl.show"
local show_map = require "moonlink.show.map"
local show_table = require "moonlink.show.table"

local ask = {}

--- The type of a name, or of what a call of a declared function gives.
function ask.type(session, text)
   local name, rest = text:match "^([%a_][%w_]*)%s*(.-)%s*;?$"
   if not name then
      return nil, "`:type` takes a name, or a call of a declared function"
   end
   local types = session.ln.types
   local called = types:find("functions", name)
   if called and rest:find "^%b()$" then
      session.out(("%s: %s\n"):format(text, ctype.show(called.type.result)))
      return true
   elseif rest ~= "" then
      return nil, ("'%s' is no declared function"):format(name)
   end
   local value = rawget(session.env, name)
   local is_c = called or types:find("data", name) or types:find("constants", name)
   if value == nil and (is_c or session:defines(name) and _G[name] == nil) then
      session.out(session:describe(name) .. "\n")
      return true
   end
   if value == nil then
      value = _G[name]
   end
   local t = types:find("typedefs", name)
   if value == nil and t then
      session.out(("%s: %s\n"):format(name, ctype.show(t.type)))
   elseif value == nil then
      return nil, ("nothing is called '%s'"):format(name)
   else
      session.out(("%s: %s of Lua\n"):format(name, math.type(value) or type(value)))
   end
   return true
end

--- Says what a name means, in the session or in a load of files that is only tried.
function ask.why(session, given)
   local name = table.remove(given, 1)
   if not name then
      return nil, "`:why` takes a name"
   end
   local explanation, err
   if #given > 0 then
      explanation, err = session.ln:why(given, name)
      session.finish()
   else
      explanation, err = session.ln:explain(name)
   end
   if explanation then
      session.out(tostring(explanation) .. "\n")
   end
   return explanation ~= nil or nil, err
end

--- Prints the link map of the unit that is named, or of all.
function ask.map(session, given)
   local units = {}
   if given[1] then
      local each, err = loaded.find(session, given[1])
      if not each then
         return nil, err
      end
      units[1] = each.unit
   else
      units = session.ln:units()
   end
   if #units == 0 then
      return nil, "nothing is loaded"
   end
   for _, unit in ipairs(units) do
      session.out(("%s\n%s\n"):format(unit.name, show_map.text(unit:map())))
   end
   return true
end

local function user_text(user)
   local name = user.name or user.unit and user.unit.name
   return user.count and user.count > 1 and ("%d %ss"):format(user.count, user.kind)
      or name and ("%s %s"):format(user.kind, name) or user.kind
end

--- Everything that is loaded, with or without its users.
local function show_loaded(session, with_users)
   local rows = {}
   if with_users then
      call.forget(session.ln, "all") -- what the session itself has bound is no user
      collectgarbage()
   end
   for _, unit in ipairs(session.ln:units()) do
      local users = {}
      for i, user in ipairs(with_users and unit:users() or {}) do
         users[i] = user_text(user)
      end
      rows[#rows + 1] = {unit.name, unit.version, ("%#x"):format(unit.stats.base or 0),
         unit.stats.memory or 0, table.concat(users, ", ")}
   end
   session.out(#rows == 0 and "nothing is loaded\n" or show_table.text({
      {title = "name"}, {title = "version", right = true}, {title = "address"},
      {title = "bytes", right = true}, {title = with_users and "used by" or ""},
   }, rows) .. "\n")
end

local function show_declared(session)
   local names = {}
   for _, room in ipairs {"functions", "data", "constants"} do
      for name in pairs(session.ln.types[room]) do
         names[#names + 1] = name
      end
   end
   table.sort(names)
   for _, name in ipairs(names) do
      session.out(session:describe(name) .. "\n")
   end
end

--- Names that units define and that match a pattern of Lua.
local function show_names(session, wanted)
   local why = pattern.mistake(wanted)
   if why then
      return nil, why
   end
   local rows = {}
   for _, unit in ipairs(session.ln:units()) do
      for e in unit:symbols {exported = true} do
         if e.name:find(wanted) then
            rows[#rows + 1] = {e.name, e.type, ("%#x"):format(e.address), e.size, unit.name}
         end
      end
   end
   session.out(#rows == 0 and "no name matches\n" or show_table.text({
      {title = "name"}, {title = "type"}, {title = "address"}, {title = "bytes", right = true},
      {title = "in"},
   }, rows) .. "\n")
   return true
end

--- Settings, those that are named or all.
function ask.settings(session, names)
   for _, name in ipairs(names[1] and names or settings.names()) do
      session.out(("%-12s %s\n"):format(name, settings.show(session, name)))
   end
   return true
end

--- Lists what is loaded, its users, what is declared, the settings, or names.
function ask.show(session, given)
   local what = given[1] or "loaded"
   if what == "loaded" or what == "users" then
      show_loaded(session, what == "users")
   elseif what == "declared" then
      show_declared(session)
   elseif what == "settings" then
      return ask.settings(session, {})
   else
      return show_names(session, what == "names" and (given[2] or "") or what)
   end
   return true
end

--- Runs Lua in a child process and prints what came of it.
function ask.try(session, text)
   local input = evaluate.classify(session, text)
   if input.kind ~= "lua" then
      return nil, input.message or "`:try` takes a call or Lua"
   end
   session.system:flush()
   local run, err = moonlink.isolate(input.chunk, {timeout = session.timeout})
   local output = run and run.output or err and err.output
   if output and output ~= "" then
      session.out(output:find "\n$" and output or output .. "\n")
   end
   if not run then
      local advice = evaluate.advise(session, tostring(err))
      return nil, type(advice) == "table" and advice or err
   end
   local shown = {}
   for i = 1, run.n do
      shown[i] = show.value(run[i])
   end
   session.out(#shown > 0 and table.concat(shown, "  ") .. "\n" or "")
   return true
end

--- Declares C.
function ask.cdef(session, text)
   if text == "" then
      return nil, "`:cdef` takes declarations"
   end
   return evaluate.declare(session, text)
end

return ask
