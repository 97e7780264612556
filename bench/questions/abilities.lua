--- What a way of loading code may be asked for: question 10. The order is that of the table.
-- Each ability is bench.questions.Ability of trial.lua. Functions that are called have C names.
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"
local library = require "moonlink.lab.library"
local measure = require "moonlink.lab.measure"
local moonlink = require "moonlink"
local recipes = require "bench.questions.recipes"
local shell = require "moonlink.lab.shell"

--- Loads, and calls one function.
local function calls(prototype, arguments, wanted)
   return function(t)
      t:load()
      t:call(prototype, arguments, wanted)
   end
end

local NON_PIC = "-O2 -fno-pic -fno-pie"
local NUMBER = {["a.c"] = "int number(int n) { return n + 1; }"}

local list = {}

local function add(ability)
   list[#list + 1] = ability
end

-- ---- what is in objects ----

add {
   key = "non-pic", title = "code compiled without PIC", cflags = NON_PIC,
   sources = {["a.c"] = [[
      static int squares[4] = { 0, 1, 4, 9 };
      int square(int i) { return squares[i & 3]; }
   ]]},
   test = calls("int square(int)", {3}, 9),
}
add {
   key = "library-data", title = "... that reads a variable of the C library", cflags = NON_PIC,
   sources = {["a.c"] = "extern int opterr; int option(void) { return opterr; }"},
   test = calls("int option(void)", {}, 1), -- getopt(3): 1 at first
}
add {
   key = "large", title = "code of the large model, position-independent",
   cflags = "-O2 -mcmodel=large",
   sources = {["a.c"] = [[
      int kept = 5; int *where = &kept;
      int read_it(void) { return kept + *where; }
   ]]},
   test = calls("int read_it(void)", {}, 10),
}
add {
   key = "common", title = "a common symbol of two objects is one variable", cflags = "-fcommon",
   sources = {
      ["a.c"] = "int both; void put(int n) { both = n; }",
      ["b.c"] = "int both; int get(void) { return both; }",
   },
   test = function(t)
      t:load()
      t:func "void put(int)"(77)
      t:call("int get(void)", {}, 77)
   end,
}
add {
   key = "weak", title = "a weak name that nobody defines is 0",
   sources = {["a.c"] = [[
      extern int nobody_has_this(void) __attribute__((weak));
      int asks(void) { return nobody_has_this ? nobody_has_this() : 7; }
   ]]},
   test = calls("int asks(void)", {}, 7),
}
add {
   key = "own-first", title = "an object's function goes before the C library's",
   sources = {
      ["a.c"] = "char *getenv(const char *name) { (void)name; return \"own\"; }",
      ["b.c"] = [[
         char *getenv(const char *name);
         int asks(void) { char *s = getenv("HOME"); return s && s[0] == 'o' && s[2] == 'n'; }
      ]],
   },
   test = calls("int asks(void)", {}, 1),
}
add {
   key = "ifunc", title = "an indirect function (IFUNC)",
   sources = {["a.c"] = [[
      static int one(int n) { return n + 1; }
      static int (*choose(void))(int) { return one; }
      int picked(int) __attribute__((ifunc("choose")));
      int use(int n) { return picked(n); }
   ]]},
   test = calls("int use(int)", {4}, 5),
}

local TLS = [[
   #include <pthread.h>
   __thread int counter = 41;
   static void *step(void *p) { *(int *)p = ++counter; return p; }
   int here(void) { return ++counter; }
   int there(void) { pthread_t t; int n = 0;
      return pthread_create(&t, 0, step, &n) || pthread_join(t, 0) ? -1 : n; }
]]

local function test_tls(t)
   t:load()
   t:call("int here(void)", {}, 42)
   t:call("int here(void)", {}, 43)
   t:call("int there(void)", {}, 42)
end

add {
   key = "tls", title = "thread-local variables", sources = {["a.c"] = TLS}, test = test_tls,
}
add {
   key = "tls-exec", title = "... in code that was compiled for a program",
   cflags = "-O2 -fPIE -ftls-model=local-exec", sources = {["a.c"] = TLS}, test = test_tls,
}

-- ---- C++ ----

add {
   key = "exception", title = "a C++ exception is caught in another object",
   sources = {
      ["a.cc"] = [[
         #include <stdexcept>
         void raise_it() { throw std::runtime_error("four"); }
      ]],
      ["b.cc"] = [[
         #include <cstring>
         #include <exception>
         void raise_it();
         extern "C" int caught(void)
         {
            try { raise_it(); } catch (const std::exception &e) { return strlen(e.what()); }
            return 0;
         }
      ]],
   },
   test = calls("int caught(void)", {}, 4),
}

local INLINE = "inline int &counter() { static int n; return n; }\n"

local INLINE_SOURCES = {
   ["a.cc"] = INLINE .. 'extern "C" int up(void) { return ++counter(); }',
   ["b.cc"] = INLINE .. 'extern "C" int down(void) { return --counter(); }',
}

add {
   key = "inline", title = "the static variable of an inline function is one",
   sources = INLINE_SOURCES,
   test = function(t)
      t:load()
      t:call("int up(void)", {}, 1)
      t:call("int up(void)", {}, 2)
      t:call("int down(void)", {}, 1)
   end,
}
add {
   key = "inline-later", title = "... also when the second object is loaded later",
   sources = INLINE_SOURCES,
   test = function(t)
      t:load(t:again_with(1))
      t:call("int up(void)", {}, 1)
      t:call("int up(void)", {}, 2)
      t:load(t:again_with(2))
      t:call("int down(void)", {}, 1)
   end,
   recipes = recipes.one_by_one,
}
add {
   key = "order", title = "constructors run by priority, whatever their object",
   sources = {
      ["a.c"] = [[
         extern int order;
         __attribute__((constructor)) static void last(void) { order = order * 10 + 3; }
         __attribute__((constructor(201))) static void second(void) { order = order * 10 + 2; }
      ]],
      ["b.c"] = [[
         extern int order;
         __attribute__((constructor(200))) static void first(void) { order = order * 10 + 1; }
      ]],
      ["c.c"] = "int order; int seen(void) { return order; }",
   },
   test = calls("int seen(void)", {}, 123),
}
add {
   key = "undone", title = "an exception in a constructor undoes the load",
   sources = {["a.cc"] = [[
      struct fails { fails() { throw 42; } } global;
      extern "C" int ready(void) { return 1; }
   ]]},
   test = function(t)
      local ok, err = pcall(t.load, t)
      if ok then
         error("it was loaded as if the constructor had not failed", 0)
      elseif not tostring(err):find "exception" then
         error(err, 0)
      end
      local least = math.huge -- what only the first load brings is there; the heap may grow, too
      for _ = 1, 4 do
         local before = measure.read().mappings
         pcall(t.load, t, t:again())
         least = math.min(least, measure.read().mappings - before)
      end
      t:expect("mappings that each failed load leaves", math.max(least, 0), 0)
   end,
}

-- ---- what a program wants of its loader ----

add {
   key = "no-tools", title = "no compiler, linker or other program is run",
   sources = NUMBER,
   test = function(t)
      assert(moonlink.new():func "int setenv(const char *, const char *, int)")("PATH", "/none", 1)
      t:load()
      t:call("int number(int)", {1}, 2)
   end,
}
add {
   key = "from-memory", title = "from memory, without a file that has a name", sources = NUMBER,
   test = function(t)
      t.run.plan.objects[1] = t:in_memory(t.run.plan.objects[1])
      t:load()
      t:call("int number(int)", {1}, 2)
   end,
   recipes = recipes.from_memory,
}
add {
   key = "named", title = "a missing name is an error that names who wants it",
   sources = {["wanting.c"] = [[
      int nobody_has_this(int);
      int asks(int n) { return nobody_has_this(n); }
   ]]},
   test = function(t)
      local ok, err, errors = t:with_errors(function()
         t:load()
         t:func "int asks(int)" -- some say it when they are asked for the function
      end)
      local text = type(err) == "table" and err.refused and err.report or tostring(err)
      text = text .. "\n" .. errors
      if ok then
         error("nothing is said before the call", 0)
      elseif not text:find "nobody_has_this" then
         error("the name is not said: " .. text:match "[^\n]*", 0)
      elseif not text:find "asks" and not text:find "wanting" then
         error("who wants it is not said: " .. text:match "[^\n]*", 0)
      end
   end,
   recipes = recipes.named,
}
add {
   key = "answered", title = "a Lua function in place of a missing one",
   sources = {["a.c"] = "int host(int); int asks(int n) { return host(n) + 1; }"},
   test = calls("int asks(int)", {20}, 41), recipes = recipes.answered,
}
add {
   key = "not-called", title = "a missing function that nobody calls does no harm",
   sources = {["a.c"] = [[
      int nobody_has_this(int);
      int asks(int n) { return n < 0 ? nobody_has_this(n) : n; }
   ]]},
   test = calls("int asks(int)", {3}, 3), recipes = recipes.not_called,
}
add {
   key = "same-libc", title = "the process's own C library",
   sources = {["a.c"] = [[
      #include <stdlib.h>
      int asks(void) { return getenv("MOONLINK_TRIAL") != 0; }
   ]]},
   test = function(t)
      assert(moonlink.new():func "int setenv(const char *, const char *, int)")("MOONLINK_TRIAL",
         "1", 1)
      t:load()
      t:call("int asks(void)", {}, 1)
   end,
}
add {
   key = "versions", title = "twenty versions of one name side by side",
   sources = {["a.c"] = "int version(void) { return 1; }"},
   edited = "int version(void) { return 2; }",
   test = function(t)
      local loaded, runs = {}, {}
      for i = 1, 20 do
         runs[i] = i % 2 == 0 and t:edited_run() or t:again()
         loaded[i] = t:load(runs[i])
      end
      for i = 1, 20 do
         t:expect("version " .. i, t:func("int version(void)", loaded[i])(), i % 2 == 0 and 2 or 1)
      end
   end,
}
add {
   key = "later", title = "a library that dlopen opens later finds the names",
   sources = NUMBER,
   test = function(t)
      t:load()
      local path = t:compile_library "int number(int); int twice(int n) { return 2 * number(n); }"
      local opened = library.new()
      assert(opened:open(path, library.NOW))
      t:expect("twice", assert(opened:func "int twice(int)")(1), 4)
   end,
}

-- ---- the end ----

add {
   key = "unload", title = "unloading gives memory back",
   sources = {["a.c"] = [[
      #include <string.h>
      char block[4 << 20];
      int touch(void) { memset(block, 1, sizeof block); return block[9]; }
   ]]},
   test = function(t)
      t:reload_often(10, "int touch(void)", 4)
   end,
}
add {
   key = "unload-inline", title = "... and ends an inline function's static variable",
   sources = {["a.cc"] = INLINE .. 'extern "C" int up(void) { return ++counter(); }'},
   test = function(t)
      for _ = 1, 3 do -- from new files each time
         t:load(t:again())
         t:call("int up(void)", {}, 1)
         t:unload()
      end
   end,
}
add {
   key = "carried", title = "a new version takes over the old one's variables",
   sources = {["a.c"] = "static int calls; int count(void) { return ++calls; }"},
   edited = "static int calls; int count(void) { return ++calls + 100; }",
   test = function(t)
      t:load()
      t:call("int count(void)", {}, 1)
      t:call("int count(void)", {}, 2)
      t:reload()
      t:call("int count(void)", {}, 103)
   end,
}

-- ---- being seen ----

local function ask_gdb(t)
   t:load()
   local file <close> = assert(io.open "/proc/self/stat")
   -- what is preloaded for this process (a sanitizer's runtime, say) is not for gdb, which may hang
   local _, out = shell.try {"env", "-u", "LD_PRELOAD", "gdb", "-q", "-nx", "-batch",
      "-p", file:read "n", "-ex", ("info symbol %#x"):format(t:address "int number(int)")}
   if not out:find "number in section" then
      error("gdb: " .. (out:match "\n(No symbol[^\n]*)" or out:match "[^\n]*\n*$"), 0)
   end
end

add {
   key = "debugger", title = "gdb knows the function's name", sources = NUMBER, test = ask_gdb,
   recipes = {
      direct = function(t)
         t.base, t.run.axes = lab.with("direct", {debug = "gdb"}), t.run.axes
         t.run.axes.debug = "gdb"
         ask_gdb(t)
      end,
   },
}
add {
   key = "dladdr", title = "dladdr knows it, too", sources = NUMBER,
   test = function(t)
      t:load()
      local info = moonlink.alloc(32) -- Dl_info: dli_sname is its third word
      local dladdr = assert(moonlink.new():func "int dladdr(void *, void *)")
      dladdr(t:address "int number(int)", info)
      local name = string.unpack("j", info:get(16, 8))
      t:expect("the name", name ~= 0 and moonlink.string(name) or "none", "number")
   end,
}
add {
   key = "shared-pages", title = "processes share the pages of code", sources = NUMBER,
   test = function(t)
      t:load()
      local line = t:mapping(t:address "int number(int)") or ""
      if not line:find " /%S+$" or line:find "memfd:" then
         error("the code lies in memory of this process alone", 0)
      end
   end,
}

return list
