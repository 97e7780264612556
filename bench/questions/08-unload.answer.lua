--- What the numbers of 08-unload.lua say.
-- SPDX-License-Identifier: MIT

local ROUNDS = 1000

--- The largest median of a metric over all cases that have it but JITLink's, and whose it is.
local function largest(r, key)
   local most, who, missing
   for _, name in ipairs(r:names()) do
      local ok, value = pcall(r.median, r, key, name)
      missing = missing or not ok and value
      if ok and not name:find "jitlink" and (not most or value > most) then
         most, who = value, name
      end
   end
   if not most then
      error(missing, 0)
   end
   return most, who
end

return {
   number = 8,
   question = "What can be unloaded, and what comes back?",
   about = "A program in C and one in C++ (with a static member of a template and a static "
      .. "variable of an inline function) are loaded, called, which touches all their data, and "
      .. "unloaded; "
      .. "then a thousand times more. Libraries get a new name each time, as a new version has; "
      .. "compiling and linking them is not in the times, writing the file is. `in place`: the "
      .. "unit stays, each round is a new version that takes over its variables.",
   columns = {"load_ms", "unload_ms", "memory_kb", "left_kb", "left_mappings", "round_us",
      "rounds_left_kb", "rounds_left_mappings", "round_left_bytes"},
   charts = {"memory_kb", "left_kb", "round_us", "rounds_left_kb"}, limit = 120, small = {"4"},
   claims = {
      {
         "With `direct` each of the later rounds leaves {bytes} bytes, less than a hundredth of "
            .. "the {memory:%d} KiB that one load of the C program takes.",
         numbers = function(r)
            return {
               bytes = math.max(0, r:median("round_left_bytes", "c/direct")),
               memory = r:median("memory_kb", "c/direct"),
            }
         end,
         holds = function(n)
            return n.bytes < n.memory * 1024 / 100
         end,
      },
      {
         "Who can do a thousand rounds gives nearly everything back: no case but those of JITLink "
            .. "leaves more than {most} bytes a round (`{who}`), less than a page.",
         numbers = function(r)
            local most, who = largest(r, "round_left_bytes")
            return {most = most, who = who, page = 4096}
         end,
         holds = function(n)
            return n.most < n.page
         end,
      },
      {
         "The process has at most {most} mappings more afterwards (`{who}`), fewer than one for "
            .. "twenty rounds.",
         numbers = function(r)
            local most, who = largest(r, "rounds_left_mappings")
            return {most = most, who = who, rounds = ROUNDS}
         end,
         holds = function(n)
            return n.most < n.rounds / 20
         end,
      },
      {
         "LLVM's JITLink, whose engine is deleted each time, gives nothing back in version 14: "
            .. "{bytes:%d} bytes a round, more than a page, and {mappings:%d} mappings afterwards.",
         numbers = function(r)
            return {
               bytes = r:median("round_left_bytes", "c/jitlink"), page = 4096,
               mappings = r:median("rounds_left_mappings", "c/jitlink"),
            }
         end,
         holds = function(n)
            return n.bytes > n.page
         end,
      },
      {
         "A library in C++ is not unloaded by dlclose: its unique symbols keep it ({batch} "
            .. "mappings stay with `shared-batch`, {direct} with `direct`, which is fewer), and "
            .. "what is "
            .. "opened later uses the variables of the first.",
         numbers = function(r)
            return {
               batch = r:median("left_mappings", "c++/shared-batch"),
               direct = r:median("left_mappings", "c++/direct"),
            }
         end,
         holds = function(n)
            return n.direct < n.batch
         end,
      },
      {
         "In namespaces of their own (`dlmopen`) such libraries stay too, each with a C library: "
            .. "{done} of {rounds} rounds could be done (\"{why}\").",
         numbers = function(r)
            local why = r:refusal "c++/dlmopen"
            return {
               why = why or "nothing was refused", done = why and "not all" or "all",
               refused = why and 1 or 0, allowed = 0, rounds = ROUNDS,
            }
         end,
         holds = function(n)
            return n.refused > n.allowed
         end,
      },
      {
         "A round of the C program takes {each:%.1f} times as long with `shared-each` as with "
            .. "`direct`.",
         numbers = function(r)
            return {
               each = r:ratio("round_us", "c/shared-each", "c/direct"),
               least = r:least("round_us", "c/shared-each", "c/direct"),
            }
         end,
         holds = function(n)
            return n.least > 1 and n.each > 1
         end,
      },
      {
         "In place, with the variables carried over, a round takes {us:%d} µs and leaves {bytes} "
            .. "bytes, less than a page.",
         numbers = function(r)
            return {
               us = r:median("round_us", "c/direct, in place"), page = 4096,
               bytes = math.max(0, r:median("round_left_bytes", "c/direct, in place")),
            }
         end,
         holds = function(n)
            return n.bytes < n.page
         end,
      },
      {
         "GHC's linker frees with the next collection of garbage: {left:%d} KiB are left of a "
            .. "thousand rounds, less than 1 KiB for each.",
         numbers = function(r)
            return {left = r:median("rounds_left_kb", "c/ghc-rts"), rounds = ROUNDS}
         end,
         holds = function(n)
            return n.left < n.rounds
         end,
      },
   },
   differs = "What is left at first is what linkers keep for the next load: pools, and pages of "
      .. "the "
      .. "heap. A program that registers exit functions leaves 32 bytes of each in glibc. "
      .. "`-fno-gnu-unique` lets dlclose unload C++ libraries, at the price of a second copy of "
      .. "such variables. Code that somebody is still in stays with every way but dlclose, which "
      .. "unmaps it.",
}
