--- Turns the relocations of an object into SHT_CREL, which no assembler at hand writes.
-- Spec: gABI discussion "CREL relocation format for ELF": a header of ULEB128 count * 8 + addend
-- bit * 4 + shift; then for each relocation the differences to the one before.
-- SPDX-License-Identifier: MIT

local mutate = require "spec.support.mutate"

local crel = {}

local get, put = mutate.get, mutate.put

local RELA, CREL = 4, 0x40000014
crel.TYPE = CREL

--- A number as ULEB128; negative ones are taken as of 64 bits.
function crel.uleb(v)
   local out = {}
   repeat
      local byte = v & 0x7f
      v = v >> 7
      out[#out + 1] = string.char(v ~= 0 and byte | 0x80 or byte)
   until v == 0
   return table.concat(out)
end

function crel.sleb(v)
   local out = {}
   while true do
      local byte = v & 0x7f
      v = v // 128
      if v == 0 and byte < 64 or v == -1 and byte >= 64 then
         out[#out + 1] = string.char(byte)
         return table.concat(out)
      end
      out[#out + 1] = string.char(byte | 0x80)
   end
end

--- The first number of a record: flags below the difference of the offsets.
local function offset_and_flags(delta, flags, bits)
   local low = (delta << bits | flags) & 0x7f
   local rest = delta >> 7 - bits
   return rest == 0 and string.char(low) or string.char(low | 0x80) .. crel.uleb(rest)
end

--- Records { offset=, type=, symbol=, addend= } as the bytes of an SHT_CREL section. Offsets may go
--- down, as they may in the format.
---@param records table[]
---@param addends boolean
---@param shift? integer what all offsets are a multiple of, as a power of two
---@return string
function crel.encode(records, addends, shift)
   shift = shift or 0
   local bits = addends and 3 or 2
   local out = {crel.uleb(#records * 8 + (addends and 4 or 0) + shift)}
   local last = {offset = 0, type = 0, symbol = 0, addend = 0}
   for _, r in ipairs(records) do
      local flags = (r.symbol ~= last.symbol and 1 or 0) | (r.type ~= last.type and 2 or 0)
         | (addends and r.addend ~= last.addend and 4 or 0)
      out[#out + 1] = offset_and_flags((r.offset >> shift) - (last.offset >> shift), flags, bits)
      for bit, field in ipairs {"symbol", "type", "addend"} do
         if flags & 1 << bit - 1 ~= 0 then
            out[#out + 1] = crel.sleb(r[field] - last[field])
         end
      end
      last = r
   end
   return table.concat(out)
end

--- The records of an SHT_RELA section.
function crel.records(bytes, section)
   local list = {}
   for at = section.offset, section.offset + section.size - 24, 24 do
      list[#list + 1] = {
         offset = get(bytes, at, 8), type = get(bytes, at + 8, 4), symbol = get(bytes, at + 12, 4),
         addend = get(bytes, at + 16, 8),
      }
   end
   return list
end

--- The object with each SHT_RELA section turned into SHT_CREL, and how many there were. The new
--- contents stand behind the old file.
---@param bytes string
---@param encode? fun(records: table[]): string in place of crel.encode with addends
---@return string
---@return integer
function crel.convert(bytes, encode)
   local list, n = mutate.sections(bytes)
   local parts, size, count = {}, #bytes, 0
   for i = 0, n - 1 do
      local s = list[i]
      if s.type == RELA then
         local records = crel.records(bytes, s)
         local raw = encode and encode(records) or crel.encode(records, true)
         bytes = put(put(bytes, s.at + 4, 4, CREL), s.at + 24, 8, size)
         bytes = put(put(bytes, s.at + 32, 8, #raw), s.at + 56, 8, 1)
         parts[#parts + 1] = raw
         size, count = size + #raw, count + 1
      end
   end
   return bytes .. table.concat(parts), count
end

return crel
