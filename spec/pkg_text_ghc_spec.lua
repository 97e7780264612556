--- The text format beside Cabal, which reads and prints it for ghc-pkg. #ghc
-- SPDX-License-Identifier: MIT

local conf = require "spec.support.conf"
local core = require "moonlink.core"
local random = require "spec.support.random"
local record = require "moonlink.pkg.record"
local support = require "spec.support"

-- Reads texts, each behind a line with its length; answers in the same way with "ok" and the text
-- that it prints, or with "err" and the message.
local PROGRAM = [[
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import Data.List.NonEmpty (toList)
import Distribution.InstalledPackageInfo
import Distribution.Utils.Generic (toUTF8BS)
import System.IO

main :: IO ()
main = do
  hSetBinaryMode stdin True
  hSetBinaryMode stdout True
  loop
 where
  loop = do
    end <- isEOF
    if end then pure () else do
      n <- getLine
      text <- B.hGet stdin (read n)
      let (kind, said) = answer text
      C.putStrLn (C.pack (kind ++ " " ++ show (B.length said)))
      B.putStr said
      loop

answer :: B.ByteString -> (String, B.ByteString)
answer text = case parseInstalledPackageInfo text of
  Left es -> ("err", toUTF8BS (concat (toList es)))
  Right (ws, p) -> ("ok", toUTF8BS (unlines ws ++ "\0" ++ showInstalledPackageInfo p))
]]

-- What Cabal says of each text: { kind, text }.
local ask = {}

function ask.all(texts)
   if not ask.program then
      local dir = support.tmpdir()
      support.write(dir .. "/Ask.hs", PROGRAM)
      support.sh("cd %s && LD_PRELOAD= ghc -O0 -package Cabal Ask.hs -o ask", dir)
      ask.dir, ask.program = dir, dir .. "/ask"
   end
   local parts = {}
   for i, text in ipairs(texts) do
      parts[i] = #text .. "\n" .. text
   end
   support.write(ask.dir .. "/in", table.concat(parts))
   support.sh("cd %s && LD_PRELOAD= ./ask <in >out", ask.dir)
   local out, at, answers = support.read(ask.dir .. "/out"), 1, {}
   for i = 1, #texts do
      local kind, n, start = out:match("^(%a+) (%d+)\n()", at)
      at = start + tonumber(n)
      answers[i] = {kind, out:sub(start, at - 1)}
   end
   return answers
end

-- The same of ours.
local function ours(text)
   local infos, err = core.pkg.parse(text, {format = "text"})
   if not infos then
      return {"err", (".:%d:%d: \n%s\n\n"):format(err.line, err.column, err.reason)}
   end
   local said = {}
   for _, w in ipairs(infos:warnings()) do
      if not w.extra then
         said[#said + 1] = (".:%d:%d: %s\n"):format(w.line, w.column, w.text)
      end
   end
   return {"ok", table.concat(said) .. "\0" .. infos:print(1, {extra = false})}
end

describe("GHC's own packages #ghc", function()
   it("are printed as ghc-pkg describes them", function()
      local root = support.stdout "LD_PRELOAD= ghc --print-global-package-db"
      local files = support.stdout("ls %s/*.conf", root)
      local count = 0
      for file in files:gmatch "[^\n]+" do
         local infos = assert(core.pkg.parse(support.read(file), {file = file}))
         local theirs = support.sh("LD_PRELOAD= ghc-pkg describe --global --ipid %s",
            infos:field(1, "id"))
         assert.equal(theirs, infos:print(1, {pkgroot = root:match "^(.*)/"}) .. "\n", file)
         assert.same({}, infos:warnings())
         count = count + 1
      end
      assert.truthy(count > 20)
   end)
end)

describe("generated packages #ghc", function()
   it("are read, printed and warned about as Cabal does", function()
      local texts = {}
      for seed = 1, 600 do
         local below = random.new(seed)
         texts[seed] = conf.text(core.pkg.fields, conf.package(core.pkg.fields, below), below)
      end
      for i, answer in ipairs(ask.all(texts)) do
         assert.same(answer, ours(texts[i]), texts[i])
      end
   end)

   it("are refused where Cabal refuses them, and only then, with one thing changed", function()
      local INSERTED = {",", " ", "\n", "\n  ", ":", '"', "{", "}", "-- ", "\\", "a", "A.b", "1",
         "\t", "\1", "-", "True", "=", "<", "x: y\n"}
      local texts = {}
      for seed = 1, 600 do
         local below = random.new(seed * 7)
         local p = conf.package(core.pkg.fields, below)
         p.license, p.lib_name = nil, nil -- more is accepted; see docs/packages.md
         local text = conf.text(core.pkg.fields, p, below)
         local at = below(#text + 1)
         texts[seed] = text:sub(1, at - 1) .. INSERTED[below(#INSERTED)]
            .. text:sub(at + below(4) - 1)
         if not utf8.len(texts[seed]) then
            texts[seed] = text
         end
      end
      local places, errors = 0, 0
      for i, answer in ipairs(ask.all(texts)) do
         local mine = ours(texts[i])
         assert.equal(answer[1], mine[1], texts[i] .. "\n" .. answer[2] .. "\n" .. mine[2])
         local place = answer[1] == "err" and answer[2]:match "^%.:%d+:%d+: "
         errors = errors + (place and 1 or 0)
         places = places + (place and place == mine[2]:match "^%.:%d+:%d+: " and 1 or 0)
      end
      assert.truthy(errors > 50)
      assert.truthy(places >= errors * 0.9, places .. " of " .. errors)
   end)

   it("are registered and described by ghc-pkg as we print them", function()
      local dir = support.tmpdir()
      support.sh("LD_PRELOAD= ghc-pkg init %s/db", dir)
      local expected = {}
      for seed = 1, 40 do
         local p = conf.package(core.pkg.fields, random.new(seed * 3))
         p.name, p.version, p.lib_name = ("p%02d"):format(seed), "1.0", nil
         p.id = p.name .. "-1.0"
         p.key, p.abi_depends = p.id, nil
         local text = record.print(p)
         support.write(dir .. "/p.conf", text)
         support.sh("LD_PRELOAD= ghc-pkg -v0 -f %s/db register --force %s/p.conf 2>&1", dir, dir)
         expected[seed] = text .. ('pkgroot: "%s"\n'):format(dir)
      end
      local dump = support.sh("LD_PRELOAD= ghc-pkg -f %s/db dump 2>/dev/null", dir)
      local count = 0
      for text in (dump:gsub("\n$", "---\n")):gmatch "(.-)%-%-%-\n" do
         assert.equal(expected[tonumber(text:match "name: *p(%d+)")], text)
         count = count + 1
      end
      assert.equal(40, count)
   end)
end)
