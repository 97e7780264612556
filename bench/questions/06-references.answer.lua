--- What the numbers of 06-references.lua say.
-- SPDX-License-Identifier: MIT

local DIRECT, KEPT = "probes/direct", "probes/direct, GOT kept"
local LIBRARIES, SYMBOLIC = "probes/libraries", "probes/libraries, -Bsymbolic"

local DATA = {"data_within_ns", "data_between_ns", "data_across_ns"}

return {
   number = 6,
   question = "What does a reference within a package cost against one between packages, for calls"
      .. " and for data?",
   about = "Two small packages compiled with -fPIC. Loops of a million calls of a function that"
      .. " adds one, and of a million calls of a function that adds one to a variable; each number"
      .. " is the least of five such loops, divided by their rounds. In `libraries` each package is"
      .. " a shared library, the second linked against the first; `GOT kept` is moonlink told not"
      .. " to relax.",
   columns = {
      "call_within_ns", "call_between_ns", "call_across_ns", "call_pointer_ns", "data_within_ns",
      "data_between_ns", "data_across_ns", "got_bytes", "stub_bytes", "relaxed",
   },
   charts = {"call_within_ns", "call_across_ns", "data_across_ns"},
   claims = {
      {"A call within an object takes {direct:%.2f} ns as moonlink links it and {shared:%.2f} ns in"
         .. " a shared library, {ratio:%.2f} times as long: a name that is exported goes through"
         .. " the PLT even where it is defined, since another library's definition might come"
         .. " first. With -Bsymbolic that is over ({symbolic:%.2f} ns).",
         numbers = function(r)
            local key = "call_within_ns"
            return {
               direct = r:median(key, DIRECT), shared = r:median(key, LIBRARIES),
               symbolic = r:median(key, SYMBOLIC), ratio = r:ratio(key, LIBRARIES, DIRECT),
               least = r:least(key, LIBRARIES, DIRECT),
            }
         end,
         holds = function(n) return n.least > 1 and n.ratio > 1 and n.symbolic < n.shared end},
      {"Between packages it is {direct:%.2f} ns against {shared:%.2f} ns, {ratio:%.2f} times as"
         .. " long, -Bsymbolic or not.",
         numbers = function(r)
            local key = "call_across_ns"
            return {
               direct = r:median(key, DIRECT), shared = r:median(key, LIBRARIES),
               ratio = r:ratio(key, LIBRARIES, DIRECT), least = r:least(key, LIBRARIES, DIRECT),
            }
         end,
         holds = function(n) return n.least > 1 and n.ratio > 1 and n.shared > n.direct end},
      {"For moonlink the border between packages is none: {across:%.2f} ns across it and"
         .. " {within:%.2f} ns within an object are the same within a fifth.",
         numbers = function(r) return {
            across = r:median("call_across_ns", DIRECT),
            within = r:median("call_within_ns", DIRECT),
         } end,
         holds = function(n)
            return n.across < 1.2 * n.within and n.within < 1.2 * n.across
         end},
      {"Data are another matter: whether a variable's address is computed or read from the GOT, an"
         .. " access with the call around it takes {least:%.2f} to {most:%.2f} ns, since the load"
         .. " of an address that is always the same goes on beside other work; the greatest"
         .. " difference is less than a nanosecond.",
         numbers = function(r)
            local least, most = math.huge, 0
            for _, case in ipairs {DIRECT, KEPT, LIBRARIES, SYMBOLIC} do
               for _, key in ipairs(DATA) do
                  local ns = r:median(key, case)
                  least, most = math.min(least, ns), math.max(most, ns)
               end
            end
            return {least = least, most = most}
         end,
         holds = function(n) return n.most >= n.least and n.most - n.least < 1 end},
      {"What it does cost is room: {kept:%d} bytes of GOT where loads are left as they are, and"
         .. " {direct:%d} where moonlink makes {relaxed:%d} of them direct, which is fewer.",
         numbers = function(r) return {
            kept = r:median("got_bytes", KEPT), direct = r:median("got_bytes", DIRECT),
            relaxed = r:median("relaxed", DIRECT),
         } end,
         holds = function(n) return n.direct < n.kept and n.relaxed > 0 end},
   },
   differs = "Code that jumps through many different PLT entries and GOT slots pays for them in"
      .. " caches and branch prediction, which a loop that repeats one call never does. A processor"
      .. " with mitigations that forbid indirect branches to be predicted pays much more for the"
      .. " PLT. The first call of a function that is bound lazily takes a search in all libraries,"
      .. " which is not in these numbers.",
}
