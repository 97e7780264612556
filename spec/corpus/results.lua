--- Libraries at work: what each must compute is known from its standard, its manual or mathematics.
-- A row has `name` (of the archive, loaded whole), `with` (what it needs), perhaps a source (`c`,
-- `cxx`, `fortran`) that is compiled and loaded together with it, and `check`, a function of the
-- linker and of the helpers below, which raises when a result is wrong.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local shell = require "spec.corpus.shell"

local results = {}

---@class corpus.Check
---@field name string
---@field with? string[] as inputs of ln:load
---@field c? string
---@field cxx? string
---@field fortran? string
---@field flags? string[] of the compiler
---@field check fun(ln: moonlink.Linker, t: corpus.Helpers)

---@type corpus.Check[]
results.list = {}
for _, part in ipairs {"numbers", "texts", "data", "languages"} do
   local rows = require("spec.corpus.results." .. part)
   table.move(rows, 1, #rows, #results.list + 1, results.list)
end

local COMPILERS = {c = {"gcc", "c"}, cxx = {"g++", "cc"}, fortran = {"gfortran", "f90"}}

---@class corpus.Helpers
---@field folder string empty, for files; removed afterwards
---@field count integer comparisons so far
local helpers = {}
helpers.__index = helpers

--- Raises unless two values are the same.
function helpers:equal(expected, actual, what)
   self.count = self.count + 1
   if expected ~= actual then
      error(("%s: expected %s, got %s"):format(what or "result", tostring(expected),
         tostring(actual)), 2)
   end
end

--- Raises unless a number is right but for a relative error.
function helpers:near(expected, actual, tolerance, what)
   self.count = self.count + 1
   local is_near = math.abs(expected - actual) <= tolerance * math.abs(expected) -- false for NaN
   if not is_near then
      error(("%s: expected %.17g, got %.17g"):format(what or "result", expected, actual), 2)
   end
end

--- Bytes of a buffer of moonlink.alloc as hex digits.
function helpers.hex(_, buffer, n)
   return (buffer:get(0, n):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- A pointer, or another value of 8 bytes, that a buffer holds.
function helpers.word(_, buffer)
   return (moonlink.read(buffer:address(), "i8"))
end

--- The path of an archive as the compiler finds it; nil when it is not there.
---@param name string
---@return string?
function results.archive(name)
   local path = shell.lines {"gcc", "-print-file-name=lib" .. name .. ".a"}[1]
   return path and path:find "/" and path or nil
end

--- Compiles the source of a row, if it has one.
local function object_of(row, folder)
   for language, compiler in pairs(COMPILERS) do
      if row[language] then
         local source = shell.write(folder .. "/source." .. compiler[2], row[language])
         local object = folder .. "/source.o"
         local status, text = shell.run("LD_PRELOAD= " .. shell.line {
            compiler[1], "-O1", "-w", row.flags or {}, "-c", "-o", object, source,
         } .. " 2>&1")
         assert(status == 0, text)
         return object
      end
   end
end

--- Loads one row and checks it; raises when something is wrong.
---@param row corpus.Check
---@param folder string an empty one
---@return integer comparisons
function results.run(row, folder)
   local path = assert(results.archive(row.name), "not installed")
   local t = setmetatable({folder = folder, count = 0}, helpers)
   local inputs = {object_of(row, folder)}
   inputs[#inputs + 1] = {path = path, whole = true}
   table.move(row.with or {}, 1, #(row.with or {}), #inputs + 1, inputs)
   local ln <close> = moonlink.new()
   assert(ln:load(inputs))
   row.check(ln, t)
   assert(t.count > 0, "nothing was compared")
   return t.count
end

return results
