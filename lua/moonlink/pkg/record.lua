--- Packages as Lua tables: short fields are there, lists and long texts come at first use.
-- A record answers to the field names of the text format with _ in place of - (exposed_modules),
-- and to `file` and `extra`, a list of { name=, value= } with the fields that no format knows.
-- A field that is absent is "", false or an empty table. `pairs` shows all fields; a value that was
-- assigned stays. Record number [0] is the package's place in its `infos`.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local errors = require "moonlink.error"

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

-- Texts that the text format cannot hold as they are: what is said of them, by pattern.
local UNREADABLE = {
   {"\n%s*%-%-", "a line of it begins with -- and will be read as a comment"},
   {"^%s*%-%-.*\n", "a line of it begins with -- and will be read as a comment"},
   {"^%s*{", "it begins with a brace and will be read as something else"},
}

local function mend_text(text)
   text = text:gsub("\r\n?", "\n"):gsub("[%z\1-\8\11-\31\127]", "\u{FFFD}")
   return (text:gsub("[ \t]+\n", "\n"):gsub("^%s*\n", ""):gsub("%s+$", ""))
end

--- A package of an old database as today's text format holds it: a plain table whose key is the
--- id. Control characters in texts become U+FFFD.
---@param p table record or plain table
---@return table
---@return string[] warnings what is lost or will be read as something else
function record.modern(p)
   local copy, warnings = record.copy(p), {}
   copy.key = copy.key ~= "" and copy.key or copy.id
   local function warn(name, text)
      warnings[#warnings + 1] = ("%s: %s: %s"):format(copy.id or copy.name or "?", name, text)
   end
   if copy.hugs_options and #copy.hugs_options > 0 then
      warn("hugs-options", "the text format has lost this field")
      copy.hugs_options = nil
   end
   for _, field in ipairs(core.pkg.fields) do
      local text = copy[field.name]
      if field.kind == "text" and text and text ~= "" then
         copy[field.name] = mend_text(text)
         for _, rule in ipairs(UNREADABLE) do
            if copy[field.name]:find(rule[1]) then
               warn(field.text, rule[2])
               break
            end
         end
      end
   end
   return copy, warnings
end

--- Packages as the core has them. A field of a wrong type is a mistake of the program's.
---@param list table[] records or plain tables
---@return userdata?
---@return moonlink.Error?
function record.infos(list)
   local good, infos, err = pcall(core.pkg.make, list)
   if good then
      return infos, err
   elseif type(infos) == "string" and infos:find "^package %d+: " then
      errors.mistake("%s", infos)
   end
   error(infos, 0)
end

--- Packages as a database of the old format.
---@param list table[] records or plain tables
---@param shape "6.6"|"6.10"|"6.12"
---@return string? bytes
---@return string[]|moonlink.Error warnings what that GHC's record has no room for
function record.old(list, shape)
   local infos, err = record.infos(list)
   if not infos then
      return nil, err
   end
   local bytes, warnings = infos:show(shape), {}
   for i, warning in ipairs(infos:warnings()) do
      warnings[i] = warning.text
   end
   return bytes, warnings
end

--- The text of a package: what `ghc-pkg describe` prints.
---@param p table record or plain table
---@param options { pkgroot: string?, extra: boolean? }? extra = false leaves out unknown fields
---@return string?
---@return moonlink.Error?
function record.print(p, options)
   local infos, err = record.infos {p}
   if not infos then
      return nil, err
   end
   return infos:print(1, options)
end

return record
