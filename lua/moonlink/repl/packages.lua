--- `:package` and `:packages`: plans of package databases, loaded into a session.
-- SPDX-License-Identifier: MIT

local errors = require "moonlink.error"
local haskell = require "moonlink.repl.haskell"
local lists = require "moonlink.lists"
local show_table = require "moonlink.show.table"

local packages = {}

local function open(session)
   local pkg = require "moonlink.pkg"
   local list = {}
   for i, path in ipairs(session.databases) do
      local db, err = pkg.open(path)
      if not db then
         return nil, err
      end
      list[i] = db
   end
   if #list == 0 then
      return nil, errors.new {
         code = "argument", message = "no package database is known",
         hint = "`:set databases PATH`, or start with --package-db PATH; with a ghc on PATH its "
            .. "packages are known",
      }
   end
   return list
end

local function say(session, ids)
   session.out(("loaded %d package%s%s\n"):format(#ids, #ids == 1 and "" or "s",
      #ids > 0 and ": " .. table.concat(ids, ", ") or ""))
   return true
end

--- Loads packages with all below them. Without a database of ours they are GHC's.
---@param session moonlink.repl.Session
---@param names string[]
---@return boolean?
---@return any err
function packages.load(session, names)
   if #names == 0 then
      return nil, "`:package` takes names"
   elseif session.hs or #session.databases == 0 and haskell.available(session) then
      local ids, why = haskell.packages(session, names)
      return ids and say(session, ids), why
   end
   local databases, err = open(session)
   if not databases then
      return nil, err
   end
   local plan, held
   plan, err = require "moonlink.pkg.plan".new(databases, names)
   if not plan then
      return nil, err
   end
   held, err = session.ln:load(plan)
   session.finish()
   if not held then
      return nil, err
   end
   table.insert(session.held, {plan = held, names = names})
   return say(session, packages.ids(plan))
end

--- The ids of a plan's packages, dependencies first.
---@param plan moonlink.pkg.Plan
---@return string[]
function packages.ids(plan)
   return lists.field(plan.units, "id")
end

--- Lets go what a `:package` has loaded, by one of the names that were typed there. Packages that
--- another one still needs stay.
---@param session moonlink.repl.Session
---@param name string
---@param how? string as of unit:unload
---@return boolean? nil without an error: nothing was loaded under that name
---@return any err
function packages.unload(session, name, how)
   for i, each in ipairs(session.held) do
      for _, given in ipairs(each.names) do
         if given == name then
            local ok, err = each.plan:unload(how)
            if ok then
               table.remove(session.held, i)
            end
            return ok, err
         end
      end
   end
end

--- Lets all go, the latest first.
---@param session moonlink.repl.Session
---@param how? string
---@return boolean?
---@return any err
function packages.clear(session, how)
   while #session.held > 0 do
      local ok, err = session.held[#session.held].plan:unload(how)
      if not ok then
         return nil, err
      end
      table.remove(session.held)
   end
   return true
end

--- The packages that are loaded, as a table; those that databases know, when there are databases.
---@param session moonlink.repl.Session
---@return boolean?
---@return any err
function packages.list(session)
   local rows, there = {}, {}
   for _, p in ipairs(session.ln:packages()) do
      there[p.id] = true
      rows[#rows + 1] = {p.id, "loaded", p.memory, p.count, p.database}
   end
   local databases, err = {}, nil
   if #session.databases > 0 then
      databases, err = open(session)
   end
   for _, db in ipairs(databases or {}) do
      for _, p in ipairs(db.packages) do
         if not there[p.id] then
            rows[#rows + 1] = {p.id, p.exposed and "" or "hidden", "", "", db.path}
         end
      end
   end
   if not databases then
      return nil, err
   end
   session.out(#rows == 0 and "no packages\n" or show_table.text({
      {title = "package"}, {title = "state"}, {title = "bytes", right = true},
      {title = "held by", right = true}, {title = "database"},
   }, rows) .. "\n")
   return true
end

return packages
