--- moonlink pkg diff: what two databases say differently. Status 0 when they agree, 1 when not.
-- SPDX-License-Identifier: MIT

local database = require "moonlink.pkg.database"
local differences = require "moonlink.pkg.diff"
local json = require "moonlink.show.json"

local diff = {
   name = "diff",
   summary = "Show what two databases say differently; status 1 when they do.",
   usage = "diff DB1 DB2",
   least = 2, most = 2,
}

local function print_json(ctx, found)
   local out = json.list {}
   for i, each in ipairs(found) do
      local fields = json.list {}
      for j, field in ipairs(each.fields or {}) do
         fields[j] = {name = field.name:gsub("_", "-"), old = field.old, new = field.new}
      end
      out[i] = {
         id = each.id, name = each.name, fields = fields,
         change = not each.new and "removed" or not each.old and "added" or "changed",
      }
   end
   ctx:json(out)
end

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer? status
---@return any err
function diff.run(ctx, args)
   local sides = {}
   for i, path in ipairs(args) do
      local db, err = database.open(path)
      if not db then
         return nil, err
      end
      sides[i] = db.packages
   end
   local found = differences.packages(sides[1], sides[2])
   if ctx:has "--json" then
      print_json(ctx, found)
   elseif found[1] then
      ctx.out(("--- %s\n+++ %s\n"):format(args[1], args[2]),
         table.concat(differences.lines(found), "\n"), "\n")
   end
   return found[1] and 1 or 0
end

return diff
