--- The laboratory: experiments on real inputs, each run in a process of its own.
-- SPDX-License-Identifier: MIT

local experiments = require "spec.support.experiments"
local lab = require "moonlink.lab"
local support = require "spec.support"

local results, succeeded = experiments.cases, experiments.sample
local dir = support.tmpdir()

local function source(name, text)
   return support.write(("%s/%s"):format(dir, name), text)
end

-- a needs b, b needs a's variable and c: a and b need each other.
local A = source("a.c", "int b(int); int va = 3; int a(int x) { return b(x) + va; }")
local B = source("b.c", "extern int va; int c(int); int b(int x) { return c(x) * 2 + va - 3; }")
local C = source("c.c", "int vc = 5; int c(int x) { return x + vc; }")
local C2 = source("c2.c", "int vc = 5; int c(int x) { return x + vc + 100; }")
local TOP = source("top.c", "int c(int); int top(int x) { return c(x) + 1; }")

local function chain() -- top needs c, and no more
   return {name = "chain", sources = {TOP, C}, edit = {from = C, to = C2}}
end

local READY = {
   "direct", "archive", "prelinked", "direct-lazy", "profile-guided", "shared-each",
   "shared-batch", "shared-incremental", "dlmopen",
}
local CALL = {"int top(int)", 1, expect = 7}

