--- Makes the objects of Works 1 and 4: any number of objects, each with 20 functions that call
-- into three others, a data table and a string table; the same bytes on every run.
--
-- The functions' code is the compiler's: one C file is compiled once to assembly, and each object
-- is that assembly with other names and other data. `as` takes milliseconds where gcc takes tens.
--
-- The value of root(n) is known in advance. Function (o, i) goes on to function (o, i + 1), from
-- the last one of an object to the next object, so that root(n) walks through n functions in turn
-- and reads a word and a string's first byte at each: root(count - 1) uses every call, every table
-- and every string.
-- SPDX-License-Identifier: MIT

local shell = require "bench.shell"

local generate = {}

local FUNCTIONS = 20 -- per object
local STRINGS = 7 -- per object: pointers in its data table
local STRING_SIZE = 16

--- What object o, function i does; all numbers follow from (o, i) alone.
local model = {}

--- A word that looks random but is not.
local function scatter(o, i)
   local x = (o * 2654435761 + i * 40503 + 12345) & 0xffffffff
   x = ((x ~ (x >> 15)) * 0x2c1b3c6d) & 0xffffffff
   return x ~ (x >> 12)
end

function model.salt(o, i)
   return scatter(o, i + 100)
end

function model.text(o, k)
   local letter = string.char(97 + (o * 7 + k) % 26)
   local text = ("%s%d of object %d"):format(letter, k, o) .. ("."):rep(STRING_SIZE)
   return text:sub(1, STRING_SIZE - 1)
end

