-- Which members come out of archives, and in which order: as GNU ld has it, which every case is
-- linked with, too. A constructor of each member says that it is there.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local random = require "spec.support.random"
local support = require "spec.support"

local dir = support.tmpdir()
local folders = 0

local NOTES = [[
   char notes[256];
   static int n;
   void note(int which) { notes[n++] = which; }
   const char *text(void) { return notes; }
]]
local MAIN = [[
   extern int puts(const char *); extern const char *text(void);
   int main(void) { return puts(text()) < 0; }
]]

local notes, main

setup(function()
   notes = support.cc(dir .. "/notes.o", NOTES)
   main = support.cc(dir .. "/main.o", MAIN)
end)

local DEFINITIONS = {
   [""] = ".globl %s\n%s: .quad 0\n", weak = ".weak %s\n%s: .quad 0\n", common = ".comm %s,8,8\n",
}
local REFERENCES = {[""] = ".quad %s\n", weak = ".weak %s\n.quad %s\n"}

local function lines(forms, words)
   return (words:gsub("([%w_]+):?(%w*)%s*", function(name, kind)
      return (forms[kind]:gsub("%%s", name))
   end))
end

--- The assembler's text of a member: "a b:weak c:common | x y:weak" defines a, b and c and refers
--- to x and y.
local function source(letter, member)
   local defines, wants = member:match "^(.-)%s*|%s*(.*)$"
   return (".data\n%s%s.text\nstart: mov $%d, %%edi\njmp note\n"
      .. ".section .init_array,\"aw\"\n.quad start\n.section .note.GNU-stack,\"\",@progbits\n")
      :format(lines(DEFINITIONS, defines), lines(REFERENCES, wants), letter:byte())
end

