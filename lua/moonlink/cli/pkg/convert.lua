--- moonlink pkg convert: a database, or a file of descriptions, in another form.
-- SPDX-License-Identifier: MIT

local context = require "moonlink.cli.pkg.context"
local converting = require "moonlink.pkg.convert"
local core = require "moonlink.core"
local database = require "moonlink.pkg.database"
local file = require "moonlink.file"
local input = require "moonlink.pkg.input"
local record = require "moonlink.pkg.record"

local convert = {
   name = "convert",
   summary = "Write a database, or descriptions, in another form (--to); to standard output when "
      .. "no file or folder is given.",
   usage = "convert FROM [TO]",
   least = 1, most = 2,
}

local function begins_as_database(path)
   if core.list_folder(path) then
      return true
   end
   local opened <close> = io.open(path, "rb")
   local first = opened and opened:read(4096)
   return first and first:find "^%s*%[" ~= nil
end

--- Packages of a database of any kind, or of a file that describes one.
local function read(path)
   if path ~= "-" and begins_as_database(path) then
      local db, err = database.open(path)
      return db and db.packages, err
   end
   local text, message = input.read(path)
   if not text then
      return nil, message
   end
   return input.packages(text, path == "-" and "(standard input)" or path)
end

--- A database of today's form, made for it.
local function write_folder(path, packages)
   local made, err = database.init(path)
   if not made then
      return nil, err
   end
   local w <close>, problem = database.change(path)
   if not w then
      return nil, problem
   end
   for _, p in ipairs(packages) do
      local put, why = w:put(p)
      if not put then
         return nil, why
      end
   end
   return w:commit()
end

local function write_file(path, bytes)
   local there <close> = io.open(path, "rb")
   if there then
      return nil, ("%s exists already\n  hint: give another name, or remove it"):format(path)
   end
   return file.write(path, bytes)
end

local function texts(packages)
   local out = {}
   for i, p in ipairs(packages) do
      local text, err = record.print(p)
      if not text then
         return nil, err
      end
      out[i] = text
   end
   return table.concat(out, "---\n")
end

local function warn(ctx, warnings)
   for _, text in ipairs(ctx.verbosity > 0 and warnings or {}) do
      ctx:warn("Warning: ", text)
   end
end

local function write(ctx, packages, shape, path)
   if shape == "today" and path then
      return write_folder(path, packages)
   end
   local bytes, err
   if shape == "today" then
      bytes, err = texts(packages)
   else
      bytes, err = record.old(packages, shape)
   end
   if not bytes then
      return nil, err
   end
   warn(ctx, err)
   if path then
      return write_file(path, bytes)
   end
   ctx.out(bytes)
   return true
end

---@param ctx moonlink.cli.pkg.Context
---@param args string[]
---@return integer? status
---@return any err
function convert.run(ctx, args)
   local _, shape = ctx:last "--to"
   shape = shape or "today"
   if not converting.knows(shape) then
      context.fail("--to: there is no form '%s': today, 6.6, 6.10 and 6.12 are known", shape)
   end
   local packages, err = read(args[1])
   if not packages then
      return nil, err
   end
   local converted, warnings = converting.packages(packages, shape)
   warn(ctx, warnings)
   local done, problem = write(ctx, converted, shape, args[2])
   if not done then
      return nil, problem
   end
   return 0
end

return convert
