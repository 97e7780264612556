--- Reports of results: JSON and CSV read back, tables, comparison, graphs, and the page's text.
-- What a browser draws of the page is looked at in lab_report_chromium_spec.lua.

local dkjson = require "dkjson"
local random = require "spec.support.random"
local report = require "moonlink.lab.report"
local results = require "spec.support.results"
local support = require "spec.support"

local makers = {"mixed", "growing", "hostile"}

--- RFC 4180, read by a parser of the spec's own.
local function parse_csv(text)
   local rows, row, at = {}, {}, 1
   while at <= #text do
      local cell, stop
      if text:sub(at, at) == '"' then
         local parts = {}
         at = at + 1
         while true do
            local plain, quote = text:match('^([^"]*)"()', at)
            parts[#parts + 1], at = plain, quote
            if text:sub(at, at) ~= '"' then
               break
            end
            parts[#parts + 1], at = '"', at + 1
         end
         cell = table.concat(parts)
      else
         cell, at = text:match('^([^,\n"]*)()', at)
      end
      row[#row + 1] = cell
      stop, at = text:sub(at, at), at + 1
      if stop == "\n" then
         rows[#rows + 1], row = row, {}
      else
         assert.are.equal(",", stop)
      end
   end
   return rows
end

local function rows_by_name(text)
   local rows = parse_csv(text)
   local head, out = rows[1], {}
   for i = 2, #rows do
      assert.are.equal(#head, #rows[i])
      out[i - 1] = {}
      for k, name in ipairs(head) do
         out[i - 1][name] = rows[i][k]
      end
   end
   return out
end

describe("a result as JSON", function()
   it("comes back as it was, and again as the same bytes", function()
      for _, name in ipairs {"mixed", "growing"} do
         local bytes = report.json(results[name]())
         local back = assert(report.parse(bytes))
         assert.are.equal(bytes, report.json(back))
         local expected = results[name]()
         assert.are.same(expected.metrics, back.metrics)
         for i, case in ipairs(expected.cases) do
            for key, value in pairs(case) do
               if key ~= "refused" then
                  assert.are.same(value, back.cases[i][key])
               end
            end
            assert.are.equal(case.refused and case.refused.report,
               back.cases[i].refused and back.cases[i].refused.report)
         end
      end
   end)

   it("is what another reader of JSON reads, with empty lists as arrays", function()
      local bytes = report.json(results.mixed())
      local back = assert(dkjson.decode(bytes))
      assert.are.equal("zlib and sqlite3", back.name)
      assert.are.equal(1.2, back.cases[1].samples[1].load_ms)
      assert.are.equal("array", getmetatable(back.cases[4].samples).__jsontype)
      assert.are.equal("object", getmetatable(back.cases[4].axes).__jsontype)
   end)

   it("is saved and loaded; the file is whole or as it was", function()
      local folder = support.tmpdir()
      local path = folder .. "/r.json"
      assert.is_true(report.save(results.mixed(), path))
      assert.are.equal(report.json(results.mixed()), report.json(assert(report.load(path))))
      local _, err = report.save(results.mixed(), folder .. "/none/r.json")
      assert.are.equal("io", err.code)
      assert.is_truthy(err.message:find("none/r.json", 1, true))
      _, err = report.save(results.mixed(), folder)
      assert.are.equal("io", err.code)
      local pipe <close> = io.popen("ls " .. folder .. " " .. folder .. "/..")
      assert.is_nil(pipe:read("a"):find("%.new"))
   end)

   it("that cannot be read says why, and where", function()
      local folder = support.tmpdir()
      local _, err = report.load(folder .. "/missing.json")
      assert.are.equal("io", err.code)
      _, err = report.load(folder)
      assert.are.equal("io", err.code)
      _, err = report.load(support.write(folder .. "/bad.json", '{"name":"x",\n'))
      assert.are.equal("format", err.code)
      assert.is_truthy(err.message:find("bad.json", 1, true))
      assert.is_truthy(err.message:find("line 2", 1, true))
   end)

   local wrong = {
      {"[]", "no metrics"}, {"null", "holds no table"}, {"3", "holds no table"},
      {'{"metrics":[],"cases":{"a":1}}', "result.cases: an array"},
      {'{"metrics":[{"key":1}],"cases":[]}', "result.metrics[1].key"},
      {'{"metrics":[{"key":"a","better":"x"}],"cases":[]}', "metrics[1].better"},
      {'{"metrics":[],"cases":[{}]}', "result.cases[1].id"},
      {'{"metrics":[],"cases":[{"id":"a","size":"3"}]}', "cases[1].size"},
      {'{"metrics":[],"cases":[{"id":"a","axes":{"x":{}}}]}', "cases[1].axes"},
      {'{"metrics":[],"cases":[{"id":"a","refused":true}]}', "cases[1].refused"},
      {'{"metrics":[],"cases":[{"id":"a","samples":[1]}]}', "cases[1].samples[1]"},
      {'{"metrics":[],"cases":[{"id":"a","samples":[{"stages":{"b":"c"}}]}]}', "stages.b"},
      {'{"metrics":[],"cases":[{"id":"a","failures":[{"run":"x"}]}]}', "failures[1].run"},
      {'{"metrics":[],"cases":[{"id":"a","calls":[{"to":"x"}]}]}', "calls[1].from"},
      {'{"metrics":[],"cases":[],"stages":[1]}', "result.stages"},
      {'{"format":"another","metrics":[],"cases":[]}', 'its format is "another"'},
      {'{"metrics":[],"cases":[],"runs":"many"}', "result.runs"},
      {'{"metrics":[],"cases":[],"runs":1e400}', "result.runs"},
      {'{"metrics":[],"cases":[{"id":"a","size":1e300}]}', "cases[1].size"},
      {'{"metrics":[],"cases":[{"id":"a","failures":[{"run":1e30}]}]}', "failures[1].run"},
   }
   for _, pair in ipairs(wrong) do
      it("is no result: " .. pair[1], function()
         local result, err = report.parse(pair[1])
         assert.is_nil(result)
         assert.are.equal("format", err.code)
         assert.is_truthy(err.message:find(pair[2], 1, true), err.message)
      end)
   end

   it("of little is a result, of which all reports can be made", function()
      for _, text in ipairs {
         '{"metrics":[],"cases":[]}', '{"metrics":[{"key":"a"}],"cases":[{"id":"b"}]}',
         '{"metrics":[{"key":"a"}],"cases":[{"id":"b","samples":[{"a":0},{"a":1e400},{}]}]}',
         '{"metrics":[{"key":"a"}],"cases":[{"id":"b","size":0,"samples":[{"a":-3}]}]}',
         '{"metrics":[{"key":"a","unit":"ms"}],"cases":[{"id":"b","samples":[{"a":1e-320}]}]}',
         '{"metrics":[{"key":"a"}],"cases":[{"id":"b","samples":[{"a":1e308},{"a":1e308}]}]}',
         '{"metrics":[{"key":"a"}],"cases":[{"id":"b","samples":[{"a":1,"stages":{"x":-1}}]}]}',
         '{"metrics":[{"key":"a"}],"cases":[{"id":"b","size":1,"samples":[{"a":0}]},'
            .. '{"id":"b","size":2,"samples":[{"a":0}]}]}',
         '{"metrics":[{"key":"a"}],"cases":[{"id":"b","size":1,"samples":[{"a":2}]},'
            .. '{"id":"b","size":1000,"samples":[{"a":1e200}]}]}',
      } do
         local r = assert(report.parse(text))
         assert.is_string(report.text(r))
         assert.is_string(report.csv(r))
         assert.is_string(report.summary_csv(r))
         local page = report.html(r)
         assert.is_true(not page:find("nan", 1, true), text)
         assert.is_true(not page:find "[^%a]inf[^%a]", text)
         assert.is_string(report.compare_text(report.compare(r, r)))
      end
   end)
end)

describe("a result as CSV", function()
   it("has each raw number once", function()
      local r = results.mixed()
      local found, stages, refused, failed = {}, 0, 0, 0
      for _, row in ipairs(rows_by_name(report.csv(r))) do
         local key = ("%s %s %s %s"):format(row.input, row.case, row.run, row.metric)
         if row.status == "ok" then
            assert.is_nil(found[key])
            found[key] = tonumber(row.value)
         end
         stages = stages + (row.metric:find "^stage:" and 1 or 0)
         refused = refused + (row.status == "refused" and 1 or 0)
         failed = failed + ((row.status == "crash" or row.status == "timeout") and 1 or 0)
      end
      assert.are.same({2, 4}, {refused, failed})
      assert.are.equal(2 * 7 * (10 + 10 + 2), stages)
      for _, case in ipairs(r.cases) do
         for run, sample in ipairs(case.samples) do
            for _, metric in ipairs(r.metrics) do
               local key = ("%s %s %d %s"):format(case.input, case.id, run, metric.key)
               assert.are.equal(sample[metric.key], found[key], key)
            end
         end
      end
   end)

   it("keeps any name", function()
      local r = results.hostile()
      local rows = rows_by_name(report.csv(r))
      local seen = {}
      for _, row in ipairs(rows) do
         seen[row.case] = row.strategy
         assert.are.equal(r.name, row.experiment)
      end
      for _, name in ipairs(results.HOSTILE) do
         assert.are.equal(name, seen[name])
      end
   end)

   it("has summaries, too", function()
      local rows = rows_by_name(report.summary_csv(results.mixed()))
      assert.are.equal(2 * 3 * 4, #rows)
      assert.are.same({"zlib", "14", "direct/pic", "load_ms", "ms", "7"}, {
         rows[1].input, rows[1].size, rows[1].case, rows[1].metric, rows[1].unit, rows[1].n,
      })
      assert.are.equal(1.2, tonumber(rows[1].median))
   end)
end)

describe("a result on a terminal", function()
   local function without_styles(text)
      return (text:gsub("\27%[%d*m", ""))
   end

   it("has medians with units, best ones in green, reasons below", function()
      local text = report.text(results.mixed(), {color = true})
      assert.is_truthy(text:find("\27%[32m1%.20 %(%d%.%d%d–%d%.%d%d%)\27%[0m"))
      assert.is_truthy(text:find("time to load, ms", 1, true))
      assert.is_truthy(text:find("million calls/s", 1, true))
      assert.is_truthy(text:find("peak memory, MB", 1, true))
      assert.is_truthy(text:find("refused: a.o is not position-independent", 1, true))
      assert.is_truthy(text:find("1 of 8 runs failed: crash", 1, true))
      assert.is_truthy(text:find("\n  compile a.c with -fPIC\n", 1, true))
   end)

   it("has each reason once, and of a long list how it begins", function()
      local r, lines = results.mixed(), {}
      for i = 1, 40 do
         lines[i] = ("finding %d"):format(i)
      end
      for _, case in ipairs(r.cases) do
         if case.input == r.cases[1].input then
            case.refused = {why = "no", report = table.concat(lines, "\n") .. "\n\nlast words\n"}
         end
      end
      local text = report.text(r)
      local _, times = text:gsub("finding 1\n", "")
      assert.are.equal(1, times)
      assert.is_truthy(text:find("finding 12\n  ... and 28 more", 1, true))
      assert.is_nil(text:find("finding 13", 1, true))
      assert.is_truthy(text:find("\n  last words\n", 1, true))
      assert.is_truthy(report.html(r):find("finding 40", 1, true))
   end)

   it("is the same without colours, but for them", function()
      for _, name in ipairs(makers) do
         local r = results[name]()
         assert.is_true(report.text(r) == without_styles(report.text(r, {color = true})), name)
      end
   end)

   it("fits into a width as long as one column does", function()
      for _, width in ipairs {40, 50, 60, 200} do
         local tables = 0
         for line in report.text(results.growing(), {width = width}):gmatch "  [^\n]+" do
            assert.is_true(utf8.len(line) <= width, line)
            tables = tables + (line:find "^  case " and 1 or 0)
         end
         assert.are.equal(width == 200, tables == 4)
      end
   end)

   it("lets no name out of a file reach the terminal as it is", function()
      local text = report.text(results.hostile())
      assert.is_true(not text:find "[%z\1-\9\11-\31\127]")
      assert.is_true(not text:find("\u{202E}", 1, true))
      assert.is_number(utf8.len(text))
   end)

   it("has colours when a terminal wants them, and never with NO_COLOR", function()
      local environment = {}
      local function getenv(name)
         return environment[name]
      end
      assert.is_true(report.wants_color("auto", true, getenv))
      assert.is_true(report.wants_color(nil, true, getenv))
      assert.is_false(report.wants_color("auto", false, getenv))
      assert.is_false(report.wants_color("never", true, getenv))
      environment.NO_COLOR = ""
      assert.is_true(report.wants_color("auto", true, getenv))
      environment.NO_COLOR = "1"
      assert.is_false(report.wants_color("auto", true, getenv))
      assert.is_true(report.wants_color("always", false, getenv))
      environment = {TERM = "dumb"}
      assert.is_false(report.wants_color("auto", true, getenv))
   end)
end)

describe("a call graph", function()
   it("adds up calls between packages", function()
      local r = results.mixed()
      r.cases[1].calls = {
         {from = "app", to = "zlib", calls = 10}, {from = "app", to = "base", calls = 1000},
         {from = "app", to = "zlib", calls = 5},
      }
      r.cases[2].calls = {{from = "zlib", to = "base", calls = 1}}
      local all = report.dot(r)
      assert.is_truthy(all:find('\n   "app" %-> "zlib" %[label="15", penwidth='))
      assert.is_truthy(all:find('\n   "app" -> "base" [label="1000", penwidth=5.00]\n', 1, true))
      assert.is_truthy(all:find('"zlib" -> "base" [label="1", penwidth=1.00]', 1, true))
      assert.is_nil(report.dot(r, "direct/pic"):find('"zlib" -> "base"', 1, true))
      assert.is_nil(report.dot(results.growing()))
   end)

   it("quotes any name", function()
      for line in report.dot(results.hostile()):gmatch "[^\n]+" do
         local rest = line:gsub('\\.', ""):gsub('"[^"]*"', "S")
         assert.is_truthy(rest == "digraph S {" or rest == "}" or rest == "   S"
            or rest == "   rankdir=LR" or rest == "   node [shape=box]"
            or rest:find "^   S %-> S %[label=S, penwidth=%d%.%d%d%]$", line)
      end
   end)
end)

describe("two results compared", function()
   local function uniform(seed)
      local below = random.new(seed)
      return function() return below(1 << 31) / ((1 << 31) + 1) end
   end

   --- Many cases of one metric with drawn times; those of `scale` are so many times as long.
   local function drawn(next_number, cases, runs, scale)
      local r = {
         metrics = {{key = "ms", title = "time", unit = "ms", better = "less"}}, cases = {},
         name = "drawn", machine = {cpu = "x"}, runs = runs, warmup = 0,
      }
      for i = 1, cases do
         local list = {}
         for k = 1, runs do
            list[k] = {ms = 10 * (scale or 1) * (1 - 0.1 * math.log(1 - next_number()))}
         end
         r.cases[i] = {id = "case " .. i, strategy = "s", input = "i", samples = list}
      end
      return r
   end

   local function count(comparison)
      local counts = {better = 0, worse = 0, same = 0, few = 0}
      for _, change in ipairs(comparison.changes) do
         counts[change.verdict] = counts[change.verdict] + 1
      end
      return counts
   end

   it("sees no change where there is none, nineteen times out of twenty", function()
      for _, runs in ipairs {4, 7, 20} do
         local next_number = uniform(runs)
         local c = report.compare(drawn(next_number, 60, runs), drawn(next_number, 60, runs))
         -- three standard deviations of the count above 5 %
         assert.is_true(count(c).same >= 60 * (0.95 - 3 * math.sqrt(0.05 * 0.95 / 60)), runs)
      end
   end)

   it("sees a change that is beyond the spread, and its direction", function()
      local next_number = uniform(3)
      local before, after = drawn(next_number, 20, 7), drawn(next_number, 20, 7, 2)
      local c = report.compare(before, after)
      assert.are.equal(20, count(c).worse)
      assert.are.equal(20, count(report.compare(after, before)).better)
      for _, change in ipairs(c.changes) do
         assert.is_true(change.beyond)
         assert.is_true(change.ratio.low <= change.ratio.median, change.id)
         assert.is_true(math.abs(change.ratio.median - 2) < 0.4, change.id)
      end
      before.metrics[1].better = "more"
      assert.are.equal(20, count(report.compare(before, after)).better)
      assert.is_truthy(report.compare_text(c):find("20 worse", 1, true))
   end)

   it("does not judge by three runs", function()
      local next_number = uniform(4)
      local c = report.compare(drawn(next_number, 5, 3), drawn(next_number, 5, 3, 2))
      assert.are.equal(5, count(c).few)
      assert.is_truthy(report.compare_text(c):find("too few runs to say", 1, true))
   end)

   it("names cases that are only in one, refused or failed, and another machine", function()
      local before, after = results.mixed(), results.mixed()
      after.machine.cpu = "Another"
      table.remove(after.cases, 1)
      after.cases[1].samples = {}
      after.cases[1].failures = {{run = 1, kind = "crash", text = "SIGSEGV\nmore"}}
      local text = report.compare_text(report.compare(before, after))
      assert.is_truthy(text:find("zlib (14)  direct/pic: measured, now absent", 1, true))
      assert.is_truthy(text:find("direct/non-pic: measured, now crash: SIGSEGV\n", 1, true))
      assert.is_truthy(text:find("Not the same machine", 1, true))
      assert.is_nil(text:find("a.o is not", 1, true))
   end)

   it("with itself is the same all over", function()
      for _, name in ipairs(makers) do
         local c = report.compare(results[name](), results[name]())
         assert.are.equal(0, #c.states)
         assert.are.equal(#c.changes, count(c).same)
      end
   end)
end)

describe("a page of HTML", function()
   local VOID = {meta = true, link = true, br = true}

   --- Every element is closed in its turn. What quotes or texts hold is out of the way first.
   local function check_balance(page)
      local stack = {}
      local text = page:gsub("<style>.-</style>", ""):gsub("<script.-</script>", "")
      for close, name, rest in text:gmatch "<(/?)([%a!][%w%-]*)([^<>]*)>" do
         local empty = rest:sub(-1) == "/"
         if close == "/" then
            assert.are.equal(stack[#stack], name)
            stack[#stack] = nil
         elseif not empty and name:sub(1, 1) ~= "!" and not VOID[name] then
            stack[#stack + 1] = name
         end
      end
      assert.are.equal(0, #stack)
      local outside = text:gsub("<[^<>]*>", "")
      assert.is_nil(outside:find "[<>]")
   end

   it("is well-formed, also with names that would do something", function()
      for _, name in ipairs(makers) do
         check_balance(report.html(results[name]()))
      end
   end)

   it("needs nothing beside itself, and runs nothing", function()
      for _, name in ipairs(makers) do
         local page = report.html(results[name]())
         for address in page:gmatch "https?://[^\"' ]*" do
            assert.are.equal("http://www.w3.org/2000/svg", address)
         end
         for open in page:gmatch "<script[^>]*>" do
            assert.are.equal('<script type="application/json" id="result">', open)
         end
         local markup = page:gsub("<script.-</script>", ""):gsub("<style>.-</style>", "")
         for tag in markup:gmatch "<[^>]*>" do
            assert.is_nil(tag:gsub('"[^"]*"', ""):find "%son%a+%s*=", tag)
            assert.is_nil(tag:find "^<img", tag)
         end
         assert.is_nil(page:find("@import", 1, true))
         assert.is_nil(page:find("url(", 1, true))
      end
   end)

   it("holds the result", function()
      for _, name in ipairs(makers) do
         local json = report.html(results[name]()):match '<script [^>]*id="result">(.-)</script>'
         local expected = assert(report.parse(report.json(results[name]())))
         assert.is_true(report.json(expected) == report.json(assert(report.parse(json))), name)
      end
   end)

   it("says what axes measure, in which unit, and which way is better", function()
      local page = report.html(results.mixed())
      for _, title in ipairs {
         "time to load, ms (less is better)", "time to first call, µs (less is better)",
         "calls per second, million calls/s (more is better)", "peak memory, MB (less is better)",
         "time from the start, ms",
      } do
         assert.is_truthy(page:find(title, 1, true), title)
      end
      page = report.html(results.growing())
      assert.is_truthy(page:find("objects in the input; logarithmic", 1, true))
   end)

   it("draws curves through sizes of one family only", function()
      local function curves(r)
         return select(2, report.html(r):gsub('<svg [^>]*class="wide growth"', ""))
      end
      assert.are.equal(0, curves(results.mixed()))
      assert.are.equal(3, curves(results.growing()))
      local r = results.growing()
      for _, case in ipairs(r.cases) do
         case.input = "modules"
      end
      assert.are.equal(3, curves(r))
   end)
end)
