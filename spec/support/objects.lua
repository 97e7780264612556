--- Objects under numbered names in one folder, and files that change.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

--- A factory for one spec file.
---@return {dir: string, cc: function, versions: function}
return function()
   local dir, number = support.tmpdir(), 0
   local objects = {dir = dir}

   local function fresh_path()
      number = number + 1
      return ("%s/o%d.o"):format(dir, number)
   end

   --- Compiles to an object of its own.
   ---@param source string
   ---@param flags? string
   ---@param compiler? string
   ---@return string path
   function objects.cc(source, flags, compiler)
      return support.cc(fresh_path(), source, flags or "-O1 -fPIE",
         compiler and {compiler = compiler})
   end

   --- A file whose content is the first version. The function makes it another one, as compilers
   --- do: a new file under the old name.
   ---@param sources string[]
   ---@return string path
   ---@return fun(i: integer): string switch
   ---@return string[] list paths of the versions, which may be changed
   function objects.versions(sources, flags, compiler)
      local path, list = fresh_path(), {}
      for i, source in ipairs(sources) do
         list[i] = objects.cc(source, flags, compiler)
      end
      local function switch(i)
         support.sh("cp %s %s.new && mv %s.new %s", list[i], path, path, path)
         return path
      end
      return switch(1), switch, list
   end

   return objects
end
