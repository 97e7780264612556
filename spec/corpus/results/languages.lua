--- Results of language run-times, of libraries with threads and event loops, and of toolkits.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"

local rows = {}

local function row(t)
   rows[#rows + 1] = t
end

row {
   name = "luajit-5.1", with = {"-lm"},
   check = function(ln, t)
      ln:cdef [[
         void *luaL_newstate(void);
         void luaL_openlibs(void *L);
         int luaL_loadstring(void *L, const char *s);
         int lua_pcall(void *L, int nargs, int nresults, int handler);
         double lua_tonumber(void *L, int i);
         const char *lua_tolstring(void *L, int i, size_t *n);
         void lua_close(void *L);
      ]]
      local c = ln.c
      local L = assert(c.luaL_newstate())
      c.luaL_openlibs(L)
      local function run(text)
         t:equal(0, c.luaL_loadstring(L, text), "it compiles")
         return c.lua_pcall(L, 0, 1, 0)
      end
      t:equal(0, run [[
         local sum = 0
         for i = 1, 1e6 do sum = sum + i end -- long enough to be compiled
         return sum]])
      t:equal(500000500000.0, c.lua_tonumber(L, -1), "the sum to a million")
      t:equal(0, run [[
         local ffi = require "ffi"
         ffi.cdef "struct point { int x; double y; };"
         local p = ffi.new("struct point", 40, 2.5)
         return p.x + p.y + ffi.sizeof(p)]])
      t:equal(58.5, c.lua_tonumber(L, -1), "LuaJIT's own FFI")
      t:equal(2, run "local ok, e = pcall(error, 'inner') error(e .. ' and outer', 0)")
      t:equal("inner and outer", c.lua_tolstring(L, -1, nil), "errors unwind")
      c.lua_close(L)
   end,
}

row {
   name = "lua5.4", with = {"-lm"},
   check = function(ln, t)
      ln:cdef [[
         void *luaL_newstate(void);
         void luaL_openlibs(void *L);
         int luaL_loadstring(void *L, const char *s);
         int lua_pcallk(void *L, int nargs, int nresults, int handler, long ctx, void *k);
         long long lua_tointegerx(void *L, int i, int *is);
         void lua_close(void *L);
      ]]
      local L = assert(ln.c.luaL_newstate())
      ln.c.luaL_openlibs(L)
      t:equal(0, ln.c.luaL_loadstring(L, "return select('#', pcall(error)) + 40 // 1"))
      t:equal(0, ln.c.lua_pcallk(L, 0, 1, 0, 0, nil))
      t:equal(42, ln.c.lua_tointegerx(L, -1, nil))
      ln.c.lua_close(L)
   end,
}

row {
   name = "tcl", with = {"-lz", "-lm"},
   check = function(ln, t)
      ln:cdef [[
         void Tcl_FindExecutable(const char *argv0);
         void *Tcl_CreateInterp(void);
         int Tcl_Eval(void *interp, const char *script);
         const char *Tcl_GetStringResult(void *interp);
         void Tcl_DeleteInterp(void *interp);
         void Tcl_Finalize(void);
      ]]
      ln.c.Tcl_FindExecutable "tclsh"
      local interp = assert(ln.c.Tcl_CreateInterp())
      t:equal(0, ln.c.Tcl_Eval(interp, "proc fac n {expr {$n < 2 ? 1 : $n * [fac [expr {$n - 1}]]}}"
         .. "\nfac 25"))
      t:equal("15511210043330985984000000", ln.c.Tcl_GetStringResult(interp), "25!")
      t:equal(1, ln.c.Tcl_Eval(interp, "expr {1 / 0}"))
      t:equal("divide by zero", ln.c.Tcl_GetStringResult(interp))
      ln.c.Tcl_DeleteInterp(interp)
      ln.c.Tcl_Finalize()
   end,
}

row {
   name = "python3.11", with = {"-lexpat", "-lz", "-lm"},
   check = function(ln, t)
      ln:cdef [[
         void Py_InitializeEx(int signals);
         int PyRun_SimpleString(const char *text);
         void *PyImport_AddModule(const char *name);
         void *PyObject_GetAttrString(void *object, const char *name);
         long PyLong_AsLong(void *object);
         int Py_FinalizeEx(void);
      ]]
      ln.c.Py_InitializeEx(0)
      t:equal(0, ln.c.PyRun_SimpleString [[
result = sum(x * x for x in range(10)) + len("{:b}".format(2**70))
try:
    {}["no such key"]
except KeyError as e:
    result += len(e.args[0])
]])
      local main = assert(ln.c.PyImport_AddModule "__main__")
      t:equal(285 + 71 + 11, ln.c.PyLong_AsLong(ln.c.PyObject_GetAttrString(main, "result")))
      t:equal(0, ln.c.Py_FinalizeEx())
   end,
}

row {
   name = "gfortran", with = {"-lquadmath", "-lm"},
   fortran = [[
      function trace_of_square(n) bind(c)
         use iso_c_binding
         integer(c_int), value :: n
         real(c_double) :: trace_of_square
         real(c_double), allocatable :: a(:, :)
         integer :: i
         allocate(a(n, n))
         a = 1
         a = matmul(a, a)
         trace_of_square = sum([(a(i, i), i = 1, n)])
      end function

      subroutine formatted(x, text) bind(c)
         use iso_c_binding
         real(c_double), value :: x
         character(kind=c_char) :: text(12)
         character(len=11) :: line
         integer :: i
         write (line, '(f8.3,i3)') x, 42
         do i = 1, 11
            text(i) = line(i:i)
         end do
         text(12) = c_null_char
      end subroutine
   ]],
   flags = {"-ffree-form"},
   check = function(ln, t)
      t:equal(2500.0, assert(ln:func "double trace_of_square(int)")(50), "matmul of ones")
      local text = moonlink.alloc(12)
      assert(ln:func "void formatted(double, char *)")(3.14159, text)
      t:equal("   3.142 42", moonlink.string(text:address()), "a formatted write")
   end,
}

row {
   name = "stdc++", with = {"-lm"},
   cxx = [[
      #include <algorithm>
      #include <map>
      #include <sstream>
      #include <stdexcept>
      #include <string>
      #include <vector>
      #include <cstring>
      extern "C" int words(const char *text, char *to)
      {
         std::istringstream in(text);
         std::map<std::string, int> count;
         for (std::string word; in >> word;)
            ++count[word];
         std::ostringstream out;
         for (auto &[word, n] : count)
            out << word << '=' << n << ' ';
         std::strcpy(to, out.str().c_str());
         return static_cast<int>(count.size());
      }
      extern "C" int caught(int i)
      {
         try {
            return std::vector<int>{10, 20, 30}.at(static_cast<size_t>(i));
         } catch (const std::out_of_range &e) {
            return -1;
         }
      }
   ]],
   check = function(ln, t)
      local text = moonlink.alloc(100)
      t:equal(3, assert(ln:func "int words(const char *, char *)")("b a b c b a", text))
      t:equal("a=2 b=3 c=1 ", moonlink.string(text:address()))
      local caught = assert(ln:func "int caught(int)")
      t:equal(30, caught(2))
      t:equal(-1, caught(3), "std::out_of_range is caught")
   end,
}

row {
   name = "protobuf", with = {"-lz", "-lstdc++"},
   cxx = [[
      #include <google/protobuf/wrappers.pb.h>
      #include <google/protobuf/descriptor.h>
      #include <google/protobuf/util/json_util.h>
      #include <cstring>
      extern "C" int encoded(int value, unsigned char *to)
      {
         google::protobuf::Int32Value message;
         message.set_value(value);
         std::string bytes = message.SerializeAsString();
         std::memcpy(to, bytes.data(), bytes.size());
         return static_cast<int>(bytes.size());
      }
      extern "C" int reflected(void)
      {
         auto *d = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
            "google.protobuf.DoubleValue");
         return d ? d->FindFieldByName("value")->number() : -1;
      }
   ]],
   check = function(ln, t)
      local bytes = moonlink.alloc(20)
      t:equal(3, assert(ln:func "int encoded(int, unsigned char *)")(150, bytes))
      t:equal("089601", t:hex(bytes, 3), "the first example of the encoding's specification")
      t:equal(1, assert(ln:func "int reflected(void)")(), "descriptors were registered")
   end,
}

