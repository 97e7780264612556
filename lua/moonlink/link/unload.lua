--- Unloading: who uses a unit, in words, and what to do about it.
-- SPDX-License-Identifier: MIT

local call = require "moonlink.call"
local core = require "moonlink.core"
local errors = require "moonlink.error"
local given = require "moonlink.given"
local lists = require "moonlink.lists"
local roster = require "moonlink.link.roster"

local unload = {}

local modes = {refuse = true, wait = true, orphan = true, force = true}

--- Seconds between two looks while waiting.
local PAUSE = 0.001
--- How often a unit is tried that somebody uses, and whom nobody finds then.
local TRIES = 3

local function plural(n, noun)
   return n == 1 and ("1 %s"):format(noun) or ("%d %ss"):format(n, noun)
end

local function numbers(user)
   local text = table.concat(user.threads, ", ")
   return ("%s %s"):format(user.count == 1 and "thread" or "threads", text)
end

--- "thread 12 runs and blocks signals: it cannot be asked"
local function silent(list)
   local parts = {}
   for i, user in ipairs(list) do
      local one = user.count == 1
      if user.threads[1] == 0 then
         parts[i] = "the threads of the process could not be listed"
      else
         local why = one and user.why or user.why:gsub("runs and blocks", "run and block")
            :gsub("does", "do")
         parts[i] = ("%s %s: %s cannot be asked"):format(numbers(user), why, one and "it" or "they")
      end
   end
   return table.concat(parts, "; ")
end

