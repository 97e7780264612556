-- One function is edited: how long until the new code runs?
--    moonlink lab run examples/lab/edit.lua
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"

return lab.experiment {
   name = "edit",
   inputs = {{
      name = "shop", axes = {"pic"},
      make = function(folder)
         local price = lab.write(folder .. "/price.c", "int price(void) { return 100; }")
         local till = lab.write(folder .. "/till.c",
            "int price(void); int total(int n) { return n * price(); }")
         return {
            sources = {price, till},
            edit = {
               from = price, to = lab.write(folder .. "/sale.c", "int price(void) { return 75; }"),
            },
         }
      end,
   }},
   strategies = {"direct", lab.with("direct", {units = "each"}), "prelinked", "shared-each",
      "shared-batch", "shared-incremental"},
   call = {"int total(int)", 2, expect = 200},
   call_edited = {"int total(int)", 2, expect = 150},
}
