--- Packages made from a seed, as tables and as texts with all the freedom of the format.
-- SPDX-License-Identifier: MIT

local conf = {}

local WORDS = {"one", "B.2", "(c)", "caf\u{E9}", "a,b", ":", "x--y", "}", "\"q\"", "with/slash",
   "aVeryLongWordThatTakesMuchOfALine/and/more", "$topdir", "\\"}
local TOKENS = {"/usr/lib/x", "a b", "-O2", "-Wl,-rpath,/x", "HSbase", "${pkgroot}/../lib", "q\"d",
   "--", "x:", "\u{E9}", "", "tab\there", ("x"):rep(41), "\\n", "line\nbreak"}
local MODULES = {"A", "Data.Map", "Foo.Bar.Baz_Q'", "Control.Monad.Trans.Class", "X1"}
local IDS = {"base-4.15", "rts", "foo-1.2-9ab", "a_b+c"}
local WORD = {
   name = {"foo", "foo-bar", "a1"}, version = {"1", "0.1.0.0"}, id = {"foo-1.0-abc", "x"},
   key = {"foo-1.0-abc", "a[B=c:D]"}, abi = {"inplace", "0123abc"},
   license = {"BSD-3-Clause", "GPL-3", "(MIT OR ISC)", "MIT AND (ISC OR X11)", "Foo"},
   data_dir = {"/usr/share/x", "a b"}, lib_name = {"l", "my-lib"},
}
local NOT_ASKED = {package_name = true, visibility = true, pkgroot = true, hugs_options = true,
   instantiated_with = true, library_dirs_static = true, bytecode_library_dirs = true,
   extra_libraries_static = true}

local function some(below, list, count)
   local out = {}
   for i = 1, count do
      out[i] = list[below(#list)]
   end
   return out
end

local function text(below)
   local lines = {}
   for i = 1, ({1, 1, 1, 3, 6})[below(5)] do
      local words = table.concat(some(below, WORDS, below(12)), " ")
      lines[i] = (i > 1 and (" "):rep(({0, 0, 2})[below(3)]) or "") .. words
      if i > 1 and below(6) == 1 then
         lines[i] = ""
      end
   end
   lines[#lines] = lines[#lines] == "" and "end" or lines[#lines]
   lines[2] = #lines > 1 and "flush" or nil -- so that no indentation is common to all
   return table.concat(lines, "\n")
end

local COUNTS = {0, 1, 1, 2, 3, 5, 9, 20}
local LISTS = {depends = IDS, hidden_modules = MODULES}

local function list(below, name)
   local n = COUNTS[below(#COUNTS)]
   if name == "exposed_modules" then
      local out = some(below, MODULES, n)
      for i = 1, #out do
         out[i] = out[i] .. (below(12) == 1 and " from u-1:M" or "")
      end
      return out
   elseif name == "abi_depends" then
      local out = some(below, IDS, n)
      for i = 1, #out do
         out[i] = out[i] .. "=1f"
      end
      return out
   end
   return some(below, LISTS[name] or TOKENS, n)
end

--- A package as a plain table.
---@param fields { name: string, kind: string }[] core.pkg.fields
---@param below fun(n: integer): integer
---@return table
function conf.package(fields, below)
   local p = {name = WORD.name[below(#WORD.name)]}
   for _, field in ipairs(fields) do
      if not NOT_ASKED[field.name] and below(3) == 1 then
         local words = WORD[field.name]
         p[field.name] = field.kind == "bool" or field.kind == "text" and text(below)
            or field.kind == "list" and list(below, field.name)
            or words and words[below(#words)]
      end
   end
   return p
end

local function quote(token)
   if token ~= "" and not token:find '[%s,"\\]' and not token:find "^%-%-" then
      return token
   end
   return '"' .. token:gsub('["\\]', "\\%0"):gsub("\n", "\\n"):gsub("\t", "\\t") .. '"'
end

local function list_text(below, name, items)
   local words = {}
   local plain = name == "exposed_modules" or LISTS[name] or name == "abi_depends"
   for i, item in ipairs(items) do
      words[i] = plain and item or quote(item)
   end
   local separators = name == "exposed_modules" and {", ", " , ", ",\n    "}
      or {", ", ",", " , ", " ", "\n    ", ",\n     "}
   return table.concat(words, separators[below(#separators)])
end

--- A text that describes a package, its layout chosen by chance.
---@param fields { name: string, text: string, kind: string }[] core.pkg.fields
---@param p table
---@param below fun(n: integer): integer
---@return string
function conf.text(fields, p, below)
   local out, indent = {}, ({"", "", "  "})[below(3)]
   for _, field in ipairs(fields) do
      local value = p[field.name]
      if value ~= nil then
         value = field.kind == "list" and list_text(below, field.name, value)
            or field.kind == "text" and value:gsub("\n( *[^ \n])", "\n    %1")
            or field.kind == "bool" and "True" or value
         if field.name == "data_dir" then
            value = quote(value)
         end
         local name = below(9) == 1 and field.text:upper() or field.text
         local gap = ({" ", "", "   ", "\n     "})[below(field.kind == "text" and 3 or 4)]
         out[#out + 1] = indent .. name .. ({":", " :"})[below(2)] .. gap .. value
         if below(8) == 1 then
            out[#out + 1] = ({"", "-- comment", "   "})[below(3)]
         end
      end
   end
   return table.concat(out, "\n") .. "\n"
end

return conf
