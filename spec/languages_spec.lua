--- What objects of gcc's front ends want beside relocations: runtimes that are told of them, stacks
-- that code may run on.
-- SPDX-License-Identifier: MIT

local loads = require "spec.support.loads"
local moonlink = require "moonlink"
local support = require "spec.support"

local folder = support.tmpdir()

local function object(name, source, flags, compiler)
   return support.cc(("%s/%s.o"):format(folder, name), source, flags or "-O1",
      {compiler = compiler})
end

describe("an object with transactions", function()
   local source = [[
      static int sum;
      __attribute__((transaction_safe)) int add(int n) { return sum += n; }
      int (*volatile chosen)(int) __attribute__((transaction_safe)) = add;
      int f(int n)
      {
         int got = 0;
         sum = 0;
         __transaction_atomic { got = chosen(n); got += chosen(1); }
         return got * 10 + sum;
      }
   ]]

   it("has its functions called by pointer, and its runtime told when it goes", function()
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local ln <close> = moonlink.new()
         for round = 1, 3 do
            local unit = assert(ln:load {(...), "-litm"})
            local other = assert(ln:load {{path = (...), rename = {f = "other_f"},
               keep_global = {"other_f"}}, "-litm"})
            print(ln:func "int f(int)"(5), ln:func "int other_f(int)"(6))
            collectgarbage()
            assert(unit:unload())
            print(ln:func "int other_f(int)"(7))
            collectgarbage()
            assert(other:unload())
         end
      ]], object("transaction", source, "-O1 -fgnu-tm"))
      assert.equal(0, status, err)
      assert.equal(("116\t137\n158\n"):rep(3), out)
   end)

   it("keeps what a transaction may call by pointer when unused sections are dropped", function()
      local ln <close> = moonlink.new {gc_sections = true, roots = {"f"}}
      assert(ln:load {object("dropped", source, "-O1 -fgnu-tm -ffunction-sections"), "-litm"})
      assert.equal(116, ln:func "int f(int)"(5))
   end)

   it("is told which library it wants", function()
      local err = loads.refusal(object("without", source, "-O1 -fgnu-tm"))
      assert.matches("add -litm to the inputs", err.hint, 1, true)
   end)
end)

describe("a nested function whose address is taken", function()
   local source = [[
      static int apply(int (*g)(int), int n) { return g(n); }
      int (*volatile indirect)(int (*)(int), int) = apply;
      int f(int n)
      {
         __label__ out;
         int sum = n * 10;
         int add(int more) { if (more > 100) goto out; return sum += more; }
         indirect(add, 2);
         indirect(add, n);
         return sum;
      out:
         return -sum;
      }
   ]]

   it("changes no stack before its load is committed, and none where nobody asks for it", function()
      local status, out, err = support.lua([[
         local moonlink = require "moonlink"
         local nested, plain = ...
         local function stack()
            return io.open "/proc/self/maps":read "a":match "%x+ ([^\n ]+) [^\n]*%[stack%]"
         end
         local ln <close> = moonlink.new()
         assert(ln:load(plain))
         assert(ln:check(nested))
         assert(not ln:load {nested, nested})
        print(stack())
         assert(ln:load(nested))
         print(stack())
      ]], object("nested", source), object("plain", "int g(void) { return 1; }"))
      assert.equal(0, status, err)
      assert.equal("rw-p\nrwxp\n", out)
   end)
end)
