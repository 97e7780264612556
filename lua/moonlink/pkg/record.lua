--- Packages as Lua tables: short fields are there, lists and long texts come at first use.
-- A record answers to the field names of the text format with _ in place of - (exposed_modules),
-- and to `file` and `extra`, a list of { name=, value= } with the fields that no format knows.
-- A field that is absent is "", false or an empty table. `pairs` shows all fields; a value that was
-- assigned stays. Record number [0] is the package's place in its `infos`.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"

local record = {}

---@class moonlink.pkg.Record
---@field id string
---@field name string
---@field version string
---@field license string
---@field exposed boolean
---@field trusted boolean
---@field depends string[]
---@field exposed_modules string[] "Mod", or "Mod from unit:Mod2"
---@field hidden_modules string[]
---@field extra { name: string, value: string }[]
---@field file? string

--- Field names in the order of the text format, and name -> "word", "text", "bool" or "list".
---@type string[], table<string, string>
record.names, record.kinds = {}, {}
for i, field in ipairs(core.pkg.fields) do
   record.names[i] = field.name
   record.kinds[field.name] = field.kind
end

local absent = { word = "", bool = false }

-- The metatable of the records of one infos.
local function metatable(infos)
   local mt = { infos = infos }
   function mt.__index(p, key)
      local kind = record.kinds[key]
      local value = absent[kind]
      if value == nil and (kind or key == "extra") then
         value = infos:field(p[0], key)
         rawset(p, key, value)
      end
      return value
   end
   function mt.__pairs(p)
      for i = 1, #record.names do
         local _ = p[record.names[i]]
      end
      local i, stateless = 0, { "extra", "file", "db" }
      return function()
         while true do
            i = i + 1
            local name = record.names[i] or stateless[i - #record.names]
            if name == nil then
               return nil
            end
            local value = p[name]
            if value ~= nil then
               return name, value
            end
         end
      end
   end
   return mt
end

--- All packages that were parsed, as records.
---@param infos moonlink.core.Packages
---@return moonlink.pkg.Record[]
function record.all(infos)
   return infos:records(metatable(infos))
end

--- The infos and the number of a record in it, as it was read; nothing for a plain table.
---@param p table
---@return moonlink.core.Packages?
---@return integer?
function record.source(p)
   local mt = getmetatable(p)
   if mt and mt.infos and p[0] then
      return mt.infos, p[0]
   end
end

--- A plain table with all fields of a record or of a plain table; lists are copies.
---@param p table
---@return table
function record.copy(p)
   local copy = { file = p.file }
   for name, kind in pairs(record.kinds) do
      local value = p[name]
      if kind == "list" and value then
         copy[name] = table.move(value, 1, #value, 1, {})
      else
         copy[name] = value
      end
   end
   local extra = p.extra or {}
   copy.extra = table.move(extra, 1, #extra, 1, {})
   return copy
end

--- The text of a package: what `ghc-pkg describe` prints.
---@param p table record or plain table
---@param options { pkgroot: string?, extra: boolean? }? extra = false leaves out unknown fields
---@return string?
---@return moonlink.Error?
function record.print(p, options)
   local infos, err = core.pkg.make { p }
   if not infos then
      return nil, err
   end
   return infos:print(1, options)
end

return record