describe("lab: the ready-made strategies", function()
   it("load, call, take an edit and unload", function()
      local cases = results {
         inputs = {chain()}, strategies = READY, call = CALL,
         call_edited = {"int top(int)", 1, expect = 107}, rounds = 2,
      }
      for _, name in ipairs(READY) do
         local sample = succeeded(cases[name])
         for _, key in ipairs {"load_ms", "ready_ms", "first_call_us", "reload_ms", "unload_ms",
            "round_us"} do
            assert.is_true(sample[key] > 0, name .. " " .. key)
         end
         assert.equal(2, cases[name].size)
      end
   end)

   it("unload and take edits, all of them", function()
      for _, name in ipairs(lab.strategies()) do
         local s = lab.strategy(name)
         assert.is_function(s.unload, name)
         assert.is_function(s.reload, name)
      end
   end)

   it("make the files that they say they make", function()
      local cases = results {inputs = {chain()}, strategies = {"direct", "archive"}, call = CALL}
      assert.is_nil(cases.direct.samples[1].file_kb)
      assert.equal(0, cases.direct.samples[1].prepare_ms)
      assert.is_true(cases.archive.samples[1].file_kb > 0)
      assert.is_true(cases.archive.samples[1].prepare_ms > 0)
   end)

   it("load objects as units of their own, also those that need each other", function()
      local cases = results {
         inputs = {{name = "ring", sources = {A, B, C}}}, strategies = {"direct"},
         axes = {units = {"all", "each"}, pic = {"pic", "none"}},
         call = {"int a(int)", 1, expect = 15},
      }
      for _, how in ipairs {"pic=pic/units=all", "pic=none/units=all", "pic=pic/units=each",
         "pic=none/units=each"} do
         succeeded(cases["direct/" .. how])
      end
   end)

   it("reach other units as the axis `cross` says", function()
      local cases = results {
         inputs = {{name = "chain", packages = {{sources = {C}}, {sources = {TOP}}}}},
         strategies = {"direct", "archive"}, call = CALL,
         axes = {units = {"package"}, cross = {"direct", "got", "stubs", "lazy"}},
      }
      for _, strategy in ipairs {"direct", "archive"} do
         local stubs = {}
         for _, how in ipairs {"direct", "got", "stubs", "lazy"} do
            local case = cases[("%s/units=package/cross=%s"):format(strategy, how)]
            stubs[how] = succeeded(case).stub_bytes
         end
         assert.same({0, 0}, {stubs.direct, stubs.got})
         assert.is_true(stubs.stubs > 0 and stubs.lazy > stubs.stubs)
      end
   end)

   it("reach each name of other units as a function says", function()
      local two = {name = "two", packages = {
         {sources = {source("callees.c", "int hot(int x) { return x; } "
            .. "int cold(int x) { return -x; }")}},
         {sources = {source("caller.c", "int hot(int); int cold(int); int top(int x) {"
            .. " return x ? hot(x) : cold(x); }")}},
      }}
      local spec = {
         inputs = {two}, strategies = {"direct"}, call = {"int top(int)", 7, expect = 7},
         axes = {units = {"package"}, cross = {"stubs", "lazy", ["cold lazy"] = function(q)
            return q.name == "cold" and "lazy" or "direct"
         end, broken = function() return "fast" end}},
      }
      local cases, result = results(spec, {runs = 2, warmup = 0})
      local function bytes(how)
         return succeeded(cases["direct/units=package/cross=" .. how], 2).stub_bytes
      end
      assert.equal(bytes "lazy", 2 * bytes "cold lazy")
      local broken = cases["direct/units=package/cross=broken"]
      assert.matches("the function `bind` answered with 'fast'", broken.failures[1].text, 1, true)
      local path = dir .. "/named.json"
      assert.is_true(lab.save(result, path))
      local again = lab.experiment(spec):run {runs = 3, warmup = 0, resume = assert(lab.open(path))}
      local case = again.cases[4]
      assert.equal("cold lazy", case.axes.cross)
      assert.equal(3, #case.samples)
      assert.equal(cases[case.id].samples[2].load_ms, case.samples[2].load_ms)
   end)

   it("place each unit as a function says #layout", function()
      local cases = results {
         inputs = {chain()}, strategies = {"direct"}, call = CALL,
         axes = {pic = {"none"}, units = {"each"}, zone = {"near",
            ["first low"] = function(files, i)
               assert(#files == 1 and files[1]:find "%.o$")
               return i == 1 and "low" or "near"
            end}},
         work = function(loaded)
            local out = {}
            for i, unit in ipairs(loaded.raw.units) do
               for symbol in unit:symbols() do
                  out["low" .. i] = symbol.address < 1 << 31 and 1 or 0
               end
            end
            return out
         end,
      }
      local near = succeeded(cases["direct/pic=none/units=each/zone=near"])
      local some = succeeded(cases["direct/pic=none/units=each/zone=first low"])
      assert.same({0, 0, 1, 0}, {near.low1, near.low2, some.low1, some.low2})
   end)

   it("refuse what cannot be loaded in parts, under the names that users know", function()
      local hidden = source("hidden.c", "__attribute__((visibility(\"hidden\"))) "
         .. "int c(int x) { return x + 5; }")
      local cases = results {
         inputs = {{name = "parts", sources = {hidden, TOP}}}, strategies = {"direct"},
         axes = {units = {"all", "each"}}, call = CALL,
      }
      succeeded(cases["direct/units=all"])
      local refused = cases["direct/units=each"].refused
      assert.matches("undefined 'c' (1 reference: top.o ", refused.why, 1, true)
      assert.matches("hidden.o defines it, but it is hidden there", refused.report, 1, true)
   end)

   it("give the PIC report for what no shared library can hold", function()
      local cases = results {
         inputs = {chain()}, strategies = {"direct", "shared-batch", "shared-each"},
         axes = {pic = {"pic", "none"}}, call = CALL,
      }
      succeeded(cases["direct/pic=none"])
      succeeded(cases["shared-batch/pic=pic"])
      for _, name in ipairs {"shared-batch/pic=none", "shared-each/pic=none"} do
         local refused = cases[name].refused
         assert.matches("that a shared library cannot hold", refused.why, 1, true)
         assert.matches("c.o: .text+0x", refused.report, 1, true)
         assert.matches("R_X86_64_PC32 against 'vc'", refused.report, 1, true)
         assert.matches("compile c.c again with -fPIC", refused.report, 1, true)
         assert.same({}, cases[name].samples)
         assert.same({}, cases[name].failures)
      end
   end)

   it("say of objects that need each other's data why they cannot be opened one by one", function()
      local cases = results {
         inputs = {{name = "ring", sources = {A, B, C}}}, strategies = {"shared-each"},
         axes = {bind = {"now"}}, call = {"int a(int)", 1, expect = 15},
      }
      local refused = cases["shared-each/bind=now"].refused
      assert.matches("need each other", refused.why, 1, true)
      assert.matches("a.o", refused.report, 1, true)
      assert.matches("undefined symbol", refused.report, 1, true)
   end)

   it("link a batch against earlier ones, and all later ones anew after an edit", function()
      local cases = results {
         inputs = {chain()}, strategies = {"shared-incremental"}, axes = {batch = {1, 2}},
         call = CALL, call_edited = {"int top(int)", 1, expect = 107},
         work = function(loaded, run)
            local files = loaded.raw.built.files
            local _, text = require "moonlink.lab.shell".try {"readelf", "-d", files[#files]}
            return {files = #files, needs = text:find(run.folder, 1, true) and 1 or 0}
         end,
      }
      local apart = succeeded(cases["shared-incremental/batch=1"])
      assert.same({2, 1}, {apart.files, apart.needs})
      local together = succeeded(cases["shared-incremental/batch=2"])
      assert.same({1, 0}, {together.files, together.needs})
   end)

   it("link functions at their first call, with the data that they name", function()
      local used = source("used.c", [[
         #include <stdarg.h>
         extern int base;
         double sum(int n, ...)
         {
            double s = base;
            va_list args;
            va_start(args, n);
            while (n-- > 0)
               s += va_arg(args, double);
            va_end(args);
            return s;
         }
      ]])
      local data = source("data.c", "int base = 1; int never(void) { return base; }")
      local main = source("lazy.c", [[
         double sum(int, ...);
         int unused(int);
         double many(double a, long b, double c, int d) { return sum(3, a, c, (double)(b + d)); }
         int other(int x) { return unused(x); }
      ]])
      local unused = source("unused.c", "int unused(int x) { return x; }")
      local cases = results {
         inputs = {{name = "parts", sources = {main, used, data, unused}}},
         strategies = {"direct-lazy", "profile-guided"},
         call = {"double many(double, long, double, int)", 1.5, 2, 4.25, 3, expect = 11.75},
         work = function(loaded)
            local before = #loaded.raw.order
            return {before = before, other = loaded:func "int other(int)"(7),
               after = #loaded.raw.order}
         end,
      }
      for _, name in ipairs {"direct-lazy", "profile-guided"} do
         local sample = succeeded(cases[name])
         assert.same({3, 7, 4}, {sample.before, sample.other, sample.after})
         assert.equal(3, sample.linked_objects)
      end
   end)

   it("raise when a function cannot be linked at its first call", function()
      local lost = source("lost.c", "int nowhere_at_all(void); int lost(int x) "
         .. "{ return x ? nowhere_at_all() : 0; }")
      local cases = results {inputs = {{name = "lost", sources = {lost}}},
         strategies = {"direct-lazy"}, call = {"int lost(int)", 0}}
      assert.matches("cannot link 'lost' at its first call: undefined 'nowhere_at_all'",
         cases["direct-lazy"].failures[1].text, 1, true)
   end)

   it("have peers, where they are installed", function()
      local cases = results {inputs = {chain()}, strategies = {"libtcc", "orc"}, call = CALL}
      for _, name in ipairs {"libtcc", "orc"} do
         if cases[name].refused then
            assert.matches("is not installed", cases[name].refused.why, 1, true)
         else
            succeeded(cases[name])
         end
      end
   end)

   it("have GHC's linker for a peer #ghc", function()
      local cases = results {inputs = {chain()}, strategies = {"ghc-rts"}, call = CALL}
      succeeded(cases["ghc-rts"])
   end)

   it("say that a linker is not there", function()
      local bare = lab.strategy {base = "shared-batch", name = "bare", axes = {"bind", "symbolic",
         "gc", linker = {"none-such"}}, fixed = {linker = "none-such", bind = "lazy"}}
      local cases = results {inputs = {chain()}, strategies = {bare}}
      assert.equal("none-such is not installed", cases.bare.refused.why)
   end)

   it("load an archive of the system from its members", function()
      local path = support.stdout "gcc -print-file-name=libz.a"
      local cases = results {
         inputs = {path}, strategies = {"direct", "archive"}, axes = {members = {"all", "wanted"}},
         call = {"unsigned long crc32(unsigned long, const char *, unsigned)", 0, "123456789", 9,
            expect = 0xcbf43926}, -- the check value of CRC-32
      }
      succeeded(cases["archive/members=all"])
      local count = tonumber(support.stdout("ar t %s | wc -l", path))
      assert.equal(count, cases.direct.size)
   end)
end)

describe("lab: strategies of one's own", function()
   it("are a table of functions", function()
      local moonlink = require "moonlink"
      local mine = {
         name = "mine",
         load = function(_, run)
            local ln = moonlink.new()
            assert(ln:load(run.plan.objects))
            return ln
         end,
         bind = function(ln, prototype) return assert(ln:func(prototype)) end,
      }
      local cases, result = results {inputs = {chain()}, strategies = {mine}, call = CALL}
      local sample = succeeded(cases.mine)
      assert.is_nil(sample.unload_ms)
      for _, metric in ipairs(result.metrics) do
         assert.is_not.equal("unload_ms", metric.key)
      end
   end)

   it("of moonlink take memory, and seal it, as the axes say", function()
      local cases = results {
         inputs = {chain()}, strategies = {"direct"}, call = CALL,
         axes = {block = {"unit"}, pages = {"small", "huge"}, protect = {"load", "dual"}},
      }
      local function sample(pages, protect)
         return succeeded(cases[("direct/block=unit/pages=%s/protect=%s"):format(pages, protect)])
      end
      local load, dual = sample("small", "load"), sample("small", "dual")
      assert.equal(1, load.protections - dual.protections)
      assert.is_nil(load.huge_kb)
      assert.equal("integer", math.type(sample("huge", "load").huge_kb))
      assert.is_true(sample("huge", "dual").image_kb >= 2048)
   end)

   it("take what they lack from another one, with other values of its axes #layout", function()
      local low = lab.with("direct", {zone = "low"})
      assert.equal("direct zone=low", low.name)
      assert.equal("direct cross=mine", lab.with("direct", {cross = {mine = print}}).name)
      assert.matches("strategy 'direct': axis 'cross': a function wants a name",
         support.refused(lab.with, "direct", {cross = print}), 1, true)
      local function work(loaded)
         return {base = loaded.raw.units[1].stats.base}
      end
      local cases = results {inputs = {chain()}, strategies = {"direct", low}, work = work}
      assert.is_true(succeeded(cases["direct zone=low"]).base < 1 << 31)
      assert.is_true(succeeded(cases.direct).base > 1 << 31)
   end)

   it("are checked when they are made", function()
      local function noop() end
      assert.matches("field 'bind' is missing",
         support.refused(lab.strategy, {name = "x", load = noop}), 1, true)
      assert.matches("unknown field 'lod'",
         support.refused(lab.strategy, {name = "x", lod = noop}), 1, true)
      assert.matches("unknown strategy 'drect' (known: direct,",
         support.refused(lab.strategy, "drect"), 1, true)
      assert.matches("unknown axis 'zones'", support.refused(lab.strategy,
         {name = "x", load = noop, bind = noop, axes = {"zones"}}), 1, true)
      assert.matches("has no value 'far'", support.refused(lab.with, "direct", {zone = "far"}), 1,
         true)
   end)
end)

describe("lab: experiments", function()
   local function of_function(load)
      return {
         inputs = {chain()}, strategies = {{name = "x", load = load, bind = function() end},
            "direct"},
      }
   end

   it("make crashes, timeouts and errors results, and go on", function()
      local moonlink = require "moonlink"
      local function crash() moonlink.new():func "int raise(int)"(11) end
      local function endless() while true do end end -- luacheck: ignore 542
      local function raise() error "no luck" end
      -- The other strategy has to end in the same time: with more of it when the machine is slow.
      local function cases_of(kind, load)
         local cases
         for _, limit in ipairs(kind == "timeout" and {2, 20, 120} or {300}) do
            cases = results(of_function(load), {runs = 3, warmup = 0, timeout = limit})
            if #cases.direct.failures == 0 then
               break
            end
         end
         return cases
      end
      for kind, load in pairs {crash = crash, timeout = endless, error = raise} do
         local cases = cases_of(kind, load)
         succeeded(cases.direct, 3)
         assert.equal(kind, cases.x.failures[1].kind)
         assert.equal(1, cases.x.failures[1].run)
         assert.equal(2, #cases.x.failures) -- given up
         assert.is_nil(cases.x.samples[1].load_ms)
      end
   end)

   it("call a wrong result an error", function()
      local cases = results {inputs = {chain()}, strategies = {"direct"},
         call = {"int top(int)", 1, expect = 8}}
      assert.matches("int top(int) gave 7, not 8", cases.direct.failures[1].text, 1, true)
   end)

   it("run their cases in turn, the first ones for warming up", function()
      local order = {}
      local e = lab.experiment {name = "turns", inputs = {chain()}, timeout = experiments.PATIENCE,
         strategies = {"direct", lab.with("direct", {relax = false}, "other")}}
      local result = e:run {runs = 2, warmup = 1, progress = function(state)
         order[#order + 1] = state.id
         assert.equal(6, state.total)
         assert.equal(#order - 1, state.done)
      end}
      local a, b = "chain/direct", "chain/other"
      assert.same({a, b, a, b, a, b}, order)
      assert.same({a, b}, e:cases())
      assert.equal(2, #result.cases[1].samples)
   end)

   it("run in processes of their own, with the numbers of work among the samples", function()
      local counter = 0
      local cases, result = results({
         inputs = {chain()}, strategies = {"direct"},
         work = function(loaded)
            counter = counter + 1
            return {seen = counter, sum = loaded:func "int top(int)"(40)}
         end,
         metrics = {{key = "sum", title = "the sum", unit = "", better = "more"}},
      }, {runs = 3, warmup = 0})
      assert.equal(0, counter)
      assert.same({1, 1, 1}, lab.column(cases.direct, "seen"))
      assert.same({46, 46, 46}, lab.column(cases.direct, "sum"))
      assert.equal("the sum", result.metrics[1].title)
   end)

   it("prepare once when they are told to", function()
      local log = dir .. "/log"
      local counted = lab.strategy {base = "archive", name = "counted",
         prepare = function(plan, run)
            local file <close> = assert(io.open(log, "a"))
            file:write "x"
            return lab.strategy "archive".prepare(plan, run)
         end}
      local cases = results({inputs = {chain()}, strategies = {counted}, prepare = "once",
         call = CALL}, {runs = 3, warmup = 0})
      assert.is_nil(succeeded(cases.counted, 3).prepare_ms)
      assert.is_true(cases.counted.prepare_ms > 0)
      assert.equal("x", support.read(log))
   end)

   it("say which axis or value nothing in them has", function()
      local function refused(axes)
         return support.refused(lab.experiment, {name = "t", inputs = {chain()},
            strategies = {"direct"}, axes = axes})
      end
      assert.matches("nothing in it has an axis 'linker' with value 'bfd'",
         refused {linker = {"bfd"}}, 1, true)
      assert.matches("axis 'zone' with value 'far'", refused {zone = {"near", "far"}}, 1, true)
      assert.matches("axis 'relax' with value 'mine'", refused {relax = {mine = print}}, 1, true)
      assert.matches("axis 'cross': a function wants a name: cross = {NAME = ...}",
         refused {cross = {"direct", print}}, 1, true)
      assert.matches("axes: NAME = {VALUE...} expected", refused {"zone"}, 1, true)
   end)

   it("leave nothing behind", function()
      local e = lab.experiment {name = "t", inputs = {chain()}, strategies = {"archive"}}
      e:run {runs = 1, warmup = 0}
      local left = support.stdout "ls -d ${TMPDIR:-/tmp}/moonlink.* 2>/dev/null || true"
      assert.equal("", left)
   end)

   it("are saved with all samples, and opened again", function()
      local _, result = results {inputs = {chain()}, strategies = {"direct", "shared-batch"},
         axes = {pic = {"none"}}}
      local path = dir .. "/result.json"
      assert.is_true(lab.save(result, path))
      local again = assert(lab.open(path))
      assert.equal(result.name, again.name)
      for i, case in ipairs(result.cases) do
         assert.equal(case.id, again.cases[i].id)
         assert.same(case.samples, again.cases[i].samples)
         assert.same(case.refused, again.cases[i].refused)
      end
   end)

   it("do not open what is none", function()
      local path = support.write(dir .. "/no.json", '{"name": "x", "cases": 3}')
      local result, err = lab.open(path)
      assert.is_nil(result)
      assert.equal("format", err.code)
      assert.equal("io", select(2, lab.open(dir .. "/absent.json")).code)
   end)
end)

describe("lab: plans", function()
   it("have packages, which strategies load one by one", function()
      local spec = {
         inputs = {{name = "two", packages = {
            {name = "low", sources = {C}}, {name = "high", sources = {TOP}},
         }}},
         strategies = {"direct", "archive", "prelinked"}, axes = {units = {"package"}}, call = CALL,
         work = function(loaded) return {units = #loaded.raw.units} end,
      }
      for _, case in pairs((results(spec))) do
         assert.equal(2, succeeded(case).units)
      end
   end)

   it("that measure references count their calls and accesses, compiled as they may be", function()
      local cases, result = results {
         inputs = {lab.probes.input()}, strategies = {"direct", "shared-incremental"},
         axes = {pic = {"pic", "none"}}, work = lab.probes.work, metrics = lab.probes.metrics(),
      }
      assert.equal("call_within_ns", result.metrics[1].key)
      assert.is_truthy(cases["shared-incremental/pic=none"].refused)
      for _, id in ipairs {"direct/pic=pic", "direct/pic=none", "shared-incremental/pic=pic"} do
         local sample = succeeded(cases[id])
         for _, metric in ipairs(lab.probes.metrics()) do
            assert.is_true(sample[metric.key] > 0, metric.key)
         end
      end
   end)

   it("are made by functions, once for each combination of their axes", function()
      local input = {
         name = "made", axes = {count = {2, 3}},
         make = function(folder, values)
            local sources = {}
            for i = 1, values.count do
               sources[i] = support.write(("%s/f%d.c"):format(folder, i),
                  ("int f%d(void) { return %d; }"):format(i, i))
            end
            return {sources = sources}
         end,
      }
      local cases = results {inputs = {input}, strategies = {"direct"}, axes = {count = {2, 3}},
         call = {"int f2(void)", expect = 2}}
      assert.equal(2, cases["direct/count=2"].size)
      assert.equal(3, cases["direct/count=3"].size)
      succeeded(cases["direct/count=3"])
   end)

   it("have the libraries of all packages, each once", function()
      local root = support.write(dir .. "/root.c",
         "double log2(double);\ndouble root(double x) { return log2(x); }\n")
      local cases = results {
         inputs = {{name = "x", libraries = {"-lm"}, packages = {
            {name = "a", sources = {root}, libraries = {"-lm", "-ldl"}},
         }}},
         strategies = {{
            name = "own", base = "direct",
            load = function(built, run)
               assert(table.concat(run.plan.libraries, " ") == "-lm -ldl")
               return lab.strategy "direct".load(built, run)
            end,
         }},
         call = {"double root(double)", 8.0, expect = 3.0},
      }
      succeeded(cases["own/pic=pic"] or cases.own)
   end)

   it("say what is wrong with an input", function()
      local function refused(input)
         return support.refused(lab.experiment, {name = "t", inputs = {input},
            strategies = {"direct"}})
      end
      assert.matches("unknown field 'object'", refused {name = "x", object = {}}, 1, true)
      assert.matches("an input without a name", refused {objects = {}}, 1, true)
      local function package(fields)
         return refused {name = "x", packages = {{name = "a", objects = {}}, fields}}
      end
      assert.matches("input 'x': packages[2]: field 'cflags': string expected, got table",
         package {sources = {"a.c"}, cflags = {"-O2"}}, 1, true)
      assert.matches("packages[2]: field 'edit' belongs to the input",
         package {sources = {"a.c"}, edit = {from = "a.c", to = "b.c"}}, 1, true)
      assert.matches("packages[2]: objects, sources, archive, packages expected",
         package {name = "b"}, 1, true)
      assert.matches("no-such.o", refused "/no-such.o", 1, true)
   end)
end)
