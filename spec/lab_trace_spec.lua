--- The laboratory's trace mode: calls between packages, counted in a run of their own.
-- SPDX-License-Identifier: MIT

local experiments = require "spec.support.experiments"
local lab = require "moonlink.lab"
local report = require "moonlink.lab.report"
local support = require "spec.support"

local dir = support.tmpdir()

local function source(name, text)
   return support.write(("%s/%s.c"):format(dir, name), text)
end

-- mid calls low as often as it is told, and low2 once; mids calls mid twice; top calls mids and,
-- in the C library, labs.
local PACKAGES = {
   {name = "low", sources = {
      source("low", "int low(int x) { return x + 1; } int low2(int x) { return x; }"),
   }},
   {name = "mid", sources = {
      source("mid", [[ int low(int); int low2(int);
         int mid(int n) { int s = 0; for (int i = 0; i < n; i++) s += low(i); return s + low2(n); }
      ]]),
      source("mids", "int mid(int); int mids(int n) { return mid(n) + mid(n); }"),
   }},
   {name = "top", sources = {
      source("top", [[ long labs(long); int mids(int);
         int top(int n) { return mids(n) + labs(-7); } ]]),
   }},
}
local CALL = {"int top(int)", 10, expect = 2 * (55 + 10) + 7}

local function input()
   return {name = "three", cflags = "-O1 -fno-builtin", packages = PACKAGES}
end

for _, one in ipairs(PACKAGES) do
   one.cflags = "-O1 -fno-builtin"
end

local function run(spec, options)
   spec.name, spec.inputs = "trace", spec.inputs or {input()}
   return experiments.cases(spec, options)
end

--- { "FROM TO" = CALLS }
local function edges(case)
   local out = {}
   for _, c in ipairs(case.calls) do
      out[c.from .. " " .. c.to] = c.calls
   end
   return out
end

local BETWEEN = {["mid low"] = 22, ["top mid"] = 1, ["top libc.so.6"] = 1}
local ALL = {["mid low"] = 22, ["mid mid"] = 2, ["top mid"] = 1, ["top libc.so.6"] = 1}

