-- Lua functions that C calls, errors in them, and stubs that stand for what does not exist.
-- SPDX-License-Identifier: MIT

local core = require "moonlink.core"
local moonlink = require "moonlink"
local support = require "spec.support"

describe("a callback", function()
   local dir, ln, apply, keep, call_kept, sort, numbers

   local refused = support.refused

   setup(function()
      dir = support.tmpdir()
      ln = moonlink.new()
      support.cc(dir .. "/c.o", [[
         #include <errno.h>
         #include <pthread.h>
         #include <stdint.h>
         #include <stdlib.h>
         typedef int fn(int);
         int apply(fn *f, int x) { return f(x) + 1; }
         int twice(fn *f, int x) { return f(f(x)); }
         int each(fn *f, int n) { int s = 0; for (int i = 0; i < n; i++) s += f(i); return s; }
         static fn *kept;
         void keep(fn *f) { kept = f; }
         int call_kept(int x) { return kept ? kept(x) : -1000; }
         int then_kept(fn *f, int x) { int y = f(x); return kept(x) + y; }
         int both(fn *f, fn *g, int x) { return f(x) * 100 + g(x); }
         int keeps_errno(fn *f) { errno = 33; f(0); return errno; }
         double all(double (*f)(signed char, unsigned char, short, unsigned short, int, unsigned,
                                int64_t, float, double, _Bool, const char *, char *, void *,
                                long double))
         { static char place[4]; return f(-1, 255, -2, 65535, -3, 4294967295u, INT64_MIN, 0.5f,
                                          0.25, 1, "text", place, 0, 1.5L); }
         signed char r8(signed char (*f)(void)) { return f(); }
         uint16_t r16(uint16_t (*f)(void)) { return f(); }
         float rf(float (*f)(void)) { return f() * 2; }
         long double rld(long double (*f)(void)) { return f() * 2; }
         _Bool rb(_Bool (*f)(void)) { return !f(); }
         void *rp(void *(*f)(void)) { return f(); }
         void rv(void (*f)(int)) { f(42); }
         static void *thread(void *f) { return (void *)(intptr_t)((fn *)f)(5); }
         long in_thread(fn *f)
         { pthread_t t; void *r; pthread_create(&t, 0, thread, (void *)f);
           pthread_join(t, &r); return (intptr_t)r; }
         int compare(const void *a, const void *b)
         { return *(const int *)a - *(const int *)b; }
      ]], "-O1 -fPIC")
      assert(ln:load(dir .. "/c.o"))
      ln:cdef [[ typedef int fn(int); ]]
      apply = assert(ln:func "int apply(fn *, int)")
      keep = assert(ln:func "void keep(fn *)")
      call_kept = assert(ln:func "int call_kept(int)")
      ln:cdef "typedef int comparison(const void *, const void *);"
      sort = assert(ln:func "void qsort(void *, size_t, size_t, comparison *)")
      numbers = moonlink.alloc(12)
   end)

   teardown(function()
      ln:close()
   end)

   before_each(function()
      keep(nil)
      core.warnings()
      numbers:set(string.pack("i4i4i4", 3, 1, 2))
   end)

   local function ascending(a, b)
      return moonlink.read(a, "i4") - moonlink.read(b, "i4")
   end

   describe("for one call", function()
      it("is made of a Lua function where the parameter is a function pointer", function()
         assert.equal(11, apply(function(x) return x * 5 end, 2))
         sort(numbers, 3, 4, ascending)
         assert.same({ 1, 2, 3 }, { moonlink.read(numbers, "i4i4i4") })
      end)

      it("may be two at once", function()
         local both = ln:func "int both(fn *, fn *, int)"
         assert.equal(304, both(function(x) return x + 1 end, function(x) return x * 2 end, 2))
      end)

      it("nests", function()
         local function inner(x)
            return x + 1
         end
         assert.equal(6, apply(function(x) return apply(inner, x) + apply(inner, 0 * x) - 1 end, 2))
      end)

      it("takes an address in its place, or nil", function()
         sort(numbers, 3, 4, (ln:address_of "compare"))
         assert.same({ 1, 2, 3 }, { moonlink.read(numbers, "i4i4i4") })
         keep(nil)
         assert.equal(-1000, call_kept(1))
      end)

      it("answers 0 when C calls it later, and that is noted", function()
         keep(function(x) return x end)
         assert.equal(0, call_kept(7))
         assert.truthy(core.warnings()[1]:find("closed callback", 1, true))
         assert.same({}, core.warnings())
      end)

      it("is used again by the next call and leaves nothing behind", function()
         local function same(x)
            return x
         end
         for _ = 1, 100 do
            apply(same, 1)
         end
         collectgarbage()
         local before = collectgarbage "count"
         for _ = 1, 10000 do
            apply(same, 1)
         end
         collectgarbage()
         assert.is_true(collectgarbage "count" - before < 8)
      end)

      it("refuses what is no function", function()
         assert.truthy(refused(apply, "x", 1):find("function or address expected", 1, true))
         assert.truthy(refused(apply, {}, 1):find("function expected, got table", 1, true))
      end)

      it("is given back when a later argument is wrong", function()
         assert.truthy(refused(apply, print, "x"):find("#2 to 'apply'", 1, true))
         assert.equal(3, apply(function(x) return x end, 2))
      end)
   end)

   describe("that is registered", function()
      it("can be kept by C until it is closed", function()
         do
            local cb <close> = ln:callback("int(int)", function(x) return x * 2 end)
            keep(cb)
            assert.equal(14, call_kept(7))
            keep(cb:address())
            assert.equal(16, call_kept(8))
         end
         assert.equal(0, call_kept(9))
      end)

      it("takes a name of a type, a function and a pointer to one", function()
         for _, text in ipairs { "fn", "fn *", "int (int)", "int (*)(int)", "int(int x)" } do
            local cb <close> = ln:callback(text, function(x) return x + 1 end)
            assert.equal(4, apply(cb, 2))
         end
      end)

      it("refuses what is no function type", function()
         for text, reason in pairs {
            ["int"] = "'int' is no function type", ["int("] = "declaration, line 1",
            ["int(int, ...)"] = "variable arguments", ["int(struct s)"] = "by value",
         } do
            assert.truthy(refused(ln.callback, ln, text, print):find(reason, 1, true), text)
         end
         assert.truthy(refused(ln.callback, ln, "int(int)", 7):find("function expected", 1, true))
         assert.truthy(refused(ln.callback, ln, "int(int)", print, { x = 1 }):find(
            "unknown option 'x'", 1, true))
      end)

      it("prints as what it is and refuses use when closed", function()
         local cb = ln:callback("fn", print)
         assert.truthy(tostring(cb):find "^moonlink.Callback %(0x")
         cb:close()
         cb:close()
         assert.equal("moonlink.Callback (closed)", tostring(cb))
         assert.truthy(refused(cb.address, cb):find("closed", 1, true))
         assert.truthy(refused(apply, cb, 1):find("closed", 1, true))
      end)

      it("that nobody holds is collected, and then answers 0", function()
         local collected = false
         do
            local guard = setmetatable({}, { __gc = function() collected = true end })
            keep(ln:callback("fn", function() return guard and 5 end))
         end
         collectgarbage()
         collectgarbage()
         assert.is_true(collected)
         assert.equal(0, call_kept(1))
      end)

      it("may be closed while it runs", function()
         local cb
         cb = ln:callback("fn", function(x)
            cb:close()
            collectgarbage()
            return x + 1
         end)
         assert.equal(4, apply(cb, 2))
         assert.is_true(refused(cb.address, cb) ~= nil)
      end)

      it("closed stays answering 0 while hundreds of others are made", function()
         local first = ln:callback("fn", function() return 1 end)
         keep(first)
         first:close()
         for _ = 1, 500 do
            ln:callback("fn", function() return 2 end):close()
         end
         assert.equal(0, call_kept(1))
      end)

      it("costs no memory without end", function()
         local function address()
            local cb <close> = ln:callback("fn", print)
            return cb:address()
         end
         local seen, different = {}, 0
         for _ = 1, 5000 do
            local at = address()
            different = different + (seen[at] and 0 or 1)
            seen[at] = true
         end
         assert.is_true(different < 2500, different)
      end)
   end)

   it("gets every type, and NULL as nil", function()
      local got
      local all = ln:func [[double all(double (*)(signed char, unsigned char, short, unsigned short,
         int, unsigned, int64_t, float, double, bool, const char *, char *, void *, long double))]]
      assert.equal(2.5, all(function(...)
         got = table.pack(...)
         return 2.5
      end))
      assert.equal(14, got.n)
      assert.same({ -1, 255, -2, 65535, -3, 4294967295, math.mininteger, 0.5, 0.25, true, "text" },
         table.move(got, 1, 11, 1, {}))
      assert.equal("integer", math.type(got[12])) -- char *: a place, not a text
      assert.is_nil(got[13])
      assert.equal(1.5, got[14])
   end)

   it("gives every type", function()
      local function give(prototype, value)
         return ln:func(prototype)(function() return value end)
      end
      assert.equal(-5, give("signed char r8(signed char (*)(void))", -5))
      assert.equal(65535, give("uint16_t r16(uint16_t (*)(void))", 65535))
      assert.equal(3.0, give("float rf(float (*)(void))", 1.5))
      assert.equal(0.2, give("long double rld(long double (*)(void))", 0.1))
      assert.equal(false, give("bool rb(bool (*)(void))", true))
      assert.equal(64, give("void *rp(void *(*)(void))", 64))
      assert.is_nil(give("void *rp(void *(*)(void))", nil))
      local got
      ln:func "void rv(void (*)(int))"(function(x) got = x; return "ignored" end)
      assert.equal(42, got)
   end)

   it("leaves C's errno alone", function()
      local keeps_errno = ln:func "int keeps_errno(fn *)"
      assert.equal(33, keeps_errno(function()
         io.open "/no/such/file"
         return 0
      end))
   end)

   describe("with an error in it", function()
      it("raises it when the call returns, as the same value", function()
         local e = { "the error" }
         local ok, err = pcall(apply, function() error(e) end, 1)
         assert.is_false(ok)
         assert.equal(e, err)
      end)

      it("gives 0 to C and runs C to its end", function()
         local each = ln:func "int each(fn *, int)"
         local calls = 0
         local why = refused(each, function(i)
            calls = calls + 1
            error("number " .. i, 0)
         end, 3)
         assert.equal("number 0", why) -- the first counts
         assert.equal(3, calls)
      end)

      it("lets on_error decide the result", function()
         local seen
         local cb <close> = ln:callback("fn", function() error("oops", 0) end, {
            on_error = function(e)
               seen = e
               return 41
            end,
         })
         assert.equal(42, apply(cb, 1))
         assert.equal("oops", seen)
      end)

      it("takes a plain on_error as the result, and still raises", function()
         local got
         local cb <close> = ln:callback("fn", function() error("oops", 0) end, { on_error = 7 })
         local outer <close> = ln:callback("fn", function(x)
            got = select(2, pcall(call_kept, x))
            return 0
         end)
         keep(cb)
         apply(outer, 1)
         assert.equal("oops", got)
         assert.truthy(refused(ln.callback, ln, "fn", print, { on_error = "x" }):find(
            "on_error: integer expected", 1, true))
      end)

      it("raises what on_error raises", function()
         local cb <close> = ln:callback("fn", function() error("one", 0) end,
            { on_error = function() error("two", 0) end })
         assert.equal("two", refused(apply, cb, 1))
      end)

      it("counts a result of the wrong kind as one", function()
         assert.truthy(refused(apply, function() return "x" end, 1):find(
            "bad result of a callback (integer expected, got string)", 1, true))
         assert.truthy(refused(apply, function() return 2^40 end, 1):find("out of range for int"))
         assert.truthy(refused(apply, function() end, 1):find("got nil", 1, true))
      end)

      it("meets the pcall of its own coroutine", function()
         local co = coroutine.wrap(function()
            local ok, err = pcall(apply, function() error("inside", 0) end, 1)
            return ok, err
         end)
         assert.same({ false, "inside" }, { co() })
      end)

      it("keeps errors of nested calls apart", function()
         local ok, err = pcall(apply, function(x)
            assert(not pcall(apply, function() error("inner", 0) end, x))
            assert(apply(function(y) return y end, 3) == 4)
            error("outer", 0)
         end, 1)
         assert.is_false(ok)
         assert.equal("outer", err)
         local both = ln:func "int both(fn *, fn *, int)"
         ok, err = pcall(both, function() error("first", 0) end, function()
            return apply(function(y) return y end, 3) -- must not see the error of its neighbour
         end, 1)
         assert.is_false(ok)
         assert.equal("first", err)
      end)
   end)

   it("cannot yield, and says so", function()
      local co = coroutine.create(function()
         return pcall(apply, function() coroutine.yield() return 0 end, 1)
      end)
      local _, ok, err = coroutine.resume(co)
      assert.is_false(ok)
      assert.truthy(err:find("attempt to yield across a C-call boundary", 1, true))
      assert.equal("dead", coroutine.status(co))
   end)

   it("runs in the coroutine that made the call", function()
      local inside
      local co = coroutine.create(function()
         apply(function() inside = coroutine.running() return 0 end, 1)
      end)
      assert(coroutine.resume(co))
      assert.equal(co, inside)
   end)

   it("nested without end is an error, not a crash", function()
      local depth = 0
      local function deeper(x)
         depth = depth + 1
         return apply(deeper, x)
      end
      assert.truthy(refused(deeper, 1):find("C stack overflow", 1, true))
      assert.is_true(depth > 50)
      assert.equal(3, apply(function(x) return x end, 2))
   end)

   it("from another thread answers by default and is noted", function()
      local called = false
      local cb <close> = ln:callback("fn", function() called = true return 1 end, { on_error = -7 })
      assert.equal(-7, ln:func "long in_thread(fn *)"(cb))
      assert.is_false(called)
      assert.truthy(core.warnings()[1]:find("another thread", 1, true))
   end)

   it("outlives the Lua state for C that calls it at exit", function()
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local core = require "moonlink.core"
         local ln = moonlink.new()
         local on_exit = core.func(assert(ln:address_of "on_exit"), "i(Pv(ip)p)", nil, "on_exit")
         local cb = ln:callback("void(int, void *)", function() print "never" end)
         assert(on_exit(cb, nil) == 0)
         assert(on_exit(function() print "neither" end, nil) == 0)
         io.write "ends"
      ]])
      assert.equal(0, status, err)
      assert.equal("ends", out)
   end)

   it("is not seen by another Lua state's rules", function()
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         package.loaded["moonlink.core"] = nil
         local again = require "moonlink.core"      -- luaopen runs twice in one state
         local ln = moonlink.new()
         local cb = ln:callback("int(int)", function(x) return x + 1 end)
         local f = again.func(cb:address(), "i(i)", nil, "f")
         print(f(1), pcall(again.func(again.callback("i(i)", error):address(), "i(i)"), 7))
      ]])
      assert.equal(0, status, err)
      assert.equal("2\tfalse\t7\n", out)
   end)

   describe("that is a trap", function()
      it("ends the native call with its message", function()
         local trap <close> = core.trap "undefined symbol 'frob' was called"
         assert.truthy(refused(apply, trap, 1):find("undefined symbol 'frob' was called", 1, true))
         assert.equal(3, apply(function(x) return x end, 2))
      end)

      it("ends the innermost native call only", function()
         local trap <close> = core.trap "stub"
         assert.equal(11, apply(function(x)
            assert.truthy(refused(apply, trap, x):find("stub", 1, true))
            return 10
         end, 1))
      end)

      it("reached by way of a callback's own call leaves the outer call whole", function()
         local trap <close> = core.trap "stub"
         local direct = core.func(trap:address(), "v()", nil, "direct")
         local co = coroutine.wrap(function() return pcall(apply, function() direct() end, 1) end)
         local ok, err = co()
         assert.is_false(ok)
         assert.truthy(tostring(err):find("stub", 1, true))
         assert.equal(3, apply(function(x) return x end, 2))
      end)

      it("made during the call that meets it raises when that call returns", function()
         local made
         local went_on = false
         local then_kept = ln:func "int then_kept(fn *, int)"
         local why = refused(then_kept, function()
            made = core.trap "late stub"
            keep(made)
            went_on = true
            return 1
         end, 1)
         assert.is_true(went_on)
         assert.truthy(why:find("late stub", 1, true))
         assert.truthy(refused(call_kept, 1):find("late stub", 1, true))
         made:close()
         assert.equal(0, call_kept(1))
      end)

      it("in another thread answers 0 and is noted", function()
         local trap <close> = core.trap "stub in a thread"
         assert.equal(0, ln:func "long in_thread(fn *)"(trap))
         assert.truthy(table.concat(core.warnings(), "\n"):find("stub in a thread", 1, true))
      end)

      it("noted there keeps its text when it is closed, until it is used anew", function()
         local function sprung()
            local trap <close> = core.trap "stub that goes"
            ln:func "long in_thread(fn *)"(trap)
            return trap
         end
         sprung()
         assert.truthy(table.concat(core.warnings(), "\n"):find("stub that goes", 1, true))
         sprung()
         for _ = 1, 1100 do -- closed ones are used again once there are many
            core.trap("another"):close()
         end
         assert.truthy(table.concat(core.warnings(), "\n"):find("closed by now", 1, true))
      end)

      it("raises its own message, whatever the collector ends meanwhile", function()
         local trap = core.trap "the stub that was called"
         local idle, grown, ended = {}, {}, false
         local then_kept = ln:func "int then_kept(fn *, int)"
         keep(trap)
         for i = 1, 1100 do
            idle[i] = core.trap "idle"
         end
         local pause, step = collectgarbage "setpause", collectgarbage("setstepmul", 1000)
         local why = refused(then_kept, function()
            collectgarbage "stop"
            setmetatable({}, {__gc = function()
               trap:close()
               for i = 1, 1100 do
                  idle[i]:close()
               end
               for i = 1, 1101 do -- closed ones are used again once there are many
                  idle[i] = core.trap "a stub that was not called"
               end
               ended = true
            end})
            collectgarbage("setpause", 0)
            collectgarbage "restart"
            for i = 1, 1e5 do -- owes the collector much, which it gets where it runs next
               grown[i] = i
            end
            return 1
         end, 1)
         collectgarbage("setpause", pause)
         collectgarbage("setstepmul", step)
         assert.is_true(ended and #grown == 1e5)
         assert.equal("the stub that was called", why)
      end)

      it("leaves calls through libffi whole too", function()
         local trap <close> = core.trap "sorted by nobody"
         assert.truthy(refused(sort, numbers, 3, 4, trap):find("sorted by nobody", 1, true))
         sort(numbers, 3, 4, ascending)
         assert.same({ 1, 2, 3 }, { moonlink.read(numbers, "i4i4i4") })
      end)
   end)

   it("is safe while the collector runs at every step", function()
      local pause = collectgarbage("setpause", 0)
      local step = collectgarbage("setstepmul", 1000)
      for i = 1, 200 do
         local cb <close> = ln:callback("fn", function(x) return x + #tostring {} * 0 end)
         assert.equal(i + 1, apply(cb, i))
         assert.equal(i + 1, apply(function(x) return #(("x"):rep(x)) end, i))
         pcall(apply, function() error { i } end, i)
      end
      collectgarbage("setpause", pause)
      collectgarbage("setstepmul", step)
   end)
end)
