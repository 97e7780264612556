--- Functions called in a child process: their results, and all that can end them.
-- #layout: valgrind follows each child, and looks for leaks at its end.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

local TROUBLE = [[
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int answer = 41;
int load_from(int *p) { return *p + 1; }
int calls(int *p) { return load_from(p) + 1; }
int calls_null(void) { int (*volatile f)(void) = 0; return f() + 1; }
int overflow(int n)
{
    volatile char room[4096];
    room[0] = (char)n;
    return overflow(n + 1) + room[0];
}
int divide(int a, int b) { volatile int c = a / b; return c; }
void undefined_instruction(void) { __asm__ volatile("ud2"); }
void breakpoint(void) { __asm__ volatile("int3"); }
void aborts(void) { abort(); }
void sends(int signo) { kill(getpid(), signo); for (;;) pause(); }
void quits(int status) { exit(status); }
void quits_at_once(int status) { _exit(status); }
static void said(void) { printf("from atexit;"); }
void registers_and_quits(void) { atexit(said); exit(4); }
void hangs(void) { for (;;) ; }
void hangs_deaf(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    hangs();
}
void closes_all(void) { for (int i = 0; i < 256; i++) close(i); }
int takes_all(const char *path)
{
    closes_all();
    for (int i = 0; i < 64; i++)
        if (open(path, O_RDWR | O_CREAT | O_APPEND, 0600) < 0)
            return -1;
    return 1;
}
/* The number of a process that lives on, outside of the group when asked. */
int leaves_behind(int apart)
{
    int p[2];
    if (pipe(p) != 0)
        return -1;
    if (fork() == 0) {
        if (apart) {
            setsid();
            if (fork() != 0)
                _exit(0);
        }
        int self = getpid();
        if (write(p[1], &self, sizeof self) != sizeof self)
            _exit(1);
        for (;;)
            pause();
    }
    int pid = -1;
    if (read(p[0], &pid, sizeof pid) != sizeof pid)
        return -1;
    return pid;
}
int alive(int pid) { return kill(pid, 0) == 0; }
int forks(void) { return fork() == 0; }
void prints(const char *out, const char *err) { printf("%s", out); fprintf(stderr, "%s", err); }
void holds(const char *text) { printf("%s", text); }
int eats(void)
{
    char *p;
    while ((p = malloc(1 << 20)))
        memset(p, 1, 1 << 20);
    *p = 1;
    return 0;
}
void breaks_heap(void)
{
    char *p = malloc(3000), *q = malloc(3000);
    memset(p - 16, 0xff, 16);
    free(p);
    free(q);
}
static void *crash_here(void *p) { load_from(p); return NULL; }
void crashes_in_thread(void)
{
    pthread_t t;
    pthread_create(&t, NULL, crash_here, NULL);
    pthread_join(t, NULL);
}
int applies(int (*f)(int), int n) { return f(n); }
int (*kept)(int);
void keeps(int (*f)(int)) { kept = f; }
int asks(int n) { return kept(n); }
int children(void) { int n = 0; while (waitpid(-1, NULL, WNOHANG) > 0) n++; return n; }
void on_segv(int signo) { (void)signo; _exit(77); }
void catches(int yes) { signal(SIGSEGV, yes ? on_segv : SIG_DFL); }
void ignores_children(int yes) { signal(SIGCHLD, yes ? SIG_IGN : SIG_DFL); }
]]

local object = support.cc(dir .. "/trouble.o", TROUBLE, "-O1 -g -fPIC -fno-builtin")
local maps = support.read "/proc/self/maps"
local sanitized = maps:find "libasan" ~= nil

local ln = moonlink.new {debug = "lines"}
assert(ln:load(object))

local functions = {}

--- A function of the object.
local function c(prototype)
   functions[prototype] = functions[prototype] or assert(ln:func(prototype))
   return functions[prototype]
end

--- The results of a function that must come back.
local function results(fn, opts, ...)
   local run = assert(moonlink.isolate(fn, opts, ...))
   return table.unpack(run, 1, run.n)
end

