--- What the numbers of 10-dropped.lua say.
-- SPDX-License-Identifier: MIT

local abilities = require "bench.questions.abilities"
local matrix = require "bench.answers.matrix"

local WAYS = {"shared-each", "shared-batch", "dlmopen"}

--- Whether a strategy has an ability; that must have been tried.
local function can(r, key, strategy)
   local name = key .. "/" .. strategy
   local outcome = matrix.outcome(r:case(name))
   return (outcome == "not run" and r:median("able", name) or outcome) == "yes"
end

--- How many abilities a strategy has; it must be there.
local function count(r, strategy)
   r:median("able", "same-libc/" .. strategy)
   local n = 0
   for _, each in ipairs(abilities) do
      n = n + (can(r, each.key, strategy) and 1 or 0)
   end
   return n
end

local function can_any(r, key)
   for _, way in ipairs(WAYS) do
      if can(r, key, way) then
         return true
      end
   end
   return false
end

--- Titles of what one side has and the other has not; in the table some go on from the one before.
local function differences(r, direct_has)
   local out = {}
   for i, each in ipairs(abilities) do
      if can(r, each.key, "direct") == direct_has and can_any(r, each.key) ~= direct_has then
         local title = each.title
         if title:find "^%.%.%. " then
            title = abilities[i - 1].title .. " " .. title:sub(5)
         end
         out[#out + 1] = title
      end
   end
   return #out, table.concat(out, "; ")
end

local function ended(r, how)
   local all, direct = 0, 0
   for _, case in ipairs(r.results[1].cases) do
      if matrix.outcome(case) == how then
         all = all + 1
         direct = direct + (case.strategy == "direct" and 1 or 0)
      end
   end
   return all, direct
end

return {
   number = 10,
   question = "Could the run-time linker be dropped? What would be lost?",
   about = "Each row is something that a program may want of whatever brings code into it, each "
      .. "column a way to do that, each cell a run in a process of its own: `yes` when the test "
      .. "passed, `no` when it gave something else, `refused` when the way said that it cannot "
      .. "take this, `crash` when the process died.",
   only = "/direct$", matrix = abilities, limit = 100,
   fails = {"/shared", "/dlmopen", "/libtcc", "/orc", "/ghc%-rts", "/jitlink", "^later/direct",
      "^dladdr/direct", "^shared%-pages/direct"},
   claims = {
      {
         "Of {all} abilities `direct` has {direct}; one shared library of all objects has {batch}, "
            .. "a library of each {each}, `dlmopen` {dlmopen}, none of them more.",
         numbers = function(r)
            return {
               all = #abilities, direct = count(r, "direct"), batch = count(r, "shared-batch"),
               each = count(r, "shared-each"), dlmopen = count(r, "dlmopen"),
            }
         end,
         holds = function(n)
            return n.direct > n.batch and n.direct > n.each and n.direct > n.dlmopen
         end,
      },
      {
         "What `direct` has and none of the three with dlopen ({lost}), which is what would be "
            .. "lost: {losses}. What one of them has and `direct` has not ({won}), which is less: "
            .. "{gains}.",
         numbers = function(r)
            local lost, losses = differences(r, true)
            local won, gains = differences(r, false)
            return {lost = lost, losses = losses, won = won, gains = gains}
         end,
         holds = function(n)
            return n.lost > n.won
         end,
      },
      {
         "Of other run-time linkers libtcc has {tcc}, LLVM's ORC over RuntimeDyld {orc} and over "
            .. "JITLink {jitlink}, fewer than the {direct} of `direct`.",
         numbers = function(r)
            return {
               tcc = count(r, "libtcc"), orc = count(r, "orc"), jitlink = count(r, "jitlink"),
               direct = count(r, "direct"),
            }
         end,
         holds = function(n)
            return n.tcc < n.direct and n.orc < n.direct and n.jitlink < n.direct
         end,
      },
      {
         "The linker of GHC's run-time system has {ghc}, fewer than a shared library of all "
            .. "objects ({batch}).",
         numbers = function(r)
            return {ghc = count(r, "ghc-rts"), batch = count(r, "shared-batch")}
         end,
         holds = function(n)
            return n.ghc < n.batch
         end,
      },
      {
         "Code without PIC that reads a variable of the C library, which is {right}, gets {value} "
            .. "under GHC's linker, which is not the same, and no error.",
         numbers = function(r)
            r:median("able", "same-libc/ghc-rts")
            local text = r:failure "library-data/ghc-rts" or ""
            local value = math.tointeger(text:match ": (%-?%d+), not 1") or 1
            return {right = 1, value = value, wrong = value ~= 1 and 1 or 0, said = 0}
         end,
         holds = function(n)
            return n.wrong > n.said and n.value ~= n.right
         end,
      },
      {
         "{crashes} runs ended with the death of the process, {direct} of them with `direct`: "
            .. "fewer than with the others.",
         numbers = function(r)
            local crashes, direct = ended(r, "crash")
            return {crashes = crashes, direct = direct}
         end,
         holds = function(n)
            return n.direct < n.crashes and n.direct == 0
         end,
      },
   },
   differs = "Every way can be taught more: a definition of a missing name can be compiled into a "
      .. "library, data can be saved and restored by the program, `-Bsymbolic` puts a "
      .. "library's own definitions first, later versions of libtcc and LLVM know more "
      .. "relocations, and `LD_BIND_NOW` makes an error of what is a death here. LLVM's ORC "
      .. "opens thread-local storage and runs constructors with a run-time library of its own, "
      .. "which LLJIT does without unless it is told. Two things "
      .. "follow from the form: code without PIC is in no shared library, and to make one takes a "
      .. "linker. What `direct` has not, other programs have: pages that processes share, and a "
      .. "loader that every tool asks for names.",
}
