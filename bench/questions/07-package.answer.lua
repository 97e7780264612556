--- What the numbers of 07-package.lua say.
-- SPDX-License-Identifier: MIT

local CRYPTO, GMP, HASKELL = "libcrypto/", "libgmp/", "containers/"

return {
   number = 7,
   question = "Archive, prelinked object or shared library for a package?",
   about = "Time and memory to load libcrypto and libgmp, of which a program wants one function, "
      .. "from an archive (the members that are wanted, or all), from the object that `ld -r` "
      .. "makes of all, and as a shared library, made here or installed; and GHC's `containers` "
      .. "with all packages below it in the forms in which GHC brings them. Making the files "
      .. "happens once and is not in the times.",
   columns = {
      c = {"load_ms", "memory_kb", "peak_kb", "mappings", "image_kb", "relocations", "file_kb"},
      haskell = {"load_ms", "memory_kb", "peak_kb", "mappings", "image_kb", "linked_objects",
         "relocations"},
   },
   limit = 40,
   claims = {
      {
         "The library that is installed is opened in {ms:%.1f} ms; to load the prelinked objects "
            .. "of libcrypto takes {times:%.0f} times as long and {memory:%.1f} times as much "
            .. "memory, since all {relocations} relocations are done, where the library was "
            .. "linked beforehand.",
         numbers = function(r)
            local a, b = CRYPTO .. "prelinked", CRYPTO .. "installed library"
            return {
               ms = r:median("load_ms", b), times = r:ratio("load_ms", a, b),
               least = r:least("load_ms", a, b), memory = r:ratio("memory_kb", a, b),
               least_memory = r:least("memory_kb", a, b),
               relocations = r:median("relocations", a),
            }
         end,
         holds = function(n)
            return n.times > 1 and n.least > 1 and n.memory > 1 and n.least_memory > 1
         end,
      },
      {
         "But that library has to be made: `cc -shared` took {shared:%d} ms, `ld -r` "
            .. "{prelinked:%d} ms, `ar` {archive:%d} ms, once.",
         numbers = function(r)
            local function ms(name)
               r:median("load_ms", CRYPTO .. name)
               return r:case(CRYPTO .. name).prepare_ms
            end
            return {
               shared = ms "shared-batch", prelinked = ms "prelinked", archive = ms "archive",
            }
         end,
      },
      {
         "Of the archive of libgmp none can be made at all: {why}, more than the {allowed} that "
            .. "would do.",
         numbers = function(r)
            local why = r:refusal(GMP .. "shared-batch") or "0"
            return {
               why = why, count = math.tointeger(why:match "^%d+") or 0, allowed = 0,
            }
         end,
         holds = function(n)
            return n.count > n.allowed
         end,
      },
      {
         "An archive is lazy in members: with the function that is wanted comes {gmp:%.0f} % of "
            .. "the memory of all of libgmp, less than half, and {crypto:%.0f} % of libcrypto's, "
            .. "whose members need each other more.",
         numbers = function(r)
            local function percent(input)
            local all = input .. "archive"
            return 100 * r:ratio("image_kb", all .. " members=wanted", all)
            end
            return {gmp = percent(GMP), crypto = percent(CRYPTO)}
         end,
         holds = function(n)
            return n.gmp < 50 and n.gmp < n.crypto
         end,
      },
      {
         "The same of GHC's packages: {wanted} objects are linked for `Data.Map.insert` and the "
            .. "runtime, which is less than the {all} of all archives.",
         numbers = function(r)
            return {
               wanted = r:median("linked_objects", HASKELL .. "archive wanted"),
               all = r:median("linked_objects", HASKELL .. "archive all"),
            }
         end,
         holds = function(n)
            return n.wanted < n.all
         end,
      },
      {
         "Prelinked objects load in {time:%.2f} times the time of all members of the archives and "
            .. "with {peak:%.2f} times the peak of memory, less of both: symbols that only members "
            .. "of one package share are bound already.",
         numbers = function(r)
            local a, b = HASKELL .. "prelinked", HASKELL .. "archive all"
            return {
               time = r:ratio("load_ms", a, b), peak = r:ratio("peak_kb", a, b),
               most = r:most("load_ms", a, b), most_peak = r:most("peak_kb", a, b),
            }
         end,
         holds = function(n)
            return n.time < 1 and n.most < 1 and n.peak < 1 and n.most_peak < 1
         end,
      },
      {
         "GHC's shared libraries load {times:%.1f} times as fast as the prelinked objects, with "
            .. "{mappings} mappings in place of {few}, which is more.",
         numbers = function(r)
            local a, b = HASKELL .. "prelinked", HASKELL .. "shared libraries"
            return {
               times = r:ratio("load_ms", a, b), least = r:least("load_ms", a, b),
               mappings = r:median("mappings", b), few = r:median("mappings", a),
            }
         end,
         holds = function(n)
            return n.times > 1 and n.least > 1 and n.mappings > n.few
         end,
      },
   },
   differs = "A shared library is paged in when it is used, so a program that runs all of it pays "
      .. "for that later, in page faults that are not in these times; its pages are shared with "
      .. "other processes that have it open. With a package that changes each day the time to make "
      .. "the library counts as well, and an archive takes one member anew.",
}
