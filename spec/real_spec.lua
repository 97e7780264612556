-- Static libraries as Debian ships them, loaded whole and used; expected values are those of their
-- specifications or computed here in another way.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local support = require "spec.support"

local dir = support.tmpdir()

--- The archive that the compiler would take for -lNAME.
local function static(name)
   local path = support.stdout("gcc -print-file-name=lib%s.a", name)
   assert(path:find "/", "lib" .. name .. ".a is not installed")
   return path
end

--- Every member of the archive is in the unit.
local function assert_whole(unit, path)
   local _, expected = support.sh("ar t %s", path):gsub("\n", "")
   local count = 0
   for _, input in ipairs(unit:inputs()) do
      count = count + (input.file == path and 1 or 0)
   end
   assert.equal(expected, count, path)
end

--- A linker with a whole archive in it; every member is there.
local function whole(path, others)
   local ln = moonlink.new()
   local unit = assert(ln:load {path, whole_archive = true, table.unpack(others or {})})
   assert_whole(unit, path)
   return ln, unit
end

--- 2^n in decimal, by doubling.
local function power_of_two(n)
   local digits = {1}
   for _ = 1, n do
      local carry = 0
      for i = 1, #digits do
         local d = digits[i] * 2 + carry
         digits[i], carry = d % 10, d // 10
      end
      digits[#digits + 1] = carry > 0 and carry or nil
   end
   return table.concat(digits):reverse()
end

it("liblua5.4.a runs a Lua state inside this one", function()
   local inner <close> = whole(static "lua5.4", {"-lm"})
   inner:cdef [[
      typedef struct lua_State lua_State;
      lua_State *luaL_newstate(void);
      void luaL_openlibs(lua_State *L);
      int luaL_loadstring(lua_State *L, const char *s);
      int lua_pcallk(lua_State *L, int nargs, int nresults, int msgh, long ctx, void *k);
      double lua_tonumberx(lua_State *L, int idx, int *isnum);
      const char *lua_tolstring(lua_State *L, int idx, size_t *len);
      void lua_close(lua_State *L);
   ]]
   local c = inner.c
   local L = c.luaL_newstate()
   assert.is_not_nil(L)
   c.luaL_openlibs(L)
   assert.equal(0, c.luaL_loadstring(L, [[
      local sum = 0
      for word in ("1 2 3 4.5"):gmatch "%S+" do sum = sum + tonumber(word) end
      return sum * math.floor(math.pi)
   ]]))
   assert.equal(0, c.lua_pcallk(L, 0, 1, 0, 0, nil))
   assert.equal(31.5, c.lua_tonumberx(L, -1, nil))
   -- errors travel by longjmp inside the loaded library
   assert.equal(0, c.luaL_loadstring(L, "error('inside', 0)"))
   assert.equal(2, c.lua_pcallk(L, 0, 1, 0, 0, nil))
   assert.equal("inside", c.lua_tolstring(L, -1, nil))
   c.lua_close(L)
end)

it("libgmp.a computes with large numbers", function()
   local ln <close> = whole(static "gmp")
   ln:cdef [[
      void __gmpz_init(void *x);
      void __gmpz_ui_pow_ui(void *r, unsigned long b, unsigned long e);
      void __gmpz_fac_ui(void *r, unsigned long n);
      void __gmpz_clear(void *x);
      char *__gmpz_get_str(char *to, int base, const void *x);
   ]]
   local number, text = moonlink.alloc(16), moonlink.alloc(400)
   ln.c.__gmpz_init(number)
   ln.c.__gmpz_ui_pow_ui(number, 2, 1000)
   assert.equal(power_of_two(1000), ln.c.__gmpz_get_str(text, 10, number))
   ln.c.__gmpz_fac_ui(number, 30)
   assert.equal("265252859812191058636308480000000", ln.c.__gmpz_get_str(text, 10, number))
   ln.c.__gmpz_clear(number)
end)

it("libssl.a and libcrypto.a hash, and make a context", function()
   local crypto, ssl = static "crypto", static "ssl"
   local ln <close> = moonlink.new()
   local unit = assert(ln:load {ssl, crypto, whole_archive = true})
   assert_whole(unit, ssl)
   assert_whole(unit, crypto)
   ln:cdef [[
      unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);
      const char *OpenSSL_version(int type);
      const void *TLS_client_method(void);
      void *SSL_CTX_new(const void *method);
      void *SSL_new(void *ctx);
      void SSL_free(void *ssl);
      void SSL_CTX_free(void *ctx);
   ]]
   local digest = moonlink.alloc(32)
   ln.c.SHA256("abc", 3, digest)
   local hex = moonlink.read(digest:address(), "c32"):gsub(".", function(byte)
      return ("%02x"):format(byte:byte())
   end)
   -- FIPS 180-4, the example of one block
   assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hex)
   assert.matches("^OpenSSL %d", ln.c.OpenSSL_version(0))
   local context = ln.c.SSL_CTX_new(ln.c.TLS_client_method())
   assert.is_not_nil(context)
   local connection = ln.c.SSL_new(context)
   assert.is_not_nil(connection)
   ln.c.SSL_free(connection)
   ln.c.SSL_CTX_free(context)
end)

