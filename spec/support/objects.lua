--- Objects under numbered names in one folder, and files that change.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local function versions(objects, sources, flags, compiler)
   local path, list = objects.path(), {}
   for i, source in ipairs(sources) do
      list[i] = objects.cc(source, flags, compiler)
   end
   local function switch(i)
      support.sh("cp %s %s.new && mv %s.new %s", list[i], path, path, path)
      return path
   end
   return switch(1), switch, list
end

--- A factory for one spec file.
---@return {dir: string, path: function, cc: function, as: function, versions: function}
return function()
   local dir, number = support.tmpdir(), 0
   local objects = {dir = dir}

   --- A path in the folder that nothing has yet.
   ---@param extension? string "o"
   ---@return string
   function objects.path(extension)
      number = number + 1
      return ("%s/o%d.%s"):format(dir, number, extension or "o")
   end

   --- Compiles to an object of its own.
   ---@param source string
   ---@param flags? string
   ---@param compiler? string
   ---@return string path
   function objects.cc(source, flags, compiler)
      return support.cc(objects.path(), source, flags or "-O1 -fPIE",
         compiler and {compiler = compiler})
   end

   --- Assembles to an object of its own.
   ---@param source string
   ---@return string path
   function objects.as(source)
      return support.as(objects.path(), source)
   end

   --- A file whose content is the first version. The function makes it another one, as compilers
   --- do: a new file under the old name.
   ---@param sources string[]
   ---@return string path
   ---@return fun(i: integer): string switch
   ---@return string[] list paths of the versions, which may be changed
   function objects.versions(sources, flags, compiler)
      return versions(objects, sources, flags, compiler)
   end

   return objects
end
