--- Works 2 and 3: the system's own static libraries.
-- SPDX-License-Identifier: MIT

local shell = require "bench.shell"

local libraries = {}

-- FIPS 180-4, example "abc": the digest begins ba7816bf.
local CRYPTO = [[
typedef struct { unsigned word[64]; } SHA256_CTX;
int SHA256_Init(SHA256_CTX *), SHA256_Update(SHA256_CTX *, const void *, unsigned long);
int SHA256_Final(unsigned char *, SHA256_CTX *);
unsigned root(unsigned n);
unsigned root(unsigned n)
{
    SHA256_CTX context;
    unsigned char digest[32];
    SHA256_Init(&context);
    SHA256_Update(&context, "abc", n);
    SHA256_Final(digest, &context);
    unsigned head = 0;
    for (int i = 0; i < 4; i++)
        head = head << 8 | digest[i];
    return head;
}
]]

local SQLITE = [[
typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
int sqlite3_open(const char *, sqlite3 **), sqlite3_close(sqlite3 *), sqlite3_step(sqlite3_stmt *);
int sqlite3_prepare_v2(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
int sqlite3_bind_int(sqlite3_stmt *, int, int), sqlite3_column_int(sqlite3_stmt *, int);
int sqlite3_finalize(sqlite3_stmt *);
unsigned root(unsigned n);
unsigned root(unsigned n)
{
    sqlite3 *db = 0;
    sqlite3_stmt *query = 0;
    unsigned result = 0;
    if (sqlite3_open(":memory:", &db) == 0
        && sqlite3_prepare_v2(db, "select length(upper('moonlink')) + ?", -1, &query, 0) == 0
        && sqlite3_bind_int(query, 1, (int)n) == 0 && sqlite3_step(query) == 100)
        result = (unsigned)sqlite3_column_int(query, 0);
    sqlite3_finalize(query);
    sqlite3_close(db);
    return result;
}
]]

--- The path of a static library of the system.
local function archive(name)
   local path = shell.first_line("gcc -print-file-name=" .. name)
   return path and path:find("/", 1, true) and path or nil
end

--- What stands for a work whose library is not there.
local function missing(id, title, package_name)
   return { { id = id, title = title, missing = package_name .. " is not installed" } }
end

--- base with the fields of more.
local function merge(base, more)
   for key, value in pairs(more) do
      base[key] = value
   end
   return base
end

--- A folder with root.o, the archive's members as loose files, and the lists of both.
local function prepare(label, source, path, link)
   local key = label .. source .. link .. shell.run("ls -lL " .. shell.quote(path))
   return shell.cached(label, key, function(folder, final)
      shell.write(folder .. "/root.c", source)
      local object = folder .. "/root.o"
      shell.run(shell.line { "gcc", "-O1", "-fPIC", "-c", "-o", object, folder .. "/root.c" })
      shell.write(folder .. "/with-archive.list", final .. "/root.o\n" .. path .. "\n")
      shell.write(folder .. "/root.list", final .. "/root.o\n")
      shell.run(shell.line { "mkdir", folder .. "/o" } .. " && cd " .. shell.quote(folder .. "/o")
         .. " && ar x " .. shell.quote(path))
      local members = {}
      for member in shell.run("ls " .. shell.quote(folder .. "/o")):gmatch("[^\n]+") do
         members[#members + 1] = final .. "/o/" .. member .. "\n"
      end
      shell.write(folder .. "/members.list", final .. "/root.o\n" .. table.concat(members))
      if link ~= "" then
         shell.run(shell.line { "gcc", "-shared", "-o", folder .. "/ready.so", object, link })
      end
   end)
end

--- Work 2: libcrypto.a, whole and the few members that one symbol needs.
---@return table[] cases
function libraries.work2()
   local path = archive("libcrypto.a")
   if not path then
      return missing("work2", "libcrypto.a", "libssl-dev")
   end
   local folder = prepare("crypto", CRYPTO, path, "-lcrypto")
   local function case(id, title, more)
      return merge({
         id = id, title = title, list = folder .. "/with-archive.list", n = 3,
         expected = 0xba7816bf, libraries = { "-lc" },
         ready = { name = "libcrypto.so", path = folder .. "/ready.so" },
      }, more)
   end
   return {
      case("work2-whole", "libcrypto.a, every member", {
         objects = folder .. "/members.list", whole = true,
         skip = { ["JITLink 14"] = "links only what main reaches: see work2-one" },
      }),
      case("work2-one", "libcrypto.a, what the SHA-256 functions need", {
         objects = folder .. "/root.list",
         jit_options = { "-L" .. path:match("^(.*)/"), "-lcrypto" },
         skip = { ["RuntimeDyld 14"] = "takes no archives" },
      }),
   }
end

--- Work 3: libsqlite3.a to the result of a first query.
---@return table[] cases
function libraries.work3()
   local path = archive("libsqlite3.a")
   if not path then
      return missing("work3", "libsqlite3.a", "libsqlite3-dev")
   end
   local folder = prepare("sqlite", SQLITE, path, "-lsqlite3")
   return {
      {
         id = "work3-sqlite", title = "libsqlite3.a, to the result of a first query", called = true,
         list = folder .. "/with-archive.list", objects = folder .. "/members.list", n = 34,
         expected = 42, shared = false, libraries = { "-lm", "-lc" },
         ready = { name = "libsqlite3.so.0", path = folder .. "/ready.so" },
      },
   }
end

return libraries
