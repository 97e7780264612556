--- What `list` and `find-module` print: the packages of each database, sorted by name and version;
-- hidden ones in parentheses, broken ones in braces, on a terminal in colours instead.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local ids = require "moonlink.pkg.ids"
local index = require "moonlink.pkg.index"
local json = require "moonlink.show.json"
local opened = require "moonlink.cli.pkg.opened"
local select = require "moonlink.pkg.select"
local version = require "moonlink.pkg.version"

local listing = {}

--- A text that sorts as name, sub-library, version and unit id do.
local function sort_key(p)
   local lib = p.lib_name or ""
   local name = lib ~= "" and (p.package_name or "") ~= "" and p.package_name or p.name
   return ("%s\0%s\0%s\0%s"):format(name, lib, version.key(p.version or ""), ids.unit(p))
end

---@param packages moonlink.pkg.Package[]
---@return moonlink.pkg.Package[] sorted
function listing.sorted(packages)
   return index.sorted(packages, sort_key)
end

--- How a package is called in lists for programs.
---@param ctx moonlink.cli.pkg.Context
---@param p moonlink.pkg.Package
---@return string
function listing.shown(ctx, p)
   return ctx:has "--show-unit-ids" and ids.unit(p) or ctx:has "--names-only" and p.name
      or ids.package(p)
end

local function has_colours()
   local term = os.getenv "TERM"
   return core.is_terminal(1) and term and term ~= "" and term ~= "dumb"
end

local plain = {broken = "    {%s}\n", hidden = "    (%s)\n", exposed = "    %s\n", last = "\n"}
local colours = {
   broken = "    \27[31m%s\27[39;49m\n", hidden = "    \27[34m%s\27[39;49m\n",
   exposed = "    %s\n", last = "",
}

local function print_database(ctx, db, packages, broken)
   local style = has_colours() and colours or plain
   ctx.out(db.path, "\n")
   if #packages == 0 then
      return ctx.out "    (no packages)\n"
   end
   for _, p in ipairs(packages) do
      local text, id = ids.package(p), ids.unit(p)
      local state = broken[id] and "broken" or p.exposed and "exposed" or "hidden"
      ctx.out(style[state]:format(ctx.verbosity > 1 and ("%s (%s)"):format(text, id) or text))
   end
   ctx.out(style.last)
end

local function print_simple(ctx, lists)
   local words = {}
   for _, list in ipairs(lists) do
      for _, p in ipairs(list.packages) do
         words[#words + 1] = listing.shown(ctx, p)
      end
   end
   if words[1] then
      ctx.out(table.concat(words, " "), "\n")
   end
end

local function print_json(ctx, lists, broken)
   local out = json.list {}
   for i, list in ipairs(lists) do
      local packages = json.list {}
      for j, p in ipairs(list.packages) do
         local id = ids.unit(p)
         packages[j] = {
            name = p.name, version = p.version or "", id = id, exposed = p.exposed or false,
            broken = broken[id] or false,
         }
      end
      out[i] = {path = list.db.path, packages = packages}
   end
   ctx:json(out)
end

--- What is wanted of the databases that were asked for, in the order of the command line.
local function wanted_lists(databases, wanted)
   local lists = {}
   for i = #databases.asked, 1, -1 do
      local db = databases.asked[i]
      local packages = wanted and select.find(db, wanted) or db.packages
      lists[#lists + 1] = {db = db, packages = listing.sorted(packages)}
   end
   return lists
end

--- Prints the packages that are wanted.
---@param ctx moonlink.cli.pkg.Context
---@param wanted? moonlink.pkg.Selection nil: all
function listing.print(ctx, wanted)
   local databases = ctx:databases()
   local lists = wanted_lists(databases, wanted)
   if ctx:has "--simple-output" then
      return print_simple(ctx, lists)
   end
   local broken = opened.broken(databases.all)
   if ctx:has "--json" then
      return print_json(ctx, lists, broken)
   end
   if next(broken) and ctx.verbosity > 0 then
      ctx:warn("WARNING: there are broken packages.  Run 'moonlink pkg check' for more details.")
   end
   for _, list in ipairs(lists) do
      print_database(ctx, list.db, list.packages, broken)
   end
end

return listing
