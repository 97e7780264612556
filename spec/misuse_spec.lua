--- Policies that misbehave and calls in a wrong order: an error or a result, never a crash. Each
-- runs in a process of its own.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local dir = support.tmpdir()

local USES = [[
int first(int), second(void); extern int third;
int sum(void) { return first(1) + second() + third; }
]]
local PARTNER = "int second(void) { return 2; } int third = 3;"

--- Runs a script in a process of its own with `moonlink`, `core`, `uses` and `partner` (paths).
--- It must get to its end.
local function run(body)
   local uses = support.cc(dir .. "/uses.o", USES, "-O1 -fPIC")
   local partner = support.cc(dir .. "/partner.o", PARTNER, "-O1 -fPIC")
   support.cc(dir .. "/partner.o.twin", PARTNER, "-O1 -fPIC")
   local status, out, err = support.lua([[
      local moonlink, core = require "moonlink", require "moonlink.core"
      local uses, partner = ...
      local function refused(f, ...)
         local ok, result, reason = pcall(f, ...)
         assert(not ok or not result, "accepted: " .. tostring(result))
         return tostring(ok and reason or result)
      end
   ]] .. body .. "\nprint 'ok'\n", uses, partner)
   assert(status == 0 and out:find "ok\n$", ("status %d\n%s%s"):format(status, out, err))
end

describe("a policy that misbehaves", function()
   it("may answer with any type", function()
      run [[
         for _, answer in ipairs {1.5, true, {}, print, io.stdout, coroutine.create(print), 0/0, "",
                                  {address = "x"}, {address = -1}, math.mininteger, "first", "sum",
                                  setmetatable({}, {__index = function() error {} end})} do
            for _, how in ipairs {"resolve", "undefined", "scope"} do
               local ln = moonlink.new {}
               if how == "scope" then
                  pcall(ln.check, ln, {uses, scope = {function() return answer end}})
               else
                  ln:on(how, "", function() return answer end)
                  pcall(ln.check, ln, {uses})
               end
               assert(ln:load {partner})
               assert(ln:close())
            end
         end
      ]]
   end)

   it("may raise anything: the load is taken back and the value passed on", function()
      run [[
         for _, value in ipairs {"text", 42, {}, print, false} do
            local ln <close> = moonlink.new {}
            local off = ln:on("undefined", "", function() error(value) end)
            local ok, got = pcall(ln.load, ln, {uses})
            assert(not ok and (got == value or tostring(got):find "text"))
            off()
            assert(ln:load {uses, partner, undefined = "null"})
         end
         local ln <close> = moonlink.new {}
         ln:on("resolve", "", function() error(nil) end)
         assert(not pcall(ln.load, ln, {uses}))
      ]]
   end)

   it("may load, close, remove itself and collect garbage from inside", function()
      run [[
         local ln = moonlink.new {}
         local off
         off = ln:on("resolve", "", function(q)
            off()
            collectgarbage()
            if q.name == "second" then
               assert(ln:load {partner})
            end
            assert(not ln:close())
            collectgarbage()
            return nil
         end)
         assert(ln:load {uses, undefined = "null"})
         assert(ln:close())
         refused(ln.load, ln, {uses})
      ]]
   end)

   it("may keep the question and its transaction for later", function()
      run [[
         local kept
         local ln = moonlink.new {}
         ln:on("undefined", "", function(q) kept = q return 1 end)
         assert(ln:load {uses})
         assert(kept.name)
         for _, field in ipairs {"candidates", "from", "reference", "section", "type", "weak",
                                 "version"} do
            pcall(function() return kept[field] end)
         end
         refused(kept.txn.link, kept.txn)
         refused(kept.txn.commit, kept.txn, "x")
         kept.txn:abort()
         assert(ln:close())
         refused(kept.session.find, kept.session, "sum")
      ]]
   end)

   it("may end the transaction under the load", function()
      run [[
         for _, how in ipairs {"abort", "__gc", "link", "commit"} do
            local ln = moonlink.new {}
            ln:on("resolve", "", function(q)
               local f = q.txn[how] or getmetatable(q.txn)[how]
               pcall(f, q.txn, "name")
            end)
            pcall(ln.load, ln, {uses, partner, undefined = "null"})
            pcall(ln.load, ln, {partner})
            ln:close()
         end
      ]]
   end)

   it("may yield from a hook", function()
      run [[
         local ln = moonlink.new {}
         ln:on("undefined", "", function(q) return coroutine.yield(q.name) end)
         local co = coroutine.wrap(function() return assert(ln:load {uses, partner}) end)
         assert(co() == "first")
         assert(not ln:close())
         assert(co(ln.session:find_process "abs").name)
         local left = coroutine.create(function() return ln:load {uses, duplicate = "first"} end)
         assert(coroutine.resume(left))
         left = nil
         collectgarbage() collectgarbage()
         assert(ln:close())
      ]]
   end)

   it("may answer with names without end", function()
      run [[
         local ln <close> = moonlink.new {}
         refused(ln.load, ln, {uses, scope = {function(q) return q.name .. "x" end}})
         refused(ln.load, ln, {uses, undefined = function(q)
            return q.name == "first" and "second" or "first"
         end})
         local n = 0
         refused(ln.load, ln, {uses, undefined = function() n = n + 1 return "n" .. n end})
         refused(ln.load, ln, {uses, rename = {first = "second", second = "first"}})
         assert(ln:load {uses, partner, undefined = "null"})
      ]]
   end)

   it("may choose a duplicate that is none", function()
      run [[
         local ln <close> = moonlink.new {}
         for _, choice in ipairs {0, 3, "1", 1.5, {}, true} do
            refused(ln.load, ln, {partner, partner .. '.twin', duplicate = function()
               return choice
            end})
         end
         assert(ln:load {partner, partner .. '.twin', duplicate = function() return 2 end})
         assert(ln:load {partner, duplicate = function() return 1 end})
      ]]
   end)

   it("may finalise what it likes while tables are made", function()
      run [[
         local ln = moonlink.new {}
         local unit = assert(ln:load {partner})
         local function bomb()
            return setmetatable({}, {__gc = function() ln:close() bomb() end})
         end
         bomb()
         collectgarbage "generational"
         for _ = 1, 200 do
            pcall(function()
               return unit.core:entries(), unit.core:sections(), ln.session:units(), ln:check {uses}
            end)
         end
         collectgarbage()
      ]]
   end)
end)

