--- Which files of a database a change touches.
-- A unit's file is ID.conf; but any file that ends in .conf counts, whatever unit it holds, so that
-- removing a unit means removing every file with its content, and a file that is in the way of
-- another unit's name is kept under its own.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local lists = require "moonlink.lists"
local record = require "moonlink.pkg.record"

local files = {}

local function base_name(path)
   return path:match "[^/]*$"
end

--- The unit that a .conf file holds; nil when it cannot be read.
local function holds(store, name)
   local text = store:file(name)
   local infos = text and core.pkg.parse(text, {format = "text"})
   return infos and infos:field(1, "id"), text
end

--- Name -> unit id of all .conf files, as they are.
local function read_all(store, names)
   local ids = {}
   for _, name in ipairs(names) do
      if name:sub(-5) == ".conf" then
         ids[name] = holds(store, name) or false
      end
   end
   return ids
end

--- Every file has the name of a unit of the database, and those that matter hold just that.
local function all_as_named(w, names)
   local there = {}
   for _, name in ipairs(names) do
      if name:sub(-5) == ".conf" then
         there[name] = true
         if #w:_numbers(name:sub(1, -6)) == 0 then
            return false
         end
      end
   end
   for id in pairs(w.touched) do
      local name = id .. ".conf"
      if #w:_numbers(id) > 0 and not (there[name] and holds(w.store, name) == id) then
         return false
      end
   end
   return true
end

--- Name -> unit id of the files that a change must know: all, unless the names can be believed.
local function holders(w)
   local ids = {}
   if w.db.cache.state ~= "fresh" then
      for _, p in ipairs(w.db.packages) do
         ids[base_name(p.file)] = p.id
      end
      return ids
   end
   local names, err = w.store:names()
   if not names then
      return nil, err
   elseif not all_as_named(w, names) then
      return read_all(w.store, names)
   end
   for id in pairs(w.touched) do
      ids[id .. ".conf"] = #w:_numbers(id) > 0 and id or nil
   end
   return ids
end

--- Another unit's file stands where this one's must go: it moves to its own name.
local function make_way(w, name, ids, list, taken)
   local other = ids[name]
   if not other or w.touched[other] or taken[other .. ".conf"] then
      return
   end
   local _, text = holds(w.store, name)
   list[#list + 1] = {name = other .. ".conf", id = other, bytes = text}
   taken[other .. ".conf"] = true
end

local function plan_folder(w)
   local ids, err = holders(w)
   if not ids then
      return nil, err
   end
   local list, taken, count = {}, {}, #w.order
   for i, id in ipairs(w.order) do
      local name = id .. ".conf"
      list[#list + 1] = {name = name, id = id, bytes = w.added[id].text, added = count + 1 - i}
      taken[name] = true
   end
   for _, id in ipairs(w.order) do
      make_way(w, id .. ".conf", ids, list, taken)
   end
   for _, name in ipairs(lists.keys(ids)) do
      if w.touched[ids[name]] and not taken[name] then
         list[#list + 1] = {name = name, id = ids[name]}
      end
   end
   return list
end

--- Packages as one file of the old form.
local function show(list, shape)
   local infos, err = record.infos(list)
   if not infos then
      return nil, err
   end
   return infos:show(shape)
end

--- The packages that stay, and then those that were put, as GHC 6 ordered them.
local function plan_file(w)
   local list = {}
   for i, p in ipairs(w.db.packages) do
      if not w.removed[i] then
         list[#list + 1] = w.db.infos:table(i)
         list[#list].file = p.file
      end
   end
   for _, id in ipairs(w.order) do
      list[#list + 1] = w.added[id].infos:table(1)
   end
   local bytes, err = show(list, w.shape)
   if not bytes then
      return nil, err
   end
   return {{name = base_name(w.db.where), id = "", bytes = bytes}}
end

--- A folder of old files: each that loses a package is written again; what is put goes where the
--- unit was, or into a file of its own.
local function plan_old_folder(w)
   local content, changed, home = {}, {}, {}
   for i, p in ipairs(w.db.packages) do
      local name = base_name(p.file)
      content[name] = content[name] or {}
      if w.removed[i] then
         changed[name] = true
         home[i] = name
      else
         table.insert(content[name], w.db.infos:table(i))
      end
   end
   for _, id in ipairs(w.order) do
      local first = w:_numbers(id)[1]
      local name = first and home[first] or id .. ".conf"
      content[name] = content[name] or {}
      changed[name] = true
      table.insert(content[name], w.added[id].infos:table(1))
   end
   local list = {}
   for _, name in ipairs(lists.keys(changed)) do
      local bytes, err
      if #content[name] > 0 then
         bytes, err = show(content[name], w.shape)
         if not bytes then
            return nil, err
         end
      end
      list[#list + 1] = {name = name, id = "", bytes = bytes}
   end
   return list
end

local PLANS = {["folder"] = plan_folder, ["file"] = plan_file, ["old-folder"] = plan_old_folder}

--- The files that a change writes and removes, for the core: { name=, id=, bytes= (nil: goes),
--- added= } each.
---@param w moonlink.pkg.Change
---@return table[]?
---@return moonlink.Error?
function files.plan(w)
   return PLANS[w.db.kind](w)
end

return files
