--- Mutations of objects and archives, for spec/hostile_spec.lua. Each function runs in a process of
-- its own: it makes the bytes, tries each, and prints how many there were.
-- Spec: gABI chapter 4; ar(5).
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"

local hostile = {}

-- Sanitizers are preloaded: they make everything slower, and have mappings of their own.
local SANITIZED = os.getenv "LD_PRELOAD" ~= nil

-- No answer may take longer.
local SECONDS = SANITIZED and 10 or 1

local function read(path)
   local file <close> = assert(io.open(path, "rb"))
   return (assert(file:read "a"))
end

--- Mappings that are not heaps: what a load that was taken back may not change.
local function mappings()
   local lines = {}
   for line in io.lines "/proc/self/maps" do
      local heap = SANITIZED and "^%S+ ...p %S+ %S+ 0 *$" or "^%S+ rw%-p %S+ %S+ 0 *$"
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

--- Links bytes beside nothing else and takes it back.
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
   if not stats then
      local text = tostring(err)
      assert(text:find(file, 1, true), ("%s: the error does not name the file: %s"):format(name, text))
   end
   trial.count = trial.count + 1
   if trial.count % 100 == 0 and not trial.grows then
      assert(mappings() == trial.before, name .. ": mappings are left behind")
   end
   return stats, err
end

--- A linker that has made its reservations already, near and low.
local function begin(progress, good, options)
   local empty = mappings()
   local ln = moonlink.new {undefined = "null", duplicate = "first", scope = {"archives", "process"}}
   for _, zone in ipairs {"near", "low"} do
      assert(ln:check {good, undefined = "null", zone = zone})
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

-- ---- numbers at the edges ----

