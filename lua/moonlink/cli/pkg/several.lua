--- What the commands that look at many packages at once share.
-- SPDX-License-Identifier: MIT

local context = require "moonlink.cli.pkg.context"
local ids = require "moonlink.pkg.ids"
local select = require "moonlink.pkg.select"

local several = {}

--- All packages of several databases, in their order.
---@param databases moonlink.pkg.Database[]
---@return moonlink.pkg.Package[]
function several.packages(databases)
   local all = {}
   for _, db in ipairs(databases) do
      table.move(db.packages, 1, #db.packages, #all + 1, all)
   end
   return all
end

--- How a package is listed.
---@param ctx moonlink.cli.pkg.Context
---@param p moonlink.pkg.Package
---@return string
function several.shown(ctx, p)
   return ctx:has "--show-unit-ids" and ids.unit(p) or ctx:has "--names-only" and p.name
      or ids.package(p)
end

--- Unit ids of the packages that words mean; one that means none ends the command.
---@param ctx moonlink.cli.pkg.Context
---@param databases moonlink.pkg.Database[]
---@param words string[]
---@return string[]
function several.units(ctx, databases, words)
   local units = {}
   for _, word in ipairs(words) do
      local wanted, found = ctx:selection(word), false
      for _, db in ipairs(databases) do
         for _, p in ipairs(select.find(db, wanted)) do
            units[#units + 1], found = ids.unit(p), true
         end
      end
      if not found then
         context.fail("cannot find package %s", wanted.shown)
      end
   end
   return units
end

return several