--- The error of a function that must not come back.
local function failure(code, fn, opts, ...)
   local run, err = moonlink.isolate(fn, opts, ...)
   assert(run == nil, "it came back")
   assert(err.code == code, ("%s, not %s: %s"):format(err.code, code, tostring(err)))
   return err
end

--- The error of a crash; nothing under a sanitizer that has reported it itself.
local function crash(signal, fn, ...)
   if sanitized and (signal == "SIGSEGV" or signal == "SIGBUS" or signal == "SIGFPE") then
      local err = failure("exit", fn, nil, ...)
      assert.matches("AddressSanitizer", err.output)
      return nil
   end
   local err = failure("signal", fn, nil, ...)
   assert.equal(signal, err.signal)
   assert.equal(signal:sub(4), support.stdout("bash -c 'kill -l %d'", err.number))
   return err
end

--- The frame of a function in the backtrace.
local function frame(err, name)
   for i, f in ipairs(err.backtrace) do
      if f.name == name then
         return f, i
      end
   end
   error(("%s is not in:\n%s"):format(name, tostring(err)))
end

--- Ends a function in time, which never ends, but not before it has written something: a machine
--- that has much to do may need longer for that.
---@return moonlink.Error err
---@return number limit seconds
local function too_slow(fn)
   for _, limit in ipairs {0.1, 1.5, 15, 90} do
      local err = failure("timeout", fn, {timeout = limit})
      if err.output ~= "" then
         return err, limit
      end
   end
   error "it has never written anything"
end

local function children()
   return support.read "/proc/thread-self/children"
end

