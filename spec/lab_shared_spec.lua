--- The laboratory's shared libraries: each axis does what it says, whichever linker makes them.
-- SPDX-License-Identifier: MIT

local experiments = require "spec.support.experiments"
local support = require "spec.support"

local dir = support.tmpdir()

local function source(name, text)
   return support.write(("%s/%s"):format(dir, name), text)
end

--- What tells each linker by its output.
local SIGNS = {
   gold = {".note.gnu.gold-version", "gold "}, lld = {".comment", "LLD"},
   mold = {".comment", "mold "},
}

--- How the library binds, and signs of the linkers that made it, as numbers of the sample. Not all
--- linkers note -Bsymbolic among the flags, but a symbol that is bound needs no relocation.
local function look(loaded)
   local path = loaded.raw.built.files[1]
   local dynamic = support.stdout("readelf -d %s", support.quote(path))
   local relocations = support.stdout("readelf -rW %s", support.quote(path))
   local out = {
      now = dynamic:find "BIND_NOW" and 1 or 0,
      symbolic = relocations:find("own", 1, true) and 0 or 1,
   }
   for name, sign in pairs(SIGNS) do
      local text = support.stdout("readelf -p %s %s 2>&1", sign[1], support.quote(path))
      out[name] = text:find(sign[2], 1, true) and 1 or 0
   end
   return out
end

local function cases_of(strategy)
   local path = source("one.c", "int own(void) { return 1; } int one(void) { return own(); }")
   return experiments.cases {
      inputs = {{name = "one", sources = {path}}},
      strategies = {strategy}, call = {"int one(void)", expect = 1}, work = look,
      axes = {linker = {"bfd", "gold", "lld", "mold"}, bind = {"lazy", "now"},
         symbolic = {false, true}},
   }
end

-- The sanitizer is put before all programs that are started, which not every linker survives.
local is_sanitized = (os.getenv "LD_PRELOAD" or ""):find "asan" ~= nil

describe("lab: shared libraries", function()
   for _, strategy in ipairs {"shared-each", "shared-batch", "shared-incremental", "dlmopen"} do
      it(("of %s are made by the linker and with the flags of their case #slow"):format(strategy),
         function()
            local count = 0
            for id, case in pairs((cases_of(strategy))) do
               local linker = case.axes.linker
               if case.refused and linker == "mold" and is_sanitized then
                  assert.matches("ld terminated with signal", case.refused.why, 1, true)
               elseif case.refused then
                  assert.matches("is not installed", case.refused.why, 1, true)
               else
                  local sample = experiments.sample(case)
                  assert.equal(case.axes.bind == "now" and 1 or 0, sample.now, id)
                  assert.equal(case.axes.symbolic and 1 or 0, sample.symbolic, id)
                  for name in pairs(SIGNS) do
                     assert.equal(name == linker and 1 or 0, sample[name], id .. ": " .. name)
                  end
               end
               count = count + 1
            end
            assert.equal(16, count)
         end)
   end

   it("with lazy binding open without a function that nobody calls, and not without", function()
      local path = source("lost.c", "int nowhere_at_all(void); int lost(int x) "
         .. "{ return x ? nowhere_at_all() : 3; }")
      local cases = experiments.cases {
         inputs = {{name = "lost", sources = {path}}}, strategies = {"shared-batch"},
         axes = {bind = {"lazy", "now"}}, call = {"int lost(int)", 0, expect = 3},
      }
      experiments.sample(cases["shared-batch/bind=lazy"])
      assert.matches("undefined symbol: nowhere_at_all",
         cases["shared-batch/bind=now"].refused.why, 1, true)
   end)

   it("with -Bsymbolic call their own function, without it the first of the name", function()
      local a = source("a.c", "int who(void) { return 1; } int ask_a(void) { return who(); }")
      local b = source("b.c", "int who(void) { return 2; } int ask_b(void) { return who(); }")
      local cases = experiments.cases {
         inputs = {{name = "two", sources = {a, b}}}, strategies = {"shared-each"},
         axes = {symbolic = {false, true}},
         work = function(loaded)
            return {a = loaded:func "int ask_a(void)"(), b = loaded:func "int ask_b(void)"()}
         end,
      }
      local free = experiments.sample(cases["shared-each/no-symbolic"])
      assert.same({1, 1}, {free.a, free.b})
      local bound = experiments.sample(cases["shared-each/symbolic"])
      assert.same({1, 2}, {bound.a, bound.b})
   end)
end)
