-- Can ordinary .o files, which nobody compiled with -fPIC, still be loaded, and at what price?
local lab = require "moonlink.lab"
local ordinary = require "bench.questions.ordinary"

local objects = lab.experiment {
   name = "objects", inputs = {ordinary.c, ordinary.cxx}, axes = {pic = {"none", "pie", "pic"}},
   strategies = {"direct", lab.with("direct", {zone = "low"}), "shared-batch"},
   call = {"int answer(void)", expect = 38}, prepare = "once", runs = 9,
}
local again = lab.experiment {
   name = "again", inputs = {ordinary.sources(ordinary.c), ordinary.sources(ordinary.cxx)},
   strategies = {ordinary.recompiled},
   call = {"int answer(void)", expect = 38}, prepare = "once",
}
return objects, again
