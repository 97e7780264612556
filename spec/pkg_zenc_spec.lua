--- Z-encoding and the symbols that GHC makes with it.
-- SPDX-License-Identifier: MIT

local random = require "spec.support.random"
local zenc = require "moonlink.pkg.zenc"

local encode, decode = zenc.encode, zenc.decode

--- Texts out of pieces that matter to the encoding, the same ones on every run.
local function texts(count, pieces)
   local below, list = random.new(4711), {}
   for i = 1, count do
      local parts = {}
      for k = 1, below(9) - 1 do
         parts[k] = random.pick(below, pieces)
      end
      list[i] = table.concat(parts)
   end
   return list
end

local PIECES = {"(", ")", ",", "#", " ", "()", "(,)", "(#,#)", "(# #)", "(##)", "z", "Z", "zz",
   "a", "Q", "7", "0", "U", "T", "H", "1T", "_", ".", "$", "ä", "€", "𝔸", "~", "\0", "\127", "[",
   "]", "'", "\\", "(,,,,,,,)", "x4bU"}

describe("Z-encoding", function()
   it("leaves letters and digits and writes what operators are made of with two letters", function()
      local want = {
         ["("] = "ZL", [")"] = "ZR", ["["] = "ZM", ["]"] = "ZN", [":"] = "ZC", ["Z"] = "ZZ",
         ["z"] = "zz", ["&"] = "za", ["|"] = "zb", ["^"] = "zc", ["$"] = "zd", ["="] = "ze",
         [">"] = "zg", ["#"] = "zh", ["."] = "zi", ["<"] = "zl", ["-"] = "zm", ["!"] = "zn",
         ["+"] = "zp", ["'"] = "zq", ["\\"] = "zr", ["/"] = "zs", ["*"] = "zt", ["_"] = "zu",
         ["%"] = "zv", ["GHC.Base"] = "GHCziBase", ["foo1A"] = "foo1A", ["[]"] = "ZMZN",
         ["->"] = "zmzg", ["++"] = "zpzp", [""] = "",
      }
      for text, code in pairs(want) do
         assert.equal(code, encode(text))
         assert.equal(text, decode(code))
      end
   end)

   it("writes all other characters by their code points", function()
      local want = {["é"] = "z0e9U", ["~"] = "z7eU", [" "] = "z20U", ["\0"] = "z0U",
         ["\u{10ffff}"] = "z10ffffU", ["€"] = "z20acU", ["\u{a0}b"] = "z0a0Ub"}
      for text, code in pairs(want) do
         assert.equal(code, encode(text))
         assert.equal(text, decode(code))
      end
   end)

   it("writes tuples by their number of parts", function()
      local want = {["()"] = "Z0T", ["(,)"] = "Z2T", ["(,,)"] = "Z3T", ["(#,#)"] = "Z2H",
         ["(#,,#)"] = "Z3H", ["(" .. (","):rep(63) .. ")"] = "Z64T"}
      for text, code in pairs(want) do
         for _, ghc in ipairs {"6.6", "7.10", "9.0.2", "9.10.1", "9.12.2", "9.14.1"} do
            assert.equal(code, encode(text, ghc))
         end
         assert.equal(code, encode(text))
         assert.equal(text, decode(code))
      end
      assert.equal("ZLzhZR", encode "(#)")
      assert.equal("ZLz2cU", encode "(,")
   end)

   it("follows each GHC in what else is a tuple", function()
      local rows = { --       6.6      9.8      9.10     9.12            9.14
         {"(# #)",            "Z1H",   "Z1H",   "Z1H",   "ZLzhz20UzhZR", "ZLzhz20UzhZR"},
         {"(##)",             "Z1H",   "Z1H",   "Z0H",   "Z0H",          "Z0H"},
         {"(,)x",             "Z2T",   "Z2T",   "Z2T",   "Z2T",          "Z2Tx"},
         {"()x",              "Z1T",   "Z1T",   "Z1T",   "Z1T",          "Z0Tx"},
         {"$dEq(,)",          "zddEqZLz2cUZR", "zddEqZLz2cUZR", "zddEqZLz2cUZR",
            "zddEqZLz2cUZR", "zddEqZ2T"},
         {"9pH",              "9pH",   "z39UpH", "z39UpH", "z39UpH",     "z39UpH"},
         {"a9",               "a9",    "a9",    "a9",    "a9",           "a9"},
      }
      for _, row in ipairs(rows) do
         for i, ghc in ipairs {"6.6", "9.8.4", "9.10.3", "9.12.1", "9.14.1"} do
            assert.equal(row[i + 1], (encode(row[1], ghc)), row[1] .. " in " .. ghc)
         end
         assert.equal(row[6], (encode(row[1])))
      end
      assert.equal("z39UpH", encode("9pH", "6.12"))
      assert.equal("9pH", encode("9pH", "6.8.3"))
   end)

   it("decodes tuples inside names whatever encoded them", function()
      assert.equal("$dEq(,)", decode "zddEqZ2T")
      assert.equal("(# #)", decode "Z1H")
      assert.equal("(##)", decode "Z0H")
      assert.equal("C:(%,,%)", decode "CZCZLzvz2cUz2cUzvZR")
   end)

   it("gives back every text that it encoded", function()
      for _, text in ipairs(texts(5000, PIECES)) do
         local code = encode(text)
         assert.truthy(code:find "^[A-Za-z]?%w*$")
         assert.equal(text, decode(code))
         assert.is_nil(code:find "^%d")
         if not text:find "[(]" then
            for _, ghc in ipairs {"6.6", "9.0.2"} do
               assert.equal(text, (decode(encode(text, ghc))))
            end
         end
      end
   end)

   it("takes any bytes for decoding and never raises", function()
      local bits = {"z", "Z", "1", "9999999", "U", "T", "H", "d800", "10ffff", "110000", "\xff",
         "a", "_", "\0", "zz", "F", "0"}
      for _, code in ipairs(texts(5000, bits)) do
         local text, why = decode(code)
         assert.truthy(text or why)
      end
      for _, bad in ipairs {"z1", "Z1x", "Z1", "z110000U", "z0d800U", "z12", "Z99999T",
         "Z1025T", "Z123456789012345678901234567890T", "z" .. ("0"):rep(99) .. "110000U", "Z1U",
         "z1T"} do
         local text, why = decode(bad)
         assert.is_nil(text, bad)
         assert.matches("bad code at byte 1", why)
      end
      assert.equal("é", decode "z0E9U")
      assert.equal("z", decode "z")
      assert.equal("Q", decode "ZQ")
      assert.equal("ax", decode "azx")
   end)

   it("has no code for what is no UTF-8", function()
      for _, text in ipairs {"\xff", "a\xc3", "\xed\xa0\x80"} do
         local code, why = encode(text)
         assert.is_nil(code)
         assert.matches("UTF%-8", why)
      end
   end)

   it("does not take a row of thousands of commas for a tuple", function()
      local text = "(" .. (","):rep(5000) .. ")"
      assert.equal(text, decode(encode(text)))
      assert.is_nil(encode(text):find "T")
   end)
end)
