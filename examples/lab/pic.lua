-- What does -fPIC cost in a loop, and what happens to those who forget it?
--    moonlink lab run examples/lab/pic.lua
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"
local moonlink = require "moonlink"

local LOOPS = 1000000

return lab.experiment {
   name = "pic",
   inputs = {{
      name = "counter", axes = {"pic"},
      make = function(folder)
         return {
            cflags = "-O2",
            sources = {
               lab.write(folder .. "/counter.c",
                  "int counter; int bump(int x) { return x + counter; }"),
               lab.write(folder .. "/loop.c", [[
                  extern int counter;
                  int bump(int);
                  int loop(int n)
                  {
                     for (int i = 0; i < n; i++)
                        counter = bump(i) & 1;
                     return counter;
                  }
               ]]),
            },
         }
      end,
   }},
   strategies = {"direct", lab.with("direct", {relax = false}), "shared-batch",
      lab.with("shared-batch", {symbolic = true})},
   axes = {pic = {"pic", "pie", "none"}},
   call = {"int loop(int)", 2, expect = 1},
   work = function(loaded)
      local loop = loaded:func "int loop(int)"
      local start = moonlink.now()
      loop(LOOPS)
      return {round_ns = (moonlink.now() - start) * 1e9 / LOOPS}
   end,
   metrics = {{key = "round_ns", title = "a call and three accesses", unit = "ns"}},
}
