--- Results of libraries for bytes: hashes, ciphers, compressors, stores, machine code, files.
-- SPDX-License-Identifier: MIT

local moonlink = require "moonlink"
local shell = require "spec.corpus.shell"

local rows = {}

local function row(t)
   rows[#rows + 1] = t
end

local TEXT = ("moonlink links at run time. "):rep(2000)

row {
   name = "z",
   check = function(ln, t)
      ln:cdef [[
         unsigned long crc32(unsigned long crc, const unsigned char *buf, unsigned len);
         unsigned long adler32(unsigned long adler, const unsigned char *buf, unsigned len);
      ]]
      t:equal(0xcbf43926, ln.c.crc32(0, "123456789", 9), "the check value of this CRC")
      t:equal(0x091e01de, ln.c.adler32(1, "123456789", 9), "RFC 1950's sums by hand")
   end,
}

row {
   name = "crypto",
   check = function(ln, t)
      local sha = assert(ln:func
         "unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md)")
      local digest = moonlink.alloc(32)
      sha("abc", 3, digest)
      -- FIPS 180-4, the example of one block
      t:equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
         t:hex(digest, 32), "SHA-256")
   end,
}

row {
   name = "gnutls",
   with = {"-lnettle", "-lhogweed", "-lgmp", "-ltasn1", "-lp11-kit", "-lidn2", "-lunistring",
           "-lz", "-lbrotlienc", "-lbrotlidec", "-lzstd"},
   check = function(ln, t)
      ln:cdef [[
         int gnutls_global_init(void);
         int gnutls_hash_fast(int algorithm, const void *text, size_t n, void *digest);
         int gnutls_hmac_fast(int algorithm, const void *key, size_t length, const void *text,
                              size_t n, void *digest);
      ]]
      local digest = moonlink.alloc(32)
      t:equal(0, ln.c.gnutls_global_init(), "initialisation")
      t:equal(0, ln.c.gnutls_hash_fast(6, "abc", 3, digest))
      t:equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
         t:hex(digest, 32), "SHA-256, FIPS 180-4")
      t:equal(0, ln.c.gnutls_hmac_fast(6, "Jefe", 4, "what do ya want for nothing?", 28, digest))
      t:equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
         t:hex(digest, 32), "HMAC-SHA-256, RFC 4231, case 2")
   end,
}

row {
   name = "nettle",
   check = function(ln, t)
      ln:cdef [[
         void nettle_aes128_set_encrypt_key(void *ctx, const char *key);
         void nettle_aes128_encrypt(void *ctx, size_t n, void *to, const char *from);
      ]]
      local context, to, key, from = moonlink.alloc(1024), moonlink.alloc(16), {}, {}
      for i = 0, 15 do
         key[i + 1], from[i + 1] = string.char(i), string.char(i * 17)
      end
      local key_bytes, from_bytes = moonlink.alloc(16), moonlink.alloc(16)
      key_bytes:set(table.concat(key))
      from_bytes:set(table.concat(from))
      ln.c.nettle_aes128_set_encrypt_key(context, key_bytes)
      ln.c.nettle_aes128_encrypt(context, 16, to, from_bytes)
      t:equal("69c4e0d86a7b0430d8cdb78070b4c55a", t:hex(to, 16), "FIPS 197, appendix C.1")
   end,
}

row {
   name = "sodium",
   check = function(ln, t)
      ln:cdef [[
         int sodium_init(void);
         int crypto_generichash(void *to, size_t size, const void *text, unsigned long long n,
                                const void *key, size_t length);
         int crypto_scalarmult_base(void *to, const void *scalar);
      ]]
      t:equal(0, ln.c.sodium_init())
      local to = moonlink.alloc(64)
      t:equal(0, ln.c.crypto_generichash(to, 64, "abc", 3, nil, 0))
      t:equal("ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
         .. "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
         t:hex(to, 64), "BLAKE2b, RFC 7693, appendix A")
      local scalar = moonlink.alloc(32)
      scalar:set("\x77\x07\x6d\x0a\x73\x18\xa5\x7d\x3c\x16\xc1\x72\x51\xb2\x66\x45"
         .. "\xdf\x4c\x2f\x87\xeb\xc0\x99\x2a\xb1\x77\xfb\xa5\x1d\xb9\x2c\x2a")
      t:equal(0, ln.c.crypto_scalarmult_base(to, scalar))
      t:equal("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
         t:hex(to, 32), "X25519, RFC 7748, section 6.1")
   end,
}

