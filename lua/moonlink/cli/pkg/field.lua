--- moonlink pkg field: some fields of some packages.
-- SPDX-License-Identifier: MIT

local context = require "moonlink.cli.pkg.context"
local describing = require "moonlink.cli.pkg.describing"
local fields = require "moonlink.pkg.fields"
local index = require "moonlink.pkg.index"
local json = require "moonlink.show.json"
local opened = require "moonlink.cli.pkg.opened"
local variables = require "moonlink.pkg.variables"

local field = {
   name = "field",
   summary = "Print fields of a package; the names of several have commas between them.",
   usage = "field PACKAGE FIELD[,FIELD...]",
   least = 2, most = 2,
}

--- The text of a field that the format does not know but a description has.
local function extra_value(p, name)
   for _, extra in ipairs(p.extra or {}) do
      if extra.name == name then
         return extra.value
      end
   end
end

--- The fields that are asked for; "x-..." is one when some package has it.
local function parse_names(text, is_extra)
   local _, by_name = fields.all()
   local list = {}
   for name in (text .. ","):gmatch "([^,]*)," do
      local known = by_name[name]
      if not known and name:sub(1, 2) == "x-" and is_extra(name) then
         known = {name = name, key = name, kind = "text", extra = true}
      end
      list[#list + 1] = known or context.fail("unknown field: %s", name)
   end
   return list
end

--- A package as far as it is asked for, with variables expanded unless they shall stay.
local function values_of(ctx, p, asked, roots)
   local stays = ctx:last("--expand-pkgroot", "--no-expand-pkgroot") == "--no-expand-pkgroot"
   local values = {}
   for _, each in ipairs(asked) do
      local value = p[each.key]
      if each.extra then
         value = extra_value(p, each.name)
      elseif each.key == "visibility" and value == "" then
         value = p.lib_name ~= "" and "private" or "public"
      elseif not stays then
         value = variables.value(each.key, value, roots)
      end
      values[each.key] = value
   end
   return values
end

local function has_extra(databases, name)
   for _, p in ipairs(index.packages(databases)) do
      if extra_value(p, name) then
         return true
      end
   end
   return false
end

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer status
function field.run(ctx, args)
   local wanted = ctx:selection(args[1])
   local databases = ctx:databases()
   local asked = parse_names(args[2], function(name)
      return has_extra(databases.asked, name)
   end)
   local shown = {}
   for _, list in ipairs(opened.find(databases.asked, wanted)) do
      local roots = databases.stack:roots(list.db.path)
      for _, p in ipairs(list.packages) do
         local values = values_of(ctx, p, asked, roots)
         if ctx:has "--json" then
            shown[#shown + 1] = describing.json(values, asked)
         else
            for _, each in ipairs(asked) do
               ctx.out(fields.show(each, values[each.key], ctx:has "--simple-output"), "\n")
            end
         end
      end
   end
   if ctx:has "--json" then
      ctx:json(json.list(shown))
   end
   return 0
end

return field
