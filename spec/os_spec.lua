--- Files, memory and mappings as the system gives them (csrc/os), tested by a program in C.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"
local program = require "spec.c.program"

local paths = program.build("os_test", "")

local function passes(test)
   for variant in pairs(paths) do
      program.run(paths, test .. " " .. support.tmpdir(), {variant = variant})
   end
end

describe("reading a file", function()
   it("gives all of it, however little one call reads", function()
      passes "reading"
   end)

   it("refuses what is not a regular file, without waiting, and says what it is", function()
      passes "refusing"
   end)

   it("gives pieces, and notices that the file has changed", function()
      passes "pieces"
   end)

   it("takes four system calls", function()
      if not support.has "strace" then
         return pending "strace is not here"
      end
      local dir = support.tmpdir()
      local path = support.write(dir .. "/file", "content")
      support.sh("LD_PRELOAD= strace -o %s/trace -P %s %s once %s", dir, path, paths.plain, path)
      local calls = {}
      for call in ("\n" .. support.read(dir .. "/trace")):gmatch "\n(%w+)%(" do
         calls[#calls + 1] = call:find "fstat" and "fstat" or call
      end
      assert.same({"openat", "fstat", "pread64", "close"}, calls)
   end)
end)

describe("memory", function()
   it("is read and written without ever faulting", function()
      passes "memory"
   end)

   it("is so too where a sandbox forbids the quick way", function()
      passes "sandboxed"
   end)
end)

describe("a lock of the process", function()
   it("is free in the child of a fork, and what it guards is whole", function()
      passes "forked"
   end)
end)

describe("a call that traps signals", function()
   it("counts in the child of a fork only when it is the forking thread's", function()
      passes "trapping"
   end)
end)

describe("large memory", function()
   it("has small pages once a huge one was slow to come", function()
      passes "huge"
   end)
end)

describe("the process", function()
   it("lists its mappings, its libraries and its limits", function()
      passes "process"
   end)
end)