--- Values for a little-endian field of `width` bytes that holds `old` in a file of `size` bytes.
local function edges(width, old, size)
   local top = 1 << (8 * width - 1)
   local all = {
      0, 1, 2, 3, old - 1, old + 1, old * 2, size - 1, size, size + 1, size // 2, top - 1, top, top + 1,
      -1, -2, 1 - old, size - old, -old, 0xff00, 0xfff1, 0xfff2, 0xffff, 0x7fffffff, 0x80000000,
      0xffffffff, 0x70000000, 1 << 40, math.mininteger - old,
   }
   local mask = width == 8 and -1 or (1 << (8 * width)) - 1
   local seen, out = {[old] = true}, {}
   for _, value in ipairs(all) do
      value = value & mask
      if not seen[value] then
         seen[value] = true
         out[#out + 1] = value
      end
   end
   return out
end

local function put(bytes, offset, width, value)
   return bytes:sub(1, offset) .. string.pack("<I" .. width, width == 8 and value or value & ((1 << 8 * width) - 1))
      .. bytes:sub(offset + width + 1)
end

local function get(bytes, offset, width)
   return (string.unpack("<i" .. width, bytes, offset + 1)) & (width == 8 and -1 or (1 << 8 * width) - 1)
end

-- string.pack refuses negative numbers for an unsigned field of 8 bytes only by sign.
local function put8(bytes, offset, value)
   return bytes:sub(1, offset) .. string.pack("<i8", value) .. bytes:sub(offset + 9)
end

local function replace(bytes, offset, width, value)
   return width == 8 and put8(bytes, offset, value) or put(bytes, offset, width, value)
end

-- ---- objects ----

local EHDR = {
   {"e_ident[CLASS]", 4, 1}, {"e_ident[DATA]", 5, 1}, {"e_ident[VERSION]", 6, 1}, {"e_ident[OSABI]", 7, 1},
   {"e_type", 16, 2}, {"e_machine", 18, 2}, {"e_version", 20, 4}, {"e_entry", 24, 8}, {"e_phoff", 32, 8},
   {"e_shoff", 40, 8}, {"e_flags", 48, 4}, {"e_ehsize", 52, 2}, {"e_phentsize", 54, 2}, {"e_phnum", 56, 2},
   {"e_shentsize", 58, 2}, {"e_shnum", 60, 2}, {"e_shstrndx", 62, 2},
}
local SHDR = {
   {"sh_name", 0, 4}, {"sh_type", 4, 4}, {"sh_flags", 8, 8}, {"sh_addr", 16, 8}, {"sh_offset", 24, 8},
   {"sh_size", 32, 8}, {"sh_link", 40, 4}, {"sh_info", 44, 4}, {"sh_addralign", 48, 8}, {"sh_entsize", 56, 8},
}
local SYM = {
   {"st_name", 0, 4}, {"st_info", 4, 1}, {"st_other", 5, 1}, {"st_shndx", 6, 2}, {"st_value", 8, 8},
   {"st_size", 16, 8},
}
local RELA = {{"r_offset", 0, 8}, {"r_type", 8, 4}, {"r_sym", 12, 4}, {"r_addend", 16, 8}}
local REL = {RELA[1], RELA[2], RELA[3]}
local WORD = {{"word", 0, 4}}

local TABLES = {[2] = {"symbol", SYM, 24}, [4] = {"rela", RELA, 24}, [9] = {"rel", REL, 16},
                [17] = {"group", WORD, 4}, [18] = {"xindex", WORD, 4}}
local MOST_RECORDS = 12 -- of one table: first and last ones

local function sections(bytes)
   local shoff, n, list = get(bytes, 40, 8), get(bytes, 60, 2), {}
   for i = 0, n - 1 do
      local at = shoff + i * 64
      list[i] = {at = at, type = get(bytes, at + 4, 4), offset = get(bytes, at + 24, 8),
                 size = get(bytes, at + 32, 8), flags = get(bytes, at + 8, 8)}
   end
   return list, n
end

--- Calls visit(name, mutated bytes) for each value at an edge of each field of the record at `at`.
local function each_field(bytes, what, fields, at, visit)
   for _, field in ipairs(fields) do
      local name, offset, width = field[1], at + field[2], field[3]
      for _, value in ipairs(edges(width, get(bytes, offset, width), #bytes)) do
         visit(("%s.%s = %#x"):format(what, name, value), replace(bytes, offset, width, value))
      end
   end
end

local function each_record(bytes, i, section, visit)
   local kind = TABLES[section.type]
   local n = kind and section.size // kind[3] or 0
   for k = 0, n - 1 do
      if k < MOST_RECORDS // 2 or k >= n - MOST_RECORDS // 2 then
         local what = ("section %d, %s %d"):format(i, kind[1], k)
         each_field(bytes, what, kind[2], section.offset + k * kind[3], visit)
      end
   end
end

--- String tables without their last NUL, and full of bytes that end nothing.
local function each_string(bytes, i, section, visit)
   if section.type ~= 3 or section.size == 0 then
      return
   end
   local last = section.offset + section.size
   visit(("section %d: no NUL at its end"):format(i), bytes:sub(1, last - 1) .. "x" .. bytes:sub(last + 1))
   visit(("section %d: no NUL at all"):format(i),
      bytes:sub(1, section.offset) .. ("x"):rep(section.size) .. bytes:sub(last + 1))
   visit(("section %d: a NUL everywhere"):format(i),
      bytes:sub(1, section.offset) .. ("\0"):rep(section.size) .. bytes:sub(last + 1))
end

--- Pairs of fields whose sum wraps round.
local function each_wrap(bytes, i, section, visit)
   for _, size in ipairs {1, 64, section.size, 4096} do
      local wrapped = put8(put8(bytes, section.at + 24, -size), section.at + 32, size)
      visit(("section %d: offset and size wrap at %d"):format(i, size), wrapped)
      wrapped = put8(put8(bytes, section.at + 24, size), section.at + 32, -size)
      visit(("section %d: size and offset wrap at %d"):format(i, size), wrapped)
   end
end

local function each_length(bytes, visit)
   for n = 0, #bytes - 1, #bytes > 3000 and 17 or 5 do
      visit(("cut off at %d"):format(n), bytes:sub(1, n))
   end
   for _, n in ipairs {63, 64, 65, #bytes - 1} do
      visit(("cut off at %d"):format(n), bytes:sub(1, n))
   end
end

local function mutate_object(bytes, visit)
   each_field(bytes, "header", EHDR, 0, visit)
   local list, n = sections(bytes)
   for i = 0, n - 1 do
      each_field(bytes, "section " .. i, SHDR, list[i].at, visit)
      each_record(bytes, i, list[i], visit)
      each_string(bytes, i, list[i], visit)
      each_wrap(bytes, i, list[i], visit)
   end
   each_length(bytes, visit)
end

local function try_objects(path, progress, change)
   local trial = begin(progress, path)
   local good = change and change(read(path)) or read(path)
   assert(try(trial, "unchanged", {{bytes = good, name = "hostile.o"}}, "hostile.o"))
   mutate_object(good, function(name, bytes)
      try(trial, name, {{bytes = bytes, name = "hostile.o"}}, "hostile.o")
   end)
   finish(trial)
end

function hostile.object(path, progress)
   try_objects(path, progress)
end

--- Turns RELA sections into REL sections: the addends go.
local function without_addends(bytes)
   local list, n = sections(bytes)
   for i = 0, n - 1 do
      local s = list[i]
      if s.type == 4 then
         local records = {}
         for k = 0, s.size // 24 - 1 do
            records[#records + 1] = bytes:sub(s.offset + k * 24 + 1, s.offset + k * 24 + 16)
         end
         local raw = table.concat(records)
         bytes = bytes:sub(1, s.offset) .. raw .. bytes:sub(s.offset + #raw + 1)
         bytes = put8(put(put8(bytes, s.at + 32, #raw), s.at + 4, 4, 9), s.at + 56, 16)
      end
   end
   return bytes
end

function hostile.rel_object(path, progress)
   try_objects(path, progress, without_addends)
end

--- Moves the section indexes of all symbols into a table of their own (SHT_SYMTAB_SHNDX), which
--- takes the place of .comment.
local function with_xindex(bytes)
   local list, n = sections(bytes)
   local symtab, spare
   for i = 0, n - 1 do
      symtab = list[i].type == 2 and i or symtab
      spare = list[i].type == 1 and list[i].flags == 0x30 and i or spare
   end
   local s, x, indexes = list[symtab], list[spare], {}
   for k = 0, s.size // 24 - 1 do
      local at = s.offset + k * 24 + 6
      local index = get(bytes, at, 2)
      local escaped = index > 0 and index < 0xff00
      indexes[k + 1] = string.pack("<I4", escaped and index or 0)
      bytes = escaped and put(bytes, at, 2, 0xffff) or bytes
   end
   local raw = table.concat(indexes)
   bytes = put8(put8(put8(bytes, x.at + 24, #bytes), x.at + 32, #raw), x.at + 8, 0)
   bytes = put(put8(put(bytes, x.at + 4, 4, 18), x.at + 56, 4), x.at + 40, 4, symtab)
   return bytes .. raw
end

function hostile.xindex_object(path, progress)
   try_objects(path, progress, with_xindex)
end

-- ---- archives ----

local AR_FIELDS = {{"name", 0, 16}, {"date", 16, 12}, {"uid", 28, 6}, {"gid", 34, 6}, {"mode", 40, 8},
                   {"size", 48, 10}, {"end", 58, 2}}
local TEXTS = {
   "", "0", "1", "9", "9999999999", "-1", "+5", "0x10", "1e3", "abc", "/", "//", "/0", "/1", "/999999999",
   "/18446744073709551615", "/-1", "/SYM64/", "#1/", "#1/0", "#1/4", "#1/999999999", "#1/-1", "__.SYMDEF",
   "__.SYMDEF SORTED", "\0", "\255", "4294967295", "2147483648",
}

--- Offsets of all headers of a good archive.
local function headers(bytes)
   local list, at = {}, 8
   while at + 60 <= #bytes do
      list[#list + 1] = at
      local size = assert(tonumber(bytes:sub(at + 49, at + 58)))
      at = at + 60 + size + size % 2
   end
   return list
end

local function set_text(bytes, at, width, text)
   text = (text .. (" "):rep(width)):sub(1, width)
   return bytes:sub(1, at) .. text .. bytes:sub(at + width + 1)
end

local function put_big(bytes, at, value)
   return bytes:sub(1, at) .. string.pack(">I4", value & 0xffffffff) .. bytes:sub(at + 5)
end

local function each_header(bytes, at, visit)
   for _, field in ipairs(AR_FIELDS) do
      local values = table.move(TEXTS, 1, #TEXTS, 1, {})
      if field[1] == "size" then
         local size = tonumber(bytes:sub(at + 49, at + 58))
         for _, n in ipairs {size - 1, size + 1, size + 2, #bytes, #bytes - at - 60, #bytes - at - 59} do
            values[#values + 1] = tostring(n)
         end
      end
      for _, text in ipairs(values) do
         visit(("header at %d: %s = %q"):format(at, field[1], text), set_text(bytes, at + field[2], field[3], text))
      end
   end
end

--- The index: its count, its offsets, its names.
local function each_index(bytes, visit)
   if bytes:sub(9, 24) ~= "/" .. (" "):rep(15) then
      return
   end
   local count = string.unpack(">I4", bytes, 69)
   for k = 0, count do
      local at = 68 + 4 * k
      for _, value in ipairs(edges(4, (string.unpack(">I4", bytes, at + 1)), #bytes)) do
         visit(("index word %d = %#x"):format(k, value), put_big(bytes, at, value))
      end
   end
   local size = tonumber(bytes:sub(57, 66))
   local names = 68 + 4 + 4 * count
   local rest = bytes:sub(68 + size + 1)
   visit("index names without NUL", bytes:sub(1, names) .. ("x"):rep(68 + size - names) .. rest)
   visit("index names empty", bytes:sub(1, names) .. ("\0"):rep(68 + size - names) .. rest)
end

local function mutate_archive(bytes, visit)
   for _, at in ipairs(headers(bytes)) do
      each_header(bytes, at, visit)
   end
   each_index(bytes, visit)
   for n = 0, #bytes - 1, 101 do
      visit(("cut off at %d"):format(n), bytes:sub(1, n))
   end
   for _, magic in ipairs {"!<thin>\n", "!<arch>\r", "!<arch>", "<bigaf>\n"} do
      visit(("magic %q"):format(magic), magic .. bytes:sub(9))
   end
end

local function whole_and_wanted(trial, name, input, file)
   try(trial, name .. ", whole", {input, whole_archive = true}, file)
   try(trial, name .. ", wanted", {input, roots = {"f", "use"}, whole_archive = false}, file)
end

function hostile.archive(path, progress)
   local trial = begin(progress, path)
   mutate_archive(read(path), function(name, bytes)
      whole_and_wanted(trial, name, {bytes = bytes, name = "hostile.a"}, "hostile.a")
   end)
   finish(trial)
end

function hostile.archive_file(path, progress)
   local trial = begin(progress, path)
   local file = progress .. ".hostile.a"
   mutate_archive(read(path), function(name, bytes)
      local out <close> = assert(io.open(file, "wb"))
      assert(out:write(bytes))
      out:flush()
      whole_and_wanted(trial, name, file, "hostile.a")
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
   local trial, good = begin(progress, path), read(path)
   for _, index in ipairs {"", header("/", 4) .. "\0\0\0\0"} do
      for _, depth in ipairs {1, 2, 100, 20000} do
         local bytes = nest(good, depth, index)
         local name = ("%d archives in each other, index of %d bytes"):format(depth, #index)
         whole_and_wanted(trial, name, {bytes = bytes, name = "hostile.a"}, "hostile.a")
      end
   end
   finish(trial)
end

-- ---- single cases ----

function hostile.odd_headers(path, progress)
   local trial = begin(progress, path)
   local good = read(path)
   local shoff, n = get(good, 40, 8), get(good, 60, 2)
   for shift = 1, 8 do
      local moved = put8(good, 40, #good + shift) .. ("\0"):rep(shift) .. good:sub(shoff + 1, shoff + n * 64)
      assert(try(trial, "headers moved by " .. shift, {{bytes = moved, name = "hostile.o"}}, "hostile.o"))
   end
   finish(trial)
end

function hostile.null_symbol(path, progress)
   local trial = begin(progress, path)
   local good = read(path)
   local list, n = sections(good)
   for i = 0, n - 1 do
      for _, s in ipairs(list[i].type == 2 and {list[i].offset} or {}) do
         for k = 0, n - 1 do -- all relocations refer to it
            for r = 0, list[k].type == 4 and list[k].size // 24 - 1 or -1 do
               good = put(good, list[k].offset + r * 24 + 12, 4, 0)
            end
         end
         each_field(good, "null symbol", SYM, s, function(name, bytes)
            try(trial, name, {{bytes = bytes, name = "hostile.o"}}, "hostile.o")
         end)
      end
   end
   finish(trial)
end

--- Kilobytes that stand for gigabytes.
function hostile.sizes(path, progress)
   local trial = begin(progress, path)
   trial.grows = true -- a large reservation is kept for the next load
   local good = read(path)
   local list, n = sections(good)
   for i = 1, n - 1 do
      for _, flags in ipairs {2, 3, 6} do
         for _, size in ipairs {0x7ffeffff, 0x60000000, 1 << 62} do
            local bytes = put(put8(put8(good, list[i].at + 8, flags), list[i].at + 32, size), list[i].at + 4, 4, 8)
            try(trial, ("section %d: flags %d, size %#x"):format(i, flags, size), {{bytes = bytes, name = "hostile.o"}},
               "hostile.o")
         end
      end
   end
   finish(trial)
end

local function many(path, progress, options)
   local trial = begin(progress, path, options)
   return trial, try(trial, "many names", {path}, path)
end

function hostile.undefined_names(path, progress)
   local trial, stats, err = many(path, progress, {undefined = "error"})
   assert(not stats and err.code == "undefined" and err.count == 100000, tostring(err))
   finish(trial)
end

function hostile.defined_names(path, progress)
   local trial, stats = many(path, progress)
   assert(stats)
   finish(trial)
end

return hostile
