--- Tries mutations of objects and archives, for spec/hostile_spec.lua. Each function runs in a
-- process of its own, which may crash: what is tried is in the progress file. It prints how many
-- there were.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local mutate = require "spec.support.mutate"
local support = require "spec.support"

local hostile = {}

local get, put = mutate.get, mutate.put

-- Sanitizers are preloaded: they make everything slower, and have mappings of their own.
local SANITIZED = os.getenv "LD_PRELOAD" ~= nil

-- Processor time after which an answer counts as one that never comes: no measurement, a machine
-- that is busy with something else must not reach it.
local SECONDS = SANITIZED and 300 or 60

local OBJECT, ARCHIVE = "hostile.o", "hostile.a"

--- Mappings that are not heaps: what a load that was taken back may not change.
local function mappings()
   local heap = SANITIZED and "^%S+ ...p %S+ %S+ 0 *$" or "^%S+ rw%-p %S+ %S+ 0 *$"
   local lines = {}
   for line in io.lines "/proc/self/maps" do
      if not line:find "%[" and (not line:find(heap) or line:find "^%S+ ..x") then
         lines[#lines + 1] = line:match "^%S+ %S+"
      end
   end
   return table.concat(lines, "\n")
end

---@class Trial
---@field count integer
---@field progress file*
---@field ln moonlink.Linker
---@field before string mappings once the linker has its reservations
---@field empty string mappings before there was a linker
---@field grows? boolean it may make more reservations
---@field options table

--- Links inputs and takes them back; an error names `file`.
local function try(trial, name, inputs, file)
   trial.progress:seek("set", 0)
   trial.progress:write(name, (" "):rep(80 - #name), "\n")
   trial.progress:flush()
   for key, value in pairs(trial.options) do
      inputs[key] = value
   end
   local start = os.clock()
   local stats, err = trial.ln:check(inputs)
   local took = os.clock() - start
   assert(took < SECONDS, ("%s: took %.1f s"):format(name, took))
   if not stats and not tostring(err):find(file, 1, true) then
      error(("%s: the error does not name the file: %s"):format(name, tostring(err)))
   end
   trial.count = trial.count + 1
   if trial.count % 100 == 0 and not trial.grows then
      assert(mappings() == trial.before, name .. ": mappings are left behind")
   end
   return stats, err
end

local function try_object(trial, name, bytes)
   return try(trial, name, {{bytes = bytes, name = OBJECT}}, OBJECT)
end

--- A linker that has made its reservations already, near and low, when there is a good file.
local function begin(progress, good, options)
   local empty = mappings()
   local ln = moonlink.new {
      undefined = "null", duplicate = "first", scope = {"archives", "process"},
   }
   for _, zone in ipairs(good and {"near", "low"} or {}) do
      assert(ln:check {good, zone = zone})
   end
   return {
      count = 0, ln = ln, progress = assert(io.open(progress, "w")), before = mappings(),
      options = options or {}, empty = empty,
   }
end

local function finish(trial)
   assert(trial.ln:close())
   assert(mappings() == trial.empty, "mappings are left behind")
   print(trial.count .. " mutations")
end

-- ---- objects ----

local function try_objects(path, progress, change)
   local trial = begin(progress, path)
   local good = change and change(support.read(path)) or support.read(path)
   assert(try_object(trial, "unchanged", good))
   mutate.object(good, function(name, bytes)
      try_object(trial, name, bytes)
   end)
   finish(trial)
end

function hostile.object(path, progress)
   try_objects(path, progress)
end

--- A file, since only of files a part may stay where it is. Records and strings are read as those
--- of others are.
function hostile.object_file(path, progress)
   local trial = begin(progress, path)
   local file = path:gsub("[^/]*$", OBJECT)
   mutate.object(support.read(path), function(name, bytes)
      if not (name:find "^header" or name:find "^section" or name:find "^cut") then
         return
      end
      local out = assert(io.open(file, "wb"))
      assert(out:write(bytes))
      out:close()
      try(trial, name, {file}, OBJECT)
   end)
   finish(trial)
end

local RELA, REL, SYMTAB, XINDEX, PROGBITS, NOBITS = 4, 9, 2, 18, 1, 8

--- Turns RELA sections into REL sections: the addends go.
local function without_addends(bytes)
   local list, n = mutate.sections(bytes)
   for i = 0, n - 1 do
      local s = list[i]
      if s.type == RELA then
         local records = {}
         for k = 0, s.size // 24 - 1 do
            records[#records + 1] = bytes:sub(s.offset + k * 24 + 1, s.offset + k * 24 + 16)
         end
         local raw = table.concat(records)
         bytes = bytes:sub(1, s.offset) .. raw .. bytes:sub(s.offset + #raw + 1)
         bytes = put(bytes, s.at + 4, 4, REL)
         bytes = put(put(bytes, s.at + 32, 8, #raw), s.at + 56, 8, 16)
      end
   end
   return bytes
end

function hostile.rel_object(path, progress)
   try_objects(path, progress, without_addends)
end

--- The symbol table and a section that nothing needs (.comment: merged strings).
local function symtab_and_spare(list, n)
   local symtab, spare
   for i = 0, n - 1 do
      symtab = list[i].type == SYMTAB and i or symtab
      spare = list[i].type == PROGBITS and list[i].flags == 0x30 and i or spare
   end
   return assert(symtab), list[assert(spare)]
end

--- Moves the section indexes of all symbols into a table of their own (SHT_SYMTAB_SHNDX).
local function with_xindex(bytes)
   local list, n = mutate.sections(bytes)
   local symtab, x = symtab_and_spare(list, n)
   local s, indexes = list[symtab], {}
   for k = 0, s.size // 24 - 1 do
      local at = s.offset + k * 24 + 6
      local index = get(bytes, at, 2)
      local escaped = index > 0 and index < 0xff00
      indexes[k + 1] = string.pack("<I4", escaped and index or 0)
      bytes = escaped and put(bytes, at, 2, 0xffff) or bytes
   end
   local raw = table.concat(indexes)
   for _, field in ipairs {{4, 4, XINDEX}, {8, 8, 0}, {24, 8, #bytes}, {32, 8, #raw},
                           {40, 4, symtab}, {56, 8, 4}} do
      bytes = put(bytes, x.at + field[1], field[2], field[3])
   end
   return bytes .. raw
end

function hostile.xindex_object(path, progress)
   try_objects(path, progress, with_xindex)
end

-- ---- archives ----

local function whole_and_wanted(trial, name, input)
   try(trial, name .. ", whole", {input, whole_archive = true}, ARCHIVE)
   try(trial, name .. ", wanted", {input, roots = {"f", "u"}, whole_archive = false}, ARCHIVE)
end

function hostile.archive(path, progress)
   local trial = begin(progress, path)
   mutate.archive(support.read(path), function(name, bytes)
      whole_and_wanted(trial, name, {bytes = bytes, name = ARCHIVE})
   end)
   finish(trial)
end

function hostile.archive_file(path, progress)
   local trial = begin(progress, path)
   local file = progress .. "." .. ARCHIVE
   mutate.archive(support.read(path), function(name, bytes)
      local out <close> = assert(io.open(file, "wb"))
      assert(out:write(bytes))
      out:flush()
      whole_and_wanted(trial, name, file)
   end)
   os.remove(file)
   finish(trial)
end

local function header(name, size)
   return ("%-16s%-12s%-6s%-6s%-8s%-10s`\n"):format(name, 0, 0, 0, 644, size)
end

--- From the inside out the sizes are known, so that the text is put together once.
local function nest(good, depth, index)
   local parts, size = {}, #good
   for i = depth, 1, -1 do
      parts[i] = "!<arch>\n" .. index .. header("a/", size)
      size = size + #parts[i]
   end
   parts[depth + 1] = good
   return table.concat(parts)
end

--- Archives in each other, with an empty index each or without one.
function hostile.nested(path, progress)
   local trial, good = begin(progress, path), support.read(path)
   for _, index in ipairs {"", header("/", 4) .. "\0\0\0\0"} do
      for _, depth in ipairs {1, 2, 16, 17, 18, 20000} do
         local name = ("%d archives in each other, index of %d bytes"):format(depth, #index)
         whole_and_wanted(trial, name, {bytes = nest(good, depth, index), name = ARCHIVE})
      end
   end
   finish(trial)
end

-- ---- single cases ----

--- Section headers at all alignments.
function hostile.odd_headers(path, progress)
   local trial, good = begin(progress, path), support.read(path)
   local shoff, n = get(good, 40, 8), get(good, 60, 2)
   for shift = 1, 8 do
      local moved = put(good, 40, 8, #good + shift) .. ("\0"):rep(shift)
         .. good:sub(shoff + 1, shoff + n * 64)
      assert(try_object(trial, "headers moved by " .. shift, moved))
   end
   finish(trial)
end

--- Makes all relocations refer to symbol 0.
local function all_to_null(bytes, list, n)
   for i = 0, n - 1 do
      for r = 0, list[i].type == RELA and list[i].size // 24 - 1 or -1 do
         bytes = put(bytes, list[i].offset + r * 24 + 12, 4, 0)
      end
   end
   return bytes
end

function hostile.null_symbol(path, progress)
   local trial, good = begin(progress, path), support.read(path)
   local list, n = mutate.sections(good)
   local symtab = symtab_and_spare(list, n)
   good = all_to_null(good, list, n)
   mutate.each_field(good, "null symbol", mutate.SYM, list[symtab].offset, function(name, bytes)
      try_object(trial, name, bytes)
   end)
   finish(trial)
end

--- Kilobytes that stand for gigabytes: readable, writable and executable zeros.
function hostile.sizes(path, progress)
   local trial, good = begin(progress, path), support.read(path)
   local list, n = mutate.sections(good)
   trial.grows = true -- a large reservation is kept for the next load
   for i = 1, n - 1 do
      for _, flags in ipairs {2, 3, 6} do
         for _, size in ipairs {0x7ffeffff, 0x60000000, 1 << 62} do
            local bytes = put(put(good, list[i].at + 4, 4, NOBITS), list[i].at + 8, 8, flags)
            try_object(trial, ("section %d: flags %d, size %#x"):format(i, flags, size),
               put(bytes, list[i].at + 32, 8, size))
         end
      end
   end
   finish(trial)
end

local function try_many(path, progress, options)
   local trial = begin(progress, nil, options)
   return trial, try(trial, "many names", {path}, path)
end

function hostile.undefined_names(path, progress)
   local trial, stats, err = try_many(path, progress, {undefined = "error"})
   assert(not stats and err.code == "undefined" and err.count == 100000, tostring(err))
   finish(trial)
end

function hostile.wrong_relocations(path, progress)
   local trial, stats, err = try_many(path, progress)
   assert(not stats and err.count > 99000, tostring(err))
   finish(trial)
end

function hostile.defined_names(path, progress)
   local trial, stats = try_many(path, progress)
   assert(stats)
   finish(trial)
end

return hostile
