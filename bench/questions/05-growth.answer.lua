--- What the numbers of 05-growth.lua say.
-- SPDX-License-Identifier: MIT

local MAPPINGS = 65530 -- vm.max_map_count of Linux, unless somebody has changed it

return {
   number = 5,
   question = "Each `.o` into its own library, or all into one?",
   about = "Generated programs of 10 to 10,000 modules, each of which calls another one and holds"
      .. " addresses of others. A linker for each object is cut off at 100 objects, where a run"
      .. " takes seconds already; the second experiment makes the thousand libraries once, and"
      .. " measures what comes after that.",
   columns = {
      growth = {"prepare_ms", "load_ms", "ready_ms", "memory_kb", "mappings", "file_kb"},
      thousand = {
         "prepare_ms", "load_ms", "first_call_us", "unload_ms", "memory_kb", "mappings",
      },
   },
   charts = {"ready_ms", "load_ms", "memory_kb"},
   small = {"10", "20"},
   claims = {
      {"All into one: with 100 objects, a library each takes {each:%.1f} s and one library"
         .. " {batch:%.0f} ms, {ratio:%.0f} times less.",
         numbers = function(r)
            local each, batch = "modules-100/shared-each", "modules-100/shared-batch"
            return {
               each = r:median("ready_ms", each) / 1e3, batch = r:median("ready_ms", batch),
               ratio = r:ratio("ready_ms", each, batch), least = r:least("ready_ms", each, batch),
            }
         end,
         holds = function(n)
            return n.least > 5 and n.ratio >= n.least and n.each * 1e3 > n.batch
         end},
      {"Even when all files are there, dlopen takes {ratio:%.0f} times as long for a thousand"
         .. " libraries as for one, {direct:%.1f} times as long as moonlink for a thousand loose"
         .. " objects.",
         numbers = function(r)
            local each = "thousand:modules-1000/shared-each"
            local batch, direct = "thousand:modules-1000/shared-batch",
               "thousand:modules-1000/direct"
            return {
               ratio = r:ratio("load_ms", each, batch), least = r:least("load_ms", each, batch),
               direct = r:ratio("load_ms", each, direct),
               least_direct = r:least("load_ms", each, direct),
            }
         end,
         holds = function(n)
            return n.least > 5 and n.least_direct > 1 and n.ratio > 5 and n.direct > 1
         end},
      {"A thousand libraries take {each:%.1f} MiB and {mappings:%d} mappings, a thousand objects in"
         .. " one unit of moonlink's {direct:%.1f} MiB and {few:%d}; with {limit:%d} mappings,"
         .. " which is what Linux lets a process have, {count:%d} such libraries are too many.",
         numbers = function(r)
            local each, direct = "thousand:modules-1000/shared-each", "thousand:modules-1000/direct"
            local mappings = r:median("mappings", each)
            return {
               each = r:median("memory_kb", each) / 1024, mappings = mappings,
               direct = r:median("memory_kb", direct) / 1024, few = r:median("mappings", direct),
               limit = MAPPINGS, count = math.ceil(MAPPINGS / (mappings / 1000)),
            }
         end,
         holds = function(n)
            return n.each > 2 * n.direct and n.mappings > 50 * n.few and
               n.count * n.mappings >= 1000 * n.limit
         end},
      {"Ten thousand loose objects take moonlink {direct:%.0f} ms, {us:%.0f} µs an object (a"
         .. " hundred of them: {few:%.0f} µs), and one library of them {batch:%.1f} s: {ratio:%.1f}"
         .. " times as long.",
         numbers = function(r)
            local direct, batch = "modules-10000/direct", "modules-10000/shared-batch"
            local ms = r:median("ready_ms", direct)
            return {
               direct = ms, us = ms * 1e3 / 10000, batch = r:median("ready_ms", batch) / 1e3,
               few = r:median("ready_ms", "modules-100/direct") * 1e3 / 100,
               ratio = r:ratio("ready_ms", batch, direct),
               least = r:least("ready_ms", batch, direct),
            }
         end,
         holds = function(n)
            return n.least > 1 and n.ratio > 1 and n.batch * 1e3 > n.direct
         end},
      {"Joining them with `ld -r` first halves what moonlink has to do at each load at the least"
         .. " ({joined:%.0f} ms, {ratio:%.1f} times less), once the joining ({join:%.1f} s) has"
         .. " been paid for.",
         numbers = function(r)
            local direct, joined = "modules-10000/direct", "modules-10000/prelinked"
            return {
               joined = r:median("load_ms", joined), ratio = r:ratio("load_ms", direct, joined),
               least = r:least("load_ms", direct, joined),
               join = r:median("prepare_ms", joined) / 1e3,
            }
         end,
         holds = function(n) return n.least > 2 and n.ratio > 2 end},
   },
   differs = "The modules are small, so what is counted is what an object costs as such; large ones"
      .. " shift the weight towards relocations and bytes, where all ways come closer. One library"
      .. " of all has to be made again after each edit (question 1). Where processes share memory,"
      .. " libraries that are files are shared, which what moonlink links is not.",
}
