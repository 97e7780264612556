--- What the numbers of 01-shared.lua say.
-- SPDX-License-Identifier: MIT

local LINKERS = {"bfd", "gold", "lld", "mold"}

--- The worst of the ratios between all linkers' libraries and what moonlink does alone.
local function least_of(r, key, format, direct)
   local least = math.huge
   for _, linker in ipairs(LINKERS) do
      least = math.min(least, r:least(key, format:format(linker), direct))
   end
   return least
end

local PROGRAM, LIBRARY = "modules-50", "libcrypto"
local EDIT = "modules-400"

--- The most and the least that linkers take for one library.
local function by_linker(r, input)
   local fastest, slowest, names = math.huge, 0, {}
   for _, linker in ipairs(LINKERS) do
      local ms = r:median("prepare_ms", ("%s/shared-batch/linker=%s"):format(input, linker))
      if ms < fastest then
         fastest, names.fastest = ms, linker
      end
      if ms > slowest then
         slowest, names.slowest = ms, linker
      end
   end
   return fastest, slowest, names
end

return {
   number = 1,
   question = "`gcc -shared` on each module, then dlopen: how much slower is that? In one batch?"
      .. " With which linker? For one edit in a large program?",
   about = "From objects on disk to code that can be called: OpenSSL's libssl and libcrypto as"
      .. " Debian compiles them, and generated programs of modules that call each other and have"
      .. " each other's addresses in tables; by moonlink (`direct`) and by the compiler's driver, a"
      .. " linker and dlopen. For the edit, everything is loaded first; one object then changes,"
      .. " and the time ends when a call has returned the new result.",
   columns = {
      each = {"prepare_ms", "load_ms", "ready_ms", "file_kb"},
      batch = {"prepare_ms", "load_ms", "ready_ms"},
      edit = {"prepare_ms", "load_ms", "reload_ms", "memory_kb", "mappings"},
   },
   charts = {"ready_ms", "reload_ms"},
   small = {"16"},
   claims = {
      {"A library of each of 50 modules takes {bfd:%.0f} times as long as one library of all with"
         .. " ld.bfd, and {mold:%.0f} times with mold: the cost is that of starting a linker.",
         numbers = function(r)
            local function times(name, linker)
               return r[name](r, "ready_ms", PROGRAM .. "/shared-each/linker=" .. linker,
                  PROGRAM .. "/shared-batch/linker=" .. linker)
            end
            return {
               bfd = times("ratio", "bfd"), mold = times("ratio", "mold"),
               least = math.min(times("least", "bfd"), times("least", "mold")),
            }
         end,
         holds = function(n) return n.least > 2 and n.bfd > 2 and n.mold > 2 end},
      {"moonlink has the same objects ready in {direct:%.1f} ms, where the best of the linkers and"
         .. " dlopen together take at least {least:%.0f} times as long.",
         numbers = function(r) return {
            direct = r:median("ready_ms", PROGRAM .. "/direct"),
            least = least_of(r, "ready_ms", PROGRAM .. "/shared-batch/linker=%s",
               PROGRAM .. "/direct"),
         } end,
         holds = function(n) return n.least > 1 end},
      {"A real library cannot even be cut up like that: of libssl, the first object that holds the"
         .. " address of something not yet loaded is the end (“{why}”).",
         numbers = function(r)
            return {why = r:refusal "ssl/shared-each/linker=bfd" or "it was opened"}
         end,
         holds = function(n) return n.why:find "need each other" ~= nil end},
      {"libcrypto, 908 objects in one batch, takes the linkers {fast:%.0f} ms ({fastest}) to"
         .. " {slow:%.0f} ms ({slowest}); with dlopen that is at least {least:%.1f} times the"
         .. " {direct:%.0f} ms that moonlink takes.",
         numbers = function(r)
            local fast, slow, names = by_linker(r, LIBRARY)
            return {
               fast = fast, slow = slow, fastest = names.fastest, slowest = names.slowest,
               direct = r:median("ready_ms", LIBRARY .. "/direct"),
               least = least_of(r, "ready_ms", LIBRARY .. "/shared-batch/linker=%s",
                  LIBRARY .. "/direct"),
            }
         end,
         holds = function(n) return n.least > 1 and n.fast < n.slow end},
      {"Once the library is there, dlopen is quicker than linking anew: it takes {open:%.1f} ms,"
         .. " {ratio:%.0f} times less, since the linker has done what moonlink does at each load,"
         .. " and functions are bound when they are called first.",
         numbers = function(r)
            local direct, batch = LIBRARY .. "/direct", LIBRARY .. "/shared-batch/linker=bfd"
            return {
               open = r:median("load_ms", batch), ratio = r:ratio("load_ms", direct, batch),
               least = r:least("load_ms", direct, batch),
            }
         end,
         holds = function(n) return n.least > 1 and n.ratio > 1 end},
      {"After one edit among 400 modules the new code runs within {unit:%.1f} ms when moonlink"
         .. " keeps a unit for each object, and within {all:%.0f} ms when it links all of them"
         .. " again. One library made again takes {batch:%.0f} ms, chained batches of 40 take"
         .. " {chain:%.0f} ms, as all batches behind the edit have to follow, and libraries of one"
         .. " object {each:%.0f} ms: only one is linked, but all are closed and opened.",
         numbers = function(r)
            local function ms(name)
               return r:median("reload_ms", EDIT .. "/" .. name)
            end
            local unit, all = EDIT .. "/direct units=each", EDIT .. "/direct"
            local least_unit, least_all = math.huge, math.huge
            for _, name in ipairs {"shared-batch/linker=bfd", "shared-each/linker=bfd",
               "shared-incremental batch=40/linker=bfd"} do
               local case = EDIT .. "/" .. name
               least_unit = math.min(least_unit, r:least("reload_ms", case, unit))
               least_all = math.min(least_all, r:least("reload_ms", case, all))
            end
            return {
               unit = ms "direct units=each", all = ms "direct",
               batch = ms "shared-batch/linker=bfd", each = ms "shared-each/linker=bfd",
               chain = ms "shared-incremental batch=40/linker=bfd",
               least_unit = least_unit, least_all = least_all,
            }
         end,
         holds = function(n)
            return n.least_unit > 2 and n.least_all > 1 and n.chain > n.batch and n.unit < n.all
         end},
      {"400 libraries cost {each:%.0f} mappings, one costs {batch:%.0f}, a unit of moonlink's"
         .. " {unit:%.0f}.",
         numbers = function(r)
            local function count(name)
               return r:median("mappings", EDIT .. "/" .. name)
            end
            return {
               each = count "shared-each/linker=bfd", batch = count "shared-batch/linker=bfd",
               unit = count "direct",
            }
         end,
         holds = function(n) return n.each > 50 * n.batch and n.each > 50 * n.unit end},
   },
   differs = "Objects with debug information make linkers slower and leave moonlink as it is, since"
      .. " it does not read those sections; on a machine with many cores lld and mold gain on the"
      .. " others, for inputs much larger than these. A library that is made once and opened a"
      .. " thousand times is worth its price. dlopen with immediate binding (`bind=now`) does part"
      .. " of the work that is left here for the first calls.",
}