--- An object, then archives, lists of members. Members are called a, b and so on in their order,
--- the object 0.
local function build(object, archives)
   folders = folders + 1
   local folder, number = ("%s/%d"):format(dir, folders), 0
   local commands = {}
   local function assemble(letter, member)
      support.write(("%s/%s.s"):format(folder, letter), source(letter, member))
      commands[#commands + 1] = ("as -o %s.o %s.s"):format(letter, letter)
   end
   support.sh("mkdir %s", folder)
   assemble("0", object)
   local files = {folder .. "/0.o"}
   for i, members in ipairs(archives) do
      local list = {}
      for k, member in ipairs(members) do
         local letter = string.char(("a"):byte() + number)
         number = number + 1
         assemble(letter, member)
         list[k] = letter .. ".o"
      end
      files[1 + i] = ("%s/%d.a"):format(folder, i)
      commands[#commands + 1] = ("ar rcs %s %s"):format(files[1 + i], table.concat(list, " "))
   end
   support.sh("cd %s && %s", folder, table.concat(commands, " && "))
   return files
end

--- The letters in the order of constructors, or "duplicate" or "undefined".
local function with_ld(files)
   local program = files[1] .. ".program"
   local status, out, err = support.exit("gcc -w -no-pie -o %s %s %s -Wl,--start-group %s"
      .. " -Wl,--end-group && %s", program, main, notes, table.concat(files, " "), program)
   if status == 0 then
      return (out:gsub("\n", ""))
   end
   return err:find "undefined reference" and "undefined" or
      err:find "multiple definition" and "duplicate" or err
end

local function with_moonlink(files)
   local ln <close> = moonlink.new()
   local unit, err = ln:load {notes, table.unpack(files)}
   return unit and ln:func "const char *text(void)" () or err.code
end

--- A member that defines and refers to some of the names. `kind` is what some definitions are.
local function by_chance(below, names, kind)
   local taken, words = {}, {{}, {}}
   for which, kinds in ipairs {{"", "", "", kind}, {"", "", "", "", "", ":weak"}} do
      for _ = 1, below(4) - 1 do
         local name = random.pick(below, names)
         if not taken[name] then
            table.insert(words[which], name .. random.pick(below, kinds))
         end
         taken[name] = true
      end
   end
   return table.concat(words[1], " ") .. " | " .. table.concat(words[2], " ")
end

describe("members of archives come in ld's order", function()
   local function order(name, expected, object, ...)
      local archives = {...}
      it(name, function()
         local files = build(object, archives)
         assert.equal(expected, with_ld(files))
         assert.equal(expected, with_moonlink(files))
      end)
   end

   order("of the index, not of the names that are wanted", "0abc", "| r q p",
      {"p |", "q |", "r |"})
   order("and a name that stands earlier waits until the index is gone over again", "0bca",
      "| q", {"p |", "q | p r", "r |"})
   order("so that of two members with a name one may come late enough to be the right one", "0bc",
      "| z", {"w1 |", "z | w1 w2", "w1 w2 |"})
   order("or bring a name that another one brings, too", "duplicate", "| z",
      {"w1 x | y", "z | w1", "y x |"})
   order("of the first archive first, as long as it has anything", "0badc", "| q x",
      {"p |", "q | p"}, {"y |", "x | y"})
   order("and of the first again behind the last", "0ba", "| q", {"p |"}, {"q | p"})
   order("of an archive behind, though one before has the name, too", "0acd", "| q x",
      {"q |", "p |"}, {"x | p"}, {"p |"})
   order("of the same archive, likewise", "0bc", "| q",
      {"p |"}, {"q | p", "p |"})
   order("one for its common, and one that really defines it, in its turn", "0abc", "| n m",
      {"n:common |", "m |", "n |"})
   order("none for a common that another common would meet", "0", "n:common |", {"n:common |"})
   order("none for a weak reference", "0", "| n:weak", {"n |"})
   order("one that only a strong reference of another member wants", "0ba", "| n:weak q",
      {"n |", "q | n"})
   order("of a function's weak definition the first", "0ac", "| n m",
      {"n:weak |", "n |", "m | n"})

   it("in an index that is too long to be kept in memory", function()
      local many = {}
      for i = 1, 4000 do
         many[i] = ("a_name_like_many_others_%06d"):format(i)
      end
      local files = build("| z", {
         {"w1 |", table.concat(many, " ") .. " |", "z | w1 w2", "w1 w2 |"}})
      assert.equal("0cd", with_ld(files))
      assert.equal("0cd", with_moonlink(files))
   end)

   it("in forty programs made by chance", function()
      local below, seen = random.new(7), {}
      for _ = 1, 40 do
         -- weak definitions or commons: where both meet, it counts what ld has passed by
         local names, archives, kind = {}, {}, random.pick(below, {":weak", ":common"})
         for i = 1, 2 + below(8) do
            names[i] = "n" .. i
         end
         for i = 1, below(3) do
            archives[i] = {}
            for k = 1, below(5) do
               archives[i][k] = by_chance(below, names, kind)
            end
         end
         local files = build(by_chance(below, names, kind), archives)
         local expected = with_ld(files)
         assert.equal(expected, with_moonlink(files), files[1])
         seen[expected:match "^0" or expected] = true
      end
      assert.same({["0"] = true, duplicate = true, undefined = true}, seen)
   end)
end)

describe("an index that lies", function()
   --- An archive of two members whose index has the name n so often, of each member in turn.
   local function lying(files, often)
      local text, heads, members = ("n\0"):rep(often), {}, {}
      local size = 4 * (often + 1) + #text
      local at = {8 + 60 + size + size % 2}
      for i, file in ipairs(files) do
         local bytes = support.read(file)
         members[i] = ("%-48s%-10d`\n"):format(i .. ".o/", #bytes) .. bytes
            .. ("\n"):rep(#bytes % 2)
         at[i + 1] = at[i] + #members[i]
      end
      for i = 1, often do
         heads[i] = (">I4"):pack(at[i % #files + 1])
      end
      return support.write(dir .. "/lying.a", "!<arch>\n" .. ("%-48s%-10d`\n"):format("/", size)
         .. (">I4"):pack(often) .. table.concat(heads) .. text .. ("\n"):rep(size % 2)
         .. table.concat(members))
   end

   it("of members without the name brings all of them once", function()
      local files = build("| n", {{"a |", "b |"}})
      local folder = files[1]:match "^(.*)/"
      local path = lying({folder .. "/a.o", folder .. "/b.o"}, 100000)
      local ln <close> = moonlink.new()
      local unit, err = ln:load {notes, files[1], path}
      assert.is_nil(unit)
      assert.equal("undefined", err.code)
      assert(ln:load {notes, files[1], path, undefined = "null"})
      assert.equal("0ba", ln:func "const char *text(void)" ())
   end)

   it("of commons that nothing defines leaves the common", function()
      local files = build("n:common |", {{"n:common |", "b |"}})
      local folder = files[1]:match "^(.*)/"
      local ln <close> = moonlink.new()
      assert(ln:load {notes, files[1], lying({folder .. "/a.o", folder .. "/b.o"}, 1000)})
      assert.equal("0", ln:func "const char *text(void)" ())
   end)
end)
