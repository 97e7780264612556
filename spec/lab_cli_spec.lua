--- `moonlink lab`, as a shell sees it.
-- SPDX-License-Identifier: MIT

local meter = require "moonlink.lab.meter"
local runner = require "spec.support.runner"
local support = require "spec.support"

local dir = support.tmpdir()
local program = support.moonlink()
local run, output, fails = runner.new(dir, program .. " lab")

support.write(dir .. "/f.c", "int f(int x) { return x + 1; }\n")
support.write(dir .. "/two.lua", [[
   local lab = require "moonlink.lab"
   local runs = tonumber((...) or 2)
   return lab.experiment {
      name = "two ways", inputs = {{name = "f", sources = {"f.c"}}},
      strategies = {"direct", "archive"}, axes = {zone = {"near", "low"}},
      call = {"int f(int)", 4, expect = 5}, runs = runs, warmup = 0, timeout = 600,
   }
]])

describe("moonlink lab", function()
   it("lists strategies, axes and the cases of a script", function()
      local out = output "list"
      for _, word in ipairs {"direct", "shared%-each", "zone", "near, low"} do
         assert.matches(word, out)
      end
      assert.equal("two ways\n   f/direct/zone=near\n   f/direct/zone=low\n"
         .. "   f/archive/zone=near\n   f/archive/zone=low\n", output "list two.lua")
   end)

   it("shows names so that a terminal does nothing with them, also in progress", function()
      support.write(dir .. "/odd.lua", [[
         return require "moonlink.lab".experiment {
            name = "o\27[1md", inputs = {{name = "a\rb\nc", objects = {"f.c"}}},
            strategies = {"direct"},
         }
      ]])
      assert.equal("o<U+001B>[1md\n   a<U+000D>b<U+000A>c/direct\n", output "list odd.lua")
      local written = {}
      local show, finish = meter.new {
         now = os.clock, is_terminal = true, write = function(s) written[#written + 1] = s end,
      }
      show {done = 0, total = 3, id = "a\27[1m\n" .. ("x"):rep(500)}
      finish()
      assert.equal("\r\27[K", written[2])
      local line = written[1]:match "^\r\27%[K(0 of 3 runs: a<U%+001B>%[1m<U%+000A>x+.*)$"
      assert.is_true(utf8.len(line) < 80)
   end)

   it("runs a script, prints a table, saves the result", function()
      local out = output "run two.lua --set runs=3 --only direct"
      assert.matches("zone=low", out, 1, true)
      assert.is_nil(out:find("archive", 1, true))
      assert.matches("saved as two%-ways.json\n$", out)
      local shown = output "show two-ways.json"
      assert.equal(shown .. "saved as two-ways.json\n", out)
      local _, samples = output "show two-ways.json --csv":gsub(",load_ms,", "")
      assert.equal(2 * 3, samples) -- two cases, three runs
   end)

   it("names the script of an experiment that is wrong, not itself", function()
      support.write(dir .. "/wrong.lua",
         'return require "moonlink.lab".experiment { name = "x", inputs = 1, strategies = {} }')
      fails(1, "moonlink: wrong.lua: ", "run wrong.lua")
   end)

   it("gives a script its arguments", function()
      local out = output "run two.lua -o five.json --only direct/zone=near -- 5"
      assert.matches("saved as five.json", out, 1, true)
      assert.matches('"runs":5', output "show --json five.json", 1, true)
   end)

   it("compares two results and draws one", function()
      output "run two.lua -o a.json --only near"
      output "run two.lua -o b.json --only near"
      local all = output "compare --all a.json b.json"
      assert.matches("archive", all, 1, true)
      assert.is_nil(output "compare --all a.json b.json --only direct":find("archive", 1, true))
      local some, same = output "compare a.json b.json", 0 -- what is within the spread has no row
      for line in all:gmatch "[^\n]+" do
         same = same + (line:find "  within the spread" and 1 or 0)
      end
      assert.is_true(same > 0)
      assert.is_nil(some:find "  within the spread")
      assert.matches((" %d within the spread (`--all` shows them)"):format(same), some, 1, true)
      assert.is_nil(output "show a.json --only direct":find("archive", 1, true))
      fails(2, "--only nothing: no case of a.json matches", "show a.json --only nothing")
      output "html a.json -o a.html"
      assert.matches("</html>", support.read(dir .. "/a.html"), 1, true)
   end)

   it("shows no progress where there is no terminal", function()
      local _, _, err = run "run two.lua -o c.json --only direct"
      assert.equal("", err)
   end)

   describe("at Ctrl-C, which all processes in front get,", function()
      support.write(dir .. "/spin.c", "int spin(void) { for (;;); }\n")
      --- An experiment whose work is a text of Lua.
      local function interrupted(name, work)
         support.write(("%s/%s.lua"):format(dir, name), ([[
            local lab = require "moonlink.lab"
            local group = io.open "/proc/self/stat":read "a":match "%%) %%S %%d+ (%%d+)"
            local function count() -- runs so far, this one included
               local file <close> = io.open("%s.log", "a+")
               file:write "x"
               return file:seek "end"
            end
            local function signal(line) -- os.execute would have this process ignore it
               io.popen(line:format("kill -s INT -- -" .. group)):close()
            end
            return lab.experiment {
               name = "%s", inputs = {{name = "spin", sources = {"spin.c"}}},
               strategies = {"direct", "archive"}, runs = 3, warmup = 0, timeout = 600,
               work = function(loaded) %s end,
            }
         ]]):format(name, name, work))
         local status, out, err = support.exit("cd %s && TMPDIR=%s setsid -w env %s lab run %s.lua"
            .. "; exit $?", dir, dir, program, name) -- a shell that stays says Killed where we read
         assert.is_nil(io.open(("%s/%s.json.new"):format(dir, name)))
         return status, out, err, io.open(("%s/%s.json"):format(dir, name))
      end

      local function resumed(name, from)
         local lines = output("run %s.lua --resume %s", name, from)
         assert.matches("saved as " .. name .. ".json\n", lines, 1, true)
         local result = require "moonlink.lab".open(("%s/%s.json"):format(dir, name))
         assert.is_nil(result.interrupted)
         for _, case in ipairs(result.cases) do
            assert.equal(3, #case.samples)
         end
         assert.equal(3 + 4, #support.read(("%s/%s.log"):format(dir, name))) -- runs in all
         assert.is_nil(io.open(("%s/%s.json.part"):format(dir, name)))
         return result
      end

      it("saves what is finished, marked as interrupted, and goes on with it later", function()
         local status, out, err, file = interrupted("third",
            'if count() == 3 then signal "%s" while true do end end')
         assert.equal(130, status, err)
         assert.matches("`--resume third.json` goes on with it", err, 1, true)
         assert.matches("interrupted before all were done", out, 1, true)
         file:close()
         local result = require "moonlink.lab".open(dir .. "/third.json")
         assert.is_true(result.interrupted)
         for _, case in ipairs(result.cases) do
            assert.equal(1, #case.samples)
            assert.same({}, case.failures)
         end
         local after = resumed("third", "third.json")
         for i, case in ipairs(after.cases) do
            assert.same(result.cases[i].samples[1], case.samples[1])
         end
         fails(1, "is of experiment 'third', not 'two ways'", "run two.lua --resume third.json")
         fails(1, "no-such.json", "run two.lua --resume no-such.json")
      end)

      it("goes on with what a killed process has left", function()
         local status, _, _, file = interrupted("killed",
            'if count() == 3 then os.execute("kill -9 " .. group) while true do end end')
         assert.equal(137, status)
         assert.is_nil(file)
         assert.is_true(require "moonlink.lab".open(dir .. "/killed.json.part").interrupted)
         resumed("killed", "killed.json.part")
      end)

      it("saves nothing when nothing is finished", function()
         local status, out, err, file = interrupted("first", 'signal "%s" while true do end')
         assert.same({130, ""}, {status, out})
         assert.matches("nothing is saved", err, 1, true)
         assert.is_nil(file)
      end)

      it("ends at once when it comes a second time, whatever the run does", function()
         local status, _, _, file = interrupted("twice",
            'signal "(while %s; do sleep 0.1; done) >/dev/null 2>&1 &"'
            .. 'loaded:func "int spin(void)"()')
         assert.equal(130, status)
         assert.is_nil(file)
         local folders -- the one that it worked in goes when nothing of it runs any more
         for _ = 1, 3000 do -- minutes, for a machine that has much to do
            folders = support.stdout("ls -d %s/moonlink.* 2>/dev/null || true", dir)
            if folders == "" then
               break
            end
            support.sh "sleep 0.1"
         end
         assert.equal("", folders)
      end)
   end)

   it("says before it runs that it cannot write, and never takes the place of a device", function()
      local started = ("cd %s && rm -f started; "):format(dir)
      support.write(dir .. "/mark.lua", [[
         local lab = require "moonlink.lab"
         return lab.experiment {
            name = "mark", inputs = {{name = "f", sources = {"f.c"}}}, strategies = {"direct"},
            runs = 1, warmup = 0, timeout = 600,
            work = function() io.open("started", "w"):close() end,
         }
      ]])
      support.sh("%s", started)
      fails(1, "/no/such/folder/x.json: cannot write", "run mark.lua -o /no/such/folder/x.json")
      fails(1, "cannot write", "run mark.lua -o %s", dir)
      assert.is_nil(io.open(dir .. "/started"))
      support.sh("ln -s /dev/full %s/full", dir) -- whoever renames to that takes but the link
      local status, out, err = run "run mark.lua -o full"
      assert.equal(1, status)
      assert.matches("f, 1 object", out, 1, true) -- it is not lost
      assert.matches("full: cannot write: No space left", err, 1, true)
      output "run mark.lua -o mark.json"
      fails(1, "full: cannot write: No space left", "html mark.json -o full")
      support.sh("test -c %s/full", dir)
      fails(1, "larger than any result", "show /dev/zero")
      support.sh("cd %s && %s lab run mark.lua -o /dev/stdout >all.txt && test -h /dev/stdout",
         dir, program)
      assert.matches('"name":"mark"', support.read(dir .. "/all.txt"), 1, true)
   end)

   it("counts system calls when it is told to", function()
      local out = output "run two.lua -o calls.json --only direct/zone=near --system-calls"
      assert.matches("System calls of f, 1 object", out, 1, true)
   end)

   it("tells wrong usage from failure", function()
      fails(2, "unknown command 'foo'", "foo")
      fails(2, "a command is wanted", "")
      fails(2, "run takes one file", "run")
      fails(2, "--set takes runs=N", "run two.lua --set speed=3")
      fails(2, "a positive number", "run two.lua --set runs=0")
      fails(2, "--set takes runs=N", "run two.lua --set runs=abc")
      fails(2, "no case of experiment 'two ways' matches", "run two.lua --only nothing")
      fails(2, "--only [: malformed pattern", "run two.lua --only '['")
      fails(2, "unknown option '-x'", "show -x")
      fails(2, "html wants -o FILE", "html a.json")
      fails(1, "no-such.lua", "run no-such.lua")
      support.write(dir .. "/none.lua", "return {}")
      fails(1, "returns no experiment", "run none.lua")
      fails(1, "none.lua", "show none.lua")
   end)
end)
