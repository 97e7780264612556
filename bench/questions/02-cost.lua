-- Algorithms in C, the same with helpers hidden, and in C++, compiled with -fPIC, -fPIE or neither,
-- linked by moonlink with and without relaxation and by ld into a library; and in Haskell.
local inputs = require "bench.questions.inputs"
local lab = require "moonlink.lab"

local list = {lab.experiment {
   name = "cost", inputs = {inputs.c, inputs.c_hidden, inputs.cxx}, runs = 9,
   axes = {pic = {"pic", "pie", "none"}}, work = inputs.costs, metrics = inputs.cost_metrics,
   strategies = {"direct", lab.with("direct", {relax = false}), "shared-batch",
      lab.with("shared-batch", {symbolic = true})},
}}
list[2] = inputs.has_ghc and lab.experiment {
   name = "haskell", inputs = {inputs.haskell}, strategies = {inputs.ghc}, runs = 9,
   axes = {how = {"static", "pic", "dynamic"}}, work = inputs.costs,
   metrics = inputs.cost_metrics,
} or nil
return list
