--- What the command line prints: JSON, tables, numbers, the progress line.
-- SPDX-License-Identifier: MIT

local dkjson = require "dkjson"
local json = require "moonlink.show.json"
local moonlink = require "moonlink"
local number = require "moonlink.show.number"
local progress = require "moonlink.show.progress"
local show_table = require "moonlink.show.table"
local support = require "spec.support"

local dir = support.tmpdir()

describe("the progress line", function()
   local function line(terminal)
      local time, text, asked = 0, {}, 0
      local report, finish = progress.new {
         now = function() return time end,
         terminal = function() asked = asked + 1 return terminal end,
         write = function(part) text[#text + 1] = part end,
      }
      return {
         at = function(seconds, ...) time = seconds report(...) end, finish = finish, text = text,
         asked = function() return asked end,
      }
   end

   it("appears after half a second, and goes away", function()
      local l = line(true)
      l.at(0.4, "add", 1, 10)
      assert.same({{}, 0}, {l.text, l.asked()})
      l.at(0.6, "add", 2, 10)
      assert.equal("\r\27[Kmoonlink: reading 2 of 10, 0.6 s", l.text[1])
      l.at(0.65, "add", 3, 10) -- not so often
      assert.equal(1, #l.text)
      l.at(0.9, "link")
      assert.equal("\r\27[Kmoonlink: linking, 0.9 s", l.text[2])
      l.finish()
      assert.equal("\r\27[K", l.text[3])
      assert.equal(1, l.asked())
   end)

   it("is never written where there is no terminal", function()
      local l = line(false)
      l.at(0.6, "add", 2, 10)
      l.at(0.9, "link")
      l.finish()
      assert.same({}, l.text)
   end)

   it("hears of each input and each step of a load", function()
      local steps = {}
      local ln <close> = moonlink.new {
         progress = function(...) steps[#steps + 1] = table.concat({...}, " ") end,
      }
      local one = support.cc(dir .. "/one.o", "int one;")
      local two = support.cc(dir .. "/two.o", "int two;")
      assert(ln:check {one, two})
      local text = table.concat(steps, ", ")
      assert.truthy(text:find("add 1 2, add 2 2", 1, true), text)
      assert.equal("link", steps[#steps])
   end)
end)

describe("JSON", function()
   it("is read back by another reader as it was", function()
      local data = {
         list = {1, 2.5, "x", true, {}}, empty = json.list {}, text = "a\"\\\n\t\1\127é",
         big = math.maxinteger, small = math.mininteger, tenth = 0.1, whole = 3.0,
      }
      local text = json.encode(data)
      assert.falsy(text:find "\n")
      local back = assert(dkjson.decode(text))
      data.list[5], data.empty = {}, {}
      for key, value in pairs(data) do
         assert.same(value, back[key], key)
      end
      assert.truthy(text:find('"empty":[]', 1, true))
   end)

   it("writes unsigned numbers, and what is no number as null", function()
      assert.equal("18446744073709551615", json.encode(json.unsigned(-1)))
      assert.equal("9223372036854775808", json.encode(json.unsigned(math.mininteger)))
      assert.equal("7", json.encode(json.unsigned(7)))
      assert.equal("[null,null]", json.encode {0 / 0, math.huge})
   end)

   it("stays UTF-8 whatever bytes a name has", function()
      assert.equal('"\\u00ffx"', json.encode "\255x")
      assert.equal('"é"', json.encode "é")
   end)
end)

describe("a table", function()
   it("has its cells below each other, numbers at the right", function()
      assert.equal("  name   size  rest\n  one       1  x\n  three  1000\n  é        20  z",
         show_table.text({{title = "name"}, {title = "size", right = true}, {title = "rest"}},
            {{"one", 1, "x"}, {"three", 1000}, {"é", 20, "z"}}, "  "))
   end)
end)

describe("a number", function()
   it("is written in the fewest digits that give it back", function()
      for _, x in ipairs {0.1, 1 / 3, 1e300, 5e-324, -0.0, 2 ^ 53 + 1, math.pi} do
         assert.equal(x, tonumber(number.double(x)))
      end
      assert.equal("0.1", number.double(0.1))
      assert.equal("0.1", number.float(string.unpack("f", string.pack("f", 0.1))))
      assert.equal("16777216", number.float(16777216.0))
      assert.equal("inf", number.float(math.huge))
   end)

   it("may be unsigned", function()
      assert.equal("18446744073709551615", number.unsigned(-1))
      assert.equal("0x0", number.hex(0))
      assert.equal("0xffffffffffffffff", number.hex(-1))
   end)
end)