describe("a function in a child process #layout", function()
   it("gets arguments and gives results", function()
      local run = assert(moonlink.isolate(function(...) return select("#", ...), ... end, nil,
         nil, 1, "two", nil))
      assert.same({5, 4, nil, 1, "two", nil},
         {run.n, table.unpack(run, 1, 4)})
      assert.equal("", run.output)
      assert.equal(0, run.dropped)
      assert.is_true(run.seconds > 0)
      assert.equal(0, moonlink.isolate(function() end).n)
   end)

   it("changes nothing in the process that asked", function()
      local here = 1
      assert.equal(42, results(function()
         here = 2
         moonlink.write(ln:address_of "answer", "i4", 42)
         return moonlink.read(ln:address_of "answer", "i4")
      end))
      assert.equal(1, here)
      assert.equal(41, moonlink.read(ln:address_of "answer", "i4"))
   end)

   it("gives back numbers as they were", function()
      local function kinds(...)
         local list = table.pack(...)
         for i, v in ipairs(list) do
            list[i] = math.type(v) .. string.pack("n", v)
         end
         return table.concat(list, " ")
      end
      local function numbers()
         return 0, -1, math.mininteger, math.maxinteger, 0.0, -0.0, 1.0, 0.1, math.huge,
            -math.huge, 0 / 0, -(0 / 0), 5e-324
      end
      assert.equal(kinds(numbers()), kinds(results(numbers)))
   end)

   it("gives back tables with what they share, however deep", function()
      local back = results(function()
         local shared = {"once"}
         local t = {a = shared, b = shared, [shared] = true, [1.5] = {}, [false] = "\0\n\xff"}
         t.self = t
         local deep = {}
         for _ = 1, 100000 do
            deep = {deep}
         end
         t.deep = deep
         return t
      end)
      assert.equal(back, back.self)
      assert.equal(back.a, back.b)
      assert.is_true(back[back.a])
      assert.equal("once", back.a[1])
      assert.equal("\0\n\xff", back[false])
      assert.same({}, back[1.5])
      local depth, at = 0, back.deep
      while at[1] do
         depth, at = depth + 1, at[1]
      end
      assert.equal(100000, depth)
   end)

   it("gives back errors of moonlink as such", function()
      local _, err = results(function() return moonlink.new():load "/nonexistent.o" end)
      assert.equal("noent", err.code)
      assert.matches("nonexistent", tostring(err))
      assert.equal(getmetatable(select(2, ln:load "/nonexistent.o")), getmetatable(err))
   end)

   it("cannot return functions and the like: the message says where they are", function()
      local function why(...)
         local values = table.pack(...)
         return failure("error", function() return table.unpack(values, 1, values.n) end).message
      end
      assert.matches("^result%[2%] is a function: ", why(1, print))
      assert.matches("^result%[1%]%.x%[3%] is a userdata: ", why {x = {1, 2, io.stdout}})
      assert.matches('^result%[1%]%["a b"%]%.y is a coroutine: ',
         why {["a b"] = {y = coroutine.create(print)}})
      assert.matches("^result%[1%]%.z has a function as a key: ", why {z = {[print] = 1}})
   end)

   it("gives back large results while much is printed", function()
      local run = assert(moonlink.isolate(function()
         local line = ("o"):rep(1 << 16)
         for _ = 1, 64 do
            io.write(line)
         end
         return ("r"):rep(40 << 20), "end"
      end, {output_limit = 100000}))
      assert.equal(40 << 20, #run[1])
      assert.equal("end", run[2])
      assert.equal(("o"):rep(100000), run.output)
      assert.equal((4 << 20) - 100000, run.dropped)
   end)

   it("has empty input, and output that is kept in its order", function()
      local run = assert(moonlink.isolate(function()
         c "void prints(const char *, const char *)"("one ", "two ")
         print "three"
         c "void prints(const char *, const char *)"("four ", "five")
         return io.read "a"
      end))
      assert.equal("one two three\nfour five", run.output)
      assert.equal("", run[1])
   end)

   it("does not print again what waited to be printed", function()
      local status, out = support.lua([[
         local moonlink = require "moonlink"
         io.stdout:setvbuf "full"
         io.write "once;"
         assert(moonlink.isolate(function() end))
         assert(not moonlink.isolate(function() os.exit(1) end))
         io.write "end"
      ]])
      assert.same({0, "once;end"}, {status, out})
   end)

   it("can be called from coroutines, callbacks and other such functions", function()
      local inner = coroutine.wrap(function()
         coroutine.yield(results(function() return "in a coroutine" end))
      end)
      assert.equal("in a coroutine", inner())
      local applies = c "int applies(int (*)(int), int)"
      assert.equal(22, applies(function(n)
         return results(function() return applies(function(m) return 2 * m end, n) end)
      end, 11))
      local err = results(function()
         return select(2, moonlink.isolate(function() c "int calls_null(void)"() end))
      end)
      assert.equal(sanitized and "exit" or "signal", err.code)
   end)
end)

describe("callbacks and child processes #layout", function()
   it("made before are the child's own in the child", function()
      local seen = 0
      local cb <close> = ln:callback("int(int)", function(n)
         seen = seen + n
         return seen
      end)
      c "void keeps(int (*)(int))"(cb)
      assert.equal(5, results(function() return c "int asks(int)"(5) end))
      assert.equal(7, c "int asks(int)"(7))
      assert.equal(7, seen)
   end)

   it("made in the child leave those of the parent alone", function()
      local before <close> = ln:callback("int(int)", function(n) return n + 1 end)
      c "void keeps(int (*)(int))"(before)
      assert.same({30, 3}, {results(function()
         local mine = {}
         for i = 1, 100 do
            mine[i] = ln:callback("int(int)", function(n) return n * i end)
         end
         c "void keeps(int (*)(int))"(mine[10])
         local product = c "int asks(int)"(3)
         c "void keeps(int (*)(int))"(before)
         return product, c "int asks(int)"(2)
      end)})
      assert.equal(3, c "int asks(int)"(2))
      local after <close> = ln:callback("int(int)", function(n) return n - 1 end)
      assert.equal(4, c "int applies(int (*)(int), int)"(after, 5))
      assert.equal(3, c "int asks(int)"(2))
   end)
end)

describe("a function that fails #layout", function()
   it("says so with text, value and traceback", function()
      local err = failure("error", function()
         io.write "before"
         local function inner() error({why = "reason", message = "text"}) end
         inner()
      end)
      assert.same({why = "reason", message = "text"}, err.value)
      assert.equal("text", err.message)
      assert.equal("before", err.output)
      assert.matches("isolate_spec.lua:%d+: in .*inner", err.traceback)
      assert.falsy(err.traceback:find "moonlink.core.isolate")
      err = failure("error", function() error "plain" end)
      assert.matches("isolate_spec.lua:%d+: plain", err.message)
      assert.equal(err.message, err.value)
   end)

   it("may raise what cannot be sent, and nothing", function()
      assert.equal("the error value is a table",
         failure("error", function() error {print} end).message)
      assert.equal("nil", failure("error", function() error(nil) end).message)
      assert.equal("shown", failure("error", function()
         error(setmetatable({}, {__tostring = function() return "shown" end}))
      end).message)
      failure("error", function()
         error(setmetatable({}, {__tostring = function() error "again" end}))
      end)
   end)

   it("may run out of Lua's stack", function()
      local function deeper() return 1 + deeper() end
      assert.matches("stack overflow", failure("error", deeper).message)
   end)

   it("may fail in a callback", function()
      assert.matches("from the callback", failure("error", function()
         c "int applies(int (*)(int), int)"(function() error "from the callback" end, 1)
      end).message)
   end)
end)

describe("a crash #layout", function()
   it("is told with signal, address, function, output and the lines of Lua", function()
      local err = crash("SIGSEGV", function()
         io.write "so far"
         c "int calls(int *)"(64)
      end)
      if err then
         assert.equal(64, err.address)
         assert.equal("so far", err.output)
         assert.equal("trouble.o", err.backtrace[1].unit:match "[^/]+$")
         assert.equal("calls", err.backtrace[2].name)
         local f = frame(err, "load_from")
         assert.equal(f, err.backtrace[1])
         assert.equal(ln:address_of "load_from", f.address - f.offset)
         assert.equal(f.address, err.registers.pc)
         assert.matches("^crash in load_from%+0x%x+ %(trouble%.o[^)]*%): SIGSEGV at address 0x40$",
            err.message)
         assert.matches("isolate_spec%.lua:%d+$", err.traceback[1])
         assert.matches("#0  0x%x+  load_from", tostring(err))
      end
   end)

   it("of a call to nowhere names the caller", function()
      local err = crash("SIGSEGV", function() c "int calls_null(void)"() end)
      if err then
         assert.equal(0, err.address)
         assert.equal(0, err.backtrace[1].address)
         assert.equal(2, select(2, frame(err, "calls_null")))
         assert.matches("called from calls_null", err.message)
      end
   end)

   it("of a full stack is told, too", function()
      local err = crash("SIGSEGV", function() c "int overflow(int)"(0) end)
      if err then
         assert.equal("overflow", err.backtrace[1].name)
      end
   end)

   it("of a heap that is damaged is told", function()
      if sanitized then
         return pending "another allocator is in place"
      end
      local err = crash("SIGABRT", function() c "void breaks_heap(void)"() end)
      frame(err, "breaks_heap")
      assert.matches("libc", err.backtrace[1].file)
   end)

   it("may be any of the signals of a crash", function()
      crash("SIGFPE", function() c "int divide(int, int)"(1, 0) end)
      crash("SIGILL", function() c "void undefined_instruction(void)"() end)
      crash("SIGTRAP", function() c "void breakpoint(void)"() end)
      local err = crash("SIGABRT", function() c "void aborts(void)"() end)
      assert.is_nil(err.address)
      if not sanitized then
         frame(err, "aborts")
      end
      crash("SIGBUS", function() c "void sends(int)"(7) end)
      crash("SIGSYS", function() c "void sends(int)"(31) end)
   end)

   it("in another thread is told", function()
      local err = crash("SIGSEGV", function() c "void crashes_in_thread(void)"() end)
      if err then
         assert.equal("load_from", err.backtrace[1].name)
         assert.equal("crash_here", err.backtrace[2].name)
         assert.is_true(err.backtrace[2].line > err.backtrace[1].line)
         assert.same({}, err.traceback)
      end
   end)

   it("in what the child itself has loaded is named", function()
      local err = crash("SIGSEGV", function()
         local own <close> = moonlink.new()
         assert(own:load(support.cc(dir .. "/own.o", "int own(int *p) { return *p; }")))
         own:func "int own(int *)"(nil)
      end)
      if err then
         assert.equal("own", err.backtrace[1].name)
         assert.matches("own%.o", err.message)
      end
   end)

   it("is left to a handler that the program has installed", function()
      c "void catches(int)"(1)
      local err = failure("exit", function() c "int load_from(int *)"(nil) end)
      c "void catches(int)"(0)
      assert.equal(77, err.status)
   end)
end)

describe("a function that ends its process #layout", function()
   it("by exit, without what the parent wants done at its own end", function()
      local err = failure("exit", function() c "void registers_and_quits(void)"() end)
      assert.same({4, "from atexit;"}, {err.status, err.output})
      assert.matches("status 4", err.message)
      assert.equal(0, failure("exit", function() os.exit(true, true) end).status)
      local status, out = support.lua([[
         local moonlink = require "moonlink"
         local guard <close> = setmetatable({}, {__close = function() print "closed" end})
         local ln = moonlink.new()
         local kept = setmetatable({}, {__gc = function() print "collected" end})
         local cb = ln:callback("void(int, void *)", function() print "at exit" end)
         assert(ln:func "int on_exit(void (*)(int, void *), void *)"(cb, nil) == 0)
         local run, err = moonlink.isolate(function()
            ln:func "void exit(int)"(3)
         end)
         assert(not run and err.status == 3 and err.output == "", err)
         assert(moonlink.isolate(function() end).output == "")
      ]])
      assert.same({0, "closed\ncollected\n"}, {status, out})
   end)

   it("by _exit", function()
      assert.equal(0, failure("exit", function() c "void quits_at_once(int)"(0) end).status)
      assert.equal(255, failure("exit", function() c "void quits_at_once(int)"(255) end).status)
   end)

   it("by a signal that nobody can catch, or one that has stopped it", function()
      local err = failure("signal", function() c "void sends(int)"(9) end)
      assert.same({"SIGKILL", 9}, {err.signal, err.number})
      assert.equal("SIGTERM", failure("signal", function() c "void sends(int)"(15) end).signal)
      err = failure("signal", function() c "void sends(int)"(19) end)
      assert.equal("SIGSTOP", err.signal)
      assert.matches("stopped", err.message)
   end)

   it("never: it is ended in time", function()
      local err, limit = too_slow(function()
         io.write "on my way"
         c "void hangs(void)"()
      end)
      assert.equal("on my way", err.output)
      assert.is_true(err.seconds >= limit)
      assert.matches(limit .. " seconds", err.message, 1, true)
      failure("timeout", function() c "void hangs_deaf(void)"() end, {timeout = 0.1})
      failure("timeout", function() while true do end end, {timeout = 0.1})
   end)
end)

describe("what a child leaves behind #layout", function()
   it("ends with it: processes of its own, in its group and out of it", function()
      for apart = 0, 1 do
         local pid = results(function() return c "int leaves_behind(int)"(apart) end)
         assert.is_true(pid > 0)
         assert.equal(0, c "int alive(int)"(pid))
         local out = too_slow(function()
            print(c "int leaves_behind(int)"(apart))
            c "void hangs(void)"()
         end).output
         assert.equal(0, c "int alive(int)"(math.tointeger(tonumber(out))))
      end
   end)

   it("are no zombies", function()
      collectgarbage() -- ends what earlier specs have left
      local before = children()
      results(function() end)
      failure("signal", function() c "void sends(int)"(9) end)
      failure("timeout", function() c "void hangs(void)"() end, {timeout = 0.05})
      assert.equal(before, children())
   end)

   it("are no open files", function()
      collectgarbage()
      local before = support.sh "ls /proc/$PPID/fd"
      for i = 1, 5 do
         results(function() return i end)
         failure("exit", function() os.exit(i) end)
      end
      collectgarbage()
      assert.equal(before, support.sh "ls /proc/$PPID/fd")
   end)

   it("is no second answer when native code has forked", function()
      local run = assert(moonlink.isolate(function()
         local second = c "int forks(void)"()
         if second == 0 then
            return "first"
         end
         return ("second"):rep(100)
      end))
      assert.equal("first", run[1])
   end)

   it("are no results, when it has closed the way for them", function()
      local err = failure("exit", function() c "void closes_all(void)"() end)
      assert.matches("results were lost", err.message)
      local path = dir .. "/taken"
      failure("exit", function() assert(c "int takes_all(const char *)"(path) == 1) end)
      assert.equal("", support.read(path))
      err = failure("exit", function() _G.string, _G.table = nil, nil end) -- luacheck: ignore
      assert.matches("functions of Lua's library", err.hint)
   end)

   it("come without the hook that it has set", function()
      local run = assert(moonlink.isolate(function()
         local n = 0
         debug.sethook(function()
            n = n + 1
            assert(n < 3, "too often")
         end, "l")
         return 1
      end))
      assert.same({1, 1}, {run.n, run[1]})
   end)
end)

describe("a child process and SIGCHLD #layout", function()
   it("does not need it: the program may ignore its children", function()
      c "void ignores_children(int)"(1)
      local run, err = moonlink.isolate(function() return "here" end)
      local _, ended = moonlink.isolate(function() os.exit(12) end)
      c "void ignores_children(int)"(0)
      assert(run, err)
      assert.equal("here", run[1])
      assert.equal(12, ended.status)
   end)

   it("leaves the program's own children to it", function()
      collectgarbage()
      assert.equal(0, c "int children(void)"())
      local pipe <close> = assert(io.popen "sleep 0.05; exit 3")
      results(function() end)
      assert.same({nil, "exit", 3}, {pipe:close()})
   end)
end)

describe("a memory limit #layout", function()
   it("ends Lua code that takes too much", function()
      local err = failure("memory", function()
         local t = {}
         while true do
            t[#t + 1] = ("x"):rep(1 << 20) .. #t
         end
      end, {memory = 64 << 20})
      assert.matches("limit of 67108864 bytes", err.message)
   end)

   it("ends native code, and says what that did then", function()
      if sanitized then
         return pending "another allocator is in place"
      end
      local err = failure("memory", function() c "int eats(void)"() end, {memory = 32 << 20})
      assert.equal("SIGSEGV", err.signal)
      assert.matches("limit of 33554432 bytes was reached; then: crash in eats", err.message)
   end)

   it("does not count what the results need, or address space", function()
      assert.equal(30 << 20, #results(function()
         local own <close> = moonlink.new()
         assert(own:load(object))
         return ("x"):rep(30 << 20)
      end, {memory = 80 << 20}))
   end)

   it("leaves other crashes what they are", function()
      local run, err = moonlink.isolate(function() c "int load_from(int *)"(nil) end,
         {memory = 64 << 20})
      assert.is_nil(run)
      assert.not_equal("memory", err.code)
   end)
end)

describe("isolate refuses", function()
   it("what is no function, and options that make no sense", function()
      assert.matches("isolate_spec.lua:%d+: a function expected, got nil",
         support.refused(function() moonlink.isolate() end))
      for text, opts in pairs {
         ["unknown option 'time'"] = {time = 1}, ["number expected, got string"] = {timeout = "1"},
         ["more than 0 seconds"] = {timeout = 0}, ["more than 0 bytes"] = {memory = -1},
         ["integer expected, got float"] = {memory = 1.5},
         ["0 bytes or more"] = {output_limit = -1},
         ["table of options"] = 5, ["more than 0 seconds exp"] = {timeout = 0 / 0},
      } do
         assert.matches(text, support.refused(moonlink.isolate, print, opts), 1, true)
      end
   end)
end)

describe("the bytes of values", function()
   local codec = require "moonlink.isolate.codec"

   local function name(i)
      return ("value %d"):format(i)
   end

   it("are refused when they are damaged, in whatever place", function()
      local values = {n = 3, {a = {1, 2.5, "text"}, [true] = {}}, "s", nil}
      local bytes = assert(codec.encode(values, name))
      local refused = 0
      for at = 0, #bytes - 1 do
         for _, byte in ipairs {"\0", "\xff", "R", "S", ".", "N"} do
            if not codec.decode(support.patch(bytes, at, byte)) then
               refused = refused + 1
            end
         end
         codec.decode(bytes:sub(1, at))
      end
      assert.is_true(refused > #bytes)
      assert.is_nil((codec.decode ""))
      assert.is_nil((codec.decode(bytes:sub(1, -2))))
   end)
end)
