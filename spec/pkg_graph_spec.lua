--- Versions, names and the graph of packages.
-- SPDX-License-Identifier: MIT

local graph = require "moonlink.pkg.graph"
local ids = require "moonlink.pkg.ids"
local random = require "spec.support.random"
local version = require "moonlink.pkg.version"

--- Packages of a text: "a: b c" is a package a that depends on b and c.
local function world(text)
   local packages = {}
   for id, depends in text:gmatch "(%w+):([^\n]*)" do
      local p = {name = id, id = id, depends = {}}
      for each in depends:gmatch "%w+" do
         p.depends[#p.depends + 1] = each
      end
      packages[#packages + 1] = p
   end
   return packages
end

local function names(list)
   local words = {}
   for i, p in ipairs(list or {"?"}) do
      words[i] = ids.unit(p)
   end
   return table.concat(words, " ")
end

describe("versions", function()
   it("are compared number by number", function()
      local sorted = {"", "0", "0.9", "0.10", "0.10.0", "1", "1.0", "1.0.0", "2", "10",
         ("9"):rep(18), ("9"):rep(19), "1" .. ("0"):rep(300), "2" .. ("0"):rep(300)}
      for i, a in ipairs(sorted) do
         for j, b in ipairs(sorted) do
            local want = i < j and -1 or i > j and 1 or 0
            assert.equal(want, version.compare(a, b), ("%q ? %q"):format(a, b))
            assert.equal(i < j, version.less(a, b))
         end
      end
   end)

   it("are parsed into numbers", function()
      assert.same({1, 2, 30}, version.parse "1.2.30")
      assert.same({0}, version.parse "0")
      assert.same({1, "12345678901234567890"}, version.parse "1.12345678901234567890")
      for _, text in ipairs {"", ".", "1.", ".1", "1..2", "01", "1.00", "1a", "a", "1.2-3", " 1"} do
         assert.is_nil(version.parse(text), text)
      end
   end)
end)

describe("package ids", function()
   it("come apart into name and version", function()
      local function apart(text)
         return {ids.parse(text)}
      end
      assert.same({"foo", "1.2"}, apart "foo-1.2")
      assert.same({"foo", ""}, apart "foo")
      assert.same({"foo-bar2", "0"}, apart "foo-bar2-0")
      assert.same({"3d-graphics", "1"}, apart "3d-graphics-1")
      assert.same({"grün", "1"}, apart "grün-1")
      for _, text in ipairs {"", "-", "foo-", "-1", "1.2", "foo-1-2", "foo-01", "foo_bar-1",
         "a b-1","../x-1", "foo-1.", "foo--1"} do
         assert.same({}, apart(text), text)
      end
   end)

   it("match a package by name or by name and version", function()
      local p = {name = "foo-bar", version = "1.2", id = "foo-bar-1.2-hash"}
      assert.is_true(ids.matches("foo-bar", p))
      assert.is_true(ids.matches("foo-bar-1.2", p))
      for _, text in ipairs {"foo", "foo-bar-1", "foo-bar-1.2-hash", "foo-bar-", "bar"} do
         assert.is_false(ids.matches(text, p), text)
      end
      assert.is_true(ids.matches("x", {name = "x"}))
      assert.equal("x", ids.unit {name = "x", id = ""})
      assert.equal("x-2", ids.unit {name = "x", version = "2"})
   end)
end)

describe("the order of packages", function()
   it("has each package behind what it depends on, and is stable", function()
      local order, cycles = graph.order(world "d: c b\nc: a\nb: a\na:\ne: d\nf:")
      assert.equal("a c b d e f", names(order))
      assert.same({}, cycles)
      assert.equal("f a b c", names((graph.order(world "f:\na:\nb: a missing\nc:"))))
   end)

   it("names the members of each cycle and a way around it", function()
      local order, cycles = graph.order(world "x: c\na: b\nb: c d\nc: a\nd: b\ns: s\nz: s")
      assert.equal("a b c d x s z", names(order))
      assert.equal(2, #cycles)
      assert.equal("a b c d", names(cycles[1]))
      assert.equal("a b c a", names(cycles[1].path))
      assert.equal("s", names(cycles[2]))
      assert.equal("s s", names(cycles[2].path))
   end)

   it("keeps the members of a cycle in one group", function()
      local groups = {}
      for i, group in ipairs(graph.groups(world "x: c\na: b\nb: c d\nc: a\nd: b\ns: s")) do
         groups[i] = names(group)
      end
      assert.same({"a b c d", "x", "s"}, groups)
   end)

   it("takes the first of two packages with one id", function()
      local packages = world "a: b\nb:\na: a"
      local order, cycles = graph.order(packages)
      assert.equal("b a a", names(order))
      assert.equal(packages[1], order[2])
      assert.same({}, cycles)
   end)

   it("needs no stack for 20,000 packages one below the other", function()
      local packages = {}
      for i = 1, 20000 do
         packages[i] = {name = "p" .. i, id = "p" .. i, depends = {"p" .. i + 1}}
      end
      local order, cycles = graph.order(packages)
      assert.equal(packages[20000], order[1])
      assert.equal(packages[1], order[20000])
      assert.same({}, cycles)
      packages[20000].depends = {"p1"}
      order, cycles = graph.order(packages)
      assert.equal(20000, #order)
      assert.equal(1, #cycles)
      assert.equal(20001, #cycles[1].path)
      assert.equal(20000, #graph.closure(packages, {"p7"}))
      assert.equal(20000, #graph.why(packages, "p2", "p1"))
      assert.equal(20000, #graph.dependants(packages, {"p9"}))
      assert.is_true(graph.broken(packages)[packages[17]])
   end)

   it("is a topological order of any graph without cycles", function()
      local below = random.new(12345)
      for _ = 1, 50 do
         local packages, n = {}, below(40)
         for i = 1, n do
            packages[i] = {name = "p", id = "p" .. i, depends = {}}
            for d = 1, i > 1 and below(4) - 1 or 0 do
               packages[i].depends[d] = "p" .. below(i - 1)
            end
         end
         for i = n, 2, -1 do
            local j = below(i)
            packages[i], packages[j] = packages[j], packages[i]
         end
         local order, cycles = graph.order(packages)
         local seen = {}
         for _, p in ipairs(order) do
            for _, id in ipairs(p.depends) do
               assert.is_true(seen[id])
            end
            assert.is_nil(seen[p.id])
            seen[p.id] = true
         end
         assert.equal(n, #order)
         assert.same({}, cycles)
         assert.same({}, graph.broken(packages))
      end
   end)
end)

describe("questions to the graph", function()
   it("say who depends on a package", function()
      local packages = world "a:\nb: a a\nc: b\nd: a gone\ne:"
      local reverse = graph.reverse(packages)
      assert.equal("b d", names(reverse.a))
      assert.equal("d", names(reverse.gone))
      assert.is_nil(reverse.e)
      assert.equal("b c d", names(graph.dependants(packages, {"a"})))
      assert.equal("c", names(graph.dependants(packages, {"b"})))
      assert.equal("d", names(graph.dependants(packages, {"gone", "e"})))
      assert.equal("p q", names(graph.dependants(world "p: q\nq: p", {"p"})))
   end)

   it("say which packages are broken", function()
      local function broken(text, lookup)
         local packages, list = world(text), {}
         local set = graph.broken(packages, lookup)
         for _, p in ipairs(packages) do
            list[#list + 1] = set[p]
         end
         local words = {}
         for _, p in ipairs(packages) do
            words[#words + 1] = set[p] and p.id or nil
         end
         assert.equal(#words, #list)
         return table.concat(words, " ")
      end
      assert.equal("", broken "a:\nb: a\nc: b a a")
      assert.equal("b c", broken "a:\nb: gone\nc: b")
      assert.equal("", broken("a:\nb: low\nc: b", function(id)
         return id == "low"
      end))
      assert.equal("a b c s", broken "a: b\nb: a\nc: a\nd:\ns: s")
      assert.equal("", broken "a:\na:\nb: a")
   end)

   it("close a set of units over their dependencies", function()
      local packages = world "d: c b\nc: a\nb: a gone\na:\nz:\nx: y\ny: x"
      local order, missing = graph.closure(packages, {"d", "nowhere", "a"})
      assert.equal("a c b d", names(order))
      assert.same({{id = "gone", by = "b"}, {id = "nowhere"}}, missing)
      assert.equal("y x", names((graph.closure(packages, {"x"}))))
   end)

   it("say by a shortest chain why one package depends on another", function()
      local packages = world "app: web log\nweb: http\nhttp: net\nlog: net\nnet: web\nlone:"
      assert.equal("app log net", names(graph.why(packages, "app", "net")))
      assert.equal("web http net web", names(graph.why(packages, "web", "web")))
      assert.is_nil(graph.why(packages, "net", "lone"))
      assert.is_nil(graph.why(packages, "lone", "lone"))
      assert.is_nil(graph.why(packages, "nowhere", "net"))
      assert.is_nil(graph.why(packages, "app", "nowhere"))
      assert.equal("http net", names(graph.why(packages, {"app", "http"}, {"net", "lone"})))
   end)
end)