--- The three functions that (o, i) calls: the next on the way, one in an object far away, one in a
-- neighbour that a few functions share.
function model.callees(objects, o, i)
   local next_o, next_i = o, i + 1
   if next_i == FUNCTIONS then
      next_o, next_i = (o + 1) % objects, 0
   end
   return { next_o, next_i }, { scatter(o, i) % objects, (i * 7 + 3) % FUNCTIONS },
      { (o + 3) % objects, i // 4 * 4 }
end

--- The part of a function's value that is its own, as in the C text below.
function model.own(o, i)
   return model.salt(o, i) ~ model.text(o, i % STRINGS):byte()
end

--- root(n), computed without any linker.
---@param objects integer
---@param n integer
---@return integer
function generate.expected(objects, n)
   local sum, o, i = model.own(0, 0), 0, 0
   for _ = 1, n do
      local a, b, c = model.callees(objects, o, i)
      sum = sum + model.own(a[1], a[2]) + 3 * model.own(b[1], b[2]) - model.own(c[1], c[2])
      o, i = a[1], a[2]
   end
   return sum & 0xffffffff
end

local FUNCTION_C = [[
unsigned Za%d(unsigned), Zb%d(unsigned), Zc%d(unsigned);
unsigned Zf%d(unsigned n)
{
    unsigned own = Zdata.salt[%d] ^ (unsigned char)*Zdata.text[%d];
    if (n)
        own += Za%d(n - 1) + Zb%d(0) * 3 - Zc%d(0);
    return own;
}
]]

--- The names that differ from object to object begin with a Z.
local function template_source()
   local parts = {
      ("extern struct { unsigned salt[%d]; const char *text[%d]; } Zdata;\n")
         :format(FUNCTIONS, STRINGS),
   }
   for i = 0, FUNCTIONS - 1 do
      parts[#parts + 1] = FUNCTION_C:format(i, i, i, i, i, i % STRINGS, i, i, i)
   end
   return table.concat(parts)
end

--- The assembly of one object's two tables.
local function tables_source(o)
   local words, strings, pointers = {}, {}, {}
   for i = 0, FUNCTIONS - 1 do
      words[#words + 1] = ("%d"):format(model.salt(o, i))
   end
   for k = 0, STRINGS - 1 do
      strings[#strings + 1] = ("\t.string \"%s\""):format(model.text(o, k))
      pointers[#pointers + 1] = ("t%d+%d"):format(o, k * STRING_SIZE)
   end
   return table.concat {
      "\t.section .data.rel,\"aw\"\n\t.balign 32\n\t.globl d", o, "\n\t.type d", o, ",@object\n",
      "\t.size d", o, ",", FUNCTIONS * 4 + STRINGS * 8, "\nd", o, ":\n\t.long ",
      table.concat(words, ","), "\n\t.quad ", table.concat(pointers, ","), "\n",
      "\t.section .rodata\n\t.balign 16\n\t.globl t", o, "\n\t.type t", o, ",@object\n",
      "\t.size t", o, ",", STRINGS * STRING_SIZE, "\nt", o, ":\n",
      table.concat(strings, "\n"), "\n",
   }
end

--- The assembly of one object.
local function object_source(template, objects, o)
   local name = { data = "d" .. o }
   for i = 0, FUNCTIONS - 1 do
      local a, b, c = model.callees(objects, o, i)
      name["f" .. i] = ("f%d_%d"):format(o, i)
      name["a" .. i] = ("f%d_%d"):format(a[1], a[2])
      name["b" .. i] = ("f%d_%d"):format(b[1], b[2])
      name["c" .. i] = ("f%d_%d"):format(c[1], c[2])
   end
   local file = ('.file\t"%d.c"'):format(o)
   local code = template:gsub("%f[%w]Z(%l+%d*)", name):gsub('%.file\t"[^"]*"', file)
   return code .. tables_source(o)
end

--- Assembles all objects into folder/o, on all processors.
local function assemble(folder, objects)
   shell.write(folder .. "/template.c", template_source())
   shell.run(shell.line {
      "gcc", "-std=c11", "-O1", "-fPIC", "-S", "-o", folder .. "/template.s",
      folder .. "/template.c",
   })
   local template = assert(shell.read(folder .. "/template.s"))
   shell.run(shell.line { "mkdir", folder .. "/o" })
   local names = {}
   for o = 0, objects - 1 do
      names[#names + 1] = ("%05d"):format(o)
      shell.write(("%s/o/%s.s"):format(folder, names[#names]), object_source(template, objects, o))
   end
   shell.write(folder .. "/names", table.concat(names, "\n") .. "\n")
   shell.run("cd " .. shell.quote(folder .. "/o")
      .. " && xargs -P $(nproc) -I@ as @.s -o @.o < ../names && find . -name '*.s' -delete")
end

--- The root, in an object of its own: every work has a function of this name and type.
local function add_root(folder)
   shell.write(folder .. "/root.c", [[
unsigned f0_0(unsigned);
unsigned root(unsigned n);
unsigned root(unsigned n) { return f0_0(n); }
]])
   shell.run(shell.line {
      "gcc", "-std=c11", "-O1", "-fPIC", "-c", "-o", folder .. "/root.o", folder .. "/root.c",
   })
end

--- The list of the loose files, the archive, the thin archive and the one big object.
local function pack(folder, final, objects)
   local paths, relative = {}, {}
   for o = 0, objects - 1 do
      paths[#paths + 1] = ("%s/o/%05d.o"):format(final, o)
      relative[#relative + 1] = ("o/%05d.o"):format(o)
   end
   local root = final .. "/root.o"
   local function list(name, ...)
      shell.write(folder .. "/" .. name, table.concat({ root, ... }, "\n") .. "\n")
   end
   list("loose.list", table.unpack(paths, 1, #paths))
   list("archive.list", final .. "/all.a")
   list("thin.list", final .. "/thin.a")
   list("big.list", final .. "/big.o")
   shell.write(folder .. "/relative", table.concat(relative, "\n") .. "\n")
   shell.run("cd " .. shell.quote(folder) .. " && ar rcs all.a @relative"
      .. " && ar rcsT thin.a @relative && ld.bfd -r -o big.o @relative")
end

--- What readelf says about the objects.
local function count(folder)
   local quoted = shell.quote(folder)
   local function sum(command, pattern)
      local total = 0
      for number in shell.run(command):gmatch(pattern) do
         total = total + tonumber(number, 10)
      end
      return total
   end
   local relocations = sum("readelf -rW " .. quoted .. "/all.a", "contains (%d+) entr")
   local symbols = sum("nm --defined-only -g " .. quoted .. "/all.a | grep -c ' [A-Z] '", "%d+")
   local bytes = sum("cat " .. quoted .. "/o/*.o | wc -c", "%d+")
   return { relocations = relocations, symbols = symbols, bytes = bytes }
end

--- Makes the objects, or finds them as an earlier run left them.
---@param objects integer
---@return table set folder, objects, functions, relocations, symbols, bytes, n, expected
function generate.objects(objects)
   local here = assert(package.searchpath("bench.generate", package.path))
   local compiler = shell.first_line("gcc --version") or ""
   local key = objects .. "\n" .. assert(shell.read(here)) .. compiler
   local folder = shell.cached("objects", key, function(folder, final)
      assemble(folder, objects)
      add_root(folder)
      pack(folder, final, objects)
      local c = count(folder)
      shell.write(folder .. "/counts", ("%d %d %d\n"):format(c.relocations, c.symbols, c.bytes))
   end)
   local relocations, symbols, bytes =
      assert(shell.read(folder .. "/counts")):match("(%d+) (%d+) (%d+)")
   -- 8 MiB of stack hold some 100,000 steps
   local n = math.min(objects * FUNCTIONS, 20000) - 1
   return {
      folder = folder, objects = objects, functions = FUNCTIONS,
      relocations = tonumber(relocations), symbols = tonumber(symbols), bytes = tonumber(bytes),
      n = n, expected = generate.expected(objects, n),
   }
end

return generate