describe("a wrong order of calls", function()
   it("is an error on a transaction", function()
      run [[
         local s = core.session()
         local function begin(options)
            options = options or {}
            options.scope = {"self", "process"}
            return s:begin(options)
         end
         local function bytes_of(path)
            return assert(io.open(path, "rb")):read "a"
         end
         local bytes = bytes_of(partner)
         local t = begin()
         refused(t.commit, t, "too early")
         refused(t.bytes, t)
         assert(t:add_bytes(bytes, "partner.o"))
         refused(t.commit, t, "still too early")
         assert(t:link())
         for _, step in ipairs {"link", "resolve", "offer", "allow_libc"} do
            refused(t[step], t)
         end
         refused(t.add_bytes, t, bytes, "late.o")
         refused(t.add, t, partner)
         refused(t.root, t, "x")
         refused(t.bytes, t)
         local unit = assert(t:commit "unit")
         for name, method in pairs(getmetatable(t).__index) do
            if name ~= "abort" then
               refused(method, t, "x", "x", "x")
            end
         end
         t:abort() t:abort()
         assert(unit:name() == "unit" and unit:alive())

         t = begin()
         refused(t.add, t, "/nonexistent")
         refused(t.add, t, partner)
         refused(t.link, t)
         t:inputs() t:entries() t:sections() t:stats() t:undefined() t:duplicates()
         t:abort()

         t = begin {at = 0x10000000}
         refused(t.bytes, t)
         assert(t:add(partner) and t:resolve() and t:link())
         refused(t.commit, t, "a fixed one")
         assert(#t:bytes() > 0)
         t:abort()

         t = begin()
         assert(t:add(uses))
         t:resolve()
         for _, i in ipairs {-1, 0, 1, 2, 1 << 31, 1 << 32, math.maxinteger} do
            pcall(t.choose, t, i, 1)
            pcall(t.choose, t, 1, i)
            pcall(t.archive_defines, t, i, "x")
            pcall(t.references, t, "first", i)
            pcall(t.answer_address, t, "first", i, 5)
            pcall(t.answer_name, t, "first", i, "second")
            pcall(t.add_archive, t, partner, i)
         end
         t = nil
         collectgarbage()
         assert(s:close() and s:close() and s:is_closed())
         assert(not unit:alive())
         refused(unit.entries, unit)
         refused(s.begin, s, {scope = {}})
      ]]
   end)

   it("is an error on options that run code", function()
      run [[
         local s = core.session()
         local options = setmetatable({}, {__index = function(_, key)
            s:close()
            return key == "scope" and {} or nil
         end})
         refused(s.begin, s, options)
         s = core.session()
         refused(s.begin, s, {scope = setmetatable({}, {__len = function()
            getmetatable(s).__gc(s)
            return 0
         end})})
         s = core.session()
         refused(s.begin, s, {scope = setmetatable({}, {__len = function() return 1 << 40 end})})
         refused(s.begin, s, {scope = {"nowhere"}})
         refused(s.begin, s, {scope = {{set = {}}}})
         refused(s.begin, s, {scope = {s}})
      ]]
   end)

   it("is an error on a unit of another linker", function()
      run [[
         local a, b = moonlink.new {}, moonlink.new {}
         local unit = assert(a:load {partner})
         refused(b.load, b, {uses, scope = {unit}, undefined = "null"})
         assert(a:load {uses, scope = {unit}, undefined = "null"})
         assert(a:close() and b:close())
         refused(b.load, b, {uses, scope = {unit}})
      ]]
   end)

   it("is an error on a foreign, empty or finalised userdata", function()
      run [[
         local function objects()
            local s = core.session()
            local t = s:begin {scope = {}}
            local t2 = s:begin {scope = {}}
            assert(t2:add(partner) and t2:link())
            local u = assert(t2:commit "unit")
            local trap, buffer = core.trap "trap", core.alloc(16)
            local callback = moonlink.new {}:callback("int(int)", function() return 1 end)
            return {s, t, u, trap, buffer, callback, io.stdout}
         end
         local names = {"__gc", "__close", "__len", "__tostring", "__eq", "__call"}
         local list, others = objects(), objects()
         for i, object in ipairs(list) do
            local mt = getmetatable(object)
            for _, name in ipairs(names) do
               for j, other in ipairs(others) do
                  if mt[name] and i ~= j and object ~= io.stdout then
                     for _, wrong in ipairs {other, {}, 0, "x", false} do
                        pcall(mt[name], wrong)
                     end
                  end
               end
            end
            local methods = type(mt.__index) == "table" and object ~= io.stdout and mt.__index
            for _, method in pairs(methods or {}) do
               for j, other in ipairs(others) do
                  if i ~= j and getmetatable(other) ~= mt then
                     pcall(method, other, "x")
                  end
               end
            end
         end
         for i, object in ipairs(list) do
            local mt = getmetatable(object)
            if i < #list then
               for _ = 1, 3 do
                  mt.__gc(object)
               end
               for _, method in pairs(mt.__index) do
                  pcall(method, object, "x", 1)
                  pcall(method, object)
               end
               pcall(tostring, object)
            end
         end
         list, others = nil, nil
         collectgarbage() collectgarbage()
      ]]
   end)

   it("is an error on a closed linker", function()
      run [[
         local ln = moonlink.new {}
         local unit = assert(ln:load {partner})
         local second = assert(ln:func "int second(void)")
         assert(second() == 2)
         ln:cdef "int second(void);"
         assert(ln:close() and ln:close())
         refused(second)
         for _, method in ipairs {"load", "check", "image", "func", "callback", "on", "explain",
                                  "why", "symbol", "address_of", "cdef"} do
            refused(ln[method], ln, "int second(void)", print)
         end
         pcall(function() return unit:map(), unit:symbols() end)
         local where = debug.getinfo(1, "Sl")
         local _, why = pcall(function() return ln.c.second() end)
         assert(why == ("%s:%d: attempt to use a closed linker"):format(where.short_src,
            where.currentline + 1), why)
         tostring(ln) tostring(unit)
      ]]
   end)

   it("is an error when a constructor closes the linker", function()
      local path = support.cc(dir .. "/ctor.o", [[
         extern void called(void);
         __attribute__((constructor)) static void begin(void) { called(); }
      ]], "-O1 -fPIC")
      run(([[
         local ln = moonlink.new {}
         local calls = 0
         local called = ln:callback("void(void)", function()
            calls = calls + 1
            assert(not ln:close())
            collectgarbage()
         end)
         local unit = assert(ln:load {%q, scope = {{called = called}}})
         assert(unit:alive() and ln:close())
      ]]):format(path))
   end)
end)
