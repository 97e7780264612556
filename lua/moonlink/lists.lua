--- Lists and tables: the small things that many modules ask of them. All but append and assign give
-- new ones.
-- SPDX-License-Identifier: MIT

local lists = {}

--- The keys of a table, sorted.
---@param of table<string, any>
---@return string[]
function lists.keys(of)
   local keys = {}
   for key in pairs(of) do
      keys[#keys + 1] = key
   end
   table.sort(keys)
   return keys
end

--- Puts the items of a second list behind those of the first.
---@param list any[]
---@param more any[]
---@return any[] list
function lists.append(list, more)
   return table.move(more, 1, #more, #list + 1, list)
end

--- Puts the fields of a second table, if there is one, into the first, where they win.
---@generic T: table
---@param to T
---@param fields? table
---@return T to
function lists.assign(to, fields)
   if fields then
      for key, value in pairs(fields) do
         to[key] = value
      end
   end
   return to
end

--- A table with the same fields.
---@generic T: table
---@param of T
---@return T
function lists.copy(of)
   return lists.assign({}, of)
end

--- The items at some places.
---@param list any[]
---@param places integer[]
---@return any[]
function lists.pick(list, places)
   local out = {}
   for i, place in ipairs(places) do
      out[i] = list[place]
   end
   return out
end

--- A field of each item.
---@param list table[]
---@param key string
---@return any[]
function lists.field(list, key)
   local out = {}
   for i, item in ipairs(list) do
      out[i] = item[key]
   end
   return out
end

---@param list any[]
---@param item any
---@return boolean
function lists.contains(list, item)
   for _, each in ipairs(list) do
      if each == item then
         return true
      end
   end
   return false
end

---@param list any[]
---@return any[]
function lists.reversed(list)
   local out = {}
   for i = #list, 1, -1 do
      out[#out + 1] = list[i]
   end
   return out
end

--- Each item once, where it stands first.
---@param list any[]
---@return any[]
function lists.unique(list)
   local seen, out = {}, {}
   for _, each in ipairs(list) do
      out[#out + 1] = not seen[each] and each or nil
      seen[each] = true
   end
   return out
end

return lists