row {
   name = "secp256k1",
   check = function(ln, t)
      ln:cdef [[
         void *secp256k1_context_create(unsigned flags);
         int secp256k1_ec_pubkey_create(void *ctx, void *pubkey, const void *seckey);
         int secp256k1_ec_pubkey_serialize(void *ctx, void *to, void *size, const void *pubkey,
                                           unsigned flags);
         void secp256k1_context_destroy(void *ctx);
      ]]
      local context = ln.c.secp256k1_context_create(0x301)
      local secret, public, to, size = moonlink.alloc(32), moonlink.alloc(64), moonlink.alloc(33),
         moonlink.alloc(8)
      secret:set("\1", 31)
      size:set(string.pack("<I8", 33))
      t:equal(1, ln.c.secp256k1_ec_pubkey_create(context, public, secret))
      t:equal(1, ln.c.secp256k1_ec_pubkey_serialize(context, to, size, public, 0x102))
      t:equal("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
         t:hex(to, 33), "one times the generator is the generator of SEC 2")
      ln.c.secp256k1_context_destroy(context)
   end,
}

row {
   name = "xxhash",
   check = function(ln, t)
      ln:cdef [[
         unsigned XXH32(const void *input, size_t n, unsigned seed);
         unsigned long long XXH64(const void *input, size_t n, unsigned long long seed);
      ]]
      -- of nothing, with seed 0: what the specification's steps come to
      t:equal(0x02cc5d05, ln.c.XXH32("", 0, 0), "XXH32")
      t:equal(math.tointeger(0xef46db3751d8e999), ln.c.XXH64("", 0, 0), "XXH64")
   end,
}

--- What a command line tool makes of a file.
local function piped(t, tool, bytes)
   local path = shell.write(t.folder .. "/packed", bytes)
   local status, text = shell.run(shell.line {tool, "-dc"} .. " <" .. shell.quote(path))
   t:equal(0, status, tool .. " reads it")
   return text
end

