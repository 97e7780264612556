-- Which parts are tied to x86-64 Linux? Each room of the source is searched and compiled elsewhere.
local lab = require "moonlink.lab"
local source = require "bench.questions.source"

local look = lab.strategy {
   name = "look", axes = {room = source.rooms()},
   load = function(_, run) return source.look(run.axes.room, run) end,
   bind = function() end, numbers = function(counts) return counts end,
}
return lab.experiment {
   name = "platforms", inputs = {{name = "moonlink", objects = source.files "csrc"}},
   strategies = {look}, axes = {room = source.rooms()}, metrics = source.metrics,
   runs = 1, warmup = 0,
}
