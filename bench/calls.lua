--- How long a call takes: moonlink beside a binding written by hand, libffi, and the other FFIs
-- that are installed. Usage: lua5.4 bench/calls.lua [--json FILE] [--runs N] [--calls N]
-- Nanoseconds of processor time per call, the loop included; contenders take turns, so that what
-- disturbs the machine disturbs them all. The aim: at most 1.35 times the binding written by hand.
-- SPDX-License-Identifier: MIT

local root = dofile((arg[0]:match "^.*/" or "") .. "root.lua")

local shell = require "bench.shell"
local stats = require "bench.stats"

local LIMIT = 1.35

---@class calls.Case
---@field name string
---@field title string
---@field prototype string
---@field loop fun(f: function, n: integer)

---@type calls.Case[]
local cases = {
   {
      name = "add", title = "two ints", prototype = "int calls_add(int, int)",
      loop = function(f, n)
         for i = 1, n do
            f(i & 0xffff, 2)
         end
      end,
   },
   {
      name = "six", title = "six doubles",
      prototype = "double calls_six(double, double, double, double, double, double)",
      loop = function(f, n)
         for _ = 1, n do
            f(1.5, 2.5, 3.5, 4.5, 5.5, 6.5)
         end
      end,
   },
   {
      name = "first", title = "a string", prototype = "int calls_first(const char *)",
      loop = function(f, n)
         for _ = 1, n do
            f "hello"
         end
      end,
   },
}

local function options_of(words)
   local options = { runs = 9, calls = 2000000 }
   for i = 1, #words, 2 do
      local name = words[i]:match "^%-%-(%l+)$"
      local value = words[i + 1]
      if name == "json" and value then
         options.json = value
      elseif options[name] and math.tointeger(tonumber(value)) then
         options[name] = math.tointeger(tonumber(value))
      else
         io.stderr:write("usage: lua5.4 bench/calls.lua [--json FILE] [--runs N] [--calls N]\n")
         os.exit(2)
      end
   end
   return options
end

---Compiles the binding written by hand; gives its path.
local function compile()
   local source = root .. "/bench/calls_native.c"
   local include = shell.first_line "pkg-config --cflags lua5.4" or "-I/usr/include/lua5.4"
   local folder = shell.cached("calls", shell.read(source) .. include, function(folder)
      shell.run(("cc -std=c11 -O2 -shared -fPIC -fvisibility=hidden %s -o %s %s"):format(include,
         shell.quote(folder .. "/calls_native.so"), shell.quote(source)))
   end)
   return folder .. "/calls_native.so"
end

