-- What compilers and headers take for granted: libgcc's helpers, and the functions of libc that are
-- in no libc.so. And what is refused: a second libc.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local search = require "moonlink.link.search"
local support = require "spec.support"

local dir = support.tmpdir()

local function object(name, source, flags)
   return support.cc(dir .. "/" .. name .. ".o", source, flags or "-O1 -fPIE")
end

local LIBC = support.stdout "gcc -print-file-name=libc.a"

-- A process may have libgcc_s.so, which has some of the helpers, too.
local NO_PROCESS = {"self", "archives", "fallback"}

describe("a helper of libgcc is found without being asked for:", function()
   local wide, bits

   setup(function()
      wide = object("wide", [[
         unsigned long high(unsigned long a, unsigned long b, unsigned long c)
         {
            unsigned __int128 n = (unsigned __int128)a << 64 | b;
            return (unsigned long)((n / c) >> 64);
         }
         unsigned long low(unsigned long a, unsigned long b, unsigned long c)
         {
            unsigned __int128 n = (unsigned __int128)a << 64 | b;
            return (unsigned long)(n / c);
         }
      ]], "-O1 -fPIE -mno-avx")
      bits = object("bits", "int bits(unsigned long n) { return __builtin_popcountl(n); }",
         "-O1 -fPIE -mno-popcnt")
   end)

   it("__udivti3", function()
      assert.matches("__udivti3", support.sh("nm -u %s", wide), 1, true)
      local ln <close> = moonlink.new()
      assert(ln:load(wide))
      assert.is_not_nil(moonlink.new({scope = NO_PROCESS}):load(wide))
      local high = ln:func "unsigned long high(unsigned long, unsigned long, unsigned long)"
      local low = ln:func "unsigned long low(unsigned long, unsigned long, unsigned long)"
      -- (10 * 2^64 + 6) / 4 = 2 * 2^64 + 2^63 + 1
      assert.equal(2, high(10, 6, 4))
      assert.equal(math.mininteger + 1, low(10, 6, 4))
   end)

   it("__popcountdi2", function()
      assert.matches("__popcountdi2", support.sh("nm -u %s", bits), 1, true)
      local ln <close> = moonlink.new()
      assert(ln:load(bits))
      assert.equal(3, ln:func("int bits(unsigned long)")(0x8001000000000001))
      assert.equal(64, ln:func("int bits(unsigned long)")(-1))
   end)

   it("and again in the next load, whose helper is the one that is there", function()
      local ln <close> = moonlink.new()
      assert(ln:load(bits))
      local unit = assert(ln:load(object("bits_again",
         "int more_bits(unsigned n) { return __builtin_popcountl(n | 1ul << 40); }",
         "-O1 -fPIE -mno-popcnt")))
      assert.equal(9, ln:func("int more_bits(unsigned)")(0xff))
      assert.is_true(#unit:inputs() <= 2)
   end)

   it("from the archives that a script names instead", function()
      object("own_popcount", "int __popcountdi2(unsigned long n) { (void)n; return 777; }")
      support.sh("cd %s && ar rc libown.a own_popcount.o", dir)
      local own = dir .. "/libown.a"
      for _, fallback in ipairs {{own}, function() return {own} end} do
         local ln <close> = moonlink.new {fallback = fallback, scope = NO_PROCESS}
         assert(ln:load(bits))
         assert.equal(777, ln:func("int bits(unsigned long)")(1))
      end
   end)

   it("unless a script switches that off; the error then says where it is", function()
      local ln <close> = moonlink.new {fallback = false, scope = NO_PROCESS}
      local unit, err = ln:load(wide)
      assert.is_nil(unit)
      assert.equal("__udivti3", err.symbol)
      assert.matches("libgcc.a", err.hint, 1, true)
   end)

   it("even when the scope does not name the fall-backs, the error says so", function()
      local ln <close> = moonlink.new {scope = {"self", "archives"}}
      local unit, err = ln:load(wide)
      assert.is_nil(unit)
      assert.equal("undefined", err.code)
      assert.matches("libgcc.a", err.hint, 1, true)
   end)
end)

describe("a function that only libc_nonshared.a has works:", function()
   local trace, outer

   setup(function()
      trace = object("trace", [[
         char trace[64]; static int length;
         void note(char c) { trace[length++] = c; }
      ]])
   end)

   before_each(function()
      outer = moonlink.new()
      assert(outer:load(trace))
   end)

   after_each(function()
      assert(outer:close())
   end)

   local function noted()
      return moonlink.string((outer:address_of "trace"))
   end

   it("atexit, whose functions run when the linker closes, last first", function()
      local path = object("at_exit", [[
         #include <stdlib.h>
         void note(char);
         static void a(void) { note('a'); }
         static void b(void) { note('b'); }
         int setup(void) { return atexit(a) || atexit(b); }
      ]])
      local ln <close> = moonlink.new {
         scope = {"self", "archives", {note = outer:address_of "note"}, "process", "fallback"},
      }
      local unit = assert(ln:load(path))
      assert.equal(0, ln:func("int setup(void)")())
      assert.equal("", noted())
      assert(ln:close())
      assert.equal("ba", noted())
      assert.is_false(unit:alive())
   end)

   it("atexit of one linker does not run at the close of another", function()
      local path = object("at_exit_one", [[
         #include <stdlib.h>
         void note(char);
         static void a(void) { note('1'); }
         int setup(void) { return atexit(a); }
      ]])
      local options = {
         scope = {"self", "archives", {note = outer:address_of "note"}, "process", "fallback"},
      }
      local one <close> = moonlink.new(options)
      local two <close> = moonlink.new(options)
      assert(one:load(path))
      assert(two:load(path))
      one:func("int setup(void)")()
      two:func("int setup(void)")()
      assert(one:close())
      assert.equal("1", noted())
      assert(two:close())
      assert.equal("11", noted())
   end)

   it("at_quick_exit, and nothing of it is left when the linker has closed", function()
      local path = object("quick", [[
         #include <stdio.h>
         #include <stdlib.h>
         static void quick(void) { fputs("quick ", stdout); fflush(stdout); }
         int setup(void) { return at_quick_exit(quick); }
         void leave(void) { quick_exit(7); }
      ]])
      local script = [[
         local moonlink = require "moonlink"
         local path, close = ...
         local ln = moonlink.new()
         assert(ln:load(path))
         assert(ln:func("int setup(void)")() == 0)
         if close == "close" then
            assert(ln:close())
            ln = moonlink.new()
            assert(ln:load(path))
         end
         ln:func("void leave(void)")()
      ]]
      local status, out, err = support.lua(script, path, "open")
      assert.same({7, "quick ", ""}, {status, out, err})
      status, out, err = support.lua(script, path, "close")
      assert.same({7, "", ""}, {status, out, err})
   end)

   it("on_exit, which takes nothing back: the unit's memory stays for it", function()
      local path = object("on_exit", [[
         #include <stdio.h>
         #include <stdlib.h>
         static void end(int status, void *what) { printf("%s %d", (char *)what, status); }
         void setup(void) { on_exit(end, "ended"); }
      ]])
      local script = [[
         local moonlink = require "moonlink"
         local path, how, bind = ...
         local ln = moonlink.new()
         local unit = assert(ln:load {path, bind = bind})
         ln:func("void setup(void)")()
         if how == "close" then
            assert(ln:close())
         elseif how ~= "nothing" then
            collectgarbage()
            local done, err = unit:unload()
            assert(not done and err.reason:find "registered with on_exit", err)
            assert(err.hint:find '^choose "orphan"', err.hint)
            assert(unit:unload(how))
         end
         os.exit(3, true)
      ]]
      for _, how in ipairs {"nothing", "close", "force", "orphan"} do
         for _, bind in ipairs {"direct", "lazy"} do
            local status, out, err = support.lua(script, path, how, bind)
            assert.same({3, "ended 3", ""}, {status, out, err}, how .. " " .. bind)
         end
      end
   end)

   it("pthread_atfork, and nothing of it is left when the linker has closed", function()
      local path = object("fork", [[
         #include <pthread.h>
         #include <sys/wait.h>
         #include <unistd.h>
         static int count;
         static void before(void) { count++; }
         static void parent(void) { count += 10; }
         static void child(void) { count += 100; }
         int setup(void) { return pthread_atfork(before, parent, child); }
         int in_child(void)
         {
            int status = 0;
            pid_t pid = fork();
            if (pid == 0)
               _exit(count);
            waitpid(pid, &status, 0);
            return WEXITSTATUS(status);
         }
         int in_parent(void) { return count; }
      ]])
      local ln = moonlink.new()
      assert(ln:load(path))
      assert.equal(0, ln:func("int setup(void)")())
      assert.equal(101, ln:func("int in_child(void)")())
      assert.equal(11, ln:func("int in_parent(void)")())
      assert(ln:close())
      assert.equal("", support.stdout "true") -- forks
   end)

   it("stat and fstat", function()
      local path = object("stat", [[
         #include <sys/stat.h>
         #include <fcntl.h>
         #include <unistd.h>
         long size_of(const char *path)
         {
            struct stat s, t;
            int fd = open(path, O_RDONLY);
            if (stat(path, &s) || fstat(fd, &t) || s.st_ino != t.st_ino)
               return -1;
            close(fd);
            return s.st_size;
         }
      ]])
      local ln <close> = moonlink.new()
      assert(ln:load(path))
      assert.equal(#support.read(path), ln:func("long size_of(const char *)")(path))
   end)
end)

describe("libc.a", function()
   it("is refused beside the process's own libc, with the reason", function()
      local ln <close> = moonlink.new()
      local user = object("puts", "int puts(const char *); int f(void) { return puts(\"\"); }")
      local unit, err = ln:load {user, LIBC}
      assert.is_nil(unit)
      assert.equal("refused", err.code)
      assert.equal(LIBC, err.file)
      assert.matches("second C library", err.message, 1, true)
      assert.matches("allow_second_libc", err.hint, 1, true)
   end)

   it("is refused also when nothing of it is wanted yet", function()
      local ln <close> = moonlink.new()
      for _, what in ipairs {LIBC, {LIBC, object("alone", "int alone(void) { return 3; }")}} do
         local unit, err = ln:load(what)
         assert.is_nil(unit)
         assert.equal("refused", err.code)
         assert.equal(LIBC, err.file)
      end
      -- names that nobody has, and those of the process, mean what they meant
      assert.equal("undefined", select(2, ln:address_of "nobody_has_this").code)
      assert.equal(4, ln:func("unsigned long strlen(const char *)")("four"))
   end)

   it("that one load was allowed troubles no later look-up", function()
      local ln <close> = moonlink.new()
      assert(ln:load {LIBC, allow_second_libc = true})
      assert.equal("undefined", select(2, ln:address_of "nobody_has_this").code)
   end)

   it("is let in by the one who asks for it", function()
      local ln <close> = moonlink.new {allow_second_libc = true}
      assert(ln:load {LIBC, object("mine", "int mine(void) { return 3; }")})
      assert.equal(3, ln:func("int mine(void)")())
   end)

   it("is not what -lc means", function()
      local ln <close> = moonlink.new()
      local user = object("abs", "#include <stdlib.h>\nint f(int n) { return abs(n); }",
         "-O1 -fPIE -fno-builtin")
      assert(ln:load {user, "-lc"})
      assert.equal(4, ln:func("int f(int)")(-4))
      assert.equal("process", ln:explain("abs").how)
   end)

   it("in its parts, libm.a and others, is named by scripts that work", function()
      local ln <close> = moonlink.new()
      local user = object("cosine", "#include <math.h>\ndouble f(double x) { return cos(x); }")
      assert(ln:load {user, "-lm"})
      assert.equal(math.cos(0.5), ln:func("double f(double)")(0.5))
   end)
end)

it("the fall-backs are files that exist", function()
   for _, path in ipairs(search.fallback()) do
      assert.matches("^/.*%.a$", path)
      assert.is_true(#support.read(path) > 8)
   end
end)
