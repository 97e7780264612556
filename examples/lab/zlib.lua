-- Debian's libz.a, which `ld -shared` refuses: who can load it, and how long does it take?
--    moonlink lab run examples/lab/zlib.lua
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"

local pipe <close> = assert(io.popen "gcc -print-file-name=libz.a")

return lab.experiment {
   name = "zlib", inputs = {pipe:read "l"},
   strategies = {"direct", "archive", "prelinked", "shared-batch", "libtcc", "orc"},
   call = {"unsigned long crc32(unsigned long, const char *, unsigned)", 0, "123456789", 9,
      expect = 0xcbf43926},
}
