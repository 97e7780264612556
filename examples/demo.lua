-- What `make demo` shows: static libraries of the system and fresh C files, loaded into this
-- process and used from Lua, with what was loaded, where it lies, how long it took, and what the
-- usual way (cc -shared, then dlopen) takes for the same objects.
-- SPDX-License-Identifier: MIT

local common = dofile((arg[0]:match "^.*/" or "") .. "common.lua")
local moonlink = require "moonlink"
local show_table = require "moonlink.show.table"

local FILES, FUNCTIONS, RUNS = 12, 40, 5

local function heading(text)
   print(("\n%s\n%s"):format(text, ("-"):rep(#text)))
end

local function kib(bytes)
   return ("%.1f KiB"):format(bytes / 1024)
end

local function ms(milliseconds)
   return ("%.2f"):format(milliseconds)
end

local function since(start)
   return (moonlink.now() - start) * 1000
end

local function median(list)
   table.sort(list)
   return list[(#list + 1) // 2]
end

--- Where the compiler finds -lNAME as an archive.
local function static_library(name)
   local ok, output = common.run(("cc -print-file-name=lib%s.a"):format(name))
   local path = output:gsub("\n", "")
   assert(ok and path:find "/", ("lib%s.a is not installed: run `make deps`"):format(name))
   return path
end

local units = {}

--- Loads, and notes what came of it for the tables.
local function load(ln, label, what)
   local unit = assert(ln:load(what))
   units[#units + 1] = {label = label, stats = unit.stats}
   return unit
end

local function sqlite(ln)
   ln:cdef [[
      int sqlite3_open(const char *name, void **db);
      int sqlite3_exec(void *db, const char *sql, int (*row)(void *, int, void **, void **),
                       void *ud, void **message);
      const char *sqlite3_errmsg(void *db);
      const char *sqlite3_libversion(void);
      int sqlite3_close(void *db);
   ]]
   local slot = moonlink.alloc(8)
   assert(ln.c.sqlite3_open(":memory:", slot) == 0)
   local db = moonlink.read(slot:address(), "I8")
   --- Runs SQL; gives its rows as lists of texts.
   return function(sql)
      local rows = {}
      local status = ln.c.sqlite3_exec(db, sql, function(_, count, values)
         local row = {}
         for i = 1, count do
            row[i] = moonlink.string((moonlink.read(values + 8 * (i - 1), "I8")))
         end
         rows[#rows + 1] = row
         return 0
      end, nil, nil)
      assert(status == 0, ln.c.sqlite3_errmsg(db))
      return rows
   end, function() ln.c.sqlite3_close(db) end
end

local function show_sql(ln)
   load(ln, "libsqlite3.a", {static_library "sqlite3", "-lm", whole_archive = true})
   local query, close = sqlite(ln)
   heading("SQL from Lua: libsqlite3.a " .. ln.c.sqlite3_libversion())
   query [[
      create table moon(name text, planet text, km integer);
      insert into moon values ('Moon', 'Earth', 3475), ('Io', 'Jupiter', 3643),
         ('Europa', 'Jupiter', 3122), ('Ganymede', 'Jupiter', 5268), ('Callisto', 'Jupiter', 4821),
         ('Titan', 'Saturn', 5150), ('Rhea', 'Saturn', 1527), ('Triton', 'Neptune', 2707);
   ]]
   print(show_table.text({{title = "planet"}, {title = "moons", right = true},
      {title = "km together", right = true}},
      query "select planet, count(*), sum(km) from moon group by planet order by 3 desc", "   "))
   close()
end

local function show_compression(ln)
   load(ln, "libz.a", {static_library "z", whole_archive = true})
   ln:cdef [[
      const char *zlibVersion(void);
      unsigned long compressBound(unsigned long n);
      int compress(unsigned char *to, unsigned long *size, const unsigned char *from,
                   unsigned long n);
      int uncompress(unsigned char *to, unsigned long *size, const unsigned char *from,
                     unsigned long n);
   ]]
   heading("Compression from Lua: libz.a " .. ln.c.zlibVersion())
   local text = common.read(arg[0])
   local size = moonlink.alloc(8)
   local packed = moonlink.alloc(ln.c.compressBound(#text))
   moonlink.write(size:address(), "I8", ln.c.compressBound(#text))
   assert(ln.c.compress(packed, size, text, #text) == 0)
   local n = moonlink.read(size:address(), "I8")
   local back = moonlink.alloc(#text)
   moonlink.write(size:address(), "I8", #text)
   assert(ln.c.uncompress(back, size, packed, n) == 0)
   local same = moonlink.read(back:address(), "c" .. #text) == text
   print(("   this script: %d bytes -> %d bytes -> %s"):format(#text, n,
      same and "the same again" or "SOMETHING ELSE"))
end

--- One of the C files: functions that each call into the next file, data, a string table.
local function source_of(file)
   local lines = {}
   local following = file % FILES + 1
   for i = 1, FUNCTIONS do
      lines[#lines + 1] = ("int step_%d_%d(int n, int depth);"):format(following, i)
   end
   for i = 1, FUNCTIONS do
      lines[#lines + 1] = ([[
int weight_%d_%d = %d;
const char *label_%d_%d = "step %d of file %d";
int step_%d_%d(int n, int depth)
{
    return depth ? step_%d_%d(n + weight_%d_%d, depth - 1) : n;
}]]):format(file, i, file * i, file, i, i, file, file, i, following, i, file, i)
   end
   return table.concat(lines, "\n")
end

local function compile_files(folder)
   local start, objects = moonlink.now(), {}
   for i = 1, FILES do
      objects[i] = folder:compile("part" .. i, source_of(i), "-O1 -fPIC")
   end
   return objects, since(start)
end

-- Each run starts from nothing: a linker of its own, the call included.
local function time_moonlink(objects)
   local times, stages, sum = {}, {}, nil
   for run = 1, RUNS do
      local start = moonlink.now()
      local ln <close> = moonlink.new()
      local unit = assert(ln:load(objects))
      sum = ln:func "int step_1_1(int, int)"(0, FILES)
      times[run] = since(start)
      for stage, time in pairs(unit.stats.ms) do
         stages[stage] = stages[stage] or {}
         table.insert(stages[stage], time)
      end
   end
   for stage, list in pairs(stages) do
      stages[stage] = median(list)
   end
   return median(times), stages, sum
end

local function time_usual_way(folder, objects)
   local times, links, sum = {}, {}, nil
   for run = 1, RUNS do
      local library = ("%s/run%d.so"):format(folder.path, run)
      local start = moonlink.now()
      local ok, output = common.run(("cc -shared -o %s %s"):format(library,
         table.concat(objects, " ")))
      assert(ok, output)
      links[run] = since(start)
      local ln <close> = moonlink.new()
      assert(ln:load(library))
      sum = ln:func "int step_1_1(int, int)"(0, FILES)
      times[run] = since(start)
   end
   return median(times), median(links), sum
end

local function show_c_files(ln, folder)
   local objects, compiling = compile_files(folder)
   heading(("%d fresh C files, %d functions each"):format(FILES, FUNCTIONS))
   print(("   compiling them with cc took %.0f ms"):format(compiling))
   load(ln, FILES .. " C files", objects)
   local own, stages, sum = time_moonlink(objects)
   local usual, linking, usual_sum = time_usual_way(folder, objects)
   local expected = FILES * (FILES + 1) // 2
   assert(sum == expected and usual_sum == expected)
   print(("   a call through all files gives %d; from objects to that result, median of %d:\n")
      :format(sum, RUNS))
   print(show_table.text({{title = "way"}, {title = "ms", right = true}, {title = ""}}, {
      {"moonlink", ms(own), ""},
      {"cc -shared + dlopen", ms(usual), ("%.0f times as long; cc -shared alone: %s ms")
         :format(usual / own, ms(linking))},
   }, "   "))
   print "\n   where moonlink's time goes (ms):\n"
   local columns, row = {}, {}
   for _, stage in ipairs {"read", "parse", "select", "resolve", "place", "relocate", "protect"} do
      columns[#columns + 1] = {title = stage, right = true}
      row[#row + 1] = ("%.3f"):format(stages[stage] or 0)
   end
   print(show_table.text(columns, {row}, "   "))
end

local function show_loaded()
   heading "What was loaded, and how fast"
   local rows = {}
   for i, unit in ipairs(units) do
      local s = unit.stats
      rows[i] = {unit.label, s.objects, s.symbols, s.relocations, kib(s.bytes), kib(s.memory),
         ms(s.ms.total)}
   end
   print(show_table.text({{title = ""}, {title = "objects", right = true},
      {title = "symbols", right = true}, {title = "relocations", right = true},
      {title = "read", right = true}, {title = "in memory", right = true},
      {title = "ms", right = true}}, rows, "   "))
   heading "Where it lies"
   rows = {}
   for _, unit in ipairs(units) do
      local s, address = unit.stats, unit.stats.base
      for _, part in ipairs {{"r-x", "code", s.text}, {"r--", "constants", s.constants},
                             {"rw-", "data", s.data}} do
         if part[3] > 0 then
            rows[#rows + 1] = {part[1] == "r-x" and unit.label or "", ("%#x"):format(address),
               kib(part[3]), part[1], part[2]}
         end
         address = address + part[3]
      end
   end
   print(show_table.text({{title = ""}, {title = "address", right = true},
      {title = "size", right = true}, {title = ""}, {title = ""}}, rows, "   "))
   print(("   libc's printf, which all of it can reach directly, lies at %#x")
      :format((moonlink.new():address_of "printf")))
end

local function show_refusal(folder)
   heading "The usual way and libz.a"
   local command = "cc -shared -o %s/z.so -Wl,--whole-archive %s -Wl,--no-whole-archive"
   print "   $ cc -shared -o z.so -Wl,--whole-archive libz.a -Wl,--no-whole-archive"
   local ok, output = common.run(command:format(folder.path, static_library "z"))
   if ok then
      print "   works on this system: its libz.a was compiled with -fPIC"
   else
      -- ld warns first; the line that ends it says what is wrong
      local reason = output:match "[^\n]*recompile with %-fPIC[^\n]*" or output:match "[^\n]+"
      print("   " .. reason:gsub("%S*/", ""))
      print "   Debian compiles it for programs (-fPIE), not for shared libraries (-fPIC)."
   end
end

local folder <close> = common.folder()
local ln <close> = moonlink.new()
print "moonlink: static libraries and C objects, loaded into a running Lua."
show_sql(ln)
show_compression(ln)
show_c_files(ln, folder)
show_loaded()
show_refusal(folder)