--- "2 units import from it (y.o: foo, bar; z.o: foo)"
local function units(list)
   local parts = {}
   for i, user in ipairs(list) do
      local what = #user.symbols > 0 and table.concat(user.symbols, ", ") or "by a pointer"
      parts[i] = ("%s: %s"):format(user.name, what)
   end
   return ("%s %s from it (%s)"):format(plural(#list, "unit"), #list == 1 and "imports" or "import",
      table.concat(parts, "; "))
end

--- "Lua has 2 functions of it (add, sub)"
local function functions(list)
   local names = {}
   for i, user in ipairs(list) do
      names[i] = user.name or "?"
   end
   names = lists.unique(names)
   table.sort(names)
   return ("Lua has %s of it (%s)"):format(plural(#list, "function"), table.concat(names, ", "))
end

local phrases = {
   {"unit", units},
   {"function", functions},
   {"call", function(list)
      return ("%s in flight"):format(plural(list[1].count, "call"))
   end},
   {"linker", function(list)
      return ("%s of other linkers use%s it"):format(plural(list[1].count, "unit"),
         list[1].count == 1 and "s" or "")
   end},
   {"exit handler", function(list)
      return ("thread-exit handlers are pending (%s)"):format(numbers(list[1]))
   end},
   {"on_exit", function()
      return "it may have handlers registered with on_exit, which cannot be taken back"
   end},
   {"classes", function()
      return "its classes are known to an Objective-C library that stays and takes none back"
   end},
   {"thread", function(list)
      return ("code of it is on the stack of %s"):format(numbers(list[1]))
   end},
   {"silent thread", silent},
}

local hints = {
   unit = "unload those units",
   ["function"] = "drop those functions (f = nil)",
   call = "let that call return",
   linker = "close those linkers",
   ["exit handler"] = "end those threads",
   classes = "unload all else that uses that library",
   thread = "end those threads",
   ["silent thread"] = "end those threads",
}

local waits = {["exit handler"] = true, thread = true, ["silent thread"] = true}

--- Who uses the unit, as a sentence, and what can be done about it.
local function describe(users)
   local of = {}
   for _, user in ipairs(users) do
      of[user.kind] = of[user.kind] or {}
      table.insert(of[user.kind], user)
   end
   local parts, todo, patience = {}, {}, true
   for _, phrase in ipairs(phrases) do
      local kind, words = phrase[1], phrase[2]
      if of[kind] then
         parts[#parts + 1] = words(of[kind])
         patience = patience and waits[kind]
         if hints[kind] and hints[kind] ~= todo[#todo] then
            todo[#todo + 1] = hints[kind]
         end
      end
   end
   local first = #todo > 0 and table.concat(todo, ", ") .. " first; or " or ""
   local hint = ('%schoose %s"orphan" (only its names go) or "force" (users end, too)')
      :format(first, patience and '"wait", ' or "")
   return table.concat(parts, "; "), hint
end

local function refused(unit, users)
   local who, hint = describe(users)
   return errors.new {
      code = "state", file = unit.name, users = users, reason = who,
      message = ("unload of '%s' refused: %s"):format(unit.name, who),
      hint = hint,
   }
end

---@class moonlink.User: moonlink.core.User
---@field unit? moonlink.LoadedUnit of kind "unit"

--- Who uses a unit now.
---@param unit moonlink.LoadedUnit
---@return moonlink.User[]
function unload.users(unit)
   local users = unit.core:users()
   for _, user in ipairs(users) do
      user.unit = user.unit and roster.of(unit.linker, user.unit)
   end
   return users
end

--- Those who use it; functions that nobody has any more are collected first.
local function users_of(unit)
   local users = unload.users(unit)
   for _, user in ipairs(users) do
      if user.kind == "function" then
         call.forget(unit.linker, unit.core)
         collectgarbage()
         return unload.users(unit)
      end
   end
   return users
end

--- Waits for other threads; what this thread itself would have to do is refused at once.
local function wait(unit, timeout)
   local till = timeout and core.now() + timeout
   while true do
      local users = users_of(unit)
      if #users == 0 then
         return true
      end
      for _, user in ipairs(users) do
         if not waits[user.kind] then
            return nil, refused(unit, users)
         end
      end
      if till and core.now() >= till then
         return nil, refused(unit, users)
      end
      core.sleep(PAUSE)
   end
end

--- The core looks who is there; only when there is somebody, it is asked who.
local function attempt(unit, how)
   local ok, err
   for _ = 1, TRIES do
      ok, err = unit.core:unload(how)
      if ok or how ~= "refuse" or err.code ~= "state" then
         break
      end
      local users = users_of(unit)
      if #users > 0 then
         return nil, refused(unit, users)
      end -- else they have gone meanwhile
   end
   return ok, err
end

--- The error for a unit that a runtime's heap may refer to in ways that no linker sees; nil when
--- there is none. Its names can go, its memory goes with the runtime.
---@param unit moonlink.LoadedUnit
---@param what string "unload", "reload"
---@return moonlink.Error?
function unload.kept(unit, what)
   local keeper = unit.linker.keeper
   return keeper and errors.new {
      code = "state", file = unit.name, reason = keeper.who .. " may refer to it",
      message = ("%s of '%s' refused: %s may refer to it"):format(what, unit.name, keeper.who),
      hint = keeper[what],
   } or nil
end

local KNOWN = {how = "string", timeout = "number"}

--- Takes a unit out of the process: see methods:unload in unit.lua.
---@param unit moonlink.LoadedUnit
---@param how? string|{how?: string, timeout?: number}
---@return boolean?
---@return moonlink.Error? err
function unload.run(unit, how)
   local timeout
   if type(how) == "table" then
      given.options(how, KNOWN, "unload")
      timeout, how = how.timeout, how.how or "wait"
   end
   how = how or "refuse"
   if not modes[how] then
      errors.mistake('unload: "refuse", "wait", "orphan" or "force" expected, got %s',
         type(how) == "string" and ("'%s'"):format(how) or type(how))
   end
   local kept = how ~= "orphan" and unload.kept(unit, "unload")
   if kept then
      return nil, kept
   end
   if how == "wait" then
      local ok, err = wait(unit, timeout)
      if not ok then
         return nil, err
      end
   end
   return attempt(unit, how == "wait" and "refuse" or how)
end

return unload
