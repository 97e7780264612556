-- Names that a preloaded library took over stay taken over when libraries are opened that need the
-- former owner.
-- SPDX-License-Identifier: MIT

local support = require "spec.support"

local dir = support.tmpdir()

local function shared(name, source, more)
   local object = support.cc(dir .. "/" .. name .. ".o", source, "-O1 -fPIC")
   local path = dir .. "/lib" .. name .. ".so"
   support.sh("LD_PRELOAD= gcc -shared -o %s %s %s", path, object, more or "")
   return path
end

describe("in a process that preloads a library", function()
   local user, owner, needer, preloaded

   setup(function()
      user = support.cc(dir .. "/user.o", [[
         int taken(void), own(void), alone(void);
         int all(void) { return taken() + own() + alone(); }
      ]], "-O1 -fPIE")
      owner = shared("owner", "int taken(void) { return 1; } int alone(void) { return 100; }")
      needer = shared("needer", "int taken(void); int own(void) { return 10 * taken(); }",
         "-Wl,--no-as-needed " .. owner .. " -Wl,-rpath," .. dir)
      preloaded = shared("preloaded",
         "int taken(void) { return 2; } int own(void) { return 50; }")
   end)

   local SCRIPT = [[
      local moonlink = require "moonlink"
      local ln <close> = moonlink.new()
      assert(ln:load {...})
      print(assert(ln:func "int all(void)")())
   ]]

   it("its names go before those of libraries that an opened one needs", function()
      local script = support.write(dir .. "/script.lua", SCRIPT)
      local function run(preload)
         return support.stdout(
            "LD_PRELOAD=${LD_PRELOAD:-}:%s LUA_PATH_5_4=%s LUA_CPATH_5_4=%s %s %s %s %s", preload,
            support.quote(package.path), support.quote(package.cpath), support.interpreter, script,
            user, needer)
      end
      assert.equal("111", run "")
      -- `taken` is the preloaded one for all, `own` is of the library that was asked for
      assert.equal("122", run(preloaded))
   end)
end)
