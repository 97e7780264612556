--- The project itself: what the module exports and needs, the checks of .ci, the rock.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

--- Without what a `make` or a sanitizer that runs the specs hands down.
local CLEAN = "env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CC -u CFLAGS -u LDFLAGS -u BUILD "
   .. "-u FAULT -u LD_PRELOAD "
local MODULE = support.build .. "/moonlink/core.so"

it("a suite removes what a killed one has left, and nothing of one that runs", function()
   local root = support.tmpdir()
   support.sh([[
      cd %s
      for name in killed runs begins other; do
         mkdir moonlink-suite.$name
         : > moonlink-suite.$name/.lock
      done
      mkdir -p moonlink-suite.killed/moonlink-spec.x
      chmod 0 moonlink-suite.killed/moonlink-spec.x
      rm moonlink-suite.other/.lock
      touch -d "2 minutes ago" moonlink-suite.killed moonlink-suite.runs moonlink-suite.other
   ]], root)
   local left = support.sh("flock %s/moonlink-suite.runs/.lock env TMPDIR=%s .ci/suite --version "
      .. ">%s/out && ls %s", root, root, root, root)
   assert.equal("moonlink-suite.begins\nmoonlink-suite.other\nmoonlink-suite.runs\nout\n", left)
end)

describe("the module", function()
   it("exports its open function, the debugger's interface, and nothing else", function()
      local names = {}
      for line in support.sh("nm -D --defined-only %s", MODULE):gmatch "[^\n]+" do
         names[#names + 1] = line:match "(%S+)$"
      end
      -- The build of `make fault` has a second one; instrumented builds none more.
      for i = #names, 1, -1 do
         local name = names[i]
         if name == "luaopen_moonlink_fault" or name:find "^__[au][sb]a?n"
            or name:find "^__odr_asan" then
            table.remove(names, i)
         end
      end
      assert.same({"__jit_debug_descriptor", "__jit_debug_register_code", "luaopen_moonlink_core"},
         names)
   end)

   it("stays when a state closes, and is bound at once", function()
      local dynamic = support.sh("readelf -dW %s", MODULE)
      assert.truthy(dynamic:find "FLAGS_1.-NODELETE", dynamic)
      assert.truthy(dynamic:find "FLAGS.-BIND_NOW", dynamic)
   end)

   it("brings no second Lua", function()
      assert.falsy(support.sh("readelf -dW %s", MODULE):find "liblua")
   end)

   it("has no page that is both writable and executable", function()
      for line in support.sh("readelf -lW %s", MODULE):gmatch "[^\n]+" do
         assert.falsy(line:find "^%s+%u[%u_]+ .* RWE ", line)
      end
      assert.truthy(support.sh("readelf -lW %s", MODULE):find "GNU_RELRO")
   end)

   it("leaves nothing of its own undefined", function()
      assert.falsy(support.sh("nm -u %s", MODULE):find " ml_")
   end)
end)

describe("the types of the core", function()
   local text = support.sh "cat types/moonlink/*.lua"
   local classes = {
      Session = "session", Transaction = "txn", Unit = "unit", Object = "object",
      Callback = "callback", Trap = "callback", Buffer = "buffer",
      Packages = "packages",
   }

   it("name every function", function()
      for name, value in pairs(require "moonlink.core") do
         if type(value) == "function" then
            assert.truthy(text:find("function core%." .. name .. "%("), name)
         end
      end
   end)

   it("name every method of its objects", function()
      require "moonlink.core"
      for class, variable in pairs(classes) do
         for name in pairs(debug.getregistry()["moonlink." .. class].__index) do
            assert.truthy(text:find(("function %s:%s("):format(variable, name), 1, true)
               or text:find(("function linked:%s("):format(name), 1, true), class .. ":" .. name)
         end
      end
   end)
end)

describe("docs/ARCHITECTURE.md", function()
   it("says what each file of csrc/link is for", function()
      local text = support.read "docs/ARCHITECTURE.md"
      for name in support.sh("cd csrc/link && ls *.c"):gmatch "%S+" do
         assert.truthy(text:find(("`%s`"):format(name), 1, true), name)
      end
   end)
end)

describe("the check of layers", function()
   local LAYERS = "base # first\nos\nobject\ncall\nlua\n"

   local function check(path, source)
      local root = support.tmpdir()
      support.write(root .. "/LAYERS", LAYERS)
      support.sh("mkdir -p %s/%s", root, path:match "^(.*)/")
      support.write(root .. "/" .. path, source)
      local status, _, err = support.exit("%s .ci/layers.lua %s", support.interpreter, root)
      return status, err:sub(#root + 2)
   end

   local function accepts(path, source)
      assert.same({0, ""}, {check(path, source)})
   end

   local function rejects(path, source, line, rule)
      local status, err = check(path, source)
      assert.equal(1, status)
      assert.truthy(err:find(("^%s:%d: "):format(path, line)), err)
      assert.truthy(err:find(rule, 1, true), err)
   end

   it("accepts headers of the rooms above", function()
      accepts("object/a.c", '#include "object/a.h"\n#include "base/b.h"\n#include <string.h>\n')
   end)

   it("rejects a header of a room below, with file and line", function()
      rejects("base/a.c", '\n#include "os/os.h"\n', 2, "os is below base")
      rejects("os/deep.h", '/* x */\n#  include "lua/lua.h"\n', 2, "lua is below os")
   end)

   it("rejects headers without a room and rooms that are not listed", function()
      rejects("base/a.c", '#include "b.h"\n', 1, "by room")
      rejects("os/a.c", '#include "attic/b.h"\n', 1, "not in LAYERS")
      rejects("attic/a.c", "int x;\n", 1, "not in LAYERS")
   end)

   it("keeps Lua, libelf and libffi in their rooms", function()
      rejects("base/a.c", "#include <lua.h>\n", 1, "lua/ alone")
      rejects("call/a.c", "#include <lauxlib.h>\n", 1, "lua/ alone")
      rejects("base/a.c", "#include <libelf.h>\n", 1, "object/ alone")
      rejects("object/a.c", "#include <ffi.h>\n", 1, "call/ alone")
      accepts("lua/a.c", "#include <lua.h>\n")
      accepts("object/a.c", "#include <gelf.h>\n#include <elf.h>\n")
   end)

   it("keeps conditional compilation in os, header guards aside", function()
      rejects("base/a.c", "int x;\n#ifdef __linux__\n#endif\n", 2, "os/ alone")
      rejects("base/a.h", "#ifndef A_H\n#define A_H\n#if 1\n#endif\n#endif\n", 3, "os/ alone")
      rejects("base/a.c", "#ifndef A_H\n#endif\n", 1, "os/ alone")
      accepts("base/a.h", "#ifndef A_H\n#define A_H\n#ifdef __cplusplus\n#endif\n#endif\n")
      accepts("os/a.c", "#ifdef __linux__\n#endif\n")
   end)

   it("keeps the allocator in base/arena.c", function()
      rejects("object/a.c", "void f(void) { g(malloc(3)); }\n", 1, "malloc")
      rejects("base/b.c", "void f(char *p)\n{\n    free(p);\n}\n", 3, "free")
      accepts("base/arena.c", "void *f(void) { return malloc(3); }\n")
      accepts("object/a.c", "/* malloc() */ int f(void) { ml_free(\"free()\", a->free()); }\n")
   end)

   it("finds nothing in this tree", function()
      support.sh("%s .ci/layers.lua csrc", support.interpreter)
   end)
end)

describe("the check of lengths", function()
   local function check(path, source)
      local root = support.tmpdir()
      support.sh("mkdir -p %s/%s", root, path:match "^(.*)/")
      support.write(root .. "/" .. path, source)
      return (support.exit("%s .ci/sizes.lua %s", support.interpreter, root))
   end

   it("allows a C function 60 lines, and not one more", function()
      local function lines(count)
         return "void f(void)\n{\n" .. ("    g();\n"):rep(count) .. "}\n"
      end
      assert.equal(0, check("csrc/base/a.c", lines(60)))
      assert.equal(1, check("csrc/base/a.c", lines(61)))
   end)

   it("allows a Lua function 40 lines, and not one more", function()
      assert.equal(0, check("lua/a.lua", "return function()\n" .. ("   f()\n"):rep(40) .. "end\n"))
      assert.equal(1, check("lua/a.lua", "return function()\n" .. ("   f()\n"):rep(41) .. "end\n"))
   end)

   it("allows a C file 700 lines, and not one more", function()
      assert.equal(0, check("csrc/base/a.c", ("int x;\n"):rep(700)))
      assert.equal(1, check("csrc/base/a.c", ("int x;\n"):rep(701)))
   end)

   it("finds nothing in this tree", function()
      support.sh("%s .ci/sizes.lua .", support.interpreter)
   end)
end)

describe("the check of notes", function()
   local function check(source)
      local root = support.tmpdir()
      support.sh("mkdir -p %s/csrc", root)
      support.write(root .. "/csrc/a.c", source)
      return (support.exit("%s .ci/notes.lua %s", support.interpreter, root))
   end

   it("wants every note that is cited, once", function()
      assert.equal(1, check "/* See Note [Gone]. */\n")
      assert.equal(1, check "/* text: see\n** Note [Gone]. */\n")
      assert.equal(0, check "/* See Note [Here]. */\n/* Note [Here]\n** Because. */\n")
      assert.equal(1, check "/* Note [Here] */\n/* Note [Here] */\n")
   end)

   it("finds nothing in this tree", function()
      support.sh("%s .ci/notes.lua .", support.interpreter)
   end)
end)

describe("the rock", function()
   it("passes luarocks lint", function()
      support.sh(CLEAN .. "HOME=%s luarocks --lua-version=5.4 lint moonlink-scm-1.rockspec",
         support.tmpdir())
   end)

   it("installs from the checkout without a network, and runs #slow", function()
      local root = support.tmpdir()
      support.sh("cp -R Makefile moonlink-scm-1.rockspec csrc lua bin .ci %s/", root)
      support.sh("cd %s && " .. CLEAN .. "HOME=%s luarocks --lua-version=5.4 make "
         .. "--tree %s/tree --deps-mode none moonlink-scm-1.rockspec", root, root, root)
      local tree = root .. "/tree"
      local where = ("LUA_PATH_5_4='%s/share/lua/5.4/?.lua;%s/share/lua/5.4/?/init.lua;;' "
         .. "LUA_CPATH_5_4='%s/lib/lua/5.4/?.so;;'"):format(tree, tree, tree)
      support.sh("cd / && " .. CLEAN .. "%s %s -e 'require \"moonlink\"'", where,
         support.interpreter)
      local help = support.sh("cd / && " .. CLEAN .. "%s/bin/moonlink --help", tree)
      assert.truthy(help:find "moonlink", help)
   end)
end)

describe("installing", function()
   local function make(target, root)
      -- What was built is installed as it is (-o all), however it was built.
      support.sh(CLEAN .. "make -o all %s BUILD=%s PREFIX=/usr DESTDIR=%s", target, support.build,
         root)
   end

   it("puts things where Lua and the shell look, and takes them away again", function()
      local root = support.tmpdir()
      make("install", root)
      for _, path in ipairs {"lib/lua/5.4/moonlink/core.so", "share/lua/5.4/moonlink/init.lua",
         "bin/moonlink"} do
         support.sh("test -s %s/usr/%s", root, path)
      end
      make("uninstall", root)
      assert.equal("", support.sh("find %s -type f", root))
   end)
end)