row {
   name = "glib-2.0", with = {"-lpcre2-8"},
   check = function(ln, t)
      ln:cdef [[
         void *g_hash_table_new(void *hash, void *equal);
         int g_hash_table_insert(void *table, const char *key, long value);
         long g_hash_table_lookup(void *table, const char *key);
         unsigned g_hash_table_size(void *table);
         void g_hash_table_destroy(void *table);
         char *g_base64_encode(const char *data, size_t n);
         char *g_compute_checksum_for_string(int kind, const char *text, long n);
         void g_free(void *p);
      ]]
      local c, a, b = ln.c, moonlink.alloc(4), moonlink.alloc(4)
      a:set "one\0"
      b:set "two\0"
      local hash, equal = ln:address_of "g_str_hash", ln:address_of "g_str_equal"
      local table_ = c.g_hash_table_new(hash, equal)
      t:equal(1, c.g_hash_table_insert(table_, a, 1))
      t:equal(1, c.g_hash_table_insert(table_, b, 2))
      t:equal(2, c.g_hash_table_lookup(table_, "two"))
      t:equal(2, c.g_hash_table_size(table_))
      c.g_hash_table_destroy(table_)
      t:equal("Zm9vYmE=", c.g_base64_encode("fooba", 5), "RFC 4648, section 10")
      t:equal("900150983cd24fb0d6963f7d28e17f72", c.g_compute_checksum_for_string(0, "abc", 3),
         "MD5, RFC 1321")
   end,
}

