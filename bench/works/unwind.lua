--- Unwind tables of 10,000 units, told to an unwinder and taken back in three orders, in a process
-- of one thread and beside another one.
-- Usage: lua5.4 bench/works/unwind.lua [COUNT [RUNS]]
-- With libgcc, and with LLVM's libunwind where it is installed; microseconds of the processor,
-- median and spread.
-- SPDX-License-Identifier: MIT

local count, runs = tonumber(arg[1] or 10000), tonumber(arg[2] or 15)

local LIBRARIES = { "libgcc_s.so.1", "libunwind.so.1" }
local ORDERS = {
   "oldest", "newest", "random", "oldest beside", "newest beside", "random beside",
}
local COLUMNS = { "telling", "first look-up", "taking back", "changing each", "taking these back" }

local program = os.tmpname()
local SOURCES = "bench/peers/unwind.c csrc/process/unwind.c csrc/process/runs.c "
   .. "csrc/process/objects.c csrc/process/runtime.c csrc/process/dynsym.c csrc/base/*.c "
   .. "$(ls csrc/os/*.c | grep -v /fault[.]c)"
assert(os.execute(("gcc -std=c11 -O2 -Icsrc -o %s %s"):format(program, SOURCES)))

--- One run: three numbers, or nil when the library is not there.
local function measure(library, order)
   local pipe <close> = assert(io.popen(("%s %s %d %s"):format(program, library, count, order)))
   local values = {}
   for number in pipe:read("a"):gmatch "%S+" do
      values[#values + 1] = tonumber(number)
   end
   return values[#COLUMNS] and values
end

io.write(("%d tables, %d runs, microseconds of the processor\n"):format(count, runs))
for _, library in ipairs(LIBRARIES) do
   for _, order in ipairs(measure(library, "oldest") and ORDERS or {}) do
      local columns = { {}, {}, {}, {}, {} }
      for i = 1, runs do
         for k, value in ipairs(measure(library, order)) do
            columns[k][i] = value
         end
      end
      io.write(("%-15s %-13s"):format(library, order))
      for k, values in ipairs(columns) do
         table.sort(values)
         io.write(("  %s %.0f (%.0f to %.0f)"):format(COLUMNS[k], values[(runs + 1) // 2],
            values[1], values[runs]))
      end
      io.write "\n"
   end
end
os.remove(program)
