--- Mutations of objects and archives: each field wrong once, with every value at an edge. Nothing
-- is loaded here; see spec/support/hostile.lua. All functions give each mutation to
-- `visit(name, bytes)`.
-- Spec: gABI chapter 4; ar(5).
-- SPDX-License-Identifier: MIT

local mutate = {}

-- ---- numbers ----

local function mask_of(width)
   return width == 8 and -1 or (1 << 8 * width) - 1
end

--- Values for a field of `width` bytes that holds `old` in a file of `size` bytes.
local function edges(width, old, size)
   local top = 1 << (8 * width - 1)
   local all = {
      0, 1, 2, 3, old - 1, old + 1, old * 2, size - 1, size, size + 1, size // 2, top - 1, top,
      top + 1, -1, -2, 1 - old, size - old, -old, 0xff00, 0xfff1, 0xfff2, 0xffff, 0x7fffffff,
      0x80000000, 0xffffffff, 0x70000000, 1 << 40, math.mininteger - old,
   }
   local seen, out = {[old] = true}, {}
   for _, value in ipairs(all) do
      value = value & mask_of(width)
      if not seen[value] then
         seen[value] = true
         out[#out + 1] = value
      end
   end
   return out
end

--- Replaces a little-endian number of `width` bytes.
---@param bytes string
---@param offset integer from 0
---@param width integer 1, 2, 4 or 8
---@param value integer
---@return string
function mutate.put(bytes, offset, width, value)
   local field = string.pack("<i8", value):sub(1, width)
   return bytes:sub(1, offset) .. field .. bytes:sub(offset + width + 1)
end

--- Reads a little-endian number of `width` bytes, unsigned but for 8.
function mutate.get(bytes, offset, width)
   return string.unpack("<i" .. width, bytes, offset + 1) & mask_of(width)
end

local put, get = mutate.put, mutate.get

-- ---- objects ----

local EHDR = {
   {"e_ident[CLASS]", 4, 1}, {"e_ident[DATA]", 5, 1}, {"e_ident[VERSION]", 6, 1},
   {"e_ident[OSABI]", 7, 1}, {"e_type", 16, 2}, {"e_machine", 18, 2}, {"e_version", 20, 4},
   {"e_entry", 24, 8}, {"e_phoff", 32, 8}, {"e_shoff", 40, 8}, {"e_flags", 48, 4},
   {"e_ehsize", 52, 2}, {"e_phentsize", 54, 2}, {"e_phnum", 56, 2}, {"e_shentsize", 58, 2},
   {"e_shnum", 60, 2}, {"e_shstrndx", 62, 2},
}
local SHDR = {
   {"sh_name", 0, 4}, {"sh_type", 4, 4}, {"sh_flags", 8, 8}, {"sh_addr", 16, 8},
   {"sh_offset", 24, 8}, {"sh_size", 32, 8}, {"sh_link", 40, 4}, {"sh_info", 44, 4},
   {"sh_addralign", 48, 8}, {"sh_entsize", 56, 8},
}
mutate.SYM = {
   {"st_name", 0, 4}, {"st_info", 4, 1}, {"st_other", 5, 1}, {"st_shndx", 6, 2},
   {"st_value", 8, 8}, {"st_size", 16, 8},
}
local RELA = {{"r_offset", 0, 8}, {"r_type", 8, 4}, {"r_sym", 12, 4}, {"r_addend", 16, 8}}
local REL = {RELA[1], RELA[2], RELA[3]}
local WORD = {{"word", 0, 4}}

--- By sh_type: what a record is called, its fields, its size.
local TABLES = {
   [2] = {"symbol", mutate.SYM, 24}, [4] = {"rela", RELA, 24}, [9] = {"rel", REL, 16},
   [17] = {"group", WORD, 4}, [18] = {"xindex", WORD, 4},
}
local STRTAB = 3
local MOST_RECORDS = 12 -- of one table: first and last ones

--- The section headers of a good object, from 0, and how many there are.
---@param bytes string
---@return table<integer, {at: integer, type: integer, offset: integer, size: integer}>
---@return integer
function mutate.sections(bytes)
   local shoff, n, list = get(bytes, 40, 8), get(bytes, 60, 2), {}
   for i = 0, n - 1 do
      local at = shoff + i * 64
      list[i] = {
         at = at, type = get(bytes, at + 4, 4), flags = get(bytes, at + 8, 8),
         offset = get(bytes, at + 24, 8), size = get(bytes, at + 32, 8),
      }
   end
   return list, n
end

--- Each value at an edge for each field of the record at `at`.
function mutate.each_field(bytes, what, fields, at, visit)
   for _, field in ipairs(fields) do
      local name, offset, width = field[1], at + field[2], field[3]
      for _, value in ipairs(edges(width, get(bytes, offset, width), #bytes)) do
         visit(("%s.%s = %#x"):format(what, name, value), put(bytes, offset, width, value))
      end
   end
end

local function each_record(bytes, i, section, visit)
   local kind = TABLES[section.type]
   local n = kind and section.size // kind[3] or 0
   for k = 0, n - 1 do
      if k < MOST_RECORDS // 2 or k >= n - MOST_RECORDS // 2 then
         local what = ("section %d, %s %d"):format(i, kind[1], k)
         mutate.each_field(bytes, what, kind[2], section.offset + k * kind[3], visit)
      end
   end
end

--- String tables without their last NUL, without any, and with nothing else.
local function each_string(bytes, i, section, visit)
   local first, last = section.offset, section.offset + section.size
   if section.type ~= STRTAB or first == last then
      return
   end
   local before, after = bytes:sub(1, first), bytes:sub(last + 1)
   local name = "section " .. i
   visit(name .. ": no NUL at its end", bytes:sub(1, last - 1) .. "x" .. after)
   visit(name .. ": no NUL at all", before .. ("x"):rep(section.size) .. after)
   visit(name .. ": a NUL everywhere", before .. ("\0"):rep(section.size) .. after)
end

--- Pairs of fields whose sum wraps round.
local function each_wrap(bytes, i, section, visit)
   local offset, length = section.at + 24, section.at + 32
   for _, size in ipairs {1, 64, section.size, 4096} do
      visit(("section %d: offset and size wrap at %d"):format(i, size),
         put(put(bytes, offset, 8, -size), length, 8, size))
      visit(("section %d: size and offset wrap at %d"):format(i, size),
         put(put(bytes, offset, 8, size), length, 8, -size))
   end
end

local function each_length(bytes, step, visit)
   for n = 0, #bytes - 1, step do
      visit(("cut off at %d"):format(n), bytes:sub(1, n))
   end
   for _, n in ipairs {63, 64, 65, #bytes - 1} do
      visit(("cut off at %d"):format(n), bytes:sub(1, n))
   end
end

--- A good object: headers, records, strings, lengths.
function mutate.object(bytes, visit)
   mutate.each_field(bytes, "header", EHDR, 0, visit)
   local list, n = mutate.sections(bytes)
   for i = 0, n - 1 do
      mutate.each_field(bytes, "section " .. i, SHDR, list[i].at, visit)
      each_record(bytes, i, list[i], visit)
      each_string(bytes, i, list[i], visit)
      each_wrap(bytes, i, list[i], visit)
   end
   each_length(bytes, #bytes > 100000 and 10007 or #bytes > 3000 and 17 or 5, visit)
end

-- ---- archives ----

local AR_FIELDS = {
   {"name", 0, 16}, {"date", 16, 12}, {"uid", 28, 6}, {"gid", 34, 6}, {"mode", 40, 8},
   {"size", 48, 10}, {"end", 58, 2},
}
local TEXTS = {
   "", "0", "1", "9", "9999999999", "-1", "+5", "0x10", "1e3", "abc", "/", "//", "/0", "/1",
   "/999999999", "/18446744073709551615", "/-1", "/SYM64/", "#1/", "#1/0", "#1/4", "#1/999999999",
   "#1/-1", "__.SYMDEF", "__.SYMDEF SORTED", "\0", "\255", "4294967295", "2147483648",
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

local function each_header(bytes, at, visit)
   for _, field in ipairs(AR_FIELDS) do
      local values = table.move(TEXTS, 1, #TEXTS, 1, {})
      if field[1] == "size" then
         local size, left = tonumber(bytes:sub(at + 49, at + 58)), #bytes - at - 60
         for _, n in ipairs {size - 1, size + 1, size + 2, #bytes, left, left + 1} do
            values[#values + 1] = tostring(n)
         end
      end
      for _, text in ipairs(values) do
         visit(("header at %d: %s = %q"):format(at, field[1], text),
            set_text(bytes, at + field[2], field[3], text))
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
         visit(("index word %d = %#x"):format(k, value),
            bytes:sub(1, at) .. string.pack(">I4", value) .. bytes:sub(at + 5))
      end
   end
   local size = tonumber(bytes:sub(57, 66))
   local names = 68 + 4 + 4 * count
   local before, after = bytes:sub(1, names), bytes:sub(68 + size + 1)
   visit("index names without NUL", before .. ("x"):rep(68 + size - names) .. after)
   visit("index names empty", before .. ("\0"):rep(68 + size - names) .. after)
end

--- A good archive of GNU: headers, index, lengths, magic.
function mutate.archive(bytes, visit)
   for _, at in ipairs(headers(bytes)) do
      each_header(bytes, at, visit)
   end
   each_index(bytes, visit)
   each_length(bytes, 101, visit)
   for _, magic in ipairs {"!<thin>\n", "!<arch>\r", "!<arch>", "<bigaf>\n"} do
      visit(("magic %q"):format(magic), magic .. bytes:sub(9))
   end
end

return mutate