row {
   name = "gobject-2.0", with = {"-lglib-2.0", "-lffi"},
   check = function(ln, t)
      ln:cdef [[
         size_t g_type_from_name(const char *name);
         const char *g_type_name(size_t type);
         size_t g_type_parent(size_t type);
         void *g_object_new(size_t type, const char *first);
         void g_object_unref(void *object);
         size_t g_object_get_type(void);
         size_t g_initially_unowned_get_type(void);
      ]]
      local c = ln.c
      t:equal("GInitiallyUnowned", c.g_type_name(c.g_initially_unowned_get_type()))
      t:equal(c.g_object_get_type(), c.g_type_parent(c.g_initially_unowned_get_type()))
      local object = assert(c.g_object_new(c.g_object_get_type(), nil))
      c.g_object_unref(object)
   end,
}

row {
   name = "X11", with = {"-lxcb"},
   check = function(ln, t)
      ln:cdef [[
         unsigned long XStringToKeysym(const char *name);
         const char *XKeysymToString(unsigned long keysym);
      ]]
      t:equal(0xff0d, ln.c.XStringToKeysym "Return", "XK_Return")
      t:equal("Escape", ln.c.XKeysymToString(0xff1b), "XK_Escape")
      t:equal(0, ln.c.XStringToKeysym "NoSuchKey", "NoSymbol")
   end,
}

row {
   name = "uv_a",
   c = [[
      #include <uv.h>
      static int fired, worked;
      static void on_timer(uv_timer_t *timer) { if (++fired == 3) uv_timer_stop(timer); }
      static void work(uv_work_t *w) { __atomic_add_fetch(&worked, 1, __ATOMIC_SEQ_CST); }
      /* three ticks of a timer and two jobs in threads */
      int loops(void)
      {
         uv_loop_t loop;
         uv_timer_t timer;
         uv_work_t a, b;
         uv_loop_init(&loop);
         uv_timer_init(&loop, &timer);
         uv_timer_start(&timer, on_timer, 1, 1);
         uv_queue_work(&loop, &a, work, NULL);
         uv_queue_work(&loop, &b, work, NULL);
         uv_run(&loop, UV_RUN_DEFAULT);
         uv_close((uv_handle_t *)&timer, NULL);
         uv_run(&loop, UV_RUN_DEFAULT);
         int status = uv_loop_close(&loop);
         uv_library_shutdown();
         return status ? status : fired * 10 + worked;
      }
   ]],
   check = function(ln, t)
      t:equal(32, assert(ln:func "int loops(void)")())
   end,
}

row {
   name = "ffi",
   c = [[
      #include <ffi.h>
      static double mix(int a, double b, float c) { return a + b * c; }
      double called(void)
      {
         ffi_cif cif;
         ffi_type *types[3] = {&ffi_type_sint, &ffi_type_double, &ffi_type_float};
         int a = 2;
         double b = 10, result = 0;
         float c = 4;
         void *values[3] = {&a, &b, &c};
         if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 3, &ffi_type_double, types) != FFI_OK)
            return -1;
         ffi_call(&cif, FFI_FN(mix), &result, values);
         return result;
      }
   ]],
   check = function(ln, t)
      t:equal(42.0, assert(ln:func "double called(void)")())
   end,
}

row {
   name = "gomp",
   c = [[
      #include <omp.h>
      long sum_of(long n)
      {
         long sum = 0;
         omp_set_num_threads(4);
         #pragma omp parallel for reduction(+ : sum)
         for (long i = 1; i <= n; i++)
            sum += i;
         return sum;
      }
      int team(void)
      {
         int n = 0;
         omp_set_dynamic(0);
         #pragma omp parallel num_threads(3)
         #pragma omp single
         n = omp_get_num_threads();
         return n;
      }
   ]],
   flags = {"-fopenmp"},
   check = function(ln, t)
      t:equal(5000050000, assert(ln:func "long sum_of(long)")(100000), "Gauss's sum, four threads")
      t:equal(3, assert(ln:func "int team(void)")(), "threads in the team")
   end,
}

row {
   name = "gc", with = {},
   c = [[
      #include <gc.h>
      int rounds(void)
      {
         GC_init();
         void **list = 0;
         for (int i = 0; i < 200000; i++) {
            void **p = GC_malloc(64);
            if (!p)
               return -1;
            if (i % 1000 == 0)
               p[0] = list, list = p;
         }
         int n = 0;
         for (; list; list = list[0])
            n++;
         return n;
      }
   ]],
   check = function(ln, t)
      t:equal(200, assert(ln:func "int rounds(void)")(), "what is in a list is kept")
   end,
}

return rows
