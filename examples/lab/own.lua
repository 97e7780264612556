-- A strategy of one's own: a program that is started for each answer, which is what loading code
-- saves. And one that refuses what it cannot take.
--    moonlink lab run examples/lab/own.lua
-- SPDX-License-Identifier: MIT

local lab = require "moonlink.lab"

local process = lab.strategy {
   name = "process",
   prepare = function(plan, run)
      local program = run.folder .. "/program"
      run:command {"cc", "-o", program, plan.objects}
      return {files = {program}}
   end,
   load = function(built) return built.files[1] end,
   bind = function(program, prototype, run)
      if prototype ~= "int main(void)" then
         run:refuse("only main can be called", "give the experiment a main to call")
      end
      return function()
         local _, _, status = os.execute(program)
         return status
      end
   end,
}

return lab.experiment {
   name = "own",
   inputs = {{
      name = "answer", axes = {"pic"},
      make = function(folder)
         return {sources = {lab.write(folder .. "/main.c", "int main(void) { return 42; }\n")}}
      end,
   }},
   strategies = {process, "direct", "shared-batch"},
   call = {"int main(void)", expect = 42},
}