---What is compared: a name and a function for each case. The first is the peer.
local function contenders_of(path)
   local core = require "moonlink.core"
   local moonlink = require "moonlink"
   local ctype = require "moonlink.call.ctype"
   local ln = moonlink.new()
   assert(ln:load(path))
   local native = assert(package.loadlib(path, "luaopen_calls_native"))()
   local by_hand, closure, libffi = {}, {}, {}
   for _, case in ipairs(cases) do
      by_hand[case.name] = native[case.name]
      closure[case.name] = assert(ln:func(case.prototype))
      local code = ctype.code(ln.types:prototype(case.prototype).type)
      libffi[case.name] = core.func(moonlink.info(closure[case.name]).address, "!" .. code)
   end
   local list = {
      { name = "written by hand", functions = by_hand },
      { name = "moonlink", functions = closure },
      { name = "moonlink through libffi", functions = libffi },
   }
   local ok, cffi = pcall(require, "cffi")
   if ok then
      local library = cffi.load(path)
      local functions = {}
      for _, case in ipairs(cases) do
         cffi.cdef(case.prototype .. ";")
         functions[case.name] = library["calls_" .. case.name]
      end
      list[#list + 1] = { name = "cffi-lua", functions = functions }
   end
   return list, ln
end

---One measurement in nanoseconds per call.
local function measure(case, f, calls)
   local start = os.clock()
   case.loop(f, calls)
   return (os.clock() - start) / calls * 1e9
end

local LUAJIT = [[
local ffi = require "ffi"
local path, calls, runs = ...
ffi.cdef "int calls_add(int, int); int calls_first(const char *);"
ffi.cdef "double calls_six(double, double, double, double, double, double);"
local c = ffi.load(path)
local add, six, first = c.calls_add, c.calls_six, c.calls_first
local loops = {
   add = function(n) for i = 1, n do add(i % 65536, 2) end end,
   six = function(n) for _ = 1, n do six(1.5, 2.5, 3.5, 4.5, 5.5, 6.5) end end,
   first = function(n) for _ = 1, n do first("hello") end end,
}
for name, loop in pairs(loops) do
   for _ = 1, runs do
      local start = os.clock()
      loop(calls)
      print(name, (os.clock() - start) / calls * 1e9)
   end
end
]]

---LuaJIT's interpreter runs in a process of its own.
local function measure_luajit(path, options)
   if not shell.which "luajit" then
      return nil
   end
   local script = os.tmpname()
   shell.write(script, LUAJIT)
   local text = shell.run(("luajit -joff %s %s %d %d"):format(
      script, shell.quote(path), options.calls, options.runs))
   os.remove(script)
   local values = {}
   for name, ns in text:gmatch "(%w+)%s+(%S+)\n" do
      values[name] = values[name] or {}
      table.insert(values[name], tonumber(ns))
   end
   return { name = "LuaJIT, interpreter", values = values }
end

---All contenders with their values by case.
local function measure_all(path, options)
   local list, ln = contenders_of(path)
   for _, contender in ipairs(list) do
      contender.values = {}
      for _, case in ipairs(cases) do
         contender.values[case.name] = {}
         measure(case, contender.functions[case.name], options.calls // 10) -- to warm up
      end
   end
   for run = 1, options.runs do
      for _, case in ipairs(cases) do
         for _, contender in ipairs(list) do
            contender.values[case.name][run] =
               measure(case, contender.functions[case.name], options.calls)
         end
      end
   end
   list[#list + 1] = measure_luajit(path, options)
   ln:close()
   return list
end

local function rows_of(list)
   local rows = {}
   for _, case in ipairs(cases) do
      local peer = stats.summary(list[1].values[case.name]).median
      for _, contender in ipairs(list) do
         local ns = stats.summary(contender.values[case.name])
         rows[#rows + 1] = {
            case = case.title, name = contender.name, ns = ns, ratio = ns.median / peer,
         }
      end
   end
   return rows
end

local function print_rows(rows, options)
   print(("ns per call, %d runs of %d calls; wanted: moonlink at most %.2f times the first"):format(
      options.runs, options.calls, LIMIT))
   print(("  %-12s %-24s %8s %8s %8s %7s"):format("", "", "median", "min", "max", "ratio"))
   for _, row in ipairs(rows) do
      print(("  %-12s %-24s %8.1f %8.1f %8.1f %7.2f%s"):format(row.case, row.name, row.ns.median,
         row.ns.min, row.ns.max, row.ratio,
         row.name == "moonlink" and row.ratio > LIMIT and "  above" or ""))
   end
end

local function write_json(path, rows, options)
   local lines = {}
   for i, row in ipairs(rows) do
      local text = '{"case": "%s", "name": "%s", "median": %.2f, "min": %.2f, "max": %.2f, '
         .. '"ratio": %.3f}'
      lines[i] = text:format(row.case, row.name, row.ns.median, row.ns.min, row.ns.max, row.ratio)
   end
   local head = '{"unit": "ns per call", "runs": %d, "calls": %d, "limit": %.2f,\n"rows": [\n'
   shell.write(path, head:format(options.runs, options.calls, LIMIT)
      .. table.concat(lines, ",\n") .. "\n]}\n")
end

local function main()
   local options = options_of(arg)
   local rows = rows_of(measure_all(compile(), options))
   print_rows(rows, options)
   if options.json then
      write_json(options.json, rows, options)
   end
end

main()
