--- Shared libraries that are opened as one group.
-- SPDX-License-Identifier: MIT

local group = require "moonlink.link.group"
local moonlink = require "moonlink"
local support = require "spec.support"

describe("a group of shared libraries", function()
   local dir = support.tmpdir()
   local paths = {dir .. "/libgroupa.so", dir .. "/libgroupb.so"}

   setup(function()
      for path, source in pairs {
         [paths[1]] = "extern int answer, other; int back(void) { return answer; }"
            .. " int ask(void) { return answer * 100 + other; }",
         [paths[2]] = "int back(void); int answer = 4, other = 2;"
            .. " int again(void) { return back(); }",
      } do
         support.cc(path .. ".o", source, "-fPIC")
         support.sh("gcc -shared -o %s %s.o", path, path)
      end
   end)

   --- What the two functions say in a group that defines some names.
   local function asked(defines)
      local ln <close> = moonlink.new {scope = {"self", "process"}}
      local file = assert(group.file(paths, defines))
      assert(ln:load {inputs = {file.path}})
      file.remove()
      return {(assert(ln:func "int ask(void)"))(), (assert(ln:func "int again(void)"))()}
   end

   it("sees each other, though neither names the other", function()
      assert.same({402, 4}, asked())
      assert.same({402, 4}, asked {})
   end)

   it("takes names from the group before its own", function()
      local one = moonlink.alloc(4):set(("i4"):pack(9))
      local two = moonlink.alloc(4):set(("i4"):pack(7))
      assert.same({902, 9}, asked {answer = one:address()})
      assert.same({907, 9}, asked {answer = one:address(), other = two:address()})
      assert.same({402, 4}, asked {unknown = 1})
   end)
end)
