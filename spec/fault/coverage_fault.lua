--- That failing on purpose reaches everything: what the core asks of the system and can be refused
-- must be listed in csrc/os/fault.def.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

--- Calls that can fail for the world's reasons, whether or not the core makes them today.
local CAN_FAIL = {
   "malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "posix_memalign", "strdup",
   "strndup", "asprintf", "vasprintf", "getline", "getdelim", "realpath", "open_memstream",
   "mmap", "mmap64", "mremap", "munmap", "mprotect", "madvise", "open", "open64", "openat",
   "openat64", "creat", "fstat", "fstat64", "stat", "stat64", "lstat", "fstatat", "statx", "read",
   "pread", "pread64", "readv", "preadv", "write", "pwrite", "writev", "fsync", "fdatasync",
   "syncfs", "futimens", "ftruncate", "rename", "renameat", "linkat", "unlinkat", "mkdir",
   "flock", "fcntl", "fcntl64", "lockf", "opendir", "fdopendir", "readdir",
   "readlink", "fopen", "fopen64", "fdopen", "pipe", "pipe2", "memfd_create", "fork", "signalfd",
   "process_vm_readv", "process_vm_writev", "dlopen", "dlmopen", "dlsym",
   "dlvsym", "dlinfo", "mkstemp", "mkostemp", "scandir", "fts_open", "elf_begin", "elf_memory",
   "ffi_closure_alloc",
}

describe("failing on purpose", function()
   it("reaches every call of the core that the system can refuse", function()
      -- In the ordinary objects, not in the module: fault.c itself makes all of these calls.
      local find = "find %s/obj -name '*.o' ! -path '*/os/fault.o'"
      local objects = support.stdout(find, support.build)
      local asked = {}
      for name in support.sh("nm -u %s", objects:gsub("\n", " ")):gmatch "U ([%w_]+)" do
         asked[name] = true
      end
      local wrapped = {}
      for name in support.read "csrc/os/fault.def":gmatch "[LN]%([^,\n]*, *([%w_]+)[,)]" do
         wrapped[name] = true
      end
      local unreached = {}
      for _, name in ipairs(CAN_FAIL) do
         if asked[name] and not wrapped[name] then
            unreached[#unreached + 1] = name
         end
      end
      assert.same({}, unreached)
   end)
end)
