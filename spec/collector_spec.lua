-- Lua's collector keeps its pace while moonlink works: a load in a program with a large heap does
-- not make it begin anew, and it still comes to what is garbage.
-- SPDX-License-Identifier: MIT

local objects = require "spec.support.objects" ()
local support = require "spec.support"

local PROGRAM = [[
   local moonlink = require "moonlink"
   local file, mode = ...
   local heap = {}
   for i = 1, 300000 do
      heap[i] = {i}
   end
   local collected = false
   setmetatable({}, {__gc = function() collected = true end})
   local function rounds(n)
      local ln <close> = moonlink.new()
      for _ = 1, n do
         assert(assert(ln:load(file)):unload())
      end
   end
   rounds(1)
   collectgarbage(mode)
   collectgarbage()
   collected = false
   setmetatable({}, {__gc = function() collected = true end})
]]

describe("the collector", function()
   local file

   setup(function()
      file = objects.cc("int f(void) { return 1; }")
   end)

   local function said(mode, more)
      local status, out, err = support.lua(PROGRAM .. more, file, mode)
      assert.same({0, ""}, {status, err})
      return out
   end

   it("does not begin anew at each load", function()
      assert.equal("false\n", said("incremental", "rounds(20) print(collected)"))
   end)

   for _, mode in ipairs {"incremental", "generational"} do
      it("comes to what is garbage all the same: " .. mode, function()
         assert.equal("true\n", said(mode, [[
            local start = collectgarbage "count"
            repeat
               for i = 1, 1000 do
                  heap[i] = {i, "text " .. i}
               end
               rounds(1)
               local most = collectgarbage "count" > 4 * start
            until collected or most
            print(collected)
         ]]))
      end)
   end

   it("that was stopped stays stopped", function()
      assert.equal("false\tfalse\n", said("incremental", [[
         collectgarbage "stop"
         rounds(300)
         print(collected, collectgarbage "isrunning")
      ]]))
   end)
end)
