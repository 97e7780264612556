--- What `describe` and `dump` print: whole descriptions, as `register` takes them.
-- SPDX-License-Identifier: MIT

local fields = require "moonlink.pkg.fields"
local hs = require "moonlink.pkg.hs_string"
local json = require "moonlink.show.json"
local record = require "moonlink.pkg.record"
local variables = require "moonlink.pkg.variables"

local describing = {}

-- As ghc-pkg, which drops the fields that it does not know; --json and `field` tell them.
local KNOWN = {extra = false}

--- The text of a package; one that was read need not be made again.
local function text_of(p)
   local infos, i = record.source(p)
   if infos then
      return assert(infos:print(i, KNOWN))
   end
   return assert(record.print(p, KNOWN))
end

--- With --expand-pkgroot a description says all paths in full; without it, it says behind it what
--- its variables stand for.
local function print_text(ctx, p, roots)
   if ctx:last("--expand-pkgroot", "--no-expand-pkgroot") == "--expand-pkgroot" then
      ctx.out(text_of(variables.expand(record.copy(p), roots)))
   else
      ctx.out(text_of(p), "pkgroot: ", hs.show(roots.pkgroot), "\n")
   end
end

local function is_absent(value)
   return value == nil or value == "" or type(value) == "table" and #value == 0
end

--- Fields of a package under their names in the text format, for JSON; absent ones are left out.
---@param p moonlink.pkg.Package
---@param list moonlink.pkg.Field[] which
---@return table
function describing.json(p, list)
   local out = {}
   for _, field in ipairs(list) do
      local value = p[field.key]
      if field.kind == "bool" then
         out[field.name] = value or false
      elseif not is_absent(value) then
         out[field.name] = value
      end
   end
   return out
end

local function print_json(ctx, databases, lists)
   local all, out = fields.all(), json.list {}
   local expands = ctx:last("--expand-pkgroot", "--no-expand-pkgroot") == "--expand-pkgroot"
   for _, list in ipairs(lists) do
      local roots = databases.stack:roots(list.db.path)
      for _, p in ipairs(list.packages) do
         local shown = describing.json(expands and variables.expand(p, roots) or p, all)
         for _, extra in ipairs(p.extra or {}) do
            shown[extra.name] = extra.value
         end
         shown.pkgroot, shown.database = roots.pkgroot, list.db.path
         out[#out + 1] = shown
      end
   end
   ctx:json(out)
end

--- Prints packages of several databases.
---@param ctx moonlink.cli.pkg.Context
---@param databases moonlink.cli.pkg.Opened
---@param lists {db: table, packages: moonlink.pkg.Package[]}[]
function describing.print(ctx, databases, lists)
   if ctx:has "--json" then
      return print_json(ctx, databases, lists)
   end
   local is_first = true
   for _, list in ipairs(lists) do
      local roots = databases.stack:roots(list.db.path)
      for _, p in ipairs(list.packages) do
         ctx.out(is_first and "" or "---\n")
         print_text(ctx, p, roots)
         is_first = false
      end
   end
   ctx.out "\n"
end

return describing