row {
   name = "zstd",
   check = function(ln, t)
      ln:cdef [[
         size_t ZSTD_compressBound(size_t n);
         size_t ZSTD_compress(void *to, size_t room, const void *from, size_t n, int level);
         size_t ZSTD_decompress(void *to, size_t room, const void *from, size_t n);
         unsigned ZSTD_isError(size_t code);
      ]]
      local room = ln.c.ZSTD_compressBound(#TEXT)
      local packed, back = moonlink.alloc(room), moonlink.alloc(#TEXT)
      local n = ln.c.ZSTD_compress(packed, room, TEXT, #TEXT, 19)
      t:equal(0, ln.c.ZSTD_isError(n))
      t:equal(TEXT, piped(t, "zstd", packed:get(0, n)), "the tool's answer")
      t:equal(#TEXT, ln.c.ZSTD_decompress(back, #TEXT, packed, n))
      t:equal(TEXT, back:get(0, #TEXT), "and back")
   end,
}

row {
   name = "lz4",
   check = function(ln, t)
      ln:cdef [[
         size_t LZ4F_compressFrameBound(size_t n, const void *preferences);
         size_t LZ4F_compressFrame(void *to, size_t room, const void *from, size_t n,
                                   const void *preferences);
      ]]
      local room = ln.c.LZ4F_compressFrameBound(#TEXT, nil)
      local packed = moonlink.alloc(room)
      local n = ln.c.LZ4F_compressFrame(packed, room, TEXT, #TEXT, nil)
      t:equal(TEXT, piped(t, "lz4", packed:get(0, n)), "the tool's answer")
   end,
}

row {
   name = "bz2",
   check = function(ln, t)
      local compress = assert(ln:func [[int BZ2_bzBuffToBuffCompress(void *to, unsigned *size,
         const void *from, unsigned n, int level, int verbosity, int factor)]])
      local packed, size = moonlink.alloc(#TEXT + 600), moonlink.alloc(4)
      size:set(string.pack("<I4", #TEXT + 600))
      t:equal(0, compress(packed, size, TEXT, #TEXT, 9, 0, 0))
      local n = string.unpack("<I4", size:get(0, 4))
      t:equal(TEXT, piped(t, "bzip2", packed:get(0, n)), "the tool's answer")
   end,
}

row {
   name = "lzma",
   check = function(ln, t)
      local encode = assert(ln:func [[int lzma_easy_buffer_encode(unsigned preset, int check,
         const void *allocator, const void *from, size_t n, void *to, void *position,
         size_t room)]])
      local packed, position = moonlink.alloc(#TEXT), moonlink.alloc(8)
      t:equal(0, encode(6, 4, nil, TEXT, #TEXT, packed, position, #TEXT))
      t:equal(TEXT, piped(t, "xz", packed:get(0, t:word(position))), "the tool's answer")
   end,
}

row {
   name = "snappy-shared", with = {"-lstdc++"},
   c = [[
      #include <snappy-c.h>
      #include <string.h>
      /* length of the packed text when it comes back unchanged */
      int there_and_back(const char *text, int n)
      {
         static char packed[100000], back[100000];
         size_t p = sizeof packed, b = sizeof back;
         if (snappy_compress(text, n, packed, &p) || snappy_uncompress(packed, p, back, &b))
            return -1;
         return b == n && memcmp(text, back, n) == 0 ? (int)p : -2;
      }
   ]],
   check = function(ln, t)
      local n = assert(ln:func "int there_and_back(const char *, int)")(TEXT, #TEXT)
      t:equal(true, n > 0 and n < #TEXT / 10, "it comes back, and was smaller")
   end,
}

row {
   name = "sqlite3", with = {"-lm"},
   check = function(ln, t)
      ln:cdef [[
         int sqlite3_open(const char *name, void **db);
         int sqlite3_prepare_v2(void *db, const char *sql, int n, void **statement, void *tail);
         int sqlite3_step(void *statement);
         long long sqlite3_column_int64(void *statement, int i);
         int sqlite3_finalize(void *statement);
         int sqlite3_close(void *db);
      ]]
      local slot = moonlink.alloc(8)
      t:equal(0, ln.c.sqlite3_open(":memory:", slot))
      local db = t:word(slot)
      t:equal(0, ln.c.sqlite3_prepare_v2(db, [[with recursive f(n, a, b) as (values (1, 1, 1)
         union all select n + 1, b, a + b from f where n < 90) select max(a) from f]], -1, slot,
         nil))
      local statement = t:word(slot)
      t:equal(100, ln.c.sqlite3_step(statement), "SQLITE_ROW")
      t:equal(2880067194370816120, ln.c.sqlite3_column_int64(statement, 0), "Fibonacci number 90")
      ln.c.sqlite3_finalize(statement)
      t:equal(0, ln.c.sqlite3_close(db))
   end,
}

row {
   name = "leveldb", with = {"-lsnappy", "-lstdc++"},
   cxx = [[
      #include <leveldb/db.h>
      #include <string>
      /* writes 1000 numbers, reads them back in a second life; their sum */
      extern "C" int sum(const char *path)
      {
         leveldb::DB *db = nullptr;
         leveldb::Options o;
         o.create_if_missing = true;
         if (!leveldb::DB::Open(o, path, &db).ok())
            return -1;
         for (int i = 1; i <= 1000; i++)
            if (!db->Put({}, "key" + std::to_string(i), std::to_string(i)).ok())
               return -2;
         delete db;
         if (!leveldb::DB::Open(o, path, &db).ok())
            return -3;
         int sum = 0;
         leveldb::Iterator *it = db->NewIterator({});
         for (it->SeekToFirst(); it->Valid(); it->Next())
            sum += std::stoi(it->value().ToString());
         delete it;
         std::string none;
         if (!db->Get({}, "key0", &none).IsNotFound())
            sum = -4;
         delete db;
         return sum;
      }
   ]],
   check = function(ln, t)
      t:equal(500500, assert(ln:func "int sum(const char *)")(t.folder .. "/db"))
   end,
}

row {
   name = "lmdb",
   c = [[
      #include <lmdb.h>
      #include <string.h>
      int stored(const char *folder)
      {
         MDB_env *env;
         MDB_txn *txn;
         MDB_dbi dbi;
         MDB_val key = {3, "key"}, value = {5, "value"}, got = {0, 0};
         mdb_env_create(&env);
         if (mdb_env_open(env, folder, 0, 0600))
            return -1;
         mdb_txn_begin(env, NULL, 0, &txn);
         mdb_dbi_open(txn, NULL, 0, &dbi);
         mdb_put(txn, dbi, &key, &value, 0);
         mdb_txn_commit(txn);
         mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
         int same = mdb_get(txn, dbi, &key, &got) == 0 && got.mv_size == 5 &&
                    memcmp(got.mv_data, "value", 5) == 0;
         mdb_txn_abort(txn);
         mdb_env_close(env);
         return same;
      }
   ]],
   check = function(ln, t)
      t:equal(1, assert(ln:func "int stored(const char *)")(t.folder))
   end,
}

row {
   name = "capstone",
   c = [[
      #include <capstone/capstone.h>
      #include <stdio.h>
      int disassembled(const char *code, int n, char *to)
      {
         csh handle;
         cs_insn *list;
         if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle))
            return -1;
         int count = cs_disasm(handle, (const unsigned char *)code, n, 0x1000, 0, &list);
         for (int i = 0; i < count; i++)
            to += sprintf(to, "%lx: %s %s\n", list[i].address, list[i].mnemonic, list[i].op_str);
         cs_free(list, count);
         cs_close(&handle);
         return count;
      }
   ]],
   check = function(ln, t)
      local text, code = moonlink.alloc(200), moonlink.alloc(8)
      code:set "\x55\x48\x8b\x05\xb8\x13\x00\x00"
      t:equal(2, assert(ln:func "int disassembled(const void *, int, char *)")(code, 8, text))
      -- the first example of Capstone's manual
      t:equal("1000: push rbp\n1001: mov rax, qword ptr [rip + 0x13b8]\n",
         moonlink.string(text:address()))
   end,
}

row {
   name = "elf", with = {"-lz"},
   check = function(ln, t)
      local hash = assert(ln:func "unsigned long elf_hash(const char *)")
      t:equal(0x077905a6, hash "printf", "the gABI's hash function")
      t:equal(0x0006cf04, hash "exit")
   end,
}

row {
   name = "png", with = {"-lz", "-lm"},
   c = [[
      #include <png.h>
      #include <string.h>
      /* a grey image of 3 by 2 points, written and read again */
      int there_and_back(const char *path)
      {
         unsigned char from[6] = {0, 50, 100, 150, 200, 250}, to[6] = {0};
         png_image image;
         memset(&image, 0, sizeof image);
         image.version = PNG_IMAGE_VERSION;
         image.width = 3;
         image.height = 2;
         image.format = PNG_FORMAT_GRAY;
         if (!png_image_write_to_file(&image, path, 0, from, 0, NULL))
            return -1;
         memset(&image, 0, sizeof image);
         image.version = PNG_IMAGE_VERSION;
         if (!png_image_begin_read_from_file(&image, path) || image.width != 3)
            return -2;
         image.format = PNG_FORMAT_GRAY;
         return png_image_finish_read(&image, NULL, to, 0, NULL) && !memcmp(from, to, 6);
      }
   ]],
   check = function(ln, t)
      local path = t.folder .. "/image.png"
      t:equal(1, assert(ln:func "int there_and_back(const char *)")(path))
      t:equal("\x89PNG\r\n\x1a\n\0\0\0\13IHDR\0\0\0\3\0\0\0\2", shell.read(path):sub(1, 24),
         "the header that the PNG specification wants")
   end,
}

return rows