describe("an experiment with trace", function()
   it("counts calls between packages, whatever is loaded as one", function()
      local cases = run {
         strategies = {"direct", "archive", "prelinked"}, axes = {units = {"all", "package"}},
         call = CALL, trace = true,
      }
      for id, case in pairs(cases) do
         assert.same({}, case.failures)
         assert.is_nil(case.calls_not_counted)
         -- objects that ld -r has joined are one, and a call within one is none
         assert.same(id:find "prelinked" and BETWEEN or ALL, edges(case), id)
      end
      assert.same({from = "mid", to = "low", calls = 22, functions = 2, symbols = {
         {name = "low", calls = 20}, {name = "low2", calls = 2},
      }}, cases["direct/units=all"].calls[1])
   end)

   it("counts the calls of `work`, too, and measures no slower code", function()
      local cases = run {
         strategies = {"direct"}, call = CALL, trace = true, prepare = "once",
         work = function(loaded)
            local top = loaded:func "int top(int)"
            return {sum = top(10) + top(20)}
         end,
      }
      assert.equal(22 + 22 + 42, edges(cases.direct)["mid low"])
      assert.equal(1, #cases.direct.samples)
      assert.equal(0, cases.direct.samples[1].stub_bytes)
   end)

   it("is asked for when it runs, too, and not done without", function()
      local spec = {strategies = {"direct"}, call = CALL}
      assert.is_nil((run(spec)).direct.calls)
      assert.same(ALL, edges((run(spec, {runs = 1, warmup = 0, trace = true})).direct))
      spec.trace = true
      assert.is_nil((run(spec, {runs = 1, warmup = 0, trace = false})).direct.calls)
   end)

   it("says why others do not count", function()
      local cases = run {
         strategies = {"shared-batch", "direct-lazy", {
            name = "own", base = "shared-batch", uncounted = "because",
         }, {
            name = "bare", load = lab.strategy "direct".load, bind = lab.strategy "direct".bind,
            prepare = lab.strategy "direct".prepare,
         }, {
            name = "raises", base = "direct", calls = function() error "no calls today" end,
         }},
         call = CALL, trace = true,
      }
      assert.matches("no stubs that count", cases["shared-batch"].calls_not_counted)
      assert.matches("stubs that link", cases["direct-lazy"].calls_not_counted)
      assert.matches("no function 'calls'", cases.bare.calls_not_counted, 1, true)
      assert.equal("because", cases.own.calls_not_counted)
      assert.matches("the run that counts failed: .*no calls today", cases.raises.calls_not_counted)
      for _, case in pairs(cases) do
         assert.is_nil(case.calls)
         assert.equal(1, #case.samples)
      end
   end)

   it("takes nothing but calls of a strategy of one's own", function()
      for i, rubbish in ipairs {7, false, {{from = "a"}}, {from = "a", to = "b", calls = 1},
         {{from = "a", to = "b", calls = 0 / 0}}} do
         local cases, result = run {
            strategies = {{name = "own", base = "direct", calls = function() return rubbish end}},
            call = CALL, trace = true,
         }
         assert.matches("the run that counts failed: ", cases.own.calls_not_counted, 1, true)
         assert.is_nil(cases.own.calls, i)
         assert.is_true(lab.save(result, dir .. "/rubbish.json"))
      end
   end)

   it("counts what a strategy of one's own counts", function()
      local cases = run {
         strategies = {{
            name = "own", base = "direct",
            calls = function(_, run_of)
               assert(run_of.counting)
               return {{from = "a", to = "b", calls = 3}}
            end,
         }},
         call = CALL, trace = true,
      }
      assert.same({["a b"] = 3}, edges(cases.own))
   end)
end)

describe("reports of counted calls:", function()
   local _, result = run {
      strategies = {"direct", "archive", "shared-batch"}, call = CALL, trace = true,
   }

   it("a table for cases that have the same ones", function()
      local text = report.text(result)
      assert.matches("Calls between packages, three, 4 objects: direct, archive\n", text, 1, true)
      assert.matches("\n  from +to +calls +functions +most of all\n"
         .. "  mid +low +22 +2 +low 20, low2 2\n", text)
      assert.matches("\n  top +libc.so.6 +1 +1 +labs 1\n", text)
      assert.matches("Calls not counted, three, 4 objects: shared-batch: the system's", text, 1,
         true)
   end)

   it("the same on the page", function()
      local html = report.html(result)
      assert.matches("<h2>Calls between packages</h2>", html, 1, true)
      assert.matches('<td class="case nowrap">mid</td><td class="case nowrap">low</td>'
         .. '<td class="nowrap">22</td>', html, 1, true)
      assert.matches("not counted: the system", html, 1, true)
   end)

   it("a graph", function()
      assert.matches('"mid" -> "low" [label="22"', report.dot(result, "direct"), 1, true)
      assert.is_nil(report.dot(result, "shared-batch"))
   end)

   it("survive JSON, and are checked when they come back", function()
      local json = report.json(result)
      assert.equal(json, report.json(assert(report.parse(json))))
      for text, place in pairs {
         ['{"from":"a","to":"b","calls":1,"symbols":[{"calls":1}]}'] = "symbols[1].name",
         ['{"from":"a","to":"b","calls":1,"symbols":[{"name":"x","calls":-1}]}'] = "calls",
         ['{"from":"a","to":"b","calls":1,"symbols":7}'] = "symbols",
         ['{"from":"a","to":"b","calls":1,"functions":"many"}'] = "functions",
      } do
         local none, err = report.parse(
            ('{"metrics":[],"cases":[{"id":"a","calls":[%s]}]}'):format(text))
         assert.is_nil(none)
         assert.matches(place, err.message, 1, true)
      end
      assert.is_nil((report.parse
         '{"metrics":[],"cases":[{"id":"a","calls_not_counted":[]}]}'))
   end)

   it("what names hold stays text", function()
      local evil = assert(report.parse [[{"metrics":[],"cases":[{"id":"<i>","calls":[
         {"from":"<script>","to":"\u001b[2J","calls":1,"functions":9,
          "symbols":[{"name":"a<b>","calls":1}]}]}]}]])
      local html, text = report.html(evil), report.text(evil)
      assert.is_nil(html:find "<script>[^{]" )
      assert.is_nil(html:find("a<b>", 1, true))
      assert.is_nil(text:find("\27", 1, true))
      assert.matches("a<b> 1 and 8 more", text, 1, true)
   end)
end)

describe("moonlink lab", function()
   local program = support.moonlink()
   local script = support.write(dir .. "/calls.lua", ([[
      return require "moonlink.lab".experiment {
         name = "calls", strategies = {"direct", "shared-batch"}, call = {"int top(int)", 10},
         inputs = {{name = "three", cflags = "-O1 -fno-builtin", sources = {%q, %q, %q, %q}}},
         runs = 1, warmup = 0, timeout = 600,
      }
   ]]):format(PACKAGES[1].sources[1], PACKAGES[2].sources[1], PACKAGES[2].sources[2],
      PACKAGES[3].sources[1]))

   it("counts with --trace, and shows a graph", function()
      local out = support.sh("cd %s && %s lab run %s --trace -o calls.json", dir, program, script)
      assert.matches("\n  three +three +25 ", out)
      local graph = support.sh("cd %s && %s lab show calls.json --dot", dir, program)
      assert.matches('digraph "three/direct" {.*"three" %-> "three" %[label="25"', graph)
      local status, _, err = support.exit("cd %s && %s lab show calls.json --dot --only shared",
         dir, program)
      assert.equal(1, status)
      assert.matches("no calls were counted\n  hint: ", err)
   end)
end)