it("libxml2.a parses a document and answers XPath", function()
   local ln <close> = whole(static "xml2", {"-licuuc", "-lz", "-llzma", "-lm"})
   ln:cdef [[
      void *xmlReadMemory(const char *text, int size, const char *url, const char *encoding, int o);
      void *xmlXPathNewContext(void *doc);
      void *xmlXPathEvalExpression(const char *expression, void *context);
      double xmlXPathCastToNumber(void *object);
      void xmlXPathFreeObject(void *object);
      void xmlXPathFreeContext(void *context);
      void xmlFreeDoc(void *doc);
      void xmlCleanupParser(void);
   ]]
   local c = ln.c
   local text = "<shop><item price='2.5'/><item price='40'/><other price='900'/></shop>"
   local document = assert(c.xmlReadMemory(text, #text, "shop.xml", nil, 0))
   local context = assert(c.xmlXPathNewContext(document))
   local function number(expression)
      local object = assert(c.xmlXPathEvalExpression(expression, context))
      local result = c.xmlXPathCastToNumber(object)
      c.xmlXPathFreeObject(object)
      return result
   end
   assert.equal(42.5, number "sum(/shop/item/@price)")
   assert.equal(3, number "count(//@price)")
   c.xmlXPathFreeContext(context)
   c.xmlFreeDoc(document)
   c.xmlCleanupParser()
end)

it("libz.a, which ld cannot put into a shared library, compresses", function()
   local path = static "z"
   local ln <close> = whole(path)
   ln:cdef [[
      unsigned long crc32(unsigned long crc, const unsigned char *buf, unsigned len);
      unsigned long compressBound(unsigned long n);
      int compress(unsigned char *to, unsigned long *size, const unsigned char *from,
                   unsigned long n);
      int uncompress(unsigned char *to, unsigned long *size, const unsigned char *from,
                     unsigned long n);
   ]]
   assert.equal(0xcbf43926, ln.c.crc32(0, "123456789", 9)) -- the check value of this CRC
   local text = ("moonlink links at run time. "):rep(1000)
   local bound = ln.c.compressBound(#text)
   local packed, size, back = moonlink.alloc(bound), moonlink.alloc(8), moonlink.alloc(#text)
   moonlink.write(size:address(), "I8", bound)
   assert.equal(0, ln.c.compress(packed, size, text, #text))
   local n = moonlink.read(size:address(), "I8")
   assert.is_true(n < #text / 20)
   moonlink.write(size:address(), "I8", #text)
   assert.equal(0, ln.c.uncompress(back, size, packed, n))
   assert.equal(#text, (moonlink.read(size:address(), "I8")))
   assert.equal(text, (moonlink.read(back:address(), "c" .. #text)))
   local status, _, err = support.exit("LD_PRELOAD= gcc -shared -o %s/z.so -Wl,--whole-archive %s",
      dir, path)
   assert.not_equal(0, status)
   assert.matches("fPIC", err, 1, true)
end)

it("libsqlite3.a answers SQL, with rows handed to a Lua function", function()
   local ln <close> = whole(static "sqlite3", {"-lm"})
   ln:cdef [[
      int sqlite3_open(const char *name, void **db);
      int sqlite3_exec(void *db, const char *sql, int (*row)(void *, int, void **, void **),
                       void *ud, void **message);
      int sqlite3_close(void *db);
      const char *sqlite3_errmsg(void *db);
   ]]
   local c, slot = ln.c, moonlink.alloc(8)
   assert.equal(0, c.sqlite3_open(":memory:", slot))
   local db = moonlink.read(slot:address(), "I8")
   local rows = {}
   local function row(_, count, values)
      local list = {}
      for i = 1, count do
         list[i] = moonlink.string((moonlink.read(values + 8 * (i - 1), "I8")))
      end
      rows[#rows + 1] = list
      return 0
   end
   assert.equal(0, c.sqlite3_exec(db, "create table t(name text, n integer)", nil, nil, nil))
   assert.equal(0, c.sqlite3_exec(db, "insert into t values ('a', 1), ('b', 20), ('a', 300)", nil,
      nil, nil))
   assert.equal(0, c.sqlite3_exec(db, "select name, sum(n) from t group by name order by name", row,
      nil, nil))
   assert.same({{"a", "301"}, {"b", "20"}}, rows)
   assert.equal(1, c.sqlite3_exec(db, "select nonsense from t", nil, nil, nil))
   assert.matches("no such column: nonsense", c.sqlite3_errmsg(db), 1, true)
   assert.equal(0, c.sqlite3_close(db))
end)

it("one symbol out of libcrypto.a brings only what it needs", function()
   local ln <close> = moonlink.new()
   local unit = assert(ln:load {static "crypto"})
   assert.equal(0, #unit:inputs())
   local sha = assert(ln:func "void *SHA1(const void *, size_t, void *)")
   local digest = moonlink.alloc(20)
   sha("abc", 3, digest)
   -- FIPS 180-4, the example of one block
   assert.equal("\xa9\x99\x3e\x36", (moonlink.read(digest:address(), "c4")))
end)

-- What `make corpus` does with many more: see spec/corpus/results.lua. A process of its own each,
-- since what other specs did with libstdc++.so's thread-local storage before cannot be undone.
describe("whole, with its results checked, loads #slow", function()
   local results = require "spec.corpus.results"
   local SOME = {"ffi", "elf", "icuuc", "stdc++", "lzma", "lua5.4"}

   for number, row in ipairs(results.list) do
      for _, name in ipairs(SOME) do
         if row.name == name then
            it("lib" .. name .. ".a", function()
               local status, out, err = support.lua([[
                  loadfile "spec/corpus/check.lua"(...)
               ]], tostring(number), support.tmpdir())
               assert.equal("", err)
               assert.matches("^right\t[1-9]", out)
               assert.equal(0, status)
            end)
         end
      end
   end
end)
